"""A synchronous stand-in for the team's edge function: it places calls and logs rows."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from livekit import api

from tests.lab.servers import Database, LiveKitServer
from tests.lab.support import BackgroundLoop, until

AGENT = api.ParticipantInfo.Kind.AGENT
SIP = api.ParticipantInfo.Kind.SIP


@dataclass(frozen=True, slots=True)
class Inventory:
    """Ids of everything that lives on a server; falsy when there is nothing."""

    rooms: tuple[str, ...] = ()
    dispatches: tuple[str, ...] = ()
    trunks: tuple[str, ...] = ()
    rules: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.rooms or self.dispatches or self.trunks or self.rules)


class Edge:
    """Calls the server's API with its own key. Times are in seconds."""

    def __init__(self, server: LiveKitServer) -> None:
        self.server = server
        self._loop = BackgroundLoop()
        self._api = self._loop.run(self._connect())

    def close(self) -> None:
        self._loop.run(self._api.aclose())
        self._loop.close()

    # Rooms and agents

    def create_room(
        self,
        name: str,
        agents: Sequence[str | api.RoomAgentDispatch] = (),
        *,
        metadata: str = "",
        empty_timeout: int = 0,
        departure_timeout: int = 0,
    ) -> api.Room:
        """`agents` by name, or with their metadata; a timeout of 0 leaves the server's own."""
        request = api.CreateRoomRequest(
            name=name,
            metadata=metadata,
            empty_timeout=empty_timeout,
            departure_timeout=departure_timeout,
            agents=[api.RoomAgentDispatch(agent_name=agent) if isinstance(agent, str) else agent for agent in agents],
        )
        return self._loop.run(self._api.room.create_room(request))

    def delete_room(self, name: str) -> None:
        self._loop.run(self._api.room.delete_room(api.DeleteRoomRequest(room=name)))

    def rooms(self, *names: str) -> list[api.Room]:
        """The live rooms among `names`, or all."""
        request = api.ListRoomsRequest(names=names)
        return list(self._loop.run(self._api.room.list_rooms(request)).rooms)

    def create_dispatch(
        self, room: str, agent_name: str, *, metadata: str = "", deployment: str = ""
    ) -> api.AgentDispatch:
        request = api.CreateAgentDispatchRequest(
            room=room, agent_name=agent_name, metadata=metadata, deployment=deployment
        )
        return self._loop.run(self._api.agent_dispatch.create_dispatch(request))

    def delete_dispatch(self, dispatch: api.AgentDispatch) -> None:
        self._loop.run(self._api.agent_dispatch.delete_dispatch(dispatch.id, dispatch.room))

    def dispatches(self, room: str) -> list[api.AgentDispatch]:
        """In no order; for a room that is not there this takes 3 s and raises ServerError."""
        return self._loop.run(self._api.agent_dispatch.list_dispatch(room))

    def jobs(self, room: str) -> list[api.Job]:
        """The jobs of all the room's dispatches."""
        return [job for dispatch in self.dispatches(room) for job in dispatch.state.jobs]

    def participants(self, room: str) -> list[api.ParticipantInfo]:
        request = api.ListParticipantsRequest(room=room)
        return list(self._loop.run(self._api.room.list_participants(request)).participants)

    def participant(self, room: str, kind: int, *, audio: bool = False) -> api.ParticipantInfo | None:
        """The first of that kind; with `audio`, the first that publishes a track."""
        found = (one for one in self.participants(room) if one.kind == kind and (one.tracks or not audio))
        return next(found, None)

    def agent(self, room: str, *, audio: bool = False) -> api.ParticipantInfo | None:
        return self.participant(room, AGENT, audio=audio)

    def phone(self, room: str, *, audio: bool = False) -> api.ParticipantInfo | None:
        return self.participant(room, SIP, audio=audio)

    def wait_for_job(self, room: str) -> api.Job:
        return until(lambda: self.jobs(room), what=f"a job in {room}")[0]

    def wait_for_agent(self, room: str, *, audio: bool = False) -> api.ParticipantInfo:
        return until(lambda: self.agent(room, audio=audio), what=f"an agent in {room}")

    def wait_until_agent_left(self, room: str) -> None:
        until(lambda: not self.agent(room), what=f"the agent to leave {room}")

    def wait_until_closed(self, room: str) -> None:
        until(lambda: not self.rooms(room), what=f"{room} to close")

    def set_attributes(self, room: str, identity: str, attributes: Mapping[str, str]) -> None:
        request = api.UpdateParticipantRequest(room=room, identity=identity, attributes=dict(attributes))
        self._loop.run(self._api.room.update_participant(request))

    # SIP

    def create_outbound_trunk(self, trunk: api.SIPOutboundTrunkInfo) -> api.SIPOutboundTrunkInfo:
        request = api.CreateSIPOutboundTrunkRequest(trunk=trunk)
        return self._loop.run(self._api.sip.create_outbound_trunk(request))

    def create_inbound_trunk(self, trunk: api.SIPInboundTrunkInfo) -> api.SIPInboundTrunkInfo:
        request = api.CreateSIPInboundTrunkRequest(trunk=trunk)
        return self._loop.run(self._api.sip.create_inbound_trunk(request))

    def create_rule(self, rule: api.SIPDispatchRuleInfo) -> api.SIPDispatchRuleInfo:
        request = api.CreateSIPDispatchRuleRequest(dispatch_rule=rule)
        return self._loop.run(self._api.sip.create_dispatch_rule(request))

    def dial(self, request: api.CreateSIPParticipantRequest) -> api.SIPParticipantInfo:
        return self._loop.run(self._api.sip.create_sip_participant(request))

    def outbound_trunks(self) -> list[api.SIPOutboundTrunkInfo]:
        request = api.ListSIPOutboundTrunkRequest()
        return list(self._loop.run(self._api.sip.list_outbound_trunk(request)).items)

    def inbound_trunks(self) -> list[api.SIPInboundTrunkInfo]:
        request = api.ListSIPInboundTrunkRequest()
        return list(self._loop.run(self._api.sip.list_inbound_trunk(request)).items)

    def rules(self) -> list[api.SIPDispatchRuleInfo]:
        request = api.ListSIPDispatchRuleRequest()
        return list(self._loop.run(self._api.sip.list_dispatch_rule(request)).items)

    def delete_trunk(self, trunk_id: str) -> None:
        request = api.DeleteSIPTrunkRequest(sip_trunk_id=trunk_id)
        self._loop.run(self._api.sip.delete_trunk(request))

    def delete_rule(self, rule_id: str) -> None:
        request = api.DeleteSIPDispatchRuleRequest(sip_dispatch_rule_id=rule_id)
        self._loop.run(self._api.sip.delete_dispatch_rule(request))

    # What is left behind

    def inventory(self) -> Inventory:
        """Everything on the server, to prove that something left nothing behind."""
        rooms = tuple(room.name for room in self.rooms())
        dispatches = (one.id for room in rooms for one in self.dispatches(room) if one.agent_name)
        if not self.server.has_redis:
            return Inventory(rooms, tuple(dispatches))
        outbound = [trunk.sip_trunk_id for trunk in self.outbound_trunks()]
        inbound = [trunk.sip_trunk_id for trunk in self.inbound_trunks()]
        return Inventory(
            rooms,
            tuple(dispatches),
            (*outbound, *inbound),
            tuple(rule.sip_dispatch_rule_id for rule in self.rules()),
        )

    def delete_everything(self) -> None:
        left = self.inventory()
        for room in left.rooms:
            self.delete_room(room)
        for rule in left.rules:
            self.delete_rule(rule)
        for trunk in left.trunks:
            self.delete_trunk(trunk)

    async def _connect(self) -> api.LiveKitAPI:
        server = self.server
        return api.LiveKitAPI(server.http_url, server.api_key, server.api_secret, failover=False)


def log_row(
    database: Database,
    call_id: str,
    state: str,
    *,
    source: str = "edge_function",
    metadata: Mapping[str, Any] | None = None,
    at: datetime | None = None,
) -> None:
    """Writes a row of `call_state_logs`, at the database's time unless `at` says another."""
    with psycopg.connect(database.dsn) as connection:
        connection.execute(
            "insert into call_state_logs (call_id, source, state, metadata, created_at)"
            " values (%s, %s, %s, %s, coalesce(%s, clock_timestamp()))",
            (call_id, source, state, json.dumps(metadata or {}), at),
        )
