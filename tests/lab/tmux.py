"""A terminal of a fixed width, at which a person's commands are typed: tmux, with a server of its own."""

import os
import secrets
import subprocess
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Self

from tests.cli.command_line import CLEAN
from tests.lab.support import LabError, until

PROMPT = "$ "


class Pane:
    """A shell in `folder` with the tool on its PATH; it sees no setting of the developer's own.

    Raises LabError where there is no tmux.
    """

    def __init__(self, folder: Path, *, columns: int = 100, rows: int = 120) -> None:
        self._folder, self._columns, self._rows = folder, columns, rows
        self._socket = f"livekit-doctor-{secrets.token_hex(4)}"

    def __enter__(self) -> Self:
        path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
        self._env = {**CLEAN, "HOME": str(self._folder), "PATH": path, "PS1": PROMPT, "LC_ALL": "C.UTF-8"}
        self._env.pop("TMUX", None)
        size = ["-x", str(self._columns), "-y", str(self._rows)]
        shell = ["bash", "--norc", "--noprofile", "-i"]
        try:
            self._tmux("-f", os.devnull, "new-session", "-d", *size, "-c", str(self._folder), *shell)
        except FileNotFoundError as error:
            raise LabError("no tmux to type in: on Debian, apt-get install tmux") from error
        until(lambda: self.text() == PROMPT.strip(), what="the prompt")
        return self

    def __exit__(self, *_: object) -> None:
        self._tmux("kill-server")

    def run(self, command: str) -> str:
        """Types a command on a clear screen; once it has ended: the screen, as `shown`."""
        self.type(command)
        self._wait_until(lambda: self.text().endswith(f"\n{PROMPT.strip()}"), f"the end of {command}")
        return self.shown().removesuffix(PROMPT.strip())

    def wait_for(self, *words: str) -> str:
        """The screen, as `shown`, once it has all of these."""
        self._wait_until(lambda: all(word in self.text() for word in words), " and ".join(words))
        return self.shown()

    def type(self, command: str) -> None:
        """Types a command on a clear screen, and does not wait for its end."""
        self._tmux("send-keys", "-t", "0", "-R")
        self._tmux("clear-history", "-t", "0")
        self._tmux("send-keys", "-t", "0", "C-l")
        until(lambda: self.text() == PROMPT.strip(), what="a clear screen")
        self._tmux("send-keys", "-t", "0", "-l", command)
        self._tmux("send-keys", "-t", "0", "Enter")

    def interrupt(self) -> None:
        self._tmux("send-keys", "-t", "0", "C-c")

    def text(self) -> str:
        """What is on the screen, in plain letters."""
        return self._captured(())

    def shown(self) -> str:
        """What is on the screen, with the ANSI codes of its colours."""
        return self._captured(("-e",))

    def history(self) -> str:
        """What was on the screen and has left it at the top, and what is on it, in plain letters."""
        return self._captured(("-S", "-"))

    def _wait_until(self, condition: Callable[[], bool], what: str) -> None:
        try:
            until(condition, what=what)
        except AssertionError as error:
            raise AssertionError(f"{error}; on the screen is:\n{self.text()}") from None

    def _captured(self, how: Sequence[str]) -> str:
        return self._tmux("capture-pane", "-p", "-t", "0", *how).rstrip()

    def _tmux(self, *arguments: str) -> str:
        command = ["tmux", "-L", self._socket, *arguments]
        return subprocess.run(command, env=self._env, check=True, capture_output=True, text=True).stdout
