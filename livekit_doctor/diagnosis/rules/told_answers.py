"""The phone's leg where nobody tells what the carrier answered: by a team's own words for it, or by words that are not
known. LKD204, 205, 206, possible."""

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.carrier_answers import after_ringing, dialled, last_answer, of_another_attempt
from livekit_doctor.diagnosis.states import says_busy
from livekit_doctor.flow import Confidence, Step


def not_picked_up(call: Call, proofs: Proofs) -> Finding | None:
    """LKD206, or LKD204 where it was busy, possible: a team's own word, which it may have for other answers, too."""
    answer = last_answer(call, proofs, Kind.NOT_PICKED_UP)
    if answer is None:
        return None
    rang = next(iter(proofs.get(Step.SIP_RINGING, ())), None)
    shown = [Because(source=rang.source, at=rang.at, text=rang.text)] if rang else []
    code, step = ("LKD204", after_ringing(proofs)) if says_busy(answer.words) else ("LKD206", Step.SIP_ANSWERED)
    return Finding(
        code=code,
        step=step,
        confidence=Confidence.POSSIBLE,
        because=(answer.because, *shown, *of_another_attempt(call, proofs, answer)),
        candidates=tuple(
            one for one in ("LKD205", "LKD204", "LKD206") if one != code and not (rang and one == "LKD205")
        ),
    )


def unexplained(call: Call, proofs: Proofs) -> Finding | None:
    """LKD205, or LKD206 where it rang, possible: the attempt to dial failed with words that are not known."""
    answer = last_answer(call, proofs, Kind.UNEXPLAINED)
    if answer is None or answer.doubt:
        return None
    code = "LKD206" if Step.SIP_RINGING in proofs else "LKD205"
    return Finding(
        code=code,
        step=after_ringing(proofs),
        confidence=Confidence.POSSIBLE,
        because=(answer.because,),
        candidates=(*catalogue.get(code).candidates, "LKD202", "LKD210"),
        values=dialled(answer),
    )
