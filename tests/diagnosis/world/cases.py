"""What is observed of a life: which sources, at which moment, how much of each."""

import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import Coverage, Evidence, LogRow, Observation, Read
from tests.diagnosis.factories import AHEAD, READ, at
from tests.diagnosis.world.life import Life, Pick
from tests.diagnosis.world.lines import Node
from tests.diagnosis.world.logs import Given, read_log
from tests.diagnosis.world.traces_api import look
from tests.diagnosis.world.traces_pasted import pasted_errors, webhooks

SHARES = {"api": 0.5, "rows": 0.6, "server": 0.45, "worker": 0.45, "sip": 0.3, "webhooks": 0.1, "errors": 0.2}
"""How often each source is there."""


@dataclass(frozen=True, slots=True)
class Case:
    """`told` says in short what was observed."""

    id: str
    life: Life
    now: float
    evidence: Evidence
    subject: Subject
    told: tuple[str, ...]


def case_of(life: Life, number: int) -> Case:
    pick = random.Random(f"case {life.seed} {number}")
    now = _moment(life, pick)
    wanted = [source for source, share in SHARES.items() if pick.random() < share]
    if not set(wanted) - {"errors"}:
        wanted += pick.choices(["api", "rows", "server", "worker"], k=1)
    if now >= life.closes and wanted == ["api"]:
        wanted.append("rows")
    observations: list[Observation] = []
    coverage: list[Coverage] = []
    told: list[str] = []
    if "api" in wanted:
        looks, seen = _looks(life, now, pick)
        observations += looks
        coverage.append(Coverage(source="livekit_api", status="read"))
        told.append(f"api at {', '.join(f'{t:.1f}' for t in seen)}")
    if "rows" in wanted:
        rows, ahead = _rows(life, now, pick)
        observations += rows
        coverage.append(Coverage(source="call_logs", status="read" if rows else "empty"))
        told.append(f"{len(rows)} rows" + (f" (clocks {ahead})" if ahead else ""))
    for given in _logs(life, now, wanted, pick):
        found = read_log(life, given, pick)
        observations += found
        name = given.name or f"{given.log}.log"
        source = f"evidence {name}" if given.pasted else f"{given.log}_log {name}"
        coverage.append(Coverage(source=source, status="read" if found else "empty"))
        told.append(f"{given.told} ({len(found)})")
    read_at = at(now) + AHEAD
    if "webhooks" in wanted:
        observations += webhooks(life, now, read_at)
        told.append("webhooks")
    if "errors" in wanted and (errors := pasted_errors(life, now, read_at)):
        observations += errors
        told.append(f"{len(errors)} pasted errors")
    return Case(
        id=f"{life.seed}/{number}",
        life=life,
        now=now,
        evidence=Evidence(now=read_at, observations=tuple(observations), coverage=tuple(coverage)),
        subject=_subject(life, wanted, pick),
        told=tuple(told),
    )


def watched(life: Life, looks: Sequence[float], *, rows: bool) -> Case:
    """Looked at again and again, as --wait does; the last look is now. With the rows, by one clock, or without."""
    pick = random.Random(f"watched {life.seed}")
    found = [item for t in looks for item in look(life, t, pick)]
    found += _written(life, looks[-1], {}, named=True) if rows else []
    return Case(
        id=f"{life.seed} at {looks[-1]:.2f}",
        life=life,
        now=looks[-1],
        evidence=Evidence(now=at(looks[-1]) + AHEAD, observations=tuple(found), coverage=READ),
        subject=Subject(call_id=life.call_id, room=life.room),
        told=(f"looks from {looks[0]:.2f} on", "rows" if rows else "no rows"),
    )


def _subject(life: Life, wanted: Iterable[str], pick: Pick) -> Subject:
    room_known = set(wanted) & {"api", "server", "worker", "sip", "webhooks"} and pick.random() < 0.95
    room_known = room_known or "rows" not in wanted
    return Subject(call_id=life.call_id if "rows" in wanted else None, room=life.room if room_known else None)


def _moment(life: Life, pick: Pick) -> float:
    """During the call, mostly near to something that happens; just after it; long after it."""
    kind = pick.random()
    if kind < 0.45:
        times = [0.0, *(t for turn in life.turns for t in (turn.at, turn.active, turn.left, turn.decided))]
        times += [t for dial in life.dials for t in (dial.at, dial.ringing, dial.answered, dial.left)]
        near = pick.choice([t for t in times if t < life.closes])
        moment = near + pick.choice([pick.uniform(0.05, 1), pick.uniform(0.5, 8), pick.uniform(5, 25)])
        return min(moment, life.closes - 0.05)
    if kind < 0.6:
        return life.closes + pick.uniform(0.1, 10)
    return life.closes + pick.choice([pick.uniform(20, 120), pick.uniform(300, 4000), 3 * 86400.0])


