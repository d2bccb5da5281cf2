"""What came of a run of `watch`, in the words of the console and of JSON."""

from collections.abc import Sequence

from livekit_doctor.checks.check import CheckResult
from livekit_doctor.operations.watch import Run
from livekit_doctor.render.json.check import STATUSES, summary


def outcome(run: Run) -> str:
    """`ok: 3 passed`, `not ok: ...`, as `check` has it."""
    if run.result is None:
        return "no result"
    return f"{'ok' if run.exit_status == 0 else 'not ok'}: {counts(run.result.results)}"


def told(run: Run) -> str:
    """The same, with what it does not say."""
    untested = run.result.not_tested if run.result else ""
    return f"{outcome(run)}; not tested: {untested}" if untested else outcome(run)


def counts(results: Sequence[CheckResult]) -> str:
    """`2 passed, 1 failed`."""
    found = summary(tuple(results))
    return ", ".join(f"{found[status]} {status}" for status in STATUSES if found[status])
