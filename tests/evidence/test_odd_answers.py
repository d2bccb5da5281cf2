"""Answers of a LiveKit API that are hostile, broken or too much: none ends a trace, and no secret comes through."""

import asyncio
import gzip
import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiohttp import web
from livekit.protocol import agent, agent_dispatch, models, sip
from livekit.protocol import room as room_service

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.livekit_client import LIMIT
from livekit_doctor.evidence.livekit_source import covered
from livekit_doctor.evidence.observations import Coverage, DispatchList, ParticipantList, RoomList
from livekit_doctor.operations.trace import Options, Traced
from livekit_doctor.operations.trace import trace as run_trace
from livekit_doctor.settings import CallLogs, Rooms, Settings
from tests.cli.command_line import run
from tests.evidence.odd_server import ROOM, OddServer, protobuf, refusal, room

JWT = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJlc2ln"
SECRETS = ("hunter2", JWT)
SECRET = f"connect wss://u:hunter2@h/rtc?access_token={JWT} +15555550123 failed"
FAR = 2**62


@pytest.fixture
def server() -> Iterator[OddServer]:
    with OddServer() as server:
        yield server


def trace(server: OddServer, settings: Settings | None = None, subject: Subject | None = None) -> Traced:
    settings = settings or Settings(livekit=server.settings)
    return asyncio.run(run_trace(settings, subject or Subject(room=ROOM), Options(read_only=True)))


def seen(traced: Traced, kind: type) -> list:
    return [item for item in traced.evidence.observations if isinstance(item, kind)]


def coverage(traced: Traced, source: str = "livekit_api") -> Coverage:
    (entry,) = (entry for entry in traced.evidence.coverage if entry.source == source)
    return entry


def dispatches(*jobs: agent.Job, **fields: object) -> agent_dispatch.ListAgentDispatchResponse:
    one = agent_dispatch.AgentDispatch(id="AD_oddodd", agent_name="A", room=ROOM, **fields)  # type: ignore[arg-type]
    one.state.jobs.extend(jobs)
    return agent_dispatch.ListAgentDispatchResponse(agent_dispatches=[one])


def secretive(server: OddServer) -> None:
    """Secrets wherever a server has text that somebody else wrote."""
    hidden = {
        "lk.connection": SECRET,
        "sip.h.Authorization": "hunter2",
        "lk.config": json.dumps({"password": "hunter2"}),
    }
    guest = models.ParticipantInfo(sid="PA_odd", identity="agent-x", metadata=SECRET, attributes=hidden)
    failed = agent.Job(id="AJ_oddodd", state=agent.JobState(status=agent.JS_FAILED, error=SECRET, ended_at=10**18))
    server.answers |= {
        "ListRooms": room(creation_time=1_700_000_000, metadata=SECRET),
        "ListParticipants": room_service.ListParticipantsResponse(participants=[guest]),
        "ListDispatch": dispatches(failed, metadata=SECRET, attributes={"api_key": "hunter2", "note": SECRET}),
        "ListSIPOutboundTrunk": sip.ListSIPOutboundTrunkResponse(items=[sip.SIPOutboundTrunkInfo(name=SECRET)]),
        "ListSIPInboundTrunk": sip.ListSIPInboundTrunkResponse(items=[sip.SIPInboundTrunkInfo(name=SECRET)]),
        "ListSIPDispatchRule": sip.ListSIPDispatchRuleResponse(items=[sip.SIPDispatchRuleInfo(name=SECRET)]),
    }


def test_no_secret_is_kept(server: OddServer) -> None:
    secretive(server)
    traced = trace(server)
    kept = repr(traced.evidence)
    assert kept.count("connect wss://u:***@h/rtc") == 9
    assert not [secret for secret in SECRETS if secret in kept]


def test_no_secret_is_printed(server: OddServer, tmp_path: Path) -> None:
    secretive(server)
    for form in ("console", "json"):
        ran = run("trace", "--room", ROOM, "--read-only", "-f", form, cwd=tmp_path, env=server.environment)
        assert "LKD411" in ran.stdout
        assert not [secret for secret in (*SECRETS, "5555550123") if secret in ran.stdout + ran.stderr]


@pytest.mark.parametrize("depth", [300, 1200, 20_000])
def test_metadata_nested_too_deep(server: OddServer, tmp_path: Path, depth: int) -> None:
    deep = '{"a":' * depth + "1" + "}" * depth
    server.answers["ListRooms"] = room(creation_time=1_700_000_000, metadata=deep)
    server.answers["ListDispatch"] = dispatches(metadata=deep)
    assert coverage(trace(server)).status == "read"

    rows = tmp_path / "rows.jsonl"
    row = {"call_id": "c1", "created_at": "2026-01-01T00:00:00Z", "source": "edge", "state": "x", "metadata": deep}
    rows.write_text(f"{json.dumps(row)}\n{json.dumps(row)}\n")
    settings = Settings(call_logs=CallLogs(file=str(rows)), rooms=Rooms(name_template="call-{call_id}-{user}"))
    traced = trace(server, settings, Subject(call_id="c1"))
    assert coverage(traced, "call_logs").status == "read"


