"""What must hold for any evidence."""

import random
import time
from datetime import UTC, datetime

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import (
    Coverage,
    Dispatch,
    Evidence,
    Job,
    LogTable,
    Participant,
    Problem,
    Read,
    Room,
    SipCallResult,
    SipDispatchRule,
    Track,
)
from livekit_doctor.flow import DEFAULT_STATES, FLOW, SPEC, Confidence, Status, Step, Verdict
from livekit_doctor.settings import Agent, Flow, Settings
from tests.diagnosis import factories as f
from tests.thorough import examples

# Any evidence

NAMES = st.sampled_from(["", f.AGENT, f.AGENT.lower(), "Other"])
ROOMS = st.sampled_from([f.ROOM, f.ROOM.upper(), "other", f"x-{f.CALL}"])
SIDS = st.sampled_from([f.SID, "RM_other", ""])
IDS = st.sampled_from(["AD_t8Xk2mQ9pLwz", "AD_other12345", "AJ_1abcdef", "PA_1abcdef", "PA_2abcdef", ""])
NEAR = st.floats(-30, 300, allow_nan=False).map(f.at)
FAR = st.datetimes(datetime(1, 1, 3), datetime(9999, 12, 28)).map(lambda when: when.replace(tzinfo=UTC))
TIMES = st.one_of(NEAR, NEAR, NEAR, FAR)
READS = st.builds(Read, source=st.just("livekit_api"), at=TIMES, clock_at=st.none() | TIMES)
STATUSES = st.sampled_from(["", "dialing", "ringing", "active", "automation", "hangup", "later-versions"])
TEXTS = st.sampled_from(
    ["", f.CALL, f'{{"call_id": "{f.CALL}", "agents": ["{f.AGENT}"]}}', "AD_other12345", "{", "[1]"]
)

