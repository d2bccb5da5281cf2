"""HTTP/1.1 requests, each answered within a time and up to a size: h11 over asyncio's streams.

Whole clients were measured and import too slowly for a tool that runs for half a second (median on
2 cores, beyond asyncio's own 73 ms): aiohttp 180 ms, httpx with anyio 90 ms, h11 10 ms. What this
client does not do is on purpose: it follows no redirect, unpacks nothing, and sends nothing twice.

Every failure is an OSError or a ValueError (no URL); the classes below tell those apart that have
no class of their own in Python.
"""

import asyncio
import os
import ssl
from base64 import b64encode
from collections.abc import Mapping
from contextlib import suppress
from functools import cache
from time import monotonic
from typing import Self
from urllib.parse import SplitResult, quote, unquote, urlsplit

import h11
from msgspec import Struct

from livekit_doctor import __version__

IDLE = 15.0
"""Seconds for which a connection without a request is used again. Servers and balancers close it after 60 or more,
and a request that meets the closing would have to be sent twice."""
CHUNK = 1 << 16
HEADERS = 1 << 16
"""Bytes of an answer's headers."""
LIMIT_OF_ERROR = 1 << 16
"""Bytes of an error's body."""
MOST_AT_ONCE = 64 << 20
"""Bytes of all answers that are being read."""
USER_AGENT = f"livekit-doctor/{__version__}"


class ConnectError(OSError):
    """There was no connection, so nothing was sent. `__cause__` says why."""


class ProxyError(OSError):
    """The proxy that the environment names did not pass the request on. The text says which, and why."""


class NoAnswerError(ConnectionError):
    """The connection was closed or reset before the first byte of an answer."""


class CutOffError(ConnectionError):
    """The connection was closed or reset in the middle of an answer. The text says after how much of it."""


class NotHttpError(OSError):
    """What answers does not speak HTTP."""


