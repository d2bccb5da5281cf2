"""Whose fact a phone's is: in a room may be a supervisor's, too, the second number of two that were dialled at once, or
the dial of an attempt before. What became of one of these did not become of the call."""

import json
from datetime import timedelta

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogLine, LogRow, Sighting, SipCallResult
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    CALL,
    ROOM,
    agent,
    at,
    audio,
    codes,
    dispatch,
    found,
    job,
    judge,
    line,
    log_file,
    look,
    phone,
    read,
    row,
    rows_only,
    server_line,
    webhook,
    worker_line,
)

DAY = 86_400.0
BUSY = '{"sip_status_code": 486}'
PLACED = [
    row(0, "call_requested"),
    row(0.3, "agent_dispatched"),
    row(0.9, "agent_entrypoint_called", "agent"),
    row(1, "agent_connected", "agent"),
    row(1.2, "sip_participant_created"),
]


def of_callee(seconds: float, event: str, because: str = "", status: str = "dialing") -> Sighting:
    return webhook(seconds, event, phone(status, 1.2, identity="callee"), because)


def of_other(seconds: float, event: str, because: str = "", joined: float = 40) -> Sighting:
    who = phone("dialing", joined, sid="PA_2", identity="other")
    return webhook(seconds, event, replace(who, attributes=who.attributes | {"sip.callID": "SCL_other"}), because)


AGENT = webhook(1, "participant_joined", agent(1))
CAME = of_callee(1.2, "participant_joined")
HUNG_UP = of_callee(90, "participant_left", "CLIENT_INITIATED", "active")


@pytest.mark.parametrize("after", [[HUNG_UP], []], ids=["the callee hung up later", "the callee is there"])
@pytest.mark.parametrize(
    ("came", "left", "reason"), [(40, 45, "USER_REJECTED"), (1.3, 31, "USER_UNAVAILABLE")], ids=["added", "at once"]
)
def test_the_webhook_of_another_phone_that_was_refused(
    came: float, left: float, reason: str, after: list[Sighting]
) -> None:
    other = [of_other(came, "participant_joined", joined=came), of_other(left, "participant_left", reason, came)]
    assert judge(3600, AGENT, CAME, *other, *after).verdict is Verdict.NO_FAULT_SEEN


def test_the_webhook_of_the_only_phone_that_was_refused() -> None:
    for before in ([], [of_callee(31, "participant_left", "USER_UNAVAILABLE")]):
        other = [of_other(40, "participant_joined"), of_other(45, "participant_left", "USER_REJECTED")]
        came = [CAME] if before else []
        assert found(judge(3600, AGENT, *came, *before, *other)) == [("sip_ringing", "LKD204", "likely")]


@pytest.mark.parametrize(("refused_at", "expected"), [(43, []), (53, ["LKD204"])])
def test_a_pasted_error_of_a_request_for_the_phone_whose_webhook_says_that_it_was_refused(
    refused_at: float, expected: list[str]
) -> None:
    """Which is not the callee's, of whom none says that it left."""
    told = (
        of_callee(2, "participant_joined"),
        of_other(40, "participant_joined"),
        of_other(43, "participant_left", "USER_REJECTED"),
    )
    busy = replace(of_worker(refused_at, "evidence ticket.txt"))
    assert codes(judge(3600, *PLACED, *told, busy)) == expected


def spoke(*seconds: float) -> list[LogRow]:
    return [row(when, "user_speech", "agent") for when in seconds]


@pytest.mark.parametrize(
    ("rows", "confidence"),
    [
        ([*spoke(20, 40), row(44, "sip_failed", metadata=BUSY)], ["possible"]),
        ([*spoke(20), row(35, "sip_participant_created"), row(39, "sip_failed", metadata=BUSY)], []),
        ([row(4, "sip_failed", metadata=BUSY)], ["proven"]),
    ],
    ids=["somebody had talked", "and another was dialled", "nobody had talked"],
)
def test_a_refusal_after_somebody_talked(rows: list[LogRow], confidence: list[str]) -> None:
    diagnosis = rows_only(DAY, *PLACED, *rows, row(50, "call_ended"))
    assert found(diagnosis) == [("sip_ringing", "LKD204", each) for each in confidence]
    assert confidence or diagnosis.verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("summary", "confidence"),
    [
        ('{"sip_status_code": 486, "attempts": 2}', "possible"),
        ('{"last_error": "INVITE failed: sip status: 486: Busy Here"}', "possible"),
        ('{"sip_status_code": 603, "attempts": 1}', "proven"),
    ],
)
def test_a_row_of_the_end_that_sums_up_what_came_before(summary: str, confidence: str) -> None:
    """Busy, dialled again: whether it was answered then, nobody says."""
    again = [row(4, "sip_failed", metadata=BUSY), row(12, "sip_participant_created")]
    diagnosis = rows_only(DAY, *PLACED, *again, row(30, "call_ended", metadata=summary))
    assert found(diagnosis) == [("sip_ringing", "LKD204", confidence)]


