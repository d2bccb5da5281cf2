"""What the error of an attempt to dial says, by its words and statuses.

Source of the texts: github.com/livekit/sip, `pkg/sip` (outbound.go, errors.go, protocol.go) at
v1.11.0, and livekit-server v1.13.5, `pkg/service` (sip.go, errors.go). The server puts "twirp error
unknown: " before most of them.
"""

import re
from collections.abc import Mapping
from datetime import timedelta
from enum import StrEnum

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.times import RINGS_FOR
from livekit_doctor.evidence.observations import ANSWERED_ELSEWHERE, NOBODY_ANSWERED, OWN_CANCEL, SipCallResult


class Kind(StrEnum):
    """What became of the attempt to dial."""

    ANSWERED = "answered"
    STARTED = "started"
    """Accepted without waiting for an answer, which says nothing of the phone (design fact 20)."""
    REJECTED = "rejected"
    """With a SIP status."""
    AUTH_FAILED = "auth_failed"
    UNREACHABLE = "unreachable"
    """No INVITE got to anybody: DNS, TCP or TLS."""
    MEDIA_FAILED = "media_failed"
    TIMED_OUT = "timed_out"
    """The INVITE left, and no final answer came."""
    NOT_PICKED_UP = "not_picked_up"
    """A team's own word that nobody picked up, or the phone was busy: what the carrier said, that does not tell."""
    GIVEN_UP = "given_up"
    """Our own side sent a CANCEL, sooner than any phone is let ring for: that is no answer of anybody's."""
    TRUNK_MISSING = "trunk_missing"
    TRUNK_UNUSABLE = "trunk_unusable"
    NO_SIP = "no_sip"
    QUOTA = "quota"
    """LiveKit's own limit, not a busy line."""
    CREDENTIALS = "credentials"
    """LiveKit's own refusal of the API key or its grants, not the carrier's."""
    UNEXPLAINED = "unexplained"


DIALED = frozenset(
    {Kind.REJECTED, Kind.AUTH_FAILED, Kind.UNREACHABLE, Kind.MEDIA_FAILED, Kind.TIMED_OUT, Kind.GIVEN_UP}
)
"""What can only come of a call whose SIP participant was in the room."""
OF_A_PHONE = DIALED | {Kind.NOT_PICKED_UP}
"""What is said of a phone that was dialled."""


_SIP_STATUS = lazy_re.compile(
    r"(?:sip status:?|unexpected status(?: ?code)? from INVITE response:?|SIP call failed:(?: STR_\w+,)?) (\d{3})\b"
    r"(?:: ?(?P<text>[^\n\"]{1,80})| \((?P<name>[A-Z_]{3,60})\))?",
    re.IGNORECASE,
)
"""livekit-sip's words for the carrier's status, older ones first said it without its text; and those of its SDK."""


OF_SIP_ALONE = frozenset(map(str, (480, 481, 482, 483, 484, 485, 486, 487, 488, 491, 493, 600, 603, 604, 606, 607)))
"""Statuses that HTTP does not have."""

TEXTS: tuple[tuple[Kind, str], ...] = (
    (Kind.TRUNK_MISSING, r"requested sip trunk does not exist|\bobject cannot be found\b"),  # the Cloud's, too
    (Kind.NO_SIP, r"redis required|no response from servers|cpu exhausted|service shutting down|room join failed"),
    (
        Kind.AUTH_FAILED,
        r"max auth retry attempts|required auth, but no username|no auth header in sip invite|invalid challenge"
        r"|\btwilio 32202\b",
    ),
    (
        Kind.MEDIA_FAILED,
        r"common audio codec not found|no common (?:encryption|crypto|codec|audio codec)|media[- ]timeout|media failed"
        r"|\btwilio 3220[78]\b",
    ),
    (Kind.REJECTED, r"\btwilio \d{5}\b"),
    (Kind.TIMED_OUT, r"sip request timed out|transaction failed to complete"),
    (
        Kind.TRUNK_UNUSABLE,
        r"no numbers on outbound trunk|invalid request uri|invalid from header|trunk address"
        r"|address must be|legacy address must not|invalid port in hostname|different transports specified",
    ),
    (
        Kind.UNREACHABLE,
        r"no such host|server misbehaving|connection refused|connection reset|network is unreachable"
        r"|no route to host|i/o timeout|\btls: |\bx509: |\bdial (?:tcp|udp)\b|\blookup \S+ on ",
    ),
    (Kind.QUOTA, r"resource_exhausted|concurrent sip call limit"),
    (
        Kind.CREDENTIALS,
        r"unauthenticated|permission_denied|permissions denied|invalid API key|invalid token",
    ),  # LiveKit's own, where no SIP status stands beside it
)

_REASONS = {
    "auth-required": 407,
    "forbidden": 403,
    "not-found": 404,
    "request-timeout": 408,
    "unavailable": 480,
    "busy": 486,
    "not-acceptable": 488,
}
_STATUS_IN_REASON = lazy_re.compile(r"(?:client-error|upstream-server-error|global-decline)-(\d{3})$")
_KINDS = {
    "auth-failed": Kind.AUTH_FAILED,
    "no-answer": Kind.TIMED_OUT,
    "dns-resolution": Kind.UNREACHABLE,
    "network-error": Kind.UNREACHABLE,
    "no-common-codec": Kind.MEDIA_FAILED,
    "encryption-required": Kind.MEDIA_FAILED,
    "invite-failed": Kind.UNEXPLAINED,
}
"""livekit-sip's reasons in its line of the end of a dial (pkg/sip/errors.go, classifyInviteError): each of one SIP
status, or of what went wrong without one. A call that was answered ends for others."""

