"""What `trace` does: gather the evidence of one call, and diagnose it.

What is read follows the question: rows and rooms first, then what is inside the call's room,
and only where the diagnosis leaves it open the other live rooms, a canary, a second look.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from contextlib import AsyncExitStack, nullcontext
from datetime import datetime, timedelta
from time import monotonic
from typing import TYPE_CHECKING

from msgspec import Struct
from msgspec.structs import replace

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.core import calls_of, diagnose
from livekit_doctor.diagnosis.correlation import Subject, call_id_in, live_rooms
from livekit_doctor.diagnosis.log_lines import needles_of
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.rules.dispatches import rooms_to_search
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import call_logs, logs, reading, sources
from livekit_doctor.evidence.observations import DispatchList, Evidence, LogRow, Problem, Reading, Room, RoomList
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.flow import SPEC, Leg, Status, Step, Verdict
from livekit_doctor.operations.beginnings import may_be_beginning, one_beginning_with
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings
from livekit_doctor.words import counted

if TYPE_CHECKING:
    from livekit_doctor.evidence.livekit_source import LiveKitSource

SEARCHED_ROOMS = 50
"""How many live rooms are looked into for a call whose room is not known, newest first."""

POLL = 1.0
"""Seconds between two looks with --wait."""

YOUNG = timedelta(minutes=1)
"""Rooms that are searched again and again with --wait, for a call whose room is not known yet."""


class Options(Struct, frozen=True):
    """`wait` (seconds) follows the call until both legs are decided; `read_only` creates nothing;
    `pasted` is what a person gave as text, read already; `timeout` (seconds) ends all else than `wait`."""

    wait: float = 0.0
    read_only: bool = False
    pasted: Reading | None = None
    timeout: float = 60.0
    gone: float = 0.0
    """Seconds of it that are over already."""


class Traced(Struct, frozen=True):
    """`subject` is the call that was meant, where what was asked for was a room's name or the beginning of an id."""

    evidence: Evidence
    diagnosis: Diagnosis
    subject: Subject


async def trace(settings: Settings, subject: Subject, options: Options, progress: Progress | None = None) -> Traced:
    """Gathers what can be read of the call and says where it broke. Raises UserError where several calls' ids begin
    with what was asked for."""
    async with AsyncExitStack() as stack:
        tracer = _Tracer(settings, subject, options, progress or Progress())
        if reading.missing_credentials(settings.livekit) is None:
            from livekit_doctor.evidence.livekit_source import LiveKitSource

            tracer.client = await stack.enter_async_context(LiveKitSource(settings.livekit))
        evidence = await tracer.further_looks(await tracer.first_look())
    return Traced(evidence, tracer.diagnosis_of(evidence), tracer.subject)


