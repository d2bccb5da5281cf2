"""The beginning of a call's id in place of the whole id, as people copy it."""

from livekit_doctor.errors import UserError
from livekit_doctor.evidence.observations import Reading, RecentCalls
from livekit_doctor.redact import printable

_SHORTEST = 4
_SHOWN = 5


def may_be_beginning(text: str) -> bool:
    """Not a number: one that is gone, and not meant as the beginning of another, looks the same."""
    return len(text) >= _SHORTEST and not text.isdecimal()


def one_beginning_with(text: str, reading: Reading) -> str | None:
    """The only call of the reading, all of whose ids begin with the text; None for none. Raises UserError for
    several."""
    found = [call for item in reading.observations if isinstance(item, RecentCalls) for call in item.calls]
    if len(found) < 2:
        return found[0].call_id if found else None
    shown = [printable(call.call_id) for call in found[:_SHOWN]]
    more = f" and {len(found) - _SHOWN} more" if len(found) > _SHOWN else ""
    raise UserError(
        "LKD001",
        f"the ids of {len(found)} calls begin with {printable(text)}: {', '.join(shown)}{more}",
        f"give one of them whole: livekit-doctor trace {shown[0]}",
    )
