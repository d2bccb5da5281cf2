"""Two agents of one name in the call's room at one time, which talk over each other. LKD410."""

from collections.abc import Iterator
from datetime import UTC, datetime, time
from itertools import combinations

from msgspec import Struct, field

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.job_ends import OVER
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import agent_name_of
from livekit_doctor.diagnosis.seen_room import declined, taken
from livekit_doctor.diagnosis.times import LEFT_ALONE, MOMENT, NOBODY_TALKED
from livekit_doctor.evidence.job_ids import job_of, job_of_identity
from livekit_doctor.evidence.observations import LogLine, Participant


def duplicates(call: Call) -> Iterator[str]:
    """What says so: the room itself, or else the server's log, or else what of both, or of a worker's, was pasted."""
    if call.agents:
        names = [(name, agent.identity) for agent in call.agents if (name := agent_name_of(agent)) is not None]
        yield from (_several(name, who, "are") for name, who in _by_name(names) if len(who) > 1)
        return
    found = [_several(name, who, "were") for name, who in _talked_at_once(call)]
    yield from found or list(_listed_at_once(call)) or list(_begun_at_once(call))


def _several(name: str, who: list[str], are: str) -> str:
    return f'{len(who)} agents "{name}" {are} in the room: {", ".join(who)}'


def _by_name(named: list[tuple[str, str]]) -> Iterator[tuple[str, list[str]]]:
    for name in sorted({name for name, _ in named}):
        yield name, [who for own, who in named if own == name]


def _talked_at_once(call: Call) -> Iterator[tuple[str, list[str]]]:
    """By the server's log, the agents of one name that published sound, and were there at one time for longer than one
    that takes over from another needs."""
    logs, left = call.component_logs, dict[str, datetime]()
    names = {f"agent-{job_of(line)}": line.fields.get("agent_name") for line in logs.ever_said(Said.ASSIGNED)}
    spoke = {one.fields.get("participant", ""): one.at for one in logs.ever_said(Said.TRACK_PUBLISHED) if one.at}
    for line in logs.ever_said(Said.PARTICIPANT_LEFT):
        if line.at:
            left[line.fields.get("participant", "")] = line.at
    for name in sorted({name for name in names.values() if name}):
        who = [agent for agent, own in names.items() if own == name and agent in spoke and agent in left]
        if len(who) > 1 and min(left[agent] for agent in who) - max(spoke[agent] for agent in who) > LEFT_ALONE:
            yield name, who


def _listed_at_once(call: Call) -> Iterator[str]:
    """By the last list of the participants that was pasted, of which lk prints one a line."""
    lists = [item for item in call.sightings if item.lists == "participants"][-1:]
    lists = lists or [item for item in call.sightings if not (item.event or item.lists or item.left_because)]
    seen = {one.identity: one for item in lists for one in item.participants}
    agents = [one for one in seen.values() if one.kind == "AGENT" and one.state == "ACTIVE"]
    named = [(name, agent.identity) for agent in agents if (name := _name_of(call, agent))]
    yield from (_several(name, who, "were") for name, who in _by_name(named) if len(who) > 1)


def _name_of(call: Call, agent: Participant) -> str | None:
    """lk's lists have no names: then of an agent under the identity that the server gives it, where there is one. An
    avatar is named as its agent."""
    if "lk.publish_on_behalf" in agent.attributes:
        return None
    return agent_name_of(agent) or (_dispatched_twice(call) if job_of_identity(agent.identity) else None)


def _dispatched_twice(call: Call) -> str | None:
    """The name of the agent that was dispatched more than once, where there is no dispatch for another one."""
    listed = {one.id: one.agent_name for item in call.sightings for one in item.dispatches}
    made = call.component_logs.dispatched
    names = list(listed.values()) or [name for name in call.component_logs.dispatched_names for _ in made]
    return names[0] if len(names) > 1 and len(set(names)) == 1 else None


class _Job(Struct):
    """What is told of a job; times by the log, or the list, that tells them."""

    id: str
    name: str = ""
    dispatch_id: str = ""
    is_there: bool = False
    """Whether its agent was seen in the room."""
    began: dict[str, datetime] = field(default_factory=dict)
    ended: dict[str, datetime] = field(default_factory=dict)

    def tell(self, source: str, at: datetime | None, name: str, dispatch_id: str) -> None:
        self.name, self.dispatch_id = self.name or name, self.dispatch_id or dispatch_id
        if at is not None:
            self.began.setdefault(source, at)


def _begun_at_once(call: Call) -> Iterator[str]:
    """By lines of the jobs, or the list of the dispatches: agents that came at about one time, or jobs of two
    dispatches within a moment, so that the second was not made because the first had failed. The log of the room's
    node would show both agents."""
    for one, other in combinations(_jobs(call)[-_LAST:], 2):
        name, both = one.name or _dispatched_twice(call) or "", one.is_there and other.is_there
        several = one.dispatch_id != other.dispatch_id if one.dispatch_id and other.dispatch_id else None
        apart = next((abs(at - other.began[log]) for log, at in one.began.items() if log in other.began), None)
        if not name or name != (other.name or name) or several is False or apart is None:
            continue
        if apart > (NOBODY_TALKED if both else MOMENT) or _is_brief(one) or _is_brief(other):
            continue
        if any(call.component_logs.covers_room(at) for at in one.began.values()):
            continue
        if both:
            yield _several(name, [f"agent-{one.id}", f"agent-{other.id}"], "were")
        elif several:
            dispatches = f"{one.dispatch_id} and {other.dispatch_id}"
            yield f'2 jobs of "{name}" began within {apart.total_seconds():.1f} s, by two dispatches: {dispatches}'


_LAST = 20
"""Jobs of one room that are looked at: one name may be used for a thousand calls."""


def _is_brief(job: _Job) -> bool:
    """Whether it ended so soon that it may have found that another was there."""
    return any(log in job.began and at - job.began[log] <= LEFT_ALONE for log, at in job.ended.items())


def _jobs(call: Call) -> list[_Job]:
    """Those that workers have, or have had, oldest first as far as that is known."""
    found: dict[str, _Job] = {}
    for told in call.component_logs.ever_told(*_BEGINS, Said.PARTICIPANT_ACTIVE):
        if job_id := told.agents_job or told.job:
            line, job = told.line, found.get(job_id) or found.setdefault(job_id, _Job(job_id))
            job.is_there = job.is_there or bool(told.agents_job)
            job.tell(line.file, _moment(line), line.fields.get("agent_name", ""), line.fields.get("dispatch_id", ""))
    for item in call.sightings:
        for dispatch in item.dispatches:
            for one in dispatch.jobs:
                if taken(one) and not declined(one) and dispatch.agent_name:
                    job = found.setdefault(one.id, _Job(one.id))
                    job.tell(item.told_by, one.started_at, dispatch.agent_name, dispatch.id)
                    job.ended |= {item.told_by: one.ended_at} if one.ended_at else {}
    for told in call.component_logs.ever_told(*OVER):
        job_id, at = told.job or told.agents_job, _moment(told.line)
        if job_id in found and at is not None:
            found[job_id].ended.setdefault(told.line.file, at)
    return list(found.values())


_BEGINS = (Said.ASKED, Said.ASSIGNED, Said.ENTRYPOINT_STARTED)


def _moment(line: LogLine) -> datetime | None:
    """When a line was written, of one without a date on a day of its own: the two are of one log."""
    try:
        return line.at or datetime.combine(datetime.min, time.fromisoformat(line.fields["time_of_day"]), UTC)
    except (KeyError, ValueError):
        return None
