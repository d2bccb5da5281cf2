"""What livekit-server writes of a life (design facts 11, 12, 30 and 32; the kept bundles and the recordings)."""

import json
from collections.abc import Iterator

from tests.diagnosis.world.life import NEVER, Dial, Life, Turn
from tests.diagnosis.world.lines import Line, Node, of_room
from tests.diagnosis.world.worker import ELSEWHERE

NO_WORKER = "not dispatching agent job since no worker is available"
NOT_SENT = "failed to send job request"
NO_CAPACITY = "no workers with sufficient capacity"


def server_lines(life: Life) -> Iterator[Line]:
    yield from _opening(life)
    for turn in life.turns:
        yield from _turn(life, turn)
    for dial in life.phones:
        yield from _dial(life, dial)
    for guest in life.guests:
        who = {"participant": guest.identity, "participant_id": guest.sid, **of_room(life)}
        joined, reason = guest.joined, "CLIENT_REQUEST_LEAVE"
        yield from _participant(who, guest.kind, joined, joined + 0.05, NEVER, guest.left, reason)
    yield from _workers(life)
    yield from _closing(life)


def _line(at: float, message: str, node: Node = "room", level: str = "info", /, **fields: str) -> Line:
    loggers = {"worker": "livekit.agents", "api": "livekit.api", "room": "livekit"}
    return Line(at, "server", message, level, loggers[node], node, {k: v for k, v in fields.items() if v})


def _api(at: float, service: str, method: str, room: str, status: str = "200", /, **fields: str) -> Line:
    known = {"service": service, "method": method, "room": room, "duration": "0.002", "status": status}
    return _line(at, f"API {service}.{method}", "api", **(known | fields))


def _create_room(life: Life, at: float, agent: str = "") -> Line:
    request: dict[str, object] = {"name": life.room}
    if agent:
        request["agents"] = [{"agentName": agent}]
    return _api(at, "RoomService", "CreateRoom", life.room, request=json.dumps(request))


def _opening(life: Life) -> Iterator[Line]:
    yield _line(0, "selected node for room", "api", room=life.room, selected_node_id="ND_SB3AY8axavYc")
    if life.made_by == "room":
        yield _create_room(life, 0.002)
    elif life.made_by == "agents":
        yield _create_room(life, 0.002, life.turns[0].name if life.turns else life.agent)


# A dispatch


def _turn(life: Life, turn: Turn) -> Iterator[Line]:
    if turn.outcome == "agents_ignored":
        yield _create_room(life, turn.at + 0.002, turn.name)
        return
    if not turn.restarted and (life.made_by != "agents" or turn is not life.turns[0]):
        request = json.dumps({"agentName": turn.name, "room": turn.room})
        if turn.room != life.room:
            yield _line(turn.at, "selected node for room", "api", room=turn.room, selected_node_id="ND_SB3AY8axavYc")
        line = _api(
            turn.at + 0.002, "AgentDispatchService", "CreateDispatch", turn.room, request=request, agent_name=turn.name
        )
        line.own = turn.room == life.room
        yield line
    if turn.room != life.room:
        return
    if turn.deleted < NEVER:
        request = json.dumps({"dispatchID": turn.id, "room": turn.room})
        yield _api(turn.deleted, "AgentDispatchService", "DeleteDispatch", turn.room, request=request)
    yield from _job(life, turn)
    yield from _agent(life, turn)


def _sought(life: Life, turn: Turn, error: str) -> Line:
    """Without room and job: nothing but the agent's name says whose it is."""
    line = _line(turn.said, NOT_SENT, error=error, job_type="JT_ROOM", agent_name=turn.name)
    line.own = False
    return line


def _unassigned(life: Life, turn: Turn, message: str, error: str, retry: str = "") -> Line:
    worker = turn.worker_id if retry else ""
    fields = {"job_id": turn.job_id, "agent_name": turn.name, "job_type": "JT_ROOM", "error": error}
    return _line(turn.said, message, "worker", "warn", **fields, **of_room(life), worker_id=worker, retry=retry)