@pytest.mark.parametrize(
    ("before", "confidence"),
    [(PLACED, "possible"), (PLACED[:2], "proven"), ([*PLACED, row(9, "call_ended")], "proven")],
    ids=["still on the phone", "had not dialled", "over"],
)
def test_an_attempt_whose_phone_is_busy_with_the_one_before(before: list[LogRow], confidence: str) -> None:
    again = [row(10.9, "call_requested"), row(13, "sip_failed", metadata=BUSY), row(70, "call_ended")]
    assert ("sip_ringing", "LKD204", confidence) in found(rows_only(DAY, *before, *again))


# Sound


def sip(seconds: float, message: str, dial: str = "SCL_callee", **fields: str) -> LogLine:
    return line("sip", seconds, message, **{"room": ROOM, "call_id": dial, "participant": dial} | fields)


def timed_out(seconds: float, dial: str = "SCL_callee") -> LogLine:
    return sip(seconds, "Closing outbound call with error", dial, error="media-timeout", reason="media-timeout")


def by_sip(*lines: LogLine, rows: list[LogRow] | None = None) -> Diagnosis:
    begun = [log_file("sip", last=900), sip(1, "Creating SIP participant"), sip(8, "Outbound SIP call established")]
    return judge(3600, *(rows or []), *begun, *lines, subject=Subject(call_id=CALL, room=ROOM))


@pytest.mark.parametrize(
    ("at", "is_initial", "confidence"),
    [(40, "", "likely"), (40, "true", "proven"), (40, "false", None), (32, "", "possible"), (20, "true", "proven")],
)
def test_a_call_in_which_no_sound_ever_came(at: float, is_initial: str, confidence: str | None) -> None:
    """By livekit-sip's own word that it had waited for the first sound, or by how long it did."""
    trigger = [sip(at - 0.1, "triggering media timeout", is_initial=is_initial)] if is_initial else []
    expected = [("sip_answered", "LKD210", confidence)] if confidence else []
    assert found(by_sip(*trigger, timed_out(at))) == expected


@pytest.mark.parametrize(
    ("state", "metadata", "broke"),
    [
        ("conversation_item_added", '{"role": "user", "text": "hello"}', False),
        ("transcript", '{"item": {"speaker": "Customer"}}', False),
        ("transcript", '{"role": "assistant"}', True),
    ],
)
def test_a_transcript_of_somebody_on_the_phone_is_their_sound(state: str, metadata: str, *, broke: bool) -> None:
    rows = [*PLACED, row(8, "sip_answered"), row(20, state, "agent", metadata=metadata)]
    assert codes(by_sip(timed_out(40), rows=rows)) == ["LKD210"] * broke


def test_a_call_whose_sound_broke_off() -> None:
    """livekit-sip waits for the first sound for 30 s only: had none come, it would have ended the call long before."""
    assert not codes(by_sip(timed_out(610)))
    rows = [*PLACED, row(8, "sip_answered"), row(8.5, "agent_audio", "agent"), row(610.5, "call_ended")]
    assert by_sip(timed_out(610), rows=rows).verdict is Verdict.NO_FAULT_SEEN
    assert not codes(by_sip(timed_out(35), rows=[*PLACED, *spoke(15)]))


def test_the_sound_of_a_further_phone() -> None:
    further = [sip(40, "Creating SIP participant", "SCL_2"), sip(46, "Outbound SIP call established", "SCL_2")]
    over = sip(200, "Closing outbound call")
    assert not codes(by_sip(*further, timed_out(77, "SCL_2"), over))
    assert not codes(by_sip(*further, timed_out(77, "SCL_2")))


@pytest.mark.parametrize(("left", "found_codes"), [(39, ["LKD210"]), (610, [])])
def test_a_webhook_that_says_that_media_failed(left: float, found_codes: list[str]) -> None:
    hooks = [AGENT, CAME, of_callee(left, "participant_left", "MEDIA_FAILURE", "active")]
    assert codes(judge(3600, *PLACED, row(8, "sip_answered"), *hooks)) == found_codes


# Whose dial failed, by the logs


def of_server(seconds: float, message: str, who: str = "callee", **fields: str) -> LogLine:
    return server_line(seconds, message, participant=who, agent_name="", **fields)


def hung_up(seconds: float, who: str = "callee", reason: str = "CLIENT_REQUEST_LEAVE", kind: str = "SIP") -> LogLine:
    return of_server(seconds, "participant closing", who, kind=kind, reason=reason)


def refused(seconds: float, who: str = "other", error: str = "INVITE failed: sip status: 486: Busy here") -> LogLine:
    took = {"duration": "4"} if "486" in error else {}
    return of_server(seconds, "API SIP.CreateSIPParticipant", who, service="SIP", status="429", error=error, **took)


