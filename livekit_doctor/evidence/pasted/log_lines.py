"""Lines of the components' logs in a pasted text: livekit-server, livekit-sip, agent workers."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import datetime
from itertools import takewhile

from livekit_doctor.evidence.logs import formats
from livekit_doctor.evidence.logs.fields import normalised, shortened
from livekit_doctor.evidence.logs.formats import OTHER_JSON, pino_json, pino_pretty, python_json, python_text
from livekit_doctor.evidence.logs.parsed import Parsed
from livekit_doctor.evidence.logs.prefixes import Line, strip
from livekit_doctor.evidence.logs.scan import LONGEST_MESSAGE
from livekit_doctor.evidence.logs.tracebacks import trimmed
from livekit_doctor.evidence.observations import Component, LogLine
from livekit_doctor.evidence.pasted.excerpt import Excerpt, glues
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.redact import redact_text

KINDS: dict[Component, str] = {
    "server": "livekit-server log line",
    "sip": "livekit-sip log line",
    "worker": "worker log line",
}

_WORKER_FORMATS = (python_json.NAME, python_text.NAME, pino_json.NAME, pino_pretty.NAME)
_TRACEBACK = "Traceback (most recent call last):"

# Tabs become blanks on the way through a chat; the place in the source tells the columns apart.
_CONSOLE = re.compile(
    r"(?P<at>\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d+(?:Z|[+-]\d\d:?\d\d)?)\s+(?P<level>DEBUG|INFO|WARN|ERROR|DPANIC|PANIC|FATAL)\s+"
    r"(?:(?P<logger>[a-z][\w.-]{0,80})\s+)?(?P<caller>[\w./@-]{1,200}\.go:\d+)\s+(?P<rest>.*)"
)
_TIME = re.compile(r"\[?\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d|\[\d\d:\d\d:\d\d\.\d{3}\] |(?<![\d:])\d\d:\d\d:\d\d[,.]\d+ ")
_GO_FRAME = re.compile(r"[\w./-]+(?:\.\(\*?\w+\))?\.[\w.()\[\]*]+$")
_EXCEPTION = re.compile(r"[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Timeout|Group)\b|[A-Za-z_][\w.]*: ")
_CHAINED = re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_PAIR = re.compile(r'"([A-Za-z][\w.-]{0,60})":\s*("(?:[^"\\]|\\.)*"|-?\d+(?:\.\d+)?|true|false)')
_MOST_STARTS = 6
_MOST_LINES = 250
_WRAPPED = 30


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The records, each with the lines that go on with it; JSON over several lines as well."""
    documents = {document.first: document for document in excerpt.documents}
    number = 0
    while number < len(excerpt.lines):
        if number in excerpt.taken or not excerpt.lines[number].strip():
            number += 1
            continue
        last = number
        parsed = _one_line(excerpt.lines[number])
        if parsed is None and number in documents:
            last = documents[number].last
            parsed = _object(documents[number].value)
        if parsed is None:
            parsed, last = _text(excerpt, number)
        if parsed is None:
            parsed, last = _cut_json(excerpt.lines[number]), number
        log = component(parsed) if parsed is not None else None
        if parsed is not None and log is not None:
            yield Found(KINDS[log], number, last, (_line(parsed, log, excerpt.name, number + 1, context),))
            number = last
        number += 1


def component(parsed: Parsed) -> Component | None:
    """Whose log the record is of; None where it is of none of LiveKit's components."""
    fields = parsed.fields
    if parsed.format in _WORKER_FORMATS:
        own = parsed.logger.startswith(("livekit", "lk-rtc")) or {"job_id", "jobId", "jobID"} & fields.keys()
        known = parsed.message.startswith(_WORKER_SAYS) or parsed.format in (pino_json.NAME, pino_pretty.NAME)
        return "worker" if own or known else None
    if parsed.format in ("", OTHER_JSON):
        return None
    if parsed.logger.startswith("livekit"):
        return "server"
    if parsed.logger.startswith("sip") or "sipCallID" in fields or "sipTag" in fields:
        return "sip"
    return "server" if parsed.logger == "" and {"room", "agentName", "workerID", "method"} & fields.keys() else None


_WORKER_SAYS = ("registered worker", "received job request", "draining worker", "process exited", "job crashed")


def _one_line(text: str) -> Parsed | None:
    """A record of one line, whatever a chat has put before it."""
    for start in _starts(text):
        line = strip(text[start:].encode("utf-8", "replace"))
        if line.text.startswith("{"):
            parsed = formats.parse([line])
            if parsed is not None and parsed.format not in ("", OTHER_JSON):
                return parsed
    return None


def _starts(text: str) -> list[int]:
    """Where in a line a record may begin."""
    found = [0, *(match.start() for match in _TIME.finditer(text))][:_MOST_STARTS]
    brace = text.find('{"')
    return list(dict.fromkeys([*found, brace] if brace > 0 else found))


