"""A component's log as somebody gives it: one file or one a node, cut, filtered, by a clock of its own."""

import random
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta

from msgspec import structs

from livekit_doctor.evidence.observations import Component, LogFile, LogLine, Observation, Read
from tests.diagnosis.factories import AHEAD, at
from tests.diagnosis.world.life import Life, Pick
from tests.diagnosis.world.lines import Line, Node
from tests.diagnosis.world.neighbours import neighbours
from tests.diagnosis.world.traces_server_log import server_lines, server_noise
from tests.diagnosis.world.traces_sip_log import sip_lines
from tests.diagnosis.world.traces_worker_log import worker_lines, worker_noise

RANK = {"debug": 0, "info": 1, "warn": 2, "error": 3, "fatal": 4}


@dataclass(frozen=True, slots=True)
class Given:
    """How the log was given. `until` is when it was copied, `ahead` what its clock is ahead of LiveKit's."""

    log: Component
    until: float
    starts: float = float("-inf")
    ends: float = float("inf")
    level: str = "info"
    ahead: float = 0.0
    zoned: bool = True
    nodes: frozenset[Node] = frozenset({"api", "room", "worker"})
    """Of a cluster: what the node whose log it is does for this call."""
    busy: bool = True
    """Others write into it all the time, so that it spans until it was copied."""
    noise: bool = True
    beside: bool = False
    """Other calls of the same agent are in it."""
    pasted: float = 0.0
    """Which share of its lines a person picked; 0: it is a whole log."""
    name: str = ""
    pod: int = 0
    """Of which of the team's two workers."""

    @property
    def told(self) -> str:
        words: list[str] = [self.log]
        words += [f"from {self.starts:.1f}"] if self.starts > -1e9 else []
        words += [f"to {self.ends:.1f}"] if self.ends < 1e9 else []
        words += [f"level {self.level}"] if self.level != "info" else []
        words += [f"clock {self.ahead:+.1f}"] if self.ahead else []
        words += ["no zone"] if not self.zoned else []
        words += ["node " + "+".join(sorted(self.nodes))] if len(self.nodes) < 3 else []
        words += ["second pod"] if self.pod else []
        words += ["quiet"] if not self.busy else []
        words += ["beside"] if self.beside else []
        words += [f"pasted {self.pasted:.0%}"] if self.pasted else []
        return " ".join(words)


def read_log(life: Life, given: Given, pick: Pick) -> list[Observation]:
    """The lines that the tool keeps of it, and the fact of the file."""
    written = sorted(_written(life, given), key=lambda line: line.at)
    there = [line for line in written if _is_in(line, given)]
    if given.pasted:
        there = [line for line in there if line.own and pick.random() < given.pasted]
    name = given.name or f"{given.log}.log"
    source = f"evidence {name}" if given.pasted else f"{given.log}_log {name}"
    read = Read(source=source, at=at(given.until) + AHEAD)
    lines: list[Observation] = [_log_line(line, number, name, read, given) for number, line in enumerate(there, 1)]
    if given.pasted:
        return lines
    first, last = _span(life, given, there, pick)
    shift = _shift(given)
    if first is None or last is None:
        return [LogFile(read=read, log=given.log, name=name, formats=("JSON",), zoned=given.zoned)]
    whole = LogFile(read=read, log=given.log, name=name, formats=("JSON",), zoned=given.zoned)
    return [*lines, structs.replace(whole, first_at=at(first) + shift, last_at=at(last) + shift)]


def _written(life: Life, given: Given) -> Iterator[Line]:
    if given.log == "worker":
        yield from worker_lines(life, given.pod)
    else:
        yield from {"server": server_lines, "sip": sip_lines}[given.log](life)
    if given.noise and given.log == "server":
        yield from server_noise(life)
    elif given.noise and given.log == "worker" and life.worker:
        yield from worker_noise(life, random.Random(life.seed).uniform(0, 40), given.pod)
    if given.beside:
        yield from neighbours(life, given.log)


def _is_in(line: Line, given: Given) -> bool:
    here = given.starts <= line.at <= min(given.ends, given.until)
    return here and line.node in given.nodes and RANK[line.level] >= RANK[given.level]


def _shift(given: Given) -> timedelta:
    return timedelta(seconds=given.ahead)


def _log_line(line: Line, number: int, name: str, read: Read, given: Given) -> LogLine:
    return LogLine(
        read=read,
        log=given.log,
        file=name,
        number=number * 7,
        at=at(line.at) + _shift(given),
        zoned=given.zoned,
        level=line.level,
        logger=line.logger,
        message=line.message,
        fields=line.fields,
        traceback=line.traceback,
        by_id=line.own,
    )


def _span(life: Life, given: Given, there: Iterable[Line], pick: Pick) -> tuple[float, float] | tuple[None, None]:
    """From its first line to its last, of whichever call: a quiet log ends with what it said last."""
    times = [line.at for line in there]
    if given.busy:
        began = max(given.starts, min([-600.0, *times]))
        ended = min(given.ends, given.until) - pick.uniform(0, 2)
        return (began, max([ended, *times])) if ended > began else (None, None)
    return (min(times), max(times)) if times else (None, None)
