"""Each format of the components' logs, with whatever a container or a host puts before its lines."""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from livekit_doctor.evidence.observations import LogLine
from tests.each import each
from tests.evidence.logs.support import (
    AT,
    DATA,
    FORMATS,
    Ids,
    pino_json,
    python_json,
    python_text,
    read_file,
    read_text,
    zap_console,
    zap_json,
)
from tests.evidence.pasted.samples import reading

CALL = Ids(4711)
RUNTIME_AT = "2026-11-23T21:25:22.005123456Z"


def docker_json(line: str) -> str:
    return json.dumps({"log": line + "\n", "stream": "stdout", "time": RUNTIME_AT})


def cri_in_parts(line: str) -> str:
    return f"{RUNTIME_AT} stdout P {line[:40]}\n{RUNTIME_AT} stdout F {line[40:]}"


def google(line: str) -> str:
    payload = {"jsonPayload": json.loads(line)} if line.startswith("{") else {"textPayload": line}
    return json.dumps({"insertId": "1", **payload, "severity": "DEFAULT", "timestamp": RUNTIME_AT})


PREFIXES: dict[str, Callable[[str], str]] = {
    "none": str,
    "docker compose": lambda line: f"agent-worker-1  | {line}",
    "docker json-file": docker_json,
    "docker --timestamps": lambda line: f"{RUNTIME_AT} {line}",
    "CRI": lambda line: f"{RUNTIME_AT} stdout F {line}",
    "CRI in parts": cri_in_parts,
    "kubectl --prefix": lambda line: f"[pod/agent-6d4cf56db6-abcde/agent] {line}",
    "kubectl --prefix --timestamps": lambda line: f"[pod/agent-6d4cf56db6-abcde/agent] {RUNTIME_AT} {line}",
    "Render": lambda line: f"<14>1 {RUNTIME_AT} my-service srv-abc123 74440 srv-abc123 - {line}",
    "Render JSON": lambda line: json.dumps({"id": "x", "labels": [], "message": line, "timestamp": RUNTIME_AT}),
    "Google Cloud": google,
    "journald": lambda line: f"Nov 23 21:25:22 host agent[123]: {line}",
}


@each("line", [pytest.param(line, id=name) for name, line in FORMATS.items()])
@each("prefixed", [pytest.param(put, id=name) for name, put in PREFIXES.items()])
def test_prefix_and_format(prefixed: Callable[[str], str], line: Callable[..., str], tmp_path: Path) -> None:
    other = Ids(1)
    lines = (
        line("process initialized"),
        line("received job request", **other.fields),
        line("received job request", AT + timedelta(seconds=1), **CALL.fields),
        line("received job request", **other.fields),
    )
    found = read_text(tmp_path, "".join(prefixed(text) + "\n" for text in lines), rooms=(CALL.room,))
    (hit,) = (line for line in found.lines if line.by_id)
    assert hit.message == "received job request"
    assert {name: hit.fields.get(name) for name in CALL.fields} == CALL.fields
    assert hit.level == "info"
    assert hit.by_id
    assert hit.at is not None
    assert abs(hit.at - AT) < timedelta(seconds=1.1)
    assert found.file.formats
    assert found.coverage.status == "read"