def by_server(*lines: LogLine, opened: bool = True) -> Diagnosis:
    of_agent = [of_server(0.5, "participant active", "agent-AJ_1"), of_server(1, "participant active")]
    begun = [of_server(0, "selected node for room", ""), *of_agent] if opened else []
    end = of_server(100, "room closed", "")
    return judge(3600, log_file("server", last=900), *begun, *lines, end, subject=Subject(room=ROOM))


@pytest.mark.parametrize("end", [54.5, 56, 61, 66])
@pytest.mark.parametrize("error", ["INVITE failed: sip status: 486: Busy here", "requested sip trunk does not exist"])
def test_a_further_phone_that_was_refused_shortly_before_the_callee_hung_up(end: float, error: str) -> None:
    """The log has the identity of each: which was refused is known, however soon the other left."""
    assert not codes(by_server(refused(54, error=error), hung_up(end)))
    assert not codes(by_server(refused(54, error=error), hung_up(end), opened=False))


@pytest.mark.parametrize(
    "callee",
    [hung_up(20), hung_up(54.5, reason="USER_UNAVAILABLE"), hung_up(54.5, "other")],
    ids=["had left before", "was never answered", "was the one that was refused"],
)
def test_the_phone_that_was_refused_is_the_calls(callee: LogLine) -> None:
    assert found(by_server(refused(54), callee)) == [("sip_ringing", "LKD204", "proven")]


@pytest.mark.parametrize(("agent_left", "expected"), [(67.5, []), (75, ["LKD204"])], ids=["for a survey", "again"])
def test_what_is_dialled_when_agent_and_phone_had_left(agent_left: float, expected: list[str]) -> None:
    agent_gone = hung_up(agent_left, "agent-AJ_1", kind="AGENT")
    assert codes(by_server(hung_up(67), agent_gone, refused(74))) == expected


def test_another_source_that_tells_of_the_refusal_without_an_identity() -> None:
    tells = [*PLACED, row(54.2, "sip_failed", metadata=BUSY), row(66, "call_ended")]
    lines = [of_server(1, "participant active"), refused(54), hung_up(61)]
    files = log_file("server", last=900), of_server(0, "selected node for room", "")
    assert not codes(judge(3600, *tells, *files, *lines, subject=Subject(call_id=CALL, room=ROOM)))


def accepted(seconds: float, who: str = "callee") -> LogLine:
    return of_server(seconds, "API SIP.CreateSIPParticipant", who, service="SIP", status="200", duration="0.1")


@pytest.mark.parametrize(("lines", "expected"), [([accepted(1)], []), ([], ["LKD204"])], ids=["accepted", "not known"])
def test_an_error_while_the_phone_was_there_that_was_accepted(lines: list[LogLine], expected: list[str]) -> None:
    """CreateSIPParticipant had succeeded for it: the error of another call of that is not its."""
    assert codes(by_server(*lines, of_worker(54, "evidence ticket.txt"), hung_up(61))) == expected


@pytest.mark.parametrize(
    ("lines", "sure"),
    [
        ([accepted(1)], []),
        ([accepted(1), accepted(20, "other")], []),
        ([accepted(1), refused(30, "callee")], ["likely"]),
        ([accepted(1), hung_up(30)], ["proven"]),
        ([], ["proven"]),
    ],
    ids=["another", "it was, too", "which was refused", "which had left", "none"],
)
def test_a_phone_that_was_created_before_by_the_log_of_the_apis_node(lines: list[LogLine], sure: list[str]) -> None:
    """Who was in the room, another node's log says: whether the second is a further phone's, nobody knows."""
    node = log_file("server", last=900), of_server(0, "selected node for room", "")
    failed = refused(54, error="requested sip trunk does not exist")
    told = judge(3600, *node, *lines, failed, of_server(100, "room closed", ""), subject=Subject(room=ROOM))
    assert found(told) == [("sip_participant_created", "LKD201", each) for each in sure]
    assert sure or told.verdict is Verdict.UNKNOWN


def test_a_phone_of_which_the_log_has_not_that_it_was_active() -> None:
    begun = of_server(0, "selected node for room", ""), of_server(0.5, "participant active", "agent-AJ_1")
    lines = (*begun, of_server(1, "starting RTC session"), refused(54), hung_up(61))
    assert by_server(*lines, opened=False).verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize(
    ("state", "expected"), [("consult_failed", Verdict.NO_FAULT_SEEN), ("tool_failed", Verdict.UNKNOWN)]
)
def test_a_pasted_error_that_a_row_of_a_transfer_has_too(state: str, expected: Verdict) -> None:
    words = "max auth retry attempts reached"
    pasted = replace(of_worker(54, "evidence ticket.txt"), message=words, sip_status_code=None)
    told = row(54.2, state, "agent", metadata=json.dumps({"error": f"twirp error unknown: {words}"}))
    judged = judge(3600, *PLACED, told, pasted, row(66, "call_ended"), subject=Subject(call_id=CALL))
    assert judged.verdict is expected


