"""job_assigned, by the components' logs: no worker that the server could have asked. LKD101, 102, 104, 105, 109, 110.

Who was registered at the dispatch, with which server and under which name, server and worker both say. Where only one
of the two was read, what the other would have told apart stays a candidate.
"""

from datetime import datetime

from livekit_doctor import catalogue
from livekit_doctor.diagnosis import connection_words
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import SPELLING, few, goes_on, near_miss
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.refused_requests import kind_of_refusal, refused_logins
from livekit_doctor.diagnosis.rules import missed, sought
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.times import (
    CONNECTION_TRIES,
    RESTARTED_WITHIN,
)
from livekit_doctor.diagnosis.workers_over_time import NO_MORE, Worker, is_dated
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def worker_on_other_server(call: Call, proofs: Proofs) -> Finding | None:
    """LKD104: the worker's own log says that it registered with another server than the one asked."""
    refused = sought.no_worker(call)
    if missed.is_not_missed(call, proofs, refused) or not call.placed_on:
        return None
    own = sought.host_and_port(call.placed_on)
    lines = [line for line in sought.own_registrations(call) if line.log == "worker" and line.fields.get("url")]
    here = [line for line in lines if sought.host_and_port(line.fields["url"]) == own]
    elsewhere = [line for line in lines if sought.host_and_port(line.fields["url"]) != own]
    if here or not elsewhere or _is_known_to_server(call, elsewhere) or _may_have_job(call, elsewhere[-1].file):
        return None
    line = elsewhere[-1]
    url = line.fields["url"]
    shown = [because(line, f"the worker is registered with {url}, the call is placed on {call.placed_on}")]
    # Another host may be another name of the same server, and the worker gone; so may the port that a proxy has.
    sure = PROVEN if refused and sought.host_and_port(url)[0] == own[0] else LIKELY
    # A worker of that name had a job of this room's before: the two may well be one server.
    worked = any(one.jobs for one in call.dispatches_ever if one.agent_name == call.agent_name)
    confidence = POSSIBLE if worked or sought.may_be_one_server(url, call.placed_on) else sure
    confidence = missed.by_one_worker(call, proofs, confidence, line)
    return sought.unassigned(call, "LKD104", confidence, [*shown, *map(because, refused)], other_name=url)


def worker_not_connected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD105: a worker's log ends its attempts to connect, before the dispatch, without having registered, or the
    server's log says that it refused a worker, and no other worker was there."""
    failing, logins = _failing_connection(call), refused_logins(call)
    last = failing or (logins[-1] if logins else None)
    refused = sought.no_worker(call)
    if missed.is_not_missed(call, proofs, refused) or last is None or _may_have_job(call, last.file):
        return None
    for worker, _ in sought.registered(call):
        # One that was killed leaves no line of its going: of the log's own the server knows better.
        if not refused or last.file not in worker.files:
            return None
    shown = [because(failing, "the worker does not reach its server")] if failing else []
    kind, words = (_why_not_connected(call, failing) if failing else None) or ("other", "")
    if logins and kind in ("other", connection_words.CREDENTIALS):
        return _refused_login(call, proofs, logins, shown)
    assert failing is not None
    return _unreached(call, proofs, failing, kind, words)


def _refused_login(call: Call, proofs: Proofs, logins: tuple[LogLine, ...], shown: list[Because]) -> Finding | None:
    """By the server's own words, which are surer than the worker's: it was this server."""
    lost = sought.no_worker(call) or sought.no_answer(call)
    if not (lost or logins[-1].read.excerpt or Step.AGENT_DISPATCHED in proofs):
        return None  # nothing says that the agent was to come; it may be any worker's
    text = f"the server refused a worker's registration ({logins[-1].fields.get('path', '')})"
    shown = [*shown, *(because(line, text) for line in logins[-2:]), *map(because, lost)]
    refused = kind_of_refusal(logins[-1].fields.get("error", ""))
    others = ["LKD004", "LKD005"] if refused == "time" else ["LKD004"]
    sure = LIKELY if lost or logins[-1].read.excerpt else POSSIBLE
    kinds = f"{connection_words.CREDENTIALS} {refused}".strip()
    return finding(call, "LKD105", Step.JOB_ASSIGNED, sure, shown, others, kind=kinds)


