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
