"""SIP dispatch rules, which place inbound calls: LKD301 to LKD305.

They never apply to outbound calls (design fact 1). Nothing is concluded from a list that was
not read. Trunks and rules named in the configuration are the team's own, and then only they
are judged; with none named, all are. `inbound` says what the server's matching was read from.
"""

from collections.abc import Iterator
from itertools import combinations

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.inbound import (
    can_match,
    clash,
    covers,
    goes_before,
    normalised,
    taker,
    unanswered_numbers,
    unusual_spellings,
)
from livekit_doctor.diagnosis.names import few, near_miss, nearest, written_alike
from livekit_doctor.diagnosis.rules.sip_trunks import because_of, known
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    InboundTrunk,
    InboundTrunkList,
    OutboundTrunkList,
    Read,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.flow import Confidence


def dispatch_rule_missing(setup: Setup) -> Iterator[Finding]:
    """LKD301: an inbound trunk whose calls no rule can match, or an expected rule that is not there.

    Source: sip/sip.go, MatchDispatchRuleIter; the server drops such a call
    (pkg/service/ioservice_sip.go, EvaluateSIPDispatchRules). `possible` where only some of the
    trunk's numbers have no rule or only a rule that spells them differently, and for a trunk
    that is an outbound trunk as well (stored by an older server): that may be its use.
    """
    rules = setup.latest(SipDispatchRuleList)
    if rules is None:
        return
    yield from _expected_rule_missing(setup, rules)
    trunks = setup.latest(InboundTrunkList)
    if trunks is None:
        return
    expected = setup.settings.sip.inbound_trunks
    dials_too = _outbound_trunk_ids(setup)
    for trunk in trunks.trunks:
        if expected and trunk.id not in expected:
            continue
        text, confidence = _unmatched(trunk, rules.rules)
        if text:
            yield Finding(
                code="LKD301",
                confidence=Confidence.POSSIBLE if trunk.id in dials_too else confidence,
                because=(
                    because_of(trunks.read, f"inbound trunk {_titled(trunk.id, trunk.name)}"),
                    because_of(rules.read, text),
                ),
                values=known({"trunk_id": trunk.id, "agent_name": setup.settings.agent.name or "", "kind": "trunk"}),
            )


def _unmatched(trunk: InboundTrunk, rules: tuple[SipDispatchRule, ...]) -> tuple[str, Confidence]:
    """What no rule matches of a trunk's calls, and how sure that is; no text where all is well."""
    concerned = [rule for rule in rules if not rule.trunk_ids or trunk.id in rule.trunk_ids]
    if not concerned:
        ids = few(rule.id for rule in rules)
        return f"no rule for {trunk.id} and none for all trunks; there: {ids}", Confidence.PROVEN
    if not any(can_match(rule, trunk) for rule in rules):
        ids = few(rule.id for rule in concerned)
        text = f"no number that {ids} takes is among those of {trunk.id}, so that none of its calls match"
        return text, Confidence.PROVEN
    unanswered = unanswered_numbers(trunk, rules)
    if unanswered:
        return f"no rule takes calls to {few(unanswered)}, of {trunk.id}", Confidence.POSSIBLE
    spelled = [f"{spelling} for {own}" for own, spelling in unusual_spellings(trunk, rules).items()]
    if spelled:
        text = f"the rules for {trunk.id} have {few(spelled)}: a rule's number matches as it is written only"
        return text, Confidence.POSSIBLE
    return "", Confidence.PROVEN


def _expected_rule_missing(setup: Setup, rules: SipDispatchRuleList) -> Iterator[Finding]:
    present = [rule.id for rule in rules.rules]
    for expected in setup.settings.sip.dispatch_rules:
        if expected.id not in present:
            meant = nearest(expected.id, present)
            text = f"no rule {expected.id}; there: {few(present)}" + (f". Nearest: {meant}" if meant else "")
            agent = expected.agent or setup.settings.agent.name
            yield Finding(
                code="LKD301",
                confidence=Confidence.PROVEN,
                because=(because_of(rules.read, text),),
                values=known(
                    {"rule_id": expected.id, "other_name": meant or "", "agent_name": agent or "", "kind": "expected"}
                ),
            )


