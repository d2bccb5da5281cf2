"""The phone's leg where the answer to the attempt to dial is known: the server's words, from the recordings."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.catalogue.sip_statuses import registered, sip_status
from livekit_doctor.diagnosis import carrier
from livekit_doctor.diagnosis.answer_sources import CarrierAnswer
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.dial_errors import Kind, kind_of, own_words, sip_status_in
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Observation, Sighting, SipCallResult
from livekit_doctor.flow import LEGS, Confidence, Leg, Status, Step, Verdict
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    ROOM,
    agent,
    at,
    audio,
    because,
    broken,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    look,
    phone,
    read,
    row,
    rows_only,
    status,
)
from tests.recordings import dialled

SERVED = (dispatch(0, job()), agent(1, audio()))
TIMED_OUT = "ringing-unanswered-wait"


def at_status(t: float, *states: str) -> tuple[Observation, ...]:
    """A look at a call whose agent is there, and whose phone is or is not."""
    return look(t, *SERVED, *(phone(state, joined=0.5) for state in states))


def answer(t: float, status: int = 0, code: str = "", message: str = "", **values: Any) -> SipCallResult:
    """What CreateSIPParticipant answered at `t`, half a second after it was sent."""
    known: dict[str, Any] = {
        "read": read(t, "CreateSIPParticipant"),
        "room": ROOM,
        "trunk_id": "ST_5Gh8Jk1L",
        "number": "+15555550123",
        "took": 0.5,
        "status": status,
        "twirp_code": code,
        "message": message,
    }
    return SipCallResult(**(known | values))


def recorded(t: float, name: str, **values: Any) -> SipCallResult:
    """The answer of a recording."""
    exchange = dialled(name)
    meta = exchange.response.get("meta", {})
    known = {
        "sip_status_code": int(meta["sip_status_code"]) if meta else None,
        "sip_status": meta.get("sip_status", ""),
        "took": exchange.took,
        "ringing_timeout": 5.0,
    }
    told = exchange.response
    return answer(t, exchange.status, told.get("code", ""), told.get("msg", ""), **(known | values))


def refused(t: float, code: int, **values: Any) -> SipCallResult:
    """A refusal with this SIP status, in the form of the recordings."""
    known = sip_status(code)
    message = f"twirp error unknown: INVITE failed: sip status: {code}: {known.name}"
    return answer(t, known.http, known.twirp, message, sip_status_code=code, sip_status=known.name, **values)


def error(t: float, status: int, code: str, message: str, **values: Any) -> SipCallResult:
    """An error without a SIP status."""
    return answer(t, status, code, f"twirp error unknown: {message}", **values)


def phone_leg(diagnosis: Diagnosis) -> tuple[str, str, str] | None:
    """Step, code and confidence of the phone's break."""
    return next(((b.step.value, b.code, b.confidence.value) for b in diagnosis.broken if b.leg is Leg.PHONE), None)


# LKD204


@pytest.mark.parametrize(
    ("name", "code", "http"),
    [("rejected-403-wait", 403, 403), ("rejected-404-wait", 404, 404), ("rejected-486-wait", 486, 429)],
)
def test_the_carriers_refusal_is_known_by_its_sip_status(name: str, code: int, http: int) -> None:
    result = recorded(10, name)
    assert result.status == http == sip_status(code).http, "the recording shows how the server maps it"
    diagnosis = judge(10, at_status(10), result)
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", "proven")
    item = broken(diagnosis, "LKD204")
    assert item.candidates == ()
    assert item.values["sip_status"] == str(code)
    assert item.values["trunk_id"] == "ST_5Gh8Jk1L"
    for meaning in sip_status(code).meanings:
        assert meaning.means in because(diagnosis, "LKD204")
    assert status(diagnosis, Step.SIP_DIALING) is Status.OK


def test_a_pasted_error_without_meta_names_the_status_in_its_text() -> None:
    pasted = answer(10, 0, "invalid_argument", "INVITE failed: sip status: 400 (BAD_REQUEST)", room="")
    assert phone_leg(judge(10, at_status(10), pasted)) == ("sip_ringing", "LKD204", "proven")


@given(code=st.sampled_from(registered()), rang=st.booleans())
def test_every_registered_status(code: int, rang: bool) -> None:
    looks = at_status(9, "ringing" if rang else "dialing")
    expected = "LKD208" if code in (401, 407) else "LKD204"
    step = "sip_answered" if rang else "sip_ringing"
    assert phone_leg(judge(10, looks, refused(10, code), at_status(10))) == (step, expected, "proven")


