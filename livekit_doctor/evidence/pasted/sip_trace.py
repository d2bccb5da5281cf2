"""SIP messages as they went over the wire: sngrep's, Wireshark's and tshark's lists, a carrier's portal, a debug log.

A message is its first line, the headers below it, and its body. Those of one Call-ID are one dialog; a list that has
no headers is one. Of the dialogs that were dialled from here one says what became of the call (legs): whether it rang,
the final answer to its INVITE, and when a CANCEL was sent, and why.
"""

import re
from collections.abc import Iterator, Sequence
from datetime import datetime

from msgspec import Struct, field, structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import ANSWERED_ELSEWHERE, OWN_CANCEL, LogLine, Observation, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.legs import Leg, deciding
from livekit_doctor.evidence.pasted.quoting import is_compared, is_quoted
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.shapes import has_whole_head
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.redact import redact_text

KIND = "SIP message"

_METHODS = "INVITE|ACK|BYE|CANCEL|OPTIONS|REGISTER|PRACK|UPDATE|REFER|NOTIFY|SUBSCRIBE|INFO|MESSAGE|PUBLISH"
_NAME = r"(?P<text>[A-Za-z][A-Za-z0-9 /'.,:_-]{0,70})?"
_TEXT = r"(?P<text>[A-Za-z][A-Za-z0-9 /'.,:_()-]{0,90})?"
_RUN = r"(?<![─━-])[─━-]{2,}"
_ARROW = rf"(?:{_RUN}>|<[─━-]{{2,}}|[→←])"
_STARTS = tuple(
    lazy_re.compile(pattern)
    for pattern in (
        # The message itself, and what has it in a column
        rf"(?<![\w/])SIP/2\.0[ \t]+(?P<status>[1-6]\d\d)\b[ \t]*{_TEXT}",
        rf"(?<![A-Za-z])(?P<method>{_METHODS})[ \t]+(?P<uri>(?:sips?|tel):[^\s|\"'\\]+)",
        # Wireshark's column Info
        rf"\bSIP(?:/\w+)?[\s\"].{{0,80}}?[\s\"]Status: (?P<status>[1-6]\d\d)\b[ \t]*{_NAME}(?:\((?P<method>[A-Z]+)\))?",
        # A diagram's arrow, with the message on it, before or behind it
        rf"{_ARROW}.{{0,60}}?\b(?P<status>[1-6]\d\d)[ \t]+{_TEXT}",
        rf"<[─━-]*[ \t]*(?P<status>[1-6]\d\d)[ \t]+{_TEXT}[─━-]{{2,}}",
        rf"{_RUN}[ \t]*(?P<status>[1-6]\d\d)[ \t]+{_TEXT}[─━-]+>",
        rf"(?:{_RUN}[ \t]*|(?:{_ARROW}|->).{{0,60}}?\b)(?P<method>{_METHODS})\b(?=[ \t]*(?:$|[(│|─━-]|sip))",
        rf"\b(?P<method>{_METHODS})\b(?: \([A-Z]+\))?[ \t]*(?:{_ARROW}|->)",
        # A diagram between two lines, with the arrow below the message
        rf"│[ \t]*(?P<status>[1-6]\d\d)[ \t]+{_TEXT}[ \t]*│",
        rf"│[ \t]*(?P<method>{_METHODS})(?: \([A-Z]+\))?[ \t]*│",
    )
)
_ADDRESSES = lazy_re.compile(r"(?:\d{1,3}(?:\.\d{1,3}){3}|\[[0-9a-f:]+\]):\d+[ \t]*(?:[─━-]*>|→)[ \t]*\S+:\d+[ \t]*$")
"""The line above a message in sngrep's and tcpdump's text."""
_ARROW_ALONE = lazy_re.compile(r"[\s\d.:+│]*(?:<[─━]{3,}|[─━]{3,}>)[\s│]*")
_HEADER = lazy_re.compile(r"[ \t]*(?P<name>[A-Za-z][A-Za-z-]{0,40})[ \t]*:[ \t]*(?P<value>.*)")
_BODY = lazy_re.compile(r"[ \t]*[a-z]=")
_TIME = lazy_re.compile(r"\d{4}([-/])\d\d\1\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_OF_DAY = lazy_re.compile(r"(?<![\d:])\d\d:\d\d:\d\d(?:[.,]\d+)?")
_NUMBER = lazy_re.compile(r"(?:sips?|tel):(\+?[\w.-]+)")
_SHORT = {"i": "call-id", "t": "to", "f": "from"}
_REASONS = ("reason", "warning", "x-twilio-error", "error-info", "x-telnyx-error", "p-error")
_LIVEKIT = lazy_re.compile(r"livekit", re.IGNORECASE)
_CHALLENGES, _CANCELLED = (401, 407), 487
_ELSEWHERE = lazy_re.compile(r"\bSIP\s*;\s*cause=200\b|\bQ\.850\s*;\s*cause=26\b|elsewhere", re.IGNORECASE)
_RANG_OUT = lazy_re.compile(r"\bSIP\s*;\s*cause=408\b|\bQ\.850\s*;\s*cause=(?:18|19|102)\b", re.IGNORECASE)
"""The Reason of a CANCEL (RFC 3326): another branch of the call was answered, or the time to answer was over."""
_MAY_BE = lazy_re.compile(r"SIP|sips?:|tel:|[─━→←│]|->|--", re.ASCII)
_HALF_A_DAY = 43_200
"""Seconds; what is further apart goes over midnight, where the text has only times of the day."""
_LOOKED_AT = 600
"""Characters of a line in which a message may begin."""
_MOST = 400
"""Messages of one text that are read."""


class _Message(Struct):
    """One message, in the lines `first` to `last`. `status` is 0 for a request."""

    first: int
    last: int
    start: re.Match[str]
    line: str
    status: int = 0
    method: str = ""
    headers: dict[str, str] = field(default_factory=dict)

    @property
    def is_bare(self) -> bool:
        """Whether nothing but its first line is there, which anybody may write."""
        return not self.headers

    @property
    def number(self) -> str:
        """Who is called."""
        uri = self.start.groupdict().get("uri") or self.headers.get("to", "")
        found = _NUMBER.search(uri)
        return found[1] if found else ""


_Ended = tuple[list[_Message], _Message]
"""A dialog, and the final answer to its INVITE."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """Each message; with the one that decides, what it says of the call."""
    messages = list(_messages(excerpt))
    dialogs: dict[str, list[_Message]] = {}
    for message in messages:
        dialogs.setdefault(message.headers.get("call-id", ""), []).append(message)
    ordered = [_oldest_first(dialog, excerpt) for dialog in dialogs.values()]
    shown = {id(message): item for message, item in _shown(ordered, excerpt, context)}
    for message in messages:
        item = shown.get(id(message))
        yield Found(KIND, message.first, message.last, (item,) if item is not None else ())


def _messages(excerpt: Excerpt) -> Iterator[_Message]:
    number = found = 0
    while number < len(excerpt.lines) and found < _MOST:
        message = _message_at(excerpt, number) if number not in excerpt.taken else None
        if message is not None:
            found += 1
            yield message
            number = message.last
        number += 1


def _message_at(excerpt: Excerpt, number: int) -> _Message | None:
    line = excerpt.stripped[number].text[:_LOOKED_AT]
    if line.startswith(("Request: ", "Status: ")):
        line = excerpt.lines[number][:_LOOKED_AT]  # Wireshark's export, of which another column says SIP
    if not _MAY_BE.search(line) or line.startswith("{") or has_whole_head(line):
        return None  # a log's line that has it is the log's
    start = next((match for pattern in _STARTS if (match := pattern.search(line))), None)
    if start is None or is_compared(line, start):
        return None
    groups = start.groupdict()
    above = number - 1
    has_addresses = number and above not in excerpt.taken and _ADDRESSES.search(excerpt.stripped[above].text)
    message = _Message(
        first=above if has_addresses else number,
        last=number,
        start=start,
        line=line,
        status=int(groups.get("status") or 0),
        method=groups.get("method") or "",
    )
    if _ARROW_ALONE.fullmatch(excerpt.below(number)):
        message.last += 1
    elif not line[start.end() :].strip(" |│") or " SIP/2.0" in line:
        _take_headers(message, excerpt)
    message.method = message.headers.get("cseq", message.method).split(" ")[-1].upper()
    return message


def _take_headers(message: _Message, excerpt: Excerpt) -> None:
    """The headers below a first line, and the body after them."""
    number, blank = message.last + 1, False
    while number < len(excerpt.lines):
        line = excerpt.stripped[number].text
        header = _HEADER.match(line)
        if not line.strip():
            if blank or not message.headers:
                return
            blank = True
        elif not blank and header:
            name = header["name"].lower()
            message.headers.setdefault(_SHORT.get(name, name), header["value"].strip())
        elif not (blank and (_BODY.match(line) or _is_status_of_transfer(message))):
            return
        if line.strip():
            message.last = number
        number += 1


def _is_status_of_transfer(message: _Message) -> bool:
    """Whether its body is the answer that the phone got to which the call was transferred (RFC 3515)."""
    return "sipfrag" in message.headers.get("content-type", "")


def _oldest_first(dialog: list[_Message], excerpt: Excerpt) -> list[_Message]:
    """The messages as they went, since traces are pasted with the newest on top, too: by their times, or by an INVITE
    that stands below its answer."""
    times = {id(message): _second(excerpt, message) for message in dialog}
    known = [second for second in times.values() if second is not None]
    if len(known) == len(dialog) and max(known) - min(known) < _HALF_A_DAY:
        newest_first = known[0] > known[-1]
        return sorted(dialog[::-1] if newest_first else dialog, key=lambda message: times[id(message)] or 0)
    asked = [message.headers.get("cseq") for message in dialog if message.method == "INVITE" and not message.status]
    first = next((one for one in dialog if one.method == "INVITE" and one.headers.get("cseq") in asked), None)
    return dialog[::-1] if first is not None and first.status else dialog


def _shown(
    dialogs: Sequence[list[_Message]], excerpt: Excerpt, context: Context
) -> Iterator[tuple[_Message, Observation]]:
    outbound = [dialog for dialog in dialogs if not _is_inbound(dialog)]
    ended = [(dialog, final) for dialog in outbound if (final := _final(dialog))]
    if not ended:
        rung = [(dialog, rang) for dialog in outbound if (rang := _rang(dialog))]
        yield from ((rang, _ringing(rang, excerpt, context)) for dialog, rang in rung[-1:] if not _in_words(dialog))
        return
    known = _deciding(ended, excerpt)
    dialog, final = known or ended[-1]
    # Of calls to several numbers nobody knows which one is asked about.
    numbers, statuses = {_number(one) for one, _ in ended}, {last.status for _, last in ended}
    quoted = (len(numbers) > 1 and len(statuses) > 1) or _is_doubtful(dialog, final) or known is None
    at = _at(excerpt, final)
    read = structs.replace(context.read, clock_at=at) if at is not None else context.read
    rang = _rang(dialog)
    if rang is not None and not quoted:
        yield rang, _ringing(rang, excerpt, context)
    cancel = next((one for one in dialog if one.method == "CANCEL"), None) if final.status == _CANCELLED else None
    reason = cancel.headers.get("reason", "") if cancel else ""
    why = ANSWERED_ELSEWHERE if _ELSEWHERE.search(reason) else OWN_CANCEL if cancel else ""
    said = (reason, *(final.headers[name] for name in _REASONS if name in final.headers))
    reasons = "; ".join(filter(None, (why, redact_text("; ".join(filter(None, said))))))
    refused = final.status >= 300
    yield (
        final,
        SipCallResult(
            read=read,
            status=0 if refused else 200,
            took=_waited(dialog, cancel, excerpt) if cancel and not _RANG_OUT.search(reason) else 0.0,
            message=why,
            sip_status_code=final.status if refused else None,
            sip_status=shortened("; ".join(filter(None, (_words(final), reasons))), 200) if refused else "",
            number=_number(dialog),
            quoted=quoted,
        ),
    )


def _deciding(ended: Sequence[_Ended], excerpt: Excerpt) -> _Ended | None:
    """The dialog that says what became of the call, with its final answer; None where nobody knows which one does."""
    spans = [[(_second(excerpt, one), one.first) for one in dialog] for dialog, _ in ended]
    dated = all(second is not None for span in spans for second, _ in span)
    legs = []
    for number, (dialog, final) in enumerate(ended):
        places = [second if dated and second is not None else first for second, first in spans[number]]
        answered = final.status < 300
        over = not answered or any(one.method == "BYE" for one in dialog)
        legs.append(Leg(str(number), min(places), max(places), answered=answered, over=over))
    return next((ended[int(leg.id)] for leg in deciding(legs)), None)


def _waited(dialog: Sequence[_Message], cancel: _Message, excerpt: Excerpt) -> float:
    """How many seconds after the first INVITE it was cancelled; 0 where the text has no times."""
    invite = next((one for one in dialog if one.method == "INVITE" and not one.status), cancel)
    began, ended = _second(excerpt, invite), _second(excerpt, cancel)
    return max(0.0, ended - began) if began is not None and ended is not None else 0.0


def _second(excerpt: Excerpt, message: _Message) -> float | None:
    """When it was, in seconds: of the day, where no date is told."""
    if (at := _moment(excerpt, message)[0]) is not None:
        return at.timestamp()
    above = (_OF_DAY.search(line) for line in excerpt.lines[message.first : message.first + 2])
    found = next(filter(None, above), None)
    hours, minutes, seconds = found[0].replace(",", ".").split(":") if found else ("", "", "")
    return int(hours) * 3600 + int(minutes) * 60 + float(seconds) if found else None


def _ringing(rang: _Message, excerpt: Excerpt, context: Context) -> LogLine:
    at, zoned = _moment(excerpt, rang)
    return LogLine(
        read=context.read,
        log="sip",
        file=excerpt.name,
        number=excerpt.number_of(rang.first),
        at=at,
        zoned=zoned,
        level="info",
        message=f"SIP/2.0 {rang.status} {_words(rang)}".strip(),
    )


def _rang(dialog: Sequence[_Message]) -> _Message | None:
    return next((one for one in _answers(dialog) if 180 <= one.status < 200), None)


def _is_inbound(dialog: Sequence[_Message]) -> bool:
    """Whether LiveKit is who was called, and answers."""
    for message in dialog:
        who = message.headers.get("server", "") + message.headers.get("user-agent", "")
        uri = message.start.groupdict().get("uri") or ""
        if (message.status and _LIVEKIT.search(who)) or (message.method == "INVITE" and ".livekit.cloud" in uri):
            return True
    return False


def _answers(dialog: Sequence[_Message]) -> Iterator[_Message]:
    """The responses to its INVITEs. Without a name they are to the request before them."""
    asked, seen = "", False
    for message in dialog:
        if not message.status:
            asked = message.method if message.method != "ACK" else asked
            continue
        method = message.method or ("INVITE" if message.status == 487 else asked)
        # Of a list without requests, what goes on with an answer of which only an INVITE has the like.
        seen = seen or (not method and (message.status < 200 or message.status >= 300))
        if method == "INVITE" or (not method and seen):
            yield message


def _final(dialog: Sequence[_Message]) -> _Message | None:
    """What became of the call: that it was answered, or else the last refusal, where that is not the request for a
    login that the next INVITE has."""
    finals = [message for message in _answers(dialog) if message.status >= 200]
    answered = next((message for message in finals if message.status < 300), None)
    if answered is not None or not finals:
        return answered
    last = finals[-1]
    if last.status not in _CHALLENGES:
        return last
    place = dialog.index(last)
    again = any(message.method == "INVITE" or message.status // 100 == 1 for message in dialog[place + 1 :])
    return None if again or (_invite(dialog[:place]) and _is_usual(dialog, last)) else last


def _invite(dialog: Sequence[_Message]) -> _Message | None:
    return next((one for one in reversed(dialog) if one.method == "INVITE" and not one.status), None)


def _is_usual(dialog: Sequence[_Message], challenge: _Message) -> bool:
    """Whether a request for a login is the first one, as each call has it that logs in: its INVITE had none."""
    before = dialog[: dialog.index(challenge)]
    invite = _invite(before)
    if invite is not None and invite.headers.keys() & {"authorization", "proxy-authorization"}:
        return False
    cseq = challenge.headers.get("cseq")
    earlier = before[: before.index(invite)] if invite else [one for one in before if one.headers.get("cseq") != cseq]
    return not any(one.status in _CHALLENGES for one in earlier)


def _is_doubtful(dialog: Sequence[_Message], final: _Message) -> bool:
    """Whether it may be another call's, or no call's: somebody's sentence has it, one of a list of statuses, or a
    request for a login of which nobody sees whether one followed."""
    if _in_words(dialog):
        return True
    if any(not message.status for message in dialog):
        return False
    if final.status in _CHALLENGES:
        return _is_usual(dialog, final)
    return len({one.status for one in dialog}) > 1 and all(message.is_bare for message in dialog)


def _in_words(dialog: Sequence[_Message]) -> bool:
    """Whether somebody's sentence has it."""
    first = dialog[0]
    return len(dialog) == 1 and first.is_bare and is_quoted(first.line, first.start)


def _words(message: _Message) -> str:
    return shortened(redact_text((message.start.groupdict().get("text") or "").strip(" -─|.,:")), 80)


def _number(dialog: Sequence[_Message]) -> str:
    return next((message.number for message in dialog if message.number and not message.status), dialog[0].number)


def _at(excerpt: Excerpt, message: _Message) -> datetime | None:
    """When it was, where the text says so with a zone."""
    at, zoned = _moment(excerpt, message)
    return at if zoned else None


def _moment(excerpt: Excerpt, message: _Message) -> tuple[datetime | None, bool]:
    """When it was, and whether the text says so with a zone: sngrep's has none."""
    for number in range(message.first, message.first + 2):
        found = _TIME.search(excerpt.lines[number]) if number < len(excerpt.lines) else None
        if found is not None:
            return moment(found[0].replace("/", "-"))
    return excerpt.stripped[message.first].at, True
