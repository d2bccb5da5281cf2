"""Faults of the processes themselves: killed, stopped in their tracks, or restarted, before a command and during it."""

from typing import Literal

from tests.faults.declared import Fault, Process

_COMPONENTS: dict[Literal["livekit", "redis", "postgres", "worker"], tuple[str, ...]] = {
    "livekit": ("check", "trace", "agents", "check --probe", "test-call"),
    "redis": ("check", "trace", "agents", "check --probe", "test-call"),
    "postgres": ("trace", "recent", "triage"),
    "worker": ("trace", "agents", "check --probe", "test-call"),
}
"""The commands that meet each; agents is `probe` with the team's own agent."""

_PLACES: dict[str, Literal["livekit", "postgres", "worker"]] = {"redis": "livekit"}
_NAMES = {"livekit": "livekit-server", "redis": "Redis", "postgres": "Postgres", "worker": "the worker"}
_DONE = {"kill": "killed", "freeze": "stopped (SIGSTOP)", "restart": "restarted"}
_CODES = {
    # What may be said of it. Of a moment in the middle of a command more than one thing is true.
    "livekit": ("LKD003", "LKD107", "LKD203", "LKD101", "LKD402"),  # a worker comes back later than its server
    "redis": ("LKD003", "LKD107", "LKD203", "LKD101", "LKD402"),
    "postgres": ("LKD602",),
    "worker": ("LKD101", "LKD106", "LKD402", "LKD403", "LKD406", "LKD411", "LKD417", "LKD102"),
}
TIMEOUT = 3.0

FAULTS: tuple[Fault, ...] = tuple(
    Fault(
        name=f"{_NAMES[component]} {done} {'during it' if during else 'before'}",
        place=_PLACES.get(component, component),  # type: ignore[arg-type]
        process=Process(component, how, during),
        any_code=_CODES[component],
        timeout=TIMEOUT,
        commands=commands,
    )
    for component, commands in _COMPONENTS.items()
    for how, done in _DONE.items()
    for during in (False, True)
)