def _unreached(call: Call, proofs: Proofs, failing: LogLine, kind: str, words: str) -> Finding:
    """By the worker's own words, if it says why."""
    refused = sought.no_worker(call)
    shown = [because(failing, "the worker does not reach its server"), *map(because, refused)]
    vouched = failing.at is not None and call.component_logs.covers("worker", sought.sought_at(call) or failing.at)
    known = is_dated(failing) and ((vouched and refused) or _would_tell_of_success(call, failing))
    known = known and (bool(refused) or Step.AGENT_DISPATCHED in proofs)  # until then it may yet connect
    sure = POSSIBLE if not known else PROVEN if refused and vouched else LIKELY
    if kind in connection_words.LASTING:
        sure = min(sure, LIKELY, key=lambda one: one.rank)
    confidence = missed.by_one_worker(call, proofs, sure, failing)
    if kind == connection_words.CREDENTIALS:
        # The server answers, so that it is not its network: it does not take the worker's key or token.
        text = f"the server does not take its key, {words}"
        shown += [Because(source="worker log", at=failing.at, text=text)] if words not in shown[0].text else []
        most = missed.by_one_worker(call, proofs, LIKELY, failing)
        return finding(call, "LKD105", Step.JOB_ASSIGNED, most, shown, ["LKD004", "LKD104"], kind=kind)
    if words:  # before its key was looked at
        shown += [Because(source="worker log", at=failing.at, text=words)] if words not in shown[0].text else []
        candidates = [] if confidence is PROVEN else ["LKD104"]
        return finding(call, "LKD105", Step.JOB_ASSIGNED, confidence, shown, candidates, kind=kind, detail=words)
    return sought.unassigned(call, "LKD105", confidence, shown, kind=kind, detail=failing.fields.get("error"))


def _why_not_connected(call: Call, failing: LogLine) -> tuple[str, str] | None:
    """Why the worker can't connect, by its log, where that says so: the kind, and in which words."""
    for line in reversed(call.component_logs.anywhere(Said.CONNECTION_FAILED, Said.GAVE_UP)):
        for text in (line.fields.get("error", ""), line.traceback, line.message):
            if line.file == failing.file and (found := connection_words.why(text)):
                return found
    return None


def dispatched_before_worker(call: Call, proofs: Proofs) -> Finding | None:
    """LKD109: no worker at the dispatch, and one that registered under its name soon after it (fact 7)."""
    began, refused = sought.sought_at(call), sought.no_worker(call) or sought.no_answer(call)
    if missed.is_not_missed(call, proofs, refused) or call.component_logs.said(Said.ASKED) or began is None:
        return None
    workers = sought.own_workers(call)
    if not all(one.registration.at and one.registration.zoned for one in workers):
        return None  # of those nobody knows whether they were before the dispatch
    came_after = (one for one in workers if one.at(began) is None and sought.is_of_kind(call, one))
    after = [(one.registration.at, one) for one in came_after if one.registration.at]
    if not after or sought.there(call):
        return None
    came_at, came = min(after, key=lambda item: item[0])
    known_by_itself = any(line.log == "worker" for line in came.registrations)
    if came_at - began > RESTARTED_WITHIN or not (refused or known_by_itself):
        return None
    if (mended := worker_under_other_name(call, proofs)) and mended.confidence is not POSSIBLE:
        return None
    by_two_clocks = came.registration.log == "worker" and came_at - began <= call.tolerance
    if by_two_clocks and not refused:
        return None  # it may have been there (fact 29)
    seconds = (came_at - began).total_seconds()
    text = f"a worker registered {seconds:.1f} s after the dispatch"
    shown = [*map(because, refused), because(came.registration, text)]
    # That the one whose log this is came late says nothing of another pod.
    sure = PROVEN if sought.no_worker(call) else sought.by_name(call) if refused else POSSIBLE
    if by_two_clocks and not sought.is_surely_here(call, came.registration):
        sure = POSSIBLE  # it may have been there, with another server
    return sought.unassigned(call, "LKD109", sure, shown)


