"""An interactive shell in a pseudo-terminal, at which a test types."""

import fcntl
import os
import pty
import re
import select
import signal
import subprocess
import termios
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Self

from tests import forked
from tests.cli.command_line import CLEAN

PATIENCE = 30.0
PROMPT = "READY%"
_CODES = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\x1b[()][A-Z0-9]|\x1b[=>78]|[\x0e\x0f]")

START = {
    "bash": (("bash", "--norc", "--noprofile", "-i"), f"PS1='{PROMPT} '", 'eval "$(livekit-doctor completion bash)"'),
    "zsh": (("zsh", "-f", "-i"), f"PROMPT='{PROMPT}% '; bindkey -e", 'eval "$(livekit-doctor completion zsh)"'),
    "fish": (
        ("fish", "--no-config", "-i"),
        f"function fish_prompt; echo -n '{PROMPT} '; end; set -g fish_autosuggestion_enabled 0",
        "livekit-doctor completion fish | source",
    ),
}


class Terminal:
    """A context manager: the shell with the completion of livekit-doctor loaded."""

    def __init__(self, shell: str, folder: Path, env: Mapping[str, str]) -> None:
        self.shell, self.folder = shell, folder
        self.seen = ""
        tool = forked.command(folder.with_name(f"{folder.name}-path"))
        path = f"{tool.parent}{os.pathsep}{os.environ['PATH']}"
        home = {"HOME": str(folder), "XDG_CONFIG_HOME": str(folder), "XDG_DATA_HOME": str(folder)}
        self.env = {**CLEAN, **home, "PATH": path, "TERM": "xterm", "LC_ALL": "C.UTF-8", **env}

    def __enter__(self) -> Self:
        command, prompt, load = START[self.shell]
        self._ours, theirs = pty.openpty()
        self._process = subprocess.Popen(
            command,
            cwd=self.folder,
            env=self.env,
            stdin=theirs,
            stdout=theirs,
            stderr=theirs,
            start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        )
        os.close(theirs)
        self.type(f"{prompt}\r")
        self.type(
            f"{load}; echo loaded-$((40 + 2))\r" if self.shell != "fish" else f"{load}; echo loaded-(math 40+2)\r"
        )
        self.wait_for("loaded-42")
        return self

    def __exit__(self, *_: object) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(PATIENCE)
        os.close(self._ours)

    def type(self, text: str) -> None:
        os.write(self._ours, text.encode())

    def wait_for(self, text: str) -> str:
        """What is on the screen since the last wait, up to this text."""
        deadline = time.monotonic() + PATIENCE
        while text not in self.seen:
            left = deadline - time.monotonic()
            if left <= 0 or not select.select([self._ours], [], [], left)[0]:
                raise AssertionError(f"{self.shell} does not show {text!r}, but:\n{self.seen}")
            self.seen += _CODES.sub("", os.read(self._ours, 65536).decode(errors="replace"))
        shown, _, self.seen = self.seen.partition(text)
        return shown + text

    def completed(self, typed: str) -> list[str]:
        """The words of this command line after a tab, as the shell would give them to the command."""
        self.type(f"{typed}\t\x01printf '<%s>\\n' \x05 'the'' end'\r")
        shown = self.wait_for("<the end>").replace("\r", "\n")
        return re.findall(r"^<(.*)>$", shown, re.MULTILINE)[:-1]

    def listed(self, typed: str, *, until: str) -> str:
        """What is shown for two tabs, up to this text; then the line is given up."""
        self.type(f"{typed}\t\t")
        shown = self.wait_for(until)
        self.type("\x03" if self.shell != "fish" else "\x1b\x03")
        return shown
