"""Kills, stops and restarts the lab's processes around a command, and makes all well again."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING

from tests.faults.declared import Process
from tests.faults.proxy import Proxy

if TYPE_CHECKING:
    from tests.faults.scene import Scene

_MOMENTS: Mapping[str, str] = {
    "check": "/CreateRoom",
    "trace": "/ListParticipants",
    "agents": "/CreateRoom",
    "check --probe": "/CreateRoom",
    "test-call": "/CreateSIPParticipant",
}
"""The request at which it happens, while the command is under way; of Postgres it is its answer to the login."""


@contextmanager
def done(scene: "Scene", process: Process, command: str, proxy: Proxy) -> Iterator[None]:
    """While this is entered it happens, or has happened; afterwards all is as it was."""
    act = _act(scene, process)
    if process.during:
        proxy.when_asked = ("" if process.component == "postgres" else _MOMENTS[command], act)
    else:
        act()
    try:
        yield
    finally:
        proxy.when_asked = None
        if process.how == "freeze":
            _component(scene, process).process.thaw()
        else:
            scene.restore(process.component)


def _act(scene: "Scene", process: Process) -> Callable[[], None]:
    component = _component(scene, process)

    def kill() -> None:
        component.process.stop(grace=0)

    def restart() -> None:
        kill()
        scene.start(process.component)

    return {"kill": kill, "restart": restart, "freeze": lambda: component.process.freeze()}[process.how]


def _component(scene: "Scene", process: Process):  # type: ignore[no-untyped-def]
    return getattr(scene, process.component)
