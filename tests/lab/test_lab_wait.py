"""--wait follows a call: from before its room to its end, and no longer than it must."""

import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.diagnosis.times import NOTHING_MISSED
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge, log_row
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.together import Running, every
from tests.lab.worker import Worker

pytestmark = pytest.mark.xdist_group("lab_wait")

WAIT = 90
"""Seconds that a trace may follow a call which is decided long before."""

SOON = 15
"""Seconds within which a decided trace has ended, also on a busy machine."""


@dataclass
class Followed:
    """A call that a trace with --wait follows."""

    doctor: Doctor
    edge: Edge
    database: Database
    agent: Worker
    room: str
    call_id: str
    running: Running | None = None

    def follow(self, *arguments: str, wait: float = WAIT, rows: bool = False) -> None:
        """Returns once it has looked twice."""
        env = {} if rows else {"CALL_LOGS_DATABASE_URL": ""}
        with self.looking_twice():
            self.running = Running(self.doctor.trace, *arguments, "--wait", f"{wait:g}", env=env)

    def look_twice_more(self) -> None:
        with self.looking_twice():
            pass

    @contextmanager
    def looking_twice(self) -> Iterator[None]:
        """Waits on leaving for two looks: into the room, where there is one. That rooms were listed twice would not
        mean that anybody inside was seen: what is not answered on a busy machine is followed by a list of rooms, too.
        """
        logged, room = self.edge.server.logged, {"room": self.room}
        asked = ("ListParticipants", room) if logged("API RoomService.CreateRoom", **room) else ("ListRooms", {})

        def looked() -> int:
            return len(logged(f"API RoomService.{asked[0]}", **asked[1]))

        before = looked()
        yield
        every(0.1, lambda: looked() >= before + 2, "--wait to look")

    def dispatch(self, mode: Mode | None = None, seconds: float = 0) -> None:
        metadata = job_metadata(self.call_id, mode, seconds)
        self.edge.create_dispatch(self.room, self.agent.agent_name, metadata=metadata)

    def before_the_last_look(self) -> timedelta:
        """From the last look into the room to the list of rooms in which it was gone."""
        into = self.edge.server.logged("API RoomService.ListParticipants", room=self.room)[-1]["ts"]
        gone = next(entry["ts"] for entry in self.edge.server.logged("API RoomService.ListRooms") if entry["ts"] > into)
        return timedelta(seconds=gone - into)

    def ended(self, verdicts: Mapping[str, int]) -> dict[str, Any]:
        """Ended by itself, with one of these verdicts and its exit status: soon after the last thing happened, and
        long before its time."""
        assert self.running
        begun = time.monotonic()
        ran = self.running.result(WAIT)
        assert time.monotonic() - begun < SOON, ran.stdout
        assert (ran.json["verdict"], ran.status) in verdicts.items(), ran.stdout
        return ran.json


@pytest.fixture
def call(
    livekit: LiveKitServer,
    edge: Edge,
    database: Database,
    agent: Worker,
    names: Names,
    tmp_path: Path,
) -> Followed:
    doctor = Doctor(tmp_path, livekit, database)
    doctor.configure({"agent": {"name": agent.agent_name}})
    return Followed(doctor, edge, database, agent, names.room(), names.call_id())


def steps(said: dict[str, Any]) -> dict[str, Any]:
    return {step["step"]: step for step in said["steps"]}


def test_from_before_the_room_to_healthy(call: Followed, phone: JoinPhone) -> None:
    """Each status of the phone was seen, with its time; and the answer ends it."""
    call.follow("--room", call.room)
    call.edge.create_room(call.room)
    call.look_twice_more()
    call.dispatch()
    callee = phone(call.room, status="dialing")
    call.edge.wait_for_agent(call.room, audio=True)
    call.look_twice_more()
    callee.ring()
    call.look_twice_more()
    callee.answer()
    said = call.ended({"healthy": 0})
    times = [steps(said)[step]["at"] for step in ("sip_dialing", "sip_ringing", "sip_answered")]
    assert all(times)
    assert times == sorted(times)
    assert steps(said)["agent_audio"]["status"] == "ok"


@pytest.mark.parametrize("found_by", ["row", "dispatch"])
def test_from_before_anything_by_the_call_id(call: Followed, phone: JoinPhone, found_by: str) -> None:
    """The room is found when a row, or the dispatch's metadata, leads to it."""
    call.follow(call.call_id, rows=found_by == "row")
    call.edge.create_room(call.room)
    if found_by == "row":
        log_row(call.database, call.call_id, "room_created", metadata={"room_name": call.room})
    call.dispatch()
    phone(call.room, status="active")
    said = call.ended({"healthy": 0})
    assert said["room"] == call.room


def test_ends_once_it_is_broken(call: Followed, phone: JoinPhone) -> None:
    call.edge.create_room(call.room)
    callee = phone(call.room, status="ringing")
    call.follow("--room", call.room)
    call.dispatch(Mode.REQUEST_REJECTS)
    callee.answer()
    call.edge.wait_for_job(call.room)
    said = call.ended({"broken": 1})
    assert said["broken"][0]["code"] == "LKD404"


def test_sees_a_phone_that_came_and_went(call: Followed, phone: JoinPhone) -> None:
    """Nothing of it is left in the room."""
    call.edge.create_room(call.room)
    call.dispatch()
    call.edge.wait_for_agent(call.room, audio=True)
    call.follow("--room", call.room)
    callee = phone(call.room, status="dialing")
    call.look_twice_more()
    callee.leave()
    said = call.ended({"broken": 1})
    (broken,) = said["broken"]
    assert (broken["step"], broken["code"], broken["confidence"]) == ("sip_ringing", "LKD205", "likely")
    assert callee.identity in broken["because"][0]["text"]
    assert "sip.callStatus dialing" in {entry["event"] for entry in said["timeline"]}


def test_ends_when_the_room_closes(call: Followed, phone: JoinPhone) -> None:
    """What was seen of it stands."""
    call.edge.create_room(call.room)
    call.dispatch()
    call.edge.wait_for_agent(call.room, audio=True)
    call.edge.wait_for_job(call.room)
    phone(call.room, status="ringing")
    call.follow("--room", call.room)
    call.edge.delete_room(call.room)
    said = call.ended({"broken": 1, "unknown": 3})
    if said["verdict"] == "unknown":
        # On a busy machine the looks are so far apart that the phone may have been answered between two of them.
        assert call.before_the_last_look() > NOTHING_MISSED - timedelta(seconds=0.5)
    else:
        (broken,) = said["broken"]
        assert (broken["step"], broken["code"], broken["confidence"]) == ("sip_answered", "LKD206", "possible")
    assert said["room_details"]["open"] is False
    assert steps(said)["agent_audio"]["status"] == "ok"


def test_ends_at_its_time(call: Followed, phone: JoinPhone) -> None:
    """The phone rings, and may for minutes."""
    call.edge.create_room(call.room)
    call.dispatch()
    call.edge.wait_for_agent(call.room, audio=True)
    phone(call.room, status="ringing")
    begun = time.monotonic()
    call.follow("--room", call.room, wait=8)
    said = call.ended({"in_progress": 0})
    assert 8 < time.monotonic() - begun < 8 + SOON
    assert steps(said)["sip_answered"]["status"] == "pending"
    assert any("--wait" in hint for hint in said["would_settle"])


def test_without_anything_it_waits_in_vain(call: Followed) -> None:
    begun = time.monotonic()
    call.follow("--room", call.room, wait=3)
    said = call.ended({"unknown": 3})
    assert 3 < time.monotonic() - begun < 3 + SOON
    assert not said["timeline"]
