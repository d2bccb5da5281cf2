"""One attempt of one call: its room, and the dispatches and jobs in it. Every fact is taken from the readings of this
call's own room."""

from datetime import UTC, datetime
from functools import cached_property

from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.seen_rows import RowsSeen
from livekit_doctor.diagnosis.times import ROOM_AFTER_ROWS, ROOM_CLOSES_AFTER
from livekit_doctor.evidence.observations import (
    Dispatch,
    DispatchList,
    Job,
    Room,
    RoomList,
    WorkerEndpoint,
)
from livekit_doctor.flow import Step


class RoomSeen(RowsSeen, frozen=True, dict=True):
    # The room

    @cached_property
    def room_info(self) -> Room | None:
        """The room as it was last seen; of several with one name, the one asked for or the newest
        that was there at the time of the rows: a name can be reused."""
        asked_for = self.subject.room is not None or self.subject.livekit_id is not None
        rooms = self._rooms_of_name
        seen = rooms if asked_for and self.latest else [room for room in rooms if not self._is_after_rows(room)]
        return max(reversed(seen), key=lambda room: room.created_at, default=None)

    @cached_property
    def _rooms_of_name(self) -> tuple[Room, ...]:
        if self.room is None:
            return ()
        return tuple(
            room
            for listing in self.room_lists
            for room in listing.rooms
            if room.name == self.room.name and self.room.sid in ("", room.sid)
        )

    @cached_property
    def is_before_room(self) -> bool:
        """Whether these rows are of an earlier call than the one that the room now has."""
        return any(self._is_after_rows(room) for room in self._rooms_of_name)

    def _is_after_rows(self, room: Room) -> bool:
        """Whether the room was created well after this attempt had logged its last row."""
        if not self.rows:
            return False
        over = not self.latest or Step.CALL_ENDED in self.logged
        margin = self.tolerance if over else ROOM_AFTER_ROWS
        return room.created_at - self.rows[-1].at > margin

    @cached_property
    def room_lists(self) -> tuple[RoomList, ...]:
        """The readings that would have shown the room, oldest first."""
        if self.room is None or not self.looked_into:
            return ()
        return tuple(
            listing for listing in self.setup.all(RoomList) if not listing.names or self.room.name in listing.names
        )

    @cached_property
    def room_live(self) -> bool | None:
        """Whether the room was there at the last look; None where nobody looked."""
        if not self.room_lists:
            return None
        last = self.room_lists[-1]
        return self._shows_room(last)

    def _shows_room(self, listing: RoomList) -> bool:
        return any(self.room_info is not None and room.sid == self.room_info.sid for room in listing.rooms)

    def _of_room(self, room: str, sid: str) -> bool:
        if self.room is None or room != self.room.name or not self.looked_into:
            return False
        if self.room_info is not None:
            return sid in ("", self.room_info.sid)
        return self.room.sid in ("", sid) and all(sid != later.sid for later in self._rooms_of_name)

    # Agent dispatches and jobs

    @cached_property
    def dispatch_lists(self) -> tuple[DispatchList, ...]:
        return tuple(
            listing for listing in self.setup.all(DispatchList) if self._of_room(listing.room, listing.room_sid)
        )

    @property
    def dispatch_list(self) -> DispatchList | None:
        return self.dispatch_lists[-1] if self.dispatch_lists else None

    @cached_property
    def agent_name(self) -> str | None:
        """The agent this call should get: configured, else the one name that the workers run under."""
        if self.settings.agent.name is not None:
            return self.settings.agent.name
        names = {endpoint.agent_name for endpoint in self.setup.all(WorkerEndpoint) if endpoint.agent_name is not None}
        return names.pop() if len(names) == 1 else None

    @cached_property
    def agent_name_from(self) -> str:
        return "agent.name" if self.settings.agent.name is not None else "the worker's endpoint"

    def is_for_agent(self, name: str) -> bool:
        """Whether a dispatch of this name is meant for the call's agent: a mistyped name is found at the job."""
        return self.agent_name is not None and (name == self.agent_name or bool(near_miss(name, self.agent_name)))

    @cached_property
    def listed(self) -> tuple[Dispatch, ...]:
        """All dispatches in the room at the last look."""
        return self.dispatch_list.dispatches if self.dispatch_list else ()

    @cached_property
    def automatic(self) -> tuple[Dispatch, ...]:
        """The automatic dispatch: it has no agent name and reaches unnamed workers only (fact 4)."""
        return tuple(dispatch for dispatch in self.listed if not dispatch.agent_name)

    @cached_property
    def dispatches(self) -> tuple[Dispatch, ...]:
        """The dispatches that are for this call's agent.

        Those of its name, and of one that is almost it. Where there is none of its name, those that name another
        agent, so that a mistyped name is found at the job and not taken for a missing dispatch. Where the name is not
        known, the automatic one counts once it has a job: the worker has no name then. Oldest first, whatever their
        order in the list, which means nothing: the last decides.
        """
        return tuple(sorted(self._own_of(self.listed), key=_made_at))

    def _own_of(self, listed: tuple[Dispatch, ...]) -> tuple[Dispatch, ...]:
        listed = tuple(d for d in listed if not self._is_after_the_end(d, listed))
        automatic = tuple(dispatch for dispatch in listed if not dispatch.agent_name)
        if self.agent_name == "":
            return automatic
        explicit = tuple(dispatch for dispatch in listed if dispatch.agent_name)
        if self.agent_name is None:
            return explicit or tuple(dispatch for dispatch in automatic if dispatch.jobs)
        own = tuple(d for d in explicit if d.agent_name not in self.settings.agent.others)
        named = {
            d.agent_name for d in own if d.agent_name == self.agent_name or near_miss(d.agent_name, self.agent_name)
        }
        return tuple(d for d in own if d.agent_name in named) if self.agent_name in named else own

    def _is_after_the_end(self, dispatch: Dispatch, listed: tuple[Dispatch, ...]) -> bool:
        """Whether it was made when the call was over, as by a watchdog: a row says that the call, which had been
        answered, ended when the job of an agent before it did, by LiveKit's clock earlier."""
        ended, made = self.logged.get(Step.CALL_ENDED), dispatch.created_at
        if ended is None or made is None or Step.SIP_ANSWERED not in self.logged:
            return False
        jobs = [job.ended_at for one in listed for job in one.jobs if job.participant_identity and job.ended_at]
        return any(at < made and abs(at - ended.at) <= self.tolerance + ROOM_CLOSES_AFTER for at in jobs)

    @cached_property
    def dispatches_ever(self) -> tuple[Dispatch, ...]:
        """Those that any look has shown, each as it was last listed, oldest first."""
        seen = {one.id: one for listing in self.dispatch_lists for one in listing.dispatches}
        return tuple(sorted(self._own_of(tuple(seen.values())), key=_made_at))

    @cached_property
    def jobs(self) -> tuple[Job, ...]:
        """The jobs of the latest dispatch that a worker took, declined ones left out, oldest first."""
        return tuple(job for job in self._latest_jobs if taken(job) and not declined(job))

    @cached_property
    def declined_jobs(self) -> tuple[Job, ...]:
        return tuple(job for job in self._latest_jobs if declined(job))

    @cached_property
    def waiting_jobs(self) -> tuple[Job, ...]:
        """The jobs of the latest dispatch that no worker has, or had."""
        return tuple(job for job in self._latest_jobs if not taken(job) and not declined(job))

    @cached_property
    def _latest_jobs(self) -> list[Job]:
        """Oldest first, without those that failed and were followed by another, which may wait (fact 33); not for the
        very failure to be tried again."""
        jobs = sorted(self.dispatches[-1].jobs, key=_started_at) if self.dispatches else []
        followed = bool(jobs) and jobs[-1].reason != "JSR_RETRYING"
        return [job for job in jobs if not (job.status == "JS_FAILED" and followed and job is not jobs[-1])]

    @cached_property
    def jobs_ever(self) -> tuple[Job, ...]:
        """The jobs of all its dispatches, whatever became of them."""
        return tuple(job for dispatch in self.dispatches_ever for job in dispatch.jobs)


_LONG_AGO = datetime.min.replace(tzinfo=UTC)


def _made_at(dispatch: Dispatch) -> tuple[datetime, str]:
    return dispatch.created_at or _LONG_AGO, dispatch.id


def _started_at(job: Job) -> tuple[bool, datetime, str]:
    """One that no worker has had is the latest: LiveKit makes one after the other."""
    return job.started_at is None, job.started_at or _LONG_AGO, job.id


def taken(job: Job) -> bool:
    """Whether a worker has it, or had it: it may be listed while it waits for one, or after it was given up
    without one (design fact 33)."""
    ran = job.status in ("JS_RUNNING", "JS_SUCCESS", "JS_FAILED")
    return ran or bool(job.worker_id or job.participant_identity or job.started_at)


def declined(job: Job) -> bool:
    """A worker was asked and its request_fnc rejected: a success that ended without a participant
    (design fact 11)."""
    return job.status == "JS_SUCCESS" and job.ended_at is not None and not job.participant_identity
