"""Reading the logs that livekit-server and livekit-agents write."""

import json
from typing import Any

from tests.lab.support import PATIENCE, until

Entry = dict[str, Any]


class Logged:
    """Something with a log; `logged` and `wait_for_log` need it to be in JSON."""

    def log(self) -> str:
        """Everything logged so far."""
        raise NotImplementedError

    def logged(self, message: str = "", **fields: Any) -> list[Entry]:
        """The entries whose message begins with `message` and that have all of `fields`."""
        return [
            entry
            for entry in _entries(self.log())
            if (entry.get("msg") or entry.get("message", "")).startswith(message) and fields.items() <= entry.items()
        ]

    def wait_for_log(self, message: str, **fields: Any) -> Entry:
        """The first of those entries, once it is there."""
        return until(lambda: self.logged(message, **fields), what=f"{message!r} {fields} in the log")[0]

    def wait_for_text(self, text: str, timeout: float = PATIENCE) -> None:
        until(lambda: text in self.log(), timeout, f"{text!r} in the log")


def _entries(log: str) -> list[Entry]:
    """The JSON lines; other lines, and one that is still being written, are left out."""
    return [json.loads(line) for line in log.splitlines() if line.startswith("{") and line.endswith("}")]
