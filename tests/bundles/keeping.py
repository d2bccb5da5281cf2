"""Bundles of the lab, kept to be diagnosed again in the fast tests.

NAME.json is the bundle as `trace --save` wrote it, NAME.expected.json what it must lead to. To add
one, call `keep` in a test of the lab where it would call `doctor.trace`, and run that test with
LIVEKIT_DOCTOR_KEEP_BUNDLES=1; then read what is expected before it is committed.
"""

import json
import os
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from tests.lab.doctor import Doctor, Ran

FOLDER = Path(__file__).parent
LARGEST = 20_000
"""Bytes that a kept bundle may have."""

_KEEP = "LIVEKIT_DOCTOR_KEEP_BUNDLES"
_EXPECTED = ".expected.json"


@dataclass(frozen=True, slots=True)
class Expected:
    """What a bundle must lead to: verdict, exit status, and step, code and confidence of each break."""

    verdict: str
    exit_status: int
    broken: list[list[str]]

    @classmethod
    def of(cls, trace: dict[str, Any]) -> Self:
        """That of trace's JSON."""
        broken = [[item["step"], item["code"], item["confidence"]] for item in trace["broken"]]
        return cls(trace["verdict"], trace["exit_status"], broken)


def kept() -> dict[str, tuple[Path, Expected]]:
    """The bundles of this folder by name."""
    return {
        file.name.removesuffix(_EXPECTED): (
            file.with_name(file.name.removesuffix(_EXPECTED) + ".json"),
            Expected(**json.loads(file.read_text())),
        )
        for file in sorted(FOLDER.glob(f"*{_EXPECTED}"))
    }


def keep(doctor: Doctor, name: str, *arguments: str) -> Ran:
    """Traces and saves the bundle: diagnosed offline it must say the same. Keeps it where asked to."""
    file = doctor.folder / f"{name}.json"
    online = doctor.trace(*arguments, "--save", str(file), "--force")
    assert online.status in (0, 1, 3), online.stderr
    offline = Doctor(doctor.folder, None).trace("--bundle", str(file))
    assert offline.json == {**online.json, "bundle": offline.json["bundle"]}
    assert offline.status == online.status
    if os.environ.get(_KEEP):
        (FOLDER / file.name).write_bytes(file.read_bytes())
        (FOLDER / f"{name}{_EXPECTED}").write_text(json.dumps(asdict(Expected.of(online.json))) + "\n")
    return online
