"""YAML text as a tree of entries that know their line.

The tree is built from PyYAML's nodes, not from its values: those keep neither the lines nor
what was written (`007`, `off`, `+15550100`).
"""

from collections.abc import Iterable, Mapping, Sequence
from enum import StrEnum
from typing import TYPE_CHECKING

from msgspec import Struct, field, to_builtins

from livekit_doctor.config.issues import UNPRINTABLE, Issue, plain
from livekit_doctor.errors import ConfigError

if TYPE_CHECKING:
    import yaml

MOST_BYTES = 256 * 1024
"""A larger file is refused."""
MOST_DEPTH = 64
"""A file whose lists and mappings are nested deeper is refused."""
MOST_ENTRIES = 10_000
"""A file that comes to more than this many values once its aliases are followed is refused."""


class Kind(StrEnum):
    """What an entry is, as messages call it."""

    TEXT = "text"
    NUMBER = "a number"
    BOOLEAN = "a boolean"
    NULL = "no value"
    DATE = "a date"
    TAGGED = "a value with a YAML tag"
    LIST = "a list"
    MAPPING = "a mapping"


class Entry(Struct, frozen=True):
    """A value and where it was written. `text` is what was written, of any kind but the last two."""

    where: str
    kind: Kind
    text: str = ""
    items: tuple["Entry", ...] = ()
    members: Mapping[str, "Entry"] = field(default_factory=dict)


_KINDS = {
    "tag:yaml.org,2002:str": Kind.TEXT,
    "tag:yaml.org,2002:value": Kind.TEXT,
    "tag:yaml.org,2002:int": Kind.NUMBER,
    "tag:yaml.org,2002:float": Kind.NUMBER,
    "tag:yaml.org,2002:bool": Kind.BOOLEAN,
    "tag:yaml.org,2002:null": Kind.NULL,
    "tag:yaml.org,2002:timestamp": Kind.DATE,
}
_MERGE = "tag:yaml.org,2002:merge"


def parse(data: bytes, name: str) -> tuple[Entry, list[Issue]]:
    """The document in `data`, an empty one as an empty mapping, and its duplicate keys and such.

    Raises ConfigError for what is no YAML document, or is too large.
    """
    import yaml

    if len(data) > MOST_BYTES:
        raise ConfigError(f"{name}: larger than {MOST_BYTES // 1024} KiB", "is this the right file?")
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = data[: error.start].count(b"\n") + 1
        raise ConfigError(f"{name}:{line}: not UTF-8 text", f"save {name} as UTF-8") from None
    try:
        root = _composed(text)
        if root is None:
            return Entry(name, Kind.MAPPING), []
        builder = _Builder(name)
        entry = builder.entry(root, f"{name}:{root.start_mark.line + 1}", "")
    except yaml.MarkedYAMLError as error:
        raise _syntax_error(error, text, name) from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise ConfigError(
            f"{name}:{line}: not valid YAML: a control character, U+{ord(text[error.position]):04X}",
            f"remove the character from line {line} of {name}",
        ) from None
    except RecursionError:
        raise ConfigError(f"{name}: not valid YAML: nested too deeply", "is this the right file?") from None
    except (ValueError, OverflowError):  # PyYAML's own, such as for "\UFFFFFFFF" and %YAML 1.<5000 digits>
        fix = "look for an escape such as `\\U`, and for a line that starts with %YAML"
        raise ConfigError(f"{name}: not valid YAML: a number out of range", fix) from None
    if entry.kind is Kind.NULL:
        return Entry(name, Kind.MAPPING), builder.issues
    if entry.kind is not Kind.MAPPING:
        raise ConfigError(
            f"{entry.where}: expected a mapping of sections such as `livekit:`, got {entry.kind}",
            f"start {name} with a section such as `livekit:`, or leave it empty",
        )
    return entry, builder.issues


def _composed(text: str) -> "yaml.Node | None":
    """The document's root. libyaml is twenty times as fast; what is wrong, PyYAML's own reader says better."""
    import yaml

    try:
        depth = 0
        for event in yaml.parse(text, yaml.CSafeLoader):  # the process would end where libyaml's nodes are too deep
            depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if depth > MOST_DEPTH:
                raise RecursionError
        return yaml.compose(text, yaml.CSafeLoader)
    except RecursionError:
        raise
    except Exception:  # also AttributeError, where this PyYAML was built without libyaml: the other reader decides
        return yaml.compose(text, yaml.SafeLoader)