class Answer(Struct, frozen=True):
    """`headers` by their names in lower case; `body` at most one byte longer than it may be. A large one that is longer
    `is_dropped`."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    is_dropped: bool = False


class _Room(Struct):
    """How many bytes of answers there is still room for."""

    left: int


class HttpClient:
    """An async context manager. Keeps connections for further requests to the same server."""

    def __init__(self, most: int = MOST_AT_ONCE) -> None:
        self._room = _Room(most)
        self._idle: dict[tuple[str, str], list[_Connection]] = {}
        self._is_open = False

    async def __aenter__(self) -> Self:
        self._is_open = True
        return self

    async def __aexit__(self, *_: object) -> None:
        self._is_open = False
        for connections in self._idle.values():
            for connection in connections:
                connection.close()
        self._idle.clear()

    async def request(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes = b"",
        limit: int,
        within: float,
    ) -> Answer:
        """One request, within so many seconds. `limit` is how many bytes are read of the body of an answer with
        status 200, and LIMIT_OF_ERROR of any other.

        Raises OSError (TimeoutError among them) or ValueError.
        """
        parts = checked(url)
        async with asyncio.timeout(within):
            connection = self._reused(parts) or await _connected(parts)
            try:
                answer = await connection.exchange(method, parts, headers or {}, body, limit, self._room)
            except h11.LocalProtocolError as error:
                raise ValueError(f"not an HTTP request: {error}") from error
            except h11.RemoteProtocolError as error:
                raise NotHttpError(str(error)) from error
            finally:
                if connection.is_between_requests and self._is_open:
                    connection.rest()
                    self._idle.setdefault((parts.scheme, parts.netloc), []).append(connection)
                else:
                    connection.close()
        return answer

    def _reused(self, parts: SplitResult) -> "_Connection | None":
        connections = self._idle.get((parts.scheme, parts.netloc), [])
        while connections:
            connection = connections.pop()
            if connection.is_fresh:
                return connection
            connection.close()
        return None


def checked(url: str) -> SplitResult:
    """The parts of an HTTP URL; raises ValueError for what is none."""
    parts = urlsplit(url)
    if parts.scheme not in ("http", "https") or not parts.hostname or parts.port == 0:
        raise ValueError(f"not an HTTP URL: {url}")
    return parts


class _Connection:
    def __init__(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, through: "SplitResult | None" = None
    ) -> None:
        self.reader, self.writer = reader, writer
        self.through = through
        """The proxy to which a request without TLS is given whole."""
        self.idle_since = 0.0
        self._came = bytearray()
        """The beginning of what came as an answer."""
        self._length: int | None = None
        """Bytes of the answer's body, 0 where it comes in chunks, None where the end of the connection ends it."""
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=HEADERS)

    @property
    def is_between_requests(self) -> bool:
        return self._http.our_state is h11.DONE and self._http.their_state is h11.DONE

    def rest(self) -> None:
        self.idle_since = monotonic()
        self._came.clear()
        self._http.start_next_cycle()

    @property
    def is_fresh(self) -> bool:
        return monotonic() - self.idle_since < IDLE and not (self.reader.at_eof() or self.writer.is_closing())

    def close(self) -> None:
        """At once: a TLS connection would wait for the other side's goodbye."""
        self.writer.transport.abort()

    async def exchange(
        self, method: str, parts: SplitResult, headers: Mapping[str, str], body: bytes, limit: int, room: "_Room"
    ) -> Answer:
        host = _host(parts)
        target = quote(f"{parts.path or '/'}{f'?{parts.query}' if parts.query else ''}", safe=_IN_TARGET)
        own = {"Host": host, "User-Agent": USER_AGENT, "Accept-Encoding": "identity"}
        own |= _login("Authorization", parts)
        if self.through:
            target = f"{parts.scheme}://{host}{target}"
            own |= _login("Proxy-Authorization", self.through)
        if body or method == "POST":
            own["Content-Length"] = str(len(body))
        self._send(h11.Request(method=method, target=target, headers=[*(own | dict(headers)).items()]))
        if body:
            self._send(h11.Data(body))
        self._send(h11.EndOfMessage())
        await self.writer.drain()
        return await self._answer(limit, room)

    def _send(self, event: h11.Event) -> None:
        self.writer.write(self._http.send(event) or b"")

    async def tunnel(self, host: str, headers: Mapping[str, str]) -> h11.Response:
        """What a proxy answers that is asked for a connection to this host and port."""
        self._send(h11.Request(method="CONNECT", target=host, headers=[*headers.items()]))
        self._send(h11.EndOfMessage())
        while not isinstance(event := await self._next(), h11.Response):
            pass
        return event

    async def _next(self, so_far: int = 0) -> object:
        """The next part of the answer, of whose body there are so many bytes."""
        while (event := self._http.next_event()) is h11.NEED_DATA:
            try:
                data = await self.reader.read(CHUNK)
            except ConnectionError:
                data = b""
            if not data:
                self._require_whole(so_far)
            if self._http.their_state is h11.SEND_RESPONSE:
                self._came += data[: _BEGINNING - len(self._came)]
            self._http.receive_data(data)
        return event

    def _require_whole(self, so_far: int) -> None:
        """Raises what the end of the connection means where it is not how the answer ends."""
        if self._http.their_state is h11.SEND_RESPONSE:
            if not self._came:
                raise NoAnswerError("the connection was closed before an answer")
            if not b"HTTP/1.".startswith(bytes(self._came[:7])):
                raise NotHttpError(f"it begins {bytes(self._came)!r}")
            raise CutOffError("in its headers")
        if self._length is not None:
            raise CutOffError(f"after {so_far} bytes of {self._length}" if self._length else f"after {so_far} bytes")

    async def _answer(self, limit: int, room: "_Room") -> Answer:
        status, headers, longest, length = 0, dict[str, str](), 0, 0
        parts: list[bytes] = []
        try:
            while True:
                event = await self._next(length)
                if isinstance(event, h11.Response):
                    status = event.status_code
                    headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in event.headers}
                    self._length = _length_of(headers)
                    longest = limit if status == 200 else LIMIT_OF_ERROR
                elif isinstance(event, h11.Data):
                    parts.append(bytes(event.data))
                    length += len(event.data)
                    room.left -= len(event.data)
                    if length > longest or room.left < 0:
                        kept = b"".join(parts)[: longest + 1] if longest <= LIMIT_OF_ERROR else b""
                        return Answer(status, headers, kept, is_dropped=not kept)
                elif isinstance(event, h11.EndOfMessage):
                    return Answer(status, headers, b"".join(parts))
        finally:
            room.left += length


