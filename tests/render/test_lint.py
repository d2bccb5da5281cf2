"""How what the source says is told: the console, annotations at their lines, and SARIF by its schema."""

import json
from pathlib import Path

from jsonschema import Draft4Validator

from livekit_doctor.flow import Confidence
from livekit_doctor.lint.facts import Place, Unfollowed
from livekit_doctor.lint.project import Skipped
from livekit_doctor.lint.result import Linted, exit_status, located
from livekit_doctor.render import github
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.masking import Mask
from livekit_doctor.render.report import LintReport
from tests.render.reports import CALLEE, printed, terminal

junit, sarif = load(FormatName.JUNIT), load(FormatName.SARIF)
SARIF = Draft4Validator(json.loads((Path(__file__).parent / "sarif-2.1.0-rtm.5.json").read_text()))
AGENT, CALL = Place("src/agent.py", 18, 93), Place("my calls/outbound.ts", 8, 9)


def linted() -> Linted:
    """A failure in two places, a warning, something that could not be followed, something passed over."""
    return Linted(
        paths=("src",),
        findings=(
            located(
                "LKD401",
                Confidence.LIKELY,
                AGENT,
                'the worker runs as "sales", so it joins a room only where a dispatch names it; none does',
                (CALL, "places a call, and dispatches no agent"),
                agent_name="sales",
            ),
            located("LKD708", Confidence.POSSIBLE, CALL, f'dials "{CALLEE}"'),
        ),
        files=12,
        parsed=2,
        ignored=1,
        tests=3,
        explained=('"support" (src/other.py:3:1) is dispatched by src/call.ts:4:2',),
        unfollowed=(Unfollowed(CALL, "retry(): more than 6 calls in each other"),),
        skipped=(Skipped("src/bundle.js", "minified: a line of more than 5000 characters"),),
        took=0.12,
    )


def report(told: Linted, *, strict: bool = False) -> LintReport:
    status = exit_status(told, strict=strict)
    return LintReport(told, Mask([CALLEE]), {}, status, strict, "configuration: no checks.yaml found, defaults")


REPORTS = {
    "found": lambda: report(linted()),
    "strict": lambda: report(linted(), strict=True),
    "nothing found": lambda: report(Linted(paths=("src",), findings=(), files=4, parsed=4)),
    "nothing read": lambda: report(Linted(paths=("docs",), findings=(), files=0, parsed=0)),
}


def test_console() -> None:
    from livekit_doctor.render.console import lint

    console = terminal(200)
    lint.render(REPORTS["found"](), console)
    told = printed(console)
    assert "XX  src/agent.py:18:93   LKD401 agent-not-dispatched   likely" in told
    assert "my calls/outbound.ts:8:9: places a call, and dispatches no agent" in told
    assert "src/bundle.js: passed over: minified" in told
    assert "not ok: 1 failed, 1 warned" in told
    assert CALLEE not in told
    assert "12 files, 2 of them parsed, in 0.1 s, 3 test files left out, 1 findings ignored by a comment" in told


def test_exit_statuses() -> None:
    assert {name: make().exit_status for name, make in REPORTS.items()} == {
        "found": 1,
        "strict": 1,
        "nothing found": 0,
        "nothing read": 3,
    }


def test_github_annotates_the_lines() -> None:
    told = github.render(REPORTS["found"]()).splitlines()
    annotations = [line for line in told if line.startswith(("::error", "::warning"))]
    assert annotations[0].startswith(
        "::error file=src/agent.py,line=18,col=93,title=LKD401 agent-not-dispatched (likely)"
    )
    assert annotations[1].startswith("::warning file=my calls/outbound.ts,line=8,col=9,title=LKD708")


def sarif_errors(text: str) -> list[str]:
    """What the schema says against it."""
    return [error.message for error in SARIF.iter_errors(json.loads(text))]


def test_sarif_keeps_to_its_schema() -> None:
    from tests.render.every_report import every_report

    for name, one in every_report().items():
        assert not sarif_errors(sarif(one)), name


def test_sarif_has_the_places() -> None:
    (run,) = json.loads(sarif(REPORTS["found"]()))["runs"]
    first, second = run["results"]
    assert (first["ruleId"], first["level"], second["level"]) == ("LKD401", "error", "warning")
    physical = first["locations"][0]["physicalLocation"]
    assert physical == {
        "artifactLocation": {"uri": "src/agent.py"},
        "region": {"startLine": 18, "startColumn": 93},
    }
    assert first["relatedLocations"][0]["physicalLocation"]["artifactLocation"]["uri"] == "my%20calls/outbound.ts"
    assert {rule["id"] for rule in run["tool"]["driver"]["rules"]} == {"LKD401", "LKD708"}


def test_junit_fails_where_the_exit_status_is_not_0() -> None:
    assert "<failure" in junit(REPORTS["found"]())
    assert "<failure" not in junit(REPORTS["nothing found"]())
