"""The rules for SIP trunks: the smallest evidence that fires each, and the nearest that must not."""

import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules.sip_trunks import (
    inbound_trunk_open,
    outbound_trunk_misconfigured,
    outbound_trunk_missing,
    sip_service_unavailable,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    Coverage,
    Evidence,
    InboundTrunk,
    InboundTrunkList,
    Observation,
    OutboundTrunk,
    OutboundTrunkList,
    Problem,
    Read,
)
from livekit_doctor.flow import Confidence, Step
from livekit_doctor.settings import OutboundTrunk as ExpectedTrunk
from livekit_doctor.settings import Settings, Sip
from tests.each import each

SEEDS = range(10)
RULES = (outbound_trunk_missing, outbound_trunk_misconfigured, sip_service_unavailable, inbound_trunk_open)
NOW = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)


class Names:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def trunk(self) -> str:
        return "ST_" + "".join(self._rng.choices("23456789ABCDEFGHabcdefghijkmnp", k=12))

    def number(self) -> str:
        return f"+155555501{self._rng.randrange(100):02}"


def read(source: str) -> Read:
    """Read on a machine whose clock is ahead of the server's."""
    return Read(source=source, at=NOW + timedelta(hours=1), clock_at=NOW)


def outbound(*trunks: OutboundTrunk) -> OutboundTrunkList:
    return OutboundTrunkList(read=read("ListSIPOutboundTrunk"), trunks=trunks)


def inbound(*trunks: InboundTrunk) -> InboundTrunkList:
    return InboundTrunkList(read=read("ListSIPInboundTrunk"), trunks=trunks)


def good(names: Names, **fields: object) -> OutboundTrunk:
    usual = {"id": names.trunk(), "address": "sip.example.com", "numbers": (names.number(),)}
    return OutboundTrunk(**{**usual, **fields})  # type: ignore[arg-type]


def setup(*observations: Observation, sip: Sip | None = None, coverage: Sequence[Coverage] = ()) -> Setup:
    evidence = Evidence(now=NOW, observations=observations, coverage=tuple(coverage))
    return Setup(evidence, Settings(sip=sip or Sip()))


def one(findings: list[Finding], code: str, confidence: Confidence) -> Finding:
    assert [finding.code for finding in findings] == [code]
    finding = findings[0]
    assert finding.confidence is confidence
    entry = catalogue.get(code)
    assert entry.step == finding.step
    assert set(finding.values) <= catalogue.VALUES
    return finding


# LKD201


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_trunk_is_not_listed(seed: int) -> None:
    names = Names(seed)
    there, expected = good(names), names.trunk()
    sip = Sip(outbound_trunks=(ExpectedTrunk(id=expected),))
    finding = one(list(outbound_trunk_missing(setup(outbound(there), sip=sip))), "LKD201", Confidence.PROVEN)
    assert finding.step is Step.SIP_PARTICIPANT_CREATED
    assert finding.values == {"trunk_id": expected}
    because = finding.because[0]
    assert (because.source, because.at) == ("ListSIPOutboundTrunk", NOW)
    assert expected in because.text
    assert there.id in because.text


def test_expected_trunk_in_an_empty_list() -> None:
    sip = Sip(outbound_trunks=(ExpectedTrunk(id="ST_a"),))
    finding = one(list(outbound_trunk_missing(setup(outbound(), sip=sip))), "LKD201", Confidence.PROVEN)
    assert "there: none" in finding.because[0].text


@pytest.mark.parametrize("seed", SEEDS)
def test_mistyped_trunk_id(seed: int) -> None:
    names = Names(seed)
    there = good(names)
    mistyped = there.id[:-1] + ("x" if there.id[-1] != "x" else "y")
    sip = Sip(outbound_trunks=(ExpectedTrunk(id=mistyped, numbers=there.numbers),))
    finding = one(
        list(outbound_trunk_missing(setup(outbound(there, good(names)), sip=sip))),
        "LKD201",
        Confidence.PROVEN,
    )
    assert f"Nearest: {there.id}" in finding.because[0].text
    assert finding.values["other_name"] == there.id
    assert finding.values["number"] == there.numbers[0]


