"""An event of Sentry's, as its SDKs send it and its "JSON" button shows it, or as its web API answers it.

The event is the record of what was raised or logged, and its breadcrumbs are the lines that were logged before it.
"""

from collections.abc import Iterator, Mapping

from livekit_doctor.evidence.records import tracebacks
from livekit_doctor.evidence.records.record import Record, level
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.evidence.records.values import objects_in

NAME = "Sentry event"

_IDS = ("event_id", "eventID")
_CONTENTS = ("exception", "logentry", "breadcrumbs", "entries", "message")


def may_be(line: str) -> bool:
    """Whether a line of JSON has an event's own key."""
    return any(f'"{name}"' in line for name in _IDS)


def read(value: object) -> list[Record]:
    """The records of an event, oldest first; none for other JSON."""
    events = [value] if isinstance(value, dict) else objects_in(value)
    return [record for event in events if _is_event(event) for record in _of_event(event)]


def _is_event(value: Mapping[str, object]) -> bool:
    named = any(isinstance(value.get(name), str) for name in _IDS)
    return named and "platform" in value and any(key in value for key in _CONTENTS)


def _of_event(event: Mapping[str, object]) -> Iterator[Record]:
    yield from (_crumb(crumb) for crumb in _values(event, "breadcrumbs") if isinstance(crumb.get("message"), str))
    fields = {key: value for name in ("extra", "context", "tags") for key, value in _pairs(event.get(name))}
    raised = _values(event, "exception")
    traceback = "\n".join(_traceback(one) for one in raised)
    entry = _object(event.get("logentry"))
    last = f"{raised[-1].get('type')}: {raised[-1].get('value')}" if raised else ""
    said = entry.get("formatted") or entry.get("message") or event.get("message") or last
    logger = event.get("logger") or fields.pop("logger", "")
    at, zoned = moment(event.get("timestamp", event.get("dateCreated")))
    yield Record(
        NAME,
        str(said or ""),
        at,
        zoned=zoned,
        level=level(event.get("level") or fields.pop("level", "error")),
        logger=logger if isinstance(logger, str) else "",
        fields=fields,
        traceback=traceback,
    )


def _crumb(crumb: Mapping[str, object]) -> Record:
    at, zoned = moment(crumb.get("timestamp"))
    return Record(
        NAME,
        str(crumb["message"]),
        at,
        zoned=zoned,
        level=level(crumb.get("level") or ""),
        logger=str(crumb.get("category") or ""),
        fields=dict(_pairs(crumb.get("data"))),
    )


def _values(event: Mapping[str, object], kind: str) -> list[dict[str, object]]:
    """What an event has of a kind: a list, one under "values", or an entry of the web API's."""
    own = event.get(kind)
    for entry in objects_in(event.get("entries")):
        if entry.get("type") == kind:
            own = entry.get("data")
    return objects_in(own.get("values") if isinstance(own, dict) else own)


def _pairs(value: object) -> Iterator[tuple[str, object]]:
    """Tags and extra: an object, a list of pairs, or one of {"key": ..., "value": ...}."""
    if isinstance(value, dict):
        yield from ((str(key), item) for key, item in value.items())
    for item in value if isinstance(value, list) else ():
        if isinstance(item, list) and len(item) == 2:
            yield str(item[0]), item[1]
        elif isinstance(item, dict) and "key" in item:
            yield str(item["key"]), item.get("value")


def _traceback(raised: Mapping[str, object]) -> str:
    """As Python prints it, whatever the language."""
    lines = [tracebacks.PYTHON]
    for frame in objects_in(_object(raised.get("stacktrace")).get("frames")):
        path = next((frame[key] for key in ("abs_path", "absPath", "filename") if frame.get(key)), "?")
        number = frame.get("lineno", frame.get("lineNo"))
        lines.append(f'  File "{path}", line {number if isinstance(number, int) else 0}, in {frame.get("function")}')
        if isinstance(frame.get("context_line"), str):
            lines.append(f"    {str(frame['context_line']).strip()}")
    return "\n".join((*lines, f"{raised.get('type')}: {raised.get('value')}"))


def _object(value: object) -> Mapping[str, object]:
    return value if isinstance(value, dict) else {}
