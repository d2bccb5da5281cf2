"""Each check has a state in the lab that fails it, and its printed fix, followed to the letter,
turns it green.

The fix is taken out of the JSON that `check` prints, and what it says is done: Python, SQL and shell
are run as printed, YAML goes into checks.yaml. What a machine can't paste (start a worker) the test
does as the words say. Of alternatives that exclude each other the one that fits is followed.
"""

import ast
import asyncio
import inspect
import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, TypeVar

import psycopg
import pytest
import yaml
from livekit import api

from livekit_doctor import catalogue
from livekit_doctor.checks import CHECK_IDS
from tests.cli.command_line import COMPILED
from tests.cli.skew import clock_ahead_by
from tests.experiments.proxy import Proxy
from tests.lab.doctor import Doctor
from tests.lab.edge import Edge, log_row
from tests.lab.modes import Mode, job_metadata
from tests.lab.names import Names
from tests.lab.phone import JoinPhone
from tests.lab.servers import Database, LiveKitServer, Redis, merged
from tests.lab.support import free_port, until
from tests.lab.worker import StartWorker, Worker

Language = Literal["python", "shell", "sql", "yaml"]
Test = TypeVar("Test", bound=Callable[..., None])

CLIENT = "from livekit.api import LiveKitAPI; lkapi = LiveKitAPI()"
COVERED: set[str] = set()
"""The checks that a test here fails."""


def fails(check_id: str) -> Callable[[Test], Test]:
    """Marks a test by the check that it fails and turns green."""
    COVERED.add(check_id)
    return lambda test: test


# What is printed, and how it is followed


@dataclass(frozen=True)
class Thing:
    """One thing to do: a sentence, and what to paste."""

    say: str
    code: str

    @property
    def language(self) -> Language:
        if re.search(r"^(SELECT|GRANT|CREATE) ", self.code, re.MULTILINE):
            return "sql"
        if re.search(r"^(import|from|await) ", self.code, re.MULTILINE):
            return "python"
        return "yaml" if re.match(r"\w+:\n", self.code) else "shell"


def things(fix: str) -> list[Thing]:
    """The printed fix, taken apart: sentences stand at the margin, code is indented by two spaces."""
    found: list[Thing] = []
    for line in fix.split("\n"):
        if line and not line.startswith("  "):
            found.append(Thing(line, ""))
        else:
            last = found.pop()
            found.append(Thing(last.say, f"{last.code}{line[2:]}\n"))
    return found


