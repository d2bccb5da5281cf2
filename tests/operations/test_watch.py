"""The heart of `watch`: what is kept of runs, when they begin, and that nothing ends it."""

import asyncio
import gc
import tracemalloc
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from aiohttp import web
from msgspec.structs import replace

from livekit_doctor import config
from livekit_doctor.checks.check import CheckResult, Status
from livekit_doctor.checks.selection import select
from livekit_doctor.cli.watch import Rounds
from livekit_doctor.errors import UserError
from livekit_doctor.operations.check import Options
from livekit_doctor.operations.watch import (
    CONFIGURATION,
    GRACE,
    INTERVAL,
    KEPT,
    OUTPUT,
    RUN,
    SLACK,
    WRITING,
    Plan,
    Result,
    Run,
    Watched,
    noted,
    own,
    watch,
)
from livekit_doctor.render.report import CheckReport
from tests.evidence.odd_server import OddServer, refusal
from tests.lab.support import free_port

START = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
FAST = 0.01
REACHABLE, CLOCK = "connection.reachable", "connection.clock"


def result(id: str, status: Status, code: str | None = None, message: str = "said") -> CheckResult:
    category = id.partition(".")[0]
    return CheckResult(id=id, category=category, title=id, status=status, message=message, code=code)


def run(number: int, *results: CheckResult, exit_status: int = 0, took: float = 0.1) -> Run:
    told = Result(results, exit_status)
    return Run(number, START + timedelta(minutes=number), took, 60.0 * number, told)


def nothing(number: int) -> Run:
    return replace(run(number), result=None, failure=own(RUN, "errored", "RuntimeError: no"))


def after(*runs: Run) -> Watched:
    watched = Watched(Plan(), START)
    for one in runs:
        watched = noted(watched, one)
    return watched


def standings(watched: Watched) -> dict[str, tuple[str, float]]:
    """Each check's status, and the number of the run since which it has it."""
    return {
        standing.result.id: (standing.result.status, (standing.since - START) / timedelta(minutes=1))
        for standing in watched.standings
    }


def changes(watched: Watched) -> list[tuple[str, str | None, str | None]]:
    return [(change.check, change.before, change.after) for change in watched.latest]


# What is kept


def test_the_first_run_is_where_states_begin_and_no_change() -> None:
    watched = after(run(1, result(REACHABLE, "passed"), result(CLOCK, "passed")))
    assert changes(watched) == [(REACHABLE, None, "passed"), (CLOCK, None, "passed")]
    assert watched.state_changes == {}
    assert watched.runs == {"passed": 1}


def test_a_run_like_the_one_before_changes_nothing() -> None:
    watched = after(run(1, result(REACHABLE, "passed")), run(2, result(REACHABLE, "passed", message="other words")))
    assert changes(watched) == []
    assert standings(watched) == {REACHABLE: ("passed", 1)}
    assert watched.standings[0].result.message == "other words"


def test_another_status_is_a_change() -> None:
    watched = after(run(1, result(REACHABLE, "passed")), run(2, result(REACHABLE, "failed", "LKD003"), exit_status=1))
    assert changes(watched) == [(REACHABLE, "passed", "failed")]
    assert standings(watched) == {REACHABLE: ("failed", 2)}
    assert watched.state_changes == {REACHABLE: 1}
    assert watched.runs == {"passed": 1, "failed": 1}
    assert watched.last_passed_at == START.timestamp() + 60.1


def test_another_code_is_a_change() -> None:
    watched = after(run(1, result(REACHABLE, "failed", "LKD003")), run(2, result(REACHABLE, "failed", "LKD004")))
    assert changes(watched) == [(REACHABLE, "failed", "failed")]
    assert watched.latest[0].code == "LKD004"


def test_what_is_no_longer_in_the_way_is_gone() -> None:
    in_the_way = run(1, result(REACHABLE, "failed", "LKD003"), result(CLOCK, "skipped"), exit_status=1)
    watched = after(in_the_way, run(2, result(CLOCK, "passed")))
    assert changes(watched) == [(CLOCK, "skipped", "passed"), (REACHABLE, "failed", None)]
    assert standings(watched) == {CLOCK: ("passed", 2)}


