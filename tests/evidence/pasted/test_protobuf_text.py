"""Messages of livekit-protocol as Python prints them say what the same messages say as JSON."""

import json
from typing import Any

import pytest
from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict, ParseDict
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, models, room, webhook

from livekit_doctor.evidence.observations import Observation, Sighting
from tests.each import each
from tests.evidence.pasted.samples import in_chat, lk, quoted, reading, recognised, webhooks

PHONE = {
    "sid": "PA_gTqw6Lyd3FKp",
    "identity": "phone-15555550123",
    "state": "ACTIVE",
    "joinedAt": "1795473297",
    "name": 'O\'Brien, "Pat" {of} ]two[ \\ lines\nand é',
    "kind": "SIP",
    "attributes": {"sip.callStatus": "active", "sip.callID": "SCL_8uVnT9mYq2Ls", "sip.phoneNumber": "+15555550123"},
    "tracks": [{"sid": "TR_aaaaaaaaaaaa", "type": "AUDIO", "source": "MICROPHONE"}],
}
AGENT = {
    "sid": "PA_4Ti4QhYEZxe6",
    "identity": "agent-AJ_3eZ2FZZ8fxZV",
    "state": "ACTIVE",
    "kind": "AGENT",
    "attributes": {"lk.agent.state": "listening"},
}
DISPATCH = lk("dispatch-healthy")["agentDispatches"][1]
OF_JOB = {"participant": PHONE, "id": "AJ_3eZ2FZZ8fxZV", "room": {"name": "call-1"}}
WITH_PHONE = {"id": "AD_X2XvFEEeMZeL", "agentName": "caller", "room": "call-1", "state": {"jobs": [OF_JOB]}}
JOINED = {"event": "participant_joined", "room": lk("rooms")["rooms"][0], "participant": PHONE, "id": "EV_1"}

ONE: dict[str, tuple[dict[str, Any], type[Message]]] = {
    "participant": (PHONE, models.ParticipantInfo),
    "agent": (AGENT, models.ParticipantInfo),
    "room": (lk("rooms")["rooms"][0], models.Room),
    "dispatch": (DISPATCH, agent_dispatch.AgentDispatch),
    "dispatch with a phone": (WITH_PHONE, agent_dispatch.AgentDispatch),
    "webhook": (JOINED, webhook.WebhookEvent),
    "webhook of a leaving": (json.loads(webhooks('"event":"participant_left"')[0]), webhook.WebhookEvent),
}
ANSWERS: dict[str, tuple[dict[str, Any], type[Message]]] = {
    "participants": ({"participants": [PHONE, AGENT]}, room.ListParticipantsResponse),
    "one participant": ({"participants": [PHONE]}, room.ListParticipantsResponse),
    "one without attributes": (
        {"participants": [{key: value for key, value in PHONE.items() if key != "attributes"}]},
        room.ListParticipantsResponse,
    ),
    "rooms": (lk("rooms"), room.ListRoomsResponse),
    "dispatches": (lk("dispatch-healthy"), agent_dispatch.ListAgentDispatchResponse),
}


def said(text: str) -> list[Observation]:
    return list(reading(text).observations)


def made(name: str) -> tuple[Message, str]:
    """The message, and protobuf's JSON of it."""
    value, kind = {**ONE, **ANSWERS}[name]
    message = ParseDict(value, kind(), ignore_unknown_fields=True)
    return message, json.dumps(MessageToDict(message))


@each("name", [*ONE, *ANSWERS])
@each("lead", ["", "got: ", "INFO answer "])
def test_a_message_says_what_its_json_says(name: str, lead: str) -> None:
    message, as_json = made(name)
    text = f"{lead}{message}"
    assert said(text) == said(as_json)
    assert said(text)
    assert recognised(text)["lines"] == 0


@pytest.mark.parametrize("name", ANSWERS)
@pytest.mark.parametrize("around", [quoted, in_chat])
def test_an_answer_between_words(name: str, around: Any) -> None:
    message, as_json = made(name)
    assert said(around(str(message))) == said(as_json)


@pytest.mark.parametrize("name", [name for name in [*ONE, *ANSWERS] if "webhook" not in name])
def test_a_message_in_one_line_says_the_same(name: str) -> None:
    message, as_json = made(name)
    assert said(f"answer: {text_format.MessageToString(message, as_one_line=True)}") == said(as_json)


def test_a_python_list_of_messages() -> None:
    """Which has the bracket of its end behind the last one."""
    people = [ParseDict(value, models.ParticipantInfo()) for value in (PHONE, AGENT)]
    found = [who for item in said(str(people)) if isinstance(item, Sighting) for who in item.participants]
    assert {who.identity: who.attributes for who in found} == {
        value["identity"]: value["attributes"] for value in (PHONE, AGENT)
    }


def test_the_entries_of_a_map_in_any_order() -> None:
    entries = [
        'attributes {\n  value: "active"\n  key: "sip.callStatus"\n}',
        'attributes {\n  key: "sip.x"\n  value: "y"\n}',
    ]
    for first, second in (entries, entries[::-1]):
        (seen,) = said(f'sid: "PA_gTqw6Lyd3FKp"\n{first}\nidentity: "callee"\n{second}\nkind: SIP')
        assert isinstance(seen, Sighting)
        assert seen.participants[0].attributes == {"sip.callStatus": "active", "sip.x": "y"}
        assert seen.participants[0].kind == "SIP"


def test_a_list_that_was_cut_does_not_say_who_is_not_in_it() -> None:
    message, _ = made("participants")
    cut = str(message).rpartition("  kind: AGENT")[0]
    found = [item for item in said(cut) if isinstance(item, Sighting)]
    assert {who.identity for item in found for who in item.participants} >= {PHONE["identity"]}
    assert not any(item.lists for item in found)
