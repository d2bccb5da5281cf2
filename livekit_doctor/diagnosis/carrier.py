"""How an outbound call was answered: by the carrier, by livekit-sip on the way to it, or by the server.

The rules of the phone's leg read CarrierAnswers and nothing else of where these come from. A new source of the same
fact (a log line, a pasted error) is one more function in SOURCES.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.dial_errors import (
    DIALED,
    Kind,
    ends_calls_too,
    in_words,
    kind_of,
    own_words,
    sip_status_in,
    sip_text_in,
    sip_text_of,
)
from livekit_doctor.diagnosis.dials import SIP_LOG, Dials
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.row_answers import Refusal, error_in
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import says_phone_failed
from livekit_doctor.diagnosis.times import DATE_RESOLUTION
from livekit_doctor.evidence.observations import LogRow, SipCallResult
from livekit_doctor.flow import Step


class CarrierAnswer(Struct, frozen=True, kw_only=True):
    """One attempt to dial, and its answer.

    `at` and `started_at` are on the clock of the source. `read_at` is this machine's clock at the
    answer; it is None where the answer was not seen when it came, and then the times are another
    clock's than LiveKit's, and date no step. `because` is the evidence in words.
    """

    kind: Kind
    because: Because
    at: datetime
    read_at: datetime | None = None
    started_at: datetime | None = None
    sip_status: int | None = None
    sip_text: str = ""
    words: str = ""
    """The whole error, in which a carrier may say in words of its own why it refused."""
    took: float | None = None
    """Seconds."""
    ringing_timeout: float | None = None
    """Seconds."""
    trunk_id: str = ""
    number: str = ""
    quoted: bool = False
    """Somebody's sentence quotes it: it may be another call's, and proves nothing of this one."""
    soon: bool = False
    """It is about the call's phone only if it came soon after the phone was dialled: what has it does not say so."""
    component: str | None = None
    """Which component's rows, or log, it is from: they have one clock."""
    dial: str = ""
    """Its SIP call id, SCL_..., where the source has that."""
    identity: str = ""
    """Of its SIP participant, where the source has that."""
    earlier: bool = False
    """The phone was dialled again after it."""
    open_end: bool = False
    """Nothing that was read would show that the phone was dialled again after it."""
    doubt: str = ""
    """Why it may be about another phone."""

    @property
    def when(self) -> datetime | None:
        """When it came; None for one that was pasted without a time: `at` is then when it was read."""
        return self.because.at

    @property
    def is_failure(self) -> bool:
        return self.kind not in (Kind.ANSWERED, Kind.STARTED)

    @property
    def by_livekits_clock(self) -> bool:
        return self.read_at is not None

    @property
    def cut_short(self) -> bool:
        """Whether it was ended from our side before its ringing timeout, which reads the same."""
        if self.took is None or self.ringing_timeout is None:
            return False
        return self.kind is Kind.TIMED_OUT and self.took < self.ringing_timeout - 1


NEVER_ANSWERED = (*(DIALED - {Kind.MEDIA_FAILED}), Kind.TRUNK_UNUSABLE)
"""Of a dial that failed so nobody picked up."""


class Attempts(Struct, frozen=True):
    """What is known of a call's attempts to dial: the room and the rows, the logs, and the refusals in the rows."""

    dials: Dials
    refusals: tuple[tuple[LogRow, Refusal], ...]


def answers(attempts: Attempts) -> tuple[CarrierAnswer, ...]:
    """Every answer to this call's attempts to dial, from all sources, oldest first. What a sentence quotes
    counts where there is nothing else."""
    found = [answer for source in SOURCES for answer in source(attempts)]
    own = [answer for answer in found if not answer.quoted] or found
    dated = [answer for answer in own if answer.when is not None]
    # What has no time says again what another source has with it.
    once = [one for one in own if one.when is not None or not any(_says_the_same(one, other) for other in dated)]
    once = [one for one in once if not _is_of_further_phone(attempts, one)]
    if len({(one.kind, one.sip_status) for one in once if one.is_failure}) > 1:
        once = [one if one.when is not None else replace(one, doubt=_DIALLED_SEVERAL_TIMES) for one in once]
    placed = _told_once([_placed(attempts, answer) for answer in once], attempts.dials.seen.tolerance)
    doubted = _unless_another_was_last(attempts.dials, placed)
    return tuple(
        sorted(doubted, key=lambda answer: (answer.at, answer.because.source, answer.kind, answer.because.text))
    )


def _is_of_further_phone(attempts: Attempts, answer: CarrierAnswer) -> bool:
    """Whether the call's phone was there before, and stayed."""
    if not answer.is_failure or answer.when is None:
        return False
    return attempts.dials.phone_stayed(answer.when, {answer.dial, answer.identity})


def _says_the_same(answer: CarrierAnswer, other: CarrierAnswer) -> bool:
    same_words = answer.words and own_words(answer.words) == own_words(other.words)
    return bool(same_words) or (answer.kind, answer.sip_status) == (other.kind, other.sip_status)


