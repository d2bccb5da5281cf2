"""`watch --output` and `watch --format json`: a file is whole at every moment, and each line is a document."""

import asyncio
import os
import signal
import sys
import threading
from collections import UserDict
from collections.abc import KeysView
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from livekit_doctor.cli.outputs import Destination, destinations
from livekit_doctor.cli.watch_outputs import ReportFiles
from livekit_doctor.render.formats import FormatName
from livekit_doctor.whole_file import umask
from tests.cli.command_line import run, run_in_terminal
from tests.cli.watching import lines_of, metric_in, parsed, watching
from tests.evidence.odd_server import OddServer, down, refusal
from tests.lab.support import until
from tests.render.reports import check_report

C, J, H, P = FormatName.CONSOLE, FormatName.JSON, FormatName.HTML, FormatName.PROMETHEUS
ONLY = ("--read-only", "--only", "connection.reachable")
QUICK = ("--interval", "1", "--listen", "off", *ONLY)


def steady(value: Any) -> Any:
    """Without what no two runs have in common."""
    if isinstance(value, dict):
        return {key: steady(item) for key, item in value.items() if key not in ("duration_ms", "at")}
    return [steady(item) for item in value] if isinstance(value, list) else value


# Files


def test_a_file_is_what_check_would_have_written(folder: Path, server: OddServer) -> None:
    for state in (lambda: None, lambda: down(server)):
        state()
        ran = run("check", *ONLY, "-o", "check.json", "-o", "check.prom", cwd=folder, env=server.environment)
        same = run(
            *("watch", *QUICK, "--count", "1", "-o", "watch.json", "-o", "watch.prom"),
            cwd=folder,
            env=server.environment,
        )
        assert same.status == ran.status
        assert steady(parsed(folder / "watch.json")) == steady(parsed(folder / "check.json"))
        for name in ("up", "success", "exit_status"):
            found = [metric_in(folder / f"{one}.prom", name, command="check") for one in ("check", "watch")]
            assert found[0] is not None
            assert found[0] == found[1]


def test_files_follow_the_server_and_say_at_the_end_that_there_is_none(folder: Path, server: OddServer) -> None:
    """An alert on `livekit_doctor_up == 0` rings for a watch that was stopped."""
    well = server.answers["ListRooms"]
    files = [folder / f"status{ending}" for ending in (".json", ".xml", ".prom", ".html", ".md", ".txt")]
    given = [word for file in files for word in ("--output", str(file))]
    with watching(folder, server.environment, *QUICK, *given) as watch:
        until(lambda: files[-1].exists(), what="the first run")
        assert parsed(files[0])["ok"] is True
        down(server)
        until(lambda: not parsed(files[0])["ok"], what="the outage")
        until(lambda: metric_in(files[2], "success", command="check") == 0, what="the outage in metrics")
        until(lambda: parsed(files[1]).failures == 1, what="the outage in JUnit")
        for file in files[3:]:
            until(lambda file=file: "LKD003" in file.read_text(), what=f"the outage in {file.name}")
        server.answers["ListRooms"] = well
        until(lambda: parsed(files[0])["ok"], what="recovery")
        assert watch.stop(signal.SIGTERM) == 130
    assert parsed(files[0])["error"]["message"] == "interrupted"
    assert parsed(files[0])["exit_status"] == 130
    assert metric_in(files[2], "up", command="check") == 0
    assert parsed(files[1]).errors == 1
    assert all("interrupted" in file.read_text() for file in files)
    assert sorted(folder.glob(".*")) == [], "nothing unfinished is left"


