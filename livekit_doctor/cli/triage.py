"""livekit-doctor triage."""

from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from datetime import UTC, datetime
from enum import StrEnum
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from livekit_doctor.cli import options, outputs
from livekit_doctor.cli.exits import WRONG_NAMES, Exit
from livekit_doctor.cli.screen import QuietOption, Screen, VerboseOption
from livekit_doctor.errors import UserError

if TYPE_CHECKING:
    from livekit_doctor.config import Loaded
    from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
    from livekit_doctor.render.report import TriageReport
    from livekit_doctor.triage.result import Triage
    from livekit_doctor.triage.run import Asked


class SqlDialect(StrEnum):
    POSTGRES = "postgres"
    DUCKDB = "duckdb"
    SPARK = "spark"
    CLICKHOUSE = "clickhouse"
    BIGQUERY = "bigquery"
    SNOWFLAKE = "snowflake"
    TRINO = "trino"


def triage(
    since: Annotated[
        str,
        typer.Option("--since", help="From when on: 24h, 7d, 90m before the end, or a moment (UTC).", metavar="WHEN"),
    ] = "24h",
    until: Annotated[
        str | None, typer.Option("--until", help="The end of the window; default: now.", metavar="WHEN")
    ] = None,
    before: Annotated[
        bool, typer.Option("--before/--no-before", help="Compare with the window before it, of the same length.")
    ] = True,
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where",
            help="Only calls that ended so: a code, a step, sip-486, or a verdict such as unknown; repeatable.",
            metavar="OUTCOME",
        ),
    ] = None,
    by: Annotated[
        list[str] | None,
        typer.Option(
            "--by",
            help="Which value stands out: source, a column, or a key of the metadata such as region; repeatable.",
            metavar="KEY",
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option("--limit", min=1, help="So many groups and values are shown.", metavar="N")
    ] = 12,
    detail: Annotated[
        int, typer.Option("--detail", min=0, max=50, help="Trace so many of the newest calls of a group.", metavar="N")
    ] = 0,
    fail_over: Annotated[
        str | None, typer.Option("--fail-over", help="Exit with 1 where more of the calls broke: 2%.", metavar="SHARE")
    ] = None,
    per_call: Annotated[
        str | None, typer.Option("--per-call", help="A row for each call (.csv or .jsonl).", metavar="FILE")
    ] = None,
    call_logs: Annotated[
        list[str] | None,
        typer.Option(
            "--call-logs",
            help="Exports in place of the database: CSV, JSON, JSONL, Parquet, .gz, or a pattern; repeatable.",
            metavar="FILE",
        ),
    ] = None,
    engine: Annotated[
        str | None,
        typer.Option(
            "--engine",
            help="Apache Spark in place of the engine inside: local[*], spark://HOST:7077 or sc://HOST:15002.",
            metavar="SPARK_URL",
        ),
    ] = None,
    table: Annotated[
        str | None,
        typer.Option("--table", help="With --engine: a table of Spark's catalog in place of exports.", metavar="NAME"),
    ] = None,
    print_sql: Annotated[
        SqlDialect | None, typer.Option("--print-sql", help="Only print the statement, to be run elsewhere.")
    ] = None,
    states: Annotated[
        str | None,
        typer.Option("--states", help="With --print-sql: the saved result of its first statement.", metavar="FILE"),
    ] = None,
    result: Annotated[
        str | None, typer.Option("--result", help="Read back what the printed statement gave.", metavar="FILE")
    ] = None,
    timeout: Annotated[float, typer.Option("--timeout", min=1, help="For one statement (60).", metavar="SECONDS")] = 60,
    memory: Annotated[
        str | None,
        typer.Option(
            "--memory",
            help="What the engine may take: Postgres' work_mem (256MB), DuckDB's limit (1GB), Spark's memory.",
            metavar="SIZE",
        ),
    ] = None,
    config: options.ConfigOption = None,
    agent_name: options.AgentOption = None,
    show_numbers: options.ShowNumbersOption = False,
    output_format: outputs.FormatOption = None,
    output: outputs.OutputOption = None,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: options.DebugOption = False,
) -> int:
    """Of many calls: how many broke at which step, since when, and what those have in common.

    It only reads, in a read-only transaction, and does not ask LiveKit. --per-call and --print-sql write what they
    say.

    Exit status: 0 counted, or not more than --fail-over; 1 more than that; 2 wrong usage, configuration, table or
    column; 3 undecided: no calls, or the log could not be read.
    """
    files = [("--per-call", per_call), ("--result", result), ("--states", states)]
    outputs.refuse_over([*files, *(("--call-logs", name) for name in call_logs or ())], output)
    screen = Screen(quiet=quiet, verbose=verbose)
    asked = _asked(
        since=since, until=until, compare=before, where=where, by=by, detail=detail, fail_over=fail_over,
        files=call_logs, engine=engine, table=table, timeout=timeout, memory=memory,
    )  # fmt: skip
    loaded = options.load(config, url=None, agent_name=agent_name)
    if print_sql is not None:
        return _print_sql(print_sql, loaded, asked, states)
    if states is not None:
        raise UserError("LKD001", "--states says nothing without --print-sql", "add --print-sql DIALECT")
    with ExitStack() as stack:
        printed = stack.enter_context(outputs.opened(output_format, output, screen))
        if result is not None:
            from livekit_doctor.triage.printed import result_of

            found = result_of(result, loaded.settings, asked)
        else:
            found = _run(loaded, _with_per_call(asked, per_call, stack), screen)
        typed = {"--since": since if since != "24h" else None, "--until": until, "--config": config}
        typed |= {"--engine": engine, "--table": table}
        for_trace = None if engine is not None else _typed({"--config": config}, call_logs or ())
        given = _Given(show_numbers, limit, _typed(typed, call_logs or ()), for_trace)
        return printed.write(_report(found, loaded, given))


