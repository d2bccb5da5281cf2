"""The phone's leg where the answer to the attempt to dial is known (design facts 21 to 24).

What the answer says is exact: LiveKit's own refusals, livekit-sip's and the carrier's differ in it.
It is the last answer that counts, and only while nothing came after it.
"""

import re
from collections.abc import Iterator
from datetime import timedelta

from msgspec.structs import replace

from livekit_doctor import catalogue, lazy_re
from livekit_doctor.catalogue.sip_statuses import Meaning, SipStatus, carrier_words, sip_status
from livekit_doctor.diagnosis.answer_sources import CarrierAnswer
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.carrier import ANOTHER_BEFORE
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut, logged
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.refused_requests import kind_of_refusal
from livekit_doctor.diagnosis.times import NOTHING_MISSED, RINGS_FOR, ROOM_CLOSES_AFTER, ROOM_LINGERS
from livekit_doctor.flow import Confidence, Step

CODES = {
    Kind.TRUNK_MISSING: "LKD201",
    Kind.TRUNK_UNUSABLE: "LKD202",
    Kind.NO_SIP: "LKD203",
    Kind.REJECTED: "LKD204",
    Kind.AUTH_FAILED: "LKD208",
    Kind.UNREACHABLE: "LKD209",
    Kind.MEDIA_FAILED: "LKD210",
    Kind.QUOTA: "LKD006",
    Kind.CREDENTIALS: "LKD004",
}
"""The answers that say by themselves what is wrong."""

CANCELLED = 487
"""Request Terminated (RFC 3261, 15.1.2)."""

NOT_THE_LAST = Because(
    source="not seen", text="whether the phone was dialled again after it: nothing that was read would show that"
)

QUOTED = Because(source="evidence", text="it is quoted in a sentence, or stands alone, and may be about another call")


def last_answer(call: Call, proofs: Proofs, *kinds: Kind) -> CarrierAnswer | None:
    """The answer that ended the call, if it is one of these kinds. None where the phone was answered
    all the same, and where a phone is on the line that joined after it, or may have: it was dialled
    again. So it was where a row tells of the phone later on. And none where it may as well be a further phone's."""
    if call.inbound or Step.SIP_ANSWERED in proofs or not call.answers:
        return None
    answer = call.answers[-1]
    if answer.kind not in kinds or answer.earlier or answer.doubt == ANOTHER_BEFORE:
        return None
    joined = call.phone.joined_at if call.phone else None
    later = not answer.by_livekits_clock or (joined is not None and joined > answer.at)
    return None if call.phone_present and later else answer


def sip_call_rejected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD204: a final SIP status other than a request for a login, or the carrier's own words alone."""
    answer = last_answer(call, proofs, Kind.REJECTED)
    if answer is None:
        return None
    if answer.sip_status is None:
        return _refused_in_words(call, proofs, answer)
    status = sip_status(answer.sip_status)
    label = f"SIP {status.code} {status.name}" + ("" if status.registered else " (not registered)")
    again = (one for one in call.answers if (one.kind, one.sip_status) == (answer.kind, answer.sip_status))
    said = carrier_words(answer.sip_text, answer.words, *(one.words for one in again if not one.earlier))
    meanings = _told(label, (said.meaning,) if said else status.meanings)
    if answer.sip_status == CANCELLED and not answer.by_livekits_clock:
        answer = replace(answer, doubt="it is the answer to a CANCEL: the side that called had given up before")
    own = {429: "LKD006", 403: "LKD004", 401: "LKD004"}.get(status.http)
    text = f"LiveKit's own refusal (HTTP {status.http}) has no SIP status"
    return _exact(
        call,
        proofs,
        answer,
        after_ringing(proofs),
        others=set() if said else _what_else_it_may_say(answer, status),
        because=meanings,
        ruled_out=[RuledOut(code=own, because=text)] if own else [],
        detail=f"{status.code} {answer.sip_text or status.name}",
        sip_status=str(status.code),
        carrier_words=said.name if said else "",
    )


_OF_LOGIN = lazy_re.compile(r"\bauth(?:entication)?\b|\bcredentials?\b|\bpassword\b", re.IGNORECASE)
"""In the text of a 403, by which some carriers refuse a login that they do not take."""


