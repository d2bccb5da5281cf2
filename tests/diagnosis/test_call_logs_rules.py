"""The log table: unreadable, no index, states without a step."""

import pytest

from livekit_doctor.diagnosis.rules import call_logs
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import Coverage, Evidence, LogStates, Observation
from livekit_doctor.flow import Step
from livekit_doctor.settings import CallLogs, Columns, Flow, Settings
from tests.diagnosis.factories import READ, at, read, table, unread


def setup(*items: Observation, coverage: tuple[Coverage, ...] = READ, settings: Settings | None = None) -> Setup:
    return Setup(Evidence(now=at(9), observations=items, coverage=coverage), settings or Settings())


def states(*names: str) -> LogStates:
    return LogStates(read=read(9, "call_logs"), states=names)


def test_logs_that_could_not_be_read() -> None:
    (finding,) = call_logs.call_logs_unreadable(setup(coverage=(unread("call_logs", "LKD602", "no such table"),)))
    assert (finding.code, finding.because[0].text) == ("LKD602", "no such table")
    assert not list(call_logs.call_logs_unreadable(setup()))
    not_asked = Coverage(source="call_logs", status="not_configured")
    assert not list(call_logs.call_logs_unreadable(setup(coverage=(not_asked,))))


@pytest.mark.parametrize(("indexed", "fires"), [(False, True), (True, False), (None, False)])
def test_an_index_that_is_known_to_be_missing(indexed: bool | None, fires: bool) -> None:
    named = Settings(call_logs=CallLogs(table="log", columns=Columns(call_id="cid")))
    findings = list(call_logs.call_logs_unindexed(setup(table(9, indexed=indexed), settings=named)))
    assert [(f.code, f.values["table"], f.values["column"]) for f in findings] == (
        [("LKD605", "log", "cid")] if fires else []
    )


def test_states_without_a_step() -> None:
    (finding,) = call_logs.call_logs_unmapped_states(setup(states("agent_connected", "odd", "SIP-RINGING", "also odd")))
    assert finding.values["detail"] == "odd"
    assert "also odd" in finding.because[0].text
    assert not list(call_logs.call_logs_unmapped_states(setup(states("agent_connected", "SIP-RINGING"))))
    mapped = Settings(flow=Flow(states={"odd": Step.AGENT_AUDIO}))
    assert not list(call_logs.call_logs_unmapped_states(setup(states("odd"), settings=mapped)))
    assert not list(call_logs.call_logs_unmapped_states(setup()))
