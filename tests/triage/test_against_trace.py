"""What the classification says of a call, and what `trace` says of it from its rows alone."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

import pytest

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence, LogRow, Read
from livekit_doctor.settings import Settings
from livekit_doctor.triage.summary import moment
from livekit_doctor.triage.terms import Window
from tests.thorough import examples
from tests.triage import logs
from tests.triage.chaos import rows_of, settings_of, window_of
from tests.triage.reference import Judged, Row, classify, microseconds, steps_of, window_around

SINCE = microseconds(datetime(2026, 11, 27, tzinfo=UTC))
UNTIL = SINCE + 24 * logs.HOUR


def traced(rows: Iterable[Row], settings: Settings, window: Window) -> Iterator[tuple[str, Diagnosis]]:
    """What `trace` says of each call whose rows these are."""
    calls: dict[str, list[Row]] = defaultdict(list)
    for row in rows:
        if row.call_id is not None and window.first <= row.at < window.last:
            calls[row.call_id].append(row)
    read = Read(source="call logs", at=moment(window.now))
    for call_id, own in calls.items():
        own.sort(key=lambda row: row.at)
        logged = tuple(
            LogRow(
                read=read,
                call_id=call_id,
                at=moment(row.at),
                source=row.source or "",
                state=row.state or "",
                metadata=row.metadata or "",
                order=place,
            )
            for place, row in enumerate(own)
        )
        evidence = Evidence(now=read.at, observations=logged)
        yield call_id, diagnose(evidence, settings, Subject(call_id=call_id))


def differs(judged: Judged, diagnosis: Diagnosis) -> bool:
    return (judged.verdict, {*steps_of(judged)}) != (
        diagnosis.verdict.value,
        {item.step for item in diagnosis.broken},
    )


def test_of_calls_as_components_log_them_none_is_told_otherwise() -> None:
    """Faults, refusals, calls that were tried again, rows that came twice, clocks that are off."""
    count = examples(3_000, thorough=10_000)
    rows = list(logs.rows(20_261_129, count, SINCE, UNTIL, logs.Incident(SINCE + 6 * logs.HOUR)))
    settings, window = Settings(), window_around(rows, UNTIL + 2 * logs.HOUR)
    judged = classify(rows, settings, window)
    different = [
        (judged[name], told.verdict) for name, told in traced(rows, settings, window) if differs(judged[name], told)
    ]
    assert len(judged) == count
    assert sum(one.retried for one in judged.values()) > count / 300
    assert sum(one.skewed for one in judged.values()) > count / 300
    assert not different


def test_of_calls_in_any_order_what_is_told_otherwise_is_explained() -> None:
    """Rows at random, under any settings, without an answer in odd places. Two are told otherwise: when the latest
    of several attempts began, which `trace` knows from the order of every row and the statement from first and last
    times; and whether two steps of one attempt are by one clock, where several components logged a step."""
    single, several, wrong = 0, 0, []
    seeds = examples(15, thorough=200)
    for seed in range(seeds):
        draw = random.Random(seed)
        settings, window = settings_of(draw), window_of(draw)
        rows = [
            row._replace(metadata=None)
            for row in rows_of(draw, 120, window)
            if "answer" not in (row.state or "") and "busy" not in (row.state or "")
        ]
        judged = classify(rows, settings, window)
        for name, told in traced(rows, settings, window):
            if name not in judged:
                continue
            if judged[name].retried or len(told.attempts) > 1:
                several += differs(judged[name], told)
                continue
            single += 1
            if differs(judged[name], told):
                wrong.append((judged[name].verdict, told.verdict.value))
    assert single > 20 * seeds
    assert set(wrong) <= {("no_fault_seen", "healthy")}, "never a fault that is not told, and never health"
    assert len(wrong) <= 1 + single / 200
    assert several <= single / 10


BUSY, MISSING = '{"sip_status_code": 486}', '{"error": "requested sip trunk does not exist"}'
PLACED = ((0, "edge", "agent_dispatched"), (1, "agent", "agent_connected"), (2, "edge", "sip_participant_created"))
TALKED = (*PLACED, (5, "edge", "sip_answered"), (6, "agent", "agent_audio"))


@pytest.mark.parametrize(
    ("rows", "verdict"),
    [
        ((*TALKED, (60, "edge", "call_ended")), "no_fault_seen"),
        ((*TALKED, (60, "agent", "call_ended")), "healthy"),
        ((*((at, "webhook", *what) for at, _, *what in TALKED), (60, "webhook", "call_ended")), "no_fault_seen"),
        ((*((at, "backend", *what) for at, _, *what in TALKED), (60, "backend", "call_ended")), "healthy"),
        ((*TALKED, (40, "agent", "agent_said"), (60, "edge", "call_ended")), "healthy"),
        ((*TALKED, (40, "agent", "crm_updated"), (60, "edge", "call_ended")), "healthy"),
        ((*TALKED, (40, "watchdog", "agent_kicked"), (60, "agent", "call_ended")), "no_fault_seen"),
        ((*TALKED, (40, "watchdog", "agent_kicked"), (45, "agent", "booked"), (60, "edge", "call_ended")), "healthy"),
        ((*TALKED[:4], (40, "agent", "user_speech"), (60, "edge", "call_ended")), "no_fault_seen"),
        ((*PLACED, (4, "edge", "sip_call_failed", BUSY), (60, "edge", "call_ended")), "broken"),
        ((*PLACED, (40, "edge", "no_answer"), (41, "edge", "call_ended")), "broken"),
        ((*PLACED, (4, "edge", "sip_call_failed", BUSY), (29, "agent", "call_ended")), "broken"),
        ((*PLACED, (4, "edge", "sip_call_failed", BUSY), (60, "agent", "call_ended")), "unknown"),
        ((*PLACED, (4, "edge", "sip_call_failed", MISSING), (60, "agent", "call_ended")), "broken"),
        ((*PLACED, (4, "edge", "sip_call_failed", BUSY), (20, "edge", "user_speech")), "unknown"),
        ((*PLACED, (4, "edge", "sip_call_failed", BUSY), (8, "edge", "user_speech")), "broken"),
        (
            (*PLACED, (20, *PLACED[2][1:]), (21, "edge", "sip_call_failed", BUSY), (30, "edge", "call_ended")),
            "unknown",
        ),
        (
            (
                *(*PLACED, (20, *PLACED[2][1:]), (4, "edge", "sip_call_failed", BUSY)),
                *((21, "edge", "sip_call_failed", BUSY), (70, "edge", "call_ended")),
            ),
            "broken",
        ),
    ],
)
def test_a_call_that_goes_on(rows: tuple[tuple[int, str, str, str] | tuple[int, str, str], ...], verdict: str) -> None:
    """With its agent, after a refusal, or with nobody of whom a row tells."""
    made = [Row("c", SINCE + at * 1_000_000, *what) for at, *what in rows]
    window = window_around(made, UNTIL)
    ((_, told),) = traced(made, Settings(), window)
    assert told.verdict.value == verdict
    assert classify(made, Settings(), window)["c"].verdict == verdict


def test_what_the_metadata_of_the_end_says_of_it_trace_alone_reads() -> None:
    """Of metadata the statement reads the SIP status, and LiveKit's words; so it says health where `trace` does not."""
    states = ("room_created", "agent_dispatched", "agent_connected", "sip_answered", "agent_audio", "call_ended")
    for metadata, verdict in ((None, "healthy"), ('{"status": "failed"}', "unknown")):
        rows = [
            Row("c", SINCE + place * 10_000_000, "edge", state, metadata if state == "call_ended" else None)
            for place, state in enumerate(states)
        ]
        window = window_around(rows, UNTIL)
        ((_, told),) = traced(rows, Settings(), window)
        assert told.verdict.value == verdict
        assert classify(rows, Settings(), window)["c"].verdict == "healthy"
