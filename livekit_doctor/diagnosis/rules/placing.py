"""Whether what places a call is past the point at which it dispatches the agent, so that a missing dispatch says
something: it may wait for the answer first."""

from datetime import timedelta

from livekit_doctor.diagnosis.ages import overdue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import (
    nobody_ever_joined,
    phones_in,
)
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.times import SECOND_LOOK
from livekit_doctor.evidence.observations import (
    ParticipantList,
)
from livekit_doctor.flow import Step

OPENING = (Step.CALL_REQUESTED, Step.ROOM_CREATED)


def past_dispatch(call: Call, proofs: Proofs) -> bool:
    """Whether the component that places the call is past the point at which it dispatches.

    It may be waiting for the answer before it dispatches, and a phone that is not answered,
    or was refused before anybody looked, then leaves a room without a dispatch. Where no row
    says that it is past that, an answered phone must be waiting for the agent in two looks,
    since one glimpse may fall between the answer and the dispatch; or nobody ever came at all.
    """
    if not overdue(call, proofs, Step.AGENT_DISPATCHED):
        return False
    if call.inbound or Step.AGENT_DISPATCHED in call.logged:
        return True
    if placer_is_past(call) and not call.phone_waits and not _answered_just_now(call):
        return True
    if _answered_and_alone(call):
        return call.watched(_looks_since_answer(call)) >= SECOND_LOOK
    return nobody_ever_joined(call)


def _answered_just_now(call: Call) -> bool:
    """By a row: what dispatches on the answer, another component maybe, has not had its time."""
    row = call.logged.get(Step.SIP_ANSWERED)
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_dispatched.broken_after)
    return row is not None and Step.AGENT_DISPATCHED not in call.logged and call.rows_now - row.at < allowed


def wants_second_look_for_dispatch(call: Call, proofs: Proofs) -> timedelta | None:
    """After how long a second look, which alone keeps a missing dispatch from being concluded, may tell."""
    wanted = (
        call.api_covers
        and not call.dispatches
        and call.agent_name != ""
        and not call.agents_seen
        and overdue(call, proofs, Step.AGENT_DISPATCHED)
        and not placer_is_past(call)
        and _answered_and_alone(call)
        and call.watched(_looks_since_answer(call)) < SECOND_LOOK
    )
    return SECOND_LOOK if wanted else None


def placer_is_past(call: Call) -> bool:
    """The component that places the call logged a dispatch, or that CreateSIPParticipant returned,
    long enough ago for a dispatch right after that.

    Another component may log the SIP participant, a webhook say, while this one still waits.
    """
    if Step.AGENT_DISPATCHED in call.logged:
        return True
    row = call.logged.get(Step.SIP_PARTICIPANT_CREATED, call.logged.get(Step.SIP_ANSWERED))
    if row is None:
        return False
    opened_by = {opening.source for step, opening in call.logged.items() if step in OPENING}
    known_time = not _is_behind(call, row.source, call.tolerance)
    settled = call.rows_now - row.at >= SECOND_LOOK + call.tolerance
    return row.source in (opened_by or {row.source}) and known_time and settled


def _is_behind(call: Call, source: str, tolerance: timedelta) -> bool:
    """Whether a component's clock is behind LiveKit's: it logged what it made before that was there."""
    made = {
        Step.ROOM_CREATED: call.room_info.created_at if call.room_info else None,
        Step.SIP_PARTICIPANT_CREATED: call.phone.joined_at if call.phone else None,
    }
    rows = [(call.logged[step], when) for step, when in made.items() if when and step in call.logged]
    return any(row.source == source and when - row.at > tolerance for row, when in rows)


def _answered_and_alone(call: Call) -> bool:
    """The phone was answered and is on the line, and nobody else is who may have taken over from an agent."""
    alone = not call.others_present and len(phones_in(call.participant_list)) == 1
    return call.phone_present and not call.phone_waits and bool(call.phone_status) and alone


def _looks_since_answer(call: Call) -> list[ParticipantList]:
    looks: list[ParticipantList] = []
    for listing in call.participant_lists:
        states = {p.attributes.get("sip.callStatus") for p in phones_in(listing)}
        if states and states <= {*ANSWERED}:
            looks.append(listing)
        else:
            looks.clear()
    return looks
