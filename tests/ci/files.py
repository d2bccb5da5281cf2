"""The files that people copy into their pipelines, and the checkout as a runner has it."""

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).parents[2]
ACTION = ROOT / "action.yml"
WORKFLOW = ROOT / "examples" / "github-workflow.yml"
GITLAB = ROOT / "examples" / "gitlab-ci.yml"
PREDEPLOY = ROOT / "examples" / "predeploy.sh"


def load(file: Path) -> dict[str, Any]:
    """YAML; the key `on` of a workflow is read as True by it."""
    document: dict[str, Any] = yaml.safe_load(file.read_text("utf-8"))
    return document


def load_json(file: Path) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(file.read_text("utf-8"))
    return document


def checkout(folder: Path) -> Path:
    """What the action needs of this repository, without what is not committed."""
    shutil.copytree(ROOT / "livekit_doctor", folder / "livekit_doctor", ignore=shutil.ignore_patterns("__pycache__"))
    return around_the_package(folder)


def around_the_package(folder: Path) -> Path:
    """What the action itself reads of a checkout."""
    shutil.copytree(ROOT / "requirements", folder / "requirements")
    shutil.copy(ACTION, folder)
    return folder


def repository(folder: Path) -> Path:
    """A repository of a team, with nothing in it."""
    folder.mkdir(parents=True)
    who = ("-c", "user.name=a", "-c", "user.email=a@example.com")
    for arguments in (("init", "-q"), (*who, "commit", "-q", "--allow-empty", "-m", "first")):
        subprocess.run(["git", *arguments], cwd=folder, check=True)
    return folder
