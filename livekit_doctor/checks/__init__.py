"""The checks, in the order in which they are printed. A new category is one file, and one line here."""

from livekit_doctor.checks import (
    agent_dispatch,
    call_logs,
    configuration,
    connection,
    room_presence,
    sip_dispatch_rules,
    sip_trunks,
    worker,
)
from livekit_doctor.checks.check import Check

CHECKS: tuple[Check, ...] = (
    *configuration.CHECKS,
    *connection.CHECKS,
    *worker.CHECKS,
    *sip_trunks.CHECKS,
    *sip_dispatch_rules.CHECKS,
    *agent_dispatch.CHECKS,
    *room_presence.CHECKS,
    *call_logs.CHECKS,
)
CATEGORIES: tuple[str, ...] = tuple(dict.fromkeys(check.category for check in CHECKS))
CHECK_IDS: tuple[str, ...] = tuple(check.id for check in CHECKS)
