"""Writes YAML with comments: any text comes back as it was, and no comment is anything but one."""

import textwrap
from collections.abc import Iterable

import yaml

from livekit_doctor import lazy_re
from livekit_doctor.redact import printable, redact_text

WIDTH = 79
INDENT = "  "

_PLAIN = lazy_re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
_URL = lazy_re.compile(r"(?:wss?|https?)://[A-Za-z0-9._:/-]*[A-Za-z0-9_/-]")
_ESCAPES = {'"': '\\"', "\\": "\\\\", "\t": "\\t", "\n": "\\n", "\r": "\\r"}
_BOOLEANS = ("y", "n")
"""To YAML 1.1; PyYAML takes them for text, other readers do not."""


def scalar(text: str) -> str:
    """The text as YAML: plain where every reader takes it for that text, else in double quotes."""
    if (_PLAIN.fullmatch(text) and text.lower() not in _BOOLEANS and _is_text(text)) or _URL.fullmatch(text):
        return text
    return '"' + "".join(map(_escaped, text)) + '"'


def _is_text(text: str) -> bool:
    resolvers = yaml.SafeLoader.yaml_implicit_resolvers.get(text[0], [])
    return not any(pattern.match(text) for _, pattern in resolvers)


def _escaped(char: str) -> str:
    if char in _ESCAPES:
        return _ESCAPES[char]
    if char.isprintable():
        return char
    code = ord(char)
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"


class Sheet:
    """The lines of a file. A line that is `off` is a comment, and works once its # is removed; `off` is
    the depth at which the # stands: its own, or that of the key above it that is off as well."""

    def __init__(self) -> None:
        self._lines: list[str] = []

    @property
    def text(self) -> str:
        return "\n".join(self._lines) + "\n"

    @property
    def just_opened(self) -> bool:
        """Whether the last line is a key without a value, or a gap."""
        return not self._lines or not self._lines[-1] or self._lines[-1].endswith(":")

    def gap(self) -> None:
        self._lines.append("")

    def remark(self, text: str, depth: int = 0) -> None:
        """A comment, wrapped. No line of it looks like a key that is off: those have no space after #."""
        indent = INDENT * depth
        for line in textwrap.wrap(_comment(text), WIDTH - len(indent) - 2, break_long_words=False) or [""]:
            self._lines.append(f"{indent}# {line}".rstrip())

    def open(self, key: str, depth: int = 0, *, off: int | None = None) -> None:
        """A key whose value is what follows at a greater depth."""
        self._line(f"{scalar(key)}:", depth, "", off)

    def put(
        self,
        key: str,
        value: str | Iterable[str] | None,
        depth: int,
        found: str = "",
        *,
        off: int | None = None,
        item: bool = False,
    ) -> None:
        """A key and its value; `item` begins an item of a list. `found` says where the value was found."""
        if value is None:
            written = "null"
        else:
            written = scalar(value) if isinstance(value, str) else f"[{', '.join(map(scalar, value))}]"
        self._line(f"{'- ' if item else ''}{scalar(key)}: {written}", depth, found, off)

    def put_item(self, value: str, depth: int, found: str = "", *, off: int | None = None) -> None:
        self._line(f"- {scalar(value)}", depth, found, off)

    def put_variable(self, key: str, variable: str, depth: int, found: str = "") -> None:
        """A key that takes its value from the environment."""
        self._line(f"{scalar(key)}: ${{{variable}}}", depth, found, None)

    def _line(self, text: str, depth: int, found: str, off: int | None) -> None:
        line = INDENT * depth + text if off is None else f"{INDENT * off}#{INDENT * (depth - off)}{text}"
        found = _comment(found)
        if found and len(line) + len(found) + 4 <= WIDTH:
            self._lines.append(f"{line}  # {found}")
            return
        self._lines.append(line)
        if found:
            self.remark(f"found: {found}", depth + text.startswith("- ") if off is None else off)


def _comment(text: str) -> str:
    return " ".join(printable(redact_text(text)).split())
