"""call_logs: can the log table be read, and are its states understood?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.call_logs import (
    call_logs_unindexed,
    call_logs_unmapped_states,
    call_logs_unreadable,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import LogStates, LogTable
from livekit_doctor.words import counted


def _not_configured(setup: Setup) -> str | None:
    logs = setup.settings.call_logs
    if logs.dsn or logs.file:
        return None
    return "no call logs are configured: set CALL_LOGS_DATABASE_URL, or give --call-logs FILE"


def _read(setup: Setup) -> str:
    table = setup.latest(LogTable)
    if table is None:
        return "read"
    text = f"{table.name} can be read" + ("" if table.has_rows else ", and is empty")
    return text + (f", but not {'; '.join(table.skipped_lines[:3])}" if table.skipped_lines else "")


def _states(setup: Setup) -> str:
    states = setup.latest(LogStates)
    if states is None or not states.states:
        return "no states in use yet"
    return f"{counted(len(states.states), 'state')} in use, each mapped to a step"


CHECKS = (
    Check(
        id="call_logs.readable",
        title="call state logs",
        needs=(Need.CALL_LOGS,),
        inapplicable=_not_configured,
        rules=(call_logs_unreadable, call_logs_unindexed),
        passed=_read,
    ),
    Check(
        id="call_logs.states",
        title="states of the call state logs",
        needs=(Need.CALL_LOGS,),
        after=("call_logs.readable",),
        inapplicable=_not_configured,
        rules=(call_logs_unmapped_states,),
        passed=_states,
    ),
)
