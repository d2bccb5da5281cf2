"""The lines of the components' logs that are about a call, and what to look for in those logs."""

from msgspec.structs import replace

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.evidence.logs.needles import Needles
from livekit_doctor.evidence.observations import Coverage, LogLine, Sighting

_SERVER_TELLS = (
    "API RoomService.CreateRoom",
    "API RoomService.DeleteRoom",
    "API AgentDispatchService.CreateDispatch",
    "API AgentDispatchService.DeleteDispatch",
    "API SIP.CreateSIPParticipant",
    "API SIP.TransferSIPParticipant",
    "not dispatching agent job",
    "failed to send job request",
    "failed to assign job to worker",
    "no worker available",
    "received availability response",
    "assigned job to worker",
    "job ended",
    "starting RTC session",
    "participant active",
    "participant closing",
    "closing idle room",
    "room closed",
    "cannot create sip participant",
    "cannot get trunk",
    "error handling request",
)
"""What livekit-server says of a call that is worth a place in its timeline; of the rest the errors."""

_LIBRARY_LOGGERS = ("livekit", "lk-rtc")
"""Loggers of the RTC library inside a worker: nothing that they say is about the call's steps."""


def needles_of(call: Call) -> Needles:
    """What is known of a call that its components' logs may name."""
    ids = [call.subject.livekit_id or "", call.room.sid if call.room else ""]
    ids += [call.room_info.sid] if call.room_info else []
    for dispatch in call.dispatches_ever:
        ids += (dispatch.id, *(job.id for job in dispatch.jobs))
    for participant in (*call.phones_seen, *call.agents_seen):
        ids += (participant.sid, participant.attributes.get("sip.callID", ""))
    own_id = call.subject.call_id or (call.rows[0].call_id if call.rows else "")
    times = [row.at for row in call.rows]
    if call.room_info is not None:
        times.append(call.room_info.created_at)
    end = call.setup.evidence.now if call.room_live else max(times, default=None)
    return Needles(
        rooms=(call.room.name,) if call.room else (),
        call_ids=(own_id,) if own_id else (),
        ids=tuple(dict.fromkeys(filter(None, ids))),
        agent_name=call.agent_name,
        worker_ids=tuple(dict.fromkeys(job.worker_id for job in call.jobs_ever if job.worker_id)),
        start=min(times, default=None),
        end=end,
    )


def lines_of(call: Call) -> tuple[LogLine, ...]:
    """The lines that were found for the latest attempt; none of an earlier one."""
    if not call.latest:
        return ()
    return call.component_logs.as_they_stand


def coverage(call: Call) -> tuple[Coverage, ...]:
    """What each source could be read of, with what of other calls was recognised in pasted texts."""
    picked = [line for line in call.setup.all(LogLine) if line.read.excerpt]
    own = set(map(_place, call.component_logs.own if picked else ()))
    picked = [line for line in picked if _place(line) not in own]
    name = call.room.name if call.room else ""
    others = [(line.read.source, line.fields.get("room", "")) for line in picked]
    seen = [item for item in call.setup.all(Sighting) if item.read.excerpt and name]
    others += [(item.read.source, item.room) for item in seen if item.room not in ("", name)]
    return tuple(
        _without(entry, [room for source, room in others if source == entry.source])
        for entry in call.setup.evidence.coverage
    )


def _without(entry: Coverage, rooms: list[str]) -> Coverage:
    """`rooms`: of each thing that was left out; empty where it names none."""
    return replace(entry, set_aside=len(rooms), set_aside_of=tuple(dict.fromkeys(filter(None, rooms))))


def _place(line: LogLine) -> tuple[object, ...]:
    """Where it stands, whichever clock it is dated by."""
    return line.file, line.number, line.log, line.message


def is_noise(line: LogLine) -> bool:
    """Whether a line is one of those that healthy calls have too, and that look like faults (design
    fact 12)."""
    fields = line.fields
    if not line.message.startswith(_LIKE_FAULTS):
        return False
    if line.message.startswith("failed to send job request"):
        return not fields.get("agent_name") or "job_id" in fields
    if line.message.startswith("not dispatching agent job"):
        return fields.get("job_type") not in (None, "JT_ROOM")
    if line.message.startswith("job ended"):
        return "agent worker left the room" in fields.get("error", "") + fields.get("reason", "")
    return "job_id" not in fields  # of a process


_LIKE_FAULTS = (
    *("failed to send job request", "not dispatching agent job", "job ended"),
    "process exited with non-zero exit code 255",
)


def tells(line: LogLine) -> bool:
    """Whether a line has a place in the story of the call."""
    if not line.by_id or line.level == "debug" or (line.log == "worker" and line.logger in _LIBRARY_LOGGERS):
        return False
    if line.log == "server" and line.level not in ("error", "fatal") and not line.message.startswith(_SERVER_TELLS):
        return False
    return not is_noise(line)
