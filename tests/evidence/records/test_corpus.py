"""What was recognised once is not lost, whoever reads it and whatever stands around it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import Component, LogLine
from tests.each import each
from tests.evidence.pasted.samples import NOW, as_html, bulleted, in_chat, in_ticket, quoted, reading, smart
from tests.evidence.records.corpus import known, meaning, samples

SAMPLES, KNOWN = samples(), known()
LOGS = [
    name for name in SAMPLES if name.endswith((".jsonl", ".log")) and "webhooks" not in name and "/spans" not in name
]


def test_every_sample_has_its_meaning() -> None:
    assert SAMPLES.keys() == KNOWN.keys(), "python -m tests.evidence.records.corpus writes it"


@each("name", SAMPLES)
def test_meaning(name: str) -> None:
    assert meaning(SAMPLES[name]) == KNOWN[name]


def indented(text: str) -> str:
    return "\n".join(f"    {line}" for line in text.splitlines())


def tabbed(text: str) -> str:
    return "\n".join(f"\t{line}" for line in text.splitlines())


def numbered_by_chat(text: str) -> str:
    return "\n".join(f"[10:41] sam: {line}" for line in text.splitlines())


def wrapped(text: str) -> str:
    """As a terminal of 100 columns cuts it, without its tabs."""
    lines = text.expandtabs(8).splitlines()
    return "\n".join(line[start : start + 100] for line in lines for start in range(0, len(line) or 1, 100))


NOISE = (quoted, in_chat, in_ticket, as_html, bulleted, smart, indented, tabbed, numbered_by_chat)


@each("noise", NOISE, name=lambda noise: noise.__name__)
@each("name", ["data/livekit-server.jsonl", "data/livekit-server.log", "data/worker.jsonl", "data/worker.log"])
def test_what_stands_around_it_makes_no_difference(name: str, noise: Callable[[str], str]) -> None:
    assert said(reading(noise(SAMPLES[name]))) == said(reading(SAMPLES[name]))


@pytest.mark.parametrize("name", ["data/livekit-server.jsonl", "data/livekit-server.log", "data/worker.jsonl"])
def test_what_a_terminal_cut_is_put_together(name: str) -> None:
    assert said(reading(wrapped(SAMPLES[name]))) == said(reading(SAMPLES[name]))


def test_newest_first() -> None:
    lines = SAMPLES["data/worker.jsonl"].splitlines()
    assert said(reading("\n".join(reversed(lines)))) == said(reading("\n".join(lines)))


@pytest.mark.parametrize("name", LOGS)
def test_the_log_options_understand_as_much(name: str, tmp_path: Path) -> None:
    log: Component = "server" if "server" in name else "sip" if "sip" in name else "worker"
    path = tmp_path / "some.log"
    path.write_text(SAMPLES[name])
    found = read([LogSource(log, str(path))], Needles(rooms=("no-such-room",)), NOW)
    (coverage,) = found.coverage
    pasted = reading(SAMPLES[name]).coverage[0]
    assert sum(coverage.recognised.values()) >= sum(n for kind, n in pasted.recognised.items() if "line" in kind)
    assert (coverage.not_recognised or 0) <= (pasted.not_recognised or 0)


def said(found: Any) -> list[Any]:
    """What the lines say, without where they stand."""
    lines = [item for item in found.observations if isinstance(item, LogLine)]
    return [
        (line.log, line.at, line.level, line.logger, line.message, line.fields, line.traceback)
        for line in sorted(lines, key=lambda line: (str(line.at), line.message, str(sorted(line.fields.items()))))
    ]
