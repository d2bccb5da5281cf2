"""The server: the tools by the official SDK, over standard input and output."""

import asyncio
import logging
from collections.abc import Mapping
from typing import Any

import msgspec
from mcp import types
from mcp.server.lowlevel import Server
from mcp.server.stdio import stdio_server

from livekit_doctor import __version__, decoding
from livekit_doctor.errors import UserError
from livekit_doctor.mcp.bounded import bounded, short
from livekit_doctor.mcp.running import Answer, answer
from livekit_doctor.mcp.tools import Arguments, Tool, refuse_stdin, tools
from livekit_doctor.redact import printable, redact_text
from livekit_doctor.render.json import error as json_error
from livekit_doctor.render.report import ErrorReport

AT_ONCE = 4
"""Commands that run at the same time; further ones wait."""

INSTRUCTIONS = (
    "Finds the step at which an outbound LiveKit phone call breaks. In an incident: trace with the call's id, its room "
    "or a pasted text; with neither, recent_calls or triage first. Before a deploy: check. Each answer is a JSON "
    "document and the same as text. Read verdict and broken: proven is certain, likely and possible are not, and "
    "unknown is no fault found. Then type the fix, and run the command under next. What it does not know it says."
)


async def serve(*, experiments: bool, further: tuple[str, ...] = ()) -> None:
    """Serves until standard input ends. `further` are options of every command that reads a configuration."""
    served = _Served(tools(experiments=experiments), further)
    server = Server(
        "livekit-doctor",
        version=__version__,
        instructions=INSTRUCTIONS,
        on_list_tools=served.listed,
        on_call_tool=served.called,
    )
    logging.getLogger("mcp").setLevel(logging.CRITICAL)
    async with stdio_server() as (reading, writing):
        await server.run(reading, writing, server.create_initialization_options())


class _Served:
    def __init__(self, served: tuple[Tool, ...], further: tuple[str, ...]) -> None:
        self._tools = {tool.name: tool for tool in served}
        self._further = further
        self._running = asyncio.Semaphore(AT_ONCE)

    async def listed(self, _context: Any, _params: Any) -> types.ListToolsResult:
        return types.ListToolsResult(tools=[_described(tool) for tool in self._tools.values()])

    async def called(self, _context: Any, params: types.CallToolRequestParams) -> types.CallToolResult:
        """What the command says; what is wrong with the call is a result too, which a model can read."""
        try:
            said = await self._said(params)
        except UserError as wrong:
            return _refused(params.name, wrong)
        except Exception as error:
            message = f"internal error: {type(error).__name__}: {printable(redact_text(str(error)))}"
            return _refused(params.name, UserError("LKD001", message, "try again, and report it"))
        assert said.document is not None
        document, cut = bounded(said.document)
        text = short(said.text) + (f"\nshortened in the document: {', '.join(cut)}\n" if cut else "")
        return _result(text, document, is_error=bool(document.get("error")))

    async def _said(self, params: types.CallToolRequestParams) -> Answer:
        """The answer of the command, which has a document. Raises UserError where the call is wrong, or there is no
        answer."""
        words, stdin = _command(self._tool(params.name), params.arguments or {})
        if words[0] != "explain":
            words[1:1] = self._further
        async with self._running:
            try:
                said = await answer(words, stdin)
            except TimeoutError as error:
                raise UserError("LKD001", "the command took too long", "ask for less") from error
        if said.document is None:
            last = printable(redact_text(said.text.strip()[-500:]))
            raise UserError("LKD001", f"the command gave no answer: {last}", "try again")
        return said

    def _tool(self, name: str) -> Tool:
        if name in self._tools:
            return self._tools[name]
        if any(name == tool.name for tool in tools(experiments=True)):
            message = f"{name} places calls or creates rooms, and this server only reads"
            raise UserError("LKD001", message, "start it with livekit-doctor mcp --allow-experiments")
        raise UserError("LKD001", f'there is no tool "{printable(name[:100])}"', f"one of {', '.join(self._tools)}")


def _described(tool: Tool) -> types.Tool:
    return types.Tool(
        name=tool.name,
        description=tool.about,
        input_schema=_schema(tool.kind),
        annotations=types.ToolAnnotations(
            read_only_hint=not tool.experiment, destructive_hint=False, open_world_hint=tool.name != "explain"
        ),
    )


def _schema(kind: type[Arguments]) -> dict[str, Any]:
    """The JSON Schema of what a tool can be given, in itself."""
    _, components = msgspec.json.schema_components([kind])
    schema: dict[str, Any] = {key: value for key, value in components[kind.__name__].items() if key != "title"}
    return schema


def _command(tool: Tool, given: Mapping[str, Any]) -> tuple[list[str], str]:
    """The words of the command line, and its standard input. Raises UserError for what can't be given."""
    try:
        arguments = decoding.convert(dict(given), tool.kind)
    except msgspec.ValidationError as error:
        names = ", ".join(tool.kind.__struct_fields__)
        raise UserError("LKD001", f"{tool.name}: {printable(str(error))}", f"it can be given: {names}") from error
    refuse_stdin(arguments)
    words, stdin = list(tool.line(arguments)), tool.reads(arguments)
    if any("\0" in word for word in words):
        raise UserError("LKD001", f"{tool.name}: a text has a NUL character in it", "leave it out")
    return words, stdin


def _refused(name: str, wrong: UserError) -> types.CallToolResult:
    command = {"test_call": "test-call", "recent_calls": "trace"}.get(name, name)
    report = ErrorReport(command, wrong.code, wrong.message, wrong.fix, wrong.exit_status)
    text = f"{wrong.code} {wrong.message}\n  fix: {wrong.fix}\n"
    return _result(text, json_error.render(report), is_error=True)


def _result(text: str, document: dict[str, Any], *, is_error: bool) -> types.CallToolResult:
    return types.CallToolResult(content=[types.TextContent(text=text)], structured_content=document, is_error=is_error)
