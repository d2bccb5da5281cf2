"""Reading a log that a test has written, and lines as the components write them."""

import json
import random
import string
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from msgspec import Struct

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import Component, Coverage, LogFile, LogLine, Reading
from tests.in_full.said import noted

NOW = datetime(2026, 11, 23, 22, 0, tzinfo=UTC)
AT = datetime(2026, 11, 23, 21, 25, 22, 5000, tzinfo=UTC)
DATA = Path(__file__).parent / "data"


class Found(Struct):
    """What one log gave."""

    lines: list[LogLine]
    file: LogFile
    coverage: Coverage

    @property
    def messages(self) -> list[str]:
        return [line.message for line in self.lines]


def found(reading: Reading) -> Found:
    lines = [item for item in noted(reading).observations if isinstance(item, LogLine)]
    (file,) = (item for item in reading.observations if isinstance(item, LogFile))
    (coverage,) = reading.coverage
    return Found(lines, file, coverage)


def read_file(path: Path | str, log: Component = "worker", **known: Any) -> Found:
    return found(read([LogSource(log, str(path))], Needles(**known), NOW))


def read_text(folder: Path, text: str | bytes, log: Component = "worker", **known: Any) -> Found:
    path = folder / f"{log}.log"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return read_file(path, log, **known)


class Ids:
    """The random names and ids of one call."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed)
        self.room = f"call-outbound-{self._random.randrange(10**8)}"
        self.room_id = self.of("RM")
        self.job_id = self.of("AJ")
        self.dispatch_id = self.of("AD")
        self.agent_name = f"Agent {self._random.randrange(10**4)}"

    def of(self, prefix: str) -> str:
        return f"{prefix}_{''.join(self._random.choices(string.ascii_letters + string.digits, k=12))}"

    @property
    def fields(self) -> dict[str, str]:
        return {
            "job_id": self.job_id,
            "dispatch_id": self.dispatch_id,
            "room": self.room,
            "room_id": self.room_id,
            "agent_name": self.agent_name,
        }


def python_json(message: str, at: datetime = AT, level: str = "INFO", **fields: Any) -> str:
    """A line of livekit-agents for Python, `start`."""
    head = {"message": message, "level": level, "name": "livekit.agents"}
    tail = {"pid": 7112, "code.file.path": "worker.py", "code.line.number": 739, "timestamp": at.isoformat()}
    return json.dumps(head | fields | tail, ensure_ascii=False)


def python_text(message: str, at: datetime = AT, level: str = "INFO", **fields: Any) -> str:
    """A line of livekit-agents for Python, `dev`, with its colours."""
    shown = json.dumps(fields) if fields else ""
    when = f"{at:%Y-%m-%d %H:%M:%S},{at.microsecond // 1000:03}"
    return f"{when} - \x1b[32m{level:<4}\x1b[0m livekit.agents - {message} \x1b[90m{shown}\x1b[0m"


def zap_json(message: str, at: datetime = AT, level: str = "info", **fields: Any) -> str:
    """A line of livekit-server or livekit-sip, with logging.json."""
    head = {"level": level, "ts": at.timestamp(), "logger": "livekit.agents", "caller": "service/agentservice.go:412"}
    return json.dumps({**head, "msg": message, **fields}, separators=(",", ":"))


def zap_console(message: str, at: datetime = AT, level: str = "INFO", **fields: Any) -> str:
    """A line of livekit-server or livekit-sip, without logging.json."""
    when = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03}Z"
    return f"{when}\t{level}\tlivekit.agents\tservice/agentservice.go:412\t{message}\t{json.dumps(fields)}"


def pino_json(message: str, at: datetime = AT, level: int = 30, **fields: Any) -> str:
    """A line of livekit-agents for Node, `start`."""
    head = {"level": level, "time": round(at.timestamp() * 1000), "pid": 7892, "hostname": "host"}
    return json.dumps({**head, **fields, "msg": message}, separators=(",", ":"))


FORMATS = {
    "python JSON": python_json,
    "python text": python_text,
    "zap JSON": zap_json,
    "zap console": zap_console,
    "pino JSON": pino_json,
}


def others(count: int, seed: int = 1) -> str:
    """Lines of other calls."""
    lines = []
    for number in range(count):
        other = Ids(seed * 1_000_000 + number)
        lines.append(python_json("job accepted", AT + timedelta(seconds=number / 50), **other.fields) + "\n")
    return "".join(lines)
