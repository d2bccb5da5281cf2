"""Running a command for its time and memory, and saying whether a target is met."""

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.doctor import OWN_VARIABLES


def verdict(what: str, value: float, target: float, unit: str) -> None:
    print(f"{what:<36} {value:7.2f} {unit:<5}  target at most {target:g}  {'met' if value <= target else 'MISSED'}")


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str], statuses: Sequence[int] = (0, 1, 3)) -> float:
    began = time.perf_counter()
    ran = subprocess.run(command, cwd=folder, env=clean(env), capture_output=True, text=True)
    took = time.perf_counter() - began
    if ran.returncode not in statuses:
        sys.exit(f"{' '.join(command)} ended with {ran.returncode}: {ran.stderr}")
    return took


def peak_memory(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> float:
    """Megabytes of resident memory at the most, of a child of a fresh process."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run(
        (sys.executable, "-c", code, *command),
        cwd=folder,
        env=clean(env),
        capture_output=True,
        text=True,
        check=True,
    )
    return int(ran.stdout) / (1024 if sys.platform.startswith("linux") else 1024 * 1024)


def clean(env: Mapping[str, str]) -> dict[str, str]:
    not_ours = (*OWN_VARIABLES, "PYTHONDONTWRITEBYTECODE")
    own = {key: value for key, value in os.environ.items() if not key.startswith(not_ours)}
    return {**own, **env}
