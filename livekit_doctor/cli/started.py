"""When this command began: --timeout counts from there, and what is imported until it works takes its time, too."""

from time import monotonic

_began: float | None = None


def begin() -> None:
    """A command line begins."""
    global _began
    _began = monotonic()


def gone() -> float:
    """Seconds since then."""
    return 0.0 if _began is None else monotonic() - _began
