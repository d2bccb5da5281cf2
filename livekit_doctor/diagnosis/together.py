"""Whether agent and phone were together, for longer than a moment: what a healthy call must have been seen to have."""

from collections.abc import Iterator
from datetime import datetime

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.proofs import Clock, Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.times import MOMENT, PHONE_ALONE
from livekit_doctor.diagnosis.transfers import transferred
from livekit_doctor.evidence.observations import ParticipantList
from livekit_doctor.flow import Step

_Dated = tuple[datetime, str]
"""When, and by which clock: LiveKit's or that of a component's rows."""


def were_together(call: Call, proofs: Proofs) -> bool:
    """Both are seen in one look, or both had come before the first of them was gone, as far as clocks can tell.

    What looks into the room have seen, no other source outdoes."""
    if _was_left_alone(call) or _was_not_heard(call, proofs):
        return False
    looks = [listing for listing in call.participant_lists if listing.participants]
    if looks:
        answered = [listing for listing in looks if _answered_in(call, listing)]
        handed_on = (
            call.served_by_other
            or len(call.phones_seen) > 1
            or transferred(call, None, call.phone.identity if call.phone else "")
        )
        return any(_both_in(call, proofs, listing) for listing in (looks if handed_on else answered[-1:]))
    came = [when for step in _both(call) if (when := _came(call, proofs, step))]
    ends = list(_ends(call))
    if len(came) < len(_both(call)) or not ends:
        return False
    return all(_is_after(call, end, start) for end in ends for start in came)


def _both(call: Call) -> tuple[Step, ...]:
    used = (Step.AGENT_CONNECTED, Step.SIP_PARTICIPANT_CREATED if call.inbound else Step.SIP_ANSWERED)
    return tuple(step for step in used if step not in call.settings.flow.not_used)


def _both_in(call: Call, proofs: Proofs, listing: ParticipantList) -> bool:
    """An agent without audio in it, of whom no other source says that it was heard, was silent."""
    agents = call.agents_in(listing)
    heard = Step.AGENT_AUDIO in proofs or Step.AGENT_AUDIO in call.settings.flow.not_used
    agent = Step.AGENT_CONNECTED in call.settings.flow.not_used or (bool(agents) and heard)
    return agent and _answered_in(call, listing)


def _answered_in(call: Call, listing: ParticipantList) -> bool:
    """Whether a phone that was answered is in the room; whoever is, where none is dialled."""
    phones = [p for p in listing.participants if p.kind == "SIP"]
    there = any(call.inbound or p.attributes.get("sip.callStatus") in ANSWERED for p in phones)
    return there or Step.SIP_ANSWERED in call.settings.flow.not_used


def _came(call: Call, proofs: Proofs, step: Step) -> _Dated | None:
    """The first moment at which it is known to have happened; by LiveKit's clock, where any source has that."""
    dated = [(when, proof.clock) for proof in proofs.get(step, ()) if (when := proof.at or proof.by) is not None]
    if not dated:
        return None
    own = [each for each in dated if each[1] is Clock.LIVEKIT] or dated
    at, clock = min(own)
    row = call.logged.get(step)
    return at, row.source if row is not None and clock is Clock.CALL_LOGS else clock.value


def _was_left_alone(call: Call) -> bool:
    """The phone outlived the last agent by longer than a callee takes to hang up, by any sources."""
    logs = call.component_logs
    left = list(_left(call))
    exits = [line.at for line in logs.said(Said.PROCESS_EXITS) if line.at and line.zoned]
    agents = [at + PHONE_ALONE for kind, at in left if kind == "AGENT"]
    agents += [at + PHONE_ALONE + call.tolerance for at in exits]  # by the worker's clock
    phones = [at for kind, at in left if kind == "SIP"]
    phones += [line.at for line in logs.said(Said.SIP_OVER) if line.at and line.zoned]
    return bool(agents and phones) and not logs.said(Said.TRANSFERRED) and max(phones) > max(agents)


def _was_not_heard(call: Call, proofs: Proofs) -> bool:
    """livekit-sip's log has the answer, and not that the phone was given anybody's audio (it says so from 1.11.0 on,
    where the log has more than warnings), nor does another source show that the agent was heard."""
    logs = call.component_logs
    answered = logs.said(Said.SIP_ESTABLISHED)
    whole = bool(answered) and bool(logs.said(Said.SIP_OVER))
    return whole and Step.AGENT_AUDIO not in proofs and Step.AGENT_AUDIO not in call.settings.flow.not_used


def _ends(call: Call) -> Iterator[_Dated]:
    """When agent, phone or room was gone, as far as any source tells."""
    yield from ((at, Clock.LIVEKIT.value) for _, at in _left(call))
    for line in call.component_logs.said(Said.ROOM_CLOSED, Said.ROOM_IDLE):
        if line.at and line.zoned:
            yield line.at, Clock.LIVEKIT.value
    for item in call.sightings:
        if item.event == "room_finished" and item.at is not None:
            yield item.at, Clock.LIVEKIT.value
    ended = call.logged.get(Step.CALL_ENDED)
    if ended is not None:
        yield ended.at, ended.source


def _left(call: Call) -> Iterator[tuple[str, datetime]]:
    """Who left, by kind, and when, by LiveKit's clock: agent and phone by the server's log, whoever did by webhooks."""
    logs = call.component_logs
    for line in logs.said(Said.PARTICIPANT_LEFT):
        if line.at and line.zoned and (logs.is_agent(line) or line.fields.get("kind") == "SIP"):
            yield "AGENT" if logs.is_agent(line) else "SIP", line.at
    for item in call.sightings:
        if item.event == "participant_left" and item.at is not None:
            yield from ((kind, item.at) for kind in {participant.kind for participant in item.participants} or {""})


def _is_after(call: Call, end: _Dated, start: _Dated) -> bool:
    """By more than a moment, and by two clocks beyond the tolerance."""
    return end[0] - start[0] > (MOMENT if end[1] == start[1] else call.tolerance)
