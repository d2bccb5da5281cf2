"""livekit-agents for Python, `start`: {"message": ..., "level": "INFO", "name": ..., "timestamp": ...}."""

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-agents Python JSON"

_OWN = ("message", "level", "name", "timestamp", "exc_info", "exc_text", "stack_info", "stack")
_WHERE = ("code.file.path", "code.function.name", "code.line.number", "taskName")


def parse(values: dict[str, object]) -> Parsed | None:
    if not isinstance(values.get("message"), str) or not {"level", "timestamp"} <= values.keys() or "ts" in values:
        return None
    if "name" not in values and "pid" not in values:
        return None
    at, zoned = moment(values["timestamp"])
    return Parsed(
        format=NAME,
        message=str(values["message"]),
        at=at,
        zoned=zoned,
        level=level(values["level"]),
        logger=str(values.get("name", "")),
        fields={key: value for key, value in values.items() if key not in _OWN and key not in _WHERE},
        traceback=str(values.get("exc_info") or values.get("exc_text") or ""),
    )