@pytest.mark.parametrize("line", FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("indent", [2, 4])
def test_indented_export_of_google_cloud(indent: int, line: Callable[..., str], tmp_path: Path) -> None:
    """`gcloud logging read --format json`: one array, the newest entry first."""
    entries = [json.loads(google(line("received job request", **call.fields))) for call in (Ids(1), CALL, Ids(2))]
    entries[0]["timestamp"] = "2026-11-23T22:00:00Z"
    found = read_text(tmp_path, json.dumps(entries, indent=indent), rooms=(CALL.room,))
    (hit,) = (line for line in found.lines if line.by_id)
    assert (hit.message, hit.fields["job_id"]) == ("received job request", CALL.job_id)
    assert found.file.first_at is not None
    assert found.file.last_at is not None
    assert found.file.first_at <= found.file.last_at


def test_fields_have_one_name_in_all_formats(tmp_path: Path) -> None:
    text = zap_json(
        "assigned job to worker",
        jobID=CALL.job_id,
        agentName=CALL.agent_name,
        jobType="JT_ROOM",
        room=CALL.room,
        roomID=CALL.room_id,
        workerID="AW_6rRxW82cgMwq",
        sipTrunk="ST_aCPK29Aw7yUi",
        callID="SCL_jwva95tGUxEA",
        participantID="PA_P6sB6mME9p8k",
        nodeID="ND_62MfqKXSvtiA",
    )
    (line,) = read_text(tmp_path, text, "server", rooms=(CALL.room,)).lines
    assert line.logger == "livekit.agents"
    assert line.fields == {
        "job_id": CALL.job_id,
        "agent_name": CALL.agent_name,
        "job_type": "JT_ROOM",
        "room": CALL.room,
        "room_id": CALL.room_id,
        "worker_id": "AW_6rRxW82cgMwq",
        "sip_trunk": "ST_aCPK29Aw7yUi",
        "call_id": "SCL_jwva95tGUxEA",
        "participant_id": "PA_P6sB6mME9p8k",
        "node_id": "ND_62MfqKXSvtiA",
    }


def test_a_teams_own_call_id_is_not_livekits(tmp_path: Path) -> None:
    (line,) = read_text(tmp_path, python_json("dialing", call_id="call-4711", room=CALL.room), rooms=(CALL.room,)).lines
    assert "call_id" not in line.fields
    assert line.fields["own_call_id"] == "call-4711"


TRACEBACK = """\
Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/livekit/agents/ipc/job_proc_lazy_main.py", line 353, in _traceable
    await self._job_entrypoint_fnc(job_ctx)
  File "/usr/lib/python3.11/asyncio/tasks.py", line 10, in wait
    return await fut
  File "/app/agent.py", line 52, in entrypoint
    customer = lookup(metadata["phone"])
               ~~~~~~^^^^^^^^^^^^^^^^^^^
  File "/app/crm.py", line 7, in lookup
    raise KeyError(phone)
KeyError: 'phone'"""
OWN_FRAMES = """\
Traceback (most recent call last):
  ... 2 frames of libraries
  File "/app/agent.py", line 52, in entrypoint
    customer = lookup(metadata["phone"])
  File "/app/crm.py", line 7, in lookup
    raise KeyError(phone)
KeyError: 'phone'"""
CRASHED = "unhandled exception while running the job task"


@pytest.mark.parametrize("prefix", ["", "agent-1  | "])
def test_traceback_of_the_text_format(prefix: str, tmp_path: Path) -> None:
    """The fields stand after what was logged first, and the same traceback follows once more."""
    fields = json.dumps(CALL.fields)
    crash_line = python_text(CRASHED, level="ERROR").partition(" \x1b[90m")[0]
    text = f"{crash_line}\n{TRACEBACK} {fields}\x1b[0m\n{TRACEBACK}\n"
    text = python_text("before") + "\n" + text + python_text("after", **CALL.fields)
    text = "".join(f"{prefix}{line}\n" for line in text.splitlines())
    crash, after = read_text(tmp_path, text, rooms=(CALL.room,)).lines
    assert (crash.message, crash.level, crash.number) == (CRASHED, "error", 2)
    assert crash.fields["job_id"] == CALL.job_id
    assert crash.traceback == OWN_FRAMES
    assert (after.message, after.traceback) == ("after", "")


def test_traceback_inside_json(tmp_path: Path) -> None:
    text = python_json(f"{CRASHED}\n{TRACEBACK}", level="ERROR", exc_info=TRACEBACK, **CALL.fields)
    (line,) = read_text(tmp_path, text, rooms=(CALL.room,)).lines
    assert (line.message, line.traceback) == (CRASHED, OWN_FRAMES)


def test_secrets_are_taken_out(tmp_path: Path) -> None:
    secret = "s3cr3t-value"
    crash = TRACEBACK + f"\nValueError: api_key={secret}"
    text = python_json(
        f"dial with password={secret}", exc_info=crash, auth={"token": secret}, api_secret=secret, **CALL.fields
    )
    (line,) = read_text(tmp_path, text, rooms=(CALL.room,)).lines
    assert secret not in f"{line.message}{line.fields}{line.traceback}"
    assert "api_key=***" in line.traceback


@pytest.mark.parametrize("line", [zap_json, zap_console, python_json, python_text, pino_json])
def test_fields_whose_name_says_that_they_are_secret(line: Callable[..., str], tmp_path: Path) -> None:
    secrets = {"api_secret": "hunter2", "password": "hunter2", "Authorization": "Basic hunter2", "apiKey": "hunter2"}
    text = line("job ended", **CALL.fields, **secrets, max_tokens=100)
    (found,) = read_text(tmp_path, text, rooms=(CALL.room,)).lines
    assert "hunter2" not in repr(found)
    assert found.fields["max_tokens"] == "100"


def test_time_of_day_without_a_date(tmp_path: Path) -> None:
    """`console` and `lk agent dev` print no date: there is none, and the container's time counts if there is one."""
    text = f"21:25:22 INFO livekit.agents received job request {json.dumps(CALL.fields)}"
    (line,) = read_text(tmp_path, text + "\n", rooms=(CALL.room,)).lines
    assert (line.at, line.fields["time_of_day"], line.message) == (None, "21:25:22", "received job request")
    (line,) = read_text(tmp_path, f"{RUNTIME_AT} {text}\n", rooms=(CALL.room,)).lines
    assert line.at == datetime(2026, 11, 23, 21, 25, 22, 5123, tzinfo=UTC)


def test_times_without_zone_are_said_to_be_so(tmp_path: Path) -> None:
    found = read_text(tmp_path, python_text("received job request", **CALL.fields), rooms=(CALL.room,))
    assert (found.lines[0].at, found.lines[0].zoned, found.file.zoned) == (AT, False, False)
    found = read_text(tmp_path, python_json("received job request", **CALL.fields), rooms=(CALL.room,))
    assert (found.lines[0].at, found.lines[0].zoned, found.file.zoned) == (AT, True, True)


def test_console_error_of_the_server_with_its_stack(tmp_path: Path) -> None:
    stack = "github.com/livekit/livekit-server/pkg/service.(*SIPService).CreateSIPParticipant\n\t/go/sip.go:629"
    error = zap_console(
        "cannot create sip participant", level="ERROR", room=CALL.room, error="no response from servers"
    )
    text = f"{error}\n{stack}\n{zap_console('later', room=CALL.room)}\n"
    refused, later = read_text(tmp_path, text, "server", rooms=(CALL.room,)).lines
    assert (refused.fields["error"], refused.level) == ("no response from servers", "error")
    assert later.number == 4


def test_plain_warning_of_python(tmp_path: Path) -> None:
    """It comes on stderr, between the lines of the log."""
    warning = (
        "/app/.venv/lib/python3.11/site-packages/livekit/agents/ipc/job_proc_lazy_main.py:91: RuntimeWarning: "
        "coroutine 'prewarm' was never awaited\n  self._setup_fnc(self._job_proc)\n"
    )
    found = read_text(tmp_path, python_json("a") + "\n" + warning + python_json("b", **CALL.fields), rooms=(CALL.room,))
    warned, _ = found.lines
    assert "coroutine 'prewarm' was never awaited" in warned.message
    assert (warned.at, warned.by_id, warned.number) == (None, False, 2)


# Lines of a real worker: @livekit/agents 1.9.0 (npm) on Node 20 with a real livekit-server 1.13.5, its agent written
# to raise, to return, to reject or never to connect, as the dispatch's metadata said. Folder and password replaced.

REQUEST = "received job request"


def test_real_node_worker_in_production() -> None:
    found = read_file(DATA / "node-1.9.0-start.log", ids=("RM_9K9JvJpaH9f6",), agent_name="Node Agent X")
    of_others = [line for line in found.lines if line.message == REQUEST and not line.by_id]
    started, registered, request, raised = (line for line in found.lines if line not in of_others)
    assert len({line.fields["job_id"] for line in of_others}) == 5  # they tell whose a line without a job is
    assert (started.message, started.by_id) == ("starting worker", False)
    assert (registered.message, registered.by_id) == ("registered worker", False)
    assert registered.fields["worker_id"] == "AW_f5nG2KRsrAmP"
    assert registered.fields["agent_name"] == "Node Agent X"
    assert (request.message, request.fields["job_id"]) == (REQUEST, "AJ_fJCTXeYEdSyL")
    assert (raised.message, raised.level, raised.by_id) == ("error in entry function", "error", True)
    assert raised.fields["error"] == "the lab agent raises"
    assert raised.traceback == (
        "Error: the lab agent raises\n"
        "    at greet (file:///srv/agent/agent.mjs:13:26)\n"
        "    at entry (file:///srv/agent/agent.mjs:6:30)\n"
        "  ... 8 frames of libraries"
    )
    assert raised.at == datetime(2026, 11, 23, 21, 26, 30, 186000, tzinfo=UTC)
    assert found.file.formats == ("livekit-agents Node JSON",)


@pytest.mark.parametrize("log", ["node-1.9.0-start.log", "node-1.9.0-dev.log"])
def test_real_node_worker_that_rejects(log: str) -> None:
    room = {"node-1.9.0-start.log": "room-reqraise-3534", "node-1.9.0-dev.log": "room-reqraise-f1f9"}[log]
    found = read_file(DATA / log, rooms=(room,))
    (failed,) = (line for line in found.lines if line.by_id)
    assert failed.message == "jobRequestFunc failed"
    assert failed.fields["room"] == room
    assert failed.fields["job_id"].startswith("AJ_")
    assert failed.fields["agent_name"] == "Node Agent X"
    assert "turn-secret" not in str(failed)


def test_real_node_worker_in_development() -> None:
    found = read_file(DATA / "node-1.9.0-dev.log", ids=("RM_Qag8FWsuU3Ke",))
    own = [line for line in found.lines if line.by_id]
    assert own[0].message == REQUEST
    (raised,) = (line for line in own if line.level == "error")
    assert (raised.message, raised.fields["error"]) == ("error in entry function", "the lab agent raises")
    assert raised.traceback.startswith("Error: the lab agent raises\n    at greet (file:///srv/agent/agent.mjs:13:26)")
    assert raised.fields["time_of_day"] == "21:26:57.231"
    assert raised.at is None
    (registered,) = (line for line in found.lines if line.message == "registered worker")
    assert registered.fields["worker_id"] == "AW_VyUYK8spkmiV"


HEADS = [
    *("[21:08:51.595] INFO (1234): ", "[21:08:51.595] INFO: ", "[21:08:51.595] INFO (agents/1234): "),
    *("[21:08:51.595] INFO (1234 on host): ", "[21:08:51 UTC] INFO (1234): ", "[9:08:51 PM] INFO (1234): "),
    *("[2026-11-23 21:08:51.595 +0000] INFO (1234): ", "[2026-11-23T21:08:51.595Z] INFO (agents/77 on host): "),
    *("[1795468131595] INFO  (1234 on host): ", "[11/23/2026, 9:08:51 PM] INFO (1234): ", "[21:08:51] INFO (1): "),
    *("INFO (1234): ", "INFO: ", "INFO [21:08:51.595] (1234): ", "21:08:51.595 INFO (1234): "),
]
PRETTY = """\
{head}registered worker
    version: "1.9.0"
    id: "AW_VyUYK8spkmiV"
{head}received job request
    version: "1.9.0"
    jobId: "{job}"
    room: "{room}"
{head}launching a child
{head}job started {{"jobID":"{job}"}}
    job: {{
      "id": "{job}",
      "room": {{
        "name": "{room}"
      }}
    }}
{head}error in entry function
    jobID: "{job}"
    err: {{
      "type": "TypeError",
      "message": "x is not a function",
      "stack":
          TypeError: x is not a function
              at entry (/app/agent.js:10:5)
    }}
{head}shutting down
    reason: "done"
    jobID: "{job}"
"""


@each("head", HEADS)
@each("indent", ["    ", "  "])
@each("option", [True, False])
def test_fields_below_whichever_head_of_pino(head: str, indent: str, option: bool, tmp_path: Path) -> None:
    text = PRETTY.format(head=head, job=CALL.job_id, room=CALL.room).replace("    ", indent)
    found = read_text(tmp_path, text, rooms=(CALL.room,)).lines if option else reading(text).observations
    said = {line.message: line for line in found if isinstance(line, LogLine)}
    own = ("received job request", "job started", "error in entry function", "shutting down")
    assert [said[message].fields["job_id"] for message in own] == [CALL.job_id] * 4
    assert said["received job request"].fields["room"] == said["job started"].fields["room"] == CALL.room
    assert said["registered worker"].fields["worker_id"] == "AW_VyUYK8spkmiV"
    assert said["error in entry function"].fields["error"] == "x is not a function"
    assert "at entry (/app/agent.js:10:5)" in said["error in entry function"].traceback
    assert said["shutting down"].fields["reason"] == "done"


def test_node_crash_with_pinos_own_error_key(tmp_path: Path) -> None:
    error = {"type": "TypeError", "message": "x is undefined", "stack": "TypeError: x\n    at f (/app/agent.js:1:2)"}
    text = pino_json("error launching job", level=50, requestId=CALL.job_id, err=error)
    (line,) = read_text(tmp_path, text, ids=(CALL.job_id,)).lines
    assert line.fields["error"] == "x is undefined"
    assert "at f (/app/agent.js:1:2)" in line.traceback


# livekit-sip can't be had from a package registry: these lines are put together from its source (1.11) and the logger
# that it shares with livekit-server.


@pytest.mark.parametrize("line", [zap_json, zap_console])
def test_a_refused_call_in_livekit_sips_log(line: Callable[..., str], tmp_path: Path) -> None:
    of_call = {
        "sipTrunk": "ST_aCPK29Aw7yUi",
        "callID": "SCL_jwva95tGUxEA",
        "room": CALL.room,
        "participant": "callee",
        "toUser": "+15555550128",
        "direction": "outbound",
    }
    refused = "unexpected status from INVITE response: sip status: 403: Forbidden"
    text = "\n".join(
        (
            line("Creating SIP participant", **of_call),
            line("SIP invite failed", **of_call, error=refused),
            line("Closing outbound call", **of_call, status=9, result="client_error", reason="forbidden"),
            line("SIP call ended", callID="SCL_jwva95tGUxEA", reason="forbidden"),
            line("SIP call ended", callID="SCL_other0000000", reason="busy"),
        )
    )
    found = read_text(tmp_path, text, "sip", rooms=(CALL.room,))
    assert found.messages == [
        "Creating SIP participant",
        "SIP invite failed",
        "Closing outbound call",
        "SIP call ended",
    ]
    assert found.lines[1].fields["error"] == refused
    assert found.lines[1].fields["call_id"] == "SCL_jwva95tGUxEA"
    assert found.lines[2].fields["reason"] == "forbidden"
