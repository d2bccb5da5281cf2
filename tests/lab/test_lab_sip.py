"""SIP set-up faults on a real server: which of them it lets anybody make, what the diagnosis says
of what it lists, and that the printed fix, run as it is printed, turns it green.

Every fault is made, read back and judged through the tool's own API client.
"""

import ast
import asyncio
import inspect
import textwrap
from collections.abc import Callable, Coroutine
from typing import Any, Protocol

import msgspec
import pytest
from livekit import api
from livekit.protocol.sip import SIPTrunkInfo
from redis import StrictRedis

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.rules import sip_dispatch_rules, sip_trunks
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence import livekit_api
from livekit_doctor.evidence.livekit_client import ApiError, LiveKitClient
from livekit_doctor.evidence.observations import Coverage, Evidence
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.evidence.sources import SIP_API
from livekit_doctor.flow import Confidence
from livekit_doctor.settings import Agent, ExpectedRule, LiveKit, OutboundTrunk, Settings, Sip
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import LiveKitServer, Redis
from tests.lab.support import PATIENCE

RULES = (
    sip_trunks.outbound_trunk_missing,
    sip_trunks.outbound_trunk_misconfigured,
    sip_trunks.sip_service_unavailable,
    sip_trunks.inbound_trunk_open,
    sip_dispatch_rules.dispatch_rule_missing,
    sip_dispatch_rules.dispatch_rule_without_agent,
    sip_dispatch_rules.dispatch_rule_wrong_agent,
    sip_dispatch_rules.dispatch_rule_dangling_trunk,
    sip_dispatch_rules.dispatch_rule_shadowed,
)
CARRIER = "203.0.113.0/24"


class Diagnose(Protocol):
    def __call__(self, agent: str | None = None, **sip: Any) -> list[Finding]: ...


@pytest.fixture
def diagnose(livekit: LiveKitServer) -> Diagnose:
    """What all SIP rules say of the server as it is now."""

    def now(agent: str | None = None, **sip: Any) -> list[Finding]:
        settings = Settings(livekit=_settings(livekit), agent=Agent(name=agent), sip=Sip(**sip))
        setup = Setup(asyncio.run(_read(settings)), settings)
        return [finding for rule in RULES for finding in rule(setup)]

    return now


def _settings(server: LiveKitServer) -> LiveKit:
    return LiveKit(url=server.url, api_key=server.api_key, api_secret=server.api_secret, timeout=PATIENCE)


async def _read(settings: Settings) -> Evidence:
    async with LiveKitClient(settings.livekit) as client:
        try:
            lists = (
                await livekit_api.list_outbound_trunks(client),
                await livekit_api.list_inbound_trunks(client),
                await livekit_api.list_sip_dispatch_rules(client),
            )
            return Evidence(now=lists[0].read.at, observations=lists)
        except ApiError as error:
            unread = Coverage(source=SIP_API, status="unread", problem=error.problem)
            return Evidence(now=utc_now(), coverage=(unread,))


@pytest.fixture
def api_call(livekit: LiveKitServer) -> Callable[[Callable[[api.LiveKitAPI], Any]], Any]:
    """Runs a call of livekit-api, which `edge` has not."""

    async def run(call: Callable[[api.LiveKitAPI], Coroutine[Any, Any, Any]]) -> Any:
        async with api.LiveKitAPI(livekit.http_url, livekit.api_key, livekit.api_secret) as lkapi:
            return await call(lkapi)

    return lambda call: asyncio.run(run(call))


