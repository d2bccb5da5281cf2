"""All samples of what people have, and what each is read as: `python -m tests.evidence.records.corpus` writes it anew.

The meanings are for reading in a diff: what a change of the reader loses, or reads otherwise, shows there.
"""

import json
from pathlib import Path
from typing import Any

import msgspec

from livekit_doctor.evidence.pasted import read
from tests.evidence.pasted.samples import NOW

_HERE = Path(__file__).parent
MEANINGS = _HERE / "meanings.json"
_FOLDERS = (_HERE / "corpus", _HERE.parent / "pasted" / "data", _HERE.parent / "logs" / "data")


def samples() -> dict[str, str]:
    """The texts by the names of their files."""
    files = [file for folder in _FOLDERS for file in sorted(folder.rglob("*")) if file.is_file()]
    return {f"{file.parent.name}/{file.name}": file.read_text() for file in files}


def meaning(text: str) -> dict[str, Any]:
    """What is recognised in a text, and what each piece of it says, without what is empty."""
    reading = read([("sample", text)], NOW)
    (coverage,) = reading.coverage
    return {
        "recognised": coverage.recognised,
        "not recognised": coverage.not_recognised,
        "says": [_said(json.loads(msgspec.json.encode(item))) for item in reading.observations],
    }


def _said(value: Any) -> Any:
    if isinstance(value, dict):
        values = {key: _said(item) for key, item in value.items() if key not in ("read", "file", "rank")}
        return {key: item for key, item in values.items() if item not in ("", None, [], {}, False)}
    return [_said(item) for item in value] if isinstance(value, list) else value


def known() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(MEANINGS.read_text())
    return found


def main() -> None:
    lines = [
        f"{json.dumps(name)}: {json.dumps(meaning(text), ensure_ascii=False)}".replace(
            '"says": [', '"says": [\n  '
        ).replace('}, {"type"', '},\n  {"type"')
        for name, text in samples().items()
    ]
    MEANINGS.write_text("{\n" + ",\n".join(lines) + "\n}\n")


if __name__ == "__main__":
    main()
