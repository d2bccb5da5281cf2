"""job_assigned, by the components' logs: why no worker has the job. LKD101 to 105, 108 to 110, 403, 404.

The server says what became of a job request, the worker whether it was asked. Who was registered at the
dispatch, and in which state, both say. Where only one of the two was read, what the other would have told
apart stays a candidate.
"""

import re
from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.correlation import Subject, pasted_rooms
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.times import (
    ANSWERED_WITHIN,
    AROUND_DISPATCH,
    CONNECTION_TRIES,
    NEXT_TRY,
    RESTARTED_WITHIN,
)
from livekit_doctor.diagnosis.workers_over_time import NO_MORE, Change, State, Worker, is_dated
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

_TYPES = {"room": "JT_ROOM", "publisher": "JT_PUBLISHER", "participant": "JT_PARTICIPANT"}

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def worker_on_other_server(call: Call, proofs: Proofs) -> Finding | None:
    """LKD104: the worker's own log says that it registered with another server than the one asked."""
    if _has_job(call, proofs) or not call.settings.livekit.url:
        return None
    own = _server(call.settings.livekit.url)
    lines = [line for line in _own_registrations(call) if line.log == "worker" and line.fields.get("url")]
    here = [line for line in lines if _server(line.fields["url"]) == own]
    elsewhere = [line for line in lines if _server(line.fields["url"]) != own]
    if here or not elsewhere or _is_known_to_server(call, elsewhere) or _may_have_job(call, elsewhere[-1].file):
        return None
    line, refused = elsewhere[-1], _no_worker(call)
    url = line.fields["url"]
    shown = [because(line, f"the worker is registered with {url}, the call is placed on {call.settings.livekit.url}")]
    # Another host may be another name of the same server, and the worker gone; another port of one host is not.
    sure = PROVEN if refused and _server(url)[0] == own[0] else LIKELY
    confidence = POSSIBLE if _may_be_one_server(url, call.settings.livekit.url) else sure
    return _finding(call, "LKD104", confidence, [*shown, *map(because, refused)], other_name=url)


def worker_not_connected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD105: a worker's log ends its attempts to connect, before the dispatch, without having registered,
    and no other worker was there."""
    failing = _failing_connection(call)
    if _has_job(call, proofs) or failing is None or _may_have_job(call, failing.file):
        return None
    refused = _no_worker(call)
    for worker, _ in _registered(call):
        # One that was killed leaves no line of its going: of the log's own the server knows better.
        if not refused or failing.file not in worker.files:
            return None
    shown = [because(failing, "the worker does not reach its server"), *map(because, refused)]
    vouched = failing.at is not None and call.component_logs.covers("worker", _began(call) or failing.at)
    known = is_dated(failing) and ((vouched and refused) or _would_tell_of_success(call, failing))
    confidence = POSSIBLE if not known else PROVEN if refused and vouched else LIKELY
    if words := _refused_key(call, failing):
        # The server answers, so that it is not its network: it does not take the worker's key or token.
        shown.append(Because(source="worker log", at=failing.at, text=f"the server does not take its key, {words}"))
        confidence = max(confidence, LIKELY, key=lambda one: one.rank)
        return finding(call, "LKD105", Step.JOB_ASSIGNED, confidence, shown, ["LKD004", "LKD104"], kind="credentials")
    return _finding(call, "LKD105", confidence, shown, detail=failing.fields.get("error"))


_REFUSED_KEY = re.compile(
    r"[^\n]*(?:(?:HandshakeError|handshake status|unexpected server response|rejected WebSocket connection: HTTP)"
    r"\W{0,3}40[13]\b|\b40[13]\b[^\n]{0,200}/agent\b|/agent\b[^\n]{0,200}\b40[13]\b|\b401\W{1,3}unauthori[sz]ed"
    r"|invalid API key|invalid token|token signature is invalid|\bunauthenticated\b)[^\n]*",
    re.IGNORECASE,
)
"""How aiohttp, websockets and ws tell that the server answered 401 or 403 to the worker, and the server's words."""


