"""`livekit-doctor check` on real components: what each check says, and the exit status."""

import re
import secrets
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from livekit_doctor.checks import CATEGORIES, CHECK_IDS
from tests.cli.command_line import COMPILED
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import Database, LiveKitServer
from tests.lab.support import PATIENCE, free_port, until
from tests.lab.worker import Worker

KEYS = {
    "schema",
    "ok",
    "exit_status",
    "at",
    "server",
    "configuration",
    "summary",
    "not_tested",
    "checks",
    "left_behind",
    "next",
}
CHECK_KEYS = {"id", "category", "title", "status", "code", "message", "fix", "duration_ms", "evidence", "findings"}
FINDING_KEYS = {"code", "confidence", "candidates", "would_settle", "fix"}
STATUSES = ("passed", "warned", "failed", "skipped", "errored")
SOON = {"allowances": {"agent_dispatched": {"slow_after": 0.5, "broken_after": 1}}}
"""The flow's settings by which a missing dispatch is a break after a second."""

PASSED = {
    "configuration.file": r'agent ".+"; edge function dials',
    "configuration.credentials": r"URL, key and secret are set",
    "connection.reachable": r"ws://127\.0\.0\.1:\d+ answers; 1 live room",
    "connection.clock": r"this machine and the server agree to 1 s",
    "worker.endpoint": r'http://127\.0\.0\.1:\d+ runs as ".+" \(which does not prove that it is registered\)',
    "worker.canary": r"a canary got its job in \d\.\d s \(server 1\.13\.5\)",
    "sip_trunks.service": r"trunks and rules can be listed",
    "sip_trunks.outbound": r"1 outbound trunk: ST_\w+",
    "sip_trunks.inbound": r"1 inbound trunk, each restricted by address or password",
    "sip_dispatch_rules.coverage": r"1 rule; every inbound trunk has one",
    "sip_dispatch_rules.agents": r'1 rule, none without the agent ".+"',
    "sip_dispatch_rules.conflicts": r"1 rule; none in the way of another",
    "agent_dispatch.scratch": r"created, listed, deleted in a scratch room",
    "agent_dispatch.probe": r'".+" joined \d\.\d s after its dispatch',
    "room_presence.live": r"1 live room: 1 healthy",
    "call_logs.readable": r"public\.call_state_logs can be read",
    "call_logs.states": r"1 state in use, each mapped to a step",
}
"""What each check says in a deployment where all is well."""


@pytest.fixture
def doctor(tmp_path: Path, livekit: LiveKitServer) -> Doctor:
    """Without call logs."""
    doctor = Doctor(tmp_path, livekit)
    doctor.env |= COMPILED
    doctor.configure({})
    return doctor


@pytest.fixture
def proxy(livekit: LiveKitServer) -> Iterator[Proxy]:
    with Proxy(livekit) as proxy:
        yield proxy


def check(doctor: Doctor, *arguments: str, left: Sequence[str] = (), **options: Any) -> Ran:
    """Runs the check, and holds its document against the schema and the exit status. `left`: words of what it says is
    left behind, one for each."""
    ran = doctor.check(*arguments, **options)
    document = ran.json
    assert document.keys() == KEYS
    assert document["schema"] == "livekit-doctor/check/v1"
    assert document["exit_status"] == ran.status
    assert document["ok"] is (ran.status == 0)
    found = [item["status"] for item in document["checks"]]
    assert document["summary"] == {status: found.count(status) for status in STATUSES}
    ids = [item["id"] for item in document["checks"]]
    assert ids == [check_id for check_id in CHECK_IDS if check_id in ids]
    for item in document["checks"]:
        assert item.keys() == CHECK_KEYS
        assert item["category"] == item["id"].partition(".")[0]
        assert item["duration_ms"] >= 0
        assert item["message"]
        has_finding = item["status"] in ("warned", "failed")
        assert bool(item["code"]) == bool(item["fix"]) == bool(item["evidence"]) == has_finding
        assert all(found.keys() == FINDING_KEYS for found in item["findings"])
        assert all(because.keys() == {"source", "at", "text"} for because in item["evidence"])
    assert len(document["left_behind"]) == len(left), document["left_behind"]
    assert all(words in said for words, said in zip(left, document["left_behind"], strict=True))
    return ran


def statuses(ran: Ran) -> dict[str, str]:
    return {item["id"]: item["status"] for item in ran.json["checks"]}