@given(code=st.integers(300, 699))
def test_a_status_that_is_not_registered_is_a_refusal_too(code: int) -> None:
    diagnosis = judge(10, at_status(10), refused(10, code))
    assert codes(diagnosis) in (["LKD204"], ["LKD208"])


@pytest.mark.parametrize(("code", "took", "sure"), [(480, 31, "likely"), (480, 4, "proven"), (486, 31, "proven")])
def test_a_status_that_may_say_that_nobody_picked_up(code: int, took: float, sure: str) -> None:
    """Where it came only when a phone had rung for long enough."""
    diagnosis = judge(40, at_status(8), refused(40, code, took=took), at_status(40))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", sure)
    assert broken(diagnosis, "LKD204").candidates == (("LKD206",) if sure == "likely" else ())


def test_refused_after_it_rang() -> None:
    diagnosis = judge(12, at_status(10, "ringing"), refused(12, 603), at_status(12))
    assert phone_leg(diagnosis) == ("sip_answered", "LKD204", "proven")
    assert status(diagnosis, Step.SIP_RINGING) is Status.OK


def test_a_refusal_is_of_its_own_room_only() -> None:
    assert not codes(judge(10, at_status(10), refused(10, 486, room="another")))


def test_an_answered_call_was_not_refused() -> None:
    """The first attempt was refused; the second is dialling, then answered."""
    second = phone("ringing", joined=12, sid="PA_2", identity="sip_2")
    assert judge(13, refused(10, 486), look(13, *SERVED, second)).verdict is Verdict.IN_PROGRESS
    answered = phone("active", joined=12, sid="PA_2", identity="sip_2")
    assert judge(14, refused(10, 486), look(14, *SERVED, answered)).verdict is Verdict.HEALTHY
    assert judge(14, refused(10, 486), answer(14, 200), at_status(14, "active")).verdict is Verdict.HEALTHY


def test_the_last_refusal_counts() -> None:
    diagnosis = judge(14, refused(10, 486), refused(13, 404), at_status(14))
    assert broken(diagnosis, "LKD204").values["sip_status"] == "404"
    diagnosis = judge(14, refused(10, 407), refused(13, 404), at_status(14))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", "likely"), "two attempts that contradict each other"
    assert broken(diagnosis, "LKD204").candidates == ("LKD208",)


ENDINGS = (
    "rejected-403-wait",
    "rejected-404-wait",
    "rejected-486-wait",
    "unknown-trunk",
    "no-response-wait",
    "answered-wait",
)


@given(endings=st.lists(st.sampled_from(ENDINGS), min_size=1, max_size=3), rang=st.booleans(), data=st.data())
def test_a_further_reading_never_swaps_one_proven_code_for_another(
    endings: list[str], rang: bool, data: st.DataObject
) -> None:
    """Whatever is left out of a call that was watched closely."""
    items: list[Observation] = []
    for number, name in enumerate(endings):
        start = 10 + 6 * number
        states = ["dialing"] * 8 + (["ringing"] if rang else ["dialing"]) * 8
        for step, state in enumerate(states):
            items += look(start + step * 0.3, *SERVED, phone(state, joined=start, sid=f"PA_{number}"))
        items += [recorded(start + 5, name), *at_status(start + 5.1)]
    more = [item for item in items if data.draw(st.integers(0, 9)) < 8]
    less = [item for item in more if data.draw(st.booleans())]
    before, after = (judge(40, each) for each in (less, more))
    proven = [{b.leg: b.code for b in one.broken if b.confidence is Confidence.PROVEN} for one in (before, after)]
    for leg in proven[0].keys() & proven[1].keys():
        assert proven[0][leg] == proven[1][leg]


def test_inbound_calls_are_not_dialled() -> None:
    inbound = look(10, *SERVED, phone("ringing", 0, rule="SDR_1"))
    assert not codes(judge(10, inbound, refused(10, 486)))


