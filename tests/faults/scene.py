"""A call that is broken in its live room and in the rows of the log, and the tool that looks at it through a fault."""

import json
import os
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import aiohttp
import psycopg
from livekit.api import ServerError
from psycopg.conninfo import conninfo_to_dict, make_conninfo

from livekit_doctor.diagnosis.times import DATE_RESOLUTION
from livekit_doctor.evidence.observations import SCRATCH_PREFIX
from tests.cli.command_line import COMPILED
from tests.cli.skew import clock_ahead_by
from tests.experiments.carrier import Carrier, Script
from tests.faults import certificates, processes
from tests.faults.declared import COMMANDS, PATIENT, PLACES, Command, Fault, Place
from tests.faults.proxy import Proxy, Wire
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.modes import WorkerSettings
from tests.lab.phone import Phone
from tests.lab.servers import Database, LiveKitServer, Postgres, Redis
from tests.lab.support import until
from tests.lab.worker import Worker
from tests.recordings import dialled

AGENT = "Agent of Faults"
ROOM = "outbound-of-faults"
_BROKEN_AFTER = 0.5
_PROBED = 6.0
_CALL = Script(dialled("answered-wait"), [("dialing", 0.1), ("ringing", 0.1), ("active", 0.1)])
_LOGIN = 350
"""Bytes of Postgres within which it answers a login."""


@dataclass
class Scene:
    """All real, and well."""

    folder: Path
    redis: Redis
    livekit: LiveKitServer
    port_for_workers: int
    """A port that stays when livekit-server is restarted."""
    postgres: Postgres
    worker: Worker
    certificates: Mapping[str, str]
    edge: Edge = field(init=False)
    database: "Filled" = field(init=False)
    _call: ExitStack = field(default_factory=ExitStack)
    _looking: threading.Lock = field(default_factory=threading.Lock)

    def port(self, place: Place) -> int:
        """Where the real thing listens now."""
        if place == "worker":
            with self._looking:  # a look at a process is not for two threads at once
                return int(self.worker.http_url.rpartition(":")[2])
        return self.livekit.port if place == "livekit" else self.postgres.port

    def start(self, component: str) -> None:
        """Starts it again, its process being gone."""
        if component == "worker":
            self.worker.stop()
            url = {"LIVEKIT_URL": f"ws://127.0.0.1:{self.port_for_workers}"}
            self.worker.start(url).wait_until_registered()
        else:
            getattr(self, component).start()

    def restore(self, component: str) -> None:
        """All is well after this component was killed: what hangs on it is started anew, and the call is placed."""
        if component in ("livekit", "redis"):  # of a server that was killed Redis keeps a node, and rooms on it
            for server in (self.livekit, self.redis):
                server.stop()
            for server in (self.redis, self.livekit):
                server.start()
            self.place_call()
            self.start("worker")
        elif component == "worker" or not self.postgres.alive:
            self.start(component)

    def close(self) -> None:
        """Nothing of the call is left on the servers."""
        self._call.close()
        if hasattr(self, "database"):
            self.database.database.drop()

    def _end_call(self, edge: Edge) -> None:
        if self.livekit.alive:
            with suppress(ServerError, aiohttp.ClientError):  # a server that was killed and came again does not have it
                edge.delete_room(ROOM)

    def place_call(self) -> None:
        """The room with the phone, and no agent was dispatched to it."""
        self._call.close()
        self.edge = Edge(self.livekit)
        self._call.callback(self.edge.close)
        self.edge.create_room(ROOM)
        self._call.callback(self._end_call, self.edge)
        self._call.enter_context(Phone(self.livekit, ROOM, status="active"))
        time.sleep(_BROKEN_AFTER + DATE_RESOLUTION.total_seconds())  # before that it may be in progress

    def filled(self) -> "Filled":
        """A database with the rows of the call, and a role that may read them."""
        database = self.postgres.create_database()
        role = conninfo_to_dict(database.create_role("select on call_state_logs"))
        call = f"call-{secrets.token_hex(4)}"
        for state in ("room_created", "sip_participant_created"):
            log_row(database, call, state, at=datetime.now(UTC) - timedelta(minutes=10))
        return Filled(database, call, str(role["user"]), str(role["password"]))


@dataclass(frozen=True)
class Filled:
    database: Database
    call: str
    role: str
    password: str

    @property
    def names(self) -> dict[str, str]:
        return {"role": self.role, "password": self.password, "database": self.database.name}


