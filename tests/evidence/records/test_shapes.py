"""Each kind of line that programs write: what begins a record, in which order its head is, and where its fields are."""

import json

import pytest

from livekit_doctor.evidence.observations import LogLine, SipCallResult
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import found
from tests.evidence.pasted.samples import pasted, reading, recognised

AT = "2026-01-05 16:05:05"
FAILED = "failed to connect to livekit, retrying in 0s"

HEADS = [
    f"{AT},356 - WARNING livekit.agents - ",
    f"{AT},356 - livekit.agents - WARNING - ",
    f"{AT},356 [WARNING] livekit.agents: ",
    f"{AT} WARNING livekit.agents: ",
    f"{AT},356 WARNING  [livekit.agents] ",
    f"{AT},356 WARNING  [livekit.agents:worker.py:312] ",
    f"{AT},356 [MainThread] WARNING livekit.agents worker.py:312 - ",
    f"{AT}.356 | WARNING  | livekit.agents.worker:_connect:312 - ",
    f"{AT} [warning  ] ",
    f"[{AT},356: WARNING/MainProcess] ",
    f"[{AT} +0000] [7] [WARNING] ",
    f"[{AT}] WARNING: ",
    f"WARNING {AT},356 livekit.agents ",
    f"WARNING: {AT} - livekit.agents - ",
    "2026/01/05 16:05:05 WARNING livekit.agents: ",
    "2026-01-05T16:05:05.356Z livekit.agents WARNING ",
    "2026-01-05T16:05:05.356Z [warn]: ",
    "16:05:05 WARNING livekit.agents ",
    "16:05:05 worker   WARNING livekit.agents ",
    "[16:05:05.356] WARN (1234): ",
    "4:05:05 PM WARNING livekit.agents: ",
    "WARNING:livekit.agents:",
    "WARNING livekit.agents - ",
    "livekit.agents - WARNING - ",
    "[WARNING] livekit.agents: ",
    "warn: ",
    "Jan  5 16:05:05 host agent[12]: WARNING:livekit.agents:",
]


@pytest.mark.parametrize("head", HEADS)
def test_heads_in_every_order(head: str) -> None:
    (line,) = lines(f"{head}{FAILED}")
    assert (line.log, line.level, line.message) == ("worker", "warn", FAILED)
    assert line.logger in ("livekit.agents", "livekit.agents.worker", "")
    dated = "16:05:05" in head or "4:05:05" in head
    assert dated == (line.at is not None or "time_of_day" in line.fields)
    assert line.at is None or line.at.isoformat().startswith("2026-01-05T16:05:05")


@pytest.mark.parametrize(
    "text",
    [
        "livekit agents never join my room, what is wrong?",
        "livekit: it does not work",
        "livekit-agents: 1.8.9",
        "error: the agent did not come",
        "INFO about our set-up: two workers, one trunk",
        "room closed early, and the job ended before that",
        "registered worker is what the docs say, but I see nothing",
        "2026-01-05 16:05:05 - INFO uvicorn.access - GET /health",
        '{"message": "our own service", "level": "info"}',
        "Error: connect ECONNREFUSED\n    at TCPConnectWrap.afterConnect (node:net:1555:16)",
        "a | b | c\n1 | 2 | 3",
        "{a: 1}",
    ],
)
def test_what_is_nobodys_log(text: str) -> None:
    assert not lines(text)
    assert pasted(text).verdict is Verdict.UNKNOWN


