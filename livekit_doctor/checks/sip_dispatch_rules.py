"""sip_dispatch_rules: does each inbound call get a room, and the agent? They never apply to outbound calls."""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.sip_dispatch_rules import (
    dispatch_rule_dangling_trunk,
    dispatch_rule_missing,
    dispatch_rule_shadowed,
    dispatch_rule_without_agent,
    dispatch_rule_wrong_agent,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import InboundTrunkList, SipDispatchRuleList
from livekit_doctor.words import counted


def _rules(setup: Setup) -> str:
    listing = setup.latest(SipDispatchRuleList)
    return counted(len(listing.rules) if listing else 0, "rule")


def _coverage(setup: Setup) -> str:
    listing = setup.latest(InboundTrunkList)
    trunks = "every inbound trunk has one" if listing and listing.trunks else "no inbound trunk needs one"
    return f"{_rules(setup)}; {trunks}"


def _agents(setup: Setup) -> str:
    name, rules = setup.settings.agent.name, _rules(setup)
    if name is None:
        return f"{rules}; agent.name is not set, so their agents were not compared"
    if name == "" or rules.startswith("no "):
        return rules + ("; the agent is unnamed" if name == "" else "")
    return f'{rules}, none without the agent "{name}"'


CHECKS = (
    Check(
        id="sip_dispatch_rules.coverage",
        title="SIP dispatch rules cover the inbound trunks",
        needs=(Need.SIP,),
        after=("sip_trunks.service",),
        rules=(dispatch_rule_missing, dispatch_rule_dangling_trunk),
        passed=_coverage,
    ),
    Check(
        id="sip_dispatch_rules.agents",
        title="SIP dispatch rules carry the agent",
        needs=(Need.SIP,),
        after=("sip_trunks.service",),
        rules=(dispatch_rule_without_agent, dispatch_rule_wrong_agent),
        passed=_agents,
    ),
    Check(
        id="sip_dispatch_rules.conflicts",
        title="SIP dispatch rules do not shadow each other",
        needs=(Need.SIP,),
        after=("sip_trunks.service",),
        rules=(dispatch_rule_shadowed,),
        passed=lambda setup: f"{_rules(setup)}; none in the way of another",
    ),
)
