"""What a short log shows beside its lines: answers of LiveKit's API, and of what nothing says whose call it is about.

In a log of many calls that is nobody's. Where it names no other call it is taken to be of the one that is asked for;
and a file in which no line is a log's may be something else that people have, given with the wrong option.
"""

import re
from collections.abc import Iterator
from typing import TYPE_CHECKING

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Observation
from livekit_doctor.evidence.records import shapes
from livekit_doctor.evidence.records.excerpt import Excerpt

if TYPE_CHECKING:
    from livekit_doctor.evidence.logs.scan import Scan

_ERROR = lazy_re.compile(
    rb"TwirpError|SipCallError|ServerError|twirp error|SIP call failed|sip[_ ]status|SIP/2\.0 [2-6]\d\d|"
    rb"\xe2\x94\x80|\xe2\x86\x90",  # the arrows of a diagram
    re.IGNORECASE,
)
_ANSWER = lazy_re.compile(rb"(?:^|\[)[ \t{\[]{0,12}\"?s?id\"?: ?[\"'](?:AD|RM|PA)_|\xe2\x94\x82", re.MULTILINE)
"""How an answer of the API, or a table of lk, shows."""
_ID = lazy_re.compile(rb"(?<![A-Za-z0-9_])(?:AJ|RM|SCL)_[A-Za-z0-9]{6,24}")
_ROOM = lazy_re.compile(rb"\"room(?:_name|Name)?\": ?\"([^\"]+)\"")


def found(data: bytes, scan: "Scan") -> list[Observation]:
    """What the text shows that the lines of the call have not told already; whose it is counts as shown above."""
    understood, found = bool(scan.sample.recognised), list[Observation]()
    if understood and _ANSWER.search(data):
        found += _answers(data, scan)
    if not understood or (_ERROR.search(data) and not _names_others(data, scan)):
        found += _in_text(data, scan, understood)
    told = {repr(item) for item in scan.found}
    return [item for item in found if repr(item) not in told]


def _answers(data: bytes, scan: "Scan") -> Iterator[Observation]:
    """Those of the call's room which are in no line of the log."""
    from livekit_doctor.evidence.pasted import lk_output, lk_tables, protobuf_text

    excerpt = Excerpt.of(data.decode("utf-8", "replace"), scan.source.name)
    for recogniser in (protobuf_text.find, lk_output.find, lk_tables.find):
        for piece in recogniser(excerpt, scan.context()):
            excerpt.take(piece.first, piece.last)
            of_room = [item for item in piece.observations if getattr(item, "room", "") in scan.needles.rooms]
            if of_room and not shapes.has_whole_head(excerpt.stripped[piece.first].text):
                scan.sample.recognised[piece.kind] += piece.count
                yield from of_room


def _names_others(data: bytes, scan: "Scan") -> bool:
    own = {text.encode() for text in scan.needles.texts}
    return bool(set(_ID.findall(data)) - own or (set(_ROOM.findall(data)) - own))


def _in_text(data: bytes, scan: "Scan", understood: bool) -> Iterator[Observation]:
    from livekit_doctor.evidence.pasted import api_errors, sip_trace
    from livekit_doctor.evidence.pasted.recognisers import BESIDE_LOG_LINES

    excerpt = Excerpt.of(data.decode("utf-8", "replace"), scan.source.name)
    for recogniser in (sip_trace.find, api_errors.find) if understood else BESIDE_LOG_LINES:
        for piece in recogniser(excerpt, scan.context()):
            excerpt.take(piece.first, piece.last)
            if not understood:
                scan.sample.recognised[piece.kind] += piece.count
            yield from piece.observations
    if not understood:
        scan.sample.unknown = excerpt.not_recognised
