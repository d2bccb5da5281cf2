"""The tables of docs/reliability.md, made from a run."""

import re
from collections.abc import Iterable, Sequence
from importlib.metadata import version
from itertools import groupby
from pathlib import Path

from tests.faults.declared import Fault
from tests.faults.judge import Judged
from tests.lab.install import LIVEKIT_SERVER_VERSION

PAGE = Path(__file__).parents[2] / "docs" / "reliability.md"
BEGIN, END = "<!-- The faults, made by `make faults` -->", "<!-- The end of the faults -->"
_TITLES = {"livekit": "LiveKit", "postgres": "Postgres", "worker": "A worker's endpoint", "processes": "Processes"}
_LONGEST = 130


def write(judged: Sequence[Judged], seconds: float) -> None:
    """Replaces what is between the marks."""
    text = PAGE.read_text()
    before, rest = text.split(BEGIN)
    _, after = rest.split(END)
    PAGE.write_text(f"{before}{BEGIN}\n\n{made(judged, seconds)}\n{END}{after}")


def made(judged: Sequence[Judged], seconds: float) -> str:
    faults = {id(item.met.fault) for item in judged}
    good = sum(not item.wrong for item in judged)
    lines = [
        f"{len(faults)} faults, {len(judged)} runs in {seconds / 60:.0f} minutes, {good} as they must be; "
        f"livekit-server {LIVEKIT_SERVER_VERSION}, livekit-agents {version('livekit-agents')}.",
        "",
    ]
    ordered = sorted(judged, key=lambda item: list(_TITLES).index(_part(item.met.fault)))
    for part, items in groupby(ordered, key=lambda item: _part(item.met.fault)):
        lines += [f"### {_TITLES[part]}", "", *_table(list(items)), ""]
    return "\n".join(lines)


def _part(fault: Fault) -> str:
    return "processes" if fault.process else fault.place


def _table(judged: Sequence[Judged]) -> Iterable[str]:
    commands = list(dict.fromkeys(item.met.command.name for item in judged))
    yield f"| fault | what is said | {' | '.join(commands)} | cause named | others used | left behind |"
    yield "|---" * (len(commands) + 5) + "|"
    for _, several in groupby(judged, key=lambda item: id(item.met.fault)):
        items = {item.met.command.name: item for item in several}
        cells = [_cell(items.get(command)) for command in commands]
        used = [item.others for item in items.values() if item.others is not None]
        fault = next(iter(items.values())).met.fault
        harmless = not (fault.code or fault.any_code)
        named = "harmless" if harmless else f"{sum(item.named for item in items.values())} of {len(items)}"
        others = f"{sum(used)} of {len(used)}" if used else "–"
        said = next((item.said for item in items.values() if item.said), "")
        left = [name for item in items.values() for name in item.met.left]
        unsaid = [wrong for item in items.values() for wrong in item.wrong if wrong.startswith("left behind")]
        left_text = "no" if not left else f"{len(left)}, said" if not unsaid else f"{len(left)}, **not said**"
        yield f"| {fault.name} | {_shown(said)} | {' | '.join(cells)} | {named} | {others} | {left_text} |"


def _cell(item: Judged | None) -> str:
    if item is None:
        return ""
    text = f"{item.met.ran.status} · {item.met.took:.1f} of {item.bound:g} s"
    return f"**{text}**" if item.wrong else text


def _shown(text: str) -> str:
    """A message without what differs from run to run, and short."""
    text = re.sub(r"127\.0\.0\.1:\d+|(?<=for )127\.0\.0\.1", "HOST:PORT", text)
    text = re.sub(r"livekit-doctor-[0-9a-f]{12}", "livekit-doctor-…", re.sub(r"lab_[0-9a-f]+", "ROLE", text))
    text = text.replace("`", "'").replace("|", "/")
    text = text if len(text) <= _LONGEST else f"{text[: _LONGEST - 1]}…"
    return f"`{text}`" if text else ""
