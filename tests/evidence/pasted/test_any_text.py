"""Whatever is pasted: it never raises, it takes bounded time, and nothing secret or steering comes out."""

import json
import time

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import found
from tests.evidence.pasted.samples import evidence, lines, lk, pasted, reading, recognised, webhooks
from tests.thorough import THOROUGH, examples

REAL = [
    *lines("livekit-server.jsonl"),
    *lines("livekit-server.log"),
    *lines("worker.jsonl"),
    *lines("worker.log"),
    *webhooks(),
    *json.dumps(lk("dispatch-request-rejects"), indent=2).splitlines(),
    "TwirpError(code=permission_denied, message=sip status: 403: Forbidden, status=403, metadata={'a': 'b'})",
    "id,call_id,created_at,source,state",
    "1,c-1,2026-11-23T21:53:21Z,edge_function,room_created",
    " call_id | created_at | state ",
    "```",
    '{"event": "participant_joined", "participant": {"joinedAtMs": "99999999999999999999", "kind": 77}}',
    '{"items": [{"sipTrunkId": "ST_1", "address": 5}]}',
    '{"agentDispatches": [{"id": "AD_1", "state": {"createdAt": "-1"}}]}',
]

_TEXT = st.text(st.characters(codec="utf-8"), max_size=200)
_MANGLED = st.builds(
    lambda line, start, end, prefix: prefix + line[start : len(line) - end],
    st.sampled_from(REAL),
    st.integers(0, 40),
    st.integers(0, 60),
    st.sampled_from(["", "> ", "  • ", "10:41 sam: ", "| ", "\x1b[31m", "“"]),
)


@settings(max_examples=examples(60, thorough=150), deadline=None)
@given(st.lists(st.one_of(_TEXT, _MANGLED, st.sampled_from(REAL)), max_size=12).map("\n".join))
def test_any_text(text: str) -> None:
    diagnosis = pasted(text)
    assert diagnosis.coverage[0].not_recognised is not None
    assert diagnosis.verdict in Verdict
    whole = evidence(text)
    assert msgspec.json.decode(msgspec.json.encode(whole), type=Evidence) == whole


_KEYS = st.sampled_from(
    [
        "event",
        "room",
        "participant",
        "items",
        "rooms",
        "agentDispatches",
        "state",
        "jobs",
        "id",
        "sid",
        "code",
        "msg",
        "meta",
        "ts",
        "level",
        "message",
        "timestamp",
        "name",
        "call_id",
        "created_at",
    ]
)
_JSON = st.recursive(
    st.none() | st.booleans() | st.floats() | st.integers() | _TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=examples(30, thorough=60), deadline=None)
@given(_JSON)
def test_any_json(value: object) -> None:
    pasted(json.dumps(value))
    pasted(json.dumps(value, indent=2))


_CRASHED = [*lines("livekit-server.jsonl", "-crashes"), *lines("worker.jsonl", "-crashes"), "what is that?"]


@settings(max_examples=20, deadline=None)
@given(st.permutations(_CRASHED))
def test_any_order(text: list[str]) -> None:
    assert found(pasted("\n".join(text))) == [("entrypoint_called", "LKD405", "possible")]


@pytest.mark.parametrize(
    "text",
    [
        "{" * 200_000,
        "[" * 200_000,
        '{"a":' * 100_000,
        '{"a":"' + "x" * 1_000_000,
        "\n".join(['{"level":"info","ts":1,"msg":"x'] * 5_000),
        "\n".join(["{"] * 30_000),
        "\n".join(['{"a": ['] * 20_000),
        "> " * 500_000,
        "TwirpError(code=unavailable, message=" * 20_000,
        "twirp error unavailable: " * 20_000,
        "  code: 'unavailable',\n" * 5_000,
        "a | b | call_id | created_at | state\n" * 5_000,
        "12:00:00.000 " * 50_000,
        "&quot;" * 200_000,
        "“" * 500_000,
        "2026-11-23T21:53:47.098Z\tINFO\t" * 20_000,
        'File "x", line 1\n' * 30_000,
        "\0\x1b[31m\u202e" * 50_000,
        "Error: x\n    at f (a.js:1:2) {\n  status: 503,\n  code: 'unavailable'\n}\n" * 5_000,
        '2026-02-12T10:01:02.003Z\tINFO\tlivekit\tx.go:1\tparticipant active\t{"room": "r", "cut": "\n' * 5_000,
        "2026-01-06 13:55:02,728 - INFO livekit.agents - received job request {'job_id': 'AJ_NZAsRZNRaMZg'}\n" * 5_000,
        "{ a: { b: [ { c: 'x" * 40_000,
        "insertId: x\njsonPayload:\n  message: received\n" * 4_000,
        "┌──┐\n│ DispatchID │ Room │ AgentName │\n" * 20_000,
        ("x" * 79 + "\n") * 15_000,
    ],
    ids=range(25),
)
def test_hostile_text_takes_no_time(text: str) -> None:
    """Of each, a quarter in `make test`: what is quadratic in the characters takes minutes of that as well."""
    share = 1 if THOROUGH else 4
    began = time.process_time()  # how long it takes says how busy the machine is
    reading(text[: len(text) // share])
    assert time.process_time() - began < 15 / share  # 7 s at most when nothing else runs


def test_what_is_pasted_many_times_is_one() -> None:
    line = lines("livekit-server.jsonl", "not dispatching", '"Front desk 7"')[0]
    once, often = reading(line).observations, reading("\n".join([line] * 500)).observations
    assert len(once) == len(often) == 1


def test_secrets_are_not_kept() -> None:
    token = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJ4In0.c2lnbmF0dXJl"
    texts = [
        f'{{"level":"info","ts":1795470801.5,"logger":"livekit","msg":"join {token}","token":"{token}","room":"r"}}',
        f"TwirpError(code=unauthenticated, message=invalid token: {token}, status=401)",
        f'2026-11-23 21:53:42,305 - ERROR livekit.agents - failed {{"api_secret": "hunter2", "url": "x?t={token}"}}',
        json.dumps({"agentDispatches": [{"id": "AD_1", "room": "r", "metadata": json.dumps({"password": "hunter2"})}]}),
        f'call_id,created_at,state,metadata\nc,2026-11-23T21:53:21Z,room_created,"{{""token"": ""{token}""}}"',
    ]
    for text in texts:
        kept = msgspec.json.encode(reading(text).observations).decode()
        assert len(kept) > 10, text
        assert "hunter2" not in kept
        assert token not in kept


@pytest.mark.parametrize(
    ("text", "kinds"),
    [
        ("lunch?\nyes", {"lines": 2}),
        ("", {"lines": 0}),
        ("```\n```\n---\n***", {"lines": 0}),
        ('{"message": "our own service", "level": "info"}', {"lines": 1}),
        ("2026-11-23 21:53:42,305 - INFO uvicorn.access - GET /health", {"lines": 1}),
        ('{"level":"info","ts":1795470801.5,"caller":"main.go:3","msg":"another program in Go"}', {"lines": 1}),
        ('{"event": "user_joined", "room": {"name": "r"}}', {"lines": 1}),
        ('{"code": "E42", "msg": "not of Twirp"}', {"lines": 1}),
        ('{"items": [{"id": 1}]}', {"lines": 1}),
    ],
)
def test_what_is_of_nothing_known(text: str, kinds: dict[str, int]) -> None:
    assert recognised(text) == kinds
    assert pasted(text).verdict is Verdict.UNKNOWN