def dispatch_rule_without_agent(setup: Setup) -> Iterator[Finding]:
    """LKD302: a rule that opens rooms without an agent, while the team's agent has a name.

    Source: design fact 1; recordings/inbound-without-agent. A room preset may carry agents,
    and then nothing is said. `likely` for a rule with one fixed room, which may have been
    created with its agent, unless the configuration says which agent the rule must have.
    """
    for read, rule, expected in _judged(setup):
        name = setup.settings.agent.name if expected is None else expected
        if not name or any(rule.agents) or rule.room_preset:
            continue
        if expected is not None:
            confidence = Confidence.PROVEN
            why = f'the configuration expects agent "{name}" in it'
        else:
            confidence = Confidence.PROVEN if rule.kind in ("individual", "callee") else Confidence.LIKELY
            why = f'agent "{name}" has a name, and joins no room by itself'
        text = f"rule {_titled(rule.id, rule.name)} has no agent; {why}"
        yield Finding(
            code="LKD302",
            confidence=confidence,
            because=(because_of(read, text),),
            values={"rule_id": rule.id, "agent_name": name},
        )


def dispatch_rule_wrong_agent(setup: Setup) -> Iterator[Finding]:
    """LKD303: a rule with agents, none of which is the team's.

    Source: names match exactly (design fact 8). Proven where the configuration expects another
    agent of this rule, and where a name reads like the team's and is written differently. A
    name that may be a misspelling is `likely`. Any other is `possible`, since it may be right,
    and so are all beside a room preset, which may carry agents too.
    """
    for read, rule, expected in _judged(setup):
        agent = setup.settings.agent
        name = agent.name if expected is None else expected
        ours = {name} if expected is not None else {name, *agent.others}
        if name is None or not any(rule.agents) or ours & set(rule.agents):
            continue
        meant = _meant(name, rule.agents)
        if rule.room_preset:
            confidence = Confidence.POSSIBLE
        elif expected is not None or (meant and written_alike(name, meant)):
            confidence = Confidence.PROVEN
        else:
            confidence = Confidence.LIKELY if meant else Confidence.POSSIBLE
        text = f"rule {_titled(rule.id, rule.name)} has agent " + few(f'"{other}"' for other in rule.agents)
        if expected is not None:
            text += f'; the configuration expects "{name}" in it'
        else:
            text += f'; the team\'s agent is "{name}"' if name else "; the team's agent has no name"
        if meant:
            text += f'; "{meant}" differs from "{name}" in {near_miss(name, meant)}'
        other_name = meant or next(filter(None, rule.agents))
        yield Finding(
            code="LKD303",
            confidence=confidence,
            because=(because_of(read, text),),
            values=known({"rule_id": rule.id, "agent_name": name, "other_name": other_name}),
        )


def _meant(name: str, agents: tuple[str, ...]) -> str | None:
    """The agent that is probably a miswriting of the name, None where none is."""
    alike = [other for other in agents if written_alike(name, other)]
    return next(iter(alike + [other for other in agents if near_miss(name, other)]), None)


def dispatch_rule_dangling_trunk(setup: Setup) -> Iterator[Finding]:
    """LKD304: a rule, or the configuration, names an inbound trunk that does not exist.

    Source: pkg/service/sip.go of livekit-server, CreateSIPDispatchRule stores any trunk id, and
    DeleteSIPTrunk leaves the rules alone. Ids of LiveKit's own phone numbers, which have no
    trunk (design fact 25), do not begin with ST_.
    """
    trunks = setup.latest(InboundTrunkList)
    if trunks is None:
        return
    present = [trunk.id for trunk in trunks.trunks]
    outbound = _outbound_trunk_ids(setup)
    named: set[str] = set()
    for read, rule, _ in _judged(setup):
        named.update(rule.trunk_ids)
        for trunk_id in dict.fromkeys(rule.trunk_ids):
            if trunk_id.startswith("ST_") and trunk_id not in present:
                text = f"rule {_titled(rule.id, rule.name)} is for trunk {trunk_id}"
                because = (because_of(read, text), _absent(trunks, trunk_id, outbound))
                yield _dangling(setup, because, trunk_id, rule_id=rule.id)
    for trunk_id in setup.settings.sip.inbound_trunks:
        if trunk_id not in present and trunk_id not in named:
            yield _dangling(setup, (_absent(trunks, trunk_id, outbound),), trunk_id)


def _absent(trunks: InboundTrunkList, trunk_id: str, outbound: set[str]) -> Because:
    text = f"no inbound trunk {trunk_id}; there: {few(trunk.id for trunk in trunks.trunks)}"
    if trunk_id in outbound:
        text += f". {trunk_id} is an outbound trunk"
    return because_of(trunks.read, text)


def _dangling(setup: Setup, because: tuple[Because, ...], trunk_id: str, *, rule_id: str = "") -> Finding:
    instead = _in_its_place(setup, trunk_id)
    return Finding(
        code="LKD304",
        confidence=Confidence.PROVEN,
        because=because,
        values=known(
            {"rule_id": rule_id, "trunk_id": trunk_id, "detail": instead, "kind": "rule" if rule_id else "expected"}
        ),
    )


