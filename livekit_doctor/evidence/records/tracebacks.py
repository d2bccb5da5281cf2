"""A traceback trimmed to the team's own frames."""

from livekit_doctor import lazy_re
from livekit_doctor.redact import printable, redact_text

MOST_LINES = 40
_LONGEST = 300

_PYTHON_FRAME = lazy_re.compile(r'\s*File "(?P<file>[^"]*)", line \d+')
_NODE_FRAME = lazy_re.compile(r"\s+at (?:.*\()?(?P<file>[^()]*?)(?::\d+)*\)?$")
_LIBRARY = lazy_re.compile(
    r"[/\\](?:site|dist)-packages[/\\]|[/\\]lib[/\\]python\d|[/\\]Lib[/\\][a-z_]+(?:[/\\]|\.py)|<frozen |"
    r"[/\\]livekit[/\\](?:agents|rtc|api|plugins)[/\\]|[/\\]node_modules[/\\]|^node:|^internal[/\\]|[/\\]\.pnpm[/\\]"
)
_FRAMES = lazy_re.compile(r"  (?:File \"|\.\.\. \d+ frames? of)")
_CARETS = lazy_re.compile(r"\s*[~^]+\s*$")

PYTHON = "Traceback (most recent call last):"
_NODE_LINE = lazy_re.compile(r"\s+at [^\n]{1,300}(?:\)|:\d+)\s*$|\s+at (?:async )?[\w.<>$ \[\]]+$")
_CHAINED = lazy_re.compile(r"(?:During handling of the above exception|The above exception was the direct cause)")
_EXCEPTION = lazy_re.compile(
    r"(?:[|+\s-]*)(?:[A-Za-z_][\w.]*(?:Error|Exception|Interrupt|Exit|Warning|Timeout|Group)\b|[A-Za-z_][\w.]*: "
    r"|(?:[a-z_]\w*\.)+[A-Z]\w*\s*$|[A-Z][a-z]+[A-Z]\w*\s*$)"
)
"""What was raised: a class by its name, alone or with what it says."""
NODE_ERROR = lazy_re.compile(
    r"(?:(?:Uncaught|Unhandled(?:Promise)?(?: ?Rejection)?|\[cause\]:)[ :]*(?:\(in promise\) )?)?"
    r"(?:[A-Z]\w*)?(?:Error|Exception)(?: \[\w+\])?: (?P<message>.*)"
)


_PYTHON_ENTRY = "in _traceable_entrypoint"
"""livekit-agents' frame that calls the entrypoint: what the entrypoint catches itself has no frames above it."""
_NODE_ENTRY = lazy_re.compile(r"\s+at (?P<awaits>async )?(?:Object\.)?entry \(")
_NODE_CALL = lazy_re.compile(r"\s+at (?!new )")


def ends_entrypoint(traceback: str) -> bool:
    """Whether the agent's entrypoint raised this, or awaited what did. A promise that Node's entrypoint only began has
    a function of its own above it, and does not await."""
    if _PYTHON_ENTRY in traceback:
        return True
    frames = [line for line in traceback.splitlines() if _NODE_CALL.match(line)]
    found = [(number, entry["awaits"]) for number, line in enumerate(frames) if (entry := _NODE_ENTRY.match(line))]
    return any(awaits or number == 0 for number, awaits in found)


def begins_in(text: str) -> int:
    """Where in the lines of a record a traceback begins; -1 where there is none."""
    place = text.find(PYTHON)
    if place >= 0:
        return place
    at = text.find("\n    at ")
    if at < 0:
        return -1
    # What was raised stands in the line before its frames, at the message's end.
    return text.find("\n") + 1 if text.count("\n", 0, at) else at + 1


def is_node_frame(line: str) -> bool:
    return _NODE_LINE.match(line) is not None


def goes_on(line: str) -> bool:
    """Whether a line without indentation is part of a Python traceback that has begun."""
    return line.startswith(PYTHON) or _EXCEPTION.match(line) is not None or _CHAINED.match(line) is not None


def leads_on(line: str) -> bool:
    """Whether a blank line before this one does not end a traceback."""
    return line.startswith(PYTHON) or _CHAINED.match(line) is not None


def trimmed(traceback: str) -> str:
    """The frames that are the team's own, each exception with its message, and how many frames of
    libraries were left out between."""
    kept: list[str] = []
    dropped = 0
    in_library = False

    def mark() -> None:
        nonlocal dropped
        if dropped:
            kept.append(f"  ... {dropped} frame{'s' if dropped > 1 else ''} of libraries")
        dropped = 0

    for line in traceback.splitlines():
        python, node = _PYTHON_FRAME.match(line), _NODE_FRAME.match(line)
        frame = python or node
        if frame is not None:
            in_library = _LIBRARY.search(frame["file"].strip()) is not None
            if in_library:
                dropped += 1
                continue
        elif in_library and line.startswith("    "):
            continue
        else:
            in_library = False
        if not line.strip() or _CARETS.match(line):
            continue
        mark()
        kept.append(printable(redact_text(line.rstrip()))[:_LONGEST])
    mark()
    half = len(kept) // 2
    if half and kept[:half] == kept[half:]:
        # Python's logging prints what a job's process sent twice.
        kept = kept[:half]
    if len(kept) > MOST_LINES:
        half = MOST_LINES // 2
        kept = [*kept[:half], f"  ... {len(kept) - 2 * half} lines", *kept[-half:]]
    return "\n".join(kept)


def raised(traceback: str) -> str:
    """What was raised, the first line of it: Python writes it below the frames, Node above them, and both without an
    indentation. Empty for a traceback that was cut off before it."""
    lines = [line for line in traceback.splitlines() if not line.startswith(PYTHON) and not _CHAINED.match(line)]
    last = max((number for number, line in enumerate(lines) if _FRAMES.match(line)), default=-1)
    below = lines[last + 1 :] if PYTHON in traceback else lines[::-1]
    return next((line for line in below if line[:1].strip()), "")
