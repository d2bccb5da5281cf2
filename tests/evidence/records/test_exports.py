"""What a tool exports as one JSON document is read as its entries are that stand one a line."""

import json
import textwrap
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import ApiRefusal, LogLine, Sighting
from livekit_doctor.evidence.records.tracebacks import raised
from tests.evidence.pasted.samples import NOW, lines, reading, webhooks
from tests.evidence.records.corpus import meaning, samples
from tests.thorough import examples

Entry = dict[str, Any]


def of_json(text: str) -> list[Entry]:
    found = []
    for line in text.splitlines():
        if line.startswith("{"):
            try:
                found.append(json.loads(line))
            except ValueError:
                continue
    return [entry for entry in found if "Dispatch" not in str(list(entry)) and "resourceSpans" not in entry]


OWN = [entry for text in samples().values() for entry in of_json(text)]
TEXTS = [
    line
    for text in samples().values()
    for line in text.splitlines()
    if line[:1].isalnum() and "{" not in line and len(line) > 40
]
AT = "2026-11-19T16:20:00.210Z"


def of_google(entry: Entry) -> Entry:
    return {"insertId": "6a00", "jsonPayload": entry, "severity": "INFO", "timestamp": AT}


def logged_webhook(entry: Entry) -> Entry:
    return {"timestamp": AT, "severity": "INFO", "jsonPayload": {"message": "webhook", "body": entry}}


ENTRIES = st.one_of(
    st.sampled_from(OWN),
    st.sampled_from(OWN).map(of_google),
    st.sampled_from([json.loads(body) for body in webhooks()]),
    st.sampled_from([json.loads(body) for body in webhooks()]).map(logged_webhook),
    st.sampled_from(TEXTS).map(lambda text: {"timestamp": 1795105200210, "message": text}),
    st.builds(lambda key, value: {"timestamp": AT, "message": f"{key} {value}"}, st.text(max_size=9), st.integers()),
)
ENVELOPES: list[Callable[[list[Entry]], Any]] = [
    lambda entries: entries,
    lambda entries: {"entries": entries, "nextPageToken": "x"},
    lambda entries: {"events": entries, "searchedLogStreams": []},
    lambda entries: {"messageType": "DATA_MESSAGE", "logGroup": "g", "logEvents": entries},
    lambda entries: {"results": entries, "status": "Complete"},
    lambda entries: {"took": 3, "hits": {"total": {"value": 2}, "hits": entries}},
    lambda entries: {"meta": {"elapsed": 7}, "data": entries},
    lambda entries: {"status": "success", "data": {"resultType": "streams", "result": entries}},
    lambda entries: [entries, []],
]
WRITTEN: list[Callable[[Any], str]] = [
    json.dumps,
    lambda value: json.dumps(value, indent=2),
    lambda value: json.dumps(value, indent="\t", ensure_ascii=False),
    lambda value: f"$ logs read\n{json.dumps(value, indent=4)}\n$ ",
]


def says(text: str) -> tuple[list[Any], dict[str, int]]:
    found = meaning(text)
    said = [{key: value for key, value in item.items() if key != "number"} for item in found["says"]]
    return sorted(said, key=str), found["recognised"]


@settings(max_examples=examples(60, thorough=2_000), deadline=None)
@given(
    st.lists(ENTRIES, min_size=2, max_size=5, unique_by=json.dumps),
    st.sampled_from(ENVELOPES),
    st.sampled_from(WRITTEN),
)
def test_the_same_as_one_a_line(
    entries: list[Entry], envelope: Callable[[list[Entry]], Any], written: Callable[[Any], str]
) -> None:
    assert says(written(envelope(entries))) == says("\n".join(map(json.dumps, entries)))


@settings(max_examples=examples(60, thorough=500), deadline=None)
@given(st.lists(st.sampled_from(TEXTS), min_size=2, max_size=5))
def test_lokis_streams(texts: list[str]) -> None:
    values = [[str(1795105200_000_000_000 + number), text] for number, text in enumerate(texts)]
    answer = {"status": "success", "data": {"result": [{"stream": {"app": "x"}, "values": values}]}}
    lines = [{"timestamp": at, "line": text, "labels": {"app": "x"}} for at, text in values]
    assert says(json.dumps(answer, indent=1)) == says("\n".join(map(json.dumps, lines)))


