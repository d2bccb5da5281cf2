"""What carriers say of a call without LiveKit's words around it: a SIP status as their portals, webhooks and support
write it, or a code of Twilio's debugger.

A person may write the same of any call. So what stands in a sentence, or alone, is quoted.
"""

import re
from collections.abc import Collection, Iterator, Sequence
from email.utils import parsedate_to_datetime
from urllib.parse import unquote_plus

from msgspec import structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import NOBODY_ANSWERED, OWN_CANCEL, LogLine, Observation, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.legs import Leg, deciding
from livekit_doctor.evidence.pasted.quoting import COMPARES, LOGGED, OF_PROGRAM, before, is_compared, is_quoted
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.redact import redact_text

KIND = "carrier's answer"

_NAME = r"(?P<text>[A-Z][A-Za-z]*(?:[ _/-][A-Za-z]+){0,5})"
_KEY = lazy_re.compile(
    r"(?<![A-Za-z0-9])(?i:(?:last|outbound)?_?sip_?(?:(?:invite_?)?(?:response|hangup|status|call_?status|term|result)_?)?"
    r"(?:code|cause|num|status|(?<=response)|(?<=status)))"
    rf"(?:[\"']?\s?[:=]\s?|%3D)[\"']?(?P<sip>[3-6]\d\d)(?!\d)(?:[\"']?[ \t:,(-]{{1,3}}{_NAME})?"
)
"""As a webhook or a log has it: sip_hangup_cause, SipResponseCode, lastSipResponse."""
_PAIR = lazy_re.compile(
    r"(?<![\w-])(?:status|code|cause)=\"?(?P<sip>[3-6]\d\d)\"?,? "
    r"(?:reason|text|phrase)=[\"'](?P<text>[A-Z][A-Za-z /-]{2,60})[\"']"
)
"""As a log has it of which nothing else says that it is of SIP: status=486 reason="Busy Here"."""
_TOLD = tuple(
    lazy_re.compile(pattern)
    for pattern in (
        r"\b(?i:(?:last )?SIP(?:/2\.0|"
        r"(?:[ -](?:error|status|code|response|reason|cause|failure|hangup|reply|invite)){0,3}))"
        rf"[ \t:#|(=-]{{1,12}}(?P<sip>[3-6]\d\d)\b(?:[ \t:|(-]{{1,12}}{_NAME})?",
        r"(?<![\w.+-])(?P<sip>48[01234678]|600|603|604|606)[ :(-]{1,3}(?P<text>(?i:Busy (?:Here|Everywhere)|"
        r"Temporarily (?:Un|not )available|Address Incomplete|Not Acceptable Here|Request Terminated|Declined?\b|"
        r"Does Not Exist Anywhere|Call[ /](?:Leg[ /])?Transaction Does Not Exist|Loop Detected|Too Many Hops))",
    )
)
"""In words, and the names of statuses that HTTP does not have. In a sentence they are chatter."""
_BY_NAME = lazy_re.compile(r"\bSIP_STATUS_(?P<sip>)(?P<text>[A-Z][A-Z_]{2,60})\b")
"""LiveKit's own name of a status, where the number is not there."""
_FORMS = (_KEY, _PAIR, *_TOLD, _BY_NAME)
_LABEL = lazy_re.compile(r"[^\w.]{0,20}(?:\w{1,40}[^\w.]{1,12}){0,4}")
_TWILIO = lazy_re.compile(
    r"(?i:\btwilio\b[^\n]{0,60}?"
    r"|\b(?:error|warning|alert|debugger|code)(?:[ _-]?code)?[\"']?\s?[:#=(-]{0,2}\s?[\"']?|^\W{0,4})"
    r"(?<![\d.+/-])(?P<code>13(?:214|223|224|225|227)|2121[0-9]|32(?:001|101|20[1-9]))(?![\d.-])(?P<rest>[^\n]{0,200})"
)
_GOT = lazy_re.compile(r"\b[Gg]ot $|-- $")
"""What Asterisk puts before it."""
_MESSAGE = lazy_re.compile(r"[\"']message[\"']: ?[\"']([^\"'\n]{1,200})")
_MOST = 50
"""Answers of one text that are kept."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """What is said in lines that are nothing else."""
    found = 0
    pieces = list(_pieces(excerpt))
    others = _of_other_legs(excerpt, pieces)
    own = (text for number, _, text in pieces if number not in others)
    ends = {end["state"] for text in own if (end := _CALLBACK.search(text))}
    for number, last, text in pieces:
        if number in excerpt.taken or not _MAY_BE.search(text) or _OF_THE_API.search(text) or found >= _MOST:
            continue
        after = excerpt.below(number) if last == number else ""
        result = _status(text, context) or _twilio(text, after, context) or _callback(text, context, ends)
        if result is not None:
            found += 1
            last += after.strip() != "" and result.message.endswith(after.strip())
            rang = result.message == NOBODY_ANSWERED
            if result.message == OWN_CANCEL:
                result = structs.replace(result, took=_lasted(excerpt, pieces, _whole(excerpt, number, last)))
            said: tuple[Observation, ...] = (result, *([_ringing(excerpt, number, context)] if rang else []))
            yield Found(KIND, number, last, () if number in others else said)


_Piece = tuple[int, int, str]
"""First and last line, and the text."""


def _pieces(excerpt: Excerpt) -> Iterator[_Piece]:
    """What can be read by itself: each line by itself, but the fields of a callback, of which each has a line
    of its own, as one."""
    number = 0
    while number < len(excerpt.lines):
        fields: dict[str, str] = {}
        last = number
        while last < len(excerpt.lines) and (pair := _PAIR_ALONE.match(excerpt.stripped[last].text)):
            if pair["key"] in fields:
                break  # the next callback
            fields[pair["key"]] = pair["value"].strip(" \t\"',;|)]")
            last += 1
        if {"CallSid", "CallStatus"} <= fields.keys():
            known = "&".join(f"{key}={fields[key]}" for key in _OF_CALLBACKS if fields.get(key))
            yield number, last - 1, " ".join(filter(None, (known, fields.get("ErrorMessage"))))
        else:
            last = max(last, number + 1)
            yield from ((each, each, excerpt.stripped[each].text) for each in range(number, last))
        number = last


_OF_CALLBACKS = ("CallSid", "Direction", "CallStatus", "SipResponseCode", "ErrorCode")
_PAIR_ALONE = lazy_re.compile(
    r"[\s\"'(\[>*|-]{0,12}(?P<key>[A-Z][A-Za-z0-9]{1,30})[\"'\]]?[ \t]{0,20}(?:=>|[:=\t,|])"
    r"[ \t]{0,20}(?P<value>[^&\n]{0,300})$"
)
"""A field as programs and Twilio's console print it, one a line."""
_OF_THE_API = lazy_re.compile(r"TwirpError|ServerError|SipCallError|twirp error")
"""An error that was read before: a traceback repeats it."""
_MAY_BE = lazy_re.compile(r"SIP_STATUS_|CallStatus|hangup_cause|[3-6]\d\d|13\d{3}|21\d{3}|32\d{3}")