class _ToRedis:
    """Redis as livekit-server sees it: through a proxy, so that a restart moves nothing."""

    def __init__(self, port: int) -> None:
        self.port = port


@contextmanager
def scene(folder: Path) -> Iterator[Scene]:
    with ExitStack() as stack:
        redis = stack.enter_context(Redis(folder))
        to_redis = stack.enter_context(Proxy(lambda: redis.port, Wire(), {}))
        livekit = stack.enter_context(LiveKitServer(folder, _ToRedis(to_redis.port)))  # type: ignore[arg-type]
        to_livekit = stack.enter_context(Proxy(lambda: livekit.port, Wire(), {}))
        postgres = stack.enter_context(Postgres(folder))
        worker = Worker(folder, livekit, WorkerSettings(AGENT))
        stack.callback(worker.stop)
        worker.start({"LIVEKIT_URL": f"ws://127.0.0.1:{to_livekit.port}"}).wait_until_registered()
        made = Scene(folder, redis, livekit, to_livekit.port, postgres, worker, certificates.make(folder))
        stack.callback(made.close)
        made.place_call()
        made.database = made.filled()
        Doctor(folder, None).run("--version")  # starts what runs are forked from
        yield made


@dataclass
class Met:
    """A command that met a fault."""

    fault: Fault
    command: Command
    ran: Ran
    took: float
    left: tuple[str, ...]
    """Scratch rooms of this run that are still there."""
    created: tuple[str, ...]
    rang: bool
    """Whether a phone was rung."""
    secrets: tuple[str, ...] = field(repr=False)


@contextmanager
def faulty(scene: Scene, fault: Fault) -> Iterator[Callable[[str], Met]]:
    """Makes the fault; returns what runs a command, by its name, and looks at what it left."""
    with ExitStack() as stack:
        filled = scene.database
        if fault.place == "postgres":
            filled = scene.filled()
            stack.callback(filled.database.drop)
            for statement in fault.sql:
                filled.database.execute(
                    statement.replace("{role}", filled.role).replace("{database}", filled.database.name)
                )
            if fault.holds:
                holding = stack.enter_context(psycopg.connect(filled.database.dsn))
                for statement in fault.holds:
                    holding.execute(statement)  # type: ignore[arg-type]
            if fault.cancels:
                stack.enter_context(_cancelling(filled, fault.cancels))
        rule = fault.rule or (_plain(fault) if fault.place == "postgres" else None)
        proxy = stack.enter_context(Proxy(partial(scene.port, fault.proxied), rule, scene.certificates))
        proxies = {fault.proxied: proxy.port}
        if fault.proxied != fault.place:  # whose port a restart moves
            proxies[fault.place] = stack.enter_context(Proxy(partial(scene.port, fault.place), None, {})).port
        carrier = stack.enter_context(Carrier(scene.livekit))
        carrier.script = _CALL
        stack.callback(carrier.hang_up)
        proxy.carrier = int(carrier.url.rpartition(":")[2])
        number = secrets.token_hex(4)

        def run(name: str) -> Met:
            folder = scene.folder / f"run-{number}-{name}"
            folder.mkdir(exist_ok=True)
            ports = {place: scene.port(place) for place in PLACES} | proxies  # of a worker that was restarted a new one
            doctor = _doctor(scene, fault, filled, ports, folder)
            if name == "test-call" and fault.proxied != "livekit":
                doctor.env["LIVEKIT_URL"] = carrier.url
            if fault.process is None:
                return _met(scene, fault, COMMANDS[name], doctor, filled, proxy, carrier)
            with processes.done(scene, fault.process, name, proxy):
                met = _met(scene, fault, COMMANDS[name], doctor, filled, proxy, carrier)
            return _looked_again(scene, met)

        yield run


def _plain(fault: Fault) -> Wire:
    """Passes on all, and lets a process's fault happen after the login was answered."""
    return Wire(after=_LOGIN if fault.process is not None else None)


