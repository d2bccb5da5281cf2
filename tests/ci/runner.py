"""Runs the steps of action.yml one by one, as GitHub's runner does (actions/runner, ScriptHandler and
CompositeActionHandler): inputs reach a script only by `env`, and results come back by files.

For what act can't show: each output by itself, a signal, many inputs in little time. That the action as
a whole is read so is shown by act.
"""

import os
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tests.ci.files import ACTION, around_the_package, load
from tests.cli.command_line import CLEAN

PATIENCE = 180
_INPUT = re.compile(r"\$\{\{ inputs\.([a-z-]+) \}\}")


@dataclass(frozen=True)
class Ran:
    status: int
    log: str
    outputs: dict[str, str]
    summary: str


class Runner:
    """A job's folders, in which steps of the action run one after the other."""

    def __init__(self, folder: Path) -> None:
        self.temp, self.workspace = folder / "temp", folder / "work"
        self.temp.mkdir()
        self.workspace.mkdir()
        self.action = around_the_package(folder / "action")
        self.document = load(ACTION)

    def step(self, step_id: str) -> dict[str, Any]:
        return next(step for step in self.document["runs"]["steps"] if step["id"] == step_id)

    def start(
        self, step_id: str, inputs: Mapping[str, str], env: Mapping[str, str]
    ) -> "tuple[subprocess.Popen[str], Path, Path]":
        """The process of a step, and the files of its outputs and its summary."""
        step = self.step(step_id)
        assert step["shell"] == "bash"
        declared = self.document["inputs"]
        assert inputs.keys() <= declared.keys()
        values = {name: inputs.get(name, one["default"]) for name, one in declared.items()}
        given = {}
        for name, value in step.get("env", {}).items():
            found = _INPUT.fullmatch(value)
            assert found, f"{name}: {value}: the test knows inputs only"
            given[name] = values[found[1]]
        output, summary = self.temp / "output", self.temp / "summary"
        output.write_text("")
        summary.write_text("")
        script = self.temp / "script.sh"
        script.write_text(step["run"])
        process = subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-e", "-o", "pipefail", str(script)],
            cwd=self.workspace,
            env={
                **CLEAN,
                **env,
                **given,
                "GITHUB_ACTION_PATH": str(self.action),
                "GITHUB_ACTIONS": "true",
                "GITHUB_OUTPUT": str(output),
                "GITHUB_STEP_SUMMARY": str(summary),
                "GITHUB_WORKSPACE": str(self.workspace),
                "RUNNER_OS": env.get("RUNNER_OS", "Linux"),
                "RUNNER_TEMP": str(self.temp),
            },
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        return process, output, summary

    def run(self, step_id: str, inputs: Mapping[str, str], env: Mapping[str, str] | None = None) -> Ran:
        process, output, summary = self.start(step_id, inputs, env or {})
        log, _ = process.communicate(timeout=PATIENCE)
        return Ran(process.returncode, log, read_outputs(output), summary.read_text())

    def install_here(self) -> None:
        """In place of the install step: the Python of the tests, which has all that the tool needs."""
        bin_folder = self.temp / "livekit-doctor" / "bin"
        bin_folder.mkdir(parents=True)
        python = bin_folder / "python"
        python.write_text(f'#!/bin/sh\nexec "{sys.executable}" "$@"\n')
        python.chmod(0o755)


def read_outputs(file: Path) -> dict[str, str]:
    """As the runner reads the file: a line each, the last of a name counts; a name twice is no mistake."""
    lines = file.read_text().splitlines()
    assert all("=" in line and "<<" not in line.partition("=")[0] for line in lines), lines
    return dict(line.split("=", 1) for line in lines)


def workflow_commands(log: str) -> list[str]:
    """The lines that the runner obeys: of neither syntax where commands are stopped."""
    obeyed, token = [], None
    for line in log.splitlines():
        text = line.lstrip()
        if token is not None:
            token = None if text == f"::{token}::" else token
        elif text.startswith("::stop-commands::"):
            token = text.removeprefix("::stop-commands::")
        elif re.match(r"::[a-z-]+( [^:]*)?::", text) or "##[" in line:
            obeyed.append(line)
    assert token is None, "commands stay stopped"
    return obeyed


def path_with(folder: Path) -> str:
    """PATH with this folder first."""
    return f"{folder}{os.pathsep}{os.environ['PATH']}"
