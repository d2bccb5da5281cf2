"""The demo: what it prints, the verdicts that its recording leads to, and that they come from it."""

import datetime as dt
import email.utils
import json
import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import msgspec
import pytest

from livekit_doctor.cli.main import run as run_command_line
from livekit_doctor.demo import recording as recordings
from livekit_doctor.demo import show, story
from livekit_doctor.demo.recording import TIMES, UNKNOWN_ROOM, Exchange, Recording
from livekit_doctor.demo.stage import Stage

AGENT = "SW Telephony Agent"
ROOMS = {
    "call-0001": "outbound-77873635-1761672393000",
    "call-0002": "outbound-77873635-1761685549000",
    "call-0003": "call-outbound-77873635-1761756949631",
    "call-0004": "call-_15555550123_aB3dE5",
    "call-0005": "outbound-77873635-1761758041000",
}
LIST_DISPATCH, LIST_PARTICIPANTS = "AgentDispatchService/ListDispatch", "RoomService/ListParticipants"
DAY = dt.timedelta(days=1)

CommandLine = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture(scope="module")
def recording() -> Recording:
    return recordings.load()


@pytest.fixture(scope="module")
def stage(recording: Recording) -> Iterator[Stage]:
    with Stage(recording) as stage:
        yield stage


@pytest.fixture
def ask(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> CommandLine:
    """Runs a command of the demo with --format json, in this process."""

    def run(stage: Stage, *arguments: str, **environment: str) -> tuple[int, dict[str, Any]]:
        everything = stage.environment() | environment
        for name in os.environ.keys() - everything.keys():
            monkeypatch.delenv(name)
        for name, value in everything.items():
            monkeypatch.setenv(name, value)
        monkeypatch.chdir(stage.folder)
        capsys.readouterr()
        status = run_command_line([*arguments, *story.SHARED, "--format", "json"])
        return status, json.loads(capsys.readouterr().out)

    return run


# The verdicts


@dataclass(frozen=True)
class Expected:
    """The live verdicts of ../shared/incidents."""

    status: int
    verdict: str
    broken: tuple[tuple[str, str, str], ...] = ()


BROKEN_AT_JOB = Expected(1, "broken", (("job_assigned", "LKD402", "likely"),))
NEVER_DISPATCHED = Expected(1, "broken", (("agent_dispatched", "LKD401", "proven"),))
HEALTHY = Expected(0, "healthy")

VERDICTS = {
    "call-0001": BROKEN_AT_JOB,
    "call-0002": NEVER_DISPATCHED,
    "call-0003": NEVER_DISPATCHED,
    "call-0004": HEALTHY,
    "call-0005": HEALTHY,
}


def of(status: int, traced: dict[str, Any]) -> Expected:
    broken = tuple((item["step"], item["code"], item["confidence"]) for item in traced["broken"])
    return Expected(status, traced["verdict"], broken)


@pytest.mark.parametrize(("call_id", "expected"), VERDICTS.items())
def test_verdict_of_each_call(stage: Stage, ask: CommandLine, call_id: str, expected: Expected) -> None:
    status, traced = ask(stage, "trace", call_id)
    assert of(status, traced) == expected
    assert traced["room"] == ROOMS[call_id]
    phone = {step["step"]: step["status"] for step in traced["steps"] if step["leg"] == "phone"}
    assert (phone["sip_participant_created"], phone["sip_answered"]) == ("ok", "ok")
    assert {entry["status"] for entry in traced["coverage"]} == {"read", "not_configured"}


def test_no_registered_worker_is_among_the_candidates(stage: Stage, ask: CommandLine) -> None:
    _, traced = ask(stage, "trace", "call-0001")
    assert "LKD101" in traced["broken"][0]["candidates"]
    assert traced["would_settle"]


def test_it_says_why_inbound_calls_work(stage: Stage, ask: CommandLine) -> None:
    _, traced = ask(stage, "trace", "call-0003")
    because = " ".join(item["text"] for item in traced["broken"][0]["because"] if "DispatchRule" in item["source"])
    assert "inbound" in because
    assert '"call-"' in because
    assert AGENT in traced["broken"][0]["fix"]


def test_check_finds_the_broken_calls_and_nothing_else(stage: Stage, ask: CommandLine) -> None:
    status, checked = ask(stage, "check")
    by_status = {result["id"]: result["status"] for result in checked["checks"]}
    assert status == 1
    assert [id_ for id_, what in by_status.items() if what in ("failed", "errored")] == ["room_presence.live"]
    assert [id_ for id_, what in by_status.items() if what == "warned"] == ["call_logs.states"]
    assert by_status["worker.canary"] == by_status["agent_dispatch.scratch"] == "skipped"
    rooms = next(result for result in checked["checks"] if result["id"] == "room_presence.live")
    assert sorted(finding["code"] for finding in rooms["findings"]) == ["LKD401", "LKD401", "LKD402"]


def test_ages_are_those_of_the_recording(stage: Stage, ask: CommandLine, recording: Recording) -> None:
    _, traced = ask(stage, "trace", "call-0002")
    found = recording.find("RoomService/ListRooms", {"names": [ROOMS["call-0002"]]})
    assert found
    created = int(found.response["rooms"][0]["creation_time_ms"]) / 1e3
    recorded_age = recording.recorded_at.timestamp() - created
    assert recorded_age - 2 <= traced["room_details"]["age"] <= recorded_age + 60


# They come from the recording


def changed(recording: Recording, method: str, room: str, change: Callable[[dict[str, Any]], None]) -> Recording:
    """The recording with one response changed."""
    found = recording.find(method, {"room": room} if room else {})
    assert found
    response = json.loads(json.dumps(found.response))
    change(response)
    assert response != found.response
    new = msgspec.structs.replace(found, response=response)
    exchanges = tuple(new if exchange is found else exchange for exchange in recording.exchanges)
    return msgspec.structs.replace(recording, exchanges=exchanges)


def recorded(recording: Recording, method: str, call_id: str) -> Exchange:
    found = recording.find(method, {"room": ROOMS[call_id]})
    assert found
    return found


def verdict(recording: Recording, ask: CommandLine, call_id: str) -> Expected:
    with Stage(recording) as stage:
        return of(*ask(stage, "trace", call_id))


def test_a_dispatch_in_the_response_changes_the_verdict(recording: Recording, ask: CommandLine) -> None:
    """Incident 2 with the dispatch and the job of the healthy call: now the agent itself is missing."""
    (dispatch,) = (
        one
        for one in recorded(recording, LIST_DISPATCH, "call-0005").response["agent_dispatches"]
        if "agent_name" in one
    )
    after = changed(
        recording, LIST_DISPATCH, ROOMS["call-0002"], lambda response: response["agent_dispatches"].append(dispatch)
    )
    assert verdict(after, ask, "call-0002").broken[0][:2] == ("entrypoint_called", "LKD406")
    del dispatch["state"]["jobs"]
    assert verdict(after, ask, "call-0002").broken[0][:2] == ("job_assigned", "LKD402")


@pytest.mark.parametrize("call_id", ["call-0001", "call-0002", "call-0003"])
def test_an_agent_in_the_response_makes_the_call_healthy(recording: Recording, ask: CommandLine, call_id: str) -> None:
    (agent,) = (
        one
        for one in recorded(recording, LIST_PARTICIPANTS, "call-0005").response["participants"]
        if one.get("kind") == "AGENT"
    )
    after = changed(
        recording, LIST_PARTICIPANTS, ROOMS[call_id], lambda response: response["participants"].append(agent)
    )
    assert verdict(after, ask, call_id) == HEALTHY


def without_agent(response: dict[str, Any]) -> None:
    response["participants"] = [one for one in response["participants"] if one["kind"] != "AGENT"]


@pytest.mark.parametrize("call_id", ["call-0004", "call-0005"])
def test_a_call_without_its_agent_is_broken(recording: Recording, ask: CommandLine, call_id: str) -> None:
    after = changed(recording, LIST_PARTICIPANTS, ROOMS[call_id], without_agent)
    assert verdict(after, ask, call_id).broken[0][:2] == ("agent_connected", "LKD407")


def test_a_rule_without_agent_changes_check_and_trace(recording: Recording, ask: CommandLine) -> None:
    after = changed(
        recording, "SIP/ListSIPDispatchRule", "", lambda response: response["items"][0]["room_config"].pop("agents")
    )
    with Stage(after) as stage:
        _, checked = ask(stage, "check", "--only", "sip_dispatch_rules.agents")
        _, traced = ask(stage, "trace", "call-0003")
    assert checked["checks"][0]["status"] == "failed"
    assert "inbound" not in json.dumps(traced["broken"][0]["because"])


def test_the_demo_fails_where_a_verdict_is_not_as_recorded(
    recording: Recording, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(story, "PARTS", story.PARTS[-1:])
    assert show.run(recording) == 0
    assert "NOT AS RECORDED" not in capsys.readouterr().out
    after = changed(recording, LIST_PARTICIPANTS, ROOMS["call-0005"], without_agent)
    assert show.run(after) == 1
    assert "trace call-0005  NOT AS RECORDED: exit status 1, not 0" in capsys.readouterr().out


# The embedded server


def test_wrong_credentials_get_the_real_refusal(stage: Stage, ask: CommandLine) -> None:
    status, checked = ask(stage, "check", LIVEKIT_API_SECRET="not-the-secret-of-this-server-at-all")
    reachable = next(result for result in checked["checks"] if result["id"] == "connection.reachable")
    assert (status, reachable["code"]) == (2, "LKD004")
    assert "signature is invalid" in reachable["message"]
    status, checked = ask(stage, "check", LIVEKIT_API_KEY="APIofAnotherProject")
    reachable = next(result for result in checked["checks"] if result["id"] == "connection.reachable")
    assert (status, reachable["code"]) == (2, "LKD004")
    assert "invalid API key" in reachable["message"]


def test_a_call_that_is_not_recorded_is_not_known(stage: Stage, ask: CommandLine) -> None:
    status, traced = ask(stage, "trace", "call-9999")
    assert (status, traced["verdict"]) == (3, "unknown")
    assert "LKD601" in [warning["code"] for warning in traced["warnings"]]
    status, traced = ask(stage, "trace", "--room", "outbound-nobody")
    assert (status, traced["verdict"]) == (3, "unknown")


def test_what_was_not_recorded_is_refused_clearly(stage: Stage, ask: CommandLine) -> None:
    """Such as an experiment, which the demo does not run."""
    http_url = stage.server.url.replace("ws:", "http:")
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{http_url}/agent")
    assert refused.value.code == 501
    assert "recording" in json.load(refused.value)["msg"]


def test_the_servers_clock_is_this_machines(stage: Stage) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(stage.server.url.replace("ws:", "http:"))
    date = email.utils.parsedate_to_datetime(refused.value.headers["Date"])
    assert abs(dt.datetime.now(dt.UTC) - date) < dt.timedelta(seconds=5)


# The recording


def test_requests_about_unknown_rooms_are_answered_as_the_server_did(recording: Recording) -> None:
    found = recording.find("RoomService/ListRooms", {"names": ["outbound-nobody"]})
    assert found
    assert (found.request, found.response) == ({"names": [UNKNOWN_ROOM]}, {})
    absent = recording.find(LIST_DISPATCH, {"room": "outbound-nobody"})
    assert absent
    assert (absent.status, absent.response["code"]) == (503, "unavailable")
    known = list(ROOMS.values())[:2]
    assert recording.find("RoomService/ListRooms", {"names": known}) is None, "two rooms that exist are not unknown"
    assert recording.find("RoomService/DeleteRoom", {"room": "outbound-nobody"}) is None


def test_every_time_is_shifted(recording: Recording) -> None:
    """Whatever looks like a time of the recording is one of TIMES, and then of the new day."""
    shift = 1000 * DAY
    new = recording.recorded_at + shift
    times = 0
    for exchange in recording.exchanges:
        before, after = exchange.response, recordings.shifted(exchange.response, shift)
        for (key, old_value), (_, new_value) in zip(scalars(before), scalars(after), strict=True):
            if key in TIMES:
                moment = dt.datetime.fromtimestamp(int(new_value) / TIMES[key], dt.UTC)
                assert abs(moment - new) < DAY, (exchange.asked, key)
                times += 1
            else:
                assert new_value == old_value
                assert not looks_like_a_time(old_value, recording.recorded_at), (exchange.asked, key)
    assert times > 50


def scalars(value: Any, key: str = "") -> Iterator[tuple[str, Any]]:
    """All values with their keys."""
    if isinstance(value, dict):
        for name, item in value.items():
            yield from scalars(item, name)
    elif isinstance(value, list):
        for item in value:
            yield from scalars(item, key)
    else:
        yield key, value


def looks_like_a_time(value: Any, recorded_at: dt.datetime) -> bool:
    """Seconds to nanoseconds around the recording, or a protobuf Timestamp."""
    text = str(value)
    if re.fullmatch(r"\d{4}-\d\d-\d\dT.*", text):
        return True
    return text.isdecimal() and any(
        abs(int(text) / unit - recorded_at.timestamp()) < DAY.total_seconds() for unit in (1, 1e3, 1e6, 1e9)
    )


def test_the_recording_has_no_secrets_and_only_fictional_numbers(recording: Recording) -> None:
    text = msgspec.json.encode(recording).decode()
    assert "eyJ" not in text
    assert set(re.findall(r'"turn_password":"([^"]*)"', text)) == {"REDACTED"}
    assert all(number.startswith("+155555501") for number in re.findall(r"\+\d{7,}", text))


def test_the_rows_are_those_of_the_incidents(recording: Recording) -> None:
    """Call, source and state, in their order; the times are the recording's."""
    folder = Path(__file__).parents[3] / "shared" / "incidents"
    for path in folder.glob("*.json"):
        incident = json.loads(path.read_text())
        wanted = [(row["source"], row["state"]) for row in incident["rows"]]
        rows = [(row.source, row.state) for row in recording.rows if row.call_id == incident["call_id"]]
        assert rows == wanted
        assert ROOMS[incident["call_id"]] == incident["room"]
        assert incident["agent_name"] == AGENT


# The command


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """A user's folder whose configuration must not be touched by the demo."""
    (tmp_path / "project").mkdir()
    (tmp_path / "tmp").mkdir()
    (tmp_path / "project" / "checks.yaml").write_text("not: [valid\n")
    (tmp_path / "project" / ".env").write_text("LIVEKIT_URL=wss://of-the-user.example.com\n")
    return tmp_path


def start_demo(folder: Path) -> "subprocess.Popen[str]":
    environment = {
        **os.environ,
        "TMPDIR": str(folder / "tmp"),
        "LIVEKIT_URL": "wss://of-the-user.example.com",
        "LIVEKIT_API_KEY": "APIofTheUser",
        "LIVEKIT_API_SECRET": "secret-of-the-user",
        "LIVEKIT_AGENT_NAME": "Agent of the user",
        "LIVEKIT_DOCTOR_CONFIG": str(folder / "project" / "checks.yaml"),
        "DATABASE_URL": "postgresql://of-the-user.example.com/calls",
    }
    for name in ("FORCE_COLOR", "COLUMNS"):
        environment.pop(name, None)
    return subprocess.Popen(
        [sys.executable, "-m", "livekit_doctor", "demo"],
        cwd=folder / "project",
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        encoding="utf-8",
        start_new_session=True,
    )


def nothing_is_left(folder: Path, output: str) -> None:
    assert not list((folder / "tmp").iterdir())
    found = re.search(r"ws://127\.0\.0\.1:(\d+)", output)
    assert found
    with socket.socket() as probe:
        assert probe.connect_ex(("127.0.0.1", int(found[1]))) != 0


def test_the_demo(elsewhere: Path) -> None:
    begun = time.monotonic()
    with start_demo(elsewhere) as demo:
        output, errors = demo.communicate()
    print(f"the demo took {time.monotonic() - begun:.1f} s")
    assert (demo.returncode, errors) == (0, "")
    assert "this is a recording" in output
    assert "recorded on" in output
    assert "\x1b" not in output
    assert "of-the-user" not in output
    for part in story.PARTS:
        assert f"$ livekit-doctor {' '.join(part.arguments)}\n" in output
        assert f"[exit status {part.status}]" in output
    assert re.search(r"livekit.doctor trace CALL_ID", output.rpartition("On your own project")[2])
    nothing_is_left(elsewhere, output)


@pytest.mark.parametrize("stop", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_demo_leaves_nothing(elsewhere: Path, stop: signal.Signals) -> None:
    with start_demo(elsewhere) as demo:
        assert demo.stdout
        output = ""
        while "$ livekit-doctor check" not in output:
            line = demo.stdout.readline()
            assert line, "the demo ended"
            output += line
        demo.send_signal(stop)
        output += demo.communicate()[0]
    assert demo.returncode == 130
    nothing_is_left(elsewhere, output)


def test_colour_and_width_of_a_terminal_reach_the_commands(stage: Stage) -> None:
    process = stage.start("trace", "call-0002", *story.SHARED, width=80)
    output, _ = process.communicate()
    assert "\x1b[" in output
    assert not story.PARTS[2].unexpected(process.returncode, output)
    prose = [line for line in re.sub(r"\x1b\[[0-9;]*m", "", output).splitlines() if line.startswith(" " * 15)]
    assert prose
