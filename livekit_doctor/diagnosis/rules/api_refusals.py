"""Errors that LiveKit's API answered to the program which places the calls. LKD004, 006, 401.

They are about a request of that program, not of this tool. Which one, the text around an error may not
say: then it is the first one of a call that nothing shows to have succeeded.
"""

import re
from collections.abc import Sequence
from datetime import datetime

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis import connection_words
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.refused_requests import kind_of_refusal, refused_calls
from livekit_doctor.diagnosis.rules.carrier_answers import QUOTED
from livekit_doctor.diagnosis.times import OF_ANOTHER_DAY, PLACING
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import ApiRefusal
from livekit_doctor.flow import Confidence, Step

_STEPS = {
    "CreateRoom": Step.ROOM_CREATED,
    "CreateDispatch": Step.AGENT_DISPATCHED,
    "CreateSIPParticipant": Step.SIP_PARTICIPANT_CREATED,
}
"""The step that a request is for."""

_OF_TOKEN = ("invalid API key", "invalid token", "invalid authorization token")
_OWN_WORDS = (*_OF_TOKEN, "permissions denied", "no permissions to access the room", "livekit")
"""What LiveKit's servers say, and hardly another one."""

Refusals = Sequence[ApiRefusal]
"""Those of the call, oldest first."""


def _credentials_rejected(call: Call, proofs: Proofs, refusals: Refusals) -> Finding | None:
    """LKD004: HTTP 401 or 403. A token refused for its time may as well be a wrong clock (LKD005)."""
    refusal = _last(refusals, ("unauthenticated", "permission_denied"), (401, 403))
    if refusal is None:
        return None
    kind = kind_of_refusal(refusal.message)
    # SDKs drop the server's words: then a wrong clock (LKD005) reads the same.
    candidates = () if kind in ("key", "secret", "grant") else ("LKD005",)
    ruled_out = (RuledOut(code="LKD204", because="a carrier's refusal has a SIP status"),)
    return _finding(call, proofs, refusal, "LKD004", candidates, ruled_out, kind=kind)


def _quota_exceeded(call: Call, proofs: Proofs, refusals: Refusals) -> Finding | None:
    """LKD006: HTTP 429 without a SIP status."""
    refusal = _last(refusals, ("resource_exhausted",), (429,))
    return _finding(call, proofs, refusal, "LKD006", None, ()) if refusal else None


def _dispatched_without_room(call: Call, proofs: Proofs, refusals: Refusals) -> Finding | None:
    """LKD401: CreateDispatch for a room that is not there, where rooms are not created on demand (fact 34).

    Other methods answer the same: where the text does not name one it is possible at most.
    """
    refusal = next(filter(_says_no_room, reversed(refusals)), None)
    candidates = ("LKD409", "LKD501", "LKD502")
    found = refusal and _finding(call, proofs, refusal, "LKD401", candidates, (), step=Step.AGENT_DISPATCHED)
    if not refusal or not found:
        return None
    why = "a room is not created on demand there (room.auto_create), and this one was not there: CreateRoom comes first"
    sure = found.confidence if refusal.method else Confidence.POSSIBLE
    return replace(found, confidence=sure, because=(*found.because, Because(source="so", text=why)))


def _unreachable(call: Call, proofs: Proofs, refusals: Refusals) -> Finding | None:
    """LKD003: the program that places the calls did not get through to LiveKit."""
    for item in reversed(refusals):
        why = connection_words.why(item.message) if item.method and not (item.status or item.twirp_code) else None
        if why is not None and why[0] in connection_words.BEFORE_ANY_ANSWER:
            return _finding(call, proofs, item, "LKD003", None, (), kind=why[0])
    return None


def _request_failed(call: Call, proofs: Proofs, refusals: Refusals) -> Finding | None:
    """LKD401, LKD501: a row says that CreateDispatch, or CreateRoom, failed, of nothing that has a code of its own."""
    for item in reversed(refusals):
        code = _OF_FAILED.get(item.method) if _is_of_row(item) else None
        if code is not None:
            return _finding(call, proofs, item, code, ("LKD003",), ())
    return None


_OF_FAILED = {"CreateDispatch": "LKD401", "CreateRoom": "LKD501"}


def _says_no_room(item: ApiRefusal) -> bool:
    words = re.search(_NO_ROOM, item.message, re.IGNORECASE) is not None
    return words if not item.method else item.method == "CreateDispatch" and (words or item.twirp_code == "not_found")


_NO_ROOM = r"requested room does not exist|room (?:does not exist|not found)|could not find (?:the )?room"

_IN_THIS_ORDER = (_credentials_rejected, _quota_exceeded, _dispatched_without_room, _unreachable, _request_failed)


def refused(call: Call, proofs: Proofs) -> Finding | None:
    """What the last refusal of a request says, by its code or words; or else that a request failed."""
    refusals = tuple(refused_calls(call))
    return next((found for rule in _IN_THIS_ORDER if (found := rule(call, proofs, refusals))), None)


RULES = (refused,)


def _is_of_row(item: ApiRefusal) -> bool:
    return item.read.source.startswith(sources.CALL_LOGS)


