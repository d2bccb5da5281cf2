"""Phone numbers are masked in what is said, and never in what is typed or what names a thing."""

import json
import re
import time
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.evidence.observations import (
    Evidence,
    InboundTrunk,
    InboundTrunkList,
    OutboundTrunk,
    OutboundTrunkList,
    Participant,
    ParticipantList,
    Read,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.evidence.phone_numbers import Pseudonyms, in_numbers
from livekit_doctor.flow import Confidence
from livekit_doctor.render import masking
from livekit_doctor.render.console import check as check_console
from livekit_doctor.render.console import trace as trace_console
from livekit_doctor.render.json import check as check_json
from livekit_doctor.render.json import trace as trace_json
from livekit_doctor.render.masking import Mask, mask_of
from livekit_doctor.render.shown import shown
from tests.each import each
from tests.render.reports import (
    CALLEE,
    CALLER,
    ROOM,
    START,
    TRACES,
    because,
    check_report,
    checked,
    finding,
    printed,
    terminal,
    trace_report,
)


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("called +15555550123.", "called +1********23."),
        ("+15555550123,+15555550100", "+1********23,+1********00"),
        ("sip:+15555550123@carrier", "sip:+1********23@carrier"),
        ("no number: 15555550123", "no number: 15555550123"),
        ("AJ_+15555550123x PA_1", "AJ_+15555550123x PA_1"),
        ("sip_+15555550123 has left", "sip_+1********23 has left"),
        ("note for sip_+15555550123 / (555) 555-0123", "note for sip_+1********23 / (5**) ***-**23"),
        ("555-555-0123, 555.555.0123 or 555 555 0123", "5**-***-**23, 5**.***.**23 or 5** *** **23"),
        ("+1 (555) 555-0123.", "+1 (***) ***-**23."),
        ("0044 20 5555 0123", "0*** ** **** **23"),
        ("+15555550123. 12 s", "+1********23. 12 s"),
        ("at 2031-02-03 04:05:06, +1 s, +12 s", "at 2031-02-03 04:05:06, +1 s, +12 s"),
        ("at 2031-02-03 04:05:06.123456+00:00", "at 2031-02-03 04:05:06.123456+00:00"),
        ("call-outbound-77873635-1761685549000", "call-outbound-77873635-1761685549000"),
        ("203.0.113.7 port 443, HTTP (404) 12", "203.0.113.7 port 443, HTTP (404) 12"),
        ("123e4567-e89b-12d3-a456-426614174000", "123e4567-e89b-12d3-a456-426614174000"),
    ],
)
def test_any_number_as_people_write_it(text: str, masked: str) -> None:
    assert Mask()(text) == masked
    assert Mask(show=True)(text) == text


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("called 15555550123", "called 1********23"),
        ("called +15555550123", "called +1********23"),
        ("id 915555550123", "id 915555550123"),
        ("user 5550100 and 12", "user 5****00 and 12"),
    ],
)
def test_known_numbers_in_any_spelling(text: str, masked: str) -> None:
    assert Mask(["+1 (555) 555-0123", "5550100", "12", ""])(text) == masked


def test_equal_numbers_look_equal_and_different_ones_different() -> None:
    mask = Mask(["15555550123", "15555990123", "15555880123"])
    told = mask("+15555550123 called 15555990123, then +1 (555) 588-0123, and again 15555550123, +15555990123")
    assert told == "+1********23 called 1*******b23, then +1 (***) ***-*c23, and again 1********23, +1*******b23"
    many = Mask()
    assert len({many(f"+1555{number:05}23") for number in range(1000)}) == 1000


@given(st.lists(st.from_regex(r"\+[1-9][0-9]{6,13}", fullmatch=True), min_size=2))
def test_any_numbers(numbers: list[str]) -> None:
    mask = Mask(numbers)
    masked = [mask(number) for number in numbers]
    assert [[a == b for a in numbers] for b in numbers] == [[a == b for a in masked] for b in masked]
    assert not set(numbers) & set(masked)


@given(st.text(alphabet="+0123456789 ().-_:x/é*", max_size=60))
def test_numbers_are_found_where_their_pattern_alone_would_find_them(text: str) -> None:
    """They are looked for in parts of a text, and what stands beside a part counts."""

    def replace(found: re.Match[str]) -> str:
        return f"<{found[0]}>"

    pattern = masking._NUMBER
    assert in_numbers(pattern, replace, text) == pattern.sub(replace, text)


PIECES = [
    "1",
    "1-",
    "1 ",
    "+1",
    "+1 ",
    "(12) 34",
    "00",
    "a",
    '"phone": ',
    "lorem ipsum 12345, ",
    "ab12cd34",
    "+",
    "(",
    "é",
]


