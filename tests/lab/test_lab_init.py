"""`livekit-doctor init` on real components: from an empty folder to a checked checks.yaml."""

import json
from pathlib import Path
from typing import Any

import psycopg
import pytest
from livekit import api
from psycopg import sql

from livekit_doctor.config import load
from livekit_doctor.settings import Settings
from tests.cli.command_line import COMPILED, run_in_terminal
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.phone import Call, JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker, Worker

CARRIER = "203.0.113.0/24"


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, database: Database) -> Doctor:
    """In an empty folder."""
    doctor = Doctor(tmp_path, livekit, database)
    doctor.env |= COMPILED
    return doctor


class Log:
    """A log table under other names than the default's; a component's rows go into it."""

    def __init__(self, database: Database, schema: str, table: str) -> None:
        self._database = database
        self._name = sql.Identifier(schema, table)
        database.execute("drop table if exists call_state_logs")
        database.execute(sql.SQL("create schema if not exists {}").format(sql.Identifier(schema)))
        database.execute(
            sql.SQL(
                'create table {} (seq bigserial primary key, "callRef" uuid not null default gen_random_uuid(),'
                ' call_id text not null, "Happened At" timestamptz not null default clock_timestamp(),'
                " component text, event text not null, payload jsonb); create index on {} (call_id)"
            ).format(self._name, self._name)
        )

    def write(self, call_id: str, component: str, event: str, **payload: Any) -> None:
        statement = sql.SQL("insert into {} (call_id, component, event, payload) values (%s, %s, %s, %s)")
        with psycopg.connect(self._database.dsn) as connection:
            connection.execute(statement.format(self._name), (call_id, component, event, json.dumps(payload)))

    def call(self, call_id: str, room: str) -> None:
        """The rows of a call that went well."""
        payload = {"lk": {"room": room}}
        for component, event in (
            ("edge", "room.created"),
            ("edge", "agentDispatched"),
            ("voice-agent", "agent_entrypoint_called"),
            ("voice-agent", "agentConnected"),
            ("edge", "sip_participant_created"),
            ("edge", "call_answered"),
        ):
            self.write(call_id, component, event, **payload)


def written(doctor: Doctor, name: str = "checks.yaml") -> Settings:
    return load(doctor.folder / name, environ={}, cwd=doctor.folder).settings


def rule(trunk: api.SIPInboundTrunkInfo, agent: str) -> api.SIPDispatchRuleInfo:
    return api.SIPDispatchRuleInfo(
        trunk_ids=[trunk.sip_trunk_id],
        rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix="in-")),
        room_config=api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=agent)]),
    )


def trunk(names: Names) -> api.SIPOutboundTrunkInfo:
    return api.SIPOutboundTrunkInfo(address="sip.example.com", numbers=[names.number()])


def no_secret_in(doctor: Doctor, ran: Ran | str, livekit: LiveKitServer) -> None:
    shown = ran if isinstance(ran, str) else ran.stdout + ran.stderr
    text = (doctor.folder / "checks.yaml").read_text()
    for secret in (livekit.api_key, livekit.api_secret, doctor.env["CALL_LOGS_DATABASE_URL"]):
        assert secret not in text + shown


