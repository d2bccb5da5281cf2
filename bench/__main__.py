"""python -m bench: start-up, `check` and `trace` against imports alone, peak memory; then bench.logs.

Needs the lab. Each figure is the median of interleaved runs, so that a busy machine slows all
of them alike; only differences and ratios within one run say something.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path

from bench import core, logs
from bench.figures import peak_memory, timed, verdict
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
    core.main()
    logs.main()


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


if __name__ == "__main__":
    main()
