"""Several attempts under one call id: each has its own verdict, the latest is the answer."""

from datetime import timedelta
from random import Random

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject, attempts
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Flow
from tests.diagnosis.factories import (
    ROOM,
    agent,
    audio,
    automatic,
    codes,
    dispatch,
    evidence,
    found,
    job,
    judge,
    look,
    phone,
    row,
    rows_only,
    the_room,
)

DAY = 86_400.0


def placed(began: float, room: str = "") -> list[LogRow]:
    return [
        row(began, "call_requested", room=room),
        row(began + 0.2, "room_created", room=room),
        row(began + 0.5, "agent_dispatched", room=room),
        row(began + 0.9, "sip_participant_created", room=room),
    ]


def served(began: float, room: str = "") -> list[LogRow]:
    return [
        *placed(began, room),
        row(began + 1, "agent_entrypoint_called", "agent", room=room),
        row(began + 2, "agent_connected", "agent", room=room),
    ]


def split(*rows: LogRow) -> list[list[str]]:
    return [[item.state for item in attempt] for attempt in attempts(rows, Flow(), timedelta(seconds=5))]


def test_one_attempt_is_one_attempt() -> None:
    assert len(split(*served(0), row(60, "call_ended", "agent"))) == 1


@pytest.mark.parametrize("rooms", [("", ""), ("a", "b"), ("a", "a")])
def test_the_same_opening_again_is_another_attempt(rooms: tuple[str, str]) -> None:
    first, second = placed(0, rooms[0]), served(40, rooms[1])
    assert split(*first, *second) == [[r.state for r in first], [r.state for r in second]]
    diagnosis = rows_only(DAY, *first, *second)
    assert [attempt.verdict for attempt in diagnosis.attempts] == [Verdict.BROKEN, Verdict.NO_FAULT_SEEN]
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    reverse = rows_only(DAY, *served(0, rooms[0]), *placed(40, rooms[1]))
    assert [attempt.verdict for attempt in reverse.attempts] == [Verdict.NO_FAULT_SEEN, Verdict.BROKEN]
    assert found(reverse) == [("job_assigned", "LKD402", "possible")]
    assert [attempt.number for attempt in reverse.attempts] == [1, 2]


def test_an_opening_that_is_delivered_again_in_mid_call() -> None:
    """The phone is on the line, and nothing but the end comes of it."""
    before = [*served(0), row(8, "sip_answered")]
    again = [row(40, "call_requested"), row(40.1, "room_created")]
    assert len(split(*before, *again, row(60, "call_ended"))) == 1
    assert len(split(*before, *again, row(41, "agent_dispatched"), row(60, "call_ended"))) == 2
    assert len(split(*before, row(30, "call_ended"), *again)) == 2
    assert len(split(*served(0), *again)) == 2


@pytest.mark.parametrize("states", [("call_requested", "duplicate_ignored"), ("call_requested", "room_created")])
def test_an_opening_that_is_delivered_again_after_the_end(states: tuple[str, ...]) -> None:
    """By a queue: whoever places calls stops there. After one that had failed it is another attempt."""
    again = [row(100 + n, state) for n, state in enumerate(states)]
    answered, ended = row(8, "sip_answered"), row(60, "call_ended")
    diagnosis = rows_only(DAY, *served(0), answered, ended, *again)
    assert (diagnosis.verdict, codes(diagnosis)) == (Verdict.UNKNOWN, [])
    assert diagnosis.attempts[0].verdict is not Verdict.BROKEN
    for before in ([*served(0), ended], [*served(0), answered, row(50, "call_failed"), ended]):
        assert codes(rows_only(DAY, *before, *again)) in (["LKD501"], ["LKD401"])
    assert codes(rows_only(DAY, *served(0), answered, ended, *placed(100))) == ["LKD402"]


def test_a_call_that_goes_on_after_it_had_ended_is_another_attempt() -> None:
    rows = [row(0, "agent_dispatched"), row(30, "call_ended"), row(40, "agent_dispatched")]
    assert len(split(*rows)) == 2
    assert (
        len(split(row(0, "agent_connected", "a"), row(9, "call_ended", "a"), row(50, "agent_entrypoint_called", "a")))
        == 2
    )


def test_what_only_looks_like_another_attempt() -> None:
    """Two components open the call, each in its words; a row is written twice; the end is told twice."""
    rows = [
        row(0, "call_requested", "api"),
        row(0.1, "call_initiated", "edge"),
        row(0.1, "call_initiated", "edge"),
        row(0.3, "room_created", "edge"),
        row(0.5, "agent_dispatched", "edge"),
        row(1, "agent_connected", "agent"),
        row(8, "call_started", "agent"),
        row(60, "call_ended", "agent"),
        row(61, "call_ended", "edge"),
        row(62, "billing", "edge"),
    ]
    assert len(split(*rows)) == 1
    assert rows_only(DAY, *rows).verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize("seed", range(5))
