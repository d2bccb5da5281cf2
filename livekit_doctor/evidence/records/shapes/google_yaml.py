"""Entries of Google Cloud's log as `gcloud logging read` prints them without a format: a YAML document each.

---
insertId: 695c9a5a000ed3b1
jsonPayload:
  message: received job request
timestamp: '2026-01-06T05:11:54.970Z'
"""

from collections.abc import Sequence

_RULE = "---"
_KEYS = ("insertId:", "jsonPayload:", "textPayload:")


def begins(line: str) -> bool:
    return line.rstrip() == _RULE or line.startswith("insertId:")


def length(lines: Sequence[str]) -> int:
    """How many of these lines the entry has that the first begins."""
    begun = lines[0].startswith(_KEYS)
    for number, line in enumerate(lines[1:], 1):
        if line.rstrip() == _RULE or (begun and line.startswith("insertId:")) or not line.strip():
            return number
        begun = begun or line.startswith(_KEYS)
    return len(lines)


def read(lines: Sequence[str]) -> object:
    """The entry; None where these lines are none."""
    if not any(line.startswith(_KEYS[1:]) for line in lines):
        return None
    import yaml

    try:
        loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
        return yaml.load("\n".join(line for line in lines if line.rstrip() != _RULE), Loader=loader)  # a safe one
    except (yaml.YAMLError, ValueError, RecursionError):
        return None