class _Given(NamedTuple):
    """How the result is to be shown, and what was typed that counts for the next command too; `for_trace` is None where
    `trace` can't read what was read."""

    show_numbers: bool
    limit: int
    typed: str
    for_trace: str | None


def _typed(values: Mapping[str, object], files: Sequence[str]) -> str:
    """Options as they can be typed again."""
    import shlex

    given = [(name, str(value)) for name, value in values.items() if value is not None]
    return "".join(f" {name} {shlex.quote(value)}" for name, value in (*given, *(("--call-logs", f) for f in files)))


def _asked(
    *,
    since: str,
    until: str | None,
    compare: bool,
    where: list[str] | None,
    by: list[str] | None,
    detail: int,
    fail_over: str | None,
    files: list[str] | None,
    engine: str | None,
    table: str | None,
    timeout: float,
    memory: str | None,
) -> "Asked":
    import re

    from livekit_doctor.triage.engine import Limits
    from livekit_doctor.triage.moments import moment_or_length, share
    from livekit_doctor.triage.run import Asked

    if memory is not None and not re.fullmatch(r"\d{1,6} ?[kMGT]i?B", memory):
        raise UserError("LKD001", f"--memory {memory}: not a size", "--memory 1GB")
    _require_engine(engine, table, files)
    return Asked(
        since=moment_or_length("--since", since),
        until=moment_or_length("--until", until) if until is not None else None,
        compare=compare,
        where=tuple(where or ()),
        by=tuple(dict.fromkeys(by or ())),
        detail=detail,
        fail_over=share("--fail-over", fail_over) if fail_over is not None else None,
        files=tuple(files or ()),
        engine=engine,
        table=table,
        limits=Limits(timeout=timeout, memory=memory),
    )


def _require_engine(engine: str | None, table: str | None, files: list[str] | None) -> None:
    if engine is not None:
        from livekit_doctor.triage.spark_session import require_known

        require_known(engine)
    if table is not None and (engine is None or files):
        why = "says nothing without --engine" if engine is None else "and --call-logs exclude each other"
        fix = "--engine sc://HOST:15002" if engine is None else "leave one out"
        raise UserError("LKD001", f"--table {why}", fix)


def _with_per_call(asked: "Asked", name: str | None, stack: ExitStack) -> "Asked":
    if name is None:
        return asked
    from msgspec.structs import replace

    from livekit_doctor.triage.per_call import require_known
    from livekit_doctor.whole_file import WholeFile

    require_known(name)
    return replace(asked, per_call=(name, stack.enter_context(WholeFile(name, "--per-call"))))


def _print_sql(dialect: SqlDialect, loaded: "Loaded", asked: "Asked", states: str | None) -> int:
    from livekit_doctor.triage.printed import sql_of

    print(sql_of(dialect.value, loaded.settings, asked, states, datetime.now(UTC)), end="")
    return Exit.OK


def _run(loaded: "Loaded", asked: "Asked", screen: Screen) -> "Triage":
    from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
    from livekit_doctor.triage.run import triage as run_triage

    try:
        with screen:
            return options.run(run_triage(loaded.settings, asked, screen.progress), screen.progress)
    except LogsUnreadable as error:
        raise _unreadable(error, loaded) from None


def _unreadable(error: "LogsUnreadable", loaded: "Loaded") -> UserError:
    from livekit_doctor import catalogue

    logs = loaded.settings.call_logs
    values = {"schema": logs.schema, "table": logs.table, "column": logs.columns.call_id, "kind": error.kind}
    values |= {**options.fix_values(loaded), "detail": error.message, **error.values}
    fix = "correct the file, or give another one with --call-logs FILE"
    if "fix" in error.values:
        fix = error.values["fix"]
    elif not error.kind.startswith("file_"):
        fix = catalogue.render_fix(catalogue.get("LKD602"), values)
    return UserError("LKD602", error.message, fix, Exit.USAGE if error.kind in WRONG_NAMES else Exit.UNDECIDED)


def _report(found: "Triage", loaded: "Loaded", given: _Given) -> "TriageReport":
    from livekit_doctor.render.masking import Mask
    from livekit_doctor.render.report import TriageReport

    status = Exit.OK if found.calls else Exit.UNDECIDED
    if found.criterion is not None:
        status = {"passed": Exit.OK, "failed": Exit.FAILED}.get(found.criterion.status, Exit.UNDECIDED)
    return TriageReport(
        triage=found,
        mask=Mask(show=given.show_numbers),
        values=options.fix_values(loaded),
        exit_status=status,
        shown=given.limit,
        command=f"livekit-doctor triage{given.typed}",
        trace_options=given.for_trace,
    )
