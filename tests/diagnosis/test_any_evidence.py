"""Whatever was observed, in whatever order and however often: the core answers, and does not contradict itself."""

from datetime import UTC, datetime
from unittest.mock import patch

from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.said import MEANINGS
from livekit_doctor.evidence.observations import Coverage, Evidence, Observation
from livekit_doctor.flow import DEFAULT_STATES, Status, Verdict, order
from tests.bundle import strategies
from tests.diagnosis.factories import AGENT, CALL, CREATED, ROOM, SETTINGS, SID
from tests.thorough import examples

WORDS = st.sampled_from(
    [
        *(ROOM, SID, CALL, AGENT, AGENT.upper(), "", "livekit_api", "call_logs", "sip_api", "AJ_uN4vB8sK1rTy"),
        *("agent-AJ_uN4vB8sK1rTy", "sip_1", "AGENT", "SIP", "STANDARD", "ACTIVE", "JOINED", "JT_ROOM", "200"),
        *("JS_RUNNING", "JS_SUCCESS", "JS_FAILED", "sip.callStatus", "active", "ringing", "room", "job_id", "error"),
        *(entry.text for entry in MEANINGS),
        *DEFAULT_STATES,
    ]
)
TIMES = st.one_of(
    st.floats(-600, 600).map(lambda seconds: CREATED.fromtimestamp(CREATED.timestamp() + seconds, UTC)),
    st.datetimes(datetime(1970, 1, 2), datetime(2199, 12, 31), timezones=st.just(UTC)),
)
"""Around a call, and as far from it as a source may say (what is further is no time to any of them)."""

with patch.dict(strategies.PLAIN, {str: WORDS, datetime: TIMES}):
    OBSERVATIONS = st.lists(strategies.any_of(Observation), max_size=14).map(tuple)
    COVERAGE = st.lists(strategies.any_of(Coverage), max_size=3).map(tuple)

SUBJECTS = st.sampled_from([Subject(room=ROOM), Subject(call_id=CALL), Subject(call_id=CALL, room=ROOM)])


def contradictions(diagnosis: Diagnosis) -> list[str]:
    found = []
    if (diagnosis.verdict is Verdict.BROKEN) != bool(diagnosis.broken):
        found.append("broken without a break, or a break in a call that is not")
    if [order(result.step) for result in diagnosis.steps] != sorted(order(r.step) for r in diagnosis.steps):
        found.append("steps out of order")
    if {item.step for item in diagnosis.broken} != {r.step for r in diagnosis.steps if r.status is Status.BROKEN}:
        found.append("a break that its step does not show")
    return found


@settings(max_examples=examples(60, thorough=150), deadline=None)
@given(OBSERVATIONS, COVERAGE, TIMES, SUBJECTS, st.randoms(use_true_random=False))
def test_never_raises_and_never_contradicts_itself(
    observations: tuple[Observation, ...], coverage: tuple[Coverage, ...], now: datetime, subject: Subject, pick: object
) -> None:
    evidence = Evidence(now=now, observations=observations, coverage=coverage)
    assert not contradictions(diagnose(evidence, SETTINGS, subject))
    twice = [*observations, *observations]
    pick.shuffle(twice)  # type: ignore[attr-defined]
    assert not contradictions(
        diagnose(Evidence(now=now, observations=tuple(twice), coverage=coverage), SETTINGS, subject)
    )
