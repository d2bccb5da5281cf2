"""What the final SIP statuses mean as answers to an outbound call, and what to do about each.

The words are data, `sip_statuses.yaml`, read when a status is first asked for. A status that is
not registered is answered by its class, as RFC 3261 (section 8.1.3.2) has it.
"""

import re
from functools import cache
from typing import Literal

import msgspec

from livekit_doctor.catalogue import Fix, read_data

__all__ = [
    "HTTP_OF_TWIRP",
    "CarrierWords",
    "Meaning",
    "SipStatus",
    "carrier_words",
    "registered",
    "sip_status",
    "words_of",
]

Who = Literal["carrier", "callee", "network"]

HTTP_OF_TWIRP = {
    "invalid_argument": 400,
    "unauthenticated": 401,
    "permission_denied": 403,
    "not_found": 404,
    "canceled": 408,
    "deadline_exceeded": 408,
    "aborted": 409,
    "failed_precondition": 412,
    "resource_exhausted": 429,
    "internal": 500,
    "unknown": 500,
    "unimplemented": 501,
    "unavailable": 503,
}
"""The HTTP status of each Twirp code that SIP calls fail with (Twirp v7 specification, "Error Codes")."""


class Meaning(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing that a status can mean, and what to do if it does. `who` says no. `rang`: that nobody picked up."""

    who: Who
    means: str
    fix: Fix
    rang: bool = False


class SipStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A final SIP status. `twirp` is the code with which CreateSIPParticipant passes it on when it
    waits for the answer (livekit-server 1.13.5); the HTTP status follows from that and misleads."""

    code: int
    name: str
    twirp: str
    meanings: tuple[Meaning, ...]
    """The likeliest first."""
    registered: bool = True

    @property
    def http(self) -> int:
        """The HTTP status of the failed API request."""
        return HTTP_OF_TWIRP[self.twirp]


class CarrierWords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What carriers say in words of their own beside a status, which alone says less. `texts` are regular
    expressions, any of which is in the error in any case."""

    name: str
    texts: tuple[str, ...]
    meaning: Meaning


class _File(msgspec.Struct, frozen=True, kw_only=True):
    statuses: tuple[SipStatus, ...]
    classes: tuple[SipStatus, ...]
    words: tuple[CarrierWords, ...]


def carrier_words(*texts: str) -> CarrierWords | None:
    """What the carrier says in its own words; None where these are no more than the status."""
    return next((words for words in _file().words if _says(words, texts)), None)


def _says(words: CarrierWords, texts: tuple[str, ...]) -> bool:
    return any(re.search(pattern, text, re.IGNORECASE) for pattern in words.texts for text in texts)


def words_of(name: str) -> CarrierWords | None:
    """The words of this name."""
    return next((words for words in _file().words if words.name == name), None)


def sip_status(code: int) -> SipStatus:
    """The status of this code; for one that is not registered, what its class says.

    Raises ValueError for a code that is no final refusal (300 to 699).
    """
    if not 300 <= code <= 699:
        raise ValueError(f"{code} is no final SIP status of a call that failed")
    found = _by_code().get(code)
    if found is not None:
        return found
    of_class = _by_code()[code // 100]
    return msgspec.structs.replace(of_class, code=code, registered=False)


def registered() -> tuple[int, ...]:
    """The codes that have words of their own, in order."""
    return tuple(sorted(code for code in _by_code() if code >= 300))


@cache
def _by_code() -> dict[int, SipStatus]:
    file = _file()
    return {status.code: status for status in (*file.statuses, *file.classes)}


@cache
def _file() -> _File:
    return read_data("sip_statuses", _File)