def test_a_pasted_error_that_a_tool_of_the_agents_raised() -> None:
    words = "max auth retry attempts reached"
    pasted = replace(of_worker(54, "evidence ticket.txt"), message=words, sip_status_code=None)
    for message, expected in (("exception occurred while executing tool", []), ("dialling failed", ["LKD208"])):
        raised = replace(worker_line(54.1, message), traceback=f"TwirpError: TwirpError(code=x, message={words})")
        logs = log_file("worker", last=900), raised
        assert codes(judge(3600, *logs, pasted, subject=Subject(room=ROOM))) == expected


@pytest.mark.parametrize(
    ("ends", "room", "confidence"), [(58, ROOM, "likely"), (80, ROOM, "possible"), (58, "", "possible")]
)
def test_what_the_agent_dialled_by_its_log_alone(ends: float, room: str, confidence: str) -> None:
    """Nothing tells of the phone that was dialled after it, or before; without a room it may be any call's."""
    logs = log_file("worker", last=900), worker_line(1, "received job request"), worker_line(ends, "process exiting")
    told = judge(3600, *logs, replace(of_worker(54), room=room), subject=Subject(room=ROOM))
    assert found(told) == [("sip_ringing", "LKD204", confidence)]


def test_a_phone_that_is_still_there() -> None:
    assert not codes(by_server(accepted(1), refused(54, error="requested sip trunk does not exist")))


@pytest.mark.parametrize("over", [78, 200])
def test_no_sound_of_a_further_phone_before_the_callee_hung_up(over: float) -> None:
    further = [sip(40, "Creating SIP participant", "SCL_2"), sip(46, "Outbound SIP call established", "SCL_2")]
    assert not codes(by_sip(*further, timed_out(77, "SCL_2"), sip(over, "Closing outbound call")))


# Who dialled


def of_worker(seconds: float, log: str = "worker_log worker.log") -> SipCallResult:
    source = replace(read(3600, log), clock_at=at(seconds))
    room = ROOM if log.startswith("worker_log") else ""
    return SipCallResult(read=source, room=room, status=429, twirp_code="resource_exhausted", sip_status_code=486)


@pytest.mark.parametrize(
    ("seconds", "rows", "expected"),
    [
        (54, [], []),
        (9, [], [("sip_ringing", "LKD204", "possible")]),
        (5, spoke(20), []),
        (54, [row(53, "sip_participant_created", "agent")], [("sip_ringing", "LKD204", "possible")]),
    ],
    ids=["long after the call's", "soon", "somebody talked later", "the agent itself dials"],
)
def test_what_the_agent_dialled_where_another_component_had(
    seconds: float, rows: list[LogRow], expected: list[tuple[str, str, str]]
) -> None:
    before = PLACED[:-1] if any(one.state == PLACED[-1].state for one in rows) else PLACED
    assert found(judge(3600, *before, *rows, of_worker(seconds), row(90, "call_ended"))) == expected


# Dialled again, after it was answered


def failed(seconds: float, dial: str = "SCL_2") -> LogLine:
    return sip(seconds, "SIP call failed", dial, error="INVITE failed: sip status: 486: Busy here")


def second(who: str = "SCL_callee") -> list[LogLine]:
    """livekit-sip closes a dial that failed, as one that was answered."""
    closed = sip(28.1, "Closing outbound call", "SCL_2", status="486", result="client_error")
    lines = [sip(25, "Creating SIP participant", "SCL_2"), failed(28), closed]
    return [replace(line, fields=line.fields | {"participant": who}) for line in lines]


def after_an_answer(*lines: LogLine, agent_left: float = 29) -> Diagnosis:
    came = [of_server(0.5, "participant active", "agent-AJ_1"), hung_up(agent_left, "agent-AJ_1", kind="AGENT")]
    heard = sip(8.1, "track subscribed", participant="agent-AJ_1")
    files = log_file("server", last=900), *came, of_server(100, "room closed", "")
    return by_sip(heard, *lines, *files)


def over(seconds: float) -> LogLine:
    return sip(seconds, "Closing outbound call")


@pytest.mark.parametrize(
    ("lines", "agent_left", "expected"),
    [
        ([over(20), *second()], 29, ["likely"]),
        ([over(25.1), *second()], 29, ["likely"]),
        ([over(20), *second("other")], 29, ["possible"]),
        ([over(20), *second("other")], 21, []),
        ([over(25.1), *second("other")], 29, []),
        ([over(60), *second("other")], 61, []),
    ],
    ids=["it broke off", "it had to leave for it", "of somebody else", "for a survey", "was there", "a further phone"],
)
def test_a_dial_that_failed_after_another_was_answered(
    lines: list[LogLine], agent_left: float, expected: list[str]
) -> None:
    diagnosis = after_an_answer(*lines, agent_left=agent_left)
    assert found(diagnosis) == [("sip_ringing", "LKD204", each) for each in expected]
    assert (
        not expected
        or diagnosis.broken[0].because[1].text == "an earlier dial was answered, and had ended before this one"
    )


