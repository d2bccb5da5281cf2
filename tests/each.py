"""A test that goes through a list: one test, which names each item that fails, and why.

    @each("code", CODES)
    def test_page_is_tidy(code: str) -> None: ...

For a property that every item of a list must have. An example that somebody thought of is a case of its own:
`pytest.mark.parametrize`. Fixtures are made once for the whole list.
"""

import functools
import inspect
import traceback
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import pytest

Test = Callable[..., None]


def each(names: str, items: Iterable[Any], *, name: Callable[[Any], object] | None = None) -> Callable[[Test], Test]:
    """Calls the test for each of `items`, or of the tuples in it where there are several `names`.

    An item is named by its `pytest.param`'s id, by `name`, or by itself.
    """
    parameters = [parameter.strip() for parameter in names.split(",")]
    listed = [_item(item, several=len(parameters) > 1, name=name) for item in items]
    assert listed, "nothing to go through"

    def decorate(test: Test) -> Test:
        @functools.wraps(test)
        def through(**fixtures: Any) -> None:
            failed = []
            for title, values in listed:
                assert len(values) == len(parameters), f"{names}: {values!r}"
                try:
                    test(**fixtures, **dict(zip(parameters, values, strict=True)))
                except (Exception, pytest.fail.Exception) as error:
                    failed.append(f"{title}: {_why(error)}")
            if failed:
                failures = "\n".join(failed)
                pytest.fail(f"{len(failed)} of {len(listed)} fail\n{failures}", pytrace=False)

        signature = inspect.signature(test)
        kept = [one for one in signature.parameters.values() if one.name not in parameters]
        assert len(kept) + len(parameters) == len(signature.parameters), f"{test.__name__} does not take {names}"
        through.__signature__ = signature.replace(parameters=kept)  # type: ignore[attr-defined]
        return through

    return decorate


def _item(item: Any, *, several: bool, name: Callable[[Any], object] | None) -> tuple[str, tuple[Any, ...]]:
    """The item's name and its values."""
    title = None
    if hasattr(item, "values") and hasattr(item, "marks"):  # a pytest.param
        assert not item.marks
        title, values = item.id, tuple(item.values)
    else:
        values = tuple(item) if several else (item,)
    if title is None:
        title = str(name(item)) if name else repr(item if not several else values)
    return (title if len(title) <= 120 else f"{title[:120]}...", values)


def _why(error: BaseException) -> str:
    """Where in the test, and the message, whole, as pytest has written it."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    if not frames:  # a list in a list, which has said where
        return str(error).replace("\n", "\n    ")
    places = [f"{Path(frame.filename).name}:{frame.lineno}" for frame in (frames[0], *frames[1:][-1:])]
    said = str(error) or str(frames[-1].line)
    return f"{', '.join(places)}: {type(error).__name__}: " + said.replace("\n", "\n    ")
