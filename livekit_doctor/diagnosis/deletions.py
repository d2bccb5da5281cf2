"""Whether the call's latest dispatch was deleted, by the server's log. Of one before it that was tidied up later the
line is the same, but for an id that nothing else may name."""

from datetime import datetime, timedelta

from msgspec import Struct

from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.episodes import is_sought
from livekit_doctor.diagnosis.names import deleted_dispatch
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, WORKER_ANSWERS_WITHIN
from livekit_doctor.evidence.job_ids import job_of
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step


def dispatch_of(deleted: LogLine) -> str:
    return deleted_dispatch(deleted.fields.get("request", "")) or deleted.fields.get("dispatch_id", "")


class Deletion(Struct, frozen=True):
    line: LogLine
    sure: bool
    """Whether it is surely that of the latest dispatch: it may be that of an earlier one else."""


def deletion_of_latest(logs: ComponentLogs) -> Deletion | None:
    """The DeleteDispatch of the latest dispatch, as far as is known."""
    succeeded = [line for line in logs.said(Said.DISPATCH_DELETED) if line.fields.get("status", "200") == "200"]
    earlier, latest = _known_ids(logs) if succeeded else (set(), set())
    deleted = [line for line in succeeded if dispatch_of(line) not in earlier]
    every = _made(logs) - len(earlier) <= len(deleted)
    for line in reversed(deleted):
        if latest and dispatch_of(line):
            if dispatch_of(line) in latest:
                return Deletion(line, sure=True)
        elif not _is_before_latest(logs, line) and not _sought_after(logs, line):
            return Deletion(line, sure=every and logs.began_in_mid_call(line) is None)
    return None


def _known_ids(logs: ComponentLogs) -> tuple[set[str], set[str]]:
    """The ids of earlier dispatches, and of the latest, as far as the API or a worker names them."""
    began = logs.latest.began
    earlier, latest = set[str](), set[str]()
    for one in logs.call.dispatches_ever:
        before = one.created_at is not None and began is not None and began - one.created_at > CREATED_AT_ONCE
        (earlier if before else latest).add(one.id)
    for line in logs.ever_said(Said.ASKED):
        of_earlier = job_of(line) in logs.latest.earlier_jobs
        (earlier if of_earlier else latest).add(line.fields.get("dispatch_id", ""))
    return earlier - {""}, latest - {""}


def _made(logs: ComponentLogs) -> int:
    """How many dispatches of the agent into the room are known, by the log or by rows: each finds no worker once."""
    sought = sum(is_sought(logs.call, line) for line in logs.ever_said(Said.NO_WORKER))
    return max(len(logs.call.rows_of(Step.AGENT_DISPATCHED)), sum(map(logs.names_agent, logs.dispatched)), sought)


def _is_before_latest(logs: ComponentLogs, deleted: LogLine) -> bool:
    """Whether the agent was dispatched again after it."""
    made = [line.at for line in logs.dispatched if line.at and logs.names_agent(line)]
    return bool(made) and deleted.at is not None and max(made) > deleted.at


def _sought_after(logs: ComponentLogs, deleted: LogLine) -> bool:
    """Whether a worker was sought for a job after this dispatch was deleted: for another's. What became of its own
    job the server says when the worker has answered, also where it was deleted meanwhile (recorded, 1.13.11)."""
    sought = logs.said(Said.ASKED, Said.NO_CAPACITY, Said.DECLINED, Said.TIMED_OUT)
    return any(_is_later(line, deleted.at, logs.call.tolerance) for line in sought)


def _is_later(line: LogLine, at: datetime | None, tolerance: timedelta) -> bool:
    allowed = WORKER_ANSWERS_WITHIN if line.log == "server" else tolerance
    return at is not None and line.at is not None and line.zoned and line.at - at > allowed
