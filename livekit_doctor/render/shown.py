"""What was read, as it is shown: of no endless length, without secrets, its phone numbers masked.

A report does this to all that it is given, so that no format, and no field that is new, can forget it.
What is typed, or names a thing, is as it was read.
"""

from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.probing import Trial
from livekit_doctor.diagnosis.result import AttemptResult, Broken, Diagnosis, RoomResult
from livekit_doctor.evidence.observations import OutboundTrunk, Problem, RecentCall, SipCallResult
from livekit_doctor.lint.facts import Place
from livekit_doctor.lint.project import Skipped
from livekit_doctor.lint.result import Linted
from livekit_doctor.redact import redact_text
from livekit_doctor.render.commands import split_command
from livekit_doctor.render.masking import Mask
from livekit_doctor.triage.result import By, Group, Traced

LONGEST = 4000
"""Characters of one text. A traceback that says something is not longer."""

_MARGIN = 100
"""Characters beyond that which are looked at, so that no number is cut in two before it is masked; a text that
is no longer than with these stays whole."""

T = TypeVar("T")
Show = Callable[[str, Mask], str]


def shown(value: T, mask: Mask) -> T:
    """The same, with each text in it as it is shown."""
    found: T = _shown(value, mask, text)
    return found


def text(said: str, mask: Mask) -> str:
    """A text as it is shown, its end left out where it has none."""
    return _cut(said, lambda part: mask(redact_text(part)))


def _cut(said: str, show: Callable[[str], str]) -> str:
    over = len(said) - LONGEST
    if over <= _MARGIN:
        return show(said)
    return f"{show(said[: LONGEST + _MARGIN])[:-_MARGIN]}... ({over} more characters)"


def _advice(said: str, mask: Mask) -> str:
    """Masked but for the command at its end: a masked one can't be pasted."""
    before, command = split_command(said)
    return f"{text(before, mask)} {command}" if command else text(said, mask)


def _as_read(said: str, _: Mask) -> str:
    return said


def _value(said: str, _: Mask) -> str:
    """Is typed, or quoted, in a fix."""
    return _cut(said, str)


_NAMES: Mapping[type[Struct], tuple[str, ...]] = {
    AttemptResult: ("room",),
    By: ("key",),
    Diagnosis: ("call_id",),
    Group: ("id", "call_ids"),
    Linted: ("paths",),
    OutboundTrunk: ("id",),
    Place: ("path",),
    RecentCall: ("call_id",),
    RoomResult: ("name", "sid"),
    Skipped: ("path",),
    SipCallResult: ("room", "participant_id", "sip_call_id", "trunk_id"),
    Traced: ("call_id",),
    Trial: ("room", "dispatch_id"),
}
_OTHERWISE: Mapping[tuple[type[Struct], str], Show] = {
    **{(kind, name): _as_read for kind, names in _NAMES.items() for name in names},
    **{(kind, "values"): _value for kind in (Broken, Finding, Problem)},
    **{(kind, "would_settle"): _advice for kind in (Diagnosis, Finding)},
}


def _shown(value: Any, mask: Mask, show: Show) -> Any:
    if type(value) is str:
        return show(value, mask)
    if isinstance(value, tuple):
        return tuple(_shown(item, mask, show) for item in value)
    if isinstance(value, dict):
        return {key: _shown(item, mask, show) for key, item in value.items()}
    if isinstance(value, Struct):
        kind = type(value)
        told = {
            name: _shown(getattr(value, name), mask, _OTHERWISE.get((kind, name), show))
            for name in value.__struct_fields__
        }
        return replace(value, **told)
    return value
