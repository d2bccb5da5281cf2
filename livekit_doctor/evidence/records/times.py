"""Times as log lines have them."""

import re
from datetime import datetime

from livekit_doctor.evidence.call_logs.times import parse_time

_ZONE = re.compile(r"(?:Z|[+-]\d\d:?\d\d|UTC|GMT)$", re.IGNORECASE)


def moment(value: object) -> tuple[datetime | None, bool]:
    """A moment in UTC and whether it had a zone: epoch seconds or milliseconds, or ISO 8601, also with
    the comma of Python's logging and more digits than microseconds."""
    if isinstance(value, int | float):
        return parse_time(value), True
    if not isinstance(value, str):
        return None, True
    text = value.strip().replace(",", ".")
    text = re.sub(r"(\.\d{6})\d+", r"\1", text)
    text = re.sub(r" (?=[+-]\d\d:?\d\d$)", "", text)
    at = parse_time(text)
    return at, at is None or text.replace(".", "").isdigit() or bool(_ZONE.search(text))
