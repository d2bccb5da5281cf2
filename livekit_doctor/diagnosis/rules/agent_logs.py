"""entrypoint_called and agent_connected, by the components' logs: why there is a job and no agent.
LKD405, 407, 411, 415, 416, 417.

The worker's own lines name what happened in the job's process. They do not say whether the agent had
been in the room before: that no agent ever was there must be known from the API or the server's log,
or else the line must have come soon after the job.
"""

from datetime import datetime, timedelta
from itertools import pairwise

from livekit_doctor import catalogue, lazy_re
from livekit_doctor.diagnosis.against import failed_by_server
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.lasting import ended_from_outside
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.agents import agent_is_late
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import LEFT_ROOM, Said, meaning
from livekit_doctor.diagnosis.times import (
    JOINS_NOT_WITHIN,
    MEDIA_GIVEN_UP,
    MEDIA_TAKES,
    MOMENT,
    NOBODY_TALKED,
    SAID_TO_BE_SLOW,
)
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.tracebacks import raised as what_was_raised
from livekit_doctor.flow import Confidence, Step

PROVEN, LIKELY, POSSIBLE = Confidence.PROVEN, Confidence.LIKELY, Confidence.POSSIBLE


def entrypoint_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD405: the entrypoint raised, or its process died, before the agent was in the room."""
    if agent_was_there(call, proofs) or _media_failures(call):
        return None
    unresponsive = _blocked(call)
    raised = call.component_logs.said(Said.RAISED)
    exited = () if unresponsive else call.component_logs.said(Said.EXITED)
    lines = (*raised, *exited)
    if lines and (sure := _sure(call, lines[0])):
        texts = list(tracebacks(lines))[-1:]
        shown = [because(line) for line in (*lines[:2], *died_with_it(call, lines[0]))]
        shown += [Because(source="worker log", at=lines[0].at, text=text) for text in texts]
        detail = what_was_raised(texts[0]) if texts else None
        kind = "raised" if raised else "killed" if _killed(exited) else "exited"
        return as_found(call, "LKD405", Step.ENTRYPOINT_CALLED, sure, shown, detail=detail, kind=kind)
    ended = () if call.component_logs.agent_had_been_there else failed_by_server(call)
    if ended and not unresponsive and not call.component_logs.has("worker") and _sure(call, ended[-1]):
        none_came = ", and no agent had been in the room" if _never_seen(call) else " soon after it was taken"
        shown = [because(ended[-1], f"the job failed{none_came}")]
        return as_found(call, "LKD405", Step.ENTRYPOINT_CALLED, POSSIBLE, shown)
    asked, died = call.component_logs.said(Said.ASKED), _after_it_was_asked(call, Said.PROCESS_DIED)
    if died and _sure(call, died[0]):
        shown = [because(asked[-1]), because(died[0], "a process of this worker's broke down after it")]
        return as_found(call, "LKD405", Step.ENTRYPOINT_CALLED, POSSIBLE, shown, kind="exited")
    return None


def _after_it_was_asked(call: Call, what: Said) -> list[LogLine]:
    """Lines of a worker's log that name no job, and stand below the request for this call's, and no other's."""
    logs = call.component_logs
    asked = logs.said(Said.ASKED)[-1:]
    return [line for line in logs.anywhere(what) if asked and logs.request_above(line) is asked[0]]


def died_with_it(call: Call, line: LogLine) -> list[LogLine]:
    """What breaks down at about the time of this line: the container that a job's process was in."""
    died = call.component_logs.anywhere(Said.PROCESS_DIED)
    return [one for one in died if one.at and line.at and abs(one.at - line.at) <= timedelta(minutes=1)][:1]


