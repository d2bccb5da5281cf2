"""Lines that somebody made up: none ends the reading of its log, and none the trace."""

import asyncio
import json
from pathlib import Path

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.operations.trace import Options, trace
from livekit_doctor.settings import Agent, CallLogs, Logs, Settings
from tests.evidence.logs.support import AT, Ids, read_text, zap_console, zap_json

IDS = Ids(31)
GOOD = zap_json("assigned job to worker", room=IDS.room, jobID=IDS.job_id)
STORY = ("API RoomService.CreateRoom", "assigned job to worker", "job ended", "failed to send job request")


@pytest.mark.parametrize("deep", ['{"a":%s}', "[%s]"])
def test_fields_nested_too_deep(deep: str, tmp_path: Path) -> None:
    """Where Python still reads them and no longer writes them depends on what is on its stack."""
    before, after = deep.split("%s")
    lines = [
        f'{{"level":"info","ts":{AT.timestamp() + depth},"msg":"job ended","room":"{IDS.room}",'
        f'"x":{before * depth}1{after * depth}}}'
        for depth in range(880, 1000, 5)
    ]
    found = read_text(tmp_path, "\n".join((*lines, GOOD)), "server", rooms=frozenset({IDS.room}))
    assert found.coverage.status == "read"
    assert "assigned job to worker" in found.messages


@pytest.mark.parametrize("name", ["a\\u12", "\\x", "a\tb", "\\"])
def test_names_that_are_no_json(name: str, tmp_path: Path) -> None:
    line = zap_json(STORY[0], room=IDS.room, request=f'{{"agentName": "{name}"}}')
    (tmp_path / "server.log").write_text(line)
    assert read_and_trace(tmp_path) == "read"


@pytest.mark.parametrize("time", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z", 1e300, -5, 2**63])
def test_times_that_no_log_has(time: object, tmp_path: Path) -> None:
    """In the log, and in the rows that say where in the log to look."""
    lines = [{"level": "info", "ts": ts, "msg": text, "agentName": "A"} for ts in (time, str(AT)) for text in STORY]
    (tmp_path / "server.log").write_text("\n".join((*map(json.dumps, lines), GOOD)))
    row = {"call_id": "call-31", "source": "edge", "state": "room_created", "metadata": {"room": IDS.room}}
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps({**row, "created_at": at}) for at in (time, str(AT))))
    for rows in (None, str(tmp_path / "rows.jsonl")):
        assert read_and_trace(tmp_path, rows) == "read"


def test_what_is_half_json(tmp_path: Path) -> None:
    (tmp_path / "server.log").write_text(zap_console("job ended", room=IDS.room)[:-2])
    assert read_and_trace(tmp_path) == "read"


def read_and_trace(folder: Path, rows: str | None = None) -> str:
    """The coverage of the log."""
    logs = Logs(server=(str(folder / "server.log"),))
    settings = Settings(logs=logs, call_logs=CallLogs(file=rows), agent=Agent(name="A"))
    traced = asyncio.run(trace(settings, Subject(call_id="call-31" if rows else None, room=IDS.room), Options()))
    (status,) = (entry.status for entry in traced.evidence.coverage if entry.source.startswith("server_log"))
    return status
