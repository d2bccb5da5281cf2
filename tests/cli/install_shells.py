"""The shells that completion is tested in: `python -m tests.cli.install_shells` installs what is missing."""

from tests import packages

SHELLS = {"bash": "bash", "zsh": "zsh", "fish": "fish"}


def missing() -> tuple[str, ...]:
    return packages.missing(SHELLS)


def how_to_get() -> str:
    names = " ".join(missing())
    return f"completion is tested in real shells, and there is no {names}: apt-get install {names}"


if __name__ == "__main__":
    packages.install(SHELLS, how_to_get())