def test_a_run_without_a_result_keeps_what_was_known() -> None:
    watched = after(run(1, result(REACHABLE, "passed")), nothing(2))
    assert standings(watched) == {REACHABLE: ("passed", 1), RUN: ("errored", 2)}
    assert changes(watched) == [(RUN, None, "errored")]
    assert watched.state_changes == {RUN: 1}
    assert watched.runs == {"passed": 1, "none": 1}
    again = noted(watched, run(3, result(REACHABLE, "passed")))
    assert standings(again) == {REACHABLE: ("passed", 1)}
    assert changes(again) == [(RUN, "errored", None)]


def test_a_start_without_a_result_is_no_change_of_the_checks() -> None:
    watched = after(nothing(1), run(2, result(REACHABLE, "passed")))
    assert watched.state_changes == {RUN: 1}
    assert standings(watched) == {REACHABLE: ("passed", 2)}


def test_a_run_longer_than_the_interval_is_said_once() -> None:
    one = result(REACHABLE, "passed")
    watched = after(run(1, one, took=61), run(2, one, took=70))
    assert (INTERVAL, ("warned", 1)) in standings(watched).items()
    assert watched.overruns == 2
    assert changes(watched) == []
    assert changes(noted(watched, run(3, one))) == [(INTERVAL, "warned", None)]


def unwritten(number: int, *why: str) -> Run:
    message = "; ".join(why)
    return replace(run(number, result(REACHABLE, "passed")), unwritten=own(OUTPUT, "warned", message) if why else None)


def test_a_file_that_cant_be_written_is_said_when_that_begins_and_when_it_ends() -> None:
    lost = "a.json: there is no folder a"
    watched = after(unwritten(1), unwritten(2, lost), unwritten(3, lost))
    assert standings(watched) == {REACHABLE: ("passed", 1), OUTPUT: ("warned", 2)}
    assert changes(watched) == []
    assert changes(noted(watched, unwritten(4))) == [(OUTPUT, "warned", None)]
    assert watched.runs == {"passed": 3}


def test_another_file_that_cant_be_written_is_said_too() -> None:
    one, other = "a.json: there is no folder a", "b.html: there is no folder b"
    watched = after(unwritten(1, one), unwritten(2, one, other))
    assert changes(watched) == [(OUTPUT, "warned", "warned")]
    assert watched.latest[0].message == f"{one}; {other}"
    assert changes(noted(watched, unwritten(3, other))) == [(OUTPUT, "warned", "warned")]


def test_a_run_without_a_result_that_could_be_written_ends_the_trouble_with_the_file() -> None:
    watched = after(unwritten(1, "a.json: there is no folder a"), nothing(2))
    assert standings(watched) == {REACHABLE: ("passed", 1), RUN: ("errored", 2)}


def test_only_the_latest_changes_are_kept() -> None:
    watched = after(*(run(n, result(REACHABLE, "passed" if n % 2 else "failed")) for n in range(1, 500)))
    assert len(watched.changes) == KEPT
    assert watched.changes[-1].run == 499
    assert watched.state_changes == {REACHABLE: 498}


@pytest.mark.parametrize(("status", "outcome"), [(0, "passed"), (1, "failed"), (2, "failed"), (3, "undecided")])
def test_outcomes(status: int, outcome: str) -> None:
    assert run(1, exit_status=status).outcome == outcome
    assert run(1, exit_status=status).exit_status == status


def test_without_a_result_nothing_is_decided() -> None:
    assert (nothing(1).outcome, nothing(1).exit_status) == ("none", 3)


def test_alive_and_fresh() -> None:
    watched = replace(after(run(1)), touched=60.0)
    last_moment = 60.0 + 60.0 + 60.0 + GRACE + WRITING + SLACK
    assert watched.is_alive(last_moment)
    assert watched.is_fresh(last_moment)
    assert not watched.is_alive(last_moment + 1)
    assert not watched.is_fresh(last_moment + 1)
    assert not after().is_fresh(0.0), "before the first run has ended"
    assert after().is_alive(0.0)


# Runs


def watch_to_end(once: Callable[[], Awaitable[Result]], count: int, interval: float = FAST) -> list[Watched]:
    told: list[Watched] = []
    asyncio.run(watch(once, Plan(interval, timeout=5, count=count), told.append))
    return told


def test_it_tells_when_a_run_begins_and_when_it_has_ended() -> None:
    async def once() -> Result:
        return Result((result(REACHABLE, "passed"),), 0)

    told = watch_to_end(once, 2)
    assert [watched.running_since is not None for watched in told] == [True, False, True, False]
    assert [watched.next_at is not None for watched in told] == [False, True, False, False]
    assert [watched.last.number if watched.last else 0 for watched in told] == [0, 1, 1, 2]


