"""What came after a fault that is proven by itself: another agent, another dial; and waits where nobody was there."""

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, LogRow
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    ROOM,
    at,
    codes,
    found,
    judge,
    line,
    log_file,
    row,
    rows_only,
    server_line,
    worker_line,
)
from tests.diagnosis.test_against import AGENT as CAME
from tests.diagnosis.test_against import (
    ASKED,
    DIALLED,
    HEARD,
    HERE,
    HUNG_UP,
    JOB,
    LEFT,
    OPENED,
    PICKED_UP,
    TOGETHER,
    TRACK,
    gone,
)
from tests.diagnosis.test_component_logs import NO_WORKER
from tests.diagnosis.test_component_logs import gone as deregistered

DAY = 86400
DISPATCHED = (row(0, "room_created"), row(0.3, "agent_dispatched"))
OTHERS = {"participant": "agent-AJ_Qm7wE2xZ5pLk", "participant_id": "PA_other"}


def without_worker(*more: LogRow | LogLine) -> Diagnosis:
    failed = deregistered(-90), OPENED, NO_WORKER, log_file("server", last=8)
    return judge(900, *failed, *DISPATCHED, row(60, "call_ended"), *more, settings=HERE)


@pytest.mark.parametrize(
    "later",
    [
        *(row(30, state, "voice-agent") for state in ("transcript", "greeting_played", "tool_called")),
        row(9, "agent_redispatched"),
        row(10, "participant_joined", "webhook", metadata='{"identity": "agent-AJ_Qm7wE2xZ5pLk", "kind": "AGENT"}'),
        server_line(50, "error reading data channel", **OTHERS),
    ],
)
def test_a_later_agent_speaks_against_the_fault_of_an_earlier_dispatch(later: LogRow | LogLine) -> None:
    assert found(without_worker()) == [("job_assigned", "LKD101", "proven")]
    assert found(without_worker(later)) == [("job_assigned", "LKD101", "possible")]
    early = replace(later, at=DISPATCHED[0].at)
    assert found(without_worker(early)) == [("job_assigned", "LKD101", "proven")]
    assert found(without_worker(row(30, "agent_crashed", "agent"))) == [("job_assigned", "LKD101", "proven")]


@pytest.mark.parametrize(
    ("state", "metadata", "confidence"),
    [
        *((state, "", "possible") for state in ("redialing", "trunk_failover", "in_call", "call_connected")),
        ("status_callback", '{"CallStatus": "in-progress"}', "possible"),
        ("call_ended", '{"answered_at": "2031-02-03T04:05:20Z"}', "possible"),
        ("call_ended", '{"talk_seconds": 41}', "possible"),
        ("call_ended", '{"talk_seconds": 0, "answered_at": null}', "proven"),
        *(
            (state, "", "proven")
            for state in ("retry_scheduled", "max_attempts_reached", "not_connected", "crm_updated")
        ),
        *((state, "", "proven") for state in ("failover_unavailable", "fallback_sms_sent", "attempt_finished")),
    ],
)
def test_a_row_after_a_refusal_may_tell_of_another_dial(state: str, metadata: str, confidence: str) -> None:
    refused = row(4, "sip_participant_failed", metadata='{"sip_status_code": 486}')
    told = rows_only(DAY, *DISPATCHED, row(1, "agent_connected", "agent"), refused, row(9, state, metadata=metadata))
    assert [(code, sure) for _, code, sure in found(told)] == [("LKD204", confidence)]


def test_a_phone_that_another_node_of_livekit_sip_may_have_dialled() -> None:
    refused = line("sip", 1, "SIP call failed", room=ROOM, call_id="SCL_1", error="INVITE failed: sip status: 503: x")
    lines = log_file("sip"), replace(DIALLED, at=DISPATCHED[0].at), refused
    for made, confidence in ((0.5, "likely"), (5, "possible")):
        rows = (
            *DISPATCHED,
            row(0.4, "agent_connected", "agent"),
            row(made, "sip_participant_created"),
            row(12, "call_ended"),
        )
        assert [sure for *_, sure in found(judge(900, *lines, *rows, settings=HERE))] == [confidence]


# Healthy, but for a wait


def without(*lines: LogLine) -> tuple[LogLine, ...]:
    """The logs of a good call without these."""
    return tuple(one for one in (*TOGETHER, ASKED, HUNG_UP, *LEFT) if one not in lines)  # type: ignore[misc]


def after(seconds: float, one: LogLine, **fields: str) -> LogLine:
    return replace(one, at=at(seconds), number=one.number + 1, fields=one.fields | fields)


def verdict(*lines: LogLine) -> Verdict:
    return judge(900, *lines, settings=HERE).verdict


