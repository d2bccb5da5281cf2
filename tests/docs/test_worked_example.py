"""The worked example of adding-a-check.md, done to the letter in a copy of the package."""

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
BLOCK = re.compile(r'^```(\w+) title="([^"]+)"\n(.*?)^```$', re.MULTILINE | re.DOTALL)
PATIENCE = 600


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the package with every file and change of the page."""
    folder = tmp_path_factory.mktemp("project")
    shutil.copytree(ROOT / "livekit_doctor", folder / "livekit_doctor")
    shutil.copytree(ROOT / "tools", folder / "tools")
    shutil.copy(ROOT / "pyproject.toml", folder)
    if (ROOT / ".mypy_cache").is_dir():  # what has not changed is not checked again
        shutil.copytree(ROOT / ".mypy_cache", folder / ".mypy_cache")
    page = (ROOT / "docs" / "adding-a-check.md").read_text(encoding="utf-8")
    blocks = BLOCK.findall(page)
    assert [language for language, _, _ in blocks] == ["yaml", "python", "diff", "python"]
    for language, name, text in blocks:
        if language == "diff":
            apply(text, folder)
        else:
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            (folder / name).write_text(text)
    assert "`make catalogue`" in page
    ran = run(folder, "tools.catalogue")
    assert ran.returncode == 0, ran.stderr
    return folder


def apply(change: str, folder: Path) -> None:
    ran = subprocess.run(
        ["git", "apply", "-"], cwd=folder, input=change, capture_output=True, text=True, timeout=PATIENCE
    )
    assert ran.returncode == 0, ran.stderr


def run(project: Path, *arguments: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "PYTHONPATH": str(project)}
    return subprocess.run(
        [sys.executable, "-m", *arguments],
        cwd=project,
        env=environment,
        capture_output=True,
        text=True,
        timeout=PATIENCE,
    )


def test_its_test_passes(project: Path) -> None:
    ran = run(project, "pytest", "-q", "-p", "no:cacheprovider", "tests/diagnosis/test_trunk_logins.py")
    assert ran.returncode == 0, ran.stdout[-3000:]
    assert "3 passed" in ran.stdout


def test_its_code_is_explained(project: Path) -> None:
    ran = run(project, "livekit_doctor", "explain", "outbound-trunk-without-login")
    assert ran.stdout.startswith("LKD299  outbound-trunk-without-login\n")


def test_its_check_can_be_asked_for(project: Path) -> None:
    ran = run(project, "livekit_doctor", "check", "--only", "sip_trunks.login", "--url", "wss://mine.livekit.cloud")
    assert "sip_trunks.login" in ran.stdout
    assert "no check or category" not in ran.stderr


def test_it_is_clean(project: Path) -> None:
    for tool in (["ruff", "check", "."], ["ruff", "format", "--check", "."], ["mypy"]):
        ran = run(project, *tool)
        assert ran.returncode == 0, ran.stdout
