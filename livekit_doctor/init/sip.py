"""The SIP objects that are there, and which outbound trunk the calls use."""

from collections import Counter

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    InboundTrunk,
    InboundTrunkList,
    OutboundTrunk,
    OutboundTrunkList,
    ParticipantList,
    SipDispatchRule,
    SipDispatchRuleList,
)
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.init.texts import counted

_TRUNK = lazy_re.compile(r"ST_\w+")


class SipSeen(Struct, frozen=True):
    """`uses` says for each outbound trunk that calls were seen to use what shows it."""

    outbound: tuple[OutboundTrunk, ...] = ()
    inbound: tuple[InboundTrunk, ...] = ()
    rules: tuple[SipDispatchRule, ...] = ()
    uses: tuple[tuple[str, str], ...] = ()

    @property
    def used(self) -> tuple[OutboundTrunk, ...]:
        """The outbound trunks that calls use; all of them where nothing tells."""
        ids = [trunk_id for trunk_id, _ in self.uses]
        return tuple(trunk for trunk in self.outbound if trunk.id in ids) or self.outbound


def sip_objects(setup: Setup, tables: tuple[TableSeen, ...]) -> SipSeen:
    outbound, inbound, rules = (
        setup.latest(kind) for kind in (OutboundTrunkList, InboundTrunkList, SipDispatchRuleList)
    )
    trunks = outbound.trunks if isinstance(outbound, OutboundTrunkList) else ()
    return SipSeen(
        outbound=tuple(sorted(trunks, key=lambda trunk: trunk.id)),
        inbound=inbound.trunks if isinstance(inbound, InboundTrunkList) else (),
        rules=rules.rules if isinstance(rules, SipDispatchRuleList) else (),
        uses=_uses(setup, tables, {trunk.id for trunk in trunks}),
    )


def _uses(setup: Setup, tables: tuple[TableSeen, ...], known: set[str]) -> tuple[tuple[str, str], ...]:
    """The trunks of live outbound calls, and those that log rows name."""
    live: Counter[str] = Counter()
    for listing in setup.all(ParticipantList):
        for participant in listing.participants:
            trunk_id = participant.attributes.get("sip.trunkID", "")
            if trunk_id in known and not participant.attributes.get("sip.ruleID"):
                live[trunk_id] += 1
    logged: Counter[str] = Counter()
    for row in tables[0].rows if tables else ():
        logged.update(known & set(_TRUNK.findall(row.metadata)))
    found = []
    for trunk_id in sorted(known, key=lambda one: (-live[one], -logged[one], one)):
        calls = counted(live[trunk_id], "live call") if live[trunk_id] else ""
        rows = counted(logged[trunk_id], "log row") if logged[trunk_id] else ""
        if calls or rows:
            found.append((trunk_id, " and ".join(filter(None, (calls, rows)))))
    return tuple(found)
