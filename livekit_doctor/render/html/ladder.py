"""The sequence diagram of a call: who speaks to whom, laid out for a wide page and for a narrow one. Pure.

LiveKit does not show who asked it to dispatch or to dial: these arrows start at the edge function.
"""

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from enum import StrEnum

from msgspec import Struct

from livekit_doctor.diagnosis.result import Diagnosis, StepResult
from livekit_doctor.flow import SPEC, Leg, Status, Step
from livekit_doctor.render.html.parts import MARKS, Shown, clock, offset
from livekit_doctor.render.words import LEGS


class Lane(StrEnum):
    EDGE = "edge function"
    LIVEKIT = "LiveKit"
    WORKER = "worker"
    TRUNK = "SIP trunk"
    PHONE = "phone"


_WORK = {
    Step.JOB_ASSIGNED: (Lane.LIVEKIT, Lane.WORKER),
    Step.ENTRYPOINT_CALLED: (Lane.WORKER, Lane.WORKER),
    Step.AGENT_CONNECTED: (Lane.WORKER, Lane.LIVEKIT),
    Step.AGENT_AUDIO: (Lane.WORKER, Lane.LIVEKIT),
}
_OUTBOUND: Mapping[Step, tuple[Lane, Lane]] = {
    **_WORK,
    Step.CALL_REQUESTED: (Lane.EDGE, Lane.EDGE),
    Step.ROOM_CREATED: (Lane.EDGE, Lane.LIVEKIT),
    Step.AGENT_DISPATCHED: (Lane.EDGE, Lane.LIVEKIT),
    Step.SIP_PARTICIPANT_CREATED: (Lane.EDGE, Lane.LIVEKIT),
    Step.SIP_DIALING: (Lane.LIVEKIT, Lane.TRUNK),
    Step.SIP_RINGING: (Lane.TRUNK, Lane.PHONE),
    Step.SIP_ANSWERED: (Lane.PHONE, Lane.LIVEKIT),
    Step.CALL_ENDED: (Lane.LIVEKIT, Lane.LIVEKIT),
}
_INBOUND: Mapping[Step, tuple[Lane, Lane]] = {
    **_WORK,
    Step.CALL_REQUESTED: (Lane.PHONE, Lane.TRUNK),
    Step.ROOM_CREATED: (Lane.TRUNK, Lane.LIVEKIT),
    Step.AGENT_DISPATCHED: (Lane.LIVEKIT, Lane.LIVEKIT),
    Step.SIP_PARTICIPANT_CREATED: (Lane.TRUNK, Lane.LIVEKIT),
    Step.SIP_DIALING: (Lane.TRUNK, Lane.LIVEKIT),
    Step.SIP_RINGING: (Lane.LIVEKIT, Lane.PHONE),
    Step.SIP_ANSWERED: (Lane.LIVEKIT, Lane.PHONE),
    Step.CALL_ENDED: (Lane.LIVEKIT, Lane.LIVEKIT),
}


class Geometry(Struct, frozen=True):
    """Lengths in the diagram's own units. On the narrow one labels and times stand above their arrows."""

    name: str
    first: int
    """Where the first lane is."""
    apart: int
    """From lane to lane."""
    right: int
    row: int
    faint: int
    """Height of a row that has not happened."""
    narrow: bool = False

    def lane(self, number: int) -> int:
        return self.first + number * self.apart


WIDE = Geometry("wide", first=236, apart=158, right=78, row=46, faint=34)
NARROW = Geometry("narrow", first=34, apart=71, right=34, row=54, faint=46, narrow=True)
_HEAD, _BAND = 34, 30


class Rung(Struct, frozen=True):
    """One step. It is drawn from `start` to `end`, which are the same for what concerns one lane."""

    step: Step
    status: Status
    shown: Shown
    title: str
    time: str
    after: str
    code: str
    """Of what broke here; else empty."""
    top: int
    height: int
    line: int
    """Where its line is, downwards."""
    start: int
    end: int

    @property
    def sign(self) -> int:
        return 1 if self.end >= self.start else -1

    @property
    def middle(self) -> int:
        return (self.start + self.end) // 2


class Band(Struct, frozen=True):
    """The heading of a leg."""

    title: str
    top: int


class Ladder(Struct, frozen=True):
    geometry: Geometry
    width: int
    height: int
    lanes: tuple[tuple[Lane, int], ...]
    bands: tuple[Band, ...]
    rungs: tuple[Rung, ...]

    @property
    def description(self) -> str:
        """The diagram in sentences."""
        return ". ".join(
            f"{rung.title}: {rung.shown.word}"
            + (f" at {rung.time}" if rung.time else "")
            + (f", {rung.code}" if rung.code else "")
            for rung in self.rungs
        )


def groups(diagnosis: Diagnosis) -> tuple[tuple[str, tuple[StepResult, ...]], ...]:
    """The steps as they are shown: how the call began, its two legs, how it ended."""
    of = {leg: [step for step in diagnosis.steps if step.leg is leg] for leg in Leg}
    call = [step for step in of[Leg.CALL] if step.status is not Status.UNKNOWN]
    ended = [step for step in call if step.step is Step.CALL_ENDED]
    begun = [step for step in call if step.step is not Step.CALL_ENDED]
    told = ((Leg.CALL, begun), (Leg.AGENT, of[Leg.AGENT]), (Leg.PHONE, of[Leg.PHONE]), (Leg.CALL, ended))
    return tuple((LEGS[leg], tuple(steps)) for leg, steps in told if steps)


def start_of(diagnosis: Diagnosis) -> datetime | None:
    """What times are counted from."""
    return min((step.at for step in diagnosis.steps if step.at), default=None)


def ladder(diagnosis: Diagnosis, geometry: Geometry) -> Ladder:
    """The diagram of the call, laid out so."""
    arrows = _INBOUND if diagnosis.inbound else _OUTBOUND
    lanes = [lane for lane in Lane if not (diagnosis.inbound and lane is Lane.EDGE)]
    places = {lane: geometry.lane(number) for number, lane in enumerate(lanes)}
    bands, rungs = list[Band](), list[Rung]()
    top = _HEAD
    for title, steps in groups(diagnosis):
        bands.append(Band(title, top))
        top += _BAND
        for rung in _rungs(steps, diagnosis, geometry, arrows, places, top):
            rungs.append(rung)
            top = rung.top + rung.height
    return Ladder(
        geometry=geometry,
        width=max(places.values()) + geometry.right,
        height=top + 10,
        lanes=tuple(places.items()),
        bands=tuple(bands),
        rungs=tuple(rungs),
    )


def _rungs(
    steps: Sequence[StepResult],
    diagnosis: Diagnosis,
    geometry: Geometry,
    arrows: Mapping[Step, tuple[Lane, Lane]],
    places: Mapping[Lane, int],
    top: int,
) -> Iterator[Rung]:
    codes = {item.step: item.code for item in diagnosis.broken}
    start = start_of(diagnosis)
    for result in steps:
        happened = result.status in (Status.OK, Status.BROKEN)
        height = geometry.row if happened else geometry.faint
        begin, end = (places[lane] for lane in arrows[result.step])
        yield Rung(
            step=result.step,
            status=result.status,
            shown=MARKS[result.status.value],
            title=SPEC[result.step].title,
            time=clock(result.at),
            after=offset(result.at, start),
            code=codes.get(result.step, "") if result.status is Status.BROKEN else "",
            top=top,
            height=height,
            line=top + height - (14 if happened else 10),
            start=begin,
            end=end,
        )
        top += height
