"""What proves each step of a call (design section 2, column "proven by")."""

import re
from collections.abc import Callable, Iterator
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis import sessions
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import DIALED, Kind
from livekit_doctor.diagnosis.own_lines import OF_A_PARTICIPANT, took
from livekit_doctor.diagnosis.said import ROOM_GONE, Said
from livekit_doctor.diagnosis.seen import ANSWERED, RANG, agent_name_of
from livekit_doctor.diagnosis.seen_room import declined, taken
from livekit_doctor.diagnosis.sighted import shown_by
from livekit_doctor.diagnosis.times import RETURNS_WITHIN
from livekit_doctor.evidence.observations import Dispatch, LogLine, LogRow, Participant
from livekit_doctor.flow import FLOW, SPEC, Leg, Step, implied_by


class Clock(StrEnum):
    LIVEKIT = "livekit"
    CALL_LOGS = "call_logs"
    WORKER = "worker"
    """Of a worker's host; and of a log whose zone is not known: neither has an order with LiveKit's."""


class Proof(Struct, frozen=True, kw_only=True, gc=False):
    """That a step happened. `at` is None where the source proves it without saying when; `by` is
    then, where known, a moment at which it had happened."""

    step: Step
    source: str
    text: str
    at: datetime | None
    clock: Clock
    by: datetime | None = None
    implied: bool = False


Proofs = dict[Step, tuple[Proof, ...]]
"""For each proven step its proofs, the strongest first. An unproven step is not a key."""


def prove(call: Call) -> Proofs:
    """All steps that the evidence proves, directly or since a later step implies them."""
    direct: dict[Step, list[Proof]] = {}
    for proof in (*_from_api(call), *_from_sightings(call), *_from_component_logs(call), *_from_rows(call)):
        direct.setdefault(proof.step, []).append(proof)
    proofs: Proofs = {}
    for spec in FLOW:
        if spec.step in direct:
            proofs[spec.step] = tuple(direct[spec.step])
            continue
        later = next((step for step in Step if step in direct and spec.step in implied_by(step)), None)
        if later is not None:
            because = direct[later][0]
            text = f"implied by {SPEC[later].title}"
            proofs[spec.step] = (
                Proof(
                    step=spec.step,
                    source=because.source,
                    text=text,
                    at=None,
                    clock=because.clock,
                    implied=True,
                ),
            )
    return proofs


def _from_rows(call: Call) -> Iterator[Proof]:
    for step, first in call.logged.items():
        row = _since_the_latest_dispatch(call, step) if step in _OF_A_DISPATCH else first
        if row is None or (call.denied and row is call.denied[0]):
            continue
        text = f"{row.source or 'a component'} logged {row.state}"
        yield Proof(step=step, source=row.read.source, text=text, at=row.at, clock=Clock.CALL_LOGS)


def _since_the_latest_dispatch(call: Call, step: Step) -> LogRow | None:
    told = (row for row in call.rows_of(step) if row not in call.outdated)
    return next((row for row in told if not call.is_of_earlier_dispatch(row)), None)


_OF_A_DISPATCH = (Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO)


def _from_component_logs(call: Call) -> Iterator[Proof]:
    logs = call.component_logs
    for step, said, tells in _STEP_OF_LINE:
        of_leg = logs.of_phone if SPEC[step].leg is Leg.PHONE else logs.of_agent
        for line in of_leg(said) if said in OF_A_PARTICIPANT else logs.said(said):
            if tells is None or tells(call, line):
                yield _by_line(step, line, said)
    if not logs.said(Said.ROOM_OPENED):
        # Another node of the cluster may have it; and it may have been there before.
        for line in logs.said(Said.ROOM_ASKED_FOR):
            if line.fields.get("status") == "200":
                yield _by_line(Step.ROOM_CREATED, line, Said.ROOM_ASKED_FOR)
    for line in filter(waited_for_answer, logs.said(Said.SIP_ACCEPTED)):
        yield _by_line(Step.SIP_ANSWERED, line)
    of_worker = logs.own_by_log["worker"]
    by_team = next(filter(_is_by_team, of_worker), None) or next(filter(_may_be_by_team, of_worker), None)
    if by_team is not None:
        yield _by_line(Step.ENTRYPOINT_CALLED, by_team)
    for step, shown in ((Step.ENTRYPOINT_CALLED, sessions.ran(call)), (Step.AGENT_CONNECTED, sessions.connected(call))):
        yield from (_by_line(step, line, Said.IN_SESSION) for line in shown[:1])