def _in_its_place(setup: Setup, trunk_id: str) -> str:
    """The trunk that was probably meant: one with an id like it, or the only one without a rule."""
    present = [trunk.id for trunk in _inbound_trunks(setup)]
    named = {named for rule in _rules(setup) for named in rule.trunk_ids}
    free = [other for other in present if other not in named]
    return nearest(trunk_id, present) or (free[0] if len(free) == 1 else "")


def dispatch_rule_shadowed(setup: Setup) -> Iterator[Finding]:
    """LKD305: a rule that no call reaches since other rules come first.

    Source: sip/sip.go. Rules for the same trunk are told apart by numbers and PIN: a rule with
    fewer restrictions than another still gets the calls that the other does not take, if only
    those with another spelling of the number, and an open rule beside one with a PIN gets those
    who enter none. So two things are left:

    - Two rules for the same trunk, numbers and PIN. The server refuses the second one when it is
      created, yet not when a rule is moved from one trunk to another (UpdateSIPDispatchRule
      looks only at rules of the new trunk, and so misses the one that is moved). From then on
      DispatchRuleValidator fails every call over that trunk. Where a server tolerates it,
      DispatchRulePriority decides and the other one never matches.
    - A rule for all trunks where every trunk it could match has an open rule of its own. At most
      `possible`, and not said of LiveKit Cloud: calls that match no trunk, among them those to
      LiveKit's own phone numbers, still reach it.
    """
    yield from _clashing(setup)
    yield from _outranked(setup)


def _clashing(setup: Setup) -> Iterator[Finding]:
    read = setup.latest(SipDispatchRuleList)
    if read is None:
        return
    judged = {rule.id for _, rule, _ in _judged(setup)}
    for one, other in combinations(_rules(setup), 2):
        if not clash(one, other) or not {one.id, other.id} & judged:
            continue
        first, second = (other, one) if goes_before(other, one) else (one, other)
        shared = few(sorted({*one.trunk_ids} & {*other.trunk_ids})) if one.trunk_ids else "all trunks"
        text = (
            f"rules {_titled(first.id, first.name)} and {_titled(second.id, second.name)} are both for {shared}, "
            f"with the same numbers and PIN: a self-hosted server then fails every such call, and one "
            f"that does not takes {first.id}"
        )
        yield Finding(
            code="LKD305",
            confidence=Confidence.PROVEN if covers(first, second) else Confidence.LIKELY,
            because=(because_of(read.read, text),),
            values={"rule_id": second.id, "detail": first.id},
        )


def _outranked(setup: Setup) -> Iterator[Finding]:
    trunks = _inbound_trunks(setup)
    if not trunks or setup.settings.livekit.is_cloud:
        return
    carried = {normalised(number) for trunk in trunks for number in trunk.numbers}
    for read, rule, _ in _judged(setup):
        if rule.trunk_ids or any(normalised(number) not in carried for number in rule.numbers):
            continue
        takers = [taker(trunk, _rules(setup)) for trunk in trunks if can_match(rule, trunk)]
        firsts = {first.id for first in takers if first}
        if takers and all(takers):
            text = (
                f"rule {_titled(rule.id, rule.name)} is for all trunks, and each inbound trunk has a rule of "
                f"its own, which goes first: {few(sorted(firsts))}. Only calls that match no trunk reach it"
            )
            yield Finding(
                code="LKD305",
                confidence=Confidence.POSSIBLE,
                because=(because_of(read, text),),
                values=known({"rule_id": rule.id, "detail": firsts.pop() if len(firsts) == 1 else ""}),
            )


def _judged(setup: Setup) -> Iterator[tuple[Read, SipDispatchRule, str | None]]:
    """The rules to judge, each with the reading that has it and the agent that it is expected to
    have, None where none is."""
    read = setup.latest(SipDispatchRuleList)
    expected = {rule.id: rule.agent for rule in setup.settings.sip.dispatch_rules}
    for rule in read.rules if read else ():
        if read and (not expected or rule.id in expected):
            yield read.read, rule, expected.get(rule.id)


def _rules(setup: Setup) -> tuple[SipDispatchRule, ...]:
    """The rules whose kind is known; of others it is not known whether they have a PIN."""
    read = setup.latest(SipDispatchRuleList)
    return tuple(rule for rule in read.rules if rule.kind != "unknown") if read else ()


def _inbound_trunks(setup: Setup) -> tuple[InboundTrunk, ...]:
    read = setup.latest(InboundTrunkList)
    return read.trunks if read else ()


def _outbound_trunk_ids(setup: Setup) -> set[str]:
    read = setup.latest(OutboundTrunkList)
    return {trunk.id for trunk in read.trunks} if read else set()


def _titled(id_: str, name: str) -> str:
    return f'{id_} ("{name}")' if name else id_