def agent_never_connected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD415: the entrypoint ran and did not connect: it returned, hangs, or blocks its event loop.

    An entrypoint that joins with a Room of its own leaves the same lines in a healthy call: nothing is
    concluded where somebody came with a user's token, who may be the agent (fact 19), and it is proven where
    nobody but the phone came.
    """
    if agent_was_there(call, proofs) or call.component_logs.said(Said.RAISED) or _media_failures(call):
        return None
    logs = call.component_logs
    returned, unresponsive = logs.said(Said.RETURNED)[-1:], _blocked(call)
    if not unresponsive and logs.said(Said.EXITED):
        return None
    lines = returned or (*logs.said(Said.SLOW_TO_CONNECT), *unresponsive)
    if not lines or _user_came_before(call, lines[0]):
        return None
    only_slow = not (returned or unresponsive)
    if only_slow and (call.joining_seen or logs.of_agent(Said.SESSION_STARTED)):
        return None  # it did connect, and its media has not
    if not returned and call.api_covers and not agent_is_late(call, proofs):
        return None  # it is slow, and may yet connect
    if only_slow and _closed_before_it_was_late(call):
        return None
    if _never_seen(call) and (only_slow or _leaves_no_gap(call, lines[0])):
        # One that was slow may have come after that, and gone in order; or its media failed, which would not show.
        sure = POSSIBLE if only_slow and (logs.is_picked(lines[0]) or logs.said(Said.PROCESS_EXITS)) else PROVEN
        if only_slow and not _failing_media_would_show(call, lines[0]):
            sure = POSSIBLE
    elif only_slow and not (call.api_covers and call.phone_present):
        # Whether it connected after that, the worker's log tells by how the job ended alone.
        lines, sure = (lines[0], *ended_from_outside(call, lines[0])), POSSIBLE
        if len(lines) == 1:
            return None
    else:
        # A loop that is blocked in mid-call leaves the same lines in the worker's log.
        sure = LIKELY if returned and call.api_covers and call.phone_present else POSSIBLE
    kind = "returned" if returned else "blocked" if unresponsive else ""
    return as_found(call, "LKD415", Step.AGENT_CONNECTED, sure, [because(line) for line in lines[:2]], kind=kind)


def agent_media_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD416: the worker's RTC library, or the server, says that the agent's media never connected. What
    the worker says after that, as that the entrypoint raised or did not connect, follows from it."""
    failures = _media_failures(call)
    if not failures or agent_was_there(call, proofs):
        return None
    raised = any(line.traceback for line in failures)
    ended = raised or call.component_logs.said(Said.RAISED, Said.RETURNED)
    sure = PROVEN if _never_seen(call) and agent_is_late(call, proofs) else LIKELY if ended else POSSIBLE
    return as_found(call, "LKD416", Step.AGENT_CONNECTED, sure, [because(line) for line in failures[:2]])


def job_never_launched(call: Call, proofs: Proofs) -> Finding | None:
    """LKD417: the worker accepted the job and had no process for it."""
    asked = call.component_logs.said(Said.ASKED)
    if agent_was_there(call, proofs) or not asked or Step.ENTRYPOINT_CALLED in proofs:
        return None
    failed = [line for line in _after_it_was_asked(call, Said.INIT_FAILED) if not _is_long_over(call, line)]
    gave_up = call.component_logs.said(Said.NO_PROCESS)
    if not gave_up and not (failed and (_never_seen(call) or failed[0].read.excerpt)):
        return None
    if not gave_up and (_closed_before_it_was_late(call) or (call.api_covers and not agent_is_late(call, proofs))):
        return None  # one of the next attempts may succeed
    shown = [because(asked[-1]), because((*gave_up, *failed)[0], "no process came up for it")]
    texts = list(tracebacks(tuple(failed)))[-1:]
    shown += [Because(source="worker log", at=failed[0].at, text=text) for text in texts]
    # Nothing says that the process was the job's own: of lines that a person picked, or of a job that nobody assigned.
    sure = PROVEN if gave_up else LIKELY if _never_seen(call) and Step.JOB_ASSIGNED in proofs else POSSIBLE
    return as_found(call, "LKD417", Step.ENTRYPOINT_CALLED, sure, shown)


def _is_long_over(call: Call, line: LogLine) -> bool:
    """Whether the server had said before this line that the job had ended, or was not given to the worker, or the room
    was closed: nothing but its time puts the line to the job, so that by two clocks, too, it is as likely not its."""
    ended = [one.at for one in call.component_logs.said(Said.JOB_ENDED, Said.TIMED_OUT, Said.ROOM_CLOSED) if one.at]
    return bool(ended) and line.at is not None and line.at > min(ended)