@pytest.mark.parametrize(
    ("lines", "who", "expected"),
    [
        ([hung_up(20, "SCL_callee")], "SCL_callee", ["likely"]),
        ([hung_up(20, "SCL_callee")], "other", ["possible"]),
        ([hung_up(60, "SCL_callee")], "other", []),
        ([hung_up(6, "SCL_callee"), of_server(7, "participant active", "SCL_callee")], "other", []),
    ],
    ids=["again", "of somebody else", "a further phone", "a further phone, and the callee's was dialled twice before"],
)
def test_a_request_that_failed_after_a_phone_was_answered(lines: list[LogLine], who: str, expected: list[str]) -> None:
    """livekit-sip, of which every node was full, never heard of it."""
    came = of_server(1, "participant active", "SCL_callee")
    told = after_an_answer(came, *lines, refused(25, who, "cpu exhausted"), agent_left=61)
    assert found(told) == [("sip_participant_created", "LKD203", each) for each in expected]


# What failed, a row does not say


@pytest.mark.parametrize(
    ("error", "rows", "expected"),
    [
        ("no response from servers", [row(1.2, "sip_participant_created")], []),
        ("no response from servers", [row(4, "call_ended")], []),
        ("no response from servers", [], ["LKD203"]),
        ("max auth retry attempts reached", [row(1.2, "sip_participant_created")], ["LKD208"]),
        ("max auth retry attempts reached", [row(1.2, "sip_participant_created"), row(4, "call_ended")], []),
    ],
    ids=["a phone was made", "the call had ended", "no phone was made", "the phone's", "over"],
)
@pytest.mark.parametrize("state", ["error", "livekit_error"])
def test_a_row_that_does_not_say_what_failed(state: str, error: str, rows: list[LogRow], expected: list[str]) -> None:
    """It may be any request's, as ListDispatch's for a closed room."""
    failed = row(9, state, metadata=f'{{"error": "{error}"}}')
    assert codes(rows_only(DAY, *PLACED[:-1], *rows, failed)) == expected
    named = replace(failed, state="sip_participant_failed")
    assert codes(rows_only(DAY, *PLACED[:-1], named)), "it says so"


@pytest.mark.parametrize(
    ("state", "seconds", "expected"),
    [
        ("consult_failed", 9, []),
        ("add_participant_failed", 42, [("sip_ringing", "LKD204", "possible")]),
        ("add_participant_failed", 9, [("sip_ringing", "LKD204", "possible")]),
        ("dial_failed", 54, [("sip_ringing", "LKD204", "possible")]),
        ("dial_failed", 70, [("sip_ringing", "LKD204", "possible")]),
    ],
    ids=["of another phone", "late", "soon", "late, and the call went on", "at the end"],
)
def test_a_further_phone_that_the_edge_dialled(state: str, seconds: float, expected: list[object]) -> None:
    """A request that failed is not the one that succeeded before; a status alone may be seen of that phone."""
    busy = '{"error": "INVITE failed: sip status: 486: Busy here"}'
    rows = [*PLACED, row(seconds, state, metadata=busy), row(90, "call_ended")]
    assert found(rows_only(DAY, *rows if seconds > 9 else rows[:-1])) == expected
    if seconds == 70:
        seen = replace(rows[-2], metadata='{"sip_status_code": 486}')
        assert found(rows_only(DAY, *PLACED, seen, rows[-1])) == [("sip_ringing", "LKD204", "proven")]


def test_of_two_phones_the_one_that_is_still_there_is_the_calls() -> None:
    """The second was dialled by an edge function that was called twice, and was busy with the first."""
    first, second = phone("ringing", joined=1), phone("dialing", joined=8, sid="PA_2", identity="callee-2")
    told = judge(
        20, look(10, dispatch(0, job()), agent(2), first, second), look(20, dispatch(0, job()), agent(2), first)
    )
    assert told.verdict is Verdict.IN_PROGRESS


def test_a_phone_that_was_given_the_agent_to_hear_had_answered() -> None:
    """Of lines that a person picked: its answer is not among them."""
    heard = sip(11.8, "track subscribed", participant="agent-AJ_1", kind="audio")
    lines = [
        heard,
        sip(13.4, "Creating SIP participant", "SCL_2"),
        failed(14.1),
        sip(24.5, "SIP call ended", reason="hangup"),
    ]
    picked = [replace(line, read=read(3600, "evidence sip.txt")) for line in lines]
    assert codes(judge(3600, *picked, subject=Subject(room=ROOM))) == []


@pytest.mark.parametrize(
    "seen", [look(20, dispatch(0, job()), phone("ringing", joined=4)), (of_server(4, "starting RTC session"),)]
)
def test_a_pasted_error_long_after_a_phone_was_seen(seen: tuple[LogLine, ...]) -> None:
    """That it does not exist, CreateSIPParticipant says at once: it is of another dial, and of which, nobody knows."""
    words = "requested sip trunk does not exist"
    refused_later = replace(of_worker(37, "evidence ticket.txt"), message=words, status=404, sip_status_code=None)
    logged = log_file("server", last=30), of_server(0, "selected node for room", "")
    for placed, expected in ((seen, []), ((), ["LKD201"])):
        told = judge(3600, *logged, *placed, refused_later, subject=Subject(room=ROOM))
        assert [code for code in codes(told) if code.startswith("LKD2")] == expected