def _looks(life: Life, now: float, pick: Pick) -> tuple[list[Observation], list[float]]:
    live = now < life.closes
    times = [now]
    if live and pick.random() < 0.6:
        step = pick.choice([pick.uniform(0.7, 2), pick.uniform(2, 15)])
        times += [now - step * n for n in range(1, pick.randint(2, 12))]
    elif not live and pick.random() < 0.35:
        times += [pick.uniform(0.1, life.closes) for _ in range(pick.randint(1, 3))]
    times = sorted(t for t in times if t >= 0)
    found: list[Observation] = []
    for t in times:
        failing = pick.choice(["participants", "dispatches"]) if pick.random() < 0.05 else ""
        found += look(life, t, pick, failing)
    return found, times


def _rows(life: Life, now: float, pick: Pick) -> tuple[list[Observation], str]:
    """The rows that are there, each by the clock of what wrote it."""
    ahead = {"edge": 0.0, "agent": 0.0, "crm": 0.0}
    if pick.random() < 0.25:
        ahead = {"edge": pick.uniform(0, 3), "agent": pick.uniform(-4, 8), "crm": 0.0}
    rows = _written(life, now, ahead, named=pick.random() < 0.5)
    return rows, ", ".join(f"{name} {by:+.1f}" for name, by in ahead.items() if by)


def _written(life: Life, now: float, ahead: Mapping[str, float], *, named: bool) -> list[Observation]:
    there = sorted((row.at + ahead.get(row.source, 0.0), row) for row in life.rows if row.at <= now)
    read = Read(source="call_logs", at=at(now) + AHEAD, clock_at=at(now))
    return [
        LogRow(
            read=read,
            call_id=life.call_id,
            at=at(when),
            source=row.source,
            state=row.state,
            metadata=row.metadata,
            room=life.room if named else "",
            order=order,
        )
        for order, (when, row) in enumerate(there)
    ]


def _logs(life: Life, now: float, wanted: Iterable[str], pick: Pick) -> Iterable[Given]:
    for log in ("server", "worker", "sip"):
        if log not in wanted or (life.cloud and log != "worker") or (log == "worker" and not life.worker):
            continue
        values: dict[str, object] = {"log": log, "until": now, "noise": pick.random() < 0.85}
        values["busy"] = log == "server" or pick.random() < 0.5
        middle = min(life.closes, now)
        if pick.random() < 0.12:
            values["starts"] = pick.uniform(-5, middle)
        if pick.random() < 0.12:
            values["ends"] = pick.choice([pick.uniform(-700, 0), pick.uniform(0, middle), pick.uniform(0, middle)])
        if log != "sip" and pick.random() < 0.1:
            values["level"] = "warn"
        if log != "server" and pick.random() < 0.25:
            values["ahead"] = pick.uniform(-6, 6)
        if log == "worker" and pick.random() < 0.05:
            values["zoned"], values["ahead"] = False, 3600.0 * pick.randint(-8, 8)
        values["beside"] = pick.random() < 0.3
        if pick.random() < 0.1:
            values["pasted"] = pick.choice([0.4, 0.7, 1.0])
        if log == "server" and pick.random() < 0.25:
            yield from _nodes(values, pick)
        elif log == "worker" and life.pod:
            for pod in random.Random(f"pods {life.seed} {now}").choice(((0,), (1,), (1,), (0, 1))):
                yield Given(**values, pod=pod, name=f"worker-{pod + 1}.log")  # type: ignore[arg-type]
        else:
            yield Given(**values)  # type: ignore[arg-type]


def _nodes(values: dict[str, object], pick: Pick) -> Iterable[Given]:
    """A cluster of two: mostly the log of one node is given."""
    roles: dict[int, set[Node]] = {1: set(), 2: set()}
    for role in ("api", "room", "worker"):
        roles[pick.randint(1, 2)].add(role)
    given = [1, 2] if pick.random() < 0.3 else [pick.randint(1, 2)]
    for node in given:
        yield Given(**values, nodes=frozenset(roles[node]), name=f"server-{node}.log")  # type: ignore[arg-type]
