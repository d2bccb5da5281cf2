"""What is worth knowing about a call and is not where it broke."""

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import LeftBehind, RecentCall, RecentCalls
from livekit_doctor.flow import Step, Verdict
from livekit_doctor.settings import Agent, CallLogs, Settings
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    READ,
    ROOM,
    SETTINGS,
    agent,
    at,
    audio,
    automatic,
    closed,
    dispatch,
    human,
    job,
    judge,
    look,
    phone,
    read,
    rooms,
    row,
    rows_only,
    table,
    the_room,
    unread,
    warned,
)

HEALTHY = (dispatch(0, job()), agent(1, audio()), phone())


def messages(diagnosis: object, code: str) -> str:
    return " | ".join(w.message for w in diagnosis.warnings if w.code == code)  # type: ignore[attr-defined]


def test_a_healthy_call_has_no_warnings() -> None:
    rows = [row(0, "call_requested"), row(0.2, "agent_dispatched"), row(1.1, "agent_connected", "agent")]
    looks = [look(t, *HEALTHY) for t in (1, 2, 20)]
    assert warned(judge(20, *looks, *rows, table(20, indexed=True))) == []


def test_what_could_not_be_read_is_said_and_nothing_else() -> None:
    """Design section 1: never turned into a diagnosis."""
    for source, code in (("livekit_api", "LKD003"), ("call_logs", "LKD602"), ("sip_api", "LKD006")):
        diagnosis = judge(60, coverage=(unread(source, code),))
        assert diagnosis.verdict is Verdict.UNKNOWN
        assert warned(diagnosis) == [code]
        assert not diagnosis.broken


def test_a_call_that_is_nowhere() -> None:
    nearest = RecentCalls(
        read=read(60, "call_logs"),
        calls=tuple(RecentCall(call_id=id, at=at(0), source="edge", state="x") for id in ("5b1f-78", "5b1f-79")),
    )
    looked = judge(60, closed(60), table(60), nearest, subject=Subject(call_id=CALL))
    assert "LKD601" in warned(looked)
    assert "5b1f-78" in messages(looked, "LKD601")
    assert "LKD601" not in warned(judge(60, subject=Subject(call_id=CALL), coverage=())), "nobody looked"
    assert "LKD601" not in warned(rows_only(60, row(0, "call_requested")))


def test_a_logged_dispatch_that_the_room_does_not_have() -> None:
    logged = row(1, "agent_dispatched")
    assert "LKD413" in warned(judge(5, look(5, automatic(), phone("dialing")), logged))
    assert "LKD413" not in warned(judge(5, look(5, automatic(), dispatch(), phone("dialing")), logged))
    unnamed = Settings(agent=Agent(name=""))
    assert "LKD413" not in warned(judge(5, look(5, automatic(), phone("dialing")), logged, settings=unnamed))


def test_an_agent_that_does_not_log() -> None:
    placed = row(0.5, "sip_participant_created")
    assert "LKD602" in warned(judge(20, look(20, *HEALTHY), placed))
    assert "LKD602" not in warned(judge(5, look(5, *HEALTHY), placed)), "it may be about to"
    assert "LKD602" not in warned(judge(20, look(20, *HEALTHY), placed, row(2, "agent_connected", "agent")))
    quiet = Settings(agent=Agent(name=AGENT), call_logs=CallLogs(always_logged=()))
    assert "LKD602" not in warned(judge(20, look(20, *HEALTHY), placed, settings=quiet))


def test_agents_in_the_room() -> None:
    second = agent(2, audio(), identity="agent-AJ_2", sid="PA_agent2")
    diagnosis = judge(20, look(20, *HEALTHY, second))
    assert f'2 agents "{AGENT}"' in messages(diagnosis, "LKD410")
    nameless = [agent(1, audio(), name=None), agent(2, name=None, identity="agent-AJ_2", sid="PA_agent2")]
    assert "LKD410" not in warned(judge(20, look(20, dispatch(0, job()), *nameless, phone()))), "two names, or one"
    assert "LKD410" not in warned(judge(20, look(20, *HEALTHY, human())))


def test_an_agent_of_another_name() -> None:
    other = look(20, dispatch(0, job(), name="Other"), agent(1, audio(), name="Other"), phone())
    assert f'"Other", agent.name says "{AGENT}"' in messages(judge(20, other), "LKD102")
    assert judge(20, other).verdict is Verdict.HEALTHY
    team = Settings(agent=Agent(name=AGENT, others=("Other",)))
    assert "LKD102" not in warned(judge(20, other, settings=team))
    old_server = look(20, dispatch(0, job()), agent(1, audio(), name=None), phone())
    assert "LKD102" not in warned(judge(20, old_server))