def worker_of_other_kind(call: Call, proofs: Proofs) -> Finding | None:
    """LKD110: the worker under this name takes other jobs: another type, or another deployment (fact 8)."""
    refused = sought.no_worker(call) or sought.no_answer(call)
    if missed.is_not_missed(call, proofs, refused):
        return None
    wanted = sought.TYPES[call.settings.agent.job_type]
    deployment = call.deployment or ""
    others: list[tuple[LogLine, str, str | None]] = []
    registrations = sought.own_registrations(call)
    naming = {line.file for line in registrations if line.fields.get("deployment")}
    for line in registrations:
        # A log that names deployments has none where it is the production's.
        runs_as = line.fields.get("deployment", "" if line.file in naming else None)
        kind = line.fields.get("job_type")
        if kind and kind != wanted:
            text = f"the worker takes jobs of type {kind}, and the room's opening is one of {wanted}"
            others.append((line, text, None))
        elif runs_as is not None and runs_as != deployment:
            of = f'is for "{deployment}"' if deployment else "names none, which means production"
            worker = f'runs as deployment "{runs_as}"' if runs_as else "names no deployment, which means production"
            text = f"the worker {worker}, the dispatch {of}"
            others.append((line, text, runs_as))
        elif (runs_as or kind or line.file in naming) and runs_as is not None and sought.is_here(call, line):
            return None  # there is a worker of the right kind, too; the worker's own line does not say its type
        elif runs_as is None and deployment and line.log == "worker":
            others.append((line, f'the dispatch is for deployment "{deployment}", the worker names none', ""))
    if not others:
        return None
    line, text, detail = others[-1]
    named = detail is None or (call.deployment is not None and ("deployment" in line.fields or line.file in naming))
    confidence = LIKELY if refused and named else POSSIBLE
    shown = [because(line, text), *map(because, refused)]
    kind = "type" if detail is None else "deployment" if detail else "production"
    # One that was there is registered.
    candidates: list[str] | None = [] if sought.there(call) else None
    return sought.unassigned(call, "LKD110", confidence, shown, candidates, kind=kind, detail=detail)


