"""The catalogue of diagnosis codes: what each one means, and what to type (design, section 5). What SIP
statuses mean is in `sip_statuses`.

One YAML file a code. What is read at run time is all of them in `compiled.json`, which `make catalogue`
writes anew and tests/catalogue/test_compiled.py holds equal: to import a reader of YAML takes longer than
all that the tool has to say. A page is decoded when its code is asked for. `explain` and the docs print
these pages, the diagnosis and the checks take title, step, severity, candidates and fix from them.

Fixes and `settled_by` have placeholders, `{{agent_name}}`, for a finding's values. `render_fix` and
`fill` put them in, quoted for the language that they stand in. A value that is not known is shown as
a word to replace, YOUR_AGENT_NAME, or as the words after the bar in `{{detail|see its log}}`. The
comment at the top of a file says what each of them stands for there.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from difflib import get_close_matches
from functools import cache
from pathlib import Path
from typing import Final, Literal, TypeVar

import msgspec
from msgspec.structs import replace

from livekit_doctor import lazy_re
from livekit_doctor.decoding import from_json

T = TypeVar("T")

__all__ = [
    "GROUPS",
    "PLACEHOLDERS",
    "UNKNOWN",
    "VALUES",
    "Entry",
    "Fix",
    "UnknownCodeError",
    "codes",
    "fill",
    "fill_fix",
    "find",
    "get",
    "render",
    "render_fix",
]

PLACEHOLDERS: Final = frozenset(
    {
        "agent_name",
        "call_id",
        "column",
        "config_file",
        "detail",
        "dispatch_id",
        "key",
        "number",
        "other_name",
        "other_room",
        "other_schema",
        "other_url",
        "role",
        "room",
        "rule_id",
        "schema",
        "step",
        "table",
        "trunk_id",
        "url",
        "worker_url",
    }
)
"""Every name that a page can ask for; a finding gives those that it knows."""

NEXT_ROOM: Final = "ROOM_OF_THE_NEXT_CALL"
"""What code names that is for the next call, where the room of this one is gone."""

VALUES: Final = PLACEHOLDERS | {"kind", "moment", "sip_status"}
"""Every name that a finding can give. `kind` has the kinds of the fault that `Fix.when` names, `sip_status` the
SIP status (such as 486) whose fixes take the place of the page's; `moment` is "over" for a call that has ended."""

UNKNOWN: Final = {
    "config_file": "checks.yaml",
    "other_url": "wss://YOUR-PROJECT.livekit.cloud",
    "url": "wss://YOUR-PROJECT.livekit.cloud",
    "worker_url": "http://YOUR-WORKER:8081",
}
"""What is shown for values that are not known, where YOUR_ and the name does not say it."""

GROUPS: Final = {
    "0": "Configuration, connection, credentials",
    "1": "Workers",
    "2": "SIP trunks and the phone's leg",
    "3": "SIP dispatch rules (inbound)",
    "4": "Agent dispatches and the agent's leg",
    "5": "Rooms",
    "6": "Call logs and times",
    "7": "Code of workers and callers",
}
"""The groups of codes by the first digit of their number."""

_PLACEHOLDER: Final = lazy_re.compile(r"\{\{(\w+)(?:\|([^{}]*))?\}\}")
_API_IMPORT: Final = lazy_re.compile(r"^from livekit\.api import (\([^)]*\)|.+)\n", re.MULTILINE)
_COMMAND: Final = lazy_re.compile(r"(?<![\w-])(?:livekit-doctor|lk|grep) [a-z-]")
_SQL_IDENTIFIERS: Final = frozenset({"schema", "table", "column", "role"})