def test_the_same_fact_from_another_source(monkeypatch: pytest.MonkeyPatch) -> None:
    """A log, say, by a clock of its own: it dates no step, and is not of a phone that is on the line."""

    def log(_: object) -> list[CarrierAnswer]:
        line = Because(source="livekit-sip log", at=at(-3000), text="INVITE failed: sip status: 486: Busy Here")
        return [CarrierAnswer(kind=kind_of(line.text), because=line, at=at(-3000), sip_status=sip_status_in(line.text))]

    monkeypatch.setattr(carrier, "SOURCES", [*carrier.SOURCES, log])
    diagnosis = judge(10, at_status(10))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", "likely")
    assert "livekit-sip log" in {item.source for item in broken(diagnosis, "LKD204").because}
    assert {result.step: result.at for result in diagnosis.steps}[Step.SIP_DIALING] is None
    assert not codes(judge(10, at_status(10, "ringing")))


@pytest.mark.parametrize(
    "metadata",
    [
        '{"error": "TwirpError(code=resource_exhausted, message=INVITE failed: sip status: 486: Busy Here)"}',
        '{"error": {"status": 429, "metadata": {"sip_status": "Busy Here", "sip_status_code": "486"}}}',
        '{"sipStatusCode": 486}',
    ],
)
def test_the_error_that_the_edge_function_logged(metadata: str) -> None:
    """Known from the rows alone, long after the room has closed."""
    rows = (row(0, "room_created"), row(1, "agent_dispatched"), row(2, "sip_failed", metadata=metadata))
    diagnosis = rows_only(900, *rows)
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", "proven")
    assert broken(diagnosis, "LKD204").values["sip_status"] == "486"
    assert phone_leg(rows_only(900, *rows, row(9, "answered"))) is None


@pytest.mark.parametrize("metadata", ["", '{"status": 404}', '{"sip_status_code": 200}', '{"error": "no credit"}'])
def test_a_row_without_a_sip_status_is_no_refusal(metadata: str) -> None:
    assert phone_leg(rows_only(900, row(0, "room_created"), row(2, "sip_failed", metadata=metadata))) is None


def test_words_of_a_row_that_other_programs_say_too() -> None:
    unreachable = row(2, "sip_failed", metadata='{"error": "no such host"}')
    assert phone_leg(rows_only(900, row(0, "room_created"), unreachable)) == ("sip_ringing", "LKD209", "possible")


def test_what_the_last_of_several_attempts_was_answered() -> None:
    """The rows tell of a second attempt, which failed for another reason."""
    first = row(2, "sip_failed", metadata='{"error": "requested sip trunk does not exist"}')
    assert phone_leg(rows_only(900, row(0, "room_created"), first)) == (
        "sip_participant_created",
        "LKD201",
        "proven",
    )
    later = row(90, "sip_failed", metadata='{"error": "twirp error unknown: sip request timed out"}')
    assert phone_leg(rows_only(900, row(0, "room_created"), first, later)) == ("sip_ringing", "LKD205", "possible")


JOINED = (row(0, "room_created"), row(0.2, "agent_dispatched"), row(1, "agent_connected", "agent"))
CREATED = row(2, "sip_participant_created")
BUSY = '{"sip_status_code": 486}'


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        ("sip_call_failed", BUSY),
        ("busy", BUSY),
        ("call_ended", BUSY),
        ("dialFailed", '{"response": {"body": "{\\"meta\\": {\\"sip_status_code\\": \\"486\\"}}"}}'),
        ("dial_result", '{"error": {"code": "resource_exhausted", "meta": {"sip_status_code": "486"}}}'),
        ("dial_result", '{"message": "INVITE failed: sip status: 486: Busy Here"}'),
        ("dial_result", "SipCallError: SIP call failed: 486 Busy Here (resource_exhausted)"),
        (
            "sip_call_failed",
            '{"sip_status_code": 486, "primary_error": "sip status: 503", "transfer": {"sip_status_code": 603}}',
        ),
    ],
)
def test_a_row_that_tells_of_its_own_refusal(state: str, metadata: str) -> None:
    diagnosis = rows_only(900, *JOINED, row(6, state, metadata=metadata))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD204", "proven")
    assert broken(diagnosis, "LKD204").values["sip_status"] == "486"


