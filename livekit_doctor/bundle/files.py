"""Bundles as files: read up to a limit, written as a whole or not at all."""

import gzip
import os
import sys
import tempfile
import zlib
from contextlib import suppress
from io import BytesIO
from pathlib import Path
from types import TracebackType
from typing import Self

from livekit_doctor.bundle import Bundle
from livekit_doctor.bundle.codec import BundleRefused, decode, encode
from livekit_doctor.errors import UserError

LARGEST = 64 * 1024 * 1024
"""Bytes of JSON. A call that is followed for an hour makes a tenth of it."""

STDIN = "-"
_GZIP = b"\x1f\x8b"


def read(name: str) -> Bundle:
    """The bundle in the file of this name, compressed or not, or on standard input for "-".

    Raises BundleRefused.
    """
    shown = "standard input" if name == STDIN else name
    try:
        if name == STDIN:
            data = sys.stdin.buffer.read(LARGEST + 1) if sys.stdin else b""
        else:
            with Path(name).open("rb") as file:
                data = file.read(LARGEST + 1)
        if data.startswith(_GZIP):
            data = gzip.GzipFile(fileobj=BytesIO(data)).read(LARGEST + 1)
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise BundleRefused(shown, "its compression is damaged, or it is truncated", "copy the file again") from None
    except FileNotFoundError:
        raise BundleRefused(shown, "no such file", "livekit-doctor trace --bundle FILE") from None
    except IsADirectoryError:
        raise BundleRefused(shown, "a folder, not a bundle", "livekit-doctor trace --bundle FILE") from None
    except (OSError, ValueError) as error:
        raise BundleRefused(shown, f"cannot be read: {_reason(error)}", "make it readable for this user") from None
    if len(data) > LARGEST:
        raise BundleRefused(shown, f"larger than {LARGEST // 1024 // 1024} MB, which no bundle is", "name the bundle")
    return decode(data, shown)


class Target:
    """The file that a bundle will be saved as. Entering raises UserError where that can't be, so that it
    is known before any evidence is gathered; leaving removes what is not finished."""

    def __init__(self, name: str, *, force: bool = False) -> None:
        self.name = name
        self.path = Path(os.path.realpath(name)) if "\0" not in name else Path(name)
        self.force = force
        self._unfinished: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._refuse_unusable()
            number, path = tempfile.mkstemp(dir=self.path.parent, prefix=".livekit-doctor-", suffix=".part")
        except (OSError, ValueError) as error:
            raise self._refused(f"cannot be written: {_reason(error)}", "name a file in a folder of yours") from None
        os.close(number)
        self._unfinished = Path(path)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._unfinished is not None:
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)

    def save(self, bundle: Bundle) -> int:
        """Writes the bundle, compressed for a name in .gz; returns how many bytes it has.

        Raises UserError, and then there is no such file, or the one from before.
        """
        assert self._unfinished is not None, "not entered"
        data = encode(bundle)
        if self.path.suffix == ".gz":
            data = gzip.compress(data, mtime=0)
        try:
            with self._unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            self._refuse_unusable()
            self._unfinished.replace(self.path)
        except OSError as error:
            raise self._refused(f"not saved: {_reason(error)}", "name another file") from None
        return len(data)

    def _refuse_unusable(self) -> None:
        folder = self.path.parent
        if self.name == STDIN or not self.name:
            raise self._refused("--save needs the name of a file", "livekit-doctor trace CALL_ID --save FILE")
        if not folder.is_dir():
            raise self._refused(f"there is no folder {folder}", f"mkdir -p {folder}")
        if self.path.is_dir():
            raise self._refused("a folder; --save needs the name of a file", f"--save {self.name.rstrip('/')}/FILE")
        if self.path.exists() and not self.force:
            raise self._refused("exists already, and is not overwritten", "name another file, or add --force")
        if self.path.exists() and not self.path.is_file():
            raise self._refused("not a file that could be replaced", "name another file")

    def _refused(self, why: str, fix: str) -> UserError:
        return UserError("LKD001", f"{self.name}: {why}" if self.name else why, fix)


def _reason(error: OSError | ValueError) -> str:
    return (isinstance(error, OSError) and error.strerror) or str(error)
