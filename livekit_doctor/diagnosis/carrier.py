"""How an outbound call was answered: by the carrier, by livekit-sip on the way to it, or by the server.

The rules of the phone's leg read CarrierAnswers and nothing else of where these come from. A new
source of the same fact (a log line, a pasted error) is one more function in SOURCES; what an error
text says, `kind_of` tells.

Source of the texts: github.com/livekit/sip, `pkg/sip` (outbound.go, errors.go, protocol.go) at
v1.11.0, and livekit-server v1.13.5, `pkg/service` (sip.go, errors.go). The server puts "twirp error
unknown: " before most of them.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime, timedelta
from enum import StrEnum

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.dials import SIP_LOG, Dials
from livekit_doctor.diagnosis.findings import Because
from livekit_doctor.diagnosis.row_answers import Refusal, error_in
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.states import says_phone_failed
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, DATE_RESOLUTION
from livekit_doctor.evidence.observations import LogRow, SipCallResult
from livekit_doctor.flow import Step


class Kind(StrEnum):
    """What became of the attempt to dial."""

    ANSWERED = "answered"
    STARTED = "started"
    """Accepted without waiting for an answer, which says nothing of the phone (design fact 20)."""
    REJECTED = "rejected"
    """With a SIP status."""
    AUTH_FAILED = "auth_failed"
    UNREACHABLE = "unreachable"
    """No INVITE got to anybody: DNS, TCP or TLS."""
    MEDIA_FAILED = "media_failed"
    TIMED_OUT = "timed_out"
    """The INVITE left, and no final answer came."""
    TRUNK_MISSING = "trunk_missing"
    TRUNK_UNUSABLE = "trunk_unusable"
    NO_SIP = "no_sip"
    QUOTA = "quota"
    """LiveKit's own limit, not a busy line."""
    CREDENTIALS = "credentials"
    """LiveKit's own refusal of the API key or its grants, not the carrier's."""
    UNEXPLAINED = "unexplained"


DIALED = frozenset({Kind.REJECTED, Kind.AUTH_FAILED, Kind.UNREACHABLE, Kind.MEDIA_FAILED, Kind.TIMED_OUT})
"""What can only come of a call whose SIP participant was in the room."""

_SIP_STATUS = re.compile(
    r"(?:sip status:?|unexpected status(?: ?code)? from INVITE response:?|SIP call failed:(?: STR_\w+,)?) (\d{3})\b"
    r"(?:: ?(?P<text>[^\n\"]{1,80})| \((?P<name>[A-Z_]{3,60})\))?",
    re.IGNORECASE,
)
"""livekit-sip's words for the carrier's status, older ones first said it without its text; and those of its SDK."""

TEXTS: tuple[tuple[Kind, str], ...] = (
    (Kind.TRUNK_MISSING, r"requested sip trunk does not exist"),
    (Kind.NO_SIP, r"redis required|no response from servers|cpu exhausted|service shutting down"),
    (
        Kind.AUTH_FAILED,
        r"max auth retry attempts|required auth, but no username|no auth header in sip invite|invalid challenge",
    ),
    (Kind.MEDIA_FAILED, r"common audio codec not found|no common encryption profiles|media[- ]timeout|media failed"),
    (Kind.TIMED_OUT, r"sip request timed out|transaction failed to complete"),
    (
        Kind.TRUNK_UNUSABLE,
        r"no numbers on outbound trunk|invalid request uri|invalid from header|trunk address"
        r"|address must be|legacy address must not|invalid port in hostname|different transports specified",
    ),
    (
        Kind.UNREACHABLE,
        r"no such host|server misbehaving|connection refused|connection reset|network is unreachable"
        r"|no route to host|i/o timeout|\btls: |\bx509: |\bdial (?:tcp|udp)\b|\blookup \S+ on ",
    ),
)


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


