"""OpenTelemetry: the span `job_entrypoint` of livekit-agents 1.8, with the dispatch's timeline in its events, and
`room_connect` and those of the agent's session below it.

As the collector's file exporter and OTLP's JSON have it ({"resourceSpans": [...]}), as Tempo ("batches") and Jaeger
export a trace, and as the SDK's ConsoleSpanExporter prints a span. The span begins when the entrypoint does, and tells
in hindsight what the worker's log says at the time: it is read as those lines.
"""

import json
from collections.abc import Iterator, Mapping
from datetime import datetime

from livekit_doctor import lazy_re
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.records.record import Record
from livekit_doctor.evidence.records.times import moment
from livekit_doctor.evidence.records.values import objects_in

NAME = "OpenTelemetry spans"

_SPAN, _AGENTS = "job_entrypoint", "livekit.agents"
_EVENTS: dict[str, tuple[str, str]] = {
    "job_received": ("received job request", _AGENTS),
    "job_accepted": ("job accepted", _AGENTS),
    "job_assigned": ("job assigned", _AGENTS),
    "process_assigned": ("process took the job", _AGENTS),
    "entrypoint_started": ("entrypoint started", _SPAN),
    "entrypoint_returned": ("entrypoint returned", _AGENTS),
    "entrypoint_cancelled": ("entrypoint cancelled", _AGENTS),
    "exception": ("unhandled exception while running the job task", _AGENTS),
}
"""What each event says in the worker's log, or would, and the logger: what is not livekit-agents' own is said from
inside the entrypoint."""
_BEGUN = ("entrypoint_started", "entrypoint_returned", "entrypoint_cancelled")
_CONNECT = "room_connect"
"""It has the participant's id once the agent is in the room and its media is connected (livekit-agents 1.8.9)."""
_OF_A_SESSION: dict[tuple[str, bool], tuple[str, str]] = {
    ("agent_session", False): ("agent session started", "info"),
    ("user_turn", False): ("received user transcript", "info"),
    ("tts_request", False): ("TTS metrics", "info"),
    ("tts_request", True): ("failed to synthesize speech", "error"),
    ("llm_request", True): ("failed to generate LLM completion", "error"),
}
"""What these say in the worker's log, each in order and failed, and the level."""
_TRUNK = lazy_re.compile(r"ST_[A-Za-z0-9]{6,24}")
_ROOM_ID = "gen_ai.conversation.id"
"""The room's sid, on each span (livekit-agents 1.8.9)."""
_FIELDS = {
    "lk.job_id": "job_id",
    "lk.dispatch_id": "dispatch_id",
    "lk.pii.room_name": "room",
    "lk.room_name": "room",
    "lk.room_sid": "room_id",
    "lk.agent_name": "agent_name",
    "lk.job.worker_id": "worker_id",
}


def read(value: object) -> list[Record]:
    """The records that the spans in a JSON value tell, oldest first within a span; none for other JSON."""
    found = list(_spans(value))
    jobs = {_trace(span): own for span in found if "job_id" in (own := _ids(attributes(span.get("attributes"))))}
    return [record for span in found for record in _of_span(span, jobs.get(_trace(span), {}))]


def _trace(span: Mapping[str, object]) -> object:
    context = span.get("context")
    return span.get("traceId", span.get("trace_id", context.get("trace_id") if isinstance(context, dict) else None))


def _ids(own: Mapping[str, object]) -> dict[str, object]:
    ids = {name: own[key] for key, name in _FIELDS.items() if key in own}
    if str(own.get(_ROOM_ID, "")).startswith("RM_"):
        ids.setdefault("room_id", own[_ROOM_ID])
    return ids


def is_export(value: object) -> bool:
    """Whether the value is an export of spans, of whichever."""
    return any(True for _ in _spans(value))


def _spans(value: object) -> Iterator[Mapping[str, object]]:
    if not isinstance(value, dict):
        return
    if isinstance(value.get("context"), dict) and "parent_id" in value and isinstance(value.get("events"), list):
        yield value
    inner = value.get("trace")
    batches = value.get("batches", inner.get("resourceSpans") if isinstance(inner, dict) else None)
    for resource in objects_in(value.get("resourceSpans", value.get("resource_spans", batches))):
        scopes = resource.get("scopeSpans", resource.get("scope_spans", resource.get("instrumentationLibrarySpans")))
        for scope in objects_in(scopes):
            yield from objects_in(scope.get("spans"))
    for trace in objects_in(value.get("data")):
        if "traceID" in trace:
            yield from map(_of_jaeger, objects_in(trace.get("spans")))


