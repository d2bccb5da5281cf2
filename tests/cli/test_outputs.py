"""--format and --output: which format goes where, files that are whole or not there, errors in every format."""

import json
import os
import re
import stat
from pathlib import Path

import pytest
from junitparser import JUnitXml

from livekit_doctor.cli.outputs import asked_for, destinations
from livekit_doctor.errors import UserError
from livekit_doctor.render.formats import FormatName
from tests.cli.command_line import run, run_process
from tests.evidence.odd_server import OddServer, refusal

C, J, X, G, M = FormatName.CONSOLE, FormatName.JSON, FormatName.JUNIT, FormatName.GITHUB, FormatName.MARKDOWN
ROW = {"call_id": "call-1", "created_at": "2021-02-03T04:05:06Z", "source": "edge", "state": "room_created"}


@pytest.mark.parametrize(
    ("forms", "names", "expected"),
    [
        ([], [], {"-": C}),
        ([J], [], {"-": J}),
        ([X], ["x.xml"], {"x.xml": X, "-": C}),
        ([X], ["results"], {"results": X, "-": C}),
        ([J], ["out.txt"], {"out.txt": C, "-": J}),
        ([], ["a.json", "b.MD", "c.xml"], {"a.json": J, "b.MD": M, "c.xml": X, "-": C}),
        ([J], ["report.md"], {"report.md": M, "-": J}),
        ([J, X], ["one", "x.xml"], {"one": J, "x.xml": X, "-": C}),
        ([X, J, G], ["two.json", "one"], {"two.json": J, "one": X, "-": G}),
        ([M], ["-"], {"-": M}),
        ([], ["-"], {"-": C}),
        ([J, J], [], {"-": J}),
    ],
)
def test_which_format_goes_where(forms: list[FormatName], names: list[str], expected: dict[str, FormatName]) -> None:
    assert {one.name: one.form for one in destinations(forms, names)} == expected


@pytest.mark.parametrize(
    ("forms", "names", "message"),
    [
        ([J, X], [], "--format json and --format junit: standard output takes one format, and has 2"),
        ([], ["report"], "--output report: nothing says its format"),
        ([J], ["a", "b"], "--output b: nothing says its format"),
        ([], ["a.json", "a.json"], "--output a.json is given 2 times"),
        ([], ["a.json", "./a.json"], "--output a.json and --output ./a.json are one file"),
        ([J, X], ["-"], "--format junit: standard output takes one format, and has 2"),
    ],
)
def test_what_is_refused(forms: list[FormatName], names: list[str], message: str) -> None:
    with pytest.raises(UserError) as refused:
        destinations(forms, names)
    assert refused.value.message == message
    assert refused.value.fix


def test_two_names_of_one_file(tmp_path: Path) -> None:
    """A pipe is written twice, and loses nothing."""
    (tmp_path / "x.xml").touch()
    (tmp_path / "l.json").symlink_to("x.xml")
    with pytest.raises(UserError, match="are one file"):
        destinations([], [str(tmp_path / "x.xml"), str(tmp_path / "l.json")])
    os.mkfifo(tmp_path / "pipe.xml")
    (tmp_path / "pipe.json").symlink_to("pipe.xml")
    assert len(destinations([], [str(tmp_path / "pipe.xml"), str(tmp_path / "pipe.json")])) == 3


@pytest.mark.parametrize(
    ("typed", "forms", "names"),
    [
        ("check --format json", [J], []),
        ("check -f json -o x", [J], ["x"]),
        ("check -fjunit -ox.xml --output=y.md", [X], ["x.xml", "y.md"]),
        ("check --format=json --format nonsense", [J], []),
        ("trace -- --format json", [], []),
        ("check --output", [], [""]),
    ],
)
def test_what_a_wrong_command_line_asks_for(typed: str, forms: list[FormatName], names: list[str]) -> None:
    assert asked_for(typed.split()) == (forms, names)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "export.jsonl").write_text(json.dumps(ROW) + "\n")
    return tmp_path


TRACE = ("trace", "call-1", "--call-logs", "export.jsonl")


