"""livekit-agents for Node, `start`: pino's {"level": 30, "time": 1795468077735, "msg": ...}."""

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-agents Node JSON"

_LEVELS = {10: "debug", 20: "debug", 30: "info", 40: "warn", 50: "error", 60: "fatal"}
_OWN = ("level", "time", "msg", "name", "hostname")


def parse(values: dict[str, object]) -> Parsed | None:
    number = values.get("level")
    if "time" not in values or not isinstance(number, int | str) or "ts" in values:
        return None
    if isinstance(number, str) and "pid" not in values:
        return None
    at, zoned = moment(values["time"])
    if at is None:
        return None
    fields = {key: value for key, value in values.items() if key not in _OWN}
    message, traceback = str(values.get("msg", "")), ""
    for key in ("err", "error"):
        error = fields.get(key)
        if isinstance(error, dict):
            traceback = str(error.get("stack", ""))
            fields[key] = error.get("message") or error.get("type") or ""
    return Parsed(
        format=NAME,
        message=message,
        at=at,
        zoned=zoned,
        level=_LEVELS.get(number, str(number)) if isinstance(number, int) else level(number),
        logger=str(values.get("name", "")),
        fields=fields,
        traceback=traceback,
    )
