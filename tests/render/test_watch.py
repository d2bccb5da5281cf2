"""How `watch` shows a moment: the table at two widths and when there is little room, lines, metrics, health."""

import json
from copy import deepcopy
from datetime import UTC, datetime, timedelta

import pytest
from jsonschema_rs import ValidationError
from msgspec.structs import replace
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from syrupy.assertion import SnapshotAssertion

from livekit_doctor.checks.check import CheckResult, Status
from livekit_doctor.operations.watch import CONFIGURATION, OUTPUT, RUN, Plan, Result, Run, Watched, noted, own
from livekit_doctor.render.console.watch import Screen, age, change_line, run_line
from livekit_doctor.render.json import health
from livekit_doctor.render.json.watch import JsonLines, documents, ended
from livekit_doctor.render.prometheus import watch as prometheus_watch
from livekit_doctor.render.report import ErrorReport
from tests.cli.watching import lines_of
from tests.documents import validated
from tests.render.every_report import HOSTILE
from tests.render.reports import every_status, printed, terminal

START = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
WHERE = "http://127.0.0.1:7889 /metrics /healthz /livez"


def run(number: int, *results: CheckResult, exit_status: int = 1) -> Run:
    return Run(number, START + timedelta(minutes=number), 0.34, 60.0 * number, Result(results, exit_status, "wss://lk"))


def nothing(number: int) -> Run:
    return replace(run(number), result=None, failure=own(RUN, "errored", "RuntimeError: no"))


def well() -> tuple[CheckResult, ...]:
    return tuple(
        CheckResult(id=one.id, category=one.category, title=one.title, status="passed", message="well")
        for one in every_status()
    )


def at(*runs: Run) -> Watched:
    """30 s after the last run, the next 30 s away."""
    watched = Watched(Plan(), START)
    for one in runs:
        watched = noted(watched, one)
    return replace(watched, touched=60.0 * len(runs), next_at=60.0 * (len(runs) + 1))


def unwritten(number: int) -> Run:
    lost = own(OUTPUT, "warned", "status.html: not saved: No space left on device")
    return replace(run(number, *well(), exit_status=0), unwritten=lost)


MOMENTS = {
    "first": replace(Watched(Plan(), START), running_since=28.0),
    "well": at(run(1, *well(), exit_status=0)),
    "failing": at(run(1, *well(), exit_status=0), run(2, *every_status())),
    "recovered": at(run(1, *every_status()), run(2, *well(), exit_status=0)),
    "no result": at(run(1, *well(), exit_status=0), nothing(2)),
    "bad edit": at(run(1, own(CONFIGURATION, "warned", "checks.yaml:1: x: unknown key", "LKD001"), *well())),
    "disk full": at(run(1, *well(), exit_status=0), unwritten(2)),
}


def clock_of(watched: Watched) -> float:
    return watched.last.ended + 30 if watched.last else 30.0


def screen(watched: Watched, console: Console) -> str:
    clock = clock_of(watched)
    console.print(Screen(watched, clock, START + timedelta(seconds=clock), WHERE, "looking at 2 rooms a second time"))
    return printed(console)


@pytest.mark.parametrize("width", [40, 80, 120])
@pytest.mark.parametrize("name", MOMENTS)
def test_table(name: str, width: int, snapshot: SnapshotAssertion) -> None:
    text = screen(MOMENTS[name], terminal(width))
    assert all(len(line) <= width for line in text.splitlines())
    assert text == snapshot


@pytest.mark.parametrize(
    ("name", "columns"), [("well", ""), ("failing", "last change  code"), ("recovered", "last change")]
)
def test_a_column_without_anything_in_it_leaves_its_room_to_the_messages(name: str, columns: str) -> None:
    head, first, *_ = screen(MOMENTS[name], terminal(120)).splitlines()
    assert " ".join(head.split()) == " ".join(f"check since {columns}".split())
    if not columns:
        assert first.rstrip().endswith(" 30 s  well")


@pytest.mark.parametrize("height", [12, 16, 24])
def test_what_failed_is_seen_in_a_low_terminal(height: int) -> None:
    console = terminal(80)
    console.height = height
    lines = screen(MOMENTS["failing"], console).splitlines()
    assert len(lines) <= height
    shown = [line for line in lines if line.startswith("XX")]
    assert len(shown) == 2
    assert lines[-1] == WHERE


@pytest.mark.parametrize("name", MOMENTS)
def test_lines(name: str, snapshot: SnapshotAssertion) -> None:
    watched = MOMENTS[name]
    lines = [change_line(change).plain for change in watched.latest]
    assert [*lines, *([run_line(watched.last).plain] if watched.last else [])] == snapshot


def test_hostile_text_stays_on_its_line() -> None:
    status: Status = "failed"
    hostile = CheckResult(id="x.y", category="x", title="", status=status, message="a\x1b[2J\nb\u202e[bold]c")
    watched = at(run(1, hostile))
    for text in (change_line(watched.latest[0]).plain, screen(watched, terminal(120))):
        assert "\x1b" not in text
        assert "[bold]c" in text
    assert "\n" not in change_line(watched.latest[0]).plain


