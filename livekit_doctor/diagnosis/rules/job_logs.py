"""job_assigned, by the components' logs: the workers were there, and none has the job. LKD103, 108, 402 to 404.

The server says what became of a job request, the worker whether it was asked, and in which state it was.
"""

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.correlation import named_rooms
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules import missed, sought
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import (
    ANSWERED_WITHIN,
)
from livekit_doctor.diagnosis.workers_over_time import Change, State, is_dated
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.tracebacks import raised as what_was_raised
from livekit_doctor.flow import Confidence, Step

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def worker_draining(call: Call, proofs: Proofs) -> Finding | None:
    """LKD108: every worker that was there drained: it finishes its calls and takes no other.

    Beside one that did not drain, which the new one of a deploy is, another reason is as good (LKD103).
    """
    if not _asks_who_is_free(call, proofs):
        return None
    busy = sought.nobody_free(call)
    draining, others = _by_state(call, State.DRAINING)
    if draining and not others:
        last = draining[-1]
        shown = [because(last, "the worker was draining"), *map(because, busy or sought.no_answer(call))]
        sure = len(shown) > 1 and sought.by_name(call, last.at) is LIKELY and not _is_any_replaced(call)
        # Beside one that drains there is the new one of a deploy: where its log is not here, that may be why.
        confidence = PROVEN if sure else LIKELY
        known = is_dated(last) and sought.all_are_known(call)
        return sought.unassigned(call, "LKD108", confidence if known else POSSIBLE, shown)
    shown = [because(line, "a worker was draining") for line in draining or _drain_of_one(call)]
    if not shown or not busy:
        return None
    shown = [*shown[-1:], *(because(one.line, "another was there") for one in others[-1:]), *map(because, busy)]
    return sought.unassigned(call, "LKD108", POSSIBLE, shown)


def rejected_while_draining(call: Call, proofs: Proofs) -> Finding | None:
    """LKD108: a worker that drained was asked, and says that it rejects the job for that (livekit-agents for Node)."""
    asked = call.component_logs.said(Said.ASKED)
    told = [line for line in call.component_logs.said(Said.DRAINING) if line.fields.get("job_id")]
    if not told or sought.has_job(call, proofs):
        return None
    # The server asks on where one worker declines; whether another took the job, its log does not tell.
    sure = POSSIBLE if missed.is_not_missed(call, proofs, told) else LIKELY
    return sought.unassigned(call, "LKD108", sure, [because(line) for line in (*asked[-1:], *told[-1:])], ["LKD404"])


def worker_at_capacity(call: Call, proofs: Proofs) -> Finding | None:
    """LKD103: workers answered that they take no more jobs, or their logs say that they were full."""
    if not _asks_who_is_free(call, proofs):
        return None
    busy = sought.nobody_free(call)
    draining, others = _by_state(call, State.DRAINING)
    full = [one.line for one in others if one.state is State.FULL]
    shown = [*map(because, busy), *(because(line, "the worker was full") for line in full)]
    all_full = bool(full) and len(full) == len(others)
    if not busy:
        return sought.unassigned(call, "LKD103", POSSIBLE, shown) if all_full else None
    if draining and not others:
        return None
    drained = draining or _drain_of_one(call)
    own = call.component_logs.said(Said.NO_CAPACITY)
    # Of lines that were picked, one that says that somebody was asked may just not be among them.
    known = bool(own) and not call.component_logs.is_picked(own[-1])
    sure = (
        PROVEN if own and all_full and not drained else LIKELY if known else POSSIBLE if own else sought.by_name(call)
    )
    return sought.unassigned(call, "LKD103", sure if all_full or not drained else POSSIBLE, shown)


def nobody_answered(call: Call, proofs: Proofs) -> Finding | None:
    """LKD402, or LKD103: a line that a person picked, by which the server got no worker for a job of this agent's, and
    nothing that tells of the dispatch. It names neither room nor job (fact 11)."""
    wanted, unanswered, busy = (
        sought.TYPES[call.settings.agent.job_type],
        sought.no_answer(call),
        sought.nobody_free(call),
    )
    picked = [
        line for line in (*unanswered, *busy) if line.read.excerpt and line.fields.get("job_type", wanted) == wanted
    ]
    if not picked or sought.has_job(call, proofs) or sought.no_worker(call) or call.component_logs.said(Said.ASKED):
        return None
    code = "LKD402" if unanswered else "LKD103"
    return sought.unassigned(
        call, code, POSSIBLE, [because(line) for line in picked[:2]], kind="call" if unanswered else None
    )


