"""check, trace and diagnose from Python, against the recorded server and kept bundles."""

import asyncio
import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor import (
    CheckRun,
    ConfigError,
    Settings,
    TraceRun,
    UserError,
    Verdict,
    check,
    diagnose,
    load_bundle,
    load_settings,
    trace,
)
from livekit_doctor.demo import recording
from livekit_doctor.demo.stage import Stage
from livekit_doctor.demo.story import CALL_LOGS

ROOT = Path(__file__).parents[2]
BUNDLES = sorted((ROOT / "tests" / "bundles").glob("*.json.gz"))


def checked(**options: Any) -> CheckRun:
    return asyncio.run(check(**options))


def traced(*call: str, **options: Any) -> TraceRun:
    return asyncio.run(trace(*call, **options))


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with Stage(recording.load()) as stage:
        yield stage


@pytest.fixture
def settings(stage: Stage) -> Settings:
    return load_settings(
        stage.folder / "checks.yaml",
        environ=stage.environment(),
        call_logs={"file": str(stage.folder / CALL_LOGS)},
    )


def test_the_example_says_what_the_commands_say(stage: Stage) -> None:
    arguments = ["--read-only", "--call-logs", CALL_LOGS, "--json", "results.json", "call-0001", "call-0004"]
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "predeploy.py"), *arguments],
        cwd=stage.folder,
        env=stage.environment(),
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stderr) == (1, "")
    assert "failed: room_presence.live LKD402" in ran.stdout
    assert "call-0001: broken\n  broke at job_assigned: LKD402, likely" in ran.stdout
    assert "call-0004: healthy" in ran.stdout
    assert "+15555550" not in ran.stdout
    documents = json.loads((stage.folder / "results.json").read_text("utf-8"))
    for document, command in zip(documents, (["check"], ["trace", "call-0001"], ["trace", "call-0004"]), strict=True):
        process = stage.start(*command, "--read-only", "--call-logs", CALL_LOGS, "--format", "json")
        printed = json.loads(process.communicate()[0])
        assert document.keys() == printed.keys()
        for key in ("schema", "exit_status", "server", "ok", "summary", "verdict", "call_id", "room"):
            assert document.get(key) == printed.get(key), key
        assert [(item["code"], item["fix"]) for item in document.get("broken", [])] == [
            (item["code"], item["fix"]) for item in printed.get("broken", [])
        ]


def test_the_example_says_what_is_wrong_with_the_configuration(tmp_path: Path, stage: Stage) -> None:
    (tmp_path / "checks.yaml").write_text("agent:\n  nmae: My Agent\n")
    ran = subprocess.run(
        [sys.executable, str(ROOT / "examples" / "predeploy.py")],
        cwd=tmp_path,
        env=stage.environment(),
        capture_output=True,
        text=True,
    )
    assert (ran.returncode, ran.stdout) == (2, "")
    assert "did you mean `name`?" in ran.stderr
    assert "Traceback" not in ran.stderr


def test_only_what_is_asked_for_is_checked(settings: Settings) -> None:
    said: list[str] = []
    run = checked(settings=settings, only="connection", read_only=True, progress=said.append)
    assert {result.category for result in run.results} == {"connection"}
    assert (run.ok, run.exit_status, run.problems, run.left_behind) == (True, 0, (), ())
    assert said


def test_strict_turns_a_warning_into_a_failure(settings: Settings) -> None:
    lax, strict = [
        checked(settings=settings, only=["call_logs.states"], read_only=True, strict=strict) for strict in (False, True)
    ]
    (warned,) = lax.problems
    assert (warned.status, lax.ok, strict.ok, strict.exit_status) == ("warned", True, False, 1)
    assert "flow:\n    states:" in lax.fix(warned) == lax.fix(warned.findings[0])


def test_a_server_that_is_not_there_is_a_result(settings: Settings) -> None:
    nowhere = load_settings(environ={}, livekit={"url": "ws://127.0.0.1:9", "api_key": "key", "api_secret": "x" * 32})
    run = checked(settings=nowhere, read_only=True, timeout=10)
    assert not run.ok
    assert "LKD003" in {result.code for result in run.problems}
    call = traced(room="call-1", settings=nowhere, read_only=True)
    assert (call.verdict, call.ok, call.exit_status) == (Verdict.UNKNOWN, False, 3)


