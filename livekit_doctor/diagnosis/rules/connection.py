"""Whether LiveKit can be asked at all: LKD002 to LKD006."""

from collections.abc import Iterator

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import few
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Coverage, RoomList
from livekit_doctor.flow import Confidence


def unreadable(entry: Coverage) -> Iterator[Finding]:
    """The problem of a source that was configured and not read, as a finding."""
    if entry.status == "unread" and entry.problem is not None:
        yield Finding(
            code=entry.problem.code,
            confidence=Confidence.PROVEN,
            because=(Because(source=entry.source, text=entry.problem.message),),
            values=entry.problem.values,
        )


def livekit_unreachable(setup: Setup) -> Iterator[Finding]:
    """LKD002 to LKD006: no credentials, no connection, credentials rejected, clock, quota."""
    for entry in setup.coverage(sources.LIVEKIT_API):
        yield from unreadable(entry)


def clock_skew(setup: Setup) -> Iterator[Finding]:
    """LKD005: this machine's clock against the `Date` of LiveKit's answer, which has whole seconds.

    Tokens are signed with this machine's clock (design facts 26 and 29).
    """
    listing = setup.latest(RoomList)
    if listing is None or listing.read.clock_at is None:
        return
    skew = (listing.read.at - listing.read.clock_at).total_seconds()
    if abs(skew) <= setup.settings.livekit.clock_tolerance + 1:
        return
    where = "ahead of" if skew > 0 else "behind"
    text = f"this machine's clock is {abs(skew):.0f} s {where} the server's"
    yield Finding(
        code="LKD005",
        confidence=Confidence.PROVEN,
        because=(Because(source="Date header", at=listing.read.clock_at, text=text),),
        values={"detail": f"{abs(skew):.0f} s {where} the server"},
    )


_KINDS = {"LIVEKIT_URL": "url", "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret"}


def credentials_missing(setup: Setup) -> Iterator[Finding]:
    """LKD002: URL, key or secret is not set."""
    missing = setup.settings.livekit.missing
    if missing:
        verb = "is" if len(missing) == 1 else "are"
        text = f"{few(missing)} {verb} not set, neither in the environment nor in .env"
        yield Finding(
            code="LKD002",
            confidence=Confidence.PROVEN,
            because=(Because(source="configuration", text=text),),
            values={"detail": missing[0], "kind": " ".join(_KINDS[name] for name in missing)},
        )


def sip_not_listed(setup: Setup) -> Iterator[Finding]:
    """The SIP lists were refused for another reason than SIP not being there (LKD203)."""
    for entry in setup.coverage(sources.SIP_API):
        if entry.problem is not None and entry.problem.code != "LKD203":
            yield from unreadable(entry)
