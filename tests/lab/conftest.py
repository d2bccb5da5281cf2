"""The lab's fixtures: real servers for the session; workers, phones and a database for a test."""

import os
import secrets
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.lab.edge import Edge
from tests.lab.modes import Mode, WorkerSettings
from tests.lab.names import Names
from tests.lab.phone import JoinPhone, Phone
from tests.lab.servers import Database, LiveKitServer, Postgres, Redis
from tests.lab.worker import StartWorker, Worker

_SEED = os.environ.get("LIVEKIT_DOCTOR_LAB_SEED") or secrets.token_hex(4)


@pytest.fixture(scope="session")
def lab_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where servers and workers keep their logs."""
    return tmp_path_factory.mktemp("lab")


@pytest.fixture(scope="session")
def redis(lab_folder: Path) -> Iterator[Redis]:
    with Redis(lab_folder) as server:
        yield server


@pytest.fixture(scope="session")
def livekit(lab_folder: Path, redis: Redis) -> Iterator[LiveKitServer]:
    with LiveKitServer(lab_folder, redis) as server:
        yield server


@pytest.fixture(scope="module")
def own_redis(lab_folder: Path) -> Iterator[Redis]:
    with Redis(lab_folder) as server:
        yield server


@pytest.fixture(scope="module")
def own_livekit(lab_folder: Path, own_redis: Redis) -> Iterator[LiveKitServer]:
    """For a module that stops its servers, or has a call on them that lives through all of its tests."""
    with LiveKitServer(lab_folder, own_redis) as server:
        yield server


@pytest.fixture(scope="session")
def livekit_without_redis(lab_folder: Path) -> Iterator[LiveKitServer]:
    with LiveKitServer(lab_folder) as server:
        yield server


@pytest.fixture(scope="session")
def postgres(lab_folder: Path) -> Iterator[Postgres]:
    with Postgres(lab_folder) as server:
        yield server


@pytest.fixture
def database(postgres: Postgres) -> Iterator[Database]:
    """A fresh database with an empty `call_state_logs`."""
    fresh = postgres.create_database()
    yield fresh
    fresh.drop()


@pytest.fixture
def edge(livekit: LiveKitServer) -> Iterator[Edge]:
    """The edge function of `livekit`; what a test leaves on that server goes with it."""
    assert livekit.alive
    edge = Edge(livekit)
    yield edge
    edge.delete_everything()
    edge.close()


@pytest.fixture
def names(request: pytest.FixtureRequest) -> Names:
    print(f"LIVEKIT_DOCTOR_LAB_SEED={_SEED}")
    return Names(f"{_SEED} {request.node.nodeid}")


@pytest.fixture(scope="session")
def agent(lab_folder: Path, livekit: LiveKitServer) -> Iterator[Worker]:
    """A worker for the whole session, healthy unless a job's metadata asks for another mode.

    `job_metadata(...)` of tests.lab.modes writes such metadata.
    """
    settings = WorkerSettings(f"Session Agent {secrets.token_hex(4)}")
    with Worker(lab_folder, livekit, settings) as worker:
        yield worker


@pytest.fixture
def worker(lab_folder: Path, livekit: LiveKitServer, names: Names) -> Iterator[StartWorker]:
    """Starts registered workers of `livekit`, under a random agent name unless told."""
    with ExitStack() as started:

        def start(agent_name: str | None = None, mode: Mode = Mode.HEALTHY, **settings: Any) -> Worker:
            name = names.agent() if agent_name is None else agent_name
            return started.enter_context(Worker(lab_folder, livekit, WorkerSettings(name, mode, **settings)))

        yield start


@pytest.fixture
def phone(livekit: LiveKitServer) -> Iterator[JoinPhone]:
    """Phones that join rooms of `livekit`: `phone(room, status="ringing")`."""
    with ExitStack() as joined:

        def join(room: str, **options: Any) -> Phone:
            return joined.enter_context(Phone(livekit, room, **options))

        yield join
