"""SIP trunks: LKD201, LKD202, LKD203 and LKD207.

Nothing is concluded from a list that was not read. Trunks named in the configuration are the
team's own, and then only they are judged; with none named, all are. "The source" below is
github.com/livekit/protocol v1.50.5-0.20260728075222-28e604c046c6 as used by livekit-server v1.13.5.
"""

import re
from collections.abc import Iterator

from msgspec import structs

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.inbound import ignored_addresses, is_e164, is_open, normalised
from livekit_doctor.diagnosis.names import few, near_miss, nearest
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import (
    InboundTrunk,
    InboundTrunkList,
    OutboundTrunk,
    OutboundTrunkList,
    Read,
)
from livekit_doctor.evidence.sources import SIP_API
from livekit_doctor.flow import Confidence, Step

ANY_NUMBER = "*"
"""Among a trunk's numbers: each call brings its own caller id."""

_PORTS = {"SIP_TRANSPORT_TLS": (5060,), "SIP_TRANSPORT_UDP": (5061,), "SIP_TRANSPORT_TCP": (5061,)}
"""The ports that a transport does not use by convention (RFC 3261, section 19.1.2)."""


def outbound_trunk_missing(setup: Setup) -> Iterator[Finding]:
    """LKD201: an outbound trunk that the configuration names is not in the list.

    Source: CreateSIPParticipant then fails with 404 "requested sip trunk does not exist"
    (design fact 24). Trunks given inline with a call are never listed, so that a short or
    empty list is no fault by itself (fact 23).
    """
    read = setup.latest(OutboundTrunkList)
    if read is None:
        return
    inbound = setup.latest(InboundTrunkList)
    present = [trunk.id for trunk in read.trunks]
    for expected in setup.settings.sip.outbound_trunks:
        if expected.id in present:
            continue
        meant = nearest(expected.id, present)
        text = f"no outbound trunk {expected.id}; there: {few(present)}"
        if meant:
            how = near_miss(expected.id, meant)
            text += f". Nearest: {meant}" + (f", which differs in {how}" if how else "")
        because = [because_of(read.read, text)]
        if inbound and any(trunk.id == expected.id for trunk in inbound.trunks):
            because.append(because_of(inbound.read, f"{expected.id} is an inbound trunk"))
        values = {"trunk_id": expected.id, "other_name": meant or "", "number": "".join(expected.numbers[:1])}
        yield Finding(
            code="LKD201",
            confidence=Confidence.PROVEN,
            step=Step.SIP_PARTICIPANT_CREATED,
            because=tuple(because),
            values=known(values),
        )


def outbound_trunk_misconfigured(setup: Setup) -> Iterator[Finding]:
    """LKD202: an outbound trunk that exists and cannot dial, or not under the expected number.

    Each fault is a finding of its own, since each has its own fix.
    """
    read = setup.latest(OutboundTrunkList)
    if read is None:
        return
    expected = {trunk.id: trunk.numbers for trunk in setup.settings.sip.outbound_trunks}
    for trunk in read.trunks:
        if expected and trunk.id not in expected:
            continue
        yield from _expected_number_missing(read.read, trunk, expected.get(trunk.id, ()))
        yield from _no_numbers(read.read, trunk)
        yield from _address_unusable(read.read, trunk)
        yield from _transport_contradicted(read.read, trunk)
        yield from _unusual_caller_ids(read.read, trunk)


def _expected_number_missing(read: Read, trunk: OutboundTrunk, expected: tuple[str, ...]) -> Iterator[Finding]:
    """A caller id is sent as the trunk has it, so another spelling is another caller id."""
    for number in expected:
        if number in trunk.numbers or ANY_NUMBER in trunk.numbers:
            continue
        text = f"the configuration expects caller id {number} of trunk {trunk.id}; "
        alike = next((other for other in trunk.numbers if normalised(other) == normalised(number)), "")
        text += f"there: {alike}, written differently" if alike else f"there: {few(trunk.numbers)}"
        yield _misconfigured(
            read, trunk, Confidence.PROVEN, text, "spelling" if alike else "number", number=number, other_name=alike
        )


