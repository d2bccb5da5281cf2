"""A log whose clock is off: what it and LiveKit both tell of says by how much."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LogLine
from tests.diagnosis.factories import ROOM, at, codes, dispatch, judge, log_file, look, phone, server_line, warned
from tests.diagnosis.test_component_logs import (
    ASKED,
    ASSIGNED,
    HERE,
    OF_WORKER,
    OPENED,
    RAISED,
    afterwards,
    created,
    registered,
    request_failed,
    server_registered,
    sip_line,
)
from tests.diagnosis.test_whose_attempt import BUSY, NO_TRUNK, refused

CALL = Subject(room=ROOM)


def later(line: LogLine, by: float) -> LogLine:
    assert line.at is not None
    return replace(line, at=line.at + (at(by) - at(0)))


def test_of_two_dials_the_last_decides_whatever_livekit_sips_clock_says() -> None:
    """The second failed on the server; livekit-sip knows the first alone."""
    joined = sip_line(1.2, "SIP participant joined room", participant_id="PA_phone1")
    failed = sip_line(1.6, "SIP invite failed", error=BUSY)
    first = server_line(1.1, "starting RTC session", participant="sip_1", participant_id="PA_phone1")
    told = OPENED, first, refused(1.6, BUSY), refused(4.9, NO_TRUNK, "404")
    for by in (0, 4.3, -40):
        said = afterwards(log_file("sip"), *told, later(joined, by), later(failed, by))
        assert codes(said) == ["LKD201"], by
        assert ("LKD005" in warned(said)) is (by == -40)


def test_by_the_list_of_participants() -> None:
    joined = sip_line(40.5, "SIP participant joined room", participant_id="PA_phone1")
    failed = sip_line(41, "SIP invite failed", error=BUSY)
    on_the_line = look(30, dispatch(), phone("ringing", joined=0.5), phone("active", joined=20, sid="PA_phone2"))
    assert codes(judge(30, *on_the_line, log_file("sip"), joined, failed, settings=HERE)) == ["LKD402"]


def test_of_two_dispatches_the_last_decides_whatever_the_workers_clock_says() -> None:
    """The job of the first raised before the second was made."""
    by_worker = [server_registered(-50), registered(-50)], []
    for known in by_worker:
        lines = [later(line, 30) for line in (*known[1:], ASKED, RAISED)]
        server = [replace(line, fields=line.fields | {"worker_id": "AW_c5Dg7Hj2Lq9w"}) for line in known[:1]]
        first = afterwards(OPENED, created(0), ASSIGNED, *server, *lines)
        assert codes(first) == ["LKD405"]
        assert codes(afterwards(OPENED, created(0), ASSIGNED, created(20), *server, *lines)) == []


def test_no_line_is_later_than_the_moment_at_which_it_was_read() -> None:
    """The worker was there at the dispatch, by a clock that is 30 s ahead of that of the answer."""
    read_now = replace(log_file("worker", last=63), read=look(33)[0].read)
    known = registered(55, **OF_WORKER)
    in_time, ahead = (look(32.5, dispatch(created=made)) for made in (24, 10))
    assert codes(judge(32.5, *in_time, read_now, replace(known, read=read_now.read), settings=HERE)) == []
    unanswered = request_failed("no response from servers", 11)
    told = judge(32.5, *ahead, read_now, replace(known, read=read_now.read), unanswered, settings=HERE)
    assert codes(told) == ["LKD109"]


@pytest.mark.parametrize(("known", "expected"), [("PA_phone1", []), ("", ["LKD210"])])
def test_a_dial_after_one_that_failed_by_a_clock_that_is_known(known: str, expected: list[str]) -> None:
    """Sooner after it than the tolerance of two clocks; the phone is on the line."""
    joined = sip_line(1.2, "SIP participant joined room", participant_id=known)
    failed = sip_line(6, "SIP invite failed", error="no common encryption profiles")
    dials = [
        server_line(seconds, "starting RTC session", participant="sip_1", participant_id=phone)
        for seconds, phone in ((1.1, "PA_phone1"), (9, "PA_phone2"))
    ]
    gone = server_line(6, "participant closing", participant="sip_1", participant_id="PA_phone1", kind="SIP")
    logs = log_file("server", last=30), log_file("sip", last=7)
    said = judge(30, OPENED, created(0), ASSIGNED, *dials, gone, joined, failed, *logs, subject=CALL)
    assert codes(said) == expected