def test_a_phone_that_was_refused_before_does_not_make_the_next_one_a_survey() -> None:
    """Phone and agent had left: but nobody had answered."""
    node = log_file("server", last=900), of_server(0, "selected node for room", "")
    came = of_server(1, "participant active", "agent-AJ_1"), of_server(7, "starting RTC session")
    left = hung_up(14), hung_up(15, "agent-AJ_1", kind="AGENT")
    again = refused(26, "callee", "sip not connected (redis required)")
    by_request = refused(13.9, "callee", "dial tcp 192.0.2.1:5060: connect: connection refused")
    for before, expected in (((), []), ((failed(13.9, "SCL_callee"),), ["LKD203"]), ((by_request,), ["LKD203"])):
        told = judge(900, *node, *came, *left, *before, again, subject=Subject(room=ROOM))
        assert [code for code in codes(told) if code.startswith("LKD2")] == expected
    before_it = hung_up(6, "agent-AJ_1", kind="AGENT")
    told = judge(900, *node, *came, left[0], before_it, again, subject=Subject(room=ROOM))
    assert "LKD203" in codes(told), "the agent had gone before the phone came"


@pytest.mark.parametrize(
    ("seen", "sure"),
    [
        ((), "likely"),
        ((of_server(30, "error reading data channel", "sip_1"),), "possible"),
        ((of_server(30, "error reading data channel", "agent-AJ_1"),), "likely"),
        ((hung_up(30),), "possible"),
    ],
)
def test_a_pasted_error_without_a_time_where_a_phone_was_there(seen: tuple[LogLine, ...], sure: str) -> None:
    """The server's log has a part of the call, or its warnings alone: of which dial the error is, nobody knows."""
    busy = of_worker(0, "evidence ticket.txt")
    undated = replace(busy, read=replace(busy.read, clock_at=None))
    told = judge(3600, log_file("server", first=20, last=60), *seen, undated, subject=Subject(room=ROOM))
    assert found(told) == [("sip_ringing", "LKD204", sure)]


@pytest.mark.parametrize("who", ["callee", "colleague"])
def test_a_request_that_failed_where_somebody_was_there_later(who: str) -> None:
    """As a colleague's, whom a tool called, or who was dialled again: the server's log, of which a person picked some
    lines, names both."""
    no_sip = refused(81, "colleague", "no response from servers")
    for seconds, expected in ((145, []), (60, [("sip_participant_created", "LKD203", "likely")])):
        lines = no_sip, of_server(seconds, "error reading data channel", who)
        picked = [replace(line, read=read(3600, "evidence server.txt")) for line in lines]
        assert found(judge(3600, *picked, subject=Subject(room=ROOM))) == expected


def test_pasted_errors_without_a_time_where_a_look_shows_the_phone_on_the_line() -> None:
    """Of which dials they are, nobody knows; that they were read after the look says nothing of when they were."""
    seen = look(20, dispatch(0, job()), agent(2, audio()), phone("active", joined=4)), look(25, dispatch(0, job()))
    undated = [
        replace(error, read=replace(error.read, clock_at=None), message=words)
        for error, words in (
            (of_worker(0, "evidence one.txt"), "dial tcp: connection refused"),
            (of_worker(0, "evidence two.txt"), "INVITE failed: sip status: 480"),
        )
    ]
    told = judge(60, *seen[0], *seen[1], *undated, subject=Subject(room=ROOM))
    assert (told.verdict, codes(told)) == (Verdict.NO_FAULT_SEEN, [])


def test_a_pasted_refusal_after_two_phones_and_no_row() -> None:
    """Both were seen by looks: which of them was refused, nobody knows."""
    phones = phone("ringing", joined=1), phone("ringing", joined=10, sid="PA_2", identity="callee-2")
    seen = look(12, dispatch(0, job()), agent(2), *phones)
    told = judge(3600, *seen, of_worker(30, "evidence ticket.txt"), subject=Subject(room=ROOM))
    assert told.verdict is not Verdict.HEALTHY


def test_a_phone_that_nobody_answered_does_not_make_the_next_one_a_survey_by_a_webhook() -> None:
    node = log_file("server", last=900), of_server(0, "selected node for room", "")
    came = of_server(1, "participant active", "agent-AJ_1"), of_server(7, "starting RTC session")
    left = hung_up(14), hung_up(13, "agent-AJ_1", kind="AGENT")
    again = refused(26, "callee", "sip not connected (redis required)")
    rang_out = webhook(14, "participant_left", phone("ringing", joined=7, identity="callee"), "USER_UNAVAILABLE")
    for before, expected in (((), []), ((rang_out,), ["LKD203"])):
        told = judge(900, *node, *came, *left, *before, again, subject=Subject(room=ROOM))
        assert [code for code in codes(told) if code.startswith("LKD2")] == expected


