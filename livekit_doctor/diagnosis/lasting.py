"""Until when agent and phone were there, and whether that was to the end of the call.

A healthy call must have been seen to last: an agent that leaves early, and a phone from which no sound comes, were
together with the other, too, and nothing but how it went on tells them from those that stayed. Where no source shows
that, the team's own rows may say it in their own words: the phone was answered, the agent was heard, the call ended.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.proofs import Clock, Proof, Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.states import Who
from livekit_doctor.diagnosis.stays import BY_ITSELF, SIP_LOG
from livekit_doctor.diagnosis.times import (
    FIRST_SOUND_WITHIN,
    LEFT_ALONE,
    MEDIA_FAILS_WITHIN,
    ROOM_CLOSES_AFTER,
    SAID_TO_BE_SLOW,
)
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.observations import LogLine, ParticipantList, Sighting
from livekit_doctor.flow import Step

LOOKS = "ListParticipants"

Dated = tuple[datetime, str]
"""When, and by which clock: LiveKit's or that of a component's rows."""


def both(call: Call) -> tuple[Step, ...]:
    """The steps that show agent and phone, where the team's calls have them."""
    used = (Step.AGENT_CONNECTED, Step.SIP_PARTICIPANT_CREATED if call.inbound else Step.SIP_ANSWERED)
    return tuple(step for step in used if step not in call.settings.flow.not_used)


def was_heard(call: Call, proofs: Proofs) -> bool:
    """Whether the agent published: by a look at its track, a log, or in the words of a row. Whether sound travels in it
    no source shows, and a healthy verdict says so; a mute that a look shows is for LKD408."""
    logs = call.component_logs
    not_used = {Step.AGENT_AUDIO, Step.AGENT_CONNECTED} & {*call.settings.flow.not_used}
    last = _last_agent(call)
    heard = logs.of_agent(Said.TRACK_PUBLISHED, Said.SIP_HEARD)
    published = any(last in ("", line.fields.get("participant", "")) for line in heard)
    seen = any(last in ("", agent.identity) for agent, _ in call.heard)
    told = any(proof.source not in (SIP_LOG, LOOKS) for proof in proofs.get(Step.AGENT_AUDIO, ()))
    shown = published or seen or told
    return bool(not_used) or shown


def _last_agent(call: Call) -> str:
    """The identity of the agent that joined last, by LiveKit: what was heard of one before it says nothing of it."""
    return max(((at, identity) for identity, at in _agents_came(call)), default=(None, ""))[1]


def _agents_came(call: Call) -> Iterator[tuple[str, datetime]]:
    """Each agent that joined, by its identity, and when, by LiveKit's clock."""
    for line in call.component_logs.of_agent(Said.PARTICIPANT_ACTIVE):
        if line.at:
            yield line.fields["participant"], line.at
    for item in call.sightings:
        if item.event == "participant_joined" and item.at:
            yield from ((p.identity, item.at) for p in item.participants if p.kind == "AGENT")


def came_too_late(call: Call) -> frozenset[str]:
    """Agents that joined when the last phone had left: that they left after it shows nothing."""
    last = max((at for at, _ in left(call, "SIP")), default=None)
    if last is None or any(at > last for at in _phones_there(call)):
        return frozenset()
    return frozenset(identity for identity, at in _agents_came(call) if at > last)


def _phones_there(call: Call) -> Iterator[datetime]:
    """When phones joined or were seen, by LiveKit's clock."""
    yield from (line.at for line in call.component_logs.of_phone(Said.PARTICIPANT_ACTIVE) if line.at)
    yield from (item.at for item in call.sightings if item.event == "participant_joined" and item.has_phone and item.at)
    yield from (look.read.now for look in call.participant_lists if _is_of(look, "SIP"))


def silent_beside(call: Call) -> frozenset[str]:
    """Agents of which logs have no track, beside one of which they have: a recorder's or a monitor's."""
    lines = call.component_logs.of_agent(Said.TRACK_PUBLISHED, Said.SIP_HEARD)
    heard = {line.fields.get("participant", "") for line in lines}
    came = {identity for identity, _ in _agents_came(call)}
    return frozenset(came - heard) if heard & came else frozenset()


def stayed_to_the_end(call: Call, proofs: Proofs) -> bool:
    """Whether both did, as far as a source shows it, or by what the rows say."""
    if len(both(call)) < 2:
        return True
    gone = [*left(call, "AGENT"), *exits(call)]
    if not gone and not call.component_logs.ever_said(Said.PROCESS_EXITS) and _told_by_rows(call):
        return True
    return (_watched_to_the_end(call) or _left_together(call, gone)) and _phone_was_heard(call, proofs)


