"""What Kubernetes, Docker and other hosts say of a container that was killed, since it took more memory than it may, or
that ends again and again: `kubectl describe pod`, `kubectl get pods` as a table, YAML and JSON, `docker inspect`,
`docker ps`, events, the kernel's line, and those of systemd, Heroku and ECS.

Some say when, and none which call was cut off. Whose container it was, no more than the names around it tell.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Component, LogLine
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.evidence.records.fields import shortened
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.redact import redact_text

KIND, CRASHING = "killed container", "crashing container"

_STATE = lazy_re.compile(r"\s*(?:Last )?State:\s+Terminated\s*$")
_KEY = lazy_re.compile(r"\s*(?P<key>Reason|Exit Code|Started|Finished|Message|Signal):\s*(?P<value>.*?)\s*$")
_KILLED = lazy_re.compile(
    r"\sOOMKilled\s|\bOOMKilling\b|[Oo]ut of memory: Kill(?:ed)? process|\boom-kill:|killed by the OOM killer"
    r"|result 'oom-kill'|OutOfMemoryError: Container killed|Error R15 \(Memory quota"
    r"|\"OOMKilled\": ?true|\breason\"?: \"?OOMKilled"
)
_IN_OBJECT = lazy_re.compile(r"\"OOMKilled\"|\breason\"?:")
_CRASHING = lazy_re.compile(
    r"\s(?:CrashLoopBackOff|Restarting \(\d{1,3}\))\s(?:\s*(?P<restarts>\d{1,5})\b)?|\breason\"?: \"?CrashLoopBackOff"
    r"|[Bb]ack-off (?:\S{1,8} )?restarting failed container"
)
_ROW = lazy_re.compile(r"(?P<pod>[a-z0-9][a-z0-9.-]{2,120})\s+\d{1,3}/\d{1,3}\s+\w")
"""A row of `kubectl get pods`: name, how many containers are ready, status."""
_EVENT = lazy_re.compile(r"(?:<unknown>|(?:\d{1,4}[smhd]){1,2})\s+(?:\(x\d+ over \w+\)\s+)?Warning\s")
"""One of `kubectl get events`, which begins with its age."""
_EXITED = lazy_re.compile(r"(?P<pod>[\w.-]{1,80}) exited with code 137\b")
"""As docker compose says it, among the lines of the containers' logs."""
_OTHERS = lazy_re.compile(r"livekit-server|livekit-sip|redis|egress|ingress|postgres|\bsip-\w", re.IGNORECASE)
_POD = lazy_re.compile(
    r"describe (?:pods?/?|po/?) ?(\S{1,120})|^\s*Name:\s+(\S{1,120})|\bpod/(\S{1,120})"
    r"|docker (?:container )?inspect (\S{1,120})"
    r"|^\s*\"?[Nn]ame\"?: ?\"?/?([\w.-]{1,120})"
)
_FINISHED = lazy_re.compile(r"[Ff]inishedAt\"?: ?\"?(\d{4}-\d\d-\d\dT[\d:.]+Z?)")
_DATED = lazy_re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:[.,]\d+)?(?:Z|[+-]\d\d:?\d\d)")
_KEYS = 8
"""Lines of a state."""
_ABOVE = 40
"""Lines around it in which the pod is named."""
_MOST = 50
_LONGEST = 4_000
"""Characters of a line that are looked at: docker's answer may be one."""
_BY_FORCE = "the container was killed (exit code 137): it took more memory than it may, or was stopped by force"
_WORDS = "the container was killed, as it took more memory than it may (OOMKilled); in which call, that does not say"


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """Each container that was killed or crashes; states that ended otherwise are nothing that is known."""
    found = number = 0
    while number < len(excerpt.lines) and found < _MOST:
        line, last = f"{excerpt.stripped[number].text[:_LONGEST]} ", number
        if number in excerpt.taken:
            number += 1
            continue
        if _STATE.match(line):
            keys, last = _keys(excerpt, number)
            at = _of_email(keys.get("Finished", ""))
            if keys.get("Reason") == "OOMKilled":
                found += 1
                yield Found(KIND, number, last, (_line(excerpt, number, at, keys.get("Exit Code", ""), context),))
        elif _KILLED.search(line) or _EXITED.match(line):
            found += 1
            first, last = _object(excerpt, number, line)
            yield Found(KIND, first, last, (_line(excerpt, number, _when(excerpt, number), "", context),))
        elif crashing := _CRASHING.search(line):
            found += 1
            yield Found(CRASHING, number, number, (_crashing(excerpt, number, crashing["restarts"] or "", context),))
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