@pytest.mark.parametrize(
    ("status", "seconds", "verdict"),
    [
        ("dialing", 82, Verdict.NO_FAULT_SEEN),
        ("ringing", 200, Verdict.NO_FAULT_SEEN),
        ("dialing", 12, Verdict.HEALTHY),
        ("ringing", 12, Verdict.HEALTHY),
        ("active", 150, Verdict.HEALTHY),
        ("hangup", 150, Verdict.HEALTHY),
    ],
)
def test_a_phone_that_was_dialled_beside_one_that_answered(status: str, seconds: float, verdict: Verdict) -> None:
    """It may be the callee's, and the first a colleague's; it may as well be one that is consulted."""
    heard = dispatch(0, job()), agent(1, audio()), phone("active", 1.2, identity="supervisor")
    told = judge(seconds, look(seconds, *heard, phone(status, 2, sid="PA_2", identity="callee")))
    assert told.verdict is verdict


def test_a_phone_that_waits_since_before_the_one_that_answered() -> None:
    """It was given up for the next number."""
    inside = dispatch(0, job()), agent(1, audio()), phone("active", 30, sid="PA_2"), phone("dialing", 1.2)
    assert judge(120, look(120, *inside)).verdict is Verdict.HEALTHY


@pytest.mark.parametrize(
    ("who", "rows", "asked"),
    [("supervisor", (), True), ("callee", (), False), ("supervisor", [row(20, "transfer_completed")], False)],
)
def test_a_session_that_closed_with_another_than_who_stayed(who: str, rows: list[LogRow], asked: bool) -> None:
    """It listens to the first that came, as to a colleague who is called before the callee."""
    logs = log_file("server", last=900), log_file("sip", last=900), log_file("worker", last=900)
    phones = [
        line("sip", seconds, words, room=ROOM, call_id=f"SCL_{name}", participant=name)
        for name, answered, left in (("supervisor", 5, 25), ("callee", 18, 50))
        for seconds, words in ((answered, "Outbound SIP call established"), (left, "SIP call ended"))
    ]
    words = "closing agent session due to participant disconnect"
    over = worker_line(25 if who == "supervisor" else 50, words, participant=who)
    told = judge(900, *logs, *phones, over, rows)
    assert told.verdict is not Verdict.HEALTHY
    assert any("the agent's session ended" in settles for settles in told.would_settle) is asked


@pytest.mark.parametrize(("ended", "asked"), [(30, True), (49, False)])
def test_a_session_that_ended_long_before_the_phone_left(ended: float, asked: bool) -> None:
    """As a span tells it, or a row, which does not say why."""
    logs = log_file("sip", last=900), log_file("worker", last=900)
    phone_was_there = [
        line("sip", seconds, words, room=ROOM, call_id="SCL_1", participant="callee")
        for seconds, words in ((5, "Outbound SIP call established"), (50, "SIP call ended"))
    ]
    for over in (worker_line(ended, "agent session ended"), row(ended, "agent_session_closed", "agent")):
        told = judge(900, *logs, *phone_was_there, over)
        assert any("the agent's session ended" in settles for settles in told.would_settle) is asked


@pytest.mark.parametrize(("who", "sure"), [("callee", []), ("colleague", ["likely"])])
def test_a_phone_of_which_livekit_sip_tells_that_it_had_come_before(who: str, sure: list[str]) -> None:
    """Of lines that a person picked: its answer is not among them, and nothing says that it failed."""
    came = line("sip", 0.2, "SIP participant joined room", room=ROOM, call_id="SCL_1", participant=who)
    refused_later = failed(45.7, "SCL_2")
    refused_later = replace(refused_later, fields=refused_later.fields | {"participant": "colleague"})
    picked = [replace(one, read=read(3600, "evidence sip.txt")) for one in (came, refused_later)]
    told = [one for one in found(judge(3600, *picked, subject=Subject(room=ROOM))) if one[1] == "LKD204"]
    assert [confidence for _, _, confidence in told] == sure


# What began before the log, or is dated by no zone


def test_the_media_timeout_of_a_further_phone_in_a_log_that_begins_in_mid_call() -> None:
    """The callee's call ends in order in that log, and does not begin there."""
    consulted = (
        sip(20, "Creating SIP participant", "SCL_2", participant="colleague"),
        sip(24, "Outbound SIP call established", "SCL_2", participant="colleague"),
        sip(54.5, "triggering media timeout", "SCL_2", participant="colleague", is_initial="true"),
        sip(54.6, "Closing outbound call with error", "SCL_2", participant="colleague", reason="media-timeout"),
    )
    over = sip(60, "Closing outbound call", participant="callee", reason="hangup")
    log = log_file("sip", first=10)
    assert codes(judge(900, log, *consulted, over, subject=Subject(room=ROOM))) == []
    assert codes(judge(900, log, *consulted, subject=Subject(room=ROOM))) == ["LKD210"]


