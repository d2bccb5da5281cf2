"""The tools: what each is for, what it can be given, and the command line that it is.

What a client gives is data: a value is one word of the command line, and none can become an option. There is
neither a URL nor a configuration among it, which would send the credentials wherever a text says, and no output file.
"""

from collections.abc import Callable, Iterator
from typing import Annotated, Any

from msgspec import Meta, Struct

from livekit_doctor.errors import UserError

MOST_PASTED = 5_000_000
"""Characters of a pasted text."""

Text = Annotated[str, Meta(max_length=4_000)]
Pasted = Annotated[str, Meta(max_length=MOST_PASTED)]
Texts = Annotated[list[Text], Meta(max_length=50)]


AgentName = Annotated[Text | None, Meta(description="The name that calls dispatch, if no file says it.")]
CallLogs = Annotated[Text | None, Meta(description="A file of exported call logs, in place of the database.")]
ReadOnly = Annotated[bool, Meta(description="Create nothing: no canary's scratch room.")]


class Arguments(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What a tool can be given."""


class Check(Arguments, frozen=True):
    only: Annotated[Texts, Meta(description="Categories or ids of checks, such as worker; none: all.")] = []
    skip: Annotated[Texts, Meta(description="Categories or ids of checks to leave out.")] = []
    strict: Annotated[bool, Meta(description="Whether a warning is a failure.")] = False
    agent_name: AgentName = None
    call_logs: CallLogs = None
    wait: Annotated[float, Meta(ge=0, le=600, description="Seconds to repeat it, until it passes: after a deploy.")] = 0


class CheckWithExperiments(Check, frozen=True):
    read_only: ReadOnly = True
    probe: Annotated[bool, Meta(description="Dispatch the team's agent into a scratch room: it runs its code.")] = False


class Trace(Arguments, frozen=True):
    call: Annotated[
        Text | None,
        Meta(description="A call id or its beginning, a room's name, or a LiveKit id such as AJ_... or SCL_..."),
    ] = None
    room: Annotated[Text | None, Meta(description="The call's room, where nothing leads from the call to it.")] = None
    evidence: Annotated[
        Pasted | None,
        Meta(
            description="What somebody pasted: log lines, tracebacks, errors of LiveKit's API, webhooks, lk's output. "
            "Enough without anything else.",
        ),
    ] = None
    worker_log: Annotated[Texts, Meta(description="Log files of agent workers.")] = []
    server_log: Annotated[Texts, Meta(description="Log files of livekit-server.")] = []
    sip_log: Annotated[Texts, Meta(description="Log files of livekit-sip.")] = []
    call_logs: CallLogs = None
    bundle: Annotated[Text | None, Meta(description="A file that trace --save wrote, and nothing else.")] = None
    agent_name: AgentName = None
    wait: Annotated[float, Meta(ge=0, le=600, description="Seconds to follow a call that is on its way.")] = 0


class TraceWithExperiments(Trace, frozen=True):
    read_only: ReadOnly = True


class Recent(Arguments, frozen=True):
    call_logs: CallLogs = None


class Triage(Arguments, frozen=True):
    since: Annotated[Text, Meta(description="From when on: 24h, 7d, or a moment in UTC.")] = "24h"
    until: Annotated[Text | None, Meta(description="The end of the window; none: now.")] = None
    where: Annotated[Texts, Meta(description="Only calls that ended so: a code, a step, sip-486, a verdict.")] = []
    by: Annotated[Texts, Meta(description="Which value stands out: source, a column, or a key of the metadata.")] = []
    detail: Annotated[int, Meta(ge=0, le=20, description="Trace so many of the newest calls of a group.")] = 0
    call_logs: Annotated[Texts, Meta(description="Exports in place of the database.")] = []


class Explain(Arguments, frozen=True):
    words: Annotated[
        Texts, Meta(description="Codes (LKD401), names (agent-not-dispatched), SIP statuses (sip-486); none: a list.")
    ] = []


class Lint(Arguments, frozen=True):
    paths: Annotated[Texts, Meta(description="Folders or files; none: the folder that the server was started in.")] = []


class Probe(Arguments, frozen=True):
    count: Annotated[int, Meta(ge=1, le=100, description="How many dispatches.")] = 5
    concurrency: Annotated[int, Meta(ge=1, le=20, description="How many at a time.")] = 3
    canary: Annotated[bool, Meta(description="A worker of the tool's own in place of the team's agent.")] = False
    agent_name: AgentName = None


class PlaceCall(Arguments, frozen=True):
    number: Annotated[Text, Meta(description="The phone to ring, in E.164. It rings a real phone.")]
    trunk: Annotated[
        Text | None, Meta(description="The outbound trunk; none: the configured one, or the only one.")
    ] = None
    no_agent: Annotated[bool, Meta(description="Test the phone leg alone.")] = False
    ringing_timeout: Annotated[float, Meta(ge=1, le=80, description="Seconds that it may ring.")] = 30


class Tool(Struct, frozen=True):
    """`line` makes the command line of the arguments; `reads` gives what stands on its standard input.
    `experiment`: it may create rooms, run the team's code or ring a phone."""

    name: str
    about: str
    kind: type[Arguments]
    line: Callable[[Any], Iterator[str]]
    reads: Callable[[Any], str] = lambda _: ""
    experiment: bool = False


def _options(arguments: Arguments, *names: str) -> Iterator[str]:
    """Each as one word, so that no value can be an option."""
    for name in names:
        option, value = f"--{name.replace('_', '-')}", getattr(arguments, name)
        if isinstance(value, bool):
            yield from [option] if value else []
        elif isinstance(value, list):
            yield from (f"{option}={one}" for one in value)
        elif value not in (None, 0, 0.0):
            yield f"{option}={value}"


def _check(given: Check) -> Iterator[str]:
    yield "check"
    yield from _options(given, "only", "skip", "strict", "agent_name", "call_logs", "wait")
    yield from _experiments(given)


def _experiments(given: Check | Trace) -> Iterator[str]:
    """--read-only, but where experiments are allowed, and this one is asked for."""
    if getattr(given, "read_only", True) and not getattr(given, "probe", False):
        yield "--read-only"
    if getattr(given, "probe", False):
        yield "--probe"


_FILES = ("worker_log", "server_log", "sip_log", "call_logs", "bundle")


def _trace(given: Trace) -> Iterator[str]:
    if not (given.call or given.room or given.evidence or given.bundle):
        raise UserError(
            "LKD001", "trace was not told which call", 'give "call", "room" or "evidence"; recent_calls lists calls'
        )
    yield "trace"
    yield from _options(given, "room", "agent_name", "wait", *_FILES)
    yield from [] if given.bundle else _experiments(given)
    yield from ["--evidence=-"] if given.evidence else []
    yield from ["--", given.call] if given.call else []


def _recent(given: Recent) -> Iterator[str]:
    yield "trace"
    yield from _options(given, "call_logs")


def _triage(given: Triage) -> Iterator[str]:
    yield "triage"
    yield from _options(given, "since", "until", "where", "by", "detail", "call_logs")


def _explain(given: Explain) -> Iterator[str]:
    yield from ("explain", "--", *given.words) if given.words else ("explain", "--list")


def _lint(given: Lint) -> Iterator[str]:
    yield from ("lint", "--", *given.paths)


def _probe(given: Probe) -> Iterator[str]:
    yield "probe"
    yield from _options(given, "count", "concurrency", "canary", "agent_name")


def _place_call(given: PlaceCall) -> Iterator[str]:
    yield "test-call"
    yield from _options(given, "trunk", "no_agent", "ringing_timeout")
    yield from ("--yes", "--", given.number)


_READS = "Creates nothing, and rings nobody. "
_TRACE = (
    "Names the step at which one outbound LiveKit call broke, with the evidence, what is ruled out, and what to type. "
    "Reads logs, rows and the live room, or a pasted text alone. "
)
_CHECK = "Would an outbound call work now? Ordered checks of credentials, connection, SIP trunks, rooms and logs. "

_READING = (
    Tool("trace", _TRACE + _READS, Trace, _trace, lambda given: given.evidence or ""),
    Tool(
        "recent_calls",
        "Recent calls of the logs with what their rows say, the broken ones first, or the live rooms. " + _READS,
        Recent,
        _recent,
    ),
    Tool(
        "triage",
        "Many calls: how many broke at which step, since when, and what they share. " + _READS,
        Triage,
        _triage,
    ),
    Tool("lint", "Faults in the source of workers and callers, before they run. " + _READS, Lint, _lint),
    Tool("explain", "What a diagnosis code or a SIP status means, and the fix. " + _READS, Explain, _explain),
)
_SAFE = (Tool("check", _CHECK + _READS, Check, _check), *_READING)
_WITH_EXPERIMENTS = (
    Tool(
        "check",
        _CHECK + "With read_only false a canary makes a scratch room; probe runs the team's agent.",
        CheckWithExperiments,
        _check,
        experiment=True,
    ),
    Tool(
        "trace",
        _TRACE + "With read_only false a canary may make a scratch room.",
        TraceWithExperiments,
        _trace,
        lambda given: given.evidence or "",
        experiment=True,
    ),
    *_READING[1:],
    Tool(
        "probe", "Dispatches the agent many times into scratch rooms: it runs its code.", Probe, _probe, experiment=True
    ),
    Tool("test_call", "Places one real call, which rings a phone.", PlaceCall, _place_call, experiment=True),
)


def tools(*, experiments: bool) -> tuple[Tool, ...]:
    """What is served; what creates rooms or places calls only with `experiments`."""
    return _WITH_EXPERIMENTS if experiments else _SAFE


def refuse_stdin(given: Arguments) -> None:
    """Raises UserError for - as a file: standard input is the text that is given, or nothing."""
    for name in _FILES:
        value = getattr(given, name, None)
        if "-" in (value if isinstance(value, list) else [value]):
            raise UserError("LKD001", f'"{name}" is a file\'s name, and - is none', 'give the text under "evidence"')
