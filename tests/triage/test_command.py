"""`livekit-doctor triage`, as it is typed."""

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import duckdb
import psycopg
import pytest

from tests.cli.command_line import Ran, run
from tests.lab.servers import Database
from tests.triage import logs
from tests.triage.reference import Row

NOW = datetime.now(UTC)
END = int(NOW.timestamp()) * logs.SECOND - 3600 * logs.SECOND
BEGINNING = END - 47 * logs.HOUR
INCIDENT = logs.Incident(END - 14 * logs.HOUR)
"""So long before the end that calls enough were hit at whatever time of the day the test runs."""
CALLS = 800


@pytest.fixture(scope="module")
def rows() -> list[Row]:
    """Two days of calls; in the last of them something begins."""
    return list(logs.rows(7, CALLS, BEGINNING, END, INCIDENT))


@pytest.fixture(scope="module")
def some(rows: list[Row]) -> list[Row]:
    """Those of the last calls alone."""
    last = {row.call_id for row in rows[-1_500:]}
    return [row for row in rows if row.call_id in last]


@pytest.fixture(scope="module")
def many() -> list[Row]:
    """So many that what began stands out in each group."""
    return list(logs.rows(7, 10 * CALLS, BEGINNING, END, INCIDENT))


def moment(row: Row) -> datetime:
    return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=row.at)


def fill(database: Database, rows: list[Row]) -> dict[str, str]:
    with psycopg.connect(database.dsn, autocommit=True) as connection:
        columns = "call_id, created_at, source, state, metadata"
        with connection.cursor().copy(f"COPY call_state_logs ({columns}) FROM STDIN".encode()) as copy:
            for row in rows:
                copy.write_row((row.call_id, moment(row), row.source, row.state, row.metadata))
    return {"CALL_LOGS_DATABASE_URL": database.dsn}


def export(path: Path, rows: list[Row]) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("call_id", "created_at", "source", "state", "metadata"))
        writer.writerows((r.call_id, moment(r).isoformat(), r.source, r.state, r.metadata or "") for r in rows)
    return path


def triage(*arguments: str, cwd: Path, env: dict[str, str] | None = None) -> Ran:
    return run("triage", *arguments, cwd=cwd, env=env)


def document(ran: Ran) -> Any:
    assert ran.status in (0, 1, 3), ran.stderr
    return json.loads(ran.stdout)


def test_a_log_in_which_no_call_has_a_row_of_its_agent(some: list[Row], tmp_path: Path) -> None:
    for name, kept in (("all", some), ("placed", [row for row in some if row.source != "agent"])):
        ran = triage("--since", "24h", "--call-logs", str(export(tmp_path / f"{name}.csv", kept)), cwd=tmp_path)
        assert ("no call has a row of its agent's" in ran.stdout) == (name == "placed"), ran.stderr


def test_who_has_only_the_database_finds_the_incident_in_two_commands(
    many: list[Row], database: Database, tmp_path: Path
) -> None:
    env = fill(database, many)
    first = triage(cwd=tmp_path, env=env)
    assert first.status == 0, first.stderr
    (typed,) = (line.strip() for line in first.stdout.splitlines() if " --by " in line and "livekit-doctor" in line)
    assert {"caller_id", "region", "version"} <= set(typed.split())
    second = triage(*typed.split()[2:], "--show-numbers", "--format", "json", cwd=tmp_path, env=env)
    told = document(second)
    apart = [(by["key"], value) for by in told["by"] for value in by["values"] if value["stands_out"]]
    out = {(key, value["value"], value["group"]) for key, value in apart}
    assert ("region", INCIDENT.region, "LKD402") in out
    assert ("version", INCIDENT.version, "LKD402") in out
    assert ("caller_id", INCIDENT.caller_id, "sip-603") in out
    assert not [value for key, value, _ in out if key == "caller_id" and value != INCIDENT.caller_id]
    since = datetime.fromtimestamp(INCIDENT.at / logs.SECOND, UTC)
    groups = [group for group in told["groups"] if group["id"] in ("LKD402", "sip-603")]
    assert all(group["rose_at"] for group in groups), groups
    for one in (*groups, *(value for _, value in apart if value["rose_at"])):
        earliest, latest = (datetime.fromisoformat(one[name]) for name in ("rose_from", "rose_to"))
        assert earliest - timedelta(hours=1) <= since <= latest + timedelta(hours=1), one
        assert latest - earliest <= timedelta(hours=24), one  # of 48: at night an hour has few calls


def test_the_database_and_an_export_of_it_say_the_same(many: list[Row], database: Database, tmp_path: Path) -> None:
    env = fill(database, many)
    export(tmp_path / "calls.csv", many)
    # Of a file the newest row is now, so that calls of its last minutes may still be under way.
    typed = (*window(END - 24 * logs.HOUR, END - logs.HOUR), "--format", "json")
    from_database = document(triage(*typed, cwd=tmp_path, env=env))
    from_file = document(triage(*typed, "--call-logs", "calls.csv", cwd=tmp_path))
    assert from_database["calls"]["total"] > 1000
    for one, other in zip(from_database["groups"], from_file["groups"], strict=True):
        assert {k: v for k, v in one.items() if v != other[k]} == {}, other
    assert from_database["funnel"] == from_file["funnel"]