_OF_ANOTHER_PHONE = "a phone is known by another source, and when this was is not: it may be about another attempt"
_AFTER_THE_END = "the call had ended before it, as a row says: it may be another call's"
_DIALLED_SEVERAL_TIMES = "the phone was dialled more than once: it may be the answer to another attempt"


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


_WHICH_WAS_LAST = "another attempt failed at about that time, by another clock: which was the last is not known"


def _clock(dials: Dials, answer: CarrierAnswer) -> str | None:
    of_sip = answer.component == SIP_LOG and dials.logs.is_dated_by_livekit("sip")
    own = answer.by_livekits_clock or answer.because.source == "server log" or of_sip
    return "livekit" if own else answer.component


def _told_once(placed: list[CarrierAnswer], tolerance: timedelta) -> list[CarrierAnswer]:
    """One answer that several sources tell of is one: where one of them knows that the phone was dialled again after
    it, so it was for those that by their clock can't say."""
    earlier = [answer for answer in placed if answer.earlier]

    def is_one_of_them(answer: CarrierAnswer) -> bool:
        told = [one for one in earlier if _says_the_same(answer, one) and abs(one.at - answer.at) <= tolerance]
        return any(told) and answer.because.source not in {one.because.source for one in told}

    return [replace(answer, earlier=True) if is_one_of_them(answer) else answer for answer in placed]


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
    own_clock = answer.by_livekits_clock or answer.because.source == "server log"
    if when is not None and seen.attempt_before is not None and seen.attempt_before - when > seen.tolerance:
        return replace(answer, earlier=True)
    if dials.got_further(when, own_clock, made_phone=answer.kind in DIALED, by=answer.component):
        return replace(answer, earlier=True)
    if when is None:
        doubt = _DIALLED_SEVERAL_TIMES if dials.several else _OF_ANOTHER_PHONE if dials.tell_of_phone else ""
        return replace(answer, doubt=doubt or answer.doubt)
    if seen.is_past(when):
        return replace(answer, doubt=answer.doubt or _AFTER_THE_END)
    later = dials.last - when if dials.last else timedelta(0)
    if answer.component not in (None, SIP_LOG) and later > timedelta(0) and dials.outnumber_failures:
        return replace(answer, earlier=True)
    told_later = dials.may_be_told_later(when, answer.component)
    if not own_clock and not answer.doubt and (later > DATE_RESOLUTION or told_later):
        return replace(answer, doubt="a phone was created at about that time: it may have been dialled again after it")
    return answer