TRACKS = st.builds(Track, sid=IDS, kind=st.sampled_from(["audio", "video"]), muted=st.booleans())
JOBS = st.builds(
    Job,
    id=IDS,
    status=st.sampled_from(["JS_PENDING", "JS_RUNNING", "JS_SUCCESS", "JS_FAILED", "9"]),
    started_at=st.none() | TIMES,
    ended_at=st.none() | TIMES,
    participant_identity=st.sampled_from(["", "agent-AJ_1", "bot"]),
    worker_id=IDS,
)
DISPATCHES = st.builds(
    Dispatch,
    id=IDS,
    agent_name=NAMES,
    room=ROOMS,
    created_at=st.none() | TIMES,
    metadata=TEXTS,
    jobs=st.lists(JOBS, max_size=2).map(tuple),
)
PARTICIPANTS = st.builds(
    Participant,
    sid=IDS,
    identity=st.sampled_from(["agent-AJ_1", "sip_1", "bot"]),
    kind=st.sampled_from(["AGENT", "SIP", "SIP", "STANDARD", "EGRESS", "11"]),
    state=st.sampled_from(["ACTIVE", "ACTIVE", "JOINED", "DISCONNECTED"]),
    joined_at=st.none() | TIMES,
    attributes=st.fixed_dictionaries(
        {}, optional={"sip.callStatus": STATUSES, "lk.agent_name": NAMES, "sip.ruleID": st.just("SDR_1")}
    ),
    tracks=st.lists(TRACKS, max_size=2).map(tuple),
)
LIVE_ROOMS = st.builds(
    Room, sid=SIDS, name=ROOMS, created_at=TIMES, metadata=TEXTS, departure_timeout=st.sampled_from([0, 20])
)
LOG_ROWS = st.builds(
    lambda read, call_id, at, source, state, room, metadata: replace(
        f.row(0, state, source, room=room, metadata=metadata, call_id=call_id), read=read, at=at
    ),
    READS,
    st.sampled_from([f.CALL, f.CALL, "another"]),
    TIMES,
    st.sampled_from(["edge", "agent", ""]),
    st.sampled_from([*DEFAULT_STATES, "odd", ""]),
    st.sampled_from(["", f.ROOM, "other"]),
    TEXTS,
)
OBSERVATIONS = st.one_of(
    st.builds(
        lambda read, names, rooms: replace(f.rooms(0, *rooms, names=names), read=read),
        READS,
        st.sampled_from([(), (f.ROOM,), ("other",)]),
        st.lists(LIVE_ROOMS, max_size=3),
    ),
    st.builds(
        lambda read, room, sid, found: replace(f.participants(0, *found, room=room, sid=sid), read=read),
        READS,
        ROOMS,
        SIDS,
        st.lists(PARTICIPANTS, max_size=4),
    ),
    st.builds(
        lambda read, room, sid, found: replace(f.dispatches(0, *found, room=room, sid=sid), read=read),
        READS,
        ROOMS,
        SIDS,
        st.lists(DISPATCHES, max_size=3),
    ),
    LOG_ROWS,
    LOG_ROWS,
    st.builds(
        lambda name, kind: f.endpoint(name, worker_type=kind), NAMES, st.sampled_from(["JT_ROOM", "JT_PUBLISHER"])
    ),
    st.builds(lambda after: f.canary(9, after), st.none() | st.just(0.2)),
    st.builds(lambda agents: f.rules(9, SipDispatchRule(id="SDR_1", agents=(agents,))), NAMES),
    st.builds(
        SipCallResult,
        read=READS,
        room=st.sampled_from(["", f.ROOM, "other"]),
        wait_until_answered=st.booleans(),
        ringing_timeout=st.none() | st.just(30.0),
        took=st.floats(0, 90),
        status=st.sampled_from([0, 200, 401, 403, 408, 412, 429, 503]),
        twirp_code=st.sampled_from(["", "canceled", "not_found", "unavailable"]),
        message=st.sampled_from(
            ["", "sip request timed out", "sip status: 486", "no such host", "no common encryption profiles"]
        ),
        sip_status_code=st.none() | st.integers(0, 999),
    ),
    st.builds(LogTable, read=READS, name=st.just("t"), indexed=st.none() | st.booleans()),
)
COVERAGE = st.builds(
    Coverage,
    source=st.sampled_from(["livekit_api", "sip_api", "call_logs", "worker_endpoint http://x", "canary"]),
    status=st.sampled_from(["read", "empty", "unread", "not_configured"]),
    problem=st.none() | st.builds(Problem, code=st.sampled_from(catalogue.codes()), message=st.just("why")),
)
EVIDENCE = st.builds(
    Evidence,
    now=TIMES,
    observations=st.lists(OBSERVATIONS, max_size=9).map(tuple),
    coverage=st.lists(COVERAGE, max_size=2).map(tuple),
)
SETTINGS = st.builds(
    Settings,
    agent=st.builds(Agent, name=st.none() | NAMES, job_type=st.sampled_from(["room", "publisher"])),
    flow=st.builds(Flow, placed_by=st.sampled_from(["edge_function", "agent"])),
)
SUBJECTS = st.builds(
    Subject,
    call_id=st.sampled_from([None, f.CALL, "another"]),
    room=st.sampled_from([None, f.ROOM, "other"]),
    livekit_id=st.none() | SIDS | IDS,
)
ANY = settings(max_examples=examples(60, thorough=250), deadline=None, suppress_health_check=[HealthCheck.too_slow])