def kind_of(text: str, *, status: int = 0, twirp_code: str = "", sip_status: int | None = None) -> Kind:
    """What an error of CreateSIPParticipant, or livekit-sip's error of a call, says.

    The SIP status decides first, then the words; the HTTP status (0: not known) and the Twirp code
    only where neither says more, since they are made from the carrier's answer too.
    """
    code = sip_status or sip_status_in(text)
    if code is not None and 300 <= code <= 699:
        return Kind.AUTH_FAILED if code in (401, 407) else Kind.REJECTED
    for kind, pattern in TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    if twirp_code == "not_found" and "object cannot be found" in text:
        return Kind.TRUNK_MISSING  # LiveKit Cloud's words
    if status == 429 or twirp_code == "resource_exhausted":
        return Kind.QUOTA
    if status in (401, 403) or twirp_code in ("unauthenticated", "permission_denied"):
        return Kind.CREDENTIALS
    return Kind.UNEXPLAINED


def sip_status_in(text: str) -> int | None:
    """The SIP status that an error text names, as in "INVITE failed: sip status: 486: Busy Here"."""
    found = _SIP_STATUS.search(text)
    return int(found[1]) if found else None


def sip_text_in(text: str) -> str:
    """The carrier's own words behind its status, or the status' name; empty where there are none."""
    found = _SIP_STATUS.search(text)
    return (found["text"] or found["name"] or "").strip() if found else ""


def own_words(text: str) -> str:
    """An error text without what the server puts before it."""
    return re.sub(r"^(?:twirp error \w+:\s*)+", "", text.strip())


class Attempts(Struct, frozen=True):
    """What is known of a call's attempts to dial: the room and the rows, the logs, and the refusals in the rows."""

    dials: Dials
    refusals: tuple[tuple[LogRow, Refusal], ...]


def answers(attempts: Attempts) -> tuple[CarrierAnswer, ...]:
    """Every answer to this call's attempts to dial, from all sources, oldest first. What a sentence quotes
    counts where there is nothing else."""
    found = [answer for source in SOURCES for answer in source(attempts)]
    own = [answer for answer in found if not answer.quoted] or found
    dated = {(answer.kind, answer.sip_status) for answer in own if answer.when is not None}
    # What has no time says again what another source has with it.
    once = [answer for answer in own if answer.when is not None or (answer.kind, answer.sip_status) not in dated]
    return tuple(
        sorted(
            (_placed(attempts, answer) for answer in once),
            key=lambda answer: (answer.at, answer.because.source, answer.kind, answer.because.text),
        )
    )


_CREATED = "a phone was created in the room: it may be the answer to another attempt"


def _placed(attempts: Attempts, answer: CarrierAnswer) -> CarrierAnswer:
    """With what is known of dials after it."""
    dials = attempts.dials
    seen = dials.seen
    when = answer.when or dials.failed_by_rows
    if not answer.is_failure or seen.inbound:
        return answer
    if not answer.by_livekits_clock and not dials.another_would_show(
        when, rows_tell=answer.component not in (None, SIP_LOG)
    ):
        answer = replace(answer, open_end=True)
    if when is None:
        created = dials.last is not None or Step.SIP_PARTICIPANT_CREATED in seen.logged
        doubtful = dials.several or (created and answer.kind not in DIALED)
        return replace(answer, doubt=_CREATED) if doubtful else answer
    own_clock = answer.by_livekits_clock or answer.because.source == "server log"
    # By another clock the phone was surely created again only beyond the tolerance.
    margin = CREATED_AT_ONCE if own_clock else seen.tolerance
    later = dials.last - when if dials.last else timedelta(0)
    if later > margin or dials.again(when, by=answer.component):
        return replace(answer, earlier=True)
    if not own_clock and not answer.doubt and later > DATE_RESOLUTION:
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
                text=_in_words(result, sip_status),
            ),
            at=at,
            read_at=None if result.read.excerpt else result.read.at,
            started_at=None if result.read.excerpt else started_at,
            sip_status=sip_status,
            sip_text=_sip_text(result),
            words=result.message,
            took=result.took,
            ringing_timeout=result.ringing_timeout,
            trunk_id=result.trunk_id,
            number=result.number,
            quoted=result.quoted,
        )


