"""Exports by DuckDB: standard input, columns of other types, broken lines, huge rows, no space, an interrupt."""

import asyncio
import gzip
import json
import resource
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path

import duckdb
import pytest

from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.progress import Doing, Progress
from livekit_doctor.settings import CallLogs
from livekit_doctor.triage import files
from livekit_doctor.triage.engine import Limits
from livekit_doctor.triage.watching import watched
from tests.cli.command_line import CLEAN, COMPILES_NOTHING, Ran, run, start, wait_for
from tests.thorough import examples
from tests.triage import logs
from tests.triage.reference import Row
from tests.triage.test_command import document, export, triage, window

END = int(datetime.now(UTC).timestamp()) * logs.SECOND - 3600 * logs.SECOND
SOME = list(logs.rows(3, 300, END - 20 * logs.HOUR, END))
AS_JSON = ("-f", "json", *window(END - 23 * logs.HOUR, END + logs.HOUR))


def piped(content: bytes, cwd: Path, *arguments: str, file_size: int | None = None) -> Ran:
    """With this on standard input; `file_size`: no file may become larger, as on a disk that is full."""

    def limited() -> None:
        if file_size is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (file_size, file_size))

    ran = subprocess.run(
        [sys.executable, "-m", "livekit_doctor", "triage", *arguments],
        input=content, cwd=cwd, env=CLEAN | COMPILES_NOTHING, capture_output=True, preexec_fn=limited,
    )  # fmt: skip
    return Ran(ran.returncode, ran.stdout.decode(), ran.stderr.decode())


def test_standard_input_in_any_form_says_the_same_as_the_file(tmp_path: Path) -> None:
    plain = export(tmp_path / "calls.csv", SOME)
    duckdb.execute(f"COPY (FROM read_csv('{plain}', all_varchar = true)) TO '{tmp_path / 'calls.parquet'}'")
    expected = document(triage("--call-logs", "calls.csv", *AS_JSON, cwd=tmp_path))
    forms = (plain.read_bytes(), gzip.compress(plain.read_bytes()), (tmp_path / "calls.parquet").read_bytes())
    for content in forms:
        told = document(piped(content, tmp_path, "--call-logs", "-", *AS_JSON))
        assert (told["groups"], told["calls"]) == (expected["groups"], expected["calls"])


