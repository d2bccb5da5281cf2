"""What can become of an attempt to dial (design facts 20 to 24 and 31), and the codes that are true of it."""

from collections.abc import Callable
from dataclasses import dataclass

from livekit_doctor.catalogue.sip_statuses import sip_status
from tests.diagnosis.world.life import Dial, Pick

RINGING_ALLOWANCE, ANSWER_ALLOWANCE = 35.0, 185.0
"""Default `broken_after` of sip_ringing and sip_answered."""


@dataclass(frozen=True, slots=True)
class PhoneOutcome:
    """See AgentOutcome. No code: that nobody did anything wrong."""

    code: str
    happens: Callable[[Pick, Dial], None]
    also: tuple[str, ...] = ()
    again: bool = True
    weight: int = 2


def _dialled(pick: Pick, dial: Dial) -> None:
    dial.joined = dial.at + pick.uniform(0.02, 0.2)


def _rings(pick: Pick, dial: Dial) -> None:
    _dialled(pick, dial)
    dial.ringing = dial.joined + pick.choice([pick.uniform(0.2, 2), pick.uniform(0.2, 8)])


def answered(pick: Pick, dial: Dial) -> None:
    _rings(pick, dial)
    dial.answered = dial.ringing + pick.choice([pick.uniform(0.3, 6), pick.uniform(0.3, 25)])


def _ends(dial: Dial, at: float, error: str, http: int, twirp: str, reason: str, status: int = 0) -> None:
    dial.left = dial.refused_at = dial.decided = at
    dial.error, dial.http, dial.twirp, dial.left_reason, dial.sip_status = error, http, twirp, reason, status


REASONS = {486: "USER_REJECTED", 603: "USER_REJECTED", 480: "USER_UNAVAILABLE"}


def refused(pick: Pick, dial: Dial) -> None:
    status = pick.choice([403, 404, 480, 486, 486, 503, 603])
    _refuse(pick, dial, status)


def busy(pick: Pick, dial: Dial) -> None:
    _refuse(pick, dial, 486)


def _refuse(pick: Pick, dial: Dial, status: int) -> None:
    known = sip_status(status)
    if status in (480, 486, 603) and pick.random() < 0.5:
        _rings(pick, dial)
    else:
        _dialled(pick, dial)
    at = (dial.ringing if dial.ringing < 1e9 else dial.joined) + pick.choice([0.4, pick.uniform(0.1, 8)])
    words = "INVITE failed" if dial.waits else "unexpected status from INVITE response"
    reason = REASONS.get(status, "SIP_TRUNK_FAILURE")
    _ends(dial, at, f"{words}: sip status: {status}: {known.name}", known.http, known.twirp, reason, status)


def auth_failed(pick: Pick, dial: Dial) -> None:
    _dialled(pick, dial)
    error = pick.choice(
        ["sip server required auth, but no username or password was provided", "max auth retry attempts reached"]
    )
    _ends(dial, dial.joined + pick.uniform(0.1, 1), error, 400, "invalid_argument", "SIP_TRUNK_FAILURE")


def unreachable(pick: Pick, dial: Dial) -> None:
    _dialled(pick, dial)
    error = pick.choice(
        [
            "dial tcp 192.0.2.1:5060: connect: connection refused",
            "lookup sip.example.com on 192.0.2.53:53: no such host",
        ]
    )
    _ends(dial, dial.joined + pick.uniform(0.05, 3), error, 412, "failed_precondition", "SIP_TRUNK_FAILURE")


def silence(pick: Pick, dial: Dial) -> None:
    _dialled(pick, dial)
    dial.timeout = pick.choice([32.0, pick.uniform(15, 60)])
    _ends(dial, dial.at + dial.timeout, "sip request timed out", 408, "canceled", "USER_UNAVAILABLE")
    dial.decided = dial.at + min(dial.timeout, RINGING_ALLOWANCE)


