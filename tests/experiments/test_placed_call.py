"""test-call as its users run it: real rooms and agents, and a carrier that answers as recorded."""

import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from livekit_doctor.diagnosis.dial_errors import Kind, kind_of
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from tests.cli.command_line import run_in_terminal
from tests.experiments.carrier import Carrier, Script, own_error, with_status
from tests.experiments.support import WithClient
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer
from tests.lab.support import PATIENCE, until
from tests.lab.worker import Worker
from tests.recordings import dialled

NUMBER = "+15555550123"
MASKED = "+1********23"


@pytest.fixture
def carrier(livekit: LiveKitServer) -> Iterator[Carrier]:
    with Carrier(livekit) as carrier:
        yield carrier
        carrier.hang_up()


@pytest.fixture
def trunk(edge: Edge, names: Names) -> str:
    info = api.SIPOutboundTrunkInfo(name=names.agent(), address="127.0.0.1:5099", numbers=["+15555550100"])
    return edge.create_outbound_trunk(info).sip_trunk_id


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer, carrier: Carrier) -> Doctor:
    """Calls through the carrier, with an empty configuration."""
    doctor = Doctor(tmp_path, livekit)
    doctor.env["LIVEKIT_URL"] = carrier.url
    doctor.configure({})
    return doctor


def call(doctor: Doctor, *arguments: str) -> Ran:
    ran = doctor.run("test-call", NUMBER, "--yes", "--format", "json", "--hold", "0.5", *arguments)
    assert ran.json["schema"] == "livekit-doctor/test-call/v1"
    assert ran.json["exit_status"] == ran.status
    return ran


def phone_alone(doctor: Doctor, *arguments: str) -> Ran:
    return call(doctor, "--no-agent", *arguments)


def broke_at(ran: Ran) -> tuple[str, str, str]:
    first = ran.json["trace"]["broken"][0]
    return first["step"], first["code"], first["confidence"]


# Answered


def test_answered_with_the_agent(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, agent: Worker) -> None:
    """Both legs healthy; the dispatch had the metadata of the probe; the phone is hung up with its room."""
    carrier.script = Script(dialled("answered-wait"), [("dialing", 0.3), ("ringing", 0.3), ("active", 0.1)])
    doctor.configure(
        {"agent": {"name": agent.agent_name}, "probe": {"metadata": job_metadata("{call_id}", Mode.HEALTHY)}}
    )
    ran = call(doctor)
    trace = ran.json["trace"]
    assert (ran.status, ran.json["verdict"], trace["broken"]) == (0, "healthy", [])
    status = {item["step"]: item["status"] for item in trace["steps"]}
    assert status["agent_connected"] == status["agent_audio"] == "ok"
    assert status["sip_ringing"] == status["sip_answered"] == "ok"
    (dial,) = carrier.dialled
    assert (dial.sip_call_to, dial.sip_trunk_id, dial.wait_until_answered) == (NUMBER, trunk, True)
    assert dial.room_name.startswith("livekit-doctor-")
    assert ran.json["number"] == MASKED
    assert "5550123" not in ran.stdout
    assert edge.rooms() == []


def test_the_phone_leg_alone(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str) -> None:
    carrier.script = Script(dialled("answered-wait"), [("dialing", 0.2), ("ringing", 0.4), ("active", 0.1)])
    ran = phone_alone(doctor, "--show-numbers")
    assert (ran.status, ran.json["verdict"]) == (0, "healthy")
    status = {item["step"]: item["status"] for item in ran.json["trace"]["steps"]}
    assert status["job_assigned"] == status["agent_connected"] == "skipped"
    assert ran.json["number"] == NUMBER
    assert ran.json["answer"]["http_status"] == 200
    assert edge.rooms() == []


# Refused: by whom?