def _refused_key(call: Call, failing: LogLine) -> str:
    """Why the worker can't connect, by its log: the server does not accept its key, secret or token. Empty where it
    does not say so."""
    for line in reversed(call.component_logs.anywhere(Said.CONNECTION_FAILED, Said.GAVE_UP)):
        for text in (line.fields.get("error", ""), line.traceback, line.message):
            if line.file == failing.file and (found := _REFUSED_KEY.search(text)):
                return found[0].strip()
    return ""


def dispatched_before_worker(call: Call, proofs: Proofs) -> Finding | None:
    """LKD109: no worker at the dispatch, and one that registered under its name soon after it (fact 7)."""
    began, workers = _began(call), _own_workers(call)
    if _has_job(call, proofs) or call.component_logs.said(Said.ASKED) or began is None:
        return None
    if not all(one.registration.at and one.registration.zoned for one in workers):
        return None  # of those nobody knows whether they were before the dispatch
    came_after = (one for one in workers if one.at(began) is None and _is_of_kind(call, one))
    after = [(one.registration.at, one) for one in came_after if one.registration.at]
    if not after or _there(call):
        return None
    came_at, came = min(after, key=lambda item: item[0])
    refused = _no_worker(call) or _no_answer(call)
    known_by_itself = any(line.log == "worker" for line in came.registrations)
    if came_at - began > RESTARTED_WITHIN or not (refused or known_by_itself):
        return None
    seconds = (came_at - began).total_seconds()
    text = f"a worker registered {seconds:.1f} s after the dispatch"
    shown = [*map(because, refused), because(came.registration, text)]
    return _finding(call, "LKD109", PROVEN if _no_worker(call) else _by_name(call), shown)


def worker_of_other_kind(call: Call, proofs: Proofs) -> Finding | None:
    """LKD110: the worker under this name takes other jobs: another type, or another deployment (fact 8)."""
    if _has_job(call, proofs):
        return None
    refused = _no_worker(call) or _no_answer(call)
    wanted = _TYPES[call.settings.agent.job_type]
    deployment = call.dispatches[-1].deployment if call.dispatches else ""
    others: list[tuple[LogLine, str, str | None]] = []
    for line in _own_registrations(call):
        kind, runs_as = line.fields.get("job_type"), line.fields.get("deployment")
        if kind and kind != wanted:
            text = f"the worker takes jobs of type {kind}, and the room's opening is one of {wanted}"
            others.append((line, text, None))
        elif runs_as is not None and runs_as != deployment:
            text = f'the worker runs as deployment "{runs_as}", the dispatch is for "{deployment}"'
            others.append((line, text, runs_as))
        elif runs_as is not None and _is_here(call, line):
            return None  # there is a worker of the right kind, too
    if not others:
        return None
    line, text, detail = others[-1]
    confidence = LIKELY if refused and (_knows_deployment(call) or detail is None) else POSSIBLE
    return _finding(call, "LKD110", confidence, [because(line, text), *map(because, refused)], detail=detail)