def rings_out(pick: Pick, dial: Dial) -> None:
    _rings(pick, dial)
    dial.timeout = pick.uniform(15, 60)
    _ends(dial, dial.at + dial.timeout, "sip request timed out", 408, "canceled", "USER_UNAVAILABLE")


def _refused_by_server(dial: Dial, after: float, error: str, http: int, twirp: str) -> None:
    _ends(dial, dial.at + after, error, http, twirp, "")
    dial.left = float("inf")


def no_sip(pick: Pick, dial: Dial) -> None:
    if pick.random() < 0.5:
        _refused_by_server(dial, 0.01, "sip not connected (redis required)", 500, "internal")
    else:
        _refused_by_server(dial, 1.0, "no response from servers", 503, "unavailable")


def sip_is_busy(pick: Pick, dial: Dial) -> None:
    _refused_by_server(dial, pick.uniform(0.01, 0.2), "cpu exhausted", 503, "unavailable")


def trunk_unknown(_: Pick, dial: Dial) -> None:
    _refused_by_server(dial, 0.01, "requested sip trunk does not exist", 404, "not_found")


def trunk_unusable(_: Pick, dial: Dial) -> None:
    _refused_by_server(dial, 0.01, "no numbers on outbound trunk", 400, "invalid_argument")


def quota(_: Pick, dial: Dial) -> None:
    _refused_by_server(dial, 0.05, "concurrent sip call limit exceeded", 429, "resource_exhausted")


def no_codec(pick: Pick, dial: Dial) -> None:
    _rings(pick, dial)
    error = pick.choice(["common audio codec not found", "no common encryption profiles"])
    _ends(dial, dial.ringing + pick.uniform(1, 10), error, 412, "failed_precondition", "MEDIA_FAILURE")


def media_timeout(pick: Pick, dial: Dial) -> None:
    """It was answered, and no sound came from the far end."""
    answered(pick, dial)
    dial.left = dial.decided = dial.answered + pick.uniform(30, 31)
    dial.error, dial.left_reason = "media-timeout", "MEDIA_FAILURE"


def cancelled(pick: Pick, dial: Dial) -> None:
    """The caller's side gives up while it is dialling or rings; when, the end of the call says."""
    answered(pick, dial)
    if pick.random() < 0.3:
        dial.ringing = float("inf")


def given_up(dial: Dial, at: float) -> None:
    """That CreateSIPParticipant fails is told to whoever waits for it, as any other failure."""
    known = sip_status(487)
    error = f"INVITE failed: sip status: 487: {known.name}"
    _ends(dial, at, error, known.http, known.twirp, "CLIENT_INITIATED", 487)
    dial.decided = dial.answered = float("inf")
    if not dial.waits:
        dial.refused_at = float("inf")


def never(_: Pick, dial: Dial) -> None:
    """Nobody dials."""
    dial.at = float("inf")


PHONE: dict[str, PhoneOutcome] = {
    "answered": PhoneOutcome("", answered, weight=0),
    "refused": PhoneOutcome("LKD204", refused, weight=5),
    "auth_failed": PhoneOutcome("LKD208", auth_failed),
    "unreachable": PhoneOutcome("LKD209", unreachable),
    "silence": PhoneOutcome("LKD205", silence, weight=3),
    "rings_out": PhoneOutcome("LKD206", rings_out, weight=3),
    "no_sip": PhoneOutcome("LKD203", no_sip),
    "sip_is_busy": PhoneOutcome("LKD203", sip_is_busy),
    "trunk_unknown": PhoneOutcome("LKD201", trunk_unknown),
    "trunk_unusable": PhoneOutcome("LKD202", trunk_unusable, weight=1),
    "quota": PhoneOutcome("LKD006", quota, weight=1),
    "no_codec": PhoneOutcome("LKD210", no_codec, weight=1),
    "media_timeout": PhoneOutcome("LKD210", media_timeout, again=False),
    "cancelled": PhoneOutcome("", cancelled, again=False, weight=4),
    "never": PhoneOutcome("", never, again=False, weight=2),
}