def _what_else_it_may_say(answer: CarrierAnswer, status: SipStatus) -> set[str]:
    of_login = status.code == 403 and _OF_LOGIN.search(answer.sip_text) is not None
    given_up = status.code == CANCELLED and not answer.by_livekits_clock  # as where nobody picks up
    rung_out = given_up or _may_have_rung_out(answer, status)
    return ({"LKD208"} if of_login else set()) | ({"LKD206"} if rung_out else set())


def _may_have_rung_out(answer: CarrierAnswer, status: SipStatus) -> bool:
    """Whether the status may say that nobody picked up, too, and came only when a phone had rung for long enough."""
    return any(one.rang for one in status.meanings) and timedelta(seconds=answer.took or 0) > RINGS_FOR


def _refused_in_words(call: Call, proofs: Proofs, answer: CarrierAnswer) -> Finding | None:
    """LKD204 by what the carrier says where it names no status, as its debugger does."""
    said = carrier_words(answer.words)
    if said is None:
        return None
    meanings, step = _told("the carrier's words", (said.meaning,)), after_ringing(proofs)
    return _exact(call, proofs, answer, step, because=meanings, detail=answer.words, carrier_words=said.name)


def _told(label: str, meanings: tuple[Meaning, ...]) -> list[Because]:
    return [
        Because(source=label if number == 0 else "or", text=f"from the {meaning.who}: {meaning.means}")
        for number, meaning in enumerate(meanings)
    ]


def sip_auth_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD208: 401 or 407, and the login that followed failed or there was none to give."""
    answer = last_answer(call, proofs, Kind.AUTH_FAILED)
    return _exact(call, proofs, answer, after_ringing(proofs)) if answer else None


def sip_address_unreachable(call: Call, proofs: Proofs) -> Finding | None:
    """LKD209: the INVITE got to nobody."""
    answer = last_answer(call, proofs, Kind.UNREACHABLE)
    return _exact(call, proofs, answer, after_ringing(proofs)) if answer else None


def sip_media_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD210: the far end took the call, and no codec or no encryption was agreed on."""
    answer = last_answer(call, proofs, Kind.MEDIA_FAILED)
    return _exact(call, proofs, answer, Step.SIP_ANSWERED) if answer else None


def trunk_does_not_exist(call: Call, proofs: Proofs) -> Finding | None:
    """LKD201, from the server's own words."""
    answer = last_answer(call, proofs, Kind.TRUNK_MISSING)
    return _exact(call, proofs, answer, Step.SIP_PARTICIPANT_CREATED) if answer else None


def trunk_is_unusable(call: Call, proofs: Proofs) -> Finding | None:
    """LKD202, from the words of the server or of livekit-sip, before anything was dialled."""
    answer = last_answer(call, proofs, Kind.TRUNK_UNUSABLE)
    if answer is None:
        return None
    text = answer.because.text
    kind = "number" if "number" in text else "transport" if "different transports" in text else "address"
    return _exact(call, proofs, answer, Step.SIP_DIALING, kind=kind)


def no_sip_service(call: Call, proofs: Proofs) -> Finding | None:
    """LKD203, from the server's own words (fact 24)."""
    answer = last_answer(call, proofs, Kind.NO_SIP)
    if answer is None:
        return None
    kind = next((kind for words, kind in _NO_SIP if words in answer.words.lower()), "")
    return _exact(call, proofs, answer, Step.SIP_PARTICIPANT_CREATED, detail=answer.because.text, kind=kind)


_NO_SIP = (
    ("redis required", "redis"),
    ("no response from servers", "silent"),
    ("room join failed", "join"),
    ("cpu exhausted", "full"),
    ("shutting down", "stopping"),
)


def quota_exceeded(call: Call, proofs: Proofs) -> Finding | None:
    """LKD006: HTTP 429 with no SIP status is LiveKit's limit, and no busy line (fact 23)."""
    answer = last_answer(call, proofs, Kind.QUOTA)
    if answer is None:
        return None
    ruled_out = [RuledOut(code="LKD204", because="a busy line has a SIP status, 486 or 600")]
    return _exact(call, proofs, answer, Step.SIP_PARTICIPANT_CREATED, ruled_out=ruled_out)


def credentials_rejected(call: Call, proofs: Proofs) -> Finding | None:
    """LKD004: HTTP 401 or 403 with no SIP status is LiveKit's own refusal, not the carrier's."""
    answer = last_answer(call, proofs, Kind.CREDENTIALS)
    if answer is None:
        return None
    ruled_out = [RuledOut(code="LKD204", because="the carrier's 403 has a SIP status")]
    kind, detail = kind_of_refusal(answer.words) or "grant", answer.because.text
    return _exact(call, proofs, answer, Step.SIP_PARTICIPANT_CREATED, ruled_out=ruled_out, kind=kind, detail=detail)