@pytest.mark.parametrize(
    "fields", [{"creation_time_ms": FAR}, {"creation_time": FAR}, {"creation_time_ms": 253402300799999}]
)
def test_times_that_are_none(server: OddServer, fields: dict[str, int]) -> None:
    """The room is there all the same, and the other facts about it are."""
    server.answers["ListRooms"] = room(**fields)
    guest = models.ParticipantInfo(sid="PA_odd", identity="x", joined_at_ms=FAR, joined_at=FAR)
    server.answers["ListParticipants"] = room_service.ListParticipantsResponse(participants=[guest])
    job = agent.Job(id="AJ_oddodd", state=agent.JobState(started_at=2**63 - 1, ended_at=2**63 - 1))
    server.answers["ListDispatch"] = dispatches(job)
    traced = trace(server)
    (listing,) = seen(traced, RoomList)
    (found,) = listing.rooms
    assert (found.name, found.created_at.year) == (ROOM, 1970)
    assert seen(traced, ParticipantList)[0].participants[0].joined_at is None
    assert seen(traced, DispatchList)[0].dispatches[0].jobs[0].started_at is None
    assert coverage(traced).status == "read"


@pytest.mark.parametrize("date", ["Fri, 31 Dec 9999 23:59:59 -0500", "Fri, 31 Dec 9999 23:59:59 GMT", "soon"])
def test_a_date_header_that_is_none(server: OddServer, date: str) -> None:
    server.answers["ListRooms"] = lambda: protobuf(room(creation_time=1_700_000_000), Date=date)
    (listing,) = seen(trace(server), RoomList)
    assert listing.read.clock_at is None


UNAVAILABLE = ("unavailable", "no response from servers")


@pytest.mark.parametrize("failing", ["ListDispatch", "ListParticipants"])
def test_what_failed_in_the_newest_look_shows(server: OddServer, failing: str, tmp_path: Path) -> None:
    """ListRooms still answers: that hides nothing."""
    server.answers[failing] = lambda: refusal(503, *UNAVAILABLE)
    entry = coverage(trace(server))
    assert entry.status == "unread"
    assert entry.problem is not None
    assert f"answered {failing} with HTTP 503" in entry.problem.message
    ran = run("trace", "--room", ROOM, "--read-only", cwd=tmp_path, env=server.environment)
    assert "livekit_api: NOT READ" in ran.stdout
    assert f"{failing} with HTTP 503" in ran.stdout


def test_a_request_that_was_never_answered_is_named(server: OddServer) -> None:
    def hang_up() -> web.StreamResponse:
        raise ConnectionResetError

    server.answers["ListDispatch"] = hang_up
    problem = coverage(trace(server)).problem
    assert problem is not None
    assert "ListDispatch" in problem.message


def test_one_failure_of_a_room_is_no_failure_of_the_connection(server: OddServer, tmp_path: Path) -> None:
    server.answers["ListDispatch"] = lambda: refusal(503, *UNAVAILABLE)
    ran = run("check", "--read-only", "-f", "json", cwd=tmp_path, env=server.environment)
    status = {item["id"]: item["status"] for item in ran.json["checks"]}
    assert status["connection.reachable"] == "passed"
    assert status["room_presence.live"] == "errored"


def test_any_error_of_a_request_is_a_problem_of_its_source() -> None:
    async def broken() -> RoomList:
        raise LookupError(SECRET)

    (entry,) = asyncio.run(covered("livekit_api", broken())).coverage
    assert entry.status == "unread"
    assert entry.problem is not None
    assert entry.problem.code == "LKD003"
    assert "LookupError" in entry.problem.message
    assert not [secret for secret in SECRETS if secret in entry.problem.message]


def test_an_interrupt_is_no_problem_of_a_source() -> None:
    async def cancelled() -> RoomList:
        raise asyncio.CancelledError

    with pytest.raises(asyncio.CancelledError):
        asyncio.run(covered("livekit_api", cancelled()))


def test_an_answer_without_end_is_not_read_to_its_end(server: OddServer) -> None:
    server.answers["ListRooms"] = lambda: web.Response(body=bytes(LIMIT + 1), content_type="application/protobuf")
    problem = coverage(trace(server)).problem
    assert problem is not None
    assert "answered ListRooms with more than 64 MB" in problem.message


def test_a_compressed_answer_is_not_unpacked(server: OddServer) -> None:
    """None was asked for, and a small one may become huge."""

    def packed() -> web.Response:
        body = gzip.compress(room(creation_time=1_700_000_000).SerializeToString())
        return web.Response(body=body, content_type="application/protobuf", headers={"Content-Encoding": "gzip"})

    server.answers["ListRooms"] = packed
    assert coverage(trace(server)).status == "unread"


def test_a_redirect_is_not_followed(server: OddServer) -> None:
    """It would take the token elsewhere."""
    server.answers["ListRooms"] = lambda: web.Response(status=307, headers={"Location": f"{server.url}/elsewhere"})
    problem = coverage(trace(server)).problem
    assert problem is not None
    assert "HTTP 307" in problem.message
    assert server.seen.count("ListRooms") == 1
