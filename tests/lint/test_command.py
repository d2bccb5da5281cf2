"""`lint` as it is typed, and as pre-commit runs it: what it says, with the lines, in the formats of CI."""

import json
import re
import shlex
from pathlib import Path
from shutil import copytree

import pytest
import yaml

from tests.cli.command_line import Ran, run

INCIDENTS = Path(__file__).parent / "incidents"
(HOOK,) = yaml.safe_load((Path(__file__).parents[2] / ".pre-commit-hooks.yaml").read_text())
PLACES = {("2-request-fnc/agent.py", 18, "LKD401"), ("1-explicit-dispatch/agent.py", 8, "LKD701")}


@pytest.fixture
def repository(tmp_path: Path) -> Path:
    """Two of the incidents' projects."""
    for name in ("1-explicit-dispatch", "2-request-fnc"):
        copytree(INCIDENTS / name, tmp_path / name)
    return tmp_path


def hook(folder: Path, *arguments: str) -> Ran:
    """As pre-commit does: the entry's words, the arguments of the team's configuration, then names of files, if any."""
    command, *words = shlex.split(HOOK["entry"])
    assert command == "livekit-doctor"
    return run(*words, *arguments, cwd=folder)


def test_the_hook_fails_at_a_fault_and_names_its_line(repository: Path) -> None:
    ran = hook(repository)
    assert ran.status == 1
    assert all(f"{path}:{line}:" in ran.stdout and code in ran.stdout for path, line, code in PLACES)


def test_the_hook_passes_where_nothing_is_wrong(repository: Path) -> None:
    agent = repository / "1-explicit-dispatch" / "agent.py"
    agent.write_text(agent.read_text().replace("async def prewarm", "def prewarm"))
    assert hook(repository, "1-explicit-dispatch").status == 0


def test_the_hook_can_be_given_names_of_files(repository: Path) -> None:
    names = sorted(str(path.relative_to(repository)) for path in repository.rglob("*.*") if path.is_file())
    ran = hook(repository, *names)
    assert ran.status == 1
    assert all(f"{path}:{line}:" in ran.stdout for path, line, _ in PLACES)


def test_the_hook_is_run_for_what_lint_reads() -> None:
    read = ("agent.py", "src/call.ts", "a/route.tsx", "x.mjs", "y.cjs", "compose.yaml", "k8s/a.yml", "trunk.json")
    assert HOOK["pass_filenames"] is False
    assert all(re.search(HOOK["files"], name) for name in (*read, "docker/Dockerfile", "Procfile"))
    assert not any(re.search(HOOK["files"], name) for name in ("README.md", "a.css", "pyc/agent.pyc"))


def test_annotations_for_github_have_the_lines(repository: Path) -> None:
    ran = run("lint", "--format", "github", cwd=repository)
    found = re.findall(r"^::\w+ file=([^,]+),line=(\d+),col=\d+,title=(LKD\d+)", ran.stdout, re.MULTILINE)
    assert {(path, int(line), code) for path, line, code in found} == PLACES


def test_sarif_has_the_lines(repository: Path) -> None:
    (told,) = json.loads(run("lint", "--format", "sarif", cwd=repository).stdout)["runs"]
    places = set()
    for result in told["results"]:
        where = result["locations"][0]["physicalLocation"]
        places.add((where["artifactLocation"]["uri"], where["region"]["startLine"], result["ruleId"]))
    assert places == PLACES


LOGGED = """
    import {{ createClient }} from "supabase";

    const log = (state: string) => db.from("call_state_logs").insert({{ room, source: "api", state }});
    await log("call_requested");
    await log("{written}");
"""
MAPPED = """
flow:
  states:
    call_requested: call_requested
    phone_is_ringing: sip_ringing
"""


def states(folder: Path, written: str) -> list[tuple[str, int, str]]:
    """The findings about states, with the file and line of each."""
    (folder / "call.ts").write_text(LOGGED.format(written=written))
    (folder / "checks.yaml").write_text(MAPPED)
    found = run("lint", "--format", "json", cwd=folder).json["findings"]
    return [(one["file"], one["line"], one["confidence"]) for one in found if one["code"] == "LKD603"]


def test_a_state_that_is_mapped_and_nothing_writes_is_told_at_its_line_of_the_configuration(tmp_path: Path) -> None:
    assert ("checks.yaml", 5, "possible") in states(tmp_path, "room_created")


def test_and_is_likely_where_one_that_is_written_is_nearly_the_same(tmp_path: Path) -> None:
    found = states(tmp_path, "phone_is_ringin")
    assert ("checks.yaml", 5, "likely") in found


def test_and_is_not_told_where_it_is_written_or_what_is_written_is_not_known(tmp_path: Path) -> None:
    assert not states(tmp_path, "phone_is_ringing")
    (tmp_path / "more.ts").write_text(
        'export const f = (state: string) => db.from("call_state_logs").insert({ room, state });\n'
    )
    assert not [one for one in states(tmp_path, "room_created") if one[0] == "checks.yaml"]