def _no_numbers(read: Read, trunk: OutboundTrunk) -> Iterator[Finding]:
    """Source: rpc/sip.go, NewCreateSIPParticipantRequestResult: "no numbers on outbound trunk",
    unless the call brings its own. CreateSIPOutboundTrunk refuses such a trunk (fact 24); one
    that an older server stored (CreateSIPTrunk, not served any more) is still listed."""
    if not trunk.numbers:
        text = f"trunk {trunk.id} has no number: a call that names no caller id of its own fails"
        yield _misconfigured(read, trunk, Confidence.PROVEN, text, "number")


def _address_unusable(read: Read, trunk: OutboundTrunk) -> Iterator[Finding]:
    """An address is host or host:port; the rest of a URI would be looked up as a host name.

    Source: livekit/sip.go, validateHostnameFormat refuses sip:, sips:, "@", ";" and
    "transport=" on creation. A path, other schemes, spaces and ports that are none it lets by,
    and trunks that an older server stored it does not look at.
    """
    wrong = _what_is_wrong(trunk.address)
    if wrong:
        text = f'trunk {trunk.id} has the address "{trunk.address}": {wrong}; it must be host or host:port'
        yield _misconfigured(read, trunk, Confidence.PROVEN, text, "address", detail=_host_and_port(trunk.address))


def _what_is_wrong(address: str) -> str | None:
    if not address.strip():
        return "it is empty"
    if re.search(r"\s", address):
        return "there is white space in it"
    if re.match(r"sips?:|[a-z][a-z0-9+.-]*://", address, re.IGNORECASE):
        return "it is a URI"
    for part, wrong in ((";", "it has parameters"), ("@", "it has a user"), ("/", "it has a path")):
        if part in address:
            return wrong
    if "," in address:
        return "it is more than one address"
    port = _port(address)
    if port is not None and not (port.isascii() and port.isdecimal() and 0 < int(port) < 65536):
        return f'"{port}" is no port'
    return None


def _host_and_port(address: str) -> str:
    """What of a URI is the address, empty where nothing is left."""
    address = re.sub(r"\s", "", address)
    address = re.sub(r"^(sips?:|[a-z][a-z0-9+.-]*://)(//)?", "", address, flags=re.IGNORECASE)
    address = re.split(r"[;/?,]", address)[0].rpartition("@")[2]
    return address if _what_is_wrong(address) is None else ""


def _port(address: str) -> str | None:
    """The text after the host, None without one. IPv6 addresses with a port are in brackets."""
    host, colon, port = address.rpartition(":")
    return port if colon and (":" not in host or host.endswith("]")) else None


def _transport_contradicted(read: Read, trunk: OutboundTrunk) -> Iterator[Finding]:
    """5061 is for TLS and 5060 for UDP and TCP by convention only: carriers differ."""
    named = re.search(r";transport=(\w+)", trunk.address, re.IGNORECASE)
    port = _port(_host_and_port(trunk.address))
    transport = trunk.transport.removeprefix("SIP_TRANSPORT_")
    if named and transport not in ("AUTO", named[1].upper()):
        text = f"trunk {trunk.id} has transport {transport}, its address says {named[1].upper()}"
    elif port and port.isdecimal() and int(port) in _PORTS.get(trunk.transport, ()):
        usual = "TLS" if port == "5061" else "UDP or TCP"
        text = f"trunk {trunk.id} has transport {transport} and port {port}, which is usually for {usual}"
    else:
        return
    yield _misconfigured(read, trunk, Confidence.POSSIBLE, text, "transport")


def _unusual_caller_ids(read: Read, trunk: OutboundTrunk) -> Iterator[Finding]:
    """At most `possible`: national numbers, extensions and user names are right for some
    carriers (design fact 23), so a user name or an extension counts only beside real numbers.

    Source: the caller id is drawn at random from the numbers (fact 22), and for addresses that
    end in twilio.com a missing "+" is added (rpc/sip.go, NewCreateSIPParticipantRequestResult).
    """

    def sent(number: str) -> str:
        add = trunk.address.endswith("twilio.com") and not number.startswith("+")
        return f"+{number}" if add else number

    good = [number for number in trunk.numbers if is_e164(sent(number))]
    odd = [
        number
        for number in trunk.numbers
        if number not in good and number != ANY_NUMBER and (good or _meant_as_phone_number(number))
    ]
    for number in odd:
        text = f'trunk {trunk.id} has caller id "{number}", not written as + and country code (E.164)'
        if len(trunk.numbers) > 1:
            text += "; the caller id is drawn at random, so only some calls have it"
        better = normalised(number)
        values = {"other_name": number, "number": better if is_e164(better) else ""}
        yield _misconfigured(read, trunk, Confidence.POSSIBLE, text, "spelling", **values)