_BY_OWN_SIDE = {
    OWN_CANCEL: Kind.TIMED_OUT,
    NOBODY_ANSWERED: Kind.TIMED_OUT,
    ANSWERED_ELSEWHERE: Kind.ANSWERED,
}
"""Where the SIP status is the answer to our own CANCEL."""


def kind_in(result: SipCallResult) -> Kind:
    """What became of the attempt that this tells of."""
    if result.status == 200:
        return Kind.ANSWERED if result.wait_until_answered else Kind.STARTED
    if result.message == OWN_CANCEL and timedelta(0) < result.lasted < RINGS_FOR:
        return Kind.GIVEN_UP
    return kind_of(
        result.message, status=result.status, twirp_code=result.twirp_code, sip_status=result.sip_status_code
    )


def kind_of(text: str, *, status: int = 0, twirp_code: str = "", sip_status: int | None = None) -> Kind:
    """What an error of CreateSIPParticipant, or livekit-sip's error of a call, says.

    The SIP status decides first, then the words; the HTTP status (0: not known) and the Twirp code
    only where neither says more, since they are made from the carrier's answer too.
    """
    code = sip_status or sip_status_in(text)
    if text in _BY_OWN_SIDE:
        return _BY_OWN_SIDE[text]
    if code is not None and 300 <= code <= 699:
        return Kind.AUTH_FAILED if code in (401, 407) else Kind.REJECTED
    for kind, pattern in TEXTS:
        if re.search(pattern, text, re.IGNORECASE):
            return kind
    if status == 429 or twirp_code == "resource_exhausted":
        return Kind.QUOTA
    if status in (401, 403) or twirp_code in ("unauthenticated", "permission_denied"):
        return Kind.CREDENTIALS
    if status == 408 or twirp_code == "canceled":
        return Kind.TIMED_OUT
    return Kind.UNEXPLAINED


def status_of_end(fields: Mapping[str, str]) -> int | None:
    """The SIP status for which livekit-sip ended a dial; None where the line of its end names none, or 487, which is
    the answer to our own CANCEL."""
    status, reason = fields.get("status", ""), fields.get("reason", "")
    found = _STATUS_IN_REASON.match(reason)
    known = (
        int(status) if re.fullmatch(r"(?!487)[3-6]\d\d", status) else int(found[1]) if found else _REASONS.get(reason)
    )
    return None if reason == "no-answer" else known


def kind_of_end(fields: Mapping[str, str]) -> Kind | None:
    """What ended a dial, by the fields of livekit-sip's line of its end; None for one that may have been answered."""
    status = status_of_end(fields)
    return kind_of("", sip_status=status) if status else _KINDS.get(fields.get("reason", ""))


def sip_status_in(text: str) -> int | None:
    """The SIP status that an error text names, as in "INVITE failed: sip status: 486: Busy Here"."""
    found = _SIP_STATUS.search(text)
    return int(found[1]) if found else None


def sip_text_in(text: str) -> str:
    """The carrier's own words behind its status, or the status' name; empty where there are none."""
    found = _SIP_STATUS.search(text)
    return (found["text"] or found["name"] or "").strip() if found else ""


def own_words(text: str) -> str:
    """An error text without what the server puts before it."""
    return re.sub(r"^(?:twirp error \w+:\s*)+", "", text.strip())


def sip_text_of(result: SipCallResult) -> str:
    return result.sip_status.removeprefix("SIP_STATUS_") or sip_text_in(result.message)


def in_words(result: SipCallResult, sip_status: int | None) -> str:
    """What CreateSIPParticipant answered."""
    after = f" after {result.took:.1f} s" if result.took else ""
    if result.status == 200:
        return f"answered{after}" if result.wait_until_answered else "accepted; it did not wait for the answer"
    http = f"HTTP {result.status} {result.twirp_code}".strip() if result.status else result.twirp_code
    if sip_status is not None:
        return f"SIP status {sip_status} {sip_text_of(result)}".strip() + (f" (as {http})" if http else "") + after
    return f"{http}, no SIP status{after}: {own_words(result.message) or 'no message'}".removeprefix(", ")


def ends_calls_too(error: str) -> bool:
    """Whether a call that was answered may end with this error, too."""
    return kind_of(error) is Kind.MEDIA_FAILED and "timeout" in error.lower()


def refused_in(metadata: str) -> tuple[str, int]:
    """The Twirp code and the HTTP status by which LiveKit itself refused the caller, wherever a row's metadata has
    them; empty and 0 for none, and where the carrier's answer stands beside them: its 403 comes as permission_denied,
    its 486 as resource_exhausted (design fact 21)."""
    if _OF_CARRIER.search(metadata):
        return "", 0
    code, status = _CODE.search(metadata), _HTTP_STATUS.search(metadata)
    return code[0] if code else "", int(status[1]) if status else 0


_OF_CARRIER = lazy_re.compile(r"\bsip[ _]?(?:status|code|call failed)|sip_?status|\bINVITE\b", re.IGNORECASE)
_CODE = lazy_re.compile(r"\b(?:unauthenticated|permission_denied|resource_exhausted)\b")
"""Twirp's, in small letters: in capitals they are those of a model's provider."""
_HTTP_STATUS = lazy_re.compile(r"status(?:[ _]?code)?\W{1,4}(401|403|429)\b", re.IGNORECASE)


def is_of_sdk(metadata: str) -> bool:
    """Whether a row's metadata has the words of LiveKit's SDKs."""
    return re.search(r"twirp|ServerError|livekit", metadata, re.IGNORECASE) is not None