def _last(refusals: Refusals, codes: tuple[str, ...], statuses: tuple[int, ...]) -> ApiRefusal | None:
    """The last one with one of these codes, or of these statuses without a code; or else with words about a token."""
    coded = [
        item
        for item in refusals
        if item.twirp_code in codes or (item.status in statuses and item.twirp_code in ("", "unknown"))
    ]
    found = coded or [item for item in refusals if not item.twirp_code and _is_of_token(item, statuses)]
    return found[-1] if found else None


def _is_of_token(item: ApiRefusal, statuses: tuple[int, ...]) -> bool:
    """The server's words about a token, with no status beside them."""
    return 401 in statuses and any(words in item.message for words in _OF_TOKEN)


def _is_of_other_time(call: Call, refusal: ApiRefusal) -> bool:
    """Whether it is dated well before the call, or after it: a person picked it, and it names neither room nor call."""
    if refusal.at is None:
        return False
    times = _times(call)
    if not times:  # nobody knows when the call was
        return not call.only_excerpts or call.setup.evidence.now - refusal.at > OF_ANOTHER_DAY
    return not min(times) - PLACING <= refusal.at <= max(times) + PLACING


def _is_of_another_day(call: Call, refusal: ApiRefusal) -> bool:
    """Whether it is so far from the call that no zone explains it: then it is another call's."""
    times = _times(call)
    if refusal.at is None or not times:
        return False
    return not min(times) - OF_ANOTHER_DAY <= refusal.at <= max(times) + OF_ANOTHER_DAY


def _is_after_the_end(call: Call, proofs: Proofs, refusal: ApiRefusal) -> bool:
    """Whether the call had ended before it: then it is the cleaning up's, or somebody's who tried again by hand."""
    ends = [proof.at for proof in proofs.get(Step.CALL_ENDED, ()) if proof.at is not None]
    return refusal.at is not None and bool(ends) and refusal.at - min(ends) > call.tolerance


def _times(call: Call) -> list[datetime]:
    """When the call is known to have been."""
    times = [row.at for row in call.rows] + ([call.room_info.created_at] if call.room_info else [])
    times += [line.at for line in call.component_logs.own if line.at is not None and line.zoned]
    times += [item.at for item in call.sightings if item.at is not None]
    return times + [answer.when for answer in call.answers if answer.when is not None]


def _first_not_shown(call: Call, proofs: Proofs, at: datetime | None) -> Step | None:
    """The first step of those that a request is for that nothing shows to have succeeded, or only after this moment."""
    for step in _STEPS.values():
        times = [proof.at for proof in proofs.get(step, ())]
        if not times or (at and all(time and time - at > call.tolerance for time in times)):
            return step
    return None


def _another_would_show(call: Call, step: Step, refusal: ApiRefusal) -> bool:
    """Whether anything that was read would show that the same was asked for again, and granted."""
    if step is Step.SIP_PARTICIPANT_CREATED:
        return call.dials.another_would_show(refusal.at)
    return step is Step.AGENT_DISPATCHED and call.api_covers


def _finding(
    call: Call,
    proofs: Proofs,
    refusal: ApiRefusal,
    code: str,
    candidates: tuple[str, ...] | None,
    ruled_out: tuple[RuledOut, ...],
    step: Step | None = None,
    **values: str,
) -> Finding | None:
    by_row = _is_of_row(refusal)
    step = step or _STEPS.get(refusal.method) or _first_not_shown(call, proofs, refusal.at)
    if by_row and not refusal.method and step is Step.SIP_PARTICIPANT_CREATED:
        return None  # it may be of a dial, of which the last answer counts
    if step is None or step in proofs or _is_of_another_day(call, refusal) or _is_after_the_end(call, proofs, refusal):
        return None
    if call.dials.heard_before(refusal.at if refusal.method else None):
        return None  # a tool of the agent's asked for something, as the call was under way
    http = f"HTTP {refusal.status}" if refusal.status else ""
    words = " ".join(filter(None, (http, refusal.twirp_code.removeprefix("unknown"))))
    text = ": ".join(filter(None, (words, refusal.message)))
    sure = refusal.method in _STEPS and not candidates and not refusal.quoted
    # Other services answer with the same codes; LiveKit's SDKs print the status with them.
    of_livekit = bool(refusal.method or refusal.status) or any(words in refusal.message for words in _OWN_WORDS)
    source = refusal.read.source if by_row else refusal.method or "LiveKit API, pasted"
    text = f"{refusal.method or 'a request'} failed: {text or 'no reason given'}" if by_row else text
    because = Because(source=source, at=refusal.at, text=text or "refused")
    of_other_time = _is_of_other_time(call, refusal)
    sure = sure and not of_other_time and _another_would_show(call, step, refusal)
    likely = of_livekit and not refusal.quoted and not of_other_time
    return Finding(
        code=code,
        step=step,
        confidence=Confidence.PROVEN if sure else Confidence.LIKELY if likely else Confidence.POSSIBLE,
        because=(because, QUOTED) if refusal.quoted else (because,),
        candidates=(() if sure else catalogue.get(code).candidates) if candidates is None else candidates,
        ruled_out=ruled_out if sure else (),
        values={"detail": refusal.message or http} | {k: v for k, v in values.items() if v},
    )
