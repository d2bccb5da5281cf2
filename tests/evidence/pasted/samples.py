"""What people paste: real lines, bodies and errors, and the chats and tickets around them.

data/ is what a real livekit-server 1.13.5, a real worker of livekit-agents 1.8.9 and its webhooks and API
said of calls in the lab (tests/lab/record_pasted.py): a healthy one, and one each whose agent name no worker
has, whose request_fnc raised or rejected, whose entrypoint raised, and whose job's process died.
"""

import asyncio
import json
import re
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import Evidence, Reading
from livekit_doctor.evidence.pasted import read
from livekit_doctor.operations.trace import Options, trace
from livekit_doctor.settings import Logs, Settings
from tests.in_full.said import noted

NOW = datetime(2031, 5, 6, 7, 8, 9, tzinfo=UTC)
"""Years after the samples: whatever takes an age against it, shows."""

_DATA = Path(__file__).with_name("data")


def lines(file: str, *words: str) -> list[str]:
    """The lines of a file in data/ that have all of the words."""
    text = (_DATA / file).read_text()
    return [line for line in text.splitlines() if all(word in line for word in words)]


def record(file: str, begins: str, count: int) -> str:
    """So many lines of a file in data/, from the first one with these words on."""
    text = (_DATA / file).read_text().splitlines()
    first = next(number for number, line in enumerate(text) if begins in line)
    return "\n".join(text[first : first + count])


def lk(name: str) -> Any:
    """An answer of the API as `lk --json` prints it."""
    return json.loads((_DATA / "lk.json").read_text())[name]


def webhooks(*words: str) -> list[str]:
    return lines("webhooks.jsonl", *words)


def pasted(*texts: str, subject: Subject | None = None, settings: Settings | None = None) -> Diagnosis:
    """The diagnosis of nothing but these texts."""
    return noted(diagnose(evidence(*texts), settings or Settings(), subject or Subject()))


def logged(folder: Path, room: str | None, **texts: str) -> Diagnosis:
    """The diagnosis of the same texts, given as whole logs: `server`, `worker`, `sip`."""
    names: dict[str, tuple[str, ...]] = {}
    for log, text in texts.items():
        (folder / f"{log}.log").write_text(text + "\n")
        names[log] = (str(folder / f"{log}.log"),)
    settings = Settings(logs=Logs(**names))
    return asyncio.run(trace(settings, Subject(room=room), Options())).diagnosis


def evidence(*texts: str) -> Evidence:
    return Evidence(now=NOW).plus(reading(*texts), now=NOW)


def reading(*texts: str) -> Reading:
    return noted(read([(f"ticket-{number}.txt", text) for number, text in enumerate(texts, 1)], NOW))


def recognised(*texts: str) -> dict[str, int]:
    """What was recognised in the texts, and under "lines" how many of their lines were not."""
    counts: dict[str, int] = {"lines": 0}
    for entry in reading(*texts).coverage:
        counts["lines"] += entry.not_recognised or 0
        for kind, count in entry.recognised.items():
            counts[kind] = counts.get(kind, 0) + count
    return counts


# The noise


def quoted(text: str) -> str:
    """A reply to a mail."""
    body = "\n".join(f"> {line}" for line in text.splitlines())
    return f"On Tue, 3 Feb, Sam from support wrote:\n{body}\n\nThanks, will look. Best, Sam\n-- \nSent from my phone"


def in_chat(text: str) -> str:
    """A chat's copy: who and when before the text, a fence, emoji, reactions."""
    return f"Sam  10:41 AM\nagent is silent again :sob: logs:\n```\n{text}\n```\n:eyes: 2\nAlex  10:42 AM\nsame here"


def in_ticket(text: str) -> str:
    return (
        f"h3. Agent does not join\n{{code:json}}\n{text}\n{{code}}\n * Priority: high\n * Since: the deploy on Monday"
    )


def as_html(text: str) -> str:
    return "<pre>" + text.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;") + "</pre>"


def smart(text: str) -> str:
    """As word processors spell quotation marks."""
    return re.sub(r'"([^"]*)"', "“\\1”", text)


def without_tabs(text: str) -> str:
    return text.expandtabs(8)


def wrapped(text: str, width: int = 90) -> str:
    """As a terminal cuts long lines."""
    cut = [line[start : start + width] for line in text.splitlines() for start in range(0, len(line) or 1, width)]
    return "\n".join(cut)


def bulleted(text: str) -> str:
    return "\n".join(f"  • {line}" for line in text.splitlines())


def after_chat_time(text: str) -> str:
    return "\n".join(f"[10:{number:02}] sam: {line}" for number, line in enumerate(text.splitlines()))
