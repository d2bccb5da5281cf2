"""Who was sought for a job, by the components' logs: what the server says of its search, and which of the agent's own
workers there were then, in which state. What the rules of a job that no worker has share.
"""

from collections.abc import Iterator
from datetime import datetime
from ipaddress import ip_address
from urllib.parse import urlsplit

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import BY_NAME, Call
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import (
    AROUND_DISPATCH,
)
from livekit_doctor.diagnosis.workers_over_time import NO_MORE, Change, Worker, is_dated
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE

TYPES = {"room": "JT_ROOM", "publisher": "JT_PUBLISHER", "participant": "JT_PARTICIPANT"}


def has_job(call: Call, proofs: Proofs) -> bool:
    """A worker has the job, or has had it: whatever went wrong before is over. So it may be where the phone was given
    somebody to hear."""
    logs = call.component_logs
    heard = any(map(logs.may_be_agent, logs.said(Said.SIP_HEARD)))
    return bool(Step.JOB_ASSIGNED in proofs or call.jobs or call.agents_seen) or heard


def all_are_known(call: Call) -> bool:
    """Whether the own workers that are told of are all that there were: the server's log goes back to the registration
    of each, and so has those that came later. A worker's own log tells of no other pod."""
    workers = own_workers(call)
    return bool(workers) and all(any(line.log == "server" for line in one.registrations) for one in workers)


def no_worker(call: Call) -> tuple[LogLine, ...]:
    """The server's refusals of the latest dispatch's job: not those after which a worker was asked in the same log."""
    wanted, name = TYPES[call.settings.agent.job_type], call.wanted_agent
    asked = {line.file: line.at for line in call.component_logs.said(Said.ASSIGNED, *DECISIVE) if line.at}
    return tuple(
        line
        for line in call.component_logs.said(Said.NO_WORKER)
        if line.fields.get("job_type", wanted) == wanted and line.fields.get("agent_name", "") == name
        if line.at is None or line.file not in asked or asked[line.file] <= line.at
    )


DECISIVE = (Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT)
"""What the server says of this job itself: then a line with the agent's name alone is about another one."""


def no_answer(call: Call) -> tuple[LogLine, ...]:
    return () if call.component_logs.said(*DECISIVE) else call.lines_by_name(Said.NO_ANSWER)


def nobody_free(call: Call) -> tuple[LogLine, ...]:
    """The server's lines that no worker had room: of this job, or by the agent's name and the time."""
    own = call.component_logs.said(Said.NO_CAPACITY)
    return own if call.component_logs.said(*DECISIVE) else call.lines_by_name(Said.NOBODY_FREE)


def by_name(call: Call, since: datetime | None = None) -> Confidence:
    """What a line is worth that has the agent's name only: little, where the same agent was dispatched into
    another room at that time, and `since` then, or where no log would show that it was."""
    began, name = call.dispatched_at, call.wanted_agent
    if began and call.component_logs.covers_room(began) != call.component_logs.covers_api(began):
        return POSSIBLE  # another node of the cluster knows of them, or of the job
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


def own_registrations(call: Call) -> tuple[LogLine, ...]:
    return call.component_logs.registrations(call.wanted_agent) if call.wanted_agent is not None else ()


def own_workers(call: Call) -> list[Worker]:
    """The workers under the agent's name on the server that the call is placed on, at whatever time."""
    name = call.wanted_agent
    return [one for one in call.workers if name is not None and one.name == name and is_on_this_server(call, one)]


def is_on_this_server(call: Call, worker: Worker) -> bool:
    known_to_server = any(line.log == "server" for line in worker.registrations)
    return known_to_server or all(is_here(call, line) for line in worker.registrations)


def registered(call: Call) -> list[tuple[Worker, Change]]:
    """The own workers that were registered at the dispatch, and in which state each was."""
    began = sought_at(call)
    known = [(worker, change) for worker in own_workers(call) if (change := worker.at(began))]
    return [(worker, change) for worker, change in known if change.state not in NO_MORE]


def there(call: Call) -> list[tuple[Worker, Change]]:
    """Those of them that the server did not say to know nothing of."""
    refused = no_worker(call)
    return [(worker, change) for worker, change in registered(call) if not is_unknown(call, worker, refused)]


def is_unknown(call: Call, worker: Worker, refused: tuple[LogLine, ...]) -> bool:
    """Whether the server refused the job in spite of this worker's registration, and nothing tells of the
    worker since: one that was killed leaves no line of its going."""
    known = {line.file for line in worker.registrations if line.log == "server"}
    if not refused or (known and refused[0].file not in known) or not is_of_kind(call, worker):
        return False
    said_at = refused[0].at if is_dated(refused[0]) and is_dated(worker.registration) else None
    return said_at is not None and not worker.is_heard_of_after(said_at)