def _job(life: Life, turn: Turn) -> Iterator[Line]:
    if turn.said < NEVER:
        match turn.outcome:
            case "no_worker" | "wrong_name" | "other_server" | "not_connected" | "too_early":
                fields = {"agent_name": turn.name, "job_type": "JT_ROOM"}
                yield _line(turn.said, NO_WORKER, **fields, **of_room(life))
            case "vanished" | "other_deployment":
                yield _sought(life, turn, "no response from servers")
            case "draining":
                yield _sought(life, turn, "no servers available (received 1 responses)")
            case "full" | "queued" if turn.variant:
                yield _unassigned(life, turn, "no worker available to handle job", NO_CAPACITY)
                yield _sought(life, turn, NO_CAPACITY)
            case "full" | "queued":
                yield _sought(life, turn, "no servers available (received 1 responses)")
            case "declined":
                yield _unassigned(life, turn, "failed to assign job to worker", "worker not available", "true")
                yield _unassigned(life, turn, "no worker available to handle job", NO_CAPACITY)
                yield _sought(life, turn, NO_CAPACITY)
            case "hangs" | "frozen":
                yield _unassigned(life, turn, "failed to assign job to worker", "context deadline exceeded", "false")
                yield _sought(life, turn, "request timed out")
    if turn.assigned < NEVER:
        job = {"job_id": turn.job_id, "agent_name": turn.name, "job_type": "JT_ROOM", "worker_id": turn.worker_id}
        yield _line(turn.assigned, "assigned job to worker", "worker", **job, **of_room(life))
    if turn.outcome in ("raises", "crashes", "blocks", "job_failed", "rejected") and turn.failed < NEVER:
        failed = turn.outcome in ("crashes", "blocks", "job_failed")
        yield _ended(turn, turn.failed + 0.3, "JS_FAILED" if failed else "JS_SUCCESS")
    elif turn.left < NEVER and turn.active < NEVER:
        yield _ended(turn, turn.left + 0.05, "JS_FAILED", "agent worker left the room")


def _ended(turn: Turn, at: float, status: str, error: str = "") -> Line:
    fields = {"worker_id": turn.worker_id, "agent_name": turn.name, "job_type": "JT_ROOM", "job_id": turn.job_id}
    return _line(at, "job ended", "worker", **fields, status=status, error=error)


def _agent(life: Life, turn: Turn) -> Iterator[Line]:
    who = {"participant": turn.identity, "participant_id": turn.sid, **of_room(life)}
    yield from _participant(who, "AGENT", turn.joined, turn.active, turn.audio, turn.left, turn.left_reason)
    if turn.outcome == "no_media" and turn.left < NEVER:
        yield _line(turn.left, "removing participant without connection", **who, reason=turn.left_reason)


def _participant(
    who: dict[str, str], kind: str, joined: float, active: float, audio: float, left: float, reason: str
) -> Iterator[Line]:
    if joined < NEVER:
        yield _line(joined, "starting RTC session", **who, num_participants="0")
    if active < NEVER:
        yield _line(active, "participant active", **who, connection_type="udp")
    if audio < NEVER:
        yield _line(audio, "mediaTrack published", **who, kind="audio", track_id="TR_" + who["participant_id"][3:])
    if left < NEVER and joined < NEVER:
        yield _line(left, "participant closing", **who, reason=reason, kind=kind)


# An attempt to dial