@each("piece", PIECES)
def test_long_texts_take_no_longer_than_they_must(piece: str) -> None:
    known = [f"+1555{number:07}" for number in range(500)]

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        started = time.process_time()
        Mask(known)(text)
        Pseudonyms(known)(text)
        return time.process_time() - started

    short = min(seconds(20_000) for _ in range(3))
    assert seconds(160_000) < 30 * short + 0.05


def test_not_inside_of_a_room_name() -> None:
    """It stands in commands to paste, and is printed as it is elsewhere."""
    mask = Mask(["15555550123"], names=["call-_+15555550123_x"])
    assert mask("grep -F call-_+15555550123_x FILE: 15555550123") == "grep -F call-_+15555550123_x FILE: 1********23"


def test_numbers_that_the_evidence_knows() -> None:
    read = Read(source="x", at=START)
    attributes = {"sip.phoneNumber": "15555550101", "sip.trunkPhoneNumber": "15555550102", "sip.callID": "15555550199"}
    evidence = Evidence(
        now=START,
        observations=(
            ParticipantList(
                read=read,
                room="r",
                participants=(Participant(sid="PA", identity="i", kind="SIP", state="ACTIVE", attributes=attributes),),
            ),
            OutboundTrunkList(read=read, trunks=(OutboundTrunk(id="ST_o", numbers=("15555550103",)),)),
            InboundTrunkList(read=read, trunks=(InboundTrunk(id="ST_i", numbers=("15555550104",)),)),
            SipDispatchRuleList(
                read=read,
                rules=(SipDispatchRule(id="SDR", numbers=("15555550105",), inbound_numbers=("15555550106",)),),
            ),
        ),
    )
    mask = mask_of(evidence, show=False)
    for last in range(1, 7):
        assert mask(f"1555555010{last}") == f"1********0{last}"
    assert mask("15555550199") == "15555550199"
    assert mask_of(evidence, show=True)("15555550101") == "15555550101"


def test_what_is_to_be_typed_is_whole() -> None:
    """A call id may well be the number that was called."""
    told = "Trace +15555550123 while its room is open: livekit-doctor trace +15555550123 --wait 30"
    found = finding("LKD402", Confidence.LIKELY, would_settle=(told, "ask +15555550123"))
    assert shown(found, Mask()).would_settle == (
        told.replace("Trace +15555550123", "Trace +1********23"),
        "ask +1********23",
    )


def document(value: dict[str, Any]) -> Any:
    return json.loads(msgspec.json.encode(value))


def console_of(name: str, *, show: bool) -> str:
    console = terminal(200)
    trace_console.render(trace_report(TRACES[name](), show=show), console)
    return printed(console)


@pytest.mark.parametrize("name", TRACES)
def test_trace(name: str) -> None:
    """The room's name has a number in it: it stays as it is wherever it names the room."""
    seen = console_of(name, show=False)
    assert ROOM in seen or name == "unknown"
    assert CALLEE not in seen.replace(ROOM, "")
    assert CALLER not in seen
    told = trace_json.render(trace_report(TRACES[name]()))
    assert (told["room"] or "").endswith("15555550123") or name == "unknown"
    assert all(ROOM in item["fix"] for item in told["broken"] if item["code"] == "LKD401")
    assert CALLEE not in json.dumps(document(told)).replace(ROOM, "")


@pytest.mark.parametrize("name", ["broken", "both legs"])
def test_trace_shows_numbers_when_asked(name: str) -> None:
    assert CALLEE in console_of(name, show=True)
    assert "****" not in console_of(name, show=True)
    assert "****" not in json.dumps(document(trace_json.render(trace_report(TRACES[name](), show=True))))


def test_check() -> None:
    """The same number: masked in the message and the evidence, whole in the fix."""
    console = terminal(200)
    check_console.render(check_report(), console)
    seen = printed(console)
    assert seen.count(CALLER) == 1
    assert f'numbers=ListUpdate(add=["{CALLER}"])' in seen
    assert seen.count("+1********00") == 2
    told = document(check_json.render(check_report()))
    trunk = next(item for item in told["checks"] if item["code"] == "LKD202")
    assert CALLER in trunk["fix"]
    assert CALLER in trunk["findings"][0]["fix"]
    assert CALLER not in trunk["message"] + trunk["evidence"][0]["text"]
    assert "****" not in json.dumps(document(check_json.render(check_report(show=True))))


def test_what_would_settle_it_is_masked_too() -> None:
    told = finding("LKD402", Confidence.LIKELY, because("x"), would_settle=(f"ask {CALLER}",))
    report = check_report(checked("agent_dispatch.probe", "failed", f"{CALLEE}", told))
    console = terminal(200)
    check_console.render(report, console)
    assert CALLER not in printed(console)
    assert CALLEE not in printed(console)
