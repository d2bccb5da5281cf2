"""Text as people paste it in an incident: newest line first, Sentry, Kubernetes, colours that lost their escape."""

import json
from itertools import permutations

import pytest

from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.lines import strip
from tests.diagnosis.factories import found
from tests.evidence.pasted.samples import pasted, reading, recognised

_SIP = (
    '{{"level":"{0}","ts":{1},"logger":"sip","msg":"{2}","callID":"SCL_Wm3bZpQ8tRfA","room":"out-88","participant":"lead",'
    '"direction":"outbound","toUser":"+15555550162","sipCallID":"2c9Xh0c"{3}}}'
)
CREATING = _SIP.format("info", 1795893301.1, "Creating SIP participant", "")
ANSWERED = _SIP.format("info", 1795893307.9, "Outbound SIP call established", "")
TIMED_OUT = _SIP.format("warn", 1795893337.9, "Closing outbound call with error", ',"error":"media-timeout"')
AGAIN = _SIP.format("info", 1795893400.1, "Creating SIP participant", "")

ASKED = (
    "2026-11-28 01:57:02,118 - INFO livekit.agents - received job request "
    '{"job_id": "AJ_Wb5tKz9mRx3Q", "room": "lead-0157", "agent_name": "dialer"}'
)
KILLED = (
    "2026-11-28 01:57:{0},240 - ERROR livekit.agents - process exited with non-zero exit code -9 "
    '{{"pid": 412, "job_id": "AJ_Wb5tKz9mRx3Q", "room": "lead-0157"}}'
)
HUNG_UP = (
    "2026-11-28 01:57:25,240 - INFO livekit.agents - closing agent session due to participant disconnect "
    '{"job_id": "AJ_Wb5tKz9mRx3Q", "room": "lead-0157"}'
)
DESCRIBED = """$ kubectl describe pod {0}-7c6d8f5b9-m4wlt
    Last State:     Terminated
      Reason:       OOMKilled
      Exit Code:    137
      Started:      Sat, 28 Nov 2026 00:12:03 +0000
      Finished:     Sat, 28 Nov 2026 01:57:{1} +0000
    Ready:          True"""

EVENT = {
    "event_id": "8c1fbd0b4d2a4f2fa0cf1d9e63b7a512",
    "platform": "python",
    "logger": "livekit.agents",
    "level": "error",
    "timestamp": 1795889412.337,
    "logentry": {"formatted": "unhandled exception while running the job task"},
    "exception": {
        "values": [
            {
                "type": "KeyError",
                "value": "'phone_number'",
                "stacktrace": {"frames": [{"abs_path": "/app/agent.py", "function": "entrypoint", "lineno": 141}]},
            }
        ]
    },
    "breadcrumbs": {
        "values": [
            {
                "category": "livekit.agents",
                "level": "info",
                "message": "received job request",
                "timestamp": 1795889411.9,
                "data": {"job_id": "AJ_pW3nT8xKv2Lm", "room": "dial-0417", "agent_name": "dialer"},
            }
        ]
    },
    "tags": [["room", "dial-0417"]],
    "extra": {"job_id": "AJ_pW3nT8xKv2Lm"},
}


def lines_of(text: str) -> list[LogLine]:
    return [item for item in reading(text).observations if isinstance(item, LogLine)]


def codes(text: str) -> list[tuple[str, str, str]]:
    return found(pasted(text))


@pytest.mark.parametrize("order", list(permutations((CREATING, ANSWERED, TIMED_OUT))))
def test_a_media_time_out_in_any_order(order: tuple[str, ...]) -> None:
    assert [code for _, code, _ in codes("\n".join(order))] == ["LKD210"]


@pytest.mark.parametrize("order", list(permutations((ANSWERED, TIMED_OUT, AGAIN))))
def test_none_where_it_was_dialled_again_in_any_order(order: tuple[str, ...]) -> None:
    assert "LKD210" not in [code for _, code, _ in codes("\n".join(order))]


