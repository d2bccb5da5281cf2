"""What the team's own lines and words say beside LiveKit's."""

import json

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LogLine, Reading
from tests.evidence.pasted.samples import pasted, reading, recognised

ROOM = "appt-reminder-5512"
OURS = {"message": "callee answered, playing greeting", "level": "INFO", "name": "reminder", "room": ROOM}
ASKED = {"message": "received job request", "level": "INFO", "name": "livekit.agents", "job_id": "AJ_dF9sVm4KxTzB"}
ERROR = "livekit.api.twirp_client.SipCallError: SIP call failed: 486 Busy Here (resource_exhausted)"


def own(found: Reading) -> list[LogLine]:
    return [item for item in found.observations if isinstance(item, LogLine) and item.log == "app"]


@pytest.mark.parametrize(
    "line",
    [
        json.dumps(OURS),
        f"agent-1    | {json.dumps(OURS)}",
        f"2026-11-26 14:10:21,611 INFO reminder callee answered, playing greeting room={ROOM}",
        f"14:10:21 INFO  callee answered, playing greeting in room {ROOM}",
    ],
)
def test_a_line_of_the_teams_own_that_names_the_room(line: str) -> None:
    text = f"{json.dumps({**ASKED, 'room': ROOM})}\n{line}\n"
    (found,) = own(reading(text))
    assert "callee answered, playing greeting" in found.message
    assert found.fields["room"] == ROOM
    assert recognised(text)["lines"] == 0
    assert not own(reading(f"{json.dumps({**ASKED, 'room': 'another-1'})}\n{line}\n")), "of another room"


def test_a_room_in_the_teams_own_words_is_the_calls_where_there_is_no_other() -> None:
    dialing = "2026-11-25 10:39:58,204 INFO dialer dialing via ST_wF6tYkJr9QeM into room call-1732530"
    text = f"{dialing}\n2026-11-25 10:39:58,911 ERROR dialer call failed\nTraceback (most recent call last):\n{ERROR}\n"
    for diagnosis in (pasted(text), pasted(text, subject=Subject(room="call-1732530"))):
        assert diagnosis.room is not None
        assert diagnosis.room.name == "call-1732530"
        assert diagnosis.broken[0].values["trunk_id"] == "ST_wF6tYkJr9QeM"
    assert pasted(f"{text}\nIt is the same in room call-1732531").room is not None, "a sentence is less than a line"


def test_a_sentence_names_the_room_of_what_was_pasted() -> None:
    diagnosis = pasted(f"Hi, in room `call-17` nobody answers, and this room is often used:\n{ERROR}")
    assert diagnosis.room is not None
    assert diagnosis.room.name == "call-17"
    assert pasted(f"in room call-17 and in room call-18:\n{ERROR}").room is None
    diagnosis = pasted(f"It was in room call-17:\n{json.dumps(ASKED)}")
    assert diagnosis.room is not None
    assert diagnosis.room.name == "call-17"


@pytest.mark.parametrize("words", ["the room closed early", "room is gone", "In room RM_aaaaaaaaaaaa", "room: (empty)"])
def test_what_is_no_name_of_a_room(words: str) -> None:
    diagnosis = pasted(f"{words}\n{ERROR}")
    assert diagnosis.room is None or diagnosis.room.name not in ("closed", "is", "gone", "RM_aaaaaaaaaaaa")


def test_an_error_stands_once_in_the_timeline() -> None:
    head = "2026-11-25 10:39:58,911 ERROR dialer call failed room=call-17"
    diagnosis = pasted(f'{head}\nTraceback (most recent call last):\n  File "/app/x.py", line 1, in dial\n{ERROR}\n')
    assert len([entry for entry in diagnosis.timeline if "486" in f"{entry.event} {entry.detail}"]) == 1


def test_what_looks_like_a_log_is_shown_first_of_what_is_not_recognised() -> None:
    unknown = "2026-11-25 10:39:58,911 ERROR dialer what is this"
    (coverage,) = reading(f"Hi,\nplease help,\nit is urgent,\nsince yesterday\n{unknown}\n{ERROR}").coverage
    assert coverage.unknown_lines == (unknown, "Hi,", "please help,")


def test_a_frame_of_a_traceback_that_was_cut() -> None:
    text = (
        "2026-11-25 10:39:58,911 ERROR    dialer.calls  call failed room=call-1732530\n"
        "Traceback (most recent call last):\n"
        '  File "/srv/dialer/.venv/lib/python3.12/site-packages/livekit/api/sip_service.\n'
        'py", line 830, in create_sip_participant\n'
        "    raise _as_sip_error(e) from None\n"
        f"{ERROR}\n"
    )
    assert recognised(text)["lines"] == 0


CODE = [
    "    await session.start(agent=a, room=ctx.room)",
    "    room=self.room_name,",
    "  await dial(phone, room=room_name)",
    "  const dispatch = { room: ctx.job.room.name }",
    "livekit_ffi::server::room:301:livekit_ffi::server::room - error while connecting to a room",
]


@pytest.mark.parametrize("code", CODE)
def test_no_name_is_taken_from_code(code: str) -> None:
    raised = (
        f"unhandled exception while running the job task\nTraceback (most recent call last):\n{code}\nValueError: x"
    )
    line = json.dumps({**ASKED, "message": raised, "level": "ERROR"})
    for text in (f"{json.dumps({**ASKED, 'room': ROOM})}\n{line}", f"in room {ROOM}\n{line}", f"{code}\n{ERROR}"):
        diagnosis = pasted(text)
        assert (diagnosis.room.name if diagnosis.room else "") == (ROOM if ROOM in text else "")


@pytest.mark.parametrize("words", ["joined (room=lobby7)", "dial('+15555550100', room='call-17')", "Job(room=call-17)"])
def test_a_room_as_a_log_prints_it_is_no_code(words: str) -> None:
    diagnosis = pasted(f"{words}\n{ERROR}")
    assert diagnosis.room is not None
    assert diagnosis.room.name in ("lobby7", "call-17")
