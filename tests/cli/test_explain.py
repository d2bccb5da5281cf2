"""livekit-doctor explain, as a command."""

import json
import re
import subprocess
import sys
from html import unescape
from pathlib import Path

import pytest

from livekit_doctor import catalogue
from livekit_doctor.render.formats import ENDINGS, FormatName
from tests.cli.command_line import CLEAN, PATIENCE, run, run_and_list, run_in_terminal

ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


def test_help_and_an_unknown_word_import_nothing_slow(tmp_path: Path) -> None:
    slow = {"livekit", "aiohttp", "psycopg", "rich.console", "yaml"}
    ran = run_and_list(slow, "explain", "--help", cwd=tmp_path)
    assert ran.stderr == "\n"
    assert "Exit status: 0" in ran.stdout


@pytest.mark.parametrize(
    "words", [["LKD401"], ["lkd401"], ["401"], ["agent-not-dispatched"], ["Agent", "not", "dispatched"]]
)
def test_one_code_however_it_is_said(tmp_path: Path, words: list[str]) -> None:
    ran = run("explain", *words, cwd=tmp_path)
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout.startswith("LKD401  agent-not-dispatched\nThe agent was never dispatched into the room\n")
    assert ("livekit-doctor explain sip-401" in ran.stdout) is (words == ["401"])


def test_several_are_printed_in_the_order_asked_for_each_once(tmp_path: Path) -> None:
    ran = run("explain", "486", "LKD401", "sip-401", "agent-not-dispatched", cwd=tmp_path)
    heads = re.findall(r"^(LKD\d+|SIP \d+)  ", ran.stdout, re.MULTILINE)
    assert heads == ["SIP 486", "LKD401", "SIP 401"]
    assert run("explain", "486,LKD401,", "sip-401", cwd=tmp_path).stdout == ran.stdout


@pytest.mark.parametrize("arguments", [[], ["--list"]])
def test_the_list_has_a_line_a_code(tmp_path: Path, arguments: list[str]) -> None:
    ran = run("explain", *arguments, cwd=tmp_path)
    assert ran.status == 0
    for code in catalogue.codes():
        entry = catalogue.get(code)
        assert re.search(rf"^  {code}  {entry.name} +{re.escape(entry.title)}$", ran.stdout, re.MULTILINE)


def test_piped_text_wraps_at_columns_and_has_no_escape_codes(tmp_path: Path) -> None:
    for columns in (50, 80):
        text = run("explain", "LKD401", cwd=tmp_path, env={"COLUMNS": str(columns)}).stdout
        prose = text[: text.index("What settles it")].splitlines()
        assert columns - 15 < max(map(len, prose)) <= columns
        assert "\x1b" not in text


def test_in_a_terminal_it_has_colours_and_the_same_words(tmp_path: Path) -> None:
    status, seen = run_in_terminal("explain", "LKD401", cwd=tmp_path)
    assert status == 0
    assert "\x1b[1mLKD401" in seen
    assert ESCAPE.sub("", seen) == run("explain", "LKD401", cwd=tmp_path).stdout
    assert "\x1b" not in run_in_terminal("explain", "LKD401", cwd=tmp_path, env={"TERM": "dumb"})[1]


def test_no_color_leaves_weight_only(tmp_path: Path) -> None:
    seen = run_in_terminal("explain", "LKD401", cwd=tmp_path, env={"NO_COLOR": "1"})[1]
    assert set(ESCAPE.findall(seen)) <= {"\x1b[0m", "\x1b[1m", "\x1b[2m"}


@pytest.mark.parametrize("form", FormatName)
@pytest.mark.parametrize(
    ("words", "says", "fix"),
    [
        (["LKD4011"], "'LKD4011'; did you mean LKD411 job-failed, LKD401 agent-not-dispatched", "explain LKD411"),
        (["LKD401", "418"], "'418'; did you mean LKD417 job-never-launched", "explain LKD417"),
        (["sip-200"], "SIP 200 is no final answer", "explain sip-300"),
        (["LKD4O1,LKD402"], "'LKD4O1'; did you mean LKD401 agent-not-dispatched, ", "explain LKD401"),
        (["699"], "'699'; did you mean sip-699 Global Failure?", "explain sip-699"),
        (["zzzzz"], "no diagnosis code, name or SIP status 'zzzzz'", "explain --list"),
        (["--all", "LKD401"], "give codes, or --all, or --list", "explain --help"),
    ],
)
def test_what_is_unknown(tmp_path: Path, words: list[str], says: str, fix: str, form: FormatName) -> None:
    ran = run("explain", *words, "-f", form, cwd=tmp_path)
    assert ran.status == 2
    assert says in ran.stderr
    assert f"  fix: livekit-doctor {fix}\n" in ran.stderr
    if form is FormatName.JSON:
        assert ran.json["error"]["fix"] == f"livekit-doctor {fix}"
        assert set(ran.json) - {"error"} == set(run("explain", "LKD401", "-f", "json", cwd=tmp_path).json)
    else:
        assert (says in unescape(ran.stdout).replace("\\", "")) is (form is not FormatName.CONSOLE)


