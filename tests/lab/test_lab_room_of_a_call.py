"""From what a person has at hand to the room of a call: ids, rows, templates, metadata, LiveKit's own
ids; and which of several rooms or attempts it is."""

import json
import secrets
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from livekit import api
from psycopg import sql

from tests.lab.doctor import Doctor as CommandLine
from tests.lab.edge import Edge, log_row
from tests.lab.modes import job_metadata
from tests.lab.names import Names
from tests.lab.phone import Phone
from tests.lab.servers import Database, LiveKitServer, Postgres
from tests.lab.support import until
from tests.lab.together import random_names
from tests.lab.worker import Worker

pytestmark = pytest.mark.xdist_group("lab_room_of_a_call")

WITHOUT_ROWS = {"CALL_LOGS_DATABASE_URL": ""}


@dataclass(frozen=True)
class Live:
    """A healthy call, and all ids by which it can be found."""

    server: LiveKitServer
    edge: Edge
    database: Database
    room: api.Room
    call_id: str
    """In the metadata of its dispatch."""
    room_call_id: str
    """In the metadata of its room."""
    phone: Phone
    agent: api.ParticipantInfo
    job: api.Job


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    """With a column for the room."""
    fresh = postgres.create_database()
    fresh.execute("alter table call_state_logs add column lk_room text")
    yield fresh
    fresh.drop()


@pytest.fixture(scope="module")
def live(livekit: LiveKitServer, database: Database, agent: Worker) -> Iterator[Live]:
    names = random_names()(__name__)
    edge = Edge(livekit)
    name, call_id, room_call_id = names.room(), names.call_id(), names.call_id()
    room = edge.create_room(name, metadata=json.dumps({"call": {"id": room_call_id}}))
    edge.create_dispatch(name, agent.agent_name, metadata=job_metadata(call_id))
    with Phone(livekit, name, status="active") as phone:
        joined = edge.wait_for_agent(name, audio=True)
        yield Live(livekit, edge, database, room, call_id, room_call_id, phone, joined, edge.wait_for_job(name))
    edge.delete_everything()
    edge.close()


class Doctor:
    """Traces, and expects where that leads."""

    def __init__(self, livekit: LiveKitServer, database: Database, agent: Worker, folder: Path) -> None:
        self.command = CommandLine(folder, livekit, database)
        self.agent = agent
        self.configure()

    def configure(self, **settings: Any) -> None:
        self.command.configure({"agent": {"name": self.agent.agent_name}, **settings})

    def trace(self, *arguments: str, verdict: str = "healthy", rows: bool = True) -> dict[str, Any]:
        ran = self.command.trace(*arguments, env={} if rows else WITHOUT_ROWS)
        assert ran.json["verdict"] == verdict, ran.stdout
        assert ran.status == {"healthy": 0, "broken": 1}.get(verdict, 3)
        return ran.json


@pytest.fixture
def doctor(livekit: LiveKitServer, database: Database, agent: Worker, tmp_path: Path) -> Doctor:
    return Doctor(livekit, database, agent, tmp_path)


def found_by(said: dict[str, Any], live: Live) -> str:
    """How the room was found; it is the one of the live call, with its sid."""
    assert (said["room"], said["room_details"]["sid"]) == (live.room.name, live.room.sid)
    how: str = said["room_details"]["found_by"]
    return how


def log(live: Live, call_id: str, state: str, *, minutes_ago: float = 0, **metadata: Any) -> None:
    at = datetime.now(UTC) - timedelta(minutes=minutes_ago) if minutes_ago else None
    source = "agent" if state.startswith("agent_") and state != "agent_dispatched" else "edge_function"
    log_row(live.database, call_id, state, source=source, metadata=metadata, at=at)


# The room is known


def test_room_option(live: Live, doctor: Doctor) -> None:
    """The call id in the dispatch's metadata then leads to the rows."""
    log(live, live.call_id, "call_requested")
    said = doctor.trace("--room", live.room.name)
    assert found_by(said, live) == "the name that was given"
    assert "call_requested" in {entry["event"] for entry in said["timeline"]}


def test_room_option_beats_the_rows(live: Live, doctor: Doctor, names: Names) -> None:
    call_id = names.call_id()
    log(live, call_id, "call_requested", room_name=names.room())
    assert found_by(doctor.trace(call_id, "--room", live.room.name), live) == "the name that was given"


def test_the_name_in_place_of_a_call_id(live: Live, doctor: Doctor, names: Names) -> None:
    """Of the live room; and with rows of the call that does not name it everywhere."""
    assert found_by(doctor.trace(live.room.name, rows=False), live) == "the name that was given"
    call_id = names.call_id()
    log(live, call_id, "call_requested")
    log(live, call_id, "room_created", room_name=live.room.name)
    said = doctor.trace(live.room.name)
    assert (found_by(said, live), said["call_id"]) == ("the name that was given", call_id)
    assert "call_requested" in {entry["event"] for entry in said["timeline"]}


# The rows know it


def test_usual_key_of_the_metadata(live: Live, doctor: Doctor, names: Names) -> None:
    call_id = names.call_id()
    log(live, call_id, "call_requested", room_name=live.room.name)
    assert found_by(doctor.trace(call_id), live) == "the call's log rows"


