"""An answer no longer than a model can read: lists of the document are cut, and the text."""

import json
from collections.abc import Iterator
from typing import Any

LONGEST_DOCUMENT = 120_000
"""Characters of the JSON."""
LONGEST_TEXT = 40_000
_SHORTEST = 500
"""Characters below which no text in a document is cut."""


def bounded(document: dict[str, Any], longest: int = LONGEST_DOCUMENT) -> tuple[dict[str, Any], list[str]]:
    """The document with its longest lists, then its longest texts, cut until it is short enough; it keeps to its
    schema. And which, as `timeline: 40 of 900`. What a list has first is kept, of a timeline what it has last."""
    document = json.loads(json.dumps(document))
    cut: dict[str, tuple[int, int]] = {}
    while len(json.dumps(document)) > longest:
        name, values = max(_lists(document), key=lambda found: len(json.dumps(found[1])), default=("", []))
        if len(values) > 1:
            kept = len(values) // 2
            cut[name] = (kept, cut.get(name, (0, len(values)))[1])
            values[:] = values[-kept:] if name.endswith("timeline") else values[:kept]
            continue
        place, key, text = max(_texts(document), key=lambda found: len(found[2]), default=(None, "", ""))
        if place is None or len(text) <= _SHORTEST:
            break
        place[key] = f"{text[: len(text) // 2]}…"
        cut[str(key)] = (len(text) // 2, cut.get(str(key), (0, len(text)))[1])
    return document, [f"{name}: {kept} of {whole}" for name, (kept, whole) in cut.items()]


def short(text: str, longest: int = LONGEST_TEXT) -> str:
    """Its beginning, in whole lines: what is wrong comes first."""
    if len(text) <= longest:
        return text
    kept = text[:longest]
    kept = kept[: kept.rfind("\n") + 1] or kept
    return f"{kept}... {len(text) - len(kept)} characters more are left out\n"


def _lists(value: object, name: str = "") -> Iterator[tuple[str, list[Any]]]:
    items = value.items() if isinstance(value, dict) else ()
    for key, item in items:
        path = f"{name}.{key}" if name else str(key)
        if isinstance(item, list):
            yield path, item
            for inner in item:
                yield from _lists(inner, path)
        else:
            yield from _lists(item, path)


def _texts(value: object) -> Iterator[tuple[Any, Any, str]]:
    places = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in places:
        if isinstance(item, str):
            yield value, key, item
        else:
            yield from _texts(item)
