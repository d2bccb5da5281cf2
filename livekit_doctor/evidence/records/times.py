"""Times as log lines have them."""

import re
from contextlib import suppress
from datetime import UTC, datetime, timedelta

from livekit_doctor import lazy_re
from livekit_doctor.evidence.call_logs.times import parse_time

_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAY = (
    r"(?:(?P<name>[A-Z][a-z]{2})[a-z]{0,6}\.? (?P<day>\d{1,2})(?:st|nd|rd|th)?"
    r"|(?P<first>\d{1,2})(?P<mark>[/.])(?P<second>\d{1,2}))[,/. ]{1,2}(?P<year>\d{4})"
)
_WRITTEN = lazy_re.compile(
    rf"{_DAY},?(?: @| at)? (?P<hour>\d{{1,2}}):(?P<minute>\d\d):(?P<secs>\d\d)(?:[.,](?P<part>\d{{1,9}}))?"
    r"(?: ?(?P<half>[AaPp])\.?[Mm]\b\.?)?(?: ?(?P<zone>UTC|GMT|Z|[+-]\d\d:?\d\d))?$"
)
"""As consoles of log hosts write it for people: Nov 24, 2026 @ 15:07:06.527 (Kibana), 11/24/2026, 3:07:06.527 PM
(Azure), 24.11.2026 15:07:06."""
IN_TEXT = lazy_re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)?")
"""A moment anywhere in a line, with its date."""
_ZONE = lazy_re.compile(r"(?:Z|[+-]\d\d:?\d\d|UTC|GMT)$", re.IGNORECASE)


def moment(value: object) -> tuple[datetime | None, bool]:
    """A moment in UTC and whether it had a zone: epoch seconds or milliseconds, or ISO 8601, also with
    the comma of Python's logging and more digits than microseconds."""
    if isinstance(value, int | float):
        return parse_time(value), True
    if not isinstance(value, str):
        return None, True
    if written := _WRITTEN.match(value.strip()):
        return _written(written)
    text = value.strip().replace(",", ".")
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    text = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", text)
    at = parse_time(text)
    return at, at is None or text.replace(".", "").isdigit() or bool(_ZONE.search(text))


def _written(found: re.Match[str]) -> tuple[datetime | None, bool]:
    """Of two numbers the month is the first behind a slash, unless it can't be, and the second behind a dot."""
    name = (found["name"] or "").lower()
    first, second = int(found["first"] or 0), int(found["second"] or 0)
    month, day = (first, second) if found["mark"] == "/" and first <= 12 else (second, first)
    if name:
        month, day = _MONTHS.index(name) + 1 if name in _MONTHS else 0, int(found["day"])
    hour = int(found["hour"])
    if found["half"]:
        hour = hour % 12 + (12 if found["half"].lower() == "p" else 0)
    micro = int((found["part"] or "0")[:6].ljust(6, "0"))
    zone = (found["zone"] or "").replace(":", "")
    with suppress(ValueError, OverflowError):
        at = datetime(int(found["year"]), month, day, hour, int(found["minute"]), int(found["secs"]), micro, UTC)
        if zone[:1] in ("+", "-"):
            offset = timedelta(hours=int(zone[1:3]), minutes=int(zone[3:]))
            at = at - offset if zone[0] == "+" else at + offset
        return at, bool(zone)
    return None, True
