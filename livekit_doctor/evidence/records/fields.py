"""The fields of a record under one name for all formats, short, and without secrets."""

import json
import re
from collections.abc import Container, Iterator, Mapping
from functools import lru_cache

from livekit_doctor import lazy_re
from livekit_doctor.redact import printable, redact_json, redact_text, redact_values

LONGEST = 300
"""Characters of a value that are kept."""
MOST = 40
"""Fields of a record that are kept."""
_UNRESOLVED = "unresolved"
"""What livekit-server has for an id that it does not know yet."""

_NAMES = {
    "room": "room",
    "roomname": "room",
    "lkpiiroomname": "room",
    "roomid": "room_id",
    "roomsid": "room_id",
    "jobid": "job_id",
    "dispatchid": "dispatch_id",
    "agentdispatchid": "dispatch_id",
    "agentname": "agent_name",
    "workerid": "worker_id",
    "jobtype": "job_type",
    "participantidentity": "participant",
    "participantid": "participant_id",
    "participantsid": "participant_id",
    "siptrunk": "sip_trunk",
    "siptrunkid": "sip_trunk",
    "trunkid": "sip_trunk",
    "err": "error",
    "errmessage": "error",
    "errormessage": "error",
    "exceptionmessage": "error",
    "wsurl": "url",
}
"""By the name in lower case without separators."""
_NAMED = frozenset(_NAMES.values()) - {"error"}
"""What has one name or id."""

_INSIDE = {
    "room": {"name": "room", "sid": "room_id"},
    "job": {
        "id": "job_id",
        "dispatchId": "dispatch_id",
        "agentName": "agent_name",
        "type": "job_type",
        "room.name": "room",
        "room.sid": "room_id",
    },
    "request": {
        "agentName": "agent_name",
        "room": "room",
        "roomName": "room",
        "sipCallID": "call_id",
        "sipTrunkID": "sip_trunk",
        "participantIdentity": "participant",
    },
}
_INSIDE["req"] = {f"job.{path}": name for path, name in _INSIDE["job"].items()}
_INSIDE["runningJob"] = _INSIDE["req"]
"""Names of what is kept of an object by its path in it."""

_IDS = (
    ("AW_", "worker_id"),
    ("AJ_", "job_id"),
    ("AD_", "dispatch_id"),
    ("SCL_", "call_id"),
    ("RM_", "room_id"),
    ("PA_", "participant_id"),
)
_IN = lazy_re.compile(
    r"(?:@|(?:@?fields|attributes|attrs|extra|context|labels|jsonPayload|_source|structured|parsed|data|custom|log|record"
    r"|properties|customDimensions|message|msg)\.)+(?=\w)|_(?=[a-z])"
)
"""What hosts put before the name of a field that they have flattened: @jobId, attributes.room, _room."""
_PRINTED_JOB = lazy_re.compile(r'id: "AJ_\w+"\s')
_SNAKE = lazy_re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[^A-Za-z0-9]+")


def normalised(fields: Mapping[str, object], only: Container[str] | None = None) -> dict[str, str]:
    """The fields that are no bigger than a few words each, or those of these names `only`; of two with one name the
    first."""
    kept: dict[str, str] = {}
    for name, value in _named(fields):
        if (only is not None and name not in only) or value in (None, "", _UNRESOLVED) or len(kept) >= MOST:
            if name == "deployment" and value == "":
                kept.setdefault(name, "")  # production's
            continue
        text = _text(_without_secret(name, value))
        if text:
            kept.setdefault(name, text)
    return kept


def bare(key: str) -> str:
    """The name of a field without what a host put before it."""
    found = _IN.match(key)
    return key[found.end() :] if found else key


def of_call(fields: Mapping[str, object]) -> dict[str, object]:
    """Those that say which call it is of, or what went wrong in it."""
    return {key: value for key, value in fields.items() if _folded(bare(key)) in _NAMES}


def room_in(fields: Mapping[str, object]) -> str:
    """The room that the fields name, as it is; empty where they name none."""
    named = (value for name, value in _named(fields) if name == "room")
    return next((value for value in named if isinstance(value, str)), "")


def _named(fields: Mapping[str, object]) -> Iterator[tuple[str, object]]:
    for key, value in fields.items():
        if isinstance(value, str) and _PRINTED_JOB.match(value):
            yield from _of_printed_job(value)
            continue
        name = _name(str(key), value)
        if name not in _NAMED or not isinstance(value, dict | list):  # several names are the filter of a list
            yield name, value
    if isinstance(fields.get("name"), str) and str(fields.get("sid", "")).startswith("RM_"):
        yield "room", fields["name"]
    for key, paths in _INSIDE.items():
        if not isinstance(fields.get(key), dict):
            continue
        for path, name in paths.items():
            found = _at(fields.get(key), path)
            if isinstance(found, str | int):
                yield name, found


def _of_printed_job(text: str) -> Iterator[tuple[str, str]]:
    """What a job says that was logged as protobuf's text, as livekit-agents below 1.0 does."""
    from google.protobuf import text_format
    from livekit.protocol.agent import Job

    job = Job()
    try:
        text_format.Parse(text, job, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError):
        return
    named = {
        "job_id": job.id,
        "dispatch_id": job.dispatch_id,
        "agent_name": job.agent_name,
        "room": job.room.name,
        "room_id": job.room.sid,
    }
    yield from ((name, value) for name, value in named.items() if value)


def _name(key: str, value: object) -> str:
    key = bare(key)
    folded = _folded(key)
    if folded in _NAMES:
        return _NAMES[folded]
    if folded in ("id", "sid", "callid", "sipcallid"):
        text = str(value)
        by_prefix = next((name for prefix, name in _IDS if text.startswith(prefix)), None)
        # A team's own call id, and the Call-ID of the SIP messages, are other things.
        return by_prefix or {"id": "id", "sid": "sid", "callid": "own_call_id", "sipcallid": "sip_call_id_full"}[folded]
    return _snake(key)


@lru_cache(maxsize=4096)
def _folded(key: str) -> str:
    return re.sub(r"[^a-z0-9]", "", key.lower())


@lru_cache(maxsize=4096)
def _snake(key: str) -> str:
    return _SNAKE.sub("_", key).strip("_").lower() or "field"


def _at(value: object, path: str) -> object:
    for key in path.split("."):
        value = value.get(key) if isinstance(value, dict) else None
    return value


def _without_secret(name: str, value: object) -> object:
    """The value, unless its name says that it is secret; what is inside of it is seen to as text."""
    if isinstance(value, dict | list):
        return value
    redacted = redact_values({name: value})
    return redacted[name] if isinstance(redacted, dict) else value


def _text(value: object) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, dict | list):
        if not value:
            return ""
        try:
            return shortened(redact_json(json.dumps(value, ensure_ascii=False)))
        except RecursionError:
            return ""
    return shortened(redact_text(str(value)))


def shortened(text: str, longest: int = LONGEST) -> str:
    """One line of at most so many characters."""
    text = text if text.isprintable() else printable(text)  # a space at its end is part of a name
    return text if len(text) <= longest else text[: longest - 1] + "…"
