"""What `probe` does: dispatch the agent many times, and judge what came of it."""

import asyncio
import time
from collections.abc import Callable, Iterator

from msgspec import Struct, structs

from livekit_doctor.diagnosis.probing import Judged, Limits, Outcome, Trial, judge, trial_of
from livekit_doctor.diagnosis.rules.workers import left_behind
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Coverage, Evidence, Problem, Reading
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments import canary
from livekit_doctor.experiments import probe as agent
from livekit_doctor.experiments.in_time import OutOfTime
from livekit_doctor.settings import Settings

CONNECTING = 10.0
AROUND_EACH = 30.0
"""Seconds, beyond those for its agent to join, that a dispatch takes at the most: it is made, looked at once more where
nobody came, and removed."""


class Options(Struct, frozen=True):
    """`count` dispatches, `concurrency` of them at a time, each waited for `settings.probe.timeout`
    seconds; with `canary` a worker of the tool's own stands in for the agent. `timeout` (seconds) ends the whole,
    removal included; None is enough for each dispatch to time out."""

    count: int = 5
    concurrency: int = 3
    canary: bool = False
    timeout: float | None = None
    gone: float = 0.0
    """Seconds of it that are over already."""

    def limit(self, each: float) -> float:
        """Seconds for all, of which a dispatch waits for `each`."""
        rounds = -(-self.count // self.concurrency)
        return self.timeout if self.timeout is not None else CONNECTING + rounds * (each + AROUND_EACH)


class Progress(Struct, frozen=True):
    """How far it is: dispatches that have ended, and how many of them got their agent."""

    done: int
    joined: int
    count: int


Observer = Callable[[Progress], None]


class Probed(Struct, frozen=True):
    """`stopped`: it was cancelled, and this is of the dispatches that had ended by then."""

    evidence: Evidence
    judged: Judged
    left_behind: tuple[str, ...] = ()
    stopped: bool = False


async def probe(settings: Settings, options: Options, limits: Limits, observe: Observer = lambda _: None) -> Probed:
    """Dispatches into scratch rooms, and says how many got their agent, and how soon.

    Raises ProbeRefused, before anything is created, where a probe could do harm. Leaves nothing
    behind, also when cancelled: then it gives what had ended, and raises CancelledError where nothing had.
    """
    stopped = False
    if not options.canary:
        agent.agent_to_probe(settings)
    async with LiveKitSource(settings.livekit) as client:
        dispatching = _Dispatching(client, settings, options, observe)
        try:
            await dispatching.run()
        except asyncio.CancelledError:
            if not dispatching.trials:
                raise
            stopped = True
    evidence = dispatching.evidence
    left = tuple(f"{item.what}: {item.error}" for item in left_behind(Setup(evidence, settings)))
    return Probed(evidence, judge(options.count, dispatching.trials, limits), left, stopped)


class _Dispatching:
    """Keeps `concurrency` dispatches under way until all have ended."""

    def __init__(self, client: LiveKitSource, settings: Settings, options: Options, observe: Observer) -> None:
        self.settings, self.options, self.observe = settings, options, observe
        self.client = client
        self.limit = options.limit(settings.probe.timeout)
        self.ends = time.monotonic() + self.limit - options.gone
        self.evidence = Evidence(now=utc_now())
        self.trials: list[Trial] = []

    async def run(self) -> None:
        """In a task group: a cancelled one waits until each of its tasks has cleaned up."""
        if not await self._connected():
            return
        self._tell()
        numbers = iter(range(1, self.options.count + 1))
        async with asyncio.TaskGroup() as tasks:
            for _ in range(min(self.options.concurrency, self.options.count)):
                tasks.create_task(self._lane(numbers))

    async def _connected(self) -> bool:
        """Whether LiveKit answers; where it does not, nothing is dispatched."""
        try:
            async with asyncio.timeout(max(0.0, self.ends - time.monotonic())):
                reading = await self.client.rooms("livekit-doctor")
            problem = next((entry.problem for entry in reading.coverage if entry.problem), None)
        except TimeoutError:
            problem = self._late()
        if problem is None:
            return True
        self._keep(1, Reading(coverage=(self._unread(problem),)))
        return False

    def _unread(self, problem: Problem) -> Coverage:
        source = sources.CANARY if self.options.canary else sources.PROBE
        return Coverage(source=source, status="unread", problem=problem)

    def _late(self) -> Problem:
        message = f"not done within {self.limit:g} s: --total-timeout"
        return Problem(code="LKD003", message=message, values={"kind": "timeout"})

    async def _lane(self, numbers: Iterator[int]) -> None:
        """One after the other."""
        for number in numbers:
            try:
                self._keep(number, await self._one())
            except OutOfTime as late:
                self._keep(number, structs.replace(late.reading, coverage=(self._unread(self._late()),)))
                return
            self._tell()

    async def _one(self) -> Reading:
        if self.options.canary:
            return await canary.run(self.client, wait=self.settings.probe.timeout, ends=self.ends)
        return await agent.run(self.client, self.settings, ends=self.ends)

    def _keep(self, number: int, reading: Reading) -> None:
        own = Evidence(now=utc_now()).plus(reading)
        self.trials.append(trial_of(number, Setup(own, self.settings)))
        self.evidence = self.evidence.plus(reading, now=utc_now())

    def _tell(self) -> None:
        joined = sum(trial.outcome is Outcome.JOINED for trial in self.trials)
        self.observe(Progress(len(self.trials), joined, self.options.count))
