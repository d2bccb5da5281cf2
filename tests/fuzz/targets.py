"""What is fuzzed: whatever the bytes are, each of these ends, raises nothing but what it may, and what comes of it can
be diagnosed and printed in every format."""

import asyncio
import gzip
import json
import os
import tempfile
import zlib
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from itertools import islice
from pathlib import Path
from xml.etree import ElementTree

import msgspec
from google.protobuf.message import DecodeError, Message
from livekit.protocol import agent, agent_dispatch, models, sip
from livekit.protocol import room as room_service

from livekit_doctor import config
from livekit_doctor.bundle import Bundle, codec
from livekit_doctor.config.document import MOST_BYTES
from livekit_doctor.decoding import convert
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.errors import ConfigError
from livekit_doctor.evidence import call_logs, livekit_api, logs, pasted
from livekit_doctor.evidence.logs import LogSource, Needles
from livekit_doctor.evidence.observations import (
    Coverage,
    DispatchList,
    Evidence,
    InboundTrunkList,
    Observation,
    OutboundTrunkList,
    ParticipantList,
    Read,
    Reading,
    RoomList,
    SipDispatchRuleList,
)
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.masking import mask_of, names_in
from livekit_doctor.render.report import RecentReport, Report, TraceReport
from livekit_doctor.settings import CallLogs, Settings

NOW = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
ROOM, CALL = "call-7", "call-1"
TESTS = Path(__file__).parents[1]
FINDINGS = Path(__file__).parent / "findings"
"""What has once failed, in a folder a target."""


def configuration(data: bytes) -> None:
    """checks.yaml."""
    path = _written(data[:MOST_BYTES], "checks.yaml")
    try:
        loaded = config.load(path, environ={"A": "b", "LIVEKIT_URL": "ws://h"}, cwd=path.parent)
    except ConfigError as error:
        f"{error.message}{error.fix}".encode()
    else:
        repr(loaded.settings)


def log(data: bytes) -> None:
    """A log of a component, whose first byte says which."""
    component = ("worker", "server", "sip")[data[0] % 3] if data else "worker"
    path = _written(data[1:], "some.log")
    source = LogSource(component, str(path))  # type: ignore[arg-type]
    _told(logs.read([source], Needles(rooms=(ROOM,), ids=("AJ_1",)), NOW), Subject(room=ROOM))


def pasted_text(data: bytes) -> None:
    reading = pasted.read([("ticket.txt", data.decode("utf-8", "replace"))], NOW)
    _told(reading, Subject(room=ROOM))


def rows(data: bytes) -> None:
    """An export of call state logs, whose first byte says what its name ends in."""
    ending = (".csv", ".json", ".jsonl", ".txt")[data[0] % 4] if data else ".csv"
    settings = CallLogs(file=str(_written(data[1:], f"rows{ending}")))
    reading = asyncio.run(call_logs.read_call(settings, CALL, NOW))
    _told(reading, Subject(call_id=CALL))
    recent = asyncio.run(call_logs.read_recent(settings, 5))
    for item in recent.observations:
        if hasattr(item, "calls"):
            _print(RecentReport(item.calls, mask_of(Evidence(now=NOW), show=False)))


def bundle(data: bytes) -> None:
    """A bundle, as it is and signed anew."""
    for content in (data, _signed(data)):
        try:
            found = codec.decode(content, "call.json")
        except codec.BundleRefused as refused:
            refused.message.encode()
        else:
            diagnosed(found)


def answers(data: bytes) -> None:
    """An answer of LiveKit's API, whose first byte says of which method."""
    read = Read(source="livekit_api", at=NOW)
    make = _ANSWERS[data[0] % len(_ANSWERS)] if data else _ANSWERS[0]
    try:
        observation = make(read, data[1:])
    except DecodeError:
        return
    _told(
        Reading(observations=(observation,), coverage=(Coverage(source="livekit_api", status="read"),)),
        Subject(room=ROOM),
    )


_Make = Callable[[Read, bytes], Observation]
_ANSWERS: tuple[_Make, ...] = (
    lambda read, data: RoomList(
        read=read, rooms=tuple(map(livekit_api.room_of, room_service.ListRoomsResponse.FromString(data).rooms))
    ),
    lambda read, data: ParticipantList(
        read=read,
        room=ROOM,
        participants=tuple(
            map(livekit_api.participant_of, room_service.ListParticipantsResponse.FromString(data).participants)
        ),
    ),
    lambda read, data: DispatchList(
        read=read,
        room=ROOM,
        dispatches=tuple(
            map(livekit_api.dispatch_of, agent_dispatch.ListAgentDispatchResponse.FromString(data).agent_dispatches)
        ),
    ),
    lambda read, data: OutboundTrunkList(
        read=read,
        trunks=tuple(map(livekit_api.outbound_trunk_of, sip.ListSIPOutboundTrunkResponse.FromString(data).items)),
    ),
    lambda read, data: InboundTrunkList(
        read=read,
        trunks=tuple(map(livekit_api.inbound_trunk_of, sip.ListSIPInboundTrunkResponse.FromString(data).items)),
    ),
    lambda read, data: SipDispatchRuleList(
        read=read, rules=tuple(map(livekit_api.rule_of, sip.ListSIPDispatchRuleResponse.FromString(data).items))
    ),
)
TARGETS: Mapping[str, Callable[[bytes], None]] = {
    "configuration": configuration,
    "log": log,
    "pasted": pasted_text,
    "rows": rows,
    "bundle": bundle,
    "answers": answers,
}