def test_all_is_well(
    doctor: Doctor, edge: Edge, agent: Worker, phone: JoinPhone, database: Database, names: Names
) -> None:
    """Every check passes, in the order of the categories, and says what it has seen."""
    room, call_id = names.room(), names.call_id()
    doctor.env["CALL_LOGS_DATABASE_URL"] = database.dsn
    doctor.configure({"agent": {"name": agent.agent_name}, "workers": [{"url": agent.http_url}]})
    edge.create_outbound_trunk(api.SIPOutboundTrunkInfo(address="sip.example.com", numbers=[names.number()]))
    trunk = edge.create_inbound_trunk(
        api.SIPInboundTrunkInfo(numbers=[names.number()], allowed_addresses=["203.0.113.0/24"])
    )
    edge.create_rule(
        api.SIPDispatchRuleInfo(
            trunk_ids=[trunk.sip_trunk_id],
            rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix="in-")),
            room_config=api.RoomConfiguration(agents=[api.RoomAgentDispatch(agent_name=agent.agent_name)]),
        )
    )
    log_row(database, call_id, "call_requested")
    edge.create_room(room, agents=[api.RoomAgentDispatch(agent_name=agent.agent_name)])
    phone(room, status="active")
    edge.wait_for_agent(room, audio=True)

    ran = check(doctor, "--probe", "--strict")
    assert ran.status == 0, ran.stdout
    assert ran.stderr == ""
    assert statuses(ran) == dict.fromkeys(CHECK_IDS, "passed")
    assert list(dict.fromkeys(item["category"] for item in ran.json["checks"])) == list(CATEGORIES)
    for check_id, pattern in PASSED.items():
        assert re.fullmatch(pattern, ran.check(check_id)["message"]), ran.check(check_id)
    assert [made.name for made in edge.rooms()] == [room]


def test_an_empty_deployment(doctor: Doctor) -> None:
    """Nothing is expected, so that nothing fails; what was not looked at says why."""
    ran = check(doctor)
    assert ran.status == 0
    skipped = {item["id"]: item["message"] for item in ran.json["checks"] if item["status"] == "skipped"}
    assert skipped == {
        "worker.endpoint": "none configured (workers: in checks.yaml)",
        "agent_dispatch.probe": "before --probe, set agent.name in checks.yaml to the worker's agent_name, "
        'or to "" if it has none',
        "call_logs.readable": "no call logs are configured: set CALL_LOGS_DATABASE_URL, or give --call-logs FILE",
        "call_logs.states": "no call logs are configured: set CALL_LOGS_DATABASE_URL, or give --call-logs FILE",
    }
    assert set(statuses(ran).values()) == {"passed", "skipped"}
    assert "(before --probe, set agent.name in checks.yaml" in doctor.run("check").stdout.splitlines()[-2]
    assert ran.check("configuration.file")["message"].startswith("agent name unknown: set agent.name")


# Options


@pytest.mark.parametrize(
    ("arguments", "ids"),
    [
        (["--only", "connection"], ["connection.reachable", "connection.clock"]),
        (["--only", "connection.clock"], ["connection.clock"]),
        (
            ["--only", "sip_trunks.service", "--only", "configuration"],
            ["configuration.file", "configuration.credentials", "sip_trunks.service"],
        ),
        (["--only", "connection", "--skip", "connection.clock"], ["connection.reachable"]),
    ],
)
def test_only_and_skip(doctor: Doctor, arguments: list[str], ids: list[str]) -> None:
    ran = check(doctor, *arguments)
    assert list(statuses(ran)) == ids
    assert ran.status == 0


def test_skip(doctor: Doctor) -> None:
    ran = check(doctor, "--skip", "worker", "--skip", "agent_dispatch.scratch", "--read-only")
    left = [item for item in CHECK_IDS if not item.startswith("worker.") and item != "agent_dispatch.scratch"]
    assert list(statuses(ran)) == left


def test_only_asks_what_it_needs(doctor: Doctor, livekit: LiveKitServer, proxy: Proxy) -> None:
    check(doctor, "--only", "connection", env={"LIVEKIT_URL": proxy.url})
    assert proxy.seen == ["ListRooms"]
    check(doctor, "--only", "configuration", env={"LIVEKIT_URL": proxy.url})
    assert proxy.seen == ["ListRooms"]


def test_what_keeps_a_check_from_being_judged_is_shown(doctor: Doctor) -> None:
    """Nothing is ok because nobody could look."""
    ran = check(doctor, "--only", "sip_trunks.outbound", env={"LIVEKIT_API_KEY": "APIunknown"})
    assert statuses(ran) == {"connection.reachable": "failed", "sip_trunks.outbound": "skipped"}
    assert ran.check("sip_trunks.outbound")["message"] == "because connection.reachable failed"
    assert ran.status == 2


