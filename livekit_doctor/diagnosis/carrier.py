"""Which of the answers to attempts to dial are the call's: not those to a further phone, each once, and with what is
known of dials after it."""

from bisect import bisect_left, bisect_right
from datetime import datetime, timedelta

from msgspec.structs import replace

from livekit_doctor.diagnosis.answer_sources import OTHER_PROGRAMS, SOURCES, Attempts, CarrierAnswer
from livekit_doctor.diagnosis.dial_errors import OF_A_PHONE, Kind, own_words
from livekit_doctor.diagnosis.dials import Dials
from livekit_doctor.diagnosis.row_answers import error_in
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.stays import SERVER_LOG, SIP_LOG, UNANSWERED, names_of
from livekit_doctor.diagnosis.times import DATE_RESOLUTION, FAILS_WITHIN, MOMENT
from livekit_doctor.flow import Step


def answers(attempts: Attempts) -> tuple[CarrierAnswer, ...]:
    """Every answer to this call's attempts to dial, from all sources, oldest first. What a sentence quotes, and a
    team's own word for it, count where there is nothing else."""
    found = [answer for source in SOURCES for answer in source(attempts)]
    found = [answer for answer in found if answer.kind is not Kind.NOT_PICKED_UP] or found
    own = [answer for answer in found if not answer.quoted] or found
    dated = [answer for answer in own if answer.when is not None]
    # What has no time says again what another source has with it.
    once = [one for one in own if one.when is not None or not any(_says_the_same(one, other) for other in dated)]
    once = _without_further_phones(attempts.dials, once)
    if len({_what(one) for one in once if one.is_failure and not one.earlier}) > 1:
        once = [one if one.when is not None else replace(one, doubt=_DIALLED_SEVERAL_TIMES) for one in once]
    placed = _told_once([_placed(attempts, answer) for answer in once], attempts.dials.seen.tolerance)
    doubted = _unless_another_was_last(attempts.dials, placed)
    return tuple(
        sorted(doubted, key=lambda one: (one.at, not one.earlier, one.because.source, one.kind, one.because.text))
    )


def _without_further_phones(dials: Dials, answers: list[CarrierAnswer]) -> list[CarrierAnswer]:
    """Without those to a phone that is not the call's: by a source that has the identity of the one that was refused,
    and so for those that say the same without it."""
    further = [one for one in answers if one.is_failure and _is_further(dials, one)]

    def is_one_of_them(answer: CarrierAnswer) -> bool:
        unnamed = not (answer.dial or answer.identity)
        told = (
            one for one in further if _says_the_same(answer, one) and abs(one.at - answer.at) <= dials.seen.tolerance
        )
        return answer in further or (unnamed and any(told))

    return [one for one in answers if not is_one_of_them(one)] if further else answers


def _is_further(dials: Dials, answer: CarrierAnswer) -> bool:
    """The call's phone was there before, and stayed; or it and the agent had left before this one was dialled; or the
    agent dialled this one, long after another component had dialled the call's."""
    names, began = {answer.dial, answer.identity}, answer.started_at or dials.began(answer.dial)
    of_api = answer.component is None and names == {""}
    if answer.component is None and dials.says_of_further(own_words(answer.words), answer.when):
        return True
    if answer.when is None:
        return False
    if began is not None and dials.all_had_left(began):
        return True
    made = dials.seen.made_by_another if answer.by_agent else None
    if made is not None and answer.at - made > dials.seen.answered_within:
        return True
    if of_api and dials.accepted_stayed(answer.at):
        return True
    if of_api:
        names |= _refused_then(dials, answer.at)
    return dials.phone_stayed(answer.at, names, answer.because.source, began)


def _refused_then(dials: Dials, at: datetime) -> set[str]:
    """By what the phones are known that were refused at about this moment, as webhooks tell."""
    left = (item for item in dials.seen.sightings if item.at and item.left_because in UNANSWERED)
    near = (item for item in left if item.at and abs(item.at - at) <= dials.seen.tolerance)
    return {name for item in near for phone in item.participants for name in names_of(phone)}


def _says_the_same(answer: CarrierAnswer, other: CarrierAnswer) -> bool:
    same_words = answer.words and own_words(answer.words) == own_words(other.words)
    return bool(same_words) or _what(answer) == _what(other)


def _what(answer: CarrierAnswer) -> tuple[Kind, int | None]:
    """What became of the attempt. That a login failed, livekit-sip says without the carrier's 401 or 407, too."""
    return answer.kind, None if answer.kind is Kind.AUTH_FAILED else answer.sip_status


