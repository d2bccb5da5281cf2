"""Which of a call's dispatches a fact is about. The latest decides; what became of those before it is told in a line.

A dispatch is known by its id, its jobs by theirs. Where neither is known, the time tells: a job that began before the
latest dispatch was made is of an earlier one. By two clocks that holds only beyond the tolerance.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime

from msgspec import Struct

from livekit_doctor.diagnosis.beside import OF_A_PARTICIPANT, job_of_agent
from livekit_doctor.diagnosis.job_order import DONE, ENDS, Jobs
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import (
    CREATED_AT_ONCE,
    DATE_RESOLUTION,
    MOMENT,
)
from livekit_doctor.evidence.job_ids import job_of, job_of_identity
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step

Lines = Iterable[tuple[Said | None, LogLine]]

OF_A_JOB = frozenset(
    {
        *(Said.NO_WORKER, Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.ASSIGNED, Said.JOB_ENDED, Said.ASKED),
        *(Said.ASSIGNMENT_LATE, Said.NO_PROCESS, Said.MEDIA_TIMED_OUT, Said.RAISED, Said.EXITED),
        *(Said.UNRESPONSIVE, Said.SLOW_TO_CONNECT, Said.RETURNED, Said.PROCESS_EXITS, Said.SESSION_BROKE),
        *(Said.SPEECH_FAILED, Said.CHANNEL_CLOSED, Said.CONNECTED),
        *(Said.TASK_FAILED, Said.SPEECH_RETRIED, Said.SPOKE, Said.HEARD, Said.IN_SESSION),
    }
)
"""What lines say of one dispatch's job."""


class Latest(Struct, frozen=True):
    """The latest dispatch of the call's agent."""

    began: datetime | None = None
    """When it was made, by LiveKit's clock or as near to it as is known."""
    earlier_jobs: frozenset[str] = frozenset()
    """Jobs of the dispatches before it."""
    became: tuple[str, ...] = ()
    """What became of the earlier ones, oldest first, each once."""
    earlier_lines: frozenset[int] = frozenset()
    """The ids (as Python has them) of the lines that are about an earlier dispatch."""
    maybe_later: str = ""
    """What tells of a dispatch that may be later: a row by another clock, a name that is not known, or that what became
    of one is not known to be of the last."""
    superseded: bool = False
    """Whether rows tell of more dispatches than are known otherwise, the last later than all that is known of those."""


def latest_of(seen: Seen, lines: Lines, agents: frozenset[str], complete: bool) -> Latest:
    """`lines` are the call's own; `agents` the identities that are known to be its agents'; `complete`: the server's
    log has each dispatch into the room."""
    own = list(lines)
    known, told = _known_since(seen, own), _told_of(seen, own)
    began = _began(seen, known, told)
    made = [*_made(seen, own), *(line for said, line in own if _opens_with_agents(said, line))]
    last = max(filter(None, (known, told)), default=None)
    jobs = Jobs(seen, own, made, _without_worker(seen, own), began, last)
    stayed = _stayed(own, jobs.heard_of_latest or began) if began else set()
    earlier_lines: set[int] = set()
    became: dict[str, None] = {}
    for said, line in own:
        if said in OF_A_JOB:
            earlier = jobs.is_earlier(line)
        elif said in OF_A_PARTICIPANT:
            earlier = _is_of_earlier_agent(line, jobs, agents) and line.fields.get("participant") not in stayed
        else:
            continue
        if earlier:
            earlier_lines.add(id(line))
            beside = (job_of(line) or job_of_agent(said, line)) in jobs.beside
            if said in ENDS and not beside and line.fields.get("job_type", "JT_ROOM") == "JT_ROOM":
                became.setdefault(ENDS[said])
    by_rows, more = _later_by_rows(seen, own, known)
    of_another = _later_of_another_name(seen, own, known) or jobs.not_of_the_listed() or jobs.not_placed(complete)
    return Latest(
        began=began,
        earlier_jobs=jobs.earlier,
        became=tuple(became),
        earlier_lines=frozenset(earlier_lines),
        maybe_later=of_another or by_rows,
        superseded=more and not of_another and not seen.api_covers,
    )


def _later_by_rows(seen: Seen, own: list[tuple[Said | None, LogLine]], known: datetime | None) -> tuple[str, bool]:
    """A row of a dispatch that may be later than the last one that LiveKit or the worker tell of, and whether the rows
    tell of more than those do. Where the worker alone does, by a clock of its own, it may have been asked for any that
    was made at about that time; and where its clock is not known, for any at all."""
    rows, without = _dispatched_by_rows(seen), _without_worker(seen, own)
    begun = [line for said, line in own if said in (Said.ASKED, Said.ASSIGNED)]
    asked = [line for line in begun if line.log == "worker"]
    told = [line for said, line in own if said in DONE[1:] and line.log == "server"]
    dated = {line.fields.get("job_id"): line.at for line in (*asked, *told) if line.at and line.zoned}
    jobs = {line.fields["job_id"] for said, line in own if said in OF_A_JOB and line.fields.get("job_id")}
    more = len(rows) > max(len(jobs) + len(without), len(seen.dispatches_ever), len(_made(seen, own)))
    # A row may be written a little after its dispatch, and is not written after what became of that.
    written = CREATED_AT_ONCE if more else DATE_RESOLUTION
    by_job = {line.fields.get("job_id"): line.at + written for line in begun if line.at and line.zoned}
    by_job |= {line.fields.get("job_id"): line.at + CREATED_AT_ONCE for line in told if line.at and line.zoned}
    for said, line in own:
        if (job := job_of_agent(said, line)) and line.at and line.zoned:
            by_job.setdefault(job, line.at + written)  # its agent joined some time after it
    seen_last = [*by_job.values(), *(at + CREATED_AT_ONCE for at in without), *([known + written] if known else ())]
    if rows and seen_last and max(rows) > max(seen_last):
        return _BY_A_ROW, more
    if known is not None or not asked:
        return "", False
    last = max(dated.values(), default=None)
    since = last - seen.tolerance - MOMENT if last else None  # a worker is asked a moment after it
    rows = [at for at in rows if since is None or at >= since]
    near = [at for at in dated.values() if since is None or at >= since]
    jobs = {line.fields.get("job_id", "") for line in asked}
    return (_BY_A_ROW, True) if len(rows) > len(near or jobs) else ("", False)


