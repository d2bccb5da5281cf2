"""action.yml, step by step: what it passes on, what it gives back, and what it refuses. No LiveKit is there."""

import json
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from junitparser import JUnitXml

from livekit_doctor.demo import recording
from livekit_doctor.demo.stage import Stage
from tests.ci.files import ACTION, load
from tests.ci.installed import Installed
from tests.ci.runner import Ran, Runner, workflow_commands

HOSTILE = (
    "$(touch HACKED)",
    "`touch HACKED`",
    '"; touch HACKED; "',
    "'; touch HACKED; '",
    "x\ntouch HACKED\n",
    "x\n::error::hacked\n  ::add-mask::e\n##[error]hacked",
    "x\nok=true\nEOF\nok=true",
    "${{ github.token }} ${PATH} \\ * ? ~ !",
    "--help",
    "-",
)


@pytest.fixture
def runner(tmp_path: Path) -> Iterator[Runner]:
    runner = Runner(tmp_path)
    runner.install_here()
    yield runner
    assert not list(tmp_path.rglob("HACKED*"))


def refused(ran: Ran, *, status: int = 2) -> str:
    """What the annotation says, of a step that did not start the tool."""
    assert (ran.status, ran.outputs) == (status, {"exit-status": str(status), "ok": "false"}), ran.log
    (command,) = workflow_commands(ran.log)
    assert command.startswith("::error title=livekit-doctor::")
    return command.removeprefix("::error title=livekit-doctor::")


def result(ran: Ran) -> dict[str, object]:
    document: dict[str, object] = json.loads(Path(ran.outputs["json"]).read_text())
    return document


def test_every_output_of_the_action_is_one_of_its_steps(runner: Runner) -> None:
    written = set(runner.run("run", {}).outputs)
    assert written == set(load(ACTION)["outputs"]) == {"exit-status", "ok", "json"}


def test_missing_credentials(runner: Runner) -> None:
    """The offline path: 2 everywhere, and an error where a CI system looks for one."""
    ran = runner.run("run", {"junit": "reports/deep/check.xml", "html": "reports/check.html", "strict": "true"})
    assert (ran.status, ran.outputs["exit-status"], ran.outputs["ok"]) == (2, "2", "false"), ran.log
    assert (result(ran)["exit_status"], result(ran)["schema"]) == (2, "livekit-doctor/check/v1")
    suite = JUnitXml.fromfile(str(runner.workspace / "reports" / "deep" / "check.xml"))
    assert suite.errors + suite.failures > 0
    assert "LKD002" in (runner.workspace / "reports" / "check.html").read_text()
    assert any(line.startswith("::error title=LKD002") for line in workflow_commands(ran.log)), ran.log
    assert "LKD002" in ran.summary


def test_missing_credentials_of_a_probe(runner: Runner) -> None:
    ran = runner.run("run", {"command": "probe", "arguments": "--count 3", "junit": "probe.xml"})
    assert (ran.status, result(ran)["schema"]) == (2, "livekit-doctor/probe/v1"), ran.log
    suite = JUnitXml.fromfile(str(runner.workspace / "probe.xml"))
    assert suite.errors == 1
    assert any(line.startswith("::error title=LKD002") for line in workflow_commands(ran.log)), ran.log


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    """The demo's server: it has a project to look at."""
    with Stage(recording.load()) as stage:
        yield stage


def test_what_passes_and_what_only_warns(runner: Runner, stage: Stage) -> None:
    """The step fails where the command line does, strict or not."""
    env = {**stage.environment(), "PYTHONPATH": ""}
    arguments = "--read-only --only connection --only worker.endpoint"
    (runner.workspace / "checks.yaml").write_text("workers: [{url: http://127.0.0.1:9}]")
    ran = runner.run("run", {"arguments": arguments}, env)
    assert (ran.status, ran.outputs["exit-status"], ran.outputs["ok"]) == (0, "0", "true"), ran.log
    assert result(ran)["ok"] is True
    strict = runner.run("run", {"arguments": arguments, "strict": "true"}, env)
    warned = result(ran)["summary"]["warned"]  # type: ignore[index]
    assert warned > 0
    assert (strict.status, strict.outputs["ok"]) == (1, "false"), strict.log
    assert strict.outputs["json"] != ran.outputs["json"]


def test_a_server_that_is_not_there(runner: Runner) -> None:
    """3 is no 1: a pipeline may try again."""
    env = {"LIVEKIT_API_KEY": "key", "LIVEKIT_API_SECRET": "secret"}
    inputs = {"command": "probe", "url": "ws://127.0.0.1:9", "agent-name": "x", "arguments": "--count 1"}
    ran = runner.run("run", inputs, env)
    assert (ran.status, ran.outputs["exit-status"], ran.outputs["ok"]) == (3, "3", "false"), ran.log


