"""JSON with many entries in it, as log hosts and their tools export it: the entries, each as if it stood in a line.

gcloud writes an array; `aws logs` {"events": [...]} and its subscriptions {"logEvents": [...]}; Logs Insights lists
{"field": ..., "value": ...}; Loki pairs of a time and a line by stream; Datadog {"data": [...]}; Elastic hits; Splunk
results; Azure rows by column; OpenTelemetry records by scope.
"""

import json
from collections.abc import Iterator, Mapping, Sequence

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records import shapes
from livekit_doctor.evidence.records.component import has_id
from livekit_doctor.evidence.records.fields import room_in
from livekit_doctor.evidence.records.shapes import json_object, sentry, spans
from livekit_doctor.evidence.records.values import decoded

_LISTS = (
    *("entries", "events", "logEvents", "log_events", "logs", "records", "results", "result", "rows", "hits", "data"),
    *("tables", "resourceLogs", "scopeLogs", "logRecords"),
)
_DEEPEST = 5
_IDS = ("sid", "id", "agentId", "agent_id", "sipTrunkId", "sip_trunk_id", "sipDispatchRuleId", "sip_dispatch_rule_id")
_SAYING = frozenset({"error", "errors", "message", "msg", "code"})
_OBJECTS = ("RM_", "PA_", "AD_", "CA_", "ST_", "SDR_")

_CUT = lazy_re.compile(rf'\s*(?:\{{[^\[]{{0,300}}"(?:{"|".join(_LISTS)})"\s*:\s*)?\[\{{')
"""How an export begins, also one of which no more can be told."""
_BEHIND = lazy_re.compile(r"[\s,;]*[{\[]")

Entry = dict[str, object] | str


def entries(value: object) -> Sequence[Entry]:
    """The entries of an export in their order; none for JSON that is something else. What an export has beside them
    that may say something of a call is the last of them."""
    if isinstance(value, list):
        return _of_list(value)
    return _of_object(value, 0) if isinstance(value, dict) else []


def in_one_string(value: object) -> Sequence[Entry]:
    """The lines of a log that stand in one string of an object, such as a ticket's text; none where the object is a
    record itself."""
    if not isinstance(value, dict) or json_object.read(value) is not None:
        return []
    texts = (item for item in value.values() if isinstance(item, str) and "\n" in item.strip())
    logs = ([*item.splitlines()] for item in texts if sum(map(shapes.has_whole_head, item.splitlines())) > 1)
    return next(logs, [])


def one_behind_the_other(text: str) -> list[str]:
    """The lines of the entries that stand so in a text, with commas between or not, and of what is behind them."""
    found: list[str] = []
    place = 0
    while begun := _BEHIND.match(text, place):
        value, _ = decoded(text, begun.end() - 1)
        if value is None:
            break
        values: Sequence[object] = entries(value[0]) or [value[0]]
        found += [line for entry in values for line in line_of(entry)]
        place = value[1]
    rest = text[place:].lstrip(" \t,;")
    return [*found, rest] if any(map(str.isalnum, rest)) else found


def apart(line: str) -> list[str]:
    """The lines of the entries of an export in one line, of which the end is missing; none for anything else."""
    cut = _CUT.match(line)
    found = one_behind_the_other(line[cut.end() - 1 :]) if cut else []
    return found if len(found) > 1 else []


def line_of(entry: object) -> list[str]:
    """The lines in which an entry stands alone."""
    if isinstance(entry, str):
        return entry.splitlines() or [""]
    return [json.dumps(entry, ensure_ascii=False, default=str)]


def _of_list(items: list[object]) -> list[Entry]:
    if pairs := of_pairs(items):
        return [pairs]
    if _is_answer(items):
        return []
    if all(isinstance(item, str) for item in items):
        texts = [str(item) for item in items]
        return [*texts] if any(shapes.begins(text) or has_id(text) for text in texts) else []
    if not any(isinstance(item, dict | list) for item in items):
        return []
    return [entry for item in items for entry in of_item(item)]