def _of_jaeger(span: Mapping[str, object]) -> Mapping[str, object]:
    """The span with the names that OTLP has; its times are in microseconds."""
    events = []
    for log in objects_in(span.get("logs")):
        fields = attributes(log.get("fields"))
        name = fields.get("event", fields.get("message", ""))
        events.append({"name": name, "timestamp": log.get("timestamp"), "attributes": fields})
    began, took = span.get("startTime"), span.get("duration")
    return {
        "traceId": span.get("traceID"),
        "name": span.get("operationName"),
        "start_time": began,
        "end_time": began + took if isinstance(began, int) and isinstance(took, int) else None,
        "attributes": attributes(span.get("tags")),
        "events": events,
    }


def _of_span(span: Mapping[str, object], job: Mapping[str, object]) -> Iterator[Record]:
    """`job` is what another span of the trace names of its job: those below it do not."""
    own = attributes(span.get("attributes"))
    fields = _ids(own)
    # Fixes have a place for the trunk, which the team may have put onto a span under a name of its own.
    trunks = [value for value in own.values() if isinstance(value, str) and _TRUNK.fullmatch(value)]
    if trunks:
        fields["sip_trunk"] = trunks[0]
    name, raised = str(span.get("name", "")), _raised(span)
    began = moment(span.get("startTimeUnixNano", span.get("start_time_unix_nano", span.get("start_time"))))[0]
    ended = moment(span.get("endTimeUnixNano", span.get("end_time_unix_nano", span.get("end_time"))))[0]
    if name == _CONNECT and "lk.participant_id" in own:
        fields |= _of_agent(str(own.get("lk.pii.participant_identity", "")))
        yield _record("room_connect returned", ended, "info", _AGENTS, fields)
    elif name == _SPAN:
        yield from _of_entrypoint(span, began, fields)
    elif (name, bool(raised)) in _OF_A_SESSION and (name != "user_turn" or own.get("lk.user_transcript")):
        message, level = _OF_A_SESSION[name, bool(raised)]
        at = began if name == "agent_session" else ended
        yield _record(message, at, level, _AGENTS, {**job, **fields}, raised)
        if name == "agent_session" and ended is not None:
            yield _record("agent session ended", ended, level, _AGENTS, {**job, **fields})
    else:
        yield _record(f"span {name}", ended if raised else began, "debug", _AGENTS, fields, raised)


def _of_entrypoint(span: Mapping[str, object], began: datetime | None, fields: dict[str, object]) -> Iterator[Record]:
    """A collector, or who picked it, may have left out the events."""
    events = [event for event in objects_in(span.get("events")) if str(event.get("name", "")) in _EVENTS]
    if not any(event.get("name") in _BEGUN for event in events):
        yield _record("entrypoint started", began, "info", _SPAN, dict(fields))
    for event in events:
        message, logger = _EVENTS[str(event["name"])]
        about = attributes(event.get("attributes"))
        raised = str(about.get("exception.stacktrace", about.get("exception.message", "")))
        level = "error" if raised else "info"
        yield _record(message, moment(_time(event))[0], level, logger, dict(fields), raised)


def _raised(span: Mapping[str, object]) -> str:
    """The exception that a span ended with; empty for none."""
    for event in objects_in(span.get("events")):
        if event.get("name") == "exception":
            about = attributes(event.get("attributes"))
            return str(about.get("exception.stacktrace", about.get("exception.message", "exception")))
    return ""


def _of_agent(identity: str) -> dict[str, object]:
    """The job is in the identity that the server gives an agent; the span does not name it."""
    job = job_of_identity(identity)
    return {"participant": identity, **({"job_id": job} if job else {})}


def _record(
    message: str, at: datetime | None, level: str, logger: str, fields: dict[str, object], raised: str = ""
) -> Record:
    record = Record(NAME, message, at, level=level, logger=logger, fields=fields, by="agents")
    record.traceback = raised
    return record


def _time(event: Mapping[str, object]) -> object:
    return event.get("timeUnixNano", event.get("time_unix_nano", event.get("timestamp")))


def attributes(value: object) -> dict[str, object]:
    """Attributes by name: an object, or OTLP's list of {"key": ..., "value": {"stringValue": ...}}."""
    if isinstance(value, dict):
        return value
    found: dict[str, object] = {}
    for item in objects_in(value):
        inner = item.get("value")
        if isinstance(inner, dict) and inner:
            found[str(item.get("key", ""))] = next(iter(inner.values()))
        elif inner is not None and not isinstance(inner, dict):
            found[str(item.get("key", ""))] = inner  # Jaeger's
    return found


def of_log(record: Mapping[str, object]) -> dict[str, object]:
    """A record of a log, as OpenTelemetry writes it, with the names that a log's line has."""
    body = record.get("body")
    text = next(iter(body.values()), "") if isinstance(body, dict) else body
    return {
        "timestamp": record.get("timeUnixNano", record.get("observedTimeUnixNano")),
        "severity": record.get("severityText", ""),
        "message": text if isinstance(text, str) else json.dumps(text, ensure_ascii=False),
        "attributes": attributes(record.get("attributes")),
    }
