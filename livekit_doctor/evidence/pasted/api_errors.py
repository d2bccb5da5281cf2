"""Errors of LiveKit's API as programs print them: the Python, Node and Go SDKs', lk's, and raw answers.

Forms (livekit-api 1.2.2 and 1.0, livekit-server-sdk 2.x for Node, twirp v8 for Go):
`ServerError(code=..., message=..., status=503, metadata={...})`, `TwirpError('not_found', '...')`,
`SipCallError: SIP call failed: 486 Busy Here (resource_exhausted)`, also cut off behind the status, Node's
object with `status`, `code` and `metadata`, `twirp error unavailable: ...`, and Twirp's body
{"code": ..., "msg": ..., "meta": {...}}.
"""

import re
from bisect import bisect_left
from collections.abc import Iterator
from datetime import datetime
from functools import cached_property
from itertools import chain

from msgspec import Struct, field, structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import ApiRefusal, Observation, Read, SipCallResult
from livekit_doctor.evidence.pasted.error_origin import NEAR, Origin, of_spans, origin
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.prefixes import unprefixed
from livekit_doctor.evidence.pasted.quoting import (
    COMPARES,
    LOGGED,
    OF_PROGRAM,
    SENTENCE_BEFORE,
    is_code,
    is_compared,
    is_quoted,
)
from livekit_doctor.evidence.records import shapes, tracebacks
from livekit_doctor.evidence.records.excerpt import Excerpt, strings_in
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.lines import GONE
from livekit_doctor.evidence.team_words import says_further_phone
from livekit_doctor.redact import redact_text

_CODES = (
    "canceled|unknown|invalid_argument|malformed|deadline_exceeded|not_found|bad_route|already_exists|"
    "permission_denied|unauthenticated|resource_exhausted|failed_precondition|aborted|out_of_range|"
    "unimplemented|internal|unavailable|dataloss"
)
_NAMES = r"(?P<name>TwirpError|ServerError|SipCallError)"

