"""--print-sql and --result: the statement to run elsewhere, and what it gave, read back."""

import csv
import io
import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livekit_doctor.errors import UserError
from livekit_doctor.flow import DEFAULT_STATES
from livekit_doctor.settings import Settings
from livekit_doctor.triage.dialects import DIALECTS
from livekit_doctor.triage.mapping import Mapping as StateMapping
from livekit_doctor.triage.mapping import Pair, mapping_of
from livekit_doctor.triage.plan import plan_of
from livekit_doctor.triage.result import Triage
from livekit_doctor.triage.run import Asked, counted, window_of
from livekit_doctor.triage.statement import Statement, pairs_query
from livekit_doctor.triage.summary import bucket_of
from livekit_doctor.triage.terms import Columns, names_of_groups


def sql_of(dialect_name: str, settings: Settings, asked: Asked, states: str | None, now: datetime) -> str:
    """The statements for this dialect, with what to do with them in comments."""
    dialect = DIALECTS[dialect_name]
    logs = settings.call_logs
    names = logs.columns
    columns = Columns((logs.schema, logs.table), names.call_id, names.at, names.state, names.source, names.metadata)
    window = window_of(asked, now)
    given = pairs_of(states) if states else [Pair(state, None) for state in (*DEFAULT_STATES, *settings.flow.states)]
    mapping: StateMapping = mapping_of(given, settings)
    run = "run by the tests" if dialect.verified else "not verified: no test has run it"
    lines = [
        f"-- livekit-doctor triage for {dialect.name} ({run}); times are UTC.",
        "-- 1. Which states and components there are. Save the result as CSV or JSON, and give it with --states FILE:",
        f"{pairs_query(columns, window, dialect, 2001)};",
        "",
        "-- 2. The classification. Save its result as CSV or JSON: livekit-doctor triage --result FILE reads it",
    ]
    if mapping.by_state:
        lines.append(
            "-- Made without --states: a call with any state but the usual ones is not judged by what is missing."
        )
    statement = Statement(columns=columns, window=window, mapping=mapping, plan=plan_of(settings), dialect=dialect)
    return "\n".join([*lines, f"{statement.groups()};", ""])


def result_of(name: str, settings: Settings, asked: Asked) -> Triage:
    """What was pasted back, as triage would have said it. Raises UserError."""
    rows = _rows(name, "--result")
    missing = [column for column in names_of_groups() if rows and column not in rows[0]]
    if not rows or missing:
        what = f"it has no column {missing[0]}" if missing else "it has no rows"
        raise UserError(
            "LKD001",
            f"--result {name}: this is not the result of the second statement: {what}",
            "livekit-doctor triage --print-sql DIALECT, and save the whole result with its column names",
        )
    try:
        buckets = [bucket_of(row) for row in rows]
    except (KeyError, TypeError, ValueError) as error:
        text = f"--result {name}: a value can't be read ({error})"
        raise UserError("LKD001", text, "save it again, with no thousands separators") from None
    # The result does not say its window: it is that of its calls.
    since = min((b.first_seen for b in buckets if b.win), default=buckets[0].first_seen)
    until = max(b.last_seen for b in buckets) + 1
    before = min(b.first_seen for b in buckets)
    return counted(buckets, settings, asked, (before, since, until), f"result {name}", datetime.now(UTC))


def pairs_of(name: str) -> list[Pair]:
    """The states and components of a saved result. Raises UserError."""
    rows = _rows(name, "--states")
    if not rows or "state" not in rows[0]:
        raise UserError("LKD001", f"--states {name}: it has no column state", "save the result of the first statement")
    return [Pair(str(row["state"] or ""), str(row.get("source") or ""), int(row.get("rows_of") or 0)) for row in rows]


def _rows(name: str, option: str) -> Sequence[Mapping[str, Any]]:
    try:
        text = Path(name).expanduser().read_text("utf-8-sig")
    except (OSError, UnicodeError) as error:
        raise UserError("LKD001", f"{option} {name} can't be read: {error}", "name a file of CSV or JSON") from None
    try:
        if text.lstrip().startswith("["):
            return [{key.lower(): value for key, value in row.items()} for row in json.loads(text)]
        if text.lstrip().startswith("{"):
            return [{k.lower(): v for k, v in json.loads(line).items()} for line in text.splitlines() if line.strip()]
    except (ValueError, AttributeError) as error:
        raise UserError("LKD001", f"{option} {name} is not JSON: {error}", "save the result as CSV or JSON") from None
    head = text.partition("\n")[0]
    delimiter = max(",;\t|", key=head.count)
    read = csv.DictReader(io.StringIO(text), delimiter=delimiter)
    return [{(key or "").strip().lower(): value for key, value in row.items()} for row in read]
