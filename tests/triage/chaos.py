"""Logs and settings of any kind: what components log when everything goes wrong, and what a team may configure."""

import random
import uuid

from livekit_doctor.flow import Step
from livekit_doctor.settings import Agent, Allowance, Allowances, CallLogs, Flow, Settings
from livekit_doctor.triage.plan import SECOND
from livekit_doctor.triage.terms import Window
from tests.triage.reference import Row

NOW = 1_790_000_000 * SECOND + 123_456
HOUR = 3600 * SECOND

STATES = (
    *(step.value for step in Step),
    *("call_initiated", "Agent-Joined", " ringing ", "hangup", "agent_up", "pstn_ring"),
    *(
        "sip_participant_failed",
        "no_answer",
        "line_busy",
        "error",
        "agent_error",
        "call_failed",
        "user_speech",
        "agent_said",
    ),
    *("callee_hung_up", "tts_failed", "agent_left", "participant_left", "session_closed", "agent_kicked"),
    *("boot", "tool_call", "transfer_failed", "it's 100 % \\ odd", "call_ended_busy", "", None),
)
SOURCES = ("edge_function", "edge_function", "agent", "agent", "sip-bridge", "o'brien \\ 7", "", None)
METADATA = (
    None,
    "",
    "not json {",
    "{}",
    '{"sip_status_code": 486}',
    '{"error": {"sipStatusCode": "603", "reason": "Decline"}}',
    '{"error": "twirp error unknown: INVITE failed: sip status: 404: not found"}',
    '{"error": "SIP call failed: 503 Service Unavailable"}',
    '{"sip_status": 200}',
    '{"sip_code": 4866}',
    '{"err": "twirp error unknown: requested sip trunk does not exist"}',
    '{"last_error": "no numbers on outbound trunk"}',
    '{"error": "max auth retry attempts reached"}',
    '{"error": "TwirpError(code=unauthenticated, message=invalid token)"}',
    '{"error": "twirp error resource_exhausted: too many requests", "sip_status": "none"}',
    '{"exception": "sip request timed out: no numbers on outbound trunk"}',
    '{"region": "eu-west", "caller": {"id": "+15555550142"}}',
)


def settings_of(draw: random.Random) -> Settings:
    """Settings that a team may have."""
    steps = list(Step)
    allowance = Allowance(after=(Step.AGENT_DISPATCHED,), slow_after=1, broken_after=draw.choice((5, 15, 30, 200)))
    return Settings(
        agent=Agent(name=draw.choice((None, "", "Front Desk", "sip-bridge"))),
        flow=Flow(
            states={"agent_up": Step.AGENT_CONNECTED, "pstn_ring": Step.SIP_RINGING, "call_ended_busy": Step.CALL_ENDED}
            if draw.random() < 0.7
            else {},
            not_used=tuple(draw.sample(steps, draw.choice((0, 0, 0, 1, 2)))),
            allowances=Allowances(agent_connected=allowance),
        ),
        call_logs=CallLogs(
            clock_tolerance=draw.choice((1, 5, 5, 20)),
            always_logged=draw.choice((None, None, (), ("agent_connected",), ("job_assigned", "agent_audio"))),
        ),
    )


def window_of(draw: random.Random) -> Window:
    """A window in which calls begin before it, in it and at its edges."""
    until = draw.choice((NOW, NOW - 2 * HOUR))
    since = until - draw.choice((HOUR, 6 * HOUR))
    before = since - draw.choice((0, until - since))
    return Window(before=before, since=since, until=until, now=NOW, bucket=HOUR)


def rows_of(draw: random.Random, calls: int, window: Window) -> list[Row]:
    """Calls of any rows in any order. Some are near enough to real ones that each verdict occurs."""
    found: list[Row] = []
    for number in range(calls):
        call_id = str(uuid.UUID(int=draw.getrandbits(128))) if draw.random() < 0.3 else f"call {number}'s"
        at = draw.choice((window.since, window.until, window.before, window.now)) + draw.randrange(-HOUR, HOUR)
        at = min(at, NOW + 20 * SECOND) if draw.random() < 0.9 else window.until - draw.randrange(30) * SECOND
        found += _near_real(draw, call_id, at) if draw.random() < 0.6 else _any(draw, call_id, at)
    found += [Row(None, NOW - HOUR, "agent", "boot", None)]
    draw.shuffle(found)
    return found


def _any(draw: random.Random, call_id: str, at: int) -> list[Row]:
    rows = []
    for _ in range(draw.randrange(1, 14)):
        at += draw.choice((0, 1, 999_999, SECOND, 4 * SECOND, 6 * SECOND, 70 * SECOND, draw.randrange(300 * SECOND)))
        rows.append(Row(call_id, at, draw.choice(SOURCES), draw.choice(STATES), draw.choice(METADATA)))
    if draw.random() < 0.3:
        rows.append(draw.choice(rows))
    return rows


_ORDER = (
    ("edge_function", "call_requested"),
    ("edge_function", "room_created"),
    ("edge_function", "agent_dispatched"),
    ("edge_function", "sip_participant_created"),
    ("edge_function", "sip_dialing"),
    ("agent", "job_assigned"),
    ("agent", "agent_entrypoint_called"),
    ("agent", "agent_connected"),
    ("edge_function", "sip_ringing"),
    ("edge_function", "sip_answered"),
    ("agent", "agent_audio"),
    ("agent", "user_speech"),
    ("edge_function", "call_ended"),
)


def _near_real(draw: random.Random, call_id: str, at: int) -> list[Row]:
    """One attempt or several, with rows missing at random, or all from some row on."""
    rows = []
    for _ in range(draw.choice((1, 1, 1, 2, 3))):
        cut = draw.choice((len(_ORDER), len(_ORDER), draw.randrange(1, len(_ORDER) + 1)))
        missing = draw.choice((0.0, 0.1, 0.4))
        for place, (source, state) in enumerate(_ORDER):
            at += draw.choice((1_000, 300_000, SECOND, 3 * SECOND, 8 * SECOND))
            gone = draw.random() < missing or (place >= cut and draw.random() < 0.9)
            if not gone:
                skew = draw.choice((0, 0, 0, -7, 12)) * SECOND if source == "agent" else 0
                rows.append(Row(call_id, at + skew, source, state, None))
        if draw.random() < 0.3:
            state = draw.choice(("sip_participant_failed", "error", "agent_error", "call_ended"))
            rows.append(Row(call_id, at + SECOND, draw.choice(SOURCES), state, draw.choice(METADATA)))
        at += draw.choice((2, 10, 90)) * SECOND
    return rows or [Row(call_id, at, "edge_function", "call_requested", None)]
