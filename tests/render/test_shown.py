"""What was read is shown cut, without secrets and with its phone numbers masked, wherever it stands."""

import types
import typing
from collections.abc import Iterator
from datetime import UTC, datetime
from enum import Enum
from typing import Any

import msgspec
import pytest
from msgspec import structs
from msgspec.structs import replace

from livekit_doctor.checks.check import CheckResult
from livekit_doctor.diagnosis.probing import Judged
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import OutboundTrunk, RecentCall, SipCallResult
from livekit_doctor.lint.result import Linted
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import (
    CheckReport,
    LintReport,
    PlacedCallReport,
    ProbeReport,
    RecentReport,
    Report,
    TraceReport,
    TriageReport,
)
from livekit_doctor.render.shown import LONGEST, shown, text
from livekit_doctor.triage.result import Triage
from tests.each import each
from tests.render.every_report import every_report
from tests.render.reports import NOT_DISPATCHED, trace_report
from tests.render.reports import broken as broken_call

NUMBER = "+15555550142"
NAMES = {
    ("Diagnosis", "call_id"),
    ("RecentCall", "call_id"),
    ("RoomResult", "name"),
    ("RoomResult", "sid"),
    ("AttemptResult", "room"),
    ("Trial", "room"),
    ("Trial", "dispatch_id"),
    ("SipCallResult", "room"),
    ("SipCallResult", "trunk_id"),
    ("SipCallResult", "participant_id"),
    ("SipCallResult", "sip_call_id"),
    ("OutboundTrunk", "id"),
    ("By", "key"),
    ("Group", "id"),
    ("Group", "call_ids"),
    ("Traced", "call_id"),
    ("Linted", "paths"),
    ("Place", "path"),
    ("Skipped", "path"),
}
"""What may have a number in it: it is typed, or names a thing."""
WORDS = {
    *(("Finding", name) for name in ("code", "candidates")),
    *(("Broken", name) for name in ("code", "candidates", "consequences")),
    *((kind, "code") for kind in ("RuledOut", "WarningResult", "AttemptResult", "Problem", "CheckResult")),
    ("CheckResult", "id"),
    *(("Group", name) for name in ("code", "candidates")),
    ("Traced", "code"),
    ("Value", "group"),
    ("CheckResult", "category"),
}
"""Words of the tool's own: what they may be is known to every format."""
REPORTS = {name: report for name, report in every_report().items() if not name.startswith(("explain", "error", "int"))}


def everywhere(value: Any, add: str) -> Any:
    """The same with something added to each text of whatever was read."""
    if isinstance(value, tuple):
        return tuple(everywhere(item, add) for item in value)
    if not isinstance(value, msgspec.Struct):
        return value
    kind = type(value)
    hints = typing.get_type_hints(kind)
    told = {name: getattr(value, name) for name in value.__struct_fields__}
    for name, item in told.items():
        if (kind.__name__, name) in NAMES | WORDS:
            continue
        if hints[name] in (str, str | None):
            told[name] = f"{item or ''} {add}"
        elif hints[name] == tuple[str, ...]:
            told[name] = tuple(f"{add} {one}" for one in item) or (add,)  # what it ends with is to be typed
        elif name != "values":
            told[name] = everywhere(item, add)
    return structs.replace(value, **told)


def with_everywhere(report: Report, add: str, mask: Mask) -> Report:
    """A report that was made of such evidence."""
    match report:
        case TraceReport():
            return replace(report, diagnosis=everywhere(report.diagnosis, add), mask=mask)
        case CheckReport():
            return replace(report, results=everywhere(report.results, add), left_behind=(add,), mask=mask)
        case ProbeReport():
            return replace(report, judged=everywhere(report.judged, add), left_behind=(add,))
        case RecentReport():
            return replace(
                report, calls=everywhere(report.calls, add), verdicts=everywhere(report.verdicts, add), mask=mask
            )
        case TriageReport():
            return replace(report, triage=everywhere(report.triage, add), mask=mask)
        case LintReport():
            return replace(report, linted=everywhere(report.linted, add), mask=mask)
        case PlacedCallReport():
            trace = with_everywhere(report.trace, add, mask)
            assert isinstance(trace, TraceReport)
            told = {name: everywhere(getattr(report, name), add) for name in ("trunk", "answer")}
            return replace(report, trace=trace, number=add, left_behind=(add,), **told)
        case _:
            return report


