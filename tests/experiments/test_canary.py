"""The canary against a real livekit-server, whole and through a proxy with faults."""

import asyncio
import secrets
import signal
import subprocess
import sys
import time
from random import Random

import pytest

from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.evidence.observations import Canary, Problem, Reading, ScratchDispatch
from livekit_doctor.experiments import canary
from tests.experiments.proxy import Proxy
from tests.experiments.support import WithClient, of_kind
from tests.lab.edge import Edge
from tests.lab.servers import LiveKitServer
from tests.lab.support import free_port, until
from tests.lab.worker import StartWorker


def problems(reading: Reading) -> list[Problem]:
    """Those of both sources, which must be unread, without an observation."""
    assert not reading.observations
    assert sorted((entry.source, entry.status) for entry in reading.coverage) == [
        ("canary", "unread"),
        ("scratch_dispatch", "unread"),
    ]
    return [entry.problem for entry in reading.coverage if entry.problem]


def assert_nothing_left(edge: Edge, server: LiveKitServer) -> None:
    """No room, no dispatch, and every canary that ever registered has gone."""
    assert not edge.inventory()
    prefix = "livekit-doctor-canary-"

    def there(message: str) -> set[str]:
        names = (entry["agentName"] for entry in server.logged(message))
        return {name for name in names if name.startswith(prefix)}

    until(lambda: there("worker registered") == there("last worker deregistered"), what="the canaries to leave")


@pytest.mark.parametrize("through_proxy", [False, True])
def test_healthy(
    livekit: LiveKitServer, edge: Edge, with_client: WithClient, proxy: Proxy, through_proxy: bool
) -> None:
    url = proxy.url if through_proxy else livekit.url
    begun = time.monotonic()
    reading = with_client(canary.run, url=url)
    took = time.monotonic() - begun
    assert {(entry.source, entry.status) for entry in reading.coverage} == {
        ("canary", "read"),
        ("scratch_dispatch", "read"),
    }
    seen = of_kind(reading, Canary)
    assert seen.agent_name.startswith("livekit-doctor-canary-")
    assert seen.worker_id.startswith("AW_")
    assert seen.node_id.startswith("ND_")
    assert seen.server_version == livekit.version
    assert seen.registered_after is not None
    assert 0 < seen.registered_after < 1
    assert seen.job_after is not None
    assert 0 < seen.job_after < seen.waited < took
    dispatch = of_kind(reading, ScratchDispatch)
    assert dispatch.room == seen.room
    assert dispatch.dispatch_id.startswith("AD_")
    assert dispatch.listed
    assert dispatch.gone_after_delete
    assert len(reading.observations) == 2
    assert livekit.logged("worker registered", workerID=seen.worker_id, agentName=seen.agent_name)
    assert_nothing_left(edge, livekit)


def test_job_always_comes(edge: Edge, with_client: WithClient) -> None:
    """Also right after another worker registered, when the node has an old list of names."""

    async def several(client: LiveKitClient) -> list[Reading]:
        return [await canary.run(client) for _ in range(15)]

    for reading in with_client(several):
        assert of_kind(reading, Canary).job_after is not None
    assert not edge.inventory()


def test_starts_nobody_elses_agent(edge: Edge, with_client: WithClient, worker: StartWorker) -> None:
    """An unnamed worker would get an automatic dispatch, if the scratch room had one."""
    unnamed = worker(agent_name="")
    seen = of_kind(with_client(canary.run), Canary)
    # A room of the team's own shows that this worker does get jobs, and orders the log.
    edge.create_room("team")
    unnamed.wait_for_text('"room": "team"')
    assert seen.room not in unnamed.log()


def test_job_never_comes(edge: Edge, livekit: LiveKitServer, with_client: WithClient, proxy: Proxy) -> None:
    """An observation, not an error; also where it takes longer than one API request may."""
    proxy.drop_availability = True
    reading = with_client(lambda client: canary.run(client, wait=2.5), url=proxy.url, timeout=1.0)
    assert {entry.status for entry in reading.coverage} == {"read"}
    seen = of_kind(reading, Canary)
    assert seen.worker_id
    assert seen.job_after is None
    assert 2.5 <= seen.waited < 4
    assert of_kind(reading, ScratchDispatch).gone_after_delete
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("wrong", ["api_key", "api_secret"])
def test_wrong_credentials(with_client: WithClient, wrong: str) -> None:
    secret = f"API{secrets.token_hex(16)}"
    for problem in problems(with_client(canary.run, **{wrong: secret})):
        assert problem.code == "LKD004"
        assert "HTTP 401" in problem.message
        assert secret not in problem.message


def test_server_down(with_client: WithClient) -> None:
    url = f"ws://127.0.0.1:{free_port()}"
    for problem in problems(with_client(canary.run, url=url)):
        assert problem.code == "LKD003"
        assert problem.message == f"cannot reach {url}: connection refused: nothing listens on that port"


