"""Participants of the RTC SDK, in a process of their own: its native code may crash, the tests' process must not."""

import asyncio
import os
import threading
from collections.abc import Mapping
from functools import cache
from multiprocessing import get_context, parent_process
from multiprocessing.managers import BaseManager
from typing import Any, Protocol, cast

from tests.lab.support import BackgroundLoop


class Handset(Protocol):
    """A participant that is in a room; what it is asked runs in the handsets' process."""

    def participant_id(self) -> str: ...

    def set_attributes(self, attributes: Mapping[str, str]) -> None: ...

    def leave(self) -> None: ...


def join(url: str, token: str, track_name: str | None) -> Handset:
    """Joins the token's room, and publishes audio if a track is named."""
    with _starting:
        handsets = _process()
    try:
        return cast(Handset, handsets.Handset(url, token, track_name))
    except (EOFError, ConnectionError):
        with _starting:
            if _process() is handsets:
                _process.cache_clear()  # it has crashed: the phones to come shall not suffer for it
        raise


class _Handset:
    def __init__(self, url: str, token: str, track_name: str | None) -> None:
        self._room = _loop().run(_joined(url, token, track_name))

    def participant_id(self) -> str:
        return str(self._room.local_participant.sid)

    def set_attributes(self, attributes: dict[str, str]) -> None:
        _loop().run(self._room.local_participant.set_attributes(attributes))

    def leave(self) -> None:
        _loop().run(self._room.disconnect())


@cache
def _loop() -> BackgroundLoop:
    """One for all: what the SDK says of a room wakes each loop that has one."""
    return BackgroundLoop()


async def _joined(url: str, token: str, track_name: str | None) -> Any:
    from livekit import rtc

    from tests.lab.audio import publish_silence

    room = rtc.Room(asyncio.get_running_loop())
    await room.connect(url, token)
    if track_name:
        await publish_silence(room, track_name=track_name)
    return room


class _Handsets(BaseManager):
    Handset: Any


_Handsets.register("Handset", _Handset)
_starting = threading.Lock()


@cache
def _process() -> _Handsets:
    """One for each process of tests; it ends with that process."""
    handsets = _Handsets(ctx=get_context("spawn"))
    handsets.start(_prepare)
    return handsets


def _prepare() -> None:
    """Before the first handset: two that came first together would each make the SDK's only client,
    one would never hear that it has joined, and 15 s later the SDK would end the process.
    """
    from livekit.rtc._ffi_client import FfiClient

    from tests.lab import sdk_log

    sdk_log.leave_out()
    assert FfiClient.instance
    assert _loop()
    threading.Thread(target=_end_with_parent, daemon=True).start()


def _end_with_parent() -> None:
    parent = parent_process()
    assert parent
    parent.join()
    os._exit(0)
