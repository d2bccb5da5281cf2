"""JSON documents with published schemas. Every document of a command has the same keys, an error's too."""

from __future__ import annotations

import json
from importlib import import_module
from typing import TYPE_CHECKING, Any

import msgspec

if TYPE_CHECKING:
    from livekit_doctor.render.report import Report


class JsonFormat:
    """Each kind of report has a module here, which is imported once it is needed.

    Characters that could steer a terminal are written as escapes; with `ascii_only` all beyond ASCII.
    """

    def __init__(self, *, ascii_only: bool = False) -> None:
        self._ascii_only = ascii_only

    def __call__(self, report: Report) -> str:
        return self._text(import_module(f"livekit_doctor.render.json.{report.kind}").render(report))

    def _text(self, value: dict[str, Any]) -> str:
        lines = self._encoded(value).decode().split("\n")
        return "\n".join(line if self._is_plain(line) else self._escaped(line) for line in lines) + "\n"

    def _escaped(self, line: str) -> str:
        return "".join(char if self._is_plain(char) else json.dumps(char)[1:-1] for char in line)

    def _encoded(self, value: dict[str, Any]) -> bytes:
        return msgspec.json.format(msgspec.json.encode(value), indent=2)

    def _is_plain(self, text: str) -> bool:
        return text.isprintable() and (text.isascii() or not self._ascii_only)
