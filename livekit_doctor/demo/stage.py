"""Where the demo takes place: the embedded server, and a folder as a team's project has it."""

import os
import secrets
import subprocess
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import Self

from livekit_doctor.config import CONFIG_VARIABLE, FALLBACKS, FILE_NAME, VARIABLES
from livekit_doctor.demo import story
from livekit_doctor.demo.recording import Recording, shifted_rows
from livekit_doctor.demo.server import RecordedServer

_PACKAGE_PARENT = Path(__file__).parents[2]


class Stage:
    """A context manager; on leaving, the port is closed and the folder gone.

    Commands run as processes of their own, in the folder, with nothing of the user's
    configuration. Key and secret are made for this run.
    """

    def __init__(self, recording: Recording) -> None:
        self.api_key = f"API{secrets.token_hex(6)}"
        self._api_secret = secrets.token_urlsafe(32)
        self.server = RecordedServer(recording, self.api_key, self._api_secret)
        self.folder: Path
        self._recording = recording
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        with ExitStack() as stack:
            stack.enter_context(self.server)
            self.folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="livekit-doctor-demo-")))
            (self.folder / FILE_NAME).write_text(self._recording.checks_yaml, "utf-8")
            (self.folder / story.CALL_LOGS).write_bytes(shifted_rows(self._recording.rows, self.server.shift))
            self._stack = stack.pop_all()
        return self

    def __exit__(self, *_: object) -> None:
        self._stack.close()

    def start(self, *arguments: str, width: int | None = None) -> "subprocess.Popen[str]":
        """Starts livekit-doctor; with a `width`, as on a terminal that wide. It ends with the stage."""
        process = subprocess.Popen(
            [sys.executable, "-m", "livekit_doctor", *arguments],
            env=self.environment(width),
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            encoding="utf-8",
        )
        self._stack.callback(_end, process)
        return process

    def environment(self, width: int | None = None) -> dict[str, str]:
        """The environment of a command: the user's, without what configures livekit-doctor."""
        of_the_user = {*VARIABLES, *FALLBACKS, CONFIG_VARIABLE}
        kept = {name: value for name, value in os.environ.items() if name not in of_the_user}
        path = os.pathsep.join(filter(None, (str(_PACKAGE_PARENT), kept.get("PYTHONPATH"))))
        terminal = {} if width is None else {"FORCE_COLOR": "1", "COLUMNS": str(width)}
        return {
            **kept,
            **terminal,
            "PYTHONPATH": path,
            "PYTHONIOENCODING": "utf-8",
            "LIVEKIT_URL": self.server.url,
            "LIVEKIT_API_KEY": self.api_key,
            "LIVEKIT_API_SECRET": self._api_secret,
        }


def _end(process: "subprocess.Popen[str]") -> None:
    with process:
        process.kill()
