"""LKD104: a program of the team's own says which LiveKit it calls, and the worker is registered with another."""

import json

import pytest

from livekit_doctor.settings import LiveKit, Settings
from tests.diagnosis.factories import codes
from tests.evidence.pasted.samples import pasted, reading

CALLED = "wss://acme-prod-q8d3mf.livekit.cloud"
STAGING = "wss://acme-staging-7h2k1x.livekit.cloud"
DISPATCH = "AD_b4TxQv8LnW6k"
NAMED = f"INFO:caller:using LIVEKIT_URL={CALLED}"
CALL = (
    "INFO:caller:created room renew-5150 RM_x3VnLq6TwK9h",
    f"INFO:caller:create_dispatch agent_name=renew room=renew-5150 -> {DISPATCH}",
    f"INFO:caller:15s later: list_dispatch renew-5150: {DISPATCH} jobs=[]",
)
ON_CLOUD = f"INFO:caller:create_room url={CALLED} room=renew-5150"


def judged(*lines: str, registered: str = STAGING, settings: Settings | None = None) -> list[str]:
    fields = json.dumps({"agent_name": "renew", "id": "AW_k9WqTz4XnL7c", "url": registered})
    worker = f"INFO:livekit.agents:registered worker {fields}"
    diagnosis = pasted("\n".join((worker, *lines, *CALL)), settings=settings)
    assert all(item.confidence in ("likely", "possible") for item in diagnosis.broken)
    return codes(diagnosis)


@pytest.mark.parametrize(
    "line",
    [
        NAMED,
        ON_CLOUD,
        f"LIVEKIT_URL={CALLED}",
        f'export LIVEKIT_URL="{CALLED}"',
        f"INFO:caller:LiveKit URL: {CALLED}",
        json.dumps({"level": "info", "msg": "started", "livekitUrl": CALLED}),
        "INFO:caller:using LIVEKIT_URL=https://livekit.example.com:7443",
    ],
)
def test_the_worker_is_registered_elsewhere(line: str) -> None:
    assert judged(line) == ["LKD104"]


@pytest.mark.parametrize(
    "lines",
    [
        pytest.param((), id="nothing names one"),
        pytest.param((f"INFO:caller:using LIVEKIT_URL={STAGING}",), id="the worker's"),
        pytest.param(
            (f"INFO:caller:using LIVEKIT_URL={STAGING.replace('wss', 'https')}",), id="the worker's, of https"
        ),
        pytest.param((NAMED, f"INFO:dashboard:using LIVEKIT_URL={STAGING}"), id="two are named"),
        pytest.param((f"[pod/renew-agent-6c9f] LIVEKIT_URL={CALLED}",), id="a line of the worker's"),
        pytest.param(("INFO:caller:stt url=wss://api.example.com/v1 room=renew-5150",), id="of something else"),
    ],
)
def test_no_other_server_is_known(lines: tuple[str, ...]) -> None:
    assert judged(*lines) == ["LKD402"]


def test_a_job_that_a_worker_has_is_not_missed() -> None:
    received = 'INFO:livekit.agents:received job request {"job_id": "AJ_zT5mVq9LwK3c", "room": "renew-5150"}'
    assert "LKD104" not in judged(NAMED, received)


def test_what_was_pasted_may_be_of_another_server_than_the_configured_one() -> None:
    settings = Settings(livekit=LiveKit(url=STAGING))
    assert judged(settings=settings) == ["LKD402"]
    assert judged(NAMED, settings=settings) == ["LKD104"]


def test_the_line_counts_as_recognised() -> None:
    (coverage,) = reading(f"{NAMED}\n{CALL[0]}").coverage
    assert (coverage.recognised["LIVEKIT_URL"], coverage.not_recognised) == (1, 0)
    (alone,) = reading(NAMED).coverage
    assert (alone.status, alone.recognised) == ("empty", {})
