"""Which of a call's jobs are over, and another came after them: of an earlier dispatch, or in the same one.

A job is known by its id. LiveKit Cloud restarts one that failed in the same dispatch (design fact 33).
"""

from datetime import datetime, timedelta

from livekit_doctor.diagnosis.beside import beside_another
from livekit_doctor.diagnosis.job_ends import DONE, ENDS
from livekit_doctor.diagnosis.own_lines import Index, Told, is_above
from livekit_doctor.diagnosis.said import Said, meaning
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.times import (
    CREATED_AT_ONCE,
    CREATED_TOGETHER,
    DATE_RESOLUTION,
    JOB_LISTED_AFTER,
    MEDIA_GIVEN_UP,
    SAID_TO_BE_SLOW,
)
from livekit_doctor.evidence.observations import LogLine


class Jobs:
    """The jobs of a call, and which of them are of a dispatch before the latest."""

    def __init__(
        self,
        seen: Seen,
        own: Index,
        made: list[LogLine],
        without_worker: list[datetime],
        began: datetime | None,
        told: datetime | None,
    ) -> None:
        self.seen, self.made, self.without_worker, self.began, self.told = seen, made, without_worker, began, told
        self.dispatch_of = {job.id: one.id for one in seen.dispatches_ever for job in one.jobs}
        self.started: dict[str, datetime] = {}
        """When each was first heard of, by LiveKit's clock."""
        self.ended: dict[str, datetime] = {}
        """When the server had done with each."""
        self.asked: dict[str, LogLine] = {}
        """The worker's first line of each."""
        self.failed: dict[str, LogLine] = {}
        """The worker's line of its end."""
        self.came: set[str] = set()
        """Those whose agents were in the room, by the server's log."""
        for each in own.of_jobs:
            said, line, job = each.said, each.line, each.job or each.agents_job
            self.came.add(each.agents_job)
            if line.log == "server" and line.zoned and line.at and said is not None:
                self.started[job] = min(line.at, self.started.get(job, line.at))
                if said in (*DONE, Said.PARTICIPANT_LEFT):
                    self.ended[job] = line.at
            elif line.log == "worker" and said is not Said.ASSIGNMENT_LATE:  # which is said long after
                self.asked.setdefault(job, line)
                if said in ENDS:
                    self.failed.setdefault(job, line)
                if line.fields.get("dispatch_id"):
                    self.dispatch_of.setdefault(job, line.fields["dispatch_id"])
        given = (told for told in own.that(Said.ASSIGNED) if told.line.log == "server" and told.line.zoned)
        self.assigned = {told.job: told.line.at for told in given if told.job and told.line.at}
        """When the server gave each to a worker."""
        self.listed = {job.id: job for one in seen.dispatches_ever for job in one.jobs}
        self.requested = {told.job: told.line for told in own.that(Said.ASKED)}
        """The request for each."""
        self.by_two_clocks = False
        self.beside = beside_another(own, seen)
        self.earlier = frozenset(job for job in {*self.started, *self.asked, *self.dispatch_of} if self._is_over(job))

    @property
    def heard_of_latest(self) -> datetime | None:
        """When the server's log first tells of a job of the latest dispatch."""
        return min((at for job, at in self.started.items() if job not in self.earlier), default=None)

    @property
    def decisive_since(self) -> datetime | None:
        """When the latest dispatch was made, or the job began beside which that of the latest is, if one is."""
        stayed = {*self.beside.values()}
        by_workers = (line.at for job, line in self.asked.items() if job in stayed and line.zoned)
        heard = (self.began, *(self.started.get(job) for job in stayed), *by_workers)
        return min(filter(None, heard), default=None)

    def is_earlier(self, told: Told) -> bool:
        line = told.line
        if told.job:
            return told.job in self.earlier
        if line.at is None or not line.zoned:
            return False
        if line.log == "sip":
            return self.told is not None and self.told - line.at > self.seen.tolerance
        return line.log == "server" and self._is_before(line.at)

    def not_of_the_listed(self) -> str:
        """Where the worker was asked for the job of another dispatch than the latest in the list, and nobody knows
        which of the two was first."""
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        if latest is None or latest.created_at is None:
            return ""
        jobs = {job.id for job in latest.jobs}
        current = {*self.asked} - self.earlier
        restarted = {job for job in current - jobs if jobs and self._listed_with(job)}
        if restarted:
            return f"the worker's log tells of a job of dispatch {latest.id} that the list has not"
        own = {self.dispatch_of.get(job) for job in current} - {None}
        others = {job for job in {*self.started} - self.earlier if self.dispatch_of.get(job, "") != latest.id} - jobs
        if not jobs:
            others = {job for job in others if self._would_be_listed(job)}
        if (not own or latest.id in own) and not others:
            return ""
        return f"dispatch {latest.id} is the last in the list, and a log tells of another's job"

    def _would_be_listed(self, job: str) -> bool:
        """Whether the last list would have it: its agent came, and long ago."""
        look = self.seen.dispatch_list
        return job in self.came and look is not None and look.read.now - self.started[job] > JOB_LISTED_AFTER

    def not_placed(self, complete: bool) -> str:
        """Where the jobs that are not known to be of an earlier dispatch are not known to be of the last one, either:
        the worker alone tells of one, by another clock, or by none, and another dispatch was made; or logs tell of two.
        """
        if self.by_two_clocks:
            return _BY_TWO_CLOCKS
        current = {*self.started, *self.asked} - self.earlier
        if len(current) > 1 and len({self.dispatch_of.get(job, job) for job in current}) > 1:
            return "the logs tell of several jobs, and not of which was the last"
        near = self.seen.tolerance
        for job in current - {*self.started}:
            line = self.asked[job]
            dated = line.at is not None and line.zoned
            before = dated and self.began is not None and self.began - line.at > DATE_RESOLUTION  # type: ignore[operator]
            several = len(self.made) > len(self.earlier) + 1
            above = several and dated and self.began is not None and line.at < self.began  # type: ignore[operator]
            failed = self.failed.get(job, line)
            if dated and failed.at and any(line.at - near <= at <= failed.at + near for at in self.without_worker):  # type: ignore[operator]
                return _BY_TWO_CLOCKS
            if self._listed_with(job) or (dated and not before and not above):
                continue
            if (before and not complete) or several:
                return "the worker's log tells of a job that may be an earlier dispatch's: it has another clock"
        return ""

    def _came_after(self, job: str, moment: datetime) -> bool:
        line = self.asked[job]
        return line.zoned and line.at is not None and line.at > moment

    def _listed_with(self, job: str) -> bool:
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        return latest is not None and self.dispatch_of.get(job) == latest.id

    def _is_over(self, job: str) -> bool:
        if job in self.beside or job in self.beside.values():
            return job in self.beside
        latest = self.seen.dispatches[-1] if self.seen.dispatches else None
        failed, own = self.failed.get(job), self.dispatch_of.get(job)
        if failed and any(
            other != job and one.file == failed.file and is_above(failed, one) for other, one in self.asked.items()
        ):
            return True
        if failed and self._found_nobody_since(failed, self.started.get(job)):
            return True
        if own is not None and self._was_restarted(job):
            return True
        if latest is not None and own == latest.id:
            return latest.created_at is not None and self._is_before(latest.created_at)
        if latest is not None and own in {one.id for one in self.seen.dispatches_ever}:
            return True
        line = self.asked.get(job)
        if line and job not in self.requested and line.file in {one.file for one in self.requested.values()}:
            return True  # its request is above the log's beginning
        if job in self.started and self._is_before(self.started[job]):
            return True
        assigned = self.assigned.get(job)
        if assigned and any(later - assigned > CREATED_TOGETHER for later in self.assigned.values()):
            return True
        others = [*self.without_worker, *(at for other, at in self.started.items() if other != job)]
        if job in self.ended and any(at > self.ended[job] for at in others):
            return True
        if job in self.ended and any(self._came_after(other, self.ended[job]) for other in self.asked if other != job):
            self.by_two_clocks = True
            return True
        if line is not None and self._was_asked_before_another(line, by_id=job in self.started):
            return True
        return job not in self.started and line is not None and self._is_long_before(line)

    def _found_nobody_since(self, failed: LogLine, began: datetime | None) -> bool:
        """Whether the server found no worker for a later dispatch than that of a job that failed, by the worker's
        clock, and `began` by the server's, if it tells of it: it seeks none for a job that it has given away."""
        near, at = self.seen.tolerance, failed.at if failed.zoned else None
        if at is None:
            return False
        return any(
            when > at + near or (began is not None and when > max(began, at - near)) for when in self.without_worker
        )

    def _was_restarted(self, job: str) -> bool:
        """Whether it failed, and another job of the same dispatch came after it, as on LiveKit Cloud (fact 33)."""
        failed = job in self.failed or (job in self.listed and self.listed[job].status == "JS_FAILED")
        own = self.dispatch_of[job]
        others = (other for other, one in self.dispatch_of.items() if one == own and other != job)
        return failed and any(self._is_after(other, job) for other in others)

    def _is_after(self, other: str, job: str) -> bool:
        line, later = self.asked.get(job), self.asked.get(other)
        if line and later and line.file == later.file:
            return is_above(line, later)
        listed, listed_later = self.listed.get(job), self.listed.get(other)
        if listed and listed_later and listed.started_at:
            return listed_later.started_at is None or listed_later.started_at > listed.started_at
        began, began_later = self._begun(job), self._begun(other)
        return bool(began and began_later and began_later - began > self.seen.tolerance)

    def _begun(self, job: str) -> datetime | None:
        """When it was first heard of, by whichever clock is known."""
        listed, line = self.listed.get(job), self.asked.get(job)
        by_livekit = self.started.get(job) or (listed.started_at if listed else None)
        return by_livekit or (line.at if line and line.zoned else None)

    def _was_asked_before_another(self, line: LogLine, by_id: bool) -> bool:
        """By the worker's own log, another of the call's jobs came later, of another dispatch; `by_id`: surely, since
        that is named."""
        return any(
            other.file == line.file and other.order > line.order and _is_of_later_dispatch(line, other, by_id)
            for other in self.asked.values()
        )

    def _is_long_before(self, line: LogLine) -> bool:
        return (
            self.told is not None and line.zoned and line.at is not None and self.told - line.at > self.seen.tolerance
        )

    def _is_before(self, at: datetime) -> bool:
        return self.began is not None and self.began - at > CREATED_AT_ONCE


_BY_TWO_CLOCKS = "the logs tell of several jobs, and not of which was the last: their clocks are two"


def _is_of_later_dispatch(line: LogLine, other: LogLine, by_id: bool) -> bool:
    """Where not both lines name a dispatch, time tells: the agents of one call are dispatched together."""
    named = [one.fields["dispatch_id"] for one in (line, other) if one.fields.get("dispatch_id")]
    if len(named) == 2 or by_id:
        return len({*named}) == 2
    if line.at is None or other.at is None:
        return True
    said = meaning(line)
    return other.at - line.at + (_SAID_AFTER.get(said, timedelta()) if said else timedelta()) > CREATED_TOGETHER


_SAID_AFTER = {Said.MEDIA_TIMED_OUT: MEDIA_GIVEN_UP, Said.SLOW_TO_CONNECT: SAID_TO_BE_SLOW}
"""What is said of a job so long after it had begun, at least."""
