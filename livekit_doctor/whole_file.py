"""Files that are written as a whole or not at all."""

import errno
import os
import tempfile
import threading
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Self

from livekit_doctor.errors import UserError

STDIN = "-"


class WholeFile:
    """A file to be written at the end. Entering raises UserError where that can't be, so that it is known
    before any work is done; leaving removes what is not finished. `option` is what named the file, for
    what errors say. Only its owner can read it, unless `public`; then it also may be something special,
    such as a pipe, unless `special` says otherwise. Who reads a pipe is waited for, if `patient`.
    """

    def __init__(
        self,
        name: str,
        option: str,
        *,
        force: bool = False,
        public: bool = False,
        special: bool = True,
        patient: bool = True,
    ) -> None:
        self.name, self.option, self.force, self.patient = name, option, force, patient
        self.public, self.special = public, public and special
        # A link to a file stays one; where a link leads that stands for a pipe is no path.
        self.path = Path(name) if "\0" in name or self._is_special_at(Path(name)) else Path(os.path.realpath(name))
        self._unfinished: Path | None = None

    def __enter__(self) -> Self:
        try:
            self._refuse_unusable()
            if self._is_special:
                return self
            number, path = tempfile.mkstemp(dir=self.path.parent, prefix=".livekit-doctor-", suffix=".part")
        except (OSError, ValueError) as error:
            raise self._refused(f"cannot be written: {reason(error)}", "name a file in a folder of yours") from None
        self._unfinished = Path(path)
        try:
            if self.public:
                os.fchmod(number, self.path.stat().st_mode & 0o777 if self.path.exists() else 0o666 & ~umask())
        finally:
            os.close(number)
        return self

    def __exit__(self, *_: object) -> None:
        if self._unfinished is not None:
            with suppress(OSError):
                self._unfinished.unlink(missing_ok=True)

    def write(self, data: bytes, accept: Callable[[Path], None] = lambda _: None) -> None:
        """Writes it all. Raises UserError, and then there is no such file, or the one from before; the same
        holds for what `accept` raises, which is given the file before it has its name."""
        try:
            if self._unfinished is None:
                self._pour(data)
                return
            with self._unfinished.open("wb") as file:
                file.write(data)
                file.flush()
                os.fsync(file.fileno())
            accept(self._unfinished)
            self._refuse_unusable()
            self._unfinished.replace(self.path)
        except OSError as error:
            raise self._refused(f"not saved: {reason(error)}", "name another file") from None

    def _pour(self, data: bytes) -> None:
        """Writes into something special, and leaves nothing to be written when it is closed."""
        number = os.open(self.path, os.O_WRONLY | (0 if self.patient else os.O_NONBLOCK))
        try:
            left = memoryview(data)
            while left:
                left = left[os.write(number, left) :]
        finally:
            os.close(number)

    @property
    def _is_special(self) -> bool:
        return self._is_special_at(self.path)

    def _is_special_at(self, path: Path) -> bool:
        try:
            return self.special and path.exists() and not path.is_file() and not path.is_dir()
        except OSError:  # a name that is too long: __enter__ says so
            return False

    def _refuse_unusable(self) -> None:
        folder = self.path.parent
        if self.name == STDIN or not self.name:
            raise self._refused(f"{self.option} needs the name of a file", f"{self.option} FILE")
        if not folder.is_dir():
            raise self._refused(f"there is no folder {folder}", f"mkdir -p {folder}")
        with suppress(FileNotFoundError):
            self.path.lstat()  # what can't be a name raises; exists() says of it since Python 3.14 that it is not there
        if self.path.is_symlink() and not self._is_special:
            raise self._refused("a link that leads back to itself", "name another file")
        if self.path.is_dir() or self.name.endswith("/"):
            fix = f"{self.option} {self.name.rstrip('/')}/FILE"
            raise self._refused(f"a folder; {self.option} needs the name of a file", fix)
        if self.path.exists() and not self.force:
            raise self._refused("exists already, and is not overwritten", "name another file, or add --force")
        if self.path.exists() and not self.path.is_file() and not self.special:
            raise self._refused("not a file that could be replaced", "name another file")

    def _refused(self, why: str, fix: str) -> UserError:
        return UserError("LKD001", f"{self.name}: {why}" if self.name else why, fix)


def umask() -> int:
    """The umask can only be read by setting it: that of the whole process, so by one thread at a time."""
    with _UMASK:
        mask = os.umask(0o077)
        os.umask(mask)
    return mask


_UMASK = threading.Lock()


def reason(error: OSError | ValueError) -> str:
    """Why, in the system's words, unless they name what nobody sees."""
    if isinstance(error, OSError) and error.errno in (errno.ENXIO, errno.EAGAIN):
        return "nobody reads it"
    return (isinstance(error, OSError) and error.strerror) or str(error)