def _doctor(scene: Scene, fault: Fault, filled: Filled, ports: Mapping[Place, int], folder: Path) -> Doctor:
    doctor = Doctor(folder, scene.livekit)
    values = {**filled.names, "port": str(ports[fault.place]), **scene.certificates}
    doctor.env["LIVEKIT_URL"] = f"{fault.scheme or 'ws'}://127.0.0.1:{ports['livekit']}"
    if isinstance(fault.dsn, str):
        dsn = fault.dsn.format(**values)
    else:
        own = {**conninfo_to_dict(filled.database.dsn), "port": ports["postgres"], "user": filled.role}
        changed = {**own, "password": filled.password, "connect_timeout": None, **fault.dsn}
        dsn = make_conninfo(**{key: value for key, value in changed.items() if value is not None})
    doctor.env["CALL_LOGS_DATABASE_URL"] = dsn
    doctor.env |= COMPILED
    doctor.env |= {name: value.format(**values) for name, value in fault.env.items()}
    if fault.skew:
        doctor.env |= clock_ahead_by(fault.skew, folder)
        doctor.env["PYTHONPATH"] += f"{os.pathsep}{Path(__file__).parents[2]}"  # this checkout's own
    given = fault.settings
    timeouts = {
        place: fault.timeout if place == fault.place else PATIENT for place in ("livekit", "postgres", "worker")
    }
    url = f"http://127.0.0.1:{ports['worker']}"
    worker: dict[str, Any] = {"url": url, **given.get("worker", {}), "timeout": timeouts["worker"]}
    worker["url"] = worker["url"].format(**values)
    doctor.configure(
        {
            "agent": {"name": scene.worker.agent_name},
            "livekit": {"timeout": timeouts["livekit"]},
            "probe": {"timeout": _PROBED},
            "call_logs": {"timeout": timeouts["postgres"], **given.get("call_logs", {})},
            "workers": [worker],
            "flow": {"allowances": {"agent_dispatched": {"slow_after": 0.2, "broken_after": _BROKEN_AFTER}}},
        }
    )
    return doctor


def _met(
    scene: Scene, fault: Fault, command: Command, doctor: Doctor, filled: Filled, proxy: Proxy, carrier: Carrier
) -> Met:
    before, proxy.met, proxy.matched, rung = len(proxy.created), 0, 0, len(carrier.dialled)
    for name in command.without:
        doctor.env.pop(name, None)
    words = {"call": filled.call, "room": ROOM, "seconds": f"{max(1.0, fault.timeout):g}"}
    arguments = [word.format(**words) for word in command.arguments]
    began = time.monotonic()
    ran = doctor.run(*arguments, "--format", "json")
    took = time.monotonic() - began
    if (file := doctor.folder / "watch.json").exists():  # what `watch` says in full is in its file
        ran = replace(ran, stdout=f"{ran.stdout}{json.dumps(json.loads(file.read_text()))}\n")
    created = tuple(name for name in proxy.created[before:] if name.startswith(SCRATCH_PREFIX))
    left = _left(scene, created) if fault.process is None else ()
    known = (scene.livekit.api_secret, filled.password, "canary-secret", doctor.env.get("LIVEKIT_API_SECRET", ""))
    rang = len(carrier.dialled) > rung
    return Met(fault, command, ran, took, left, created, rang, tuple(filter(None, known)))


def _looked_again(scene: Scene, met: Met) -> Met:
    """With what is there once all is well again."""
    return replace(met, left=_left(scene, met.created))


def _left(scene: Scene, created: tuple[str, ...]) -> tuple[str, ...]:
    """Those that are still there; they are removed."""
    left = tuple(room.name for room in scene.edge.rooms(*created)) if created else ()
    for name in left:
        until(partial(_is_deleted, scene.edge, name), what=f"deleting {name}")
    return left


def _is_deleted(edge: Edge, room: str) -> bool:
    """A server that was stopped and goes on answers 503 for a while."""
    try:
        edge.delete_room(room)
    except ServerError as error:
        return error.status == 404
    return True


@contextmanager
def _cancelling(filled: Filled, function: str) -> Iterator[None]:
    """Ends each query of the role as soon as it runs."""
    ended = threading.Event()
    statement = (
        f"select {function}(pid) from pg_stat_activity"
        f" where usename = '{filled.role}' and state = 'active'"
        " and query like '%call_state_logs%' and query like '%WHERE%'"
    )

    def work() -> None:
        with psycopg.connect(filled.database.dsn, autocommit=True) as connection:
            while not ended.wait(0.1):
                with suppress(psycopg.Error):
                    connection.execute(statement)  # type: ignore[arg-type]

    thread = threading.Thread(target=work, daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(10)
