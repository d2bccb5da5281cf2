"""A scenario: the smallest evidence of one wrong verdict, and what is right of it."""

from collections.abc import Callable
from dataclasses import dataclass, field

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.flow import Confidence
from livekit_doctor.settings import Settings
from tests.diagnosis import factories as f

UNDECIDED = ("in_progress", "unknown", "no_fault_seen")
THE_CALL = Subject(call_id=f.CALL, room=f.ROOM)


@dataclass(frozen=True, slots=True)
class Right:
    """What may be said. `codes` are the exact or broad codes that may be, each with the most confidence that it
    may have; `must` is one of them that has to be, with at least this confidence; `one_of` the verdicts."""

    one_of: tuple[str, ...]
    codes: dict[str, str] = field(default_factory=dict)
    must: tuple[str, str] | None = None
    also: Callable[[Diagnosis], str] = lambda _: ""
    """What else has to hold: why not, or empty."""

    def why_not(self, diagnosis: Diagnosis) -> str:
        verdict = diagnosis.verdict.value
        if verdict not in self.one_of:
            return f"{verdict}, not {' or '.join(self.one_of)}"
        said = {item.code: item.confidence for item in diagnosis.broken}
        for code, confidence in said.items():
            most = self.codes.get(code)
            if most is None:
                return f"{code} is not right"
            if confidence.rank < Confidence(most).rank:
                return f"{code} is {confidence.value}, and may be {most} at most"
        if self.must and (self.must[0] not in said or said[self.must[0]].rank > Confidence(self.must[1]).rank):
            return f"{self.must[0]} is not said, or not {self.must[1]}"
        return self.also(diagnosis)


def broken(code: str, least: str = "possible", most: str = "proven", **others: str) -> Right:
    """It is this code, with that much confidence; `others` may stand for the other leg."""
    return Right(("broken",), {code: most, **others}, (code, least))


@dataclass(frozen=True, slots=True)
class Scenario:
    """`evidence` are several forms of the same evidence, of which each must be judged right."""

    letter: str
    title: str
    evidence: tuple[Evidence, ...]
    right: Right
    settings: Settings = f.SETTINGS
    subject: Subject = THE_CALL

    def wrong(self) -> str:
        """Why what is said today is wrong; empty where it is right."""
        for number, evidence in enumerate(self.evidence, 1):
            try:
                diagnosis = f.diagnose(evidence, self.settings, self.subject)
            except Exception as error:  # the tool must not fail, whatever the evidence
                return f"{type(error).__name__}: {error}"
            if why := self.right.why_not(diagnosis):
                return f"form {number}: {why}" if len(self.evidence) > 1 else why
        return ""

    def told(self) -> str:
        said = []
        for evidence in self.evidence:
            try:
                said.append(_said(f.diagnose(evidence, self.settings, self.subject)))
            except Exception as error:
                said.append(type(error).__name__)
        wrong = self.wrong()
        mark = f"wrong ({wrong})" if wrong else "right"
        return f"{self.letter:12} {mark:70} says {'; '.join(dict.fromkeys(said))}  [{self.title}]"


def _said(diagnosis: Diagnosis) -> str:
    found = ", ".join(f"{item.code} {item.confidence.value} at {item.step.value}" for item in diagnosis.broken)
    return found or diagnosis.verdict.value
