"""A JSON object a record: zap, pino, python-json-logger, structlog and whatever else calls its keys likewise.

livekit-server and livekit-sip: {"level": "info", "ts": 1795468077.73, "msg": ...}. livekit-agents for Python:
{"message": ..., "level": "INFO", "name": ..., "timestamp": ...}, for Node pino's {"level": 30, "time": ..., "msg": ...}
"""

import re
from datetime import datetime

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.fields import of_call
from livekit_doctor.evidence.records.record import Record, level
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.evidence.records.tracebacks import begins_in
from livekit_doctor.evidence.records.tracebacks import raised as raised_in
from livekit_doctor.evidence.records.values import equals_in, json_in

SERVER, PYTHON, NODE, OTHER = (
    "livekit-server JSON",
    "livekit-agents Python JSON",
    "livekit-agents Node JSON",
    "JSON",
)

_MESSAGES = ("msg", "message", "event", "@message", "text", "body")
_TIMES = ("ts", "time", "timestamp", "@timestamp", "asctime", "datetime", "date", "created", "eventTime", "t")
_LEVELS = ("level", "levelname", "severity", "loglevel", "log_level", "level_name", "lvl", "@level", "log.level")
_LOGGERS = ("logger", "name", "logger_name", "loggerName", "log.logger")
_TRACEBACKS = (
    "exc_info",
    "exc_text",
    "exception",
    "stack_trace",
    "stacktrace",
    "exception.stacktrace",
    "traceback",
    "error.stack",
    "err.stack",
    "stack",
)
_RAISED = lazy_re.compile(r"Traceback \(most|\n\s+at |^\w[\w.]*(?:Error|Exception)\b", re.MULTILINE)
_OTHERS = (
    *("hostname", "caller", "errorVerbose", "stack_info", "taskName", "funcName", "lineno", "pathname", "filename"),
    *("code.file.path", "code.function.name", "code.line.number"),
)
"""Keys that say nothing of a call."""
_NO_FIELDS = frozenset({*_OTHERS, *_TRACEBACKS, *_TIMES})
_INSIDE = (
    *("extra", "fields", "context", "extra_fields", "attributes", "labels", "properties", "customDimensions"),
    *("data", "metadata", "meta"),
)
"""Objects in which some formatters put a record's own fields."""


def read(values: dict[str, object]) -> Record | None:
    """None where the object is no record of a log: it has no message, or neither time, level nor logger."""
    key = next((key for key in _MESSAGES if isinstance(values.get(key), str)), "")
    keys = [_first(values, names) for names in (_TIMES, _LEVELS, _LOGGERS)]
    if not key or not any(keys):
        return None
    time, level_key, logger = keys
    name, by = _format(values, key)
    flat = _flat(values)
    fields = {name: value for name, value in flat.items() if name not in _NO_FIELDS}
    for said in (key, level_key, logger):
        fields.pop(said, None)
    at, zoned, time_of_day = _moment(values, time)
    message, more = _said(str(values[key])) if by != "go" else (str(values[key]), {})
    fields |= {name: value for name, value in more.items() if name not in fields}
    # livekit-agents for Python has a "stack" that nothing raised.
    raised = (value for name, value in flat.items() if name in _TRACEBACKS and isinstance(value, str))
    traceback = next((text for text in raised if _RAISED.search(text)), "")
    return Record(
        format=name,
        message=message,
        at=at,
        zoned=zoned,
        level=level(values[level_key]) if level_key else "",
        logger=str(values[logger]) if logger and isinstance(values[logger], str) else "",
        fields=fields,
        traceback=_error(fields) or ("" if by == "go" else traceback),
        time_of_day=time_of_day,
        by=by,
    )


def _said(message: str) -> tuple[str, dict[str, object]]:
    """The message, and what it says itself of the call: JSON at its end, or key=value."""
    if message.endswith("}") and '{"' in message:
        place = message.find('{"')
        value = json_in(message[place:])
        if place and isinstance(value, dict):
            return message[:place].rstrip(), value
    begins = begins_in(message)  # below it stands code
    said = message[:begins] if begins >= 0 else message
    return message, of_call(equals_in(said)) if "=" in said else {}


def _format(values: dict[str, object], message: str) -> tuple[str, str]:
    """Whose shape it is, and what kind of program writes so."""
    number = values.get("level")
    if "ts" in values and message == "msg":
        return SERVER, "go"
    if message == "msg" and "ts" not in values and isinstance(number, int) and 10 <= number <= 60:
        return NODE, "agents" if "time" in values else ""
    if message == "msg" and {"level", "time", "pid"} <= values.keys():
        return NODE, "agents"
    if message == "message" and {"level", "timestamp"} <= values.keys() and {"name", "pid"} & values.keys():
        return PYTHON, ""
    return OTHER, ""


def _first(values: dict[str, object], names: tuple[str, ...]) -> str:
    return next((name for name in names if values.get(name) not in (None, "") and _is_plain(values[name])), "")


def _is_plain(value: object) -> bool:
    return isinstance(value, str | int | float) and not isinstance(value, bool)


def _moment(values: dict[str, object], key: str) -> tuple[datetime | None, bool, str]:
    """The first of its times that is one; a time of day without a date is text."""
    for name in (key, *_TIMES) if key else ():
        at, zoned = moment(values.get(name))
        if at is not None:
            return at, zoned, ""
    text = str(values[key]) if key else ""
    return None, True, text if text[:2].isdigit() and text[2:3] == ":" and len(text) < 20 else ""


def _flat(values: dict[str, object]) -> dict[str, object]:
    flat = dict(values)
    for name in _INSIDE:
        inner = values.get(name)
        if isinstance(inner, dict):
            flat |= {str(key): value for key, value in inner.items() if key not in values}
    return flat


def _error(fields: dict[str, object]) -> str:
    """The stack of the error, of which the fields keep the message: pino prints it as an object, others as text."""
    stack = ""
    for key in ("err", "error"):
        error = fields.get(key)
        if isinstance(error, str) and "\n" in error and _RAISED.search(error):
            stack, fields[key] = error, raised_in(error)
        elif isinstance(error, dict):
            stack = str(error.get("stack", "")) or stack
            fields[key] = error.get("message") or error.get("type") or ""
    return stack
