"""Lines that a terminal or a mail program cut, put together again."""

from collections.abc import Sequence

from livekit_doctor import lazy_re
from livekit_doctor.evidence.records.lines import GONE, cleaned, quote_depth, strip
from livekit_doctor.evidence.records.shapes import begins

_MOST = 60
"""Lines over which one line may have been cut."""
_NARROWEST, _WIDEST = 40, 400
_USUAL = frozenset({80, 100, 120, 132, 140, 150, 160, 180, 200})
"""Widths of terminals: a single line of such a length may have been cut."""
_WIDEST_MAIL = 80
"""Characters of a line of a mail, and of what quotes it (RFC 5322, section 2.1.1)."""
_HYPHEN = lazy_re.compile(r"\w-$")
"""Behind one a mail program begins a new line as well."""
_EDGES = ("┌", "├", "└", "│")
_OF_SIP = lazy_re.compile(r"SIP/2\.0 \d|[A-Z]{3,9} sips?:")
"""The first line of a SIP message, below its addresses."""
_OF_A_ROW = lazy_re.compile(r"-\[ RECORD \d|[\w.-]+ *\| ")
"""A ruler of psql's expanded rows, which is as wide as their widest line, or a column of one; what compose prints."""
_OWN_RECORD = lazy_re.compile(r'\s*\{"(?:level|message|msg|severity|time|timestamp|ts)"')
_HALF_FRAME = lazy_re.compile(
    r"\s+File \"(?![^\"]*\", line \d)|\s+at (?:[^()]*\((?:file:|/|node:)[^()]*$|(?:file:///|/)\S+$(?<!\d))"
)
"""A line of a traceback of Python's or Node's without its end, the line's number."""
_ERROR = lazy_re.compile(r"TwirpError|SipCallError|ServerError|twirp error|SIP call failed")


def unwrapped(raw: Sequence[str]) -> list[str]:
    """The lines, cleaned, those that a terminal cut at its width as one, and GONE where its further parts stood.

    A record is put together whose lines but the last are all of one length. Where that is a single one, no
    line is longer, and there are more of that length, or it is usual.
    """
    if len(raw) == 1:
        return [cleaned(raw[0])]
    depths = [quote_depth(line) for line in raw]
    # A tab at the end of a line is one more character of its width.
    whole = [f"{cleaned(line)} " if line.endswith("\t") else cleaned(line) for line in raw]
    lines = _with_whole_tables(_without_common_indent(whole))
    runs = list(_runs(lines))
    if not runs:
        return _unfolded(lines, depths)
    often = [len(lines[first]) for first, _ in runs]
    longest = max(map(len, lines))
    put = list(lines)
    for first, last in runs:
        width = len(lines[first])
        surely = last - first > 1 or _HALF_FRAME.match(lines[first])
        usual = width == longest and (width in _USUAL or often.count(width) > 1)
        if (surely or usual) and not _is_left_open(lines, first, last):
            put[first] = "".join(lines[first : last + 1])
            put[first + 1 : last + 1] = [GONE] * (last - first)
    return _unfolded(put, depths)


def _without_common_indent(lines: Sequence[str]) -> Sequence[str]:
    """Without the blanks before all of them, as where a ticket shows a log as code."""
    indent = min((len(line) - len(line.lstrip(" ")) for line in lines if line.strip()), default=0)
    return [line[indent:] for line in lines] if indent else lines


def _is_left_open(lines: Sequence[str], first: int, last: int) -> bool:
    """Whether the fields that begin in these lines go on below: what was cut at a width has its end in the first line
    that is shorter."""
    after = lines[last + 1] if last + 1 < len(lines) else ""
    opened = any('{"' in line for line in lines[first : last + 1]) and not _closes(lines[last])
    return opened and bool(after.strip()) and not begins(strip(after).text)


def _with_whole_tables(lines: Sequence[str]) -> Sequence[str]:
    """The rows of tables that lk draws, which are mostly wider than a terminal: each as long as its upper border."""
    if not any(line.startswith("┌") and not line.rstrip().endswith("┐") for line in lines):
        return lines
    put, number, length, width = list(lines), 0, 0, 0
    while number < len(put):
        if put[number].startswith("┌"):
            length, width = _border(put, number)
        last = number
        if length and put[number][:1] in _EDGES and len(put[number]) <= width:
            text = put[number]
            while len(text) < length and last + 1 < len(put) and last - number < _MOST:
                last += 1
                text = text.ljust(width * (last - number)) + put[last]
            if len(text) == length:
                put[number : last + 1] = [text, *[GONE] * (last - number)]
        elif not put[number].strip():
            length = 0
        number = last + 1
    return put