def test_a_callee_who_heard_nobody_for_longer_than_an_agent_may_take() -> None:
    for seconds, expected in ((27, Verdict.HEALTHY), (29, Verdict.NO_FAULT_SEEN)):
        assert verdict(*without(HEARD), after(seconds, HEARD)) is expected
        assert verdict(*without(HEARD, CAME), after(seconds, CAME), after(seconds + 0.1, HEARD)) is expected


def test_a_callee_who_was_alone_between_two_agents() -> None:
    first = "agent-AJ_first"
    for left, expected in ((35, Verdict.HEALTHY), (25, Verdict.NO_FAULT_SEEN)):
        gone_before = after(1, CAME, participant=first), after(1.1, HEARD, participant=first), gone(left, first)
        assert verdict(*without(CAME, HEARD), *gone_before, after(50, CAME), after(50.1, HEARD)) is expected


def test_a_phone_that_was_lost_and_dialled_again_without_an_answer() -> None:
    again = after(62, DIALLED, call_id="SCL_2")
    assert verdict(*without()) is Verdict.HEALTHY
    assert verdict(*without(), again) is Verdict.NO_FAULT_SEEN
    assert verdict(*without(), after(20, DIALLED, call_id="SCL_2")) is Verdict.HEALTHY, "a further phone"


@pytest.mark.parametrize(("took", "expected"), [(14_900, Verdict.HEALTHY), (30_255, Verdict.NO_FAULT_SEEN)])
def test_an_agent_whose_event_loop_stood_still(took: int, expected: Verdict) -> None:
    assert verdict(*without(), worker_line(45, f'event loop blocked for {took}ms at "db.py", line 3')) is expected


def test_an_agent_that_joined_by_a_token_of_its_own() -> None:
    """Without any dispatch, and of another kind; livekit-sip gave the phone its sound."""
    agent = {"participant": "my-agent", "agent_name": ""}
    lines = without(CAME, HEARD, JOB, ASKED, LEFT[1], TOGETHER[-1])
    closed = server_line(90, "room closed", agent_name="")
    sound = line("sip", 8.1, "track subscribed", kind="audio", **TRACK | agent)
    assert codes(judge(900, *lines, closed, settings=HERE)) == ["LKD401"]
    assert not codes(judge(900, *lines, closed, sound, settings=HERE))


@pytest.mark.parametrize(
    ("reason", "confidence"), [("conversation completed", "possible"), ("room disconnected", "likely")]
)
def test_an_agent_that_shut_itself_down_when_it_was_done(reason: str, confidence: str) -> None:
    left = gone(30, "agent-AJ_uN4vB8sK1rTy")
    done = worker_line(30, "process exiting", reason=reason)
    assert [sure for *_, sure in found(judge(900, *without(LEFT[1]), left, done, settings=HERE))] == [confidence]


@pytest.mark.parametrize(
    "later",
    [
        row(30, "tenant_lookup_done", "agent"),
        row(30, "agent_missing", "agent", metadata='{"expected": "agent-AJ_uN4vB8sK1rTy"}'),
        row(9, "redispatch_skipped"),
    ],
)
def test_what_a_log_of_the_room_would_show_no_row_tells(later: LogRow) -> None:
    """It spans the row, and has no agent."""
    closed = server_line(62, "room closed")
    assert found(without_worker(log_file("server"), later, closed)) == [("job_assigned", "LKD101", "proven")]


def test_an_agent_that_is_sought_in_vain_beside_one_that_came() -> None:
    """Nobody says for which of them the call is: that one recorded it, or made noises, is no conversation."""
    unknown = replace(HERE, agent=replace(HERE.agent, name=None))
    other = after(0.5, NO_WORKER, agent_name="Front Desk 8")
    assert judge(900, *without(), settings=unknown).verdict is Verdict.HEALTHY
    assert judge(900, *without(), other, settings=unknown).verdict is Verdict.NO_FAULT_SEEN
    assert judge(900, *without(), other, settings=HERE).verdict is Verdict.HEALTHY


def test_a_row_of_an_answer_and_a_whole_dial_of_livekit_sip_s_without_one() -> None:
    """It rang out; that its participant publishes while it is dialled was taken for the answer (fact 20)."""
    answered = row(5, "sip_answered"), row(5.5, "agent_audio", "agent"), row(60.5, "call_ended", "agent")
    placed = *DISPATCHED, row(1, "agent_connected", "agent"), row(2, "sip_participant_created"), *answered
    told = judge(900, *without(PICKED_UP, TOGETHER[-1]), *placed, settings=HERE)
    assert told.verdict is Verdict.NO_FAULT_SEEN
    assert any("the whole dial SCL_1" in asks for asks in told.would_settle)
    assert judge(900, *without(), *placed, settings=HERE).verdict is Verdict.HEALTHY