def test_rows_of_one_time_have_no_order(seed: int) -> None:
    """One transaction wrote them all, and an export without an order has them as they come."""
    told = [*served(0), row(0, "sip_answered"), row(0, "agent_audio", "agent"), row(0, "call_ended", "agent")]
    rows = [replace(each, at=told[0].at, order=order) for order, each in enumerate(told)]
    mixed = Random(seed).sample(rows, len(rows))
    assert len(split(*(replace(each, order=order) for order, each in enumerate(mixed)))) == 1


def test_late_rows_of_the_first_room_belong_to_the_first_attempt() -> None:
    rows = [*placed(0, "a"), *served(40, "b"), row(50, "call_ended", "edge", room="a")]
    assert [len(states) for states in split(*rows)] == [5, 6]
    assert rows_only(DAY, *rows).verdict is Verdict.NO_FAULT_SEEN


def test_rows_without_a_room_belong_to_the_attempt_that_is_under_way() -> None:
    assert len(split(row(0, "call_requested"), row(1, "room_created", room="a"), row(2, "agent_dispatched"))) == 1


@pytest.mark.parametrize("ahead", [-3600, -60, 60, 3600])
def test_a_workers_clock_makes_no_attempts(ahead: float) -> None:
    rows = [
        *placed(0),
        row(1 + ahead, "agent_entrypoint_called", "agent"),
        row(2 + ahead, "agent_connected", "agent"),
        row(9 + ahead, "call_ended", "agent"),
    ]
    assert len(split(*rows)) == 1


def test_other_calls_are_other_attempts() -> None:
    assert len(split(row(0, "agent_dispatched", call_id="a"), row(1, "agent_dispatched", call_id="b"))) == 2


def test_rows_that_were_read_twice_count_once() -> None:
    """Between two readings a component with a slow clock has logged: all places have moved."""
    first = placed(0)
    second = [row(-9, "agent_connected", "agent"), *first]
    read_1 = evidence(10, *(LogRow(**_fields(r) | {"order": n}) for n, r in enumerate(first)))
    read_2 = evidence(12, *(LogRow(**_fields(r) | {"order": n}) for n, r in enumerate(second)))
    diagnosis = judge(12, read_1.observations, read_2.observations, subject=Subject(call_id=first[0].call_id))
    assert len(diagnosis.attempts) == 1
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert len(diagnosis.timeline) == 5


def _fields(item: LogRow) -> dict[str, object]:
    return {name: getattr(item, name) for name in item.__struct_fields__}


# Attempts and rooms


def test_what_is_in_the_room_is_about_the_latest_attempt() -> None:
    """Two attempts in one room: its agent is the second one's."""
    rows = [*placed(-40, ROOM), *placed(0, ROOM)]
    diagnosis = judge(20, look(20, dispatch(0, job()), agent(1, audio()), phone()), *rows)
    assert [attempt.verdict for attempt in diagnosis.attempts] == [Verdict.BROKEN, Verdict.HEALTHY]


def test_each_attempt_has_its_own_room() -> None:
    first, second = the_room("r1", "RM_r1"), the_room("r2", "RM_r2", created=40)
    rows = [*placed(0, "r1"), *placed(40, "r2")]
    looks = [
        look(20, automatic(), dispatch(room="r1"), phone(), room=first),
        look(60, dispatch(40, job(41), room="r2"), agent(42, audio()), phone(joined=41), room=second),
    ]
    diagnosis = judge(60, *looks, *rows, subject=Subject(call_id=rows[0].call_id))
    assert [attempt.room for attempt in diagnosis.attempts] == ["r1", "r2"]
    assert diagnosis.verdict is Verdict.HEALTHY
    assert diagnosis.attempts[0].code == "LKD402"


def test_rows_of_another_room_say_nothing_of_the_one_asked_for() -> None:
    rows = [*served(0, "r1"), *placed(40, "r2")]
    diagnosis = judge(DAY, *rows, subject=Subject(call_id=rows[0].call_id, room="r1"))
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert codes(judge(DAY, *rows, subject=Subject(call_id=rows[0].call_id, room="r2"))) == ["LKD402"]


def test_a_room_that_came_after_the_rows_is_another_calls() -> None:
    """The name is used again: what is in the new room is not about the old call."""
    old = [*placed(-DAY, ROOM), row(-DAY + 5, "agent_connected", "agent", room=ROOM)]
    new = [look(t, automatic(), dispatch(), phone()) for t in (16, 20)]
    assert judge(20, *new, *old, subject=Subject(call_id=old[0].call_id)).verdict is Verdict.NO_FAULT_SEEN
    broken_before = judge(
        20,
        look(20, dispatch(0, job()), agent(1), phone()),
        *placed(-DAY, ROOM),
        subject=Subject(call_id=old[0].call_id),
    )
    assert codes(broken_before) == ["LKD402"]


