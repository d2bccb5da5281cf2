"""python -m bench.core: the CPU time of the pure core, of a call with 1,000 observations and of 1,000 lines of logs,
which are made anew for each run."""

import statistics
import time

from bench.figures import verdict
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Evidence, Observation
from tests.diagnosis import factories as f

RUNS = 50
WORKERS = 250


def looks_and_rows() -> list[Observation]:
    """A call that is followed for minutes."""
    inside = (f.dispatch(0, f.job()), f.agent(1, f.audio()), f.phone())
    found: list[Observation] = [item for second in range(200) for item in f.look(second, *inside)]
    return found + [f.row(second, "note", order=second) for second in range(1_000 - len(found))]


def log_lines() -> list[Observation]:
    """The logs of a busy server and of one of its workers: each worker registers, and is full at the end."""
    found: list[Observation] = [f.log_file("server"), f.log_file("worker")]
    for number in range(WORKERS):
        found.append(
            f.server_line(
                number * 0.1, "worker registered", workerID=f"AW_{number:012}", agentName=f"agent {number % 7}"
            )
        )
    found += [f.server_line(30 + second, "participant active", participant="sip_1") for second in range(375)]
    found += [f.worker_line(30 + second, "received job request") for second in range(375)]
    return found


def main() -> None:
    for name, observations, target in (
        ("core, 1,000 observations of looks and rows", looks_and_rows, 5.0),
        (f"core, 1,000 log lines, {WORKERS} workers", log_lines, 8.0),
    ):
        seconds = []
        for _ in range(RUNS):
            evidence = Evidence(now=f.at(500) + f.AHEAD, observations=tuple(observations()), coverage=f.READ)
            began = time.process_time()
            diagnose(evidence, f.SETTINGS, Subject(call_id=f.CALL, room=f.ROOM))
            seconds.append(time.process_time() - began)
        verdict(name, statistics.median(seconds) * 1_000, target, "ms")


if __name__ == "__main__":
    main()