_BY_A_ROW = "a row tells of a dispatch that may be a later one, by another clock"


def _without_worker(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> list[datetime]:
    """When the server found no worker to ask for a job of the call's agent: such a dispatch has no job."""
    return [one.at for said, one in own if said is Said.NO_WORKER and one.at and one.zoned and is_sought(seen, one)]


def is_sought(seen: Seen, line: LogLine) -> bool:
    """Whether a server's line is about a job such as the call's, for its agent or one that is almost of its name: not
    the lookups for jobs of other types, which fail in healthy calls too (fact 12)."""
    return line.fields.get("job_type", "JT_ROOM") == "JT_ROOM" and seen.is_for_agent(line.fields.get("agent_name", ""))


def _later_of_another_name(seen: Seen, own: list[tuple[Said | None, LogLine]], known: datetime | None) -> str:
    """A later dispatch into the room for an agent that is not known: its name may be a mistake."""
    made = {(one.agent_name, one.created_at) for listing in seen.dispatch_lists for one in listing.dispatches}
    made |= {(name, line.at) for line in _dispatched(own) for name in requested_agents(line.fields.get("request", ""))}
    ours = {*seen.settings.agent.others, *(one.agent_name for one in seen.dispatches_ever), seen.agent_name, ""}
    names = [name for name, at in made if name not in ours and at and known and at - known > CREATED_AT_ONCE]
    if seen.agent_name is None or not names:
        return ""
    return f'a later dispatch into this room, for "{names[-1]}", may be this call\'s'


def _began(seen: Seen, known: datetime | None, told: datetime | None) -> datetime | None:
    """By LiveKit's clock; what is told by another counts where it is later beyond the tolerance."""
    if told is None or (known is not None and told - known <= seen.tolerance):
        return known
    return told - seen.tolerance


def _known_since(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> datetime | None:
    """When the latest dispatch was made by LiveKit's own clock."""
    by_livekit = [one.created_at for one in seen.dispatches_ever if one.created_at is not None]
    by_livekit += [line.at for line in _made(seen, own) if line.at is not None]
    return max(by_livekit, default=None)


def _told_of(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> datetime | None:
    """The same by the clocks of others: of what logs rows, and of workers, where the server says nothing of the job."""
    known = {one.id for one in seen.dispatches_ever}
    by_server = {line.fields["job_id"] for _, line in own if line.log == "server" and line.fields.get("job_id")}
    asked = (
        line.at
        for said, line in own
        if said is Said.ASKED and line.at and line.zoned and line.fields.get("dispatch_id", "") not in known
        if line.fields.get("job_id") not in by_server
    )
    return max((*_dispatched_by_rows(seen), *asked), default=None)


def _dispatched_by_rows(seen: Seen) -> list[datetime]:
    return [row.at for row in seen.rows if seen.step_of_state[row.state] is Step.AGENT_DISPATCHED]


def _made(seen: Seen, own: list[tuple[Said | None, LogLine]]) -> list[LogLine]:
    """The server's lines of CreateDispatch for this agent; those for another where none is for it."""
    lines = _dispatched(own)
    named = [line for line in lines if any(map(seen.is_for_agent, requested_agents(line.fields.get("request", ""))))]
    return named or lines


def _dispatched(own: list[tuple[Said | None, LogLine]]) -> list[LogLine]:
    return [
        line
        for said, line in own
        if said is Said.DISPATCH_CREATED and line.zoned and line.fields.get("status") == "200"
    ]


def _opens_with_agents(said: Said | None, line: LogLine) -> bool:
    return said is Said.ROOM_ASKED_FOR and bool(requested_agents(line.fields.get("request", "")))


def _is_of_earlier_agent(line: LogLine, jobs: Jobs, agents: frozenset[str]) -> bool:
    """A line of a participant that is the agent of an earlier job, or an agent that came before the dispatch."""
    identity = line.fields.get("participant", "")
    if job := job_of_identity(identity):
        return job in jobs.earlier if job in jobs.started or job in jobs.asked else jobs.is_earlier(line)
    return identity in agents and jobs.is_earlier(line)


def _stayed(own: list[tuple[Said | None, LogLine]], began: datetime) -> set[str]:
    """Participants that were in the room when the latest dispatch was made: its agent joined them."""
    return {identity for identity in _there_at(own, began) if identity}


def _there_at(own: list[tuple[Said | None, LogLine]], moment: datetime) -> Iterator[str]:
    there: dict[str, bool] = {}
    for said, line in own:
        if line.log == "server" and line.at is not None and line.at < moment:
            if said is Said.PARTICIPANT_ACTIVE:
                there[line.fields.get("participant", "")] = True
            elif said is Said.PARTICIPANT_LEFT:
                there[line.fields.get("participant", "")] = False
    return (identity for identity, still in there.items() if still)
