"""The HTTP server of `watch`: /metrics, /healthz and /livez. It reads nothing and changes nothing."""

import asyncio
import errno
import ipaddress
import logging
import socket
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import msgspec
from aiohttp import web
from aiohttp.http_exceptions import HttpProcessingError
from msgspec import Struct

from livekit_doctor.checks.judgement import one_line
from livekit_doctor.cli.exits import Exit
from livekit_doctor.errors import UserError
from livekit_doctor.known_secrets import without
from livekit_doctor.operations.watch import Watched
from livekit_doctor.render.json import health
from livekit_doctor.render.prometheus import watch as prometheus_watch
from livekit_doctor.render.prometheus.exposition import CONTENT_TYPE

CLOSING = 0.5
"""Seconds that a request under way at the end has."""
PATHS = "/metrics /healthz /livez"


class Address(Struct, frozen=True):
    host: str
    port: int

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"


class Serving(Struct, frozen=True):
    """What is served, at the port that was really taken."""

    address: Address
    is_local: bool

    def __str__(self) -> str:
        return f"http://{self.address} {PATHS}"


def address_of(given: str) -> Address | None:
    """HOST:PORT as it is typed; None for `off`. A port alone is one of loopback."""
    if given.strip().lower() == "off":
        return None
    typed = given.strip()
    host, _, port = typed.rpartition(":") if not typed.isdigit() else ("127.0.0.1", "", typed)
    is_bracketed = host.startswith("[") and host.endswith("]")
    host = host[1:-1] if is_bracketed else host
    is_port = port.isascii() and port.isdigit() and len(port) <= 5 and int(port) <= 65535
    if not is_port or (not _is_address(host) if is_bracketed else ":" in host):
        raise _wrong(f'--listen "{given}" is not HOST:PORT')
    if not host:
        raise _wrong(f'--listen "{given}" names no host; 0.0.0.0:{port} is all of them')
    return Address(host, int(port))


@asynccontextmanager
async def serving(address: Address, watched: Callable[[], Watched]) -> AsyncIterator[Serving]:
    """Serves what `watched` gives. Raises UserError where the address can't be had."""
    runner = web.AppRunner(
        _app(watched), access_log=None, handle_signals=False, shutdown_timeout=CLOSING, logger=_logger()
    )
    await runner.setup()
    try:
        try:
            await web.TCPSite(runner, address.host, address.port).start()
        except OSError as error:
            raise _wrong(f"--listen {address}: {_reason(error)}") from None
        hosts = [str(taken[0]) for taken in runner.addresses]
        local = all(_is_address(host) and ipaddress.ip_address(host.partition("%")[0]).is_loopback for host in hosts)
        yield Serving(Address(address.host, int(runner.addresses[0][1])), local)
    finally:
        await runner.cleanup()


class _OneLine(logging.Handler):
    """What clients do wrong they are told; what goes wrong here is a line. A traceback would be aiohttp's own."""

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if not isinstance(error, HttpProcessingError):
            reason = f": {one_line(error)}" if isinstance(error, Exception) else ""
            print(f"watch: {record.getMessage()}{reason}", file=sys.stderr)


def _logger() -> logging.Logger:
    logger = logging.Logger("livekit_doctor.watch", logging.WARNING)
    logger.addHandler(_OneLine())
    return logger


def _app(watched: Callable[[], Watched]) -> web.Application:
    clock = asyncio.get_running_loop().time

    async def metrics(_: web.Request) -> web.Response:
        body = without(prometheus_watch.render(watched())).encode()
        return web.Response(body=body, headers={"Content-Type": CONTENT_TYPE, "Cache-Control": "no-store"})

    async def healthz(_: web.Request) -> web.Response:
        return _answer(*health.health(watched(), clock()))

    async def livez(_: web.Request) -> web.Response:
        return _answer(*health.life(watched(), clock()))

    async def index(_: web.Request) -> web.Response:
        return web.Response(text="\n".join(("livekit-doctor watch", *PATHS.split(), "")))

    app = web.Application()
    for path, handler in (("/metrics", metrics), ("/healthz", healthz), ("/livez", livez), ("/", index)):
        app.router.add_get(path, handler)
    return app


def _answer(ok: bool, body: dict[str, Any]) -> web.Response:
    text = without(msgspec.json.encode(body).decode()) + "\n"
    headers = {"Cache-Control": "no-store"}
    return web.Response(status=200 if ok else 503, text=text, content_type="application/json", headers=headers)


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host.partition("%")[0])
    except ValueError:
        return False
    return True


def _reason(error: OSError) -> str:
    if isinstance(error, socket.gaierror):
        return "this host has no address"
    reasons = {
        errno.EADDRINUSE: "the port is in use",
        errno.EACCES: "this user may not open the port",
        errno.EADDRNOTAVAIL: "this machine does not have the address",
        None: "this machine does not have the address",  # asyncio's own words since Python 3.13, without a number
    }
    return reasons.get(error.errno, error.strerror or "can't be opened")


def _wrong(message: str) -> UserError:
    fix = "livekit-doctor watch --listen 127.0.0.1:PORT with a free port (0: any), or --listen off"
    return UserError("LKD001", message, fix, Exit.USAGE)