@pytest.mark.parametrize("hours", [0, 5.5])
def test_a_goodbye_where_the_log_of_the_answer_has_no_zone(hours: float) -> None:
    """By its local time the phone would seem to have been answered after the agent left."""
    told = of_server(1, "participant active", "agent-AJ_1"), of_server(2.2, "participant active")
    left = hung_up(55, "agent-AJ_1", kind="AGENT"), hung_up(59.1), of_server(79, "room closed", "")
    local = timedelta(hours=hours)
    phone_leg = sip(8, "Outbound SIP call established"), sip(59, "Closing outbound call", reason="hangup")
    moved = [replace(one, zoned=False, at=one.at + local) for one in phone_leg if one.at]
    logs = log_file("server"), of_server(0, "selected node for room", ""), log_file("sip")
    assert codes(judge(900, *logs, *told, *left, *moved, subject=Subject(room=ROOM))) == []


@pytest.mark.parametrize(("left", "verdict"), [(60, Verdict.HEALTHY), (35.7, Verdict.NO_FAULT_SEEN)])
def test_a_phone_that_left_when_livekit_sip_would_have_ended_a_call_without_sound(
    left: float, verdict: Verdict
) -> None:
    """Of itself, 28 s after the answer: that a row tells of the end does not say who ended it."""
    rows = row(0, "call_requested"), row(0.3, "agent_dispatched"), row(8, "sip_answered"), row(left + 20, "call_ended")
    came = of_server(1, "participant active", "agent-AJ_1"), of_server(2.2, "participant active")
    heard = of_server(1.1, "mediaTrack published", "agent-AJ_1", kind="audio"), of_server(2.3, "mediaTrack published")
    ends = hung_up(left), hung_up(left + 0.4, "agent-AJ_1", kind="AGENT"), of_server(left + 20, "room closed", "")
    logs = log_file("server"), of_server(0, "selected node for room", "")
    assert judge(900, *rows, *logs, *came, *heard, *ends).verdict is verdict


@pytest.mark.parametrize("status", ["dialing", "ringing"])
def test_looks_at_a_phone_that_was_dialled_when_the_one_that_answered_had_left(status: str) -> None:
    """As of a list of numbers: that nobody answered it is not shown to be well, whether it is there still or gone."""
    sent, who, first = dispatch(0, job()), agent(1, audio()), phone("active", 2)
    second = phone(status, 70, identity="sip_2", sid="PA_second")
    met = *look(40, sent, who, first), *look(60, sent, who), *look(78, sent, who, second)
    for rest in ((), look(100, sent, who)):
        told = judge(100 if rest else 78, *met, *rest)
        assert told.verdict is Verdict.NO_FAULT_SEEN
        assert any("whether the callee was reached again" in asks for asks in told.would_settle)


@pytest.mark.parametrize(
    ("reason", "left", "expected"),
    [
        ("USER_REJECTED", 6.2, [("sip_ringing", "LKD204", "likely")]),
        ("USER_UNAVAILABLE", 34, [("sip_answered", "LKD206", "possible")]),
        ("CLIENT_REQUEST_LEAVE", 6.2, []),
    ],
)
def test_why_the_phone_left_by_the_log_of_the_server(reason: str, left: float, expected: list[object]) -> None:
    """In livekit-sip's words, which the server takes over (its source, the handler of a leave request): as a webhook
    has them. CreateSIPParticipant had not waited for the answer."""
    node = log_file("server", last=900), of_server(0, "selected node for room", "")
    came = of_server(1, "participant active", "agent-AJ_1"), of_server(2.2, "participant active")
    told = *node, *came, accepted(2.3), hung_up(left, reason=reason), hung_up(left + 20, "agent-AJ_1", kind="AGENT")
    assert found(judge(900, *told, subject=Subject(room=ROOM))) == expected
    answered = sip(5, "Outbound SIP call established", participant="callee"), log_file("sip")
    assert codes(judge(900, *told, *answered, subject=Subject(room=ROOM))) == []


@pytest.mark.parametrize(
    "words", ["lookup sip.example.com: no such host", "dial tcp 192.0.2.1:5060: connection refused"]
)
def test_a_row_with_the_error_that_livekit_sip_has_makes_it_no_less_sure(words: str) -> None:
    failed_ = sip(2.5, "SIP invite failed", error=f"INVITE failed: {words}")
    log = log_file("sip"), sip(2, "Creating SIP participant"), failed_
    failed_row = row(
        2.8, "sip_participant_failed", metadata=json.dumps({"error": f"twirp error unknown: INVITE failed: {words}"})
    )
    assert [one[1:] for one in found(judge(900, *PLACED, *log))] == [("LKD209", "likely")]
    assert [one[1:] for one in found(judge(900, *PLACED, *log, failed_row))] == [("LKD209", "proven")]
    assert [one[1:] for one in found(judge(900, *PLACED, failed_row))] == [("LKD209", "possible")]