def test_what_no_entry_is_counts() -> None:
    one = {"timestamp": AT, "severity": "INFO", "message": "received job request", "job_id": "AJ_abc123def456"}
    text = json.dumps([one, {"a": 1}, "words of somebody", {"b": [2]}, one])
    coverage = reading(text).coverage[0]
    assert (coverage.recognised, coverage.not_recognised) == ({"worker log line": 2}, 3)


@settings(max_examples=examples(60, thorough=500), deadline=None)
@given(
    st.lists(ENTRIES, min_size=2, max_size=4),
    st.sampled_from(["{}", "entries: {}", "const logs = {};", "here you are: `{}`"]),
    st.sampled_from([", ", "", " ", "\n"]),
)
def test_entries_behind_each_other(entries: list[Entry], around: str, between: str) -> None:
    """Also without the array around them, and in somebody's sentence."""
    want = says("\n".join(map(json.dumps, entries)))
    assert says(between.join(map(json.dumps, entries))) == want
    assert says(around.format(json.dumps(entries))) == want


@pytest.mark.parametrize("written", WRITTEN[:3])
@pytest.mark.parametrize("envelope", [lambda entries: entries, lambda entries: {"entries": entries}])
def test_an_export_that_was_cut_off(written: Callable[[Any], str], envelope: Callable[[Any], Any]) -> None:
    """As chats cut what is too long: what is whole is read, and the rest counts."""
    entries = [logged_webhook(json.loads(webhooks()[0])), *map(json.loads, lines("worker.jsonl")[:3])]
    whole = says("\n".join(map(json.dumps, entries[:-1])))
    found = says(written(envelope(entries))[:-90])
    assert [item for item in whole[0] if item not in found[0]] == []


@pytest.mark.parametrize(
    "beside", [{"room": "call-17"}, {"error": "no answer"}, {"dispatch": {"id": "AD_abc123def456"}}]
)
def test_what_an_export_has_beside_its_entries_counts(beside: Entry) -> None:
    entries = [{"timestamp": AT, "severity": "INFO", "message": "booted"}] * 2
    alone = reading(json.dumps({"logs": entries, "hasMore": False})).coverage[0]
    with_it = reading(json.dumps({"logs": entries, "hasMore": False, **beside})).coverage[0]
    read = [sum(found.recognised.values()) + (found.not_recognised or 0) for found in (alone, with_it)]
    assert read[1] == read[0] + 1


def test_what_stands_behind_it_counts() -> None:
    text = json.dumps([{"timestamp": AT, "message": "x 1"}, {"timestamp": AT, "message": "x 2"}]) + " and nothing else?"
    assert reading(text).coverage[0].unknown_lines[-1] == "and nothing else?"


def test_a_webhook_without_a_time_is_of_the_time_when_it_was_logged() -> None:
    body = {"event": "room_started", "room": {"sid": "RM_abc123def456", "name": "call-1"}, "id": "EV_1"}
    for entry in (logged_webhook(body), {"timestamp": AT, "textPayload": f"webhook {json.dumps(body)}"}):
        (seen,) = reading(json.dumps(entry)).observations
        assert isinstance(seen, Sighting)
        assert seen.at is not None
        assert seen.at.isoformat() == "2026-11-19T16:20:00.210000+00:00"


@pytest.mark.parametrize("written", WRITTEN[:3])
@pytest.mark.parametrize("name", ["data/spans-1.8.9-otlp.jsonl", "corpus/span-jaeger.json", "corpus/span-tempo.json"])
def test_a_log_option_reads_spans_however_they_are_written(
    name: str, written: Callable[[Any], str], tmp_path: Path
) -> None:
    path = tmp_path / "spans.json"
    value, _ = json.JSONDecoder().raw_decode(samples()[name])
    path.write_text(written(value))
    found = read([LogSource("worker", str(path))], Needles(rooms=("no-such-room",)), NOW)
    assert found.coverage[0].recognised == reading(json.dumps(value)).coverage[0].recognised
    assert not found.coverage[0].not_recognised


