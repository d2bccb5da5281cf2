"""Messages of livekit-protocol from the JSON that people paste, with what the library does not know as it was said.

protobuf leaves out the name of an enum value that it does not know, and what is left out reads as the first
value: a job in a state of a newer server would be pending.
"""

from collections.abc import Mapping
from typing import TypeVar

from google.protobuf.json_format import ParseDict
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, models
from msgspec.structs import replace

from livekit_doctor.evidence.livekit_api import dispatch_of, name_of, participant_of
from livekit_doctor.evidence.observations import Dispatch, Job, Participant
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.values import objects_in
from livekit_doctor.redact import redact_text

M = TypeVar("M", bound=Message)


def parsed(value: Mapping[str, object], message: type[M]) -> M:
    """The message. Raises what json_format raises for what is none."""
    return ParseDict(dict(value), message(), ignore_unknown_fields=True)


def dispatch(value: Mapping[str, object]) -> Dispatch:
    """An agent dispatch with its jobs."""
    found = dispatch_of(parsed(value, agent_dispatch.AgentDispatch))
    jobs = objects_in(_object(value, "state").get("jobs"))
    return replace(
        found,
        restart_policy=name(value, "restart_policy") or found.restart_policy,
        jobs=tuple(_as_said(job, said) for job, said in zip(found.jobs, jobs, strict=True)),
    )


def dispatch_of_job(value: Mapping[str, object]) -> Dispatch:
    """What a job that stands alone tells of its dispatch."""
    room = _object(value, "room")
    return dispatch(
        {
            "id": _text(value, "dispatch_id"),
            "agent_name": _text(value, "agent_name"),
            "room": str(room.get("name", "")),
            "state": {"jobs": [value]},
        }
    )


def participant(value: Mapping[str, object]) -> Participant:
    found = participant_of(parsed(value, models.ParticipantInfo))
    return replace(found, kind=name(value, "kind") or found.kind, state=name(value, "state") or found.state)


def left_because(value: Mapping[str, object], message: models.ParticipantInfo) -> str:
    """Why a participant left, as its disconnect reason says; empty where it has none."""
    number = message.disconnect_reason
    return name(value, "disconnect_reason") or (name_of(models.DisconnectReason, number) if number else "")


def name(value: Mapping[str, object], key: str) -> str:
    """The name of an enum value as it stands there; empty where there is none, or a number."""
    found = _text(value, key)
    return shortened(redact_text(found), 60) if found and not found.lstrip("-").isdecimal() else ""


def _as_said(job: Job, value: Mapping[str, object]) -> Job:
    state = _object(value, "state")
    return replace(
        job,
        status=name(state, "status") or job.status,
        reason=name(state, "reason") or job.reason,
        type=name(value, "type") or job.type,
    )


def plain(value: Mapping[str, object], key: str) -> object:
    """A value by its name in the proto or in protobuf's JSON."""
    first, *rest = key.split("_")
    return value.get(key, value.get(first + "".join(part.title() for part in rest)))


def _text(value: Mapping[str, object], key: str) -> str:
    found = plain(value, key)
    return found if isinstance(found, str) else ""


def _object(value: Mapping[str, object], key: str) -> Mapping[str, object]:
    found = value.get(key)
    return found if isinstance(found, Mapping) else {}
