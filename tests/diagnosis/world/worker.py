"""The team's worker: when it is registered, full or gone, so that each dispatch finds it as its outcome needs it."""

from tests.diagnosis.world.agent_outcomes import AGENT
from tests.diagnosis.world.life import NEVER, OWN_URL, Life, Pick, WorkerEvent, word

ALIAS = "wss://voice.example.com"
"""Another public name of the same server."""
ELSEWHERE = "wss://staging.example.com"


class Worker:
    """Made ready for one dispatch after the other."""

    def __init__(self, life: Life, pick: Pick) -> None:
        self.life, self.pick = life, pick
        self.id = self.state = ""
        self.url = ALIAS if pick.random() < 0.15 else OWN_URL

    def possible(self, outcome: str, *, first: bool) -> str:
        """The outcome, or one that this worker's state allows."""
        needs = AGENT[outcome].needs
        if AGENT[outcome].first and not first:
            return "hangs"
        if first or needs in ("worker", "full", "draining", "vanished", "other_name", "any"):
            return outcome
        there = self.state in ("registered", "full")
        if needs in ("none", "late"):
            return "vanished" if there else outcome
        return "hangs"

    def ready(self, needs: str, at: float, before: float) -> str:
        """The id of the worker that is registered at `at`; `before` is when the last dispatch was."""
        pick, first = self.pick, before == NEVER

        def ago(least: float, most: float) -> float:
            near = min(at - 0.01, max(before + 0.3, at - pick.uniform(0.02, 0.3)))
            return at - pick.uniform(least, most) if first else near

        if not self.state:
            began = min(-5.0, at - 30) - pick.choice([pick.uniform(2, 90), pick.uniform(90, 7000)])
            if needs in ("worker", "staging", "elsewhere") and pick.random() < 0.15:
                began = at - pick.uniform(2, 20)
            self._begin(needs, began, at)
        if needs in ("worker", "full", "draining", "vanished"):
            if self.state in ("none", "gone"):
                self._change("registered", ago(2, 20))
            elif self.state == "full" and needs != "full":
                self._change("free", ago(0.1, 1))
        if needs == "full" and self.state != "full":
            self._change("full", ago(0.1, 25))
        elif needs == "draining":
            self._change("draining", ago(0.5, 20))
        elif needs == "vanished":
            self._change("gone", ago(0.2, 25))
        elif needs == "late":
            self._change("registered", at + pick.uniform(0.6, 4))
        return self.id

    def afterwards(self, closes: float) -> None:
        """What becomes of it long after the call says nothing of the call."""
        if self.state not in ("registered", "full") or self.pick.random() > 0.2:
            return
        what = self.pick.choice(["lost", "full", "draining", "gone"])
        self._change(what, closes + self.pick.uniform(30, 4000))

    def _begin(self, needs: str, began: float, at: float) -> None:
        pick = self.pick
        match needs:
            case "none":
                self.state = "none"
                if pick.random() < 0.5:
                    self._change("registered", began - 4000)
                    self._change("gone", at - pick.uniform(70, 3000))
            case "late":
                self.state = "none"
            case "lost":
                if pick.random() < 0.5:
                    self._change("registered", began - 300)
                for tried in range(8):
                    self._change("lost", min(-75.0, at - 75) + tried * 25)
            case "elsewhere":
                self.url = ELSEWHERE
                self._change("registered", began)
            case "staging":
                self._change("registered", began, deployment="staging")
            case _:
                if pick.random() < 0.1:
                    self._change("lost", began - pick.uniform(2, 20))
                self._change("registered", began)
                if pick.random() < 0.2:
                    self._change("full", began + 0.5)
                    self._change("free", began + 1.2)

    def _change(self, what: str, at: float, *, deployment: str = "") -> None:
        if what == "registered" or not self.id:
            self.id = "AW_" + word(self.pick, 12)
            self.life.worker.append(WorkerEvent(at - 0.4, "starting", self.id, self.life.agent))
        event = WorkerEvent(at, what, self.id, self.life.agent, self.url, deployment)  # type: ignore[arg-type]
        self.life.worker.append(event)
        self.state = {"free": "registered"}.get(what, what)
