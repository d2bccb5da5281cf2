"""--per-call: a row a call, as CSV or JSONL."""

import csv
import io
import json
from collections.abc import Mapping
from datetime import datetime
from pathlib import PurePath
from typing import Any

from livekit_doctor.errors import UserError
from livekit_doctor.flow import Verdict
from livekit_doctor.settings import Settings
from livekit_doctor.triage.engine import Engine
from livekit_doctor.triage.mapping import step_of
from livekit_doctor.triage.statement import Statement
from livekit_doctor.triage.summary import Outcomes, moment
from livekit_doctor.triage.terms import REASONS
from livekit_doctor.whole_file import WholeFile

NAMES = (
    *("call_id", "first_at", "last_at", "rows", "verdict", "step", "code", "sip_status"),
    *("agent_step", "phone_step", "reason", "retried", "clocks_differ"),
)


def require_known(name: str) -> None:
    """Raises UserError where the name does not say its format."""
    if PurePath(name).suffix.lower() not in (".csv", ".jsonl"):
        raise UserError(
            "LKD001", f"--per-call {name}: its ending says no format", "--per-call calls.csv, or calls.jsonl"
        )


async def write(engine: Engine, statement: Statement, settings: Settings, name: str, file: WholeFile) -> int:
    """Writes all calls of the window; how many there are. The file is whole, or as it was."""
    outcomes, written = Outcomes(settings), 0
    is_csv = PurePath(name).suffix.lower() == ".csv"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    if is_csv:
        writer.writerow(NAMES)
    async for batch in engine.batches(statement.per_call()):
        for row in batch:
            told = _row(row, outcomes)
            if is_csv:
                writer.writerow(["" if value is None else value for value in told.values()])
            else:
                text.write(json.dumps(told, ensure_ascii=False) + "\n")
            written += 1
    file.write(text.getvalue().encode(errors="backslashreplace"))
    return written


class _Numbers:
    """A row as `Outcomes` reads it."""

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.verdict = Verdict(row["verdict"])
        self.agent_step, self.phone_step = int(row["agent_step"]), int(row["phone_step"])
        self.status, self.way = int(row["status"]), int(row["way"])


def _row(row: Mapping[str, Any], outcomes: Outcomes) -> dict[str, Any]:
    numbers = _Numbers(row)
    found = outcomes.break_of(numbers) if numbers.verdict is Verdict.BROKEN else None
    values = (
        *(row["call_id"], _time(moment(int(row["first_at"]))), _time(moment(int(row["last_at"]))), int(row["n"])),
        *(numbers.verdict.value, found.step.value if found else None, found.code if found else None),
        numbers.status if numbers.status >= 300 else None,
        *(step_of(number).value if number else None for number in (numbers.agent_step, numbers.phone_step)),
        *(REASONS[int(row["why"])] or None, bool(row["retried"]), bool(row["skewed"])),
    )
    return dict(zip(NAMES, values, strict=True))


def _time(at: datetime) -> str:
    return at.isoformat().replace("+00:00", "Z")
