"""Markdown, to paste into a ticket, a merge request or an incident channel: CommonMark with GitHub's tables.

What was read stays text: characters that Markdown would read as marks are escaped. GitHub makes links of
more, which no escape prevents: an address anywhere in a text, and what follows @. Such a word stands as code.
"""

import re
from collections.abc import Iterable, Iterator

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.redact import printable
from livekit_doctor.render import outline
from livekit_doctor.render.markdown import explain_page
from livekit_doctor.render.outline import Outline, Point, Standing
from livekit_doctor.render.outlined import outline_of
from livekit_doctor.render.problems import Problem
from livekit_doctor.render.report import (
    ErrorReport,
    ExplainReport,
    InitReport,
    PlacedCallReport,
    RecentReport,
    Report,
    TraceReport,
)
from livekit_doctor.render.words import moment

MARKS: dict[Standing, str] = {
    "passed": "✅ ok",
    "warned": "⚠️ warning",
    "failed": "❌ failed",
    "errored": "❓ not decided",
    "skipped": "➖",
}
_FOUND = {"ok": MARKS["passed"], "unknown": "➖ not found", "warned": MARKS["warned"]}
TIMELINE_ROWS = 60

_SPECIAL = lazy_re.compile(r"([\\`*{}\[\]<>|~#&]|(?<![^\W_])_|_(?![^\W_]))")
_WORD = lazy_re.compile(r"([^\s|`\"'<>()\[\]{},;]+)")
_LINKED = lazy_re.compile(r"://|www\.|@", re.IGNORECASE)
_LIST = lazy_re.compile(r"^(\s*)(\d+)([.)])|^(\s*)([-+=])")


def render(report: Report, *, quiet: bool = False) -> str:
    match report:
        case InitReport():
            return _init(report, quiet=quiet)
        case ExplainReport():
            return explain_page.render(report)
        case RecentReport() | ErrorReport():
            quiet = False
    traced = report.trace if isinstance(report, PlacedCallReport) else report
    timeline = _timeline(traced) if isinstance(traced, TraceReport) and not quiet else ()
    return _page(outline_of(report), timeline, quiet=quiet)


def _init(report: InitReport, *, quiet: bool) -> str:
    """What was found, then the check's own page."""
    lines = [f"### livekit-doctor init: {escape(outline.of_init(report).headline)}", "", "**Found**", ""]
    lines += ["| | what | found |", "|---|---|---|"]
    found = [item for item in report.found if not quiet or item.status != "ok"]
    lines += [f"| {_FOUND[item.status]} | {escape(item.label)} | {escape(item.text)} |" for item in found]
    lines += ["", *(f"- of several: {escape(reason)}" for reason in report.taken), ""]
    lines += [
        _page(outline.of_check(report.check), quiet=quiet) if report.check else "",
        f"**Next**: {escape(str(report.next))}",
    ]
    return _tidied(lines)


def _page(report: Outline, further: Iterable[str] = (), *, quiet: bool = False) -> str:
    """Of what is `quiet` the table has only what is wrong."""
    lines = [f"### {escape(f'livekit-doctor {report.command}'.strip())}: {escape(report.headline)}", ""]
    when = moment(report.at) if report.at else ""
    if subject := "  ".join(filter(None, (report.subject, when))):
        lines += [escape(subject), ""]
    for point in report.points:
        for problem in point.problems:
            lines += [*_problem(point, problem), ""]
    shown = [point for point in report.points if not quiet or point.status not in ("passed", "skipped")]
    lines += [*_table(tuple(shown)), ""]
    lines += [f"- {escape(note)}" for note in report.notes]
    lines += ["", *further]
    return _tidied(lines)


def _tidied(lines: Iterable[str]) -> str:
    return re.sub(r"\n{3,}", "\n\n", "\n".join(lines)).rstrip() + "\n"


