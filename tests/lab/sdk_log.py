"""The RTC SDK's log: 2,000 lines a room, each parsed to be left out, which is half of what a participant costs."""

from typing import Any

from livekit.rtc import _ffi_client


def leave_out() -> None:
    """For this process, before its first room. What the SDK then warns of, nobody reads."""
    load = _ffi_client.get_ffi_lib

    def without_its_log() -> Any:
        library = load()
        initialize = library.livekit_ffi_initialize

        def quiet(callback: Any, _capture_logs: bool, *about: Any) -> None:
            initialize(callback, False, *about)

        library.livekit_ffi_initialize = quiet
        return library

    _ffi_client.get_ffi_lib = without_its_log
