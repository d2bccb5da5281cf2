"""What the team's own lines say was created: the agent dispatch and the SIP participant, by the ids that LiveKit's API
answered to CreateDispatch and CreateSIPParticipant, in words of the team's own.

dispatch_created  dispatch_id=AD_h2VxM8pYw5Lc agent_name=caller room=call-17
"""

import re
from collections.abc import Iterator, Sequence

from livekit_doctor.evidence.observations import Dispatch, LogLine, Observation, Participant, Sighting
from livekit_doctor.evidence.records.component import says_any

_SEPARATOR = re.compile(r"(?<=[a-z])(?=[A-Z])|[_.-]+")
_NO_WORDS = re.compile(r"\b[\w.]+=\S*|\b(?:RM|AJ|AD|PA|SCL|ST|AW)_\w+")
_DISPATCHED = re.compile(
    r"\bdispatched\b|\bdispatch\b.{0,40}\b(?:created|made|placed|sent|returned|ok|success\w*)\b"
    r"|\b(?:created|made|placed|sent)\b.{0,40}\bdispatch\b"
)
_DIALLED = re.compile(
    r"\bsip ?(?:participant)?\b.{0,40}\b(?:created|returned|ok|success\w*)\b|\bcreated\b.{0,40}\bsip ?participant\b"
    r"|\b(?:call|phone|callee|number)\b.{0,40}\b(?:placed|dialled|dialed|initiated)\b"
    r"|\b(?:placed|dialled|dialed|initiated)\b.{0,40}\b(?:call|phone|callee|number)\b"
)
_OR_NOT = re.compile(
    r"\b(?:no|not|never|nobody|none|without|fail\w*|error\w*|unable|could|can|cannot|should|will|would|if|when|until|"
    r"before|wait\w*|timed|timeout|missing|retry\w*|false|delet\w+|remov\w+|cancel\w*|reject\w*|ended|left|closed|"
    r"inbound|incoming|received)\b|n't\b|\?"
)
_OUTCOMES = ("status", "result", "outcome", "ok", "success", "created")
_BAD = {"false", "failed", "failure", "error"}
_AGENT = re.compile(
    r"\bagent(?:[_ ]?name)?[\"'`]?(?:\s?[=:]\s?[\"'`]?(?=\w)| [\"'`]?(?=\w+[-_.]\w))(?P<name>[\w.-]*\w)"
)


def created(observations: Sequence[Observation]) -> Iterator[Observation]:
    """Each once, and only what nothing else shows."""
    shown = [item for item in observations if isinstance(item, Sighting)]
    known = {dispatch.id for item in shown for dispatch in item.dispatches}
    known |= {who.sid for item in shown for who in item.participants}
    for line in observations:
        if isinstance(line, LogLine) and _is_own(line):
            for name, item in (*_dispatch(line), *_phone(line)):
                if name not in known:
                    known.add(name)
                    yield item


def _is_own(line: LogLine) -> bool:
    """Whether a program of the team's own says it of a room, and no error; what an agent's code logs is in its worker's
    log."""
    of_livekit = line.log in ("server", "sip") or line.logger.startswith("livekit") or says_any(line.message)
    wrong = line.level in ("error", "fatal") or line.fields.get("error", "None") not in ("None", "null")
    bad = any(line.fields.get(key, "").lower() in _BAD for key in _OUTCOMES)
    return bool(line.fields.get("room")) and not (of_livekit or wrong or bad)


def _dispatch(line: LogLine) -> Iterator[tuple[str, Observation]]:
    """As `lk dispatch list` shows it: not what became of it."""
    name, room = line.fields.get("dispatch_id", ""), line.fields["room"]
    if name.startswith("AD_") and _says(_DISPATCHED, line):
        said = _AGENT.search(line.message)
        agent = line.fields.get("agent_name") or (said["name"] if said else "")
        dispatch = Dispatch(id=name, agent_name=agent, room=room, unnamed=not agent)
        yield name, Sighting(read=line.read, room=room, shows_jobs=False, dispatches=(dispatch,))


def _phone(line: LogLine) -> Iterator[tuple[str, Observation]]:
    """That it was created, and not what became of it: whether the request waited for the answer is not known."""
    sid, dial = line.fields.get("participant_id", ""), line.fields.get("call_id", "")
    if (sid.startswith("PA_") or dial.startswith("SCL_")) and _says(_DIALLED, line):
        identity = line.fields.get("participant") or sid or dial
        attributes = {"sip.callID": dial} if dial else {}
        phone = Participant(sid=sid, identity=identity, kind="SIP", state="", attributes=attributes)
        yield sid or dial, Sighting(read=line.read, room=line.fields["room"], participants=(phone,))


def _says(pattern: re.Pattern[str], line: LogLine) -> bool:
    words = _SEPARATOR.sub(" ", _NO_WORDS.sub(" ", line.message[:400])).lower()
    return pattern.search(words) is not None and _OR_NOT.search(words) is None