def test_a_run_without_a_result_does_not_look_like_the_last_good_one(folder: Path, server: OddServer) -> None:
    """The agent is configured to dial by itself while it runs: it is not probed, and nothing is known."""
    down(server)
    arguments = (
        "--interval",
        "1",
        "--probe",
        "--only",
        "agent_dispatch",
        "-o",
        "a.json",
        "-o",
        "a.prom",
        "-o",
        "a.txt",
    )
    with watching(folder, server.environment, *arguments) as watch:
        until(lambda: (folder / "a.json").exists() and parsed(folder / "a.json")["checks"], what="the first run")
        edited = (folder / "checks.yaml").read_text() + "flow: {placed_by: agent}\n"
        (folder / "checks.yaml").write_text(edited)
        until(lambda: "error" in parsed(folder / "a.json"), what="a run without a result")
        error = parsed(folder / "a.json")
        assert (error["ok"], error["exit_status"], error["checks"]) == (False, 3, [])
        assert error["error"]["code"] == "LKD001"
        assert "a probe could ring a real phone" in error["error"]["message"]
        assert "set probe.metadata" in error["error"]["fix"]
        until(lambda: metric_in(folder / "a.prom", "up", command="check") == 0, what="the metrics")
        until(lambda: (folder / "a.txt").read_text().startswith("LKD001 the agent itself dials"), what="the text")
        assert "  fix: set probe.metadata" in (folder / "a.txt").read_text()
        assert watch.get("/livez")[0] == 200


def test_a_folder_that_goes_and_comes_back(folder: Path, server: OddServer) -> None:
    """It is said twice, and the other file is written all the same."""
    gone, there = folder / "shared" / "a.json", folder / "b.json"
    gone.parent.mkdir()
    with watching(folder, server.environment, *QUICK, "-o", "shared/a.json", "-o", "b.json") as watch:
        until(lambda: there.exists() and gone.exists(), what="the first run")
        gone.unlink()
        gone.parent.rmdir()
        until(lambda: "watch.output" in watch.stdout, what="it to be said")
        down(server)
        until(lambda: not parsed(there)["ok"], what="the other file")
        gone.parent.mkdir()
        until(lambda: gone.exists() and not parsed(gone)["ok"], what="the file to be written again")
        until(lambda: "watch.output  warned -> gone" in watch.stdout, what="the end to be said")
        assert watch.process.poll() is None
        said = [line for line in watch.stdout.splitlines() if "watch.output" in line]
    assert len(said) == 2
    assert said[0].endswith(f"  warned  shared/a.json: there is no folder {gone.parent}")


def test_a_file_that_becomes_too_large_stays_as_it_was(folder: Path, server: OddServer) -> None:
    """The page does not fit, as on a full disk; the metrics do."""
    (folder / "page.html").write_text("what was there before")
    arguments = ("-o", "page.html", "-o", "a.prom")
    with watching(folder, server.environment, *QUICK, *arguments, largest=20_000) as watch:
        until(lambda: "page.html: not saved: File too large" in watch.stdout, what="it to be said")
        runs = metric_in(folder / "a.prom", "last_run_timestamp_seconds", command="check")
        until(
            lambda: metric_in(folder / "a.prom", "last_run_timestamp_seconds", command="check") != runs,
            what="a later run",
        )
        assert watch.process.poll() is None
    assert (folder / "page.html").read_text() == "what was there before"
    assert sorted(folder.glob(".livekit-doctor-*")) == []


def wrong(folder: Path, *arguments: str, server: OddServer) -> str:
    ran = run("watch", *QUICK, *arguments, cwd=folder, env=server.environment)
    assert ran.status == 2
    assert server.seen == [], "before anything is asked"
    return next(line for line in ran.stderr.splitlines() if line.startswith("LKD"))


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/x.json", "there is no folder"),
        ("/proc/x.json", "cannot be written"),
        ("pipe.json", "pipe.json: not a file that could be replaced"),
        ("report", "nothing says its format"),
    ],
)
def test_a_file_that_cant_be_is_said_before_anything_runs(
    folder: Path, server: OddServer, name: str, said: str
) -> None:
    os.mkfifo(folder / "pipe.json")
    assert said in wrong(folder, "-o", name, "-o", "good.json", server=server)


