"""What the simulator finds: nothing that is wrong, and what was said before; and that it is honest itself."""

from collections import defaultdict
from collections.abc import Iterator
from functools import cache

import pytest

from livekit_doctor.flow import Confidence, Verdict
from tests.diagnosis.world import fixed_run, honesty, truth
from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.cases import Case, case_of
from tests.diagnosis.world.judge import Property, Wrong, judged, wrongs
from tests.diagnosis.world.life import NEVER
from tests.diagnosis.world.lines import Line
from tests.diagnosis.world.neighbours import neighbours
from tests.diagnosis.world.phone_outcomes import PHONE
from tests.diagnosis.world.run import case_by_id, life_of
from tests.diagnosis.world.scenario import Scenario
from tests.diagnosis.world.scenarios import SCENARIOS
from tests.diagnosis.world.traces_server_log import server_lines, server_noise
from tests.diagnosis.world.traces_sip_log import sip_lines
from tests.diagnosis.world.traces_worker_log import worker_lines, worker_noise

pytestmark = pytest.mark.xdist_group("world")  # what is simulated is simulated once


@pytest.mark.parametrize("number", range(fixed_run.PARTS))
def test_a_fixed_run(number: int) -> None:
    """Nothing is wrong (told in full by `python -m tests.diagnosis.world --case ID`), and nothing is said otherwise
    than before: python -m tests.diagnosis.world --write"""
    told = fixed_run.part(number)
    assert dict(told.kinds) == {}
    assert [(said, kept) for said, kept in zip(told.said, fixed_run.kept()[number], strict=True) if said != kept] == []


@pytest.mark.parametrize("scenario", SCENARIOS, ids=lambda scenario: scenario.letter)
def test_scenarios_are_right(scenario: Scenario) -> None:
    assert not scenario.wrong()


# The simulator itself


def test_a_run_can_be_repeated() -> None:
    assert case_by_id("7.3/2").evidence == case_by_id("7.3/2").evidence
    assert case_by_id("7.3/2").evidence != case_by_id("7.4/2").evidence


@cache
def lives() -> tuple[str, ...]:
    return tuple(f"honest.{number}" for number in range(500))


def test_every_outcome_occurs() -> None:
    agents, phones = set[str](), set[str]()
    for seed in lives():
        life = life_of(seed)
        agents.update(turn.outcome for turn in life.turns)
        phones.update(dial.outcome for dial in life.dials)
    assert agents == set(AGENT) - {"none"}
    assert phones == set(PHONE) - {"never"}


def test_lives_are_consistent() -> None:
    for seed in lives():
        life = life_of(seed)
        assert [turn.at for turn in life.turns] == sorted(turn.at for turn in life.turns), seed
        for turn in life.turns:
            steps = [turn.at, turn.asked, turn.assigned, turn.ran, turn.joined, turn.active]
            times = [t for t in steps if t < NEVER]
            assert times == sorted(times), seed
            assert max(times) <= life.closes, seed
            assert turn.active == NEVER or turn.active <= turn.left, seed
        for dial in life.dials:
            times = [t for t in (dial.at, dial.joined, dial.ringing, dial.answered, dial.left) if t < NEVER]
            assert times == sorted(times), seed
        assert not (truth.of(life, life.closes + 1).sound and not truth.of(life, life.closes + 1).well), seed


def test_a_call_that_is_seen_by_all_sources_is_mostly_understood() -> None:
    """A simulator whose traces the tool does not read would find nothing but its own faults."""
    told = [line.split()[1] for part in fixed_run.kept() for line in part]
    assert told.count(Verdict.UNKNOWN.value) < 0.4 * len(told)


def all_lines(seed: str) -> list[Line]:
    life = life_of(seed)
    lines = [*server_lines(life), *worker_lines(life), *sip_lines(life), *server_noise(life), *worker_noise(life, 1)]
    return [*lines, *neighbours(life, "server"), *neighbours(life, "worker")]


@cache
def written() -> dict[str, frozenset[str]]:
    shapes: dict[str, set[str]] = defaultdict(set)
    for seed in lives():
        for line in all_lines(seed):
            shapes[line.log].add(honesty.shape(line.message))
    return {log: frozenset(each) for log, each in shapes.items()}


@pytest.mark.parametrize("log", ["server", "worker", "sip"])
def test_no_life_writes_what_no_component_does(log: str) -> None:
    assert honesty.unknown(log, written()[log]) == []


@pytest.mark.parametrize("log", ["server", "worker"])
def test_what_real_components_wrote_is_simulated(log: str) -> None:
    """But for the gaps that honesty.py names, of which none is closed."""
    assert honesty.missing(log, written()[log]) == []
    gaps = [gap for gap in honesty.GAPS[log] if any(honesty.same(honesty.shape(gap), each) for each in written()[log])]
    assert gaps == []


def test_lines_have_the_levels_of_real_ones() -> None:
    for seed in lives()[:100]:
        for line in all_lines(seed):
            real = honesty.levels().get((line.log, honesty.shape(line.message)))
            assert real is None or line.level in real, line


def test_states_are_those_that_real_components_have() -> None:
    """But for those that honesty.py names."""
    simulated: dict[str, set[str]] = defaultdict(set)
    for seed in lives():
        for number in range(4):
            for kind, found in honesty.states(case_of(life_of(seed), number).evidence.observations).items():
                simulated[kind] |= found
    for kind, real in honesty.states_in_bundles().items():
        assert simulated[kind] - real == honesty.STATES[kind], kind
        assert real - simulated[kind] == honesty.STATE_GAPS[kind], kind


def test_judging_is_not_blind() -> None:
    """What is said of a call that went well is wrong of one that broke, and the other way round."""
    healthy = next(case for case in some_cases() if judged(case).verdict is Verdict.HEALTHY and not found_wrong(case))
    of_agent = (case for case in some_cases() if [b.code for b in judged(case).broken] == ["LKD405"])
    raised = next(case for case in of_agent if judged(case).broken[0].confidence is Confidence.PROVEN)
    assert not found_wrong(raised)
    assert [item.kind.property for item in wrongs(healthy, judged(raised))] == [Property.HEALTHY_CALLED_BROKEN]
    assert [item.kind.property for item in wrongs(raised, judged(healthy))] == [Property.BROKEN_CALLED_HEALTHY]


def some_cases() -> Iterator[Case]:
    for seed in lives():
        yield case_of(life_of(seed), 0)


def found_wrong(case: Case) -> list[Wrong]:
    return list(wrongs(case, judged(case)))
