"""entrypoint_called and agent_connected, by the components' logs: why there is a job and no agent.
LKD111, 405, 407, 411, 415, 416, 417.

The worker's own lines name what happened in the job's process. They do not say whether the agent had
been in the room before: that no agent ever was there must be known from the API or the server's log,
or else the line must have come soon after the job.
"""

import re
from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs, first_by_livekit
from livekit_doctor.diagnosis.rules.agents import agent_is_late
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import LEFT_ROOM, Said
from livekit_doctor.diagnosis.times import LEFT_ALONE, MEDIA_TAKES, NO_GOODBYE, PHONE_ALONE
from livekit_doctor.diagnosis.transfers import transferred
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def entrypoint_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD405: the entrypoint raised, or its process died, before the agent was in the room."""
    if _agent_was_there(call, proofs) or _media_failures(call):
        return None
    unresponsive = call.component_logs.said(Said.UNRESPONSIVE)
    raised = call.component_logs.said(Said.RAISED)
    exited = () if unresponsive else call.component_logs.said(Said.EXITED)
    lines = (*raised, *exited)
    if lines and (sure := _sure(call, lines[0])):
        texts = list(tracebacks(lines))[-1:]
        shown = [because(line) for line in lines[:2]]
        shown += [Because(source="worker log", at=lines[0].at, text=text) for text in texts]
        detail = texts[0].strip().splitlines()[-1] if texts else None
        kind = "raised" if raised else "killed" if _killed(exited) else "exited"
        return _finding(call, "LKD405", Step.ENTRYPOINT_CALLED, sure, shown, detail=detail, kind=kind)
    ended = _failed_by_server(call)
    if ended and not unresponsive and not call.component_logs.has("worker"):
        shown = [because(ended[-1], "the job failed, and no agent had been in the room")]
        return _finding(call, "LKD405", Step.ENTRYPOINT_CALLED, POSSIBLE, shown)
    return None


def agent_never_connected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD415: the entrypoint ran and did not connect: it returned, hangs, or blocks its event loop.

    An entrypoint that joins with a Room of its own leaves the same lines in a healthy call: nothing is
    concluded where somebody came with a user's token, who may be the agent (fact 19), and it is proven where
    nobody but the phone came.
    """
    if _agent_was_there(call, proofs) or call.component_logs.said(Said.RAISED) or _media_failures(call):
        return None
    logs = call.component_logs
    returned, unresponsive = logs.said(Said.RETURNED)[-1:], logs.said(Said.UNRESPONSIVE)
    if not unresponsive and logs.said(Said.EXITED):
        return None
    lines = returned or (*logs.said(Said.SLOW_TO_CONNECT), *unresponsive)
    if not lines or _user_came_before(call, lines[0]):
        return None
    if not returned and call.api_covers and not agent_is_late(call, proofs):
        return None  # it is slow, and may yet connect
    if _never_seen(call) and _leaves_no_gap(call, lines[0]):
        sure = PROVEN
    elif not (returned or unresponsive or call.api_covers):
        return None  # it was slow; whether it connected after that, a worker's log does not tell
    else:
        # A loop that is blocked in mid-call leaves the same lines in the worker's log.
        sure = LIKELY if returned and call.api_covers and call.phone_present else POSSIBLE
    kind = "returned" if returned else "blocked" if unresponsive else ""
    return _finding(call, "LKD415", Step.AGENT_CONNECTED, sure, [because(line) for line in lines[:2]], kind=kind)


