"""What would settle what is open: the catalogue's lines for codes that are not proven, but for what was done already,
and what the call itself lacks."""

import shlex
from collections.abc import Callable, Iterable, Mapping

from livekit_doctor import catalogue, lazy_re
from livekit_doctor.diagnosis import correlation
from livekit_doctor.diagnosis.against import Against
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.names import nearest
from livekit_doctor.diagnosis.result import Broken, StepResult
from livekit_doctor.diagnosis.row_answers import asks_what_it_meant
from livekit_doctor.diagnosis.rules import rows
from livekit_doctor.diagnosis.values import values_of
from livekit_doctor.diagnosis.verdict import would_show
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Canary, Component, ProbeResult, RecentCalls
from livekit_doctor.flow import BY_THE_AGENT, LEGS, Confidence, Leg, Status, Step, Verdict


def is_done(call: Call, line: str) -> bool:
    """Whether a line of `settled_by` asks for something, and all that it asks for is there."""
    asked = [done for words, done in DONE.items() if words in line]
    return bool(asked) and all(done(call) for done in asked)


def _given(log: str) -> Callable[[Call], bool]:
    return lambda call: any(entry.status in ("read", "empty") for entry in call.setup.coverage(log))


def _carrier_has_answered(call: Call) -> bool:
    return any(answer.kind is not Kind.STARTED for answer in call.answers)


def _job_was_cancelled(call: Call) -> bool:
    seen = (job for item in call.sightings for dispatch in item.dispatches for job in dispatch.jobs)
    return any(job.status == "JS_CANCELLED" for job in (*call.jobs_ever, *seen))


def _counted_from_the_answer(call: Call) -> bool:
    return Step.SIP_ANSWERED in call.settings.flow.allowances.agent_dispatched.after


DONE: Mapping[str, Callable[[Call], bool]] = {
    "--worker-log FILE": _given(sources.WORKER_LOG),
    "--server-log FILE": _given(sources.SERVER_LOG),
    "--sip-log FILE": _given(sources.SIP_LOG),
    "wait_until_answered": _carrier_has_answered,
    "test-call": _carrier_has_answered,
    "the call while its room is open": lambda call: bool(call.room_live) or call.is_over,
    "by the canary": lambda call: call.setup.latest(Canary) is not None,
    "check --probe": lambda call: call.setup.latest(ProbeResult) is not None,
    "Name the room if another one was meant": lambda call: call.subject.room is not None,
    "flow.allowances.job_assigned.broken_after": _job_was_cancelled,
    "flow.allowances.agent_dispatched.after to [sip_answered]": _counted_from_the_answer,
}
"""By the words in which a line asks for it, whether it was done."""


def would_settle(
    call: Call,
    broken: tuple[Broken, ...],
    verdict: Verdict,
    steps: tuple[StepResult, ...],
    against: tuple[Against, ...],
) -> tuple[str, ...]:
    """One more piece of evidence for each thing that is open."""
    hints: list[str] = []
    for item in broken:
        if item.confidence is not Confidence.PROVEN:
            values = values_of(call, item.values)
            lines = (line for line in catalogue.get(item.code).settled_by if not is_done(call, line))
            hints.extend(_the_whole(call, catalogue.fill(line, values)) for line in lines)
    unsure = [item for item in broken if item.confidence is not Confidence.PROVEN]
    if any(item.step is Step.JOB_ASSIGNED for item in unsure) and not call.settings.workers:
        hints.append("set the worker's HTTP endpoint (port 8081 unless configured) under workers in checks.yaml")
    if call.wanted_agent is None and any(item.step in LEGS[Leg.AGENT] for item in unsure):
        hints.append("set agent.name in checks.yaml, or give --agent-name, so that its dispatch can be told apart")
    if any(item.step in LEGS[Leg.AGENT] for item in unsure) and _may_not_log(call):
        hints.append(_WHICH_STATES)
    pending = [result for result in steps if result.status is Status.PENDING]
    if pending and verdict is not Verdict.BROKEN:
        hints.append("look again with --wait 30: it follows the call until both legs are decided")
    if verdict in (Verdict.NO_FAULT_SEEN, Verdict.UNKNOWN):
        hints.extend(one.asks for one in against)
    if verdict is Verdict.NO_FAULT_SEEN:
        hints.extend(would_show(call, steps))
    if verdict is Verdict.UNKNOWN:
        hints.extend(_would_tell(call))
    return tuple(dict.fromkeys(hints))


def _the_whole(call: Call, line: str) -> str:
    """Of a component whose lines were pasted, all of the log is asked for, and not those lines again."""
    asked = _GIVE.match(line)
    if asked is None or not call.component_logs.was_pasted(_LOGS[asked["whose"]]):
        return line
    return f"What was pasted is a part: give all of {asked['whose']} log of that time:{line[asked.end() :]}"


_LOGS: dict[str, Component] = {"the worker's": "worker", "the server's": "server", "livekit-sip's": "sip"}
_GIVE = lazy_re.compile(rf"Give (?P<whose>{'|'.join(_LOGS)}) log\b[^:]*:")


def _probably_meant(call: Call) -> Iterable[str]:
    """What to type where the id or the room is not known and others are like it."""
    if call.rows or call.room_info is not None:
        return
    recent = call.setup.latest(RecentCalls)
    for other in recent.calls[:3] if recent and call.subject.call_id else ():
        yield f"did you mean this call: livekit-doctor trace {shlex.quote(other.call_id)}"
    name = call.subject.room and nearest(
        call.subject.room, [r.name for r in correlation.live_rooms(call.setup.evidence)]
    )
    if name:
        yield f"the room that was meant, if it is this one: livekit-doctor trace --room {shlex.quote(name)}"


_WHICH_STATES = "which states your agent writes in every call: set call_logs.always_logged to them, or to [] for none"


def _may_not_log(call: Call) -> bool:
    """Whether the rows are missed of an agent of which nobody has said that it writes to this log, and none says so."""
    said = call.settings.call_logs.always_logged is not None
    return bool(call.rows) and not said and not call.logged.keys() & {*BY_THE_AGENT}


def _would_tell(call: Call) -> Iterable[str]:
    yield from _probably_meant(call)
    for row in call.logged_doubts:
        yield asks_what_it_meant(row)
    if call.api_covers and not call.phone_present and not call.answers:
        yield "what CreateSIPParticipant answered, with wait_until_answered=True, or livekit-sip's log of the call"
        yield "watch the next call from its start: livekit-doctor trace CALL_ID --wait 60"
    if call.only_excerpts:
        yield "more of what was pasted: the lines around it, other components' logs of that time, an error's traceback"
    elif call.room is None:
        yield "name the room with --room ROOM, or set call_logs.columns.room or rooms.name_template"
    elif call.room_live is None and not any(e.status == "unread" for e in call.setup.coverage(sources.LIVEKIT_API)):
        yield "LiveKit's own view of the room: set LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET"
    if rows.talked_for(call) is not None:
        yield _WHICH_STATES
    if not call.rows and any(entry.status == "not_configured" for entry in call.setup.coverage(sources.CALL_LOGS)):
        yield "the call's log rows: set CALL_LOGS_DATABASE_URL, or give an export with --call-logs FILE"
    if call.room_live is False:
        yield "run trace while the room is open, with --wait, on the next call"
