"""python -m bench.logs: finding one call in a plain worker log of 1 GB, against `grep -F -c` for its room.

BENCH_LOG_MB sets another size. The log is written into a temporary folder, and needs that much space.
"""

import json
import os
import random
import statistics
import string
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

from bench.figures import peak_memory, timed, verdict

MB = int(os.environ.get("BENCH_LOG_MB", "1000"))
RUNS = int(os.environ.get("BENCH_LOG_RUNS", "5"))

DOCTOR = (sys.executable, "-m", "livekit_doctor", "trace", "--room")
UNDECIDED = 3
SAID = ("using audio io: `RoomIO` -> `AgentSession`", "received user transcript", "executing tool", "agent state")


def main() -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        room = write_log(folder / "worker.log", MB * 1_000_000)
        (folder / "small.log").write_text(room)
        grep = ("grep", "-F", "-c", room, "worker.log")
        large = (*DOCTOR, room, "--worker-log", "worker.log")
        small = (*DOCTOR, room, "--worker-log", "small.log")
        seconds: dict[str, list[float]] = {"grep": [], "large": [], "small": []}
        for _ in range(RUNS):
            seconds["grep"].append(timed(grep, folder, {}))
            seconds["large"].append(timed(large, folder, {}, (UNDECIDED,)))
            seconds["small"].append(timed(small, folder, {}, (UNDECIDED,)))
        median = {name: statistics.median(values) for name, values in seconds.items()}
        print(
            f"\na worker log of {MB} MB: grep {median['grep']:.2f} s, trace {median['large']:.2f} s (median of {RUNS})"
        )
        scan = median["large"] - median["small"]
        verdict("reading the log / grep -F -c", scan / median["grep"], 10, "times")
        verdict("peak memory of trace with the log", peak_memory(large, folder, {}), 150, "MB")


def write_log(path: Path, size: int) -> str:
    """A log of many calls; the room of the one in its middle."""
    draw = random.Random(20_261_123)
    written, rooms = 0, []
    with path.open("w", encoding="utf-8") as log:
        log.write(line("registered worker", "livekit.agents", {"id": "AW_6rRxW82cgMwq", "url": "wss://x"}, 0))
        for number in range(sys.maxsize):
            room, text = call(draw, number)
            rooms.append(room)
            written += log.write(text)
            if written >= size:
                break
    return rooms[len(rooms) // 2]


def call(draw: random.Random, number: int) -> tuple[str, str]:
    """The lines of one call, about ten of the framework and ten of the agent's own."""
    room = f"call-outbound-{draw.randrange(10**8)}-{draw.randrange(10**12)}"
    fields = {"job_id": an_id(draw, "AJ"), "room": room, "room_id": an_id(draw, "RM"), "agent_name": "Front Desk"}
    return room, "".join(lines_of(draw, number, fields))


def lines_of(draw: random.Random, number: int, fields: dict[str, str]) -> Iterator[str]:
    yield line("received job request", "livekit.agents", {"dispatch_id": an_id(draw, "AD"), **fields}, number)
    for _ in range(20):
        text = {"text": f"I would like to know about order {draw.random()}, please", **fields}
        yield line(draw.choice(SAID), draw.choice(("livekit.agents", "agent.main")), text, number)
    yield line("process exiting", "livekit.agents", {"reason": "room disconnected", **fields}, number)


def line(message: str, logger: str, fields: dict[str, str], number: int) -> str:
    at = datetime(2026, 11, 23, tzinfo=UTC) + timedelta(seconds=number)
    where = {"pid": 7152, "code.file.path": "/app/.venv/lib/python3.11/site-packages/livekit/agents/worker.py"}
    return (
        json.dumps({"message": message, "level": "INFO", "name": logger, **fields, **where, "timestamp": str(at)})
        + "\n"
    )


def an_id(draw: random.Random, prefix: str) -> str:
    return f"{prefix}_{''.join(draw.choices(string.ascii_letters + string.digits, k=12))}"


if __name__ == "__main__":
    main()
