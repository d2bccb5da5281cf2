"""python -m bench.core: how long the pure core takes for a call with 1,000 observations."""

import statistics
import time

from bench.figures import verdict
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Evidence, Observation
from tests.diagnosis import factories as f

RUNS = 50
TARGET = 5.0
"""Milliseconds."""


def observations() -> list[Observation]:
    """A call that is followed for minutes: looks, rows, and the lines of two components."""
    inside = (f.dispatch(0, f.job()), f.agent(1, f.audio()), f.phone())
    found: list[Observation] = [item for second in range(200) for item in f.look(second, *inside)]
    found += [f.row(second, "note", order=second) for second in range(100)]
    found += [f.log_file("server"), f.log_file("worker")]
    found += [f.server_line(second, "participant active", participant="sip_1") for second in range(150)]
    found += [f.worker_line(second, "received job request") for second in range(148)]
    return found


def main() -> None:
    evidence: Evidence = f.evidence(300, observations())
    assert len(evidence.observations) == 1_000
    seconds = []
    for _ in range(RUNS):
        began = time.perf_counter()
        diagnose(evidence, f.SETTINGS, Subject(call_id=f.CALL, room=f.ROOM))
        seconds.append(time.perf_counter() - began)
    verdict("core, 1,000 observations", statistics.median(seconds) * 1_000, TARGET, "ms")


if __name__ == "__main__":
    main()
