"""--since and --until as people type them: 24h, 7d, 90m, or a moment."""

import re
from datetime import UTC, datetime, timedelta

from livekit_doctor import lazy_re
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.times import parse_time

_LENGTH = lazy_re.compile(r"(\d+(?:\.\d+)?)\s*(s|m|min|h|d|w)", re.IGNORECASE)
_UNITS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86_400, "w": 7 * 86_400}


def moment_or_length(option: str, text: str) -> datetime | timedelta:
    """A length of time before now, or a moment (UTC where it names no zone). Raises UserError."""
    if length := length_of(text):
        return length
    if (at := parse_time(text)) is not None:
        return at.astimezone(UTC)
    raise UserError(
        "LKD001",
        f"{option} {text}: neither a length of time nor a moment",
        f"{option} 24h (also 90m, 7d), or {option} 2026-11-28T06:00 (UTC)",
    )


def length_of(text: str) -> timedelta | None:
    """Such as 24h, 90m or 7d; None for what is no length of time, or one of more than ten years."""
    found = _LENGTH.fullmatch(text.strip())
    length = timedelta(seconds=float(found[1]) * _UNITS[found[2].lower()]) if found else timedelta(0)
    return length if timedelta(0) < length <= timedelta(days=3660) else None


def share(option: str, text: str) -> float:
    """Such as 2% or 0.02. Raises UserError."""
    number = text.strip().removesuffix("%")
    try:
        value = float(number) / (100 if text.strip().endswith("%") else 1)
    except ValueError:
        value = -1.0
    if not 0 <= value <= 1:
        raise UserError("LKD001", f"{option} {text}: not a share", f"{option} 2%")
    return value
