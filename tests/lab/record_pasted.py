"""Records what tests/evidence/pasted/data holds: `python -m tests.lab.record_pasted FOLDER` (1 minute).

Real calls in a real livekit-server with a real worker: a healthy one, and one of each fault that people
paste most. What the server and the worker logged, the webhooks that the server sent, and what its API
answered, without secrets and paths of the machine. Record again when a version moves.
"""

import json
import re
import secrets
import sys
import tempfile
import threading
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any, Literal

from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message

from tests.lab.edge import Edge
from tests.lab.modes import LogFormat, Mode, WorkerSettings, job_metadata
from tests.lab.phone import Phone
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import Worker

AGENT, ALMOST = "Front Desk 7", "Front desk 7"
FAULTS = (Mode.ENTRYPOINT_RAISES, Mode.REQUEST_RAISES, Mode.ENTRYPOINT_CRASHES, Mode.REQUEST_REJECTS)
TOLD = (
    "not dispatching agent job|CreateDispatch|assign|no worker available|worker registered|job ended|participant active"
    "|participant closing|room closed|closing idle"
)
"""What of the server's log is kept."""

_ROOT = str(Path(__file__).parents[2])


class Webhooks:
    """An endpoint that keeps the bodies posted to it."""

    def __enter__(self) -> "Webhooks":
        bodies = self.bodies = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                bodies.append(self.rfile.read(int(self.headers["content-length"])).decode())
                self.send_response(200)
                self.end_headers()

            def log_message(self, *_: Any) -> None:
                pass

        self._server = HTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self._server.server_port}/"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()


class NotifyingServer(LiveKitServer):
    """A server that posts its webhooks, signed with its own key."""

    def notify(self, url: str) -> "NotifyingServer":
        self._config = {**self._config, "webhook": {"urls": [url], "api_key": self.api_key}}
        return self


def record(work: Path, target: Path, log_format: Literal["json", "console"]) -> None:
    """Places the calls, and writes the files of one log format."""
    server = NotifyingServer(work, config={"room": {"departure_timeout": 2}}, log_format=log_format)
    of_worker = LogFormat.JSON if log_format == "json" else LogFormat.TEXT
    answers: dict[str, Any] = {}
    with ExitStack() as stack:
        webhooks = stack.enter_context(Webhooks())
        stack.enter_context(server.notify(webhooks.url))
        edge = Edge(server)
        stack.callback(edge.close)
        worker = stack.enter_context(Worker(work, server, WorkerSettings(AGENT, log_format=of_worker, sdk_log=True)))
        rooms = {mode.value.replace("_", "-"): mode for mode in FAULTS}
        names = {key: f"outbound-{key}-{secrets.token_hex(2)}" for key in (*rooms, "nobody", "healthy")}
        for key, mode in rooms.items():
            edge.create_dispatch(names[key], AGENT, metadata=job_metadata(f"call-{secrets.token_hex(2)}", mode))
        edge.create_dispatch(names["nobody"], ALMOST)
        edge.create_dispatch(names["healthy"], AGENT, metadata=job_metadata("call-77"))
        with Phone(server, names["healthy"]) as phone:
            phone.ring()
            phone.answer()
            edge.wait_for_agent(names["healthy"], audio=True)
            until(lambda: _is_refused(server.log()), what="the server to say that nobody is there")
            answers["rooms"] = {"rooms": _printed(edge.rooms())}
            for key, name in names.items():
                answers[f"dispatch-{key}"] = {"agentDispatches": _printed(edge.dispatches(name))}
            answers["participants-healthy"] = {"participants": _printed(edge.participants(names["healthy"]))}
            phone.hang_up()
        edge.wait_until_closed(names["healthy"])
        edge.delete_everything()
        until(lambda: sum('"room_finished"' in body for body in webhooks.bodies) == len(names), what="the last webhook")
        lines = [line for line in server.log().splitlines() if re.search(TOLD, line) and '"lab-' not in line]
        logged, told = "\n".join(lines), worker.log()
    ending = "jsonl" if log_format == "json" else "log"
    _write(target / f"livekit-server.{ending}", logged)
    _write(target / f"worker.{ending}", told)
    if log_format == "json":
        _write(target / "webhooks.jsonl", "\n".join(webhooks.bodies))
        _write(target / "lk.json", json.dumps(answers, indent=1))


def _is_refused(log: str) -> bool:
    return any("no worker is available" in line and ALMOST in line for line in log.splitlines())


def _printed(messages: list[Any]) -> list[dict[str, Any]]:
    return [MessageToDict(message) for message in messages if isinstance(message, Message)]


def _write(path: Path, text: str) -> None:
    """Without what is secret or of this machine, and without lists that nobody needs."""
    text = text.replace(f"{_ROOT}/.venv/", "/app/.venv/").replace(f"{_ROOT}/tests/lab/worker_main.py", "/app/agent.py")
    text = text.replace(f"{_ROOT}/", "/app/").replace(f"{sys.base_prefix}/", "/usr/")
    text = re.sub(r'("(?:turnPassword|apiKey)":\s?)"[^"]*"', r'\1"REDACTED"', text)
    text = re.sub(r'("(?:enabledCodecs|publisherCandidates|subscriberCandidates)":\s?)\[[^\]]*\]', r"\1[]", text)
    text = re.sub(r"127\.0\.0\.1:\d+", "127.0.0.1:7880", text)
    path.write_text(text.rstrip("\n") + "\n")


def main() -> None:
    target = Path(sys.argv[1])
    target.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as work:
        record(Path(work), target, "json")
        record(Path(work), target, "console")


if __name__ == "__main__":
    main()
