"""Opening what was pasted: a file, compressed or not, or standard input."""

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.logs.source import BROKEN_GZIP, STDIN, LogSource, Stream, Unopenable, check

LARGEST = 10 << 20
"""Bytes of text: nobody pastes more, and a whole log is better read as one."""


def text_of(name: str) -> str:
    """The text of a file, or of standard input for -. Raises UserError where that can't be had."""
    source = LogSource("server", name)  # opened in the same way, whosever log it is
    try:
        check(source)
        stream = Stream(source)
        try:
            return _decoded(stream, name)
        finally:
            stream.close()
    except Unopenable as error:
        raise _unusable(name, str(error)) from None
    except BROKEN_GZIP as error:
        raise _unusable(name, f"its gzip data is broken: {error}") from None
    except (OSError, ValueError) as error:
        raise _unusable(name, (isinstance(error, OSError) and error.strerror) or str(error)) from None


def _decoded(stream: Stream, name: str) -> str:
    parts: list[bytes] = []
    left = LARGEST
    for part in stream.parts():
        left -= len(part)
        if left < 0:
            raise UserError(
                "LKD001",
                f"--evidence: {_shown(name)} has more than {LARGEST >> 20} MB: that is for what people paste",
                "give a component's whole log with --worker-log, --server-log or --sip-log, which filter it",
            )
        parts.append(part)
    return b"".join(parts).decode("utf-8", "replace")


def _unusable(name: str, why: str) -> UserError:
    return UserError("LKD001", f"--evidence: {why}", "correct --evidence, or give - and paste into standard input")


def _shown(name: str) -> str:
    return "standard input" if name == STDIN else name
