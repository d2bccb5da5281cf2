"""The log table: LKD602, LKD603 and LKD605."""

from collections.abc import Iterator

from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.names import few
from livekit_doctor.diagnosis.rules.connection import unreadable
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.states import is_understood, step_of_state
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import LogStates, LogTable
from livekit_doctor.flow import Confidence


def call_logs_unreadable(setup: Setup) -> Iterator[Finding]:
    """LKD602: configured, and not read."""
    for entry in setup.coverage(sources.CALL_LOGS):
        yield from unreadable(entry)


def call_logs_unindexed(setup: Setup) -> Iterator[Finding]:
    """LKD605: no index begins with the call id, so that each trace reads the whole table."""
    table = setup.latest(LogTable)
    if table is not None and table.indexed is False:
        text = f"{table.name} has no index that begins with {setup.settings.call_logs.columns.call_id}"
        yield _finding(setup, "LKD605", table, text, Confidence.PROVEN)


def call_logs_unmapped_states(setup: Setup) -> Iterator[Finding]:
    """LKD603: states in use that no step stands for. They are shown in a trace, and prove nothing: not
    LiveKit's own webhooks, which are read as such."""
    states = setup.latest(LogStates)
    if states is None:
        return
    flow = setup.settings.flow
    asked = (name for name in states.states if not is_understood(name))
    unmapped = [name for name in asked if step_of_state(name, flow) is None]
    if unmapped:
        what = "a state is" if len(unmapped) == 1 else f"{len(unmapped)} states are"
        text = f"{what} in use that no step is mapped to: {few(unmapped)}"
        yield Finding(
            code="LKD603",
            confidence=Confidence.PROVEN,
            because=(Because(source=states.read.source, at=states.read.now, text=text),),
            values={"detail": unmapped[0]},
        )


def _finding(setup: Setup, code: str, table: LogTable, text: str, confidence: Confidence) -> Finding:
    logs = setup.settings.call_logs
    return Finding(
        code=code,
        confidence=confidence,
        because=(Because(source=table.name, at=table.read.now, text=text),),
        values={"schema": logs.schema, "table": logs.table, "column": logs.columns.call_id},
    )