def test_runs_keep_their_rate_and_never_overlap() -> None:
    """One that takes two and a half intervals leaves out the two that were due meanwhile."""
    began, running, most = [], 0, 0

    async def once() -> Result:
        nonlocal running, most
        running += 1
        most = max(most, running)
        began.append(asyncio.get_running_loop().time())
        await asyncio.sleep(0.5 if len(began) == 2 else 0)
        running -= 1
        return Result((), 0)

    told = watch_to_end(once, 4, interval=0.2)
    assert most == 1
    ticks = [(time - began[0]) / 0.2 for time in began]
    # The first may have begun late.
    assert ticks[1] >= 0.9
    assert ticks[2] >= 3.9
    assert ticks[3] >= 4.9
    assert told[-1].overruns >= 1
    assert INTERVAL in standings(told[3])


@pytest.mark.parametrize(
    "error", [RuntimeError("no"), MemoryError(), ExceptionGroup("two", [ValueError("a")]), OSError()]
)
def test_a_run_that_raises_is_a_state(error: Exception) -> None:
    calls = iter([None, error, None])

    async def once() -> Result:
        if raised := next(calls):
            raise raised
        return Result((result(REACHABLE, "passed"),), 0)

    told = watch_to_end(once, 3)
    assert told[-1].runs == {"passed": 2, "none": 1}
    failed = next(watched for watched in told if watched.last and watched.last.outcome == "none")
    assert (RUN, None, "errored") in changes(failed)
    assert type(error).__name__ in failed.latest[0].message


def test_a_cancellation_from_inside_is_a_state() -> None:
    """As a library raises one whose own timeout went wrong."""
    calls = iter([True, False])

    async def once() -> Result:
        if next(calls):
            raise asyncio.CancelledError
        return Result((), 0)

    assert watch_to_end(once, 2)[-1].runs == {"none": 1, "passed": 1}


def test_a_run_that_hangs_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("livekit_doctor.operations.watch.GRACE", 0.0)

    async def once() -> Result:
        await asyncio.Event().wait()
        raise AssertionError

    told: list[Watched] = []
    asyncio.run(watch(once, Plan(FAST, timeout=0.1, count=2), told.append))
    assert told[-1].runs == {"none": 2}
    assert "given up" in told[1].latest[0].message


def test_a_mistake_ends_the_first_run_only() -> None:
    mistake = UserError("LKD004", "wrong key", "the right one")

    async def at_once() -> Result:
        raise mistake

    with pytest.raises(UserError):
        watch_to_end(at_once, 2)

    calls = iter([False, True])

    async def later() -> Result:
        if next(calls):
            raise mistake
        return Result((), 0)

    last = watch_to_end(later, 2)[-1]
    assert (last.latest[0].code, last.latest[0].message) == ("LKD004", "wrong key")


def test_it_can_be_cancelled_at_any_moment() -> None:
    async def cancelled(once: Callable[[], Awaitable[Result]], moments: int) -> None:
        told = asyncio.Queue[Watched]()
        task = asyncio.create_task(watch(once, Plan(interval=60), told.put_nowait))
        for _ in range(moments):
            await told.get()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    async def hangs() -> Result:
        await asyncio.Event().wait()
        raise AssertionError

    async def ends() -> Result:
        return Result((), 0)

    asyncio.run(cancelled(hangs, 1))
    asyncio.run(cancelled(ends, 2))


def test_each_run_is_written_down_before_it_is_told() -> None:
    calls = iter([None, UserError("LKD001", "wrong", "right"), None])
    told: list[Watched] = []
    written: list[tuple[int, str, str]] = []

    async def once() -> Result:
        if raised := next(calls):
            raise raised
        return Result((result(REACHABLE, "passed"),), 0)

    async def write(run: Run) -> tuple[str, ...]:
        assert not told or told[-1].running_since is not None
        written.append((run.number, run.outcome, run.fix))
        return ("a.json: no",) if run.number == 3 else ()

    last = asyncio.run(watch(once, Plan(FAST, timeout=5, count=3), told.append, write))
    assert written == [(1, "passed", ""), (2, "none", "right"), (3, "passed", "")]
    assert (OUTPUT, None, "warned") in changes(last)


# With the real check