class Reader:
    """Somebody who reads the output of `check` and types what it says."""

    def __init__(self, doctor: Doctor, database: Database | None = None) -> None:
        self.doctor = doctor
        self.database = database
        self.settings: dict[str, Any] = {}
        self.fix = ""
        doctor.env |= COMPILED
        self.configure({})

    def configure(self, settings: Mapping[str, Any]) -> None:
        self.settings = dict(settings)
        self.doctor.configure(settings)

    def sees(self, check_id: str, status: str, code: str, *words: str, options: tuple[str, ...] = ()) -> None:
        """The check fails, and prints a fix."""
        ran = self.doctor.check("--only", check_id, *options)
        item = ran.check(check_id)
        assert (item["status"], item["code"]) == (status, code), ran.stdout
        for word in words:
            assert word in item["message"]
        self.fix = item["fix"]

    def is_green(self, check_id: str, *options: str) -> None:
        ran = self.doctor.check("--only", check_id, *options)
        assert ran.check(check_id)["status"] == "passed", ran.stdout
        assert ran.status == 0

    def does(
        self,
        say: str,
        *,
        words: Callable[[], None] | None = None,
        typed: tuple[str, ...] = (),
        filled_in: Mapping[str, str] | None = None,
    ) -> str:
        """Follows the one thing whose sentence has `say`: its code, or its `words` where it has none.

        `typed` are the lines that a person types at prompts; `filled_in` is what the reader puts in
        place of the words that the output has in capitals. Returns what the code prints.
        """
        (thing,) = (thing for thing in things(self.fix) if say in thing.say)
        assert bool(thing.code) == (words is None), thing
        if words is not None:
            words()
            return ""
        code = thing.code
        for word, value in (filled_in or {}).items():
            assert word in code
            code = code.replace(word, value)
        assert not re.search(r"\bYOUR[_-]", code), code
        match thing.language:
            case "python":
                return self._python(code)
            case "sql":
                self._sql(code)
            case "yaml":
                self.configure(merged(self.settings, yaml.safe_load(code)))
            case "shell":
                return self._shell(code, typed)
        return ""

    def _python(self, code: str) -> str:
        """As in `python -m asyncio`: at the margin, with the environment of the shell and no name defined."""
        lines: list[str] = []
        names: dict[str, Any] = {"print": lambda text: lines.append(str(text))}
        compiled = compile(code, "fix", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        async def run() -> None:
            try:
                ran = eval(compiled, names)
                assert inspect.isawaitable(ran)
                await ran
            finally:
                if "lkapi" in names:
                    await names["lkapi"].aclose()

        with pytest.MonkeyPatch.context() as patch:
            for name in ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"):
                patch.setenv(name, self.doctor.env[name])
            asyncio.run(run())
        return "\n".join(lines)

    def _sql(self, code: str) -> None:
        """As the owner of the database."""
        assert self.database is not None
        with psycopg.connect(self.database.dsn, autocommit=True) as connection:
            for statement in filter(str.strip, code.split(";")):
                connection.execute(statement.encode())

    def _shell(self, code: str, typed: tuple[str, ...]) -> str:
        """In bash; what it exports stays."""
        exported = self.doctor.folder / "exported"
        env = {
            **{key: value for key, value in os.environ.items() if not key.startswith(("LIVEKIT_", "CALL_LOGS_"))},
            **self.doctor.env,
            "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
            "EXPORTED": str(exported),
        }
        ran = subprocess.run(
            ["bash", "-c", f'{code}\nstatus=$?\nenv -0 > "$EXPORTED"\nexit $status'],
            input="".join(f"{line}\n" for line in typed),
            env=env,
            cwd=self.doctor.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        assert ran.returncode == 0, ran.stdout + ran.stderr
        after = dict(line.split("=", 1) for line in exported.read_text().split("\0") if line)
        self.doctor.env |= {
            key: value for key, value in after.items() if key.startswith(("LIVEKIT_", "CALL_LOGS_", "SSL_"))
        }
        return ran.stdout


@pytest.fixture
def reader(tmp_path: Path, livekit: LiveKitServer) -> Reader:
    return Reader(Doctor(tmp_path, livekit))


@pytest.fixture
def logs_reader(tmp_path: Path, database: Database, names: Names) -> Reader:
    """With a database that has a row; LiveKit is not asked."""
    log_row(database, names.call_id(), "call_requested")
    return Reader(Doctor(tmp_path, None, database), database)


@pytest.fixture
def proxy(livekit: LiveKitServer) -> Iterator[Proxy]:
    with Proxy(livekit) as proxy:
        yield proxy


def test_every_check_is_covered() -> None:
    assert set(CHECK_IDS) == COVERED


def test_what_lk_changes_python_can_change_too() -> None:
    """The `lk` command line is not on every machine; what it only shows needs no other way."""
    for code in catalogue.codes():
        entry = catalogue.get(code)
        changes = [fix for fix in entry.fix if fix.shell and re.match(r"lk \w+ (create|delete|update)", fix.shell)]
        others = [fix for fix in entry.fix if fix.python]
        assert not changes or others, code


def test_fixes_are_taken_apart() -> None:
    printed = 'Do a:\n  x = 1\n\n  await lkapi.f(x)\nOr b:\n  SELECT 1;\nThink.\nSet:\n  flow:\n    "x": y\nRun:\n  ls'
    found = things(printed)
    assert [(thing.say, thing.code) for thing in found] == [
        ("Do a:", "x = 1\n\nawait lkapi.f(x)\n"),
        ("Or b:", "SELECT 1;\n"),
        ("Think.", ""),
        ("Set:", 'flow:\n  "x": y\n'),
        ("Run:", "ls\n"),
    ]
    assert [thing.language for thing in found if thing.code] == ["python", "sql", "yaml", "shell"]


# Configuration and connection


@fails("configuration.file")
def test_wrong_key_in_the_file(reader: Reader) -> None:
    """The file can't be used, so that no check runs: the error has the fix."""
    reader.configure({"agent": {"nmae": "Front Desk"}})
    ran = reader.doctor.check()
    assert ran.status == 2
    error = ran.json["error"]
    assert error["code"] == "LKD001"
    key, meant = re.search(r"agent\.(\w+): .*did you mean `(\w+)`", error["message"]).groups()  # type: ignore[union-attr]
    assert error["fix"] == "correct what is named above, then run it again"
    reader.configure({"agent": {meant: reader.settings["agent"][key]}})
    reader.is_green("configuration.file")


@fails("configuration.credentials")
@pytest.mark.parametrize("missing", [["URL", "API_KEY", "API_SECRET"], ["API_SECRET"], ["API_KEY"]])
def test_missing_credentials(reader: Reader, livekit: LiveKitServer, missing: list[str]) -> None:
    for name in missing:
        del reader.doctor.env[f"LIVEKIT_{name}"]
    reader.sees("configuration.credentials", "failed", "LKD002", *(f"LIVEKIT_{name}" for name in missing))
    if "URL" in missing:
        reader.does("Set the URL", filled_in={"wss://YOUR-PROJECT.livekit.cloud": livekit.url})
    if "API_KEY" in missing:
        reader.does("Set the key", typed=(livekit.api_key,))
    if "API_SECRET" in missing:
        reader.does("Set the secret", typed=(livekit.api_secret,))
    assert len(things(reader.fix)) == len(missing) + 1, "no fix for what is set"
    reader.is_green("configuration.credentials")
    reader.is_green("connection.reachable")


@fails("configuration.credentials")
def test_missing_credentials_in_dotenv(reader: Reader, livekit: LiveKitServer) -> None:
    env, reader.doctor.env = reader.doctor.env, dict(COMPILED)
    reader.sees("configuration.credentials", "failed", "LKD002")

    def write_dotenv() -> None:
        names = ("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET")
        (reader.doctor.folder / ".env").write_text("".join(f"{name}={env[name]}\n" for name in names))

    reader.does("into .env in the folder", words=write_dotenv)
    reader.is_green("configuration.credentials")


@fails("connection.reachable")
@pytest.mark.parametrize(
    ("wrong", "code", "say"),
    [("API_KEY", "LKD004", "Unknown key"), ("API_SECRET", "LKD004", "Wrong secret")],
)
def test_rejected_credentials(reader: Reader, wrong: str, code: str, say: str) -> None:
    right = reader.doctor.env[f"LIVEKIT_{wrong}"]
    reader.doctor.env[f"LIVEKIT_{wrong}"] = "API" + right[::-1]
    reader.sees("connection.reachable", "failed", code)
    reader.does(say, typed=(right,))
    reader.is_green("connection.reachable")


@fails("connection.reachable")
def test_tls_to_a_plain_port(reader: Reader) -> None:
    reader.doctor.env["LIVEKIT_URL"] = reader.doctor.env["LIVEKIT_URL"].replace("ws:", "wss:")
    reader.sees("connection.reachable", "failed", "LKD003", "TLS to a port that does not speak TLS")
    reader.does("TLS (WRONG_VERSION_NUMBER)")
    reader.is_green("connection.reachable")


@fails("connection.reachable")
@pytest.mark.parametrize("fault", ["DNS", "Refused", "Closed without an answer"])
def test_wrong_address(reader: Reader, livekit: LiveKitServer, redis: Redis, fault: str) -> None:
    address = {
        "DNS": "no-such-host.invalid",
        "Refused": f"127.0.0.1:{free_port()}",
        "Closed without an answer": f"127.0.0.1:{redis.port}",  # Redis takes HTTP for an attack
    }
    reader.doctor.env["LIVEKIT_URL"] = f"ws://{address[fault]}"
    reader.sees("connection.reachable", "failed", "LKD003")
    (only,) = things(reader.fix)
    assert f"ws://{address[fault]}" in only.say, "it names the URL that is to be corrected"
    reader.does(fault, words=lambda: reader.doctor.env.update(LIVEKIT_URL=livekit.url))
    reader.is_green("connection.reachable")


@fails("connection.clock")
@pytest.mark.parametrize("seconds", [30, -30])
def test_clock_skew(tmp_path: Path, livekit: LiveKitServer, seconds: float) -> None:
    """A test can't set the clock of the machine: it sets that of the tool's process, as Python starts."""
    reader = Reader(Doctor(tmp_path, livekit))
    wrong = clock_ahead_by(seconds, reader.doctor.folder)
    reader.doctor.env |= wrong
    where = "ahead of" if seconds > 0 else "behind"
    reader.sees("connection.clock", "warned", "LKD005", f" s {where} the server's")
    assert "timedatectl set-ntp true" in reader.fix
    reader.does("the clock is the host's", words=lambda: [reader.doctor.env.pop(name) for name in wrong] and None)
    reader.is_green("connection.clock")


# Workers


@fails("worker.endpoint")
def test_worker_under_another_name(reader: Reader, agent: Worker) -> None:
    reader.configure({"agent": {"name": agent.agent_name.swapcase()}, "workers": [{"url": agent.http_url}]})
    reader.sees("worker.endpoint", "failed", "LKD102")
    reader.does("If the worker's name is right")
    assert reader.settings["agent"]["name"] == agent.agent_name
    reader.is_green("worker.endpoint")


@fails("worker.endpoint")
def test_endpoint_at_another_address(reader: Reader, agent: Worker) -> None:
    right = reader.settings | {"agent": {"name": agent.agent_name}, "workers": [{"url": agent.http_url}]}
    reader.configure(right | {"workers": [{"url": f"http://127.0.0.1:{free_port()}"}]})
    reader.sees("worker.endpoint", "warned", "LKD106")
    reader.does("correct the url under workers", words=lambda: reader.configure(right))
    reader.is_green("worker.endpoint")


@fails("worker.canary")
def test_proxy_without_websockets(reader: Reader, proxy: Proxy) -> None:
    proxy.forward_upgrade = False
    reader.doctor.env["LIVEKIT_URL"] = proxy.url
    reader.sees("worker.canary", "failed", "LKD003", "HTTP 404 instead of a WebSocket")

    def let_it_pass() -> None:
        proxy.forward_upgrade = True

    reader.does("let the proxy in front of LiveKit pass on upgrades", words=let_it_pass)
    reader.is_green("worker.canary")


@fails("worker.canary")
def test_no_job_is_handed_out(reader: Reader, proxy: Proxy) -> None:
    """The server's side is at fault: a proxy that loses job requests stands in for it."""
    proxy.drop_availability = True
    reader.doctor.env["LIVEKIT_URL"] = proxy.url
    reader.sees("worker.canary", "failed", "LKD107", "no job in")

    def repair_and_restart() -> None:
        proxy.drop_availability = False

    reader.does("then restart the nodes", words=repair_and_restart)
    reader.is_green("worker.canary")


# SIP


@fails("sip_trunks.service")
def test_no_redis(tmp_path: Path, lab_folder: Path) -> None:
    with LiveKitServer(lab_folder) as bare, Redis(lab_folder) as redis:
        reader = Reader(Doctor(tmp_path, bare))
        reader.sees("sip_trunks.service", "failed", "LKD203", "redis required")
        bare.stop()
        again = LiveKitServer(lab_folder, redis)
        again.api_key, again.api_secret = bare.api_key, bare.api_secret
        reader.does("add a `redis` section to livekit-server's configuration", words=again.start)
        reader.doctor.env["LIVEKIT_URL"] = again.url
        try:
            reader.is_green("sip_trunks.service")
        finally:
            again.stop()


@fails("sip_trunks.outbound")
def test_trunk_that_does_not_exist(reader: Reader, edge: Edge, names: Names) -> None:
    number = names.number()
    gone = edge.create_outbound_trunk(api.SIPOutboundTrunkInfo(address="sip.example.com", numbers=[number]))
    edge.delete_trunk(gone.sip_trunk_id)
    reader.configure({"sip": {"outbound_trunks": [{"id": gone.sip_trunk_id, "numbers": [number]}]}})
    reader.sees("sip_trunks.outbound", "failed", "LKD201", gone.sip_trunk_id)
    made = reader.does("If there is none, create it", filled_in={"YOUR_CARRIER_ADDRESS": "sip.example.com"})

    def put_the_printed_id_in_place() -> None:
        reader.settings["sip"]["outbound_trunks"][0]["id"] = made
        reader.configure(reader.settings)

    reader.does(f"in place of {gone.sip_trunk_id}", words=put_the_printed_id_in_place)
    reader.is_green("sip_trunks.outbound")


@fails("sip_trunks.outbound")
def test_trunk_under_another_id(reader: Reader, edge: Edge, names: Names) -> None:
    number = names.number()
    there = edge.create_outbound_trunk(api.SIPOutboundTrunkInfo(address="sip.example.com", numbers=[number]))
    mistyped = there.sip_trunk_id.swapcase()
    reader.configure({"sip": {"outbound_trunks": [{"id": mistyped, "numbers": [number]}]}})
    reader.sees("sip_trunks.outbound", "failed", "LKD201")
    reader.does("If one of them is meant")
    assert reader.settings["sip"]["outbound_trunks"][0]["id"] == there.sip_trunk_id
    reader.is_green("sip_trunks.outbound")


@fails("sip_trunks.outbound")
@pytest.mark.parametrize(
    ("address", "expected", "say"),
    [
        ("sip.example.com", "+15555550142", "add it"),
        ("sip.example.com", "15555550100", "wrong spelling"),
        ("SIP:sip.example.com", None, "If the address is wrong"),
    ],
)
def test_misconfigured_trunk(reader: Reader, edge: Edge, address: str, expected: str | None, say: str) -> None:
    trunk = edge.create_outbound_trunk(api.SIPOutboundTrunkInfo(address=address, numbers=["+15555550100"]))
    numbers = [expected] if expected else []
    reader.configure({"sip": {"outbound_trunks": [{"id": trunk.sip_trunk_id, "numbers": numbers}]}})
    reader.sees("sip_trunks.outbound", "failed", "LKD202")
    assert len(things(reader.fix)) == 1, "only what fits is printed"
    reader.does(say)
    if say == "wrong spelling":
        assert list(edge.outbound_trunks()[0].numbers) == [expected]
        return  # the expected spelling is itself unusual: a warning remains
    reader.is_green("sip_trunks.outbound")


@fails("sip_trunks.inbound")
@pytest.mark.parametrize("way", ["Allow only", "ask for a login"])
def test_open_trunk(reader: Reader, edge: Edge, names: Names, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    edge.create_inbound_trunk(api.SIPInboundTrunkInfo(numbers=[names.number()]))
    reader.sees("sip_trunks.inbound", "warned", "LKD207")
    if way == "Allow only":
        reader.does(way, filled_in={"YOUR_CARRIER_NETWORK": "203.0.113.0/24"})
    else:
        monkeypatch.setenv("SIP_INBOUND_USERNAME", "carrier")
        monkeypatch.setenv("SIP_INBOUND_PASSWORD", names.call_id())
        reader.does(way)
    reader.is_green("sip_trunks.inbound")


def inbound_trunk(edge: Edge, number: str) -> str:
    trunk = api.SIPInboundTrunkInfo(numbers=[number], allowed_addresses=["203.0.113.0/24"])
    return edge.create_inbound_trunk(trunk).sip_trunk_id


def dispatch_rule(edge: Edge, *trunk_ids: str, agent: str | None = None) -> str:
    agents = [api.RoomAgentDispatch(agent_name=agent)] if agent else []
    rule = api.SIPDispatchRuleInfo(
        trunk_ids=trunk_ids,
        rule=api.SIPDispatchRule(dispatch_rule_individual=api.SIPDispatchRuleIndividual(room_prefix="in-")),
        room_config=api.RoomConfiguration(agents=agents),
    )
    return edge.create_rule(rule).sip_dispatch_rule_id


@fails("sip_dispatch_rules.coverage")
def test_inbound_trunk_without_a_rule(reader: Reader, edge: Edge, names: Names) -> None:
    reader.configure({"agent": {"name": names.agent()}})
    inbound_trunk(edge, names.number())
    reader.sees("sip_dispatch_rules.coverage", "failed", "LKD301")
    assert len(things(reader.fix)) == 1
    reader.does("Create a rule")
    reader.is_green("sip_dispatch_rules.coverage")
    reader.is_green("sip_dispatch_rules.agents")


@fails("sip_dispatch_rules.coverage")
def test_rule_of_a_trunk_that_is_gone(reader: Reader, edge: Edge, names: Names) -> None:
    """Deleted for good: then the rule goes too."""
    gone = inbound_trunk(edge, names.number())
    dispatch_rule(edge, gone)
    edge.delete_trunk(gone)
    reader.sees("sip_dispatch_rules.coverage", "failed", "LKD304")
    reader.does("If the trunk is gone for good")
    reader.is_green("sip_dispatch_rules.coverage")


@fails("sip_dispatch_rules.coverage")
def test_expected_trunk_has_another_id(reader: Reader, edge: Edge, names: Names) -> None:
    there = inbound_trunk(edge, names.number())
    reader.configure({"sip": {"inbound_trunks": [there[:-1] + "_"]}})
    reader.sees("sip_dispatch_rules.coverage", "failed", "LKD304")
    reader.does("If it is checks.yaml that names the trunk")
    assert reader.settings["sip"]["inbound_trunks"] == [there]
    dispatch_rule(edge, there)
    reader.is_green("sip_dispatch_rules.coverage")


@fails("sip_dispatch_rules.agents")
def test_rule_without_the_agent(reader: Reader, edge: Edge, names: Names) -> None:
    reader.configure({"agent": {"name": names.agent()}})
    dispatch_rule(edge)
    reader.sees("sip_dispatch_rules.agents", "failed", "LKD302")
    reader.does("Add the agent to the rule")
    reader.is_green("sip_dispatch_rules.agents")


@fails("sip_dispatch_rules.agents")
@pytest.mark.parametrize("way", ["Put the right name", "expect it in checks.yaml"])
def test_rule_with_another_agent(reader: Reader, edge: Edge, names: Names, way: str) -> None:
    name = names.agent()
    reader.configure({"agent": {"name": name}})
    dispatch_rule(edge, agent=name + " ")
    reader.sees("sip_dispatch_rules.agents", "failed", "LKD303", name)
    reader.does(way)
    reader.is_green("sip_dispatch_rules.agents")


@fails("sip_dispatch_rules.conflicts")
@pytest.mark.parametrize("way", ["is the right one, delete this one", "delete the one that wins"])
def test_rules_that_clash(reader: Reader, edge: Edge, way: str) -> None:
    """A rule that is moved by an update may clash; one that is made may not."""
    one, other = inbound_trunk(edge, "+15555550101"), inbound_trunk(edge, "+15555550102")
    dispatch_rule(edge, one)
    moved = dispatch_rule(edge, other)
    reader.fix = f'Move:\n  {CLIENT}\n  await lkapi.sip.update_dispatch_rule_fields("{moved}", trunk_ids=["{one}"])'
    reader.does("Move")
    reader.sees("sip_dispatch_rules.conflicts", "failed", "LKD305")
    reader.does(way)
    reader.is_green("sip_dispatch_rules.conflicts")


# Agent dispatch and live rooms


@fails("agent_dispatch.scratch")
def test_proxy_that_answers_for_livekit(reader: Reader, proxy: Proxy) -> None:
    proxy.fail = {"CreateDispatch"}
    reader.doctor.env["LIVEKIT_URL"] = proxy.url
    reader.sees("agent_dispatch.scratch", "failed", "LKD003", "CreateDispatch", "not in LiveKit's words")
    reader.does("The server behind a proxy", words=lambda: proxy.fail.clear())
    reader.is_green("agent_dispatch.scratch")


@fails("agent_dispatch.probe")
def test_no_worker(reader: Reader, worker: StartWorker, names: Names) -> None:
    name = names.agent()
    reader.configure({"agent": {"name": name}, "probe": {"timeout": 1}})
    reader.sees("agent_dispatch.probe", "failed", "LKD402", options=("--probe",))
    assert "create_dispatch" not in reader.fix, "the scratch room is gone: nothing may be dispatched there"
    started: list[Worker] = []
    reader.does("Start the worker", words=lambda: started.append(worker(name)))
    assert started[0].agent_name == name
    reader.configure(reader.settings | {"probe": {"timeout": 60}})
    reader.does("Once it is registered, probe it again")
    reader.is_green("agent_dispatch.probe", "--probe")


@fails("agent_dispatch.probe")
def test_worker_that_declines(reader: Reader, agent: Worker) -> None:
    rejects = job_metadata("{call_id}", Mode.REQUEST_REJECTS)
    reader.configure({"agent": {"name": agent.agent_name}, "probe": {"metadata": rejects, "timeout": 60}})
    reader.sees("agent_dispatch.probe", "failed", "LKD404", options=("--probe",))

    def accept() -> None:
        reader.configure(reader.settings | {"probe": {"metadata": job_metadata("{call_id}"), "timeout": 60}})

    reader.does("Read request_fnc", words=accept)
    reader.does("Probe it again after the worker's restart")
    reader.is_green("agent_dispatch.probe", "--probe")


@fails("room_presence.live")
def test_live_call_without_an_agent(reader: Reader, edge: Edge, agent: Worker, phone: JoinPhone, names: Names) -> None:
    room = names.room()
    soon = {"allowances": {"agent_dispatched": {"slow_after": 0.5, "broken_after": 1}}}
    reader.configure({"agent": {"name": agent.agent_name}, "flow": soon})
    edge.create_room(room)
    phone(room, status="active")
    until(lambda: reader.doctor.check("--only", "room_presence").status == 1, what="the break")
    reader.sees("room_presence.live", "failed", "LKD401", room)
    reader.does("After CreateRoom and before dialling")
    edge.wait_for_agent(room, audio=True)
    reader.is_green("room_presence.live")


# Call logs


@fails("call_logs.readable")
@pytest.mark.parametrize(
    ("wrong", "say"),
    [
        ({"schema": "pubilc"}, "Wrong schema"),
        ({"table": "call_state_log"}, "Wrong table"),
        ({"columns": {"at": "create_at"}}, "Wrong column"),
        ({"columns": {"state": "status", "call_id": "call_id"}}, "Wrong column"),
    ],
)
def test_wrong_names(logs_reader: Reader, wrong: dict[str, Any], say: str) -> None:
    logs_reader.configure({"call_logs": wrong})
    logs_reader.sees("call_logs.readable", "failed", "LKD602")
    logs_reader.does(say)
    logs_reader.does("see what there is")
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
def test_table_in_another_schema(logs_reader: Reader, database: Database) -> None:
    database.execute("create schema telephony; alter table call_state_logs set schema telephony")
    logs_reader.sees("call_logs.readable", "failed", "LKD602", 'it is in schema "telephony"')
    logs_reader.does("Wrong table")
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
def test_permission_denied(logs_reader: Reader, database: Database) -> None:
    logs_reader.doctor.env["CALL_LOGS_DATABASE_URL"] = database.create_role()
    logs_reader.sees("call_logs.readable", "failed", "LKD602", "may not read")
    logs_reader.does("Permission denied")
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
def test_rows_hidden_by_row_level_security(logs_reader: Reader, database: Database) -> None:
    logs_reader.doctor.env["CALL_LOGS_DATABASE_URL"] = database.create_role("select on call_state_logs")
    database.execute("alter table call_state_logs enable row level security")
    logs_reader.sees("call_logs.readable", "failed", "LKD602", "row-level security")
    logs_reader.does("Rows hidden by row-level security")
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
def test_no_index(logs_reader: Reader, database: Database) -> None:
    database.execute("drop index call_state_logs_call_id_idx")
    logs_reader.sees("call_logs.readable", "warned", "LKD605")
    logs_reader.does("Create the index")
    logs_reader.does("If that was broken off")
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
@pytest.mark.parametrize("fault", ["password", "port", "database"])
def test_wrong_database_address(logs_reader: Reader, database: Database, fault: str) -> None:
    right = database.create_role("select on call_state_logs")
    parts = psycopg.conninfo.conninfo_to_dict(right)
    wrong = {"password": {"password": "no"}, "port": {"port": free_port()}, "database": {"dbname": "none"}}[fault]
    logs_reader.doctor.env["CALL_LOGS_DATABASE_URL"] = psycopg.conninfo.make_conninfo(**{**parts, **wrong})
    logs_reader.sees("call_logs.readable", "failed", "LKD602")
    logs_reader.does("correct the address in CALL_LOGS_DATABASE_URL", typed=(right,))
    logs_reader.is_green("call_logs.readable")


@fails("call_logs.readable")
def test_file_with_another_name(logs_reader: Reader, names: Names) -> None:
    folder = logs_reader.doctor.folder
    (folder / "export.csv").write_text(
        f"call_id,created_at,source,state\n{names.call_id()},2021-02-03T04:05:06Z,edge_function,call_requested\n"
    )
    options = ("--call-logs", "exprot.csv")
    logs_reader.sees("call_logs.readable", "failed", "LKD602", "exprot.csv", options=options)
    logs_reader.doctor.env |= dict.fromkeys(("LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_API_SECRET"), "")
    (thing,) = things(logs_reader.fix)
    assert thing.code == "livekit-doctor check --call-logs export.csv\n"
    logs_reader.is_green("call_logs.readable", "--call-logs", thing.code.split()[-1])


@fails("call_logs.states")
def test_state_without_a_step(logs_reader: Reader, database: Database, names: Names) -> None:
    log_row(database, names.call_id(), "pstn ring: #1")
    logs_reader.sees("call_logs.states", "warned", "LKD603", "pstn ring: #1")
    logs_reader.does("Map the state to its step", filled_in={"YOUR_STEP": "sip_ringing"})
    assert logs_reader.settings["flow"]["states"] == {"pstn ring: #1": "sip_ringing"}
    logs_reader.is_green("call_logs.states")


@fails("call_logs.states")
def test_state_that_stands_for_no_step(logs_reader: Reader, database: Database, names: Names) -> None:
    log_row(database, names.call_id(), "prompt_loaded")
    logs_reader.sees("call_logs.states", "warned", "LKD603")

    def switch_off() -> None:
        logs_reader.configure({"checks": {"call_logs.states": "off"}})

    logs_reader.does("To hear no more of such states", words=switch_off)
    ran = logs_reader.doctor.check("--only", "call_logs", "--strict")
    assert ran.status == 0
    assert ran.check("call_logs.states")["status"] == "skipped"
