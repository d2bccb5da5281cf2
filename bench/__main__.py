"""python -m bench: start-up, `check` and `trace` against imports alone, and peak memory.

Needs the lab. Each figure is the median of interleaved runs, so that a busy machine slows all
of them alike; only differences and ratios within one run say something.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tests.lab.doctor import OWN_VARIABLES
from tests.lab.edge import Edge, log_row
from tests.lab.servers import LiveKitServer, Postgres, Redis

RUNS = int(os.environ.get("BENCH_RUNS", "9"))

PYTHON = sys.executable
DOCTOR = (PYTHON, "-m", "livekit_doctor")
IMPORTS_OF_HELP = (PYTHON, "-c", "import typer, rich.console")
IMPORTS_OF_WORK = (PYTHON, "-c", "import livekit.api, psycopg, typer, rich.console")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with Redis(folder) as redis, LiveKitServer(folder, redis) as livekit, Postgres(folder) as postgres:
            database = postgres.create_database()
            log_row(database, "call-bench", "call_requested")
            log_row(database, "call-bench", "sip_participant_created")
            log_row(database, "call-bench", "agent_entrypoint_called", source="agent")
            log_row(database, "call-bench", "agent_connected", source="agent")
            edge = Edge(livekit)
            env = {
                "LIVEKIT_URL": livekit.url,
                "LIVEKIT_API_KEY": livekit.api_key,
                "LIVEKIT_API_SECRET": livekit.api_secret,
                "CALL_LOGS_DATABASE_URL": database.dsn,
            }
            measure(folder, env)
            edge.close()


def measure(folder: Path, env: Mapping[str, str]) -> None:
    commands: dict[str, Sequence[str]] = {
        "imports of --help": IMPORTS_OF_HELP,
        "--help": (*DOCTOR, "--help"),
        "imports of the work": IMPORTS_OF_WORK,
        "check": (*DOCTOR, "check"),
        "trace": (*DOCTOR, "trace", "call-bench"),
    }
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for _ in range(RUNS):
        for name, command in commands.items():
            seconds[name].append(timed(command, folder, env))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    for name, value in median.items():
        print(f"{name:<20} {value:6.2f} s   (median of {RUNS})")
    check = median["check"] - median["imports of the work"]
    trace = median["trace"] - median["imports of the work"]
    print()
    verdict("--help / its imports", median["--help"] / median["imports of --help"], 1.5, "times")
    verdict("check - imports", check, 1.0, "s")
    verdict("trace of a finished call - imports", trace, 0.3, "s")
    for name in ("check", "trace"):
        verdict(f"peak memory of {name}", peak_memory(commands[name], folder, env), 120, "MB")


def verdict(what: str, value: float, target: float, unit: str) -> None:
    print(f"{what:<36} {value:7.2f} {unit:<5}  target at most {target:g}  {'met' if value <= target else 'MISSED'}")


def timed(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> float:
    began = time.perf_counter()
    ran = subprocess.run(command, cwd=folder, env=clean(env), capture_output=True, text=True)
    took = time.perf_counter() - began
    if ran.returncode not in (0, 1):
        sys.exit(f"{' '.join(command)} ended with {ran.returncode}: {ran.stderr}")
    return took


def peak_memory(command: Sequence[str], folder: Path, env: Mapping[str, str]) -> float:
    """Megabytes of resident memory at the most, of a child of a fresh process."""
    code = (
        "import resource, subprocess, sys; subprocess.run(sys.argv[1:], capture_output=True); "
        "print(resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss)"
    )
    ran = subprocess.run(
        (PYTHON, "-c", code, *command), cwd=folder, env=clean(env), capture_output=True, text=True, check=True
    )
    return int(ran.stdout) / (1024 if sys.platform.startswith("linux") else 1024 * 1024)


def clean(env: Mapping[str, str]) -> dict[str, str]:
    own = {key: value for key, value in os.environ.items() if not key.startswith(OWN_VARIABLES)}
    return {**own, **env}


if __name__ == "__main__":
    main()
