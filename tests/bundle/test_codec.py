"""A bundle keeps everything that the diagnosis needs, and nothing that is secret."""

import json
import random
from collections.abc import Callable
from typing import Any, get_args

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livekit_doctor import __version__
from livekit_doctor.bundle import SCHEMA, Bundle, bundle_of
from livekit_doctor.bundle.codec import BundleRefused, decode, encode
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import (
    Coverage,
    Dispatch,
    Evidence,
    Observation,
    OutboundTrunk,
    OutboundTrunkList,
    Participant,
    ParticipantList,
    Problem,
)
from livekit_doctor.flow import Step
from livekit_doctor.render.json import trace as trace_json
from livekit_doctor.render.masking import mask_of
from livekit_doctor.render.report import TraceReport
from livekit_doctor.settings import Agent, CallLogs, ExpectedRule, Flow, LiveKit, Rooms, Settings, Sip, Worker
from livekit_doctor.settings import OutboundTrunk as ExpectedTrunk
from tests.bundle.strategies import any_of
from tests.diagnosis import factories as f
from tests.diagnosis.world.cases import watched
from tests.diagnosis.world.life import Life
from tests.diagnosis.world.run import life_of
from tests.thorough import examples

SECRET = "hunter2hunter2"
CALLEE, CALLER = "+15555550123", "+15555550100"
CALL = f.evidence(40, f.look(20, f.dispatch(), f.phone("ringing", 1)), f.row(1, "room_created"))


def bundle(evidence: Evidence = CALL, settings: Settings = f.SETTINGS, **values: Any) -> Bundle:
    made = bundle_of(evidence, settings, Subject(call_id=f.CALL, room=f.ROOM), config_file="checks.yaml")
    return replace(made, **values)


def again(made: Bundle) -> Bundle:
    return decode(encode(made), "it")


# Nothing is lost