_OF_ANOTHER_PHONE = "a phone is known by another source, and when this was is not: it may be about another attempt"
_AFTER_THE_END = "the call had ended before it, as a row says: it may be another call's"
_BY_ANOTHER = "another component had dialled the call's phone, as a row says: the agent's dial may be of a further one"
ANOTHER_BEFORE = "a phone had been created before this one was dialled, and nothing tells that it failed or left"
_BEGINS_WITHIN = "the log begins when the room was open: another phone may have been dialled before this one"
_SUCCEEDED_BEFORE = "a phone had been dialled before it by a request that did not fail: it may be another's"
_WENT_ON = "the agent dialled, and its job went on: it may be a further phone, or have been dialled again"
_DIALLED_SEVERAL_TIMES = "the phone was dialled more than once: it may be the answer to another attempt"
_WENT_ON_AFTER = "after it: the phone may have been dialled again, and be on the line"


def _unless_another_was_last(dials: Dials, placed: list[CarrierAnswer]) -> list[CarrierAnswer]:
    """With a doubt on those of which nobody knows whether another attempt's, by another clock, was the last."""
    failed: dict[tuple[str | None, Kind, int | None], list[datetime]] = {}
    for one in placed:
        if one.when is not None and one.is_failure and not one.doubt:
            failed.setdefault((_clock(dials, one), one.kind, one.sip_status), []).append(one.when)
    for times in failed.values():
        times.sort()

    def is_doubtful(answer: CarrierAnswer) -> bool:
        if answer.earlier or answer.doubt or answer.when is None or not answer.is_failure:
            return False
        first, last = answer.when - dials.seen.tolerance, answer.when + dials.seen.tolerance
        others = (
            times
            for (clock, *what), times in failed.items()
            if clock != _clock(dials, answer) and what != [answer.kind, answer.sip_status]
        )
        return any(bisect_left(times, first) < bisect_right(times, last) for times in others)

    return [replace(answer, doubt=_WHICH_WAS_LAST) if is_doubtful(answer) else answer for answer in placed]


def _is_of_somebody_else(dials: Dials, answer: CarrierAnswer) -> bool:
    """Whether a phone of another identity and number had been answered, and had left before this one was dialled."""
    names = {answer.identity, answer.number} - {""}
    lines = dials.logs.answered_before
    before = {line.fields.get(key, "") for line in lines for key in ("participant", "to_user")}
    return bool(names and lines) and not names & before


_OF_SOMEBODY_ELSE = "somebody had been on the phone before this one was dialled, or failed: it may be a further one"


def _accepted_before(dials: Dials, answer: CarrierAnswer, at: datetime) -> bool:
    """Whether a request to dial had succeeded before this moment, by the server, and nothing tells of its end. By the
    server's own log it is known of whom, and what came first."""
    by_server = answer.because.source == SERVER_LOG
    if not (answer.identity if by_server else answer.of_request and not answer.by_livekits_clock):
        return False
    told = (line for line in dials.logs.said(Said.SIP_ACCEPTED) if line.fields.get("participant") != answer.identity)
    margin = timedelta(0) if by_server else dials.seen.tolerance
    made = [line.at for line in told if line.at and at - line.at > margin]
    return bool(made) and dials.none_ended(max(made), at)


def _log_begins_within(dials: Dials) -> bool:
    """Whether a server's log, of which nothing was picked, does not have the room's opening, and nothing else tells how
    the call began, or of a phone: whether another was dialled before this one would not be seen."""
    lines, seen = dials.logs.own_by_log["server"], dials.seen
    told = seen.rows or seen.room_info or dials.logs.ever_said(Said.ROOM_OPENED) or dials.tell_of_phone
    return bool(lines) and not (told or any(map(dials.logs.is_picked, lines)))


def _begun(dials: Dials, answer: CarrierAnswer) -> datetime | None:
    """When this one was dialled, as far as that is known: what fails before a phone is created, fails at once."""
    if answer.started_at or answer.kind not in OF_A_PHONE:
        return answer.started_at or answer.when
    if answer.took and answer.when:
        return answer.when - timedelta(seconds=answer.took)
    if answer.when and not answer.dial and answer.kind in (Kind.AUTH_FAILED, Kind.UNREACHABLE):
        return answer.when - FAILS_WITHIN
    by_row = answer.component not in (None, SIP_LOG)
    return dials.last_made(answer.at) if by_row else dials.began(answer.dial)


_WHICH_WAS_LAST = "another attempt failed at about that time, by another clock: which was the last is not known"


def _clock(dials: Dials, answer: CarrierAnswer) -> str | None:
    of_sip = answer.component == SIP_LOG and dials.logs.is_dated_by_livekit("sip")
    own = answer.by_livekits_clock or answer.because.source == SERVER_LOG or of_sip
    return "livekit" if own else answer.component


