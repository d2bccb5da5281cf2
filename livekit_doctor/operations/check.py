"""What `check` does: gather what the checks need, run them in order.

What the checks need is gathered concurrently; each check then only reads the evidence, by the
rules of the diagnosis. A check never judges for itself.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack, suppress
from functools import partial

from msgspec import Struct, structs
from msgspec.structs import replace

from livekit_doctor.checks import CHECKS
from livekit_doctor.checks.check import Check, CheckResult, Need
from livekit_doctor.checks.judgement import Gathered, judge, one_line, with_prerequisites
from livekit_doctor.diagnosis.room_presence import judged_rooms, matching_rooms
from livekit_doctor.diagnosis.rules.workers import left_behind
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import call_logs, sources, worker_endpoint
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Evidence, Reading, RoomList
from livekit_doctor.evidence.reading import combine, utc_now
from livekit_doctor.evidence.scratch_rooms import told
from livekit_doctor.experiments.in_time import OutOfTime
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings
from livekit_doctor.words import counted

JUDGED_ROOMS = 200
"""How many live rooms are looked into, newest first."""
AFTER_EXPERIMENTS = 0.2
"""Seconds after --timeout, so that experiments, which are over by then, can still say what they left."""


class Options(Struct, frozen=True):
    """`probe` dispatches the team's own agent; `read_only` runs no experiment; `timeout` (seconds)
    ends the whole, the removal of what experiments made included."""

    probe: bool = False
    read_only: bool = False
    timeout: float = 60.0
    gone: float = 0.0
    """Seconds of it that are over already."""


class Checked(Struct, frozen=True):
    evidence: Evidence
    results: tuple[CheckResult, ...]
    """In the order of the checks."""
    left_behind: tuple[str, ...] = ()


async def check(
    settings: Settings,
    selected: Iterable[Check] = CHECKS,
    options: Options | None = None,
    progress: Progress | None = None,
) -> Checked:
    """Gathers what the selected checks need, and judges them in order.

    Raises ProbeRefused, before anything is asked, where a probe could do harm.
    """
    wanted, options = tuple(selected), options or Options()
    gatherer = _Gatherer(settings, options, progress or Progress())
    needs = needs_of(wanted, settings) - gatherer.left_out.keys()
    if Need.PROBE in needs:
        from livekit_doctor.experiments import probe

        probe.agent_to_probe(settings)
    async with AsyncExitStack() as stack:
        if not settings.livekit.missing:
            gatherer.client = await stack.enter_async_context(LiveKitSource(settings.livekit))
        with suppress(TimeoutError):
            async with asyncio.timeout(gatherer.ends - time.monotonic() + AFTER_EXPERIMENTS):
                await gatherer.gather(needs)
    setup = Setup(gatherer.evidence, settings)
    left = (*(f"{item.what}: {item.error}" for item in left_behind(setup)), *_left_over(setup))
    return Checked(gatherer.evidence, judge(wanted, setup, gatherer.gathered(needs)), left)


def needs_of(wanted: Iterable[Check], settings: Settings) -> set[Need]:
    """What is gathered for these checks and their prerequisites; a check that is off needs nothing."""
    judged = with_prerequisites(item for item in wanted if settings.checks.get(item.id) != "off")
    return {need for item in judged for need in (*item.needs, *item.uses)}


def _why_no_probe(settings: Settings) -> str:
    """What to type for a probe, or what to do before, where it would be refused."""
    from livekit_doctor.experiments.probe import ProbeRefused, agent_to_probe

    try:
        agent_to_probe(settings)
    except ProbeRefused as refused:
        return f"before --probe, {refused.fix}"
    return "add --probe: it runs your agent's code"


def _left_over(setup: Setup) -> tuple[str, ...]:
    """What earlier runs have left, as the first list of all rooms has it: the experiments come after that."""
    listing = next((item for item in setup.all(RoomList) if not item.names), None)
    return told(listing.rooms, listing.read.now) if listing else ()


class _Gatherer:
    """Gathers each need once, and keeps what came of it."""

    def __init__(self, settings: Settings, options: Options, progress: Progress) -> None:
        self.settings, self.options, self.progress = settings, options, progress
        self.ends = time.monotonic() + options.timeout - options.gone
        self.client: LiveKitSource | None = None
        self.evidence = Evidence(now=utc_now())
        self.took: dict[Need, float] = {}
        self.without: dict[Need, str] = {}
        self.left_out: dict[Need, str] = {}
        if options.read_only:
            reason = "--read-only: it would create a scratch room"
            self.left_out = {Need.CANARY: reason, Need.PROBE: reason}
        elif not options.probe:
            self.left_out = {Need.PROBE: _why_no_probe(settings)}

    def gathered(self, needs: Iterable[Need]) -> Gathered:
        """What has not come to an end by now was not done in time."""
        late = f"not done within --timeout {self.options.timeout:g} s"
        unfinished = set(needs) - self.took.keys() - {Need.CONFIGURATION}
        without = dict.fromkeys(unfinished, late) | self.without
        return Gathered(took=self.took, without=without, left_out=self.left_out)

    async def gather(self, needs: set[Need]) -> None:
        """The connection and what needs none first and together; then, if there is one, the rest.

        In task groups, since a cancelled `asyncio.gather` is over with the first task that ends:
        the others could not finish cleaning up.
        """
        first = {Need.ROOMS: self._rooms, Need.ENDPOINTS: self._endpoints, Need.CALL_LOGS: self._call_logs}
        connected = asyncio.Event()
        async with asyncio.TaskGroup() as tasks:
            for need, read in first.items():
                if need in needs:
                    tasks.create_task(self._one(need, read, connected))
            tasks.create_task(self._with_connection(needs, connected))

    async def _with_connection(self, needs: set[Need], connected: asyncio.Event) -> None:
        if Need.ROOMS not in needs:
            return
        await connected.wait()
        if self.client is None or self._unconnected():
            return
        second: dict[Need, Callable[[LiveKitSource, Progress], Coroutine[object, object, Reading]]] = {
            Need.SIP: self._sip,
            Need.CANARY: self._canary,
            Need.PROBE: self._probe,
            Need.INSIDE_ROOMS: self._inside_rooms,
        }
        client = self.client
        async with asyncio.TaskGroup() as tasks:
            for need, read in second.items():
                if need in needs:
                    tasks.create_task(self._one(need, partial(read, client)))

    async def _one(
        self,
        need: Need,
        read: Callable[[Progress], Coroutine[object, object, Reading]],
        connected: asyncio.Event | None = None,
    ) -> None:
        began = time.monotonic()
        try:
            with self.progress.beside(f"checking {need.value}") as progress:
                reading = await read(progress)
            self.evidence = self.evidence.plus(reading, now=utc_now())
        except OutOfTime as late:
            self.evidence = self.evidence.plus(late.reading, now=utc_now())
            return
        except Exception as error:
            self.without[need] = one_line(error)
        finally:
            if connected is not None and need is Need.ROOMS:
                connected.set()
        self.took[need] = time.monotonic() - began

    def _unconnected(self) -> bool:
        setup = Setup(self.evidence, self.settings)
        unread = any(entry.status != "read" for entry in setup.coverage(sources.LIVEKIT_API))
        return unread or Need.ROOMS in self.without

    async def _rooms(self, _: Progress) -> Reading:
        return await self.client.rooms() if self.client else Reading()

    async def _endpoints(self, _: Progress) -> Reading:
        return await worker_endpoint.read_all(self.settings.workers)

    async def _call_logs(self, _: Progress) -> Reading:
        return await call_logs.inspect(self.settings.call_logs)

    async def _sip(self, client: LiveKitSource, _: Progress) -> Reading:
        return await client.sip_objects()

    async def _canary(self, client: LiveKitSource, progress: Progress) -> Reading:
        from livekit_doctor.experiments import canary

        return await canary.run(client, ends=self.ends, progress=progress)

    async def _probe(self, client: LiveKitSource, progress: Progress) -> Reading:
        from livekit_doctor.experiments import probe

        return await probe.run(client, self.settings, ends=self.ends, progress=progress)

    async def _inside_rooms(self, client: LiveKitSource, progress: Progress) -> Reading:
        """The live rooms; those whose verdict hangs on a second look are looked at twice."""
        setup = Setup(self.evidence, self.settings)
        rooms = matching_rooms(setup)[:JUDGED_ROOMS]
        reading = await client.inside(rooms)
        seen = replace(setup, evidence=setup.evidence.plus(reading))
        again = {d.room.sid: d.look_again for d in judged_rooms(seen) if d.room and d.look_again}
        if again:
            settling = max(filter(None, again.values()))
            progress(f"looking at {counted(len(again), 'live room')} a second time", settling)
            await asyncio.sleep(settling)
            listing = await client.rooms()
            second = await client.inside([room for room in rooms if room.sid in again])
            reading = combine((reading, listing, second))
        if problem := next((entry.problem for entry in reading.coverage if entry.problem), None):
            self.without[Need.INSIDE_ROOMS] = f"not every live room could be looked into: {problem.message}"
        # LiveKit was reached, which is what the connection is judged by.
        return structs.replace(reading, coverage=())
