"""What a mail program put into several lines, beside what a person says."""

import textwrap

import pytest

from livekit_doctor.evidence.observations import LogLine
from tests.evidence.pasted.samples import reading

PROSE = "nothing... er, WE hear nothing, and after half a minute it is cut. Firewall"
FIELDS = (
    '{"nodeID": "NE_x", "callID": "SCL_x", "room": "call-1", "participant": "callee", "toUser": "+15555550123", '
    '"direction": "outbound", "status": 0, "reason": "media-timeout", "error": "media-timeout"}'
)
SIP = f"2026-09-14T07:10:40.022Z WARN sip sip/outbound.go:366 Closing outbound call with error {FIELDS}"
WORKER = (
    "2026-09-14 07:10:40,022 - WARNING livekit.agents - the entrypoint that this job was for is still not connected "
    'to its room, and nothing was heard of it {"job_id": "AJ_x", "room": "call-1", "pid": 42}'
)


def folded(text: str, mark: str) -> str:
    width = 72 + len(mark)
    return textwrap.fill(text, width, initial_indent=mark, subsequent_indent=mark, break_on_hyphens=False)


@pytest.mark.parametrize("mark", ["", "> ", "> > "])
@pytest.mark.parametrize("before", ["", PROSE, PROSE[4:], f"{PROSE} and the like, which is longer than a mail"])
@pytest.mark.parametrize("record", [SIP, WORKER], ids=["sip", "worker"])
def test_what_a_person_says_before_it_does_not_change_its_width(record: str, before: str, mark: str) -> None:
    found = reading(f"{before}\n{folded(record, mark)}\n")
    lines = [(line.log, line.message, line.fields) for line in found.observations if isinstance(line, LogLine)]
    assert lines == [(line.log, line.message, line.fields) for line in reading(record).observations]
    assert (found.coverage[0].not_recognised or 0) == bool(before)


def test_what_a_person_says_behind_a_record_is_no_part_of_it() -> None:
    found = reading(f"> {SIP}\nso I think that it is the firewall, and that nobody has opened its ports\n")
    assert [line.fields["error"] for line in found.observations if isinstance(line, LogLine)] == ["media-timeout"]
    assert found.coverage[0].not_recognised == 1


def test_a_short_record_and_what_a_person_says_below_it_stay_two() -> None:
    short = "2026-09-14 07:10:40,022 - INFO livekit.agents - draining worker"
    found = reading(f"{short}\nthat was it\n\n{folded(WORKER, '')}\n")
    assert next(line.message for line in found.observations if isinstance(line, LogLine)) == "draining worker"


CREATING = (
    "2026-11-28T12:45:03.310Z    INFO    sip sip/client.go:233   Creating SIP participant    "
    '{"nodeID": "NE_ZmV6rXq2Lt8p", "callID": "SCL_gH5jKm7nPq9r", "room": "dent-90124", "participant": "callee", '
    '"fromUser": "+15555550100", "toHost": "acme.pstn.twilio.com", "toUser": "+15555550126"}'
)
REFUSED = (
    '2026-11-28T12:45:10.005Z    WARN    sip sip/outbound.go:644 Closing outbound call with error    {"nodeID": '
    '"NE_ZmV6rXq2Lt8p", "callID": "SCL_gH5jKm7nPq9r", "room": "dent-90124", "participant": "callee", "status": 486, '
    '"reason": "busy", "error": "INVITE failed: sip status: 486: Busy Here"}'
)


@pytest.mark.parametrize("width", [60, 80])
@pytest.mark.parametrize("mark", ["", "    ", "> "])
def test_a_journal_whose_lines_were_folded(width: int, mark: str) -> None:
    """Of which several may happen to have the same length, as what a terminal cut."""
    journal = "Nov 28 12:45:10 sip-fra1 livekit-sip[1873]: "
    folded = [textwrap.fill(journal + line, width, break_on_hyphens=False) for line in (CREATING, REFUSED)]
    found = reading(textwrap.indent("\n".join(folded), mark))
    lines = [(line.message, line.fields) for line in found.observations if isinstance(line, LogLine)]
    alone = reading(f"{CREATING}\n{REFUSED}").observations
    assert lines == [(line.message, line.fields) for line in alone if isinstance(line, LogLine)]
