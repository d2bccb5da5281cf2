"""What the modules share that place many calls at once, from several threads."""

import os
import secrets
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future
from typing import Any, TypeVar

from tests.lab.doctor import Ran
from tests.lab.names import Names
from tests.lab.support import PATIENCE

Value = TypeVar("Value")


def random_names() -> Callable[[str], Names]:
    """Returns the module's source of names, for one purpose each."""
    seed = os.environ.get("LIVEKIT_DOCTOR_LAB_SEED") or secrets.token_hex(4)
    print(f"LIVEKIT_DOCTOR_LAB_SEED={seed}")
    return lambda purpose: Names(f"{seed} {purpose}")


def every(seconds: float, condition: Callable[[], Value | None], what: str, timeout: float = PATIENCE) -> Value:
    """`until` for many threads on a small machine: asks again only after so many seconds."""
    deadline = time.monotonic() + timeout
    while not (value := condition()):
        assert time.monotonic() < deadline, f"{what}: still {value!r} after {timeout:g} s"
        time.sleep(seconds)
    return value


class Running:
    """A command that runs in the background."""

    def __init__(self, command: Callable[..., Ran], *arguments: str, **options: Any) -> None:
        self._ran: Future[Ran] = Future()
        threading.Thread(target=self._run, args=(command, arguments, options), daemon=True).start()

    def result(self, timeout: float = PATIENCE) -> Ran:
        return self._ran.result(timeout)

    def _run(self, command: Callable[..., Ran], arguments: tuple[str, ...], options: dict[str, Any]) -> None:
        try:
            self._ran.set_result(command(*arguments, **options))
        except BaseException as error:
            self._ran.set_exception(error)