def job_request_too_slow(call: Call, proofs: Proofs) -> Finding | None:
    """LKD403: a worker was asked, and its answer came too late or never: the job is lost (fact 11)."""
    worker, asked = call.component_logs.said(Said.ASSIGNMENT_LATE), call.component_logs.said(Said.ASKED)
    # By the name alone it counts where nothing tells of the call's own request.
    by_name = () if worker or asked else call.lines_by_name(Said.TIMED_OUT)
    server = call.component_logs.said(Said.TIMED_OUT) or by_name
    if not (server or worker) or missed.is_not_missed(call, proofs, (*server, *worker)):
        return None
    last = max((line.at for line in server if line.at), default=None)
    # By the name and the time alone another dispatch came after it.
    again = any(last and line.at and line.at > last for line in call.lines_by_name(Said.NO_ANSWER, Said.NOBODY_FREE))
    # One that names neither room nor job is by the agent's name alone (fact 11).
    of_job = [line for line in server if missed.is_own(line)]
    sure = LIKELY if of_job or worker or asked else POSSIBLE
    confidence = PROVEN if (worker or (of_job and asked)) and not again else sure
    return sought.unassigned(call, "LKD403", confidence, [because(line) for line in (*asked, *server, *worker)][:4])


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a worker was asked and said no: request_fnc rejected or raised, or its load was refused.

    A rejection leaves no line on the server: there the job was neither assigned nor given up (fact 11).
    """
    logs = call.component_logs
    declined, asked = logs.said(Said.DECLINED), logs.said(Said.ASKED)
    if asked and not declined:
        jobs = {line.fields.get("job_id") for line in asked}
        declined = tuple(line for line in logs.said(Said.NO_CAPACITY) if line.fields.get("job_id") in jobs)
    # What goes wrong once it was accepted is raised out of request_fnc as well (livekit-agents, JobRequest.accept).
    accepted = logs.said(Said.TIMED_OUT, Said.ASSIGNMENT_LATE, Said.NO_PROCESS)
    if sought.has_job(call, proofs) or call.declined_jobs or accepted:
        return None
    raised = tuple(line for line in logs.anywhere(Said.REQUEST_RAISED) if _about_dispatch(call, line))
    silent = tuple(line for line in logs.anywhere(Said.REQUEST_UNANSWERED) if _about_dispatch(call, line))
    texts = list(tracebacks(raised))[-1:]
    shown = [because(line) for line in (*asked[-1:], *declined)][:3]
    shown += [because(line, "a request_fnc that raises declines the job") for line in raised[-1:]]
    shown += [because(line, "a request_fnc without an answer declines the job") for line in silent[-1:] if not raised]
    shown += [Because(source="worker log", at=raised[-1].at, text=text) for text in texts]
    kind = "call " + ("raised" if texts else "unanswered" if silent and not raised else "rejected")
    detail = what_was_raised(texts[0]) if texts else None
    if declined or raised or silent:
        # The server asks on where one worker declines; whether another took the job, its log does not tell.
        others = not declined and missed.is_not_missed(call, proofs, (*raised, *silent))
        # Where it finds nobody else it says so, in a line of the same level, and no job is listed.
        retried = any(line.fields.get("retry") == "true" for line in declined[-1:])
        others |= retried and call.dispatch_list is None and not logs.said(Said.NO_CAPACITY)
        # What raises in one of them raises in the next, which runs the same program.
        raises = bool(raised and declined)
        sure = POSSIBLE if others and not raises else PROVEN if asked and declined and not others else LIKELY
        return sought.unassigned(call, "LKD404", sure, shown, kind=kind, detail=detail)
    if not _was_not_assigned(call, asked):
        return None
    shown.append(Because(source="server log", text="it was never assigned, and nothing was wrong with the request"))
    return sought.unassigned(call, "LKD404", LIKELY if _known_to_server(call) else POSSIBLE, shown, kind=kind)


def _was_not_assigned(call: Call, asked: tuple[LogLine, ...]) -> bool:
    """A worker was asked, and the server's log spans the time in which it would have assigned the job, while the room
    was there. Where the API does not miss the job, it must be the log of the node that has the worker."""
    if not asked or asked[-1].at is None or not asked[-1].zoned or not (call.api_read or _known_to_server(call)):
        return False
    log, answered = call.component_logs, asked[-1].at + ANSWERED_WITHIN
    began = _registered_before(call, asked[-1]) or log.covers("server", asked[-1].at - call.tolerance)
    whole = began and log.covers("server", answered)
    closed = any(line.at and line.at <= answered for line in log.said(Said.ROOM_CLOSED))
    ended = call.ended_last is not None and call.ended_last <= answered + call.tolerance
    return whole and not (closed or ended) and not log.said(Said.PROCESS_EXITS)


def _registered_before(call: Call, asked: LogLine) -> bool:
    """Whether the server's log has the registration after which the worker's own log has this request: it began before
    the request, whatever the two clocks say."""
    registered = sought.own_registrations(call)
    known = {line.fields.get("worker_id") for line in registered if line.log == "server"} - {None}
    earlier = [line for line in registered if line.file == asked.file and line.number < asked.number]
    return bool(earlier) and earlier[-1].fields.get("worker_id") in known


def _known_to_server(call: Call) -> bool:
    """Whether the server's log is that of the node with which the agent's worker is registered."""
    return any(line.log == "server" for line in sought.own_registrations(call))


def _is_any_replaced(call: Call) -> bool:
    """Whether one of the own workers is only taken to be gone."""
    began = sought.sought_at(call)
    changes = (worker.at(began) for worker in sought.own_workers(call))
    return any(change is not None and change.state is State.REPLACED for change in changes)


def _by_state(call: Call, state: State) -> tuple[list[LogLine], list[Change]]:
    """Of the own workers that were there: the lines by which some were in this state, and what the others were."""
    changes = [change for _, change in sought.there(call)]
    return [one.line for one in changes if one.state is state], [one for one in changes if one.state is not state]


def _drain_of_one(call: Call) -> list[LogLine]:
    """The lines by which one of several own workers was draining, and nobody knows which; or of lines that a person
    picked, one of which no registration is among them."""
    began = sought.sought_at(call)
    lines = (worker.may_have_been(State.DRAINING, began) for worker, _ in sought.there(call))
    known = [line for line in lines if line]
    if known or sought.own_workers(call):
        return known
    picked = (line for line in call.component_logs.anywhere(Said.DRAINING) if line.read.excerpt)
    return [line for line in picked if began is None or line.at is None or line.at <= began]


def _asks_who_is_free(call: Call, proofs: Proofs) -> bool:
    """Whether what the workers were doing can be why the job has none: it was dispatched, none of them was
    asked, and the server says neither that it knew none, nor anything else of this job itself."""
    given_up = call.component_logs.said(Said.NO_CAPACITY)
    # The room's opening dispatches an agent without a name, which no line of its job has (fact 4).
    cause = Step.ROOM_CREATED if call.agent_name == "" else Step.AGENT_DISPATCHED
    dispatched = cause in proofs or call.wanted_agent in {x.fields.get("agent_name") for x in given_up}
    said = sought.nobody_free(call) or sought.no_answer(call)
    if missed.is_not_missed(call, proofs, said) or not dispatched or sought.no_worker(call):
        return False
    return not call.component_logs.said(Said.ASKED, Said.DECLINED, Said.TIMED_OUT)


def _about_dispatch(call: Call, line: LogLine) -> bool:
    """A worker's line without a job that is of this agent and of the dispatch's time."""
    asked = call.component_logs.said(Said.ASKED)
    if line.fields.get("agent_name") not in (None, call.wanted_agent):
        return False
    if line.read.excerpt and not asked:
        rooms = set(named_rooms(call.setup.evidence.observations))
        return rooms <= ({call.room.name} if call.room else set())
    # Another call's request that fails within a few seconds would leave the same line.
    allowed = 5 if call.component_logs.said(Said.DECLINED, Said.NO_CAPACITY) else 1
    above = call.component_logs.request_above(line)
    if above is None or above not in asked:
        return False
    if not above.at or not line.at:
        return line.read.excerpt  # of lines without a date their order tells
    return (line.at - above.at).total_seconds() <= allowed


RULES = (
    worker_draining,
    rejected_while_draining,
    worker_at_capacity,
    nobody_answered,
    job_request_too_slow,
    job_declined,
)