def job_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD411: the server itself says that the job failed, and gives its reason."""
    if agent_was_there(call, proofs) or Step.ENTRYPOINT_CALLED in proofs or not call.jobs:
        return None
    job = call.jobs[-1]
    words = " ".join(filter(None, (job.error, job.reason)))
    if job.status not in ("JS_FAILED", "JS_CANCELLED") or LEFT_ROOM in words:
        return None
    text = f"job {job.id} {job.status}, worker {job.worker_id or 'unknown'}: {words or 'no reason given'}"
    shown = [Because(source="ListDispatch", at=job.ended_at or job.started_at, text=text)]
    again = any("RETRYING" in waiting.reason for waiting in call.waiting_jobs)
    logs, listed = call.component_logs, {one.id for one in call.jobs_ever}
    further = logs.job_ids - logs.latest.earlier_jobs - listed  # the list has a job some seconds later (fact 10)
    sure = POSSIBLE if again or further else PROVEN if words else LIKELY
    return as_found(call, "LKD411", Step.JOB_ASSIGNED, sure, shown, detail=words or job.status)


RULES = (
    entrypoint_failed,
    agent_never_connected,
    agent_media_failed,
    job_never_launched,
    job_failed,
)


def _killed(exited: tuple[LogLine, ...]) -> bool:
    """A signal that the process did not ask for ended it, the worker's too: Python reports signal 9 as exit code -9."""
    return any(_SIGNAL.search(line.message) for line in exited)


_SIGNAL = lazy_re.compile(r"exit code (?:-\d+|137|139|134)\b|memory limit")


def agent_was_there(call: Call, proofs: Proofs) -> bool:
    """By any proof; or the phone was given somebody to hear who may be it."""
    logs = call.component_logs
    heard = any(map(logs.may_be_agent, logs.said(Said.SIP_HEARD)))
    return Step.AGENT_CONNECTED in proofs or bool(call.agents_seen) or heard


def _sure(call: Call, line: LogLine) -> Confidence | None:
    """How sure it is that the job's process failed before its agent was in the room.

    By the worker's log alone that is no more than possible: an agent joins within half a second; and likely where it
    had no time to. So it is where it may have come and gone between two looks.
    """
    never_seen = _never_seen(call)
    # A whole log has the end of its connection; of lines that a person picked that may be left out.
    if never_seen and _leaves_no_gap(call, line, within=MOMENT if line.read.excerpt else NOBODY_TALKED):
        return PROVEN
    begun = call.component_logs.said(Said.ASKED, Said.ENTRYPOINT_STARTED)
    if any(one.file == line.file and one.at and line.at and _is_at_once(one.at, line.at) for one in begun):
        return LIKELY
    asked = [
        one
        for one in call.component_logs.said(Said.ASKED, Said.ASSIGNED)
        if call.component_logs.by_one_clock(one, line)
    ]
    if not asked or asked[-1].at is None or line.at is None:
        # Of a line that a person picked nothing says when the job began: the agent may have been there.
        return POSSIBLE if line.read.excerpt else None
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    if never_seen or line.at - asked[-1].at <= allowed or (meaning(line) is Said.EXITED and _broke_off(call, line)):
        return POSSIBLE
    return None


def _is_at_once(began: datetime, ended: datetime) -> bool:
    return timedelta(0) <= ended - began <= JOINS_NOT_WITHIN


def _blocked(call: Call) -> tuple[LogLine, ...]:
    """The lines of a process that did not answer: not of one that was on its way out by then."""
    logs = call.component_logs
    exits = logs.said(Said.PROCESS_EXITS)
    return tuple(line for line in logs.said(Said.UNRESPONSIVE) if not any(is_above(one, line) for one in exits))


def _broke_off(call: Call, line: LogLine) -> bool:
    """Whether a job's process that ended later than an agent takes to join ended in the midst of its work, by lines
    that a person picked: none of them tells that the call or the job was over by then."""
    over = call.component_logs.said(*_OVER)
    return line.read.excerpt and not any(is_above(one, line) for one in over)


_OVER = (
    *(Said.SESSION_CLOSED, Said.PROCESS_EXITS, Said.JOB_ENDED, Said.PARTICIPANT_LEFT, Said.SIP_OVER, Said.SHUT_DOWN),
    *(Said.ROOM_CLOSED, Said.ROOM_DELETED, Said.ROOM_IDLE, Said.DISPATCH_DELETED, Said.DRAINING),
)


