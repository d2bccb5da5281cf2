"""The judgement, which is the same for every fault and every command."""

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.documents import validator
from tests.faults.declared import Command, Fault
from tests.faults.scene import Met

START = 3.0
"""Seconds that a command may take beyond its waiting: for its start, and the database's, on a busy machine."""
CHECKS = {"livekit": "connection.reachable", "postgres": "call_logs.readable", "worker": "worker.endpoint"}
SOURCES = {"livekit": "livekit_api", "postgres": "call_logs", "worker": "worker_endpoint"}


@dataclass(frozen=True)
class Judged:
    """What is wrong with how a command met a fault (nothing, mostly), and the figures for the table."""

    met: Met
    bound: float
    wrong: tuple[str, ...]
    named: bool
    others: bool | None
    """Whether the other sources were used; None where the command has none."""
    said: str


def judge(met: Met) -> Judged:
    documents = list(_documents(met.ran.stdout))
    bound = bound_of(met.fault, met.command)
    codes = (met.fault.code,) if met.fault.code else met.fault.any_code
    said = [part for code in codes for part in _said(documents, code)]
    lacking = _lacking(met, said)
    others = _others(met, documents)
    wrong = [
        *_output(met, documents),
        *lacking,
        *(["other evidence was not used"] if others is False else []),
        *([f"{met.took:.1f} s, over {bound:g} s"] if met.took > bound else []),
        *(["a phone was rung"] if met.rang and not _may_ring(met.fault) else []),
        *[f"left behind, and not said: {name}" for name in met.left if name not in met.ran.stdout + met.ran.stderr],
    ]
    if met.fault.process is None and met.ran.status != (expected := met.fault.expected(met.command.name)):
        wrong.append(f"status {met.ran.status}, not {expected}")
    if met.fault.process is not None and met.ran.status not in ((1, 3) if met.command.name == "trace" else (0, 1, 3)):
        wrong.append(f"status {met.ran.status}")
    return Judged(met, bound, tuple(wrong), not lacking, others, _first_message(said))


def _may_ring(fault: Fault) -> bool:
    return fault.rings or fault.process is not None or fault.place != "livekit" or not fault.code


def bound_of(fault: Fault, command: Command) -> float:
    """Seconds: as many waits as the command may do in a row, or what it is told, whichever is less."""
    return min(command.steps * max(fault.timeout, command.least), command.at_most) + START


def _documents(text: str) -> Iterator[dict[str, Any]]:
    try:
        yield json.loads(text)
        return
    except ValueError:
        pass
    for line in text.splitlines():
        try:
            yield json.loads(line)
        except ValueError:
            yield {}


def _output(met: Met, documents: list[dict[str, Any]]) -> Iterator[str]:
    text = met.ran.stdout + met.ran.stderr
    for word in ("Traceback", "internal error", "Warning:"):
        if word in text:
            yield f"{word!r} in the output"
    if any(secret in text for secret in met.secrets) or "eyJ" in text:
        yield "a secret in the output"
    if not documents or not all(documents):
        yield "no valid JSON"
        return
    for document in documents:
        if "schema" in document and (errors := list(validator(document["schema"]).iter_errors(document))):
            yield f"not by its schema: {errors[0].message[:100]}"


def _said(documents: list[dict[str, Any]], code: str) -> Iterator[dict[str, Any]]:
    """Every part of the documents that has the code. What `init` could not find has none."""
    for part in _parts(documents):
        if part.get("code") == code:
            yield part
        elif "label" in part and part.get("status") not in ("ok", None):
            yield {"message": part.get("text")}


def _lacking(met: Met, said: list[dict[str, Any]]) -> list[str]:
    fault = met.fault
    if fault.process is not None:
        ends_well = met.ran.status == fault.expected(met.command.name)
        return [] if said or ends_well else [f"none of {', '.join(fault.any_code)} is said: {met.ran.stdout[:300]}"]
    if not fault.code:
        return []
    if not said:
        return [f"{fault.code} is not said: {(met.ran.stderr or met.ran.stdout)[:300]}"]
    text = " ".join(_texts(said))
    fixes = " ".join(str(part.get("fix")) for part in said if part.get("fix"))
    lacking = [f"{word!r} is not said, but {_first_message(said)!r}" for word in fault.says if word not in text]
    if fault.fix and fault.fix not in fixes and fault.expected(met.command.name):
        lacking.append(f"{fault.fix!r} is not in the fix, but {fixes[:300]!r}")
    if "[Errno" in text:
        lacking.append(f"a raw errno: {_first_message(said)!r}")
    return lacking


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _texts(item)
    elif isinstance(value, list):
        for item in value:
            yield from _texts(item)


def _first_message(said: list[dict[str, Any]]) -> str:
    return next((str(part["message"]) for part in said if part.get("message")), "")


def _others(met: Met, documents: list[dict[str, Any]]) -> bool | None:
    """Whether what has no fault was read: of the checks, of the coverage. Where the fault is harmless, of all."""
    harmless = not met.fault.code and met.fault.process is None
    places = [place for place in CHECKS if place != met.fault.place or harmless]
    document = documents[-1] if documents else {}
    if met.command.name in ("check", "check --probe", "watch") and any("id" in part for part in _parts(documents)):
        passed = {part.get("id") for part in _parts(documents) if part.get("status") in ("passed", "warned")}
        return all(CHECKS[place] in passed for place in places)
    if met.command.name == "trace" and "coverage" in document:
        read = {entry["source"].split(" ")[0] for entry in document["coverage"] if entry["status"] == "read"}
        return all(SOURCES[place] in read for place in places)
    return None


def _parts(documents: list[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    waiting: list[Any] = list(documents)
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            yield part
            waiting.extend(part.values())
        elif isinstance(part, list):
            waiting.extend(part)