def test_expected_trunk_is_an_inbound_one() -> None:
    sip = Sip(outbound_trunks=(ExpectedTrunk(id="ST_a"),))
    state = setup(outbound(), inbound(InboundTrunk(id="ST_a")), sip=sip)
    finding = one(list(outbound_trunk_missing(state)), "LKD201", Confidence.PROVEN)
    assert finding.because[1].source == "ListSIPInboundTrunk"


def test_expected_trunk_is_listed_or_the_list_unread() -> None:
    names = Names(0)
    there = good(names)
    sip = Sip(outbound_trunks=(ExpectedTrunk(id=there.id),))
    assert not list(outbound_trunk_missing(setup(outbound(there), sip=sip)))
    assert not list(outbound_trunk_missing(setup(inbound(), sip=sip)))


def test_no_trunk_where_none_is_expected() -> None:
    """Trunks given inline with a call are not listed."""
    assert not list(outbound_trunk_missing(setup(outbound())))


# LKD202


def misconfigured(trunk: OutboundTrunk, *expected: str) -> list[Finding]:
    sip = Sip(outbound_trunks=(ExpectedTrunk(id=trunk.id, numbers=expected),)) if expected else Sip()
    return list(outbound_trunk_misconfigured(setup(outbound(trunk), sip=sip)))


@each("seed", SEEDS)
@each(
    "address",
    [
        "sip.example.com",
        "sip.example.com:5060",
        "sip.example.com:5061",
        "trunk.pstn.twilio.com",
        "203.0.113.7:5080",
        "[2001:db8::1]:5060",
        "2001:db8::1",
        "carrier",
    ],
)
def test_good_trunk(seed: int, address: str) -> None:
    names = Names(seed)
    number = names.number()
    trunk = good(names, address=address, numbers=(number, names.number()))
    assert not misconfigured(trunk)
    assert not misconfigured(trunk, number)


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_number_missing(seed: int) -> None:
    names = Names(seed)
    trunk = good(names, numbers=("+15555550200",))
    expected = names.number()
    finding = one(misconfigured(trunk, expected), "LKD202", Confidence.PROVEN)
    assert finding.step is Step.SIP_DIALING
    assert finding.values == {"trunk_id": trunk.id, "number": expected, "kind": "number"}
    assert "there: +15555550200" in finding.because[0].text


def test_expected_number_is_written_differently() -> None:
    trunk = good(Names(0), numbers=("+1 555 555 0101", "+15555550102"))
    findings = misconfigured(trunk, "+15555550101")
    assert [finding.confidence for finding in findings] == [Confidence.PROVEN, Confidence.POSSIBLE]
    assert "written differently" in findings[0].because[0].text
    assert all(finding.values["other_name"] == "+1 555 555 0101" for finding in findings)
    assert all(finding.values["number"] == "+15555550101" for finding in findings)


def test_any_number_is_allowed() -> None:
    assert not misconfigured(good(Names(0), numbers=("*",)), "+15555550101")


def test_trunk_that_is_not_the_teams() -> None:
    trunk = good(Names(0), address="sip:sip.example.com")
    sip = Sip(outbound_trunks=(ExpectedTrunk(id="ST_other"),))
    assert not list(outbound_trunk_misconfigured(setup(outbound(trunk), sip=sip)))