def _had_come(call: Call, line: LogLine) -> bool:
    """Whether that somebody left says that they had come: a whole log has their coming."""
    return _had_connected(call, line) or call.component_logs.is_picked(line)


def _had_connected(call: Call, line: LogLine) -> bool:
    """That their media had connected only a log says that begins long before."""
    return call.component_logs.was_there_before_the_log(line)


def _since_the_room_was_gone(_: Call, line: LogLine) -> bool:
    """Whether a process exits since the room that its agent was in is gone."""
    return line.fields.get("reason") == ROOM_GONE


def _of_audio(_: Call, line: LogLine) -> bool:
    return line.fields.get("kind", "audio") == "audio"


def _ends_the_call(call: Call, line: LogLine) -> bool:
    """Whether livekit-sip ended the call that had been answered, and not an attempt to dial."""
    dial = line.fields.get("call_id")
    return any(one.fields.get("call_id") == dial for one in call.component_logs.said(Said.SIP_ESTABLISHED))


def waited_for_answer(line: LogLine) -> bool:
    """Whether CreateSIPParticipant returned only once the phone was answered. Else it does so at once (fact 20)."""
    return took(line) >= RETURNS_WITHIN


def _is_by_team(line: LogLine) -> bool:
    """Whether the team's own code wrote the line inside a job: that runs in the entrypoint."""
    own = bool(line.logger) and not line.logger.startswith(_NOT_THE_TEAMS)
    return own and bool(line.fields.get("job_id"))


def _may_be_by_team(line: LogLine) -> bool:
    """The same of a line that names no logger, as Node's do: one of LiveKit's own that is not known looks alike, and
    what LiveKit says of a job that does not come up, it says as a warning or an error."""
    bare = not line.logger and bool(line.fields.get("job_id"))
    return bare and line.level in ("info", "debug") and not _OF_THE_REQUEST.search(line.message)


_OF_THE_REQUEST = lazy_re.compile(r"request|reject|declin|drain|availab|capacity|assign|accept|worker", re.IGNORECASE)
"""Words of what a worker's own process says of a job that it was asked for (livekit-agents for Node, worker.ts)."""


_NOT_THE_TEAMS = ("livekit", "lk-rtc", "lk.", "asyncio")
"""How the loggers begin that write inside a worker's processes without the team's code: LiveKit's, and Python's."""


_HAD_HAPPENED = {
    *(
        Said.PROCESS_EXITS,
        Said.EXITED,
        Said.RAISED,
        Said.SLOW_TO_CONNECT,
        Said.RETURNED,
        Said.UNRESPONSIVE,
        Said.MEDIA_TIMED_OUT,
    ),
    *(Said.SESSION_CLOSED, Said.SIP_RANG, Said.ROOM_ASKED_FOR, Said.IN_SESSION),
    Said.PARTICIPANT_LEFT,
}
"""What is said of a step that had happened before: of a job, how it went on or ended; that the phone rang, which
livekit-sip writes when the call ends; that the room is there, which it may have been before."""


def _by_line(step: Step, line: LogLine, said: Said | None = None) -> Proof:
    clock = Clock.LIVEKIT if line.log != "worker" and line.zoned else Clock.WORKER
    text = line.message.partition("\n")[0]
    before = said in _HAD_HAPPENED or (said is Said.SIP_HEARD and step is Step.AGENT_CONNECTED)
    at = None if before else line.at
    return Proof(step=step, source=f"{line.log} log", text=text, at=at, by=line.at, clock=clock)


def _dispatches_agent(call: Call, line: LogLine) -> bool:
    """CreateDispatch succeeded, for this call's agent; as in ListDispatch, another name counts where
    its own is not there."""
    named = call.agent_name in call.component_logs.dispatched_names
    return line.fields.get("status") == "200" and (not named or f'"{call.agent_name}"' in line.fields["request"])