def timed_out_while_dialing(call: Call, proofs: Proofs) -> Finding | None:
    """LKD205: no final answer, and it never rang. The carrier is silent, since a refusal (LKD204), a
    failed login (LKD208) and an unreachable address (LKD209) have words of their own. Likely, since
    between the last look and the end it may have begun to ring.

    The error is the same when it rang: only the last sip.callStatus tells, and where nobody looked
    it is open (fact 21). So is a call that was ended from here before its time.
    """
    answer = last_answer(call, proofs, Kind.TIMED_OUT)
    if answer is None or Step.SIP_RINGING in proofs:
        return None
    because, candidates = [answer.because], ["LKD206"]
    confidence, values = Confidence.POSSIBLE, dialled(answer)
    ruled_out = {
        "LKD204": "a refusal has a SIP status",
        "LKD208": "a failed login has an error of its own",
        "LKD209": "an address that can't be reached has an error of its own, but on UDP",
    }
    responses = _responses(answer)
    if responses == 0:
        confidence, candidates, values = Confidence.LIKELY, ["LKD209"], values | {"kind": "silent"}
        ruled_out |= {"LKD206": "a phone that rings is reported before it is picked up, and nothing was"}
        del ruled_out["LKD209"]
    elif responses:
        ruled_out["LKD209"] = f"the address answered, {responses} times, as that it tries or rings"
    if _last_seen_at(call, answer, "dialing"):
        at = call.phone_states[-1][0]
        because.append(Because(source="ListParticipants", at=at, text="sip.callStatus was dialing to the end"))
        if not answer.cut_short:
            confidence, candidates, values = Confidence.LIKELY, [], values | {"kind": "silent"}
    if answer.doubt:
        confidence = Confidence.POSSIBLE
        because.append(Because(source=answer.because.source, at=answer.when, text=answer.doubt))
    candidates = list(dict.fromkeys([*candidates, *sorted(_others(call, "LKD205"))]))
    return Finding(
        code="LKD205",
        step=Step.SIP_RINGING,
        confidence=confidence,
        because=(*because, *_against_a_row(call), *_cut_short(answer)),
        candidates=tuple(candidates),
        values=values,
        ruled_out=tuple(
            RuledOut(code=code, because=why)
            for code, why in ruled_out.items()
            if code not in candidates and not answer.open_end
        ),
    )


def _responses(answer: CarrierAnswer) -> int | None:
    """How many provisional answers came, where livekit-sip says so: 0 is silence."""
    found = re.search(r"\((\d+) intermediate responses?\)", answer.words)
    return int(found[1]) if found else None


def timed_out_while_ringing(call: Call, proofs: Proofs) -> Finding | None:
    """LKD206: no final answer, and it rang: nobody picked up."""
    answer = last_answer(call, proofs, Kind.TIMED_OUT)
    if answer is None or Step.SIP_RINGING not in proofs:
        return None
    rang = next(iter(proofs[Step.SIP_RINGING]))
    others = _others(call, "LKD206")
    refused = RuledOut(code="LKD204", because="a refusal after the ringing has a SIP status")
    seen = _last_seen_at(call, answer, "ringing") and not answer.cut_short and len(call.answers) == 1
    return Finding(
        code="LKD206",
        step=Step.SIP_ANSWERED,
        confidence=Confidence.POSSIBLE if answer.doubt else Confidence.PROVEN if seen else Confidence.LIKELY,
        because=(
            answer.because,
            Because(source=rang.source, at=rang.at, text=rang.text),
            *_against_a_row(call),
            *_cut_short(answer),
        ),
        candidates=tuple(sorted(others)),
        values=dialled(answer),
        ruled_out=() if "LKD204" in others or answer.open_end else (refused,),
    )


def after_ringing(proofs: Proofs) -> Step:
    """Where a call that was refused broke: it may have rung before."""
    return Step.SIP_ANSWERED if Step.SIP_RINGING in proofs else Step.SIP_RINGING