class Fix(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One thing to do: a sentence, and what to type for it, in at most one language.

    `when` names the kinds of the fault that it is for; without any it is for each.
    """

    say: str
    when: tuple[str, ...] = ()
    shell: str | None = None
    python: str | None = None
    """For an async function. The client `lkapi` is added when it is rendered."""
    sql: str | None = None
    yaml: str | None = None

    @property
    def language(self) -> Literal["shell", "python", "sql", "yaml"] | None:
        """The language of `code`, or None when the sentence is all there is."""
        if self.shell is not None:
            return "shell"
        if self.python is not None:
            return "python"
        if self.sql is not None:
            return "sql"
        return "yaml" if self.yaml is not None else None

    @property
    def code(self) -> str | None:
        """What to type, its placeholders not yet filled."""
        return next((c for c in (self.shell, self.python, self.sql, self.yaml) if c is not None), None)


class Entry(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The page of one diagnosis code."""

    code: str
    name: str
    title: str
    step: str | None
    """The step id of design section 2 at which this breaks a call, or None."""
    severity: Literal["error", "warning"]
    """What `check` makes of it unless configured otherwise."""
    broad: bool
    """Reported with its candidates until evidence tells them apart."""
    candidates: tuple[str, ...]
    """The codes that it can turn out to be, or that look the same."""
    meaning: str
    concluded: str
    ruled_out_by: str
    settled_by: tuple[str, ...]
    """What one more piece of evidence would settle it; print each line through `fill`."""
    fix: tuple[Fix, ...]
    """In the order to try."""
    example: str

    @property
    def group(self) -> str:
        """The title of its group."""
        return GROUPS[self.code.removeprefix("LKD")[0]]


class UnknownCodeError(LookupError):
    """No page has this code or name; `nearest` has the codes that were probably meant."""

    def __init__(self, text: str, nearest: tuple[str, ...] = ()) -> None:
        super().__init__(text)
        self.nearest = nearest


@cache
def codes() -> tuple[str, ...]:
    """Every diagnosis code, in order; no page is decoded for it."""
    return tuple(_compiled().pages)


@cache
def get(code: str) -> Entry:
    """The page of exactly this code, such as LKD401; raises UnknownCodeError."""
    if code not in codes():
        raise UnknownCodeError(code)
    return from_json(_compiled().pages[code], Entry)


def find(text: str) -> Entry:
    """The page that somebody means by a code or a name, in any case: LKD401, 401, agent-not-dispatched.

    Raises UnknownCodeError with the nearest matches.
    """
    wanted = re.sub(r"[\s_-]+", "-", text.strip().casefold())
    names = _names()
    keys = {name: code for code, name in names.items()} | {code.casefold(): code for code in names}
    number = re.fullmatch(r"(?:lkd-?)?(\d{3})", wanted)
    meant = keys.get(f"lkd{number[1]}" if number else wanted)
    if meant is not None:
        return get(meant)
    nearest = [keys[key] for key in get_close_matches(wanted, keys, n=3, cutoff=0.6)]
    within = [code for code, name in names.items() if len(wanted) > 2 and wanted in name]
    raise UnknownCodeError(text, tuple(dict.fromkeys(within + nearest))[:3])


def render_fix(entry: Entry, values: Mapping[str, str]) -> str:
    """The fix as plain text that can be pasted, in the order to try.

    Each entry is its sentence, followed by a colon and its code indented by two spaces where it has
    some. `values` fills the placeholders; for one that is missing or empty there is a word to replace,
    such as YOUR_ROOM. Python is complete: it imports and makes the `lkapi` that the pages use. Where
    `values["kind"]` has the kinds of the fault (words, apart by spaces), what is for these comes first, and what is
    for others is left out.
    Where the call is over, so is what would be typed at its room: it would make a new one; and code names
    the room of the next call.
    """
    if values.get("moment") == "over":
        values = {**values, "room": NEXT_ROOM}
        entry = replace(entry, fix=tuple(fix for fix in entry.fix if "{{room}}" not in (fix.shell or "")) or entry.fix)
    kinds = set(values.get("kind", "").split())
    fitting = [fix for fix in entry.fix if not kinds or not fix.when or kinds & set(fix.when)]
    fitting.sort(key=lambda fix: bool(kinds) and not fix.when)
    said = _of_carrier_words(values.get("carrier_words", ""))
    fixes = said or _of_sip_status(values.get("sip_status", "")) or fitting or entry.fix
    return "\n".join(render(fix, values) for fix in fixes)


def _of_carrier_words(name: str) -> list[Fix]:
    """The fix for what the carrier said in its own words."""
    from livekit_doctor.catalogue.sip_statuses import words_of

    words = words_of(name) if name else None
    return [words.meaning.fix] if words else []


def _of_sip_status(code: str) -> list[Fix]:
    """The fixes of a SIP status, each once and said with what it is for; none for what is no such code."""
    from livekit_doctor.catalogue.sip_statuses import sip_status

    if not re.fullmatch(r"[3-6]\d\d", code):
        return []
    meanings = sip_status(int(code)).meanings
    if len(meanings) == 1:
        return [meanings[0].fix]
    causes: dict[Fix, list[str]] = {}
    for meaning in meanings:
        causes.setdefault(meaning.fix, []).append(meaning.means)
    return [
        msgspec.structs.replace(fix, say=f"If {', or '.join(means)}, {_lowered(fix.say)}")
        for fix, means in causes.items()
    ]


def fill(line: str, values: Mapping[str, str]) -> str:
    """A line of `settled_by` with its values.

    They are inserted as they are in the sentence, and quoted for a shell in the command that follows it.
    """
    line = _of_room(line, values)
    command = _COMMAND.search(line)
    end = command.start() if command else len(line)
    return _fill(line[:end], values, _plain) + _fill(line[end:], values, _shell_quoted)


def _of_room(text: str, values: Mapping[str, str]) -> str:
    """Traces the room where that is all that is known of the call."""
    if values.get("call_id") or not values.get("room"):
        return text
    by_id, by_room = "livekit-doctor trace {{call_id}}", "livekit-doctor trace --room {{room}}"
    return text.replace(f"{by_id} --room {{{{room}}}}", by_room).replace(by_id, by_room)


def _lowered(sentence: str) -> str:
    """A sentence as the second half of another one."""
    return sentence if sentence[1:2].isupper() else sentence[:1].lower() + sentence[1:]


def render(fix: Fix, values: Mapping[str, str]) -> str:
    """One thing to do, as `render_fix` prints it."""
    say, code = fill_fix(fix, values)
    if code is None:
        return say
    return "\n".join([f"{say}:", *(f"  {line}".rstrip() for line in code.split("\n"))])


def fill_fix(fix: Fix, values: Mapping[str, str]) -> tuple[str, str | None]:
    """The sentence of one fix, and what to type for it, with their values. Python is complete, as in `render_fix`;
    that it awaits, and so fits into no plain script, is said."""
    say = _fill(fix.say, values, _plain)
    if fix.code is None or fix.language is None:
        return say, None
    if fix.language == "python":
        say = f"{say}. In your async Python code"
    code = _of_room(fix.code.rstrip("\n"), values)
    if "lkapi" in code:
        code = _with_client(code)
    return say, _fill(code, values, _QUOTING[fix.language])


def _with_client(code: str) -> str:
    """The code with the `lkapi` that it uses, so that it runs as it is in `python -m asyncio`."""
    found = _API_IMPORT.search(code)
    before, after = (code[: found.start()], code[found.end() :]) if found else ("", code)
    names = sorted({*re.findall(r"\w+", found[1] if found else ""), "LiveKitAPI"})
    listed = ", ".join(names)
    if len(listed) > 60:
        listed = "(\n" + "".join(f"    {name},\n" for name in names) + ")"
    return (
        f"{before}from livekit.api import {listed}\n\n"
        f"lkapi = LiveKitAPI()  # reads LIVEKIT_URL, _API_KEY and _API_SECRET\n{after.lstrip()}"
    )


def _fill(text: str, values: Mapping[str, str], quote: Callable[[str, str], str]) -> str:
    """Replace each placeholder once, so that a value that looks like a placeholder stays a value."""

    def one(match: re.Match[str]) -> str:
        name, words = match.groups()
        return quote(name, values.get(name) or words or UNKNOWN.get(name) or f"YOUR_{name.upper()}")

    return _PLACEHOLDER.sub(one, text)


def _plain(_: str, value: str) -> str:
    return _visible(value)


def _visible(value: str) -> str:
    """The value as it is, but for characters that would break the line or the terminal."""
    return "".join(char if char.isprintable() else _escape(char) for char in value)


def _escape(char: str) -> str:
    """A character that does not print, as Python and YAML both spell it between double quotes."""
    number = ord(char)
    if number < 0x100:
        return f"\\x{number:02x}"
    return f"\\u{number:04x}" if number < 0x10000 else f"\\U{number:08x}"


def _double_quoted(_: str, value: str) -> str:
    return '"' + _visible(value.replace("\\", "\\\\").replace('"', '\\"')) + '"'


def _shell_quoted(_: str, value: str) -> str:
    """One word for a POSIX shell, on one line: a line break inside would not survive the indent."""
    import shlex

    if value.isprintable():
        return shlex.quote(value)
    octal = (
        char
        if char.isprintable() and char not in "\\'\""
        else "".join(f"\\{byte:03o}" for byte in char.encode("utf-8", "surrogatepass"))
        for char in value.replace("\0", "")
    )
    return "$'" + "".join(octal) + "'"


def _sql_quoted(name: str, value: str) -> str:
    mark = '"' if name in _SQL_IDENTIFIERS else "'"
    return mark + value.replace("\0", "").replace(mark, mark * 2) + mark


_QUOTING: Final[dict[str, Callable[[str, str], str]]] = {
    "shell": _shell_quoted,
    "python": _double_quoted,
    "sql": _sql_quoted,
    "yaml": _double_quoted,
}


class _Compiled(msgspec.Struct, frozen=True):
    """All pages by their codes, and the package's other data files by their names, not decoded yet."""

    pages: dict[str, msgspec.Raw]
    data: dict[str, msgspec.Raw]


@cache
def _compiled() -> _Compiled:
    return from_json((Path(__file__).parent / "compiled.json").read_bytes(), _Compiled)


def read_data(name: str, kind: type[T]) -> T:
    """One of the package's data files that are no page, such as sip_statuses."""
    return from_json(_compiled().data[name], kind)


@cache
def _names() -> dict[str, str]:
    return {code: get(code).name for code in codes()}