@pytest.mark.parametrize(
    ("answer", "step", "code", "sip_status"),
    [
        (dialled("rejected-403-wait"), "sip_ringing", "LKD204", 403),
        (own_error(403, "permission_denied", "permissions denied"), "sip_participant_created", "LKD004", None),
        (dialled("rejected-486-wait"), "sip_ringing", "LKD204", 486),
        (own_error(429, "resource_exhausted", "rate limited"), "sip_participant_created", "LKD006", None),
        (dialled("rejected-404-wait"), "sip_ringing", "LKD204", 404),
        (with_status(503, "Service Unavailable", 412, "failed_precondition"), "sip_ringing", "LKD204", 503),
        (
            own_error(
                412, "failed_precondition", "twirp error unknown: max auth retry attempts reached for SIP invite"
            ),
            "sip_ringing",
            "LKD208",
            None,
        ),
        (
            own_error(400, "invalid_argument", "twirp error unknown: lookup sip.carrier.example: no such host"),
            "sip_ringing",
            "LKD209",
            None,
        ),
    ],
    ids=["403 of the carrier", "403 of LiveKit", "busy", "rate limit", "404", "503 as 412", "login", "address"],
)
def test_refused(
    doctor: Doctor,
    carrier: Carrier,
    edge: Edge,
    trunk: str,
    answer: Any,
    step: str,
    code: str,
    sip_status: int | None,
) -> None:
    carrier.script = Script(answer)
    ran = phone_alone(doctor)
    assert ran.status == (2 if code == "LKD004" else 1)
    assert broke_at(ran) == (step, code, "proven")
    told = ran.json["answer"]
    assert told["http_status"] == answer.status
    assert (told["sip_status"] or {}).get("code") == sip_status
    assert sip_status is None or told["sip_status"]["meanings"]
    assert edge.rooms() == []


def test_refused_while_the_agent_comes(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, agent: Worker) -> None:
    """The agent's leg is followed to its end, though the phone was refused at once."""
    carrier.script = Script(dialled("rejected-486-wait"))
    ran = call(doctor, "--agent-name", agent.agent_name)
    assert broke_at(ran) == ("sip_ringing", "LKD204", "proven")
    status = {item["step"]: item["status"] for item in ran.json["trace"]["steps"]}
    assert status["agent_connected"] == "ok"
    assert edge.rooms() == []


def test_both_legs_broken(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, names: Names) -> None:
    """The phone is busy, and nobody runs under the agent's name: neither hides the other."""
    soon = {"slow_after": 0.5, "broken_after": 1}
    doctor.configure({"flow": {"allowances": {"job_assigned": soon, "agent_connected": soon}}})
    carrier.script = Script(dialled("rejected-486-wait"))
    ran = call(doctor, "--agent-name", names.agent())
    found = [(item["step"], item["code"]) for item in ran.json["trace"]["broken"]]
    assert (ran.status, found) == (1, [("job_assigned", "LKD402"), ("sip_ringing", "LKD204")])
    assert edge.rooms() == []


# Rung or never rung: the same answer


@pytest.mark.parametrize(
    ("recording", "states", "expected"),
    [
        ("no-response-wait", [("dialing", 1.0)], ("sip_ringing", "LKD205", "likely")),
        ("ringing-unanswered-wait", [("dialing", 0.3), ("ringing", 0.7)], ("sip_answered", "LKD206", "proven")),
    ],
)
def test_timed_out(
    doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, recording: str, states: Any, expected: Any
) -> None:
    carrier.script = Script(dialled(recording), states)
    ran = phone_alone(doctor, "--ringing-timeout", "1")
    assert (ran.status, broke_at(ran)) == (1, expected)
    assert carrier.dialled[0].ringing_timeout.seconds == 1
    assert edge.rooms() == []


# The real server's own refusals


def test_unknown_trunk(doctor: Doctor, edge: Edge) -> None:
    ran = phone_alone(doctor, "--trunk", "ST_doesnotexist")
    assert (ran.status, broke_at(ran)) == (1, ("sip_participant_created", "LKD201", "proven"))
    assert ran.json["answer"]["message"] == dialled("unknown-trunk").response["msg"]
    assert edge.rooms() == []


