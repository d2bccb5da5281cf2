"""Signals at random moments of each command that creates something: nothing is left, or it is said what removes it.

`python -m tests.lab.moments [--moments 200] [--seed S] [COMMAND ...]` tries them on a lab of real servers, and prints
a table. Rooms are watched all the time: one that is gone and there again was made again by an agent.
"""

import argparse
import contextlib
import os
import re
import secrets
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Self

from livekit import api

from tests.experiments.carrier import Carrier, Script
from tests.forked import TOOL, Forked
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE
from tests.lab.time_bounds import lab
from tests.recordings import dialled

AT_ONCE = 3
NOT_BEGUN = (-signal.SIGTERM, -signal.SIGINT, 99)
"""Exit statuses of a process whose program had not begun when it got the signal."""
RECONNECTS = 20.0
"""Seconds within which an agent that was connecting has made its room again."""
STUCK = "call-without-worker"
"""A room whose dispatch no worker takes: `trace` then runs a canary."""
SAID = re.compile(r"livekit-doctor clean (livekit-doctor-[0-9a-f]{12})")
SCRATCH = re.compile(r"livekit-doctor-[0-9a-f]{12}")
CALL = Script(dialled("answered-wait"), [("dialing", 0.2), ("ringing", 0.3), ("active", 0.1)])
COMMANDS: Mapping[str, Callable[[], list[str]]] = {
    "check": lambda: ["check"],
    "check --probe": lambda: ["check", "--probe"],
    "watch --probe": lambda: ["watch", "--probe", "--interval", "1", "--count", "2", "--listen", "off"],
    "probe": lambda: ["probe", "--count", "3"],
    "probe --canary": lambda: ["probe", "--canary", "--count", "3"],
    "trace": lambda: ["trace", "--room", STUCK],
    "init": lambda: ["init", "--file", f"{secrets.token_hex(6)}.yaml", "--agent-name", "Bounded Agent"],
    "test-call": lambda: ["test-call", "+15555550123", "--trunk", "ST_x", "--yes", "--hold", "0.2"],
}


class Rooms:
    """Watches the scratch rooms of a server in a thread, and notes those that were made again."""

    def __init__(self, edge: Edge) -> None:
        self.edge = edge
        self.now: set[str] = set()
        self.gone: set[str] = set()
        self.again: set[str] = set()
        self._done = threading.Event()
        self._thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._done.wait(0.1):
            now = {room.name for room in self.edge.rooms() if SCRATCH.fullmatch(room.name)}
            self.again |= now & self.gone
            self.gone |= self.now - now
            self.now = now


@dataclass
class Tried:
    """What became of the moments of one command."""

    statuses: Counter[int] = field(default_factory=Counter)
    said: set[str] = field(default_factory=set)
    odd: list[str] = field(default_factory=list)
    slowest: float = 0.0
    """Seconds from the signal to the end."""


def ended(
    doctor: Doctor, livekit: LiveKitServer, command: str, after: float, number: signal.Signals | None
) -> tuple[int, str, float, float]:
    """Runs a command and sends it a signal `after` so many seconds: its status, what it printed, and how many seconds
    it took in all, and since the signal."""
    with contextlib.ExitStack() as stack:
        env = doctor._environment(None)
        if command == "test-call":
            carrier = stack.enter_context(Carrier(livekit))
            carrier.script = CALL
            stack.callback(carrier.hang_up)
            env["LIVEKIT_URL"] = carrier.url
        output = stack.enter_context(tempfile.TemporaryFile())
        nothing = stack.enter_context(open(os.devnull, "rb"))
        streams = [nothing.fileno(), output.fileno(), output.fileno()]
        began = time.monotonic()
        process = stack.enter_context(Forked(TOOL, COMMANDS[command](), doctor.folder, env, streams))
        sent = began + after
        if number is not None:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(max(0.0, sent - time.monotonic()))
            sent = time.monotonic()
            process.send_signal(number)
        status = process.wait(PATIENCE)
        now = time.monotonic()
        output.seek(0)
        return status, output.read().decode(errors="replace"), now - began, now - sent


def tried(doctor: Doctor, livekit: LiveKitServer, command: str, moments: int, random: Random) -> Tried:
    """That many moments of a command, spread over as long as it takes when nothing happens to it."""
    whole = min(ended(doctor, livekit, command, 0.0, None)[2] for _ in range(3))
    result = Tried()
    todo = [(random.uniform(0, whole), random.choice((signal.SIGINT, signal.SIGTERM))) for _ in range(moments)]
    with ThreadPoolExecutor(AT_ONCE) as pool:
        for (after, number), (status, text, _, since) in zip(
            todo, pool.map(lambda one: ended(doctor, livekit, command, *one), todo), strict=True
        ):
            result.statuses[status] += 1
            result.said |= set(SAID.findall(text))
            if status == 130:
                result.slowest = max(result.slowest, since)
            # Python complains of an interrupt in its own fork, which is how these tests start the tool.
            if ("Traceback" in text and "_after_fork" not in text) or status not in (0, 1, 3, 130, *NOT_BEGUN):
                result.odd.append(f"{number.name} after {after:.3f} s: status {status}: {text[-300:]}")
    return result


def prepare(livekit: LiveKitServer) -> Edge:
    edge = Edge(livekit)
    edge.create_room(STUCK, [api.RoomAgentDispatch(agent_name="nobody")], empty_timeout=3600)
    return edge


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--moments", type=int, default=200)
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("commands", nargs="*", default=[])
    given = parser.parse_args()
    wrong = 0
    print(f"seed {given.seed}: {given.moments} moments of each command, SIGINT or SIGTERM, {AT_ONCE} at a time")
    print(f"{'command':15} {'130':>5} {'ended':>6} {'again':>6} {'left':>5} {'said':>5} {'slowest':>8}", flush=True)
    with lab(Path(tempfile.mkdtemp(prefix="moments-"))) as (livekit, doctor):
        metadata = job_metadata("{call_id}", Mode.HEALTHY)
        doctor.configure({"agent": {"name": "Bounded Agent"}, "probe": {"metadata": metadata, "timeout": 20}})
        edge = prepare(livekit)
        for command in given.commands or COMMANDS:
            with Rooms(edge) as rooms:
                result = tried(doctor, livekit, command, given.moments, Random(f"{given.seed} {command}"))
                time.sleep(RECONNECTS)
            left = (rooms.now | rooms.again) - result.said
            interrupted = result.statuses[130]
            others = given.moments - interrupted
            print(
                f"{command:15} {interrupted:5} {others:6} {len(rooms.again):6} {len(left):5} {len(result.said):5} "
                f"{result.slowest:6.1f} s",
                flush=True,
            )
            wrong += len(left) + len(result.odd)
            print("".join(f"  {line}\n" for line in (*sorted(left), *result.odd)), end="", flush=True)
            doctor.run("clean", "--older-than", "0s")
        edge.close()
    return int(wrong > 0)


if __name__ == "__main__":
    sys.exit(main())
