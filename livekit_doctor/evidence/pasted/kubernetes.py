"""What Kubernetes says of a container that it killed, since it took more memory than it may: `kubectl describe pod`,
`kubectl get pods`, and events.

It says when, and never which call was cut off. Whose container it was, no more than the names around it tell.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from livekit_doctor.evidence.observations import Component, LogLine
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt

KIND = "killed container"

_STATE = re.compile(r"\s*(?:Last )?State:\s+Terminated\s*$")
_KEY = re.compile(r"\s*(?P<key>Reason|Exit Code|Started|Finished|Message|Signal):\s*(?P<value>.*?)\s*$")
_KILLED = re.compile(r"\sOOMKilled\s|\bOOMKilling\b|[Mm]emory cgroup out of memory: Killed process|\boom-kill:")
_OTHERS = re.compile(r"livekit-server|livekit-sip|redis|egress|ingress|postgres|\bsip-\w", re.IGNORECASE)
_POD = re.compile(r"describe (?:pods?/?|po/?) ?(\S{1,120})|^\s*Name:\s+(\S{1,120})|\bpod/(\S{1,120})")
_KEYS = 8
"""Lines of a state."""
_ABOVE = 40
"""Lines above it in which the pod is named."""
_MOST = 50


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """Each container that was killed; states that ended otherwise are nothing that is known."""
    found = number = 0
    while number < len(excerpt.lines) and found < _MOST:
        line, last = excerpt.stripped[number].text[:400], number
        if number not in excerpt.taken and (_STATE.match(line) or _KILLED.search(f"{line} ")):
            keys, last = _keys(excerpt, number) if _STATE.match(line) else ({"Reason": "OOMKilled"}, number)
            if keys.get("Reason") == "OOMKilled":
                found += 1
                yield Found(KIND, number, last, (_line(excerpt, number, keys, context),))
        number = last + 1


def _keys(excerpt: Excerpt, number: int) -> tuple[dict[str, str], int]:
    """What stands below a state, and the last line of it."""
    keys: dict[str, str] = {}
    for below in range(number + 1, min(number + _KEYS, len(excerpt.lines))):
        key = _KEY.match(excerpt.stripped[below].text[:400])
        if key is None or key["key"] in keys:
            return keys, below - 1
        keys[key["key"]] = key["value"]
    return keys, min(number + _KEYS, len(excerpt.lines)) - 1


def _line(excerpt: Excerpt, number: int, keys: dict[str, str], context: Context) -> LogLine:
    at = _time(keys.get("Finished", ""))
    above = [line.text[:400] for line in excerpt.stripped[max(0, number - _ABOVE) : number + 1]]
    pods = [pod for pod in map(_POD.search, reversed(above)) if pod]
    pod = next((name for name in pods[0].groups() if name), "") if pods else ""
    # What has no time, or is another component's, says nothing of a job.
    log: Component = "worker" if at is not None and not _OTHERS.search(pod) else "app"
    words = "the container was killed, as it took more memory than it may (OOMKilled); in which call, that does not say"
    fields = {"pod": pod, "exit_code": keys.get("Exit Code", "")}
    return LogLine(
        read=context.read,
        log=log,
        file=excerpt.name,
        number=number + 1,
        at=at,
        level="error",
        message=words,
        fields={name: value for name, value in fields.items() if value},
    )


def _time(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo is not None and 1990 < at.year < 2200 else None
    return None