def test_slow_steps() -> None:
    took = judge(20, look(20, dispatch(0, job(4)), agent(5, audio()), phone()))
    assert "agent connected took 5.0 s (slow after 3 s)" in messages(took, "LKD604")
    still = judge(6, look(6, dispatch(), phone("dialing", 0)))
    assert "job assigned: not there after 6 s (slow after 3 s)" in messages(still, "LKD604")
    assert "LKD604" not in warned(judge(20, look(20, *HEALTHY)))
    assert "LKD604" not in warned(judge(3, look(3, dispatch(), phone("dialing", 0))))


def test_slow_is_not_said_of_what_two_clocks_dated() -> None:
    """The agent's row by its own clock, 5 s ahead; the dispatch by LiveKit's."""
    looks = look(20, dispatch(0, job()), phone())
    assert "agent connected" not in messages(judge(20, looks, row(6, "agent_connected", "agent")), "LKD604")


def test_slow_is_not_said_of_inbound_calls_and_steps_not_used() -> None:
    ringing = look(60, dispatch(0, job()), agent(20, audio()), phone("ringing", rule="SDR_1"))
    assert "LKD604" not in warned(judge(60, ringing))


def test_a_state_that_says_a_failure_is_not_asked_to_be_a_step() -> None:
    failed = row(3, "sip_participant_failed", metadata='{"sip_status_code": 486}')
    diagnosis = rows_only(60, row(0, "call_requested"), row(1, "user_speech", "agent"), failed)
    assert "LKD603" not in warned(diagnosis)
    assert not any("no step" in entry.detail for entry in diagnosis.timeline)


def test_unmapped_states_are_listed_once_each() -> None:
    diagnosis = rows_only(60, row(0, "call_requested"), row(1, "odd"), row(2, "odd"), row(3, "Odd"))
    assert warned(diagnosis).count("LKD603") == 1
    assert 'states "odd", "Odd" are not mapped to a step' in str(diagnosis.warnings)
    assert [entry.event for entry in diagnosis.timeline] == ["call_requested", "odd", "odd", "Odd"]


def test_the_log_table() -> None:
    known = row(0, "call_requested")
    assert "LKD605" in warned(rows_only(9, known, table(9, indexed=False)))  # type: ignore[arg-type]
    for indexed in (True, None):
        assert "LKD605" not in warned(rows_only(9, known, table(9, indexed=indexed)))  # type: ignore[arg-type]
    assert "LKD602" in warned(rows_only(9, known, table(9, row_security=True)))  # type: ignore[arg-type]
    skipped = rows_only(9, known, table(9, skipped_lines=tuple(f"line {n}: no time" for n in range(5))))  # type: ignore[arg-type]
    assert "line 2: no time and 2 more" in messages(skipped, "LKD602")


def test_clocks_of_two_components() -> None:
    late = [row(0, "agent_connected", "agent"), row(5.1, "room_created")]
    assert "LKD005" in warned(rows_only(60, *late))
    assert "LKD005" not in warned(rows_only(60, row(0, "agent_connected", "agent"), row(4.9, "room_created")))
    same = [row(0, "agent_connected", "one"), row(50, "room_created", "one")]
    assert "LKD005" not in warned(rows_only(60, *same)), "one component, one clock"


def test_what_experiments_left_behind() -> None:
    left = LeftBehind(read=read(9, "canary"), what="room livekit-doctor-x", error="timeout")
    assert "livekit-doctor-x" in messages(judge(9, left), "LKD003")


def test_each_warning_is_said_once() -> None:
    twice = (*READ, unread("sip_api", "LKD006"), unread("sip_api", "LKD006"))
    assert warned(judge(9, coverage=twice)).count("LKD006") == 1
    assert SETTINGS.flow.allowances.job_assigned.after == (Step.AGENT_DISPATCHED,)


def test_a_dispatch_under_a_name_that_is_almost_the_agents() -> None:
    """Seen at once, long before its job is overdue."""
    mistyped = dispatch(0, name=AGENT.swapcase())
    diagnosis = judge(4, look(4, mistyped, phone()))
    assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert "LKD102" in warned(diagnosis)
    assert "LKD102" not in warned(judge(4, look(4, dispatch(0), phone())))
    assert "LKD102" not in warned(judge(4, look(4, dispatch(0, name="Back Office 9"), phone())))


def test_an_unknown_call_names_the_one_that_was_probably_meant() -> None:
    recent = RecentCalls(
        read=read(60, "call_logs"), calls=(RecentCall(call_id="5b1f 78", at=at(1), source="agent", state="x"),)
    )
    unknown = judge(60, recent, table(60), subject=Subject(call_id="5b1f-79"))
    assert "livekit-doctor trace '5b1f 78'" in unknown.would_settle[0]
    other = judge(60, rooms(60, the_room()), subject=Subject(room=ROOM.upper()))
    assert any(hint.endswith(f"livekit-doctor trace --room {ROOM}") for hint in other.would_settle)
