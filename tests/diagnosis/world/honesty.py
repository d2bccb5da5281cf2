"""Whether the simulator's lines are those of real components: against the kept bundles, the tool's own tables of
messages, and texts from elsewhere, each with where it was seen."""

import gzip
import json
import re
from collections.abc import Iterable
from functools import cache
from pathlib import Path

import msgspec

from livekit_doctor.diagnosis.log_lines import _SERVER_TELLS
from livekit_doctor.diagnosis.said import MEANINGS
from livekit_doctor.evidence.logs.messages import WITHOUT_ID
from livekit_doctor.evidence.observations import DispatchList, LogLine, LogRow, Observation, ParticipantList
from tests.diagnosis.world.traces_rows import FAILED_FURTHER

BUNDLES = Path(__file__).parents[2] / "bundles"

RECORDED = {
    "sip": (
        "SIP participant joined room",
        "published track",
        "using codecs",
        "track subscribed",
        "server initiated leave",
        "disconnected from room",
        "Closing outbound call",
    ),
}
"""In the recordings of livekit-sip 1.11.0 with server 1.13.11, which has no refusal (design fact 32)."""

FROM_SOURCE = {"sip": ("SIP call ended",), "worker": ("exception occurred while executing tool",)}
"""In the source of livekit-sip 1.11 (tests/evidence/logs/test_formats.py), and of livekit-agents 1.8.9."""

GAPS = {
    "server": {
        "starting LiveKit server": "a server that starts anew in the middle of a call is not simulated",
        "API RoomService.UpdateParticipant": "the lab's way to tell its agent that it may leave",
        "could not handle new participant": "says nothing that another line of a call without media does not",
        "removing duplicate participant": "of an RTC library that tries again; it says nothing of the call's steps",
    },
    "worker": {
        "killing process": "follows 'process is unresponsive', which is there",
        "sending SIGUSR1 signal to process": "follows 'process is unresponsive', which is there",
        "entrypoint did not exit in time, cancelling": "of a worker that is shut down in the middle of a call",
    },
}
"""What the bundles have and no life writes, each with the reason."""

STATES: dict[str, frozenset[str]] = {
    "row": frozenset(
        {"agent_audio", "call_ended", "sip_participant_failed", "call_failed", "dial_failed", "lead_locked"}
    )
    | frozenset(FAILED_FURTHER),
    "job": frozenset({"JS_PENDING JSR_NO_CAPACITY", "JS_CANCELLED JSR_NO_CAPACITY", "JS_FAILED"}),
    "participant": frozenset({"EGRESS ACTIVE", "STANDARD ACTIVE"}),
    "leaving": frozenset({"ROOM_CLOSED", "SERVICE_REQUEST_REMOVE_PARTICIPANT"}),
}
"""What lives have and the bundles have not: states of the flow's table and of issue 12, jobs of design fact 33,
what teams call a colleague's failed dial, LiveKit's recorder and who listens in (livekit-protocol), reasons of leaving
of design facts 18 and 32."""

STATE_GAPS: dict[str, frozenset[str]] = {
    "row": frozenset({"waiting_for_agent"}),
    "job": frozenset(),
    "participant": frozenset(),
    "leaving": frozenset({"DUPLICATE_IDENTITY"}),
}
"""What the bundles have and no life: a state without a meaning, and an RTC library that joins again by itself."""

_NUMBERS = re.compile(r"AJ_\w+|\"[^\"]*\"|-?\d+")


def shape(message: str) -> str:
    """The message without its numbers, ids and quotations."""
    first = message.splitlines()[0][:120] if message else ""
    return _NUMBERS.sub("#", first).strip()


def same(one: str, other: str) -> bool:
    """Whether two shapes are of one message, of which one may be cut off."""
    least = min(len(one), len(other), 60)
    return least > 8 and one[:least].lower() == other[:least].lower()


@cache
def observed() -> tuple[dict[str, object], ...]:
    """All observations of the kept bundles."""
    found: list[dict[str, object]] = []
    for path in sorted(BUNDLES.glob("*.json.gz")):
        with gzip.open(path) as file:
            found += json.load(file)["observations"]
    return tuple(found)


@cache
def in_bundles() -> dict[str, frozenset[str]]:
    """The shapes of all messages of each component in the kept bundles."""
    found: dict[str, set[str]] = {}
    for item in observed():
        if item["type"] == "LogLine":
            found.setdefault(str(item["log"]), set()).add(shape(str(item["message"])))
    return {log: frozenset(shapes) for log, shapes in found.items()}


@cache
def levels() -> dict[tuple[str, str], set[str]]:
    """The levels of each message in the kept bundles."""
    found: dict[tuple[str, str], set[str]] = {}
    for item in observed():
        if item["type"] == "LogLine":
            found.setdefault((str(item["log"]), shape(str(item["message"]))), set()).add(str(item["level"]))
    return found


def states(observations: Iterable[Observation]) -> dict[str, set[str]]:
    """The states of rows, jobs and participants, and the reasons of leaving, that observations name."""
    found: dict[str, set[str]] = {name: set() for name in STATES}
    for item in observations:
        match item:
            case LogRow():
                found["row"].add(item.state)
            case DispatchList():
                jobs = [job for dispatch in item.dispatches for job in dispatch.jobs]
                found["job"] |= {f"{job.status} {job.reason}".strip() for job in jobs}
            case ParticipantList():
                status = [(p.kind, p.state, p.attributes.get("sip.callStatus", "")) for p in item.participants]
                found["participant"] |= {" ".join(filter(None, each)) for each in status}
            case LogLine() if item.message == "participant closing":
                found["leaving"].add(item.fields.get("reason", ""))
    return found


def states_in_bundles() -> dict[str, set[str]]:
    kinds = ("LogRow", "DispatchList", "ParticipantList", "LogLine")
    items = [item for item in observed() if item["type"] in kinds]
    return states(msgspec.convert(items, list[Observation]))


def known() -> dict[str, set[str]]:
    """All messages of each component that somebody has seen or read in its source."""
    texts: dict[str, set[str]] = {log: set(shapes) for log, shapes in in_bundles().items()}
    for meaning in MEANINGS:
        texts.setdefault(meaning.log, set()).add(shape(meaning.text))
    for component, without in WITHOUT_ID.items():
        texts.setdefault(component, set()).update(map(shape, (*without.anywhere, *without.nearby)))
    texts["server"].update(map(shape, _SERVER_TELLS))
    for table in (RECORDED, FROM_SOURCE):
        for log, messages in table.items():
            texts.setdefault(log, set()).update(map(shape, messages))
    return texts


def unknown(log: str, written: Iterable[str]) -> list[str]:
    """The shapes that no component is known to write."""
    return sorted(each for each in set(written) if not any(same(each, other) for other in known()[log]))


def missing(log: str, written: Iterable[str]) -> list[str]:
    """The shapes that the bundles have, and neither these nor the known gaps."""
    written = {*written, *map(shape, GAPS.get(log, {}))}
    return sorted(each for each in in_bundles().get(log, ()) if not any(same(each, other) for other in written))
