"""The published JSON Schemas (draft 2020-12) of the JSON documents, one file a schema."""

import json
from importlib import resources
from typing import Any


def schema_of(name: str) -> dict[str, Any]:
    """The schema of documents that call themselves so, such as livekit-doctor/check/v1. Raises KeyError."""
    file = resources.files(__name__) / f"{name.removeprefix('livekit-doctor/').replace('/', '.')}.json"
    if not file.is_file():
        raise KeyError(name)
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found