@pytest.fixture
def paste(livekit: LiveKitServer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., str]:
    """Runs the fix of a finding whose sentence has these words, as printed; returns what it prints."""
    monkeypatch.setenv("LIVEKIT_URL", livekit.url)
    monkeypatch.setenv("LIVEKIT_API_KEY", livekit.api_key)
    monkeypatch.setenv("LIVEKIT_API_SECRET", livekit.api_secret)

    def run(finding: Finding, say: str, **filled_in: str) -> str:
        entry = catalogue.get(finding.code)
        (fix,) = (fix for fix in entry.fix if say in fix.say)
        chosen = msgspec.structs.replace(entry, fix=(fix,))
        printed = catalogue.render_fix(chosen, {**finding.values, **filled_in})
        code = textwrap.dedent(printed.split("\n", 1)[1])
        lines: list[str] = []
        program = compile(code, "<fix>", "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)

        names: dict[str, Any] = {"print": lambda text: lines.append(str(text))}

        async def execute() -> None:
            done = eval(program, names)
            if inspect.isawaitable(done):
                await done
            await names["lkapi"].aclose()

        asyncio.run(execute())
        return "\n".join(lines)

    return run


@pytest.fixture(autouse=True)
def nothing_left(edge: Edge) -> None:
    """A failed test before this one leaves nothing that its findings could come from."""
    left = edge.inventory()
    assert not left.trunks
    assert not left.rules


def outbound(names: Names, **fields: Any) -> api.SIPOutboundTrunkInfo:
    usual = {"address": "sip.example.com", "numbers": [names.number()]}
    return api.SIPOutboundTrunkInfo(**{**usual, **fields})


def inbound(names: Names, **fields: Any) -> api.SIPInboundTrunkInfo:
    usual = {"numbers": [names.number()], "allowed_addresses": [CARRIER]}
    return api.SIPInboundTrunkInfo(**{**usual, **fields})


def rule(*trunk_ids: str, agent: str | None = None, pin: str = "", **fields: Any) -> api.SIPDispatchRuleInfo:
    agents = [] if agent is None else [api.RoomAgentDispatch(agent_name=agent)]
    caller = api.SIPDispatchRuleIndividual(room_prefix="call-", pin=pin)
    return api.SIPDispatchRuleInfo(
        trunk_ids=trunk_ids,
        rule=api.SIPDispatchRule(dispatch_rule_individual=caller),
        room_config=api.RoomConfiguration(agents=agents),
        **fields,
    )


def only(findings: list[Finding], code: str, confidence: Confidence = Confidence.PROVEN) -> Finding:
    assert [(finding.code, finding.confidence) for finding in findings] == [(code, confidence)]
    return findings[0]


def refused(call: Callable[[], object]) -> str:
    with pytest.raises(api.ServerError) as error:
        call()
    return str(error.value.message)


def test_a_sound_set_up(edge: Edge, names: Names, diagnose: Diagnose) -> None:
    agent = names.agent()
    dials = edge.create_outbound_trunk(outbound(names, transport=api.SIPTransport.SIP_TRANSPORT_TCP))
    takes = edge.create_inbound_trunk(inbound(names))
    placed = edge.create_rule(rule(takes.sip_trunk_id, agent=agent))
    assert not diagnose(agent)
    assert not diagnose(
        agent,
        outbound_trunks=(OutboundTrunk(id=dials.sip_trunk_id, numbers=tuple(dials.numbers)),),
        inbound_trunks=(takes.sip_trunk_id,),
        dispatch_rules=(ExpectedRule(id=placed.sip_dispatch_rule_id, agent=agent),),
    )


def test_an_empty_server(diagnose: Diagnose, names: Names) -> None:
    assert not diagnose(names.agent())


# Trunks


def test_outbound_trunk_missing(edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]) -> None:
    gone = edge.create_outbound_trunk(outbound(names))
    edge.delete_trunk(gone.sip_trunk_id)
    expected = OutboundTrunk(id=gone.sip_trunk_id, numbers=tuple(gone.numbers))
    finding = only(diagnose(outbound_trunks=(expected,)), "LKD201")
    made = paste(finding, "If there is none, create it", detail="sip.example.com")
    assert not diagnose(outbound_trunks=(OutboundTrunk(id=made, numbers=tuple(gone.numbers)),))


def test_outbound_trunk_without_the_expected_number(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]
) -> None:
    trunk = edge.create_outbound_trunk(outbound(names, numbers=["+15555550200"]))
    expected = OutboundTrunk(id=trunk.sip_trunk_id, numbers=(names.number(),))
    paste(only(diagnose(outbound_trunks=(expected,)), "LKD202"), "add it")
    assert not diagnose(outbound_trunks=(expected,))


@pytest.mark.parametrize(
    "address", ["SIP:sip.example.com", "sip.example.com/trunk", " sip.example.com", "https://sip.example.com"]
)
def test_outbound_address_that_the_server_takes(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str], address: str
) -> None:
    edge.create_outbound_trunk(outbound(names, address=address))
    paste(only(diagnose(), "LKD202"), "If the address is wrong")
    assert not diagnose()


@pytest.mark.parametrize(
    "fields",
    [
        {"address": "sip:sip.example.com"},
        {"address": "sips:sip.example.com"},
        {"address": "sip.example.com;transport=tls"},
        {"address": "user@sip.example.com"},
        {"address": ""},
        {"numbers": []},
    ],
)
def test_outbound_trunk_that_the_server_refuses(edge: Edge, names: Names, fields: dict[str, Any]) -> None:
    assert refused(lambda: edge.create_outbound_trunk(outbound(names, **fields)))
    trunk = edge.create_outbound_trunk(outbound(names))
    assert list(edge.outbound_trunks()) == [trunk]