def _status(line: str, context: Context) -> SipCallResult | None:
    found = next((match for form in _FORMS if (match := form.search(line)) and _is_of_sip(match)), None)
    if found is None or COMPARES.search(line[found.start() : found.start("sip")]) or is_compared(line, found):
        return None
    status = int(found["sip"]) if found["sip"] else _code_of(found["text"])
    said, is_key = before(line, found), found.re.pattern in (_KEY.pattern, _PAIR.pattern)
    by_program = is_key or any(words.search(said) for words in (_GOT, OF_PROGRAM)) or LOGGED.match(said)
    is_label = _LABEL.fullmatch(line[: found.start()]) and not any(map(str.isalnum, line[found.end() :]))
    quoted = is_quoted(line, found)
    if status is None or not (by_program or is_label) or (quoted and not is_key):
        return None
    return SipCallResult(
        read=context.read,
        sip_status_code=status,
        sip_status=shortened(redact_text((found["text"] or "").strip()), 80) if found["sip"] else "",
        message="" if is_key else shortened(redact_text(line[_begin(line, found) :].strip()), 300),
        quoted=quoted or not by_program,
    )


def _begin(line: str, found: re.Match[str]) -> int:
    """Where the value begins that has the status: the carrier's own words may stand before it."""
    quote = line.rfind('"', 0, found.start())
    return quote + 1 if quote >= 0 else found.start()


