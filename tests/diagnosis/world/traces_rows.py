"""What the team's own components write into call_state_logs of a life."""

import json
import random
from collections.abc import Iterator
from dataclasses import replace

from msgspec import structs

from livekit_doctor.settings import CallLogs
from tests.diagnosis.world.life import NEVER, Dial, Life, Row

FAILED = ("sip_participant_failed", "call_failed", "dial_failed")
"""What teams call it that CreateSIPParticipant failed."""

FAILED_FURTHER = ("transfer_failed", "consult_failed")


def write_rows(life: Life) -> None:
    """Fills in the life's rows. A team either logs a state in every call or never; an agent that writes
    nothing is one whose states are not among `always_logged`."""
    pick = random.Random(f"rows {life.seed}")
    agent_writes, answer_written, ends_written, asks_written = (pick.random() < p for p in (0.85, 0.35, 0.6, 0.8))
    dispatch_written, errors_written, audio_written = (pick.random() < p for p in (0.85, 0.6, 0.2))
    if not agent_writes:
        life.settings = structs.replace(life.settings, call_logs=CallLogs(always_logged=()))
    rows = life.rows
    dialler = "agent" if life.settings.flow.placed_by == "agent" else "edge"
    if pick.random() < 0.1:
        rows.append(Row(pick.uniform(0, 5), "crm", "lead_locked"))
    if asks_written:
        rows.append(Row(-pick.uniform(0.1, 2), "edge", "call_requested"))
    if life.made_by in ("room", "agents"):
        rows.append(Row(0.01, "edge", "room_created"))
    for turn in life.turns:
        if dispatch_written and not turn.restarted and (life.made_by != "agents" or turn is not life.turns[0]):
            rows.append(Row(turn.at + 0.02, "edge", "agent_dispatched"))
        if agent_writes and turn.room == life.room and turn.outcome != "stray":
            rows += [
                Row(turn.ran + 0.01, "agent", "agent_entrypoint_called"),
                Row(turn.active + 0.15, "agent", "agent_connected"),
            ]
            if audio_written and not turn.muted:
                rows.append(Row(turn.audio + 0.1, "agent", "agent_audio"))
    for dial in life.dials:
        written = _dial(dial, answer_written=answer_written, errors_written=errors_written)
        rows += (replace(row, source=dialler) for row in written)
    for dial in life.further if errors_written else ():
        if dial.twin:
            rows += (replace(row, source=dialler) for row in _dial(dial, answer_written=False, errors_written=True))
        elif dial.refused_at < NEVER and (dial.waits or dial.joined == NEVER):
            source = "agent" if agent_writes else "edge"
            told = json.dumps(
                {"error": f"twirp error unknown: {dial.error}", "sip_status_code": dial.sip_status or None}
            )
            rows.append(Row(dial.refused_at + 0.02, source, pick.choice(FAILED_FURTHER), told))
    if ends_written and life.goodbye < NEVER:
        source = "agent" if agent_writes and life.ending in ("agent_deletes", "agent_leaves") else "edge"
        rows.append(Row(life.goodbye + pick.uniform(0.01, 0.6), source, "call_ended"))
    life.rows = [row for row in rows if row.at < NEVER]


def _dial(dial: Dial, *, answer_written: bool, errors_written: bool) -> Iterator[Row]:
    at_once = dial.joined == NEVER
    if dial.waits or at_once:
        if dial.answered < NEVER:
            yield Row(dial.answered + 0.02, "edge", "sip_participant_created")
        elif errors_written and dial.refused_at < NEVER:
            told: dict[str, object] = {"error": f"twirp error unknown: {dial.error}", "code": dial.twirp}
            if dial.sip_status:
                told["sip_status_code"] = dial.sip_status
            yield Row(dial.refused_at + 0.02, "edge", FAILED[ord(dial.sid[-1]) % 3], json.dumps(told))
    else:
        yield Row(dial.joined + 0.03, "edge", "sip_participant_created")
    if answer_written and dial.answered < NEVER and not dial.waits:
        yield Row(dial.answered + 0.2, "edge", "sip_answered")