def test_lines_without_a_date_go_by_their_time_of_day() -> None:
    registered = '[14:21:07.310] INFO (1): registered worker\n    id: "AW_f6RwTz9kXb4Q"\n    agentName: "dialer"'
    draining = "[14:25:07.310] INFO (1): draining worker"
    ranks = [
        {line.message: line.order for line in lines_of("\n".join(order))}
        for order in ((registered, draining), (draining, registered))
    ]
    assert ranks[0] == ranks[1] == {"registered worker": 0, "draining worker": 1}


@pytest.mark.parametrize("second", ["16", "17", "40", "59"])
def test_a_process_that_was_killed_after_the_agent_has_had_its_time(second: str) -> None:
    assert codes(f"{ASKED}\n{KILLED.format(second)}") == [("entrypoint_called", "LKD405", "possible")]
    assert codes(f"{KILLED.format(second)}\n{ASKED}") == [("entrypoint_called", "LKD405", "possible")]


def test_a_process_that_ends_after_the_call_broke_off_nothing() -> None:
    for text in (f"{ASKED}\n{HUNG_UP}\n{KILLED.format('40')}", f"{KILLED.format('40')}\n{HUNG_UP}\n{ASKED}"):
        assert codes(text) == []


def test_a_killed_container_stands_beside_the_job_that_it_cut_off() -> None:
    diagnosis = pasted(f"{DESCRIBED.format('voice-worker', '41')}\n{ASKED}\n{KILLED.format('17')}")
    assert found(diagnosis) == [("entrypoint_called", "LKD405", "possible")]
    assert "OOMKilled" in " ".join(item.text for item in diagnosis.broken[0].because)


INSPECTED = """$ docker inspect voice-worker-1
[
    {
        "Id": "c35e838c9646",
        "State": {
            "Status": "exited",
            "OOMKilled": true,
            "ExitCode": 137,
            "StartedAt": "2026-11-28T00:12:03.553904873Z",
            "FinishedAt": "2026-11-28T01:57:15.514785974Z"
        },
        "Name": "/voice-worker-1"
    }
]"""
STATE = '{"Status":"exited","OOMKilled":true,"ExitCode":137,"FinishedAt":"2026-11-28T01:57:15.514785974Z"}'
IN_YAML = """
    lastState:
      terminated:
        exitCode: 137
        finishedAt: "2026-11-28T01:57:15Z"
        reason: OOMKilled
    name: voice-worker"""
PART = '        "Status": "exited",\n        "OOMKilled": true,\n        "FinishedAt": "2026-11-28T01:57:15.5Z"'
PODS = """
$ kubectl get pods
NAME                           READY   STATUS      RESTARTS     AGE
voice-worker-7c6d8f5b9-m4wlt   0/1     {0}   3 (31s ago)  52m"""
KERNEL = "Nov 28 01:57:15 host kernel: Out of memory: Killed process 412 (python) total-vm:1584624kB"


@pytest.mark.parametrize(
    "killed", [INSPECTED, STATE, IN_YAML, PART, PODS.format("OOMKilled"), DESCRIBED.format("a", "15")]
)
def test_every_form_in_which_a_killed_container_is_shown(killed: str) -> None:
    assert recognised(f"{ASKED}\n\n{killed}")["killed container"] == 1
    assert codes(f"{ASKED}\n\n{killed}") == [("entrypoint_called", "LKD405", "possible")]
    assert codes(killed) == []
    other = killed.replace("voice-worker", "redis").replace("pod a-", "pod redis-")
    assert "redis" not in other or codes(f"{ASKED}\n\n{other}") == []


EVENTS = """
$ kubectl get events
LAST SEEN   TYPE      REASON       OBJECT        MESSAGE
2m          Warning   OOMKilling   node/gke-1    Memory cgroup out of memory: Killed process 412 (python)
90s         Warning   BackOff      pod/voice-1   Back-off restarting failed container agent in pod voice-1"""


@pytest.mark.parametrize("killed", [EVENTS, "voice-worker-1 exited with code 137"])
def test_what_was_printed_below_the_request(killed: str) -> None:
    assert codes(f"{ASKED}\n{killed}") == [("entrypoint_called", "LKD405", "possible")]