def _is_of_sip(found: re.Match[str]) -> bool:
    """Whether a status is SIP's by its words, where it might be HTTP's."""
    return found.re.pattern != _PAIR.pattern or (
        _code_of(found["text"]) == int(found["sip"]) and found["sip"] not in _OF_HTTP
    )


_OF_HTTP = frozenset({*map(str, range(300, 430)), "500", "501", "502", "503", "504", "505"})
"""Statuses that HTTP has as well."""


def _code_of(name: str) -> int | None:
    """The status of this name, as LiveKit spells it."""
    from livekit_doctor.catalogue.sip_statuses import registered, sip_status

    codes = (code for code in registered() if _spelt(sip_status(code).name) == _spelt(name))
    return next(codes, None)


def _spelt(name: str) -> str:
    return re.sub(r"[^a-z]", "", name.lower())


def _twilio(line: str, after: str, context: Context) -> SipCallResult | None:
    """Twilio's code with its words, which stand behind it or in the line below."""
    found = _TWILIO.search(line)
    if found is None:
        return None
    message = _MESSAGE.search(line)
    words = message[1] if message else found["rest"].strip(" :-,.|)\"'") or after.strip()
    return SipCallResult(
        read=context.read,
        message=shortened(redact_text(f"Twilio {found['code']}: {words}".rstrip(": ")), 300),
        quoted=is_quoted(line, found),
    )


def _callback(line: str, context: Context, ends: Collection[str]) -> SipCallResult | None:
    """Twilio's callback on how a call ended, where it has no SIP status of a refusal, and Telnyx's of one that was
    answered. A leg that came in there by other ways than SIP is not LiveKit's."""
    if _HUNG_UP.search(line):
        return SipCallResult(read=context.read, status=200)
    found = _CALLBACK.search(line) if len(ends) == 1 else None  # of several calls nobody knows which one is asked about
    if found is None or "CallSid" not in line or ("Direction=inbound" in line and "SipResponseCode" not in line):
        return None
    state = found["state"]
    message = {"canceled": OWN_CANCEL, "completed": "", "busy": ""}.get(state, f"CallStatus={state}")
    return SipCallResult(
        read=context.read,
        status=200 if state == "completed" else 0,
        message=message,
        sip_status_code=486 if state == "busy" else None,
    )


_HUNG_UP = lazy_re.compile(r"\bsip_hangup_cause[\"']?\s?[:=]\s?[\"']?200\b")
_CALLBACK = lazy_re.compile(r"\bCallStatus[\"']?\s?[:=]\s?[\"']?(?P<state>completed|busy|no-answer|failed|canceled)\b")


def _ringing(excerpt: Excerpt, number: int, context: Context) -> LogLine:
    """That it rang: nobody answers a phone that did not."""
    return LogLine(
        read=context.read,
        log="sip",
        file=excerpt.name,
        number=excerpt.number_of(number),
        level="info",
        message=NOBODY_ANSWERED,
    )


# The legs of a call