def test_from_an_empty_folder_to_a_green_check(
    doctor: Doctor,
    livekit: LiveKitServer,
    edge: Edge,
    worker: StartWorker,
    phone: JoinPhone,
    database: Database,
    names: Names,
) -> None:
    """All is found: agent, trunks, rule, table, columns, states, the path to the room; and check passes."""
    agent = worker(f"{names.agent()}: {len(names.room())}")
    dialled = edge.create_outbound_trunk(trunk(names))
    inbound = edge.create_inbound_trunk(api.SIPInboundTrunkInfo(numbers=[names.number()], allowed_addresses=[CARRIER]))
    found_rule = edge.create_rule(rule(inbound, agent.agent_name))
    log = Log(database, "telemetry 2", "Call Events")
    for _ in range(3):
        call_id = names.call_id()
        log.call(call_id, f"out-{call_id}")
    room = f"out-{call_id}"
    edge.create_room(room, [agent.agent_name])
    phone(room, status="active", call=Call(trunk_id=dialled.sip_trunk_id))
    edge.wait_for_agent(room, audio=True)

    ran = doctor.run("init", "--yes")
    assert ran.status == 0, ran.stdout + ran.stderr
    assert "wrote checks.yaml" in ran.stdout
    assert "1 live room: 1 healthy" in ran.stdout
    assert ran.stdout.splitlines()[-1].startswith("next: livekit-doctor check --probe")
    assert ran.stdout.splitlines()[-1].endswith("count the calls of the last 24 hours with livekit-doctor triage")
    no_secret_in(doctor, ran, livekit)

    settings = written(doctor)
    assert settings.livekit.url == livekit.url
    assert settings.agent.name == agent.agent_name
    logs = settings.call_logs
    assert (logs.schema, logs.table) == ("telemetry 2", "Call Events")
    columns = logs.columns
    assert (columns.call_id, columns.at, columns.source) == ("call_id", "Happened At", "component")
    assert (columns.state, columns.metadata, columns.room) == ("event", "payload", "payload.lk.room")
    assert not settings.flow.states
    assert logs.always_logged == ("agent_entrypoint_called", "agentConnected")
    assert settings.flow.placed_by == "edge_function"
    assert settings.rooms.pattern == "out-call-*"
    (outbound,) = settings.sip.outbound_trunks
    assert (outbound.id, outbound.numbers) == (dialled.sip_trunk_id, tuple(dialled.numbers))
    assert settings.sip.inbound_trunks == (inbound.sip_trunk_id,)
    (expected,) = settings.sip.dispatch_rules
    assert (expected.id, expected.agent) == (found_rule.sip_dispatch_rule_id, agent.agent_name)

    document = doctor.run("init", "--yes", "--force", "--format", "json").json
    assert (document["exit_status"], document["check"]["ok"], document["file"]) == (0, True, "checks.yaml")
    assert {item["status"] for item in document["found"]} == {"ok"}
    assert document["next"]["command"] == "livekit-doctor check --probe"

    again = doctor.check()
    assert again.status == 0
    assert again.json["summary"]["warned"] == again.json["summary"]["failed"] == 0, again.stdout
    traced = doctor.trace(call_id)
    assert traced.json["room"] == room
    assert traced.json["verdict"] == "healthy"


def test_a_call_that_is_broken_now_is_what_is_next(
    doctor: Doctor, edge: Edge, phone: JoinPhone, worker: StartWorker, names: Names
) -> None:
    room, agent = names.room(), worker()
    edge.create_room(room)
    phone(room, status="active")
    line = f"next: livekit-doctor trace --room {room}, then do what its fix says"

    def broken() -> bool:
        ran = doctor.run("init", "--yes", "--force", "--agent-name", agent.agent_name)
        return ran.stdout.splitlines()[-1] == line

    until(broken, what="the room to be past its allowance")
    unnamed = doctor.run("init", "--yes", "--force")
    assert unnamed.stdout.splitlines()[-1] == line.replace("next: ", "next: set agent.name in checks.yaml, then ")
    elsewhere = doctor.run(
        "init", "--yes", "--file", "other.yaml", "--agent-name", agent.agent_name, "--format", "json"
    )
    assert elsewhere.json["next"]["command"] == f"livekit-doctor trace --room {room} --config other.yaml"


def several(edge: Edge, worker: StartWorker, database: Database, names: Names) -> tuple[Worker, Worker, Log]:
    """Two agents at work, a third name in a rule, two trunks, two tables."""
    ours, other = worker(), worker()
    edge.create_outbound_trunk(trunk(names))
    edge.create_outbound_trunk(trunk(names))
    inbound = edge.create_inbound_trunk(api.SIPInboundTrunkInfo(numbers=[names.number()], allowed_addresses=[CARRIER]))
    edge.create_rule(rule(inbound, f"nobody {names.agent()}"))
    log = Log(database, "telemetry", "call_events")
    database.execute("create table call_status_history (call_id text, at timestamptz default now(), status text)")
    for agent in (ours, other):
        edge.create_room(names.room(), [agent.agent_name])
    for room in edge.rooms():
        edge.wait_for_agent(room.name)
    return ours, other, log