def _object(value: object) -> Parsed | None:
    if not isinstance(value, dict):
        return None
    try:
        parsed = formats.parse([Line(json.dumps(value))])
    except (ValueError, RecursionError):
        return None
    return parsed if parsed is not None and parsed.format not in ("", OTHER_JSON) else None


def _text(excerpt: Excerpt, number: int) -> tuple[Parsed | None, int]:
    """A record of text and the lines that go on with it, and the last of these."""
    for start in _starts(excerpt.lines[number]):
        head = strip(_with_tabs(excerpt.lines[number][start:]).encode("utf-8", "replace"))
        head.text = _with_tabs(head.text)
        if head.text.startswith("{") or not formats.starts_record(head.text):
            continue
        head, last = _unwrapped(excerpt, number, head)
        lines, last = _with_rest(excerpt, last, head)
        parsed = formats.parse(lines)
        if parsed is not None:
            return parsed, last
    return None, number


def _with_tabs(text: str) -> str:
    found = _CONSOLE.match(text)
    if found is None or "\t" in text[: found.start("rest")]:
        return text
    message, brace, fields = found["rest"].partition('{"')
    rest = f"{message.rstrip()}\t{brace}{fields}" if brace else message
    return "\t".join(filter(None, (found["at"], found["level"], found["logger"], found["caller"], rest)))


def _unwrapped(excerpt: Excerpt, number: int, head: Line) -> tuple[Line, int]:
    """The first line with its JSON at the end made whole: by the next lines where it was wrapped, or of
    what stands before the place where it was cut."""
    brace = head.text.find('{"')
    if brace >= 0 and _is_json(head.text[brace:]):
        return head, number
    rest = list(takewhile(_may_go_on, excerpt.lines[number + 1 : number + _WRAPPED]))
    for count in range(1, len(rest) + 1 if brace >= 0 or "\t" in head.text else 0):
        if not rest[count - 1].rstrip().endswith("}"):
            continue
        for glue in glues((excerpt.lines[number], *rest[:count])):
            text = _with_tabs(glue.join((head.text, *rest[:count])))
            if '{"' in text and _is_json(text[text.find('{"') :]):
                return Line(text, head.at), number + count
    pairs = _pairs(head.text[brace:]) if brace >= 0 else {}
    return (Line(head.text[:brace] + json.dumps(pairs), head.at) if pairs else head), number


def _may_go_on(line: str) -> bool:
    return bool(line.strip()) and not formats.starts_record(line) and _CONSOLE.match(line) is None


def _pairs(text: str) -> dict[str, object]:
    """The keys and values in JSON that is not whole."""
    values: dict[str, object] = {}
    for key, value in _PAIR.findall(text):
        with suppress(ValueError):
            values.setdefault(key, json.loads(value, strict=False))
    return values


def _is_json(text: str) -> bool:
    try:
        json.loads(text)
    except (ValueError, RecursionError):
        return False
    return True


def _with_rest(excerpt: Excerpt, number: int, head: Line) -> tuple[list[Line], int]:
    lines = [head]
    in_traceback = _TRACEBACK in head.text
    for place in range(number + 1, min(number + _MOST_LINES, len(excerpt.lines))):
        line = strip(excerpt.lines[place].encode("utf-8", "replace"))
        text = line.text
        if formats.starts_record(text) or _CONSOLE.match(excerpt.lines[place]):
            break
        after = excerpt.lines[place + 1] if place + 1 < len(excerpt.lines) else ""
        if _TRACEBACK in text:
            in_traceback = True
        elif not text.strip():
            if not (in_traceback and (_CHAINED.match(after) or after.startswith(_TRACEBACK))):
                break
        elif text[0] in " \t}" or (in_traceback and (_EXCEPTION.match(text) or _CHAINED.match(text))):
            pass
        elif not ("\t" in head.text and _GO_FRAME.match(text)):
            break
        lines.append(line)
    while len(lines) > 1 and not lines[-1].text.strip():
        lines.pop()
    return lines, number + len(lines) - 1


def _cut_json(text: str) -> Parsed | None:
    """A JSON line of which the end is missing: what stands before the cut."""
    start = text.find('{"')
    if start < 0:
        return None
    values = _pairs(text[start:])
    return _object(values) if len(values) > 2 else None


def _line(parsed: Parsed, log: Component, name: str, number: int, context: Context) -> LogLine:
    fields = normalised(parsed.fields)
    if parsed.time_of_day:
        fields["time_of_day"] = parsed.time_of_day
    message, mark, rest = parsed.message.partition(_TRACEBACK)
    return LogLine(
        read=context.read,
        log=log,
        file=name,
        number=number,
        at=_in_range(parsed.at),
        zoned=parsed.zoned,
        level=parsed.level,
        logger=redact_text(parsed.logger),
        message=shortened(redact_text(message), LONGEST_MESSAGE),
        fields=fields,
        traceback=trimmed(parsed.traceback or mark + rest),
    )


def _in_range(at: datetime | None) -> datetime | None:
    """Nothing for a time at the ends of the calendar, of which ages can't be taken."""
    return at if at is not None and 1990 < at.year < 2200 else None
