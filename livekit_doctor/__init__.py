"""livekit-doctor: finds the step at which an outbound LiveKit phone call breaks.

The public API is what `__all__` names; docs/api.md describes it. It is loaded on first use, so that importing the
package costs next to nothing.
"""

# ruff: noqa: F403 F405 (of the names in __all__ a test says that they are those of the module)
from typing import TYPE_CHECKING

__version__ = "0.1.0"

__all__ = [
    "AttemptResult",
    "Because",
    "Broken",
    "Bundle",
    "CheckResult",
    "CheckRun",
    "Confidence",
    "ConfigError",
    "Coverage",
    "Diagnosis",
    "Evidence",
    "Finding",
    "Leg",
    "Problem",
    "RoomResult",
    "RuledOut",
    "Settings",
    "Status",
    "Step",
    "StepResult",
    "Subject",
    "TimelineEntry",
    "TraceRun",
    "UndatedEntry",
    "UserError",
    "Verdict",
    "WarningResult",
    "__version__",
    "check",
    "diagnose",
    "load_bundle",
    "load_settings",
    "trace",
]

if TYPE_CHECKING:
    from livekit_doctor.api import *


def __getattr__(name: str) -> object:
    # No submodule may have a name of __all__: importing it would put the module in the function's place.
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from livekit_doctor import api

    value = globals()[name] = getattr(api, name)
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
