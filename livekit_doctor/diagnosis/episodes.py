"""Which of a call's dispatches a fact is about. The latest decides; what became of those before it is told in a line.

A dispatch is known by its id, its jobs by theirs. Where neither is known, the time tells: a job that began before the
latest dispatch was made is of an earlier one. By two clocks that holds only beyond the tolerance.
"""

from collections.abc import Collection
from datetime import datetime

from msgspec import Struct

from livekit_doctor.diagnosis.job_ends import DONE, ENDS
from livekit_doctor.diagnosis.job_order import Jobs
from livekit_doctor.diagnosis.names import requested_agents
from livekit_doctor.diagnosis.own_lines import OF_A_PARTICIPANT, Index, Told
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import (
    CREATED_AT_ONCE,
    DATE_RESOLUTION,
    MOMENT,
)
from livekit_doctor.evidence.job_ids import is_of_room_job, job_of_identity
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step

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
    """When it was made, by LiveKit's clock or as near to it as is known; or the one before, if its agent stayed."""
    earlier_jobs: frozenset[str] = frozenset()
    """Jobs of the dispatches before it."""
    became: tuple[str, ...] = ()
    """What became of the earlier ones, oldest first, each once."""
    earlier_lines: frozenset[int] = frozenset()
    """The ids (as Python has them) of the lines that are about an earlier dispatch."""
    maybe_later: str = ""
    """What tells of a dispatch that may be later: a row by another clock, a name that is not known, or that what became
    of one is not known to be of the last."""
    maybe_beside: str = ""
    """What tells that the agent of an earlier dispatch may be there: of what became of that nothing is known."""
    superseded: bool = False
    """Whether rows tell of more dispatches than are known otherwise, the last later than all that is known of those."""


def latest_of(seen: Seen, own: Index, agents: frozenset[str], complete: bool) -> Latest:
    """`own` are the call's lines; `agents` the identities that are known to be its agents'; `complete`: the server's
    log has each dispatch into the room."""
    known, told = _known_since(seen, own), _told_of(seen, own)
    began = _began(seen, known, told)
    asked = own.say(Said.ROOM_ASKED_FOR)
    made = [*_made(seen, own), *(line for line in asked if requested_agents(line.fields.get("request", "")))]
    last = max(filter(None, (known, told)), default=None)
    jobs = Jobs(seen, own, made, _without_worker(seen, own), began, last)
    stayed = _stayed(own, jobs.heard_of_latest or began) if began else set()
    sessions = {told.line.fields.get("participant_id"): told for told in own.that(Said.SESSION_STARTED)}
    earlier_lines: set[int] = set()
    became: dict[str, None] = {}
    for each in own.that(*OF_A_JOB, *OF_A_PARTICIPANT):
        said, line = each.said, each.line
        if said in OF_A_JOB:
            earlier = jobs.is_earlier(each)
        else:
            began_with = sessions.get(line.fields.get("participant_id", ""), each)
            earlier = _is_of_earlier_agent(began_with, jobs, agents) and line.fields.get("participant") not in stayed
        if earlier:
            earlier_lines.add(id(line))
            beside = (each.job or each.agents_job) in jobs.beside
            if said in ENDS and not beside and is_of_room_job(line):
                became.setdefault(ENDS[said])
    by_rows, more = _later_by_rows(seen, own, jobs.asked.values(), known)
    of_another = _later_of_another_name(seen, own, known) or jobs.not_of_the_listed() or jobs.not_placed(complete)
    return Latest(
        began=jobs.decisive_since,
        earlier_jobs=jobs.earlier,
        became=tuple(became),
        earlier_lines=frozenset(earlier_lines),
        maybe_later=of_another or by_rows,
        maybe_beside="" if became else _earlier_by_rows(seen, own, jobs, known),
        superseded=more and not of_another and not seen.api_covers,
    )


def _later_by_rows(seen: Seen, own: Index, asked: Collection[LogLine], known: datetime | None) -> tuple[str, bool]:
    """A row of a dispatch that may be later than the last one that LiveKit or the worker tell of, and whether the rows
    tell of more than those do. Where the worker alone does (`asked`: its first line of each job), by a clock of its
    own, it may have been asked for any that was made at about that time; and where its clock is not known, for any."""
    rows, without = _dispatched_by_rows(seen), _without_worker(seen, own)
    if not rows:
        return "", False
    begun = [*asked, *(line for line in own.say(Said.ASSIGNED) if line.log == "server")]
    told = [line for line in own.say(*DONE[1:]) if line.log == "server"]
    dated = {line.fields.get("job_id"): line.at for line in (*asked, *told) if line.at and line.zoned}
    jobs = {line.fields["job_id"] for line in own.say(*OF_A_JOB) if line.fields.get("job_id")}
    known_of = max(len(jobs) + len(without), len(seen.dispatches_ever), len(_made(seen, own)))
    more = len(rows) > known_of or len(seen.rows_of(Step.ENTRYPOINT_CALLED)) > len(jobs) > 0
    # A row may be written a little after its dispatch, and is not written after what became of that.
    written = CREATED_AT_ONCE if more else DATE_RESOLUTION
    by_job = {line.fields.get("job_id"): line.at + written for line in begun if line.at and line.zoned}
    by_job |= {line.fields.get("job_id"): line.at + CREATED_AT_ONCE for line in told if line.at and line.zoned}
    for each in own.that(*OF_A_PARTICIPANT):
        if each.agents_job and each.line.at and each.line.zoned:
            by_job.setdefault(each.agents_job, each.line.at + written)  # its agent joined some time after it
    seen_last = [*by_job.values(), *(at + CREATED_AT_ONCE for at in without), *([known + written] if known else ())]
    if seen_last and max(rows) > max(seen_last):
        return _BY_A_ROW, more
    if known is not None or not asked:
        return "", False
    last = max(dated.values(), default=None)
    since = last - seen.tolerance - MOMENT if last else None  # a worker is asked a moment after it
    rows = [at for at in rows if since is None or at >= since]
    near = [at for at in dated.values() if since is None or at >= since]
    jobs = {line.fields.get("job_id", "") for line in asked}
    return (_BY_A_ROW, True) if len(rows) > len(near or jobs) else ("", False)


