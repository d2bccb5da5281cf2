"""How long a phone that was answered had nobody to hear, and whether it was dialled again without an answer: what both
having been there to the end does not exclude."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from livekit_doctor.diagnosis.ages import first_by_livekit
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.job_ends import ENDS
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.stays import SIP_LOG
from livekit_doctor.diagnosis.times import LEFT_ALONE
from livekit_doctor.evidence.job_ids import is_of_room_job
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step

Asked = tuple[Because, str]
"""A fact, and what would settle whether it was a fault."""


def of_waits(call: Call, proofs: Proofs) -> Iterator[Asked]:
    """By LiveKit's clock, and for longer than the agent's audio may take."""
    answered = first_by_livekit(proofs, Step.SIP_ANSWERED)
    if answered is None or call.inbound:
        return
    patience = timedelta(seconds=call.settings.flow.allowances.agent_audio.broken_after)
    for since, line in (*_silence(call, proofs, answered), *_absences(call, answered)):
        if line.at and line.at - since > patience:
            seconds = f"{(line.at - since).total_seconds():.0f} s"
            asks = f"who was there for the callee from {since:%H:%M:%S} on, for {seconds}"
            yield because(line, f"the phone had waited for {seconds}"), asks


def _silence(call: Call, proofs: Proofs, answered: datetime) -> Iterator[tuple[datetime, LogLine]]:
    """From the answer to the first track of any agent's."""
    if Step.AGENT_AUDIO in call.settings.flow.not_used or Step.AGENT_AUDIO not in proofs:
        return
    logs = call.component_logs
    tracks = [line for line in logs.ever_said(Said.TRACK_PUBLISHED) if line.at and not logs.is_phone(line)]
    if tracks and call.talked_last is None:
        yield answered, tracks[0]


def _absences(call: Call, answered: datetime) -> Iterator[tuple[datetime, LogLine]]:
    """The times in which nobody but the phone was in the room, until somebody came."""
    there, since = set[str](), answered
    for told in call.component_logs.ever_told(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT):
        line, who = told.line, told.line.fields.get("participant", "")
        if call.component_logs.is_phone(line) or not line.at or not line.zoned:
            continue
        if told.said is Said.PARTICIPANT_LEFT:
            there.discard(who)
            since = max(since, line.at)
            continue
        if not there and line.at > since:
            yield since, line
        there.add(who)


def of_another_agent(call: Call) -> Iterator[Asked]:
    """Where nobody says which agent the call is for, and jobs of several names were in its room: one for which no
    worker was found, or that failed or left long before the phone did. Those that came may be beside it, as a recorder
    is."""
    if call.agent_name is not None:
        yield from _of_its_own(call, call.agent_name)
        return
    told_of = call.component_logs.ever_told(Said.ASSIGNED, Said.ASKED, *ENDS)
    named = [(told, name) for told in told_of if (name := told.line.fields.get("agent_name"))]
    came = {name for told, name in named if told.said is Said.ASSIGNED} | {*call.settings.agent.others}
    names = {told.job: name for told, name in named if told.job and name not in call.settings.agent.others}
    several = len({*names.values()}) > 1
    end = max((stay.left for stay in call.dials.stays if stay.left), default=None)
    for told in told_of if came else ():
        line, job = told.line, told.job or told.agents_job
        name = names.get(job) or line.fields.get("agent_name", "")
        if told.said is Said.NO_WORKER:
            gone = name not in came and is_of_room_job(line)
        else:
            before = line.at is None or end is None or end - line.at > LEFT_ALONE
            gone = several and told.said in ENDS and job in names and before
        if name and gone:
            asks = f"whether the call is for the agent {name}, which did not come, or failed: give --agent-name"
            yield because(line), asks


def _of_its_own(call: Call, name: str) -> Iterator[Asked]:
    """Where the server had no worker for the call's own agent, and no line names the one that came."""
    logs = call.component_logs
    named = {line.fields.get("agent_name") for line in logs.ever_said(Said.ASSIGNED, Said.ASKED)}
    for line in logs.said(Said.NO_WORKER)[-1:]:
        if line.fields.get("agent_name", "") == name and is_of_room_job(line) and name not in named:
            asks = f"whether the agent that came is {name}, for which no worker was there: the log of the node that"
            yield because(line), f"{asks} assigned its job, or ListParticipants, which has its name"


def of_a_later_dial(call: Call) -> Iterator[Asked]:
    """The last dial, which began when the phone that had been answered had left, or was put out by it: as looks show,
    or livekit-sip's log."""
    yield from _by_looks(call)
    logs = call.component_logs
    dials, answered = logs.said(Said.SIP_CREATING), logs.said(Said.SIP_ESTABLISHED)
    stays = [stay for stay in call.dials.stays if stay.by == SIP_LOG]
    if len(dials) < 2 or not stays or logs.said(Said.TRANSFERRED):
        return
    last = dials[-1]
    own = {line.fields.get("call_id", "") for line in answered}
    over = all(stay.left and last.at and stay.left - last.at < LEFT_ALONE for stay in stays)
    if last.fields.get("call_id") and last.fields["call_id"] not in own and over:
        yield because(last, "the phone was dialled once more"), f"{_REACHED_AGAIN}: livekit-sip has no answer to that"


def _by_looks(call: Call) -> Iterator[Asked]:
    last, phone = call.phones_seen[-1] if call.phones_seen else None, call.phone
    if last is None or phone is None or last is phone or call.has_answered(last):
        return
    sids = ({one.sid for one in look.participants} for look in call.participant_lists)
    if not any({last.sid, phone.sid} <= there for there in sids):
        text = f"SIP participant {last.identity} was dialled when {phone.identity} had left"
        asks = f"{_REACHED_AGAIN}: no look shows that {last.identity} answered"
        yield Because(source="ListParticipants", at=last.joined_at, text=text), asks


_REACHED_AGAIN = "whether the callee was reached again, who had been lost, or left"


def ended_without_answer(call: Call) -> str:
    """The last dial, by its SIP call id, if livekit-sip's log has its beginning and its end, and no answer between."""
    logs = call.component_logs
    begun = logs.said(Said.SIP_CREATING)
    dial = begun[-1].fields.get("call_id", "") if begun else ""
    told = {line.fields.get("call_id") for line in logs.said(Said.SIP_ESTABLISHED, Said.SIP_HEARD)}
    ended = {line.fields.get("call_id") for line in logs.said(Said.SIP_OVER)}
    return dial if dial in ended and not told & {dial, None} else ""
