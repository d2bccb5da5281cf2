"""The phone's leg by why its SIP participant left, as webhooks tell it, what was pasted, and the server's log.
LKD204, 206, 210."""

from collections.abc import Iterator
from datetime import datetime

from msgspec import Struct

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.dial_errors import DIALED
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.stays import SERVER_LOG, WEBHOOKS, names_of
from livekit_doctor.diagnosis.times import DATE_RESOLUTION
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


class _Leaving(Struct, frozen=True):
    """That a phone left, and why; `rang`: it may have, as far as this source tells."""

    at: datetime | None
    reason: str
    because: Because
    names: frozenset[str]
    by: str
    rang: bool
    joined_at: datetime | None = None
    trunk_id: str = ""


def _leavings(call: Call, proofs: Proofs) -> Iterator[_Leaving]:
    """What webhooks and pasted text tell, and the server's log, oldest first."""
    for line in call.component_logs.of_phone(Said.PARTICIPANT_LEFT):
        names, reason = frozenset({line.fields.get("participant", "")}), line.fields.get("reason", "")
        if line.zoned:
            rang = Step.SIP_RINGING in proofs
            yield _Leaving(line.at, reason, because(line, "the phone left"), names, SERVER_LOG, rang)
    for item in call.sightings:
        for phone in [p for p in item.participants if p.kind == "SIP" and not p.attributes.get("sip.ruleID")][:1]:
            text = f"SIP participant {phone.identity} left: {item.left_because}"
            told = Because(source=item.told_by, at=item.at, text=text)
            rang, trunk = phone.attributes.get("sip.callStatus") != "dialing", phone.attributes.get("sip.trunkID", "")
            reason, names = item.left_because, names_of(phone)
            yield _Leaving(item.at, reason, told, names, WEBHOOKS, rang, phone.joined_at, trunk)


def phone_left(call: Call, proofs: Proofs) -> Finding | None:
    """LKD204, 206, 210: what tells of the phone's leaving has a reason, and the phone had not answered. Media may
    fail later, too."""
    answered = Step.SIP_ANSWERED in proofs
    if call.inbound or call.phone_present:
        return None
    for left in reversed([*_leavings(call, proofs)]):
        if left.at is not None and _dialled_after(call, left.at):
            return None
        if left.at is not None and call.dials.phone_stayed(left.at, left.names, left.by):
            continue  # a supervisor's, or the second number of two that were dialled at once
        if left.reason in _REASONS and not (answered and left.reason != "MEDIA_FAILURE"):
            if left.reason == "MEDIA_FAILURE" and left.at and _had_sound(call, proofs, left.joined_at, left.at):
                return None
            code, step, confidence, candidates = _REASONS[left.reason]
            if code == "LKD206" and not left.rang:
                confidence = Confidence.POSSIBLE
            values = {"trunk_id": left.trunk_id, "detail": left.reason}
            return Finding(
                code=code,
                step=step,
                confidence=confidence,
                because=(left.because,),
                candidates=candidates,
                values={key: value for key, value in values.items() if value},
            )
    return None


def _had_sound(call: Call, proofs: Proofs, joined: datetime | None, left: datetime) -> bool:
    told = (proof.at or proof.by for proof in proofs.get(Step.SIP_ANSWERED, ()))
    answered = min((at for at in told if at and (joined is None or at >= joined)), default=None)
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
