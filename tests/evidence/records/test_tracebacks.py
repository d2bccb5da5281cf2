"""What was raised, by a traceback as it was logged."""

import pytest

from livekit_doctor.evidence.records.tracebacks import raised, trimmed
from tests.evidence.pasted.samples import reading

HEAD = "Traceback (most recent call last):"
LIBRARY = '  File "/app/.venv/lib/python3.12/site-packages/livekit/agents/worker.py", line 1438, in _job_request_task\n'
OWN = '  File "/app/agent.py", line 21, in entrypoint\n    phone = meta["phone"]\n'


@pytest.mark.parametrize(
    "last",
    [
        "KeyError: 'phone'",
        "livekit.agents.utils.aio.duplex_unix.DuplexClosed",
        "livekit.agents.job.AssignmentTimeoutError",
        "DuplexClosed",
        "asyncio.exceptions.CancelledError",
        "httpx.ConnectTimeout: timed out",
        "pydantic_core.ValidationError: 1 validation error for Call\nphone\n  Field required",
    ],
)
@pytest.mark.parametrize("frames", [OWN, LIBRARY, OWN + LIBRARY])
def test_what_was_raised(last: str, frames: str) -> None:
    text = (
        f"ERROR:livekit.agents:unhandled exception while running the job task\n{HEAD}\n{frames}{last.splitlines()[0]}"
    )
    found = reading(text)
    assert found.coverage[0].not_recognised == 0
    assert raised(trimmed(f"{HEAD}\n{frames}{last}")) == last.splitlines()[0]
    assert raised(found.observations[0].traceback) == last.splitlines()[0]  # type: ignore[union-attr]


def test_the_last_of_a_chain() -> None:
    first = f"{HEAD}\n{OWN}KeyError: 'phone'\n\n"
    chain = f"{first}During handling of the above exception, another exception occurred:\n\n{HEAD}\n{OWN}"
    assert raised(f"{chain}ValueError: no phone") == "ValueError: no phone"


@pytest.mark.parametrize("cut", [HEAD, f"{HEAD}\n{OWN}", f"{HEAD}\n  ... 4 frames of libraries"])
def test_a_traceback_that_was_cut_off_says_nothing(cut: str) -> None:
    assert raised(cut) == ""


def test_nodes_stack() -> None:
    assert (
        raised("Error: no phone\n    at entry (/app/agent.ts:8:9)\n    ... 3 frames of libraries") == "Error: no phone"
    )