def test_a_log_option_reads_webhooks_as_such(tmp_path: Path) -> None:
    """However they were logged, also quoted and wrapped in a mail, and in one document with a worker's lines."""
    bodies = [json.loads(body) for body in webhooks()]
    mail = "\n\n".join(
        textwrap.fill(json.dumps(body), 70, initial_indent="> ", subsequent_indent="> ") for body in bodies
    )
    export = json.dumps([*map(logged_webhook, bodies), *(json.loads(line) for line in lines("worker.jsonl"))], indent=2)
    for text in ("\n".join(map(json.dumps, bodies)), mail, export):
        path = tmp_path / "some.log"
        path.write_text(text)
        room = bodies[0]["room"]["name"]
        found = read([LogSource("worker", str(path))], Needles(rooms=(room,)), NOW)
        assert found.coverage[0].recognised["webhook"] == len(bodies)
        of_room = [body for body in bodies if body.get("room", {}).get("name") == room]
        assert sum(isinstance(item, Sighting) for item in found.observations) >= len(of_room)


CRASH = """2026-11-21 09:21:00,050 ERROR livekit.agents job crashed {"job_id": "AJ_mK3pQ7rTz"}
Traceback (most recent call last):
  File "/srv/agent/main.py", line 44, in entrypoint
    lead = json.loads(ctx.job.metadata)
json.decoder.JSONDecodeError: Expecting value: line 1 column 1 (char 0)"""


@pytest.mark.parametrize(
    "entry",
    [
        lambda line: {"__REALTIME_TIMESTAMP": "1795252860050000", "PRIORITY": "3", "MESSAGE": line},
        lambda line: {"line": line, "timestamp": "1795252860050000000", "fields": {"app": "agent"}},
        lambda line: {"insertId": "6a", "textPayload": line, "timestamp": AT, "severity": "ERROR"},
        lambda line: {"timestamp": 1795252860050, "message": line, "ingestionTime": 1795252860950, "eventId": "39"},
        lambda line: {"log": f"{line}\n", "stream": "stderr", "time": AT},
    ],
)
def test_a_traceback_that_a_host_cut_into_entries(entry: Callable[[str], Entry]) -> None:
    entries = [entry(line) for line in CRASH.splitlines()]
    for text in (json.dumps(entries, indent=2), "\n".join(map(json.dumps, entries))):
        (line,) = reading(text).observations
        assert isinstance(line, LogLine)
        assert raised(line.traceback).startswith("json.decoder.JSONDecodeError: ")
        assert line.at is not None
        assert reading(text).coverage[0].not_recognised == 0


@pytest.mark.parametrize("key", ["exc_info", "stack", "error", "err"])
@pytest.mark.parametrize("within", ["attributes", "fields", "extra"])
def test_what_was_raised_may_stand_in_what_a_host_adds(key: str, within: str) -> None:
    """Railway, Datadog: what the program logged beside its message."""
    stack = "TypeError: no phone\n    at Object.entry (file:///app/dist/agent.js:19:32)"
    more = {"job_id": "AJ_abc123def456", key: stack}
    (line,) = reading(
        json.dumps({"message": "error in entry function", "severity": "error", within: more})
    ).observations
    assert isinstance(line, LogLine)
    assert raised(line.traceback) == "TypeError: no phone"


def test_an_error_of_several_lines_in_one_string() -> None:
    """As consoles print it: what stands below the first line is its status, and none of its message."""
    error = """TwirpError: requested room is not there
    at TwirpRpc.request (file:///node_modules/livekit-server-sdk/dist/TwirpRPC.js:31:13)
    at async AgentDispatchClient.createDispatch (file:///node_modules/livekit-server-sdk/dist/Agent.js:29:18) {
  status: 401,
  code: "unauthenticated"
}"""
    entry = {"event_message": error, "level": "error", "timestamp": 1795252860500000}
    (found,) = reading(json.dumps([entry])).observations
    assert isinstance(found, ApiRefusal)
    assert (found.status, found.twirp_code, found.message) == (401, "unauthenticated", "requested room is not there")


def test_a_webhook_deep_in_what_a_host_adds() -> None:
    body = json.loads(webhooks()[0])
    entry = {"id": "AgAAA", "content": {"timestamp": AT, "message": "webhook", "attributes": {"body": body}}}
    assert reading(json.dumps({"logs": [entry]})).coverage[0].recognised == {"webhook": 1}
