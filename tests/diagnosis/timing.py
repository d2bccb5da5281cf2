"""How much of the processor something takes."""

import gc
from collections.abc import Callable
from time import process_time
from typing import TypeVar

T = TypeVar("T")


def timed(work: Callable[[], T]) -> tuple[float, T]:
    """Its seconds and its result. Without the garbage collector: how long that takes says what other tests
    have left on the heap."""
    gc.collect()
    gc.disable()
    try:
        began = process_time()
        result = work()
        return process_time() - began, result
    finally:
        gc.enable()