def of_item(item: object, depth: int = 0) -> list[Entry]:
    """The entries that an item of a list is: itself, or those in it."""
    if isinstance(item, list):
        return _of_list(item) or [json.dumps(item, ensure_ascii=False)]
    if isinstance(item, dict):
        holds = any(type(value) in (dict, list) for value in item.values())
        return (holds and _of_object(item, depth)) or [item]
    return [item if isinstance(item, str) else json.dumps(item)]


def _of_object(value: dict[str, object], depth: int) -> list[Entry]:
    if spans.is_export(value) or sentry.read(value):
        return [value]
    if stream := list(_of_stream(value)) or list(_of_table(value)) or list(_of_scope(value)):
        return stream
    key = next((key for key in _LISTS if isinstance(value.get(key), list | dict) and value[key]), "")
    if not key or depth >= _DEEPEST or shapes.read_value({**value, key: None}) is not None:
        return []
    inner = value[key]
    if isinstance(inner, dict):
        found = _of_object(inner, depth + 1)
    elif isinstance(inner, list) and of_pairs(inner):
        found = [of_pairs(inner)]
    else:
        found = [entry for item in _items(inner) for entry in of_item(item, depth + 1)]
    if not found or (depth == 0 and not any(map(_is_entry, found))):
        return []
    beside: dict[str, object] = {name: other for name, other in value.items() if name != key}
    return [*found, beside] if may_say(beside) else found


def may_hold(key: str, depth: int) -> bool:
    """Whether hosts put entries under this key, so deep in an export."""
    return key in _LISTS and depth < _DEEPEST


def may_say(beside: dict[str, object]) -> bool:
    """Whether what an export has beside its entries may be of a call, and no count or page of it."""
    named = room_in(beside) or not _SAYING.isdisjoint(beside)
    return bool(named) or has_id(json.dumps(beside, default=str))


def _items(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _is_entry(entry: Entry) -> bool:
    """Whether it is what a log has, and no object of LiveKit's API."""
    if isinstance(entry, str):
        return shapes.begins(entry) or has_id(entry)
    return spans.is_export(entry) or "event" in entry or shapes.read_value(entry) is not None


def of_pairs(items: list[object]) -> dict[str, object]:
    """The object that CloudWatch's queries answer as a list of fields, each with its value."""
    if not items or not all(isinstance(item, dict) and {"field", "value"} <= item.keys() for item in items):
        return {}
    return {str(item["field"]): item["value"] for item in items if isinstance(item, dict)}


def _is_answer(items: list[object]) -> bool:
    """Whether it is a list of LiveKit's API, which says something as a whole: what is not in it is not there."""
    return bool(items) and all(
        isinstance(item, dict)
        and not {"level", "severity", "msg", "message", "event"} & item.keys()
        and any(str(item.get(key, "")).startswith(_OBJECTS) for key in _IDS)
        for item in items
    )


def _of_stream(value: Mapping[str, object]) -> Iterator[Entry]:
    """Loki's: [time, line] or [time, line, labels] of one stream."""
    labels, values = value.get("stream"), value.get("values")
    if not isinstance(labels, dict) or not isinstance(values, list):
        return
    for item in values:
        if isinstance(item, list) and len(item) > 1 and isinstance(item[1], str):
            yield {"timestamp": item[0], "line": item[1], "labels": labels}
        else:
            yield json.dumps(item, ensure_ascii=False)


def _of_table(value: Mapping[str, object]) -> Iterator[Entry]:
    """Azure's: rows whose columns have their names once."""
    columns, rows = value.get("columns"), value.get("rows")
    if not isinstance(columns, list) or not isinstance(rows, list):
        return
    names = [str(column.get("name", "")) if isinstance(column, dict) else str(column) for column in columns]
    for row in rows:
        if isinstance(row, list):
            yield {name: cell for name, cell in zip(names, row, strict=False) if cell not in (None, "")}
        else:
            yield json.dumps(row, ensure_ascii=False)


def _of_scope(value: Mapping[str, object]) -> Iterator[Entry]:
    """OpenTelemetry's: each record with the names that a log's line has."""
    records = value.get("logRecords")
    if not isinstance(records, list):
        return
    for record in records:
        if not isinstance(record, dict):
            yield json.dumps(record, ensure_ascii=False)
            continue
        yield spans.of_log(record)
