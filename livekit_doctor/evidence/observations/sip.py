"""What LiveKit's API lists of SIP trunks and SIP dispatch rules."""

from typing import Literal

from livekit_doctor.evidence.observations.read import Observed, Value


class OutboundTrunk(Value, frozen=True):
    """An outbound SIP trunk. Whether it has credentials is kept, the credentials are not."""

    id: str
    name: str = ""
    address: str = ""
    transport: str = "SIP_TRANSPORT_AUTO"
    numbers: tuple[str, ...] = ()
    has_auth: bool = False
    destination_country: str = ""


class OutboundTrunkList(Observed, frozen=True):
    trunks: tuple[OutboundTrunk, ...] = ()


class InboundTrunk(Value, frozen=True):
    id: str
    name: str = ""
    numbers: tuple[str, ...] = ()
    allowed_addresses: tuple[str, ...] = ()
    allowed_numbers: tuple[str, ...] = ()
    has_auth: bool = False
    """Whether it has a user name."""
    has_password: bool = True
    """Whether a password is listed with it."""


class InboundTrunkList(Observed, frozen=True):
    trunks: tuple[InboundTrunk, ...] = ()


class SipDispatchRule(Value, frozen=True):
    """A SIP dispatch rule. `agents` are the names in its room configuration."""

    id: str
    name: str = ""
    kind: Literal["direct", "individual", "callee", "unknown"] = "unknown"
    trunk_ids: tuple[str, ...] = ()
    """Empty: a wildcard rule, for every trunk."""
    numbers: tuple[str, ...] = ()
    inbound_numbers: tuple[str, ...] = ()
    has_pin: bool = False
    pin_digest: str = ""
    """Tells two pins apart without keeping them."""
    room: str = ""
    """The room name of a direct rule, the prefix of the others."""
    room_preset: str = ""
    agents: tuple[str, ...] = ()


class SipDispatchRuleList(Observed, frozen=True):
    rules: tuple[SipDispatchRule, ...] = ()
