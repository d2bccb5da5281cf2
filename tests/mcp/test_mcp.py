"""The server for coding agents, asked by the official SDK's client, in a process of its own.

The SDK is imported by what asks: all that collect the tests would wait a second for it.
"""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jsonschema_rs
import pytest

from livekit_doctor.mcp.bounded import LONGEST_DOCUMENT, bounded, short
from tests.cli.command_line import CLEAN
from tests.documents import validator

if TYPE_CHECKING:
    from mcp.client.client import Client
    from mcp.types import CallToolResult

BLOCKS = """import time
from livekit.agents import JobContext, WorkerOptions, cli

async def entrypoint(ctx: JobContext):
    await ctx.connect()
    time.sleep(3)

cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))
"""
PASTED = (
    "2026-01-06 05:11:54,970 - INFO livekit.agents - received job request "
    '{"job_id": "AJ_NZAsRZNRaMZg", "room_name": "call-17", "agent_name": "caller"}\n'
    "2026-01-06 05:12:02,970 - WARNING livekit.agents - assignment for job AJ_NZAsRZNRaMZg timed out\n"
    '2026-01-06 05:12:03,970 - INFO caller - dialing +15555550123 {"api_secret": "hush"}\n'
)


@asynccontextmanager
async def client(folder: Path, *options: str, env: Mapping[str, str] | None = None) -> AsyncIterator[Client]:
    from mcp.client.client import Client
    from mcp.client.stdio import StdioServerParameters, stdio_client

    parameters = StdioServerParameters(
        command=sys.executable,
        args=["-m", "livekit_doctor", "mcp", *options],
        cwd=folder,
        env={**CLEAN, **(env or {})},
    )
    with (folder / "stderr.txt").open("w") as stderr:
        async with Client(stdio_client(parameters, errlog=stderr)) as opened:
            yield opened


def asked(
    folder: Path,
    ask: Callable[[Client], Awaitable[list[CallToolResult]]],
    *options: str,
    env: Mapping[str, str] | None = None,
) -> list[CallToolResult]:
    async def work() -> list[CallToolResult]:
        async with client(folder, *options, env=env) as opened:
            return await ask(opened)

    return asyncio.run(work())


def document_of(result: CallToolResult) -> dict[str, Any]:
    document: dict[str, Any] = result.structured_content
    validator(document["schema"]).validate(document)
    return document


def text_of(result: CallToolResult) -> str:
    (content,) = result.content
    assert content.type == "text"
    return content.text


def test_what_is_served_reads_unless_it_is_told_otherwise(tmp_path: Path) -> None:
    async def names(*options: str) -> dict[str, bool]:
        async with client(tmp_path, *options) as opened:
            tools = (await opened.list_tools()).tools
            for tool in tools:
                jsonschema_rs.meta.validate(tool.input_schema)
                assert tool.input_schema["additionalProperties"] is False
            return {tool.name: bool(tool.annotations and tool.annotations.read_only_hint) for tool in tools}

    reading = asyncio.run(names())
    assert reading == dict.fromkeys(("check", "trace", "recent_calls", "triage", "lint", "explain"), True)
    more = asyncio.run(names("--allow-experiments"))
    assert set(more) - set(reading) == {"probe", "test_call"}
    assert not any(more[name] for name in ("check", "trace", "probe", "test_call"))


def test_answers_are_the_published_documents_with_the_text_of_the_console(tmp_path: Path) -> None:
    async def ask(opened: Client) -> list[CallToolResult]:
        return [
            await opened.call_tool("trace", {"evidence": PASTED}),
            await opened.call_tool("explain", {"words": ["LKD401", "sip-486"]}),
            await opened.call_tool("check", {"only": ["configuration"]}),
            await opened.call_tool("lint", {"paths": ["worker"]}),
        ]

    (tmp_path / "worker").mkdir()
    (tmp_path / "worker" / "agent.py").write_text(BLOCKS)
    traced, explained, checked, linted = asked(tmp_path, ask)
    document = document_of(traced)
    assert [item["code"] for item in document["broken"]] == ["LKD403"]
    assert not traced.is_error
    text = text_of(traced)
    assert "LKD403" in text
    assert "Timeline" in text
    for secret in ("hush", "5555550123"):
        assert secret not in text + json.dumps(document)
    assert [item["kind"] for item in document_of(explained)["explained"]] == ["code", "sip_status"]
    assert document_of(checked)["exit_status"] == 2, "there are no credentials"
    assert document_of(checked)["next"]["command"].startswith("livekit-doctor ")
    assert [item["code"] for item in document_of(linted)["findings"]] == ["LKD702"]


