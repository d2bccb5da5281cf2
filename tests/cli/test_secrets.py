"""Canaries: secrets in every input, and everything repeats them. None is in any output of any command."""

import json
import re
from base64 import b64encode
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import quote

import pytest
from aiohttp import web
from livekit.protocol import agent, models, sip
from livekit.protocol import room as room_service

from tests.cli.command_line import Ran, run
from tests.evidence.odd_server import OddServer, protobuf, refusal
from tests.evidence.test_odd_answers import dispatches

CANARIES = {
    "api_secret": "canarysecret0f3f9c2d7e",
    "api_key": "APIcanarykey7f2",
    "url_path": "canarypath5512aa90ffe",
    "url_query": "canaryquery71",
    "url_fragment": "canaryfragment3",
    "worker_password": "canary worker/9&\"'",
    "worker_query": "canaryworkerq8",
    "dsn_password": "canary@dsn:7%<x>",
    "pgpassword": "canarypgpass4",
    "expanded": "canaryexpanded6",
}
"""By where they come from. Some have what URLs, JSON, HTML and Python write otherwise."""
FILES = ("r.txt", "r.json", "r.xml", "r.md", "r.html", "r.prom")
EVERY_FORMAT = [argument for name in FILES for argument in ("-o", name)]
ROOM = f"call-7-{CANARIES['dsn_password']}-{CANARIES['api_secret']}"


def forms(canary: str) -> tuple[str, ...]:
    return (canary, quote(canary, safe=""), json.dumps(canary)[1:-1], canary.replace("&", "&amp;"))


def said(server: OddServer | None = None) -> str:
    """All of them in one text, as somebody's log or error would have them."""
    told = " ".join(form for canary in CANARIES.values() for form in forms(canary))
    login = b64encode(f"doctor:{CANARIES['worker_password']}".encode()).decode()
    return f"{told} Basic {login} {server.authorization if server else ''}"


def fill(server: OddServer) -> None:
    def room() -> models.Room:
        return models.Room(sid="RM_canary", name=ROOM, creation_time=1_700_000_000, metadata=said(server))

    def answered(make: object) -> web.Response:
        return protobuf(make())  # type: ignore[operator]

    def participants() -> room_service.ListParticipantsResponse:
        attributes = {"sip.callID": said(server), "lk.agent_name": said(server)}
        guest = models.ParticipantInfo(sid="PA_c", identity=said(server), name=said(server), attributes=attributes)
        return room_service.ListParticipantsResponse(participants=[guest])

    def dispatched() -> object:
        job = agent.Job(id="AJ_c", state=agent.JobState(status=agent.JS_FAILED, error=said(server), ended_at=10**18))
        answer = dispatches(job, metadata=said(server))
        answer.agent_dispatches[0].agent_name = said(server)
        return answer

    def trunks() -> object:
        return sip.ListSIPOutboundTrunkResponse(
            items=[
                sip.SIPOutboundTrunkInfo(
                    sip_trunk_id="ST_c", name=said(server), address=said(server), numbers=["+15555550100"]
                )
            ]
        )

    server.answers |= {
        "ListRooms": lambda: answered(lambda: room_service.ListRoomsResponse(rooms=[room()])),
        "ListParticipants": lambda: answered(participants),
        "ListDispatch": lambda: answered(dispatched),
        "ListSIPOutboundTrunk": lambda: answered(trunks),
        "ListSIPInboundTrunk": lambda: answered(
            lambda: sip.ListSIPInboundTrunkResponse(items=[sip.SIPInboundTrunkInfo(name=said(server))])
        ),
        "ListSIPDispatchRule": lambda: refusal(500, "internal", said(server)),
        "CreateRoom": lambda: refusal(400, "invalid_argument", said(server)),
        "CreateDispatch": lambda: refusal(401, "unauthenticated", f"invalid API key: {said(server)}"),
        "CreateSIPParticipant": lambda: refusal(503, "unavailable", said(server)),
    }


@pytest.fixture
def folder(server: OddServer, tmp_path: Path) -> Path:
    """Each input has them."""
    port = re.sub(r"\D", "", server.url.rpartition(":")[2])
    worker = f"127.0.0.1:{port}/?x={CANARIES['worker_query']}"
    (tmp_path / "login.yaml").write_text(f'workers:\n  - url: "http://doctor:${{WORKER_LOGIN}}@{worker}"\n')
    (tmp_path / "checks.yaml").write_text(
        f'workers:\n  - url: "http://{worker}"\n'
        'probe:\n  metadata: "{\\"agent\\": \\"${PROBE_TOKEN}\\"}"\n'
        "agent:\n  name: A\n"
        "call_logs:\n  columns: {room: metadata.room}\n"
    )
    row = {"call_id": "c1", "created_at": "2026-01-01T00:00:00Z", "source": said(), "state": f"x {said()}"}
    rows = [row, {**row, "state": "room_created", "source": "edge", "metadata": {"room": ROOM, "error": said()}}]
    (tmp_path / "rows.jsonl").write_text("\n".join(json.dumps(one) for one in rows))
    log = {"level": "error", "ts": 1.77e9, "msg": "job ended", "room": ROOM, "error": said(), "agentName": said()}
    (tmp_path / "server.log").write_text(f"{json.dumps(log)}\n{said()}\n")
    (tmp_path / "pasted.txt").write_text(
        f"TwirpError(code=not_found, message={said()}, status=404)\n{json.dumps(log)}\n{said()}"
    )
    fill(server)
    return tmp_path