@pytest.mark.parametrize(
    ("name", "text"),
    [(name, "".join(HOSTILE)) for name in ("agent-name", "url", "config", "working-directory", "command", "strict")]
    + [("arguments", text) for text in HOSTILE],
)
def test_hostile_text_stays_text(runner: Runner, name: str, text: str) -> None:
    """Nothing is run, nothing is obeyed, and no output is forged."""
    ran = runner.run("run", {name: text})
    status = ran.outputs["exit-status"]
    assert str(ran.status) == status
    assert ran.outputs["ok"] == ("true" if status == "0" else "false")
    assert status == "2" or (name, text) == ("arguments", "--help"), ran.log
    obeyed = workflow_commands(ran.log)
    assert all(line.startswith("::error title=") for line in obeyed), obeyed
    assert "hacked" not in "".join(line.partition("::")[0] for line in obeyed)


@pytest.mark.parametrize("text", ["-".join(HOSTILE[:5]), "-".join(HOSTILE[5:]), "x\n"])
def test_hostile_names_of_files_are_names(runner: Runner, text: str) -> None:
    ran = runner.run("run", {"junit": f"out {text}/{text}.xml"})
    assert ran.status == 2, ran.log
    assert (runner.workspace / f"out {text}" / f"{text}.xml").is_file(), ran.log


def test_arguments_are_words_with_quotes_and_nothing_more(runner: Runner) -> None:
    """Seen by what the tool says of them: the name of a check that there is not."""
    ran = runner.run("run", {"arguments": "--only\n  'a b$(touch HACKED)'\n"})
    assert 'no check or category "a b$(touch HACKED)"' in ran.log
    assert "closed" in refused(runner.run("run", {"arguments": "--only 'a b"}))


@pytest.mark.parametrize(
    ("inputs", "said"),
    [
        ({"command": "test-call"}, "neither check nor probe"),
        ({"command": ""}, "neither check nor probe"),
        ({"strict": "yes"}, "neither true nor false"),
        ({"command": "probe", "strict": "true"}, "strict is for check"),
        ({"junit": "report.txt"}, "ends in .xml"),
        ({"html": "report.xml"}, "ends in .html"),
        ({"working-directory": "nowhere"}, "is no folder"),
        ({"junit": "/dev/null/x.xml"}, "folder of a report"),
    ],
)
def test_what_is_refused(runner: Runner, inputs: dict[str, str], said: str) -> None:
    assert said in refused(runner.run("run", inputs))


def test_the_working_directory_is_where_files_are(runner: Runner) -> None:
    """Its modules are not taken for the tool's."""
    folder = runner.workspace / "telephony"
    folder.mkdir()
    (folder / "checks.yaml").write_text("livekit: {url: [}")
    (folder / "yaml.py").write_text("raise SystemExit('taken from the working directory')")
    ran = runner.run("run", {"working-directory": "telephony", "junit": "check.xml"})
    assert "LKD001" in ran.log
    assert "taken from" not in ran.log
    assert (folder / "check.xml").is_file()


# Installing


def test_a_python_that_is_too_old_or_missing(runner: Runner, tmp_path: Path) -> None:
    old = tmp_path / "old-python"
    old.write_text("#!/bin/sh\nexit 1\n")
    old.chmod(0o755)
    for python in (str(old), "no-such-python"):
        assert "actions/setup-python" in refused(runner.run("install", {"python": python}))


def test_windows_is_refused(runner: Runner) -> None:
    assert "Linux or macOS" in refused(runner.run("install", {}, {"RUNNER_OS": "Windows"}))


def test_what_does_not_match_the_lock_file_is_not_installed(tmp_path: Path, installed: Installed) -> None:
    """No answer of the tool: the step fails, as undecided, and the next use installs anew."""
    runner = Runner(tmp_path)
    python = installed.python(tmp_path / "python")
    lock = runner.action / "requirements" / "runtime.lock"
    packages = tmp_path / "packages"
    packages.mkdir()
    (packages / "another-0.19.0-py3-none-any.whl").write_bytes(b"another")
    lock.write_text(f"another==0.19.0 --hash=sha256:{'0' * 64}\n")
    env = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(packages), **python}
    for _ in range(2):
        ran = runner.run("install", {}, env)
        assert "pip says why" in refused(ran, status=3)
        assert "THESE PACKAGES DO NOT MATCH THE HASHES" in ran.log


def test_it_is_installed_once_a_job(tmp_path: Path, installed: Installed) -> None:
    """And anew by another Python, or for another checkout."""
    runner = Runner(tmp_path)
    (runner.action / "requirements" / "runtime.lock").write_text("")
    kept = runner.temp / "livekit-doctor" / "kept"

    def installs(env: Mapping[str, str]) -> bool:
        """Whether it did; what had been kept is gone then."""
        assert runner.run("install", {}, env).status == 0
        anew = not kept.exists()
        kept.touch()
        return anew

    one, other = installed.python(tmp_path / "one"), installed.python(tmp_path / "other")
    assert (installs(one), installs(one)) == (True, False)
    assert (installs(other), installs(other)) == (True, False)
    runner.action.rename(tmp_path / "elsewhere")
    runner.action = tmp_path / "elsewhere"
    assert (installs(other), installs(other)) == (True, False)