def test_column(live: Live, doctor: Doctor, names: Names) -> None:
    call_id = names.call_id()
    doctor.configure(call_logs={"columns": {"room": "lk_room"}})
    log(live, call_id, "call_requested", room_name=names.room())
    live.database.execute(
        sql.SQL("update call_state_logs set lk_room = {} where call_id = {}").format(live.room.name, call_id)
    )
    assert found_by(doctor.trace(call_id), live) == "the call's log rows"


def test_json_path(live: Live, doctor: Doctor, names: Names) -> None:
    call_id = names.call_id()
    doctor.configure(call_logs={"columns": {"room": "metadata.livekit.where"}})
    log(live, call_id, "call_requested", livekit={"where": live.room.name}, room_name=names.room())
    assert found_by(doctor.trace(call_id), live) == "the call's log rows"


def test_name_template(live: Live, doctor: Doctor, names: Names) -> None:
    """Its placeholders come from the metadata of any row."""
    call_id = names.call_id()
    _, user_id, ts = live.room.name.split("-")
    doctor.configure(rooms={"name_template": "outbound-{user_id}-{ts}"})
    log(live, call_id, "call_requested", user_id=int(user_id))
    log(live, call_id, "room_created", ts=ts)
    assert found_by(doctor.trace(call_id), live) == "rooms.name_template outbound-{user_id}-{ts}"


def test_agent_rows_only(live: Live, doctor: Doctor, names: Names) -> None:
    """As inbound calls leave them: live, and once the room is gone."""
    call_id, gone = names.call_id(), names.call_id()
    for state in ("agent_entrypoint_called", "agent_connected"):
        log(live, call_id, state, room_name=live.room.name)
        log(live, gone, state, room_name=names.room(), minutes_ago=3)
    assert found_by(doctor.trace(call_id), live) == "the call's log rows"
    closed = doctor.trace(gone, verdict="no_fault_seen")
    assert closed["room_details"]["open"] is False
    assert {"sip_answered", "agent_audio"} <= set(closed["not_covered"])


# LiveKit knows it


def test_metadata_of_the_room(live: Live, doctor: Doctor) -> None:
    assert "its metadata" in found_by(doctor.trace(live.room_call_id), live)


def test_metadata_of_the_dispatch(live: Live, doctor: Doctor) -> None:
    how = found_by(doctor.trace(live.call_id, rows=False), live)
    assert live.job.dispatch_id in how


def test_name_of_the_room(live: Live, doctor: Doctor) -> None:
    """As a whole word: no id is found in a longer one."""
    user_id = live.room.name.split("-")[1]
    assert "its name" in found_by(doctor.trace(user_id), live)
    assert doctor.trace(user_id[:-1], verdict="unknown")["room"] is None


def test_two_rooms_with_the_call_id(live: Live, doctor: Doctor, names: Names) -> None:
    """Neither is taken for the call's."""
    call_id = names.call_id()
    for room in (names.room(), names.room()):
        live.edge.create_room(room, metadata=json.dumps({"call_id": call_id}))
    said = doctor.trace(call_id, verdict="unknown")
    assert said["room"] is None
    assert any("--room" in hint for hint in said["would_settle"])


@pytest.mark.parametrize("prefix", ["RM", "AD", "AJ", "SCL", "PA phone", "PA agent", "AW"])
def test_livekit_id(prefix: str, live: Live, doctor: Doctor) -> None:
    ids = {
        "RM": live.room.sid,
        "AD": live.job.dispatch_id,
        "AJ": live.job.id,
        "SCL": live.phone.sip_call_id,
        "PA phone": live.phone.participant_id,
        "PA agent": live.agent.sid,
        "AW": live.job.state.worker_id,
    }
    assert ids[prefix].startswith(prefix.split()[0] + "_")
    said = doctor.trace(ids[prefix])
    assert found_by(said, live)
    assert "call_requested" in {step["step"] for step in said["steps"] if step["status"] == "ok"}


def test_livekit_id_of_nothing(live: Live, doctor: Doctor) -> None:
    said = doctor.trace(f"RM_{secrets.token_hex(6)}", verdict="unknown")
    assert said["room"] is None
    assert "LKD601" in {warning["code"] for warning in said["warnings"]}


# Which of several


def test_name_that_is_used_again(live: Live, doctor: Doctor, names: Names) -> None:
    """Two sids are two rooms: the name is the newer one's, and the older's rows are not about it."""
    name, old_call = names.room(), names.call_id()
    old = live.edge.create_room(name)
    log(live, old_call, "agent_dispatched", room_name=name, minutes_ago=5)
    live.edge.delete_room(name)
    until(lambda: not live.edge.rooms(name), what="the room to close")
    new = live.edge.create_room(name)
    live.edge.create_dispatch(name, doctor.agent.agent_name, metadata=job_metadata(names.call_id()))
    assert new.sid != old.sid
    with Phone(live.server, name, status="active"):
        live.edge.wait_for_agent(name, audio=True)
        assert doctor.trace("--room", name)["room_details"]["sid"] == new.sid
        assert doctor.trace(new.sid)["room_details"]["sid"] == new.sid
        assert doctor.trace(old.sid, verdict="unknown")["room"] is None
        said = doctor.trace(old_call, verdict="broken")
    (broken,) = said["broken"]
    assert (broken["step"], broken["code"], broken["confidence"]) == ("job_assigned", "LKD402", "possible")
    assert not [entry for entry in said["timeline"] if entry["clock"] == "livekit"]