def test_no_livekit_sip(doctor: Doctor, edge: Edge, trunk: str) -> None:
    ran = phone_alone(doctor)
    assert (ran.status, broke_at(ran)) == (1, ("sip_participant_created", "LKD203", "proven"))
    assert edge.rooms() == []


@pytest.mark.parametrize("named", [True, False])
def test_no_redis(doctor: Doctor, livekit_without_redis: LiveKitServer, named: bool) -> None:
    server = livekit_without_redis
    doctor.env |= {
        "LIVEKIT_URL": server.url,
        "LIVEKIT_API_KEY": server.api_key,
        "LIVEKIT_API_SECRET": server.api_secret,
    }
    ran = phone_alone(doctor, *(["--trunk", "ST_abc"] if named else []))
    assert ran.status == 1
    assert (broke_at(ran)[1] if named else ran.json["error"]["code"]) == "LKD203"


def test_the_call_could_not_be_followed(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str) -> None:
    """A proxy in between gives up: that says nothing of the phone."""
    carrier.fail = {"CreateSIPParticipant"}
    ran = phone_alone(doctor)
    assert (ran.status, ran.json["verdict"], ran.json["answer"]) == (3, "unknown", None)
    coverage = {entry["source"]: entry["status"] for entry in ran.json["trace"]["coverage"]}
    assert coverage["test_call"] == "unread"
    assert edge.rooms() == []


def test_nobody_could_be_seen(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str) -> None:
    """From the first look on."""
    carrier.script, carrier.fail = Script(dialled("answered-wait"), [("active", 0.1)]), {"ListParticipants"}
    ran = phone_alone(doctor)
    assert (ran.status, ran.json["verdict"], ran.json["answer"]["http_status"]) == (3, "unknown", 200)
    assert "HTTP 502" in ran.stdout
    assert edge.rooms() == []


@pytest.mark.parametrize("arguments", [[], ["--trunk", "ST_abc"]])
def test_wrong_secret(doctor: Doctor, carrier: Carrier, arguments: list[str]) -> None:
    doctor.env["LIVEKIT_API_SECRET"] = "x" * 40
    ran = phone_alone(doctor, *arguments)
    assert (ran.status, ran.json["error"]["code"]) == (2, "LKD004")
    assert "CreateRoom" not in carrier.seen


def test_a_key_that_may_not_dial(with_client: WithClient) -> None:
    """The real server's own refusal, which names no SIP status; the right to list trunks is not enough."""

    async def work(client: LiveKitClient) -> ApiError:
        request = api.CreateSIPParticipantRequest(sip_trunk_id="ST_abc", sip_call_to=NUMBER, room_name="x")
        with pytest.raises(ApiError) as refused:
            await client.call("SIP/CreateSIPParticipant", request, api.SIPParticipantInfo, sip=True)
        return refused.value

    answer = with_client(work).answer
    assert answer is not None
    assert (answer.status, answer.twirp_code, dict(answer.meta)) == (401, "unauthenticated", {})
    assert kind_of(answer.message, status=answer.status, twirp_code=answer.twirp_code) is Kind.CREDENTIALS


# Ended from outside


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted_while_it_rings(
    doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, number: signal.Signals
) -> None:
    """The phone stops ringing at once, and nothing is left."""
    carrier.script = Script(dialled("answered-wait"), [("ringing", PATIENCE)])
    process = doctor.popen("test-call", NUMBER, "--yes", "--no-agent", "--format", "json")
    until(lambda: carrier.lines, what="the phone to ring")
    began = time.monotonic()
    process.send_signal(number)
    stdout, _ = process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert time.monotonic() - began < 10
    assert "RemoveParticipant" in carrier.seen
    assert '"interrupted"' in stdout
    assert edge.rooms() == []


def test_interrupted_on_the_line(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str) -> None:
    carrier.script = Script(dialled("answered-wait"), [("active", 0.1)])
    arguments = ("--yes", "--no-agent", "--hold", "60", "--format", "json")
    process = doctor.popen("test-call", NUMBER, *arguments)
    until(lambda: carrier.answered, what="the phone to be answered")
    process.send_signal(signal.SIGINT)
    process.communicate(timeout=PATIENCE)
    assert process.returncode == 130
    assert edge.rooms() == []