def test_read_only_creates_nothing(doctor: Doctor, proxy: Proxy, agent: Worker) -> None:
    doctor.configure({"agent": {"name": agent.agent_name}})
    ran = check(doctor, "--read-only", "--probe", env={"LIVEKIT_URL": proxy.url})
    assert ran.status == 0
    for check_id in ("worker.canary", "agent_dispatch.scratch", "agent_dispatch.probe"):
        assert ran.check(check_id)["status"] == "skipped"
        assert ran.check(check_id)["message"] == "--read-only: it would create a scratch room"
    assert set(proxy.seen) == {"ListRooms", "ListSIPOutboundTrunk", "ListSIPInboundTrunk", "ListSIPDispatchRule"}


def test_timeout(doctor: Doctor, edge: Edge, proxy: Proxy) -> None:
    """What is done by then counts; what is not is undecided, and cleaned up."""
    proxy.hide = {"CreateDispatch"}
    doctor.configure({"livekit": {"timeout": 30}})
    ran = check(doctor, "--timeout", "3", env={"LIVEKIT_URL": proxy.url}, left=["has not been answered yet"])
    assert ran.status == 3
    assert ran.check("connection.reachable")["status"] == "passed"
    assert ran.check("sip_trunks.service")["status"] == "passed"
    for check_id in ("worker.canary", "agent_dispatch.scratch"):
        item = ran.check(check_id)
        assert (item["status"], item["message"]) == ("errored", "not done within --timeout 3 s")
    assert not edge.inventory()


def test_waits_until_it_passes(doctor: Doctor, proxy: Proxy) -> None:
    """And says once what it waits for."""
    proxy.fail = {"ListRooms"}
    process = doctor.popen("check", "--only", "connection", "--wait", "60", env={"LIVEKIT_URL": proxy.url})
    assert process.stderr is not None
    assert process.stderr.readline().startswith("not yet, ")
    proxy.fail = set()
    stdout, stderr = process.communicate(timeout=PATIENCE)
    assert (process.returncode, stderr) == (0, ""), stdout


def test_waits_no_longer_than_it_is_told(doctor: Doctor, proxy: Proxy) -> None:
    proxy.fail = {"ListRooms"}
    ran = doctor.run("check", "--only", "connection", "--wait", "1", "--quiet", env={"LIVEKIT_URL": proxy.url})
    assert ran.status in (1, 3)
    assert ran.stderr == ""


def test_strict_and_severity(doctor: Doctor, database: Database, names: Names) -> None:
    """A warning fails under --strict only; a check can be off, or never more than a warning."""
    doctor.env["CALL_LOGS_DATABASE_URL"] = database.dsn
    log_row(database, names.call_id(), "waiting_for_agent")

    def states(severity: str | None, *arguments: str, **logs: str) -> tuple[str, int]:
        doctor.configure({"checks": {"call_logs.states": severity} if severity else {}, "call_logs": logs})
        ran = check(doctor, "--only", "call_logs", *arguments)
        return ran.check("call_logs.states")["status"], ran.status

    assert states(None) == ("warned", 0)
    assert states(None, "--strict") == ("warned", 1)
    assert states("error") == ("warned", 0), "a finding keeps its own severity"
    assert states("off", "--strict") == ("skipped", 0)
    doctor.configure({"checks": {"call_logs.readable": "warning"}, "call_logs": {"table": "call_state_log"}})
    ran = check(doctor, "--only", "call_logs")
    assert statuses(ran) == {"call_logs.readable": "warned", "call_logs.states": "skipped"}
    assert ran.status == 0
    assert ran.check("call_logs.states")["message"] == "because call_logs.readable failed"


@pytest.mark.parametrize("severity", ["warning", "off"])
def test_no_check_passes_for_want_of_evidence(doctor: Doctor, severity: str) -> None:
    """Also where what it rests on is off, or is no more than a warning."""
    doctor.configure({"checks": {"connection.reachable": severity}})
    ran = check(doctor, env={"LIVEKIT_URL": f"ws://127.0.0.1:{free_port()}"})
    assert ran.status == 0
    shown = "warned" if severity == "warning" else "skipped"
    assert ran.check("connection.reachable")["status"] == shown
    passed = [check_id for check_id, status in statuses(ran).items() if status == "passed"]
    assert passed == ["configuration.file", "configuration.credentials"]


