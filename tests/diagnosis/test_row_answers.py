"""What log rows tell of the answer to the attempt to dial: of which attempt a SIP status is, and where it stands."""

import json

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.row_answers import refusal_in
from livekit_doctor.diagnosis.states import says_failed, says_phone_failed, says_talked, says_transferred
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    ROOM,
    because,
    codes,
    found,
    judge,
    log_file,
    row,
    rows_only,
    server_line,
)
from tests.diagnosis.timing import timed

BUSY = '{"sip_status_code": "486"}'
BUSY_TOOL = '{"error": "SIP call failed: 486 Busy Here", "tool": "conference_in"}'
JOINED = (
    row(0, "call_requested"),
    row(0.1, "room_created"),
    row(0.2, "agent_dispatched"),
    row(0.5, "agent_entrypoint_called", "agent"),
    row(0.8, "agent_connected", "agent"),
    row(3, "sip_participant_created"),
)
ENDED = row(120, "call_ended", "agent")
POSSIBLE = [("sip_ringing", "LKD204", "possible")]
PROVEN = [("sip_ringing", "LKD204", "proven")]
AGENT_DIALS = Settings(agent=Agent(name=AGENT), flow=Flow(placed_by="agent"))


# Of which attempt it is


@pytest.mark.parametrize("state", ["tool_error", "supervisor_call_failed", "agent_error", "conference_result"])
def test_a_third_person_whom_the_agent_could_not_add(state: str) -> None:
    """It says nothing of the phone, and too much for a healthy call, unless something shows that the phone stayed."""
    failed = row(60, state, "agent", metadata=BUSY_TOOL)
    assert rows_only(400, *JOINED, failed, ENDED).verdict is Verdict.UNKNOWN
    for talk in (row(20, "user_speech", "agent"), row(70, "caller_said", "agent"), row(8, "sip_answered")):
        rows = sorted((*JOINED, failed, ENDED, talk), key=lambda each: each.at)
        diagnosis = rows_only(400, *rows)
        # That the call failed, in plain words, is a doubt of its own.
        well = Verdict.NO_FAULT_SEEN  # no row says that the agent was heard, or that the phone was answered
        assert diagnosis.verdict is (Verdict.UNKNOWN if says_failed(state) else well)
        assert not codes(diagnosis)


@pytest.mark.parametrize("state", ["tool_error", "sip_call_failed", "sip_participant_failed"])
def test_a_phone_that_stayed_by_the_servers_log(state: str) -> None:
    def by_server(left: float) -> list[tuple[str, str, str]]:
        phone = {"participant": "sip_1", "agent_name": ""}
        agent = {"participant": "agent-AJ_uN4vB8sK1rTy", "agent_name": ""}
        lines = (
            log_file("server"),
            server_line(0, "selected node for room", agent_name=""),
            server_line(1, "assigned job to worker", job_id="AJ_uN4vB8sK1rTy"),
            server_line(1.2, "participant active", **agent),
            server_line(3, "participant active", **phone),
            server_line(left, "participant closing", kind="SIP", **phone),
            server_line(119, "participant closing", kind="AGENT", **agent),
            server_line(140, "room closed", agent_name=""),
        )
        failed = row(60, state, "edge_function", metadata=BUSY_TOOL)
        return found(judge(400, *lines, *JOINED, failed, ENDED, subject=Subject(call_id=CALL, room=ROOM)))

    assert by_server(118) == []
    assert [code for _, code, _ in by_server(60.4)] == ["LKD204"]


def test_a_state_that_says_that_the_phone_failed_by_a_component_that_does_not_dial() -> None:
    refused = row(9, "sip_call_failed", "agent", metadata=BUSY)
    diagnosis = rows_only(400, *JOINED, refused)
    assert found(diagnosis) == POSSIBLE
    assert "does not dial" in because(diagnosis, "LKD204")
    assert found(rows_only(400, *JOINED, refused, settings=AGENT_DIALS)) == PROVEN
    by_who_dials = (*JOINED[:5], row(3, "sip_participant_created", "agent"), refused)
    assert found(rows_only(400, *by_who_dials)) == PROVEN


