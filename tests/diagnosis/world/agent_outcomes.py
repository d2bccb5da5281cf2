"""What can become of a dispatch (design facts 5 to 11, 30, 32 and 33), and the codes that are true of it."""

from collections.abc import Callable
from dataclasses import dataclass

from tests.diagnosis.world.life import Pick, Turn

ALLOWANCE = 15.0
"""Default `broken_after` of job_assigned and agent_connected; the lives keep the defaults."""


@dataclass(frozen=True, slots=True)
class AgentOutcome:
    """`code` is what one who knows all would say; `also` are exact codes that are as true of it, `near` those
    that are true as far as they go and leave the reason out: right as long as they are not said to be proven."""

    code: str
    happens: Callable[[Pick, Turn], None]
    also: tuple[str, ...] = ()
    near: tuple[str, ...] = ()
    again: bool = True
    """Whether the team may dispatch again after it."""
    weight: int = 2
    first: bool = False
    """It is of a team's first dispatch only."""
    needs: str = "worker"
    """The state of the worker at the dispatch: worker, none, vanished, late, full, draining, lost, elsewhere,
    other_name, staging, any."""


def _asked(pick: Pick, turn: Turn) -> None:
    turn.asked = turn.at + pick.uniform(0.05, 0.3)


def _assigned(pick: Pick, turn: Turn) -> None:
    _asked(pick, turn)
    turn.assigned = turn.asked + pick.uniform(0.001, 0.05)
    turn.listed = turn.assigned + pick.choice([0.3, pick.uniform(0.2, 7)])


def _ran(pick: Pick, turn: Turn) -> None:
    _assigned(pick, turn)
    turn.ran = turn.assigned + pick.choice([0.1, pick.uniform(0.05, 1)])


def _joins(pick: Pick, turn: Turn) -> None:
    _ran(pick, turn)
    turn.active = turn.ran + pick.choice([pick.uniform(0.2, 1), pick.uniform(0.2, 9), pick.uniform(8, 11.5)])
    turn.joined = turn.active - pick.uniform(0.05, 0.1)


def healthy(pick: Pick, turn: Turn) -> None:
    _joins(pick, turn)
    turn.audio = turn.active + pick.choice([pick.uniform(0.05, 0.3), pick.uniform(0.1, 4)])


def no_worker(pick: Pick, turn: Turn) -> None:
    """Lost for ever as it is made (design fact 7); the server says so later."""
    turn.decided, turn.said = turn.at, turn.at + pick.uniform(0.01, 5)


def no_answer(pick: Pick, turn: Turn) -> None:
    turn.decided, turn.said = turn.at, turn.at + pick.uniform(0.5, 1.5)


def refused_by_load(pick: Pick, turn: Turn) -> None:
    turn.decided, turn.said = turn.at, turn.at + pick.uniform(0.05, 0.4)


def declined(pick: Pick, turn: Turn) -> None:
    _asked(pick, turn)
    turn.said = turn.decided = turn.asked + pick.uniform(0.001, 0.02)


def rejected(pick: Pick, turn: Turn) -> None:
    _asked(pick, turn)
    turn.job_status = "JS_SUCCESS"
    turn.failed = turn.decided = turn.asked + 0.002
    turn.listed = turn.failed + pick.choice([0.3, pick.uniform(0.2, 7)])


def timed_out(pick: Pick, turn: Turn) -> None:
    if turn.outcome == "hangs":
        _asked(pick, turn)
    turn.said = turn.decided = turn.at + 3 + pick.uniform(0.05, 0.3)


def ends_itself(pick: Pick, turn: Turn) -> None:
    _ran(pick, turn)
    turn.failed = turn.decided = turn.ran + pick.choice([0.05, pick.uniform(0.05, 3)])


def blocks(pick: Pick, turn: Turn) -> None:
    """The entrypoint blocks its process's event loop until the worker kills it."""
    _ran(pick, turn)
    turn.failed = turn.ran + pick.uniform(20, 60)
    turn.decided = turn.at + ALLOWANCE


def never_connects(pick: Pick, turn: Turn) -> None:
    _ran(pick, turn)
    turn.decided = turn.at + ALLOWANCE


def no_media(pick: Pick, turn: Turn) -> None:
    _ran(pick, turn)
    turn.joined = turn.ran + pick.uniform(0.1, 1)
    turn.left = turn.joined + pick.uniform(15, 40)
    turn.left_reason = "SIGNAL_SOURCE_CLOSE"
    turn.decided = turn.at + ALLOWANCE


def no_process(pick: Pick, turn: Turn) -> None:
    _assigned(pick, turn)
    turn.failed = turn.decided = turn.assigned + pick.uniform(2, 8)


def leaves(pick: Pick, turn: Turn) -> None:
    """Of itself, or since it raised; how long the phone is alone then is for the end of the call. Until it has been
    that for a while, one that did not raise may as well be about to hang up."""
    healthy(pick, turn)
    turn.left = turn.audio + pick.choice([pick.uniform(0.1, 2), pick.uniform(2, 30)])
    turn.left_reason = "CLIENT_REQUEST_LEAVE"
    turn.decided = turn.left + (0 if turn.variant else 3)