@each("form", FormatName)
@each("name", REPORTS)
def test_no_number_is_in_any_format_wherever_it_was(name: str, form: FormatName) -> None:
    told = load(form)(with_everywhere(REPORTS[name], f"called {NUMBER},", Mask()))
    assert NUMBER not in told
    assert "15555550142" not in told


@pytest.mark.parametrize("name", ["trace broken", "check", "test-call answered", "recent"])
def test_it_is_where_it_was_asked_for(name: str) -> None:
    """The test above would pass where nothing is shown at all."""
    told = load(FormatName.JSON)(with_everywhere(REPORTS[name], f"called {NUMBER},", Mask(show=True)))
    assert told.count(NUMBER) > 5 or name == "recent"
    assert NUMBER in told


def test_only_what_is_named_here_keeps_a_number() -> None:
    """Any field of any type that a report is made of, so also one that is new."""
    kept: set[tuple[str, str]] = set()
    for kind in (Diagnosis, CheckResult, Judged, RecentCall, SipCallResult, OutboundTrunk, Triage, Linted):
        kept |= set(_with_number(shown(_made(kind), Mask())))
    assert kept == NAMES | {(kind, "values") for kind in ("Finding", "Broken", "Problem")}


def _made(hint: Any) -> Any:
    """A value of this type, with a number in each text that can hold one."""
    arguments = typing.get_args(hint)
    match typing.get_origin(hint) or hint:
        case typing.Literal:
            return arguments[0]
        case types.UnionType:
            return _made(arguments[0])
        case origin if origin is tuple:
            return (_made(arguments[0]),)
        case origin if origin is dict:
            return {"one": _made(arguments[1])}
        case origin if issubclass(origin, msgspec.Struct):
            return origin(**{name: _made(of) for name, of in typing.get_type_hints(origin).items()})
        case origin if issubclass(origin, Enum):
            return next(iter(origin))
        case origin if origin is str:
            return f"called {NUMBER}"
        case origin if origin is datetime:
            return datetime(2031, 2, 3, tzinfo=UTC)
        case origin:
            return origin(1)


def _with_number(value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, tuple):
        for item in value:
            yield from _with_number(item)
    elif isinstance(value, msgspec.Struct):
        for name in value.__struct_fields__:
            held = getattr(value, name)
            if NUMBER in str(held if not isinstance(held, msgspec.Struct) else ""):
                inner = list(_with_number(held))
                yield from inner or [(type(value).__name__, name)]
            else:
                yield from _with_number(held)


@each("name", REPORTS)
def test_a_text_without_end_is_cut(name: str) -> None:
    report = with_everywhere(REPORTS[name], "x" * 20_000, Mask())
    for form in FormatName:
        told = load(form)(report)
        assert "x" * 4200 not in told
        assert "x" * 100 not in told or "more characters)" in told


def test_how_a_text_is_cut() -> None:
    """No number is cut in two, and what is cut once stays as it is."""
    assert text("x" * LONGEST, Mask()) == "x" * LONGEST
    said = "x " * (LONGEST // 2 - 4) + NUMBER + " y" * 1000
    cut = text(said, Mask())
    assert cut.endswith("+1******... (2004 more characters)")
    assert text(cut, Mask()) == cut


@pytest.mark.parametrize("secret", ["password=hunter2hunter2", "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"])
def test_a_secret_in_a_name_is_shown_only_where_it_is_typed(secret: str) -> None:
    """A room can be called anything."""
    name = secret.split("=")[-1]
    told = [load(form)(with_everywhere(REPORTS["check"], secret, Mask())) for form in FormatName]
    assert not any(name in one for one in told)
    item = structs.replace(NOT_DISPATCHED, values={"agent_name": secret})
    report = trace_report(structs.replace(broken_call(), broken=(item,)))
    assert name in report.fix(report.diagnosis.broken[0])