def agent_media_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD416: the worker's RTC library, or the server, says that the agent's media never connected. What
    the worker says after that, as that the entrypoint raised or did not connect, follows from it."""
    failures = _media_failures(call)
    if not failures or _agent_was_there(call, proofs):
        return None
    raised = any(line.traceback for line in failures)
    ended = raised or call.component_logs.said(Said.RAISED, Said.RETURNED)
    sure = PROVEN if _never_seen(call) and agent_is_late(call, proofs) else LIKELY if ended else POSSIBLE
    return _finding(call, "LKD416", Step.AGENT_CONNECTED, sure, [because(line) for line in failures[:2]])


def job_never_launched(call: Call, proofs: Proofs) -> Finding | None:
    """LKD417: the worker accepted the job and had no process for it."""
    asked = call.component_logs.said(Said.ASKED)
    if _agent_was_there(call, proofs) or not asked or Step.ENTRYPOINT_CALLED in proofs:
        return None
    failed = [
        line
        for line in call.component_logs.anywhere(Said.INIT_FAILED)
        if line.file == asked[-1].file and line.number > asked[-1].number
    ]
    gave_up = call.component_logs.said(Said.NO_PROCESS)
    if not gave_up and not (failed and (_never_seen(call) or failed[0].read.excerpt)):
        return None
    shown = [because(asked[-1]), because((*gave_up, *failed)[0], "no process came up for it")]
    texts = list(tracebacks(tuple(failed)))[-1:]
    shown += [Because(source="worker log", at=failed[0].at, text=text) for text in texts]
    # Of lines that a person picked nothing says that the process was the job's own.
    sure = PROVEN if gave_up else LIKELY if _never_seen(call) else POSSIBLE
    return _finding(call, "LKD417", Step.ENTRYPOINT_CALLED, sure, shown)


def job_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD411: the server itself says that the job failed, and gives its reason."""
    if _agent_was_there(call, proofs) or Step.ENTRYPOINT_CALLED in proofs or not call.jobs:
        return None
    job = call.jobs[-1]
    words = " ".join(filter(None, (job.error, job.reason)))
    if job.status not in ("JS_FAILED", "JS_CANCELLED") or LEFT_ROOM in words:
        return None
    text = f"job {job.id} {job.status}, worker {job.worker_id or 'unknown'}: {words or 'no reason given'}"
    shown = [Because(source="ListDispatch", at=job.ended_at or job.started_at, text=text)]
    again = any("RETRYING" in waiting.reason for waiting in call.waiting_jobs)
    sure = POSSIBLE if again else PROVEN if words else LIKELY
    return _finding(call, "LKD411", Step.JOB_ASSIGNED, sure, shown, detail=words or job.status)


def crashed_in_the_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: the agent was connected, and its process raised or died while the phone was still there."""
    logs = call.component_logs
    active, left = logs.said(Said.PARTICIPANT_ACTIVE), logs.said(Said.PARTICIPANT_LEFT)
    joined = [line for line in active if logs.is_agent(line)]
    failed = (*logs.said(Said.RAISED), *(() if logs.said(Said.UNRESPONSIVE) else logs.said(Said.EXITED)))
    phones = [line for line in left if line.fields.get("kind") == "SIP"]
    if not joined or not failed or joined[-1].at is None:
        return None
    when = failed[0].at
    stayed = [line for line in phones if when and line.at and line.at - when > call.tolerance]
    identity = phones[-1].fields.get("participant", "") if phones else call.phone.identity if call.phone else ""
    if (
        not when
        or transferred(call, when, identity)
        or not logs.by_one_clock(failed[0], joined[-1])
        or when < joined[-1].at
        or (phones and not stayed)
        or not (phones or call.phone_present)
    ):
        return None
    shown = [because(joined[-1], "the agent was there"), *(because(line) for line in failed[:2])]
    shown += [Because(source="worker log", at=when, text=text) for text in list(tracebacks(failed))[-1:]]
    return _finding(call, "LKD407", Step.AGENT_CONNECTED, LIKELY, shown)


def left_the_phone_alone(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: by the server's log the agent left, and the phone stayed in the room, with nobody else.

    Likely where the phone is known to have answered: an agent may as well leave a phone that only rings.
    """
    logs = call.component_logs
    active, left = logs.said(Said.PARTICIPANT_ACTIVE), logs.said(Said.PARTICIPANT_LEFT)
    joined, gone = ([line for line in lines if logs.is_agent(line)] for lines in (active, left))
    phones = [line for line in left if line.fields.get("kind") == "SIP"]
    if call.agents or call.inbound or not joined or not gone or len(phones) != 1:
        return None
    agent, phone, when = gone[-1], phones[0], gone[-1].at
    ended = call.logged.get(Step.CALL_ENDED)
    alone = LEFT_ALONE if when and _had_no_time_to_talk(proofs, when) else PHONE_ALONE
    if when is None or phone.at is None or phone.at - when <= alone or (ended and ended.at <= phone.at - alone):
        return None
    others = [line for line in active if not logs.is_agent(line)]
    others = [line for line in others if line.fields.get("participant") != phone.fields.get("participant")]
    if others or any(line.at and line.at > when for line in joined):
        return None
    if transferred(call, when, phone.fields.get("participant", "")):
        return None
    seconds = (phone.at - when).total_seconds()
    shown = [
        because(joined[-1], "the agent was there"),
        because(agent, "it left"),
        because(phone, f"the phone stayed for {seconds:.0f} s more"),
    ]
    if Step.SIP_ANSWERED in proofs:
        return finding(call, "LKD407", Step.AGENT_CONNECTED, LIKELY, shown, [])
    return finding(call, "LKD407", Step.AGENT_CONNECTED, POSSIBLE, shown, ["LKD206"])