REQUEST = {"job_id": "AJ_NZAsRZNRaMZg", "room": "call-17"}
OF_JSON = [
    {"message": "received job request", "severity": "INFO", "room_name": "call-17", "job_id": "AJ_NZAsRZNRaMZg"},
    {"event": "received job request", "level": "info", "logger": "livekit.agents", **REQUEST},
    {
        "asctime": f"{AT},970",
        "levelname": "INFO",
        "name": "livekit.agents",
        "message": "received job request",
        **REQUEST,
    },
    {"level": 30, "msg": "received job request", "jobId": "AJ_NZAsRZNRaMZg", "roomName": "call-17"},
    {"log.level": "INFO", "message": "received job request", "log.logger": "livekit.agents", **REQUEST},
    {"level": "INFO", "message": "received job request", "extra": REQUEST},
    {
        "record": {
            "level": {"name": "INFO"},
            "message": "received job request",
            "name": "livekit.agents",
            "extra": REQUEST,
        }
    },
    {"jsonPayload": {"message": "received job request", "name": "livekit.agents", **REQUEST}, "severity": "INFO"},
    {"textPayload": f"INFO:livekit.agents:received job request {json.dumps(REQUEST)}"},
    {"@message": f"INFO:livekit.agents:received job request {json.dumps(REQUEST)}", "@timestamp": f"{AT}.970"},
    {"MESSAGE": f"INFO:livekit.agents:received job request {json.dumps(REQUEST)}", "_HOSTNAME": "h"},
    {"line": f"INFO:livekit.agents:received job request {json.dumps(REQUEST)}", "timestamp": "1767629105970000000"},
    {"events": [{"message": json.dumps({"message": "received job request", "level": "INFO", **REQUEST})}]},
]


@pytest.mark.parametrize("value", OF_JSON, ids=lambda value: next(iter(value)))
@pytest.mark.parametrize("indent", [None, 2])
def test_json_whatever_its_keys_are_called(value: object, indent: int | None) -> None:
    (line,) = lines(json.dumps(value, indent=indent))
    assert (line.log, line.message) == ("worker", "received job request")
    assert {name: line.fields.get(name) for name in REQUEST} == REQUEST


def test_json_that_was_escaped_or_is_a_cell_of_csv() -> None:
    inner = json.dumps({"message": "received job request", "level": "INFO", "name": "livekit.agents", **REQUEST})
    doubled = inner.replace('"', '""')
    for text in (json.dumps(inner)[1:-1], f'1767629105970,"{doubled}"', f'"2026-01-05T16:05:05Z","host","{doubled}"'):
        (line,) = lines(text)
        assert line.fields["job_id"] == "AJ_NZAsRZNRaMZg", text


FIELDS = [
    '{"job_id": "AJ_NZAsRZNRaMZg", "room": "call-17"}',
    "{'job_id': 'AJ_NZAsRZNRaMZg', 'room': 'call-17', 'resuming': False}",
    "{ job_id: 'AJ_NZAsRZNRaMZg', room: 'call-17', worker: Worker { load: 0.1 }, more: [Object] }",
    "job_id=AJ_NZAsRZNRaMZg room=call-17",
    'job_id="AJ_NZAsRZNRaMZg" room="call-17"',
]


@pytest.mark.parametrize("fields", FIELDS)
@pytest.mark.parametrize("head", ["", f"{AT},356 - INFO livekit.agents - ", "info: "])
def test_fields_at_the_end_of_a_line(head: str, fields: str) -> None:
    (line,) = lines(f"{head}received job request {fields}")
    assert line.log == "worker"
    assert line.message.startswith("received job request")
    assert {name: line.fields.get(name) for name in REQUEST} == REQUEST


def test_ids_that_stand_in_the_message_only() -> None:
    (line,) = lines(f"{AT},356 - WARNING livekit.agents - assignment for job AJ_NZAsRZNRaMZg timed out")
    assert line.fields["job_id"] == "AJ_NZAsRZNRaMZg"
    (several,) = lines(f"{AT},356 - INFO livekit.agents - AJ_NZAsRZNRaMZg follows AJ_OOOOOOOOOOOO")
    assert "job_id" not in several.fields