def test_what_is_wrong_at_the_start_is_in_the_files(folder: Path, server: OddServer) -> None:
    server.answers["ListRooms"] = lambda: refusal(401, "unauthenticated", "invalid API key: key")
    ran = run("watch", *QUICK, "-o", "a.json", "-f", "json", cwd=folder, env=server.environment)
    assert ran.status == 2
    assert parsed(folder / "a.json")["error"]["code"] == "LKD004"
    (line,) = lines_of(ran.stdout)
    assert (line["event"], line["code"], line["exit_status"]) == ("end", "LKD004", 2)
    assert line["error"]["fix"]


def test_a_disk_that_hangs_holds_up_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As that of a machine that is gone, on which nothing ever comes to its end."""
    far, near = tmp_path / "far" / "a.json", tmp_path / "b.prom"
    far.parent.mkdir()
    back, fsync = threading.Event(), os.fsync

    def hangs(number: int) -> None:
        if "/far/" in os.readlink(f"/proc/self/fd/{number}"):
            back.wait()
        fsync(number)

    async def runs() -> None:
        before = threading.active_count()
        async with ReportFiles([Destination(J, str(far)), Destination(P, str(near)), Destination(C)]) as files:
            for _ in range(5):
                (why,) = await files.write(check_report(), 0.3)
                assert why.startswith(f"{far}: not written in time")
                assert metric_in(near, "up", command="check") == 1
                assert not far.exists()
                near.unlink()
            assert threading.active_count() - before <= 2, "a thread for each file, and not for each run"
            back.set()
            until(far.exists, what="what was hanging to be written")
            left = [await files.write(check_report()) for _ in range(20)]
            assert left[-1] == (), "nothing hangs any more"

    monkeypatch.setattr("os.fsync", hangs)
    try:
        asyncio.run(runs())
    finally:
        back.set()
    assert parsed(far)["exit_status"] == check_report().exit_status


def test_a_report_that_a_format_stumbles_over_ends_nothing(tmp_path: Path) -> None:
    class Stumbles(UserDict[str, str]):
        """Values that only a format with fixes in it looks at."""

        def keys(self) -> KeysView[str]:
            raise KeyError("what to type")

    page, metrics = tmp_path / "a.html", tmp_path / "b.prom"

    async def write() -> tuple[str, ...]:
        async with ReportFiles([Destination(H, str(page)), Destination(P, str(metrics)), Destination(C)]) as files:
            return await files.write(replace(check_report(), values=Stumbles()))

    (why,) = asyncio.run(write())
    assert why.startswith(f"{page}: KeyError")
    assert metric_in(metrics, "up", command="check") == 1


def test_files_written_at_once_leave_the_umask_as_it_is() -> None:
    """It is the whole process's, and can only be read by setting it."""
    before, switching = os.umask(0o022), sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    seen = set()
    try:
        threads = [threading.Thread(target=lambda: seen.update(umask() for _ in range(50_000))) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert seen == {0o022}
    finally:
        sys.setswitchinterval(switching)
        os.umask(before)


# Standard output


def test_lines_of_json_follow_the_server(folder: Path, server: OddServer) -> None:
    well = server.answers["ListRooms"]
    with watching(folder, server.environment, *QUICK, "--format", "json") as watch:
        until(lambda: len(lines_of(watch.stdout)) == 2, what="the first run, at once")
        down(server)
        until(lambda: len(lines_of(watch.stdout)) == 4, what="the outage")
        server.answers["ListRooms"] = well
        until(lambda: len(lines_of(watch.stdout)) == 6, what="recovery")
        assert watch.stop() == 130
        lines = lines_of(watch.stdout)
    assert [line["event"] for line in lines] == ["state", "outcome"] * 3 + ["end"]
    told = [(line["check"], line["before"], line["after"], line["code"]) for line in lines]
    assert told[:2] == [("connection.reachable", None, "passed", None), (None, None, "passed", None)]
    assert told[2:4] == [("connection.reachable", "passed", "failed", "LKD003"), (None, "passed", "failed", None)]
    assert told[4:6] == [("connection.reachable", "failed", "passed", None), (None, "failed", "passed", None)]
    assert [line["outcome"] for line in lines] == ["passed"] * 2 + ["failed"] * 2 + ["passed"] * 2 + [None]
    assert lines[2]["summary"] == {"passed": 0, "warned": 0, "failed": 1, "skipped": 0, "errored": 0}
    assert lines[2]["server"] == server.url
    assert lines[3]["message"] == "not ok: 1 failed"
    assert (lines[-1]["message"], lines[-1]["exit_status"]) == ("interrupted", 130)
    assert [line["at"] for line in lines] == sorted(line["at"] for line in lines)


def test_lines_and_a_file_of_json(folder: Path, server: OddServer) -> None:
    """The ending says what the file is, so --format is for the stream."""
    ran = run(
        *("watch", *QUICK, "--count", "2", "-f", "json", "-o", "a.json", "-o", "a.html"),
        cwd=folder,
        env=server.environment,
    )
    assert (ran.status, ran.stderr) == (0, "")
    assert [line["event"] for line in lines_of(ran.stdout)] == ["state", "outcome"]
    assert parsed(folder / "a.json")["ok"] is True
    assert (folder / "a.html").read_text().startswith("<!doctype html>")


def test_on_a_terminal_too(folder: Path, server: OddServer) -> None:
    status, seen = run_in_terminal("watch", *QUICK, "--count", "1", "-f", "json", cwd=folder, env=server.environment)
    assert status == 0
    assert len(lines_of(seen)) == 2


def test_an_encoding_without_all_characters(folder: Path, server: OddServer) -> None:
    (folder / "checks.yaml").write_text('agent: {name: "Empfang Zürich"}\n')
    env = {**server.environment, "PYTHONIOENCODING": "ascii"}
    arguments = ("--listen", "off", "--count", "1", "--read-only", "--only", "configuration", "-f", "json")
    ran = run("watch", *arguments, cwd=folder, env=env)
    assert ran.stdout.isascii()
    assert any("Zürich" in line["message"] for line in lines_of(ran.stdout))


@pytest.mark.parametrize("form", ["junit", "github", "markdown", "html", "prometheus"])
def test_a_format_that_needs_an_end_is_for_a_file(folder: Path, server: OddServer, form: str) -> None:
    ran = run("watch", *QUICK, "--format", form, cwd=folder, env=server.environment)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.splitlines() == [
        f"LKD001 --format {form}: on standard output watch says what changes, and only as console or json",
        f"  fix: livekit-doctor watch --format {form} --output FILE",
    ]
    assert server.seen == []
    again = run(
        *("watch", *QUICK, "--count", "1", "--format", form, "--output", "report"), cwd=folder, env=server.environment
    )
    assert again.status == 0
    assert (folder / "report").exists()
    assert again.stdout.splitlines()[-1].endswith("run 1  ok: 1 passed")


@pytest.mark.parametrize(
    ("forms", "names", "expected"),
    [
        ([J], [], {"-": J}),
        ([J], ["a.json"], {"a.json": J, "-": J}),
        ([J], ["a"], {"a": J, "-": C}),
        ([J], ["a.json", "a"], {"a.json": J, "a": J, "-": C}),
        ([H], ["a.html"], {"a.html": H, "-": C}),
        ([H, J], ["a.html"], {"a.html": H, "-": J}),
        ([], ["a.prom"], {"a.prom": P, "-": C}),
        ([J], ["-", "a.txt"], {"a.txt": C, "-": J}),
    ],
)
def test_which_format_goes_where(forms: list[FormatName], names: list[str], expected: dict[str, FormatName]) -> None:
    assert {one.name: one.form for one in destinations(forms, names, stream=True)} == expected