def _media_failures(call: Call) -> list[LogLine]:
    """The lines of connections of the agent's media that failed. A participant whose process died as it
    joined is removed in the same words, only earlier."""
    logs = call.component_logs
    began = {line.fields.get("participant_id"): line.at for line in logs.said(Said.SESSION_STARTED)}
    failures = list(logs.said(Said.MEDIA_TIMED_OUT))
    for line in logs.of_agent(Said.NEVER_HAD_MEDIA):
        since = began.get(line.fields.get("participant_id"))
        if line.at and since and line.at - since >= MEDIA_TAKES:
            failures.append(line)
    return failures


def _closed_before_it_was_late(call: Call) -> bool:
    """Whether the room was closed before the agent had had its time to connect."""
    logs = call.component_logs
    began = next((line.at for line in logs.said(Said.ASSIGNED) if line.at), call.dispatched_at)
    closed = next((line.at for line in logs.said(Said.ROOM_CLOSED) if line.at), None)
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    return began is not None and closed is not None and closed - began < allowed


def _failing_media_would_show(call: Call, line: LogLine) -> bool:
    """Whether a participant whose media does not connect would have been seen at this line of its job's: in the log
    of the room's node, in the worker's, which goes on until the library gives up, or in a look until then."""
    logs = call.component_logs
    if line.at is None:
        return False
    gives_up, joined_at_most = line.at + MEDIA_GIVEN_UP, line.at + MEDIA_GIVEN_UP - SAID_TO_BE_SLOW
    looked = any(line.at <= listing.read.now <= joined_at_most for listing in call.participant_lists)
    return looked or logs.covers_room(line.at) or logs.covers("worker", gives_up)


def _never_seen(call: Call) -> bool:
    """Whether no agent ever was in the room: nobody is there while the room lives and its phone waits, or
    the log of the room's node spans the agent's allowance and does not have it."""
    logs = call.component_logs
    asked = [line for line in logs.said(Said.ASKED, Said.ASSIGNED) if line.zoned]
    began = asked[-1].at if asked else call.dispatched_at
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    if began is None:
        return False
    first = began if not asked or asked[-1].log == "server" else began - call.tolerance  # by the worker's clock
    if logs.covers_room(first) and logs.covers_room(began + allowed):
        return not any(logs.may_be_agent(line) for line in logs.said(Said.PARTICIPANT_ACTIVE, Said.TRACK_PUBLISHED))
    looked = call.api_covers and call.livekit_now - began > timedelta(seconds=1)
    # It may have come and gone before the first look: its connection was closed when its process ended.
    came = bool(call.agents_seen or logs.said(Said.CHANNEL_CLOSED))
    return looked and not came and not _log_ends_with_it(call) and call.phone_present


def _log_ends_with_it(call: Call) -> bool:
    """Whether the worker's log, of which nothing was picked, ends as the process does: what it writes of the connection
    that is closed comes a moment after that."""
    logs = call.component_logs
    ends = [line for line in logs.said(Said.RAISED, Said.EXITED, Said.PROCESS_EXITS) if line.log == "worker"][-1:]
    return any(line.at and not line.read.excerpt and not logs.covers("worker", line.at + MOMENT) for line in ends)


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


def _leaves_no_gap(call: Call, line: LogLine, within: timedelta = NOBODY_TALKED) -> bool:
    """Whether nobody can have come and gone, unseen, between the beginning of the job and this line of its: the log of
    the room's node spans it, or looks do."""
    logs, began = call.component_logs, _began(call)
    since = began.at if began and logs.by_one_clock(began, line) else call.dispatched_at
    if line.at is None or since is None or not line.zoned:
        return False
    looks = (look.read.now for look in call.participant_lists)
    times = (since, *(at for at in sorted(looks) if since < at < line.at), line.at)
    without_gaps = all(later - earlier <= within for earlier, later in pairwise(times))
    return without_gaps or (logs.covers_room(since) and logs.covers_room(line.at))


def as_found(
    call: Call, code: str, step: Step, confidence: Confidence, shown: list[Because], **values: str | None
) -> Finding:
    candidates = [] if confidence is PROVEN else list(catalogue.get(code).candidates)
    return finding(call, code, step, confidence, shown, candidates, [], **values)