@pytest.mark.parametrize("spelled", ["15555550101", "+1 555 555 0101"])
def test_caller_id_that_may_be_wrong(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str], spelled: str
) -> None:
    edge.create_outbound_trunk(outbound(names, numbers=["+15555550200", spelled]))
    paste(only(diagnose(), "LKD202", Confidence.POSSIBLE), "wrong spelling")
    assert not diagnose()


def test_trunk_that_an_older_server_stored(redis: Redis, edge: Edge, diagnose: Diagnose, names: Names) -> None:
    """It is in both lists, and nobody has checked what is in it. No API makes one any more."""
    trunk = SIPTrunkInfo(sip_trunk_id=f"ST_{names.call_id()}", outbound_address="sip:sip.example.com")
    store = StrictRedis(host="127.0.0.1", port=redis.port)
    store.hset("sip_trunk", trunk.sip_trunk_id, trunk.SerializeToString())
    assert [(finding.code, finding.confidence) for finding in diagnose()] == [
        ("LKD202", Confidence.PROVEN),  # no number
        ("LKD202", Confidence.PROVEN),  # a URI
        ("LKD207", Confidence.PROVEN),
        ("LKD301", Confidence.POSSIBLE),
    ]
    edge.delete_trunk(trunk.sip_trunk_id)
    assert not diagnose()


def test_transport_that_contradicts_the_port(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]
) -> None:
    udp = api.SIPTransport.SIP_TRANSPORT_UDP
    edge.create_outbound_trunk(outbound(names, address="sip.example.com:5061", transport=udp))
    paste(only(diagnose(), "LKD202", Confidence.POSSIBLE), "wants TLS")
    assert not diagnose()


@pytest.mark.parametrize("addresses", [[], ["203.0.113.7, 203.0.113.8"], ["sip://203.0.113.7"]])
def test_inbound_trunk_open(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str], addresses: list[str]
) -> None:
    edge.create_inbound_trunk(inbound(names, allowed_addresses=addresses))
    edge.create_rule(rule())
    paste(only(diagnose(), "LKD207"), "Allow only", detail=CARRIER)
    assert not diagnose()


def test_inbound_trunk_with_half_a_login(edge: Edge, names: Names, diagnose: Diagnose) -> None:
    """The server takes a user name without a password, and lists the password where there is one."""
    edge.create_rule(rule())
    trunk = edge.create_inbound_trunk(inbound(names, auth_username="carrier", allowed_addresses=[]))
    only(diagnose(), "LKD207", Confidence.POSSIBLE)
    edge.delete_trunk(trunk.sip_trunk_id)
    edge.create_inbound_trunk(
        inbound(names, auth_username="carrier", auth_password=names.call_id(), allowed_addresses=[])
    )
    assert not diagnose()


def test_inbound_trunk_that_the_server_refuses(edge: Edge, names: Names) -> None:
    text = refused(lambda: edge.create_inbound_trunk(inbound(names, numbers=[], allowed_addresses=[])))
    assert "for security" in text


def test_no_sip_service(livekit_without_redis: LiveKitServer) -> None:
    settings = Settings(livekit=_settings(livekit_without_redis))
    setup = Setup(asyncio.run(_read(settings)), settings)
    finding = only([finding for rule in RULES for finding in rule(setup)], "LKD203")
    assert "redis required" in finding.because[0].text


# Dispatch rules


def test_dispatch_rule_missing(edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]) -> None:
    agent = names.agent()
    edge.create_inbound_trunk(inbound(names))
    paste(only(diagnose(agent), "LKD301"), "Create a rule")
    assert not diagnose(agent)


def test_dispatch_rule_for_another_number(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]
) -> None:
    agent = names.agent()
    trunk = edge.create_inbound_trunk(inbound(names))
    edge.create_rule(rule(trunk.sip_trunk_id, agent=agent, numbers=["+15555550200"]))
    paste(only(diagnose(agent), "LKD301"), "Create a rule")
    assert not diagnose(agent)


def test_dispatch_rule_without_agent(edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]) -> None:
    agent = names.agent()
    edge.create_inbound_trunk(inbound(names))
    made = edge.create_rule(rule(name="inbound", numbers=["+15555550100"], pin="1234"))
    expected = (ExpectedRule(id=made.sip_dispatch_rule_id, agent=agent),)
    paste(next(finding for finding in diagnose(dispatch_rules=expected) if finding.code == "LKD302"), "Add the agent")
    assert "LKD302" not in [finding.code for finding in diagnose(agent)]
    fixed = edge.rules()[0]
    fixed.room_config.agents.pop()
    assert fixed == made