def test_off_is_not_run(doctor: Doctor, proxy: Proxy) -> None:
    doctor.configure({"checks": {"worker.canary": "off", "agent_dispatch.scratch": "off", "sip_trunks.service": "off"}})
    ran = check(doctor, "--only", "worker", "--only", "agent_dispatch", env={"LIVEKIT_URL": proxy.url})
    assert ran.check("worker.canary")["message"] == "switched off in the configuration"
    assert proxy.seen == ["ListRooms"]


# The probe


def probe(doctor: Doctor, **options: Any) -> Ran:
    return check(doctor, "--only", "agent_dispatch.probe", "--probe", **options)


def test_probe_without_a_worker(doctor: Doctor, edge: Edge, names: Names) -> None:
    doctor.configure({"agent": {"name": names.agent()}, "probe": {"timeout": 1}})
    ran = probe(doctor)
    item = ran.check("agent_dispatch.probe")
    assert (ran.status, item["status"], item["code"]) == (1, "failed", "LKD402")
    assert "no worker took a job" in item["message"]
    (found,) = item["findings"]
    assert found["confidence"] == "likely"
    assert {"LKD101", "LKD103", "LKD403"} <= set(found["candidates"])
    assert not edge.inventory()
    assert edge.server.has_redis


@pytest.mark.parametrize(
    ("mode", "code", "words", "left"),
    [
        (Mode.REQUEST_REJECTS, "LKD404", "a worker was asked and declined the job", []),
        (
            Mode.ENTRYPOINT_RAISES,
            "LKD406",
            "a worker took the job (JS_RUNNING), and no agent joined",
            ["it was removed, but its agent may still join"],
        ),
    ],
)
def test_probe_of_a_worker_that_fails(
    doctor: Doctor, edge: Edge, agent: Worker, mode: Mode, code: str, words: str, left: list[str]
) -> None:
    """Within 5 s nobody can know that an agent does not come."""
    metadata = job_metadata("{call_id}", mode)
    doctor.configure({"agent": {"name": agent.agent_name}, "probe": {"metadata": metadata, "timeout": 5}})
    ran = probe(doctor, left=left)
    item = ran.check("agent_dispatch.probe")
    assert (ran.status, item["status"], item["code"]) == (1, "failed", code)
    assert words in item["message"]
    assert not edge.rooms()


@pytest.mark.parametrize(
    ("settings", "words", "fix"),
    [
        ({"agent": {"name": "x"}, "flow": {"placed_by": "agent"}}, "ring a real phone", "probe.metadata"),
        ({}, "which agent to dispatch", "agent.name"),
        ({"agent": {"name": "x", "job_type": "publisher"}}, "gets no job in a room", "agent.job_type"),
    ],
)
def test_probe_is_refused_before_anything_is_asked(
    doctor: Doctor, proxy: Proxy, settings: dict[str, Any], words: str, fix: str
) -> None:
    doctor.configure(settings)
    ran = doctor.check("--probe", env={"LIVEKIT_URL": proxy.url})
    assert ran.status == 2
    assert words in ran.json["error"]["message"]
    assert fix in ran.json["error"]["fix"]
    assert ran.json["checks"] == []
    assert proxy.seen == []
    ran = check(doctor, "--probe", "--only", "connection", env={"LIVEKIT_URL": proxy.url})
    assert ran.status == 0, "nothing is refused where the probe is not among the checks"


# Live rooms


def test_live_rooms(doctor: Doctor, edge: Edge, agent: Worker, phone: JoinPhone, names: Names) -> None:
    """A broken call and a healthy one beside it: the break is that of `trace`, and names its room."""
    broken, healthy, other = names.room(), names.room(), names.room("conference")
    settings = {"agent": {"name": agent.agent_name}, "flow": SOON, "rooms": {"pattern": "outbound-*"}}
    doctor.configure(settings)
    edge.create_room(other)
    edge.create_room(broken)
    phone(broken, status="active")
    edge.create_room(healthy, agents=[api.RoomAgentDispatch(agent_name=agent.agent_name, metadata=job_metadata("x"))])
    phone(healthy, status="active")
    edge.wait_for_agent(healthy, audio=True)

    def failed() -> Ran | None:
        ran = check(doctor, "--only", "room_presence")
        return ran if ran.status == 1 else None

    ran = until(failed, what="the broken room to be past its allowance")
    item = ran.check("room_presence.live")
    assert (item["status"], item["code"]) == ("failed", "LKD401")
    assert item["message"] == f"{broken} broke at: agent dispatched"
    assert len(item["findings"]) == 1
    assert f'room="{broken}"' in item["fix"]
    assert item["fix"].splitlines()[1] == f"  livekit-doctor trace --room {broken}"
    traced = doctor.trace("--room", broken)
    assert traced.primary is not None
    assert traced.primary[:2] == ("agent_dispatched", "LKD401")

    doctor.configure({**settings, "rooms": {"pattern": healthy[:-2] + "*"}})
    ran = check(doctor, "--only", "room_presence")
    assert ran.check("room_presence.live")["message"] == "1 live room: 1 healthy"
    doctor.configure({**settings, "rooms": {"pattern": "nothing-*"}})
    ran = check(doctor, "--only", "room_presence")
    assert ran.check("room_presence.live")["message"] == 'no live room matches "nothing-*"'


