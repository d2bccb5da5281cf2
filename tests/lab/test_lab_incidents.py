"""The incidents that the project was started for, on real components, traced by the command line:
live, from the database after the room has closed, and from an exported file."""

import csv
import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
import pytest
from livekit import api

from tests.bundles.keeping import keep
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.modes import job_metadata
from tests.lab.names import Names
from tests.lab.phone import Call, JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.support import until
from tests.lab.together import every
from tests.lab.worker import StartWorker

ALLOWANCE = 15
"""Seconds after which a missing dispatch or job is a break."""


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, database: Database) -> Doctor:
    return Doctor(tmp_path, livekit, database)


def trace_until_decided(doctor: Doctor, bundle: str, call_id: str, room: str) -> Ran:
    """Traces again and again: in progress within the allowance, and never anything worse before.
    The last time into a bundle, which says the same."""

    def decided() -> Ran | None:
        ran = doctor.trace(call_id, "--room", room)
        verdict = ran.json["verdict"]
        # On a busy machine seconds lie between the call's first moment and the first look.
        began = datetime.fromisoformat(ran.json["timeline"][0]["at"])
        if (datetime.now(UTC) - began).total_seconds() < ALLOWANCE:
            assert verdict == "in_progress", ran.stdout
            assert ran.status == 0
        return ran if verdict != "in_progress" else None

    every(1, decided, "a verdict", ALLOWANCE * 3)
    return keep(doctor, bundle, call_id, "--room", room)


def export(database: Database, folder: Path) -> list[Path]:
    """The log table as people export it: CSV, JSON and JSON lines."""
    with psycopg.connect(database.dsn) as connection:
        cursor = connection.execute("select call_id, created_at, source, state, metadata from call_state_logs")
        columns = [column.name for column in cursor.description or ()]
        rows = [dict(zip(columns, row, strict=True)) for row in cursor.fetchall()]
    texts = [{**row, "created_at": row["created_at"].isoformat()} for row in rows]
    table, array, lines = (folder / f"export.{ending}" for ending in ("csv", "json", "jsonl"))
    with table.open("w", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows({**row, "metadata": json.dumps(row["metadata"])} for row in texts)
    array.write_text(json.dumps(texts))
    lines.write_text("".join(json.dumps(row) + "\n" for row in texts))
    return [table, array, lines]


def expect(ran: Ran, step: str, code: str, confidence: str) -> dict[str, Any]:
    assert ran.primary == (step, code, confidence), ran.stdout
    assert ran.json["verdict"] == "broken"
    assert ran.status == 1, ran.stderr
    broken: dict[str, Any] = ran.json["broken"][0]
    assert broken["because"]
    assert broken["fix"]
    return broken


def expect_from_rows(
    doctor: Doctor, bundle: str, database: Database, call_id: str, step: str, code: str, candidate: str
) -> None:
    """The room is gone: the same step from the database, and from each kind of exported file."""
    ran = keep(doctor, bundle, call_id)
    assert candidate in expect(ran, step, code, "possible")["candidates"]
    for file in export(database, doctor.folder):
        ran = doctor.trace(call_id, "--call-logs", str(file), env={"CALL_LOGS_DATABASE_URL": ""})
        assert candidate in expect(ran, step, code, "possible")["candidates"]


def test_incident_1_dispatched_and_no_worker(
    edge: Edge, phone: JoinPhone, database: Database, names: Names, doctor: Doctor
) -> None:
    """An explicit dispatch, and no worker under its name."""
    room, call_id, agent_name = names.room(), names.call_id(), names.agent()
    doctor.configure({"agent": {"name": agent_name}})
    edge.create_room(room)
    callee = phone(room, status="active")
    log_row(database, call_id, "sip_participant_created")
    edge.create_dispatch(room, agent_name, metadata=job_metadata(call_id))
    log_row(database, call_id, "agent_dispatched")

    live = trace_until_decided(doctor, "incident-1-live", call_id, room)
    broken = expect(live, "job_assigned", "LKD402", "likely")
    assert "LKD101" in broken["candidates"]
    assert "LKD107" not in broken["candidates"], "the canary has ruled it out"
    assert "LKD401" in {item["code"] for item in live.json["ruled_out"]}
    answered = next(step for step in live.json["steps"] if step["step"] == "sip_answered")
    assert answered["status"] == "ok"

    callee.leave()
    edge.delete_room(room)
    expect_from_rows(doctor, "incident-1-closed", database, call_id, "job_assigned", "LKD402", "LKD405")


def test_incident_2_named_worker_and_no_dispatch(
    edge: Edge, worker: StartWorker, phone: JoinPhone, database: Database, names: Names, doctor: Doctor
) -> None:
    """A worker that accepts everything, registered under a name, and nobody dispatches it."""
    room, call_id, agent = names.room(), names.call_id(), worker()
    doctor.configure({"agent": {"name": agent.agent_name}})
    edge.create_room(room)
    callee = phone(room, status="ringing")
    log_row(database, call_id, "sip_participant_created")
    log_row(database, call_id, "waiting_for_agent")
    callee.answer()

    live = trace_until_decided(doctor, "incident-2-live", call_id, room)
    broken = expect(live, "agent_dispatched", "LKD401", "proven")
    assert "create_dispatch" in broken["fix"]
    assert "agents=[" in broken["fix"]
    assert agent.agent_name in broken["fix"]
    assert not edge.agent(room)
    assert "LKD603" in {item["code"] for item in live.json["warnings"]}

    callee.leave()
    edge.delete_room(room)
    expect_from_rows(doctor, "incident-2-closed", database, call_id, "agent_dispatched", "LKD401", "LKD402")


def test_incident_3_room_prefix_of_a_sip_dispatch_rule(
    edge: Edge, worker: StartWorker, phone: JoinPhone, database: Database, names: Names, doctor: Doctor
) -> None:
    """The room is named like those of an inbound rule that carries the agent."""
    prefix = f"{names.room('in')}-"
    room, call_id, agent = names.room(prefix + "outbound"), names.call_id(), worker()
    trunk = edge.create_inbound_trunk(
        api.SIPInboundTrunkInfo(name="in", numbers=[names.number()], allowed_addresses=["127.0.0.1/32"])
    )
    rule = edge.create_rule(
        api.SIPDispatchRuleInfo(
            trunk_ids=[trunk.sip_trunk_id],
            rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix=prefix)),
            room_config=api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=agent.agent_name)]),
        )
    )
    doctor.configure({"agent": {"name": agent.agent_name}})
    edge.create_room(room)
    callee = phone(room, status="active")
    log_row(database, call_id, "sip_participant_created")

    live = trace_until_decided(doctor, "incident-3-live", call_id, room)
    broken = expect(live, "agent_dispatched", "LKD401", "proven")
    about_rule = " ".join(item["text"] for item in broken["because"] if rule.sip_dispatch_rule_id in item["text"])
    assert "inbound calls only" in about_rule
    assert prefix in about_rule

    callee.leave()
    edge.delete_room(room)
    expect_from_rows(doctor, "incident-3-closed", database, call_id, "agent_dispatched", "LKD401", "LKD402")


