"""What the wheel is made of and brings along: the same each time, justified, under licences that were agreed to."""

import re
import shutil
import tomllib
from importlib import metadata
from pathlib import Path

import pytest
import yaml

from tools import release

ROOT = Path(__file__).parents[2]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]


def test_two_builds_of_the_wheel_are_the_same(tmp_path: Path) -> None:
    """From folders with other names, other modes and other times."""
    digests = set()
    for number, name in enumerate(("one", "another folder")):
        source = tmp_path / name
        source.mkdir()
        for part in ("livekit_doctor", "pyproject.toml", "README.md", "LICENSE"):
            copy = shutil.copytree if (ROOT / part).is_dir() else shutil.copyfile
            copy(ROOT / part, source / part)
        (source / "LICENSE").chmod(0o644 if number else 0o600)
        digests.add(release.digest(release.wheel(source, tmp_path / f"dist {number}", "1700000000")))
    assert len(digests) == 1


def test_each_direct_dependency_is_justified() -> None:
    page = (ROOT / "docs" / "dependencies.md").read_text()
    listed = dict(re.findall(r"^\| ((?!package)[a-z0-9-]+) \| ([^|]+) \| [^|]{30,} \|$", page, re.MULTILINE))
    extras = PROJECT["optional-dependencies"]
    asked = [*PROJECT["dependencies"], *extras["files"], *extras["spark"], *extras["mcp"]]
    assert list(listed) == [re.split(r"[\[<>=,]", requirement)[0] for requirement in asked]
    said = {name: licence.strip() for name, licence in listed.items()}
    assert said == {name: release.licence_of(name) for name in listed}


def test_licences_of_all_that_is_installed() -> None:
    found = {}
    for package in release.packages():
        try:
            found[package] = release.licence_of(package)
        except metadata.PackageNotFoundError:
            assert package in release._NOT_HERE, package
    assert len(found) > 25
    assert not {package: licence for package, licence in found.items() if release.refused(licence)}


@pytest.mark.parametrize(
    ("licence", "is_refused"),
    [("MIT", False), ("Apache-2.0 AND MIT", False), ("GPL-3.0-only", True), ("MIT AND GPL-3.0-only", True), ("", True)],
)
def test_a_licence_that_was_not_agreed_to(licence: str, is_refused: bool) -> None:
    assert release.refused(licence) is is_refused


def test_the_workflow_of_a_release() -> None:
    """Every action is pinned by its commit, no job may do more than it needs, and nothing comes without a hash."""
    workflow = yaml.safe_load((ROOT / ".github" / "workflows" / "release.yml").read_text())
    assert workflow["permissions"] == {"contents": "read"}
    steps = [step for job in workflow["jobs"].values() for step in job["steps"]]
    assert all(re.search(r"@[0-9a-f]{40}$", step["uses"]) for step in steps if "uses" in step)
    installs = [line for step in steps for line in step.get("run", "").splitlines() if "pip install" in line]
    assert installs
    assert all("--require-hashes" in line or "--no-deps" in line for line in installs)


def test_the_image_runs_without_rights() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    last = {line.split(" ")[0]: line for line in lines if line and not line.startswith(("#", " "))}
    assert last["USER"] == "USER 65532:65532"
    assert last["ENTRYPOINT"] == 'ENTRYPOINT ["/opt/livekit-doctor/bin/livekit-doctor"]'
    assert [line for line in lines if "pip install" in line or "--require-hashes" in line]