def environment(server: OddServer) -> Mapping[str, str]:
    c = CANARIES
    return {
        "LIVEKIT_URL": f"{server.url}/{c['url_path']}?token={c['url_query']}#{c['url_fragment']}",
        "LIVEKIT_API_KEY": c["api_key"],
        "LIVEKIT_API_SECRET": c["api_secret"],
        "CALL_LOGS_DATABASE_URL": f"postgresql://doctor:{quote(c['dsn_password'], safe='')}@127.0.0.1:1/db",
        "WORKER_LOGIN": quote(c["worker_password"], safe=""),
        "PROBE_TOKEN": c["expanded"],
        "PGPASSWORD": c["pgpassword"],
    }


def found_in(text: str) -> set[str]:
    return {name for name, canary in CANARIES.items() if any(form in text for form in forms(canary))} | {
        "a token" for _ in re.findall(r"eyJ[\w-]+\.[\w-]+\.[\w-]+", text)
    }


def leaks(ran: Ran, folder: Path, inputs: frozenset[str]) -> dict[str, set[str]]:
    """The outputs in which there is a canary. What was printed must be something."""
    texts = {"stdout": ran.stdout, "stderr": ran.stderr}
    texts |= {path.name: path.read_text() for path in folder.iterdir() if path.name not in inputs}
    assert ran.stdout + ran.stderr
    return {name: found for name, text in texts.items() if (found := found_in(text))}


COMMANDS = {
    "check": ["check", "--timeout", "20"],
    "check read-only": ["check", "--read-only"],
    "trace a room": ["trace", "--room", ROOM, "--save", "saved.json", "--read-only"],
    "trace a call": ["trace", "c1", "--call-logs", "rows.jsonl", "--server-log", "server.log", "--save", "saved.json"],
    "trace the database": ["trace", "c1", "--read-only"],
    "trace pasted": ["trace", "--evidence", "pasted.txt", "--room", ROOM],
    "recent": ["trace", "--call-logs", "rows.jsonl"],
    "live rooms": ["trace"],
    "triage": ["triage", "--call-logs", "rows.jsonl", "--since", "2000d"],
    "probe": ["probe", "--count", "1"],
    "worker with a login": ["check", "--only", "worker.endpoint", "--config", "login.yaml"],
    "test-call": ["test-call", "+15555550123", "--yes"],
    "watch": ["watch", "--count", "1", "--listen", "off", "--read-only"],
    "init": ["init", "--yes", "--file", "made.yaml"],
    "wrong usage": ["check", "--ur", f"ws://{CANARIES['url_query']}@h"],
    "wrong url": ["check", "--url", f"ftp://h/?t={CANARIES['url_query']}"],
    "no such file": ["trace", "c1", "--worker-log", f"/nowhere/{CANARIES['api_secret']}"],
}
SILENT = ("-q", "-v")


def test_no_canary_is_in_any_output_of_any_command(server: OddServer, folder: Path) -> None:
    inputs = frozenset(path.name for path in folder.iterdir())
    env = environment(server)
    wrong = {}
    for name, arguments in COMMANDS.items():
        verbose = [] if arguments[0] in ("triage", "explain", "watch") else ["-v"]
        ran = run(*arguments, *EVERY_FORMAT, "--debug", *verbose, cwd=folder, env=env)
        assert ran.status != 70, (name, ran.stderr)
        for output, found in leaks(ran, folder, inputs).items():
            # Only the run that has the endpoint's URL knows its password.
            if found := found - ({"worker_password"} if name != "worker with a login" else set()):
                wrong[f"{name}: {output}"] = found
        if name == "trace a call":
            assert (folder / "saved.json").exists()
            ran = run("trace", "--bundle", "saved.json", "-f", "github", "--debug", cwd=folder, env={})
            assert ran.stdout
            wrong |= {
                f"bundle: {output}": found
                for output, found in leaks(ran, folder, inputs).items()
                if found - {"worker_password"}
            }
        for path in folder.iterdir():
            if path.name not in inputs:
                path.unlink()
    assert not wrong