_STEP_OF_LINE: tuple[tuple[Step, Said, Callable[[Call, LogLine], bool] | None], ...] = (
    (Step.ROOM_CREATED, Said.ROOM_OPENED, None),
    (Step.AGENT_DISPATCHED, Said.DISPATCH_CREATED, _dispatches_agent),
    (Step.AGENT_DISPATCHED, Said.ASKED, None),
    (Step.JOB_ASSIGNED, Said.ASSIGNED, None),
    (Step.JOB_ASSIGNED, Said.PROCESS_EXITS, None),
    (Step.JOB_ASSIGNED, Said.EXITED, None),
    (Step.ENTRYPOINT_CALLED, Said.RAISED, None),
    (Step.ENTRYPOINT_CALLED, Said.SLOW_TO_CONNECT, None),
    (Step.ENTRYPOINT_CALLED, Said.RETURNED, None),
    (Step.ENTRYPOINT_CALLED, Said.UNRESPONSIVE, None),
    (Step.ENTRYPOINT_CALLED, Said.MEDIA_TIMED_OUT, None),
    (Step.ENTRYPOINT_CALLED, Said.SESSION_STARTED, None),
    (Step.ENTRYPOINT_CALLED, Said.PARTICIPANT_LEFT, _had_come),
    (Step.AGENT_CONNECTED, Said.PARTICIPANT_ACTIVE, None),
    (Step.AGENT_CONNECTED, Said.PARTICIPANT_LEFT, _had_connected),
    (Step.AGENT_CONNECTED, Said.PROCESS_EXITS, _since_the_room_was_gone),
    (Step.AGENT_CONNECTED, Said.SESSION_CLOSED, None),
    (Step.AGENT_CONNECTED, Said.CONNECTED, None),
    (Step.AGENT_CONNECTED, Said.SIP_HEARD, None),
    (Step.AGENT_AUDIO, Said.SIP_HEARD, _of_audio),
    (Step.AGENT_AUDIO, Said.TRACK_PUBLISHED, _of_audio),
    (Step.SIP_PARTICIPANT_CREATED, Said.SIP_CREATING, None),
    (Step.SIP_PARTICIPANT_CREATED, Said.SIP_ACCEPTED, None),
    (Step.SIP_PARTICIPANT_CREATED, Said.SESSION_STARTED, None),
    (Step.SIP_PARTICIPANT_CREATED, Said.PARTICIPANT_ACTIVE, None),
    (Step.SIP_PARTICIPANT_CREATED, Said.TRACK_PUBLISHED, None),
    (Step.SIP_PARTICIPANT_CREATED, Said.PARTICIPANT_LEFT, _had_come),
    (Step.SIP_RINGING, Said.SIP_RANG, None),
    (Step.SIP_ANSWERED, Said.SIP_ESTABLISHED, None),
    (Step.CALL_ENDED, Said.SIP_OVER, _ends_the_call),
    (Step.CALL_ENDED, Said.ROOM_CLOSED, None),
)
"""Of which step a line is a proof; some only where the line, or what stands beside it, says more."""


def _by_livekit(step: Step, source: str, text: str, at: datetime | None, by: datetime | None = None) -> Proof:
    return Proof(step=step, source=source, text=text, at=at, by=by, clock=Clock.LIVEKIT)


def _from_api(call: Call) -> Iterator[Proof]:
    if call.room_info is not None:
        text = f"room {call.room_info.sid} exists"
        yield _by_livekit(Step.ROOM_CREATED, "ListRooms", text, call.room_info.created_at)
    for dispatch in reversed(call.dispatches):
        named = f'for "{dispatch.agent_name}"' if dispatch.agent_name else "the automatic one"
        policy = f", restarts {dispatch.restart_policy}" if dispatch.restart_policy else ""
        text = f"dispatch {dispatch.id}, {named}{policy}" + _became(call, dispatch)
        yield _by_livekit(Step.AGENT_DISPATCHED, "ListDispatch", text, dispatch.created_at)
    for job in call.jobs:
        text = f"job {job.id} {job.status}, worker {job.worker_id or 'unknown'}"
        yield _by_livekit(Step.JOB_ASSIGNED, "ListDispatch", text, job.started_at)
    for agent in call.joining_seen:
        text = f"agent {agent.identity} {agent.state}"
        yield _by_livekit(Step.ENTRYPOINT_CALLED, "ListParticipants", text, agent.joined_at)
    for agent in call.agents_seen:
        name = agent_name_of(agent)
        text = f"agent {agent.identity}" + (f' ("{name}")' if name else "") + " ACTIVE"
        yield _by_livekit(Step.AGENT_CONNECTED, "ListParticipants", text, agent.joined_at)
    for agent, audio in call.heard:
        text = f"agent {agent.identity} publishes audio track {audio.sid}"
        yield _by_livekit(Step.AGENT_AUDIO, "ListParticipants", text, None)
    if call.phone is not None:
        yield from _from_phone(call)
    if not call.inbound:
        yield from _from_answers(call)


