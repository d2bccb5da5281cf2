"""What the test that runs was told: its diagnoses, and what was read for it."""

from typing import TypeVar

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Reading

Said = TypeVar("Said", Diagnosis, Reading)
SAID: list[Diagnosis | Reading] = []


def noted(said: Said) -> Said:
    """The helpers of the tests pass on through here what they return."""
    SAID.append(said)
    return said
