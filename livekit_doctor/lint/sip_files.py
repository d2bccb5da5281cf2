"""SIP trunks and SIP dispatch rules in JSON files, as `lk sip ... create FILE` takes them.

They are read into what the API lists, and judged by the rules of `check` that need one trunk or rule alone: which of
them exist on the server a file does not say.
"""

import json
import os
import re
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from google.protobuf import json_format
from livekit.protocol import sip
from msgspec import structs

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules.sip_dispatch_rules import dispatch_rule_without_agent, dispatch_rule_wrong_agent
from livekit_doctor.diagnosis.rules.sip_trunks import inbound_trunk_open, outbound_trunk_misconfigured
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.livekit_api import inbound_trunk_of, outbound_trunk_of, rule_of
from livekit_doctor.evidence.observations import (
    Evidence,
    InboundTrunkList,
    Observation,
    OutboundTrunkList,
    Read,
    SipDispatchRuleList,
)
from livekit_doctor.flow import Confidence
from livekit_doctor.lint.facts import Mention, Place
from livekit_doctor.lint.values import Value
from livekit_doctor.settings import Settings

_WORTH = lazy_re.compile(r'"(?:trunk|numbers|dispatch_rule\w*|dispatchRule\w*|rule)"')
_AT = datetime(2000, 1, 1, tzinfo=UTC)
"""A file has no time at which it was true; nothing that is asked here depends on it."""


def findings(path: str, text: str, settings: Settings) -> Iterator[tuple[Finding, Place]]:
    """What is wrong with the trunk or rule in a file, and where."""
    observation, key = _read(path, text)
    if observation is None:
        return
    setup = Setup(Evidence(now=_AT, observations=(observation,)), settings)
    for rule in _RULES[type(observation)]:
        for finding in rule(setup):
            place = place_in(path, text, _KEYS.get((finding.code, finding.values.get("kind", "")), key))
            yield _of_file(finding, place), place


def _of_file(finding: Finding, place: Place) -> Finding:
    """With the place as its evidence, and without the id that a file does not have. Which agent is meant for inbound
    calls the source shows less surely than a configuration."""
    because = tuple(structs.replace(one, source=str(place)) for one in finding.because)
    values = {name: value for name, value in finding.values.items() if name not in ("trunk_id", "rule_id")}
    surest = Confidence.LIKELY if finding.code in ("LKD302", "LKD303") else finding.confidence
    confidence = max(finding.confidence, surest, key=lambda one: one.rank)
    return structs.replace(finding, because=because, values=values, confidence=confidence)


def mentions(path: str, text: str) -> Iterator[Mention]:
    """The agents that a SIP dispatch rule brings with it."""
    observation, _ = _read(path, text)
    if isinstance(observation, SipDispatchRuleList):
        for rule in observation.rules:
            yield from (Mention(place_in(path, text, "agents"), Value((agent,))) for agent in rule.agents)


_RULES: dict[type[Observation], tuple[Callable[[Setup], Iterator[Finding]], ...]] = {
    OutboundTrunkList: (outbound_trunk_misconfigured,),
    InboundTrunkList: (inbound_trunk_open,),
    SipDispatchRuleList: (dispatch_rule_without_agent, dispatch_rule_wrong_agent),
}
_KEYS = {
    ("LKD202", "number"): "numbers",
    ("LKD202", "spelling"): "numbers",
    ("LKD202", "address"): "address",
    ("LKD202", "transport"): "transport",
    ("LKD207", ""): "trunk",
    ("LKD303", ""): "agents",
}


def _read(path: str, text: str) -> tuple[Observation | None, str]:
    """The one trunk or rule of a file, and the key that it stands under; nothing where it is another kind of file."""
    if not path.endswith(".json") or len(text) > 100_000 or not _WORTH.search(text):
        return None, ""
    try:
        document: Any = json.loads(text)
    except (ValueError, RecursionError):
        return None, ""
    if not isinstance(document, dict):
        return None, ""
    read, name = Read(source=path, at=_AT), os.path.basename(path)
    trunk = document.get("trunk", document)
    if isinstance(trunk, dict) and "address" in trunk and "numbers" in trunk:
        outbound = _parsed(trunk, sip.SIPOutboundTrunkInfo(), "sip_trunk_id", name)
        return (
            (OutboundTrunkList(read=read, trunks=(outbound_trunk_of(outbound),)), "address") if outbound else (None, "")
        )
    if isinstance(document.get("trunk"), dict) and ("numbers" in trunk or _INBOUND & trunk.keys()):
        inbound = _parsed(trunk, sip.SIPInboundTrunkInfo(), "sip_trunk_id", name)
        return (InboundTrunkList(read=read, trunks=(inbound_trunk_of(inbound),)), "trunk") if inbound else (None, "")
    rule = document.get("dispatch_rule", document.get("dispatchRule", document))
    if isinstance(rule, dict) and isinstance(rule.get("rule"), dict) and _DISPATCHES & rule["rule"].keys():
        parsed = _parsed(rule, sip.SIPDispatchRuleInfo(), "sip_dispatch_rule_id", name)
        return (SipDispatchRuleList(read=read, rules=(rule_of(parsed),)), "rule") if parsed else (None, "")
    return None, ""


_INBOUND = {"allowed_addresses", "allowedAddresses", "allowed_numbers", "allowedNumbers", "krisp_enabled"}
_DISPATCHES = {"dispatchRuleIndividual", "dispatchRuleDirect", "dispatchRuleCallee"} | {
    "dispatch_rule_individual",
    "dispatch_rule_direct",
    "dispatch_rule_callee",
}


def _parsed(document: dict[str, Any], message: Any, id: str, name: str) -> Any:
    """By the file's name in place of the id that it is yet to get."""
    try:
        parsed = json_format.ParseDict(document, message, ignore_unknown_fields=True)
        setattr(parsed, id, name)
        return parsed
    except (json_format.ParseError, ValueError, TypeError):
        return None


def place_in(path: str, text: str, key: str) -> Place:
    """The line on which a key stands first."""
    found = re.search(rf'"{re.escape(key)}"\s*:', text)
    if found is None:
        return Place(path, 1)
    before = text[: found.start()]
    return Place(path, before.count("\n") + 1, len(before) - before.rfind("\n"))