def _had_no_time_to_talk(proofs: Proofs, when: datetime) -> bool:
    """The agent left as soon as the phone was answered, or before: nobody can have said goodbye."""
    answered = first_by_livekit(proofs, Step.SIP_ANSWERED)
    return answered is not None and when - answered < NO_GOODBYE


def left_and_nobody_followed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: by the server's log the agent left, and for long after neither the other participant did,
    nor was the room closed. No more than possible: who stayed may be no phone."""
    logs = call.component_logs
    active, left = logs.said(Said.PARTICIPANT_ACTIVE), logs.said(Said.PARTICIPANT_LEFT)
    joined, gone = ([line for line in lines if logs.is_agent(line)] for lines in (active, left))
    others = {line.fields.get("participant", "") for line in active if not logs.is_agent(line)}
    closed = logs.said(Said.ROOM_CLOSED, Said.ROOM_DELETED, Said.ROOM_IDLE) or call.logged.get(Step.CALL_ENDED)
    if call.agents or call.inbound or closed or len(others) != 1 or len(left) > len(gone) or not joined or not gone:
        return None
    when = gone[-1].at
    if when is None or any(line.at and line.at > when for line in active) or not logs.covers_room(when + PHONE_ALONE):
        return None
    other = others.pop()
    if transferred(call, when, other):
        return None
    stayed = f'neither has "{other}" left, nor was the room closed, in the {PHONE_ALONE.total_seconds():.0f} s after it'
    shown = [
        because(joined[-1], "the agent was there"),
        because(gone[-1], "it left"),
        Because(source="server log", text=stayed),
    ]
    return finding(call, "LKD407", Step.AGENT_CONNECTED, POSSIBLE, shown, ["LKD206"])


def job_taken_by_stray_worker(call: Call, proofs: Proofs) -> Finding | None:
    """LKD111: a worker has the job that is in none of the workers' logs, and its agent does not come.

    Nobody can prove that the logs are those of all the team's workers. It is likely where there is one
    for each worker that is configured.
    """
    worker_id, taken = stray_worker(call), _taken(call)
    if worker_id is None or taken is None or _agent_was_there(call, proofs) or not agent_is_late(call, proofs):
        return None
    known = sorted({line.fields["worker_id"] for line in _registered_workers(call)})
    text = f"{taken.job_id} is with {worker_id}; the workers of the logs are {', '.join(known)}"
    shown = [Because(source=taken.source, at=taken.at, text=text)]
    configured, sure = len(call.settings.workers), POSSIBLE
    if 0 < configured <= len(_logs_spanning_job(call)):
        text = "each worker that is configured has its log here, and none of them was asked"
        shown.append(Because(source="configuration", text=text))
        sure = LIKELY
    return _finding(call, "LKD111", Step.ENTRYPOINT_CALLED, sure, shown, detail=worker_id)


def _logs_spanning_job(call: Call) -> set[str]:
    """The logs of workers under the agent's name that span the start of the job."""
    taken = _taken(call)
    started = taken.at if taken else None
    spanning = {
        file.name
        for file in call.component_logs.given
        if started and file.first_at and file.last_at and file.first_at <= started <= file.last_at
    }
    return spanning & {line.file for line in _registered_workers(call)}


