"""The table of docs/matrix.md: what the tool said of each fault that the lab produced, by evidence.

It is made of the kept bundles: `python -m tests.bundles.matrix > docs/matrix.md`.
"""

from livekit_doctor import catalogue
from tests.bundles.keeping import Expected, kept
from tests.lab.test_lab_faults import FAULTS, Fault

EVIDENCE = {
    "api": "API alone, live",
    "followed": "API alone, `--wait`",
    "logs": "API and logs, live",
    "database": "rows alone, room closed",
    "all": "rows and logs, room closed",
    "after": "logs alone, room closed",
}

ELSEWHERE = {
    "LKD001": "tests/config, tests/lab/test_lab_errors.py",
    "LKD002": "tests/lab/test_lab_errors.py",
    "LKD003": "tests/lab/test_lab_errors.py: refused, DNS, TLS, other protocol, silence",
    "LKD004": "tests/lab/test_lab_errors.py, test_lab_fixes.py: key, secret, expired, grant",
    "LKD005": "tests/lab/test_lab_errors.py: a clock that is wrong",
    "LKD006": "no self-hosted server has quotas; tests/experiments/test_placed_call.py plays LiveKit Cloud",
    "LKD106": "tests/lab/test_lab_fixes.py",
    "LKD107": "tests/lab/test_lab_fixes.py: a proxy that swallows the job requests",
    "LKD201": "tests/lab/test_lab_sip.py, tests/experiments/test_placed_call.py (recording)",
    "LKD202": "tests/lab/test_lab_sip.py",
    "LKD204": "tests/experiments/test_placed_call.py (recordings of livekit-sip 1.11.0)",
    "LKD206": "tests/experiments/test_placed_call.py (recordings); by the API above as ringing_then_gone",
    "LKD207": "tests/lab/test_lab_sip.py",
    "LKD208": "tests/experiments/test_placed_call.py, in the words of livekit-sip (its source: no registry has it)",
    "LKD209": "tests/experiments/test_placed_call.py; as LKD208",
    "LKD210": "tests/experiments/test_placed_call.py; as LKD208",
    "LKD301": "tests/lab/test_lab_sip.py",
    "LKD303": "tests/lab/test_lab_sip.py",
    "LKD304": "tests/lab/test_lab_sip.py",
    "LKD305": "tests/lab/test_lab_sip.py",
    "LKD411": "livekit-server 1.13.5 lists a job as it was when a worker took it, whatever the worker reports later "
    "(measured, and its source); tests/diagnosis/test_component_logs.py",
    "LKD414": "tests/experiments/test_placed_call.py: listed under the refusal that it follows from",
    "LKD502": "tests/diagnosis/test_component_logs.py, with lines of the lab's server",
    "LKD601": "tests/lab/test_lab_errors.py",
    "LKD602": "tests/lab/test_lab_errors.py: each way a table, a role or a file cannot be read",
    "LKD603": "tests/lab/test_lab_incidents.py",
    "LKD604": "tests/lab/test_lab_healthy.py",
    "LKD605": "tests/lab/test_lab_check.py",
    "LKD606": "tests/lint/projects.py",
    "LKD701": "tests/diagnosis/test_component_logs.py",
    **{f"LKD70{number}": "tests/lint/projects.py" for number in range(2, 9)},
}
"""Where the codes are shown that no scenario of the table has for its fault."""


def render() -> str:
    """The page, as Markdown."""
    bundles = {name: expected for name, (_, expected) in kept().items()}
    lines = [
        "# Every fault, by evidence",
        "",
        "Made by the tests (`python -m tests.bundles.matrix`) from a run on real components: livekit-server, real",
        "workers, Postgres. The fault is what was done; the cells are what `trace` said. No scenario yields",
        "another fault's exact code above `possible`. Each cell is a bundle in `tests/bundles/`.",
        "",
        "| fault | it is | " + " | ".join(EVIDENCE.values()) + " |",
        "|---|---|" + "---|" * len(EVIDENCE),
    ]
    for fault in FAULTS:
        cells = [_cell(bundles.get(f"{fault.name}-{look}")) for look in EVIDENCE]
        if any(cells):
            lines.append(f"| {fault.name.replace('_', ' ')} | {_truth(fault)} | " + " | ".join(cells) + " |")
    lines += ["", "## Codes that no scenario above has for its fault", "", "| code | where it is shown |", "|---|---|"]
    shown = {code for fault in FAULTS for code in fault.truth}
    broad = {code for code in catalogue.codes() if catalogue.get(code).broad}
    for code in catalogue.codes():
        if code not in shown | broad:
            lines.append(f"| {code} {catalogue.get(code).name} | {ELSEWHERE[code]} |")
    return "\n".join(lines) + "\n"


def _truth(fault: Fault) -> str:
    return ", ".join(sorted(fault.truth))


def _cell(expected: Expected | None) -> str:
    if expected is None:
        return ""
    return "; ".join(f"{code} {confidence}" for _, code, confidence in expected.broken) or expected.verdict


if __name__ == "__main__":
    print(render(), end="")
