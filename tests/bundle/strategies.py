"""Hypothesis strategies for the structs of a bundle, from their types."""

import types
import typing
from datetime import UTC, datetime, timedelta
from enum import Enum
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import msgspec
from hypothesis import strategies as st

from livekit_doctor.bundle.codec import EARLIEST, LATEST
from livekit_doctor.redact import redact_values

LAST = LATEST - timedelta(microseconds=1)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=12).filter(lambda text: redact_values(text) == text)
KEY = TEXT.filter(lambda text: redact_values({text: "x"}) == {text: "x"})
PLAIN: dict[object, st.SearchStrategy[Any]] = {
    str: TEXT,
    int: st.integers(-(2**63), 2**63 - 1),
    float: st.floats(allow_nan=False, allow_infinity=False),
    bool: st.booleans(),
    types.NoneType: st.none(),
    datetime: st.datetimes(*(edge.replace(tzinfo=None) for edge in (EARLIEST, LAST)), timezones=st.just(UTC)),
}


def any_of(kind: Any) -> st.SearchStrategy[Any]:
    """Any value of a type: a struct, or what a field of one may be."""
    if kind in PLAIN:
        return PLAIN[kind]
    if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
        hints = typing.get_type_hints(kind, include_extras=False)
        return st.builds(kind, **{field.name: any_of(hints[field.name]) for field in msgspec.structs.fields(kind)})
    if isinstance(kind, type) and issubclass(kind, Enum):
        return st.sampled_from(kind)
    origin, arguments = get_origin(kind), get_args(kind)
    if origin is Annotated:
        return any_of(arguments[0])
    if origin is Literal:
        return st.sampled_from(arguments)
    if origin in (Union, types.UnionType):
        return st.one_of(*map(any_of, arguments))
    if origin is tuple and arguments[-1] is not Ellipsis:
        return st.tuples(*map(any_of, arguments))
    if origin is tuple:
        return st.lists(any_of(arguments[0]), max_size=2).map(tuple)
    assert origin is dict, f"a kind of field that is new: {kind}"
    return st.dictionaries(KEY, any_of(arguments[1]), max_size=2)
