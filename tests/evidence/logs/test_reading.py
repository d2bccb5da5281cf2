"""Logs as they are found: large, broken, compressed, growing. Read on, and say what was skipped."""

import gzip
import json
import os
import socket
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import suppress
from datetime import timedelta
from pathlib import Path

import pytest

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.logs import LogSource, Needles, read, require_readable
from livekit_doctor.evidence.logs.source import Stream
from livekit_doctor.evidence.observations import Component, LogFile, LogLine, SipCallResult
from tests.evidence.logs.support import (
    AT,
    DATA,
    NOW,
    Ids,
    others,
    python_json,
    python_text,
    read_file,
    read_text,
    zap_console,
    zap_json,
)

CALL = Ids(815)
LINE = python_json("received job request", **CALL.fields)
MB = 1 << 20


def test_a_log_without_the_call(tmp_path: Path) -> None:
    found = read_text(tmp_path, others(50), rooms=(CALL.room,))
    assert not found.lines
    assert (found.file.lines, found.file.matched) == (50, 0)
    assert found.coverage.status == "empty"
    assert found.file.first_at == AT
    assert found.file.last_at == AT + timedelta(seconds=49 / 50)


def test_lines_that_name_no_call_are_counted(tmp_path: Path) -> None:
    """Whatever they say, it may be of another call: with the reason why, not without a word."""
    own = "INFO:livekit.agents:received job request AJ_abc123def456"
    text = "\n".join([own, *["ERROR:livekit.agents:failed to launch job on process after 3 attempts"] * 4])
    assert read_text(tmp_path, text, rooms=(CALL.room,)).coverage.unnamed == 4
    assert read_text(tmp_path, own, rooms=(CALL.room,)).coverage.unnamed == 0
    assert read_text(tmp_path, LINE, rooms=(CALL.room,)).coverage.unnamed == 0


def test_a_record_of_an_export_counts_once(tmp_path: Path) -> None:
    """By the sample of the log, and by the line that has the call's name."""
    texts = [line for line in (LINE, *others(8).splitlines()) if line.startswith("{")]
    found = read_text(tmp_path, json.dumps([*map(json.loads, texts)], indent=2), rooms=(CALL.room,))
    assert len(found.lines) == 1
    assert sum(found.coverage.recognised.values()) == len(texts)


def test_an_empty_log(tmp_path: Path) -> None:
    found = read_text(tmp_path, "", rooms=(CALL.room,))
    assert (found.file.lines, found.file.formats, found.file.first_at) == (0, (), None)
    assert found.coverage.status == "empty"


def test_what_is_no_log_of_livekit(tmp_path: Path) -> None:
    """A line with the room is kept as it is; that the format is none that is known can be seen."""
    found = read_text(tmp_path, f"hello\nI call {CALL.room} now\n", rooms=(CALL.room,))
    (line,) = found.lines
    assert (line.message, line.level, line.at, line.number) == (f"I call {CALL.room} now", "", None, 2)
    assert found.file.formats == ()


def test_invalid_utf8_is_read_on(tmp_path: Path) -> None:
    text = b"\xff\xfe\x80 broken\n" + LINE.encode()[:-2] + b'\xe4"}\n' + b"\xc3\x28\n" + LINE.encode()
    found = read_text(tmp_path, b"plain\n" + text, rooms=(CALL.room,))
    assert [line.fields["job_id"] for line in found.lines if line.fields] == [CALL.job_id] * 2
    assert found.file.skipped == {"not UTF-8 (read, with its bad bytes replaced)": 3}


def test_a_line_of_50_megabytes_is_skipped_and_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    with path.open("wb") as log:
        log.write(LINE.encode() + b"\n")
        log.writelines(CALL.room.encode() + b" " + b"x" * MB for _ in range(50))
        log.write(b"\n" + LINE.encode() + b"\n")
    tracemalloc.start()
    found = read_file(path, rooms=(CALL.room,))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert [line.number for line in found.lines] == [1, 3]
    assert found.file.lines == 3
    assert found.file.skipped == {"longer than 1 MB": 1}
    assert peak < 40 * MB


