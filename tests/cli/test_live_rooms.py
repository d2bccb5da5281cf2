"""`trace` without anything, where no call logs are configured: the live rooms stand in for the recent calls."""

import re
from pathlib import Path

import pytest
from livekit.protocol import models
from livekit.protocol.room import ListParticipantsResponse, ListRoomsResponse

from tests.cli.command_line import run
from tests.evidence.odd_server import OddServer, refusal


def rooms_of(*names: str) -> ListRoomsResponse:
    """The last one is the newest."""
    newest = 1_700_000_000
    rooms = [models.Room(sid=f"RM_{name}", name=name, creation_time=newest + n) for n, name in enumerate(names)]
    return ListRoomsResponse(rooms=rooms)


def test_without_call_logs_the_live_rooms_are_listed(tmp_path: Path, server: OddServer) -> None:
    server.answers["ListRooms"] = rooms_of("outbound-1", "livekit-doctor-0a1b", "it's 2")
    kinds = models.ParticipantInfo.Kind
    server.answers["ListParticipants"] = ListParticipantsResponse(
        participants=[models.ParticipantInfo(sid=f"PA_{kind}", kind=kind) for kind in (kinds.SIP, kinds.AGENT)]
    )
    ran = run("trace", cwd=tmp_path, env=server.environment)
    assert (ran.status, ran.stderr) == (0, "")
    assert re.search(
        r"^it's 2 +2023-11-14 22:13:22  AGENT, SIP\noutbound-1 +2023-11-14 22:13:20  AGENT", ran.stdout, re.M
    )
    assert "livekit-doctor trace --room ROOM" in ran.stdout
    assert "livekit-doctor-0a1b" not in ran.stdout
    live = run("trace", "--format", "json", cwd=tmp_path, env=server.environment).json["live_rooms"]
    assert live["server"] == server.url
    assert [(room["room"], room["participants"]) for room in live["rooms"]] == [
        ("it's 2", ["SIP", "AGENT"]),
        ("outbound-1", ["SIP", "AGENT"]),
    ]
    html = run("trace", "--format", "html", cwd=tmp_path, env=server.environment).stdout
    assert "livekit-doctor trace --room outbound-1" in html


def test_of_many_live_rooms_the_newest_are_listed_and_the_others_counted(tmp_path: Path, server: OddServer) -> None:
    server.answers["ListRooms"] = rooms_of(*(f"call-{n:02}" for n in range(30)))
    ran = run("trace", cwd=tmp_path, env=server.environment)
    assert ran.stdout.startswith(f"the 20 newest of 30 live rooms  {server.url}\n")
    listed = re.findall(r"^(call-\d+) ", ran.stdout, re.M)
    assert listed == [f"call-{n:02}" for n in range(29, 9, -1)]
    assert server.seen.count("ListParticipants") == 20


def test_no_live_room(tmp_path: Path, server: OddServer) -> None:
    server.answers["ListRooms"] = rooms_of()
    ran = run("trace", cwd=tmp_path, env=server.environment)
    assert (ran.status, ran.stdout.splitlines()[0]) == (0, f"no live room  {server.url}")
    assert "--room ROOM" not in ran.stdout


@pytest.mark.parametrize("method", ["ListRooms", "ListParticipants"])
def test_live_rooms_that_can_not_be_listed(tmp_path: Path, server: OddServer, method: str) -> None:
    server.answers[method] = lambda: refusal(503, "unavailable", "no response from servers")
    ran = run("trace", "--format", "json", cwd=tmp_path, env=server.environment)
    assert ran.status == 3
    assert ran.json["error"]["message"] in ran.stderr
    assert ran.json["error"]["fix"]


def test_neither_calls_nor_rooms_can_be_listed(tmp_path: Path) -> None:
    (tmp_path / "worker.log").write_text("")
    (tmp_path / "checks.yaml").write_text("logs:\n  worker: [worker.log]\n")
    ran = run("trace", cwd=tmp_path)
    assert ran.status == 2
    assert "without LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET LiveKit can't be asked" in ran.stderr
    assert "livekit-doctor trace --room ROOM" in ran.stderr
