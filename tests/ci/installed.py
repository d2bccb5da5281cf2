"""The action, installed once for a session of tests and all its workers: by act, from the lock file, as in a job.

What else installs gets a Python whose new virtual environments already have those packages, so that its own
commands run to their end, and find nothing left to fetch.
"""

import json
import os
import shlex
import shutil
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.ci.act import Act, Ran
from tests.ci.files import load_json
from tests.ci.runner import path_with
from tests.lab.support import file_lock

DOCTOR = "OWNER/livekit-doctor@COMMIT"
HOSTILE = '"; touch HACKED; $(touch HACKED) `touch HACKED`\n::set-output name=ok::true'
# By hard links, which nothing writes through: what a job writes is not in it, and pip and sed make files anew.
_COPY = "import os, shutil, sys; shutil.copytree(*sys.argv[1:], symlinks=True, copy_function=os.link)"
_PYTHON = """#!/bin/sh
for folder; do :; done
case "$*" in
  "-m venv "* | "-I -m venv "*)
    {python} -ISc {copy} {environment} "$folder" || exit
    exec sed -i.bak "s|"{environment}"|$folder|g" "$folder/bin/activate" ;;
esac
exec {python} "$@"
"""


@dataclass(frozen=True)
class Installed:
    """`folder` is where it was done, `ran` the run of act that did it."""

    folder: Path
    ran: Ran

    @property
    def environment(self) -> Path:
        """The virtual environment that the action made, without what it wrote into it besides the packages."""
        return self.folder / "kept" / "environment"

    def python(self, folder: Path) -> dict[str, str]:
        """Variables by which `python` and `python3` make copies of `environment`, where told to make one.

        Python takes the compiled files that are in it.
        """
        folder.mkdir()
        real = folder / "real"
        asked = subprocess.run(  # what is on PATH may be a script that chooses by its own name
            ["python3", "-ISc", "import sys; print(sys.executable)"], capture_output=True, text=True, check=True
        )
        real.symlink_to(os.path.realpath(asked.stdout.strip()))
        for name in ("python", "python3"):
            python = folder / name
            words = {"environment": self.environment, "python": real, "copy": _COPY}
            python.write_text(_PYTHON.format(**{key: shlex.quote(str(word)) for key, word in words.items()}))
            python.chmod(0o755)
        return {"PATH": path_with(folder), "PYTHONPYCACHEPREFIX": ""}


@pytest.fixture(scope="session")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Installed:
    base = tmp_path_factory.getbasetemp()
    folder = (base.parent if "PYTEST_XDIST_WORKER" in os.environ else base) / "installed"
    with file_lock(folder.with_suffix(".lock")):
        told = folder / "ran.json"
        if not told.exists():
            shutil.rmtree(folder, ignore_errors=True)
            told.write_text(json.dumps(asdict(_install(folder)), default=str))
    ran = load_json(told)
    return Installed(folder, Ran(ran["status"], ran["log"], Path(ran["kept"])))


def _install(folder: Path) -> Ran:
    """A workflow that uses the action twice, and keeps what the workflow saw and what was installed."""
    doctor = {"uses": DOCTOR, "continue-on-error": True}
    keep = 'printf "%s" "$SEEN" > "$KEPT/seen.json"; cp -Rp "$RUNNER_TEMP/livekit-doctor" "$KEPT/environment"'
    steps: list[dict[str, Any]] = [
        {**doctor, "id": "one", "with": {"agent-name": HOSTILE, "junit": "one.xml"}},
        {**doctor, "id": "two", "with": {"command": HOSTILE}},
        {
            "run": f"{keep}; ! test -e HACKED",
            "env": {"SEEN": "${{ toJSON(steps) }}", "KEPT": str(folder / "kept")},
        },
    ]
    workflow = {"name": "x", "on": "push", "jobs": {"x": {"runs-on": "ubuntu-latest", "steps": steps}}}
    ran = Act(folder).run(yaml.safe_dump(workflow), secrets={})
    for written in ("made-of", "lib/*/site-packages/livekit-doctor.pth"):
        (file,) = (ran.kept / "environment").glob(written)
        file.unlink()
    return ran