def test_a_room_that_is_asked_for_has_a_call_that_has_logged_nothing() -> None:
    old = [*placed(-DAY, ROOM), row(-DAY + 5, "agent_connected", "agent", room=ROOM)]
    looks = [look(t, automatic(), dispatch(), phone()) for t in (16, 20)]
    diagnosis = judge(20, *looks, *old, subject=Subject(room=ROOM))
    assert codes(diagnosis) == ["LKD402"]
    assert [attempt.verdict for attempt in diagnosis.attempts] == [Verdict.NO_FAULT_SEEN, Verdict.BROKEN]


def test_two_rooms_of_one_name() -> None:
    before, after = the_room(sid="RM_before"), the_room(sid="RM_after", created=100)
    looks = [
        look(20, automatic(), dispatch(), phone(), room=before),
        look(110, dispatch(100, job(101)), agent(102, audio()), phone(joined=101), room=after),
    ]
    assert judge(110, *looks, subject=Subject(room=ROOM)).verdict is Verdict.HEALTHY
    assert codes(judge(110, *looks, subject=Subject(livekit_id="RM_before"))) == ["LKD402"]


def test_a_room_to_consult_somebody_in_is_no_later_attempt() -> None:
    """Warm transfer: the agent dials a supervisor in a room of its own, who is busy, and goes on with the callee."""
    side = f"{ROOM}-consult"
    opened = [row(at, state, source, room=ROOM) for at, state, source in (
        (0, "call_requested", "edge"), (0.3, "agent_dispatched", "edge"), (1, "agent_connected", "agent"),
        (6, "sip_answered", "webhook"), (7, "agent_audio", "agent"))]  # fmt: skip
    consulted = [row(30, "room_created", "agent", room=side), row(33, "sip_participant_created", "agent", room=side)]
    ended = row(60, "call_ended", "agent", room=ROOM)
    told = rows_only(900, *opened, *consulted, ended)
    assert (told.verdict, told.room and told.room.name) == (Verdict.HEALTHY, ROOM)
    again = row(29, "call_requested", room=side)
    assert rows_only(900, *opened, again, *consulted, ended).room.name == side  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("states", "begins"),
    [
        (("room_created", "agent_dispatched"), 30),  # another agent is consulted
        (("agent_dispatched", "agent_entrypoint_called"), 62),  # which sums the call up, when it is over
        (("followup_call_created",), 62),  # it only names the room
    ],
)
def test_a_room_in_which_nobody_is_called_is_no_attempt(states: tuple[str, ...], begins: float) -> None:
    """Where the phone had been answered before; a room of which no step tells is none at all."""
    opened = [(0, "call_requested", "edge"), (0.3, "agent_dispatched", "edge"), (1, "agent_connected", "agent")]
    talked = [(6, "sip_answered", "webhook"), (7, "agent_audio", "agent"), (60, "call_ended", "agent")]
    well = [row(*each, room=ROOM) for each in (*opened, *talked)]
    side = [row(begins + second, state, "agent", room=f"{ROOM}-side") for second, state in enumerate(states)]
    told = rows_only(900, *well, *side)
    assert (told.verdict, told.room and told.room.name) == (Verdict.HEALTHY, ROOM)
    unanswered = [one for one in well if one.state not in ("sip_answered", "agent_audio")]
    is_another = len(states) > 1
    assert (rows_only(900, *unanswered, *side).room.name != ROOM) is is_another  # type: ignore[union-attr]
    assert rows_only(900, *well, row(begins - 1, "call_requested", room=f"{ROOM}-side"), *side).room.name != ROOM  # type: ignore[union-attr]


@pytest.mark.parametrize(("source", "states"), [("agent", [2, 6]), ("edge", [5, 3])])
def test_rows_without_a_room_beside_a_room_to_consult_somebody_in(source: str, states: list[int]) -> None:
    """They are of the call that goes on; where whoever placed it dials in another room, they are of that attempt."""
    opened = [row(0, "room_created", "edge", room=ROOM), row(0.3, "sip_participant_created", "edge")]
    answered = [row(1, "agent_connected", "agent"), row(6, "sip_answered", "webhook"), row(7, "agent_audio", "agent")]
    dialled = row(30, "sip_participant_created", source, room=f"{ROOM}-2")
    consulted = [dialled, row(36, "sip_answered", source, room=f"{ROOM}-2")]
    ended = row(60, "call_ended", "agent")
    assert [len(each) for each in split(*opened, *answered, *consulted, ended)] == states
