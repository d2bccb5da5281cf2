"""The heart of `check`: gather what the checks need, run them in order.

What the checks need is gathered concurrently; each check then only reads the evidence, by the
rules of the diagnosis. A check never judges for itself.
"""

import asyncio
import time
from collections.abc import Callable, Coroutine, Iterable
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from functools import partial

import aiohttp

from livekit_doctor import catalogue
from livekit_doctor.checks import CHECKS
from livekit_doctor.checks.check import Check, CheckResult, Need
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules.rooms import judged_rooms, matching_rooms
from livekit_doctor.diagnosis.rules.workers import left_behind
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import call_logs, gather, worker_endpoint
from livekit_doctor.evidence.livekit_client import LiveKitClient, utc_now
from livekit_doctor.evidence.observations import Evidence, Reading
from livekit_doctor.flow import Confidence
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import Settings

JUDGED_ROOMS = 200
"""How many live rooms are looked into, newest first."""

Progress = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class Options:
    """`probe` dispatches the team's own agent; `read_only` runs no experiment; `timeout` (seconds)
    ends the whole."""

    probe: bool = False
    read_only: bool = False
    timeout: float = 60.0


@dataclass(frozen=True, slots=True)
class Checked:
    evidence: Evidence
    results: tuple[CheckResult, ...]
    """In the order of the checks."""
    left_behind: tuple[str, ...] = ()


async def check(
    settings: Settings, selected: Iterable[Check] = CHECKS, options: Options | None = None, progress: Progress = print
) -> Checked:
    """Runs the selected checks and those that they depend on are judged too, unprinted."""
    options = options or Options()
    wanted = tuple(selected)
    gatherer = _Gatherer(settings, options, progress)
    async with AsyncExitStack() as stack:
        if not settings.livekit.missing:
            gatherer.client = await stack.enter_async_context(LiveKitClient(settings.livekit))
        try:
            async with asyncio.timeout(options.timeout):
                await gatherer.gather({need for item in with_prerequisites(wanted) for need in item.needs})
        except TimeoutError:
            gatherer.timed_out = True
    results = _judge(wanted, gatherer, settings, options)
    left = tuple(f"{item.what}: {item.error}" for item in left_behind(Setup(gatherer.evidence, settings)))
    return Checked(gatherer.evidence, results, left)


def with_prerequisites(wanted: Iterable[Check]) -> tuple[Check, ...]:
    """The wanted checks and, for each, all that must not have failed before it; in print order."""
    by_id = {item.id: item for item in CHECKS}
    needed: set[str] = set()

    def add(item: Check) -> None:
        needed.add(item.id)
        for earlier in item.after:
            add(by_id[earlier])

    for item in wanted:
        add(item)
    return tuple(item for item in CHECKS if item.id in needed)


class _Gatherer:
    """Gathers each need once. `took` has its seconds, `failed` what raised."""

    def __init__(self, settings: Settings, options: Options, progress: Progress) -> None:
        self.settings, self.options, self.progress = settings, options, progress
        self.client: LiveKitClient | None = None
        self.evidence = Evidence(now=utc_now())
        self.took: dict[Need, float] = {}
        self.failed: dict[Need, Exception] = {}
        self.timed_out = False

    async def gather(self, needs: set[Need]) -> None:
        """The connection and what needs none first and together; then, if there is one, the rest."""
        first = {Need.ROOMS: self._rooms, Need.ENDPOINTS: self._endpoints, Need.CALL_LOGS: self._call_logs}
        connected = asyncio.Event()
        await asyncio.gather(
            *(self._one(need, read, connected) for need, read in first.items() if need in needs),
            self._with_connection(needs, connected),
        )

    async def _with_connection(self, needs: set[Need], connected: asyncio.Event) -> None:
        if Need.ROOMS not in needs:
            return
        await connected.wait()
        if self.client is None or self._unconnected():
            return
        second: dict[Need, Callable[[LiveKitClient], Coroutine[object, object, Reading]]] = {
            Need.SIP: gather.sip_objects,
            Need.CANARY: self._canary,
            Need.PROBE: self._probe,
            Need.INSIDE_ROOMS: self._inside_rooms,
        }
        client = self.client
        await asyncio.gather(
            *(self._one(need, partial(read, client)) for need, read in second.items() if need in needs)
        )

    async def _one(
        self,
        need: Need,
        read: Callable[[], Coroutine[object, object, Reading]],
        connected: asyncio.Event | None = None,
    ) -> None:
        began = time.monotonic()
        try:
            reading = await read()
            self.evidence = self.evidence.plus(reading, now=utc_now())
        except Exception as error:
            self.failed[need] = error
        finally:
            self.took[need] = time.monotonic() - began
            if connected is not None and need is Need.ROOMS:
                connected.set()

    def _unconnected(self) -> bool:
        setup = Setup(self.evidence, self.settings)
        return any(entry.status != "read" for entry in setup.coverage("livekit_api")) or Need.ROOMS in self.failed

    async def _rooms(self) -> Reading:
        return await gather.rooms(self.client) if self.client else Reading()

    async def _endpoints(self) -> Reading:
        async with aiohttp.ClientSession() as session:
            reads = (worker_endpoint.read(worker, session) for worker in self.settings.workers)
            return gather.combine(await asyncio.gather(*reads))

    async def _call_logs(self) -> Reading:
        return await call_logs.inspect(self.settings.call_logs)

    async def _canary(self, client: LiveKitClient) -> Reading:
        if self.options.read_only:
            return Reading()
        from livekit_doctor.experiments import canary

        return await canary.run(client)

    async def _probe(self, client: LiveKitClient) -> Reading:
        if self.options.read_only or not self.options.probe:
            return Reading()
        from livekit_doctor.experiments import probe

        return await probe.run(client, self.settings, progress=self.progress)

    async def _inside_rooms(self, client: LiveKitClient) -> Reading:
        """The live rooms; those whose verdict hangs on a second look are looked at twice."""
        setup = Setup(self.evidence, self.settings)
        rooms = matching_rooms(setup)[:JUDGED_ROOMS]
        reading = await gather.inside(client, rooms)
        seen = replace_evidence(setup, reading)
        again = {d.room.sid: d.look_again for d in judged_rooms(seen) if d.room and d.look_again}
        if not again:
            return reading
        self.progress(f"looking at {len(again)} room(s) a second time")
        await asyncio.sleep(max(filter(None, again.values())))
        listing = await gather.rooms(client)
        second = await gather.inside(client, [room for room in rooms if room.sid in again])
        return gather.combine((reading, listing, second))