_FIELDS = lazy_re.compile(
    rf"{_NAMES}\(code=(?P<code>{_CODES}), message=(?P<message>[^\n]{{0,2000}}?)"
    r"(?:, status=(?P<status>\d{3})(?:, metadata=(?P<meta>\{[^\n]{0,4000}?\}))?\)|$)",
    re.MULTILINE,
)
_ARGUMENTS = lazy_re.compile(
    rf"{_NAMES}(?:: )?\((?P<q>['\"])(?P<code>{_CODES})(?P=q), (?P<r>['\"])(?P<message>[^\n]{{0,2000}}?)(?P=r),?\s?\)"
)
_SIP_CALL = lazy_re.compile(
    r"SIP (?:call|transfer) failed: (?:STR_\w+, )?(?P<sip>\d{3})\b(?: (?P<text>[^\n(`'\"]{0,80}?))?"
    rf"(?: \((?P<code>{_CODES})\)|(?=\s*$|[`'\"”’).,;]))",
    re.MULTILINE,
)
_GO = lazy_re.compile(
    rf"twirp error (?P<code>{_CODES}): (?P<message>[^\n\"]{{1,2000}}?)"
    r"(?=, status=\d{3}\b|,? (?i:SIP status): None\b|\s+\{[\"}]|[\n\"]|\Z)"
)
"""Without what programs print behind it: metadata, of which there are none without a SIP answer, a record's fields."""
_NODE = lazy_re.compile(rf"^\s*(?:code|\[code\]): ['\"](?P<code>{_CODES})['\"],?", re.MULTILINE)
_NODE_STATUS = lazy_re.compile(r"\bstatus: (\d{3})\b")
_NODE_SIP = lazy_re.compile(r"sip_status_code['\"]?: ['\"](\d{3})['\"]")
_NODE_SIP_TEXT = lazy_re.compile(r"sip_status['\"]?: ['\"]([^'\"\n]{1,80})['\"]")
_NODE_HEAD = lazy_re.compile(
    r"^[^\n]{0,120}?(?:Error(?: \[\w{1,40}\])?|[A-Z][a-z]+(?: [A-Z][a-z]+){0,3}): (?P<message>[^\n]{1,500})$",
    re.MULTILINE,
)
_META = lazy_re.compile(r"['\"](\w{1,40})['\"]: ['\"]([^'\"\n]{0,300})['\"]")
_STATUS_LINE = lazy_re.compile(
    r"\bHTTP/[\d.]{1,3} (\d{3})\b|(?<!sip )(?<!sip-)\b(?:status(?:[_ ]?code)?|HTTP)[ :=\"]{1,3}(\d{3})\b", re.IGNORECASE
)
_PLAIN = lazy_re.compile(
    r"invalid API key: [^\n\"]{0,80}|invalid (?:authorization )?token: [^\n\"]{0,200}|\bpermissions denied\b|"
    r"(?m:^\s*invalid (?:API key|authorization token)\s*$)|"
    r"requested sip trunk does not exist|\bobject cannot be found\b|no permissions to access the room|"
    r"(?:INVITE failed|status from INVITE response): sip status:? [3-6]\d\d(?:(?!, status=)[^\n\"]){0,60}|"
    r"[Uu]nexpected [Ss]tatus ?[Cc]ode from INVITE response:? [3-6]\d\d\b|"
    r"INVITE failed: (?:dial (?:tcp|udp)|lookup|tls:|x509:|sip request timed out|max auth retry)[^\n\"]{0,160}|"
    r"INVITE blocked by carrier: [^\n\"]{1,120}",
)
_SIP_STATUS = lazy_re.compile(
    r"^[^\n]{0,120}?(?:"
    r"(?<![\w])sip[ _]status(?:[ _]code)?[\"']?(?::| is| ?=|(?= [3-6]\d\d (?-i:[A-Z]))) ?[\"']?"
    r"|\b(?:ended|failed|rejected|refused|declined|left|answered|response|with|got|error):? "
    r"(?:SIP (?:status |response |code )?(?=\d{3}(?! (?-i:[a-z])))"
    r"|(?=480 Temporarily|486 Busy|487 Request T|488 Not A|60[037] [BDU]|606 Not A))"
    r")(?P<sip>[3-6]\d\d)\b"
    r"[ :(]{0,3}(?P<text>(?:(?!from\b)[A-Za-z][A-Za-z_]*(?!=)\b ?){1,5})?\)?[\"']?"
    r"(?:from (?:the )?(?:carrier|provider|trunk|callee))?(?:[,;] (?-i:[a-z]+)(?: (?-i:[a-z]+)){0,2})?"
    r"[.;,]?(?:[ ,]\w{1,30}=\S{1,80}){0,9}(?:\s+\{\"[^\n]{0,600}\})?\s*$",
    re.MULTILINE | re.IGNORECASE,
)
"""As a program prints it of an error, at the end of a line: SIP Status: 403 (FORBIDDEN); call ended: 603 Decline."""
_OF_EXAMPLE = lazy_re.compile(
    r"error creating SIP participant: (?P<message>[^\n]{1,600}?), SIP status: (?:(?P<sip>[1-6]\d\d)|None)\b"
    r"(?: (?P<text>(?!None)[^\n\"{]{1,60}))?"
)
"""As livekit's example of an agent that dials logs it (outbound-caller-python, agent.py)."""
_METHOD = lazy_re.compile(
    r"livekit\.(?:RoomService|AgentDispatchService|SIP)/(\w{4,40})|"
    r"\b(create_sip_participant|createSipParticipant|CreateSIPParticipant|create_dispatch|createDispatch|CreateDispatch|"
    r"create_room|createRoom|CreateRoom|list_dispatch|listDispatch|ListDispatch|list_rooms|listRooms|ListRooms|"
    r"list_participants|listParticipants|ListParticipants|delete_room|deleteRoom|DeleteRoom|"
    r"transfer_sip_participant|transferSipParticipant|TransferSIPParticipant|"
    r"\w{0,40}(?:[Ee]gress|[Ii]ngress)\w{0,40}|start[_ ]?[Rr]ecording|"
    r"(?:remove|Remove|update|Update|move|Move|get|Get)_?[Pp]articipant|mute_?[Pp]ublished_?[Tt]rack|"
    r"MutePublishedTrack|(?:send|Send)_?[Dd]ata|(?:update|Update)_?(?:[Rr]oom_?[Mm]etadata|[Ss]ubscriptions)|"
    r"(?:list|List|get|Get|update|Update|delete|Delete)_?(?:sip|SIP|Sip)_?\w{4,40})\b"
)
_LK = lazy_re.compile(r"\blk (dispatch|room) create\b")
_OF_LK = {"dispatch": "CreateDispatch", "room": "CreateRoom"}
_DIALS = lazy_re.compile(r"(?:creat\w+|add\w*)[ -]SIP[ -]participant|lk sip participant create", re.IGNORECASE)