def worker_under_other_name(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102: the server knows no worker under the dispatch's name, and one under a name that is almost it
    was there."""
    refused, name = _no_worker(call), call.wanted_agent
    if _has_job(call, proofs) or not refused or not name:
        return None
    began = _began(call)
    own = [worker for worker in call.workers if worker.name == name]
    if not all(_had_left(call, worker, began, refused) for worker in own):
        return None
    last = max((worker.registration.at for worker in own if worker.registration.at), default=None)
    for worker in reversed(call.workers):
        there = worker.at(began)
        how = near_miss(name, worker.name) if worker.name and _is_on_this_server(call, worker) else None
        came_at = worker.registration.at
        if last and (not came_at or not is_dated(worker.registration) or came_at < last):
            continue  # not renamed: it was there beside the own one, or may have been
        if how and there is not None and there.state not in NO_MORE:
            text = f'the dispatch is for "{name}", a worker runs as "{worker.name}": they differ in {how}'
            shown = [because(worker.registration, text), *map(because, refused)]
            sure = PROVEN if is_dated(worker.registration) else LIKELY
            return _finding(call, "LKD102", sure, shown, agent_name=worker.name, other_name=name)
    return None


def no_worker_registered(call: Call, proofs: Proofs) -> Finding | None:
    """LKD101: the server says that no worker is registered under the name.

    Proven where the server's log also shows that the last one had left: otherwise a worker may be
    connected elsewhere (LKD104) or nowhere (LKD105). Where one came soon after, that is LKD109.
    """
    refused = _no_worker(call)
    if _has_job(call, proofs) or not (refused or _no_answer(call)):
        return None
    left = [
        line
        for line in call.component_logs.anywhere(Said.DEREGISTERED)
        if line.fields.get("agent_name") == call.wanted_agent and _before_dispatch(call, line)
    ]
    began = _began(call)
    ends = [change.line for worker in _own_workers(call) if (change := worker.at(began))]
    left = left or [line for line in ends if refused and meaning(line) is Said.WORKER_CLOSED and is_dated(line)]
    undated = any(not is_dated(worker.registration) for worker in _own_workers(call))
    if not left or undated or _there(call):
        if not refused:
            return None
        before = _asked_before(call, refused)
        shown = [because(line, "a worker under this name was there") for line in before[-1:]]
        return _finding(call, "LKD101", LIKELY if before else POSSIBLE, [*shown, *map(because, refused)])
    if dispatched_before_worker(call, proofs) or worker_under_other_name(call, proofs):
        return None
    shown = [because(left[-1], "the last worker under this name had left"), *map(because, refused or _no_answer(call))]
    return _finding(call, "LKD101", PROVEN if refused else _by_name(call), shown)


def worker_draining(call: Call, proofs: Proofs) -> Finding | None:
    """LKD108: every worker that was there drained: it finishes its calls and takes no other.

    Beside one that did not drain, which the new one of a deploy is, another reason is as good (LKD103).
    """
    if not _asks_who_is_free(call, proofs):
        return None
    busy = _nobody_free(call)
    draining, others = _by_state(call, State.DRAINING)
    if draining and not others:
        last = draining[-1]
        shown = [because(last, "the worker was draining"), *map(because, busy or _no_answer(call))]
        sure = len(shown) > 1 and _by_name(call, last.at) is LIKELY and not _is_any_replaced(call)
        confidence = PROVEN if sure else LIKELY
        return _finding(call, "LKD108", confidence if is_dated(last) else POSSIBLE, shown)
    shown = [because(line, "a worker was draining") for line in draining or _drain_of_one(call)]
    if not shown or not busy:
        return None
    shown = [*shown[-1:], *(because(one.line, "another was there") for one in others[-1:]), *map(because, busy)]
    return _finding(call, "LKD108", POSSIBLE, shown)


def worker_at_capacity(call: Call, proofs: Proofs) -> Finding | None:
    """LKD103: workers answered that they take no more jobs, or their logs say that they were full."""
    if not _asks_who_is_free(call, proofs):
        return None
    busy = _nobody_free(call)
    draining, others = _by_state(call, State.DRAINING)
    full = [one.line for one in others if one.state is State.FULL]
    shown = [*map(because, busy), *(because(line, "the worker was full") for line in full)]
    all_full = bool(full) and len(full) == len(others)
    if not busy:
        return _finding(call, "LKD103", POSSIBLE, shown) if all_full else None
    if draining and not others:
        return None
    drained = draining or _drain_of_one(call)
    own = call.component_logs.said(Said.NO_CAPACITY)
    sure = PROVEN if own and all_full and not drained else LIKELY if own else _by_name(call)
    return _finding(call, "LKD103", sure if all_full or not drained else POSSIBLE, shown)


def job_request_too_slow(call: Call, proofs: Proofs) -> Finding | None:
    """LKD403: a worker was asked, and its answer came too late or never: the job is lost (fact 11)."""
    if _has_job(call, proofs):
        return None
    server, worker = call.component_logs.said(Said.TIMED_OUT), call.component_logs.said(Said.ASSIGNMENT_LATE)
    asked = call.component_logs.said(Said.ASKED)
    if not server and not worker:
        return None
    confidence = PROVEN if worker or (server and asked) else LIKELY
    return _finding(call, "LKD403", confidence, [because(line) for line in (*asked, *server, *worker)][:4])


def job_declined(call: Call, proofs: Proofs) -> Finding | None:
    """LKD404: a worker was asked and said no: request_fnc rejected or raised, or its load was refused.

    A rejection leaves no line on the server: there the job was neither assigned nor given up (fact 11).
    """
    logs = call.component_logs
    declined, asked = logs.said(Said.DECLINED), logs.said(Said.ASKED)
    if asked and not declined:
        declined = logs.said(Said.NO_CAPACITY)
    if _has_job(call, proofs) or call.declined_jobs or logs.said(Said.TIMED_OUT, Said.ASSIGNMENT_LATE):
        return None
    raised = tuple(line for line in logs.anywhere(Said.REQUEST_RAISED) if _about_dispatch(call, line))
    silent = tuple(line for line in logs.anywhere(Said.REQUEST_UNANSWERED) if _about_dispatch(call, line))
    texts = list(tracebacks(raised))[-1:]
    shown = [because(line) for line in (*asked[-1:], *declined)][:3]
    shown += [because(line, "a request_fnc that raises declines the job") for line in raised[-1:]]
    shown += [because(line, "a request_fnc without an answer declines the job") for line in silent[-1:] if not raised]
    shown += [Because(source="worker log", at=raised[-1].at, text=text) for text in texts]
    kind = "call " + ("raised" if texts else "unanswered" if silent and not raised else "rejected")
    detail = texts[0].strip().splitlines()[-1] if texts else None
    if declined or raised or silent:
        sure = PROVEN if asked and declined else LIKELY
        return _finding(call, "LKD404", sure, shown, kind=kind, detail=detail)
    if not _was_not_assigned(call, asked):
        return None
    shown.append(Because(source="server log", text="it was never assigned, and nothing was wrong with the request"))
    return _finding(call, "LKD404", LIKELY if _known_to_server(call) else POSSIBLE, shown, kind=kind)


RULES = (
    worker_on_other_server,
    worker_not_connected,
    worker_under_other_name,
    dispatched_before_worker,
    worker_of_other_kind,
    no_worker_registered,
    worker_draining,
    worker_at_capacity,
    job_request_too_slow,
    job_declined,
)


def excluded(call: Call) -> Iterator[tuple[str, str]]:
    """The codes that the logs exclude where no worker has the job, and why."""
    refused = _no_worker(call)
    if refused:
        for code in ("LKD103", "LKD107", "LKD108", "LKD403", "LKD404"):
            yield code, "the server's log says that it knew no worker to ask"
    elif call.component_logs.said(Said.ASKED):
        for code in ("LKD101", "LKD102", "LKD104", "LKD105", "LKD107", "LKD108", "LKD109", "LKD110"):
            yield code, "the worker's log says that the job request reached it"


def _finding(call: Call, code: str, confidence: Confidence, shown: list[Because], **values: str | None) -> Finding:
    candidates = [] if confidence is PROVEN else list(catalogue.get(code).candidates)
    values["dispatch_id"] = call.dispatches[-1].id if call.dispatches else None
    return finding(call, code, Step.JOB_ASSIGNED, confidence, shown, candidates, [], **values)


def _asked_before(call: Call, refused: tuple[LogLine, ...]) -> list[LogLine]:
    """The server's lines by which a worker had been asked for an earlier dispatch's job: it was registered then, with
    this server, and the server knows of none at the latest one."""
    told = call.component_logs.ever_said(Said.TIMED_OUT, Said.DECLINED, Said.ASSIGNED)
    return [
        line
        for line in told
        if line.fields.get("agent_name") == call.wanted_agent
        and line.file == refused[0].file
        and line.at
        and refused[0].at
        and line.at < refused[0].at
    ]


def _has_job(call: Call, proofs: Proofs) -> bool:
    """A worker has the job, or has had it: whatever went wrong before is over."""
    return bool(Step.JOB_ASSIGNED in proofs or call.jobs or call.agents_seen)


def _may_have_job(call: Call, file: str) -> bool:
    """Whether a worker's log tells of a job that may be this call's: one that was asked was connected to its server."""
    logs = call.component_logs
    if logs.said(Said.ASKED):
        return True
    not_own = logs.jobs_elsewhere | {""}
    since = call.dispatched_at - call.tolerance if call.dispatched_at else None
    return any(
        line.file == file
        and line.fields.get("job_id", "") not in not_own
        and (since is None or line.at is None or line.at >= since)
        for line in logs.of_workers
    )


def _no_worker(call: Call) -> tuple[LogLine, ...]:
    """The server's refusals of the latest dispatch's job."""
    wanted, name = _TYPES[call.settings.agent.job_type], call.wanted_agent
    return tuple(
        line
        for line in call.component_logs.said(Said.NO_WORKER)
        if line.fields.get("job_type", wanted) == wanted and name and line.fields.get("agent_name") == name
    )


_DECISIVE = (Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT)
"""What the server says of this job itself: then a line with the agent's name alone is about another one."""


def _no_answer(call: Call) -> tuple[LogLine, ...]:
    return () if call.component_logs.said(*_DECISIVE) else call.lines_by_name(Said.NO_ANSWER)


def _nobody_free(call: Call) -> tuple[LogLine, ...]:
    """The server's lines that no worker had room: of this job, or by the agent's name and the time."""
    own = call.component_logs.said(Said.NO_CAPACITY)
    return own if call.component_logs.said(*_DECISIVE) else call.lines_by_name(Said.NOBODY_FREE)


def _knows_deployment(call: Call) -> bool:
    """Whether the dispatch was seen: in the API, or in the request that made it, which has none then."""
    requests = [line.fields.get("request", "") for line in call.component_logs.said(Said.DISPATCH_CREATED)]
    return bool(call.dispatches) or any('"deployment"' not in text for text in requests)


def _by_name(call: Call, since: datetime | None = None) -> Confidence:
    """What a line is worth that has the agent's name only: little, where the same agent was dispatched into
    another room at that time, and `since` then."""
    began, name = call.dispatched_at, call.wanted_agent
    first, last = (began + offset for offset in (-AROUND_DISPATCH[1], AROUND_DISPATCH[1])) if began else (None, None)
    for line in call.component_logs.anywhere(
        Said.DISPATCH_CREATED, Said.ASKED, Said.ASSIGNED, Said.DECLINED, Said.NO_CAPACITY
    ):
        other = call.room is not None and line.fields.get("room", call.room.name) != call.room.name
        named = line.fields.get("agent_name") == name or f'"{name}"' in line.fields.get("request", "")
        if not line.at or (since is not None and line.at < since):
            continue
        if other and named and first and last and first <= line.at <= last:
            return POSSIBLE
    return LIKELY


def _was_not_assigned(call: Call, asked: tuple[LogLine, ...]) -> bool:
    """A worker was asked, and the server's log spans the time in which it would have assigned the job. Where
    the API does not miss the job, that log must at least know the room: a cluster has a log a node."""
    if not asked or asked[-1].at is None or not asked[-1].zoned:
        return False
    knows_room = call.api_read or any(line.log == "server" for line in call.component_logs.own)
    log = call.component_logs
    whole = log.covers("server", asked[-1].at - call.tolerance) and log.covers("server", asked[-1].at + ANSWERED_WITHIN)
    return knows_room and whole and not log.said(Said.PROCESS_EXITS)


def _known_to_server(call: Call) -> bool:
    """Whether the server's log is that of the node with which the agent's worker is registered."""
    return any(line.log == "server" for line in _own_registrations(call))


def _is_known_to_server(call: Call, registrations: list[LogLine]) -> bool:
    """Whether the server that was asked logged one of these registrations itself, whatever the worker calls it."""
    ids = {line.fields["worker_id"] for line in registrations if line.fields.get("worker_id")}
    return any(line.log == "server" and line.fields.get("worker_id") in ids for line in _own_registrations(call))


def _own_registrations(call: Call) -> tuple[LogLine, ...]:
    return call.component_logs.registrations(call.wanted_agent) if call.wanted_agent is not None else ()


def _own_workers(call: Call) -> list[Worker]:
    """The workers under the agent's name on the server that the call is placed on, at whatever time."""
    name = call.wanted_agent
    return [one for one in call.workers if name is not None and one.name == name and _is_on_this_server(call, one)]


def _is_on_this_server(call: Call, worker: Worker) -> bool:
    known_to_server = any(line.log == "server" for line in worker.registrations)
    return known_to_server or all(_is_here(call, line) for line in worker.registrations)


def _registered(call: Call) -> list[tuple[Worker, Change]]:
    """The own workers that were registered at the dispatch, and in which state each was."""
    began = _began(call)
    known = [(worker, change) for worker in _own_workers(call) if (change := worker.at(began))]
    return [(worker, change) for worker, change in known if change.state not in NO_MORE]


def _there(call: Call) -> list[tuple[Worker, Change]]:
    """Those of them that the server did not say to know nothing of."""
    refused = _no_worker(call)
    return [(worker, change) for worker, change in _registered(call) if not _is_unknown(call, worker, refused)]


def _is_unknown(call: Call, worker: Worker, refused: tuple[LogLine, ...]) -> bool:
    """Whether the server refused the job in spite of this worker's registration, and nothing tells of the
    worker since: one that was killed leaves no line of its going."""
    known = {line.file for line in worker.registrations if line.log == "server"}
    if not refused or (known and refused[0].file not in known) or not _is_of_kind(call, worker):
        return False
    said_at = refused[0].at if is_dated(refused[0]) and is_dated(worker.registration) else None
    return said_at is not None and not worker.is_heard_of_after(said_at)


def _is_of_kind(call: Call, worker: Worker) -> bool:
    """Whether it takes jobs such as the call's, as far as its lines tell."""
    wanted = _TYPES[call.settings.agent.job_type]
    deployment = call.dispatches[-1].deployment if call.dispatches else ""
    lines = [line.fields for line in worker.registrations]
    return all(
        fields.get("job_type", wanted) == wanted and fields.get("deployment", deployment) == deployment
        for fields in lines
    )


def _had_left(call: Call, worker: Worker, began: datetime | None, refused: tuple[LogLine, ...]) -> bool:
    """Whether one under the agent's name had been with this server, and was not any more at the dispatch."""
    there = worker.at(began)
    if there is None or not _is_on_this_server(call, worker) or not is_dated(worker.registration):
        return False
    return there.state in NO_MORE or _is_unknown(call, worker, refused)


def _is_any_replaced(call: Call) -> bool:
    """Whether one of the own workers is only taken to be gone."""
    began = _began(call)
    changes = (worker.at(began) for worker in _own_workers(call))
    return any(change is not None and change.state is State.REPLACED for change in changes)


def _by_state(call: Call, state: State) -> tuple[list[LogLine], list[Change]]:
    """Of the own workers that were there: the lines by which some were in this state, and what the others were."""
    changes = [change for _, change in _there(call)]
    return [one.line for one in changes if one.state is state], [one for one in changes if one.state is not state]


def _drain_of_one(call: Call) -> list[LogLine]:
    """The lines by which one of several own workers was draining, and nobody knows which."""
    began = _began(call)
    lines = (worker.may_have_been(State.DRAINING, began) for worker, _ in _there(call))
    return [line for line in lines if line]


def _asks_who_is_free(call: Call, proofs: Proofs) -> bool:
    """Whether what the workers were doing can be why the job has none: it was dispatched, none of them was
    asked, and the server says neither that it knew none, nor anything else of this job itself."""
    if _has_job(call, proofs) or Step.AGENT_DISPATCHED not in proofs or _no_worker(call):
        return False
    return not call.component_logs.said(Said.ASKED, Said.DECLINED, Said.TIMED_OUT)


def _began(call: Call) -> datetime | None:
    """When the server looked for a worker."""
    refused = _no_worker(call) or _no_answer(call)
    return call.dispatched_at or (refused[0].at if refused else None)


def _failing_connection(call: Call) -> LogLine | None:
    """A worker's failure to connect, by a log in which none of another name registered: its last line on
    that before the dispatch is a failure, or else the first after it."""
    by_file: dict[str, list[LogLine]] = {}
    for line in call.component_logs.anywhere(Said.CONNECTION_FAILED, Said.GAVE_UP, Said.REGISTERED):
        if line.log == "worker":
            by_file.setdefault(line.file, []).append(line)
    failing = []
    for lines in by_file.values():
        names = {line.fields.get("agent_name", "") for line in lines if meaning(line) is Said.REGISTERED}
        before = [line for line in lines if _before_dispatch(call, line)]
        last = before[-1] if before else lines[0]
        if not _soon_after_opening(call, last):
            continue
        if meaning(last) is not Said.REGISTERED and (call.wanted_agent is None or names <= {call.wanted_agent}):
            failing.append(last)
    return failing[-1] if failing else None


def _soon_after_opening(call: Call, line: LogLine) -> bool:
    """A connection that is lost long after the call says nothing of the dispatch."""
    began = _known_since(call)
    return began is None or line.at is None or line.at - began <= CONNECTION_TRIES


def _would_tell_of_success(call: Call, failing: LogLine) -> bool:
    """Whether the log of a failed attempt to connect would show that a later one succeeded, which a log of warnings
    alone does not; or the attempt was made so shortly before the call that there was none."""
    if any(line.file == failing.file and line.level == "info" for line in call.component_logs.of_workers):
        return True
    began = _known_since(call)
    return meaning(failing) is Said.GAVE_UP or began is None or not failing.at or began - failing.at <= NEXT_TRY


def _known_since(call: Call) -> datetime | None:
    """When the agent was dispatched, or else when the call is first heard of."""
    rows = [row.at for row in call.rows[:1]]
    rooms = [call.room_info.created_at] if call.room_info else []
    lines = [line.at for line in call.component_logs.own[:1] if line.at]  # oldest first
    return call.dispatched_at or min([*rows, *rooms, *lines], default=None)


def _before_dispatch(call: Call, line: LogLine) -> bool:
    return call.dispatched_at is None or line.at is None or line.at <= call.dispatched_at


def _about_dispatch(call: Call, line: LogLine) -> bool:
    """A worker's line without a job that is of this agent and of the dispatch's time."""
    asked = call.component_logs.said(Said.ASKED)
    if line.fields.get("agent_name") not in (None, call.wanted_agent):
        return False
    if line.read.excerpt and not asked:
        rooms = set(pasted_rooms(Subject(), call.setup.evidence.observations))
        return rooms <= ({call.room.name} if call.room else set())
    # Another call's request that fails within a few seconds would leave the same line.
    allowed = 5 if call.component_logs.said(Said.DECLINED, Said.NO_CAPACITY) else 1
    return any(one.at and line.at and 0 <= (line.at - one.at).total_seconds() <= allowed for one in asked)


def _is_here(call: Call, line: LogLine) -> bool:
    """Registered with the server that the call is placed on, as far as the line tells."""
    url, own = line.fields.get("url"), call.settings.livekit.url
    return not url or not own or _server(url) == _server(own) or _may_be_one_server(url, own)


def _may_be_one_server(url: str, other: str) -> bool:
    """Whether two addresses that differ may lead to one server: a worker beside it knows it by a name or an
    address of the private network, and others by its public one."""
    hosts = [_server(one)[0] or "" for one in (url, other)]
    return hosts[0] != hosts[1] and any(map(_is_private, hosts))


def _is_private(host: str) -> bool:
    try:
        return ip_address(host).is_private
    except ValueError:
        return "." not in host or host.endswith((".local", ".internal", ".svc", ".lan", ".home.arpa"))


def _server(url: str) -> tuple[str | None, int | None]:
    """Host and port: ws, wss, http and https are ways to the same server."""
    parts = urlsplit(url if "//" in url else f"//{url}")
    secure = parts.scheme in ("wss", "https")
    host = (parts.hostname or "").lower()
    host = "127.0.0.1" if host in ("localhost", "::1") else host
    return host, parts.port or (443 if secure else 80)