class _Tracer:
    def __init__(self, settings: Settings, subject: Subject, options: Options, progress: Progress) -> None:
        self.settings, self.subject, self.options, self.progress = settings, subject, options, progress
        self.client: LiveKitSource | None = None
        self._diagnosed: tuple[Evidence, Diagnosis] | None = None
        self._ends = monotonic() + options.timeout - options.gone + options.wait

    async def first_look(self) -> Evidence:
        """Rows, rooms, SIP objects and worker endpoints, concurrently; then the call's room."""
        logged, asked = bool(self.settings.call_logs.dsn or self.settings.call_logs.file), self.client is not None
        evidence = await reading.together(
            self._told("reading the call logs", logged, self._rows()),
            self._told("asking LiveKit for its rooms", asked, self._rooms()),
            self._told("asking LiveKit for SIP trunks and SIP dispatch rules", asked, self._sip()),
            self._told("asking the workers' endpoints", bool(self.settings.workers), self._endpoints()),
        )
        if self.options.pasted is not None:
            evidence = evidence.plus(self.options.pasted)
        evidence = await self._meant_as_room(evidence)
        if self._call(evidence).room is None:
            evidence = await self._search(evidence)
        evidence = await self._look_inside(evidence)
        return await self._rows_of_found_call(evidence)

    async def further_looks(self, evidence: Evidence) -> Evidence:
        """What the diagnosis so far asks for, and what --wait asks for."""
        deadline = monotonic() + self.options.wait
        evidence = await self._meant_as_beginning(await self._logs(evidence))
        evidence = await self._search_for_dispatch(evidence)
        while monotonic() < deadline and not self._decided(evidence, deadline):
            await asyncio.sleep(min(POLL, max(0.0, deadline - monotonic())))
            evidence = await self._look_again(evidence)
        if self.options.wait:
            evidence = await self._logs(evidence, again=True)
        again = self.diagnosis_of(evidence).look_again
        if again is not None and again < self._left:
            self.progress("one look is not enough: looking a second time", again)
            await asyncio.sleep(again)
            evidence = await self._look_again(evidence)
        return await self._canary(await self._search_for_dispatch(evidence))

    # What is meant

    async def _meant_as_room(self, evidence: Evidence) -> Evidence:
        """What no row has as its call id may be a room's name: of a live room, or of rows."""
        name = self.subject.call_id
        if name is None or self.subject.room or self._call(evidence).rows:
            return evidence
        with self.progress.beside("looking for a room of this name"):
            rows = await self._rows_of_room(name)
        has_rows = any(isinstance(item, LogRow) for item in rows.observations)
        if not has_rows and not self._is_live(evidence, name):
            return evidence
        self.subject = Subject(room=name)
        return evidence.plus(rows, now=utc_now()) if has_rows else evidence

    def _is_live(self, evidence: Evidence, name: str) -> bool:
        return any(room.name == name for room in live_rooms(evidence))

    async def _meant_as_beginning(self, evidence: Evidence) -> Evidence:
        """What nothing knows may be the beginning of a call's id. A call that is waited for may be still to come."""
        text = self.subject.call_id
        if text is None or self.subject.room or self.options.wait or not may_be_beginning(text):
            return evidence
        if self._call(evidence).room is not None or self.diagnosis_of(evidence).timeline:
            return evidence
        asked = call_logs.beginning(self.settings.call_logs, text)
        found = one_beginning_with(text, await self._in_time(asked, sources.CALL_LOGS))
        if found is None:
            return evidence
        self.progress(f"{text} is the beginning of {found}")
        self.subject = Subject(call_id=found)
        return await self._logs(await self.first_look())

    # The sources

    async def _told(self, what: str, is_configured: bool, reading: Awaitable[Reading]) -> Reading:
        with self.progress.beside(what) if is_configured else nullcontext():
            return await reading

    async def _rows(self, call_id: str | None = None) -> Reading:
        call_id = call_id or self.subject.call_id
        if call_id is not None:
            asked = call_logs.read_call(self.settings.call_logs, call_id, utc_now())
            return await self._in_time(asked, sources.CALL_LOGS)
        return await self._rows_of_room(self.subject.room) if self.subject.room is not None else Reading()

    async def _rows_of_room(self, room: str, before: datetime | None = None) -> Reading:
        """The rows that name the room, and of the last call among them those that do not: of the last that logged
        anything before the room's name was used again."""
        return await self._in_time(self._rows_naming(room, before), sources.CALL_LOGS)

    async def _rows_naming(self, room: str, before: datetime | None) -> Reading:
        named = await call_logs.read_by_room(self.settings.call_logs, room, utc_now())
        rows = [item for item in named.observations if isinstance(item, LogRow)]
        if before is not None:
            rows = [row for row in rows if row.at < before]
            named = replace(named, observations=tuple(rows))
        if not rows:
            return named
        last = max(rows, key=lambda row: (row.at, row.order)).call_id
        whole = await call_logs.read_call(self.settings.call_logs, last, utc_now())
        return whole if any(isinstance(item, LogRow) for item in whole.observations) else named

    async def _rooms(self, *names: str) -> Reading:
        if self.client is None:
            problem = reading.missing_credentials(self.settings.livekit)
            if problem is None or self.settings.livekit.url is None or self.options.pasted is not None:
                return reading.not_configured(sources.LIVEKIT_API)
            return reading.unread(sources.LIVEKIT_API, problem)
        return await self._in_time(self.client.rooms(*names), sources.LIVEKIT_API)

    async def _inside(self, client: "LiveKitSource", rooms: Sequence[Room]) -> Reading:
        return await self._in_time(client.inside(rooms), sources.LIVEKIT_API)

    async def _sip(self) -> Reading:
        if self.client is None:
            return reading.not_configured(sources.SIP_API)
        return await self._in_time(self.client.sip_objects(), sources.SIP_API)

    async def _endpoints(self) -> Reading:
        if not self.settings.workers:
            return reading.not_configured(sources.WORKER_ENDPOINT)
        from livekit_doctor.evidence import worker_endpoint

        names = [f"{sources.WORKER_ENDPOINT} {worker.url}" for worker in self.settings.workers]
        return await self._in_time(worker_endpoint.read_all(self.settings.workers), *names)

    @property
    def _left(self) -> float:
        """Seconds until --timeout is over."""
        return max(0.0, self._ends - monotonic())

    async def _in_time(self, asked: Awaitable[Reading], *names: str) -> Reading:
        """What was asked of the sources of these names, or that they did not answer within --timeout."""
        try:
            async with asyncio.timeout(self._left):
                return await asked
        except TimeoutError:
            message = f"not read within --timeout {self.options.timeout:g} s"
            code = "LKD602" if sources.CALL_LOGS in names else "LKD003"
            kind = "slow_file" if sources.CALL_LOGS in names and not self.settings.call_logs.dsn else "timeout"
            problem = Problem(code=code, message=message, values={"kind": kind, "detail": message})
            return reading.combine(reading.unread(name, problem) for name in names)

    # The steps of the gathering

    async def _search(self, evidence: Evidence, young: timedelta = timedelta.max) -> Evidence:
        """Looks into the live rooms, or the young ones of them, for the id: in dispatch metadata, jobs
        and participants."""
        listing = Setup(evidence, self.settings).latest(RoomList)
        if self.client is None or listing is None or not (self.subject.call_id or self.subject.livekit_id):
            return evidence
        now = listing.read.now
        rooms = [room for room in live_rooms(evidence) if now - room.created_at < young][:SEARCHED_ROOMS]
        if not rooms:
            return evidence
        self.progress(f"searching {counted(len(rooms), 'live room')} for the call")
        return evidence.plus(await self._inside(self.client, rooms), now=utc_now(), same_look=True)

    async def _look_inside(self, evidence: Evidence) -> Evidence:
        call = self._call(evidence)
        if self.client is None or call.room_info is None or not call.room_live or call.api_read:
            return evidence
        with self.progress.beside("looking into the call's room"):
            inside = await self._inside(self.client, (call.room_info,))
        return evidence.plus(inside, now=utc_now())

    async def _rows_of_found_call(self, evidence: Evidence) -> Evidence:
        """Where only the room was known, the call id that its metadata carries leads to the rows."""
        call = self._call(evidence)
        if call.rows or self.subject.call_id or call.room is None:
            return evidence
        texts = [call.room_info.metadata if call.room_info else "", *(d.metadata for d in call.listed)]
        call_id = next(filter(None, map(call_id_in, texts)), None)
        if call_id is not None:
            return evidence.plus(await self._rows(call_id), now=utc_now())
        if self.subject.room is None:
            before = call.component_logs.next_opening
            before = before - call.setup.tolerance if before else None
            return evidence.plus(await self._rows_of_room(call.room.name, before), now=utc_now())
        return evidence

    async def _logs(self, evidence: Evidence, *, again: bool = False) -> Evidence:
        """The components' logs, for what is known of the call by now; `again` those that may have grown."""
        found = [log for log in logs.sources_of(self.settings.logs) if not again or log.is_regular]
        if not found:
            return evidence
        call = self._call(evidence)
        needles, rows = needles_of(call), self.settings.call_logs
        names = [f"{logs.SOURCES[log.log]} {log.name}" for log in found]
        read = asyncio.to_thread(logs.read, found, needles, utc_now(), self._bar, rows)
        evidence = evidence.plus(await self._in_time(read, *names), now=utc_now())
        if call.room is None and self._call(evidence).room is not None:
            evidence = await self._rows_of_found_call(await self._look_inside(evidence))
        return evidence

    def _bar(self, name: str, done: int, size: int | None) -> None:
        share = done / size if size else None
        self.progress(f"reading {name}", share=share, amount=f"{(size or done) / 1e6:.0f} MB")

    async def _look_again(self, evidence: Evidence) -> Evidence:
        call = self._call(evidence)
        names = (call.room.name,) if call.room else ()
        call_id = call.rows[0].call_id if call.rows else None
        rooms, rows = await asyncio.gather(self._rooms(*names), self._rows(call_id))
        evidence = evidence.plus(rooms, rows, now=utc_now())
        if self._call(evidence).room is None and self.subject.call_id and self._is_live(evidence, self.subject.call_id):
            self.subject = Subject(room=self.subject.call_id)
        if self._call(evidence).room is None:
            evidence = await self._search(evidence, YOUNG)
        call = self._call(evidence)
        if self.client is not None and call.room_info is not None and call.room_live:
            inside = await self._inside(self.client, (call.room_info,))
            evidence = evidence.plus(inside, now=utc_now(), same_look=True)
        return await self._rows_of_found_call(evidence)

    async def _search_for_dispatch(self, evidence: Evidence) -> Evidence:
        """A dispatch that is not in the call's room may be in another one of the same time."""
        diagnosis = self.diagnosis_of(evidence)
        missing = any(item.step is Step.AGENT_DISPATCHED or "LKD409" in item.candidates for item in diagnosis.broken)
        if self.client is None or not missing:
            return evidence
        read = {listing.room_sid for listing in Setup(evidence, self.settings).all(DispatchList)}
        others = rooms_to_search(self._call(evidence), live_rooms(evidence))
        rooms = [room for room in others if room.sid not in read][:SEARCHED_ROOMS]
        if not rooms:
            return evidence
        self.progress(f"searching {counted(len(rooms), 'other live room')} for the dispatch")
        return evidence.plus(await self._inside(self.client, rooms), now=utc_now(), same_look=True)

    async def _canary(self, evidence: Evidence) -> Evidence:
        """Where no worker took a live job, a worker of our own tells whether the pipeline works."""
        diagnosis = self.diagnosis_of(evidence)
        stuck = any(item.step is Step.JOB_ASSIGNED and "LKD107" in item.candidates for item in diagnosis.broken)
        live = diagnosis.room is not None and diagnosis.room.open
        if self.client is None or self.options.read_only or not (stuck and live):
            return evidence
        from livekit_doctor.experiments import canary
        from livekit_doctor.experiments.in_time import OutOfTime

        try:
            found = await canary.run(self.client, ends=self._ends, progress=self.progress)
        except OutOfTime as late:
            found = late.reading
        return evidence.plus(found, now=utc_now())

    # What is known so far

    def diagnosis_of(self, evidence: Evidence) -> Diagnosis:
        """The diagnosis; that of the same evidence is made once."""
        if self._diagnosed is None or self._diagnosed[0] is not evidence:
            self._diagnosed = evidence, diagnose(evidence, self.settings, self.subject)
        return self._diagnosed[1]

    def _call(self, evidence: Evidence) -> Call:
        return calls_of(Setup(evidence, self.settings), self.subject)[-1]

    def _decided(self, evidence: Evidence, deadline: float) -> bool:
        """Both legs are decided: nothing pending, and either broken or healthy to the answer."""
        diagnosis = self.diagnosis_of(evidence)
        status = {result.step: result.status for result in diagnosis.steps}
        self.progress(_watching(diagnosis), max(0.0, deadline - monotonic()))
        if diagnosis.look_again is not None or Status.PENDING in status.values():
            return False
        if diagnosis.verdict is Verdict.BROKEN:
            return True
        closed = diagnosis.room is not None and diagnosis.room.open is False and bool(diagnosis.timeline)
        answered = status[Step.SIP_ANSWERED] is Status.OK
        return closed or (diagnosis.verdict is Verdict.HEALTHY and (answered or diagnosis.inbound))


def _watching(diagnosis: Diagnosis) -> str:
    """The next step of each leg that is still to come."""
    coming: dict[Leg, str] = {}
    for result in diagnosis.steps:
        if result.status is Status.PENDING:
            coming.setdefault(SPEC[result.step].leg, SPEC[result.step].title)
    return f"waiting for: {', '.join(coming.values())}" if coming else f"following the call: {diagnosis.verdict.value}"
