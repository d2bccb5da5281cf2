"""The files that people copy: by the published schemas, by shellcheck, and run as far as that goes without LiveKit."""

import json
import os
import subprocess
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from junitparser import JUnitXml

from tests.ci.act import Act
from tests.ci.files import ACTION, GITLAB, PREDEPLOY, ROOT, WORKFLOW, load, load_json
from tests.ci.installed import DOCTOR, Installed
from tests.ci.runner import path_with
from tests.cli.command_line import CLEAN

SCRIPTS = Path(sysconfig.get_path("scripts"))


def run(*command: str | Path, cwd: Path, env: Mapping[str, str] | None = None) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        command, cwd=cwd, env={**CLEAN, **(env or {})}, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.mark.parametrize(
    ("file", "schema"),
    [
        (ACTION, ["vendor.github-actions"]),
        (WORKFLOW, ["vendor.github-workflows"]),
        (WORKFLOW, ["custom.github-workflows-require-timeout"]),
        (GITLAB, ["vendor.gitlab-ci", "--data-transform", "gitlab-ci"]),
    ],
)
def test_it_is_valid_by_the_published_schema(file: Path, schema: list[str], tmp_path: Path) -> None:
    validated = run(SCRIPTS / "check-jsonschema", "--builtin-schema", *schema, file, cwd=tmp_path)
    assert validated.returncode == 0, validated.stdout


def test_a_mistake_is_seen_by_the_schemas(tmp_path: Path) -> None:
    broken = tmp_path / "action.yml"
    broken.write_text(ACTION.read_text().replace("      shell: bash\n", "", 1))
    validated = run(SCRIPTS / "check-jsonschema", "--builtin-schema", "vendor.github-actions", broken, cwd=tmp_path)
    assert validated.returncode == 1


def scripts() -> Iterator[tuple[str, str]]:
    """Every script by a name."""
    yield "predeploy", PREDEPLOY.read_text()
    for step in load(ACTION)["runs"]["steps"]:
        yield f"action {step['id']}", "#!/usr/bin/env bash\n" + step["run"]
    for job_name, job in load(WORKFLOW)["jobs"].items():
        for number, step in enumerate(job["steps"]):
            if "run" in step:
                yield f"workflow {job_name} {number}", "#!/usr/bin/env bash\n" + step["run"]
    for name, job in load(GITLAB).items():
        lines = [*job.get("before_script", ()), *job.get("script", ())] if isinstance(job, dict) else []
        if lines:
            yield f"gitlab {name}", "#!/bin/sh\n" + "\n".join(lines)


def test_shellcheck_has_nothing_to_say(tmp_path: Path) -> None:
    """Of none of them, in one process; it names the file."""
    files = []
    for name, script in scripts():
        files.append(tmp_path / f"{name}.sh")
        files[-1].write_text(script)
    checked = run(SCRIPTS / "shellcheck", "--exclude", "SC1091", *files, cwd=tmp_path)  # a file of Python's venv
    assert checked.returncode == 0, checked.stdout


def test_no_expression_is_put_into_a_script() -> None:
    """The one way by which an input becomes code."""
    assert [name for name, script in scripts() if "${{" in script] == []
    assert len(list(scripts())) >= 10


def test_secrets_are_no_inputs() -> None:
    inputs = load(ACTION)["inputs"]
    assert not [name for name in inputs if any(word in name for word in ("key", "secret", "token", "password", "dsn"))]
    for job in load(WORKFLOW)["jobs"].values():
        assert "secrets." not in json.dumps([step.get("with") for step in job["steps"]])


def test_the_workflow_names_inputs_and_outputs_that_there_are() -> None:
    action = load(ACTION)
    steps = [step for job in load(WORKFLOW)["jobs"].values() for step in job["steps"]]
    ours = [step for step in steps if step.get("uses") == DOCTOR]
    assert len(ours) == 3
    for step in ours:
        assert step["with"].keys() <= action["inputs"].keys()
    assert "steps.after.outputs.exit-status" in WORKFLOW.read_text()
    assert "exit-status" in action["outputs"]


def test_the_workflow_without_secrets_stops_before_the_deploy(tmp_path: Path, installed: Installed) -> None:
    """Run by act, installing included: 2, the reports are kept, and nothing is deployed."""
    act = Act(tmp_path / "act", installed.python(tmp_path / "python"))
    ran = act.run(WORKFLOW.read_text(), secrets={})
    assert ran.status != 0
    assert ran.conclusion("Install livekit-doctor") == "success", ran.log
    assert ran.conclusion("Would a call work?") == "failure", ran.log
    assert ran.conclusion("Does the agent come, each time?") is None
    assert ran.conclusion("Keep the reports") == "success", ran.log
    assert ran.conclusion("Deploy") is None
    assert "exit-status=2" in ran.log
    suite = JUnitXml.fromfile(str(ran.kept / "check.xml"))
    assert suite.errors + suite.failures > 0