def window(since: int, until: int) -> tuple[str, ...]:
    """Typed, so that each run of a test has the same parts of a day."""
    first, end = (f"{datetime.fromtimestamp(at / logs.SECOND, UTC):%Y-%m-%dT%H:%M:%S}" for at in (since, until))
    return "--since", first, "--until", end


def test_any_form_of_an_export_says_the_same(some: list[Row], tmp_path: Path) -> None:
    plain = export(tmp_path / "plain.csv", some)
    expected = document(triage("--call-logs", "plain.csv", "-f", "json", cwd=tmp_path))
    options = {"parquet": "FORMAT parquet", "json": "FORMAT json, ARRAY true", "jsonl": "FORMAT json", "csv": "HEADER"}
    for form in ("calls.jsonl.gz", "calls.json", "calls.parquet", "calls.csv.gz"):
        written = options[form.split(".")[1]] + (", COMPRESSION gzip" if form.endswith(".gz") else "")
        read = f"read_csv('{plain}', all_varchar = true)"
        duckdb.execute(f"COPY (SELECT * FROM {read}) TO '{tmp_path / form}' ({written})")
        told = document(triage("--call-logs", form, "-f", "json", cwd=tmp_path))
        assert (told["groups"], told["calls"]) == (expected["groups"], expected["calls"]), form


def test_a_pattern_reads_all_files_that_it_names(some: list[Row], tmp_path: Path) -> None:
    export(tmp_path / "all.csv", some)
    for part in range(3):
        export(tmp_path / f"part-{part}.csv", some[part::3])
    whole = document(triage("--call-logs", "all.csv", "-f", "json", cwd=tmp_path))
    parts = document(triage("--call-logs", "part-*.csv", "-f", "json", cwd=tmp_path))
    assert whole["groups"] == parts["groups"]