@pytest.mark.parametrize("change", [str.swapcase, lambda name: name + " ", lambda name: name + "\u200b"])
def test_dispatch_rule_wrong_agent(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str], change: Callable[[str], str]
) -> None:
    """The server keeps a name as it is, down to its last space."""
    agent = names.agent()
    edge.create_rule(rule(agent=change(agent)))
    finding = only(diagnose(agent), "LKD303")
    assert finding.values["other_name"] == change(agent)
    paste(finding, "Put the right name")
    assert not diagnose(agent)


def test_dispatch_rule_dangling_trunk(edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]) -> None:
    """A trunk that is deleted and made again has another id; the rule keeps the old one."""
    trunk = edge.create_inbound_trunk(inbound(names))
    edge.create_rule(rule(trunk.sip_trunk_id))
    edge.delete_trunk(trunk.sip_trunk_id)
    only(diagnose(), "LKD304")
    again = edge.create_inbound_trunk(inbound(names))
    unmatched, dangling = diagnose()
    assert (unmatched.code, dangling.code) == ("LKD301", "LKD304")
    assert dangling.values["detail"] == again.sip_trunk_id
    paste(dangling, "took its place")
    assert not diagnose()


def test_dispatch_rule_for_a_trunk_that_never_was(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]
) -> None:
    """The server takes any trunk id, an outbound trunk's too."""
    trunk = edge.create_outbound_trunk(outbound(names))
    edge.create_rule(rule(trunk.sip_trunk_id, "ST_neverwas"))
    first, second = diagnose()
    assert (first.code, second.code) == ("LKD304", "LKD304")
    assert "is an outbound trunk" in first.because[1].text
    paste(first, "gone for good")
    paste(second, "gone for good")
    assert not edge.rules()


def test_rules_that_clash_are_refused(edge: Edge, names: Names, diagnose: Diagnose) -> None:
    trunk = edge.create_inbound_trunk(inbound(names)).sip_trunk_id
    number, agent = names.number(), names.agent()
    edge.create_rule(rule(trunk, agent=agent, pin="1"))
    edge.create_rule(rule(trunk, agent=agent, numbers=[number]))
    for same in (
        rule(trunk, pin="1"),
        rule(trunk, "ST_other", numbers=[number.removeprefix("+")]),
        rule("ST_x", "ST_x"),
        rule(numbers=[number, number.removeprefix("+")]),
    ):
        text = refused(lambda same=same: edge.create_rule(same))  # type: ignore[misc]
        assert "already exists in dispatch rule" in text
    edge.create_rule(rule(trunk, agent=agent))
    edge.create_rule(rule(trunk, agent=agent, pin="2"))
    edge.create_rule(rule(agent=agent, pin="1"))
    assert not diagnose(agent)


def test_rule_that_is_moved_clashes(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str], api_call: Callable[..., Any]
) -> None:
    """UpdateSIPDispatchRule lets by what CreateSIPDispatchRule refuses."""
    one, other = (edge.create_inbound_trunk(inbound(names, numbers=[n])) for n in ("+15555550301", "+15555550302"))
    agent = names.agent()
    edge.create_rule(rule(one.sip_trunk_id, agent=agent))
    moved = edge.create_rule(rule(other.sip_trunk_id, agent=agent))
    api_call(
        lambda lkapi: lkapi.sip.update_dispatch_rule_fields(moved.sip_dispatch_rule_id, trunk_ids=[one.sip_trunk_id])
    )
    unmatched, clash = diagnose(agent)
    assert (unmatched.code, clash.code, clash.confidence) == ("LKD301", "LKD305", Confidence.PROVEN)
    paste(clash, "delete this one")
    paste(unmatched, "Create a rule")
    assert not diagnose(agent)


def test_rule_for_all_trunks_is_outranked(
    edge: Edge, names: Names, diagnose: Diagnose, paste: Callable[..., str]
) -> None:
    agent = names.agent()
    trunk = edge.create_inbound_trunk(inbound(names)).sip_trunk_id
    edge.create_rule(rule(trunk, agent=agent))
    edge.create_rule(rule(agent=agent))
    paste(only(diagnose(agent), "LKD305", Confidence.POSSIBLE), "delete this one")
    assert not diagnose(agent)