def _from_api(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What CreateSIPParticipant answered for this call's room."""
    call = attempts.dials.seen
    for result in call.setup.all(SipCallResult):
        if not call.looked_into or (result.room and (call.room is None or result.room != call.room.name)):
            continue
        if result.status == 200:
            kind = Kind.ANSWERED if result.wait_until_answered else Kind.STARTED
        else:
            kind = kind_of(
                result.message,
                status=result.status,
                twirp_code=result.twirp_code,
                sip_status=result.sip_status_code,
            )
        sip_status = result.sip_status_code or sip_status_in(result.message)
        started_at, at = _times(call, result)
        yield CarrierAnswer(
            kind=kind,
            because=Because(
                source=result.read.source,
                at=None if result.read.excerpt and result.read.clock_at is None else at,
                text=in_words(result, sip_status),
            ),
            at=at,
            read_at=None if result.read.excerpt else result.read.at,
            started_at=None if result.read.excerpt else started_at,
            sip_status=None if kind is Kind.TIMED_OUT else sip_status,
            sip_text=sip_text_of(result),
            words=result.message,
            took=result.took,
            ringing_timeout=result.ringing_timeout,
            trunk_id=result.trunk_id,
            number=result.number,
            quoted=result.quoted,
        )


def _times(call: Seen, result: SipCallResult) -> tuple[datetime, datetime]:
    """When it was sent and answered. `Date` has whole seconds only: not before the room was there."""
    created = call.room_info.created_at if call.room_info else result.started_at
    started_at = max(result.started_at, min(created, result.started_at + DATE_RESOLUTION))
    return started_at, max(result.read.now, started_at + result.lasted)


def _from_rows(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """The refusals that a component logged with a row. Only those that name a SIP status: other words
    in a row's metadata may be about anything."""
    call = attempts.dials.seen
    told: dict[int, datetime] = {}
    for row, refusal in attempts.refusals:
        first = told.setdefault(refusal.status, row.at)
        if not refusal.sure:
            continue
        if call.step_of_state[row.state] is Step.CALL_ENDED and call.last_told_of_phone(row.at, since=first):
            refusal = replace(refusal, of_several=True)  # it tells again what came before the phone was dialled again
        text = f"{row.source or 'a component'} logged {row.state} with SIP status {refusal.status}"
        yield CarrierAnswer(
            kind=kind_of("", sip_status=refusal.status),
            because=Because(source=row.read.source, at=row.at, text=text),
            at=row.at,
            sip_status=refusal.status,
            soon=refusal.soon,
            doubt=_doubt(call, row, refusal),
            component=row.source,
        )


def _from_words_of_rows(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What rows that say that the phone's leg failed quote of LiveKit's own words, without a SIP status."""
    seen = attempts.dials.seen
    told = {id(row) for row, _ in attempts.refusals}
    for row in seen.rows:
        if seen.step_of_state[row.state] is not None or not says_phone_failed(row.state) or id(row) in told:
            continue
        words = own_words(error_in(row))
        if not words:
            continue
        kind = kind_of(words)
        text = f"{row.source or 'a component'} logged {row.state}: {words}"
        yield CarrierAnswer(
            kind=kind,
            because=Because(source=row.read.source, at=row.at, text=text),
            at=row.at,
            words=words,
            doubt="" if kind in _BY_WORDS else "other programs than LiveKit's say so, too",
            component=row.source,
        )


_BY_WORDS = frozenset(
    {Kind.TRUNK_MISSING, Kind.TRUNK_UNUSABLE, Kind.NO_SIP, Kind.AUTH_FAILED, Kind.MEDIA_FAILED, Kind.TIMED_OUT}
)
"""What LiveKit says in words of its own; that a host is not known, anything says."""


def _doubt(call: Seen, row: LogRow, refusal: Refusal) -> str:
    """Why the refusal in a row may be that of another phone; empty where nothing says so."""
    if not refusal.by_dialler:
        return "the agent logged it, which does not dial this call's phone (flow.placed_by): it may be another phone's"
    if call.talked and call.talked[-1] > row.at:
        return "a later row says that somebody on the phone talked: it may be another phone's"
    if refusal.of_several:
        return "the row sums up several attempts: it may be the answer to an earlier one"
    if call.talked and call.talked[0] < row.at and not call.last_told_of_phone(row.at, since=call.talked[-1]):
        return "a row before it says that somebody on the phone talked: it may be another phone's"
    return _busy_with_itself(call, refusal)


def _busy_with_itself(call: Seen, refusal: Refusal) -> str:
    """A phone that is in a call is busy."""
    busy = call.attempt_before_open and refusal.status in _BUSY
    return "the attempt before it was not over: the phone may have been busy with that" if busy else ""


_BUSY = (486, 600)


def _from_sip_log(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """livekit-sip's errors of this call's room; of the lines of one failure the first."""
    found: list[CarrierAnswer] = []
    seen: set[str] = set()
    for line in attempts.dials.logs.said(Said.SIP_CREATING, Said.SIP_FAILED, Said.SIP_MEDIA_TIMEOUT):
        if meaning(line) is Said.SIP_CREATING:
            seen.clear()
            found = [replace(answer, earlier=True) for answer in found]
            continue
        error = line.fields.get("error") or line.fields.get("reason") or line.message  # older ones have it there
        one = str(sip_status_in(error) or error)
        if line.at is None or one in seen:
            continue
        if ends_calls_too(error) and not line.read.excerpt and not attempts.dials.logs.said(Said.SIP_CREATING):
            continue  # the log begins in the middle of the call, which may have been answered
        seen.add(one)
        found.append(
            CarrierAnswer(
                kind=kind_of(error),
                because=Because(
                    source=SIP_LOG,
                    at=line.at,
                    text=line.message if error == line.message else f"{line.message}: {own_words(error)}",
                ),
                component=SIP_LOG,
                dial=line.fields.get("call_id", ""),
                identity=line.fields.get("participant", ""),
                at=line.at,
                earlier=attempts.dials.is_of_earlier_call(line),
                sip_status=sip_status_in(error),
                sip_text=sip_text_in(error),
                words=error,
                number=line.fields.get("to_user", ""),
                trunk_id=line.fields.get("sip_trunk", ""),
            )
        )
    yield from found


def _from_server_log(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What livekit-server logged of CreateSIPParticipant where that failed."""
    for line in attempts.dials.logs.said(Said.SIP_REFUSED):
        error, status = line.fields.get("error", ""), line.fields.get("status", "")
        if line.at is None or not error:
            continue
        http = int(status) if status.isdecimal() else 0
        text = ": ".join(filter(None, (f"CreateSIPParticipant failed with HTTP {status}", own_words(error))))
        yield CarrierAnswer(
            kind=kind_of(error, status=http),
            because=Because(source="server log", at=line.at, text=text),
            at=line.at,
            sip_status=sip_status_in(error),
            sip_text=sip_text_in(error),
            words=error,
            identity=line.fields.get("participant", ""),
            trunk_id=line.fields.get("trunk_id", ""),
        )


SOURCES: list[Callable[[Attempts], Iterable[CarrierAnswer]]] = [
    _from_api,
    _from_rows,
    _from_words_of_rows,
    _from_server_log,
    _from_sip_log,
]
"""Each yields the answers that one kind of evidence has of a call."""
