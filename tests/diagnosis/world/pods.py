"""A second pod of the agent's worker, with a log of its own: often the one log that somebody gives is of the pod that
had nothing to do with the call, or only with its first job."""

from itertools import pairwise

from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.life import OWN_URL, Life, Pick, WorkerChange, WorkerEvent, word
from tests.diagnosis.world.worker import ELSEWHERE

REFUSED = "401, message='Invalid response status', url='ws://10.0.0.5:7880/agent'"
"""Of a pod that was deployed with another key."""


def second_pod(life: Life, pick: Pick) -> None:
    """One call in four is of such a team. What the other pod does changes nothing of the call, but that it may be the
    one that takes a job."""
    if not life.turns or pick.random() > 0.25:
        return
    first, last = life.turns[0].at, life.turns[-1].at
    needs = {AGENT[turn.outcome].needs for turn in life.turns}
    fates = ["lost", "refused", "gone", "elsewhere"]
    if needs <= {"worker"}:
        fates += ["there", "there", "there", "full", "draining", "late"]
    fate = pick.choice(fates)
    pod = "AW_" + word(pick, 12)

    def happens(at: float, what: WorkerChange, url: str = OWN_URL, error: str = "") -> None:
        life.pod.append(WorkerEvent(at, what, pod, life.agent, url, error=error))

    began = last + pick.uniform(0.5, 20) if fate == "late" else min(-5.0, first - 30) - pick.uniform(2, 7000)
    happens(began - 0.4, "starting")
    if fate in ("lost", "refused"):
        since = first - pick.uniform(5, 60)
        for tried in range(12):
            happens(since + tried * 10, "lost", error=REFUSED if fate == "refused" else "")
        return
    happens(began, "registered", ELSEWHERE if fate == "elsewhere" else OWN_URL)
    if fate in ("full", "draining", "gone"):
        happens(first - pick.uniform(0.5, 25), fate)
    if fate == "there":
        for turn in life.turns:
            if pick.random() < 0.5:
                turn.pod, turn.worker_id = 1, pod


def restart(life: Life, pick: Pick) -> None:
    """LiveKit Cloud restarts a failed job in the same dispatch (design fact 33), and has no server log to read."""
    for before, turn in pairwise(life.turns):
        fits = before.outcome in _RESTARTED and before.room == turn.room and before.name == turn.name
        if fits and pick.random() < 0.3:
            turn.id, turn.restarted, life.cloud = before.id, True, True
    if not life.cloud:
        return
    for event in (*life.worker, *life.pod):
        event.url = CLOUD_URL if event.url == OWN_URL else event.url


CLOUD_URL = "wss://acme-x1.livekit.cloud"
_RESTARTED = ("crashes", "no_process", "job_failed")
