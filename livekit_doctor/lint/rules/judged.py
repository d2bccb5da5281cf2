"""What a rule is given."""

import os
from collections.abc import Callable, Iterator
from functools import cached_property

from msgspec import Struct

from livekit_doctor.lint.facts import AgentDispatch, Facts, Flow, Place, RoomCreation, SipParticipant, Worker
from livekit_doctor.lint.imports import upwards
from livekit_doctor.lint.result import Located
from livekit_doctor.lint.values import Hole, Value
from livekit_doctor.settings import Settings

VARIABLE = "LIVEKIT_AGENT_NAME"


class Named(Struct, frozen=True):
    """An agent's name where something dispatches it: CreateDispatch, `agents` of a room, a token, a rule, a script.

    `surely` is False where it may mean something else, or is for inbound calls only.
    """

    agent: Value
    place: Place
    surely: bool = True
    written: Place | None = None


class Judged(Struct, frozen=True, dict=True):
    """The facts, with what several rules ask of them, and the configuration.

    `configured` is the place of the keys of checks.yaml: None where there is no file.
    """

    facts: Facts
    settings: Settings
    configured: Callable[[str], Place | None] = lambda _: None

    @cached_property
    def workers(self) -> tuple[Worker, ...]:
        """Each with the name that it has by its code or, where that gives none, by its Dockerfile or manifest."""
        return tuple(map(self._named, self.facts.workers))

    def _named(self, worker: Worker) -> Worker:
        if worker.agent_name is not None:
            return worker
        there = [one for one in self.facts.environment if one.name == VARIABLE]
        if len({one.value for one in there}) == 1:
            name = Value((there[0].value,), (VARIABLE,))
            return Worker(worker.place, name, there[0].place, worker.drain_seconds)
        return worker

    @cached_property
    def dispatches(self) -> tuple[Named, ...]:
        """All names that something dispatches."""
        told: dict[Place, Named] = {}
        for flow in self.facts.flows:
            for event in flow.events:
                if isinstance(event, AgentDispatch):
                    told[event.place] = Named(event.agent, event.place, written=event.agent_place)
                elif isinstance(event, RoomCreation):
                    for agent in event.agents if event.agents is not None else (Value(()),):
                        told[event.place] = Named(agent, event.place)
        mentioned = (Named(one.agent, one.place, surely=False) for one in self.facts.mentions)
        return (*told.values(), *mentioned)

    @cached_property
    def callers(self) -> tuple[tuple[Flow, Place], ...]:
        """Flows that open a room or dial a phone and are not the agent's own, with where they do."""
        own = {worker.place.path for worker in self.facts.workers}
        told = []
        for flow in self.facts.flows:
            rooms = [event for event in flow.events if isinstance(event, RoomCreation)]
            phones = [event for event in flow.events if isinstance(event, SipParticipant) and not event.by_agent]
            if rooms or (phones and flow.place.path not in own):
                told.append((flow, (phones or rooms)[-1].place))
        return tuple(told)

    def in_reach(self, place: Place, name: Value | None = None) -> tuple[Worker, ...]:
        """The workers that belong to what is at a place: those in the nearest folder upwards that has any; of this
        `name`, where some are. So each of several projects side by side is judged by its own.
        """
        named = self._folders.get(name.parts) if name is not None else None
        folders = named or self._folders[None]
        return next((folders[one] for one in upwards(os.path.dirname(place.path)) if one in folders), ())

    @cached_property
    def _folders(self) -> dict[tuple[str | Hole, ...] | None, dict[str, tuple[Worker, ...]]]:
        """By name, None for all: the workers in each folder and below it."""
        found: dict[tuple[str | Hole, ...] | None, dict[str, list[Worker]]] = {None: {}}
        for worker in self.workers:
            names = {None, worker.agent_name.parts if worker.agent_name else None}
            for name in names:
                folders = found.setdefault(name, {})
                for folder in upwards(os.path.dirname(worker.place.path)):
                    folders.setdefault(folder, []).append(worker)
        return {name: {one: tuple(some) for one, some in folders.items()} for name, folders in found.items()}

    @cached_property
    def callers_of(self) -> dict[Worker, list[Place]]:
        """Where calls are placed, by the workers that they may be for."""
        found: dict[Worker, list[Place]] = {}
        for _, place in self.callers:
            for worker in self.in_reach(place):
                found.setdefault(worker, []).append(place)
        return found

    @cached_property
    def dispatches_of(self) -> dict[Worker, list[Named]]:
        """What is dispatched, by the workers that it may be."""
        found: dict[Worker, list[Named]] = {}
        for one in self.dispatches:
            for worker in self.in_reach(one.place, one.agent):
                found.setdefault(worker, []).append(one)
        return found


Rule = Callable[[Judged], Iterator[Located]]


def exclusive(one: tuple[tuple[int, frozenset[int]], ...], other: tuple[tuple[int, frozenset[int]], ...]) -> bool:
    """Whether two things are never both done: they are on different ways of one branch."""
    ways = dict(one)
    return any(branch in ways and not ways[branch] & arms for branch, arms in other)