def _meant_as_phone_number(number: str) -> bool:
    digits = re.sub(r"\D", "", number)
    written = re.fullmatch(r"[\d\s().-]*", number) is not None
    return number.startswith("+") or (written and (len(digits) >= 7 or not digits))


def sip_service_unavailable(setup: Setup) -> Iterator[Finding]:
    """LKD203: the SIP API said that it has no Redis, or that no SIP service answered.

    Source: design fact 24; the API client gives the code to these answers and no others.
    """
    for entry in setup.coverage(SIP_API):
        if entry.status == "unread" and entry.problem and entry.problem.code == "LKD203":
            yield Finding(
                code="LKD203",
                confidence=Confidence.PROVEN,
                step=Step.SIP_PARTICIPANT_CREATED,
                because=(Because(source=entry.source, at=setup.evidence.now, text=entry.problem.message),),
                values=known({"url": setup.settings.livekit.url or "", "detail": entry.problem.message}),
            )
            return


def inbound_trunk_open(setup: Setup) -> Iterator[Finding]:
    """LKD207: an inbound trunk that lets any host place calls.

    Source: sip/sip.go, matchAddrMasks and filterInvalidAddrMasks: an allowed address with a
    space, a comma, a semicolon, brackets, "*", "+" or "://" is dropped, and when none is left
    every address matches (design fact 25). An address of another wrong form is kept and
    matches nobody. livekit-sip asks for a password only where user name and password are set
    (its pkg/service/psrpc.go, GetAuthCredentials): a user name alone keeps nobody out. That is
    possible only, since another server may not list the passwords that it has.
    """
    read = setup.latest(InboundTrunkList)
    if read is None:
        return
    expected = setup.settings.sip.inbound_trunks
    for trunk in read.trunks:
        if expected and trunk.id not in expected:
            continue
        without_login = structs.replace(trunk, has_auth=False)
        if is_open(trunk):
            confidence, why = Confidence.PROVEN, _why_open(trunk)
        elif not trunk.has_password and is_open(without_login):
            why = f"a user name without a password is no login; else {_why_open(without_login)}"
            confidence = Confidence.POSSIBLE
        else:
            continue
        yield Finding(
            code="LKD207",
            confidence=confidence,
            because=(because_of(read.read, f"trunk {trunk.id}{_named(trunk)}: {why}"),),
            values={"trunk_id": trunk.id},
        )


def _why_open(trunk: InboundTrunk) -> str:
    ignored = ignored_addresses(trunk)
    if not trunk.allowed_addresses:
        why = "no login and no allowed address"
    elif len(ignored) == len(trunk.allowed_addresses):
        quoted = few(f'"{mask}"' for mask in ignored)
        why = f"no login, and the allowed address {quoted} can't be read and is ignored"
    else:
        why = f"no login, and the allowed address {few(trunk.allowed_addresses)} takes in every address"
    if trunk.allowed_numbers:
        why += "; allowed numbers keep nobody out, a caller writes any number"
    return why


def _named(trunk: InboundTrunk) -> str:
    return f' ("{trunk.name}")' if trunk.name else ""


def _misconfigured(
    read: Read, trunk: OutboundTrunk, confidence: Confidence, text: str, kind: str, **values: str
) -> Finding:
    return Finding(
        code="LKD202",
        confidence=confidence,
        step=Step.SIP_DIALING,
        because=(because_of(read, text),),
        values=known({"trunk_id": trunk.id, "kind": kind, **values}),
    )


def because_of(read: Read, text: str) -> Because:
    """Evidence from one answer of the API, dated as the server dates it."""
    return Because(source=read.source, at=read.now, text=text)


def known(values: dict[str, str]) -> dict[str, str]:
    """The values that there are; a fix shows the others as something to fill in."""
    return {name: value for name, value in values.items() if value}
