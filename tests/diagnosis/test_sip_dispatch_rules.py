"""The rules for SIP dispatch rules: the smallest evidence that fires each, and the nearest that
must not."""

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules.sip_dispatch_rules import (
    dispatch_rule_dangling_trunk,
    dispatch_rule_missing,
    dispatch_rule_shadowed,
    dispatch_rule_without_agent,
    dispatch_rule_wrong_agent,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    Evidence,
    InboundTrunk,
    InboundTrunkList,
    Observation,
    OutboundTrunk,
    OutboundTrunkList,
    Read,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.flow import Confidence
from livekit_doctor.settings import Agent, ExpectedRule, LiveKit, Settings, Sip
from tests.each import each

SEEDS = range(10)
RULES = (
    dispatch_rule_missing,
    dispatch_rule_without_agent,
    dispatch_rule_wrong_agent,
    dispatch_rule_dangling_trunk,
    dispatch_rule_shadowed,
)
NOW = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
A, B = "+15555550101", "+15555550102"


class Names:
    def __init__(self, seed: int) -> None:
        self._rng = random.Random(seed)

    def id(self, prefix: str) -> str:
        return prefix + "".join(self._rng.choices("23456789ABCDEFGHabcdefghijkmnp", k=12))

    def agent(self) -> str:
        words = self._rng.sample(("Quiet", "amber", "Concierge", "DISPATCH", "recall", "Desk"), 3)
        return self._rng.choice(" -_").join(words)


def read(source: str) -> Read:
    """Read on a machine whose clock is ahead of the server's."""
    return Read(source=source, at=NOW + timedelta(hours=1), clock_at=NOW)


def rules(*items: SipDispatchRule) -> SipDispatchRuleList:
    return SipDispatchRuleList(read=read("ListSIPDispatchRule"), rules=items)


def trunks(*items: InboundTrunk | str) -> InboundTrunkList:
    found = tuple(InboundTrunk(id=item) if isinstance(item, str) else item for item in items)
    return InboundTrunkList(read=read("ListSIPInboundTrunk"), trunks=found)


def outbound(*ids: str) -> OutboundTrunkList:
    return OutboundTrunkList(read=read("ListSIPOutboundTrunk"), trunks=tuple(OutboundTrunk(id=id_) for id_ in ids))


def rule(id_: str = "SDR_a", **fields: object) -> SipDispatchRule:
    return SipDispatchRule(**{"id": id_, "kind": "individual", **fields})  # type: ignore[arg-type]


def setup(
    *observations: Observation,
    agent: str | None = None,
    others: tuple[str, ...] = (),
    sip: Sip | None = None,
    url: str = "ws://127.0.0.1:7880",
) -> Setup:
    settings = Settings(livekit=LiveKit(url=url), agent=Agent(name=agent, others=others), sip=sip or Sip())
    return Setup(Evidence(now=NOW, observations=observations), settings)


def one(findings: list[Finding], code: str, confidence: Confidence) -> Finding:
    assert [finding.code for finding in findings] == [code]
    finding = findings[0]
    assert finding.confidence is confidence
    assert finding.step is None
    assert catalogue.get(code).step is None
    assert all(because.at == NOW for because in finding.because)
    assert set(finding.values) <= catalogue.VALUES
    return finding


# LKD301


def missing(*observations: Observation, **settings: object) -> list[Finding]:
    return list(dispatch_rule_missing(setup(*observations, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_trunk_without_a_rule(seed: int) -> None:
    names = Names(seed)
    trunk, other = names.id("ST_"), names.id("SDR_")
    agent = names.agent()
    evidence = trunks(trunk), rules(rule(other, trunk_ids=(names.id("ST_"),)))
    finding = one(missing(*evidence, agent=agent), "LKD301", Confidence.PROVEN)
    assert finding.values == {"trunk_id": trunk, "agent_name": agent, "kind": "trunk"}
    assert [because.source for because in finding.because] == ["ListSIPInboundTrunk", "ListSIPDispatchRule"]
    assert trunk in finding.because[0].text
    assert other in finding.because[1].text


def test_trunk_with_a_rule() -> None:
    assert not missing(trunks("ST_a"), rules(rule(trunk_ids=("ST_b", "ST_a"))))
    assert not missing(trunks("ST_a"), rules(rule()))
    assert not missing(trunks("ST_a"), rules(rule(kind="unknown")))
    assert not missing(trunks(), rules())


def test_trunk_or_rules_not_read() -> None:
    assert not missing(trunks("ST_a"))
    assert not missing(rules())


def test_trunk_that_is_not_the_teams() -> None:
    assert not missing(trunks("ST_a"), rules(), sip=Sip(inbound_trunks=("ST_b",)))
    assert missing(trunks("ST_a"), rules(), sip=Sip(inbound_trunks=("ST_a",)))


def test_trunk_that_may_only_dial() -> None:
    """One that an older server stored is in both lists."""
    one(missing(trunks("ST_a"), outbound("ST_a"), rules()), "LKD301", Confidence.POSSIBLE)


def test_rule_for_none_of_the_trunks_numbers() -> None:
    trunk = InboundTrunk(id="ST_a", numbers=(A,))
    one(missing(trunks(trunk), rules(rule(numbers=(B,)))), "LKD301", Confidence.PROVEN)
    assert not missing(trunks(trunk), rules(rule(numbers=(B,)), rule("SDR_b", numbers=(A,))))


def test_rule_for_some_of_the_trunks_numbers() -> None:
    trunk = InboundTrunk(id="ST_a", numbers=(A, B))
    finding = one(missing(trunks(trunk), rules(rule(numbers=(A,)))), "LKD301", Confidence.POSSIBLE)
    assert f"calls to {B}" in finding.because[1].text


def test_rule_that_spells_the_number_differently() -> None:
    trunk = InboundTrunk(id="ST_a", numbers=(A,))
    one(missing(trunks(trunk), rules(rule(numbers=(A[1:],)))), "LKD301", Confidence.POSSIBLE)
    assert not missing(trunks(InboundTrunk(id="ST_a", numbers=(A[1:],))), rules(rule(numbers=(A,))))


@pytest.mark.parametrize("seed", SEEDS)
def test_expected_rule_missing(seed: int) -> None:
    names = Names(seed)
    expected, there = names.id("SDR_"), names.id("SDR_")
    sip = Sip(dispatch_rules=(ExpectedRule(id=expected),))
    finding = one(missing(rules(rule(there)), sip=sip), "LKD301", Confidence.PROVEN)
    assert finding.values == {"rule_id": expected, "kind": "expected"}
    assert there in finding.because[0].text
    assert not missing(rules(rule(expected)), sip=sip)
    assert not missing(trunks(), sip=sip)


# LKD302


def without(*items: SipDispatchRule, **settings: object) -> list[Finding]:
    return list(dispatch_rule_without_agent(setup(rules(*items), **settings)))  # type: ignore[arg-type]


@each("seed", SEEDS)
@each(
    "kind, confidence",
    [
        ("individual", Confidence.PROVEN),
        ("callee", Confidence.PROVEN),
        ("direct", Confidence.LIKELY),
        ("unknown", Confidence.LIKELY),
    ],
)
def test_rule_without_agent(seed: int, kind: str, confidence: Confidence) -> None:
    names = Names(seed)
    agent, id_ = names.agent(), names.id("SDR_")
    finding = one(without(rule(id_, kind=kind), agent=agent), "LKD302", confidence)
    assert finding.values == {"rule_id": id_, "agent_name": agent}
    assert without(rule(id_, kind=kind, agents=("",)), agent=agent)


def test_rule_without_agent_is_right_or_unknown() -> None:
    assert not without(rule(), agent=None)
    assert not without(rule(), agent="")
    assert not without(rule(room_preset="phone"), agent="Desk")
    assert not without(rule(agents=("Desk",)), agent="Desk")


def test_expected_agent_and_none_there() -> None:
    sip = Sip(dispatch_rules=(ExpectedRule(id="SDR_a", agent="Desk"),))
    finding = one(without(rule(kind="direct"), sip=sip), "LKD302", Confidence.PROVEN)
    assert finding.values["agent_name"] == "Desk"
    assert not without(rule(room_preset="phone"), sip=sip)
    assert not without(rule("SDR_b"), agent="Desk", sip=sip)


# LKD303


def wrong(*items: SipDispatchRule, **settings: object) -> list[Finding]:
    return list(dispatch_rule_wrong_agent(setup(rules(*items), **settings)))  # type: ignore[arg-type]


@each("seed", SEEDS)
@each(
    "change, words",
    [
        (str.swapcase, "upper and lower case"),
        (lambda name: name + " ", "a trailing space"),
        (lambda name: name.replace("e", "е"), "a look-alike character"),
    ],
)
def test_agent_name_written_differently(seed: int, change: object, words: str) -> None:
    names = Names(seed)
    agent, id_ = names.agent() + " e", names.id("SDR_")
    other = change(agent)  # type: ignore[operator]
    finding = one(wrong(rule(id_, agents=(other,)), agent=agent), "LKD303", Confidence.PROVEN)
    assert finding.values == {"rule_id": id_, "agent_name": agent, "other_name": other}
    assert words in finding.because[0].text


def test_agent_name_misspelled() -> None:
    finding = one(wrong(rule(agents=("Telefony Desk",)), agent="Telephony Desk"), "LKD303", Confidence.LIKELY)
    assert 'spelling ("f" in place of "ph")' in finding.because[0].text


@pytest.mark.parametrize("agent", ["Desk", ""])
def test_agent_that_is_nobodys(agent: str) -> None:
    finding = one(wrong(rule(agents=("Recall",)), agent=agent), "LKD303", Confidence.POSSIBLE)
    assert finding.values["other_name"] == "Recall"


def test_agent_that_is_right_or_unknown() -> None:
    assert not wrong(rule(agents=("Recall", "Desk")), agent="Desk")
    assert not wrong(rule(agents=("Recall",)), agent="Desk", others=("Recall",))
    assert not wrong(rule(agents=("desk",)), agent="Desk", others=("desk",))
    assert not wrong(rule(agents=("Recall",)), agent=None)
    assert not wrong(rule(), agent="Desk")
    assert not wrong(rule(agents=("",)), agent="")


def test_agent_beside_a_room_preset() -> None:
    one(wrong(rule(agents=("desk",), room_preset="x"), agent="Desk"), "LKD303", Confidence.POSSIBLE)


def test_expected_agent_and_another_there() -> None:
    sip = Sip(dispatch_rules=(ExpectedRule(id="SDR_a", agent="Desk"),))
    finding = one(wrong(rule(agents=("Recall",)), sip=sip), "LKD303", Confidence.PROVEN)
    assert finding.values == {"rule_id": "SDR_a", "agent_name": "Desk", "other_name": "Recall"}
    one(wrong(rule(agents=("Recall",)), agent="Recall", sip=sip), "LKD303", Confidence.PROVEN)
    assert not wrong(rule(agents=("Desk",)), agent="Recall", sip=sip)
    assert not wrong(rule("SDR_b", agents=("Recall",)), agent="Desk", sip=sip)


def test_expected_rule_with_no_expected_agent() -> None:
    sip = Sip(dispatch_rules=(ExpectedRule(id="SDR_a"),))
    one(wrong(rule(agents=("Recall",)), agent="Desk", sip=sip), "LKD303", Confidence.POSSIBLE)


# LKD304


def dangling(*observations: Observation, **settings: object) -> list[Finding]:
    return list(dispatch_rule_dangling_trunk(setup(*observations, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_rule_for_a_trunk_that_is_gone(seed: int) -> None:
    names = Names(seed)
    gone, there, second = names.id("ST_"), names.id("ST_"), names.id("ST_")
    bound = rule(names.id("SDR_"), trunk_ids=(there, gone))
    finding = one(dangling(trunks(there, second), rules(bound)), "LKD304", Confidence.PROVEN)
    assert finding.values == {"rule_id": bound.id, "trunk_id": gone, "detail": second, "kind": "rule"}
    assert there in finding.because[1].text


def test_rule_for_a_trunk_that_is_gone_and_no_other_is_there() -> None:
    finding = one(dangling(trunks(), rules(rule(trunk_ids=("ST_a",)))), "LKD304", Confidence.PROVEN)
    assert finding.values == {"rule_id": "SDR_a", "trunk_id": "ST_a", "kind": "rule"}


def test_rule_for_an_outbound_trunk() -> None:
    evidence = trunks(), outbound("ST_a"), rules(rule(trunk_ids=("ST_a",)))
    finding = one(dangling(*evidence), "LKD304", Confidence.PROVEN)
    assert "ST_a is an outbound trunk" in finding.because[1].text


def test_rule_whose_trunks_are_there_or_unread() -> None:
    assert not dangling(trunks("ST_a"), rules(rule(trunk_ids=("ST_a",))))
    assert not dangling(trunks(), rules(rule(trunk_ids=("PN_a",))))
    assert not dangling(trunks(), rules(rule()))
    assert not dangling(rules(rule(trunk_ids=("ST_a",))))


def test_expected_inbound_trunk_missing() -> None:
    sip = Sip(inbound_trunks=("ST_a",))
    finding = one(dangling(trunks("ST_b"), sip=sip), "LKD304", Confidence.PROVEN)
    assert finding.values == {"trunk_id": "ST_a", "detail": "ST_b", "kind": "expected"}
    one(dangling(trunks(), rules(rule(trunk_ids=("ST_a",))), sip=sip), "LKD304", Confidence.PROVEN)
    assert not dangling(trunks("ST_a"), sip=sip)


# LKD305


def shadowed(*observations: Observation, **settings: object) -> list[Finding]:
    return list(dispatch_rule_shadowed(setup(*observations, **settings)))  # type: ignore[arg-type]


@pytest.mark.parametrize("seed", SEEDS)
def test_two_rules_for_the_same_calls(seed: int) -> None:
    names = Names(seed)
    trunk = names.id("ST_")
    caller = rule(names.id("SDR_"), trunk_ids=(trunk,))
    fixed = rule(names.id("SDR_"), kind="direct", trunk_ids=(trunk,))
    for pair in ((caller, fixed), (fixed, caller)):
        finding = one(shadowed(rules(*pair)), "LKD305", Confidence.PROVEN)
        assert finding.values == {"rule_id": caller.id, "detail": fixed.id}
        assert trunk in finding.because[0].text


def test_two_rules_for_some_of_the_same_calls() -> None:
    narrow, wide = rule("SDR_n", trunk_ids=("ST_a",)), rule("SDR_w", trunk_ids=("ST_a", "ST_b"))
    one(shadowed(rules(narrow, wide)), "LKD305", Confidence.LIKELY)


@pytest.mark.parametrize(
    "other",
    [
        {"trunk_ids": ("ST_b",)},
        {"trunk_ids": ("ST_a",), "numbers": (A,)},
        {"trunk_ids": ("ST_a",), "inbound_numbers": (A,)},
        {"trunk_ids": ("ST_a",), "has_pin": True, "pin_digest": "p"},
        {"trunk_ids": ("ST_a",), "kind": "unknown"},
    ],
)
def test_two_rules_for_different_calls(other: dict[str, object]) -> None:
    """An open rule beside one with a PIN gets the callers who enter none."""
    assert not shadowed(trunks("ST_a"), rules(rule(trunk_ids=("ST_a",)), rule("SDR_b", **other)))


def test_rule_for_all_trunks_that_all_have_their_own() -> None:
    own, wild = rule("SDR_own", trunk_ids=("ST_a", "ST_b")), rule("SDR_wild")
    evidence = trunks("ST_a", "ST_b"), rules(own, wild)
    finding = one(shadowed(*evidence), "LKD305", Confidence.POSSIBLE)
    assert finding.values == {"rule_id": "SDR_wild", "detail": "SDR_own"}
    assert not shadowed(*evidence, url="wss://team-abc123.livekit.cloud")


@pytest.mark.parametrize(
    ("own", "wild", "listed"),
    [
        ({"trunk_ids": ("ST_a",)}, {}, ("ST_a", "ST_b")),
        ({"trunk_ids": ("ST_a",), "numbers": (A,)}, {}, ("ST_a",)),
        ({"trunk_ids": ("ST_a",), "has_pin": True, "pin_digest": "p"}, {}, ("ST_a",)),
        ({"trunk_ids": ("ST_a",)}, {"numbers": (A,)}, ("ST_a",)),
        ({"trunk_ids": ("ST_a",)}, {}, ()),
    ],
)
def test_rule_for_all_trunks_that_still_gets_calls(
    own: dict[str, object], wild: dict[str, object], listed: tuple[str, ...]
) -> None:
    """A number that no trunk has may be one of LiveKit's own."""
    assert not shadowed(trunks(*listed), rules(rule("SDR_own", **own), rule("SDR_wild", **wild)))


def test_rule_for_all_trunks_and_trunks_unread() -> None:
    assert not shadowed(rules(rule("SDR_own", trunk_ids=("ST_a",)), rule("SDR_wild")))


# All


TEXT = st.text(max_size=8) | st.sampled_from(["ST_a", "ST_b", "SDR_a", "SDR_b", A, A[1:], "Desk"])
TEXTS = st.lists(TEXT, max_size=3).map(tuple)
RULE = st.builds(
    SipDispatchRule,
    id=TEXT,
    kind=st.sampled_from(["direct", "individual", "callee", "unknown"]),
    trunk_ids=TEXTS,
    numbers=TEXTS,
    inbound_numbers=TEXTS,
    has_pin=st.booleans(),
    pin_digest=st.sampled_from(["", "p"]),
    room=TEXT,
    room_preset=st.sampled_from(["", "preset"]),
    agents=TEXTS,
)
TRUNK = st.builds(InboundTrunk, id=TEXT, numbers=TEXTS, allowed_addresses=TEXTS, allowed_numbers=TEXTS)
SIP = st.builds(
    Sip,
    inbound_trunks=TEXTS,
    dispatch_rules=st.lists(st.builds(ExpectedRule, id=TEXT, agent=st.none() | TEXT), max_size=2).map(tuple),
)


@given(st.lists(RULE, max_size=5), st.lists(TRUNK, max_size=4), TEXTS, SIP, st.none() | TEXT, TEXTS)
def test_any_lists(
    items: list[SipDispatchRule],
    found: list[InboundTrunk],
    dialling: tuple[str, ...],
    sip: Sip,
    agent: str | None,
    others: tuple[str, ...],
) -> None:
    lists = (rules(*items), trunks(*found), outbound(*dialling))
    for observations in (lists, lists[:1], lists[1:], lists[2:], ()):
        state = setup(*observations, sip=sip, agent=agent, others=others)
        for check in RULES:
            for finding in check(state):
                assert finding.because
                assert set(finding.values) <= catalogue.VALUES
                if len(observations) < 2:
                    assert finding.code != "LKD304"
