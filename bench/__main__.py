"""python -m bench: how long a run takes, as a ratio to importing what it is printed with; peak memory; then the others.

Needs the lab. Each figure is the median of interleaved runs, so that a busy machine slows all of them alike; only
ratios within one run say something. Modules are compiled, as they are where the tool is installed.
"""

import os
import statistics
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

from bench import core, logs, triage
from bench.figures import peak_memory, timed, verdict
from tests.lab.edge import Edge, log_row
from tests.lab.servers import LiveKitServer, Postgres, Redis

RUNS = int(os.environ.get("BENCH_RUNS", "9"))

PYTHON = sys.executable
DOCTOR = (PYTHON, "-m", "livekit_doctor")
BASE = "typer, rich.console"
MEMORY = 60
"""MB, of each command."""
CANARY_WAITS = 0.4
"""Seconds in which a canary's job comes, and its dispatch is listed and gone: the server's, not ours."""

STATES = ("call_requested", "room_created", "sip_participant_created", "call_ended")
EXPORT = "".join(
    f'{{"call_id":"call-bench","created_at":"2026-11-01T10:00:{second:02}Z","source":"edge","state":"{state}"}}\n'
    for second, state in enumerate(STATES)
)


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
            room = edge.create_room("call-bench-1")
            env = {
                "LIVEKIT_URL": livekit.url,
                "LIVEKIT_API_KEY": livekit.api_key,
                "LIVEKIT_API_SECRET": livekit.api_secret,
                "CALL_LOGS_DATABASE_URL": database.dsn,
            }
            measure(folder, env, room.name)
            edge.close()
    core.main()
    logs.main()
    triage.main()


def measure(folder: Path, env: Mapping[str, str], room: str) -> None:
    (folder / "export.jsonl").write_text(EXPORT)
    imports = {
        "python -c pass": "pass",
        BASE: f"import {BASE}",
        "the same and livekit.api": f"import {BASE}, livekit.api",
    }
    commands = {
        "--help": ("--help",),
        "explain": ("explain", "LKD401"),
        "trace of a file": ("trace", "call-bench", "--call-logs", "export.jsonl"),
        "trace --room": ("trace", "--room", room, "--read-only"),
        "check --read-only": ("check", "--read-only"),
        "check": ("check",),
        "trace from Postgres": ("trace", "call-bench", "--read-only"),
    }
    runs = {name: (PYTHON, "-c", code) for name, code in imports.items()}
    runs |= {name: (*DOCTOR, *arguments) for name, arguments in commands.items()}
    # A source that is configured is read: the file alone, LiveKit alone, or both LiveKit and Postgres.
    read: dict[str, tuple[str, ...]] = {"trace of a file": (), "trace from Postgres": ("LIVEKIT", "CALL_LOGS")}
    environment = {
        name: {key: value for key, value in env.items() if key.startswith(read.get(name, ("LIVEKIT",)))}
        for name in runs
    }
    for name, command in runs.items():
        timed(command, folder, environment[name])
    seconds: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(RUNS):
        for name, command in runs.items():
            seconds[name].append(timed(command, folder, environment[name]))
    median = {name: statistics.median(values) for name, values in seconds.items()}
    print(f"seconds, median of {RUNS}, and as a ratio to importing {BASE}:")
    for name, value in median.items():
        print(f"{name:<26} {value:6.3f} s  {value / median[BASE]:5.2f}")
    print()
    for name, target in {"explain": 1.6, "trace of a file": 2.2, "trace --room": 3.2, "check --read-only": 3.2}.items():
        verdict(f"{name} / {BASE}", median[name] / median[BASE], target, "times")
    verdict(f"check, without {CANARY_WAITS} s / {BASE}", (median["check"] - CANARY_WAITS) / median[BASE], 3.2, "times")
    for name in commands:
        verdict(f"peak memory of {name}", peak_memory(runs[name], folder, environment[name]), MEMORY, "MB")


if __name__ == "__main__":
    main()
