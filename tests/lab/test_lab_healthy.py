"""A healthy call is never called broken, at any moment of its life.

Calls of every style live in one server at the same time. The command line looks at each again and
again, by the API, with the log rows and by the rows alone: before the room is there, while the
agent is dispatched and the phone is dialed, while they talk, through hang-up, the lingering room
and its closing. Once with the server's list of agent names cached, once without (design fact 10).
"""

import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import cycle
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import AGENT, Edge, log_row
from tests.lab.forked import ForkedDoctor, ForkServer
from tests.lab.modes import JobKind, Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.phone import Call, Phone
from tests.lab.servers import Database, LiveKitServer, Postgres
from tests.lab.support import until
from tests.lab.worker import Worker

TALKED = 21.0
"""Seconds that a call lives after the agent has joined and the phone has answered: longer than the
allowance of anything that is counted from there."""

LISTED_WHEN_CACHED = 4.0
"""Seconds after which a job is listed at the latest where the agent names are cached, and at the
earliest where they are not (design fact 10: 0.3 and over 5)."""

STATUS = {"healthy": 0, "in_progress": 0, "unknown": 3}
ALL = ("api", "rows", "database")


@dataclass(frozen=True)
class Style:
    """A way to place calls. `live` is what the team does, `looks` is what the tool may read."""

    live: Callable[["Life"], None]
    looks: tuple[str, ...] = ALL
    settings: Mapping[str, Any] = field(default_factory=dict)
    worker: JobKind = JobKind.ROOM


@dataclass(frozen=True)
class Look:
    """One run of the command line, and between which moments it was made."""

    kind: str
    begun: float
    ended: float
    ran: Ran


class Stage:
    """What all calls share: the server, its workers by what makes them start, and the tool."""

    def __init__(
        self, server: LiveKitServer, edge: Edge, database: Database, workers: Mapping[JobKind, Worker], *, cached: bool
    ) -> None:
        self.server, self.edge, self.database, self.workers, self.cached = server, edge, database, workers, cached
        self.looking = threading.Semaphore(3)
        self._placing = {kind: threading.Lock() for kind in workers}

    @contextmanager
    def turn(self, kind: JobKind) -> Iterator[None]:
        """One call after the other for each worker, so that each finds a warm process: the agent
        of a call that waits for one on a busy machine is late indeed."""
        with self._placing[kind]:
            worker = self.workers[kind]
            until(lambda: _warm_processes(worker) > 0, what="a warm process")
            yield

    def forget_agent_names(self) -> None:
        """Any registration makes the server forget its list of agent names."""
        if not self.cached:
            forget = WorkerSettings(f"passing {secrets.token_hex(4)}", Mode.REQUEST_REJECTS)
            raise NotImplementedError(forget)


def _warm_processes(worker: Worker) -> int:
    raise NotImplementedError(worker)