def test_several_at_once_from_one_run(folder: Path) -> None:
    ran = run(*TRACE, "-o", "a.json", "-o", "a.xml", "-o", "a.md", "-o", "a.txt", cwd=folder)
    document = json.loads((folder / "a.json").read_text())
    assert ran.status == document["exit_status"]
    assert JUnitXml.fromfile(str(folder / "a.xml")).failures + JUnitXml.fromfile(str(folder / "a.xml")).errors >= 1
    assert (folder / "a.md").read_text().startswith("### livekit-doctor trace: ")
    assert (folder / "a.txt").read_text() == ran.stdout
    assert sorted(path.name for path in folder.iterdir()) == ["a.json", "a.md", "a.txt", "a.xml", "export.jsonl"]


@pytest.mark.parametrize("option", ["--save", "--call-logs", "--bundle", "--worker-log", "--evidence", "--config"])
def test_a_result_does_not_take_the_place_of_what_it_is_made_of(folder: Path, option: str) -> None:
    """Nor does the refusal."""
    (folder / "precious.json").write_text("{}")
    ran = run("trace", "call-1", option, "precious.json", "-o", "./precious.json", cwd=folder)
    assert ran.status == 2
    assert f"--output ./precious.json would take the place of {option} precious.json" in ran.stderr
    assert (folder / "precious.json").read_text() == "{}"


def test_a_file_is_readable_as_others_of_the_user_are_and_keeps_its_mode(folder: Path) -> None:
    umask = os.umask(0o022)
    try:
        run(*TRACE, "-o", "a.json", cwd=folder)
        assert stat.S_IMODE((folder / "a.json").stat().st_mode) == 0o644
        (folder / "a.json").chmod(0o660)
        run(*TRACE, "-o", "a.json", cwd=folder)
        assert stat.S_IMODE((folder / "a.json").stat().st_mode) == 0o660
    finally:
        os.umask(umask)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("nowhere/x.json", "there is no folder"),
        (".", "a folder; --output needs the name of a file"),
        ("/proc/x.json", "cannot be written"),
        ("", "--output needs the name of a file"),
        ("reports.json/", "a folder; --output needs the name of a file"),
        (f"{'a' * 300}.json", "File name too long"),
        ("loop.json", "a link that leads back to itself"),
    ],
)
def test_a_file_that_cant_be_is_said_before_anything_is_done(folder: Path, name: str, said: str) -> None:
    (folder / "loop.json").symlink_to("loop.json")
    ran = run(*TRACE, "-o", name, "-f", "json", cwd=folder)
    assert ran.status == 2
    assert said in ran.stderr
    assert "Traceback" not in ran.stderr
    assert ran.json["error"]["code"] == "LKD001"


def test_a_file_that_cant_be_is_an_annotation_too(folder: Path) -> None:
    ran = run(*TRACE, "-o", "nowhere/x.json", "-f", "github", cwd=folder)
    assert ran.status == 2
    assert ran.stdout.startswith("::error title=LKD001 ")


def test_a_pipe_is_written_as_it_is(folder: Path) -> None:
    ran = run_process(*TRACE, "-o", "/dev/stderr", "-f", "json", cwd=folder)
    assert json.loads(ran.stderr)["schema"] == "livekit-doctor/trace/v1"


def test_an_error_is_in_every_file_that_was_asked_for(folder: Path) -> None:
    ran = run("trace", "--bundle", "none.json", "-o", "a.xml", "-o", "a.json", "-f", "github", cwd=folder)
    assert ran.status == 2
    (suite,) = JUnitXml.fromfile(str(folder / "a.xml"))
    assert suite.errors == 1
    assert json.loads((folder / "a.json").read_text())["exit_status"] == 2
    assert ran.stdout.startswith("::error title=")


def test_what_could_not_be_read_is_in_the_annotation(folder: Path) -> None:
    ran = run("trace", "call-1", "--call-logs", "none.csv", "-f", "github", cwd=folder)
    assert ran.status == 2
    assert (
        "::error title=livekit-doctor trace%3A verdict::Unknown: nothing is known of this call; not read: "
        in ran.stdout
    )


