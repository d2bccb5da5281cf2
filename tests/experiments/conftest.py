"""The lab's fixtures, a client of the lab's server, and a proxy in front of that server."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, TypeVar

import pytest

from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.settings import LiveKit
from tests.experiments.proxy import Proxy
from tests.experiments.support import WithClient
from tests.lab.conftest import agent, edge, lab_folder, livekit, livekit_without_redis, names, redis, worker
from tests.lab.servers import LiveKitServer

__all__ = ["agent", "edge", "lab_folder", "livekit", "livekit_without_redis", "names", "redis", "worker"]

T = TypeVar("T")


@pytest.fixture
def with_client(livekit: LiveKitServer) -> WithClient:
    def run(work: Callable[[LiveKitClient], Awaitable[T]], **changed: Any) -> T:
        settings = {"url": livekit.url, "api_key": livekit.api_key, "api_secret": livekit.api_secret}

        async def working() -> T:
            async with LiveKitClient(LiveKit(**(settings | changed))) as client:
                return await work(client)

        return asyncio.run(working())

    return run


@pytest.fixture
def proxy(livekit: LiveKitServer) -> Iterator[Proxy]:
    with Proxy(livekit) as proxy:
        yield proxy