@pytest.mark.parametrize("kind", get_args(Observation), ids=lambda kind: kind.__name__)
@settings(max_examples=10, deadline=None, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_observation_comes_back(kind: type, data: st.DataObject) -> None:
    made = bundle(Evidence(now=f.at(1), observations=(data.draw(any_of(kind)),)), numbers="shown")
    assert again(made) == made


@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
@given(subject=any_of(Subject), coverage=st.lists(any_of(Coverage), max_size=3).map(tuple), now=any_of(type(f.at(0))))
def test_subject_coverage_and_now_come_back(subject: Subject, coverage: tuple[Coverage, ...], now: Any) -> None:
    made = bundle(Evidence(now=now, coverage=coverage), subject=subject, numbers="shown")
    assert again(made) == made
    assert made.evidence == Evidence(now=now, coverage=coverage)


def test_settings_come_back_without_what_is_secret() -> None:
    told = Settings(
        livekit=LiveKit(url=f"wss://me:{SECRET}@lk.example.com", api_key=SECRET, api_secret=SECRET),
        agent=Agent(name="Front Desk", others=("Night",), job_type="publisher"),
        workers=(Worker(url=f"http://me:{SECRET}@10.0.0.7:8081"),),
        flow=Flow(placed_by="agent", states={"token_issued": Step.AGENT_DISPATCHED}, not_used=(Step.AGENT_AUDIO,)),
        call_logs=CallLogs(dsn=f"postgresql://me:{SECRET}@db/x", file=SECRET, schema="telemetry", always_logged=()),
        rooms=Rooms(name_template="x-{call_id}"),
        sip=Sip(outbound_trunks=(ExpectedTrunk(id="ST_1"),), dispatch_rules=(ExpectedRule(id="SDR_1", agent="x"),)),
    )
    text = encode(bundle(settings=told))
    kept = decode(text, "it").settings
    assert SECRET.encode() not in text
    assert (kept.agent, kept.flow, kept.rooms, kept.sip) == (told.agent, told.flow, told.rooms, told.sip)
    assert (kept.call_logs.schema, kept.call_logs.always_logged) == ("telemetry", ())
    assert kept.livekit.missing == ()
    assert again(bundle()).settings.livekit.missing == Settings().livekit.missing


def test_no_secret_in_what_was_read() -> None:
    dispatch = Dispatch(id="AD_1", agent_name="x", room="r", attributes={"api_key": SECRET, "kind": "x"})
    phone = Participant(
        sid="PA_1", identity="p", kind="SIP", state="ACTIVE", attributes={"sip.h.Authorization": SECRET}
    )
    items = (f.dispatches(1, dispatch), f.participants(1, phone), f.row(1, "x", metadata=f'{{"password": "{SECRET}"}}'))
    problem = Problem(
        code="LKD602", message=f"postgresql://me:{SECRET}@db/x refused", values={"detail": f"pwd={SECRET}"}
    )
    unread = Coverage(source="call_logs", status="unread", problem=problem)
    text = encode(bundle(f.evidence(2, items, coverage=(unread,))))
    assert SECRET.encode() not in text
    assert b'"kind":"x"' in text
    assert b"db/x refused" in text


# The same verdict


def answered(evidence: Evidence, told: Settings, subject: Subject) -> str:
    """What trace prints."""
    diagnosis = diagnose(evidence, told, subject)
    report = TraceReport(diagnosis, mask_of(evidence, show=False), {}, told.livekit.url, 0)
    return msgspec.json.encode(trace_json.render(report)).decode()


def with_numbers(life: Life, evidence: Evidence) -> Evidence:
    """As it is with a real phone on the line: numbers in attributes, in metadata and in the trunk."""

    def dialled(item: Observation) -> Observation:
        if not isinstance(item, ParticipantList):
            return item
        numbers = {"sip.phoneNumber": CALLEE, "sip.trunkPhoneNumber": CALLER}
        people = [
            replace(one, attributes={**one.attributes, **numbers}) if one.kind == "SIP" else one
            for one in item.participants
        ]
        return replace(item, participants=tuple(people))

    trunks = (OutboundTrunk(id="ST_1", address="sip.example.com", numbers=(CALLER, "5555550199", CALLEE)),)
    row = f.row(0, "note", metadata=json.dumps({"phone_number": CALLEE}), call_id=life.call_id)
    items = (*map(dialled, evidence.observations), OutboundTrunkList(read=f.read(1), trunks=trunks), row)
    return replace(evidence, observations=items)


@pytest.mark.parametrize("number", range(examples(40, thorough=200)))
def test_the_answer_is_the_same(number: int) -> None:
    """At any moment of any call, with the numbers masked."""
    life = life_of(f"bundle.{number}")
    pick = random.Random(f"moment {number}")
    moment = pick.uniform(0, life.closes)
    case = watched(life, (moment / 2, moment), rows=True)
    evidence = with_numbers(life, case.evidence)
    made = again(bundle(evidence, life.settings, subject=case.subject))
    text = encode(made).decode()
    assert CALLEE not in text
    assert CALLER[1:] not in text
    online = answered(evidence, life.settings, case.subject)
    assert answered(made.evidence, made.settings, made.subject) == online


def test_a_number_leads_to_the_room_as_it_did() -> None:
    """The room's name is made of what a row has, where the number stands without its +."""
    told = replace(f.SETTINGS, rooms=Rooms(name_template="call-+{user}-{call_id}"))
    name = f"call-{CALLEE}-{f.CALL}"
    rows = [f.row(0, "call_requested", metadata=json.dumps({"user": CALLEE[1:]}))]
    evidence = f.evidence(40, f.look(39, f.automatic(), f.phone(), room=f.the_room(name)), rows)
    made = bundle(evidence, told, subject=Subject(call_id=f.CALL))
    online, offline = (diagnose(one.evidence, one.settings, one.subject) for one in (made, again(made)))
    assert online.room is not None
    assert offline.room is not None
    assert (online.room.name, online.room.open) == (name, True)
    assert offline.room.open is True
    assert offline.verdict is online.verdict
    assert CALLEE[1:] not in offline.room.name


# What can't be read


def edited(change: Callable[[dict[str, Any]], None], *, sign: bool = True) -> bytes:
    """A bundle that somebody has changed, and that has a digest all the same."""
    from livekit_doctor.bundle.codec import _digest

    content = json.loads(encode(bundle()))
    del content["digest"]
    change(content)
    return json.dumps({**content, "digest": _digest(content) if sign else "sha256:0"}).encode()


def first(content: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = content["observations"][0]
    return found


REFUSED: dict[str, tuple[bytes, str]] = {
    "empty": (b" \n", "it is empty"),
    "truncated": (encode(bundle())[:-40], "truncated"),
    "text": (b"LKD402 no-worker", "no JSON"),
    "binary": (b'{"schema": "\xff\xfe"}', "no JSON"),
    "nested": (b"[" * 100_000, "no JSON"),
    "list": (b"[]", "no JSON object"),
    "other JSON": (b"{}", "it has no schema"),
    "trace": (b'{"schema": "livekit-doctor/trace/v1"}', 'its schema is "livekit-doctor/trace/v1"'),
    "next format": (
        b'{"schema": "livekit-doctor/bundle/v2", "version": "9.1"}',
        f"saved by livekit-doctor 9.1, and livekit-doctor {__version__} does not understand it: its format is",
    ),
    "digest": (edited(lambda content: None, sign=False), "edited or damaged"),
    "no digest": (encode(bundle()).replace(b'"digest"', b'"other"'), "edited or damaged"),
    "edited": (encode(bundle()).replace(f.CALL.encode(), b"another"), "edited or damaged"),
    "kind": (
        edited(lambda content: first(content).update(type="Telepathy")),
        "'Telepathy' - at `$.observations[0].type`",
    ),
    "field": (
        edited(lambda content: first(content).update(mood="calm")),
        "unknown field `mood` - at `$.observations[0]`",
    ),
    "setting": (edited(lambda content: content["settings"].update(mood="calm")), "unknown field `mood`"),
    "step": (edited(lambda content: content["settings"]["flow"].update(not_used=["sip_sung"])), "'sip_sung'"),
    "type": (edited(lambda content: first(content)["read"].update(at=5)), "Expected `datetime`, got `int`"),
    "year 1": (edited(lambda content: content.update(now="0001-01-01T00:00:00Z")), "no call has - at `$.now`"),
    "year 9999": (edited(lambda content: content.update(now="9999-12-31T23:59:59Z")), "no call has - at `$.now`"),
    "zone": (edited(lambda content: content.update(now="2031-02-03T04:05:06")), "not in UTC - at `$.now`"),
    "missing": (edited(lambda content: content.pop("now") and None), "missing required field `now`"),
    "observations": (edited(lambda content: content.update(observations={})), "Expected `array`"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_in_one_line(name: str) -> None:
    data, words = REFUSED[name]
    with pytest.raises(BundleRefused) as refused:
        decode(data, "it.json")
    assert words in refused.value.message
    assert refused.value.message.startswith("it.json: ")
    assert "\n" not in refused.value.message
    assert (refused.value.code, refused.value.exit_status) == ("LKD001", 2)
    assert refused.value.fix


def test_another_spacing_is_no_edit() -> None:
    content = json.loads(encode(bundle()))
    spread = json.dumps(dict(sorted(content.items())), indent=4, ensure_ascii=True)
    assert decode(spread.encode(), "it") == again(bundle())


def test_says_what_it_is() -> None:
    content = json.loads(encode(bundle()))
    assert content["schema"] == SCHEMA
    assert content["version"] == __version__
    assert content["numbers"] == "masked"
    assert content["created_at"] == content["now"]