def _told_once(placed: list[CarrierAnswer], tolerance: timedelta) -> list[CarrierAnswer]:
    """One answer that several sources tell of is one: where one of them knows that the phone was dialled again after
    it, so it was for those that by their clock can't say; and where LiveKit's own tells whose it is, so it is of a row
    by which it might be a further request's."""
    earlier = [answer for answer in placed if answer.earlier]
    sure = [answer for answer in placed if not answer.of_request and not answer.doubt and answer.component == SIP_LOG]

    def told_by(those: list[CarrierAnswer], answer: CarrierAnswer) -> set[str]:
        told = (one for one in those if _says_the_same(answer, one) and abs(one.at - answer.at) <= tolerance)
        return {one.because.source for one in told}

    def told(answer: CarrierAnswer) -> CarrierAnswer:
        sources = told_by(earlier, answer)
        if sources and answer.because.source not in sources:
            return replace(answer, earlier=True)
        doubtful = answer.doubt in (_SUCCEEDED_BEFORE, OTHER_PROGRAMS)
        return replace(answer, doubt="") if doubtful and told_by(sure, answer) else answer

    return [told(answer) for answer in placed]


def _placed(attempts: Attempts, answer: CarrierAnswer) -> CarrierAnswer:
    """With what is known of dials after it."""
    dials = attempts.dials
    seen = dials.seen
    when = answer.when or dials.failed_by_rows
    if not answer.is_failure or answer.earlier or seen.inbound:
        return answer
    if not answer.by_livekits_clock and not dials.another_would_show(
        when, rows_tell=answer.component not in (None, SIP_LOG)
    ):
        answer = replace(answer, open_end=True)
    own_clock = answer.by_livekits_clock or answer.because.source == SERVER_LOG
    if when is not None and seen.attempt_before is not None and seen.attempt_before - when > seen.tolerance:
        return replace(answer, earlier=True)
    if dials.got_further(when, own_clock, made_phone=answer.kind in OF_A_PHONE, by=answer.component):
        return replace(answer, earlier=True)
    if when is None:
        if own_words(answer.words) in {own_words(error_in(row)) for row in seen.before if error_in(row)}:
            return replace(answer, earlier=True)
        several = dials.several or seen.dialled_before
        doubt = _DIALLED_SEVERAL_TIMES if several else _OF_ANOTHER_PHONE if dials.tell_of_phone else ""
        return replace(answer, doubt=doubt or answer.doubt)
    if seen.is_past(when):
        return replace(answer, doubt=answer.doubt or _AFTER_THE_END)
    shown = dials.logs.api_to_the_end and dials.logs.covers_api(when)
    row = None if shown or answer.component is None else seen.went_on_last
    if row and row.at - when > (timedelta() if row.source == answer.component else MOMENT):
        return replace(
            answer, doubt=answer.doubt or f"{row.source or 'a component'} logged {row.state} {_WENT_ON_AFTER}"
        )
    later = dials.last - when if dials.last else timedelta(0)
    if answer.component not in (None, SIP_LOG) and later > timedelta(0) and dials.outnumber_failures:
        return replace(answer, earlier=True)
    if answer.by_agent and (seen.made_by_another is not None or dials.agent_went_on(when)):
        return replace(answer, doubt=answer.doubt or (_BY_ANOTHER if seen.made_by_another else _WENT_ON))
    if (
        dials.heard_before(when)
        or dials.logs.another_was_there(when, answer.identity)
        or _is_of_somebody_else(dials, answer)
    ):
        return replace(answer, doubt=answer.doubt or _OF_SOMEBODY_ELSE)
    if answer.because.source == SERVER_LOG and _log_begins_within(dials):
        return replace(answer, doubt=answer.doubt or _BEGINS_WITHIN)
    began = None if answer.by_livekits_clock else _begun(dials, answer)
    if dials.made_before(began, {answer.dial, answer.identity}):
        return replace(answer, doubt=answer.doubt or ANOTHER_BEFORE)
    if _accepted_before(dials, answer, when):
        return replace(answer, doubt=answer.doubt or ANOTHER_BEFORE)  # by a request that did not fail
    if answer.of_request and not own_clock and seen.dial_succeeded(when):
        return replace(answer, doubt=answer.doubt or _SUCCEEDED_BEFORE)
    told_later = dials.may_be_told_later(when, answer.component)
    # What logs a phone that was made has no more to log of one that was refused by then, but by another clock.
    told_later |= answer.open_end and any(row.at - when > MOMENT for row in seen.rows_of(Step.SIP_PARTICIPANT_CREATED))
    if not own_clock and not answer.doubt and (later > DATE_RESOLUTION or told_later):
        return replace(answer, doubt="a phone was created at about that time: it may have been dialled again after it")
    return answer
