"""Objects that a JavaScript console printed say what the same objects say as JSON."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, models, sip, webhook

from livekit_doctor.evidence.observations import Observation, Sighting
from tests.each import each
from tests.evidence.pasted.console import Big, Map, inspect, of_message
from tests.evidence.pasted.samples import lk as answer
from tests.evidence.pasted.samples import logged, reading, recognised, webhooks

PHONE = {
    "sid": "PA_gTqw6Lyd3FKp",
    "identity": "phone-15555550123",
    "state": "ACTIVE",
    "joinedAt": "1795473297",
    "name": 'O\'Brien, "Pat"\nNew line and a text that is longer than a line of the console, so it is broken there',
    "kind": "SIP",
    "attributes": {"sip.callStatus": "active", "sip.callID": "SCL_8uVnT9mYq2Ls", "sip.phoneNumber": "+15555550123"},
    "disconnectReason": "USER_REJECTED",
}
AGENT = {"sid": "PA_4Ti4QhYEZxe6", "identity": "agent-AJ_3eZ2FZZ8fxZV", "state": "JOINED", "kind": "AGENT"}
ROOM = answer("rooms")["rooms"][0]
DISPATCH = answer("dispatch-healthy")["agentDispatches"][1]
TRUNK = {
    "sipTrunkId": "ST_d9mzn2muMMsM",
    "name": "out",
    "address": "sip.example.com",
    "numbers": ["+15555550100"],
    "ringingTimeout": "30s",
    "createdAt": "2026-11-01T10:00:00Z",
}
RULE = {
    "sipDispatchRuleId": "SDR_d9mzn2muMMsM",
    "rule": {"dispatchRuleIndividual": {"roomPrefix": "call-"}},
    "trunkIds": ["ST_d9mzn2muMMsM"],
    "roomConfig": {"agents": [{"agentName": "Front Desk"}]},
}
ERROR = {
    "code": "unavailable",
    "msg": "INVITE failed: sip status: 503 (SERVICE_UNAVAILABLE)",
    "meta": {"sip_status_code": "503", "sip_status": "Service Unavailable"},
}
ROW = {"call_id": "call-1", "created_at": "2026-11-01T10:00:00Z", "source": "edge", "state": "call_requested"}
DEPLOYED = {
    "agentId": "CA_abc",
    "agentName": "Front Desk",
    "agentDeployments": [{"region": "us", "status": "Sleeping"}],
}

ANY: dict[str, Any] = {
    "participant": PHONE,
    "participants": {"participants": [PHONE, AGENT]},
    "array of participants": [PHONE, AGENT],
    "room": ROOM,
    "rooms": answer("rooms"),
    "dispatch": DISPATCH,
    "dispatches": answer("dispatch-healthy"),
    "trunk": {"items": [TRUNK]},
    "rule": {"items": [RULE]},
    "webhook": json.loads(webhooks("participant_joined")[0]),
    "a handler's body": {"headers": {"host": "x"}, "body": json.loads(webhooks("participant_left")[0])},
    "API error": ERROR,
    "API error in an answer": {"status": 503, "data": ERROR},
    "deployed agents": {"agents": [DEPLOYED]},
    "row": ROW,
    "rows": [ROW, {**ROW, "state": "room_created"}],
}
MESSAGES: dict[str, tuple[dict[str, Any], type[Message]]] = {
    "participant": (PHONE, models.ParticipantInfo),
    "agent": (AGENT, models.ParticipantInfo),
    "room": (ROOM, models.Room),
    "dispatch": ({**DISPATCH, "deployment": ""}, agent_dispatch.AgentDispatch),
    "trunk": (TRUNK, sip.SIPOutboundTrunkInfo),
    "rule": (RULE, sip.SIPDispatchRuleInfo),
    **{
        f"webhook {event}": (json.loads(webhooks(f'"event":"{event}"')[0]), webhook.WebhookEvent)
        for event in ("room_started", "participant_joined", "participant_left", "room_finished")
    },
}


def said(text: str) -> list[Observation]:
    return list(reading(text).observations)


@each("name", ANY)
@each("around", ["{}", "participant: {}", "INFO got {}\nthanks", "> {}"])
def test_any_object_says_the_same(name: str, around: str) -> None:
    printed = inspect(ANY[name], depth=None)
    lead = "> " if around.startswith(">") else ""
    put = around.format(printed.replace("\n", f"\n{lead}"))
    as_json = around.format(json.dumps(ANY[name], indent=2).replace("\n", f"\n{lead}"))
    assert said(put) == said(as_json)
    assert said(put)
    assert recognised(put) == recognised(as_json)


@pytest.mark.parametrize("name", MESSAGES)
@pytest.mark.parametrize("lead", ["", "got: "])
def test_a_message_of_the_node_sdk_says_the_same(name: str, lead: str) -> None:
    value, kind = MESSAGES[name]
    message = of_message(ParseDict(value, kind(), ignore_unknown_fields=True))
    pairs: list[tuple[Any, Any]] = [(value, message), ([value], [message])]
    if kind is not webhook.WebhookEvent:
        pairs.append(({"items": [value]}, {"items": [message]}))
    for as_json, printed in pairs:
        assert said(lead + inspect(printed, depth=None)) == said(lead + json.dumps(as_json))


def ruby(message: Message) -> str:
    """As Ruby's protobuf inspects a message."""

    def of(field: Any, value: Any) -> str:
        if field.type == field.TYPE_MESSAGE:
            return ruby(value)
        if field.type == field.TYPE_ENUM:
            return f":{field.enum_type.values_by_number[value].name}"
        return json.dumps(value)

    fields = []
    for field in message.DESCRIPTOR.fields:
        value = getattr(message, field.name)
        if field.message_type is not None and field.message_type.GetOptions().map_entry:
            text = "{" + ", ".join(f"{json.dumps(key)}=>{json.dumps(item)}" for key, item in value.items()) + "}"
        elif field.is_repeated:
            text = "[" + ", ".join(of(field, item) for item in value) + "]"
        else:
            text = of(field, value) if not field.has_presence or message.HasField(field.name) else ""
        if text:
            fields.append(f"{field.name}: {text}")
    return f"<LiveKit::Proto::{message.DESCRIPTOR.name}: {', '.join(fields)}>"