WRONG: list[tuple[str, dict[str, Any], str]] = [
    ("trace", {}, "was not told which call"),
    ("trace", {"call": 7}, "Expected `str"),
    ("trace", {"calls": "x"}, "unknown field `calls`"),
    ("trace", {"evidence": ["x"]}, "Expected `str"),
    ("trace", {"call": "x", "worker_log": ["-"]}, "- is none"),
    ("trace", {"call": "a\0b"}, "NUL"),
    ("trace", {"evidence": "good morning"}, "nothing in standard input is recognised"),
    ("trace", {"bundle": "--help"}, "--help"),
    ("check", {"probe": True}, "unknown field `probe`"),
    ("check", {"url": "ws://evil.example"}, "unknown field `url`"),
    ("check", {"only": ["--probe"]}, "--probe"),
    ("triage", {"since": "yesterdayish"}, "yesterdayish"),
    ("explain", {"words": ["--all"]}, "--all"),
    ("test_call", {"number": "+15555550123"}, "--allow-experiments"),
    ("nothing", {}, 'no tool "nothing"'),
]


def test_what_is_wrong_is_one_clear_answer_and_never_the_end(tmp_path: Path) -> None:
    async def ask(opened: Client) -> list[CallToolResult]:
        return [await opened.call_tool(name, given) for name, given, _ in WRONG] + [
            await opened.call_tool("explain", {"words": ["LKD401"]})
        ]

    *refused, after = asked(tmp_path, ask)
    missed = []
    for (name, given, says), result in zip(WRONG, refused, strict=True):
        document, text = document_of(result), text_of(result)
        if not (result.is_error and document["error"] and says in text and "Traceback" not in text):
            missed.append((name, given, text))
    assert not missed
    assert not after.is_error


def test_a_value_is_no_option(tmp_path: Path) -> None:
    """A call's id that looks like one is looked for, and nothing is written."""
    (tmp_path / "rows.csv").write_text(
        "call_id,created_at,source,state\n--save=x,2026-01-06T05:11:54Z,edge,room_created\n"
    )

    async def ask(opened: Client) -> list[CallToolResult]:
        return [await opened.call_tool("trace", {"call": "--save=x", "call_logs": "rows.csv"})]

    (found,) = asked(tmp_path, ask)
    assert document_of(found)["call_id"] == "--save=x"
    assert not (tmp_path / "x").exists()


def test_standard_output_is_the_protocol_alone(tmp_path: Path) -> None:
    """Also for lines that are no message."""
    lines = ["", "good morning", "{}", "[1]", '{"jsonrpc": "2.0", "id": 1, "method": "tools/none"}']
    ran = subprocess.run(
        [sys.executable, "-m", "livekit_doctor", "mcp"],
        input="\n".join(lines) + "\n",
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env=CLEAN,
        timeout=60,
    )
    assert (ran.returncode, "Traceback" in ran.stderr) == (0, False)
    assert all(json.loads(line)["jsonrpc"] == "2.0" for line in ran.stdout.splitlines())


def test_a_long_answer_is_cut_and_keeps_to_its_schema(tmp_path: Path) -> None:
    """Of a timeline the end is kept."""
    line = '2026-01-06 05:{:02}:{:02},970 - ERROR livekit.agents - line {} of many {{"job_id": "AJ_NZAsRZNRaMZg"}}'
    pasted = PASTED + "\n".join(line.format(12 + number // 60, number % 60, number) for number in range(2_000))

    async def ask(opened: Client) -> list[CallToolResult]:
        return [await opened.call_tool("trace", {"evidence": pasted})]

    (found,) = asked(tmp_path, ask)
    document = document_of(found)
    assert len(json.dumps(document)) <= LONGEST_DOCUMENT
    assert "line 1999 of many" in document["timeline"][-1]["event"]
    assert "shortened in the document: timeline: " in text_of(found)
    assert len(text_of(found)) < 45_000


def test_what_is_short_enough_is_whole() -> None:
    document = {"steps": [1, 2, 3], "text": "x"}
    assert bounded(document) == (document, [])
    assert short("a\nb\n") == "a\nb\n"


@pytest.mark.parametrize("longest", [60, 600, 6_000])
def test_it_is_as_short_as_it_is_told_where_texts_are_what_is_long(longest: int) -> None:
    document, cut = bounded({"a": {"b": ["x" * 3_000] * 9}, "c": "y" * 9_000}, longest)
    assert len(json.dumps(document)) <= max(longest, 1_100)
    assert cut
