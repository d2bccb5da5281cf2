"""Small pieces of what `init` finds, for tests."""

import json
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.call_logs.search import SeenColumn, SeenTable
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    Evidence,
    Job,
    LogRow,
    Observation,
    Participant,
    ParticipantList,
    Read,
    Room,
    RoomList,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.init.discover import Discovered
from livekit_doctor.init.proposal import Proposal, propose
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.settings import Agent, CallLogs, Columns, LiveKit, Settings

NOW = datetime(2026, 2, 3, 4, 5, 6, tzinfo=UTC)
READ = Read(source="test", at=NOW)
URL = "wss://mine.livekit.cloud"


def rooms(*names: str) -> RoomList:
    return RoomList(read=READ, rooms=tuple(Room(sid=f"RM_{name}", name=name, created_at=NOW) for name in names))


def inside(room: str, *participants: Participant) -> ParticipantList:
    return ParticipantList(read=READ, room=room, participants=participants)


def agent(name: str) -> Participant:
    return Participant(sid="PA_1", identity="agent", kind="AGENT", state="ACTIVE", attributes={"lk.agent_name": name})


def phone(**attributes: str) -> Participant:
    named = {f"sip.{key}": value for key, value in attributes.items()}
    return Participant(sid="PA_2", identity="callee", kind="SIP", state="ACTIVE", attributes=named)


def dispatches(room: str, name: str, *, job: bool) -> DispatchList:
    jobs = (Job(id="AJ_1", status="JS_RUNNING"),) if job else ()
    return DispatchList(read=READ, room=room, dispatches=(Dispatch(id="AD_1", agent_name=name, room=room, jobs=jobs),))


def rules(**agents: str) -> SipDispatchRuleList:
    """SIP dispatch rules by id, each with its agent; "" for none."""
    found = (SipDispatchRule(id=key, agents=(name,) if name else ()) for key, name in agents.items())
    return SipDispatchRuleList(read=READ, rules=tuple(found))


def row(
    call_id: str,
    state: str,
    *,
    source: str = "edge_function",
    metadata: Mapping[str, Any] | None = None,
    room: str = "",
    second: int = 0,
) -> LogRow:
    return LogRow(
        read=READ,
        call_id=call_id,
        at=NOW + timedelta(seconds=second),
        source=source,
        state=state,
        room=room,
        metadata=json.dumps(metadata) if metadata else "",
    )


def table(name: str, schema: str = "public", **columns: str) -> SeenTable:
    """A table with columns by name, each with its type; "!" behind a type is a unique column."""
    found = (
        SeenColumn(name=column, type=kind.rstrip("!"), is_unique=kind.endswith("!")) for column, kind in columns.items()
    )
    return SeenTable(schema=schema, name=name, columns=tuple(found))


CALL_STATE_LOGS = table(
    "call_state_logs",
    id="int8!",
    call_id="text",
    created_at="timestamptz",
    source="text",
    state="text",
    metadata="jsonb",
)


def logged(rows: Iterable[LogRow], seen: SeenTable = CALL_STATE_LOGS, **columns: str | None) -> TableSeen:
    return TableSeen(seen, Columns(**columns), score=20, rows=tuple(rows))  # type: ignore[arg-type]


def settings(agent_name: str | None = None, dsn: str | None = None) -> Settings:
    return Settings(
        livekit=LiveKit(url=URL, api_key="key", api_secret="secret"),
        agent=Agent(name=agent_name),
        call_logs=CallLogs(dsn=dsn),
    )


def evidence(*observations: Observation) -> Setup:
    return Setup(Evidence(now=NOW, observations=observations), settings())


def proposal(
    *observations: Observation, tables: tuple[TableSeen, ...] = (), agent_name: str | None = None, database: str = ""
) -> Proposal:
    chosen = settings(agent_name, "postgresql://h/d" if tables or database else None)
    found = Discovered(Setup(Evidence(now=NOW, observations=observations), chosen), tables)
    return propose(
        found, url_from="LIVEKIT_URL in .env", database_from="CALL_LOGS_DATABASE_URL in .env", agent_from="command line"
    )
