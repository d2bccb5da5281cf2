"""How an outbound call was answered: by the carrier, by livekit-sip on the way to it, or by the server.

The rules of the phone's leg read CarrierAnswers and nothing else of where these come from. A new source of the same
fact (a log line, a pasted error) is one more function in SOURCES.
"""

from collections.abc import Callable, Iterable, Iterator
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.dial_errors import (
    DIALED,
    Kind,
    ends_calls_too,
    in_words,
    is_of_sdk,
    kind_in,
    kind_of,
    kind_of_end,
    own_words,
    refused_in,
    sip_status_in,
    sip_text_in,
    sip_text_of,
    status_of_end,
)
from livekit_doctor.diagnosis.dials import Dials
from livekit_doctor.diagnosis.findings import Because, logged
from livekit_doctor.diagnosis.own_lines import took
from livekit_doctor.diagnosis.row_answers import Refusal, results_in, words_of_failure
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import request_of, says_busy, says_not_picked_up, says_phone_failed
from livekit_doctor.diagnosis.stays import SERVER_LOG, SIP_LOG
from livekit_doctor.diagnosis.times import DATE_RESOLUTION
from livekit_doctor.evidence.observations import LogRow, SipCallResult
from livekit_doctor.evidence.sources import OF_LOGS, WORKER_LOG
from livekit_doctor.flow import Step


class CarrierAnswer(Struct, frozen=True, kw_only=True):
    """One attempt to dial, and its answer.

    `at` and `started_at` are on the clock of the source. `read_at` is this machine's clock at the
    answer; it is None where the answer was not seen when it came, but pasted, or logged by another program:
    then the times are another clock's than LiveKit's, and date no step. `because` is the evidence in words.
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
    by_agent: bool = False
    """The agent's program dialled, and the call's phone is dialled by another (flow.placed_by)."""
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
    of_request: bool = False
    """It is what CreateSIPParticipant itself answered: one that failed did not succeed before."""

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


def _from_api(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What CreateSIPParticipant answered for this call's room."""
    call = attempts.dials.seen
    for result in call.setup.all(SipCallResult):
        if not call.looked_into or (result.room and (call.room is None or result.room != call.room.name)):
            continue
        kind = kind_in(result)
        sip_status = result.sip_status_code or sip_status_in(result.message)
        started_at, at = _times(call, result)
        logged = result.read.source.startswith(OF_LOGS)
        own = not (logged or result.read.excerpt)
        if not own and result.read.clock_at is not None and call.is_of_a_later_call(at):
            continue
        yield CarrierAnswer(
            kind=kind,
            because=Because(
                source=result.read.source,
                at=None if result.read.excerpt and result.read.clock_at is None else at,
                text=in_words(result, sip_status),
            ),
            at=at,
            read_at=result.read.at if own else None,
            started_at=started_at if own else None,
            sip_status=None if kind in _OF_OWN_SIDE else sip_status,
            sip_text=sip_text_of(result),
            words=result.message,
            took=result.took,
            ringing_timeout=result.ringing_timeout,
            trunk_id=result.trunk_id,
            number=result.number,
            quoted=result.quoted,
            earlier=result.earlier or (not own and attempts.dials.went_well_after(result)),
            doubt=_NO_ID if logged and not result.room else _DIALLED_AGAIN if result.dialled_again else "",
            of_request=True,
            by_agent=result.read.source.startswith(WORKER_LOG) and call.settings.flow.placed_by != "agent",
        )


_OF_OWN_SIDE = (Kind.ANSWERED, Kind.TIMED_OUT, Kind.GIVEN_UP)
"""The kinds of which a SIP status is no refusal of the far end's: it is the answer to our own CANCEL."""

_DIALLED_AGAIN = "the text says that the phone was dialled again after it, and not what became of that"
_NO_ID = "its line names neither the call's room nor its job: it may be another call's"


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
        yield CarrierAnswer(
            kind=kind_of("", sip_status=refusal.status),
            because=logged(row, f" with SIP status {refusal.status}"),
            at=row.at,
            sip_status=refusal.status,
            soon=refusal.soon,
            doubt=_doubt(call, row, refusal),
            component=row.source,
            of_request=refusal.of_request,
        )