@pytest.mark.parametrize(
    ("seconds", "said"), [(-1, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (3600, "1 h"), (200_000, "2 d")]
)
def test_ages(seconds: float, said: str) -> None:
    assert age(seconds) == said


# Documents


def lines(watched: Watched, before: str | None = None) -> str:
    form = JsonLines()
    return "".join(form.line(document) for document in documents(watched, before))  # type: ignore[arg-type]


@pytest.mark.parametrize("name", MOMENTS)
def test_documents(name: str, snapshot: SnapshotAssertion) -> None:
    text = lines(MOMENTS[name])
    assert lines_of(text) or name == "first"
    assert text.splitlines() == snapshot


def test_an_outcome_is_told_where_it_is_another() -> None:
    watched = MOMENTS["failing"]
    assert {line["event"] for line in lines_of(lines(watched, "failed"))} == {"state"}
    assert lines_of(lines(watched, "passed"))[-1]["event"] == "outcome"


def test_a_moment_is_told_exactly() -> None:
    exact = replace(run(1, *well()), began_at=START + timedelta(microseconds=123_456))
    assert {line["at"] for line in lines_of(lines(at(exact)))} == {"2031-02-03T04:05:06.123456Z"}


def test_hostile_text_changes_no_document() -> None:
    hostile = CheckResult(id="x.y", category="x", title="", status="failed", message=HOSTILE)
    text = lines(at(run(1, hostile)))
    assert lines_of(text)[0]["message"] == HOSTILE
    assert len(text.splitlines()) == 2
    assert all(char.isprintable() or char == "\n" for char in text)


def test_a_document_with_another_key_or_one_of_another_event_is_refused() -> None:
    state, outcome = lines_of(lines(at(run(1, every_status()[0]))))
    end = json.loads(JsonLines().line(ended(ErrorReport("watch", "LKD001", "wrong", "right", 2), START)))
    validated(json.dumps(end))
    wrong = [{**state, "new": 1}, {**state, "after": "none"}, {**state, "at": "yesterday"}, {**outcome, "check": "x.y"}]
    wrong += [{**end, "run": 1}, {**outcome, "error": end["error"]}]
    for key in state:
        less = deepcopy(state)
        del less[key]
        wrong.append(less)
    for document in wrong:
        with pytest.raises((ValidationError, KeyError)):
            validated(json.dumps(document))


# Health


@pytest.mark.parametrize(
    ("name", "ok", "status"),
    [
        ("first", False, "starting"),
        ("well", True, "ok"),
        ("failing", False, "failing"),
        ("recovered", True, "ok"),
        ("no result", False, "no_result"),
    ],
)
def test_health(name: str, ok: bool, status: str, snapshot: SnapshotAssertion) -> None:
    said, body = health.health(MOMENTS[name], clock_of(MOMENTS[name]))
    assert (said, body["status"]) == (ok, status)
    assert body == snapshot
    assert health.life(MOMENTS[name], clock_of(MOMENTS[name]))[0]


def test_what_a_run_does_not_cover_is_said() -> None:
    plain = run(1, *well(), exit_status=0)
    assert plain.result is not None
    covers_less = replace(plain, result=replace(plain.result, not_tested="whether livekit-sip runs"))
    _, body = health.health(at(covers_less), 60.0)
    assert body["not_tested"] == "whether livekit-sip runs"
    assert run_line(covers_less).plain.endswith("; not tested: whether livekit-sip runs")
    assert "not tested" not in run_line(plain).plain
    console = terminal(120)
    console.print(Screen(at(covers_less), 60.0, START))
    assert "not tested: whether livekit-sip runs" in printed(console)


def test_the_advice_shows_the_failure() -> None:
    console = terminal(120)
    console.print(Screen(MOMENTS["failing"], 90.0, START, advice="livekit-doctor check --probe"))
    assert "livekit-doctor check --probe says how to fix it" in printed(console)


def test_what_is_stale_is_not_well() -> None:
    watched = MOMENTS["well"]
    said, body = health.health(watched, clock_of(watched) + 1000)
    assert (said, body["status"]) == (False, "stale")
    assert health.life(watched, clock_of(watched) + 1000)[0] is False


def test_undecided_is_not_well() -> None:
    assert health.health(at(run(1, *well(), exit_status=3)), 60)[1]["status"] == "undecided"


def test_messages_are_not_in_a_health_check() -> None:
    """They have names and addresses in them."""
    assert "caller id" not in str(health.health(MOMENTS["failing"], 150))


# Metrics


@pytest.mark.parametrize("name", MOMENTS)
def test_metrics(name: str) -> None:
    families = {
        family.name: family for family in text_string_to_metric_families(prometheus_watch.render(MOMENTS[name]))
    }
    counter = families["livekit_doctor_watch_runs"]
    assert counter.type == "counter"
    last = MOMENTS[name].last
    assert sum(sample.value for sample in counter.samples) == (last.number if last else 0)
    assert ("livekit_doctor_up" in families) is (last is not None)


def test_of_a_run_without_a_result_no_check_is_exposed_as_it_was() -> None:
    families = {f.name: f for f in text_string_to_metric_families(prometheus_watch.render(MOMENTS["no result"]))}
    assert {s.labels["check"] for s in families["livekit_doctor_check_status"].samples} == {RUN}
    assert [s.value for s in families["livekit_doctor_up"].samples] == [0]
    assert [s.value for s in families["livekit_doctor_success"].samples] == [0]
