"""The reference of each command, from what the command line itself is made of."""

import inspect
import os
import re
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from typer.main import get_command

from livekit_doctor.cli.app import app

ROOT = Path(__file__).parents[2]


def commands() -> dict[str, Any]:
    """The commands by name, in the order of --help."""
    group: Any = get_command(app)
    return dict(group.commands)


def summary() -> str:
    """A line a command."""
    rows = [f"| [`{name}`]({name}.md) | {command.short_help} |" for name, command in commands().items()]
    return "\n".join(["| command | |", "|---|---|", *rows, ""])


def options(name: str) -> str:
    """What the command says of itself, its arguments and its options."""
    command = commands()[name]
    arguments = [one for one in command.params if one.param_type_name == "argument"]
    others = [one for one in command.params if one.param_type_name == "option" and not one.hidden]
    words = " ".join(["livekit-doctor", name, "[OPTIONS]", *(one.metavar or one.name for one in arguments)])
    lines = ["```text", words, "```", "", _prose(inspect.cleandoc(command.help or "")), ""]
    lines += ["| | | default |", "|---|---|---|"]
    lines += [f"| `{one.metavar}` | {_cell(one.help)} | |" for one in arguments]
    lines += [_row(one) for one in others]
    return "\n".join([*lines, ""])


def _row(option: Any) -> str:
    names = ", ".join(f"`{name}`" for name in sorted(option.opts, key=len, reverse=True))
    if not option.is_flag:
        names += f" `{_value(option)}`"
    choices = ", ".join(f"`{choice}`" for choice in getattr(option.type, "choices", ()))
    says = f"{_cell(option.help)}{f' One of {choices}.' if choices else ''}"
    default = "" if option.default is None or option.is_flag else f"`{_plain(option.default)}`"
    return f"| {names} | {says} | {default} |"


def _value(option: Any) -> str:
    """What stands for the value of an option."""
    if getattr(option.type, "choices", None):
        return str(option.opts[0]).lstrip("-").upper()
    return option.metavar or str(option.type.name).upper()


def _plain(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


def _prose(text: str) -> str:
    return text.replace("<", "&lt;").replace("*", "\\*")


def _cell(text: str | None) -> str:
    return _prose(text or "").replace("|", "\\|")


WIDTH = 92
"""Characters of a line of output that are seen without scrolling."""

_ESCAPES = re.compile(r"\x1b\[[0-9;]*m")


def output(arguments: list[str]) -> str:
    """What the command prints with these arguments on a terminal, without any configuration; from the project's folder.

    Raises RuntimeError where it ends in an error.
    """
    with tempfile.TemporaryDirectory() as empty:
        config = Path(empty) / "checks.yaml"
        config.write_text("")
        unset = ("LIVEKIT_", "CALL_LOGS_", "DATABASE_URL", "NO_COLOR", "TTY_")
        environment = {key: value for key, value in os.environ.items() if not key.startswith(unset)}
        terminal = {"FORCE_COLOR": "1", "TERM": "xterm", "COLUMNS": str(WIDTH), "PYTHONUTF8": "1"}
        ran = subprocess.run(
            [sys.executable, "-m", "livekit_doctor", *arguments],
            cwd=ROOT,
            env={**environment, **terminal, "LIVEKIT_DOCTOR_CONFIG": str(config)},
            capture_output=True,
            text=True,
            timeout=300,
        )
    if ran.returncode not in (0, 1):
        raise RuntimeError(f"livekit-doctor {' '.join(arguments)}: exit status {ran.returncode}\n{ran.stderr}")
    return _ESCAPES.sub("", ran.stdout).rstrip()
