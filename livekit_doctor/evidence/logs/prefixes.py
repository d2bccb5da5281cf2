"""What containers and hosts put before each line, taken off again."""

import json
import re
from datetime import datetime

from msgspec import Struct

from livekit_doctor.evidence.logs.times import moment

_ANSI = re.compile(r"\x1b(?:\[[0-9;?]*[A-Za-z]|\][^\x07\x1b]*(?:\x07|\x1b\\)|\(B)")
_ISO = r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)"

_PREFIXES = tuple(
    re.compile(pattern)
    for pattern in (
        # Kubernetes CRI: TIME stdout F text
        rf"(?P<at>{_ISO}) (?:stdout|stderr) (?P<tag>[FP]) ?",
        # kubectl logs --timestamps, docker logs --timestamps, render logs
        rf"(?P<at>{_ISO})(?: {{1,4}}|\t)(?!- |(?:DEBUG|INFO|WARN|ERROR|DPANIC|PANIC|FATAL)\t)",
        # docker compose: name-1  | text
        r"[A-Za-z0-9][\w.-]{0,80} +\| ?",
        # kubectl logs --prefix: [pod/name/container] text
        r"\[pod/[^\]\s]{1,300}\] ",
        # A log stream of Render and others, RFC 5424: <14>1 TIME host app pid id - text
        rf"<\d{{1,3}}>1 (?P<at>{_ISO}) \S+ \S+ \S+ \S+ (?:-|\[.*?\]) ",
        # journald: Nov 23 21:08:03 host unit[123]: text
        r"[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d [\w.-]+ [\w.@/-]+(?:\[\d+\])?: ",
    )
)
_MOST = 4


class Line(Struct):
    """A line without its prefixes. `at` is the time that a prefix had; `goes_on` says that the
    container runtime cut the line, and the next one is its rest."""

    text: str
    at: datetime | None = None
    goes_on: bool = False


def strip(raw: bytes) -> Line:
    """The line without line end, colours, prefixes, and the JSON that docker wraps around it."""
    text = raw.decode("utf-8", "replace").rstrip("\r\n").replace("\0", "")
    line = Line(without_colours(text.lstrip("\r")))
    for _ in range(_MOST):
        before = line.text
        if before.startswith('{"') and _unwrap(line):
            continue
        if before[:1] in "{ \t":
            break
        for prefix in _PREFIXES:
            found = prefix.match(before)
            if found:
                groups = found.groupdict()
                if groups.get("at"):
                    line.at = moment(groups["at"])[0]
                line.goes_on = groups.get("tag") == "P"
                line.text = before[found.end() :]
                break
        else:
            break
    return line


def without_colours(text: str) -> str:
    return _ANSI.sub("", text) if "\x1b" in text else text


def _unwrap(line: Line) -> bool:
    """docker's json-file: {"log": "text\\n", "stream": "stdout", "time": "..."}; and Fluent Bit's likes."""
    if '"log":' not in line.text or not ('"stream":' in line.text or '"time":' in line.text):
        return False
    try:
        values = json.loads(line.text)
    except (ValueError, RecursionError):
        return False
    inner = values.get("log") if isinstance(values, dict) else None
    if not isinstance(inner, str) or not ({"stream", "time"} & values.keys()):
        return False
    line.at = moment(values.get("time"))[0]
    line.goes_on = not inner.endswith("\n") and "stream" in values
    line.text = without_colours(inner.rstrip("\r\n"))
    return True
