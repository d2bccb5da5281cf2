"""The public API as another package sees it: mypy --strict reads this, and nothing runs it."""

import asyncio
from typing import Any, assert_type

from livekit_doctor import (
    Bundle,
    CheckResult,
    CheckRun,
    Confidence,
    ConfigError,
    Diagnosis,
    Finding,
    Settings,
    Step,
    Subject,
    TraceRun,
    UserError,
    Verdict,
    check,
    diagnose,
    load_bundle,
    load_settings,
    trace,
)


async def use() -> None:
    settings = load_settings("checks.yaml", environ={}, agent={"name": "My Agent"}, probe={"timeout": 30})
    assert_type(settings, Settings)
    run = await check(settings=settings, only="worker", skip=["call_logs"], timeout=30, progress=print)
    assert_type(run, CheckRun)
    assert_type(run.ok, bool)
    for result in run.results:
        assert_type(result, CheckResult)
        assert_type(run.fix(result), str)
        for finding in result.findings:
            assert_type(finding, Finding)
            assert_type(run.fix(finding), str)
    assert_type(run.to_dict(), dict[str, Any])

    traced = await trace("call-0001", room="call-1", settings=settings, wait=1.5, read_only=True)
    assert_type(traced, TraceRun)
    assert_type(traced.verdict, Verdict)
    assert_type(traced.diagnosis, Diagnosis)
    for broken in traced.diagnosis.broken:
        assert_type(broken.step, Step)
        assert_type(broken.confidence, Confidence)
        assert_type(traced.fix(broken), str)
    assert_type(diagnose(traced.evidence, settings, "call-0001"), Diagnosis)

    bundle = load_bundle("call.json.gz")
    assert_type(bundle, Bundle)
    assert_type(diagnose(bundle.evidence, bundle.settings, bundle.subject), Diagnosis)
    assert_type(diagnose(bundle.evidence, bundle.settings, Subject(room="call-1")), Diagnosis)


def main() -> int:
    try:
        asyncio.run(use())
    except ConfigError as error:
        return len(error.fix)
    except UserError as error:
        assert_type(error.code, str)
        return error.exit_status
    return 0


# What must not type-check; --strict also says where one of these is none.
load_settings(3)  # type: ignore[arg-type]
check("worker")  # type: ignore[arg-type, call-arg, unused-coroutine]
trace(call=1)  # type: ignore[arg-type, unused-coroutine]
load_settings().agent.name = "another"  # type: ignore[misc]