def seeds(target: str) -> Iterator[bytes]:
    """What it begins with: what real components have written, and what has once failed."""
    yield from (path.read_bytes() for path in sorted((FINDINGS / target).glob("*")))
    corpus = TESTS / "evidence" / "records" / "corpus"
    told = [path.read_bytes() for path in sorted(corpus.rglob("*")) if path.is_file()]
    pasted_samples = TESTS / "evidence" / "pasted" / "data"
    match target:
        case "configuration":
            yield (TESTS.parent / "checks.yaml").read_bytes()
        case "log":
            yield from (bytes([number % 3]) + text[:20_000] for number, text in enumerate(told))
        case "pasted":
            yield from (path.read_bytes()[:20_000] for path in sorted(pasted_samples.rglob("*")) if path.is_file())
            yield from (text[:4_000] for text in told)
        case "rows":
            row = {"call_id": CALL, "created_at": "2031-02-03T04:05:00Z", "source": "agent", "state": "agent_connected"}
            whole = {**row, "metadata": {"room": ROOM, "phone": "+15555550100"}}
            yield b"\0" + b"call_id,created_at,source,state\n" + f"{CALL},2031-02-03,edge,room_created\n".encode()
            yield b"\1" + json.dumps([row, whole]).encode()
            yield b"\2" + f"{json.dumps(row)}\n{json.dumps(whole)}\n".encode()
        case "bundle":
            for path in islice(sorted((TESTS / "bundles").glob("*.json.gz")), 0, None, 12):
                yield gzip.decompress(path.read_bytes())
        case "answers":
            yield from (bytes([number]) + answer.SerializeToString() for number, answer in enumerate(_calls_answers()))


def _calls_answers() -> tuple[Message, ...]:
    """What the API says of one call, in the order of _ANSWERS."""
    room = models.Room(sid="RM_1", name=ROOM, creation_time=1_927_000_000, metadata='{"phone": "+15555550100"}')
    phone = models.ParticipantInfo(
        sid="PA_1",
        identity="sip_+15555550100",
        kind=models.ParticipantInfo.SIP,
        attributes={"sip.callStatus": "ringing", "sip.phoneNumber": "+15555550100"},
        tracks=[models.TrackInfo(sid="TR_1")],
        joined_at=1_927_000_001,
    )
    job = agent.Job(id="AJ_1", state=agent.JobState(status=agent.JS_RUNNING, started_at=10**18, error="none"))
    one = agent_dispatch.AgentDispatch(id="AD_1", agent_name="A", room=ROOM, metadata="{}")
    one.state.jobs.append(job)
    trunk = sip.SIPOutboundTrunkInfo(sip_trunk_id="ST_1", address="sip.example.com", numbers=["+15555550101"])
    inbound = sip.SIPInboundTrunkInfo(sip_trunk_id="ST_2", numbers=["+15555550102"])
    rule = sip.SIPDispatchRuleInfo(sip_dispatch_rule_id="SDR_1", trunk_ids=["ST_2"])
    return (
        room_service.ListRoomsResponse(rooms=[room]),
        room_service.ListParticipantsResponse(participants=[phone]),
        agent_dispatch.ListAgentDispatchResponse(agent_dispatches=[one]),
        sip.ListSIPOutboundTrunkResponse(items=[trunk]),
        sip.ListSIPInboundTrunkResponse(items=[inbound]),
        sip.ListSIPDispatchRuleResponse(items=[rule]),
    )


def diagnosed(found: Bundle) -> None:
    report_of(found.evidence, found.settings, found.subject)


def _told(reading: Reading, subject: Subject) -> None:
    evidence = Evidence(now=NOW).plus(reading, now=NOW)
    assert convert(msgspec.to_builtins(evidence), Evidence) == evidence
    report_of(evidence, Settings(), subject)


def report_of(evidence: Evidence, settings: Settings, subject: Subject) -> None:
    """The diagnosis in every format."""
    diagnosis = diagnose(evidence, settings, subject)
    mask = mask_of(evidence, show=False, names=names_in(diagnosis))
    _print(TraceReport(diagnosis=diagnosis, mask=mask, values={}, server=None, exit_status=0, at=evidence.now))


ONE_FORMAT = False
"""Whether each report is printed in one format, which it is by chance: in the time of all of them more is tried."""


def _print(report: Report) -> None:
    every = list(FormatName)
    for name in [every[zlib.crc32(repr(report).encode()) % len(every)]] if ONE_FORMAT else every:
        text = load(name)(report)
        if name is FormatName.JSON:
            json.loads(text)
        elif name is FormatName.JUNIT:
            ElementTree.fromstring(text)
        text.encode(errors="backslashreplace")


def _signed(data: bytes) -> bytes:
    """The same with the digest that it should have."""
    try:
        content = msgspec.json.decode(data)
        content.pop("digest", None)
        return msgspec.json.encode({**content, "digest": codec._digest(content)})
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError, AttributeError, TypeError):
        return b""


def _written(data: bytes, name: str) -> Path:
    path = _folder() / name
    path.write_bytes(data)
    return path


@cache
def _folder() -> Path:
    """In memory, where there is such a folder."""
    return Path(tempfile.mkdtemp(prefix=f"fuzz-{os.getpid()}-", dir="/dev/shm" if os.path.isdir("/dev/shm") else None))