def stray_worker(call: Call) -> str | None:
    """The worker that has the job, where worker logs that span the job's start know nothing of it."""
    taken, known = _taken(call), _registered_workers(call)
    if taken is None or not known or call.component_logs.said(Said.ASKED):
        return None
    if not call.component_logs.covers("worker", taken.at):
        return None
    return taken.worker_id if all(line.fields["worker_id"] != taken.worker_id for line in known) else None


class _Taken(Struct, frozen=True):
    """Which worker took the last job, and who says so."""

    job_id: str
    worker_id: str
    at: datetime | None
    source: str


def _taken(call: Call) -> _Taken | None:
    if call.jobs:
        job = call.jobs[-1]
        return _Taken(job.id, job.worker_id, job.started_at, "ListDispatch") if job.worker_id else None
    for line in reversed(call.component_logs.said(Said.ASSIGNED)):
        if line.fields.get("worker_id") and line.fields.get("agent_name") == call.wanted_agent:
            return _Taken(line.fields.get("job_id", "the job"), line.fields["worker_id"], line.at, "server log")
    return None


def _registered_workers(call: Call) -> list[LogLine]:
    lines = call.component_logs.registrations(call.wanted_agent)
    return [line for line in lines if line.log == "worker" and line.fields.get("worker_id")]


def raised_by_refusal(call: Call) -> bool:
    """Whether what the entrypoint raised is the answer to its own attempt to dial."""
    raised = tracebacks(call.component_logs.said(Said.RAISED))
    return any(_is_refusal(call, text) for text in raised)


def _is_refusal(call: Call, text: str) -> bool:
    """Whether a traceback is that of an attempt to dial, and ends with an answer that the call had. Any method of
    the API raises the same exceptions: it must be seen that this one dialled, or that it may be where the agent
    dials."""
    dials = _DIALLING.search(text) or (call.settings.flow.placed_by == "agent" and not _OTHER_METHOD.search(text))
    if not _API_ERROR.search(text) or not dials or _TRANSFERRING.search(text):
        return False
    shown = {int(status) for status in _SIP_STATUS.findall(text)}
    failures = [answer for answer in call.answers if answer.is_failure]
    return any(not shown or answer.sip_status is None or answer.sip_status in shown for answer in failures)


_API_ERROR = re.compile(r"^\S*\b(?:SipCallError|TwirpError|ServerError)\b", re.MULTILINE)
"""The exceptions of livekit-api and the Node SDK, at the end of a traceback."""

_DIALLING = re.compile(r"create_?sip_?participant|\bSipCallError\b|SIP call failed|sip status", re.IGNORECASE)
_OTHER_METHOD = re.compile(
    r"egress|ingress|dispatch|room_service|connector|(?:create|list|delete|update)_(?:room|participant)", re.IGNORECASE
)
_TRANSFERRING = re.compile(r"transfer_?sip_?participant|SIP transfer failed", re.IGNORECASE)
_SIP_STATUS = re.compile(r"(?:sip status:?|SIP call failed:|sip_status_code\W{1,6}) ?(\d{3})\b", re.IGNORECASE)

RULES = (
    job_taken_by_stray_worker,
    entrypoint_failed,
    agent_never_connected,
    agent_media_failed,
    job_never_launched,
    job_failed,
    crashed_in_the_room,
    left_the_phone_alone,
    left_and_nobody_followed,
)


def _killed(exited: tuple[LogLine, ...]) -> bool:
    """A signal that the process did not ask for ended it: Python reports signal 9 as exit code -9."""
    return any(_SIGNAL.search(line.message) for line in exited)


_SIGNAL = re.compile(r"exit code (?:-\d+|137|139|134)\b")


def _agent_was_there(call: Call, proofs: Proofs) -> bool:
    return Step.AGENT_CONNECTED in proofs or bool(call.agents_seen)