@pytest.mark.parametrize(
    ("state", "metadata", "outcome"),
    [
        ("sip_participant_created", '{"error": {"sip_status_code": 486}}', [("sip_ringing", "LKD204", "possible")]),
        ("sip_participant_created", '{"primary_error": "sip status: 486"}', []),
        ("sip_participant_created", '{"errorPrimary": "sip status: 486"}', []),
        ("call_ended", '{"status": "completed", "last_error": "sip status: 486"}', []),
        ("call_ended", '{"status": "failed", "last_error": "sip status: 486"}', [("sip_ringing", "LKD204", "proven")]),
    ],
)
def test_an_error_in_a_row_that_tells_of_success(
    state: str, metadata: str, outcome: list[tuple[str, str, str]]
) -> None:
    """It is that of an attempt before: of the trunk that was tried first."""
    assert found(rows_only(900, *JOINED, row(6, state, metadata=metadata))) == outcome


@pytest.mark.parametrize(
    ("state", "metadata"),
    [
        ("transfer_failed", BUSY),
        ("call_transfer_failed", '{"error": "SIP transfer failed: 486, sip status: 486"}'),
        ("call_ended", '{"transfer": {"sip_status_code": 486}}'),
        ("call_ended", '{"last_transfer": "INVITE failed: sip status: 486"}'),
        ("call_ended", "the transfer failed: sip status: 486"),
        ("sip_participant_created", '{"redial_if": {"sip_status_code": 486}}'),
        ("sip_participant_created", "{'redial_if': {'sip_status_code': 486}}"),
        ("sip_participant_created", '{"attempts": [{"sip_status_code": 503}, {"sip_status_code": 200}]}'),
        ("sip_participant_created", '{"error": {"previous": {"sip_status_code": 503}}}'),
        ("sip_participant_created", "first sip status: 503, then sip status: 200"),
        ("crm_updated", '{"customer": {"sip_status_code": 486}}'),
    ],
)
def test_a_row_that_tells_of_another_answer(state: str, metadata: str) -> None:
    rows = (*JOINED, CREATED, row(200, state, metadata=metadata), row(300, "call_ended"))
    assert rows_only(900, *rows).verdict is Verdict.NO_FAULT_SEEN
    short = (*JOINED, row(6, state, metadata=metadata))
    assert rows_only(900, *short).verdict is Verdict.NO_FAULT_SEEN


@pytest.mark.parametrize("state", ["dial_result", "sip_participant_created"])
def test_a_row_that_does_not_say_of_what_its_status_is(state: str) -> None:
    """Not enough for a verdict, and too much for a healthy call."""
    rows = (*JOINED, row(6, state, metadata=BUSY))
    diagnosis = rows_only(900, *rows)
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert state in " ".join(diagnosis.would_settle)
    assert rows_only(900, *rows, row(9, "sip_answered")).verdict is Verdict.NO_FAULT_SEEN


def test_a_phone_that_is_dialled_again_after_a_refusal() -> None:
    """The status is that of the attempt before."""
    refused_once = (*JOINED, row(8, "sip_call_failed", metadata=BUSY))
    assert codes(rows_only(900, *refused_once)) == ["LKD204"]
    again = row(12, "sip_participant_created")
    assert rows_only(900, *refused_once, again, row(40, "call_ended")).verdict is Verdict.UNKNOWN
    busy_too = row(20, "sip_call_failed", metadata=BUSY)
    assert codes(rows_only(900, *refused_once, again, busy_too)) == ["LKD204"]
    webhook = row(8.5, "sip_participant_created", "webhooks")
    assert codes(rows_only(900, *refused_once, webhook)) == ["LKD204"], "another component's clock"


def test_a_refusal_that_a_call_outlived() -> None:
    """Nobody says that it was dialled again, or answered; but agents do not stay where no phone is."""
    refused_once = (*JOINED, row(8, "sip_call_failed", metadata=BUSY))
    assert phone_leg(rows_only(900, *refused_once, row(40, "call_ended"))) == ("sip_ringing", "LKD204", "proven")
    lasted = rows_only(900, *refused_once, row(300, "call_ended"))
    assert phone_leg(lasted) == ("sip_ringing", "LKD204", "possible")
    assert "292 s after it" in because(lasted, "LKD204")
    late = rows_only(900, *JOINED, CREATED, row(200, "second_call_failed", metadata=BUSY))
    assert phone_leg(late) == ("sip_ringing", "LKD204", "possible")
    without_agent = rows_only(900, row(0, "room_created"), row(8, "sip_failed", metadata=BUSY), row(300, "call_ended"))
    assert ("sip_ringing", "LKD204", "proven") in found(without_agent)


# The server's own refusals