_OF_SIP = lazy_re.compile(
    r"sip status|sip not connected|sip trunk|outbound trunk|trunk address|sip request|\bINVITE\b|"
    r"transaction failed to complete|auth retry attempts|audio codec|encryption profiles|media[- ]timeout",
    re.IGNORECASE,
)
"""Words that only CreateSIPParticipant answers; others it shares with all methods."""
_TRANSFER = "TransferSIPParticipant"
_FURTHER_PHONE = lazy_re.compile(
    r"exception occurred while executing tool|could not dial human agent|\bwarm_transfer\.py"
)
"""livekit-agents' own words (1.8.9) of a dial by a tool of the model, which runs while somebody talks, and by its warm
transfer."""
_OF_SERVER = lazy_re.compile(r"error handling request|\bAPI (?:RoomService|AgentDispatchService|SIP)\.\w+\s+\{")
"""livekit-server's own line of a request: it is one of its log, and says whose request it was."""
_DIAL = "CreateSIPParticipant"
_MOST = 200
"""Errors of one text that are kept."""


class _Error(Struct, dict=True):
    """An error as it was printed, in the lines `first` to `last`."""

    kind: str
    first: int
    last: int
    code: str = ""
    message: str = ""
    status: int = 0
    meta: dict[str, str] = field(default_factory=dict)
    quoted: bool = False
    """Whether a sentence goes on around it."""

    @cached_property
    def words(self) -> str:
        """Its message without what Go puts before it, as often as it was handed on."""
        return re.sub(r"^(?:twirp error \w+:\s*)+", "", self.message.strip()).strip()


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """Each error once: one form may hold another, as a traceback does that ends with Twirp's words."""
    text = "\n".join(unprefixed(excerpt.lines))
    bare = "\n".join("" if line.text == GONE else line.text for line in excerpt.stripped)
    kept: list[_Error] = []
    # What a container puts before each line stands between the lines of one error.
    for error in chain(_in_json(excerpt), _in_strings(excerpt), _in_text(text), _in_text(bare) if bare != text else ()):
        if not any(_is_same(error, other) for other in kept):
            kept.append(error)
        if len(kept) == _MOST:
            break
    raised = list(of_spans(excerpt)) if kept else []
    for error in sorted(kept, key=lambda error: error.first):
        if any(map(_OF_SERVER.search, excerpt.lines[error.first : error.last + 1])):
            continue
        where = origin(error.first, error.last, error.message, excerpt, raised)
        item = _observation(error, where, excerpt, context)
        yield Found(error.kind, error.first, error.last, (item,) if item is not None else ())


def _is_same(error: _Error, other: _Error) -> bool:
    overlaps = error.first <= other.last and other.first <= error.last
    repeats = bool(error.words) and error.words == other.words and error.code in (other.code, "unknown", "")
    return overlaps or (repeats and abs(error.first - other.first) <= NEAR)


def _in_json(excerpt: Excerpt) -> Iterator[_Error]:
    for document in excerpt.documents:
        for value in _bodies(document.value):
            code, message = value.get("code"), value.get("msg", value.get("message", ""))
            meta = value.get("meta", value.get("metadata"))
            status = str(value.get("status", ""))
            yield _Error(
                "Twirp error body",
                document.first,
                document.last,
                code=str(code),
                message=str(message),
                status=int(status)
                if isinstance(status, int | str) and str(status).isdecimal() and len(str(status)) == 3
                else 0,
                meta={str(key): str(item) for key, item in meta.items()} if isinstance(meta, dict) else {},
                quoted=SENTENCE_BEFORE.search(f"{document.label} ") is not None,
            )