def _sure(call: Call, line: LogLine) -> Confidence | None:
    """How sure it is that the job's process failed before its agent was in the room.

    By the worker's log alone that is no more than possible: an agent joins within half a second.
    """
    if _never_seen(call):
        return PROVEN
    asked = [
        one
        for one in call.component_logs.said(Said.ASKED, Said.ASSIGNED)
        if call.component_logs.by_one_clock(one, line)
    ]
    if not asked or asked[-1].at is None or line.at is None:
        # Of a line that a person picked nothing says when the job began: the agent may have been there.
        return POSSIBLE if line.read.excerpt else None
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    return POSSIBLE if line.at - asked[-1].at <= allowed else None


def _media_failures(call: Call) -> list[LogLine]:
    """The lines of connections of the agent's media that failed. A participant whose process died as it
    joined is removed in the same words, only earlier."""
    logs = call.component_logs
    began = {line.fields.get("participant_id"): line.at for line in logs.said(Said.SESSION_STARTED)}
    failures = list(logs.said(Said.MEDIA_TIMED_OUT))
    for line in logs.said(Said.NEVER_HAD_MEDIA):
        since = began.get(line.fields.get("participant_id"))
        if logs.is_agent(line) and line.at and since and line.at - since >= MEDIA_TAKES:
            failures.append(line)
    return failures


def _never_seen(call: Call) -> bool:
    """Whether no agent ever was in the room: nobody is there while the room lives and its phone waits, or
    the log of the room's node spans the agent's allowance and does not have it."""
    logs = call.component_logs
    asked = [line for line in logs.said(Said.ASKED, Said.ASSIGNED) if line.zoned]
    began = asked[-1].at if asked else call.dispatched_at
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    if began is None:
        return False
    if logs.covers_room(began) and logs.covers_room(began + allowed):
        return not any(logs.may_be_agent(line) for line in logs.said(Said.PARTICIPANT_ACTIVE))
    looked = call.api_covers and call.livekit_now - began > timedelta(seconds=1)
    return looked and not call.agents_seen and call.phone_present


def _began(call: Call) -> LogLine | None:
    """The line by which the job began: the worker's own, else the server's."""
    asked = call.component_logs.said(Said.ASKED) or call.component_logs.said(Said.ASSIGNED)
    return asked[-1] if asked else None


def _user_came_before(call: Call, line: LogLine) -> bool:
    """Whether somebody joined with a user's token between the beginning of the job and this line of its."""
    logs, began = call.component_logs, _began(call)
    first = began.at if began else call.dispatched_at
    joined = [one.at for one in logs.said(Said.PARTICIPANT_ACTIVE) if logs.is_user(one)]
    for listing in call.participant_lists:
        joined += [p.joined_at for p in listing.participants if p.kind == "STANDARD" and p.state == "ACTIVE"]
    return any(
        at is None or ((not first or at >= first - call.tolerance) and (not line.at or at <= line.at + call.tolerance))
        for at in joined
    )


def _leaves_no_gap(call: Call, line: LogLine) -> bool:
    """Whether nobody can have come and gone, unseen, between the beginning of the job and this line of its: it
    came within the agent's allowance, or the log of the room's node spans it."""
    logs, began = call.component_logs, _began(call)
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    since = began.at if began and logs.by_one_clock(began, line) else call.dispatched_at
    if line.at is None or since is None or not line.zoned:
        return False
    return line.at - since <= allowed or (logs.covers_room(since) and logs.covers_room(line.at))


def _failed_by_server(call: Call) -> tuple[LogLine, ...]:
    return tuple(
        line
        for line in call.component_logs.said(Said.JOB_ENDED)
        if line.fields.get("status") == "JS_FAILED" and LEFT_ROOM not in line.fields.get("error", "")
    )


def _finding(
    call: Call, code: str, step: Step, confidence: Confidence, shown: list[Because], **values: str | None
) -> Finding:
    candidates = [] if confidence is PROVEN else list(catalogue.get(code).candidates)
    return finding(call, code, step, confidence, shown, candidates, [], **values)