async def _connected(parts: SplitResult) -> _Connection:
    """A new connection to the server, or to the proxy that the environment names for it."""
    proxy = proxy_of(parts.scheme, parts.hostname or "")
    secure = ssl_context() if parts.scheme == "https" else None
    if proxy is None:
        return _Connection(*await _opened(parts, secure))
    name = f"the proxy {proxy.scheme}://{proxy.netloc.rpartition('@')[2]} (from the environment)"
    try:
        reader, writer = await _opened(proxy, ssl_context() if proxy.scheme == "https" else None)
    except ConnectError as error:
        raise ProxyError(f"{name} can't be reached: {error.__cause__}") from error
    if secure is None:
        return _Connection(reader, writer, through=proxy)
    try:
        await _tunnelled(_Connection(reader, writer), parts, proxy, name)
        await _started_tls(writer, secure, parts)
    except BaseException:
        writer.transport.abort()
        raise
    return _Connection(reader, writer)


async def _opened(
    parts: SplitResult, secure: ssl.SSLContext | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    try:
        return await asyncio.open_connection(
            parts.hostname, parts.port or _PORTS[parts.scheme], ssl=secure, happy_eyeballs_delay=0.25
        )
    except OSError as error:
        raise ConnectError(str(error)) from error


async def _tunnelled(through: _Connection, parts: SplitResult, proxy: SplitResult, name: str) -> None:
    host = _host(parts) if parts.port else f"{_host(parts).rstrip(':')}:{_PORTS[parts.scheme]}"
    headers = {"Host": host, "User-Agent": USER_AGENT} | _login("Proxy-Authorization", proxy)
    try:
        answer = await through.tunnel(host, headers)
    except NoAnswerError as error:
        raise ProxyError(f"{name} closed the connection without an answer") from error
    except h11.ProtocolError as error:
        raise ProxyError(f"{name} does not speak HTTP") from error
    if not 200 <= answer.status_code < 300:
        raise ProxyError(f"{name} answered HTTP {answer.status_code} {answer.reason.decode('latin-1')}".rstrip())


async def _started_tls(writer: asyncio.StreamWriter, secure: ssl.SSLContext, parts: SplitResult) -> None:
    try:
        await writer.start_tls(secure, server_hostname=parts.hostname)
    except OSError as error:
        raise ConnectError(str(error)) from error


_PORTS = {"http": 80, "https": 443}
_IN_TARGET = "/?%:@!$&'()*+,;=~"
_BEGINNING = 80
"""Bytes by which another protocol is told from HTTP."""


@cache
def ssl_context() -> ssl.SSLContext:
    """The certificates that this system trusts."""
    return ssl.create_default_context()


def proxy_of(scheme: str, host: str) -> SplitResult | None:
    """The proxy that the environment names for http or https requests to this host (HTTPS_PROXY, NO_PROXY
    and so on). As for Go's clients, `lk` among them, none is ever asked for this machine itself.

    Raises ProxyError where it is none that can be used.
    """
    if not any(name.lower().endswith("_proxy") for name in os.environ) or _is_loopback(host):
        return None
    from urllib.request import getproxies, proxy_bypass

    proxies = getproxies()
    named = proxies.get(scheme) or proxies.get("all")
    if not named or proxy_bypass(host):
        return None
    parts = urlsplit(named if "://" in named else f"http://{named}")
    with suppress(ValueError):
        if parts.scheme in _PORTS and parts.hostname and parts.port != 0:
            return parts
    shown = f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}"
    raise ProxyError(f"the proxy {shown} (from the environment) is none: only http:// and https:// proxies are used")


def _is_loopback(host: str) -> bool:
    return host == "localhost" or host == "::1" or host.startswith("127.")


def _host(parts: SplitResult) -> str:
    """Host and port as they stand in a request; raises ValueError (UnicodeError) for what is no host name."""
    host = parts.netloc.rpartition("@")[2]
    return host if host.isascii() else host.encode("idna").decode()


def _login(header: str, parts: SplitResult) -> dict[str, str]:
    """The header for a URL's user and password, if it has them."""
    if not parts.username:
        return {}
    login = f"{unquote(parts.username)}:{unquote(parts.password or '')}"
    return {header: f"Basic {b64encode(login.encode()).decode()}"}


def _length_of(headers: Mapping[str, str]) -> int | None:
    if "transfer-encoding" in headers:
        return 0
    length = headers.get("content-length", "")
    return int(length) if length.isdecimal() else None