def test_a_trace_that_is_saved_is_diagnosed_alike(settings: Settings, tmp_path: Path) -> None:
    run = traced("call-0001", settings=settings, read_only=True)
    assert (run.verdict, run.exit_status) == (Verdict.BROKEN, 1)
    assert "lk dispatch create --room" in run.fix(run.diagnosis.broken[0])
    assert diagnose(run.evidence, run.settings, run.subject) == run.diagnosis
    assert diagnose(run.evidence, run.settings, "call-0001") == run.diagnosis
    assert diagnose(run.evidence, run.settings, "call-0004") != run.diagnosis

    kept = tmp_path / "call.json.gz"
    run.save(kept)
    bundle = load_bundle(kept)
    again = diagnose(bundle.evidence, bundle.settings, bundle.subject)
    assert (again.verdict, again.broken[0].code) == (run.verdict, run.diagnosis.broken[0].code)
    with pytest.raises(UserError, match="exists already"):
        run.save(kept)
    run.save(kept, force=True)


@pytest.mark.parametrize("file", BUNDLES[::20], ids=lambda file: file.name.partition(".")[0])
def test_a_bundle_is_diagnosed_as_kept(file: Path) -> None:
    bundle = load_bundle(str(file))
    diagnosis = diagnose(bundle.evidence, bundle.settings, bundle.subject)
    expected = json.loads(file.with_name(file.name.replace(".json.gz", ".expected.json")).read_text())
    assert diagnosis.verdict.value == expected["verdict"]
    assert [[item.step, item.code, item.confidence] for item in diagnosis.broken] == expected["broken"]


def test_results_are_frozen_and_keep_secrets_to_themselves(settings: Settings, stage: Stage) -> None:
    run = traced("call-0001", settings=settings, read_only=True)
    secret = stage.environment()["LIVEKIT_API_SECRET"]
    assert secret not in repr(run) + repr(run.settings) + json.dumps(run.to_dict())
    with pytest.raises(AttributeError):
        run.diagnosis = run.diagnosis  # type: ignore[misc]
    with pytest.raises(AttributeError):
        run.diagnosis.verdict = Verdict.HEALTHY  # type: ignore[misc]


def test_numbers_are_masked_unless_they_are_asked_for(settings: Settings) -> None:
    run = checked(settings=settings, only="sip_trunks", read_only=True)
    number = "+15555550100"
    assert number not in json.dumps(run.to_dict())
    assert run.mask(f"from {number}") == "from +1********00"
    listed = checked(settings=settings, only="configuration", read_only=True).to_dict(show_numbers=True)
    assert listed["schema"] == "livekit-doctor/check/v1"


def test_settings_by_sections_rank_above_file_and_environment(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text("agent:\n  name: From File\n  others: [Second]\nprobe:\n  timeout: 7\n")
    settings = load_settings(
        tmp_path / "checks.yaml",
        environ={"LIVEKIT_URL": "wss://environment.example", "LIVEKIT_API_KEY": "key"},
        agent={"name": "From Python"},
        livekit={"url": "wss://python.example"},
    )
    assert (settings.agent.name, settings.agent.others, settings.probe.timeout) == ("From Python", ("Second",), 7)
    assert (settings.livekit.url, settings.livekit.api_key) == ("wss://python.example", "key")


@pytest.mark.parametrize(
    ("overrides", "says"),
    [
        ({"agnet": {"name": "x"}}, "load_settings(): agnet: "),
        ({"agent": {"nmae": "x"}}, "did you mean `name`?"),
        ({"probe": {"timeout": -1}}, "load_settings(): probe.timeout: "),
        ({"checks": {"worker.canray": "off"}}, "worker.canary"),
    ],
)
def test_a_wrong_override_is_named(tmp_path: Path, overrides: dict[str, object], says: str) -> None:
    (tmp_path / "checks.yaml").write_text("")
    with pytest.raises(ConfigError) as caught:
        load_settings(tmp_path / "checks.yaml", environ={}, **overrides)
    assert says in caught.value.message


def test_what_a_caller_can_get_wrong(settings: Settings) -> None:
    with pytest.raises(UserError, match='did you mean "worker"'):
        checked(settings=settings, only=["wroker"])
    with pytest.raises(UserError, match="which call"):
        traced(settings=settings)
    with pytest.raises(UserError, match="nothing to read"):
        traced("call-0001", settings=Settings())
    with pytest.raises(ValueError, match="above 0"):
        checked(settings=settings, timeout=0)
    with pytest.raises(UserError, match="no such file"):
        load_bundle("no-such-bundle.json")


def test_a_cancelled_check_ends(settings: Settings) -> None:
    async def cancelled() -> None:
        begun = asyncio.Event()
        task = asyncio.create_task(check(settings=settings, read_only=True, progress=lambda _: begun.set()))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asyncio.wait_for(task, 20)

    asyncio.run(cancelled())