def test_incident_4_inbound_call_with_its_agent(
    edge: Edge, worker: StartWorker, phone: JoinPhone, database: Database, names: Names, doctor: Doctor
) -> None:
    """What a SIP dispatch rule with the agent does for an inbound call; healthy from its first second."""
    room, call_id = names.room("call"), names.call_id()
    agent = worker(call_logs_dsn=database.dsn)
    doctor.configure({"agent": {"name": agent.agent_name}})
    dispatch = api.RoomAgentDispatch(agent_name=agent.agent_name, metadata=job_metadata(call_id))
    edge.create_room(room, agents=[dispatch])
    phone(room, status="ringing", call=Call(rule_id="SDR_" + call_id[-8:]))

    def healthy() -> Ran | None:
        ran = doctor.trace(call_id, "--room", room)
        assert ran.json["verdict"] in ("in_progress", "healthy"), ran.stdout
        assert ran.status == 0
        return ran if ran.json["verdict"] == "healthy" else None

    until(healthy, timeout=60, what="a healthy verdict")
    live = keep(doctor, "incident-4-live", call_id, "--room", room)
    assert live.json["verdict"] == "healthy", live.stdout
    assert live.json["direction"] == "inbound"
    edge.delete_room(room)
    closed = keep(doctor, "incident-4-closed", call_id)
    assert closed.json["verdict"] == "no_fault_seen", closed.stdout
    assert closed.status == 3
    not_covered = closed.json["not_covered"]
    assert "agent_audio" in not_covered
    assert "sip_answered" in not_covered
