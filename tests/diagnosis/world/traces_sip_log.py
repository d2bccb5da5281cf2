"""What livekit-sip writes of a life (the recordings of 1.11.0 with server 1.13.11, and its source)."""

from collections.abc import Iterator

from tests.diagnosis.world.life import NEVER, Dial, Life, Turn
from tests.diagnosis.world.lines import Line, of_room


def sip_lines(life: Life) -> Iterator[Line]:
    for dial in life.phones:
        if dial.joined < NEVER:
            yield from _dial(life, dial)


def _dial(life: Life, dial: Dial) -> Iterator[Line]:
    of = {
        "room": life.room,
        "call_id": dial.sip_call,
        "sip_trunk": "ST_5Gh8Jk1L",
        "participant": dial.identity,
        "to_user": "+15555550123",
        "direction": "outbound",
    }

    def line(at: float, message: str, level: str = "info", **fields: str) -> Line:
        return Line(at, "sip", message, level, "sip", fields=of | fields)

    yield line(dial.at + 0.01, "Creating SIP participant")
    joined = {**of_room(life), "participant_id": dial.sid}
    yield line(dial.joined, "SIP participant joined room", **joined)
    yield line(dial.joined + 0.01, "published track", source="MICROPHONE")
    if dial.answered < NEVER:
        yield line(dial.answered - 0.02, "using codecs", audio_codec="PCMU/8000")
        yield line(dial.answered, "Outbound SIP call established")
    left = min(dial.left, life.closes)
    for turn in life.turns:
        if turn.room == life.room and _hears(turn, dial, left):
            track = {"participant": turn.identity, "track_id": "TR_" + turn.sid[3:], "kind": "audio"}
            yield line(max(turn.audio, dial.answered, dial.joined) + 0.02, "track subscribed", **track)
    if left == NEVER:
        return
    if dial.ringing < NEVER:
        ringing = str(int((dial.ringing - dial.joined) * 1000))
        yield line(left + 0.02, "signaling timestamps", invite_to_ringing_ms=ringing)
    if dial.outcome == "media_timeout":
        yield line(left - 0.01, "triggering media timeout", packets="0", is_initial="true", timeout="30s")
        yield line(left, "Closing outbound call with error", "warn", error=dial.error, reason="media-timeout")
    elif dial.error:
        yield line(left - 0.01, "SIP invite failed", "error", error=dial.error)
        yield line(left, "SIP call failed", "error", error=dial.error)
        yield line(left + 0.001, "Closing outbound call", status=str(dial.sip_status), result="client_error")
    else:
        deleted = life.ending in ("agent_deletes", "edge_deletes")
        if deleted:
            yield line(left, "server initiated leave", reason="ROOM_DELETED")
            yield line(left, "disconnected from room", **of_room(life), reason="other reasons")
        reason = "removed" if deleted else "hangup"
        yield line(left + 0.001, "Closing outbound call", status="0", result="success", reason=reason)
    yield line(left + 0.03, "SIP call ended", reason=dial.error or "hangup")


def _hears(turn: Turn, dial: Dial, left: float) -> bool:
    """Whether it gets the agent's track while the phone is there."""
    starts, ends = max(turn.audio, dial.joined, dial.answered), min(turn.left, left)
    return starts < ends