@ANY
@given(evidence=EVIDENCE, setup=SETTINGS, subject=SUBJECTS)
def test_what_holds_for_any_evidence(evidence: Evidence, setup: Settings, subject: Subject) -> None:
    diagnosis = diagnose(evidence, setup, subject)
    assert [result.step for result in diagnosis.steps] == [spec.step for spec in FLOW]
    assert (diagnosis.verdict is Verdict.BROKEN) == bool(diagnosis.broken)
    broken_steps = {result.step for result in diagnosis.steps if result.status is Status.BROKEN}
    assert broken_steps == {item.step for item in diagnosis.broken}
    assert len({item.leg for item in diagnosis.broken}) == len(diagnosis.broken)
    for item in diagnosis.broken:
        assert item.code in catalogue.codes()
        assert SPEC[item.step].leg is item.leg
        assert item.because
        assert item.code not in item.candidates
        assert len(set(item.candidates)) == len(item.candidates)
        assert set(item.candidates) <= set(catalogue.codes())
        assert not (item.confidence is Confidence.PROVEN and item.candidates)
        assert item.confidence is not Confidence.PROVEN or not catalogue.get(item.code).broad
        assert item.code not in {out.code for out in diagnosis.ruled_out}
        assert not {out.code for out in diagnosis.ruled_out} & set(item.candidates)
    if diagnosis.verdict is Verdict.HEALTHY:
        assert {result.step: result.status for result in diagnosis.steps}[Step.AGENT_CONNECTED] is Status.OK
        assert not any(result.status is Status.PENDING for result in diagnosis.steps)
    for result in diagnosis.steps:
        assert result.leg is SPEC[result.step].leg
        assert result.evidence or result.status is not Status.OK or result.step is Step.CALL_ENDED
    assert [entry.at for entry in diagnosis.timeline] == sorted(entry.at for entry in diagnosis.timeline)
    assert {warning.code for warning in diagnosis.warnings} <= set(catalogue.codes())
    assert [attempt.number for attempt in diagnosis.attempts] == list(range(1, len(diagnosis.attempts) + 1))
    assert diagnosis.attempts[-1].verdict is diagnosis.verdict


@ANY
@given(evidence=EVIDENCE, setup=SETTINGS, subject=SUBJECTS, pick=st.randoms(use_true_random=False))
def test_readings_may_come_in_any_order_and_twice(
    evidence: Evidence, setup: Settings, subject: Subject, pick: random.Random
) -> None:
    """Where no two readings have the same time, so that there is a last one."""
    apart = tuple(
        item if isinstance(item, LogTable) else replace(item, read=replace(item.read, at=f.at(number * 0.37)))
        for number, item in enumerate(evidence.observations)
    )
    before = diagnose(replace(evidence, observations=apart), setup, subject)
    shuffled = [*apart, *apart[:3]]
    pick.shuffle(shuffled)
    after = diagnose(replace(evidence, observations=tuple(shuffled)), setup, subject)
    assert after.verdict is before.verdict
    assert f.found(after) == f.found(before)


@ANY
@given(evidence=EVIDENCE, setup=SETTINGS, subject=SUBJECTS, entry=COVERAGE)
def test_a_source_that_could_not_be_read_breaks_nothing(
    evidence: Evidence, setup: Settings, subject: Subject, entry: Coverage
) -> None:
    """What was refused is a warning; only that the server has no SIP (LKD203) is a fact about the call."""
    failed = replace(entry, status="unread", problem=Problem(code="LKD003", message="timeout"))
    bare = diagnose(replace(evidence, coverage=()), setup, subject)
    after = diagnose(replace(evidence, coverage=(failed,)), setup, subject)
    assert (after.verdict, f.found(after)) == (bare.verdict, f.found(bare))
    assert {w.code for w in after.warnings} - {w.code for w in bare.warnings} <= {"LKD003"}


# Speed


def test_a_thousand_observations_take_milliseconds() -> None:
    """5 ms on an idle machine; what is asserted is that it is not quadratic."""
    served = (f.dispatch(0, f.job()), f.agent(1, f.audio()), f.phone())

    def taken(count: int) -> float:
        looks = [item for t in range(count // 6) for item in f.look(t, *served)]
        rows = [f.row(t, ("odd", "agent_connected", "call_ended")[t % 3], f"s{t % 7}") for t in range(count // 2)]
        known = f.evidence(count, looks, rows)
        times = []
        for _ in range(5):
            begun = time.process_time()
            diagnose(known, f.SETTINGS, Subject(call_id=f.CALL, room=f.ROOM))
            times.append(time.process_time() - begun)
        return min(times)

    assert taken(1000) < 0.05
    assert taken(4000) < 12 * max(taken(1000), 0.001)