def test_a_wrong_command_line_fails_the_build_of_who_reads_only_the_file(folder: Path) -> None:
    ran = run("check", "--onyl", "x", "--format", "junit", "--output", "x.xml", cwd=folder)
    assert ran.status == 2
    (suite,) = JUnitXml.fromfile(str(folder / "x.xml"))
    assert suite.errors == 1


def test_the_job_summary_of_github(folder: Path) -> None:
    summary = folder / "summary"
    summary.write_text("before\n")
    ran = run(*TRACE, "-f", "github", cwd=folder, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert summary.read_text().startswith("before\n### livekit-doctor trace: ")
    assert "::error " in ran.stdout


def test_a_job_summary_that_would_be_refused_as_a_whole(folder: Path) -> None:
    """GitHub Actions takes none of more than 1 MiB, which several commands of a step share."""
    summary = folder / "summary"
    full = 1024 * 1024
    summary.write_bytes(b"-" * (full - 600))
    cut = run(*TRACE, "-f", "github", cwd=folder, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert full - 200 < summary.stat().st_size <= full
    told = summary.read_text().lstrip("-")
    assert told.startswith("**Cut off: GitHub takes no job summary of more than 1 MiB.**")
    assert "### livekit-doctor trace: " in told
    assert told.endswith("\n")
    before = summary.write_bytes(b"-" * (full - 100))
    none = run(*TRACE, "-f", "github", cwd=folder, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert none.stderr == "the job summary was not written: there is no room left in it\n"
    assert summary.stat().st_size == before
    assert cut.status == none.status == 1


def test_one_row_without_end_makes_no_endless_report(folder: Path) -> None:
    row = {**ROW, "source": "s" * 1_000_000, "state": "x" * 1_000_000}
    (folder / "export.jsonl").write_text(json.dumps(row) + "\n")
    files = [f"a.{ending}" for ending in ("txt", "json", "xml", "md", "html")]
    run(*TRACE, *(f"-o{file}" for file in files), cwd=folder)
    assert max((folder / file).stat().st_size for file in files) < 150_000
    told = (folder / "a.json").read_text()
    assert "(258144 more characters)" in told
    assert "it has 2.0 MB, of which 256 KB of each cell are read" in told


def test_a_job_summary_that_cant_be_written_is_no_verdict(folder: Path) -> None:
    without = run(*TRACE, "-f", "github", cwd=folder)
    ran = run(*TRACE, "-f", "github", cwd=folder, env={"GITHUB_STEP_SUMMARY": "/proc/none"})
    assert ran.status == without.status
    assert "the job summary was not written" in ran.stderr


def test_quiet_and_verbose(folder: Path) -> None:
    normal, quiet, verbose = (run(*TRACE, *more, cwd=folder) for more in ((), ("-q",), ("-v",)))
    assert normal.status == quiet.status == verbose.status
    assert len(quiet.stdout.splitlines()) < len(normal.stdout.splitlines()) < len(verbose.stdout.splitlines())
    assert normal.stderr == quiet.stderr == ""
    assert verbose.stderr.splitlines() == ["… reading the call logs"], "LiveKit is not configured, and not asked"
    assert run(*TRACE, "-q", "-v", cwd=folder).status == 2


def test_no_line_of_standard_error_is_a_command_to_github(tmp_path: Path) -> None:
    """Its runner reads standard error as well, and obeys what begins with :: on any line."""
    evil = "x\n::error title=y::z\n  ::stop-commands::q\n##[group]g"
    with OddServer() as server:
        server.answers["ListRooms"] = lambda: refusal(400, "invalid_argument", evil)
        for env in ({}, {"GITHUB_ACTIONS": "true"}):
            arguments = ["--format", "github"] if not env else []
            ran = run("trace", *arguments, "--debug", cwd=tmp_path, env={**server.environment, **env})
            assert ": :error" in ran.stderr
            assert not re.findall(r"^\s*::.*|.*##\[.*", ran.stderr, re.MULTILINE)