def _in_strings(excerpt: Excerpt) -> Iterator[_Error]:
    """Errors of several lines that a log's entry holds in one string, and the end of its message."""
    for document in excerpt.documents:
        message = document.value.get("message", document.value.get("msg")) if isinstance(document.value, dict) else ""
        for text in strings_in(document.value):
            if "\n" in text or (text is message and _SIP_STATUS.search(text)):
                for error in _in_text(text):
                    error.first, error.last = document.first, document.last
                    yield error


def _bodies(value: object, depth: int = 0) -> Iterator[dict[str, object]]:
    """The objects that look like a Twirp error, also under keys such as "error" or "response"."""
    if not isinstance(value, dict):
        return
    if re.fullmatch(_CODES, str(value.get("code", ""))) and isinstance(value.get("msg", value.get("message")), str):
        # A line of a log says the same of a request, and what it says counts as the log's.
        if not {"logger", "caller", "level"} & value.keys():
            yield value
    elif depth < 2 and "level" not in value:
        for inner in value.values():
            yield from _bodies(inner, depth + 1)


def _in_text(text: str) -> Iterator[_Error]:
    starts = _Lines(text)
    for match in _FIELDS.finditer(text):
        if is_code(text, match):
            continue
        yield _Error(
            match["name"],
            *starts.of(match),
            code=match["code"],
            message=match["message"],
            status=int(match["status"] or 0),
            meta=dict(_META.findall(match["meta"] or "")),
            quoted=is_quoted(text, match),
        )
    for match in _OF_EXAMPLE.finditer(text):
        meta = _sip(match) if match["sip"] else {}
        yield _Error("SIP participant error", *starts.of(match), message=match["message"], meta=meta)
    for match in _SIP_CALL.finditer(text):
        code, quoted = match["code"] or "", is_quoted(text, match)
        yield _Error("SipCallError", *starts.of(match), code=code, message=match[0], meta=_sip(match), quoted=quoted)
    for match in _ARGUMENTS.finditer(text):
        if is_code(text, match):
            continue
        quoted = is_quoted(text, match)
        yield _Error(match["name"], *starts.of(match), code=match["code"], message=match["message"], quoted=quoted)
    for match in _NODE.finditer(text):
        yield _node(text, match, starts)
    for match in _GO.finditer(text):
        message, quoted = _without_end(match["message"]), is_quoted(text, match)
        code = match["code"].removeprefix("unknown")  # Go's word for an error that has none
        yield _Error("twirp error", *starts.of(match), code=code, message=message, quoted=quoted)
    for match in _SIP_STATUS.finditer(text):
        told = _told(match, text)
        if told is None:
            continue
        yield _Error("SIP status", *starts.of(match), message=match[0].strip(), meta=_sip(match), quoted=told)
    for match in _PLAIN.finditer(text):
        if is_compared(text, match):
            continue
        message, quoted = _without_end(match[0]), is_quoted(text, match)
        yield _Error("API error message", *starts.of(match), message=message, quoted=quoted)


def _sip(match: re.Match[str]) -> dict[str, str]:
    return {"sip_status_code": match["sip"], "sip_status": (match["text"] or "").strip()}


def _without_end(message: str) -> str:
    """Without what closes the quotation or the parentheses that a message stands in."""
    message = message.rstrip("'`” \\")
    while message.endswith(")") and message.count(")") > message.count("("):
        message = message[:-1].rstrip("'`” \\")
    return message


def _told(match: re.Match[str], text: str) -> bool | None:
    """Whether a status may be told by a person; None where the line is code or an error's own message. Alone in
    a line it says neither whose it is nor who says so."""
    before = match[0][: match.start("sip") - match.start()]
    if COMPARES.search(before) or "invite" in before.lower():
        return None
    return not (LOGGED.match(before) or OF_PROGRAM.search(before)) or is_quoted(text, match)


def _node(text: str, match: re.Match[str], starts: "_Lines") -> _Error:
    """The properties that Node prints of an error stand around its code, its message before the stack."""
    around = text[max(0, match.start() - 200) : match.end() + 1_500].partition("\n}")[0]
    before = text[max(0, match.start() - 3_000) : match.start()]
    heads = list(_NODE_HEAD.finditer(before))
    status, sip = _NODE_STATUS.search(around), _NODE_SIP.search(around)
    sip_text = _NODE_SIP_TEXT.search(around)
    meta = {"sip_status_code": sip[1], "sip_status": sip_text[1] if sip_text else ""} if sip else {}
    first, last = starts.of(match)
    if heads:
        first = starts.line(match.start() - len(before) + heads[-1].start())
    end = text.find("\n}", match.end(), match.end() + 1_500)
    return _Error(
        "ServerError",
        first,
        starts.line(end + 1) if end >= 0 else last,
        code=match["code"],
        message=heads[-1]["message"] if heads else "",
        status=int(status[1]) if status else 0,
        meta=meta,
    )