def test_half_a_json_line_at_the_end(tmp_path: Path) -> None:
    found = read_text(tmp_path, f"{LINE}\n{LINE[: len(LINE) // 2]}", rooms=(CALL.room,))
    assert found.lines[0].fields["job_id"] == CALL.job_id
    assert found.file.skipped["half a JSON line at the end"] == 1
    assert found.file.last_at == AT


def test_mixed_formats_and_line_ends(tmp_path: Path) -> None:
    texts = (
        LINE + "\r\n",
        python_text("received job request", **CALL.fields) + "\r\n",
        "\0\0" + zap_json("assigned job to worker", jobID=CALL.job_id, room=CALL.room) + "\n",
        "\n",
        zap_console("job ended", jobID=CALL.job_id),
    )
    found = read_text(tmp_path, "".join(texts), rooms=(CALL.room,))
    assert [line.number for line in found.lines] == [1, 2, 3, 5]
    assert [line.fields["job_id"] for line in found.lines] == [CALL.job_id] * 4
    assert len(found.file.formats) == 4


def test_utf16_as_powershell_writes_it(tmp_path: Path) -> None:
    found = read_text(tmp_path, f"{others(2)}{LINE}\r\n".encode("utf-16"), rooms=(CALL.room,))
    assert [line.number for line in found.lines] == [3]