AGAIN = row(8.5, "sip_participant_created")
FAILED = row(9, "sip_participant_failed", metadata=BUSY)


@pytest.mark.parametrize(
    ("rows", "outcome"),
    [
        ((FAILED, row(30, "call_ended")), PROVEN),
        ((FAILED, row(12, "user_speech", "agent"), row(30, "call_ended")), POSSIBLE),
        ((FAILED, row(20, "user_speech", "agent"), row(30, "call_ended")), []),
        ((FAILED, row(33, "call_ended", "agent")), PROVEN),
        ((FAILED, row(60, "call_ended", "agent")), []),
        ((FAILED, row(60, "call_ended")), PROVEN),
        ((FAILED, row(60, "call_ended", metadata='{"duration": 54}')), []),
        ((FAILED, row(60, "call_ended", metadata='{"duration_ms": "54000"}')), []),
        ((FAILED, row(60, "call_ended", metadata='{"duration": 60}')), PROVEN),
        ((FAILED, row(12, "call_ended", metadata='{"duration": 3}')), PROVEN),
        ((AGAIN, FAILED, row(30, "call_ended")), []),
        ((AGAIN, FAILED, row(60, "call_ended")), []),
        ((row(5, "sip_participant_failed", metadata=BUSY), AGAIN, FAILED, row(60, "call_ended")), PROVEN),
    ],
)
def test_a_call_that_goes_on_after_a_refusal(rows: tuple[LogRow, ...], outcome: list[tuple[str, str, str]]) -> None:
    """Two invocations dial one phone, an agent adds a supervisor, a queue writes the failure of the first trunk late: a
    room whose one phone was refused closes soon (fact 18)."""
    assert found(rows_only(400, *JOINED, *rows)) == outcome


@pytest.mark.parametrize("status", [487, 603])
def test_the_status_with_which_a_call_ended(status: int) -> None:
    """A phone that was answered ends with a status too."""
    metadata = json.dumps({"sip_status_code": status})
    late = (*JOINED, row(8, "call_connected", "agent"), row(100, "call_ended", "agent", metadata=metadata))
    assert found(rows_only(400, *late)) == POSSIBLE
    soon = found(rows_only(400, *JOINED, row(9, "call_ended", "agent", metadata=metadata)))
    assert soon == (POSSIBLE if status == 487 else PROVEN), "487 is the answer to our own CANCEL"


def test_a_dial_may_take_its_time() -> None:
    """Who dials says so when it has rung for long; nobody is proven to have been dialled for longer than that."""
    for state in ("sip_participant_failed", "dial_result"):
        logged = row(63, state, metadata='{"error": "sip status: 486"}')
        assert found(rows_only(400, *JOINED, logged)) == PROVEN
    assert found(rows_only(400, *JOINED, row(200, "sip_participant_failed", metadata=BUSY))) == POSSIBLE


@pytest.mark.parametrize(
    ("state", "said"),
    [
        *((state, True) for state in ("sip_participant_failed", "callFailed", "busy", "error", "phone_leg_failed")),
        *((state, True) for state in ("create_sip_participant_failed", "no_answer", "outbound_call_rejected")),
        *((state, False) for state in ("tool_error", "supervisor_call_failed", "agent_failed", "room_failed")),
        *((state, False) for state in ("sip_transfer_failed", "call_ended", "second_call_failed", "")),
    ],
)
def test_a_state_that_says_that_the_phones_leg_failed(state: str, said: bool) -> None:
    assert says_phone_failed(state) is said


@pytest.mark.parametrize(
    ("state", "said"),
    [
        *((state, True) for state in ("user_speech", "callerSaid", "user_started_speaking", "dtmf_received")),
        *((state, False) for state in ("agent_speaking", "user_created", "call_connected", "no_user_speech")),
    ],
)
def test_a_state_that_says_that_the_phone_talked(state: str, said: bool) -> None:
    assert says_talked(state) is said


# Where it stands


