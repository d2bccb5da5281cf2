"""Regular expressions that are compiled when they are first used.

Some 350 stand in this package, and a run needs a few dozen of them: to compile all of those that are imported took a
quarter of the CPU time of a `trace`.
"""

import re
from typing import Any, AnyStr, cast


def compile(text: AnyStr, flags: int = 0) -> re.Pattern[AnyStr]:
    """As `re.compile`, but what is wrong with the text shows only when it is used; tests/test_lazy_re.py compiles all.
    What a match has as its `re` is the compiled one: compare their `pattern`."""
    return cast("re.Pattern[AnyStr]", _Pattern(text, flags))


class _Pattern:
    """Stands for a pattern, and has its attributes once one of them was asked for."""

    def __init__(self, text: Any, flags: int) -> None:
        self._source = text, flags

    def __getattr__(self, name: str) -> Any:
        if name not in _ATTRIBUTES:
            raise AttributeError(name)
        pattern = re.compile(*self._source)
        for attribute in _ATTRIBUTES:
            setattr(self, attribute, getattr(pattern, attribute))
        return getattr(pattern, name)


_ATTRIBUTES = tuple(name for name in dir(re.Pattern) if not name.startswith("_"))
