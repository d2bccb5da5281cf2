"""A log that is still being written, read a piece at a time: the server's has megabytes, and is asked all the time."""

import json
import threading
from pathlib import Path
from typing import Any

Entry = dict[str, Any]


class LogFile:
    """What one process writes. For several threads at once."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._lines: list[str] = []
        self._entries: list[Entry] = []
        self._read = 0
        self._lock = threading.Lock()

    def text(self) -> str:
        """Everything so far."""
        return self.path.read_text(errors="replace")

    def lines(self) -> list[str]:
        """The lines so far, without one that is still being written."""
        self._read_on()
        return self._lines

    def entries(self) -> list[Entry]:
        """The JSON lines among them."""
        self._read_on()
        return self._entries

    def _read_on(self) -> None:
        with self._lock:
            if self.path.stat().st_size == self._read:
                return
            with self.path.open("rb") as file:
                file.seek(self._read)
                new = file.read()
            whole = new[: new.rfind(b"\n") + 1]
            self._read += len(whole)
            lines = whole.decode(errors="replace").splitlines()
            self._entries += [json.loads(line) for line in lines if line.startswith("{") and line.endswith("}")]
            self._lines += lines