def _from_words_of_rows(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What rows that say that the phone's leg failed quote of LiveKit's own words, without a SIP status."""
    seen = attempts.dials.seen
    told = {id(row) for row, _ in attempts.refusals}
    for row in seen.rows_of_no_step(says_phone_failed):
        if id(row) in told:
            continue
        words, (code, status) = own_words(words_of_failure(row)), refused_in(row.metadata)
        kind = kind_of(words, status=status, twirp_code=code)
        if not (words or code or status) or not seen.is_of_dial(row, made_phone=kind in DIALED):
            continue
        own = kind in _OWN_REFUSALS
        if own and not _may_refuse_dial(seen, row):
            continue
        yield CarrierAnswer(
            kind=kind,
            because=logged(row, f": {words or code or status}"),
            at=row.at,
            words=words,
            doubt="" if kind in _BY_WORDS or own else OTHER_PROGRAMS,
            component=row.source,
        )


def _from_results_of_rows(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """That nobody picked up, or the phone was busy, as a row says by its state, or gives as the reason of the end, or
    of a failure."""
    seen = attempts.dials.seen
    for row in seen.rows:
        step = seen.step_of_state[row.state]
        ended = step is Step.CALL_ENDED or (step is None and says_phone_failed(row.state))
        results = results_in(row.metadata) if ended else ()
        told = (str(word) for word in (row.state, *results))
        words = next((word for word in told if says_not_picked_up(word) or says_busy(word)), None)
        if words and step in (None, Step.CALL_ENDED):
            because = logged(row, "" if words == row.state else f": {words}")
            yield CarrierAnswer(kind=Kind.NOT_PICKED_UP, because=because, at=row.at, words=words, component=row.source)


OTHER_PROGRAMS = "other programs than LiveKit's say so, too"


_BY_WORDS = frozenset(
    {Kind.TRUNK_MISSING, Kind.TRUNK_UNUSABLE, Kind.NO_SIP, Kind.AUTH_FAILED, Kind.MEDIA_FAILED, Kind.TIMED_OUT}
)
"""What LiveKit says in words of its own; that a host is not known, anything says."""
_OWN_REFUSALS = (Kind.QUOTA, Kind.CREDENTIALS)


def _may_refuse_dial(seen: Seen, row: LogRow) -> bool:
    """Whether a refusal of LiveKit's own, which every request may get, is one of the dial: its state says so, or the
    agent had been dispatched, and the error is one of LiveKit's SDKs."""
    if request := request_of(row.state):
        return request == "CreateSIPParticipant"
    before = (seen.logged.get(step) for step in (Step.AGENT_DISPATCHED, Step.AGENT_CONNECTED))
    dispatched = any(one and one.at - row.at <= seen.tolerance for one in before)
    return dispatched and seen.may_dial(row.source) and is_of_sdk(row.metadata)


def _doubt(call: Seen, row: LogRow, refusal: Refusal) -> str:
    """Why the refusal in a row may be that of another phone; empty where nothing says so."""
    if not refusal.by_dialler:
        return "the agent logged it, which does not dial this call's phone (flow.placed_by): it may be another phone's"
    if call.talked and call.talked[-1] > row.at:
        return "a later row says that somebody on the phone talked: it may be another phone's"
    if refusal.of_several:
        return "the row tells of several attempts, or of one that succeeded: it may be the answer to an earlier one"
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
        ended = kind_of_end(line.fields) if kind_of(line.fields.get("error", "")) is Kind.UNEXPLAINED else None
        sip_status = status_of_end(line.fields) if ended else sip_status_in(error)
        if (one := str(sip_status or error)) in seen or (ended and seen):
            continue
        if ends_calls_too(error) and not line.read.excerpt and not attempts.dials.logs.said(Said.SIP_CREATING):
            continue  # the log begins in the middle of the call, which may have been answered
        seen.add(one)
        began = attempts.dials.began(line.fields.get("call_id", ""))
        found.append(
            CarrierAnswer(
                kind=ended or kind_of(error),
                because=Because(
                    source=SIP_LOG,
                    at=line.at,
                    text=line.message if error == line.message else f"{line.message}: {own_words(error)}",
                ),
                component=SIP_LOG,
                dial=line.fields.get("call_id", ""),
                identity=line.fields.get("participant", ""),
                at=line.at or line.read.at,
                took=(line.at - began).total_seconds() if line.at and began and line.zoned else None,
                earlier=attempts.dials.is_of_earlier_call(line),
                sip_status=sip_status,
                sip_text=sip_text_in(error),
                words=error,
                number=line.fields.get("to_user", ""),
                trunk_id=line.fields.get("sip_trunk", ""),
            )
        )
    yield from found


def _from_server_log(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """What livekit-server logged of CreateSIPParticipant where that failed: of the request, or, where that line is not
    there, of the error."""
    lines = attempts.dials.logs.said(Said.SIP_REFUSED)
    requests = {own_words(line.fields.get("error", "")) for line in lines if "status" in line.fields}
    for line in lines:
        error, status = line.fields.get("error", ""), line.fields.get("status", "")
        if not error or (not status and own_words(error) in requests):
            continue
        http = int(status) if status.isdecimal() else 0
        failed = f"CreateSIPParticipant failed with HTTP {status}" if status else line.message
        text = ": ".join(filter(None, (failed, own_words(error))))
        yield CarrierAnswer(
            kind=kind_of(error, status=http),
            because=Because(source=SERVER_LOG, at=line.at, text=text),
            at=line.at or line.read.at,
            started_at=line.at - took(line) if line.at else None,
            took=took(line).total_seconds(),
            earlier=attempts.dials.is_above_a_phone(line),
            sip_status=sip_status_in(error),
            sip_text=sip_text_in(error),
            words=error,
            dial=line.fields.get("call_id", ""),
            identity=line.fields.get("participant", ""),
            trunk_id=line.fields.get("trunk_id", ""),
        )


SOURCES: list[Callable[[Attempts], Iterable[CarrierAnswer]]] = [
    _from_api,
    _from_rows,
    _from_words_of_rows,
    _from_results_of_rows,
    _from_server_log,
    _from_sip_log,
]
"""Each yields the answers that one kind of evidence has of a call."""
