"""Lines of logs, copied or written without dates: they say what the dated ones say."""

import json

import pytest

from livekit_doctor.flow import Step
from tests.diagnosis.factories import found
from tests.each import each
from tests.evidence.pasted.samples import pasted

CREATED, RINGING = Step.SIP_PARTICIPANT_CREATED.value, Step.SIP_RINGING.value

OF_DIAL = {"callID": "SCL_d6TkVzXq3WrL", "room": "out-9912", "participant": "callee"}
OF_NEXT = OF_DIAL | {"callID": "SCL_e7UmWyYr4XsM"}
OF_REQUEST = {"service": "SIP", "method": "CreateSIPParticipant", "room": "out-9912", "participant": "callee"}
BUSY = {"error": "INVITE failed: sip status: 486: Busy Here"}
SILENT = {"status": "503", "error": "twirp error unknown: no response from servers", "code": "unavailable"}


def sip(message: str, fields: dict[str, str] = OF_DIAL, **more: str) -> str:
    return f"INFO\tsip\tsip/outbound.go:668\t{message}\t{json.dumps(fields | more)}"


def server(message: str, fields: dict[str, str]) -> str:
    return f"INFO\tlivekit.api\tservice/twirp.go:128\t{message}\t{json.dumps(fields)}"


def api(**fields: str) -> str:
    return server("API SIP.CreateSIPParticipant", OF_REQUEST | fields)


def phone_active() -> str:
    return server("participant active", {"room": "out-9912", "participant": "callee", "pID": "PA_x6TkVzXq3WrL"})


CREATING, ESTABLISHED, REFUSED = "Creating SIP participant", "Outbound SIP call established", "SIP invite failed"


@each("time", ["", "10:00:03.100\t", "10:00:03\t", "2026-02-20T10:00:03.100Z\t"])
@each(
    "line, step, code, confidence",
    [
        (sip(REFUSED, **BUSY), RINGING, "LKD204", "likely"),
        (sip("SIP call failed", **BUSY), RINGING, "LKD204", "likely"),
        (sip("Closing outbound call", status="486", reason="busy"), RINGING, "LKD204", "likely"),
        (api(status="429", **BUSY), RINGING, "LKD204", "likely"),
        (api(status="408", error="sip request timed out"), RINGING, "LKD205", "possible"),
        (api(**SILENT), CREATED, "LKD203", "likely"),
        (server("cannot create sip participant", OF_REQUEST | {"error": "cpu exhausted"}), CREATED, "LKD203", "likely"),
    ],
)
def test_a_failure_says_the_same_without_its_date(line: str, step: str, code: str, confidence: str, time: str) -> None:
    assert found(pasted(time + line)) == [(step, code, confidence)]


@pytest.mark.parametrize(
    "lines",
    [
        [sip(CREATING), sip(REFUSED, **BUSY), sip(CREATING, OF_NEXT), sip(ESTABLISHED, OF_NEXT)],
        [sip(CREATING), sip(REFUSED, **BUSY), sip(CREATING, OF_NEXT)],
        [api(**SILENT), api(status="200")],
        [api(**SILENT), phone_active()],
    ],
)
def test_below_it_the_phone_was_dialled_again(lines: list[str]) -> None:
    assert found(pasted("\n".join(lines))) == []


def test_above_it_another_attempt_went_well() -> None:
    assert found(pasted("\n".join([api(status="200"), api(**SILENT)]))) == [(CREATED, "LKD203", "possible")]


def test_of_two_refusals_the_last_counts() -> None:
    missing = {"error": "INVITE failed: sip status: 404: Not Found"}
    diagnosis = pasted("\n".join([sip(REFUSED, **BUSY), sip(REFUSED, OF_NEXT, **missing)]))
    assert diagnosis.broken[0].values["sip_status"] == "404"


NODE = {"level": 30, "pid": 1, "hostname": "agent-0", "version": "1.0.44"}
JOB = {"id": "AJ_w5VqTzXr8KpL", "type": "JT_ROOM", "room": {"name": "rem-40718"}, "agentName": "reminder"}
NO_ANSWER = "no answer was given inside the jobRequestFunc, automatically rejecting the job"


@pytest.mark.parametrize("said", [NO_ANSWER, "jobRequestFunc failed"])
@pytest.mark.parametrize("head", [NODE, {"level": 30, "msg": ""}, NODE | {"time": 1796031723400}])
def test_nodes_worker_that_writes_no_time(said: str, head: dict[str, object]) -> None:
    line = json.dumps(head | {"job": JOB, "resuming": False, "agentName": "reminder", "msg": said})
    assert found(pasted(line)) == [(Step.JOB_ASSIGNED.value, "LKD404", "likely")]


def test_nodes_worker_that_was_asked_without_a_time() -> None:
    assert found(pasted(json.dumps(NODE | {"jobId": JOB["id"], "msg": "received job request"}))) == []


def test_a_teams_own_line_of_a_job_without_a_time_shows_no_entrypoint() -> None:
    late = json.dumps(NODE | {"level": 40, "req": {}, "msg": f"assignment for job {JOB['id']} timed out"})
    own = json.dumps(
        {"level": 30, "pid": 47, "hostname": "agent-0", "msg": f"room rem-1 job {JOB['id']} never started"}
    )
    assert found(pasted(f"{late}\n{own}")) == [(Step.JOB_ASSIGNED.value, "LKD403", "likely")]