@pytest.mark.parametrize(
    ("address", "meant"),
    [
        ("sip:sip.example.com", "sip.example.com"),
        ("SIPS:sip.example.com:5061", "sip.example.com:5061"),
        ("sip://sip.example.com", "sip.example.com"),
        ("https://sip.example.com/", "sip.example.com"),
        ("sip.example.com/trunk", "sip.example.com"),
        ("sip.example.com;transport=udp", "sip.example.com"),
        ("user@sip.example.com:5060", "sip.example.com:5060"),
        ("sip:user@sip.example.com;transport=udp", "sip.example.com"),
        (" sip.example.com", "sip.example.com"),
        ("sip.example.com\n", "sip.example.com"),
        ("sip.example.com,sip2.example.com", "sip.example.com"),
        ("sip.example.com:", None),
        ("sip.example.com:port", None),
        ("sip.example.com:70000", None),
        ("", None),
    ],
)
def test_address_that_is_none(address: str, meant: str | None) -> None:
    trunk = good(Names(0), address=address)
    finding = one(misconfigured(trunk), "LKD202", Confidence.PROVEN)
    assert finding.values.get("detail") == meant
    assert f'"{address}"' in finding.because[0].text


def test_no_number() -> None:
    finding = one(misconfigured(good(Names(0), numbers=())), "LKD202", Confidence.PROVEN)
    assert "no number" in finding.because[0].text


@pytest.mark.parametrize(
    ("transport", "port", "fires"),
    [
        ("TLS", 5060, True),
        ("UDP", 5061, True),
        ("TCP", 5061, True),
        ("TLS", 5061, False),
        ("UDP", 5060, False),
        ("TCP", 5060, False),
        ("AUTO", 5061, False),
        ("TLS", 5080, False),
    ],
)
def test_transport_and_port(transport: str, port: int, fires: bool) -> None:
    trunk = good(Names(0), address=f"sip.example.com:{port}", transport=f"SIP_TRANSPORT_{transport}")
    findings = misconfigured(trunk)
    if fires:
        one(findings, "LKD202", Confidence.POSSIBLE)
    else:
        assert not findings


@pytest.mark.parametrize(("transport", "extra"), [("UDP", 1), ("TLS", 0), ("AUTO", 0)])
def test_transport_and_address(transport: str, extra: int) -> None:
    trunk = good(Names(0), address="sip.example.com;transport=tls", transport=f"SIP_TRANSPORT_{transport}")
    address, *others = misconfigured(trunk)
    assert address.confidence is Confidence.PROVEN
    assert [finding.confidence for finding in others] == [Confidence.POSSIBLE] * extra


@pytest.mark.parametrize(
    ("numbers", "better"),
    [
        (("15555550101",), "+15555550101"),
        (("+1 555 555 0101",), "+15555550101"),
        (("+15555550101", "15555550102"), "+15555550102"),
        (("+15555550101", "alice"), None),
        (("+1555555O101",), None),
        (("+15555550101", "1001"), None),
        (("",), None),
    ],
)
def test_caller_id_that_may_be_wrong(numbers: tuple[str, ...], better: str | None) -> None:
    finding = one(misconfigured(good(Names(0), numbers=numbers)), "LKD202", Confidence.POSSIBLE)
    assert finding.values.get("number") == better
    assert finding.values.get("other_name", "") == numbers[-1]
    several = len(numbers) > 1
    assert ("only some calls" in finding.because[0].text) is several


@pytest.mark.parametrize(
    ("numbers", "address"),
    [
        (("alice",), "sip.example.com"),
        (("1001", "1002"), "sip.example.com"),
        (("*",), "sip.example.com"),
        (("15555550101",), "team.pstn.twilio.com"),
    ],
)
def test_caller_id_that_is_right_for_some_carriers(numbers: tuple[str, ...], address: str) -> None:
    assert not misconfigured(good(Names(0), numbers=numbers, address=address))


# LKD203


@pytest.mark.parametrize("status", ["unread", "read"])
@pytest.mark.parametrize("code", ["LKD203", "LKD003", "LKD004"])
def test_sip_service(status: str, code: str) -> None:
    problem = Problem(code=code, message="HTTP 500: sip not connected (redis required)")
    entry = Coverage(source="sip_api", status=status, problem=problem)  # type: ignore[arg-type]
    findings = list(sip_service_unavailable(setup(coverage=[entry])))
    if (status, code) == ("unread", "LKD203"):
        finding = one(findings, "LKD203", Confidence.PROVEN)
        assert finding.because[0].text == problem.message
        assert finding.because[0].at == NOW
    else:
        assert not findings