def is_of_kind(call: Call, worker: Worker) -> bool:
    """Whether it takes jobs such as the call's, as far as its lines tell."""
    wanted = TYPES[call.settings.agent.job_type]
    deployment = call.deployment or ""
    lines = [line.fields for line in worker.registrations]
    return all(
        fields.get("job_type", wanted) == wanted and fields.get("deployment", deployment) == deployment
        for fields in lines
    )


def sought_at(call: Call) -> datetime | None:
    """When the server looked for a worker."""
    refused = no_worker(call) or no_answer(call)
    return call.dispatched_at or (refused[0].at if refused else None)


def before_dispatch(call: Call, line: LogLine) -> bool:
    return call.dispatched_at is None or line.at is None or line.at <= call.dispatched_at


def is_here(call: Call, line: LogLine) -> bool:
    """Registered with the server that the call is placed on, as far as the line tells."""
    url, own = line.fields.get("url"), call.placed_on
    return not url or not own or host_and_port(url) == host_and_port(own) or may_be_one_server(url, own)


def is_surely_here(call: Call, line: LogLine) -> bool:
    """By the very address of that server."""
    url, own = line.fields.get("url"), call.settings.livekit.url
    return bool(url and own) and host_and_port(url) == host_and_port(own)  # type: ignore[arg-type]


def may_be_one_server(url: str, other: str) -> bool:
    """Whether two addresses that differ may lead to one server: a worker beside it knows it by a name or an
    address of the private network, or by its own port, and others by its public one."""
    (one, port), (two, other_port) = host_and_port(url), host_and_port(other)
    if one == two:  # a proxy takes the port of the scheme to the server's own
        return port != other_port and bool({port, other_port} & {80, 443})
    return any(_is_private(host or "") for host in (one, two))


def _is_private(host: str) -> bool:
    if is_address(host):
        return ip_address(host).is_private
    return "." not in host or host.endswith((".local", ".internal", ".svc", ".lan", ".home.arpa"))


def is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def host_and_port(url: str) -> tuple[str | None, int | None]:
    """Host and port: ws, wss, http and https are ways to the same server. Of what is no address, itself and None."""
    try:
        parts = urlsplit(url if "//" in url else f"//{url}")
        port = parts.port or (443 if parts.scheme in ("wss", "https") else 80)
    except ValueError:
        return url, None
    host = (parts.hostname or "").lower()
    return "127.0.0.1" if host in ("localhost", "::1") else host, port


def excluded(call: Call) -> Iterator[tuple[str, str]]:
    """The codes that the logs exclude where no worker has the job, and why."""
    refused = no_worker(call)
    if call.component_logs.latest.maybe_later:
        return  # what is known is not known to be of the latest dispatch
    if refused and call.lines_by_name(*BY_NAME):
        return  # a worker was asked for such an agent at that time, for this call's other dispatch, or for another call
    if refused:
        for code in ("LKD103", "LKD107", "LKD108", "LKD403", "LKD404"):
            yield code, "the server's log says that it knew no worker to ask"
    elif call.component_logs.said(Said.ASKED):
        for code in ("LKD101", "LKD102", "LKD104", "LKD105", "LKD107", "LKD108", "LKD109", "LKD110"):
            yield code, "the worker's log says that the job request reached it"
    elif call.lines_by_name(Said.NOBODY_FREE) and by_name(call) is not POSSIBLE:
        for code in ("LKD101", "LKD102", "LKD104", "LKD105"):
            yield code, "the server's log says that a worker of this name answered"


def unassigned(
    call: Call,
    code: str,
    confidence: Confidence,
    shown: list[Because],
    candidates: list[str] | None = None,
    **values: str | None,
) -> Finding:
    """`candidates` are the catalogue's, unless some of them are known not to be; and all that can leave a job without
    a worker, where it is no more than possible."""
    if candidates is None:
        candidates = [] if confidence is PROVEN else list(catalogue.get(code).candidates)
    if confidence is POSSIBLE and not catalogue.get(code).broad:
        ruled_out = {code for code, _ in excluded(call)}
        every = (*candidates, *catalogue.get("LKD402").candidates)
        candidates = [one for one in dict.fromkeys(every) if one not in (code, *ruled_out)]
    values["dispatch_id"] = call.dispatches[-1].id if call.dispatches else None
    return finding(call, code, Step.JOB_ASSIGNED, confidence, shown, candidates, [], **values)
