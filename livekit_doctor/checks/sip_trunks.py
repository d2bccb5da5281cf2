"""sip_trunks: is SIP there, and are the trunks fit to place and take calls?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.names import few
from livekit_doctor.diagnosis.rules.connection import sip_not_listed
from livekit_doctor.diagnosis.rules.sip_trunks import (
    inbound_trunk_open,
    outbound_trunk_misconfigured,
    outbound_trunk_missing,
    sip_service_unavailable,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import InboundTrunkList, OutboundTrunkList
from livekit_doctor.words import counted


def _outbound(setup: Setup) -> str:
    listing = setup.latest(OutboundTrunkList)
    trunks = listing.trunks if listing else ()
    if not trunks:
        return "none listed, none expected"
    return f"{counted(len(trunks), 'outbound trunk')}: {few(trunk.id for trunk in trunks)}"


def _inbound(setup: Setup) -> str:
    listing = setup.latest(InboundTrunkList)
    trunks = listing.trunks if listing else ()
    if not trunks:
        return "none listed"
    return f"{counted(len(trunks), 'inbound trunk')}, each restricted by address or password"


CHECKS = (
    Check(
        id="sip_trunks.service",
        title="SIP service",
        needs=(Need.SIP,),
        after=("connection.reachable",),
        rules=(sip_service_unavailable, sip_not_listed),
        passed=lambda _: "trunks and rules can be listed",
    ),
    Check(
        id="sip_trunks.outbound",
        title="outbound SIP trunks",
        needs=(Need.SIP,),
        after=("sip_trunks.service",),
        rules=(outbound_trunk_missing, outbound_trunk_misconfigured),
        passed=_outbound,
    ),
    Check(
        id="sip_trunks.inbound",
        title="inbound SIP trunks",
        needs=(Need.SIP,),
        after=("sip_trunks.service",),
        rules=(inbound_trunk_open,),
        passed=_inbound,
    ),
)
