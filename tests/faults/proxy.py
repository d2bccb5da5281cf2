"""A proxy in front of a real server that does to connections and answers what a rule says, and passes on all else."""

import asyncio
import socket
import ssl
import struct
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal, Self

import aiohttp
from livekit.protocol import room as room_service

from tests.lab.support import BackgroundLoop, free_port

End = Literal["pass", "close", "reset", "hold"]
"""What becomes of a connection: everything is passed on, it is closed, it is reset, nothing more is said on it."""

CHUNK = 1 << 16
_OF_PHONES = ("/CreateSIPParticipant", "/RemoveParticipant")
LONGEST = 90.0
"""Seconds that a connection is held."""


@dataclass(frozen=True)
class Wire:
    """What happens below HTTP, or to any other protocol."""

    listens: bool = True
    """Else nothing listens on the port."""
    tls: str = ""
    """The certificate with which the proxy speaks TLS to the tool; none: no TLS."""
    newest_tls: ssl.TLSVersion = ssl.TLSVersion.MAXIMUM_SUPPORTED
    hears: int = 0
    """Bytes that are read from the tool before anything is said."""
    says: bytes = b""
    then: End = "pass"
    """After `hears` and `says`, or where there is an `after`, once so many bytes were passed on from the server."""
    after: int | None = None
    endless: bool = False
    """`says` is said for ever."""
    latency: float = 0.0
    """Seconds that each piece from the server is late."""
    times: int | None = None
    """Only the first so many connections; None: each."""


@dataclass(frozen=True)
class Http:
    """What happens to requests whose path has `where` in it. Without a `status` the answer is the server's own."""

    where: str = "/"
    status: int | None = None
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    """None: the server's own, or none."""
    raw: bytes | None = None
    """The whole answer, headers included, in place of all else."""
    passes_on: bool = False
    """The server gets the request, whatever becomes of its answer."""
    at_once: bool = False
    """No answer of the server's is waited for."""
    pause: float = 0.0
    """Seconds before the answer."""
    pace: float = 0.0
    """Seconds before each byte of it."""
    cut: int | None = None
    """So many bytes of the answer are sent; then `end`."""
    cut_body: int | None = None
    """The same, counted from the end of the headers."""
    end: Literal["close", "reset", "hold"] = "close"
    endless: bool = False
    """The body never ends."""
    times: int | None = None
    """Only the first so many such requests."""


@dataclass(frozen=True)
class Pooler:
    """A pooler in front of Postgres, stricter than any: no prepared statements, no startup parameters but these."""

    allows: tuple[str, ...] = ("user", "database", "application_name", "client_encoding")


Rule = Wire | Http | Pooler


