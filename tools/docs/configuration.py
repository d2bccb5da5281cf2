"""The configuration reference: types, limits and defaults from `settings`, the words from the shipped checks.yaml.

tests/config/test_example.py holds that file to the types; so there is one place for each fact.
"""

import re
from pathlib import Path

from msgspec import NODEFAULT, Struct, inspect, json

from livekit_doctor.config import FALLBACKS, VARIABLES
from livekit_doctor.config.reader import SHAPE, paths
from livekit_doctor.flow import Step

EXAMPLE = Path(__file__).parents[2] / "checks.yaml"
ONE_OF_MANY = "[]"


def reference() -> str:
    """A section for each top-level key, with a row for each key below it."""
    said = comments(EXAMPLE.read_text(encoding="utf-8"))
    sections = []
    for field in SHAPE.fields:
        head = [f"## {field.name}", ""]
        if (about := said.get(field.name)) and field.name not in paths():
            head += [_prose(about), ""]
        known = [path.replace(ONE_OF_MANY, "") for path in paths()]
        inner = [key for key in said if key.startswith(f"{field.name}.") and key.count(".") == 1 and key not in known]
        head += [line for key in inner for line in (f"`{key}`: {_prose(said[key])}", "") if said[key]]
        rows = ["| key | what it is | type | default |", "|---|---|---|---|"]
        rows += [_row(path, said) for path in paths() if path.split(".")[0].removesuffix(ONE_OF_MANY) == field.name]
        sections.append("\n".join([*head, *rows, ""]))
    return "\n".join(sections)


def variables() -> str:
    """The environment variables that set a key."""
    rows = [f"| `{name}` | `{key}` |" for name, key in VARIABLES.items()]
    rows += [
        f"| `{name}` | `{key}`, where nothing else sets it and it is a Postgres address |"
        for name, key in FALLBACKS.items()
    ]
    return "\n".join(["| variable | key |", "|---|---|", *rows, ""])


def comments(text: str) -> dict[str, str]:
    """The comment of each key of the example by its dotted key: the lines above it, and what follows it."""
    found: dict[str, str] = {}
    above: list[tuple[int, str]] = []
    waiting: list[str] = []
    for line in text.splitlines():
        key = re.fullmatch(r"( *)(#?)( *)(?:- )?([a-z_]+):(?: (.*))?", line)
        if key and not _is_prose(line):
            indent = len(key[1]) + len(key[3]) + (2 if "- " in line.split(":")[0] else 0)
            above = [(depth, name) for depth, name in above if depth < indent] + [(indent, key[4])]
            behind = re.search(r"(?:^|\s)# (.*)$", key[5] or "")
            words = [*waiting, *([behind[1]] if behind else [])]
            found.setdefault(".".join(name for _, name in above), " ".join(words))
            waiting = []
        elif prose := re.fullmatch(r" *# (.*)", line):
            waiting.append(prose[1])
        elif not line.strip():
            waiting = []
    return found


def _is_prose(line: str) -> bool:
    return bool(re.match(r" *# [A-Za-z]", line))


def _row(path: str, said: dict[str, str]) -> str:
    kind, default = _of(path)
    words = _words(path, said)
    shown = default if default is not None else ""
    return f"| `{path}` | {_prose(words)} | {kind} | {shown} |"


def _words(path: str, said: dict[str, str]) -> str:
    """What the example says of the key. The keys of an allowance are explained once, at the first one."""
    name = path.replace(ONE_OF_MANY, "")
    words = said.get(name, "")
    above, _, last = name.rpartition(".")
    if above.startswith(_ALLOWANCES):
        words = words or next(text for key, text in said.items() if key.startswith(_ALLOWANCES) and key.endswith(last))
        if last == "broken_after" and said.get(above):
            words += f". {said[above]}"
    return words


_ALLOWANCES = "flow.allowances."


def _of(path: str) -> tuple[str, str | None]:
    """The type of a key in words, and its default."""
    shape: inspect.Type = SHAPE
    default: object = None
    parent: object = SHAPE.cls()
    for part in path.split("."):
        field = next(f for f in _struct(shape).fields if f.encode_name == part.removesuffix(ONE_OF_MANY))
        shape, required = field.type, field.required
        parent = getattr(parent, field.name, NODEFAULT) if isinstance(parent, Struct) else NODEFAULT
        default = parent if parent is not NODEFAULT else field.default
        if default is NODEFAULT and required:
            default = "required"
        if part.endswith(ONE_OF_MANY) and isinstance(shape, inspect.VarTupleType):
            shape, parent = shape.item_type, NODEFAULT
    return _kind(shape), _shown(default)


def _struct(shape: inspect.Type) -> inspect.StructType:
    assert isinstance(shape, inspect.StructType)
    return shape


def _kind(shape: inspect.Type) -> str:
    match shape:
        case inspect.UnionType(types=(inner, inspect.NoneType())):
            return _kind(inner)
        case inspect.VarTupleType(item_type=item):
            return f"list of {_plural(_kind(item))}"
        case inspect.DictType(value_type=value):
            return f"mapping to {_kind(value)}"
        case inspect.LiteralType(values=values):
            return " or ".join(f"`{value}`" for value in values)
        case inspect.EnumType(cls=cls) if cls is Step:
            return "step"
        case inspect.FloatType(gt=low, le=high):
            return f"seconds, over {low:g}, at most {high:g}"
        case _:
            return "text"


def _plural(kind: str) -> str:
    return kind if kind == "text" else f"{kind}s"


def _shown(default: object) -> str | None:
    if default in (None, NODEFAULT):
        return "not set"
    if default == "required":
        return "required"
    if isinstance(default, float):
        return f"`{default:g}`"
    return f"`{json.encode(default).decode()}`" if default not in ((), {}) else "none"


def _prose(text: str) -> str:
    text = re.sub(r"(?<!`)(\$?\{\w+(?::-\w+)?\}|\$\{VAR\})", r"`\1`", text)
    return text.replace("<", "&lt;").replace("|", "\\|").replace("*", "\\*")
