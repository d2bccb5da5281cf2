"""Call state logs at any size, seeded: calls with a daily shape, faults, retries and skewed clocks, and an incident.

From `INCIDENT` on, calls of region eu-west under version v42 find no worker, and the carrier refuses one caller id.
"""

import random
from collections.abc import Iterator
from typing import NamedTuple

from tests.triage.reference import Row

SECOND = 1_000_000
HOUR = 3600 * SECOND

STATUSES = (486, 486, 486, 603, 603, 404, 403, 480, 503)
REGIONS = ("us-east", "us-east", "us-west", "eu-west")
CALLERS = tuple(f"+155555501{number:02}" for number in range(20))


class Incident(NamedTuple):
    """What is planted, from `at` on (microseconds since 1970)."""

    at: int
    region: str = "eu-west"
    version: str = "v42"
    caller_id: str = CALLERS[7]
    no_worker: float = 0.45
    refused: float = 0.6


SHAPE = (1, 1, 1, 1, 1, 2, 4, 7, 9, 10, 10, 9, 9, 10, 10, 10, 9, 8, 6, 5, 4, 3, 2, 1)
"""How many calls each hour of a day has, in proportion."""


def starts(draw: random.Random, calls: int, since: int, until: int) -> list[int]:
    """When calls begin, in order. The last hour is late in a day: of a test that runs at night it is the same."""
    hours = range(since // HOUR, -(-until // HOUR))
    weights = [SHAPE[(hour - hours[-1] - 2) % 24] for hour in hours]
    chosen = draw.choices(hours, weights, k=calls)
    return sorted(min(max(hour * HOUR + draw.randrange(HOUR), since), until - 1) for hour in chosen)


def rows(seed: int, calls: int, since: int, until: int, incident: Incident | None = None) -> Iterator[Row]:
    """The rows of so many calls, call by call in the order in which they begin."""
    draw = random.Random(seed)
    for number, at in enumerate(starts(draw, calls, since, until)):
        yield from call(draw, f"call-{number:07}-{draw.randrange(16**6):06x}", at, incident)


class _Writer:
    def __init__(self, draw: random.Random, call_id: str, at: int) -> None:
        self.draw, self.call_id, self.at = draw, call_id, at
        self.rows: list[Row] = []
        self.skew = draw.choice((0,) * 96 + (-20, 12, 25, -7)) * SECOND
        """How far the agent's clock is off."""

    def edge(self, state: str, after: float, metadata: str | None = None) -> None:
        self.at += int(after * SECOND * self.draw.uniform(0.4, 1.8)) + 1_000
        self.rows.append(Row(self.call_id, self.at, "edge_function", state, metadata))

    def agent(self, state: str, after: float, metadata: str | None = None) -> None:
        self.at += int(after * SECOND * self.draw.uniform(0.4, 2.2)) + 1_000
        self.rows.append(Row(self.call_id, self.at + self.skew, "agent", state, metadata))


def call(draw: random.Random, call_id: str, at: int, incident: Incident | None = None) -> list[Row]:
    """The rows of one call, in the order in which they were written."""
    writer = _Writer(draw, call_id, at)
    region, caller = draw.choice(REGIONS), draw.choice(CALLERS)
    struck = incident is not None and at >= incident.at
    version = "v42" if draw.random() < (0.5 if struck else 0.04) else "v41"
    about = f'{{"caller_id": "{caller}", "region": "{region}", "version": "{version}", "trunk": "ST_{region[:2]}"}}'
    no_worker, refused = 0.02, 0.05
    if struck and incident is not None:
        no_worker = incident.no_worker if (region, version) == (incident.region, incident.version) else no_worker
        refused = incident.refused if caller == incident.caller_id else refused
    attempts = 2 if draw.random() < 0.012 else 1
    for attempt in range(attempts):
        _attempt(writer, about, no_worker, 1.0 if attempt + 1 < attempts else refused, struck and refused > 0.3)
        writer.at += 20 * SECOND
    if draw.random() < 0.01:
        writer.rows.append(draw.choice(writer.rows))  # delivered twice
    return writer.rows


def _attempt(writer: _Writer, about: str, no_worker: float, refused: float, is_struck: bool) -> None:
    draw = writer.draw
    fault = draw.random()
    writer.edge("call_requested", 0.0, about)
    if fault < 0.002:
        return
    writer.edge("room_created", 0.15)
    if fault < 0.012:
        agent = 0  # never dispatched
    else:
        writer.edge("agent_dispatched", 0.1)
        agent = 1 if fault < 0.012 + no_worker else 2 if fault > 0.99 else 3
    writer.edge("sip_participant_created", 0.1)
    writer.edge("sip_dialing", 0.05)
    if agent >= 2:
        writer.agent("agent_entrypoint_called", 0.4, f'{{"worker_id": "AW_{draw.randrange(64):06x}"}}')
    if agent == 3:
        writer.agent("agent_connected", 0.5)
    answer = draw.random()
    if answer < refused:
        if draw.random() < 0.5:
            writer.edge("sip_ringing", 1.5)
        status = 603 if is_struck else draw.choice(STATUSES)
        said = f'{{"error": "INVITE failed: sip status: {status}: refused", "sip_status_code": {status}}}'
        if draw.random() < 0.02:
            said = '{"error": "twirp error unknown: requested sip trunk does not exist"}'
            writer.edge(draw.choice(("sip_participant_failed", "error")), 1.0, said)
            return
        writer.edge("sip_participant_failed", 1.0, said)
        return
    if answer < refused + 0.05:
        return  # nothing more is heard of the phone
    writer.edge("sip_ringing", 1.6)
    if answer < refused + 0.12:
        if is_told := draw.random() < 0.5:
            writer.edge(draw.choice(("no_answer", "no_answer", "busy")), 30)
        writer.edge("call_ended", 0.1 if is_told else 30)
        return
    writer.edge("sip_answered", 9.0)
    if agent == 3:
        writer.agent("agent_audio", 0.3)
        writer.agent("user_speech", 2.0)
        if draw.random() < 0.004:
            writer.agent("agent_error", 1.0)
    writer.edge("call_ended", draw.choice((5, 40, 90)))