def rounds(folder: Path, environ: dict[str, str], *only: str, timeout: float = 5, strict: bool = False) -> Rounds:
    def load(known: Path | None) -> config.Loaded:
        return config.load(known, environ=environ, cwd=folder)

    how = Options(read_only=True, timeout=timeout)
    return Rounds(load, load(None), select(list(only), []), how, strict=strict, show_numbers=False)


def environment(url: str) -> dict[str, str]:
    return {"LIVEKIT_URL": url, "LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "s" * 32}


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "checks.yaml").write_text("livekit: {timeout: 0.3}\nagent: {name: Front Desk}\n")
    return tmp_path


def test_a_server_that_refuses_hangs_and_comes_back(folder: Path) -> None:
    with OddServer() as server:
        well = server.answers["ListRooms"]
        answers = [well, lambda: refusal(500, "internal", "no"), lambda: web.Response(text="not protobuf"), well]
        turns = iter(answers)
        checks = rounds(folder, server.environment, REACHABLE)

        async def once() -> Result:
            server.answers["ListRooms"] = next(turns)
            return await checks()

        told = watch_to_end(once, len(answers))
    ended = [watched for watched in told if watched.running_since is None]
    states = [dict(standings(watched))[REACHABLE][0] for watched in ended]
    assert states[0] == states[3] == "passed"
    assert "passed" not in states[1:3]


def test_a_bad_edit_is_said_and_the_last_good_one_is_used(folder: Path) -> None:
    file, good = folder / "checks.yaml", (folder / "checks.yaml").read_text()
    edits = iter([good, "agent: {nmae: X}\n", None, good.replace("Front Desk", "Back Desk")])
    checks = rounds(folder, environment("ws://127.0.0.1:1"), "configuration.file")

    async def once() -> Result:
        edit = next(edits)
        file.unlink() if edit is None else file.write_text(edit)
        return await checks()

    told = [watched for watched in watch_to_end(once, 4) if watched.running_since is None]
    messages = [{s.result.id: s.result.message for s in watched.standings} for watched in told]
    assert CONFIGURATION not in messages[0]
    assert "checks.yaml:1: agent.nmae: unknown key; did you mean `name`?" in messages[1][CONFIGURATION]
    assert messages[1][CONFIGURATION].endswith("; the last good one is used")
    assert "no such file" in messages[2][CONFIGURATION]
    assert all("Front Desk" in one["configuration.file"] for one in messages[:3])
    assert CONFIGURATION not in messages[3]
    assert "Back Desk" in messages[3]["configuration.file"]


@pytest.mark.parametrize("strict", [False, True])
def test_a_bad_edit_is_a_warning_in_the_report_too(folder: Path, strict: bool) -> None:
    """And so it fails with --strict, as others do."""
    checks = rounds(folder, environment("ws://127.0.0.1:1"), "configuration.file", strict=strict)
    edits = iter(["agent: {name: Front Desk}\n", "agent: {nmae: X}\n"])
    reports = []

    async def once() -> Result:
        (folder / "checks.yaml").write_text(next(edits))
        return await checks()

    async def write(run: Run) -> tuple[str, ...]:
        reports.append(checks.report_of(run))
        return ()

    watched = asyncio.run(watch(once, Plan(FAST, timeout=5, count=2), lambda _: None, write))
    first, second = reports
    assert isinstance(first, CheckReport)
    assert isinstance(second, CheckReport)
    assert [result.id for result in first.results] == ["configuration.file"]
    assert [result.id for result in second.results] == [CONFIGURATION, "configuration.file"]
    assert second.exit_status == (1 if strict else 0)
    assert watched.last
    assert watched.last.outcome == ("failed" if strict else "passed")


def test_memory_does_not_grow(folder: Path) -> None:
    """500 runs against a port that refuses; what the first of them load and cache does not count."""
    checks = rounds(folder, environment(f"ws://127.0.0.1:{free_port()}"), REACHABLE)
    before = 0

    def tell(watched: Watched) -> None:
        nonlocal before
        if watched.running_since is None and watched.last and watched.last.number == 100:
            gc.collect()
            before, _ = tracemalloc.get_traced_memory()

    tracemalloc.start()
    try:
        watched = asyncio.run(watch(checks, Plan(interval=0.001, timeout=5, count=500), tell))
        gc.collect()
        grown = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert watched.runs == {"failed": 500}
    assert before > 0
    assert grown < 300_000, f"{grown} bytes in 400 runs"
