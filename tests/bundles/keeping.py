"""Bundles of the lab, kept to be diagnosed again in the fast tests.

NAME.json.gz is the bundle as `trace --save` wrote it, NAME.expected.json what it must lead to. To add
one, call `keep` in a test of the lab where it would call `doctor.trace`, and run that test with
LIVEKIT_DOCTOR_KEEP_BUNDLES=1; then read what is expected before it is committed.
"""

import gzip
import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Self

from livekit_doctor.bundle import codec
from tests.lab.doctor import Doctor, Ran

FOLDER = Path(__file__).parent
LARGEST = 20_000
"""Bytes that a kept bundle may have."""

_KEEP = "LIVEKIT_DOCTOR_KEEP_BUNDLES"
_EXPECTED = ".expected.json"
_BUNDLE = ".json.gz"


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
            file.with_name(file.name.removesuffix(_EXPECTED) + _BUNDLE),
            Expected(**json.loads(file.read_text())),
        )
        for file in sorted(FOLDER.glob(f"*{_EXPECTED}"))
    }


def _of_no_machine(data: bytes) -> bytes:
    """The bundle with other paths in the place of this machine's, which tracebacks name."""
    text = gzip.decompress(data).decode()
    for path, other in ((str(FOLDER.parents[1]), "/app"), (sys.base_prefix, "/usr")):
        text = text.replace(path, other)
    content = json.loads(text)
    content["digest"] = codec._digest({key: value for key, value in content.items() if key != "digest"})
    return gzip.compress(codec._text(content), mtime=0)


def is_keeping() -> bool:
    return bool(os.environ.get(_KEEP))


def keep(doctor: Doctor, name: str, *arguments: str, **options: Any) -> Ran:
    """Traces and saves the bundle: diagnosed offline it must say the same. Keeps it where asked to."""
    file = doctor.folder / f"{name}{_BUNDLE}"
    online = doctor.trace(*arguments, "--save", file.name, "--force", **options)
    assert online.status in (0, 1, 3), online.stderr
    offline = Doctor(doctor.folder, None).trace("--bundle", file.name)
    assert offline.json == {**online.json, "bundle": offline.json["bundle"]}
    assert offline.status == online.status
    if is_keeping():
        (FOLDER / file.name).write_bytes(_of_no_machine(file.read_bytes()))
        (FOLDER / f"{name}{_EXPECTED}").write_text(json.dumps(asdict(Expected.of(online.json))) + "\n")
    return online
