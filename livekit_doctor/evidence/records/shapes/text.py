"""A line of text with a head: Python's formatters, livekit-agents' own, zap's columns, pino-pretty, structlog, loguru.

livekit-agents for Python: `2026-11-23 21:08:51,595 - INFO livekit.agents - registered worker {"agent_name": ...}` in
local time, or with the time of day only: `21:08:51 INFO livekit.agents registered worker {...}`. livekit-server and
livekit-sip without `logging.json`: TIME, LEVEL, logger, place, message, {fields} with tabs between them, which become
blanks on their way through a chat.
"""

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import tracebacks
from livekit_doctor.evidence.records.heads import Head, head_at
from livekit_doctor.evidence.records.known_words import context_before
from livekit_doctor.evidence.records.printed import object_at
from livekit_doctor.evidence.records.record import LEVELS, Record, level
from livekit_doctor.evidence.records.shapes import pino_pretty
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.evidence.records.values import decoded, equals_in, json_in, pairs_in

AGENTS, SERVER, OTHER = "livekit-agents Python text", "livekit-server console", "text"

_ZAP = lazy_re.compile(r"\d{4}-\d\d-\d\dT\S{8,25}\t[A-Z]{4,6}\t")
_STRUCTLOG = lazy_re.compile(r"(?P<event>.*?\S)(?: {2,}| +(?=\[))(?:\[(?P<logger>[\w.-]+)\] *)?(?P<pairs>[\w.-]+=.*)?$")
_BRACES = 8
"""Braces of a line at which its fields may begin."""


def read(lines: list[str], start: int = 0) -> Record | None:
    """The record whose head begins in the first line at `start`; None where none begins there."""
    text = lines[0]
    head = head_at(text, start)
    if head is None:
        return None
    name, by = _format(head, text, start)
    texts = [text[head.rest :], *(() if by == "go" else lines[1:])]
    fields: dict[str, object] = {}
    if name == pino_pretty.NAME or (by != "go" and pino_pretty.has_fields(lines[1:])):
        message, fields = without_fields(texts[0].removeprefix(": "))
        traceback = pino_pretty.fields_of(lines[1:], fields)
    else:
        message, traceback = _split(texts, fields)
    if by != "go" and (context := context_before(message)):
        message = message[len(context) :]
        words = context.split()
        head.logger = next((word for word in words if word.startswith("livekit")), head.logger)
        head.level = head.level or next((word for word in words if word.isupper() and word.lower() in LEVELS), "")
    if not fields and (found := _STRUCTLOG.match(message)) and (found["pairs"] or found["logger"]):
        message = found["event"]
        head.logger = head.logger or found["logger"] or ""
        fields.update(equals_in(found["pairs"] or ""))
    elif not fields:
        fields.update(pair for pair in equals_in(message).items() if pair[0] != "message")
    at, zoned = moment(head.at) if head.at else (None, False)
    return Record(
        format=name,
        message=message.strip(),
        at=at,
        zoned=zoned,
        level=level(head.level),
        logger=head.logger,
        fields=fields,
        traceback=traceback,
        time_of_day=head.time_of_day,
        by=by,
    )


def is_go(line: str) -> bool:
    """Whether livekit-server or livekit-sip writes so."""
    return _ZAP.match(line) is not None or ".go:" in line[:300]


def _format(head: Head, text: str, start: int) -> tuple[str, str]:
    if head.caller.rpartition(":")[0].endswith(".go") or _ZAP.match(text, start):
        return SERVER, "go"
    if pino_pretty.is_head(text, start):
        return pino_pretty.NAME, "agents"
    return (AGENTS if head.logger.startswith("livekit") else OTHER), ""


def _split(texts: list[str], fields: dict[str, object]) -> tuple[str, str]:
    """The message and the traceback; the fields, which stand at the end of either, are taken out of them."""
    for number, text in enumerate(texts):
        texts[number], more = without_fields(text)
        fields.update(more)
    text = "\n".join(texts).rstrip()
    begins = tracebacks.begins_in(text)
    return (text[:begins].strip(), text[begins:]) if begins >= 0 else (text, "")


def without_fields(text: str) -> tuple[str, dict[str, object]]:
    """The text, and the object that it ends with, also one whose end is missing."""
    stripped = text.rstrip()
    place = text.find("{")
    for _ in range(_BRACES if place >= 0 else 0):
        if stripped.endswith("}"):
            value = json_in(stripped[place:])
            if isinstance(value, dict):
                return text[:place].rstrip(), value
            found = object_at(stripped, place) if text[place - 1 : place] in ("", " ", "\t") else None
            if found is not None and found[1] == len(stripped):
                return text[:place].rstrip(), found[0]
        if text.startswith('{"', place) and (pairs := _object_at(text, place) or pairs_in(text[place:])):
            return text[:place].rstrip(), pairs
        place = text.find("{", place + 1)
        if place < 0:
            break
    return text, {}


def _object_at(text: str, place: int) -> dict[str, object]:
    """The whole object that begins there, where no more than marks stand behind it: a bracket, dots."""
    found = decoded(text, place)[0]
    whole = found is not None and not any(map(str.isalnum, text[found[1] :]))
    return found[0] if found and whole and isinstance(found[0], dict) else {}