class _Lines:
    """Which line a place of a text is in."""

    def __init__(self, text: str) -> None:
        self._ends = [match.start() for match in re.finditer("\n", text)]

    def line(self, place: int) -> int:
        return bisect_left(self._ends, place)

    def of(self, match: re.Match[str]) -> tuple[int, int]:
        return self.line(match.start()), self.line(match.end())


def _observation(error: _Error, where: Origin, excerpt: Excerpt, context: Context) -> Observation | None:
    """None of a transfer's, nor of a further phone's, which say nothing of how the call came about."""
    method, status = _method(error, excerpt), error.status or _status(error, excerpt)
    if method == _TRANSFER or _FURTHER_PHONE.search(_logged(error, excerpt)):
        return None
    message = shortened(redact_text(error.message), 600)
    sip_status = error.meta.get("sip_status_code", "")
    sip_code = int(sip_status) if re.fullmatch(r"[1-6][0-9][0-9]", sip_status) else None
    if method != _DIAL and sip_code is None and not _OF_SIP.search(message):
        return ApiRefusal(
            read=context.read,
            at=where.at,
            method=method,
            status=status,
            twirp_code=error.code,
            message=message,
            quoted=error.quoted,
        )
    return SipCallResult(
        read=_dated(context, where.at),
        room=where.room,
        status=status,
        twirp_code=error.code,
        message=message,
        sip_status_code=sip_code,
        sip_status=shortened(redact_text(error.meta.get("sip_status", "")), 80),
        quoted=error.quoted,
    )


def _logged(error: _Error, excerpt: Excerpt) -> str:
    """The lines of an error, with its traceback and the line above that."""
    above = range(error.first, max(-1, error.first - NEAR), -1)
    begun = next((number for number in above if "Traceback (most recent" in excerpt.lines[number]), error.first)
    return "\n".join(excerpt.lines[begun - (0 < begun < error.first) : error.last + 1])


def _dated(context: Context, at: datetime | None) -> Read:
    return structs.replace(context.read, clock_at=at) if at is not None else context.read


def _around(error: _Error, excerpt: Excerpt) -> Iterator[str]:
    """The lines of an error and those around it, the nearest first."""
    yield from excerpt.lines[error.first : error.last + 1]
    for distance in range(1, NEAR + 1):
        for number in (error.first - distance, error.last + distance):
            if 0 <= number < len(excerpt.lines):
                yield excerpt.lines[number]


def _method(error: _Error, excerpt: Excerpt) -> str:
    if says_further_phone(" ".join(excerpt.lines[error.first : error.last + 1])):
        return _TRANSFER
    return next((method for line in _around(error, excerpt) if (method := method_in(line))), "")


def method_in(line: str) -> str:
    """The method of LiveKit's API that a line names, by its name in the protocol; empty for none."""
    found = _METHOD.search(line)
    if found is None:
        typed = _LK.search(line)
        return _OF_LK[typed[1]] if typed else _DIAL if _DIALS.search(line) else ""
    camel = "".join(part[:1].upper() + part[1:] for part in re.split("[_ ]", found[1] or found[2]))
    return camel.replace("Sip", "SIP")


def _status(error: _Error, excerpt: Excerpt) -> int:
    """The HTTP status in the lines of the error, or just above them in what is of one piece with it."""
    for number in range(error.last, max(-1, error.first - 13), -1):
        line = excerpt.lines[number]
        found = _STATUS_LINE.search(line)
        if found and 400 <= int(found[1] or found[2]) <= 599:
            return int(found[1] or found[2])
        if number <= error.first and (
            tracebacks.PYTHON in line or shapes.has_whole_head(excerpt.stripped[number].text)
        ):
            break  # what stands above its beginning is of something else
    return 0
