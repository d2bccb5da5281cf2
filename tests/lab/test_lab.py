"""The lab itself: a healthy call with real components from end to end."""

from pathlib import Path

import psycopg
import pytest
from livekit import api

from tests import forked
from tests.lab import twirp
from tests.lab.edge import Edge, log_row
from tests.lab.modes import LogFormat, Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.phone import Call, JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker, Worker


@pytest.mark.parametrize("started", ["forked", "as a process of its own"])
def test_healthy_call(
    edge: Edge,
    worker: StartWorker,
    phone: JoinPhone,
    database: Database,
    names: Names,
    started: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A worker takes its job, joins with audio and logs; a phone rings, answers and hangs up."""
    if started != "forked":
        monkeypatch.setattr(forked, "PRELOADED", {})
    room, call_id = names.room(), names.call_id()
    agent = worker(call_logs_dsn=database.dsn)
    log_row(database, call_id, "call_requested")
    edge.create_room(room)
    dispatch = edge.create_dispatch(room, agent.agent_name, metadata=job_metadata(call_id))

    joined = edge.wait_for_agent(room)
    assert joined.attributes["lk.agent_name"] == agent.agent_name
    edge.wait_for_agent(room, audio=True)
    job = edge.wait_for_job(room)
    assert (job.dispatch_id, job.state.worker_id) == (dispatch.id, agent.worker_id)
    assert job.state.participant_identity == joined.identity

    call = phone(room, status="dialing")
    assert edge_status(edge, room) == "dialing"
    call.ring()
    assert edge_status(edge, room) == "ringing"
    call.answer()
    assert edge_status(edge, room) == "active"
    until(lambda: edge.phone(room, audio=True), what="the phone's audio")
    call.hang_up()
    until(lambda: not edge.phone(room), what="the phone to leave")

    with psycopg.connect(database.dsn) as connection:
        rows = connection.execute(
            "select source, state from call_state_logs where call_id = %s order by id", (call_id,)
        ).fetchall()
    assert rows == [
        ("edge_function", "call_requested"),
        ("agent", "agent_entrypoint_called"),
        ("agent", "agent_connected"),
    ]
    assert twirp.get(f"{agent.http_url}/worker").json["agent_name"] == agent.agent_name


def edge_status(edge: Edge, room: str) -> str:
    """The status that the API shows for the phone in the room."""

    def active() -> api.ParticipantInfo | None:
        phone = edge.phone(room)
        return phone if phone and phone.state == api.ParticipantInfo.State.ACTIVE else None

    return until(active, what="the phone").attributes["sip.callStatus"]


def test_inbound_phone_whose_attributes_the_server_changes(edge: Edge, phone: JoinPhone, names: Names) -> None:
    """A rule id makes it inbound; attributes can also be changed from outside."""
    room = names.room()
    call = phone(room, status="ringing", call=Call(number=names.number(), rule_id="SDR_lab"))
    edge.set_attributes(room, call.identity, {"sip.callStatus": "active"})
    assert edge_status(edge, room) == "active"
    shown = until(lambda: edge.phone(room), what="the phone")
    assert shown.attributes["sip.ruleID"] == "SDR_lab"
    assert shown.sid == call.participant_id


def test_logs_for_people(lab_folder: Path, names: Names) -> None:
    """The server's console format, and what a worker prints in development."""
    settings = WorkerSettings(names.agent(), Mode.REQUEST_REJECTS, log_format=LogFormat.TEXT)
    with (
        LiveKitServer(lab_folder, log_format="console") as server,
        Worker(lab_folder, server, settings) as worker,
    ):
        server.wait_for_text(f'"workerID": "{worker.worker_id}"')
        assert not server.logged()
        assert not worker.logged()


def test_roles_have_only_what_they_were_granted(database: Database) -> None:
    reader = database.create_role("select on call_state_logs")
    with psycopg.connect(reader) as connection:
        assert connection.execute("select count(*) from call_state_logs").fetchone() == (0,)
        with pytest.raises(psycopg.errors.InsufficientPrivilege):
            connection.execute("delete from call_state_logs")