@pytest.mark.parametrize("rooms", ["in the rows", "not in the rows"])
def test_several_attempts(rooms: str, live: Live, doctor: Doctor, names: Names) -> None:
    """The first found no agent, the second did: the latest is the answer, and both are shown."""
    call_id = names.call_id()
    first = {"room_name": names.room()} if rooms == "in the rows" else {}
    second = {"room_name": live.room.name} if rooms == "in the rows" else {}
    for minutes_ago, state in ((9.2, "call_requested"), (9.1, "agent_dispatched"), (9, "sip_participant_created")):
        log(live, call_id, state, minutes_ago=minutes_ago, **first)
    for minutes_ago, state in ((0.3, "call_requested"), (0.2, "agent_dispatched"), (0.1, "agent_entrypoint_called")):
        log(live, call_id, state, minutes_ago=minutes_ago, **second)
    log(live, call_id, "agent_connected", **second)
    second_verdict = "healthy" if rooms == "in the rows" else "no_fault_seen"
    said = doctor.trace(call_id, verdict=second_verdict)
    attempts = [(one["number"], one["verdict"], one["code"], one["step"]) for one in said["attempts"]]
    assert attempts == [(1, "broken", "LKD402", "job_assigned"), (2, second_verdict, None, None)]
    assert said["attempts"][0]["room"] == first.get("room_name")
    assert said["room"] == second.get("room_name")
    assert not said["broken"]


def test_attempt_after_a_healthy_one(live: Live, doctor: Doctor, names: Names) -> None:
    """A call that worked once and does not any more is broken."""
    call_id = names.call_id()
    for minutes_ago, state in ((9.2, "call_requested"), (9.1, "agent_entrypoint_called"), (9, "agent_connected")):
        log(live, call_id, state, minutes_ago=minutes_ago)
    log(live, call_id, "call_ended", minutes_ago=7)
    log(live, call_id, "call_requested", minutes_ago=5)
    log(live, call_id, "agent_dispatched", minutes_ago=4.9)
    said = doctor.trace(call_id, verdict="broken")
    assert [one["verdict"] for one in said["attempts"]] == ["no_fault_seen", "broken"]
    assert said["broken"][0]["code"] == "LKD402"


# None at all


def test_call_id_that_nobody_knows(live: Live, doctor: Doctor, names: Names) -> None:
    """The nearest ids are shown."""
    call_id = names.call_id()
    log(live, call_id, "call_requested")
    log(live, names.call_id(), "call_requested")
    typed = call_id[:-2] + call_id[-1]
    said = doctor.trace(typed, verdict="unknown")
    (warning,) = [warning for warning in said["warnings"] if warning["code"] == "LKD601"]
    assert typed in warning["message"]
    assert f"nearest ids: {call_id}" in warning["message"]
    assert live.server.url in warning["message"]
    shown = doctor.command.run("trace", typed)
    assert shown.status == 3
    assert call_id in shown.stdout


def test_recent_calls(live: Live, doctor: Doctor, names: Names) -> None:
    """Without arguments: the calls with the latest rows, of one verdict the newest first, with their last state."""
    calls = [names.call_id() for _ in range(3)]
    for call_id in calls:
        log(live, call_id, "call_requested")
    log(live, calls[0], "agent_dispatched")
    ran = doctor.command.trace()
    assert ran.status == 0
    newest = [(one["call_id"], one["state"]) for one in ran.json["calls"] if one["call_id"] in calls]
    assert newest == [(calls[0], "agent_dispatched"), (calls[2], "call_requested"), (calls[1], "call_requested")]
    lines = doctor.command.run("trace").stdout.splitlines()
    shown = [word for line in lines for word in line.split()[:1]]
    assert [word for word in shown if word in calls] == [calls[0], calls[2], calls[1]]


def test_live_rooms_where_no_call_logs_are_configured(live: Live, doctor: Doctor, names: Names) -> None:
    """In place of recent calls: the newest first, with who is in them; what another command makes is no call."""
    empty, scratch = names.room(), f"livekit-doctor-{names.room()}"
    for room in (empty, scratch):
        live.edge.create_room(room)
    ran = doctor.command.trace(env=WITHOUT_ROWS)
    assert ran.status == 0
    rooms = {room["room"]: room["participants"] for room in ran.json["live_rooms"]["rooms"]}
    assert rooms[empty] == []
    assert sorted(rooms[live.room.name]) == ["AGENT", "SIP"]
    assert scratch not in rooms
    newest, oldest = list(rooms).index(empty), list(rooms).index(live.room.name)
    assert newest < oldest
    for room in (empty, scratch):
        live.edge.delete_room(room)