def test_of_several_the_likeliest_is_taken_and_said(
    doctor: Doctor,
    livekit: LiveKitServer,
    edge: Edge,
    worker: StartWorker,
    phone: JoinPhone,
    database: Database,
    names: Names,
) -> None:
    """The agent and the trunk of the outbound call, the table with the states of calls."""
    ours, other, log = several(edge, worker, database, names)
    room = next(room.name for room in edge.rooms() if edge.dispatches(room.name)[0].agent_name == ours.agent_name)
    used = edge.outbound_trunks()[0].sip_trunk_id
    phone(room, status="active", call=Call(trunk_id=used))
    log.call(names.call_id(), room)
    database.execute("insert into call_status_history (call_id, status) values ('1', 'billed')")

    ran = doctor.run("init", "--yes", "--no-check")
    assert ran.status == 0, ran.stdout + ran.stderr
    settings = written(doctor)
    assert settings.agent.name == ours.agent_name
    assert settings.agent.others == (other.agent_name,)
    assert settings.call_logs.table == "call_events"
    assert [one.id for one in settings.sip.outbound_trunks] == [used]
    assert [one.agent for one in settings.sip.dispatch_rules] == [None]
    assert f'agent.name is "{ours.agent_name}"' in ran.stdout
    assert f"outbound trunk {used} (1 live call)" in ran.stdout
    assert ran.stdout.splitlines()[-1] == "next: livekit-doctor check"


def test_of_several_a_person_chooses(
    doctor: Doctor, livekit: LiveKitServer, edge: Edge, worker: StartWorker, database: Database, names: Names
) -> None:
    """In a terminal; both tables are empty, so that both may be the log."""
    ours, other, _ = several(edge, worker, database, names)
    second = sorted((ours.agent_name, other.agent_name))[1]
    status, seen = run_in_terminal("init", cwd=doctor.folder, env=doctor.env, typed="2\n2\n3\n")
    assert "Which agent takes your outbound calls?" in seen
    assert "Which table is the log of your calls' states?" in seen
    assert "Which outbound trunk do your calls use?" in seen
    assert status == 0, seen
    no_secret_in(doctor, seen, livekit)
    settings = written(doctor)
    assert settings.agent.name == second
    assert settings.call_logs.table == "call_status_history"
    assert settings.call_logs.columns.source is None
    assert len(settings.sip.outbound_trunks) == 2


def test_a_table_that_may_not_be_read_is_named_and_check_says_the_grant(
    doctor: Doctor, livekit: LiveKitServer, database: Database, edge: Edge
) -> None:
    Log(database, "telemetry", "call_events")
    doctor.env["CALL_LOGS_DATABASE_URL"] = database.create_role()
    ran = doctor.run("init", "--yes", "--agent-name", "Any")
    assert ran.status == 1, ran.stdout + ran.stderr
    assert written(doctor).call_logs.table == "call_events"
    assert 'GRANT USAGE ON SCHEMA "telemetry"' in ran.stdout
    no_secret_in(doctor, ran, livekit)


@pytest.mark.parametrize("broken", ["LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"])
def test_rejected_credentials_leave_no_file(doctor: Doctor, edge: Edge, broken: str) -> None:
    ran = doctor.run("init", "--yes", env={broken: "wrong" * 8})
    assert ran.status == 2
    assert ran.stderr.startswith("LKD004 ")
    assert list(doctor.folder.iterdir()) == []


def test_without_sip_and_database_the_rest_is_found(tmp_path: Path, livekit_without_redis: LiveKitServer) -> None:
    doctor = Doctor(tmp_path, livekit_without_redis)
    ran = doctor.run("init", "--yes", "--no-check")
    assert ran.status == 0, ran.stdout + ran.stderr
    assert "not read" in ran.stdout
    assert "no database is configured" in ran.stdout
    assert written(doctor).livekit.url == livekit_without_redis.url
