"""Rooms, participants, agent dispatches and webhooks as Python prints them: protobuf's text format, a field a line, or
all in one line as lk prints them; alone, in a list, or in the answer of the API that has them.

dispatch: id: "AD_X2XvFEEeMZeL"
agent_name: "caller"
state {
  ...
}
"""

import re
from collections.abc import Iterator

from google.protobuf import text_format
from google.protobuf.json_format import MessageToDict
from google.protobuf.message import Message
from livekit.protocol import agent_dispatch, models, room, webhook

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations.told import WEBHOOKS
from livekit_doctor.evidence.pasted import webhooks
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.lk_output import DISPATCH, PARTICIPANT, ROOM, read_answer
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.values import objects_in

_START = lazy_re.compile(
    r"(?<!\w)(?:"
    r"s?id: ?\"(?P<prefix>AD|RM|PA)_[A-Za-z0-9]{6,}\"(?=\s*$|\s+\w+: ?[\"{\w])"
    r"|(?P<list>participants|rooms|agent_dispatches):? ?\{\s*(?:$|s?id: ?\")"
    rf"|event: \"(?:{'|'.join(sorted(WEBHOOKS))})\"\s*$)"
)
_LINE = lazy_re.compile(r"\s*(?:[a-z_]+(?:: ?(?:\".*\"|[\w.+-]+)| ?\{)|\})\s*$")
_BRACKET = lazy_re.compile(r"\"(?:[^\"\\\n]|\\.)*\"|[{}\[\]]")
_OPENS = lazy_re.compile(r"\s*\w+:? ?\{\s*$")
_KINDS: dict[str, tuple[str, type[Message]]] = {
    "AD": (DISPATCH, agent_dispatch.AgentDispatch),
    "RM": (ROOM, models.Room),
    "PA": (PARTICIPANT, models.ParticipantInfo),
}
_LISTS: dict[str, tuple[str, type[Message], str]] = {
    "agent_dispatches": (DISPATCH, agent_dispatch.ListAgentDispatchResponse, "agentDispatches"),
    "rooms": (ROOM, room.ListRoomsResponse, "rooms"),
    "participants": (PARTICIPANT, room.ListParticipantsResponse, "participants"),
}
_MOST = 400
"""Lines of one object that are read."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The objects, each of what it shows; whether it was alone in its list is not known but of an answer with all."""
    number, broken = 0, -1
    while number < len(excerpt.lines):
        line = excerpt.lines[number]
        start = _START.search(line) if "id:" in line or "event:" in line or line.rstrip()[-1:] == "{" else None
        if start is None or number in excerpt.taken or (start["list"] and number <= broken):
            number += 1
            continue
        last = number if line[start.end() :].strip() else _end(excerpt, number)
        found = _found(excerpt, number, start, last, context)
        if found is not None:
            yield found
        elif start["list"]:
            broken = last  # what it holds may still be read
        number = found.last + 1 if found is not None else number + 1 if start["list"] else last + 1


def _end(excerpt: Excerpt, number: int) -> int:
    """The last line that may be of the object that begins in this one."""
    last = number
    while last + 1 < min(len(excerpt.lines), number + _MOST) and _LINE.match(excerpt.lines[last + 1]):
        last += 1
    return last


def _found(excerpt: Excerpt, number: int, start: re.Match[str], last: int, context: Context) -> Found | None:
    text = "\n".join((excerpt.lines[number][start.start() :], *excerpt.lines[number + 1 : last + 1]))
    own = _before_its_end(text)
    first, last = number, number + own.rstrip().count("\n")
    if own != text and number and _OPENS.match(excerpt.lines[number - 1]):
        first, last = number - 1, number + own.count("\n")
    if start["list"]:
        kind, message, key = _LISTS[start["list"]]
        items = objects_in((_read(own, message()) or {}).get(key))
        observations = read_answer(kind, items, context)
        return Found(kind, first, last, observations, len(items)) if items else None
    if start["prefix"]:
        kind, message = _KINDS[start["prefix"]]
        found = _read(own, message())
        return Found(kind, first, last, read_answer(kind, [found], context, is_list=False)) if found else None
    event = _read(own, webhook.WebhookEvent())
    seen = webhooks.sighting(event, context.read) if event else None
    return Found(webhooks.KIND, first, last, (seen,)) if seen is not None else None


def _before_its_end(text: str) -> str:
    """The text up to the bracket that closes what the object stands in."""
    depth = 0
    for found in _BRACKET.finditer(text):
        depth += found[0] in "{["
        depth -= found[0] in "}]"
        if depth < 0:
            return text[: found.start()]
    return text


def _read(text: str, message: Message) -> dict[str, object] | None:
    try:
        text_format.Parse(text, message, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError):
        return None
    return MessageToDict(message)
