"""`python -m tools.catalogue` writes compiled.json, all pages of the catalogue in what is read fastest."""

import json
from pathlib import Path

import yaml

from livekit_doctor import catalogue

FOLDER = Path(catalogue.__file__).parent
COMPILED = FOLDER / "compiled.json"


def compiled() -> str:
    """The file's text, from the YAML files as they are now."""
    files = {file.stem: yaml.safe_load(file.read_text("utf-8")) for file in sorted(FOLDER.glob("*.yaml"))}
    pages = {name: page for name, page in files.items() if name.startswith("LKD")}
    data = {name: page for name, page in files.items() if name not in pages}
    return f'{{"pages": {_lines(pages)}, "data": {_lines(data)}}}\n'


def _lines(part: dict[str, object]) -> str:
    """A line a page, so that a change of one is a change of one line."""
    return (
        "{\n"
        + ",\n".join(f"{json.dumps(name)}: {json.dumps(page, ensure_ascii=False)}" for name, page in part.items())
        + "\n}"
    )


if __name__ == "__main__":
    COMPILED.write_text(compiled(), "utf-8")
