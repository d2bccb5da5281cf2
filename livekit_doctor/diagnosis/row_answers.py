"""What a log row tells of the answer to the attempt to dial: the SIP status that is its own.

A row's metadata may speak of many statuses: those of a transfer, of what is dialled again, of attempts that
came before. Its own stands at the top, in an error, or in an object that only wraps these.
"""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from livekit_doctor.diagnosis.states import is_of_other_phone, says_failed
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import LEGS, Leg, Step

_SAYS_NOTHING = frozenset({Step.CALL_REQUESTED, Step.ROOM_CREATED, Step.SIP_DIALING, *LEGS[Leg.AGENT]})
"""The steps that a row reports before any answer, or of the other leg: what it tells of an answer is about an
earlier attempt, or the configuration."""

_ERRORS = frozenset({"error", "err", "lasterror", "exception", "exc", "cause", "failure"})
_WRAPPERS = _ERRORS | {
    *("sip", "carrier", "livekit", "twirp", "response", "result", "body", "payload", "data", "context"),
    *("meta", "metadata", "detail", "details"),
}
_STATUS = "sipstatuscode"
_DEEPEST = 6

_ELSEWHERE = re.compile(
    r"transfer|\brefer\b|forward|redial|retr(?:y|ies)|attempts|previous|fall_?back|failover", re.IGNORECASE
)
"""Names of what is about another attempt than the row's own."""
_ELSEWHERE_IN_TEXT = re.compile(r"transfer|\brefer\b|attempts|_(?:if|on|policy)\b", re.IGNORECASE)

_STATUS_IN_TEXT = re.compile(
    r"\bsip status:? (\d{3})\b|sip_?status_?code[^\w\[\]{}]{1,6}(\d{3})\b|\bSIP call failed: (\d{3})\b", re.IGNORECASE
)
_OF_ERROR = re.compile(r"fail|error|invite|reject|refus", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Refusal:
    """A final SIP status, 300 to 699. `sure` where the row says by its state, or by an error, that the phone's
    leg failed with it; else it may be about anything."""

    status: int
    sure: bool


def refusal_in(row: LogRow, step: Step | None) -> Refusal | None:
    """The refusal that the row tells of; `step` is the one that its state stands for. None also where it has
    several statuses: which was the call's it does not say."""
    if step in _SAYS_NOTHING or (step is None and is_of_other_phone(row.state)):
        return None
    found = list(_in_text(row.metadata, in_error=False, depth=0))
    statuses = {status for status, _ in found}
    if len(statuses) != 1 or not 300 <= (status := statuses.pop()) <= 699:
        return None
    by_name = step is Step.CALL_ENDED or (step is None and says_failed(row.state))
    return Refusal(status, sure=by_name or any(in_error for _, in_error in found))


_Found = Iterator[tuple[int, bool]]


def _in_text(text: str, *, in_error: bool, depth: int) -> _Found:
    """The statuses of a text, which may be JSON, and whether they are an error's."""
    value = _parsed(text)
    if isinstance(value, dict):
        yield from _in_object(value, in_error=in_error, depth=depth)
    elif isinstance(value, str) and depth < _DEEPEST:
        yield from _in_text(value, in_error=in_error, depth=depth + 1)
    elif value is None:
        elsewhere, of_error = _ELSEWHERE_IN_TEXT.search(text), in_error or _OF_ERROR.search(text) is not None
        for match in _STATUS_IN_TEXT.finditer(text, 0, elsewhere.start() if elsewhere else len(text)):
            yield int(match[1] or match[2] or match[3]), of_error


def _in_object(value: dict[str, Any], *, in_error: bool, depth: int) -> _Found:
    for key, item in value.items():
        name = re.sub(r"[\W_]", "", key).lower()
        inside = in_error or name in _ERRORS
        if name == _STATUS:
            if found := re.match(r"\d{3}\b", str(item)):
                yield int(found[0]), in_error
        elif depth >= _DEEPEST or _ELSEWHERE.search(key):
            continue
        elif isinstance(item, dict) and name in _WRAPPERS:
            yield from _in_object(item, in_error=inside, depth=depth + 1)
        elif isinstance(item, str):
            yield from _in_text(item, in_error=inside, depth=depth + 1)


def _parsed(text: str) -> object:
    """The JSON that a text is; None where it is none."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