def _earlier_by_rows(seen: Seen, own: Index, jobs: Jobs, known: datetime | None) -> str:
    """A row of a dispatch long before the only one that LiveKit or a worker tell of, which no row does: a worker is
    asked for a job as soon as its dispatch is made, but for one that waits for somebody to join."""
    rows = _dispatched_by_rows(seen)
    asked = [line.at for line in jobs.asked.values() if line.at and line.zoned and is_of_room_job(line)]
    begun = known or min(asked, default=None)
    if not rows or begun is None or jobs.earlier or seen.settings.agent.job_type != "room":
        return ""
    late = begun - max(rows)
    others = [at for at in (*jobs.started.values(), *_without_worker(seen, own)) if begun - at > seen.tolerance]
    if late <= seen.tolerance or others:
        return ""
    seconds = f"{late.total_seconds():.0f} s"
    return f"a row tells of a dispatch {seconds} before it: that one's agent may have come, and stayed"


_BY_A_ROW = "a row tells of a dispatch that may be a later one, by another clock"


def _without_worker(seen: Seen, own: Index) -> list[datetime]:
    """When the server found no worker to ask for a job of the call's agent: such a dispatch has no job."""
    return [one.at for one in own.say(Said.NO_WORKER) if one.at and one.zoned and is_sought(seen, one)]


def is_sought(seen: Seen, line: LogLine) -> bool:
    """Whether a server's line is about a job such as the call's, for its agent or one that is almost of its name."""
    return is_of_room_job(line) and seen.is_for_agent(line.fields.get("agent_name", ""))


def _later_of_another_name(seen: Seen, own: Index, known: datetime | None) -> str:
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


def _known_since(seen: Seen, own: Index) -> datetime | None:
    """When the latest dispatch was made by LiveKit's own clock."""
    by_livekit = [one.created_at for one in seen.dispatches_ever if one.created_at is not None]
    by_livekit += [line.at for line in _made(seen, own) if line.at is not None]
    return max(by_livekit, default=None)


def _told_of(seen: Seen, own: Index) -> datetime | None:
    """The same by the clocks of others: of what logs rows, and of workers, where the server says nothing of the job."""
    known = {one.id for one in seen.dispatches_ever}
    by_server = {told.job for told in own.of_jobs if told.job and told.line.log == "server"}
    asked = (
        line.at
        for line in own.say(Said.ASKED)
        if line.at and line.zoned and line.fields.get("dispatch_id", "") not in known
        if line.fields.get("job_id") not in by_server
    )
    return max((*_dispatched_by_rows(seen), *asked), default=None)


def _dispatched_by_rows(seen: Seen) -> list[datetime]:
    return [row.at for row in seen.rows_of(Step.AGENT_DISPATCHED)]


def _made(seen: Seen, own: Index) -> list[LogLine]:
    """The server's lines of CreateDispatch for this agent; those for another where none is for it."""
    lines = _dispatched(own)
    named = [line for line in lines if any(map(seen.is_for_agent, requested_agents(line.fields.get("request", ""))))]
    return named or lines


def _dispatched(own: Index) -> list[LogLine]:
    created = own.say(Said.DISPATCH_CREATED)
    return [line for line in created if line.zoned and line.fields.get("status") == "200"]


def _is_of_earlier_agent(told: Told, jobs: Jobs, agents: frozenset[str]) -> bool:
    """A line of a participant that is the agent of an earlier job, or an agent that came before the dispatch."""
    identity = told.line.fields.get("participant", "")
    if job := job_of_identity(identity):
        return job in jobs.earlier if job in jobs.started or job in jobs.asked else jobs.is_earlier(told)
    if identity not in agents:
        return False
    # Where no line says when the latest dispatch was made, its job's first one does, if another job was there before.
    latest, line = jobs.heard_of_latest if jobs.began is None and jobs.earlier else None, told.line
    return jobs.is_earlier(told) or bool(latest and line.at and line.at < latest and line.log == "server")


def _stayed(own: Index, began: datetime) -> set[str]:
    """Participants that were in the room when the latest dispatch was made: its agent joined them."""
    there: dict[str, bool] = {}
    for told in own.that(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT):
        if told.line.log == "server" and told.line.at is not None and told.line.at < began:
            there[told.line.fields.get("participant", "")] = told.said is Said.PARTICIPANT_ACTIVE
    return {identity for identity, still in there.items() if identity and still}
