"""All that a diagnosis or a reading says, in lines that can be read in a difference. Times are seconds since a moment,
and what is empty is left out."""

from collections.abc import Iterable, Iterator
from datetime import datetime

import msgspec

from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.result import Broken, Diagnosis, StepResult
from livekit_doctor.evidence.observations import Coverage, Reading

_IN_WORDS = {"broken", "steps", "ruled_out", "would_settle", "timeline", "undated", "warnings", "attempts", "coverage"}


def lines(said: Diagnosis | Reading, epoch: datetime) -> list[str]:
    found = of_diagnosis(said, epoch) if isinstance(said, Diagnosis) else of_reading(said, epoch)
    return [line.replace("\n", "\\n").replace("\r", "\\r") for line in found]


def of_reading(reading: Reading, epoch: datetime) -> Iterator[str]:
    for item in reading.observations:
        yield f"{type(item).__name__} {' '.join(_fields(item, epoch, {'read'}))}"
    for coverage in reading.coverage:
        yield f"coverage {' '.join(_fields(coverage, epoch))}"


def of_diagnosis(diagnosis: Diagnosis, epoch: datetime) -> Iterator[str]:
    yield " ".join(_fields(diagnosis, epoch, _IN_WORDS))
    for item in diagnosis.broken:
        yield from _broken(item, epoch)
    for result in diagnosis.steps:
        yield from _step(result, epoch)
    yield from (f"ruled out {out.code}: {out.because}" for out in diagnosis.ruled_out)
    yield from (f"would settle: {text}" for text in diagnosis.would_settle)
    for entry in diagnosis.timeline:
        detail = f": {entry.detail}" if entry.detail else ""
        yield f"{_since(entry.at, epoch)} {entry.source} ({entry.clock}) {entry.event}{detail}"
    for undated in diagnosis.undated:
        yield f"undated {' '.join(_fields(undated, epoch))}"
    yield from (f"warns {warning.code}: {warning.message}" for warning in diagnosis.warnings)
    if len(diagnosis.attempts) > 1 or any(one.room for one in diagnosis.attempts):
        yield from (f"attempt {' '.join(_fields(one, epoch))}" for one in diagnosis.attempts)
    for coverage in diagnosis.coverage:
        if coverage != Coverage(source=coverage.source, status="read"):
            yield f"coverage {' '.join(_fields(coverage, epoch))}"


def _broken(item: Broken, epoch: datetime) -> Iterator[str]:
    candidates = f" ({' '.join(item.candidates)})" if item.candidates else ""
    yield f"{item.code} {item.confidence.value} at {item.step.value} of {item.leg.value}{candidates}"
    yield from (f"  {line}" for line in _because(item.because, epoch))
    yield from (f"  {key} = {value}" for key, value in sorted(item.values.items()))
    yield from (f"  therefore: {text}" for text in item.consequences)


def _step(result: StepResult, epoch: datetime) -> Iterator[str]:
    """In one line where it has one piece of evidence at its own time, which most have."""
    at = f" {_since(result.at, epoch)}" if result.at else ""
    because = list(_because(result.evidence, epoch))
    if result.status.value != "unknown" or result.at or because:
        yield f"{result.step.value} {result.status.value}{at}" + (f", {because[0]}" if because else "")
        yield from (f"  {line}" for line in because[1:])


def _because(items: Iterable[Because], epoch: datetime) -> Iterator[str]:
    for item in items:
        yield f"{item.source}{f' {_since(item.at, epoch)}' if item.at else ''}: {item.text}"


def _since(at: datetime, epoch: datetime) -> str:
    seconds = (at - epoch).total_seconds()
    return f"{seconds:+.7g}" if abs(seconds) < 10 * 86400 else at.isoformat()


def _fields(item: msgspec.Struct, epoch: datetime, without: Iterable[str] = ()) -> Iterator[str]:
    for name in item.__struct_fields__:
        value = msgspec.to_builtins(getattr(item, name), builtin_types=(datetime,))
        if name not in without and value not in ("", None, (), [], {}, False):
            yield f"{name}={_value(value, epoch)}"


def _value(value: object, epoch: datetime) -> str:
    match value:
        case datetime():
            return _since(value, epoch)
        case dict():
            known = (f"{key}: {_value(one, epoch)}" for key, one in value.items() if one not in ("", None, (), [], {}))
            return f"{{{', '.join(known)}}}"
        case list() | tuple():
            return f"[{', '.join(_value(one, epoch) for one in value)}]"
    return str(value)