def silent(pick: Pick, turn: Turn) -> None:
    """When it is known depends on the phone's answer."""
    healthy(pick, turn)
    turn.muted = turn.outcome == "muted"
    if not turn.muted:
        turn.audio = float("inf")


def deleted_at_once(pick: Pick, turn: Turn) -> None:
    turn.deleted = turn.decided = turn.at + pick.uniform(0.01, 0.04)


def deleted_later(pick: Pick, turn: Turn) -> None:
    healthy(pick, turn)
    turn.deleted = turn.audio + pick.uniform(2, 30)
    turn.left = turn.decided = turn.deleted + pick.uniform(0.5, 5)
    turn.left_reason = pick.choice(["CLIENT_REQUEST_LEAVE", "SERVICE_REQUEST_REMOVE_PARTICIPANT"])


def other_room(pick: Pick, turn: Turn) -> None:
    """The mistyped room was made by CreateDispatch, and the agent is there."""
    healthy(pick, turn)
    turn.decided = turn.at


def ignored(pick: Pick, turn: Turn) -> None:
    turn.decided = turn.at


def job_failed(pick: Pick, turn: Turn) -> None:
    _assigned(pick, turn)
    turn.job_status = "JS_FAILED"
    turn.failed = turn.decided = turn.assigned + pick.uniform(0.2, 2)


def queued(pick: Pick, turn: Turn) -> None:
    turn.job_status, turn.job_reason = pick.choice(["JS_PENDING", "JS_CANCELLED"]), "JSR_NO_CAPACITY"
    turn.listed = turn.at + pick.choice([0.3, pick.uniform(0.2, 7)])
    turn.decided, turn.said = turn.at, turn.at + pick.uniform(0.05, 0.4)


def stray(pick: Pick, turn: Turn) -> None:
    """A worker that is not the team's takes the job, and its agent does not come."""
    _assigned(pick, turn)
    turn.asked = float("inf")
    turn.decided = turn.at + ALLOWANCE


AGENT: dict[str, AgentOutcome] = {
    "healthy": AgentOutcome("", healthy, weight=0),
    "no_worker": AgentOutcome("LKD101", no_worker, needs="none", weight=4),
    "vanished": AgentOutcome("LKD101", no_answer, also=("LKD105",), needs="vanished"),
    "wrong_name": AgentOutcome("LKD102", no_worker, also=("LKD101",), needs="other_name"),
    "other_server": AgentOutcome("LKD104", no_worker, also=("LKD101",), needs="elsewhere", again=False),
    "not_connected": AgentOutcome("LKD105", no_worker, also=("LKD101",), needs="lost", again=False),
    "too_early": AgentOutcome("LKD109", no_worker, also=("LKD101",), needs="late"),
    "other_deployment": AgentOutcome("LKD110", no_answer, needs="staging", again=False),
    "full": AgentOutcome("LKD103", refused_by_load, needs="full", weight=4),
    "draining": AgentOutcome("LKD108", refused_by_load, also=("LKD103",), needs="draining", again=False),
    "declined": AgentOutcome("LKD404", declined),
    "rejected": AgentOutcome("LKD404", rejected),
    "hangs": AgentOutcome("LKD403", timed_out),
    "frozen": AgentOutcome("LKD403", timed_out),
    "raises": AgentOutcome("LKD405", ends_itself, weight=4),
    "crashes": AgentOutcome("LKD405", ends_itself),
    "returns": AgentOutcome("LKD415", ends_itself, also=("LKD405",)),
    "never_connects": AgentOutcome("LKD415", never_connects),
    "blocks": AgentOutcome("LKD415", blocks, also=("LKD405",), weight=1),
    "no_media": AgentOutcome("LKD416", no_media),
    "no_process": AgentOutcome("LKD417", no_process),
    "leaves": AgentOutcome("LKD407", leaves, weight=3),
    "silent": AgentOutcome("LKD408", silent, again=False, weight=3),
    "muted": AgentOutcome("LKD408", silent, again=False, weight=1),
    "deleted_at_once": AgentOutcome("LKD413", deleted_at_once, near=("LKD401",), first=True),
    "deleted_later": AgentOutcome("LKD413", deleted_later, also=("LKD407",)),
    "other_room": AgentOutcome("LKD409", other_room, near=("LKD401",), first=True),
    "agents_ignored": AgentOutcome("LKD412", ignored, near=("LKD401",), first=True, needs="worker"),
    "job_failed": AgentOutcome("LKD411", job_failed, also=("LKD405",), weight=1),
    "queued": AgentOutcome("LKD103", queued, needs="full", weight=1),
    "stray": AgentOutcome("LKD111", stray, near=("LKD415", "LKD405"), again=False, weight=1),
    "none": AgentOutcome("LKD401", ignored, again=False, needs="any", weight=3),
}
