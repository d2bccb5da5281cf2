"""Design section 3, facts 4 to 10: how the server dispatches agents, measured again."""

import time

import pytest
from livekit import api

from tests.lab.edge import Edge
from tests.lab.modes import JobKind, Mode, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone, Phone
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import StartWorker, Worker

QUICK = 3.0
"""Seconds within which a call of the API that waits for nothing has answered, also when busy: what one part of the
server asks another and gets lost is asked again a second later (seen: 1.01 s twice)."""
NO_WORKER = "not dispatching agent job since no worker is available"
REQUEST_FAILED = "failed to send job request"
ACTIVE = api.ParticipantInfo.State.ACTIVE


def dispatched_names(edge: Edge, room: str) -> list[str]:
    """The agent names of the room's dispatches; the automatic one has the empty name."""
    return sorted(dispatch.agent_name for dispatch in edge.dispatches(room))


def test_room_without_agents_lists_the_automatic_dispatch(edge: Edge, names: Names) -> None:
    """Fact 4. CreateDispatch adds to the automatic dispatch, `agents` replaces it."""
    plain, with_agents, by_dispatch, agent = names.room(), names.room(), names.room(), names.agent()
    edge.create_room(plain)
    edge.create_room(with_agents, [agent])
    edge.create_dispatch(by_dispatch, agent)
    assert dispatched_names(edge, plain) == [""]
    assert dispatched_names(edge, with_agents) == [agent]
    assert dispatched_names(edge, by_dispatch) == ["", agent]


def test_create_dispatch_succeeds_without_any_worker(edge: Edge, names: Names) -> None:
    """Fact 5: at once, and it makes the room."""
    room = names.room()
    begun = time.monotonic()
    dispatch = edge.create_dispatch(room, names.agent())
    took = time.monotonic() - begun
    print(f"CreateDispatch took {took * 1000:.1f} ms")
    assert took < QUICK
    assert dispatch.id.startswith("AD_")
    assert [one.name for one in edge.rooms(room)] == [room]


def test_agents_count_only_when_the_room_is_created(edge: Edge, livekit: LiveKitServer, names: Names) -> None:
    """Fact 6: CreateRoom, or a token's room configuration, for an existing room is ignored."""
    existing, by_token, agent = names.room(), names.room(), names.agent()
    configuration = api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=agent)])
    edge.create_room(existing)
    edge.create_room(existing, [agent])
    with (
        Phone(livekit, existing, room_config=configuration),
        Phone(livekit, by_token, room_config=configuration),
    ):
        assert dispatched_names(edge, existing) == [""]
        assert dispatched_names(edge, by_token) == [agent]


def test_agents_and_create_dispatch_make_two_agents(edge: Edge, agent: Worker, names: Names) -> None:
    """Fact 6."""
    room = names.room()
    edge.create_room(room, [agent.agent_name])
    edge.create_dispatch(room, agent.agent_name)
    until(lambda: len(edge.participants(room)) == 2, what="two agents")


def test_dispatch_before_its_worker_is_lost(edge: Edge, worker: StartWorker, names: Names) -> None:
    """Facts 7 and 10: the late worker gets only a second dispatch, whose job the list shows late.

    The worker has just registered, so the server's list of agent names is not cached.
    """
    name, room, later_room = names.agent(), names.room(), names.room()
    edge.create_dispatch(room, name)
    worker(name)
    second = edge.create_dispatch(room, name)
    begun = time.monotonic()
    until(lambda: (one := edge.agent(room)) and one.state == ACTIVE, what="the agent")
    print(f"not cached: agent active after {time.monotonic() - begun:.2f} s")
    assert edge.wait_for_job(room).dispatch_id == second.id
    listed_after = time.monotonic() - begun
    print(f"not cached: job listed after {listed_after:.2f} s")
    assert listed_after > 4

    edge.create_dispatch(later_room, name)
    begun = time.monotonic()
    edge.wait_for_job(later_room)
    listed_after = time.monotonic() - begun
    print(f"cached: job listed after {listed_after:.2f} s")
    assert listed_after < 4
    assert [job.dispatch_id for job in edge.jobs(room)] == [second.id]


