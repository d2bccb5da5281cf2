"""Hosts and tools that export a JSON object a line and keep the program's own line inside of it.

Google Cloud Logging: textPayload or jsonPayload, timestamp, severity. CloudWatch: message or @message. Render: message,
timestamp, labels. Loki: line. Azure: LogMessage. journalctl -o json: MESSAGE. loguru: record.
"""

from collections.abc import Callable
from datetime import datetime

from livekit_doctor.evidence.records.record import Record, level
from livekit_doctor.evidence.records.shapes import json_object, spans
from livekit_doctor.evidence.records.times import moment

Inner = Callable[[str], Record | None]
"""Reads the text that stands inside."""

_TEXTS = (
    *("textPayload", "message", "@message", "msg", "MESSAGE", "line", "log", "text", "body"),
    *("_raw", "Log", "Log_s", "LogMessage", "LogEntry", "event_message"),
)
_ALWAYS = ("textPayload", "MESSAGE")
"""Keys that only a host writes: what is in them is the program's, whether or not it is known."""
_HOSTS = ("line", "log", "_raw", "Log", "Log_s", "LogMessage", "LogEntry", "event_message")
_TIMES = ("timestamp", "@timestamp", "receiveTimestamp", "ingestionTime", "time", "ts", "TimeStamp", "TimeGenerated")
_OBJECTS = ("jsonPayload", "_source", "attributes", "content", "result", "log_processed", "log")
"""Objects in which hosts keep the program's own: Google's, Elastic's, Datadog's, Splunk's, Fluent Bit's."""
_NAMES = {
    "short_message": "message",
    "Message": "message",
    "@m": "message",
    "@mt": "message",
    "Timestamp": "timestamp",
    "@t": "timestamp",
    "Level": "level",
    "@l": "level",
    "severityText": "level",
    "Logger": "logger",
    "_logger": "logger",
    "SourceContext": "logger",
}
"""What GELF, Serilog and OpenTelemetry call what others call so."""
_DEEPEST = 3


def read(values: dict[str, object], inner: Inner, depth: int = 0) -> Record | None:
    """The record in the object, or inside of it; None for none."""
    if depth >= _DEEPEST:
        return None
    if "timeUnixNano" in values:
        values = spans.of_log(values)
    elif not _NAMES.keys().isdisjoint(values):
        values = {_NAMES.get(key, key): value for key, value in values.items()}
    found = _in_object(values, inner, depth) or _in_text(values, inner)
    if found is None:
        return json_object.read(values) or _plain(values)
    if found.at is None or not found.zoned:
        at = _moment(values)
        if at is not None:
            found.at, found.zoned, found.time_of_day = at, True, ""
    severity = values.get("severity", values.get("level", ""))
    found.level = found.level or (level(severity) if isinstance(severity, str | int) else "")
    return found


def _in_object(values: dict[str, object], inner: Inner, depth: int) -> Record | None:
    payload = next((values[key] for key in _OBJECTS if isinstance(values.get(key), dict)), None)
    if isinstance(payload, dict) and (found := read(payload, inner, depth + 1)):
        return found
    if isinstance(payload, dict) and "jsonPayload" in values:
        message = payload.get("message", payload.get("msg", ""))
        return Record(json_object.OTHER, str(message), fields=payload)
    record = values.get("record")
    if isinstance(record, dict) and isinstance(record.get("level"), dict):
        return json_object.read(_of_loguru(record))
    message = values.get("message")
    return read(message, inner, depth + 1) if isinstance(message, dict) else None


def _of_loguru(record: dict[str, object]) -> dict[str, object]:
    time, name, raised = record.get("time"), record.get("level"), record.get("exception")
    extra = record.get("extra")
    return {
        **(extra if isinstance(extra, dict) else {}),
        "message": record.get("message"),
        "name": record.get("name"),
        "level": name.get("name") if isinstance(name, dict) else name,
        "timestamp": time.get("timestamp") if isinstance(time, dict) else time,
        "exception": str(raised.get("value", "")) if isinstance(raised, dict) else "",
    }


def _in_text(values: dict[str, object], inner: Inner) -> Record | None:
    for key in _TEXTS:
        text = values.get(key)
        if isinstance(text, str) and text:
            found = inner(text)
            if found is not None or key in _ALWAYS:
                return found or Record("", text)
    return None


def _plain(values: dict[str, object]) -> Record | None:
    """A line that is in no known shape, under a key that only hosts write."""
    text = next((values[key] for key in _HOSTS if isinstance(values.get(key), str)), None)
    return json_object.read({**values, "message": text}) if text else None


def _moment(values: dict[str, object]) -> datetime | None:
    times = (moment(values.get(key))[0] for key in _TIMES)
    at = next((at for at in times if at is not None), None)
    # journald counts microseconds.
    return at or moment(values.get("__REALTIME_TIMESTAMP"))[0]