@pytest.mark.parametrize(
    ("text", "field", "value"),
    [
        ("Dispatch created: AD_X2XvFEEeMZeL", "dispatch_id", "AD_X2XvFEEeMZeL"),
        ('{ callId: "SCL_aaaaaaaaaaaa", roomName: "call-17" }', "room", "call-17"),
        ("{'dispatch_id': 'AD_X2XvFEEeMZeL', 'room': 'call-17', 'at': None}", "room", "call-17"),
        ("call-17: dialing, participant PA_aaaaaaaaaaaa", "participant_id", "PA_aaaaaaaaaaaa"),
    ],
)
def test_a_line_of_the_teams_own_with_an_id(text: str, field: str, value: str) -> None:
    (line,) = lines(text)
    assert (line.log, line.fields[field]) == ("app", value)
    assert recognised(text) == {"lines": 0, "other program's line": 1}


def test_stacks_outside_of_a_log() -> None:
    node = (
        "Error: runner initialization timed out\n"
        "    at SupervisedProc.initialize (file:///app/node_modules/@livekit/agents/dist/ipc/supervised_proc.js:93:15)"
    )
    (line,) = lines(node)
    assert (line.log, line.level, line.message) == ("worker", "error", "runner initialization timed out")
    python = (
        "Traceback (most recent call last):\n"
        '  File "/app/.venv/lib/python3.11/site-packages/livekit/agents/ipc/job_proc_lazy_main.py", line 353, in run\n'
        "    await fnc(ctx)\n"
        '  File "/app/agent.py", line 7, in entrypoint\n'
        "    raise KeyError(phone)\n"
        "KeyError: 'phone'"
    )
    (line,) = lines(f"look:\n{python}\nthat is all")
    assert (line.log, line.message) == ("worker", "KeyError: 'phone'")
    assert 'File "/app/agent.py", line 7' in line.traceback


def test_each_line_that_begins_a_record_is_one() -> None:
    head = f"{AT},356 - INFO livekit.agents - "
    block = f"{head}registered worker\n{head}received job request\n  more of it\n{head}draining worker"
    for prefix in ("", "  ", "\t", "> ", "  • ", "agent-1  | ", "[10:41] sam: "):
        text = "\n".join(f"{prefix}{line}" for line in block.splitlines())
        assert len(lines(text)) == 3, repr(prefix)
        assert recognised(text)["lines"] == 0


def test_a_message_that_a_terminal_cut() -> None:
    whole = f"{AT},356 - WARNING livekit.agents - {FAILED}: 401, message='Invalid response status', url='wss://x.example.com/agent'"
    cut = "\n".join(whole[start : start + 80] for start in range(0, len(whole), 80))
    assert [line.message for line in lines(cut)] == [line.message for line in lines(whole)]


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        ("SIP Status: 403 (FORBIDDEN)", "possible"),
        ("Error: the call failed, sip_status_code: 403", "likely"),
        ("  sip status code = 403", "possible"),
        ("so I think that the SIP status: 403", "possible"),
    ],
)
def test_a_sip_status_at_the_end_of_a_line(text: str, confidence: str) -> None:
    (item,) = reading(text).observations
    assert isinstance(item, SipCallResult)
    assert item.sip_status_code == 403
    assert found(pasted(text)) == [("sip_ringing", "LKD204", confidence)]


@pytest.mark.parametrize(
    "text", ['if sip_status == "403":', "We use SIP status 403 for blocked ones.", "SIP status: 200"]
)
def test_no_sip_status(text: str) -> None:
    assert not reading(text).observations


def lines(text: str) -> list[LogLine]:
    return [item for item in reading(text).observations if isinstance(item, LogLine)]


def test_a_workers_own_words_are_not_the_teams() -> None:
    """Without a logger, too: what livekit-agents says does not show that the entrypoint ran."""
    text = (
        f'{AT},970 INFO received job request {{"job_id": "AJ_NZAsRZNRaMZg", "room": "call-17"}}\n'
        "2026-01-05 16:05:13,970 WARNING assignment for job AJ_NZAsRZNRaMZg timed out"
    )
    assert {line.logger for line in lines(text)} == {"livekit.agents"}
    assert found(pasted(text)) == [("job_assigned", "LKD403", "likely")]