def _became(call: Call, dispatch: Dispatch) -> str:
    """What became of a dispatch before the latest, in a few words."""
    if dispatch is call.dispatches[-1]:
        return ""
    jobs = dispatch.jobs
    told = list(call.component_logs.latest.became)
    told += ["its job was declined"] if jobs and all(map(declined, jobs)) else []
    told += [f"its job {job.status}: {job.error or job.reason}" for job in jobs if job.error or job.reason]
    told = told or (["a worker took its job"] if any(map(taken, jobs)) else ["no worker took its job"])
    return f"; before the latest: {', '.join(told)}"


def _from_answers(call: Call) -> Iterator[Proof]:
    """What the answer to an attempt to dial proves of the steps before it."""
    for answer in call.answers:
        if answer.quoted or answer.earlier:
            continue
        source, text = answer.because.source, answer.because.text
        at = answer.at if answer.by_livekits_clock else None
        started_at = answer.started_at if answer.by_livekits_clock else None
        if answer.kind is Kind.ANSWERED:
            yield _by_livekit(Step.SIP_ANSWERED, source, text, at)
        elif answer.kind is Kind.STARTED:
            yield _by_livekit(Step.SIP_PARTICIPANT_CREATED, source, text, at)
        elif answer.kind in DIALED:
            tried = (
                "its address was tried" if answer.kind is Kind.UNREACHABLE else "it got an answer, or waited for one"
            )
            yield _by_livekit(Step.SIP_DIALING, source, f"dialled: {tried}", started_at)
            if answer.kind is Kind.MEDIA_FAILED and answer is call.answers[-1]:
                yield _by_livekit(Step.SIP_RINGING, source, "the far end took the call", None, by=at)


def _from_phone(call: Call) -> Iterator[Proof]:
    phone = call.phone
    assert phone is not None
    source = "ListParticipants"
    yield _by_livekit(
        Step.SIP_PARTICIPANT_CREATED,
        source,
        f"SIP participant {phone.identity} ({phone.sid})",
        phone.joined_at,
    )
    if call.phone_states and not call.inbound:
        yield _by_livekit(Step.SIP_DIALING, source, "sip.callStatus is set", phone.joined_at)
    if _is_of_earlier_dial(call, phone):
        return
    for step, states in ((Step.SIP_RINGING, RANG), (Step.SIP_ANSWERED, ANSWERED)):
        for index, (at, status) in enumerate(call.phone_states):
            if status in states:
                # The first look at all says that it is so, not since when.
                yield _by_livekit(step, source, f"sip.callStatus {status}", at if index else None, by=at)
                break


def _is_of_earlier_dial(call: Call, phone: Participant) -> bool:
    """Whether a dial failed after this one was made, and another one after that: then what is known of it last says
    nothing of the latest."""
    failed = [answer for answer in call.answers if answer.is_failure and answer.when is not None]
    since = [one for one in failed if phone.joined_at and one.at > phone.joined_at]
    before = any(one.earlier or one.component == failed[-1].component for one in since[:-1])
    return before and not failed[-1].earlier and not call.phone_present


def _from_sightings(call: Call) -> Iterator[Proof]:
    """What was seen of the room, and pasted: a webhook, or an earlier answer of the API."""
    joined = [
        p for item in call.sightings for p in item.participants if p.kind == "AGENT" and not call.is_of_earlier_job(p)
    ]
    agents = {p.identity for p in joined}
    newest = max((p.joined_at for p in joined if p.joined_at), default=None)
    dialled = [p for item in call.sightings for p in item.participants if p.kind == "SIP"]
    phones = {p.identity for p in dialled}
    last = max((p.joined_at for p in dialled if p.joined_at), default=None)

    seen: set[tuple[Step, str]] = set()
    for item in call.sightings:
        for step, text, at in shown_by(call, item, agents, phones, last):
            if (
                step is Step.AGENT_AUDIO
                and newest
                and all(p.joined_at and p.joined_at < newest for p in item.participants)
            ):
                continue  # another agent came after it
            if (step, text) not in seen:
                seen.add((step, text))
                source = f"webhook {item.event}" if item.event else "pasted answer of the API"
                yield Proof(step=step, source=source, text=text, at=at, clock=Clock.LIVEKIT, by=item.at)
