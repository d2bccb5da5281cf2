"""What must hold for any evidence, and at every second of any call."""

import random
from collections.abc import Iterable

import pytest

from livekit_doctor.flow import Verdict
from tests.diagnosis import factories as f
from tests.diagnosis.lives import HEALTHY, Life

SEEDS = range(25)
SOURCES = {"api": (True, False), "rows": (False, True), "both": (True, True)}


def told(life: Life, looks: Iterable[float], diagnosis: f.Diagnosis) -> str:
    """What to look at when it went wrong."""
    lines = [f"{life.variant} looked at {[round(t, 2) for t in looks][-8:]}: {f.found(diagnosis)}"]
    lines += [item.text for broken in diagnosis.broken for item in broken.because]
    lines += [
        f"  {sent.created:.2f}-{sent.deleted:.2f} {sent.dispatch.agent_name!r} jobs {[round(w.listed, 2) for w in sent.jobs]}"
        for sent in life.dispatched
    ]
    lines += [
        f"  {s.joined:.2f}-{s.left:.2f} {s.participant.kind} active {s.active} audio {s.audio} {s.states}"
        for s in life.stays
    ]
    lines += [f"  {t:.2f} {source} {state}" for t, source, state in sorted(life.logged)] + [
        f"  closes {life.closes:.2f} {life.ahead}"
    ]
    return "\n".join(lines)


@pytest.mark.parametrize("sources", SOURCES)
@pytest.mark.parametrize("variant", HEALTHY)
def test_a_healthy_call_is_never_broken_at_a_glance(variant: str, sources: str) -> None:
    api, rows = SOURCES[sources]
    for seed in SEEDS:
        life = HEALTHY[variant](random.Random(f"{variant} {seed}"))
        for t in life.moments():
            diagnosis = life.judged([t], api=api, rows=rows)
            assert diagnosis.verdict is not Verdict.BROKEN, told(life, [t], diagnosis)


@pytest.mark.parametrize("sources", SOURCES)
@pytest.mark.parametrize("variant", HEALTHY)
def test_a_healthy_call_is_never_broken_while_it_is_watched(variant: str, sources: str) -> None:
    """Each second, as --wait looks."""
    api, rows = SOURCES[sources]
    for seed in range(6):
        pick = random.Random(f"watched {variant} {seed}")
        life = HEALTHY[variant](pick)
        end = max(t for t in life.moments() if t < 1e5) + 3
        looks: list[float] = []
        t = pick.choice([0.0, pick.uniform(0, end)])
        while t < end:
            looks.append(t)
            diagnosis = life.judged(looks, api=api, rows=rows)
            assert diagnosis.verdict is not Verdict.BROKEN, told(life, looks, diagnosis)
            t += pick.uniform(1, 1.5)


@pytest.mark.parametrize("sources", SOURCES)
@pytest.mark.parametrize("variant", HEALTHY)
def test_a_healthy_call_is_never_broken_in_scattered_looks(variant: str, sources: str) -> None:
    """As when somebody traces now and then, into one bundle."""
    api, rows = SOURCES[sources]
    for seed in SEEDS:
        pick = random.Random(f"scattered {variant} {seed}")
        life = HEALTHY[variant](pick)
        moments = life.moments()
        for _ in range(15):
            looks = sorted(pick.sample(moments, pick.randint(2, 5)))
            diagnosis = life.judged(looks, api=api, rows=rows)
            assert diagnosis.verdict is not Verdict.BROKEN, told(life, looks, diagnosis)