def _object(excerpt: Excerpt, number: int, line: str) -> tuple[int, int]:
    """The lines of the answer in JSON that this line is of, or itself."""
    if _IN_OBJECT.search(line):
        for document in excerpt.documents:
            if document.first <= number <= document.last:
                return document.first, document.last
    return number, number


def _line(excerpt: Excerpt, number: int, at: datetime | None, exit_code: str, context: Context) -> LogLine:
    pod = _pod(excerpt, number)
    text = excerpt.stripped[number].text[:400].strip()
    printed = any(shape.match(text) for shape in (_ROW, _EVENT, _EXITED))
    # What has no time, or is another component's, says nothing of a job; a table was printed after the lines above it.
    log: Component = "worker" if (at is not None or printed) and not _OTHERS.search(pod) else "app"
    killed = _EXITED.match(text)
    fields = {"pod": pod, "exit_code": exit_code}
    return LogLine(
        read=context.read,
        log=log,
        file=excerpt.name,
        number=excerpt.number_of(number),
        at=at,
        level="error",
        message=_BY_FORCE if killed else _WORDS,
        fields={name: value for name, value in fields.items() if value},
    )


def _crashing(excerpt: Excerpt, number: int, restarts: str, context: Context) -> LogLine:
    pod = _pod(excerpt, number)
    fields = {"pod": pod, "restarts": restarts}
    return LogLine(
        read=context.read,
        log="app" if _OTHERS.search(pod or excerpt.stripped[number].text[:400]) else "worker",
        file=excerpt.name,
        number=excerpt.number_of(number),
        level="error",
        message="the container ends again and again (CrashLoopBackOff)",
        fields={name: value for name, value in fields.items() if value},
    )


def _pod(excerpt: Excerpt, number: int) -> str:
    """The name of the pod or container: in the row itself, else the nearest one above, else below."""
    text = excerpt.stripped[number].text[:400].strip()
    if row := _ROW.match(text) or _EXITED.match(text):
        return row["pod"]
    above = (line.text[:400] for line in reversed(excerpt.stripped[max(0, number - _ABOVE) : number + 1]))
    below = (line.text[:400] for line in excerpt.stripped[number + 1 : number + _ABOVE])
    for text in (*above, *below):
        if named := _POD.search(text):
            return shortened(redact_text(next(name for name in named.groups() if name).strip('",')), 120)
    return ""


def _when(excerpt: Excerpt, number: int) -> datetime | None:
    """When it ended: as its state says, or the line itself."""
    line = excerpt.stripped[number]
    around = excerpt.stripped[max(0, number - _KEYS) : number + _KEYS] if _IN_OBJECT.search(line.text) else (line,)
    ended = next((found[1] for each in around if (found := _FINISHED.search(each.text[:_LONGEST]))), "")
    dated = _DATED.search(line.text[:400])
    at = moment(ended or (dated[0] if dated else ""))[0] or line.at
    return at if at is not None and 1990 < at.year < 2200 else None


def _of_email(text: str) -> datetime | None:
    with suppress(ValueError, TypeError, OverflowError):
        at = parsedate_to_datetime(text)
        return at.astimezone(UTC) if at.tzinfo is not None and 1990 < at.year < 2200 else None
    return None