def _dial(life: Life, dial: Dial) -> Iterator[Line]:
    fields = {"participant": dial.identity, "call_id": dial.sip_call, "trunk_id": "ST_5Gh8Jk1L"}
    if dial.waits or dial.joined == NEVER:
        at = min(dial.refused_at, dial.answered)
        if at < NEVER:
            status = str(dial.http) if dial.refused_at < NEVER else "200"
            error = dial.error if dial.refused_at < NEVER else ""
            took = f"{at - dial.at:.3f}"
            yield _api(at, "SIP", "CreateSIPParticipant", life.room, status, **fields, error=error, duration=took)
    else:
        yield _api(dial.joined + 0.01, "SIP", "CreateSIPParticipant", life.room, "200", **fields)
    deleted = life.ending in ("agent_deletes", "edge_deletes") and dial.left >= life.closes - 0.1
    who = {"participant": dial.identity, "participant_id": dial.sid, **of_room(life)}
    reason = "SERVICE_REQUEST_DELETE_ROOM" if deleted else "CLIENT_REQUEST_LEAVE"
    left = min(dial.left, life.closes) if dial.joined < NEVER else NEVER
    yield from _participant(who, "SIP", dial.joined, dial.joined + 0.06, dial.joined + 0.1, left, reason)


# Workers and the room


def _workers(life: Life) -> Iterator[Line]:
    for event in sorted((*life.worker, *life.pod), key=lambda event: event.at):
        if event.url == ELSEWHERE:
            continue
        fields = {
            "worker_id": event.id,
            "agent_name": event.name,
            "job_type": "JT_ROOM",
            "deployment": event.deployment,
        }
        if event.what == "registered":
            line = _line(event.at, "worker registered", "worker", **fields)
        elif event.what == "gone":
            line = _line(event.at + 0.001, "last worker deregistered", "worker", **fields)
            gone = _line(event.at + 0.002, "closing worker", "worker", **fields)
            gone.own = False
            yield gone
            if life.pod:
                continue
        else:
            continue
        line.own = False
        yield line


def _closing(life: Life) -> Iterator[Line]:
    at = life.closes
    if life.ending in ("agent_deletes", "edge_deletes"):
        yield _line(at - 0.004, "deleting room", **of_room(life))
        yield _api(at + 0.002, "RoomService", "DeleteRoom", life.room)
    elif life.ending in ("empty", "departure", "callee") or at < NEVER:
        why = "empty timeout" if life.ending == "empty" else "departure timeout"
        yield _line(at - 0.003, "closing idle room", **of_room(life), reason=why)
    yield _line(at - 0.002, "closing room", **of_room(life))
    yield _line(at - 0.001, "deleting room state", room=life.room)
    yield _line(at, "room closed", **of_room(life))


# Noise (design fact 12)


def server_noise(life: Life) -> Iterator[Line]:
    """What is in the logs of good calls, too."""
    sought = _line(0.8, NOT_SENT, error="no response from servers", job_type="JT_ROOM")
    sought.own = False
    if life.automatic:
        yield sought
    for turn in life.turns[:1]:
        for kind in ("JT_PARTICIPANT", "JT_PUBLISHER"):
            at = min(turn.at + 4.9, life.closes - 0.2)
            yield _line(at, NO_WORKER, agent_name=turn.name, job_type=kind, **of_room(life))
    phone = life.dials[0] if life.dials else None
    if phone and phone.joined < NEVER:
        who = {"participant": phone.identity, "participant_id": phone.sid, **of_room(life)}
        at = min(phone.left, life.closes)
        yield _line(at, "error reading data channel", "room", "warn", **who, label="_lossy", error="abort chunk")
    for turn in life.turns:
        if turn.assigned < NEVER and turn.left < NEVER:
            line = _line(turn.left + 0.1, NOT_SENT, error="no response from servers", job_id=turn.job_id)
            line.own = turn.room == life.room
            yield line
        if turn.deleted < NEVER and turn.left < NEVER:
            of = {"job_id": turn.job_id, "participant": turn.identity, **of_room(life)}
            error = "no running job for given jobID"
            yield _line(turn.left + 0.05, "failed sending TerminateJob RPC", "room", "info", **of, error=error)
        if turn.outcome == "hangs" and turn.variant and turn.said < NEVER:
            job = {"job_id": turn.job_id, "agent_name": turn.name, "worker_id": turn.worker_id}
            at = turn.said + 1
            yield _line(at, "received availability response for unknown job", "worker", "warn", **job)
