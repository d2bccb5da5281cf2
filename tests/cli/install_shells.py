"""The shells that completion is tested in: `python -m tests.cli.install_shells` installs what is missing."""

import os
import shutil
import subprocess
import sys

SHELLS = ("bash", "zsh", "fish")


def missing() -> tuple[str, ...]:
    return tuple(shell for shell in SHELLS if not shutil.which(shell))


def how_to_get() -> str:
    names = " ".join(missing())
    return f"completion is tested in real shells, and there is no {names}: apt-get install {names}"


def install() -> None:
    """By Debian's package manager, where this user may; else says what to type."""
    if not missing():
        return
    if not shutil.which("apt-get") or os.geteuid() != 0:
        sys.exit(how_to_get())
    subprocess.run(["apt-get", "update", "--quiet=2"], check=False)
    command = ["apt-get", "install", "--yes", "--quiet=2", "--no-install-recommends", *missing()]
    if subprocess.run(command, check=False).returncode or missing():
        sys.exit(how_to_get())


if __name__ == "__main__":
    install()
