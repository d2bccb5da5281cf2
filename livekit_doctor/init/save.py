"""Writes a new file as a whole or not at all, and over another one only when told to."""

import os
import secrets
import shutil
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

from livekit_doctor.errors import UserError


def refuse_unusable(path: Path, shown: str, *, replace: bool) -> None:
    """Raises UserError where the file can't be written, or is there and may not be replaced."""
    if path.is_dir():
        raise _refused(
            f"{shown} is a folder, not a file", f"livekit-doctor init --file {shown.rstrip('/')}/checks.yaml"
        )
    if not path.parent.is_dir():
        raise _refused(f"{shown}: there is no folder {path.parent}", f"mkdir -p {path.parent}")
    if os.path.lexists(path) and not replace:
        fix = "livekit-doctor init --force, or --file with the name of another file"
        raise _refused(f"{shown} exists already, and is not overwritten", fix)
    if os.path.exists(path) and not path.is_file():
        raise _refused(f"{shown} is not a file that could be replaced", "livekit-doctor init --file FILE")
    if not os.access(path.parent, os.W_OK | os.X_OK):
        raise _refused(f"{shown}: the folder {path.parent} can't be written to", "name a file in a folder of yours")


def save(text: str, path: Path, shown: str, *, replace: bool, accept: Callable[[Path], None]) -> None:
    """Writes the text next to `path`, has it accepted there, and only then gives it its name.

    Raises UserError, and what `accept` raises; then there is no such file, or the one from before.
    """
    refuse_unusable(path, shown, replace=replace)
    target = Path(os.path.realpath(path))
    unfinished = target.with_name(f".{target.name[:100]}.{secrets.token_hex(4)}.part")
    try:
        with unfinished.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
            file.flush()
            os.fsync(file.fileno())
        accept(unfinished)
        if replace and target.exists():
            shutil.copymode(target, unfinished)
        if replace or not _linked(unfinished, target):
            refuse_unusable(path, shown, replace=replace)
            unfinished.replace(target)
    except FileExistsError:
        refuse_unusable(path, shown, replace=replace)
        raise
    except OSError as error:
        raise _refused(f"{shown}: not written: {error.strerror}", "livekit-doctor init --file FILE") from None
    finally:
        with suppress(OSError):
            unfinished.unlink(missing_ok=True)


def _linked(unfinished: Path, target: Path) -> bool:
    """Gives it its name unless that has been taken meanwhile; False where the file system has no links."""
    try:
        os.link(unfinished, target)
    except FileExistsError:
        raise
    except OSError:
        return False
    return True


def _refused(message: str, fix: str) -> UserError:
    return UserError("LKD001", message, fix)
