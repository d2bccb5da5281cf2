"""The phone's leg by why its SIP participant left, as webhooks tell it, and what was pasted. LKD204, 206, 210."""

from datetime import datetime

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import DIALED
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.stays import WEBHOOKS, names_of
from livekit_doctor.diagnosis.times import DATE_RESOLUTION
from livekit_doctor.evidence.observations import Participant
from livekit_doctor.flow import Confidence, Step

_REASONS: dict[str, tuple[str, Step, Confidence, tuple[str, ...]]] = {
    "USER_UNAVAILABLE": ("LKD206", Step.SIP_ANSWERED, Confidence.LIKELY, ("LKD204", "LKD205")),
    "USER_REJECTED": ("LKD204", Step.SIP_RINGING, Confidence.LIKELY, ("LKD206", "LKD208", "LKD210")),
    "SIP_TRUNK_FAILURE": ("LKD204", Step.SIP_RINGING, Confidence.POSSIBLE, ("LKD205", "LKD208", "LKD209", "LKD210")),
    "MEDIA_FAILURE": ("LKD210", Step.SIP_ANSWERED, Confidence.LIKELY, ()),
}
"""What the disconnect reason of a SIP participant says of its call (livekit-protocol, DisconnectReason). livekit-sip
1.11.0 gives USER_REJECTED for 401, 403, 407, 486, 488 and all 6xx, and for a login that failed; USER_UNAVAILABLE for
the other 4xx and where nobody answered; SIP_TRUNK_FAILURE for 5xx and what did not reach anybody."""


def phone_left(call: Call, proofs: Proofs) -> Finding | None:
    """LKD204, 206, 210: what tells of the phone's leaving has a reason, and the phone had not answered. Media may
    fail later, too."""
    answered = Step.SIP_ANSWERED in proofs
    if call.inbound or call.phone_present:
        return None
    for item in reversed(call.sightings):
        phones = [p for p in item.participants if p.kind == "SIP" and not p.attributes.get("sip.ruleID")]
        if item.at is not None and _dialled_after(call, item.at):
            return None
        if item.at is not None and phones and call.dials.phone_stayed(item.at, names_of(phones[0]), WEBHOOKS):
            continue  # a supervisor's, or the second number of two that were dialled at once
        if item.left_because in _REASONS and phones and not (answered and item.left_because != "MEDIA_FAILURE"):
            if item.left_because == "MEDIA_FAILURE" and item.at and _had_sound(call, proofs, phones[0], item.at):
                return None
            code, step, confidence, candidates = _REASONS[item.left_because]
            if code == "LKD206" and phones[0].attributes.get("sip.callStatus") == "dialing":
                confidence = Confidence.POSSIBLE  # it is not known to have rung
            text = f"SIP participant {phones[0].identity} left: {item.left_because}"
            because = (Because(source=item.told_by, at=item.at, text=text),)
            values = {"trunk_id": phones[0].attributes.get("sip.trunkID", ""), "detail": item.left_because}
            return Finding(
                code=code,
                step=step,
                confidence=confidence,
                because=because,
                candidates=candidates,
                values={key: value for key, value in values.items() if value},
            )
    return None


def _had_sound(call: Call, proofs: Proofs, phone: Participant, left: datetime) -> bool:
    told = (proof.at or proof.by for proof in proofs.get(Step.SIP_ANSWERED, ()))
    answered = min((at for at in told if at and (phone.joined_at is None or at >= phone.joined_at)), default=None)
    return call.dials.sound_had_come(answered, left)


def _dialled_after(call: Call, at: datetime) -> bool:
    """Whether a phone was created after this moment, or an attempt failed in which none was: only a later attempt does
    that by the time at which this phone has left."""
    failed = call.answers[-1] if call.answers else None
    again = failed is not None and failed.is_failure and failed.kind not in DIALED and failed.when is not None
    return (call.dials.last is not None and call.dials.last > at) or (
        again and failed.at - at > DATE_RESOLUTION  # type: ignore[union-attr]
    )


RULES = (phone_left,)
