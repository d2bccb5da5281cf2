"""What runs have left at LiveKit: `check` and `watch` say it, `clean` removes it, and nothing else."""

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest
from livekit import api

from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer

AGENT = [api.RoomAgentDispatch(agent_name="nobody-has-this-name")]


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, edge: Edge) -> Iterator[Doctor]:
    doctor = Doctor(tmp_path, livekit)
    doctor.configure({})
    yield doctor
    doctor.run("clean", "--older-than", "0s")


def scratch_name() -> str:
    return f"livekit-doctor-{secrets.token_hex(6)}"


def made_again(edge: Edge) -> str:
    """As an agent does that joins late: with the server's own time-outs."""
    return str(edge.create_room(scratch_name(), AGENT).name)


def in_use(edge: Edge) -> str:
    """As a run under way makes it."""
    return str(edge.create_room(scratch_name(), AGENT, empty_timeout=60, departure_timeout=5).name)


def test_only_what_no_run_can_be_using(doctor: Doctor, edge: Edge, names: Names) -> None:
    left, used = made_again(edge), in_use(edge)
    team, alike = names.room(), f"livekit-doctor-{names.room()}"
    edge.create_room(team, AGENT)
    edge.create_room(alike, AGENT)
    dry = doctor.run("clean", "--dry-run", "-f", "json")
    outcomes = {room["room"]: room["outcome"] for room in dry.json["rooms"]}
    assert (dry.status, outcomes) == (1, {left: "found", used: "in_use"})
    assert {room.name for room in edge.rooms()} == {left, used, team, alike}
    ran = doctor.run("clean", "-f", "json")
    outcomes = {room["room"]: room["outcome"] for room in ran.json["rooms"]}
    assert (ran.status, outcomes) == (0, {left: "removed", used: "in_use"})
    assert {room.name for room in edge.rooms()} == {used, team, alike}
    assert doctor.run("clean", "--older-than", "1h").status == 0
    assert {room.name for room in edge.rooms()} == {used, team, alike}
    assert "1 removed" in doctor.run("clean", used).stdout
    assert "1 not there" in doctor.run("clean", used).stdout
    refused = doctor.run("clean", alike)
    assert (refused.status, "no scratch room of this tool" in refused.stderr) == (2, True)
    assert {room.name for room in edge.rooms()} == {team, alike}


def test_older_than_means_all_of_them(doctor: Doctor, edge: Edge) -> None:
    used = in_use(edge)
    ran = doctor.run("clean", "--older-than", "0s")
    assert (ran.status, used in ran.stdout, edge.rooms()) == (0, True, [])


def test_check_and_watch_say_what_is_left(doctor: Doctor, edge: Edge) -> None:
    """With the command that removes it; a run under way is nobody's left-over."""
    left, used = made_again(edge), in_use(edge)
    checked = doctor.check("--only", "connection", "--read-only")
    (told,) = checked.json["left_behind"]
    assert left in told
    assert used not in told
    assert told.endswith("type: livekit-doctor clean")
    assert checked.status == 0
    arguments = ("--count", "1", "--listen", "off", "--only", "connection", "--read-only")
    outputs = ("--output", "check.json", "--output", "check.prom", "--output", "check.html")
    watched = doctor.run("watch", *arguments, *outputs)
    assert f"watch.left_behind  warned  scratch room of an earlier run, still there: {left}" in watched.stdout
    assert all(left in (doctor.folder / name).read_text() for name in ("check.json", "check.html"))
    assert 'livekit_doctor_left_behind{command="check"} 1.0' in (doctor.folder / "check.prom").read_text()
    assert left in doctor.run("watch", *arguments, "-f", "json").stdout
    assert doctor.run("clean").status == 0
    assert doctor.check("--only", "connection", "--read-only").json["left_behind"] == []


def test_asking_is_not_possible(doctor: Doctor) -> None:
    ran = doctor.run("clean", "-f", "json", env={"LIVEKIT_API_SECRET": "s" * 40})
    assert (ran.status, ran.json["error"]["code"], ran.json["rooms"]) == (2, "LKD004", [])
    assert doctor.run("clean", env={"LIVEKIT_URL": "ws://127.0.0.1:9"}).status == 3
    assert doctor.run("clean", env={"LIVEKIT_URL": ""}).status == 2
    for no_length in ("yesterday", "5", "2026-01-06T10:00"):  # 5 s would end the runs that are under way
        assert doctor.run("clean", "--older-than", no_length).status == 2
    assert doctor.run("clean", "x", "--older-than", "1h").status == 2