def _sip_text(result: SipCallResult) -> str:
    return result.sip_status.removeprefix("SIP_STATUS_") or sip_text_in(result.message)


def _times(call: Seen, result: SipCallResult) -> tuple[datetime, datetime]:
    """When it was sent and answered. `Date` has whole seconds only: not before the room was there."""
    created = call.room_info.created_at if call.room_info else result.started_at
    started_at = max(result.started_at, min(created, result.started_at + DATE_RESOLUTION))
    return started_at, max(result.read.now, started_at + result.lasted)


def _in_words(result: SipCallResult, sip_status: int | None) -> str:
    after = f" after {result.took:.1f} s" if result.took else ""
    if result.status == 200:
        return f"answered{after}" if result.wait_until_answered else "accepted; it did not wait for the answer"
    http = f"HTTP {result.status} {result.twirp_code}".strip() if result.status else result.twirp_code
    if sip_status is not None:
        return f"SIP status {sip_status} {_sip_text(result)}".strip() + (f" (as {http})" if http else "") + after
    return f"{http}, no SIP status{after}: {own_words(result.message) or 'no message'}".removeprefix(", ")


def _from_rows(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """The refusals that a component logged with a row. Only those that name a SIP status: other words
    in a row's metadata may be about anything."""
    call = attempts.dials.seen
    for row, refusal in attempts.refusals:
        if not refusal.sure:
            continue
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
        if not words or attempts.dials.phone_stayed(row.at):
            continue
        kind = kind_of(words)
        text = f"{row.source or 'a component'} logged {row.state}: {words}"
        yield CarrierAnswer(
            kind=kind,
            because=Because(source=row.read.source, at=row.at, text=text),
            at=row.at,
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
    if call.talked_last is not None and call.talked_last > row.at:
        return "a later row says that somebody on the phone talked: it may be another phone's"
    return ""


def _from_sip_log(attempts: Attempts) -> Iterator[CarrierAnswer]:
    """livekit-sip's errors of this call's room; of the lines of one failure the first. None where the phone was
    dialled again after the last of them."""
    found: list[CarrierAnswer] = []
    seen: set[str] = set()
    for line in attempts.dials.logs.said(Said.SIP_CREATING, Said.SIP_FAILED, Said.SIP_MEDIA_TIMEOUT):
        if meaning(line) is Said.SIP_CREATING:
            seen.clear()
            continue
        error = line.fields["error"]
        if line.at is None or error in seen:
            continue
        if _ends_calls_too(error) and not line.read.excerpt and not attempts.dials.logs.said(Said.SIP_CREATING):
            continue  # the log begins in the middle of the call, which may have been answered
        seen.add(error)
        found.append(
            CarrierAnswer(
                kind=kind_of(error),
                because=Because(source=SIP_LOG, at=line.at, text=f"{line.message}: {own_words(error)}"),
                component=SIP_LOG,
                at=line.at,
                sip_status=sip_status_in(error),
                sip_text=sip_text_in(error),
                words=error,
                number=line.fields.get("to_user", ""),
                trunk_id=line.fields.get("sip_trunk", ""),
            )
        )
    if seen:
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
            trunk_id=line.fields.get("trunk_id", ""),
        )


def _ends_calls_too(error: str) -> bool:
    """Whether a call that was answered may end with this error, too."""
    return kind_of(error) is Kind.MEDIA_FAILED and "timeout" in error.lower()


SOURCES: list[Callable[[Attempts], Iterable[CarrierAnswer]]] = [
    _from_api,
    _from_rows,
    _from_words_of_rows,
    _from_server_log,
    _from_sip_log,
]
"""Each yields the answers that one kind of evidence has of a call."""