def _problem(point: Point, problem: Problem) -> Iterator[str]:
    head = f"{problem.code} {problem.name}"
    yield f"**{escape(point.title)}: {escape(head)}** ({escape(problem.confidence)}): {escape(problem.title)}"
    yield ""
    for text in problem.because:
        yield f"- because: {escape(text)}"
    if problem.candidates:
        yield f"- could be: {escape(', '.join(problem.candidates))}"
    for text in problem.ruled_out:
        yield f"- ruled out: {escape(text)}"
    for text in problem.settle_by:
        yield f"- settle by: {escape(text)}"
    yield ""
    yield from _fix(problem.fix)


def _fix(text: str) -> Iterator[str]:
    """Sentences as text, code between fences."""
    code: list[str] = []
    for line in [*text.splitlines(), ""]:
        if line.startswith("  ") or (code and not line):
            code.append(printable(line[2:]))
            continue
        if code:
            yield from _fenced(code)
            code = []
        if line:
            yield f"**Fix**: {escape(line)}"
            yield ""
    if any(code):
        yield from _fenced(code)


def _fenced(code: list[str]) -> Iterator[str]:
    """Between marks that are longer than any in the code."""
    while code and not code[-1]:
        code.pop()
    longest = max((len(run) for line in code for run in re.findall(r"`+", line)), default=0)
    fence = "`" * max(3, longest + 1)
    yield from (fence, *code, fence, "")


def _table(points: tuple[Point, ...]) -> Iterator[str]:
    if not points:
        return
    timed = any(point.at for point in points)
    yield "| | what |" + (" when (UTC) |" if timed else "") + " seen |"
    yield "|---|---|" + ("---|" if timed else "") + "---|"
    group = None
    for point in points:
        what = escape(point.title if point.group == group else f"{point.group}: {point.title}")
        group = point.group
        when = (f" {point.at:%Y-%m-%d %H:%M:%S} |" if point.at else " |") if timed else ""
        yield f"| {MARKS[point.status]} | {what} |{when} {escape(point.message)} |"


def _timeline(report: TraceReport) -> Iterator[str]:
    diagnosis: Diagnosis = report.diagnosis
    if not diagnosis.timeline and not diagnosis.undated:
        return
    shown = diagnosis.timeline[-TIMELINE_ROWS:]
    earlier = len(diagnosis.timeline) - len(shown)
    without = f", and {len(diagnosis.undated)} without a date" if diagnosis.undated else ""
    yield f"<details><summary>Timeline, {len(diagnosis.timeline)} entries (UTC){without}</summary>"
    yield ""
    if earlier:
        yield f"{earlier} earlier entries are left out."
        yield ""
    yield "| when | source | what |"
    yield "|---|---|---|"
    for entry in shown:
        text = entry.event + (f" ({entry.detail})" if entry.detail else "")
        when = f"{entry.at:%Y-%m-%d %H:%M:%S}.{entry.at.microsecond // 1000:03}"
        yield f"| {when} | {escape(entry.source)} | {escape(text)} |"
    for line in diagnosis.undated[:TIMELINE_ROWS]:
        text = line.event + (f" ({line.detail})" if line.detail else "")
        yield f"| {escape(line.time_of_day)}, no date | {escape(line.source)} | {escape(text)} |"
    yield ""
    yield "</details>"


def escape(text: str) -> str:
    """The text on one line, with nothing in it that Markdown would read as a mark, a link or HTML."""
    parts = enumerate(_WORD.split(printable(text).strip()))
    text = "".join(
        _as_code(part) if n % 2 and _LINKED.search(part) else _SPECIAL.sub(r"\\\1", part) for n, part in parts
    )
    return _LIST.sub(lambda m: f"{m[1]}{m[2]}\\{m[3]}" if m[2] else f"{m[4]}\\{m[5]}", text)


def _as_code(word: str) -> str:
    stem = word.rstrip(".:!?")
    return f"`{stem}`{word[len(stem) :]}"