def _last_seen_at(call: Call, answer: CarrierAnswer, status: str) -> bool:
    """Whether the phone was seen at this sip.callStatus just before the answer, and at no later one."""
    if answer.read_at is None or call.phone is None or call.phone_status not in (status, "hangup"):
        return False
    sid = call.phone.sid
    seen = [
        listing.read.at
        for listing in call.participant_lists
        for p in listing.participants
        if p.sid == sid and p.attributes.get("sip.callStatus") == status
    ]
    return any(answer.read_at - NOTHING_MISSED <= when <= answer.read_at + NOTHING_MISSED for when in seen)


def _cut_short(answer: CarrierAnswer) -> tuple[Because, ...]:
    if not answer.cut_short or answer.took is None:
        return ()
    text = f"given up after {answer.took:.1f} s of its ringing timeout of {answer.ringing_timeout:g} s: ended from here"
    return (Because(source=answer.because.source, text=text),)


def dialled(answer: CarrierAnswer) -> dict[str, str]:
    values = {"trunk_id": answer.trunk_id, "number": answer.number}
    return {key: value for key, value in values.items() if value}


def of_another_attempt(call: Call, proofs: Proofs, answer: CarrierAnswer) -> tuple[Because, ...]:
    """Why an answer that a log has may not be the one to the call: an agent was in the room, and the call went on
    for long after it, or had gone on for longer than a phone rings; or for unusually long both. Empty where nothing
    says so."""
    if answer.doubt:
        return (Because(source=answer.because.source, at=answer.when, text=answer.doubt),)
    if Step.AGENT_CONNECTED not in proofs or answer.by_livekits_clock or answer.when is None or not call.rows:
        return ()
    first, last = call.logged.get(Step.SIP_PARTICIPANT_CREATED, call.rows[0]), call.rows[-1]
    before, after = answer.when - first.at, last.at - answer.when
    allowance = call.settings.flow.allowances.sip_answered
    unusual = before > timedelta(seconds=allowance.slow_after)
    rings = timedelta(seconds=allowance.slow_after if answer.soon else allowance.broken_after)
    if after > (ROOM_CLOSES_AFTER + call.tolerance if unusual else ROOM_LINGERS):
        row, when = last, f"{after.total_seconds():.0f} s after it"
    elif before > rings:
        row, when = first, f"{before.total_seconds():.0f} s before it"
    else:
        return ()
    return (logged(row, f" {when}, and the agent was there: it may be the answer to another attempt"),)


def _against_a_row(call: Call) -> Iterator[Because]:
    if call.denied:
        row = call.denied[0]
        text = f"contradiction: {row.source or 'a component'} logged {row.state}, while it was dialled"
        yield Because(source=row.read.source, at=row.at, text=text)


def _answered_before(call: Call) -> Iterator[Because]:
    for line in call.component_logs.answered_before[:1]:
        yield Because(source="sip log", at=line.at, text="an earlier dial was answered, and had ended before this one")


def _others(call: Call, code: str) -> set[str]:
    """What other answers say that are not known to be an earlier attempt's: of undated ones nobody knows the order."""
    return {CODES[other.kind] for other in call.answers if other.kind in CODES and not other.earlier} - {code}


def _exact(
    call: Call,
    proofs: Proofs,
    answer: CarrierAnswer,
    step: Step,
    *,
    others: set[str] | None = None,
    because: list[Because] | None = None,
    ruled_out: list[RuledOut] | None = None,
    **values: str,
) -> Finding:
    """What the answer says, proven; where it, or another attempt's, says something else besides, or nothing would show
    a later one, only likely; where it is no more than quoted, or may be another attempt's, possible."""
    code = CODES[answer.kind]
    others = (others or set()) | _others(call, code)
    doubts = (*((QUOTED,) if answer.quoted else ()), *of_another_attempt(call, proofs, answer))
    candidates = others or (catalogue.get(code).candidates if doubts else ())
    against = (*_against_a_row(call), *_answered_before(call))
    unsure = bool(others) or answer.open_end or bool(against)
    return Finding(
        code=code,
        step=step,
        confidence=Confidence.POSSIBLE if doubts else Confidence.LIKELY if unsure else Confidence.PROVEN,
        because=(
            answer.because,
            *against,
            *doubts,
            *(because or ()),
            *((NOT_THE_LAST,) if answer.open_end else ()),
        ),
        candidates=tuple(sorted(candidates)),
        values={key: value for key, value in values.items() if value} | dialled(answer),
        ruled_out=() if doubts or answer.open_end else tuple(r for r in ruled_out or () if r.code not in others),
    )
