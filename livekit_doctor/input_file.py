"""What is named to be read, opened so that reading it ends: a plain file, a pipe or standard input, and no device.

A pipe is waited for, since what `<(...)` runs may take a while, and not for ever.
"""

import errno
import io
import os
import select
import stat
import sys
from pathlib import Path
from typing import BinaryIO, cast

WRITER_WITHIN = 10.0
"""Seconds for which somebody is waited for who writes to a pipe."""
IDLE = 60.0
"""Seconds for which such a writer may write nothing."""
_AT_ONCE = 1 << 20
MOST_OF_PIPE = 2 << 30
"""Bytes that are read of a pipe. Of a file it is its size."""


def open_input(name: str | Path) -> BinaryIO:
    """The file of this name, unbuffered. Raises OSError, whose `strerror` says why it can't be read, and ValueError for
    a name that no file has."""
    path = Path(name).expanduser()
    mode = os.stat(path).st_mode
    if stat.S_ISFIFO(mode):
        return _pipe(os.open(path, os.O_RDONLY | os.O_NONBLOCK))
    if stat.S_ISCHR(mode) or stat.S_ISBLK(mode):
        return _device(path)
    return path.open("rb", buffering=0)


def open_stdin() -> BinaryIO:
    """Standard input, which is somebody's to close. Raises OSError."""
    stdin = sys.stdin.buffer
    try:
        number = stdin.fileno()
        mode = os.fstat(number).st_mode
    except (OSError, ValueError):  # no file of the system's
        return stdin
    if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):
        return _pipe(os.dup(number))
    if stat.S_ISCHR(mode):
        return _device(Path(f"/dev/fd/{number}"))
    return cast(BinaryIO, os.fdopen(os.dup(number), "rb", buffering=0))


def read_all(file: BinaryIO, most: int) -> bytes:
    """All there is, or one byte more than `most`. Closes what this module has opened."""
    parts: list[bytes] = []
    left = most + 1
    while left and (part := file.read(min(left, _AT_ONCE))):
        parts.append(part)
        left -= len(part)
    if sys.stdin is None or file is not sys.stdin.buffer:
        file.close()
    return b"".join(parts)


def _device(path: Path) -> BinaryIO:
    if os.path.samefile(path, os.devnull):
        return io.BytesIO()
    raise OSError(errno.EINVAL, "a terminal, or another device, and not a file")


def _pipe(number: int) -> BinaryIO:
    return cast(BinaryIO, _Pipe(number))


class _Pipe(io.RawIOBase):
    """A pipe, of which no read waits for ever. Reading raises OSError where nobody writes."""

    def __init__(self, number: int) -> None:
        self._number = number
        self._left = MOST_OF_PIPE
        self._poll = select.poll()
        self._poll.register(number, select.POLLIN | select.POLLHUP)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        self._wait()
        part = os.read(self._number, len(buffer))
        self._left -= len(part)
        if self._left < 0:
            raise OSError(errno.EFBIG, f"there is no end of it within {MOST_OF_PIPE >> 30} GB")
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        if not self.closed:
            os.close(self._number)
        super().close()

    def _wait(self) -> None:
        if self._poll.poll(WRITER_WITHIN * 1000):
            return
        if not self._has_writer():
            raise OSError(errno.EPIPE, f"nobody writes to this pipe (waited {WRITER_WITHIN:g} s)")
        if not self._poll.poll(max(0.0, IDLE - WRITER_WITHIN) * 1000):
            raise OSError(errno.ETIMEDOUT, f"who writes to this pipe wrote nothing for {IDLE:g} s")

    def _has_writer(self) -> bool:
        """Only a pipe that was opened by its name can be without one, and not at its end."""
        if os.get_blocking(self._number):
            return True
        try:
            os.read(self._number, 1)  # nothing is there: it is at its end, or has nothing to read yet
        except BlockingIOError:
            return True
        return False
