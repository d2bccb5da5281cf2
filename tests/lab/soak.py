"""`watch` for thousands of rounds, one right after the other, while LiveKit fails in random ways: does it grow?

`python -m tests.lab.soak [--rounds 10000] [--canary] [--seed S]` runs it against a real livekit-server behind a proxy
that fails a third of the requests, and prints memory and open files over time. Exit status 1 where they grow.
"""

import argparse
import asyncio
import os
import secrets
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import NamedTuple

from aiohttp import web

from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.servers import LiveKitServer, Redis
from tests.lab.support import until

FAILING = 0.33
SETTLED = 0.3
"""Of the time, after which nothing may grow any more."""
MORE_MEMORY, MORE_FILES = 6.0, 3
"""MB and descriptors that the rest may have more, at its end, than when it began."""


class Sample(NamedTuple):
    seconds: float
    megabytes: float
    files: int


class Faulty(Proxy):
    """Forwards most requests, and fails the others."""

    def __init__(self, server: LiveKitServer, seed: str) -> None:
        super().__init__(server)
        self.failing = False
        self.faults: Counter[str] = Counter()
        self._random = Random(seed)

    async def _handle(self, request: web.Request) -> web.StreamResponse:
        fault = ""
        if self.failing and self._random.random() < FAILING:
            fault = self._random.choice(("500", "502", "429", "reset", "cut", "garbage", "slow", "401"))
            self.faults[fault] += 1
        match fault:
            case "500" | "502" | "429" | "401":
                return web.Response(status=int(fault), text=f"<html>{fault}</html>")
            case "reset":
                assert request.transport
                request.transport.abort()
            case "garbage":
                return web.Response(body=os.urandom(200), content_type="application/protobuf")
            case "cut":
                answer = web.StreamResponse(headers={"Content-Type": "application/protobuf", "Content-Length": "900"})
                await answer.prepare(request)
                await answer.write(b"\x0a")
                assert request.transport
                request.transport.abort()
                return answer
            case "slow":
                await asyncio.sleep(0.05)
        return await super()._handle(request)


def watch(rounds: int, canary: bool) -> int:
    """As the command does it, but for the interval, which it does not take so short."""
    from livekit_doctor.checks.selection import select
    from livekit_doctor.cli import options, outputs
    from livekit_doctor.cli.watch import Rounds, _watch
    from livekit_doctor.operations.check import Options
    from livekit_doctor.operations.watch import Plan

    loaded = options.load(None, url=None, agent_name=None)
    how = Options(read_only=not canary, timeout=20)
    made = Rounds(
        lambda known: options.load(known, url=None, agent_name=None),
        loaded,
        select([], []),
        how,
        strict=False,
        show_numbers=False,
    )
    chosen = outputs.destinations((), ("status.html", "status.prom"), stream=True)
    return _watch(made, Plan(interval=0.001, timeout=20, count=rounds), "127.0.0.1:0", chosen, "livekit-doctor check")


def samples_of(process: "subprocess.Popen[bytes]", every: float = 0.5) -> list[Sample]:
    """Its resident memory and its descriptors, until it ends."""
    found: list[Sample] = []
    began, page = time.monotonic(), os.sysconf("SC_PAGE_SIZE")
    while process.poll() is None:
        try:
            resident = int(Path(f"/proc/{process.pid}/statm").read_text().split()[1])
            files = len(os.listdir(f"/proc/{process.pid}/fd"))
        except (OSError, IndexError):
            break
        found.append(Sample(time.monotonic() - began, resident * page / 1e6, files))
        time.sleep(every)
    return found


def grown(samples: list[Sample]) -> tuple[float, int]:
    """How many MB and files more the last third has, at the most, than the time from SETTLED to there."""
    settled = samples[int(len(samples) * SETTLED) :]
    middle = max(1, len(settled) // 2)
    first, last = settled[:middle], settled[middle:] or settled
    memory = max(one.megabytes for one in last) - max(one.megabytes for one in first)
    return memory, max(one.files for one in last) - max(one.files for one in first)


def soaked(rounds: int, canary: bool, seed: str) -> tuple[list[Sample], Counter[str], int]:
    """Samples, the faults that there were, and the exit status of `watch`."""
    folder = Path(tempfile.mkdtemp(prefix="soak-"))
    with Redis(folder) as redis, LiveKitServer(folder, redis) as livekit, Faulty(livekit, seed) as proxy:
        doctor = Doctor(folder, livekit)
        doctor.configure({})
        words = [sys.executable, "-m", "tests.lab.soak", "--watch", "--rounds", str(rounds)]
        root = str(Path(__file__).parents[2])
        env = doctor._environment({"LIVEKIT_URL": proxy.url, "PYTHONPATH": root})
        with (folder / "watch.log").open("wb") as log:
            process = subprocess.Popen([*words, *["--canary"] * canary], cwd=folder, env=env, stdout=log, stderr=log)
        try:
            until(lambda: len(proxy.seen) > 5 or process.poll() is not None, what="the first round")
            proxy.failing = True
            samples = samples_of(process)
        finally:
            process.kill()
        status = process.wait()
        if status not in (0, 1, 3):
            print((folder / "watch.log").read_text()[-2000:])
        return samples, proxy.faults, status


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=10_000)
    parser.add_argument("--canary", action="store_true")
    parser.add_argument("--seed", default=secrets.token_hex(4))
    parser.add_argument("--watch", action="store_true", help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.watch:
        return watch(given.rounds, given.canary)
    samples, faults, status = soaked(given.rounds, given.canary, given.seed)
    step = max(1, len(samples) // 12)
    print(f"seed {given.seed}: {given.rounds} rounds in {samples[-1].seconds:.0f} s, exit status {status}")
    print(f"faults: {sum(faults.values())} of {', '.join(f'{count} {name}' for name, count in sorted(faults.items()))}")
    for sample in samples[::step]:
        print(f"{sample.seconds:7.0f} s {sample.megabytes:7.1f} MB {sample.files:4d} files")
    memory, files = grown(samples)
    print(f"after {SETTLED:.0%} of the time: {memory:+.1f} MB, {files:+d} files")
    return int(status not in (0, 1, 3) or memory > MORE_MEMORY or files > MORE_FILES)


if __name__ == "__main__":
    sys.exit(main())