def worker_under_other_name(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102: a worker under a name that is almost the dispatch's was there, and the server knows none under it; or
    its agent is missed, and no worker under it is known."""
    refused, name = sought.no_worker(call), call.wanted_agent
    if sought.has_job(call, proofs) or not name or missed.is_not_missed(call, proofs, refused):
        return None
    names = {line.fields.get("agent_name", "") for line in call.component_logs.registrations()}
    differ = {other: near_miss(name, other) for other in names - {""}}
    if not any(differ.values()):
        return None
    began = sought.sought_at(call)
    named = [worker for worker in call.workers if worker.name == name]
    near = [worker for worker in call.workers if differ.get(worker.name)]
    own = [worker for worker in named if not _is_mended(worker, near, began)]
    mended = len(own) < len(named)
    if not all(_had_left(call, worker, began, refused) for worker in own):
        return None
    last = max((worker.registration.at for worker in own if worker.registration.at), default=None)
    for worker in reversed(call.workers):
        there = worker.at(began)
        how = differ.get(worker.name) if sought.is_on_this_server(call, worker) else None
        came_at = worker.registration.at
        if last and (not came_at or not is_dated(worker.registration) or came_at < last):
            continue  # not renamed: it was there beside the own one, or may have been
        picked = worker.registration.read.excerpt and not refused  # of those more may have been left out (sightings)
        if how and not picked and there is not None and there.state not in NO_MORE:
            text = f'the dispatch is for "{name}", a worker runs as "{worker.name}": they differ in {how}'
            shown = [because(worker.registration, text), *map(because, refused)]
            may_be_two = how.startswith(SPELLING)
            sure = PROVEN if is_dated(worker.registration) and not may_be_two else LIKELY
            others = ["LKD101"] if may_be_two else None
            if mended and sure is PROVEN:
                sure, others = LIKELY, ["LKD109"]
            if not refused:
                sure, others = POSSIBLE, [code for code in catalogue.get("LKD402").candidates if code != "LKD102"]
            return sought.unassigned(call, "LKD102", sure, shown, others, agent_name=worker.name, other_name=name)
    return None


def _is_mended(worker: Worker, near: list[Worker], began: datetime | None) -> bool:
    """Whether it came after the dispatch, when one of almost its name had gone: that very one, with its name mended."""
    came = worker.registration.at
    if not (began and came and is_dated(worker.registration)) or worker.at(began) is not None:
        return False
    return any((gone := one.at(came)) is not None and gone.state in NO_MORE for one in near)


def worker_under_longer_name(call: Call, proofs: Proofs) -> Finding | None:
    """LKD102: the same with a name of which one is the beginning of the other. They may be two agents, too, one of
    which has no worker."""
    refused, name = sought.no_worker(call), call.wanted_agent
    if sought.has_job(call, proofs) or not refused or not name or _asked_before(call, refused):
        return None
    for line, other in _of_other_names(call):
        if rest := goes_on(name, other):
            text = f'the dispatch is for "{name}", a worker runs as "{other}": one goes on with "{rest}"'
            shown = [because(line, text), *map(because, refused)]
            return sought.unassigned(call, "LKD102", POSSIBLE, shown, ["LKD101"], agent_name=other, other_name=name)
    return None


def _of_other_names(call: Call) -> list[tuple[LogLine, str]]:
    """The registrations with this server of workers that were there at the dispatch, each name once; none where one
    under the agent's own name is known."""
    if any(worker.name == call.wanted_agent for worker in call.workers):
        return []
    began = sought.sought_at(call)
    there = {
        worker.name: worker.registration
        for worker in call.workers
        if worker.name and sought.is_on_this_server(call, worker)
        if (state := worker.at(began)) is not None and state.state not in NO_MORE
    }
    return [(line, name) for name, line in there.items()]


def no_worker_registered(call: Call, proofs: Proofs) -> Finding | None:
    """LKD101: the server says that no worker is registered under the name.

    Proven where the server's log also shows that the last one had left: otherwise a worker may be
    connected elsewhere (LKD104) or nowhere (LKD105). Where one came soon after, that is LKD109.
    """
    refused = sought.no_worker(call)
    said = refused or sought.no_answer(call)
    if missed.is_not_missed(call, proofs, said) or not said:
        return None
    left = [
        line
        for line in call.component_logs.anywhere(Said.DEREGISTERED)
        if line.fields.get("agent_name") == call.wanted_agent and sought.before_dispatch(call, line)
    ]
    began = sought.sought_at(call)
    ends = [change.line for worker in sought.own_workers(call) if (change := worker.at(began))]
    left = left or [line for line in ends if refused and meaning(line) is Said.WORKER_CLOSED and is_dated(line)]
    undated = any(not is_dated(worker.registration) for worker in sought.own_workers(call))
    if not left or undated or sought.there(call):
        if not refused:
            return None
        before, others = _asked_before(call, refused), _of_other_names(call)
        shown = [because(line, "a worker under this name was there") for line in before[-1:]]
        if others:
            names = few(f'"{name}"' for _, name in others)
            shown.append(because(others[-1][0], f"known to be registered: {names}"))
        return sought.unassigned(call, "LKD101", LIKELY if before else POSSIBLE, [*shown, *map(because, refused)])
    if dispatched_before_worker(call, proofs) or worker_under_other_name(call, proofs):
        return None
    shown = [
        because(left[-1], "the last worker under this name had left"),
        *map(because, said),
    ]
    return sought.unassigned(call, "LKD101", PROVEN if refused else sought.by_name(call), shown)


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


def _is_known_to_server(call: Call, registrations: list[LogLine]) -> bool:
    """Whether the server that was asked logged one of these registrations itself, whatever the worker calls it."""
    ids = {line.fields["worker_id"] for line in registrations if line.fields.get("worker_id")}
    return any(line.log == "server" and line.fields.get("worker_id") in ids for line in sought.own_registrations(call))


def _had_left(call: Call, worker: Worker, began: datetime | None, refused: tuple[LogLine, ...]) -> bool:
    """Whether one under the agent's name had been with this server, and was not any more at the dispatch."""
    there = worker.at(began)
    if there is None or not sought.is_on_this_server(call, worker) or not is_dated(worker.registration):
        return False
    return there.state in NO_MORE or sought.is_unknown(call, worker, refused)


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
        before = [line for line in lines if sought.before_dispatch(call, line)]
        last = before[-1] if before else lines[0]
        if not _soon_after_opening(call, last):
            continue
        if any(_ran_job(line, last) for line in call.component_logs.of_workers):
            continue
        if meaning(last) is not Said.REGISTERED and (call.wanted_agent is None or names <= {call.wanted_agent}):
            failing.append(last)
    return failing[-1] if failing else None


def _ran_job(line: LogLine, failing: LogLine) -> bool:
    """Whether a line below a failed attempt to connect tells of a job, of whichever call: it has succeeded since."""
    return line.file == failing.file and is_above(failing, line) and bool(line.fields.get("job_id"))


def _soon_after_opening(call: Call, line: LogLine) -> bool:
    """A connection that is lost long after the call says nothing of the dispatch."""
    began = call.known_since
    return began is None or line.at is None or line.at - began <= CONNECTION_TRIES


def _would_tell_of_success(call: Call, failing: LogLine) -> bool:
    """Whether the log of a failed attempt to connect would show that a later one succeeded, which a log of warnings
    alone does not; or the attempt was the last."""
    whole = any(line.file == failing.file and line.level == "info" for line in call.component_logs.of_workers)
    return whole or meaning(failing) is Said.GAVE_UP


RULES = (
    worker_on_other_server,
    worker_not_connected,
    worker_under_other_name,
    worker_under_longer_name,
    dispatched_before_worker,
    worker_of_other_kind,
    no_worker_registered,
)
