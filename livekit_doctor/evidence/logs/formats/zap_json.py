"""livekit-server and livekit-sip, `logging.json: true`: {"level": "info", "ts": 1795468077.73, "msg": ...}."""

from livekit_doctor.evidence.logs.parsed import Parsed, level
from livekit_doctor.evidence.logs.times import moment

NAME = "livekit-server JSON"

_OWN = ("level", "ts", "msg", "logger", "caller", "stacktrace", "errorVerbose")


def parse(values: dict[str, object]) -> Parsed | None:
    if "ts" not in values or not isinstance(values.get("msg"), str):
        return None
    at, zoned = moment(values["ts"])
    return Parsed(
        format=NAME,
        message=str(values["msg"]),
        at=at,
        zoned=zoned,
        level=level(values.get("level", "")),
        logger=str(values.get("logger", "")),
        fields={key: value for key, value in values.items() if key not in _OWN},
    )