def test_sip_service_of_another_source() -> None:
    entry = Coverage(source="livekit_api", status="unread", problem=Problem(code="LKD203", message=""))
    assert not list(sip_service_unavailable(setup(coverage=[entry])))


# LKD207


@pytest.mark.parametrize("seed", SEEDS)
def test_open_trunk(seed: int) -> None:
    names = Names(seed)
    trunk = InboundTrunk(id=names.trunk(), numbers=(names.number(),), allowed_numbers=(names.number(),))
    finding = one(list(inbound_trunk_open(setup(inbound(trunk)))), "LKD207", Confidence.PROVEN)
    assert finding.values == {"trunk_id": trunk.id}
    assert trunk.id in finding.because[0].text


def test_addresses_that_are_ignored() -> None:
    trunk = InboundTrunk(id="ST_a", allowed_addresses=("203.0.113.7, 203.0.113.8",))
    finding = one(list(inbound_trunk_open(setup(inbound(trunk)))), "LKD207", Confidence.PROVEN)
    assert '"203.0.113.7, 203.0.113.8" can\'t be read' in finding.because[0].text


def test_closed_trunks() -> None:
    by_address = InboundTrunk(id="ST_a", allowed_addresses=("203.0.113.7",))
    by_login = InboundTrunk(id="ST_b", has_auth=True)
    assert not list(inbound_trunk_open(setup(inbound(by_address, by_login))))
    assert not list(inbound_trunk_open(setup(outbound())))


def test_a_user_name_without_a_password_is_no_login() -> None:
    trunk = InboundTrunk(id="ST_a", has_auth=True, has_password=False)
    finding = one(list(inbound_trunk_open(setup(inbound(trunk)))), "LKD207", Confidence.POSSIBLE)
    assert "without a password" in finding.because[0].text
    by_address = InboundTrunk(id="ST_b", has_auth=True, has_password=False, allowed_addresses=("203.0.113.7",))
    assert not list(inbound_trunk_open(setup(inbound(by_address))))


def test_open_trunk_that_is_not_the_teams() -> None:
    state = setup(inbound(InboundTrunk(id="ST_a")), sip=Sip(inbound_trunks=("ST_b",)))
    assert not list(inbound_trunk_open(state))


# All


TEXT = st.text(max_size=12) | st.sampled_from(["ST_a", "ST_b", "+15555550101", "sip:x", "x:5060", "*"])
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
OUTBOUND = st.builds(
    OutboundTrunk,
    id=TEXT,
    address=TEXT,
    transport=st.sampled_from(["SIP_TRANSPORT_TLS", "SIP_TRANSPORT_UDP", "9"]),
    numbers=TEXTS,
)
INBOUND = st.builds(
    InboundTrunk, id=TEXT, numbers=TEXTS, allowed_addresses=TEXTS, allowed_numbers=TEXTS, has_auth=st.booleans()
)
SIP = st.builds(
    Sip,
    outbound_trunks=st.lists(st.builds(ExpectedTrunk, id=TEXT, numbers=TEXTS), max_size=2).map(tuple),
    inbound_trunks=TEXTS,
)


@given(st.lists(OUTBOUND, max_size=4), st.lists(INBOUND, max_size=4), SIP)
def test_any_lists(out: list[OutboundTrunk], into: list[InboundTrunk], sip: Sip) -> None:
    for observations in ((outbound(*out), inbound(*into)), (outbound(*out),), (inbound(*into),), ()):
        state = setup(*observations, sip=sip)
        for rule in RULES:
            for finding in rule(state):
                assert finding.because
                assert set(finding.values) <= catalogue.VALUES
