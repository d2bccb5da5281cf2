"""Opening a log: a file, compressed or not, a pipe, or standard input."""

import codecs
import gzip
import io
import os
import stat
import sys
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from msgspec import Struct

from livekit_doctor.evidence.logs.blocks import BLOCK
from livekit_doctor.evidence.observations import Component
from livekit_doctor.input_file import open_input, open_stdin

BROKEN_GZIP = (gzip.BadGzipFile, EOFError, zlib.error)
STDIN = "-"

_GZIP = b"\x1f\x8b"
_UTF8_BOM = b"\xef\xbb\xbf"
_UTF16_BOMS = (b"\xff\xfe", b"\xfe\xff")


class Unopenable(Exception):
    """A log that can't be opened at all. The message is one line: what is wrong."""


class LogSource(Struct, frozen=True):
    """A log of one component: a file's name, or - for standard input."""

    log: Component
    name: str

    @property
    def is_regular(self) -> bool:
        """Whether it can be read again: a plain file, and no pipe."""
        try:
            return self.name != STDIN and stat.S_ISREG(os.stat(Path(self.name).expanduser()).st_mode)
        except (OSError, ValueError):
            return False

    @property
    def size(self) -> int | None:
        """Bytes on disk, for the progress; None where that can't be known."""
        return os.stat(Path(self.name).expanduser()).st_size if self.is_regular else None


def check(source: LogSource) -> None:
    """Raises Unopenable where the log can't be opened. Does not open a pipe, which would wait for its writer."""
    if source.name == STDIN:
        if sys.stdin is None or sys.stdin.isatty():
            raise Unopenable("standard input is a terminal; pipe the log into it")
        return
    path = Path(source.name).expanduser()
    try:
        mode = os.stat(path).st_mode
        if stat.S_ISDIR(mode):
            raise Unopenable(f"{source.name} is a folder, not a file")
        if stat.S_ISSOCK(mode):
            raise Unopenable(f"{source.name} is a socket, not a file")
        if not stat.S_ISFIFO(mode):
            open_input(path).close()
        elif not os.access(path, os.R_OK):
            raise PermissionError(13, "Permission denied")
    except FileNotFoundError:
        where = f"there is no file {source.name}" if path.parent.is_dir() else f"there is no folder {path.parent}"
        raise Unopenable(where) from None
    except OSError as error:
        raise Unopenable(f"{source.name} can't be read: {error.strerror or error}") from None
    except ValueError:  # Python words it differently from version to version
        raise Unopenable(f"{source.name} can't be read: embedded null byte") from None


class Stream:
    """The bytes of a log as UTF-8, in parts. `position` are the bytes of the file read so far."""

    def __init__(self, source: LogSource) -> None:
        self._raw: BinaryIO = open_stdin() if source.name == STDIN else open_input(source.name)
        self._is_stdin = source.name == STDIN
        # A file that grows while it is read would never end.
        self._left = source.size
        self.position = 0

    def parts(self, size: int = BLOCK) -> Iterator[bytes]:
        """Raises OSError, and one of BROKEN_GZIP, for what can't be read on."""
        read: Callable[[int], bytes] = self.read
        start = read(size)
        if start.startswith(_GZIP):
            # read1: what a broken gzip file held before it breaks is not lost.
            read = gzip.GzipFile(fileobj=io.BufferedReader(_Rest(start, self))).read1
            start = read(size)
        if start[:2] in _UTF16_BOMS:
            decoder = codecs.getincrementaldecoder("utf-16")(errors="replace")
            while start:
                yield decoder.decode(start).encode("utf-8", "replace")
                start = read(size)
        part = start.removeprefix(_UTF8_BOM)
        while part:
            yield part
            part = read(size)

    def read(self, size: int) -> bytes:
        if self._left is not None:
            size = min(size, self._left)
        part = self._raw.read(size) if size else b""
        self.position += len(part)
        if self._left is not None:
            self._left -= len(part)
        return part

    def close(self) -> None:
        if not self._is_stdin:
            self._raw.close()


class _Rest(io.RawIOBase):
    """The stream from its beginning, of which a part has been read."""

    def __init__(self, start: bytes, stream: Stream) -> None:
        self._start, self._stream = start, stream

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        part = self._start[: len(buffer)] or self._stream.read(len(buffer))
        self._start = self._start[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)