def test_the_kernels_line_and_a_host_of_its_own() -> None:
    assert recognised(KERNEL)["killed container"] == 1
    assert recognised("heroku[worker.1]: Error R15 (Memory quota vastly exceeded)")["killed container"] == 1


def test_a_pod_that_ends_again_and_again() -> None:
    """While it does, no worker is registered; when that was, the table does not say."""
    dispatch = '{"id": "AD_mC5yQk8VxJtb", "agentName": "dialer", "room": "lead-0157"}'
    text = f"{PODS.format('CrashLoopBackOff')}\n{dispatch}"
    diagnosis = pasted(text)
    assert found(diagnosis) == [("job_assigned", "LKD101", "possible")]
    assert "voice-worker-7c6d8f5b9-m4wlt" in diagnosis.broken[0].because[0].text
    assert codes(text.replace("voice-worker", "livekit-sip")) == []
    assert codes(PODS.format("CrashLoopBackOff")) == []


def test_a_killed_container_alone_says_nothing_of_a_call() -> None:
    text = DESCRIBED.format("voice-worker", "41")
    assert codes(text) == []
    assert recognised(text)["killed container"] == 1


def test_a_container_that_is_no_workers_is_not_the_jobs() -> None:
    assert codes(f"{DESCRIBED.format('livekit-server', '05')}\n{ASKED}") == []


def test_a_container_that_ended_otherwise_is_no_killed_one() -> None:
    text = DESCRIBED.format("voice-worker", "41").replace("OOMKilled", "Completed").replace("137", "0")
    assert "killed container" not in recognised(text)


@pytest.mark.parametrize("indent", [None, 2])
@pytest.mark.parametrize("above", ["", "from sentry:\n"])
def test_an_event_of_sentrys(indent: int | None, above: str) -> None:
    diagnosis = pasted(above + json.dumps(EVENT, indent=indent))
    assert found(diagnosis) == [("entrypoint_called", "LKD405", "possible")]
    shown = " ".join(item.text for item in diagnosis.broken[0].because)
    assert "KeyError: 'phone_number'" in shown
    assert "/app/agent.py" in shown


def test_an_event_as_sentrys_web_api_has_it() -> None:
    frames = [{"absPath": "/app/agent.py", "function": "entrypoint", "lineNo": 141}]
    raised = {"type": "KeyError", "value": "'phone_number'", "stacktrace": {"frames": frames}}
    event = {
        "eventID": "8c1fbd0b4d2a4f2fa0cf1d9e63b7a512",
        "platform": "python",
        "message": "unhandled exception while running the job task",
        "dateCreated": "2026-11-28T12:03:32Z",
        "tags": [{"key": "logger", "value": "livekit.agents"}, {"key": "room", "value": "dial-0417"}],
        "entries": [{"type": "exception", "data": {"values": [raised]}}],
    }
    assert [code for _, code, _ in codes(json.dumps(event, indent=1))] == ["LKD405"]


def test_an_event_of_another_program_says_nothing() -> None:
    event = {**EVENT, "logger": "billing", "logentry": {"formatted": "no such invoice"}, "breadcrumbs": [], "extra": {}}
    assert codes(json.dumps(event)) == []


@pytest.mark.parametrize("mark", ["", "^[", "#033", "\\u001b", "\\x1b"])
def test_colours_that_lost_their_escape(mark: str) -> None:
    text = (
        f"[14:33:53.102] {mark}[31mERROR{mark}[39m (88): {mark}[36merror in entry function{mark}[39m\n"
        f'    {mark}[35mjobId{mark}[39m: "AJ_Xw4qKz7mTb9N"'
    )
    assert [code for _, code, _ in codes(text)] == ["LKD405"]


def test_words_that_look_like_colours_stay() -> None:
    for text in ("took [30ms] in all", "[main] INFO [m] [message]", "retry [32m away", "waited [0ms] then [30ms]"):
        assert strip(text).text == text


def test_a_status_beside_its_reason() -> None:
    assert [code for _, code, _ in codes('dial-out finished status=486 reason="Busy Here"')] == ["LKD204"]
    assert codes('GET /health status=404 reason="Not Found"') == []