@pytest.mark.parametrize("name", ["worker.log.gz", "worker.log"])
def test_gzip_is_known_by_its_bytes(name: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(gzip.compress(f"{others(500)}{LINE}\n".encode()))
    found = read_file(tmp_path / name, rooms=(CALL.room,))
    assert [line.number for line in found.lines] == [501]
    assert found.coverage.status == "read"


def test_a_gzip_file_that_ends_early(tmp_path: Path) -> None:
    """What came before is read, and its end is said to be missing."""
    data = gzip.compress(f"{LINE}\n{others(3000)}{LINE}\n".encode())
    (tmp_path / "worker.log.gz").write_bytes(data[: len(data) // 2])
    found = read_file(tmp_path / "worker.log.gz", rooms=(CALL.room,))
    assert [line.number for line in found.lines] == [1]
    assert 500 < found.file.lines < 3000
    assert found.coverage.status == "unread"
    assert found.coverage.problem is not None
    assert "gzip data is broken" in found.coverage.problem.message


def test_what_is_called_gz_and_is_not(tmp_path: Path) -> None:
    (tmp_path / "worker.log.gz").write_text(LINE)
    assert len(read_file(tmp_path / "worker.log.gz", rooms=(CALL.room,)).lines) == 1


def test_what_only_begins_like_gzip(tmp_path: Path) -> None:
    found = read_text(tmp_path, b"\x1f\x8b" + LINE.encode(), rooms=(CALL.room,))
    assert found.coverage.status == "unread"


def test_one_that_fails_leaves_the_others(tmp_path: Path) -> None:
    (tmp_path / "good.log").write_text(LINE)
    logs = [LogSource("worker", str(tmp_path / name)) for name in ("gone.log", "good.log")]
    reading = read(logs, Needles(rooms=(CALL.room,)), NOW)
    assert sum(isinstance(item, LogLine) for item in reading.observations) == 1
    assert sum(isinstance(item, LogFile) for item in reading.observations) == 2
    assert {entry.source: entry.status for entry in reading.coverage} == {
        f"worker_log {tmp_path / 'gone.log'}": "unread",
        f"worker_log {tmp_path / 'good.log'}": "read",
    }


def test_a_log_that_grows_is_read_to_where_it_ended(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(f"{others(10)}{LINE}\n".encode())
    stream = Stream(LogSource("worker", str(path)))
    with path.open("a") as log:
        log.write(others(10))
    data = b"".join(stream.parts())
    stream.close()
    assert data.count(b"\n") == 11


def test_a_log_that_shrinks_while_it_is_read(tmp_path: Path) -> None:
    path = tmp_path / "worker.log"
    path.write_bytes(f"{LINE}\n".encode() * 20_000)
    stream = Stream(LogSource("worker", str(path)))
    parts = stream.parts(MB)
    first = next(parts)
    os.truncate(path, 100)
    assert b"".join((first, *parts)) == first
    stream.close()


def test_a_pipe(tmp_path: Path) -> None:
    """As `--worker-log <(kubectl logs ...)` gives one: read once, and its size is not known."""
    path = tmp_path / "pipe"
    os.mkfifo(path)
    source = LogSource("worker", str(path))
    require_readable([source])
    assert not source.is_regular
    writer = threading.Thread(target=path.write_text, args=(f"{others(5)}{LINE}\n",))
    writer.start()
    found = read_file(path, rooms=(CALL.room,))
    writer.join()
    assert [line.number for line in found.lines] == [6]


@pytest.fixture
def unopenable(tmp_path: Path) -> Iterator[dict[str, str]]:
    """Names, and a word of the reason."""
    unix = socket.socket(socket.AF_UNIX)
    with suppress(OSError):
        unix.bind(str(tmp_path / "socket"))
    locked = tmp_path / "locked.log"
    locked.write_text(LINE)
    locked.chmod(0)
    names = {
        str(tmp_path / "gone.log"): "there is no file",
        str(tmp_path / "gone" / "worker.log"): "there is no folder",
        str(tmp_path): "is a folder",
        "x" * 5000: "too long",
        "\0": "null byte",
        str(tmp_path / "socket"): "is a socket",
    }
    # Root may read all files.
    yield names | ({} if os.access(locked, os.R_OK) else {str(locked): "Permission denied"})
    unix.close()


def test_what_cannot_be_opened_is_said_before_anything_is_read(unopenable: dict[str, str]) -> None:
    for name, why in unopenable.items():
        with pytest.raises(UserError) as raised:
            require_readable([LogSource("server", name)])
        assert why in raised.value.message
        assert raised.value.message.startswith("--server-log: ")
        assert raised.value.exit_status == 2


# What is of the call


def test_a_log_without_anything_to_look_for(tmp_path: Path) -> None:
    """Nothing can be concluded from what was not found in it."""
    found = read_text(tmp_path, python_json("registered worker", id="AW_6rRxW82cgMwq"), agent_name="x", rooms=("r1",))
    assert found.messages == ["registered worker"]
    assert found.coverage.status == "unread"
    assert found.coverage.problem is not None
    assert "neither a room nor an id of the call is known" in found.coverage.problem.message


def test_ids_of_one_line_lead_to_the_next(tmp_path: Path) -> None:
    lines = (
        python_json("no warmed process available", job_id=CALL.job_id),
        LINE,
        python_json("process exited with non-zero exit code 3", job_id=CALL.job_id),
        python_json("process exited with non-zero exit code 3", job_id=Ids(2).job_id),
    )
    found = read_text(tmp_path, "\n".join(lines), rooms=(CALL.room,))
    assert [line.number for line in found.lines] == [2, 3]


def test_the_servers_log_tells_what_to_look_for_in_the_workers(tmp_path: Path) -> None:
    """A Node worker names the job and never the room."""
    worker, server = tmp_path / "worker.log", tmp_path / "server.log"
    worker.write_text(python_json("received job request", job_id=CALL.job_id))
    server.write_text(zap_json("assigned job to worker", jobID=CALL.job_id, room=CALL.room))
    logs = [LogSource("worker", str(worker)), LogSource("server", str(server))]
    reading = read(logs, Needles(rooms=(CALL.room,)), NOW)
    assert [item.log for item in reading.observations if isinstance(item, LogLine)] == ["server", "worker"]


def test_a_call_id_leads_to_the_room(tmp_path: Path) -> None:
    lines = (python_json("dialing", call_id="call-77-41", room=CALL.room), LINE)
    found = read_text(tmp_path, "\n".join(lines), call_ids=("call-77-41",))
    assert [line.number for line in found.lines] == [1, 2]


@pytest.mark.parametrize(
    "text",
    [
        python_json("received job request", room=f"{CALL.room}0"),
        python_json("received job request", room=f"x{CALL.room}"),
        python_json("received job request", room=f"{CALL.room}-b"),
        zap_json("API RoomService.ListParticipants", room=CALL.room),
        zap_json("API AgentDispatchService.ListDispatch", room=CALL.room),
    ],
)
def test_nearest_lines_that_are_not_of_the_call(text: str, tmp_path: Path) -> None:
    assert not read_text(tmp_path, text, "server", rooms=(CALL.room,)).lines


def test_a_room_with_the_name_of_a_word(tmp_path: Path) -> None:
    lines = (
        python_json("room disconnected", participant="x"),
        python_json("received job request", room="room"),
        python_json("room room", room="another"),
    )
    assert [line.number for line in read_text(tmp_path, "\n".join(lines), rooms=("room",)).lines] == [2]


def test_a_call_id_that_may_be_any_number(tmp_path: Path) -> None:
    """7112 is the process id in these lines."""
    found = read_text(tmp_path, python_json("job accepted", **CALL.fields), call_ids=("7112",))
    assert not found.lines
    assert found.coverage.status == "unread"


@pytest.mark.parametrize("room", ['say "hi"', "Gespräch 1\\2", "a<b>&c room", "комната-1", "tab\there"])
def test_rooms_with_characters_that_json_escapes(room: str, tmp_path: Path) -> None:
    inner = json.dumps({"message": "m", "level": "INFO", "name": "n", "room": room, "timestamp": AT.isoformat()})
    docker = json.dumps({"log": inner + "\n", "stream": "stdout", "time": AT.isoformat()})
    found = read_text(tmp_path, f"{python_json('m', room=room)}\n{inner}\n{docker}\n", rooms=(room,))
    assert [line.number for line in found.lines] == [1, 2, 3]


def test_another_call_in_a_room_of_that_name(tmp_path: Path) -> None:
    """LiveKit's ids are of one call; a name may have been used before."""
    before, of_call = AT - timedelta(days=3), AT + timedelta(minutes=2)
    lines = (
        python_json("received job request", before, room=CALL.room, job_id=Ids(2).job_id),
        python_json("received job request", of_call, **CALL.fields),
        python_json("late", AT + timedelta(days=2), job_id=CALL.job_id),
    )
    found = read_text(tmp_path, "\n".join(lines), rooms=(CALL.room,), start=AT, end=AT)
    assert [line.number for line in found.lines] == [2, 3]
    assert found.file.left_out == {"too far from the time of the call": 1}


def test_messages_without_an_id_are_kept_around_the_call(tmp_path: Path) -> None:
    """The last of the worker's states before the call, whenever they were, and the first ones after it."""
    lines = [
        python_json("registered worker", AT + timedelta(hours=n), id=f"AW_{n}", url="ws://x") for n in range(-40, 40)
    ]
    lines[40:40] = [LINE]
    found = read_text(tmp_path, "\n".join(lines), rooms=(CALL.room,), start=AT, end=AT)
    registered = [line.fields["worker_id"] for line in found.lines if line.message == "registered worker"]
    assert registered == [f"AW_{n}" for n in (*range(-11, 1), 1)]
    assert all(not line.by_id for line in found.lines if line.message == "registered worker")
    assert found.file.left_out == {"registered worker": 80 - 13}


def test_lines_of_the_calls_own_agent_are_not_crowded_out(tmp_path: Path) -> None:
    def failed(name: str) -> str:
        return zap_json("failed to send job request", AT, agentName=name, error="no response from servers")

    lines = [failed(CALL.agent_name), *(failed("Other Agent") for _ in range(100))]
    found = read_text(tmp_path, "\n".join(lines), "server", rooms=(CALL.room,), agent_name=CALL.agent_name)
    assert found.lines[0].fields["agent_name"] == CALL.agent_name
    assert len(found.lines) < 30


def test_a_call_that_logs_a_lot_is_bounded(tmp_path: Path) -> None:
    text = "".join(python_json(f"step {n}", room=CALL.room) + "\n" for n in range(3000))
    found = read_text(tmp_path, text, rooms=(CALL.room,))
    assert len(found.lines) == 1000
    assert (found.messages[0], found.messages[-1]) == ("step 0", "step 2999")
    assert (found.file.matched, found.file.left_out) == (3000, {"more lines of the call": 2000})


# Large logs are searched for names only, and for everything around the call.


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A log of 90 MB with one call in its middle, and another that is named by its job only near the end."""
    path = tmp_path_factory.mktemp("large") / "worker.log"
    filler = others(1000).encode()
    half = filler * (45 * MB // len(filler) + 1)
    failing = python_json("failed to connect to livekit, retrying in 2s", level="WARNING").encode() + b"\n"
    with path.open("wb") as log:
        log.write(python_json("registered worker", id="AW_6rRxW82cgMwq").encode() + b"\n")
        log.write(failing)
        log.write(half)
        log.write(failing)
        log.write(python_json("no warmed process available", job_id=CALL.job_id).encode() + b"\n")
        log.write(LINE.encode() + b"\n")
        log.write(python_json("process exiting", job_id=CALL.job_id).encode() + b"\n")
        log.write(half)
        log.write(python_json("alone", job_id=Ids(3).job_id).encode() + b"\n")
    return path


def test_large_log_around_the_call(large: Path) -> None:
    found = read_file(large, rooms=(CALL.room,))
    assert [(line.message, line.by_id) for line in found.lines] == [
        ("registered worker", False),
        ("failed to connect to livekit, retrying in 2s", False),
        ("received job request", True),
        ("process exiting", True),
    ]
    middle = found.lines[1].number
    assert [line.number for line in found.lines] == [1, middle, middle + 2, middle + 3]
    assert found.file.lines == 2 * (middle - 3) + 7


def test_large_log_that_has_the_id_only(large: Path) -> None:
    """Where no line has a name of the call, the log is searched for its ids as well."""
    found = read_file(large, rooms=("call-of-another-name",), ids=(Ids(3).job_id,))
    assert [line.message for line in found.lines if line.by_id] == ["alone"]


def test_large_log_of_a_known_time(large: Path) -> None:
    """The messages without an id, of that time, where the call itself is not in the log."""
    found = read_file(large, rooms=("call-of-another-name",), start=AT, end=AT)
    assert sum(line.message.startswith("failed to connect") for line in found.lines) == 2


# What --evidence reads, the log options read, and say what they understood.


def test_what_was_recognised_is_counted_and_the_rest_is_shown(tmp_path: Path) -> None:
    found = read_text(tmp_path, f"{LINE}\nstarted by cron\n{LINE}\n", rooms=(CALL.room,))
    assert found.coverage.recognised == {"worker log line": 2}
    assert (found.coverage.not_recognised, found.coverage.unknown_lines) == (1, ("started by cron",))
    assert found.coverage.lines is None


def test_a_file_of_which_nothing_was_understood_was_not_read(tmp_path: Path) -> None:
    found = read_text(tmp_path, "first,second\n1,2\n", rooms=(CALL.room,))
    assert found.coverage.status == "unread"
    assert found.coverage.problem is not None
    assert "no line of it is recognised as a log's of LiveKit: first,second / 1,2" in found.coverage.problem.message


@pytest.mark.parametrize("option", ["worker", "server", "sip"])
def test_all_components_in_one_file(option: Component, tmp_path: Path) -> None:
    """As `docker compose logs` prints them."""
    of_sip = zap_console("SIP invite failed", sipCallID="x", roomName=CALL.room)
    lines = (
        f"agent-1   | {python_text('received job request', **CALL.fields)}",
        f"livekit-1 | {zap_console('assigned job to worker', jobID=CALL.job_id, room=CALL.room)}",
        f"sip-1     | {of_sip.replace('livekit.agents', 'sip')}",
    )
    found = read_text(tmp_path, "\n".join(lines), option, rooms=(CALL.room,))
    assert [line.log for line in found.lines] == ["worker", "server", "sip"]


REFUSED = "SIP call failed: 486 Busy Here (resource_exhausted)"


def test_an_error_of_the_api_in_a_line_of_the_call(tmp_path: Path) -> None:
    own = python_json(f"dial failed: {REFUSED}", level="ERROR", room=CALL.room)
    other = python_json("dial failed: SIP call failed: 404 Not Found (not_found)", level="ERROR", room="another")
    (result,) = results_in(tmp_path, f"{other}\n{own}\n{other}\n")
    assert (result.sip_status_code, result.read.clock_at, result.read.excerpt) == (486, AT, False)


def test_an_error_that_names_no_call(tmp_path: Path) -> None:
    """It is the call's where the log names no other; else nobody knows whose."""
    error = f"2026-11-23 21:25:30,000 - ERROR dialer - {REFUSED}\n"
    (result,) = results_in(tmp_path, f"{LINE}\n{error}")
    assert (result.sip_status_code, result.read.excerpt) == (486, True)
    assert not results_in(tmp_path, f"{LINE}\n{error}{others(1)}")


def test_an_error_given_as_a_log(tmp_path: Path) -> None:
    (result,) = results_in(tmp_path, f"Traceback (most recent call last):\n  File 'a.py'\nSipCallError: {REFUSED}\n")
    assert result.read.excerpt


def results_in(folder: Path, text: str) -> list[SipCallResult]:
    (folder / "w.log").write_text(text)
    reading = read([LogSource("worker", str(folder / "w.log"))], Needles(rooms=(CALL.room,)), NOW)
    return [item for item in reading.observations if isinstance(item, SipCallResult)]


@pytest.mark.parametrize("file", ["spans-1.8.9-otlp.jsonl", "spans-1.8.9-console.json"])
def test_spans_of_a_real_worker(file: str) -> None:
    """livekit-agents 1.8.9 in the lab (tests/lab/test_lab_spans.py), its spans exported by OpenTelemetry's SDK."""
    reading = read([LogSource("worker", str(DATA / file))], Needles(rooms=("spans-raises",)), NOW)
    lines = [item for item in reading.observations if isinstance(item, LogLine)]
    assert [line.message for line in lines if line.level != "debug"] == [
        *("received job request", "job accepted", "job assigned", "process took the job", "entrypoint started"),
        "unhandled exception while running the job task",
    ]
    assert {line.fields.get("room") for line in lines if line.level != "debug"} == {"spans-raises"}
    (raised,) = (line for line in lines if line.traceback)
    assert "RuntimeError: the lab's entrypoint raises" in raised.traceback
    assert not any(isinstance(item, LogFile) for item in reading.observations), "what it does not have may have been"


@pytest.mark.parametrize("file", ["spans-1.8.9-otlp.jsonl", "spans-1.8.9-console.json"])
def test_a_span_shows_that_the_agent_connected(file: str) -> None:
    reading = read([LogSource("worker", str(DATA / file))], Needles(rooms=("spans-healthy",)), NOW)
    lines = [item for item in reading.observations if isinstance(item, LogLine)]
    (asked,) = (line for line in lines if line.message == "received job request")
    (connected,) = (line for line in lines if line.message == "room_connect returned")
    assert asked.at
    assert connected.at
    assert 0.5 < (connected.at - asked.at).total_seconds() < 1, "by when it ended"
    assert connected.fields["job_id"] == asked.fields["job_id"]


@pytest.mark.parametrize("tag", [{"key": "lk.participant_id", "value": "PA_YqG4z59odCxH"}, None])
def test_a_connection_that_was_given_up(tag: dict[str, str] | None, tmp_path: Path) -> None:
    """Its span has no participant; as Jaeger exports it, with how long it took."""
    tags = [{"key": "lk.pii.room_name", "value": CALL.room}, *filter(None, [tag])]
    span = {"operationName": "room_connect", "startTime": 1795702211033000, "duration": 250000, "tags": tags}
    (tmp_path / "spans.json").write_text(json.dumps({"data": [{"traceID": "1", "spans": [span]}]}))
    source = LogSource("worker", str(tmp_path / "spans.json"))
    (line,) = (o for o in read([source], Needles(rooms=(CALL.room,)), NOW).observations if isinstance(o, LogLine))
    assert line.at
    assert (line.message, line.at.microsecond) == (
        ("room_connect returned", 283000) if tag else ("span room_connect", 33000)
    )


def test_a_log_that_a_terminal_cut(tmp_path: Path) -> None:
    """Also where it cut the name that is looked for."""
    text = (
        python_text("received job request", **CALL.fields)
        .replace("\x1b[32m", "")
        .replace("\x1b[90m", "")
        .replace("\x1b[0m", "")
    )
    width = text.index(CALL.room) + 4
    cut = "\n".join(text[start : start + width] for start in range(0, len(text), width))
    line = read_text(tmp_path, f"{cut}\n{cut}\n", rooms=(CALL.room,)).lines[0]
    assert (line.fields["room"], line.fields["job_id"]) == (CALL.room, CALL.job_id)


def test_ids_lead_to_the_lines_above_where_the_newest_is_first(tmp_path: Path) -> None:
    late = python_json("assignment timed out", AT + timedelta(seconds=8), job_id=CALL.job_id)
    found = read_text(tmp_path, f"{late}\n{LINE}\n", rooms=(CALL.room,))
    assert found.messages == ["assignment timed out", "received job request"]


def test_another_programs_log_does_not_count_as_read(tmp_path: Path) -> None:
    """Its lines have a time and a level as LiveKit's have: what is not in it was not written by LiveKit either."""
    text = "2026-11-23 21:25:22.100 UTC [12] LOG:  checkpoint starting: time\n" * 3
    for log in ("worker", "server", "sip"):
        found = read_text(tmp_path, text, log=log, rooms=(CALL.room,))
        assert (found.coverage.status, found.coverage.recognised, found.coverage.not_recognised) == ("unread", {}, 3)
        assert found.coverage.unknown_lines[0].endswith("checkpoint starting: time")
        assert (found.file.first_at, found.file.formats) == (None, ())


def test_a_teams_own_lines_are_read_beside_livekits(tmp_path: Path) -> None:
    own = "2026-11-23 21:25:22,100 - INFO my-agent - the model is loaded\n"
    line = "2026-11-23 21:25:23,100 - INFO livekit.agents - process initialized\n"
    assert read_text(tmp_path, own * 3 + line, rooms=(CALL.room,)).coverage.status == "empty"
    assert read_text(tmp_path, own + own.replace("the model", CALL.room), rooms=(CALL.room,)).coverage.status == "read"


@pytest.mark.parametrize("key", ["sip.trunk_id", "app.sipTrunkId", "trunk_id"])
def test_a_span_with_an_id_of_the_teams_own(key: str, tmp_path: Path) -> None:
    """Fixes have a place for the trunk: what a span names is known, under whichever name the team gave it."""
    own = json.dumps({"key": key, "value": {"stringValue": "ST_abCdEf123456"}})
    path = tmp_path / "spans.json"
    path.write_text(
        (DATA / "spans-1.8.9-otlp.jsonl").read_text().replace('"attributes": [{', f'"attributes": [{own}, {{')
    )
    (line, *_) = read([LogSource("worker", str(path))], Needles(rooms=("spans-raises",)), NOW).observations
    assert isinstance(line, LogLine)
    assert line.fields["sip_trunk"] == "ST_abCdEf123456"
