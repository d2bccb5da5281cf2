"""Whether LiveKit can be asked at all."""

import pytest

from livekit_doctor.diagnosis.rules import connection
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Coverage, Evidence, Read, RoomList
from livekit_doctor.flow import Confidence
from livekit_doctor.settings import LiveKit, Settings
from tests.diagnosis.factories import READ, at, rooms, unread

KNOWN = LiveKit(url="ws://x", api_key="k", api_secret="s")


def setup(*items: RoomList, settings: Settings | None = None, coverage: tuple[Coverage, ...] = READ) -> Setup:
    return Setup(Evidence(now=at(9), observations=items, coverage=coverage), settings or Settings(livekit=KNOWN))


@pytest.mark.parametrize("code", ["LKD003", "LKD004", "LKD005", "LKD006"])
def test_what_could_not_be_read_is_the_finding(code: str) -> None:
    (finding,) = connection.livekit_unreachable(setup(coverage=(unread("livekit_api", code, "why"),)))
    assert (finding.code, finding.step, finding.because[0].text) == (code, None, "why")


def test_what_was_read_or_not_asked_for_is_none() -> None:
    for status in ("read", "empty", "not_configured"):
        entry = Coverage(source="livekit_api", status=status)  # type: ignore[arg-type]
        assert not list(connection.livekit_unreachable(setup(coverage=(entry,))))
    assert not list(connection.livekit_unreachable(setup(coverage=(unread("livekit_api_other", "LKD003"),))))


@pytest.mark.parametrize(
    ("skew", "fires"), [(0, False), (11, False), (-11, False), (11.5, True), (-11.5, True), (3600, True)]
)
def test_this_machines_clock(skew: float, fires: bool) -> None:
    """`Date` has whole seconds: one more than the tolerance is allowed."""
    listing = RoomList(read=Read(source="livekit_api", at=at(skew), clock_at=at(0)))
    findings = list(connection.clock_skew(setup(listing)))
    assert [finding.code for finding in findings] == (["LKD005"] if fires else [])
    for finding in findings:
        assert finding.confidence is Confidence.PROVEN
        assert ("ahead" if skew > 0 else "behind") in finding.because[0].text


def test_no_date_no_skew() -> None:
    listing = RoomList(read=Read(source="livekit_api", at=at(3600)))
    assert not list(connection.clock_skew(setup(listing)))
    assert not list(connection.clock_skew(setup()))


def test_the_latest_answer_counts() -> None:
    corrected = RoomList(read=Read(source="livekit_api", at=at(7200), clock_at=at(7200)))
    assert not list(connection.clock_skew(setup(rooms(9), corrected)))
    assert list(connection.clock_skew(setup(rooms(9))))


@pytest.mark.parametrize("missing", ["url", "api_key", "api_secret"])
def test_credentials_that_are_not_set(missing: str) -> None:
    values = {"url": "ws://x", "api_key": "k", "api_secret": "s"} | {missing: None}
    (finding,) = connection.credentials_missing(setup(settings=Settings(livekit=LiveKit(**values))))  # type: ignore[arg-type]
    assert finding.code == "LKD002"
    assert f"LIVEKIT_{missing.upper()}" in finding.because[0].text
    assert not list(connection.credentials_missing(setup()))


def test_the_sip_lists() -> None:
    assert not list(connection.sip_not_listed(setup(coverage=(unread("sip_api", "LKD203"),)))), "another rule's"
    assert [f.code for f in connection.sip_not_listed(setup(coverage=(unread("sip_api", "LKD004"),)))] == ["LKD004"]