def test_what_is_left_behind_is_said(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str) -> None:
    carrier.script, carrier.fail = Script(dialled("rejected-486-wait")), {"DeleteRoom"}
    ran = phone_alone(doctor)
    assert broke_at(ran)[1] == "LKD204"
    (left,) = ran.json["left_behind"]
    assert edge.rooms()[0].name in left
    assert "livekit-doctor clean" in left


# Which trunk


def test_which_trunk(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, names: Names) -> None:
    """Of several none is guessed; the configured one, or the one named, is taken."""
    info = api.SIPOutboundTrunkInfo(name=names.agent(), address="127.0.0.1:5098", numbers=["+15555550101"])
    other = edge.create_outbound_trunk(info).sip_trunk_id
    ran = phone_alone(doctor)
    assert ran.status == 2
    assert all(one in ran.json["error"]["message"] for one in (trunk, other))
    assert "--trunk" in ran.json["error"]["fix"]
    carrier.script = Script(dialled("rejected-404-wait"))
    doctor.configure({"sip": {"outbound_trunks": [{"id": other}]}})
    assert phone_alone(doctor).json["trunk_id"] == other
    assert phone_alone(doctor, "--trunk", trunk).json["trunk_id"] == trunk
    assert edge.rooms() == []


def test_no_trunk(doctor: Doctor, edge: Edge) -> None:
    ran = phone_alone(doctor)
    assert (ran.status, ran.json["error"]["code"]) == (2, "LKD201")


# Nothing is dialled


@pytest.mark.parametrize(
    ("arguments", "settings", "words"),
    [
        (["--yes", "--read-only"], {}, "--read-only"),
        (["--no-agent"], {}, "no terminal"),
        (["--yes"], {}, "which agent"),
        (["--yes"], {"agent": {"name": "x"}, "flow": {"placed_by": "agent"}}, "itself dials"),
    ],
)
def test_nothing_is_dialled(
    doctor: Doctor, carrier: Carrier, arguments: list[str], settings: dict[str, Any], words: str
) -> None:
    doctor.configure(settings)
    ran = doctor.run("test-call", NUMBER, "--format", "json", *arguments)
    assert ran.status == 2
    assert words in ran.json["error"]["message"]
    assert ran.json["error"]["fix"]
    assert not carrier.seen


@pytest.mark.parametrize(("typed", "status"), [("n\n", 2), ("\n", 2), ("y\n", 1)])
def test_it_asks_first(doctor: Doctor, carrier: Carrier, edge: Edge, trunk: str, typed: str, status: int) -> None:
    """Who is asked sees the number as it was typed, and the trunk."""
    carrier.script = Script(dialled("rejected-486-wait"))
    ran = run_in_terminal("test-call", NUMBER, "--no-agent", cwd=doctor.folder, env=doctor.env, typed=typed)
    assert ran[0] == status
    (question,) = [line for line in ran[1].splitlines() if "This rings" in line]
    assert all(words in question for words in (NUMBER, trunk, "127.0.0.1:5099", "no agent"))
    assert len(carrier.dialled) == (1 if status == 1 else 0)
    assert ("nothing was dialled" in ran[1]) is (status == 2)
    assert edge.rooms() == []


@pytest.fixture
def console(doctor: Doctor) -> Callable[..., Ran]:
    return lambda *arguments: doctor.run("test-call", NUMBER, "--yes", "--no-agent", *arguments)


def test_console(console: Callable[..., Ran], carrier: Carrier, trunk: str) -> None:
    carrier.script = Script(dialled("rejected-403-wait"))
    ran = console()
    assert ran.status == 1
    assert ran.stdout.startswith(f"test call to {MASKED}  trunk {trunk}")
    for words in ("phone leg", "SIP status 403 Forbidden", "LKD204 sip-call-rejected", "caller id", "fix"):
        assert words in ran.stdout