def test_outputs_of_the_action_reach_the_workflow(installed: Installed) -> None:
    """Also those of a step that failed, and hostile text stays text on the whole way. Nothing was installed before."""
    ran = installed.ran
    assert ran.status == 0, ran.log
    assert ran.conclusion("Install livekit-doctor") == "success", ran.log
    seen = load_json(ran.kept / "seen.json")
    for name in ("one", "two"):
        assert seen[name]["outcome"] == "failure"
        outputs = seen[name]["outputs"]
        assert (outputs["exit-status"], outputs["ok"]) == ("2", "false")
    assert seen["one"]["outputs"]["json"].endswith("result.json")
    assert not list(installed.folder.rglob("HACKED*"))


# GitLab


def run_gitlab_job(name: str, folder: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    """As GitLab's runner: `before_script` and `script` one after the other in one shell, which ends at the
    first that fails."""
    document = load(GITLAB)
    job = {**document[document[name]["extends"]], **document[name]}
    lines = [*job["before_script"], *job["script"]]
    variables = {"CI_PROJECT_DIR": str(folder), "LIVEKIT_DOCTOR": str(ROOT)}
    return run("bash", "-c", "\n".join(["set -eo pipefail", *lines]), cwd=folder, env={**env, **variables})


@pytest.mark.parametrize(("job", "report"), [("check", "check"), ("probe", "probe"), ("probe-after", "after")])
def test_a_gitlab_job_without_variables(job: str, report: str, tmp_path: Path, installed: Installed) -> None:
    project = tmp_path / "project"
    project.mkdir()
    ran = run_gitlab_job(job, project, installed.python(tmp_path / "python"))
    assert ran.returncode == 2, ran.stderr
    assert "LKD002" in ran.stdout + ran.stderr
    suite = JUnitXml.fromfile(str(project / "reports" / f"{report}.xml"))
    assert suite.errors + suite.failures > 0
    assert load(GITLAB)[".livekit-doctor"]["artifacts"]["reports"]["junit"] == "reports/*.xml"


def test_gitlab_installs_as_the_action_does() -> None:
    """Which installs all that there is in the lock file, and is seen to: by pip with the same options."""

    def options(script: str) -> set[str]:
        install = script.replace("\\\n", " ").partition("pip install ")[2].partition("\n")[0]
        return {word.strip('"').replace('":all:"', ":all:") for word in install.partition("||")[0].split()}

    (step,) = (step for step in load(ACTION)["runs"]["steps"] if step["id"] == "install")
    for_people = {"--disable-pip-version-check", "--no-input"}
    ours = {word.replace("$GITHUB_ACTION_PATH", "$LIVEKIT_DOCTOR") for word in options(step["run"])} - for_people
    assert ours == options("\n".join(load(GITLAB)[".livekit-doctor"]["before_script"]))
    assert "--require-hashes" in ours


# Before a deploy


def predeploy(folder: Path, env: Mapping[str, str]) -> "subprocess.CompletedProcess[str]":
    return run(PREDEPLOY, "touch", "deployed", cwd=folder, env={"PATH": path_with(SCRIPTS), **env})


def test_without_credentials_nothing_is_deployed(tmp_path: Path) -> None:
    ran = predeploy(tmp_path, {})
    assert ran.returncode == 2, ran.stderr
    assert "mend this pipeline's settings" in ran.stderr
    assert not (tmp_path / "deployed").exists()
    assert (tmp_path / "reports" / "check.xml").is_file()


def answering(folder: Path, *statuses: int) -> dict[str, str]:
    """A livekit-doctor on PATH that ends with these statuses, one a run, for what the script makes of them."""
    commands = folder / "bin"
    commands.mkdir()
    (folder / "statuses").write_text("".join(f"{status}\n" for status in statuses))
    tool = commands / "livekit-doctor"
    tool.write_text('#!/bin/sh\nstatus=$(head -n 1 statuses)\nsed -i 1d statuses\necho "$@" >> asked\nexit "$status"\n')
    tool.chmod(0o755)
    return {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PAUSE": "0"}


@pytest.mark.parametrize(
    ("statuses", "status", "said", "asked"),
    [
        ((0, 0), 0, "", ["check", "probe"]),
        ((1,), 1, "a call would not work", ["check"]),
        ((0, 1), 1, "probe says", ["check", "probe"]),
        ((2,), 2, "settings or secrets", ["check"]),
        ((0, 3, 3, 0), 0, "try 2 of 3", ["check", "probe", "probe", "probe"]),
        ((0, 3, 1), 1, "probe says", ["check", "probe", "probe"]),
        ((3, 3, 3), 3, "in 3 tries", ["check", "check", "check"]),
        ((70,), 70, "status 70", ["check"]),
    ],
)
def test_what_is_made_of_each_status(
    statuses: tuple[int, ...], status: int, said: str, asked: list[str], tmp_path: Path
) -> None:
    ran = run(PREDEPLOY, "touch", "deployed", cwd=tmp_path, env=answering(tmp_path, *statuses))
    assert ran.returncode == status, ran.stderr
    assert said in ran.stderr
    assert (tmp_path / "deployed").exists() == (status == 0)
    assert [line.split()[0] for line in (tmp_path / "asked").read_text().splitlines()] == asked


def test_the_deploys_status_is_the_scripts(tmp_path: Path) -> None:
    ran = run(PREDEPLOY, "sh", "-c", "exit 7", cwd=tmp_path, env=answering(tmp_path, 0, 0))
    assert ran.returncode == 7
    assert run(PREDEPLOY, cwd=tmp_path).returncode == 2