def test_live_rooms_that_cannot_be_looked_into(doctor: Doctor, edge: Edge, proxy: Proxy, names: Names) -> None:
    """Undecided, and not passed."""
    edge.create_room(names.room())
    proxy.fail = {"ListParticipants"}
    ran = check(doctor, "--only", "room_presence", env={"LIVEKIT_URL": proxy.url})
    item = ran.check("room_presence.live")
    assert (ran.status, item["status"]) == (3, "errored")
    assert item["message"].startswith("not every live room could be looked into: ")
    assert "ListParticipants" in item["message"]


# Endpoints


def test_endpoint_of_a_worker_under_another_name(doctor: Doctor, agent: Worker) -> None:
    doctor.configure({"agent": {"name": agent.agent_name.swapcase()}, "workers": [{"url": agent.http_url}]})
    ran = check(doctor, "--only", "worker.endpoint")
    item = ran.check("worker.endpoint")
    assert (ran.status, item["status"], item["code"]) == (1, "failed", "LKD102")
    assert f'runs as "{agent.agent_name}"' in item["message"]
    assert "upper and lower case" in item["message"]
    doctor.configure({"agent": {"name": "another", "others": [agent.agent_name]}, "workers": [{"url": agent.http_url}]})
    assert check(doctor, "--only", "worker.endpoint").status == 0, "a further agent of the team's"


def test_endpoint_that_cannot_be_reached(doctor: Doctor, agent: Worker) -> None:
    """A warning: many hosts have no inbound ports. What the other endpoint says is still judged."""
    nobody = f"http://127.0.0.1:{free_port()}"
    doctor.configure({"agent": {"name": agent.agent_name}, "workers": [{"url": nobody}]})
    ran = check(doctor, "--only", "worker.endpoint")
    item = ran.check("worker.endpoint")
    assert (ran.status, item["status"], item["code"]) == (0, "warned", "LKD106")
    assert nobody in item["message"]
    assert check(doctor, "--only", "worker.endpoint", "--strict").status == 1
    name = f"{agent.agent_name} {secrets.token_hex(2)}"
    doctor.configure({"agent": {"name": name}, "workers": [{"url": nobody}, {"url": agent.http_url}]})
    item = check(doctor, "--only", "worker.endpoint").check("worker.endpoint")
    assert (item["status"], item["code"]) == ("failed", "LKD102")
    assert item["message"].endswith("(and 1 more)")


# The console


def test_console_has_a_line_a_check_and_then_what_failed(doctor: Doctor, agent: Worker) -> None:
    name = agent.agent_name.swapcase()
    doctor.configure({"agent": {"name": name}, "workers": [{"url": agent.http_url}]})
    ran = doctor.run("check", "--skip", "call_logs")
    assert (ran.status, ran.stderr) == (1, "")
    lines = ran.stdout.split("\n")
    assert lines[0].startswith("configuration: ./checks.yaml, LIVEKIT_URL")
    listed = re.findall(r"^  (ok|XX|--)  (\S+) +\S", ran.stdout, re.MULTILINE)
    assert [check_id for _, check_id in listed] == [item for item in CHECK_IDS if not item.startswith("call_logs.")]
    marks = {check_id: mark for mark, check_id in listed}
    assert marks["worker.endpoint"] == "XX"
    assert marks["worker.canary"] == "ok"
    assert marks["agent_dispatch.probe"] == "--"
    assert "\nXX  worker.endpoint   LKD102 agent-name-mismatch   likely\n" in ran.stdout
    assert re.search(r"^  because +worker http://", ran.stdout, re.MULTILINE)
    assert re.search(r"^  fix +- If the worker's name is right", ran.stdout, re.MULTILINE)
    assert re.search(rf"^ +name: \"{re.escape(agent.agent_name)}\"$", ran.stdout, re.MULTILINE)
    assert lines[-4].startswith("not ok: ")
    assert "1 failed" in lines[-4]
    assert lines[-3].startswith(f'not tested: whether a worker is registered as "{name}" (add --probe')
    assert lines[-2].startswith("not tested: whether livekit-sip runs")
