"""What is said of simulated calls, of bundles, of calls beside others, and of texts that were changed on their way."""

import textwrap
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import cycle
from typing import Any

import msgspec
from msgspec.structs import replace

from livekit_doctor.bundle.files import read
from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.evidence.observations import Evidence, Observation, Participant, ParticipantList, Track
from tests.bundles.keeping import FOLDER
from tests.diagnosis.factories import CREATED, at
from tests.diagnosis.world.judge import judged
from tests.diagnosis.world.run import case_by_id
from tests.evidence.pasted.samples import in_chat, quoted, reading
from tests.evidence.records import corpus
from tests.in_full.words import lines

SHORT = 1000
"""Characters of a sample that is changed."""


def simulated(case_id: str) -> list[str]:
    return lines(judged(case_by_id(case_id)), CREATED)


def bundle(name: str) -> list[str]:
    found = read(str(FOLDER / f"{name}.json.gz"))
    return lines(diagnose(found.evidence, found.settings, found.subject), found.evidence.now)


def beside_others(case_id: str) -> list[str]:
    """What is said otherwise of a simulated call where somebody who watches, and a recorder, are in each room, too, and
    everybody has a video."""
    case = case_by_id(case_id)
    others = diagnose(_with_others(case.evidence), case.life.settings, case.subject)
    return list(_changes(lines(judged(case), CREATED), lines(others, CREATED)))


def _with_others(evidence: Evidence) -> Evidence:
    return replace(evidence, observations=tuple(map(_beside, evidence.observations)))


def _beside(item: Observation) -> Observation:
    if not isinstance(item, ParticipantList):
        return item
    joined = {"state": "ACTIVE", "joined_at": at(-1000), "attributes": {}}
    watches = Participant(sid="PA_w", identity="watches", kind="STANDARD", tracks=(_track("audio", "w"),), **joined)  # type: ignore[arg-type]
    records = Participant(sid="PA_r", identity="records", kind="EGRESS", tracks=(), **joined)  # type: ignore[arg-type]
    seen = (replace(one, tracks=(*one.tracks, _track("video", one.sid))) for one in item.participants)
    return replace(item, participants=(records, *seen, watches))


def _track(kind: str, of: str) -> Track:
    return Track(sid=f"TR_{kind}_{of}", kind=kind, muted=False)


def text(name: str) -> list[str]:
    """What is read otherwise of a sample that was changed so."""
    sample, _, how = name.rpartition(", ")
    changed = CHANGES[how](corpus.samples()[sample])
    return list(_changes(_read(corpus.samples()[sample]), _read(changed)))


def texts() -> Iterator[str]:
    """One for each short sample: each change in its turn."""
    for (sample, whole), how in zip(corpus.samples().items(), cycle(CHANGES), strict=False):
        if len(whole) < SHORT:
            yield f"{sample}, {how}"


def _folded(text: str) -> str:
    """As a mail program folds lines at their blanks."""
    kept = {"width": 72, "break_long_words": False, "break_on_hyphens": False, "drop_whitespace": True}
    return "\n".join(part for line in text.splitlines() for part in textwrap.wrap(line, **kept) or [""])  # type: ignore[arg-type]


def _cut(text: str) -> str:
    return text[: len(text) * 3 // 5]


def _backwards(text: str) -> str:
    return "\n".join(text.splitlines()[::-1])


def _at_80(text: str) -> str:
    return "\n".join(line[n : n + 80] for line in text.splitlines() for n in range(0, len(line) or 1, 80))


def _twice(text: str) -> str:
    return f"{text}\nand again:\n\n{text}"


CHANGES: dict[str, Callable[[str], str]] = {
    "quoted": quoted,
    "in a chat": in_chat,
    "folded": _folded,
    "cut off": _cut,
    "backwards": _backwards,
    "at 80 columns": _at_80,
    "twice": _twice,
}


@cache
def _read(text: str) -> Sequence[str]:
    """Without where it stands."""
    found = reading(text)
    return lines(replace(found, observations=tuple(map(_nowhere, found.observations))), CREATED)


def _nowhere(item: Observation) -> Observation:
    numbers: dict[str, Any] = {"number": 0, "rank": None}
    return replace(item, **{name: value for name, value in numbers.items() if name in msgspec.structs.asdict(item)})


def _changes(before: Sequence[str], after: Sequence[str]) -> Iterable[str]:
    yield from (f"- {line}" for line in before if line not in after)
    yield from (f"+ {line}" for line in after if line not in before)
    if set(before) == set(after) and list(before) != list(after):
        yield "in another order, or not as often"
