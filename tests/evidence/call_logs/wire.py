"""A TCP proxy in front of Postgres that notes what a client sends, and can fall silent."""

import asyncio
import struct
from typing import Self

from tests.lab.support import BackgroundLoop

_PROTOCOL = 196608


class Wire:
    def __init__(self, port: int) -> None:
        self.startup: dict[str, str] = {}
        """The parameters of the last connection."""
        self.messages: list[tuple[str, bytes]] = []
        """What was sent after it, by message type, without passwords."""
        self.silent_after: int | None = None
        """Queries after which the client hears nothing more."""
        self._target = port
        self._loop = BackgroundLoop()
        self._writers: list[asyncio.StreamWriter] = []

    @property
    def queries(self) -> list[str]:
        return [body[:-1].decode() for kind, body in self.messages if kind == "Q"]

    def __enter__(self) -> Self:
        self._server = self._loop.run(asyncio.start_server(self._serve, "127.0.0.1", 0))
        self.port = self._server.sockets[0].getsockname()[1]
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.run(self._stop())
        self._loop.close()

    async def _stop(self) -> None:
        self._server.close()
        for writer in self._writers:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        upstream_reader, upstream_writer = await asyncio.open_connection("127.0.0.1", self._target)
        self._writers += [writer, upstream_writer]
        answers = asyncio.create_task(self._answer(upstream_reader, writer))
        try:
            (length,) = struct.unpack("!i", await reader.readexactly(4))
            body = await reader.readexactly(length - 4)
            if struct.unpack("!i", body[:4])[0] == _PROTOCOL:
                words = body[4:].rstrip(b"\0").decode().split("\0")
                self.startup = dict(zip(words[::2], words[1::2], strict=True))
            upstream_writer.write(struct.pack("!i", length) + body)
            while True:
                head = await reader.readexactly(5)
                kind, (length,) = chr(head[0]), struct.unpack("!i", head[1:])
                body = await reader.readexactly(length - 4)
                if kind != "p":
                    self.messages.append((kind, body))
                upstream_writer.write(head + body)
        except (asyncio.IncompleteReadError, ConnectionError):
            upstream_writer.close()
            await answers

    async def _answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                if self.silent_after is None or len(self.queries) <= self.silent_after:
                    writer.write(data)
            writer.close()
        except ConnectionError:
            pass
