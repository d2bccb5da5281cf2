"""Workers and the names that are dispatched: LKD401 and LKD102.

That there is no dispatch is said only where something places calls: a worker alone may be dispatched from anywhere.
"""

from collections.abc import Iterable, Iterator

from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.flow import Confidence
from livekit_doctor.lint.facts import Place, Worker
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged, Named


def agent_not_dispatched(judged: Judged) -> Iterator[Located]:
    """LKD401: calls are placed, the worker has a name, and nothing dispatches it.

    `possible` where a name that can't be followed may be it, where only a SIP dispatch rule or another language names
    it, and beside further workers, of which the calls may be.
    """
    for worker in judged.workers:
        if not is_named(worker):
            continue
        callers, named = judged.callers_of.get(worker, []), judged.dispatches_of.get(worker, [])
        if not callers or any(is_for(worker, one) for one in named if one.surely):
            continue
        if any(_may_be_meant(worker, one) for one in named):
            continue
        name = shown(worker)
        yield located(
            "LKD401",
            Confidence.LIKELY if _alone(judged, worker, named) else Confidence.POSSIBLE,
            worker.name_place,
            f"the worker runs as {name}, so it joins a room only where a dispatch names it; none does",
            *((place, "places a call, and dispatches no agent") for place in sorted(set(callers))[:5]),
            candidates=("LKD102",) if any(one.surely for one in named) else (),
            agent_name=worker.agent_name.text or "" if worker.agent_name else "",
        )


def agent_name_mismatch(judged: Judged) -> Iterator[Located]:
    """LKD102: a name is dispatched that no worker has.

    `likely` for a near miss of a worker's name; any other may be that of a worker whose source is elsewhere.
    """
    names = {worker.agent_name.text for worker in judged.workers if worker.agent_name}
    if not judged.workers:
        return
    for one in judged.dispatches:
        name = one.agent.text
        if not name or name in names:
            continue
        near = judged.in_reach(one.place)
        if any(worker.agent_name is not None and worker.agent_name.text is None for worker in near):
            continue
        missed = [(worker, how) for worker in near if (how := _missed(worker, name))]
        if not missed and not one.surely:
            continue
        yield _mismatch(judged, one, near, missed, name)


def _mismatch(
    judged: Judged, one: Named, near: tuple[Worker, ...], missed: list[tuple[Worker, str]], name: str
) -> Located:
    worker, how = missed[0] if missed else (near[0], "")
    certain = (
        bool(missed)
        and not judged.facts.unread
        and one.surely
        and one.agent.certain
        and bool(worker.agent_name and worker.agent_name.certain)
    )
    text = f'dispatches "{name}", and no worker here has this name'
    there = (
        f"runs as {shown(worker)}" if is_named(worker) else "runs without a name: only the automatic dispatch finds it"
    )
    further = [(worker.name_place, f"{there}{f', which differs in {how}' if how else ''}")]
    if one.written is not None and (one.written.path, one.written.line) != (one.place.path, one.place.line):
        further.append((one.written, "where the name is written"))
    return located(
        "LKD102",
        Confidence.LIKELY if certain else Confidence.POSSIBLE,
        one.place,
        text,
        *further,
        agent_name=(worker.agent_name.text or "") if worker.agent_name else "",
        other_name=name,
        kind="call",
    )


KEEPS_AWAY = frozenset({"LKD401", "LKD102", "LKD409", "LKD412", "LKD415", "LKD404", "LKD705", "LKD706"})
"""Codes of what keeps an agent from a call."""


def is_named(worker: Worker) -> bool:
    """Whether it has a name, known or not; one that the environment alone gives may be none."""
    name = worker.agent_name
    return name is not None and name.text != "" and bool(name.parts)


def shown(worker: Worker) -> str:
    name = worker.agent_name
    if name is None or not name.parts:
        return "no name"
    if name.text is None:
        return f"the name in {name.shown}"
    return f'"{name.text}"' + (f" (unless {name.assumed[0]} says otherwise)" if name.assumed else "")


def is_for(worker: Worker, one: Named) -> bool:
    """Whether the dispatch has exactly the worker's name, both by the same variable where one gives it."""
    name = worker.agent_name
    return name is not None and bool(name.parts) and name.parts == one.agent.parts


def explained(judged: Judged, findings: Iterable[Located]) -> Iterator[str]:
    """Of each worker that is dispatched under its name, with nothing found that keeps it away."""
    at_fault = {worker for one in findings if one.finding.code in KEEPS_AWAY for worker in judged.in_reach(one.place)}
    for worker in filter(is_named, judged.workers):
        if worker in at_fault:
            continue
        places = [one.place for one in judged.dispatches_of.get(worker, ()) if is_for(worker, one)]
        if places:
            yield (
                f"{shown(worker)} ({worker.name_place}) is dispatched by {min(places)}: nothing in this code explains "
                f"an agent that does not join. Whether its worker is registered, livekit-doctor check says"
            )


def unjudged(judged: Judged) -> Iterator[tuple[Place, str]]:
    """Workers of which it can't be said whether they are dispatched."""
    for worker in filter(is_named, judged.workers):
        if worker not in judged.callers_of and not any(
            is_for(worker, one) for one in judged.dispatches_of.get(worker, ())
        ):
            yield worker.name_place, f"nothing here places a call for {shown(worker)}: who dispatches it can't be seen"


def _may_be_meant(worker: Worker, one: Named) -> bool:
    """A name that is not known may be it; a near miss is LKD102."""
    name = worker.agent_name
    if name is None or name.text is None or one.agent.text is None:
        return True
    return is_for(worker, one) or bool(_missed(worker, one.agent.text))


def _missed(worker: Worker, name: str) -> str | None:
    own = worker.agent_name.text if worker.agent_name else None
    return near_miss(own, name) if own else None


def _alone(judged: Judged, worker: Worker, named: list[Named]) -> bool:
    """Whether nothing is dispatched at all, and the calls can be of no other worker."""
    name = worker.agent_name.text if worker.agent_name else None
    others = [one for one in judged.in_reach(worker.place) if one != worker]
    return (
        name is not None
        and not named
        and not judged.facts.unread
        and not any(told == name for told, _ in judged.facts.named_in)
        and not others
    )
