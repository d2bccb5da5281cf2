"""The tool as its users run it: the command line as a subprocess, in a folder of its own."""

import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from tests import forked
from tests.cli import command_line
from tests.lab.servers import Database, LiveKitServer

OWN_VARIABLES = ("LIVEKIT_", "CALL_LOGS_", "DATABASE_URL", "FORCE_COLOR", "COLUMNS")
"""Variables of the developer's own shell that must not reach the tool."""


class Ran(command_line.Ran):
    """What one command printed, and its exit status."""

    @property
    def primary(self) -> tuple[str, str, str] | None:
        """Step, code and confidence of the primary break."""
        broken = self.json["broken"]
        return (broken[0]["step"], broken[0]["code"], broken[0]["confidence"]) if broken else None

    def check(self, check_id: str) -> dict[str, Any]:
        """One check's result."""
        return next(item for item in self.json["checks"] if item["id"] == check_id)


class Doctor:
    """Runs livekit-doctor against a lab's servers, with a checks.yaml of its own."""

    def __init__(self, folder: Path, livekit: LiveKitServer | None, database: Database | None = None) -> None:
        self.folder = folder
        self.env: dict[str, str] = {}
        if livekit is not None:
            self.env |= {
                "LIVEKIT_URL": livekit.url,
                "LIVEKIT_API_KEY": livekit.api_key,
                "LIVEKIT_API_SECRET": livekit.api_secret,
            }
        if database is not None:
            self.env["CALL_LOGS_DATABASE_URL"] = database.dsn

    def configure(self, settings: Mapping[str, Any]) -> None:
        """Writes the checks.yaml."""
        (self.folder / "checks.yaml").write_text(yaml.safe_dump(dict(settings)))

    def _environment(self, env: Mapping[str, str] | None) -> dict[str, str]:
        clean = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
        return {**clean, **self.env, **(env or {})}

    def popen(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.Popen[str]:
        """Starts a command without waiting for its end."""
        return subprocess.Popen(
            [sys.executable, "-m", "livekit_doctor", *arguments],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            cwd=self.folder,
            env=self._environment(env),
        )

    def run(self, *arguments: str, env: Mapping[str, str] | None = None, timeout: float = 180) -> Ran:
        """Runs a command to its end, forked where that is the same. For several threads at once."""
        return Ran(*forked.run(arguments, self.folder, self._environment(env), "", timeout))

    def trace(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        return self.run("trace", *arguments, "--format", "json", env=env)

    def check(self, *arguments: str, env: Mapping[str, str] | None = None) -> Ran:
        return self.run("check", *arguments, "--format", "json", env=env)