def test_a_row_a_call(rows: list[Row], tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", rows)
    window = ("--call-logs", "calls.csv", "--since", "7d", "--no-before")
    told = document(triage(*window, "--per-call", "each.csv", "-f", "json", cwd=tmp_path))
    with (tmp_path / "each.csv").open() as file:
        each = list(csv.DictReader(file))
    assert len(each) == told["calls"]["total"] == CALLS
    for group in told["groups"]:
        said, status = (group["verdict"], group["code"] or ""), str(group["sip_status"] or "")
        own = [one for one in each if (one["verdict"], one["code"]) == said]
        # A phone may be refused beside an agent that did not come, which is what the call is told by.
        assert sum(bool(one["agent_step"]) or one["sip_status"] == status for one in own) == group["calls"], group["id"]
    again = triage(*window, "--per-call", "each.jsonl", cwd=tmp_path)
    assert again.status == 0
    assert len((tmp_path / "each.jsonl").read_text().splitlines()) == CALLS


def test_a_group_is_traced_with_the_same_verdict(some: list[Row], tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", some)
    ran = triage("--call-logs", "calls.csv", "--where", "job_assigned", "--detail", "5", "-f", "json", cwd=tmp_path)
    traced = document(ran)["traced"]
    assert [(one["verdict"], one["code"], one["step"]) for one in traced] == [("broken", "LKD402", "job_assigned")] * 5
    assert all("never logged" in one["because"][0] for one in traced)


def test_fail_over_decides_the_exit_status(some: list[Row], tmp_path: Path) -> None:
    """Too many, not too many, and so many of which nothing is known that it may be either."""
    export(tmp_path / "calls.csv", some)
    plain = document(triage("--call-logs", "calls.csv", "-f", "json", cwd=tmp_path))
    total, count = plain["calls"]["total"], {"broken": 0, "unknown": 0}
    for group in plain["groups"]:
        if group["verdict"] in count:
            count[group["verdict"]] += group["calls"]
    broken, unknown = count["broken"] / total, count["unknown"] / total
    limits = {broken / 2: (1, "failed"), broken + unknown / 2: (3, "undecided"), broken + 2 * unknown: (0, "passed")}
    for limit, expected in limits.items():
        ran = triage("--call-logs", "calls.csv", "--fail-over", f"{limit:.6f}", "-f", "json", cwd=tmp_path)
        assert (ran.status, document(ran)["criterion"]["status"]) == expected


def test_a_printed_statement_and_its_result_say_the_same(rows: list[Row], tmp_path: Path) -> None:
    """Run by hand in DuckDB, as somebody would in a console of their own."""
    export(tmp_path / "calls.csv", rows)
    (tmp_path / "checks.yaml").write_text("call_logs:\n  schema: main\n")
    database = duckdb.connect()
    database.execute(
        "SET TimeZone = 'UTC'; CREATE TABLE call_state_logs AS SELECT * REPLACE (CAST(created_at AS TIMESTAMPTZ)"
        f" AT TIME ZONE 'UTC' AS created_at) FROM read_csv('{tmp_path / 'calls.csv'}', all_varchar = true)"
    )
    typed = window(END - 24 * logs.HOUR, END)
    states, statement = _printed(triage("--print-sql", "duckdb", *typed, cwd=tmp_path))
    database.sql(states).write_csv(str(tmp_path / "states.csv"))
    _, statement = _printed(triage("--print-sql", "duckdb", "--states", "states.csv", *typed, cwd=tmp_path))
    database.sql(statement).write_csv(str(tmp_path / "result.csv"))
    read = document(triage("--result", "result.csv", "-f", "json", cwd=tmp_path))
    own = document(triage(*typed, "--call-logs", "calls.csv", "-f", "json", cwd=tmp_path))
    assert read["calls"]["total"] == own["calls"]["total"]
    assert _counts(read) == _counts(own)


def _printed(ran: Ran) -> tuple[str, str]:
    assert ran.status == 0, ran.stderr
    first, second = ran.stdout.strip().removesuffix(";").split(";\n")
    return first, second


def _counts(told: Any) -> dict[str, tuple[int, int]]:
    return {group["id"]: (group["calls"], group["before"]) for group in told["groups"]}


@pytest.mark.parametrize("dialect", ["postgres", "duckdb", "spark", "clickhouse", "bigquery", "snowflake", "trino"])
def test_each_dialect_says_whether_it_is_verified(dialect: str, tmp_path: Path) -> None:
    ran = triage("--print-sql", dialect, cwd=tmp_path)
    assert ran.status == 0
    assert ("not verified" in ran.stdout) == (dialect in ("bigquery", "snowflake", "trino"))
    assert not re.search(r"\bX_[A-Z]", ran.stdout)
    assert "col_" not in ran.stdout


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("--since", "soon"), 2, "neither a length of time nor a moment"),
        (("--call-logs", "calls.csv", "--since", "2026-11-28", "--until", "2026-11-27"), 2, "is not before --until"),
        (("--fail-over", "lots"), 2, "not a share"),
        (("--memory", "1 elephant"), 2, "not a size"),
        (("--per-call", "calls.xlsx"), 2, "its ending says no format"),
        (("--result", "nothing.csv"), 2, "can't be read"),
        (("--states", "nothing.csv"), 2, "says nothing without --print-sql"),
        (("--call-logs", "call.csv"), 2, 'did you mean "calls.csv"?'),
        (("--call-logs", "calls.csv", "--by", "planet"), 2, "no row has it"),
        (("--call-logs", "calls.csv", "--by", ""), 2, "a part of the name is empty"),
        (("--call-logs", "calls.csv", "--where", "LKD999"), 2, "no call of the window is in such a group"),
        (("--call-logs", "broken.csv"), 2, "broken.csv"),
        (("--call-logs", "other.csv"), 2, 'column "call_id" does not exist'),
        ((), 2, "no call logs are configured"),
    ],
)
def test_a_mistake_is_one_clear_line(arguments: tuple[str, ...], status: int, words: str, tmp_path: Path) -> None:
    at = int(NOW.timestamp()) * logs.SECOND
    export(tmp_path / "calls.csv", [Row("call-1", at, "edge", "call_requested"), Row("call-1", at, "edge", "boot")])
    (tmp_path / "broken.csv").write_text("call_id,created_at,source,state,metadata\ncall-1,yesterday,edge,boot,\n")
    (tmp_path / "other.csv").write_text("one,two\n1,2\n")
    ran = triage(*arguments, cwd=tmp_path)
    assert ran.status == status, ran.stdout
    assert words in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.stdout == ""


def test_a_broken_line_is_named_and_nothing_is_counted(rows: list[Row], tmp_path: Path) -> None:
    lines = export(tmp_path / "calls.csv", rows[:5_000]).read_text().splitlines()
    lines[4_000] = "call-x,2026-11-28T10:00:00Z,edge"
    (tmp_path / "calls.csv").write_text("\n".join(lines) + "\n")
    ran = triage("--call-logs", "calls.csv", cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert "calls.csv" in ran.stderr
    assert "calls.csv can't be read: line 4001 has 3 values" in ran.stderr


def test_a_window_without_calls_says_so(tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", [Row("call-1", END, "edge", "call_requested")])
    ran = triage("--call-logs", "calls.csv", "--since", "2020-01-01", "--until", "2020-01-02", cwd=tmp_path)
    assert ran.status == 3
    assert "no call began in this window" in ran.stdout


def test_numbers_are_masked_unless_asked_for(some: list[Row], tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", some)
    arguments = ("--call-logs", "calls.csv", "--by", "caller_id")
    assert INCIDENT.caller_id not in triage(*arguments, cwd=tmp_path).stdout
    assert INCIDENT.caller_id in triage(*arguments, "--show-numbers", cwd=tmp_path).stdout