def left(call: Call, *kinds: str) -> Iterator[Dated]:
    """When participants of these kinds left, by LiveKit's clock: agent and phone by the server's log, whoever did by
    webhooks."""
    logs = call.component_logs
    late = came_too_late(call) | silent_beside(call) if "AGENT" in kinds else frozenset()
    for line in logs.said(Said.PARTICIPANT_LEFT):
        other = job_of_identity(line.fields.get("participant", "")) in logs.other_jobs
        told = "" if other else line.fields.get("kind")
        kind = "AGENT" if logs.is_agent(line) else "SIP" if logs.is_phone(line) else told
        if line.at and line.zoned and kind in kinds and line.fields.get("participant") not in late:
            yield line.at, Clock.LIVEKIT.value
    for item in call.sightings:
        of_these = _is_of(item, *kinds) and any(p.identity not in late for p in item.participants)
        if item.event == "participant_left" and item.at and of_these:
            yield item.at, Clock.LIVEKIT.value


def _is_of(seen: Sighting | ParticipantList, *kinds: str) -> bool:
    return any(participant.kind in kinds for participant in seen.participants)


def exits(call: Call) -> Iterator[Dated]:
    """When the agent's process ended, by the worker's clock, where that is not wrong; and its job, by the server's."""
    late = set(map(job_of_identity, came_too_late(call) | silent_beside(call))) - {""}
    for said, clock in ((Said.PROCESS_EXITS, Clock.WORKER), (Said.JOB_ENDED, Clock.LIVEKIT)):
        for line in call.component_logs.said(said):
            if line.at and line.zoned and line.fields.get("job_id") not in late:
                yield line.at, clock.value


def ended_from_outside(call: Call, slow: LogLine) -> list[LogLine]:
    """What ended the job of an agent that was slow to connect from outside, long after that: its process gives no
    reason of its own, nor that its room was gone; or the worker shut down under it."""
    logs = call.component_logs
    exits = [line for line in logs.said(Said.PROCESS_EXITS) if is_above(slow, line)]
    shut_down = [line for line in logs.anywhere(Said.SHUT_DOWN) if line.file == slow.file and is_above(slow, line)]
    over = [line for line in exits or shut_down if not line.fields.get("reason")]
    return [line for line in over if not (line.at and slow.at) or line.at - slow.at >= SAID_TO_BE_SLOW]


def hung_up(call: Call) -> Iterator[Dated]:
    """When livekit-sip ended a call that had been answered: not one that had failed."""
    logs = call.component_logs
    failed = {line.fields.get("call_id", "") for line in logs.said(Said.SIP_FAILED)}
    for line in logs.said(Said.SIP_OVER):
        if line.at and line.zoned and line.fields.get("call_id", "") not in failed - {""}:
            yield line.at, SIP_LOG


def _told_by_rows(call: Call) -> bool:
    """The team's own words, where no other source tells of the agent's end."""
    spoke = bool({Step.AGENT_AUDIO} & {*call.settings.flow.not_used, *call.logged})
    told = spoke and all(step in call.logged for step in (*both(call), Step.CALL_ENDED))
    ended = call.logged[Step.CALL_ENDED].at if told and agent_is_shown_to_the_end(call) else None
    return ended is not None and not (_somebody_left_before(call, ended) or _worker_drained_before(call, ended))


def agent_is_shown_to_the_end(call: Call) -> bool:
    """Whether rows show the agent until shortly before that of the call, which may be logged when the room closes."""
    ended, shown = call.logged.get(Step.CALL_ENDED), None if call.called_again else call.agent_shown_until
    return ended is not None and shown is not None and ended.at - shown <= ROOM_CLOSES_AFTER + call.tolerance


def _worker_drained_before(call: Call, ended: datetime) -> bool:
    """Whether the worker that was asked for the job drained while the call went on: it waits for its jobs, and what
    deploys it waits for it no longer than it is set to (Kubernetes: 30 s)."""
    logs = call.component_logs
    asked = {line.file: line.at for line in logs.said(Said.ASKED) if line.at}
    drained = (line for line in logs.anywhere(Said.DRAINING) if line.file in asked)
    return any(line.at is not None and asked[line.file] < line.at < ended for line in drained)


