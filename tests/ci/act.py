"""Runs a workflow by act, which reads and runs workflows as GitHub's runner does, on this machine itself.

Two things differ from GitHub: `actions/checkout` copies the repository, and `actions/upload-artifact` is a
stand-in that lists what it would keep. Neither can be fetched on a machine without a network.
"""

import json
import os
import re
import shutil
import subprocess
import sysconfig
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ci.files import checkout, repository

PATIENCE = 300
_ACT = Path(sysconfig.get_path("scripts")) / "act"
_UPLOAD = """
name: upload-artifact
description: Lists what it would keep.
inputs: {name: {description: -}, path: {description: -}, if-no-files-found: {description: -}}
runs:
  using: composite
  steps:
    - shell: bash
      env: {KEPT: "${{ inputs.path }}", TO: "%s"}
      run: cp -r "$KEPT"/. "$TO"
"""


@dataclass(frozen=True)
class Ran:
    """`kept` is the folder of what was uploaded."""

    status: int
    log: str
    kept: Path

    def conclusion(self, step: str) -> str | None:
        """success or failure of the step of that name; None where it did not run."""
        found = re.findall(rf"^\[\S+\] +\S+ +(Success|Failure) - Main {re.escape(step)} ", self.log, re.M)
        return str(found[-1]).lower() if found else None


class Act:
    """A team's repository with one workflow, and where actions come from. `env` is what the machine has set."""

    def __init__(self, folder: Path, env: Mapping[str, str] | None = None) -> None:
        self.env = dict(env or {})
        self.home = folder / "home"
        self.home.mkdir(parents=True)
        self.kept = folder / "kept"
        self.kept.mkdir()
        self.action = checkout(folder / "action")
        self.project = repository(folder / "project")
        (self.project / ".github" / "workflows").mkdir(parents=True)
        upload = folder / "upload"
        upload.mkdir()
        (upload / "action.yml").write_text(_UPLOAD % self.kept)
        self._local = {"OWNER/livekit-doctor@COMMIT": self.action, "actions/upload-artifact@v4": upload}

    def run(self, workflow: str, *, secrets: Mapping[str, str], job: str | None = None) -> Ran:
        """Pushes to main, as far as the workflow knows."""
        (self.project / ".github" / "workflows" / "workflow.yml").write_text(workflow)
        event = self.home / "event.json"
        event.write_text(json.dumps({"ref": "refs/heads/main"}))
        given: dict[str, Any] = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
        # The configuration of pip is the machine's, and act's own folders are the test's.
        given["PIP_CACHE_DIR"] = str(Path.home() / ".cache" / "pip")
        given |= {name: value for name, value in os.environ.items() if name.startswith(("PIP_", "SSL_"))}
        pip = Path.home() / ".config" / "pip" / "pip.conf"
        if pip.is_file():
            (self.home / ".config" / "pip").mkdir(parents=True, exist_ok=True)
            shutil.copy(pip, self.home / ".config" / "pip" / "pip.conf")
        ran = subprocess.run(
            [
                *(_ACT, "push", "--eventpath", event, "--platform", "ubuntu-latest=-self-hosted"),
                *("--action-offline-mode", "--no-cache-server"),
                *(word for name, place in self._local.items() for word in ("--local-repository", f"{name}={place}")),
                *(word for name in secrets for word in ("--secret", name)),
                *(("--job", job) if job else ()),
            ],
            cwd=self.project,
            env={**given, **self.env, **secrets, "HOME": str(self.home), "XDG_CACHE_HOME": str(self.home / "cache")},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=PATIENCE,
        )
        return Ran(ran.returncode, ran.stdout, self.kept)