def _border(lines: Sequence[str], first: int) -> tuple[int, int]:
    """How long the upper border is that begins here, and at which width it was cut; 0 where it was not."""
    length = len(lines[first])
    for after in lines[first + 1 : first + _MOST]:
        if not after.strip("─┬┐"):
            length += len(after)
        if after.endswith("┐"):
            return length, len(lines[first])
        if after.strip("─┬┐"):
            break
    return 0, 0


def _unfolded(lines: Sequence[str], depths: Sequence[int]) -> list[str]:
    """The same for what a mail program put into several lines, at the last blank before its width."""
    put = list(lines)
    widths = _widths(lines, depths)
    first, width = -1, 0
    for number, line in enumerate(lines):
        before = lines[number - 1] if number else ""
        word = line.split(" ", 1)[0]
        full = len(before) + 1 + len(word) > width and not _closes(before)
        limit = width if " " in line else len(line)
        if first >= 0 and line and full and _may_go_on(line, limit, opened='{"' in put[first]):
            put[first] = joined((put[first].rstrip(), line), " ")
            put[number] = GONE
        else:
            width = widths.get(depths[number], 0)
            may_be = _NARROWEST <= width <= _WIDEST_MAIL and line and _is_begun(line)
            first = number if may_be else -1
    return put


def _widths(lines: Sequence[str], depths: Sequence[int]) -> dict[int, int]:
    """The longest line of the records under so many quote marks: a program that quotes them wraps its own text at
    another width, and what a person says before a record is no part of it."""
    widths: dict[int, int] = {}
    within = -1
    for line, depth in zip(lines, depths, strict=True):
        if widths.get(depth, 0) > _WIDEST_MAIL:
            continue  # no mail was wrapped here, whatever the others' length
        if not line.strip():
            within = -1
        elif _is_begun(line):
            within = depth
        if within == depth and " " in line:  # what has no blank stays as long as it is
            widths[depth] = max(widths.get(depth, 0), len(line))
        if _closes(line):
            within = -1
    return widths


def _is_begun(line: str) -> bool:
    """Whether a record begins here, or an error whose fields go on below."""
    return begins(strip(line).text) or (line.count("(") > line.count(")") and _ERROR.search(line) is not None)


def _closes(line: str) -> bool:
    return line.rstrip().endswith(("}", "]", ")"))


def _runs(lines: Sequence[str]) -> list[tuple[int, int]]:
    """First and last line of what may be one."""
    runs: list[tuple[int, int]] = []
    number = 0
    while number < len(lines) - 1:
        last = number
        if _NARROWEST <= len(lines[number]) <= _WIDEST and _is_cut(lines[number], lines[number + 1]):
            last = _last(lines, number)
            if last > number:
                runs.append((number, last))
        number = last + 1
    return runs


def _last(lines: Sequence[str], first: int) -> int:
    width, last, opened = len(lines[first]), first, False
    while last + 1 < len(lines) and last - first < _MOST and len(lines[last]) == width:
        opened = opened or "{" in lines[last]
        if not _may_go_on(lines[last + 1], width, opened=opened):
            break
        last += 1
    return last


def _is_cut(line: str, after: str) -> bool:
    """Whether the first of two lines may have been cut, and go on in the other."""
    if not _may_go_on(after, len(line), opened="{" in line):
        return False
    begun = strip(line).text
    if _HALF_FRAME.match(begun):
        return True
    return begins(begun) or _ERROR.search(begun) is not None or ('{"' in begun and not begun.rstrip().endswith("}"))


def _may_go_on(after: str, width: int, *, opened: bool) -> bool:
    """Whether a line may be the rest of one that was cut. The fields of a record are `opened` once; what is
    indented by more than a blank is a line by itself."""
    if len(after) > width or not after.strip():
        return False
    if after.lstrip().startswith('{"'):
        return not opened and not _OWN_RECORD.match(after)
    if after.startswith(("  ", "\t\t", "Traceback (")) or _OF_SIP.match(after) or _OF_A_ROW.match(after):
        return False
    return not begins(strip(after).text)


def glues(lines: Sequence[str]) -> tuple[str, str]:
    """What stood between the lines of one that was cut, the likelier first: nothing where that was at
    the width of a terminal, a blank where a mail program put its words into several lines."""
    widths = {len(line) for line in lines[1:-1]} or {max(len(lines[0]), _WIDEST_MAIL + 1)}
    cut = len(widths) == 1 and len(lines[-1]) <= min(widths) <= max(map(len, lines))
    return ("", " ") if cut else (" ", "")


def joined(lines: Sequence[str], glue: str) -> str:
    """The lines as one, with the glue between them, but where a blank stands at the cut already, or a word's hyphen."""
    text = lines[0]
    for line in lines[1:]:
        text += line if text[-1:].isspace() or line[:1].isspace() or _HYPHEN.search(text[-2:]) else glue + line
    return text