class Proxy:
    """`upstream` says the server's port now, since a restart moves it. Listens on loopback while it is entered.

    `seen` are the paths that were asked; `created` the rooms that were to be created, whether or not they were.
    """

    def __init__(self, upstream: Callable[[], int], rule: Rule | None, certificates: Mapping[str, str]) -> None:
        self.upstream, self.rule, self.certificates = upstream, rule, certificates
        self.seen: list[str] = []
        self.created: list[str] = []
        self.met = 0
        self.matched = 0
        self.when_asked: tuple[str, Callable[[], None]] | None = None
        """Called once, when a path that has the text in it is asked, before the request is passed on."""
        self.carrier = 0
        """The port of a phone network, which is asked in the server's place to dial and to hang up."""
        self.port = 0
        self._tasks: set[asyncio.Task[None]] = set()

    def __enter__(self) -> Self:
        self._loop = BackgroundLoop()
        if isinstance(self.rule, Wire) and not self.rule.listens:
            self.port = free_port()
        else:
            self._loop.run(self._listen())
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.close()

    async def _listen(self) -> None:
        secure = None
        if isinstance(self.rule, Wire) and self.rule.tls:
            secure = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            secure.load_cert_chain(self.certificates[self.rule.tls])
            if self.rule.newest_tls is not ssl.TLSVersion.MAXIMUM_SUPPORTED:
                secure.set_ciphers("ALL:@SECLEVEL=0")
                secure.minimum_version = secure.maximum_version = self.rule.newest_tls
        server = await asyncio.start_server(self._met, "127.0.0.1", 0, ssl=secure, limit=1 << 24)
        self.port = int(server.sockets[0].getsockname()[1])

    async def _met(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.met += 1
        with suppress(OSError, EOFError, aiohttp.ClientError, asyncio.LimitOverrunError, asyncio.CancelledError):
            match self.rule:
                case Wire() as wire if wire.times is None or self.met <= wire.times:
                    await self._wire(wire, reader, writer)
                case Pooler() as pooler:
                    await self._pooler(pooler, reader, writer)
                case Wire():
                    await self._pass_on(reader, writer)
                case _:
                    await self._http(reader, writer)
        writer.close()

    async def _wire(self, wire: Wire, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if wire.hears:
            await reader.readexactly(wire.hears)
        while wire.endless:
            writer.write(wire.says)
            await writer.drain()
        if wire.says:
            writer.write(wire.says)
            await writer.drain()
        if wire.after is None and wire.then != "pass":
            await _end(wire.then, writer)
        elif wire.tls and not wire.latency:
            await self._http(reader, writer)
        else:
            await self._pass_on(reader, writer, wire)

    async def _pass_on(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, wire: Wire | None = None, head: bytes = b""
    ) -> None:
        wire = wire or Wire()
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.upstream())
        to_writer.write(head)
        sending = asyncio.create_task(_pipe(reader, to_writer))
        left = wire.after
        try:
            while data := await to_reader.read(CHUNK):
                if wire.latency:
                    await asyncio.sleep(wire.latency)
                writer.write(data if left is None or wire.then == "pass" else data[:left])
                await writer.drain()
                if left is not None and (left := left - len(data)) <= 0:
                    if wire.then != "pass":
                        await _end(wire.then, writer)
                        return
                    await self._act("")
        finally:
            sending.cancel()
            to_writer.close()

    async def _pooler(self, pooler: Pooler, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            head = await reader.readexactly(8)
            length, number = struct.unpack("!II", head)
            rest = await reader.readexactly(length - 8)
            if number not in (80877103, 80877104):
                break
            writer.write(b"N")  # no TLS, no GSSAPI
        names = rest.rstrip(b"\0").split(b"\0")[::2]
        if other := [name.decode() for name in names if name.decode() not in pooler.allows]:
            writer.write(postgres_error("08P01", f"unsupported startup parameter: {other[0]}"))
            await writer.drain()
            return
        to_reader, to_writer = await asyncio.open_connection("127.0.0.1", self.upstream())
        to_writer.write(head + rest)
        answers = asyncio.create_task(_pipe(to_reader, writer))
        try:
            while kind := await reader.read(1):
                length = await reader.readexactly(4)
                content = await reader.readexactly(struct.unpack("!I", length)[0] - 4)
                if kind == b"P":
                    writer.write(postgres_error("0A000", "prepared statements are not supported here"))
                    await writer.drain()
                    return
                to_writer.write(kind + length + content)
                await to_writer.drain()
            await answers
        finally:
            answers.cancel()
            to_writer.close()

    async def _http(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Requests one after the other, each as the rule says."""
        while True:
            head = await reader.readuntil(b"\r\n\r\n")
            path = head.split(b" ", 2)[1].decode()
            headers = {
                name.strip().lower(): value.strip()
                for name, _, value in (line.partition(":") for line in head.decode("latin-1").split("\r\n")[1:])
            }
            body = await reader.readexactly(int(headers.get("content-length", "0")))
            self._note(path, body)
            await self._act(path)
            rule = self.rule if isinstance(self.rule, Http) and self.rule.where in path else None
            if rule is not None:
                self.matched += 1
            if rule is None or (rule.times is not None and self.matched > rule.times):
                rule = Http()
            if headers.get("upgrade", "").lower() == "websocket" and rule.status is None and rule.raw is None:
                await self._pass_on(reader, writer, head=head)
                return
            if not await self._answered(rule, (head, headers, path, body), writer):
                return

    async def _act(self, path: str) -> None:
        if self.when_asked and self.when_asked[0] in path:
            act, self.when_asked = self.when_asked[1], None
            await asyncio.to_thread(act)

    def _note(self, path: str, body: bytes) -> None:
        self.seen.append(path)
        if path.endswith("/CreateRoom"):
            self.created.append(room_service.CreateRoomRequest.FromString(body).name)

    async def _answered(
        self, rule: Http, request: tuple[bytes, dict[str, str], str, bytes], writer: asyncio.StreamWriter
    ) -> bool:
        """Whether the connection goes on."""
        status, headers, body = 0, dict[str, str](), b""
        if rule.at_once:
            self._tasks.add(asyncio.create_task(self._given_up(*request)))
        elif rule.passes_on or (rule.status is None and rule.raw is None):
            status, headers, body = await self._asked(*request)
        status = rule.status or status
        headers = {**headers, **rule.headers}
        body = rule.body if rule.body is not None else body if rule.status is None else b""
        if rule.endless:
            headers["Content-Length"] = str(1 << 40)
        headers.setdefault("Content-Length", str(len(body)))
        head = (
            f"HTTP/1.1 {status} Said\r\n" + "".join(f"{name}: {value}\r\n" for name, value in headers.items()) + "\r\n"
        )
        whole = rule.raw if rule.raw is not None else head.encode("latin-1") + body
        await asyncio.sleep(rule.pause)
        cut = rule.cut if rule.cut_body is None else len(head) + rule.cut_body
        sent = whole if cut is None else whole[:cut]
        for piece in (sent,) if not rule.pace else (sent[place : place + 1] for place in range(len(sent))):
            await asyncio.sleep(rule.pace)
            writer.write(piece)
            await writer.drain()
        while rule.endless:
            writer.write(body or bytes(CHUNK))
            await writer.drain()
        if cut is not None or rule.raw is not None:
            await _end(rule.end, writer)
            return False
        return True

    async def _given_up(self, *request: Any) -> None:
        with suppress(aiohttp.ClientError, asyncio.CancelledError):
            await self._asked(*request)

    async def _asked(
        self, head: bytes, headers: dict[str, str], path: str, body: bytes
    ) -> tuple[int, dict[str, str], bytes]:
        kept = {name: headers[name] for name in ("authorization", "content-type") if name in headers}
        port = self.carrier if self.carrier and path.endswith(_OF_PHONES) else self.upstream()
        url = f"http://127.0.0.1:{port}{path}"
        async with (
            aiohttp.ClientSession() as session,
            session.request(head.split(b" ")[0].decode(), url, headers=kept, data=body) as answer,
        ):
            own = {name: answer.headers[name] for name in ("Content-Type", "Date") if name in answer.headers}
            return answer.status, own, await answer.read()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(CHUNK):
            writer.write(data)
            await writer.drain()
        writer.write_eof()


async def _end(how: End, writer: asyncio.StreamWriter) -> None:
    if how == "hold":
        await asyncio.sleep(LONGEST)
    elif how == "reset":
        connection = writer.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        writer.transport.abort()
    writer.close()


def postgres_error(state: str, message: str) -> bytes:
    """An ErrorResponse of Postgres, as it is said before or after the login."""
    fields = b"".join(kind + text.encode() + b"\0" for kind, text in ((b"S", "FATAL"), (b"C", state), (b"M", message)))
    return b"E" + struct.pack("!I", len(fields) + 5) + fields + b"\0"
