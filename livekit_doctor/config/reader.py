"""Entries into typed settings, key by key, collecting every mistake with its place."""

import math
import re
from collections.abc import Callable, Collection, Mapping
from typing import Any

from msgspec import UNSET, Struct, UnsetType, inspect, structs

from livekit_doctor.config.document import Entry, Kind
from livekit_doctor.config.environment import Environment, Malformed, Undefined, has_variable
from livekit_doctor.config.forms import FORMS, SECRETS
from livekit_doctor.config.issues import UNPRINTABLE, Issue, expected, nearest, plain, shown
from livekit_doctor.settings import Settings

MAY_BE_UNDEFINED = ("livekit.url", "call_logs.dsn")
"""Keys that are simply not set when a variable in their text is not."""

_SHAPE = inspect.type_info(Settings)
assert isinstance(_SHAPE, inspect.StructType)
SHAPE: inspect.StructType = _SHAPE


class Reader(Struct):
    """Reads one layer of the configuration over the settings of the layers below it.

    `environment` fills in `${VAR}`; without one, as for values that come from the environment or
    the command line, text is taken as it is, and text such as "5" may stand for a number.
    `issues` and `origins` (dotted key: where its value was written) are shared by the layers.
    """

    issues: list[Issue]
    origins: dict[str, str]
    environment: Environment | None = None
    check_ids: Callable[[], Collection[str]] | None = None

    def settings(self, entry: Entry, below: Settings) -> Settings:
        value = self._struct(SHAPE, entry, "", below)
        return value if isinstance(value, Settings) else below

    def _read(self, shape: inspect.Type, entry: Entry, key: str, below: object) -> Any:
        """The value, or UNSET where there is none because of a mistake or an undefined variable."""
        if key in SECRETS and self.environment is not None and not self._allowed(entry, key):
            return UNSET
        match shape:
            case inspect.UnionType(types=(inner, inspect.NoneType())):
                value = None if entry.kind is Kind.NULL else self._read(inner, entry, key, below)
            case inspect.StructType():
                return self._struct(shape, entry, key, below)
            case inspect.DictType():
                return self._dict(shape, entry, key, below)
            case inspect.VarTupleType():
                value = self._tuple(shape, entry, key)
            case inspect.LiteralType(values=values):
                value = self._choice(entry, key, [str(item) for item in values])
            case inspect.EnumType(cls=cls):
                choice = self._choice(entry, key, [str(item.value) for item in cls])
                value = choice if isinstance(choice, UnsetType) else cls(choice)
            case inspect.FloatType():
                value = self._number(shape, entry, key)
            case inspect.StrType():
                value = self._text(shape, entry, key)
            case _:
                raise TypeError(f"no reader for the type of {key}: {shape}")
        if value is not UNSET:
            self.origins[key] = entry.where
        return value

    def _struct(self, shape: inspect.StructType, entry: Entry, key: str, below: object) -> Struct | UnsetType:
        if entry.kind not in (Kind.MAPPING, Kind.NULL):
            needed = [field.name for field in shape.fields if field.required]
            hint = f"{needed[0]}: {entry.text}" if needed and entry.kind is Kind.TEXT else ""
            return self._wrong(entry, key, "a mapping of keys to values", hint)
        values: dict[str, Any] = {}
        fields = {field.encode_name: field for field in shape.fields}
        for name, member in entry.members.items():
            if name in fields:
                inner = f"{key}.{name}" if key else name
                value = self._read(fields[name].type, member, inner, getattr(below, name, None))
                if value is not UNSET:
                    values[fields[name].name] = value
            elif key or not name.startswith("x-"):  # x-anything at the top holds anchors
                self._unknown(member, key, name, fields)
        if isinstance(below, Struct):
            return structs.replace(below, **values)
        missing = [field for field in shape.fields if field.required and field.name not in values]
        for field in missing:
            if field.encode_name not in entry.members:
                name = field.encode_name
                self._add(entry, key, f"`{name}` is missing", f"add `{name}` to {key}")
        return UNSET if missing else shape.cls(**values)

    def _dict(self, shape: inspect.DictType, entry: Entry, key: str, below: object) -> dict[str, Any] | UnsetType:
        if entry.kind not in (Kind.MAPPING, Kind.NULL):
            return self._wrong(entry, key, "a mapping of keys to values")
        values: dict[str, Any] = dict(below) if isinstance(below, Mapping) else {}
        for name, member in entry.members.items():
            if key == "checks" and self.check_ids is not None and name not in (known := self.check_ids()):
                self._add(member, f"{key}.{plain(name)}", f"unknown check; {expected(name, known)}")
                continue
            value = self._read(shape.value_type, member, f"{key}.{plain(name)}", None)
            if value is not UNSET:
                values[name] = value
        return values

    def _tuple(self, shape: inspect.VarTupleType, entry: Entry, key: str) -> tuple[Any, ...] | UnsetType:
        if entry.kind not in (Kind.LIST, Kind.NULL):
            hint = f"[{entry.text}]" if entry.kind is Kind.TEXT else ""
            return self._wrong(entry, key, "a list", hint)
        if len(entry.items) < (shape.min_length or 0):
            return self._wrong(entry, key, "a list that is not empty")
        inside = Reader(self.issues, {}, self.environment, self.check_ids)
        items = enumerate(entry.items)
        read = [inside._read(shape.item_type, item, f"{key}[{index}]", None) for index, item in items]
        return tuple(value for value in read if value is not UNSET)

    def _choice(self, entry: Entry, key: str, choices: list[str]) -> str | UnsetType:
        """One of some words. What was written counts: `off` is a boolean to YAML."""
        text = self._filled(entry, key)
        if isinstance(text, UnsetType) or text in choices:
            return text
        if entry.kind in (Kind.LIST, Kind.MAPPING, Kind.NULL):
            return self._wrong(entry, key, "one of " + ", ".join(choices))
        what = "unknown step" if "call_requested" in choices else "unknown value"
        return self._add(entry, key, f"{what} {shown(text)}; {expected(text, choices)}")

    def _number(self, shape: inspect.FloatType, entry: Entry, key: str) -> float | UnsetType:
        text = self._filled(entry, key)
        if isinstance(text, UnsetType):
            return UNSET
        free = self.environment is None or has_variable(entry.text)
        if entry.kind is not Kind.NUMBER and not (entry.kind is Kind.TEXT and free):
            return self._wrong(entry, key, "a number of seconds such as 5, without quotes or unit")
        try:
            value = float(text)
        except ValueError:
            value = math.nan
        if not math.isfinite(value):
            return self._add(entry, key, f"{shown(text)} is not a number of seconds such as 5 or 0.5")
        if shape.gt is not None and not value > shape.gt:
            return self._add(entry, key, f"{shown(text)}: expected more than {shape.gt:g} seconds")
        if shape.le is not None and not value <= shape.le:
            return self._add(entry, key, f"{shown(text)}: expected at most {shape.le:.0f} seconds")
        return value

    def _text(self, shape: inspect.StrType, entry: Entry, key: str) -> str | UnsetType:
        if entry.kind in (Kind.NUMBER, Kind.BOOLEAN, Kind.DATE) and self.environment is not None:
            written = entry.text if len(entry.text) <= 40 else "..."
            reason = f"{shown(entry.text)} is {entry.kind} in YAML, expected text"
            return self._add(entry, key, f'{reason}; quote it: "{written}"')
        if entry.kind is Kind.MAPPING:
            return self._wrong(entry, key, "text", "'{...}'")
        if entry.kind in (Kind.LIST, Kind.NULL, Kind.TAGGED):
            return self._wrong(entry, key, "text")
        text = self._filled(entry, key)
        if isinstance(text, UnsetType):
            return UNSET
        form = FORMS.get(re.sub(r"\[\d+\]", "[]", key))
        if len(text) < (shape.min_length or 0):
            return self._add(entry, key, "is empty")
        if UNPRINTABLE.search(text):
            return self._add(entry, key, "has a control character in it")
        wrong = form(text) if form else None
        return self._add(entry, key, wrong) if wrong else text

    def _filled(self, entry: Entry, key: str) -> str | UnsetType:
        if self.environment is None or entry.kind is not Kind.TEXT:
            return entry.text
        try:
            return self.environment.expand(entry.text)
        except Malformed:
            return self._add(entry, key, "a `${` that is neither `${VAR}` nor `${VAR:-default}`")
        except Undefined as error:
            if key in MAY_BE_UNDEFINED:
                return UNSET
            fix = f"set {error}, or write `${{{error}:-default}}`"
            return self._add(entry, key, f"the variable {error} is not set and has no default", fix)

    def _allowed(self, entry: Entry, key: str) -> bool:
        """Whether the file may say this for a secret: a variable, or a dsn without a password."""
        form, variable = SECRETS[key]
        if entry.kind is Kind.NULL:
            return True
        problem = form(entry.text)
        if problem is None:
            return True
        fix = f"take {key} out of the file and set {variable} in the environment or in .env"
        self._add(entry, key, f"{problem}: set {variable}, or write `${{{variable}}}`", fix)
        return False

    def _unknown(self, entry: Entry, key: str, name: str, fields: Collection[str]) -> None:
        same = [path for path in _PATHS if path.replace(".", "_") == name]
        elsewhere = same or [path for path in _PATHS if path.endswith("." + name)]
        hint = expected(name, fields)
        if same or (nearest(name, fields) is None and len(elsewhere) == 1):
            hint = f"did you mean {shown(elsewhere[0])}?"
        self._add(entry, f"{key}.{plain(name)}" if key else plain(name), f"unknown key; {hint}")

    def _wrong(self, entry: Entry, key: str, wanted: str, write: str = "") -> UnsetType:
        got = str(entry.kind)
        if entry.text and entry.kind is not Kind.NULL and key not in SECRETS:
            got = f"{got} {shown(entry.text)}"
        hint = f"; write {shown(write)}" if write else ""
        return self._add(entry, key, f"expected {wanted}, got {got}{hint}")

    def _add(self, entry: Entry, key: str, problem: str, fix: str = "") -> UnsetType:
        self.issues.append(Issue(entry.where, key, problem, fix))
        return UNSET


def key_path(dotted: str) -> tuple[str, ...]:
    """The keys of a dotted key. What follows a free mapping is one key: checks, worker.canary."""
    path: list[str] = []
    shape: inspect.Type | None = SHAPE
    while dotted:
        if isinstance(shape, inspect.DictType):
            return (*path, dotted)
        name, _, dotted = dotted.partition(".")
        path.append(name)
        fields = shape.fields if isinstance(shape, inspect.StructType) else ()
        shape = next((field.type for field in fields if field.encode_name == name), None)
    return tuple(path) or ("",)


def paths(shape: inspect.Type = SHAPE, above: str = "") -> list[str]:
    """The dotted key of everything that can be configured, with [] for any item of a list."""
    match shape:
        case inspect.StructType():
            found: list[str] = []
            for field in shape.fields:
                found += paths(field.type, f"{above}.{field.encode_name}" if above else field.encode_name)
            return found
        case inspect.VarTupleType(item_type=inspect.StructType() as item):
            return paths(item, above + "[]")
        case _:
            return [above]


_PATHS = paths()