def test_the_servers_own_403_is_not_the_carriers() -> None:
    diagnosis = judge(10, at_status(10), answer(10, 403, "permission_denied", "permissions denied"))
    assert phone_leg(diagnosis) == ("sip_participant_created", "LKD004", "proven")
    assert [item.code for item in diagnosis.ruled_out] == ["LKD204"]


def test_a_rate_limit_is_not_a_busy_line() -> None:
    diagnosis = judge(10, at_status(10), answer(10, 429, "resource_exhausted", "quota exceeded"))
    assert phone_leg(diagnosis) == ("sip_participant_created", "LKD006", "proven")
    busy = judge(10, at_status(10), recorded(10, "rejected-486-wait"))
    assert phone_leg(busy) == ("sip_ringing", "LKD204", "proven")


def test_a_trunk_that_does_not_exist() -> None:
    diagnosis = judge(10, at_status(10), recorded(10, "unknown-trunk"))
    assert phone_leg(diagnosis) == ("sip_participant_created", "LKD201", "proven")
    not_found = judge(10, at_status(10), recorded(10, "rejected-404-wait"))
    assert codes(not_found) == ["LKD204"], "both are HTTP 404 not_found"


@pytest.mark.parametrize(
    ("http", "message"), [(500, "sip not connected (redis required)"), (503, "no response from servers")]
)
def test_no_sip_service(http: int, message: str) -> None:
    diagnosis = judge(10, at_status(10), error(10, http, "internal", message))
    assert phone_leg(diagnosis) == ("sip_participant_created", "LKD203", "proven")


# livekit-sip's own words, in the texts of v1.11.0


@pytest.mark.parametrize(
    ("http", "message", "code"),
    [
        (412, "sip server required auth, but no username or password was provided", "LKD208"),
        (412, "max auth retry attempts reached for SIP invite", "LKD208"),
        (412, "no auth header in sip invite response", "LKD208"),
        (400, "lookup sip.carrier.example on 127.0.0.11:53: no such host", "LKD209"),
        (412, "dial tcp 127.0.0.1:5061: connect: connection refused", "LKD209"),
        (412, "tls: first record does not look like a TLS handshake", "LKD209"),
        (412, "tls: failed to verify certificate: x509: certificate signed by unknown authority", "LKD209"),
        (412, "common audio codec not found", "LKD210"),
        (412, "no common encryption profiles", "LKD210"),
        (500, "no numbers on outbound trunk", "LKD202"),
        (400, "invalid request URI: address must be a hostname without 'sip:' prefix", "LKD202"),
    ],
)
def test_errors_without_a_sip_status(http: int, message: str, code: str) -> None:
    diagnosis = judge(10, at_status(9, "dialing"), error(10, http, "failed_precondition", message), at_status(10))
    leg = phone_leg(diagnosis)
    assert leg is not None
    assert leg[1:] == (code, "proven")
    assert message in because(diagnosis, code)


def test_words_that_are_not_known_are_only_possible() -> None:
    diagnosis = judge(10, at_status(10), error(10, 412, "failed_precondition", "something new"))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD205", "possible")
    assert {"LKD204", "LKD208", "LKD209"} <= set(broken(diagnosis, "LKD205").candidates)


@given(text=st.text(max_size=200), http=st.integers(0, 599), code=st.sampled_from(["", "internal", "not_found"]))
def test_any_error_text_has_a_kind(text: str, http: int, code: str) -> None:
    assert kind_of(text, status=http, twirp_code=code) in Kind
    assert own_words(f"twirp error unknown: {own_words(text)}") == own_words(text)


def test_a_status_in_a_text() -> None:
    assert sip_status_in("unexpected status from INVITE response: sip status: 403: Forbidden") == 403
    assert sip_status_in("carrier blocked call (twilio error 32203): sip status: 603: Decline") == 603
    assert sip_status_in("dial tcp 10.0.0.1:5060: i/o timeout") is None


# The timeout, whose error is the same whether it rang or not


def test_a_timeout_is_decided_by_the_last_call_status() -> None:
    assert dialled("no-response-wait").response == dialled("ringing-unanswered-wait").response
    rang = judge(15, at_status(14.8, "ringing"), recorded(15, TIMED_OUT), at_status(15.2))
    assert phone_leg(rang) == ("sip_answered", "LKD206", "proven")
    silent = judge(15, at_status(14.8, "dialing"), recorded(15, TIMED_OUT), at_status(15.2))
    assert phone_leg(silent) == ("sip_ringing", "LKD205", "likely")