def test_parquet_of_other_types_says_the_same(tmp_path: Path) -> None:
    export(tmp_path / "calls.csv", SOME)
    plain = f"FROM read_csv('{tmp_path / 'calls.csv'}', all_varchar = true)"
    typed = (
        "CAST(created_at AS TIMESTAMPTZ)",
        "CAST(created_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC'",
        "CAST(CAST(created_at AS TIMESTAMPTZ) AT TIME ZONE 'UTC' AS TIMESTAMP_NS)",
    )
    expected = document(triage("--call-logs", "calls.csv", *AS_JSON, cwd=tmp_path))
    for at in typed:
        other = f"{at} AS created_at, CAST(source AS ENUM ('edge_function', 'agent')) AS source"
        other += ", CAST(nullif(metadata, '') AS JSON) AS metadata"
        duckdb.execute(f"COPY (SELECT * REPLACE ({other}) {plain}) TO '{tmp_path / 'other.parquet'}'")
        told = document(triage("--call-logs", "other.parquet", *AS_JSON, cwd=tmp_path))
        assert (told["groups"], told["calls"]) == (expected["groups"], expected["calls"]), at
    duckdb.execute(f"COPY (SELECT * REPLACE (1764000000 AS created_at) {plain}) TO '{tmp_path / 'number.parquet'}'")
    ran = triage("--call-logs", "number.parquet", cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert 'column "created_at" of number.parquet is of type INTEGER, and triage needs a timestamp' in ran.stderr


def test_of_several_files_the_broken_one_is_named_with_its_line_and_not_its_words(tmp_path: Path) -> None:
    export(tmp_path / "part-0.csv", SOME)
    lines = export(tmp_path / "part-1.csv", SOME).read_text().splitlines()
    (tmp_path / "part-1.csv").write_text("\n".join([*lines[:40], "call-x,2026-11-28T10:00:00Z,secret", *lines[40:]]))
    ran = triage("--call-logs", "part-*.csv", cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert "part-1.csv can't be read: line 41 has 3 values, and the first line 5" in ran.stderr
    assert "secret" not in ran.stderr


def test_what_no_rows_can_be_read_of_is_one_clear_line(tmp_path: Path) -> None:
    head, good = "call_id,created_at,source,state,metadata\n", "c1,2026-11-28T10:00:00Z,edge,room_created,\n"
    bad = "c1,tomorrow,edge,agent_dispatched,\n"
    as_json = '{"call_id": "c1", "created_at": "%s", "source": "e", "state": "room_created"}\n'
    (tmp_path / "folder").mkdir()
    (tmp_path / "empty.csv").write_text("")
    (tmp_path / "good.csv").write_text(head + good)
    (tmp_path / "bad.csv").write_text(head + good + bad)
    (tmp_path / "bad.jsonl").write_text(as_json % "2026-11-28T10:00:00Z" + as_json % "2026-13-45 10:00:00")
    for name, said in {
        "folder": 'folder is a folder: give its files, such as "folder/*.csv"',
        "empty.csv": "empty.csv is empty",
        "bad.csv": "bad.csv can't be read: created_at of line 3 is no time",
        "*d.csv": "bad.csv can't be read: created_at of line 3 is no time",
        "bad.jsonl": "bad.jsonl can't be read: created_at of line 2 is no time",
    }.items():
        ran = triage("--call-logs", name, cwd=tmp_path)
        assert (ran.status, ran.stdout) == (2, ""), name
        assert ran.stderr.startswith(f"LKD602 {said}"), ran.stderr
    typed = {head + bad: "- can't be read: created_at of line 2 is no time", "": "standard input is empty"}
    for text, said in typed.items():
        assert run("triage", "--call-logs", "-", cwd=tmp_path, stdin=text).stderr.startswith(f"LKD602 {said}")
    (tmp_path / "head.csv").write_text(head)
    assert "1970" not in triage("--call-logs", "head.csv", cwd=tmp_path).stdout


def test_a_row_of_many_megabytes_is_read(tmp_path: Path) -> None:
    """DuckDB's own limit is 2 of them: from there on it is 10 as it is 100."""
    said = json.dumps({"sip_status_code": 486, "x": "y" * examples(10, thorough=100) * 1_000_000})
    rows = [
        Row("call-1", END, "edge", "call_requested"),
        Row("call-1", END + 1, "edge", "sip_participant_failed", said),
    ]
    export(tmp_path / "calls.csv", rows)
    told = document(triage("--call-logs", "calls.csv", *AS_JSON, cwd=tmp_path))
    assert [group["id"] for group in told["groups"]] == ["sip-486"]


def test_what_changes_while_it_is_read_is_no_answer(tmp_path: Path) -> None:
    """Parquet, which is asked anew for each statement: written into, replaced, and one more of a pattern."""
    plain = export(tmp_path / "calls.csv", SOME)
    read = f"read_csv('{plain}', all_varchar = true)"
    for number in range(2):
        duckdb.execute(f"COPY (FROM {read}) TO '{tmp_path / f'part-{number}.parquet'}'")

    async def asked(change: Callable[[], object]) -> None:
        names = [str(tmp_path / "part-*.parquet")]
        async with files.opened(names, CallLogs(), Limits(), Progress()) as engine:
            await engine.fetch("SELECT count(*) FROM logs")
            change()
            await engine.fetch("SELECT count(*) FROM logs WHERE call_id > 'a'")

    def replaced() -> None:
        shutil.copy(tmp_path / "part-0.parquet", tmp_path / "new")
        (tmp_path / "new").rename(tmp_path / "part-1.parquet")

    changes: list[tuple[str, Callable[[], object]]] = [
        ("part-1.parquet", replaced),
        ("part-2.parquet", lambda: shutil.copy(tmp_path / "part-0.parquet", tmp_path / "part-2.parquet")),
        ("part-0.parquet", lambda: (tmp_path / "part-0.parquet").write_bytes(b"PAR1 is not yet whole")),
    ]
    for name, change in changes:
        with pytest.raises(LogsUnreadable, match=rf"{name} changed while it was read, so nothing of it is shown"):
            asyncio.run(asked(change))


def test_a_file_that_is_being_written_is_no_answer_and_leaves_no_file(tmp_path: Path) -> None:
    """Somebody goes on writing the CSV; neither a result nor a file of it is there, and one line says why."""
    lines = export(tmp_path / "calls.csv", SOME).read_text()
    head, _, rows = lines.partition("\n")
    (tmp_path / "more.csv").write_text(f"{head}\n{rows * 40}")
    process = start("triage", "--call-logs", "more.csv", "--per-call", "each.csv", "--timeout", "50", cwd=tmp_path)
    with (tmp_path / "more.csv").open("a") as file:
        while process.poll() is None:
            file.write(rows)
            file.flush()
            time.sleep(0.01)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, out) == (2, "")
    assert err.splitlines()[0] == "LKD602 more.csv changed while it was read, so nothing of it is shown"
    assert err.splitlines()[1:] == ["  fix: copy what is still being written, and give the copy"]
    assert not (tmp_path / "each.csv").exists()


def test_an_interrupt_ends_a_statement_at_once_and_leaves_nothing_behind(tmp_path: Path) -> None:
    """In the middle of a copy into the private folder that would take many times longer."""
    own = tmp_path / "own"
    own.mkdir()
    plain = export(tmp_path / "calls.csv", SOME)
    head, _, rows = plain.read_text().partition("\n")
    plain.write_text(f"{head}\n{rows * 60}")
    process = subprocess.Popen(
        [sys.executable, "-m", "livekit_doctor", "triage", *(["--call-logs", str(plain)] * 100)],
        cwd=tmp_path, env=CLEAN | {"TMPDIR": str(own)}, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    wait_for(lambda: any(path.stat().st_size for path in own.glob("livekit-doctor-triage-*/*")))
    began = time.monotonic()
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    took = time.monotonic() - began
    assert (process.returncode, out, err) == (130, "", "interrupted\n")
    assert list(own.iterdir()) == []
    assert took < 5, "the target is one second; this machine may be busy"


def test_how_much_is_done_is_told_while_it_is_read(tmp_path: Path) -> None:
    plain = export(tmp_path / "calls.csv", SOME)
    size = plain.stat().st_size
    told: list[Doing] = []

    async def asked() -> None:
        some_is_done = asyncio.Event()

        def tell(doing: tuple[Doing, ...]) -> None:
            told.extend(doing)
            if any(one.share for one in doing):
                some_is_done.set()

        progress = Progress(tell)
        async with files.opened([str(plain)], CallLogs(), Limits(), progress) as engine:
            query = "SELECT count(*) FROM logs AS a, logs AS b, logs AS c WHERE a.call_id || b.call_id > c.call_id"
            async with watched(engine, progress, "counting", amount="3 rows"):
                running = asyncio.ensure_future(engine.fetch(query))
                await some_is_done.wait()
                running.cancel()
                with pytest.raises(asyncio.CancelledError):
                    await running

    asyncio.run(asyncio.wait_for(asked(), 60))
    assert told[0].what == f"reading {size / 1e6:,.1f} MB of exports"
    assert (told[-1].what, told[-1].amount) == ("counting", "3 rows")
    assert 0 < (told[-1].share or 0) < 1


def test_no_space_for_what_is_written_aside_is_one_clear_line(tmp_path: Path) -> None:
    content = export(tmp_path / "calls.csv", SOME).read_bytes()
    for arguments in (("--call-logs", "calls.csv"), ("--call-logs", "-")):
        ran = piped(content, tmp_path, *arguments, file_size=4096)
        assert (ran.status, ran.stdout) == (3, "")
        assert "no space is left in" in ran.stderr
        assert "TMPDIR" in ran.stderr
        assert "Traceback" not in ran.stderr
