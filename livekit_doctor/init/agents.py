"""The agent names in use, and what shows it."""

from collections import defaultdict
from collections.abc import Iterable

from msgspec import Struct, field

from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    DispatchList,
    LogRow,
    Participant,
    ParticipantList,
    SipDispatchRuleList,
    WorkerEndpoint,
    is_scratch,
)
from livekit_doctor.init.logs import metadata_of
from livekit_doctor.init.texts import can_be_written, counted, quoted, some
from livekit_doctor.words import folded

_ROW_KEYS = ("agentname", "lkagentname", "livekitagentname")
"""Keys of a row's metadata that may say the agent's name, without case and separators."""
_ATTRIBUTES = ("lk.agent_name", "lk.agent.name")


class _Sightings(Struct):
    outbound: list[str] = field(default_factory=list)
    joined: list[str] = field(default_factory=list)
    took_job: list[str] = field(default_factory=list)
    dispatched: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    endpoints: list[str] = field(default_factory=list)
    rows: int = 0


class AgentSeen(Struct, frozen=True):
    """An agent name; "" is a worker without one. `proven`: a worker runs, or ran, under it."""

    name: str
    where: str
    proven: bool
    rank: tuple[int, ...]

    @property
    def label(self) -> str:
        return quoted(self.name) if self.name else "a worker without a name (automatic dispatch)"


def agents_in_use(setup: Setup, rows: Iterable[LogRow] = ()) -> tuple[AgentSeen, ...]:
    """Likeliest first: in rooms with an outbound call, in other rooms, with a job, on this machine,
    named by a SIP dispatch rule, dispatched though it never came, and last what the metadata of rows say."""
    seen: dict[str, _Sightings] = defaultdict(_Sightings)
    in_rooms = {listing.room: listing.participants for listing in setup.all(ParticipantList)}
    for room, participants in in_rooms.items():
        if is_scratch(room):
            continue
        for participant in participants:
            if participant.kind == "AGENT" and (name := _name_of(participant)):
                seen[name].joined.append(room)
                if any(map(_is_outbound_phone, participants)):
                    seen[name].outbound.append(room)
    for listing in setup.all(DispatchList):
        for dispatch in listing.dispatches:
            if is_scratch(listing.room):
                continue
            if dispatch.jobs:
                seen[dispatch.agent_name].took_job.append(listing.room)
            elif dispatch.agent_name:
                seen[dispatch.agent_name].dispatched.append(listing.room)
    rules = setup.latest(SipDispatchRuleList)
    for rule in rules.rules if rules else ():
        for name in filter(None, rule.agents):
            seen[name].rules.append(rule.id)
    for endpoint in setup.all(WorkerEndpoint):
        if endpoint.agent_name is not None:
            seen[endpoint.agent_name].endpoints.append(endpoint.url)
    for row in rows:
        for name in {value for key, value in metadata_of(row).items() if folded(key) in _ROW_KEYS and value}:
            seen[name].rows += 1
    found = [_seen(name, sightings) for name, sightings in seen.items() if can_be_written(name)]
    return tuple(sorted(found, key=lambda agent: (*(-part for part in agent.rank), agent.name)))


def _name_of(participant: Participant) -> str:
    return next(filter(None, map(participant.attributes.get, _ATTRIBUTES)), "")


def _is_outbound_phone(participant: Participant) -> bool:
    return participant.kind == "SIP" and not participant.attributes.get("sip.ruleID")


def _seen(name: str, found: _Sightings) -> AgentSeen:
    parts = []
    if rooms := list(dict.fromkeys((*found.outbound, *found.joined))):
        parts.append(f"it is in live room {_rooms(rooms)}")
    if jobs := [room for room in dict.fromkeys(found.took_job) if room not in rooms]:
        parts.append(f"a worker took its job in live room {_rooms(jobs)}")
    if found.endpoints:
        parts.append(f"worker {some(found.endpoints)}")
    if found.rules:
        parts.append(f"SIP dispatch rule {some(found.rules)}")
    if unanswered := [room for room in dict.fromkeys(found.dispatched) if room not in (*rooms, *jobs)]:
        parts.append(f"dispatched into live room {_rooms(unanswered)}, no job seen")
    if found.rows:
        parts.append(f"the metadata of {counted(found.rows, 'row')}")
    rank = (len(found.outbound), len(found.joined), len(found.took_job), len(found.endpoints), len(found.rules))
    return AgentSeen(name, "; ".join(parts), any(rank[:4]), (*rank, len(found.dispatched), found.rows))


def _rooms(names: list[str]) -> str:
    return some((quoted(name) for name in names), most=1)