@pytest.mark.parametrize(
    "metadata",
    [
        {"sip_status_code": "486"},
        {"sip_error": {"sip_status_code": "486"}},
        {"sip_response": {"sip_status_code": "486"}},
        {"livekit_error": {"metadata": {"sip_status_code": "486"}}},
        {"requestError": {"code": "resource_exhausted", "metadata": {"sip_status_code": "486"}}},
        {"error_details": {"sip_status_code": "486"}},
        {"call_result": {"sip_status_code": "486"}},
        {"anything": {"at_all": {"sip_status_code": "486"}}},
        {"errors": [{"sip_status_code": 486}]},
        [{"sip_status_code": 486}],
        {"message": "outbound transfer-number call failed, sip status: 486"},
        {"sip_status": 486},
        {"sipStatus": "486"},
        {"sip_code": 486, "reason": "Busy Here"},
        {"error": "SIP 486 Busy Here"},
        {"error": "SIP/2.0 486"},
        {"error": "Call failed with SIP status code 486"},
        {"error": "sip status: 486", "retry": {"sip_status_code": 503}, "previous": [{"sip_status_code": 408}]},
    ],
    ids=json.dumps,
)
def test_the_status_of_a_row_that_says_that_the_phones_leg_failed(metadata: object) -> None:
    failed = row(5, "sip_participant_failed", metadata=json.dumps(metadata))
    diagnosis = rows_only(300, *JOINED, failed)
    assert found(diagnosis) == PROVEN
    assert "486" in because(diagnosis, "LKD204")


@pytest.mark.parametrize(
    "metadata",
    [
        {"retry_policy": {"sip_status_code": 486}},
        {"previous": {"error": {"sip_status_code": 486}}},
        {"attempts": [{"sip_status_code": 486}]},
        {"transfer": [{"sip_status_code": 486}]},
        {"redial": {"on": [{"sip_status": 486}]}},
        {"errors": [{"sip_status_code": 486}, {"sip_status_code": 503}]},
        {"error": "the transfer failed: SIP 486 Busy Here"},
        {"error": "waited for SIP 486 ms"},
        {"sip_status": "Busy Here"},
        {"status": 404},
    ],
    ids=json.dumps,
)
def test_a_status_that_is_not_the_rows_own(metadata: object) -> None:
    assert refusal_in(row(5, "sip_participant_failed", metadata=json.dumps(metadata)), None) is None


@pytest.mark.parametrize("metadata", [{"customer": {"sip_status_code": 486}}, {"log": [{"sip_status_code": 486}]}])
def test_a_status_anywhere_in_a_row_that_does_not_say_what_failed(metadata: object) -> None:
    assert refusal_in(row(5, "crm_updated", metadata=json.dumps(metadata)), None) is None


# How long it takes


@pytest.mark.parametrize(
    ("state", "metadata", "code"),
    [
        ("sip_participant_failed", BUSY, "LKD204"),
        ("error", '{"error": "requested sip trunk does not exist"}', "LKD201"),
    ],
)
def test_many_refusals_of_one_call(state: str, metadata: str, code: str) -> None:
    def took(count: int) -> float:
        rows = [row(t / 100, state, metadata=metadata, order=t) for t in range(count)]
        seconds, diagnosis = timed(lambda: rows_only(count, *rows))
        assert code in codes(diagnosis)
        return seconds

    assert took(8000) < 20 * max(took(1000), 0.02), "more than linear: 64 times as long where it is quadratic"


# Transfers


@pytest.mark.parametrize(
    "state",
    [
        *("transferred", "transfer_completed", "call_transferred", "callTransferred", "call_transferred_to_human"),
        *("warm_transfer_completed", "caller_was_transferred", "sip_refer_accepted", "handed_off_to_human"),
    ],
)
def test_a_state_that_says_that_the_phone_was_transferred(state: str) -> None:
    assert says_transferred(state)


@pytest.mark.parametrize(
    "state",
    [
        *("money_transferred", "audio_bytes_transferred", "file_transfer_completed", "transferred_bytes"),
        *("transferred_failed", "hasnt_transferred", "hasn't_transferred", "not_transferred", "wasNotTransferred"),
        *("call_transferred_to_human_failed", "to_be_transferred", "transfer_requested", "call_data_transferred"),
    ],
)
def test_a_state_that_does_not_say_that_the_phone_was_transferred(state: str) -> None:
    assert not says_transferred(state)
