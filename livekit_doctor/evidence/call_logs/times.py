"""Timestamps as people store and export them."""

import re
from datetime import UTC, datetime

from livekit_doctor import lazy_re

# Seconds, milliseconds, microseconds and nanoseconds of the same moments do not overlap within
# these years, so the size of an epoch number tells its unit.
_EARLIEST = datetime(2000, 1, 1, tzinfo=UTC).timestamp()
_LATEST = datetime(2100, 1, 1, tzinfo=UTC).timestamp()

_NUMBER = lazy_re.compile(r"[+-]?\d{1,30}(?:\.\d{0,30})?(?:[eE][+-]?\d{1,2})?")
_UTC_NAME = lazy_re.compile(r"\s*(?:UTC|GMT|Z)$", re.IGNORECASE)


def parse_time(value: object) -> datetime | None:
    """A moment in UTC: ISO 8601 in its usual spellings, epoch seconds or milliseconds, an e-mail
    date. Without a zone it is taken as UTC. None where it is no such thing."""
    if isinstance(value, bool):
        return None
    if isinstance(value, int | float):
        return _from_epoch(float(value)) if abs(value) < 1e30 else None
    text = value.strip() if isinstance(value, str) else ""
    if not text:
        return None
    if _NUMBER.fullmatch(text) and (moment := _from_epoch(float(text))):
        return moment
    return _from_iso(text) or _from_email(text)


def _from_epoch(number: float) -> datetime | None:
    for unit in (1, 1e3, 1e6, 1e9):
        if _EARLIEST <= number / unit <= _LATEST:
            return datetime.fromtimestamp(number / unit, UTC)
    return None


def _from_iso(text: str) -> datetime | None:
    try:
        return _in_utc(datetime.fromisoformat(_UTC_NAME.sub("+00:00", text.replace("/", "-"))))
    except (ValueError, OverflowError):
        return None


def _from_email(text: str) -> datetime | None:
    from email.utils import parsedate_to_datetime

    try:
        return _in_utc(parsedate_to_datetime(text))
    except (ValueError, OverflowError, TypeError, IndexError):
        return None


def _in_utc(moment: datetime) -> datetime | None:
    """None in years in which nothing was logged: around 1 and 10000 nothing could be reckoned from it."""
    moment = moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    return moment if 1970 <= moment.year < 2200 else None
