"""Rooms, participants, agent dispatches and webhooks as Python prints them: protobuf's text format, a field a line, or
all in one line as lk prints them.

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
from livekit.protocol import agent_dispatch, models, webhook

from livekit_doctor.evidence.observations.told import WEBHOOKS
from livekit_doctor.evidence.pasted import webhooks
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.lk_output import DISPATCH, PARTICIPANT, ROOM, read_answer
from livekit_doctor.evidence.records.excerpt import Excerpt

_START = re.compile(r"(?<!\w)(?:s?id): \"(?P<prefix>AD|RM|PA)_[A-Za-z0-9]{6,}\"\s*$")
_IN_LINE = re.compile(r"(?<!\w)s?id: ?\"(?P<prefix>AD|RM|PA)_[A-Za-z0-9]{6,}\"\s+(?=\w+: ?[\"{\w])")
_EVENT = re.compile(rf"(?<!\w)event: \"(?:{'|'.join(sorted(WEBHOOKS))})\"\s*$")
_LINE = re.compile(r"\s*(?:[a-z_]+(?:: ?(?:\".*\"|[\w.+-]+)| ?\{)|\})\s*$")
_KINDS: dict[str, tuple[str, type[Message]]] = {
    "AD": (DISPATCH, agent_dispatch.AgentDispatch),
    "RM": (ROOM, models.Room),
    "PA": (PARTICIPANT, models.ParticipantInfo),
}
_MOST = 400
"""Lines of one object that are read."""


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The objects, each of what it shows; whether it was alone in its list is not known."""
    number = 0
    while number < len(excerpt.lines):
        if (one := _in_one_line(excerpt.lines[number])) is not None:
            yield Found(one[0], number, number, read_answer(one[0], [one[1]], context, is_list=False))
        start = _START.search(excerpt.lines[number]) if "_" in excerpt.lines[number] else None
        event = _EVENT.search(excerpt.lines[number]) if "event:" in excerpt.lines[number] else None
        last = number
        if event is not None:
            last = _end(excerpt, number)
            found = _parsed(excerpt, number, event, last, webhook.WebhookEvent())
            seen = webhooks.sighting(found, context.read) if found is not None else None
            if seen is not None:
                yield Found(webhooks.KIND, number, last, (seen,))
        elif start is not None:
            last = _end(excerpt, number)
            kind, message = _KINDS[start["prefix"]]
            found = _parsed(excerpt, number, start, last, message())
            if found is not None:
                observations = read_answer(kind, [found], context, is_list=False)
                yield Found(kind, number, last, observations)
        number = last + 1


def _end(excerpt: Excerpt, number: int) -> int:
    """The last line of the object that begins in this one."""
    last = number
    while last + 1 < min(len(excerpt.lines), number + _MOST) and _LINE.match(excerpt.lines[last + 1]):
        last += 1
    return last


def _parsed(
    excerpt: Excerpt, number: int, start: re.Match[str], last: int, message: Message
) -> dict[str, object] | None:
    lines = [excerpt.lines[number][start.start() :], *excerpt.lines[number + 1 : last + 1]]
    return _read("\n".join(lines), message) if last > number else None


def _in_one_line(line: str) -> tuple[str, dict[str, object]] | None:
    """An object of which all fields stand in one line, as `lk dispatch create` prints it."""
    start = _IN_LINE.search(line) if "_" in line else None
    if start is None:
        return None
    kind, message = _KINDS[start["prefix"]]
    found = _read(line[start.start() :], message())
    return (kind, found) if found is not None else None


def _read(text: str, message: Message) -> dict[str, object] | None:
    try:
        text_format.Parse(text, message, allow_unknown_field=True)
    except (text_format.ParseError, ValueError, RecursionError):
        return None
    return MessageToDict(message)
