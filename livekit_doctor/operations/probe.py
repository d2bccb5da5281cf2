"""What `probe` does: dispatch the agent many times, and judge what came of it."""

import asyncio
from collections.abc import Callable, Iterator
from functools import partial

from msgspec import Struct

from livekit_doctor.diagnosis.probing import Judged, Limits, Outcome, Trial, judge, trial_of
from livekit_doctor.diagnosis.rules.workers import left_behind
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Coverage, Evidence, Reading
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.experiments import canary
from livekit_doctor.experiments import probe as agent
from livekit_doctor.settings import Settings


class Options(Struct, frozen=True):
    """`count` dispatches, `concurrency` of them at a time, each waited for `settings.probe.timeout`
    seconds; with `canary` a worker of the tool's own stands in for the agent."""

    count: int = 5
    concurrency: int = 3
    canary: bool = False


class Progress(Struct, frozen=True):
    """How far it is: dispatches that have ended, and how many of them got their agent."""

    done: int
    joined: int
    count: int


Observer = Callable[[Progress], None]


class Probed(Struct, frozen=True):
    evidence: Evidence
    judged: Judged
    left_behind: tuple[str, ...] = ()


async def probe(settings: Settings, options: Options, limits: Limits, observe: Observer = lambda _: None) -> Probed:
    """Dispatches into scratch rooms, and says how many got their agent, and how soon.

    Raises ProbeRefused, before anything is created, where a probe could do harm. Leaves nothing
    behind, also when cancelled.
    """
    if not options.canary:
        agent.agent_to_probe(settings)
    async with LiveKitSource(settings.livekit) as client:
        dispatching = _Dispatching(client, settings, options, observe)
        await dispatching.run()
    evidence = dispatching.evidence
    left = tuple(f"{item.what}: {item.error}" for item in left_behind(Setup(evidence, settings)))
    return Probed(evidence, judge(options.count, dispatching.trials, limits), left)


class _Dispatching:
    """Keeps `concurrency` dispatches under way until all have ended."""

    def __init__(self, client: LiveKitSource, settings: Settings, options: Options, observe: Observer) -> None:
        self.settings, self.options, self.observe = settings, options, observe
        self.client = client
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
        reading = await self.client.rooms("livekit-doctor")
        problem = next((entry.problem for entry in reading.coverage if entry.problem), None)
        if problem is None:
            return True
        source = sources.CANARY if self.options.canary else sources.PROBE
        self._keep(1, Reading(coverage=(Coverage(source=source, status="unread", problem=problem),)))
        return False

    async def _lane(self, numbers: Iterator[int]) -> None:
        """One after the other."""
        one = partial(canary.run, self.client, wait=self.settings.probe.timeout) if self.options.canary else self._agent
        for number in numbers:
            self._keep(number, await one())
            self._tell()

    async def _agent(self) -> Reading:
        return await agent.run(self.client, self.settings)

    def _keep(self, number: int, reading: Reading) -> None:
        own = Evidence(now=utc_now()).plus(reading)
        self.trials.append(trial_of(number, Setup(own, self.settings)))
        self.evidence = self.evidence.plus(reading, now=utc_now())

    def _tell(self) -> None:
        joined = sum(trial.outcome is Outcome.JOINED for trial in self.trials)
        self.observe(Progress(len(self.trials), joined, self.options.count))