def test_proxy_without_upgrade(edge: Edge, with_client: WithClient, proxy: Proxy) -> None:
    """The API works through it, as a check of the connection would find; no worker can register."""
    proxy.forward_upgrade = False
    for problem in problems(with_client(canary.run, url=proxy.url)):
        assert problem.code == "LKD003"
        assert problem.message.startswith(f"{proxy.url}/agent: HTTP 404 instead of a WebSocket: a proxy")
        assert "Upgrade" in problem.message
    assert proxy.seen == ["agent"]
    assert not edge.inventory()


def test_socket_closes_on_the_way(livekit: LiveKitServer, edge: Edge, with_client: WithClient, proxy: Proxy) -> None:
    """Then nothing is known: a missing job must not look like a broken dispatch pipeline."""
    proxy.close_after_register = True
    for problem in problems(with_client(canary.run, url=proxy.url)):
        assert problem.code == "LKD003"
        assert "closed the connection" in problem.message
        assert "after the canary registered" in problem.message
    assert_nothing_left(edge, livekit)


def test_no_room_can_be_made(livekit: LiveKitServer, edge: Edge, with_client: WithClient, proxy: Proxy) -> None:
    proxy.fail = {"CreateRoom"}
    for problem in problems(with_client(canary.run, url=proxy.url)):
        assert "answered CreateRoom with HTTP 502" in problem.message
    assert "DeleteRoom" in proxy.seen, "a room may have been made behind the proxy"
    assert_nothing_left(edge, livekit)


def test_no_dispatch_can_be_made(livekit: LiveKitServer, edge: Edge, with_client: WithClient, proxy: Proxy) -> None:
    """The canary's own job does not need it."""
    proxy.fail = {"CreateDispatch"}
    reading = with_client(canary.run, url=proxy.url)
    assert of_kind(reading, Canary).job_after is not None
    unread = next(entry for entry in reading.coverage if entry.source == "scratch_dispatch")
    assert unread.status == "unread"
    assert unread.problem is not None
    assert "CreateDispatch" in unread.problem.message
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("delay", [0.0, 0.05])
def test_cancelled_at_any_moment(
    livekit: LiveKitServer, edge: Edge, with_client: WithClient, proxy: Proxy, delay: float
) -> None:
    """With the delay, most cancellations fall into a request that is under way."""
    random = Random(secrets.token_hex(4))
    proxy.delay = delay

    async def cancelled(client: LiveKitClient) -> bool:
        running = asyncio.create_task(canary.run(client))
        done, _ = await asyncio.wait([running], timeout=random.uniform(0, 0.45 + 15 * delay))
        running.cancel()
        await asyncio.wait([running])
        return not done

    async def several(client: LiveKitClient) -> list[bool]:
        return [await cancelled(client) for _ in range(20)]

    assert any(with_client(several, url=proxy.url))
    assert_nothing_left(edge, livekit)


@pytest.mark.parametrize("hidden", ["CreateRoom", "CreateDispatch"])
def test_cancelled_while_the_server_works(
    edge: Edge, livekit: LiveKitServer, with_client: WithClient, proxy: Proxy, hidden: str
) -> None:
    """The request has had its effect, its answer has not come: the room is removed all the same."""
    proxy.hide = {hidden}

    async def cancelled(client: LiveKitClient) -> None:
        running = asyncio.create_task(canary.run(client))
        await asyncio.to_thread(until, lambda: hidden in proxy.seen and edge.rooms(), 10, f"the effect of {hidden}")
        running.cancel()
        with pytest.raises(asyncio.CancelledError):
            await running

    with_client(cancelled, url=proxy.url, timeout=2.0)
    assert_nothing_left(edge, livekit)


def test_interrupted_like_by_ctrl_c(livekit: LiveKitServer, edge: Edge) -> None:
    program = (
        "import asyncio, sys\n"
        "from livekit_doctor.evidence.livekit_client import LiveKitClient\n"
        "from livekit_doctor.experiments import canary\n"
        "from livekit_doctor.settings import LiveKit\n"
        "async def main():\n"
        "    url, key, secret = sys.argv[1:]\n"
        "    async with LiveKitClient(LiveKit(url=url, api_key=key, api_secret=secret)) as client:\n"
        "        while True: await canary.run(client)\n"
        "asyncio.run(main())\n"
    )
    command = [sys.executable, "-c", program, livekit.url, livekit.api_key, livekit.api_secret]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    until(edge.rooms, what="the scratch room")
    process.send_signal(signal.SIGINT)
    _, printed = process.communicate(timeout=30)
    assert "KeyboardInterrupt" in printed
    assert "left behind" not in printed
    assert_nothing_left(edge, livekit)