def test_the_nearest_is_what_the_fix_explains(tmp_path: Path) -> None:
    ran = run("explain", "agent-not-dispatchd", cwd=tmp_path)
    typed = ran.stderr.rpartition("fix: livekit-doctor ")[2].split()
    assert run(*typed, cwd=tmp_path).stdout.startswith("LKD401 ")


def test_json(tmp_path: Path) -> None:
    document = run("explain", "401", "sip-486", "-f", "json", cwd=tmp_path).json
    code, status = document["explained"]
    assert (document["schema"], document["exit_status"]) == ("livekit-doctor/explain/v1", 0)
    assert (code["kind"], code["code"], code["step"], code["also_sip_status"]) == (
        "code",
        "LKD401",
        "agent_dispatched",
        401,
    )
    assert code["fix"][1]["code"] == "lk dispatch create --room YOUR_ROOM --agent-name YOUR_AGENT_NAME"
    assert (status["kind"], status["sip_status"], status["code"], status["http_status"]) == (
        "sip_status",
        486,
        "LKD204",
        429,
    )
    assert document["codes"] == []
    listed = run("explain", "-f", "json", cwd=tmp_path).json
    assert [entry["code"] for entry in listed["codes"]] == list(catalogue.codes())
    everything = run("explain", "--all", "-f", "json", cwd=tmp_path).json
    assert [entry["code"] for entry in everything["explained"]] == list(catalogue.codes())


def test_markdown(tmp_path: Path) -> None:
    ran = run("explain", "LKD401", "486", "-f", "markdown", cwd=tmp_path)
    assert ran.stdout.startswith("# LKD401 agent-not-dispatched\n\n**The agent was never dispatched into the room**\n")
    assert "\n# SIP 486 Busy Here\n" in ran.stdout
    assert "    lk dispatch create --room YOUR_ROOM --agent-name YOUR_AGENT_NAME\n" in ran.stdout
    assert "| LKD401 | agent-not-dispatched |" in run("explain", "-f", "markdown", cwd=tmp_path).stdout


def test_every_format_at_once(tmp_path: Path) -> None:
    """In a file each, and the console's text on standard output as without them."""
    files = [
        word
        for ending in (".json", ".xml", ".md", ".html", ".prom", ".sarif", ".txt")
        for word in ("-o", f"codes{ending}")
    ]
    ran = run("explain", "LKD401", "486", *files, cwd=tmp_path)
    assert (ran.status, ran.stderr) == (0, "")
    assert ran.stdout == run("explain", "LKD401", "486", cwd=tmp_path).stdout
    assert (tmp_path / "codes.txt").read_text() == ran.stdout
    assert len(json.loads((tmp_path / "codes.json").read_text())["explained"]) == 2
    assert {ENDINGS[path.suffix] for path in tmp_path.iterdir()} == {*FormatName} - {FormatName.GITHUB}
    for path in tmp_path.iterdir():
        assert "agent-not-dispatched" in path.read_text()
        assert "Busy Here" in path.read_text() or path.suffix == ".sarif", "which has rules, and no SIP statuses"


def test_a_manual_to_print(tmp_path: Path) -> None:
    ran = run("explain", "--all", "--output", "codes.html", "--format", "prometheus", cwd=tmp_path)
    manual = (tmp_path / "codes.html").read_text()
    for code in catalogue.codes():
        assert f'<a href="#{code}"><b>{code}</b>' in manual
        assert f' id="{code}">' in manual
        assert f'livekit_doctor_code_info{{code="{code}",' in ran.stdout


def test_githubs_job_summary_has_the_markdown(tmp_path: Path) -> None:
    summary = tmp_path / "summary"
    ran = run("explain", "LKD401", "-f", "github", cwd=tmp_path, env={"GITHUB_STEP_SUMMARY": str(summary)})
    assert ran.status == 0
    markdown = run("explain", "LKD401", "-f", "markdown", cwd=tmp_path).stdout
    assert summary.read_text() == f"{markdown}\n"


def test_nothing_is_read_but_the_catalogue(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text("no: [such")
    assert run("explain", "LKD401", cwd=tmp_path).status == 0


def test_a_reader_that_stops_reading_is_no_error(tmp_path: Path) -> None:
    command = f"{sys.executable} -m livekit_doctor explain --all | head -n 1; echo ${{PIPESTATUS[0]}}"
    ran = subprocess.run(
        ["bash", "-c", command], env=CLEAN, cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.stdout in ("LKD001  config-invalid\n141\n", "LKD001  config-invalid\n0\n")
    assert ran.stderr == ""
