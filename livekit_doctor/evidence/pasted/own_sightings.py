"""What the team's own lines say they saw, in words of the team's own: that the agent dispatch and the SIP participant
were created, by the ids that LiveKit's API answered, that a dispatch had no job, which `sip.callStatus` a phone had,
and why it left.

dispatch_created  dispatch_id=AD_h2VxM8pYw5Lc agent_name=caller room=call-17
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence, Set
from itertools import pairwise
from typing import Literal

from livekit.protocol import models
from msgspec import structs

from livekit_doctor import lazy_re
from livekit_doctor.evidence.livekit_api import name_of
from livekit_doctor.evidence.observations import Dispatch, LogLine, Observation, Participant, Sighting, SipCallResult
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.own_words import rooms_said
from livekit_doctor.evidence.records import shapes
from livekit_doctor.evidence.records.component import KINDS
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.known_words import says_any
from livekit_doctor.evidence.records.reader import observed
from livekit_doctor.redact import redact_text

_SEPARATOR = lazy_re.compile(r"(?<=[a-z])(?=[A-Z])|[_.-]+")
_NO_WORDS = lazy_re.compile(r"\b[\w.]+=\S*|\b(?:RM|AJ|AD|PA|SCL|ST|AW)_\w+")
_DISPATCHED = lazy_re.compile(
    r"\bdispatched\b|\bdispatch\b.{0,40}\b(?:created|made|placed|sent|returned|ok|success\w*)\b"
    r"|\b(?:created|made|placed|sent)\b.{0,40}\bdispatch\b"
)
_DIALLED = lazy_re.compile(
    r"\bsip ?(?:participant)?\b.{0,40}\b(?:created|returned|ok|success\w*)\b|\bcreated\b.{0,40}\bsip ?participant\b"
    r"|\b(?:call|phone|callee|number)\b.{0,40}\b(?:placed|dialled|dialed|initiated)\b"
    r"|\b(?:placed|dialled|dialed|initiated)\b.{0,40}\b(?:call|phone|callee|number)\b"
)
_OR_NOT = lazy_re.compile(
    r"\b(?:no|not|never|nobody|none|without|fail\w*|error\w*|unable|could|can|cannot|should|will|would|if|when|until|"
    r"before|wait\w*|timed|timeout|missing|retry\w*|false|delet\w+|remov\w+|cancel\w*|reject\w*|ended|left|closed|"
    r"inbound|incoming|received)\b|n't\b|\?"
)
_READ = 400
"""Characters of a line in which words are looked for."""
_OUTCOMES = ("status", "result", "outcome", "ok", "success", "created")
_BAD = {"false", "failed", "failure", "error"}
_AGENT = lazy_re.compile(
    r"\bagent(?:[_ ]?name)?[\"'`]?(?:\s?[=:]\s?[\"'`]?(?=\w)| (?:[\"'`](?=\w)|(?=[A-Z]|\w+[-_.]\w)))(?P<name>[\w.-]*\w)"
)
"""agent=caller, agent "caller", agent Caller, agent caller-2; agent was is none."""
_NO_JOB = lazy_re.compile(r"\bjobs?[\"']?\s?[=:]\s?(?:0\b|\[\]|\(\)|none\b)|\b(?:no|0) jobs?\b", re.IGNORECASE)
_STATUS = lazy_re.compile(r"\bcall_?status\b.{0,60}?\b(?P<status>dialing|ringing|active|automation)\b", re.IGNORECASE)
_ATTRIBUTE = lazy_re.compile(
    r"\bsip\.callStatus\b[\"'`\]]*\s?(?:=>|->|=|:|is(?: now)?|to)\s?[\"'`]?"
    r"(?P<status>dialing|ringing|active|automation)\b"
)
"""The phone's attribute with a value, as no sentence has it by chance."""
_REASON = lazy_re.compile(r"\b(USER_UNAVAILABLE|USER_REJECTED|SIP_TRUNK_FAILURE|MEDIA_FAILURE)\b")
_REASON_NUMBER = lazy_re.compile(r"\bdisconnect[ _]?reason\W{1,4}(11|12|13|15)\b", re.IGNORECASE)
"""The disconnect reasons that livekit-sip alone gives, by their names and their numbers."""
_IDS = ("dispatch_id", "participant_id", "call_id")

