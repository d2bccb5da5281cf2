"""The incidents that the project was started for, from their rows alone.

Names, ids, times, spellings and orders are drawn from a seed, so that no rule can be keyed to a string.
"""

import json
import random
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence, LogRow, Read
from livekit_doctor.flow import DEFAULT_STATES, LEGS, Leg, Status, Step, Verdict
from livekit_doctor.settings import Agent, Settings
from tests.diagnosis.factories import READ

FOLDER = Path(__file__).parent.parent / "incidents"
INCIDENTS = {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}
SEEDS = range(12)


def spelled(state: str, pick: random.Random) -> str:
    """The state as another team writes it."""
    step = DEFAULT_STATES.get(state)
    same = [name for name, other in DEFAULT_STATES.items() if other is step] if step else [state]
    name = pick.choice(same)
    return pick.choice([name, name.upper(), name.replace("_", "-"), name.title(), f" {name} "])


def told_again(incident: dict[str, Any], seed: int, *, respell: bool) -> Diagnosis:
    """The incident with other names and ids, at another time, its rows read twice and shuffled."""
    pick = random.Random(seed)
    word = lambda: "".join(pick.choices("abcdefghjkmnpqrstuvwxyz23456789", k=9))  # noqa: E731
    call_id, agent = word(), word()
    sources = {row["source"]: word() for row in incident["rows"]}
    shift = timedelta(days=pick.uniform(-2000, 2000))
    age = timedelta(days=pick.uniform(0.1, 400))
    last = max(datetime.fromisoformat(row["created_at"]) for row in incident["rows"]) + shift
    rows = [
        LogRow(
            read=Read(source="call_logs", at=last + age + timedelta(hours=pick.uniform(-9, 9)), clock_at=last + age),
            call_id=call_id,
            at=datetime.fromisoformat(row["created_at"]) + shift,
            source=sources[row["source"]],
            state=spelled(row["state"], pick) if respell else row["state"],
            order=order,
        )
        for order, row in enumerate(incident["rows"])
    ]
    rows += [replace(row, read=replace(row.read, at=row.read.at + timedelta(seconds=1))) for row in rows]
    pick.shuffle(rows)
    evidence = Evidence(now=last + age, observations=tuple(rows), coverage=READ[1:])
    return diagnose(evidence, Settings(agent=Agent(name=pick.choice([agent, None]))), Subject(call_id=call_id))


@pytest.mark.parametrize("respell", [False, True])
@pytest.mark.parametrize("name", INCIDENTS)
def test_from_the_rows_alone(name: str, respell: bool) -> None:
    expected = INCIDENTS[name]["expected"]["logs-only"]
    for seed in SEEDS:
        diagnosis = told_again(INCIDENTS[name], seed, respell=respell)
        assert diagnosis.verdict.value == expected["verdict"]
        assert len(diagnosis.attempts) == 1
        if expected["verdict"] == "broken":
            (item,) = diagnosis.broken
            assert (item.step.value, item.code, item.confidence.value) == (
                expected["step"],
                expected["code"],
                expected["confidence"],
            )
            assert "LKD405" in item.candidates
            assert diagnosis.would_settle


def test_there_are_four() -> None:
    assert [name[0] for name in INCIDENTS] == ["1", "2", "3", "4"]


def test_an_inbound_call_lists_what_the_rows_do_not_cover() -> None:
    diagnosis = told_again(INCIDENTS["4-inbound-works"], 0, respell=False)
    assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
    assert {Step.AGENT_AUDIO, Step.SIP_ANSWERED} <= set(diagnosis.not_covered)
    agent_leg = {result.status for result in diagnosis.steps if result.step in LEGS[Leg.AGENT]}
    assert agent_leg == {Status.OK, Status.UNKNOWN}


def test_what_the_phone_did_is_unknown_from_the_rows() -> None:
    diagnosis = told_again(INCIDENTS["1-explicit-dispatch"], 0, respell=False)
    phone = {result.step: result.status for result in diagnosis.steps if result.leg is Leg.PHONE}
    assert phone[Step.SIP_PARTICIPANT_CREATED] is Status.OK
    assert {phone[step] for step in LEGS[Leg.PHONE][1:]} == {Status.UNKNOWN}


def test_a_state_without_a_step_is_shown_and_said() -> None:
    diagnosis = told_again(INCIDENTS["2-request-fnc"], 0, respell=False)
    assert "waiting_for_agent" in [entry.event for entry in diagnosis.timeline]
    assert [warning.code for warning in diagnosis.warnings] == ["LKD603"]
