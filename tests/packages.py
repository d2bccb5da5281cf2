"""Programs that the tests run and Debian packages have: `install` gets what is missing, where this user may."""

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping


def missing(programs: Mapping[str, str]) -> tuple[str, ...]:
    """The packages of the programs that are not there. `programs` has each program's package, or several."""
    return tuple(package for program, package in programs.items() if not shutil.which(program))


def install(programs: Mapping[str, str], how_to_get: str) -> None:
    """By Debian's package manager, where this user may; else exits with what to type."""
    if not missing(programs):
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(how_to_get)
    subprocess.run(["apt-get", "update", "--quiet=2"], check=False)
    wanted = " ".join(missing(programs)).split()
    command = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *wanted]
    asks_nothing = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    if subprocess.run(command, env=asks_nothing, check=False).returncode or missing(programs):
        sys.exit(how_to_get)