_Told = tuple[str, str, Observation]
"""An id, what is told of it, and that as an observation."""


def status_lines(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The lines that say which status the phone had, and were nothing so far: they have no id, or are no log's."""
    for number, line in enumerate(excerpt.bodies):
        said = _ATTRIBUTE.search(line[:_READ]) if "sip.callStatus" in line and number not in excerpt.taken else None
        if said is None or _OR_NOT.search(line[:_READ].lower()) is not None:
            continue
        if len(rooms_said(excerpt)) > 1:
            return  # of which call it is, nobody knows
        record, place, told = shapes.read_text([excerpt.stripped[number]]), excerpt.number_of(number), said["status"]
        if record is None:
            words = shortened(redact_text(line.strip()))
            found = LogLine(read=context.read, log="app", file=excerpt.name, number=place, message=words)
        else:
            found = observed(record, "app", excerpt.name, place, context.read)
        found = structs.replace(found, fields={**found.fields, _SAID: told})
        yield Found(KINDS["app"], number, number, (found,))


_SAID = "sip_call_status"
"""The field that a line has for the phone's attribute."""


def sightings(observations: Sequence[Observation]) -> Iterator[Observation]:
    """Each once, and only what nothing else shows."""
    shown = [item for item in observations if isinstance(item, Sighting)]
    known = {dispatch.id for item in shown for dispatch in item.dispatches}
    known |= {who.sid for item in shown for who in item.participants}
    own = [line for line in observations if isinstance(line, LogLine) and _is_own(line)]
    named = {_room(item) for item in observations if isinstance(item, LogLine)} - {""}
    only = dict.fromkeys(_first(own, lambda line: line.message), next(iter(named), "")) if len(named) < 2 else {}
    rooms = only | _first(own, _room)
    agents = _first(own, _agent)
    only_phone = _only_phone(observations, own, named | {item.room for item in shown} - {""})
    told: set[tuple[str, str]] = set()
    for line in own:
        for name, said, item in (*_dispatch(line, rooms, agents), *_phone(line, rooms, only_phone)):
            if name not in known and (name, said) not in told:
                told.add((name, said))
                yield item


def _is_own(line: LogLine) -> bool:
    """Whether a program of the team's own says it, and no error; what an agent's code logs is in its worker's log."""
    of_livekit = line.log in ("server", "sip") or line.logger.startswith("livekit") or says_any(line.message)
    wrong = line.level in ("error", "fatal") or line.fields.get("error", "None") not in ("None", "null")
    bad = any(line.fields.get(key, "").lower() in _BAD for key in _OUTCOMES)
    return not (of_livekit or wrong or bad)


def _first(lines: Sequence[LogLine], told: Callable[[LogLine], str]) -> dict[str, str]:
    """What the first line with each id tells, by the id."""
    found: dict[str, str] = {}
    for line in lines:
        if text := told(line):
            for key in _IDS:
                found.setdefault(line.fields.get(key, ""), text)
    found.pop("", None)
    return found


def _room(line: LogLine) -> str:
    return line.fields.get("room", "")


def _agent(line: LogLine) -> str:
    said = _AGENT.search(line.message)
    return line.fields.get("agent_name") or (said["name"] if said else "")


def _dispatch(line: LogLine, rooms: Mapping[str, str], agents: Mapping[str, str]) -> Iterator[_Told]:
    """As `lk dispatch list` shows it, and that it had no job; no more of what became of it."""
    name = line.fields.get("dispatch_id", "")
    without_job = _NO_JOB.search(line.message[:_READ]) is not None
    if not name.startswith("AD_") or name not in rooms or not (without_job or _says(_DISPATCHED, line)):
        return
    agent = agents.get(name, "")
    dispatch = Dispatch(id=name, agent_name=agent, room=rooms[name], unnamed=not agent)
    lists: Literal["", "dispatches"] = "dispatches" if without_job else ""
    seen = Sighting(read=line.read, room=rooms[name], lists=lists, shows_jobs=without_job, dispatches=(dispatch,))
    yield name, lists, seen


def _only_phone(
    observations: Sequence[Observation], own: Sequence[LogLine], rooms: Set[str]
) -> tuple[str, Participant] | None:
    """The one phone that a line is about which does not say of which it is, and its room; None where there may be
    several."""
    shown = [item for item in observations if isinstance(item, Sighting)]
    seen = {who.identity: who for item in shown for who in item.participants if who.kind == "SIP"}
    sids = {line.fields.get("participant_id", "") for line in own if _of_phone(line)}
    dials = {line.fields.get("call_id", "") for line in observations if isinstance(line, LogLine)}
    dials |= {who.attributes.get("sip.callID", "") for who in seen.values()}
    ended = sum(isinstance(item, SipCallResult) for item in observations)
    if max(len(rooms), len(seen), len(sids - {""}), len(dials - {""}), ended) > 1 or _go_to_and_fro(own):
        return None
    identity = next(iter(seen), "") or next(iter(sids - {""} or dials - {""}), "")
    return next(iter(rooms), ""), Participant(sid="", identity=identity or "phone", kind="SIP", state="")


def _go_to_and_fro(own: Sequence[LogLine]) -> bool:
    """Whether the statuses are of several calls: one goes from dialing to ringing, and to active."""
    told = [_STATUSES.index(status) for line in own if _SAID in line.fields and (status := _status(line))]
    steps = [after - before for before, after in pairwise(told)]
    return any(step > 0 for step in steps) and any(step < 0 for step in steps)


def _of_phone(line: LogLine) -> bool:
    return line.fields.get("call_id", "").startswith("SCL_")


def _phone(line: LogLine, rooms: Mapping[str, str], only: tuple[str, Participant] | None) -> Iterator[_Told]:
    """That it was created, and at which status it was seen; whether the request waited for the answer is not known."""
    sid, dial = line.fields.get("participant_id", ""), line.fields.get("call_id", "")
    name = sid if sid.startswith("PA_") else dial if _of_phone(line) else ""
    status, reason = _status(line), _reason(line)
    if name in rooms and (status or reason or _says(_DIALLED, line)):
        identity = line.fields.get("participant") or sid or dial
        attributes = {"sip.callID": dial} if dial else {}
        attributes |= {"sip.callStatus": status} if status else {}
        phone = Participant(sid=sid, identity=identity, kind="SIP", state="", attributes=attributes)
        yield (
            name,
            reason or status,
            Sighting(read=line.read, room=rooms[name], participants=(phone,), left_because=reason),
        )
    elif only is not None and not name and _SAID in line.fields and status:
        phone = structs.replace(only[1], attributes={"sip.callStatus": status})
        yield "", status, Sighting(read=line.read, room=only[0], participants=(phone,))


def _status(line: LogLine) -> str:
    """The phone's, by its attribute, or in other words."""
    found = _STATUS.search(line.message[:_READ])
    told = line.fields.get(_SAID, "").lower()
    if told in _STATUSES:
        return told
    return found["status"].lower() if found and _OR_NOT.search(found[0].lower()) is None else ""


_STATUSES = ("dialing", "ringing", "active", "automation")


def _reason(line: LogLine) -> str:
    """Why the phone left, by the name or the number of LiveKit's disconnect reason; empty where the line has none."""
    text = line.message[:_READ]
    number = _REASON_NUMBER.search(text)
    name = _REASON.search(text)
    return name[1] if name else name_of(models.DisconnectReason, int(number[1])) if number else ""


def _says(pattern: re.Pattern[str], line: LogLine) -> bool:
    words = _SEPARATOR.sub(" ", _NO_WORDS.sub(" ", line.message[:_READ])).lower()
    return pattern.search(words) is not None and _OR_NOT.search(words) is None