class _Builder:
    def __init__(self, name: str) -> None:
        self.name = name
        self.issues: list[Issue] = []
        self._count = 0
        self._open: set[int] = set()

    def entry(self, node: "yaml.Node", where: str, key: str) -> Entry:
        import yaml

        self._count += 1
        if self._count > MOST_ENTRIES:
            raise ConfigError(
                f"{self.name}: comes to more than {MOST_ENTRIES} values once its aliases are followed",
                "remove the aliases (`*name`) that repeat others",
            )
        if isinstance(node, yaml.ScalarNode):
            return Entry(where, _KINDS.get(node.tag, Kind.TAGGED), node.value)
        if id(node) in self._open:
            self.issues.append(Issue(where, key, "an alias to something that contains it"))
            return Entry(where, Kind.NULL)
        self._open.add(id(node))
        try:
            if isinstance(node, yaml.MappingNode):
                return Entry(where, Kind.MAPPING, members=self._members(node, key))
            items = [self.entry(item, self._at(item), f"{key}[{at}]") for at, item in enumerate(node.value)]
            return Entry(where, Kind.LIST, items=tuple(items))
        finally:
            self._open.discard(id(node))

    def _members(self, node: "yaml.MappingNode", above: str) -> Mapping[str, Entry]:
        """The members, each under the line of its key; those of merge keys (`<<`) rank lower."""
        import yaml

        members: dict[str, Entry] = {}
        merged: list[Entry] = []
        for node_of_key, value in node.value:
            where = self._at(node_of_key)
            if not isinstance(node_of_key, yaml.ScalarNode) or UNPRINTABLE.search(node_of_key.value):
                self.issues.append(Issue(where, above, "a key must be plain text"))
                continue
            name = node_of_key.value
            key = f"{above}.{plain(name)}" if above else plain(name)
            if node_of_key.tag == _MERGE:
                found = self.entry(value, where, above)
                merged.extend(found.items if found.kind is Kind.LIST else (found,))
            elif name in members:
                first = members[name].where.removeprefix(f"{self.name}:")
                self.issues.append(Issue(where, key, f"duplicate key, first on line {first}"))
            else:
                members[name] = self.entry(value, where, key)
        for source in merged:
            if source.kind is not Kind.MAPPING:
                problem = f"`<<` can merge only a mapping, got {source.kind}"
                self.issues.append(Issue(source.where, above, problem))
            for name, entry in source.members.items():
                members.setdefault(name, entry)
        return members

    def _at(self, node: "yaml.Node") -> str:
        return f"{self.name}:{node.start_mark.line + 1}"


def _syntax_error(error: "yaml.MarkedYAMLError", text: str, name: str) -> ConfigError:
    mark = error.problem_mark or error.context_mark
    number = mark.line + 1 if mark else 1
    line = text.splitlines()[number - 1] if number <= len(text.splitlines()) else ""
    problem, context = error.problem or "", error.context or ""
    if context:
        start = f" (line {error.context_mark.line + 1})" if error.context_mark else ""
        problem = f"{context}{start}, {problem}"
    if "\t" in line[: len(line) - len(line.lstrip())] or "'\\t'" in problem:
        fix = f"indent line {number} with spaces: YAML allows no tabs there"
    elif "${" in line and "flow" in context:
        fix = f"quote the `${{VAR}}` in line {number}: it stands between other braces or brackets"
    elif "alias" in problem:
        fix = 'quote a value that starts with `*`, such as pattern: "*"'
    elif "mapping values" in problem:
        fix = f"indent line {number} like the keys beside it, and quote a value that contains `: `"
    elif "single document" in context:
        fix = "keep one document: remove the line `---`"
    else:
        fix = (
            f"look at line {number} for a missing quote or bracket; quote a value that starts with {{, [, *, &, % or @"
        )
    return ConfigError(f"{name}:{number}: not valid YAML: {problem}", fix)


def from_value(value: object, where: str) -> Entry:
    """The same tree from a Python value, such as an override of the command line."""
    match value:
        case None:
            return Entry(where, Kind.NULL)
        case bool():
            return Entry(where, Kind.BOOLEAN, str(value).lower())
        case int() | float():
            return Entry(where, Kind.NUMBER, str(value))
        case str():
            return Entry(where, Kind.TEXT, str(value))
        case Struct():
            return from_value(to_builtins(value), where)
        case Mapping():
            members = {str(key): from_value(item, where) for key, item in value.items()}
            return Entry(where, Kind.MAPPING, members=members)
        case Sequence() | set() | frozenset():
            return Entry(where, Kind.LIST, items=tuple(from_value(item, where) for item in value))
        case _:
            return Entry(where, Kind.TAGGED, str(value))


def nest(values: Iterable[tuple[Sequence[str], Entry]], where: str) -> Entry:
    """One mapping from values that each have a path of keys."""
    leaves: dict[str, Entry] = {}
    branches: dict[str, list[tuple[Sequence[str], Entry]]] = {}
    for path, entry in values:
        if len(path) > 1:
            branches.setdefault(path[0], []).append((path[1:], entry))
        else:
            leaves[path[0]] = entry
    nested = {key: nest(rest, where) for key, rest in branches.items()}
    return Entry(where, Kind.MAPPING, members=leaves | nested)