_IS = r"[\"']?\s?[:=]\s?[\"']?"
_LEG = lazy_re.compile(
    rf"(?<![A-Za-z_])(?:call_?sid|call_control_id|call_leg_id|call_?uuid){_IS}(?P<id>[\w:.-]{{2,90}})", re.IGNORECASE
)
_DIALLED_BY = lazy_re.compile(rf"\bparent_?call_?sid{_IS}(?P<id>[\w:.-]{{2,90}})", re.IGNORECASE)
_CAME_IN = lazy_re.compile(rf"\bdirection{_IS}(?:inbound|incoming)", re.IGNORECASE)
_TO = lazy_re.compile(rf"(?<![A-Za-z_])to{_IS}(?:sips?:)?(?P<number>\+?[\w.-]+)", re.IGNORECASE)
_WAS_ANSWERED = lazy_re.compile(
    rf"\bcall_?status{_IS}(?:completed|in-progress)\b|\bsip_?(?:response_?code|hangup_?cause){_IS}200\b"
    rf"|\bcall\.answered\b",
    re.IGNORECASE,
)
_IS_OVER = lazy_re.compile(
    rf"\bcall_?status{_IS}(?!in-progress|ringing|initiated|queued)|hangup_?cause{_IS}", re.IGNORECASE
)
_TALKED_FOR = lazy_re.compile(rf"\b(?:call_?duration|duration_secs){_IS}(?P<seconds>\d{{1,6}})\b", re.IGNORECASE)
_TIME = lazy_re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
_MAIL_TIME = lazy_re.compile(r"[A-Z][a-z]{2}, \d{1,2} [A-Z][a-z]{2} \d{4} \d\d:\d\d:\d\d [+-]\d{4}")


def _of_other_legs(excerpt: Excerpt, pieces: Sequence[_Piece]) -> frozenset[int]:
    """The first lines of what legs are told in that do not say what became of the call. One by which it came in to the
    carrier is no other's: what became of it, the one says that went on from there."""
    told: dict[str, dict[int, str]] = {}
    for number, last, _ in pieces:
        whole = _whole(excerpt, number, last)
        if number not in excerpt.taken and (found := _LEG.search(whole)):
            told.setdefault(found["id"], {})[number] = whole
    if len(told) < 2:
        return frozenset()
    texts = {id: _decoded("\n".join(places.values())) for id, places in told.items()}
    dialled = {id: text for id, text in texts.items() if not _CAME_IN.search(text)} or texts
    times = {id: _seconds(text) for id, text in dialled.items()}
    dated = all(times.values())
    legs = [_leg(id, text, times[id] if dated else told[id]) for id, text in dialled.items()]
    one_number = len({found["number"] for text in dialled.values() if (found := _TO.search(text))}) < 2
    stand = {leg.id for leg in deciding(legs, in_order=dated and one_number)}
    return frozenset(number for id, places in told.items() if id not in stand for number in places)


def _whole(excerpt: Excerpt, first: int, last: int) -> str:
    return "\n".join(line.text for line in excerpt.stripped[first : last + 1])


def _lasted(excerpt: Excerpt, pieces: Sequence[_Piece], text: str) -> float:
    """For how many seconds the leg that this tells of is told of; 0 where that is not known."""
    of_leg = _LEG.search(text)
    wholes = (_whole(excerpt, first, last) for first, last, _ in pieces)
    seconds = _seconds(_decoded("\n".join(whole for whole in wholes if of_leg and of_leg["id"] in whole)))
    return max(seconds) - min(seconds) if seconds else 0.0


def _decoded(text: str) -> str:
    return unquote_plus(text) if "%" in text else text


def _leg(id: str, text: str, span: Collection[float]) -> Leg:
    by, answered, over = _DIALLED_BY.search(text), _WAS_ANSWERED.search(text), _IS_OVER.search(text)
    dialled_by = by["id"] if by else ""
    return Leg(id, min(span), max(span), answered=answered is not None, over=over is not None, dialled_by=dialled_by)


def _seconds(text: str) -> list[float]:
    """The moments that a carrier tells of a leg, in seconds: also when it began, by how long it was."""
    told = [at for found in _TIME.findall(text) if (at := moment(found)[0])]
    told += map(parsedate_to_datetime, _MAIL_TIME.findall(text))
    seconds = [at.timestamp() for at in told]
    talked = _TALKED_FOR.search(text)
    return [*seconds, max(seconds) - int(talked["seconds"])] if seconds and talked else seconds