def replace_evidence(setup: Setup, reading: Reading) -> Setup:
    """The same set-up with one more reading."""
    return replace(setup, evidence=setup.evidence.plus(reading))


def _judge(
    wanted: tuple[Check, ...], gatherer: _Gatherer, settings: Settings, options: Options
) -> tuple[CheckResult, ...]:
    setup = Setup(gatherer.evidence, settings)
    results: dict[str, CheckResult] = {}
    for item in with_prerequisites(wanted):
        results[item.id] = _result(item, setup, gatherer, results, options)
    return tuple(results[item.id] for item in CHECKS if item in wanted)


def _result(
    item: Check, setup: Setup, gatherer: _Gatherer, before: dict[str, CheckResult], options: Options
) -> CheckResult:
    def result(status: str, message: str, findings: tuple[Finding, ...] = ()) -> CheckResult:
        worst = findings[0] if findings else None
        return CheckResult(
            id=item.id,
            category=item.category,
            title=item.title,
            status=status,
            message=message,
            code=worst.code if worst else None,
            findings=findings,
            evidence=tuple(because for finding in findings for because in finding.because),
            duration=max((gatherer.took.get(need, 0.0) for need in item.needs), default=0.0),
        )

    severity = setup.settings.checks.get(item.id)
    if severity == "off":
        return result("skipped", "switched off in the configuration")
    if reason := _not_run(item, setup, before, options):
        return result("skipped", reason)
    raised = next((gatherer.failed[need] for need in item.needs if need in gatherer.failed), None)
    if raised is not None:
        return result("errored", _one_line(raised))
    if gatherer.timed_out and any(need not in gatherer.took for need in item.needs if need is not Need.CONFIGURATION):
        return result("errored", f"not done within --timeout {options.timeout:g} s")
    try:
        findings = tuple(sorted((f for rule in item.rules for f in rule(setup)), key=_worst_first(item, severity)))
        if not findings:
            return result("passed", item.passed(setup))
    except Exception as error:
        return result("errored", _one_line(error))
    worst = "failed" if _fails(findings[0], item, severity) else "warned"
    more = f" (and {len(findings) - 1} more)" if len(findings) > 1 else ""
    return result(worst, findings[0].because[-1 if item.strict else 0].text + more, findings)


def _not_run(item: Check, setup: Setup, before: dict[str, CheckResult], options: Options) -> str | None:
    for earlier in item.after:
        if before[earlier].status in ("failed", "errored"):
            return f"because {earlier} {before[earlier].status}"
        if before[earlier].status == "skipped" and before[earlier].message.startswith("because "):
            return before[earlier].message
    if options.read_only and {Need.CANARY, Need.PROBE} & set(item.needs):
        return "it creates a scratch room, and --read-only was given"
    if Need.PROBE in item.needs and not options.probe:
        return "it runs your agent: give --probe"
    return item.inapplicable(setup)


def _fails(finding: Finding, item: Check, severity: str | None) -> bool:
    """Whether a finding fails the check: as configured, else as the catalogue has it."""
    if severity is not None:
        return severity == "error"
    if finding.confidence is Confidence.POSSIBLE and not item.strict:
        return False
    return catalogue.get(finding.code).severity == "error"


def _worst_first(item: Check, severity: str | None) -> Callable[[Finding], tuple[bool, int]]:
    return lambda finding: (not _fails(finding, item, severity), finding.confidence.rank)


def _one_line(error: Exception) -> str:
    text = redact_text(" ".join(str(error).split()))
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
