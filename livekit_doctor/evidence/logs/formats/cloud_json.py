"""Hosts that export a JSON object a line and keep the component's own line inside it.

Google Cloud Logging: textPayload or jsonPayload, timestamp, severity. Render: message, timestamp,
labels.
"""

from datetime import datetime

from livekit_doctor.evidence.logs.parsed import level
from livekit_doctor.evidence.logs.times import moment

Inner = tuple[str | dict[str, object], datetime | None, str]


def unwrapped(values: dict[str, object]) -> Inner | None:
    """The text or the object inside, the time and the level; None where this wraps nothing."""
    at = moment(values.get("timestamp") or values.get("receiveTimestamp"))[0]
    severity = level(values.get("severity", ""))
    text, inner = values.get("textPayload"), values.get("jsonPayload")
    if isinstance(inner, dict):
        return inner, at, severity
    if isinstance(text, str):
        return text, at, severity
    message = values.get("message")
    if isinstance(message, str) and isinstance(values.get("labels"), list) and at is not None:
        return message, at, ""
    return None
