"""How many examples a property is tried on: fewer in `make test`, a quarter of them in `make test-quick`, all with
LIVEKIT_DOCTOR_THOROUGH=1.

Examples are drawn anew each time, so that what runs several times a day needs few of them each time; a failure is
kept by Hypothesis and tried first. `make test LIVEKIT_DOCTOR_THOROUGH=1` is for a change of what such a property is
about.
"""

import os

THOROUGH = os.environ.get("LIVEKIT_DOCTOR_THOROUGH") == "1"
QUICK = os.environ.get("LIVEKIT_DOCTOR_QUICK") == "1"


def examples(few: int, thorough: int) -> int:
    return thorough if THOROUGH else max(1, few // 4) if QUICK else few