def test_names_match_exactly(edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    """Fact 8: case, spaces and a look-alike letter (a Cyrillic one) each mean no worker."""
    name = agent.agent_name
    assert "A" in name
    others = [name.lower(), f"{name} ", f" {name}", name.replace(" ", "  "), name.replace("A", "\u0410")]
    rooms = {other: names.room() for other in others}
    for other, room in rooms.items():
        edge.create_dispatch(room, other)
    for other, room in rooms.items():
        livekit.wait_for_log(NO_WORKER, room=room, agentName=other)
        assert not edge.jobs(room)
    assert not any(edge.agent(room) for room in rooms.values())


def test_deployment_must_match(edge: Edge, worker: StartWorker, livekit: LiveKitServer, names: Names) -> None:
    """Fact 8: the right name in another deployment gets nothing."""
    blue = worker(mode=Mode.REQUEST_REJECTS, deployment="blue")
    default, green, matching = names.room(), names.room(), names.room()
    edge.create_dispatch(default, blue.agent_name)
    edge.create_dispatch(green, blue.agent_name, deployment="green")
    edge.create_dispatch(matching, blue.agent_name, deployment="blue")
    edge.wait_for_job(matching)
    failed = {"agentName": blue.agent_name, "error": "no response from servers", "jobType": "JT_ROOM"}
    until(lambda: len(livekit.logged(REQUEST_FAILED, **failed)) == 2, what="two failures")
    assert not edge.jobs(default)
    assert not edge.jobs(green)


@pytest.mark.parametrize("kind", [JobKind.PUBLISHER, JobKind.PARTICIPANT])
def test_other_worker_types_wait_for_their_trigger(
    kind: JobKind, edge: Edge, worker: StartWorker, phone: JoinPhone, livekit: LiveKitServer, names: Names
) -> None:
    """Fact 8: nothing when the room opens; the job once a phone publishes, or only joins."""
    other, room = worker(job_kind=kind), names.room()
    edge.create_dispatch(room, other.agent_name)
    for_the_room = {"agentName": other.agent_name, "jobType": "JT_ROOM"}
    until(  # the second where the server has no worker for rooms at all
        lambda: livekit.logged(REQUEST_FAILED, **for_the_room) or livekit.logged(NO_WORKER, **for_the_room),
        what="the server to find no worker for the room",
    )
    assert not edge.jobs(room)
    phone(room, audio=kind is JobKind.PUBLISHER)
    edge.wait_for_agent(room, audio=True)
    job = edge.wait_for_job(room)
    assert api.JobType.Name(job.type) == kind
    assert job.state.worker_id == other.worker_id


def test_unnamed_worker_takes_the_automatic_dispatch_only(edge: Edge, worker: StartWorker, names: Names) -> None:
    """Facts 1 and 4: an unnamed worker joins every room that was not created with `agents`."""
    unnamed = worker("", Mode.REQUEST_REJECTS)
    plain, by_dispatch, with_agents = names.room(), names.room(), names.room()
    edge.create_room(with_agents, [names.agent()])
    edge.create_dispatch(by_dispatch, names.agent())
    edge.create_room(plain)
    for room in (plain, by_dispatch):
        job = edge.wait_for_job(room)
        assert (job.agent_name, job.state.worker_id) == ("", unnamed.worker_id)
    assert not edge.jobs(with_agents)


def test_delete_dispatch_ends_the_job(edge: Edge, agent: Worker, livekit: LiveKitServer, names: Names) -> None:
    """Fact 9. A room made with `agents` then lists nothing, one made by CreateDispatch the automatic one."""
    with_agents, by_dispatch = names.room(), names.room()
    edge.create_room(with_agents, [agent.agent_name])
    edge.create_dispatch(by_dispatch, agent.agent_name)
    for room, left_over in ((with_agents, []), (by_dispatch, [""])):
        edge.wait_for_agent(room)
        job = edge.wait_for_job(room)
        dispatch = next(one for one in edge.dispatches(room) if one.id == job.dispatch_id)
        edge.delete_dispatch(dispatch)
        assert dispatched_names(edge, room) == left_over
        edge.wait_until_agent_left(room)
        assert livekit.wait_for_log("job ended", jobID=job.id)["status"] == "JS_SUCCESS"


def test_async_prewarm_is_only_a_warning(edge: Edge, worker: StartWorker, names: Names) -> None:
    """Fact 3: the coroutine is never awaited, and the worker joins all the same."""
    odd, room = worker(mode=Mode.ASYNC_PREWARM), names.room()
    odd.wait_for_text("RuntimeWarning: coroutine 'async_prewarm' was never awaited")
    edge.create_dispatch(room, odd.agent_name, metadata=job_metadata(names.call_id()))
    edge.wait_for_agent(room, audio=True)
