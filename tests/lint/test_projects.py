"""What is said of small projects, to the line."""

from pathlib import Path

import pytest

from livekit_doctor.flow import Confidence
from livekit_doctor.lint.result import Linted
from livekit_doctor.operations.lint import lint
from livekit_doctor.settings import Settings
from tests.lint.followed import FOLLOWED
from tests.lint.projects import PROJECTS, Expected, written

INCIDENTS = Path(__file__).parent / "incidents"


def found(linted: Linted, folder: Path, *, possible: bool) -> Expected:
    told = set()
    for one in linted.findings:
        if (one.finding.confidence is Confidence.POSSIBLE) == possible:
            path = Path(one.place.path).resolve().relative_to(folder.resolve())
            told.add((str(path), one.place.line, one.finding.code))
    return told


ALL = PROJECTS | FOLLOWED


@pytest.mark.parametrize("name", ALL)
def test_a_project(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Seen from its own folder, where its paths are relative, and from far away, where they are absolute."""
    project, far = tmp_path / "project", tmp_path / "far/away/from/it"
    sure, possible = written(ALL[name], project)
    far.mkdir(parents=True)
    for here in (project, far):
        monkeypatch.chdir(here)
        linted = lint([project], Settings())
        assert found(linted, project, possible=False) == sure
        assert found(linted, project, possible=True) >= possible
        assert not linted.skipped


def test_the_incidents() -> None:
    """In one run: each is judged by its own worker and caller."""
    linted = lint([INCIDENTS], Settings())
    assert found(linted, INCIDENTS, possible=False) == {
        ("1-explicit-dispatch/agent.py", 8, "LKD701"),
        ("2-request-fnc/agent.py", 18, "LKD401"),
        ("3-room-prefix/agent.py", 14, "LKD401"),
    }
    callers = {(Path(place.path).parent.name, place.line) for one in linted.findings for place in one.related}
    assert callers == {("2-request-fnc", 8), ("3-room-prefix", 8)}
    (explained,) = linted.explained
    assert "1-explicit-dispatch/outbound.ts:12" in explained
    assert "nothing in this code explains an agent that does not join" in explained
