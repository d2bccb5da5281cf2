"""What pasted answers of the API and webhooks tell of the jobs of the call's agent, and that it was not listed."""

from msgspec import Struct

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.names import few
from livekit_doctor.evidence.observations import Dispatch, Job, Sighting


class Story(Struct, frozen=True):
    """What was told of one job."""

    dispatch: Dispatch
    states: list[tuple[Sighting, Job]]
    """Oldest first."""

    @property
    def last(self) -> Job:
        return self.states[-1][1]

    @property
    def waited(self) -> tuple[Sighting, Job] | None:
        """The last state that says why no worker has it: how the waiting ended says no more than that it did."""
        return next((state for state in reversed(self.states) if state[1].reason in _WHY), None)


_WHY = ("JSR_NO_CAPACITY", "JSR_RETRYING")


def last_jobs(call: Call) -> list[Story]:
    """Each job of the last dispatch that was seen, oldest first. Empty where the room itself can be asked."""
    if call.api_covers:
        return []
    seen: dict[str, Story] = {}
    for item in call.sightings:
        for dispatch in item.dispatches:
            for job in dispatch.jobs if call.wanted_agent in (None, dispatch.agent_name) else ():
                seen.setdefault(job.id, Story(dispatch, [])).states.append((item, job))
    last = next(reversed(seen.values()), None)
    return [one for one in seen.values() if last and one.dispatch.id == last.dispatch.id]


def agent_not_listed(call: Call) -> tuple[Because, ...]:
    """That the latest list of the room's participants has somebody in it, and no agent."""
    lists = [item for item in call.sightings if item.lists == "participants" and item.participants]
    if not lists or any(one.kind == "AGENT" for one in lists[-1].participants):
        return ()
    who = few(one.identity for one in lists[-1].participants)
    return (Because(source="what was pasted", text=f"no agent was in the room with {who}"),)
