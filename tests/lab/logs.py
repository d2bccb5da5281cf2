"""Reading the logs that livekit-server and livekit-agents write."""

from typing import Any

from tests.lab.log_file import Entry
from tests.lab.support import PATIENCE, ChildProcess, until


class Logged:
    """Something with a log; `logged` and `wait_for_log` need it to be in JSON."""

    @property
    def process(self) -> ChildProcess:
        raise NotImplementedError

    def log(self) -> str:
        """Everything logged so far."""
        return self.process.log.text()

    def log_lines(self) -> list[str]:
        """The same by line, for what asks again and again."""
        return self.process.log.lines()

    def logged(self, message: str = "", **fields: Any) -> list[Entry]:
        """The entries whose message begins with `message` and that have all of `fields`."""
        return [
            entry
            for entry in self.process.log.entries()
            if (entry.get("msg") or entry.get("message", "")).startswith(message) and fields.items() <= entry.items()
        ]

    def wait_for_log(self, message: str, **fields: Any) -> Entry:
        """The first of those entries, once it is there."""
        return until(lambda: self.logged(message, **fields), what=f"{message!r} {fields} in the log")[0]

    def wait_for_text(self, text: str, timeout: float = PATIENCE) -> None:
        until(lambda: text in self.log(), timeout, f"{text!r} in the log")
