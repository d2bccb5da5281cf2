"""The phone's leg as the room shows it: SIP participant created, dialing, ringing, answered (design
facts 20 to 24). What the attempt to dial was answered is in carrier_answers.

None of these applies to inbound calls, where ringing until the agent publishes is normal.
"""

from datetime import timedelta

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.ages import age, overdue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.carrier_answers import last_answer
from livekit_doctor.diagnosis.times import LEAVES_WITHIN, NOTHING_MISSED
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import OutboundTrunkList
from livekit_doctor.flow import Confidence, Step


def no_response(call: Call, proofs: Proofs) -> Finding | None:
    """LKD205, broad: the phone never got beyond dialing.

    Either it is at dialing after its allowance, or it was seen at dialing and has left: what
    the far end answered, if anything, is not in the API (fact 20).
    """
    phone = call.phone
    if phone is None or call.inbound or Step.SIP_RINGING in proofs or not call.phone_states:
        return None
    if _answer_is_known(call, proofs):
        return None
    if call.phone_status not in ("dialing", "hangup") or _given_up(call, Step.SIP_RINGING):
        return None
    identity = f"SIP participant {phone.identity}"
    since = age(call, proofs, Step.SIP_DIALING)
    if call.phone_present and overdue(call, proofs, Step.SIP_RINGING):
        text = f"{identity} is at dialing after {since.total_seconds():.0f} s" if since else identity
    elif not call.phone_present and _left_at(call, "dialing"):
        text = f"{identity} was at dialing when last seen, and has left"
    else:
        return None
    return Finding(
        code="LKD205",
        step=Step.SIP_RINGING,
        confidence=Confidence.LIKELY,
        because=(_because(call, text),),
        candidates=catalogue.get("LKD205").candidates,
        values=_values(call),
    )


def not_answered(call: Call, proofs: Proofs) -> Finding | None:
    """LKD206: it rang, and was not answered.

    Possible only, where it left while ringing: a refusal after the ringing (LKD204) and media
    that failed on the answer (LKD210) look the same from here.
    """
    phone = call.phone
    if phone is None or call.inbound or Step.SIP_ANSWERED in proofs or _answer_is_known(call, proofs):
        return None
    if call.phone_status not in ("ringing", "hangup") or _given_up(call, Step.SIP_ANSWERED):
        return None
    identity = f"SIP participant {phone.identity}"
    since = age(call, proofs, Step.SIP_DIALING)
    candidates: tuple[str, ...] = ()
    if call.phone_present and overdue(call, proofs, Step.SIP_ANSWERED):
        confidence = Confidence.LIKELY
        text = f"{identity} is still ringing after {since.total_seconds():.0f} s" if since else identity
    elif not call.phone_present and _left_at(call, "ringing"):
        confidence, candidates = Confidence.POSSIBLE, ("LKD204", "LKD210")
        text = f"{identity} was ringing when last seen, and has left"
    else:
        return None
    return Finding(
        code="LKD206",
        step=Step.SIP_ANSWERED,
        confidence=confidence,
        because=(_because(call, text),),
        candidates=candidates,
        values=_values(call),
    )


def sip_service_unavailable(call: Call, proofs: Proofs) -> Finding | None:
    """LKD203: no SIP participant, and the server says that it has no SIP (fact 24)."""
    if not _phone_missing(call, proofs):
        return None
    for entry in call.setup.coverage(sources.SIP_API):
        if entry.problem is not None and entry.problem.code == "LKD203":
            return Finding(
                code="LKD203",
                step=Step.SIP_PARTICIPANT_CREATED,
                confidence=Confidence.PROVEN,
                because=(Because(source=entry.source, text=entry.problem.message), _nobody(call)),
            )
    return None


def outbound_trunk_missing(call: Call, proofs: Proofs) -> Finding | None:
    """LKD201: no SIP participant, and the configured outbound trunk does not exist.

    Likely: a call may also give its trunk inline, which no list shows (fact 23).
    """
    trunks = call.setup.latest(OutboundTrunkList)
    expected = call.settings.sip.outbound_trunks
    if trunks is None or not expected or not _phone_missing(call, proofs):
        return None
    there = {trunk.id for trunk in trunks.trunks}
    if any(trunk.id in there for trunk in expected):
        return None
    ids = ", ".join(trunk.id for trunk in expected)
    return Finding(
        code="LKD201",
        step=Step.SIP_PARTICIPANT_CREATED,
        confidence=Confidence.LIKELY,
        because=(
            Because(
                source="ListSIPOutboundTrunk",
                at=trunks.read.now,
                text=f"configured trunk {ids} is not there; there: {', '.join(sorted(there)) or 'none'}",
            ),
            _nobody(call),
        ),
        candidates=("LKD203",),
        values={"trunk_id": expected[0].id},
    )


def _given_up(call: Call, step: Step) -> bool:
    """The team logged the call's end before the phone had had its time: it may have hung up itself."""
    ended, allowance = call.logged.get(Step.CALL_ENDED), call.allowance(step)
    if ended is None or allowance is None or call.phone is None or call.phone.joined_at is None:
        return False
    return ended.at - call.phone.joined_at < timedelta(seconds=allowance.broken_after)


def _answer_is_known(call: Call, proofs: Proofs) -> bool:
    """The answer says more than that the phone has left; or it was dialled again since it was seen."""
    explained = set(Kind) - {Kind.STARTED, Kind.UNEXPLAINED, Kind.NOT_PICKED_UP}
    joined, last = call.phone.joined_at if call.phone else None, call.dials.last
    again = joined is not None and last is not None and last - joined > LEAVES_WITHIN
    seen = call.phone_states[-1][0] if call.phone_states else None
    again = again or (not call.phone_present and seen is not None and call.dials.again(seen))
    return again or last_answer(call, proofs, *explained) is not None


def _phone_missing(call: Call, proofs: Proofs) -> bool:
    """The room lives, no SIP participant was ever seen, no row says that there was one, and the
    component that dials has had its time: as long as a dispatch may take."""
    if not call.api_covers or Step.SIP_PARTICIPANT_CREATED in proofs or call.inbound:
        return False
    starts = Step.AGENT_CONNECTED if call.settings.flow.placed_by == "agent" else Step.ROOM_CREATED
    since = age(call, proofs, starts)
    allowed = call.settings.flow.allowances.agent_dispatched.broken_after
    return since is not None and since > timedelta(seconds=allowed)


def _left_at(call: Call, status: str) -> bool:
    """The phone was seen at this sip.callStatus, and at the next look soon after it was gone."""
    unseen = call.unseen_after(status)
    return unseen is not None and unseen <= NOTHING_MISSED


def _because(call: Call, text: str) -> Because:
    at = call.phone_states[-1][0] if call.phone_states else None
    return Because(source="ListParticipants", at=at, text=text)


def _nobody(call: Call) -> Because:
    read = call.participant_list.read.now if call.participant_list else None
    return Because(source="ListParticipants", at=read, text="no SIP participant in the room")


def _values(call: Call) -> dict[str, str]:
    attributes = call.phone.attributes if call.phone else {}
    values = {"trunk_id": attributes.get("sip.trunkID"), "number": attributes.get("sip.phoneNumber")}
    return {key: value for key, value in values.items() if value}
