"""API exchanges with a real livekit-server 1.13.5 and livekit-sip 1.11.0 on loopback, where a SIP phone
answered, rang, refused or was not there. One JSON object a line, in order of completion: `at` and
`took` in seconds, `method`, `request`, HTTP `status`, `response`. Numbers are fictional.
"""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Dialled:
    """How CreateSIPParticipant was answered."""

    status: int
    response: dict[str, Any]
    took: float


def dialled(name: str) -> Dialled:
    """The answer to the attempt to dial in a recording, such as "rejected-403-wait"."""
    lines = Path(__file__).with_name(f"{name}.jsonl").read_text().splitlines()
    (found,) = [item for item in map(json.loads, lines) if item["method"] == "CreateSIPParticipant"]
    return Dialled(found["status"], found["response"], found["took"])