@pytest.mark.parametrize("name", ["participant", "agent", "room", "dispatch"])
def test_a_message_as_ruby_inspects_it_says_the_same(name: str) -> None:
    value, kind = MESSAGES[name]
    message = ParseDict(value, kind(), ignore_unknown_fields=True)
    as_json = MessageToDict(message, preserving_proto_field_name=True, always_print_fields_with_no_presence=True)
    assert said(f"[{ruby(message)},\n {ruby(message)}]") == said(json.dumps([as_json, as_json]))
    assert said(f"=> {ruby(message)}") == said(f"got: {json.dumps(as_json)}")


def test_a_map_is_an_object() -> None:
    (seen,) = said(inspect({**PHONE, "attributes": Map(PHONE["attributes"])}))
    assert isinstance(seen, Sighting)
    assert seen.participants[0].attributes["sip.callStatus"] == "active"


def test_what_lies_too_deep_is_not_there() -> None:
    """console.log prints three levels: of a list in an object nothing below its items' own fields."""
    (seen,) = said(inspect({"participants": [{**PHONE, "joinedAt": Big(1795473297)}]}))
    assert isinstance(seen, Sighting)
    assert [who.attributes for who in seen.participants] == [{}]
    assert (seen.participants[0].kind, seen.participants[0].state) == ("SIP", "ACTIVE")
    assert seen.participants[0].joined_at is not None


@pytest.mark.parametrize("items", ["[Array]", "[ [Object], [Object] ]", "[\n    {inner},\n    ... 3 more items\n  ]"])
def test_a_list_that_was_cut_does_not_say_who_is_not_in_it(items: str) -> None:
    text = f"{{\n  participants: {items.replace('{inner}', inspect(AGENT))}\n}}"
    assert [item.lists for item in said(text) if isinstance(item, Sighting)] in ([], [""])


def test_an_object_in_a_workers_log_is_read_as_json_is(tmp_path: Path) -> None:
    room = answer("dispatch-healthy")["agentDispatches"][0]["room"]
    log = '[21:08:51.595] INFO (1234): registered worker\n    version: "1.9.0"\n{}\n'
    found = [
        logged(tmp_path, room, worker=log.format(text)) for text in (inspect(DISPATCH, None), json.dumps(DISPATCH))
    ]
    assert found[0].broken == found[1].broken


def test_what_never_ends_is_text() -> None:
    for part in (
        "{ a: ",
        "[ {",
        "{ e: Error: x\n    at a\n",
        "Map(1) { 'a' => ",
        "{ a: 'x' +\n ",
        "<ref *1> Foo {\n",
        "[\n",
    ):
        text = part * (10_000 // len(part))
        assert not any(isinstance(item, Sighting) for item in said(text))


@pytest.mark.skipif(shutil.which("node") is None, reason="needs node")
def test_the_printer_prints_as_node_does(tmp_path: Path) -> None:
    values = [*ANY.values(), {"a": {"b": {"c": {"d": 1}}}}, {"long": PHONE["name"] * 2, "é-key": "it's"}]
    script = (
        "const v = JSON.parse(require('fs').readFileSync(0));for (const x of v) {console.log(x);console.log('--');}"
    )
    ran = subprocess.run(["node", "-e", script], input=json.dumps(values), capture_output=True, text=True, check=True)
    assert ran.stdout.split("\n--\n")[:-1] == [inspect(value) for value in values]
