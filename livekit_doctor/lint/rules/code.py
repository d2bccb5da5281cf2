"""The worker's own code: LKD701, LKD415, LKD404 and LKD702."""

from collections.abc import Iterator
from itertools import groupby

from livekit_doctor.flow import Confidence
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged


def async_prewarm(judged: Judged) -> Iterator[Located]:
    """LKD701 (design fact 3)."""
    for prewarm in judged.facts.prewarms:
        text = f"{prewarm.name} is an async def: it is called and never awaited, so not a line of it runs"
        yield located("LKD701", Confidence.PROVEN, prewarm.place, text, detail=str(prewarm.place))


def agent_never_connected(judged: Judged) -> Iterator[Located]:
    """LKD415: a way through the entrypoint that ends well, and neither connects, nor starts a session, nor ends the
    job."""
    yield from _forgotten(judged, "entrypoint", "LKD415", "never connects to the room, and starts no session", _ENDS)


_ENDS = "ends here without having connected to the room, started a session, or shut the job down"


def job_declined(judged: Judged) -> Iterator[Located]:
    """LKD404: what answers job requests may end without accepting: the job is then declined."""
    unanswered = "ends here without accept() or reject(): the job is declined"
    yield from _forgotten(judged, "request", "LKD404", "never accepts a job: every one is declined", unanswered)


def _forgotten(judged: Judged, kind: str, code: str, never: str, ends: str) -> Iterator[Located]:
    for handler in judged.facts.handlers:
        if handler.kind != kind:
            continue
        if handler.never:
            names = {worker.agent_name.text for worker in judged.in_reach(handler.place) if worker.agent_name}
            agent = next(iter(names)) if len(names) == 1 else None
            text = f"{handler.name} {never}"
            yield located(code, Confidence.LIKELY, handler.place, text, agent_name=agent or "")
            continue
        for place in handler.ends:
            yield located(code, Confidence.POSSIBLE, place, f"{handler.name} {ends}")


def blocking_call(judged: Judged) -> Iterator[Located]:
    """LKD702: the event loop stands still meanwhile, and with it the agent's audio."""
    for place, some in groupby(sorted(judged.facts.blocking, key=lambda one: one.place), key=lambda one: one.place):
        one = next(some)
        where = f"the async function {one.function}" if one.function else "an async function"
        where = f"in {one.through}, which {where} calls," if one.through else f"in {where}"
        sure = (Confidence.LIKELY if one.through else Confidence.PROVEN) if one.long else Confidence.POSSIBLE
        yield located("LKD702", sure, place, f"{one.call} {where} stops the event loop until it returns")