def test_a_timeout_that_nobody_watched() -> None:
    diagnosis = judge(15, at_status(15), recorded(15, TIMED_OUT))
    assert phone_leg(diagnosis) == ("sip_ringing", "LKD205", "possible")
    assert "LKD206" in broken(diagnosis, "LKD205").candidates
    long_ago = judge(30, at_status(5, "dialing"), recorded(30, TIMED_OUT), at_status(30))
    assert phone_leg(long_ago) == ("sip_ringing", "LKD205", "possible")


def test_a_timeout_after_a_row_that_says_it_rang() -> None:
    diagnosis = judge(15, at_status(15), recorded(15, TIMED_OUT), row(9, "sip_ringing"))
    assert phone_leg(diagnosis) == ("sip_answered", "LKD206", "likely")


def test_a_call_that_was_ended_from_here_reads_like_a_timeout() -> None:
    early = recorded(12, TIMED_OUT, took=2.0, ringing_timeout=30.0)
    assert phone_leg(judge(12, at_status(11.8, "dialing"), early)) == ("sip_ringing", "LKD205", "possible")
    assert phone_leg(judge(12, at_status(11.8, "ringing"), early)) == ("sip_answered", "LKD206", "likely")


# Answered, and accepted without waiting


def test_answered() -> None:
    diagnosis = judge(12, recorded(12, "answered-wait"), at_status(12, "active"))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert status(diagnosis, Step.SIP_ANSWERED) is Status.OK


def test_a_call_that_did_not_wait_says_nothing_of_the_phone() -> None:
    started = answer(1, 200, wait_until_answered=False)
    diagnosis = judge(10, started, at_status(10))
    assert diagnosis.verdict is Verdict.UNKNOWN
    assert status(diagnosis, Step.SIP_PARTICIPANT_CREATED) is Status.OK
    gone = judge(11, started, at_status(10, "dialing"), at_status(11))
    assert phone_leg(gone) == ("sip_ringing", "LKD205", "likely")


# What follows from it


def test_an_agent_that_left_with_the_room_is_a_consequence() -> None:
    diagnosis = judge(40, at_status(2, "dialing"), refused(2.5, 486), at_status(3), closed(40))
    assert found(diagnosis) == [("sip_ringing", "LKD204", "proven")]
    assert broken(diagnosis, "LKD204").consequences == ("LKD414",)
    still_open = judge(5, at_status(2, "dialing"), refused(2.5, 486), at_status(5))
    assert broken(still_open, "LKD204").consequences == ()
    no_agent = judge(40, look(2, dispatch()), refused(2.5, 486), closed(40))
    assert broken(no_agent, "LKD204").consequences == ()


def test_independent_breaks_are_both_told() -> None:
    diagnosis = judge(40, look(40, dispatch()), refused(3, 486))
    assert found(diagnosis) == [("job_assigned", "LKD402", "likely"), ("sip_ringing", "LKD204", "proven")]


def test_a_call_without_an_agent() -> None:
    """Its agent's leg is not used: nothing there is broken, and the phone alone decides."""
    settings = Settings(agent=Agent(name=AGENT), flow=Flow(not_used=LEGS[Leg.AGENT]))
    assert judge(60, look(60, dispatch(), phone("active")), settings=settings).verdict is Verdict.HEALTHY
    refusal = judge(60, look(60, dispatch()), refused(3, 486), settings=settings)
    assert found(refusal) == [("sip_ringing", "LKD204", "proven")]
    assert judge(60, look(60, dispatch()), settings=settings).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(("status", "twirp_code", "words"), [(408, "canceled", "canceled"), (500, "internal", "odd")])
def test_a_failure_without_words_of_its_own_after_the_phone_rang(status: int, twirp_code: str, words: str) -> None:
    rang = Sighting(read=read(3600, "evidence"), room=ROOM, participants=(phone("ringing"),))
    failed = SipCallResult(
        read=read(3600, "evidence error.txt"), room=ROOM, status=status, twirp_code=twirp_code, message=words
    )
    assert codes(judge(900, rang, failed, subject=Subject(room=ROOM))) == ["LKD206"]
    assert codes(judge(900, failed, subject=Subject(room=ROOM))) == ["LKD205"]