def _somebody_left_before(call: Call, ended: datetime) -> bool:
    """Whether somebody of whom no row says who it is left, or a session stopped, long before the end, or not surely
    after the agent came, so that it may be the phone; and nobody is known to have talked after it. The end may be
    logged when the room closes. Of several the first and the last count: the last one left since the call was over."""
    answered, talked, left = call.logged.get(Step.SIP_ANSWERED), call.talked_last, call.left_by_rows(Who.SOMEBODY)
    came = call.logged.get(Step.AGENT_CONNECTED)
    return any(
        (answered is None or row.at > answered.at)
        and (
            ended - row.at > ROOM_CLOSES_AFTER + call.tolerance
            or (came is not None and row.at - came.at <= call.tolerance)
        )
        and not (talked and talked - row.at > call.tolerance)
        for row in (*left[:1], *left[-1:])
    )


def _watched_to_the_end(call: Call) -> bool:
    """The last look that shows the phone on the line shows the agent, too, and the next one followed so soon that the
    phone was not alone for long."""
    status = next((status for _, status in reversed(call.phone_states) if status in ANSWERED), call.phone_status)
    with_phone = [look for look in call.participant_lists if call.phone_status_in(look) == status]
    gap = call.unseen_after(status)
    return bool(with_phone) and bool(call.agents_in(with_phone[-1])) and gap is not None and gap <= LEFT_ALONE


def _left_together(call: Call, gone: list[Dated]) -> bool:
    """The agent left after the phone, or no longer before it than a callee takes to hang up; by two clocks that holds
    beyond the tolerance."""
    looks = [look.read.now for look in call.participant_lists if call.agents_in(look)]
    gone = [*gone, *((at, Clock.LIVEKIT.value) for at in looks[-1:])]
    ended = call.logged.get(Step.CALL_ENDED)
    over = [max(each) for each in (list(left(call, "SIP")), list(hung_up(call))) if each]
    over += [(ended.at, ended.source)] if ended else []
    # What left before one was seen there was another's phone, or an earlier dial's.
    there = [look.read.now for look in call.participant_lists if _is_of(look, "SIP")][-1:]
    over = [end for end in over if not any(at - end[0] > call.tolerance for at in there)]
    return any(_is_no_later(call, at, end) for at in over for end in gone)


def _is_no_later(call: Call, phone: Dated, agent: Dated) -> bool:
    margin = timedelta(0) if phone[1] == agent[1] else call.tolerance
    return agent[0] + LEFT_ALONE >= phone[0] + margin


def _phone_was_heard(call: Call, proofs: Proofs) -> bool:
    """Whether livekit-sip would have ended the call otherwise, since no sound came from the phone: not where that was
    told of the end, nor where the call went on for longer than livekit-sip waits for it. That a row tells of the end
    says nothing of a phone that left of itself just when livekit-sip would have ended such a call."""
    if call.talked_last is not None or call.inbound:
        return True
    logs = call.component_logs
    if any(hung_up(call)):
        return not logs.said(Said.SIP_MEDIA_TIMEOUT)
    if any(item.left_because in _ORDINARY and _is_of(item, "SIP") for item in call.sightings):
        return True
    answers = proofs.get(Step.SIP_ANSWERED, ())
    by_livekit = _lasted(call, [proof for proof in answers if proof.clock is Clock.LIVEKIT])
    if Step.CALL_ENDED not in call.logged:
        return by_livekit >= MEDIA_FAILS_WITHIN
    reasons = [line.fields.get("reason", BY_ITSELF) for line in logs.of_phone(Said.PARTICIPANT_LEFT)]
    lasted = by_livekit or _lasted(call, answers)
    return reasons[-1:] not in ([], [BY_ITSELF]) or not FIRST_SOUND_WITHIN <= lasted < MEDIA_FAILS_WITHIN


def _lasted(call: Call, answers: Iterable[Proof]) -> timedelta:
    """From the answer to the last that LiveKit tells of the phone; nothing where either is not known."""
    answered = min((when for proof in answers if (when := proof.at or proof.by)), default=None)
    there = [at for at, _ in left(call, "SIP")]
    there += [look.read.now for look in call.participant_lists if _is_of(look, "SIP")]
    return max(there) - answered if there and answered else timedelta()


_ORDINARY = ("CLIENT_INITIATED", "ROOM_DELETED")
"""Why a phone left that somebody hung up (livekit-sip 1.11.0 gives UNKNOWN_REASON where media failed)."""
