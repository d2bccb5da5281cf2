"""Whose log a record is of: a worker's, livekit-server's, livekit-sip's, or another program's that knows LiveKit."""

from collections.abc import Iterator, Mapping

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Component
from livekit_doctor.evidence.records import tracebacks
from livekit_doctor.evidence.records.fields import normalised, room_in
from livekit_doctor.evidence.records.known_words import says, says_worker
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.records.shapes import json_object, pino_pretty

KINDS: dict[Component, str] = {
    "server": "livekit-server log line",
    "sip": "livekit-sip log line",
    "worker": "worker log line",
    "app": "other program's line",
}

_LIVEKITS = ("livekit", "lk-rtc", "lk.")
_OF_GO = {"jobID", "agentName", "workerID", "roomID", "nodeID", "callID", "sipTrunk", "participantID", "jobType"}
_OF_JOBS = ("job_id", "jobId", "jobID")
_ID = lazy_re.compile(r"(?<![A-Za-z0-9_])((?:RM|AJ|AD|SCL|PA|AW|ST|SDR|NS)_[A-Za-z0-9]{6,24})(?![A-Za-z0-9_])")
_OF_CALL = {"room_id", "job_id", "dispatch_id", "participant_id", "call_id"}
_NAMES = {
    "RM": "room_id",
    "AJ": "job_id",
    "AD": "dispatch_id",
    "SCL": "call_id",
    "PA": "participant_id",
    "AW": "worker_id",
    "ST": "sip_trunk",
    "SDR": "sip_dispatch_rule",
}


def component(record: Record, given: Component | None = None) -> Component | None:
    """Whose record this is; None where nothing in it is of LiveKit. `given` is whose log it was said to be,
    which counts where the record itself does not show it."""
    fields = record.fields
    if record.by == "go" and says_worker(record.message) and not _OF_GO & fields.keys():
        return "worker"  # a formatter of the team's own that calls its keys as zap does
    if record.by == "go":
        return _of_go(record) or given or ("app" if _has_ids(record) else None)
    if record.by == "agents" or record.format == pino_pretty.NAME:
        return "worker"
    if "prewarm" in record.message and "was never awaited" in record.message:
        return "worker"
    if record.by == "raised":
        return "worker" if says("worker", record.message) or _is_of_agents(record.traceback) else None
    said = next((log for log in _COMPONENTS if says(log, record.message)), None)
    if said is not None and _is_in_place(record) and (said == "worker" or _may_be_go(record)):
        return said
    if given in ("server", "sip") and is_log(record):
        return given
    if record.logger.startswith(_LIVEKITS):
        return "worker"
    written = record.format == json_object.PYTHON or record.logger or record.level
    if written and any(key in fields for key in _OF_JOBS):
        return "worker"
    if _is_of_agents(record.traceback):
        return "worker"
    return given if given is not None and is_log(record) else "app" if _has_ids(record) else None


def is_log(record: Record) -> bool:
    """Whether it is a line of some log, such as the team's own lines in a worker's."""
    return bool(record.format and (record.level or record.logger or record.at or record.time_of_day))


def _is_of_agents(traceback: str) -> bool:
    return "@livekit/agents" in traceback or "/livekit/agents/" in traceback


def is_uncaught(record: Record, traceback: str) -> bool:
    """Whether nobody caught what was raised, as far as that can be told: a Node program's own line shows all frames of
    what it caught."""
    python = tracebacks.PYTHON in traceback
    return python or record.by == "raised" or record.message.startswith("Unhandled promise rejection")


_COMPONENTS: tuple[Component, ...] = ("worker", "sip", "server")


def _is_in_place(record: Record) -> bool:
    """Whether the words are a log's, and not the beginning of somebody's sentence."""
    return bool(record.level or record.logger or record.at or record.time_of_day or record.fields or record.traceback)


def _may_be_go(record: Record) -> bool:
    """Whether a record that another formatter wrote may be livekit-server's or livekit-sip's: a worker's loggers are
    called alike, and one with another name is a program's of the team that speaks of them."""
    logger = record.logger.lower()
    if _OF_GO & record.fields.keys():
        return True
    return not logger or (not logger.startswith(_LIVEKITS) and ("sip" in logger or "livekit" in logger))


def _of_go(record: Record) -> Component | None:
    if record.logger.startswith("livekit"):
        return "server"
    if record.logger.startswith("sip") or {"sipCallID", "sipTag"} & record.fields.keys():
        return "sip"
    if record.logger == "" and {"room", "agentName", "workerID", "method"} & record.fields.keys():
        return "server"
    return None


def _has_ids(record: Record) -> bool:
    return _ID.search(record.message) is not None or any(
        isinstance(value, str) and _ID.fullmatch(value) for value in record.fields.values()
    )


def names_call(record: Record) -> bool:
    """Whether the record names the call that it is of: a room, or an id that no other call has."""
    if room_in(record.fields):
        return True
    return not _OF_CALL.isdisjoint(with_ids(normalised(record.fields, _OF_CALL), record.message))


def ids_in(text: str) -> Iterator[tuple[str, str]]:
    """The ids of LiveKit's in a text, each under the name of its field; of a kind with several none."""
    found: dict[str, set[str]] = {}
    for text_id in _ID.findall(text):
        found.setdefault(text_id.partition("_")[0], set()).add(text_id)
    for prefix, ids in found.items():
        if len(ids) == 1 and prefix in _NAMES:
            yield _NAMES[prefix], ids.pop()


def has_id(text: str) -> bool:
    return _ID.search(text) is not None


def with_ids(fields: Mapping[str, str], message: str) -> dict[str, str]:
    """The fields, and the ids that stand in the message only."""
    return {**dict(ids_in(message)), **fields} if "_" in message else dict(fields)
