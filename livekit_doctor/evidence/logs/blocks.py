"""A stream in blocks of whole records, so that each can be searched as one string."""

import io
from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

BLOCK = 1 << 20
"""Bytes that are searched at once, and read: few enough to stay in the processor's cache for each further look."""
LONGEST_LINE = 1 << 20
"""Bytes; a longer line is skipped, and counted."""

_KEPT = 24 << 20
"""Bytes that are asked for and freed once, untouched: from then on glibc keeps the memory of a block for the next one.
It would give it back each time, and to get it again costs more than to read the log."""
_COUNTED = 256 << 10
"""Bytes of which the lines are counted at once."""
_RECORD_START_WITHIN = 60
"""Lines at the end of a block among which the start of its last record is looked for."""


class Block(Struct, frozen=True):
    """Whole lines. `number` is that of the first."""

    data: bytes
    number: int
    is_last: bool = False


class Blocks(Struct):
    """Cuts parts of a stream into blocks. `starts_record` tells whether a line begins a record:
    what belongs to one record comes in one block."""

    parts: Iterable[bytes]
    starts_record: Callable[[bytes], bool]
    size: int = BLOCK
    lines: int = 0
    too_long: int = 0
    _held: list[bytes] = field(default_factory=list)

    def __iter__(self) -> Iterator[Block]:
        """What was read before an error of the stream comes as a block before the error does."""
        bytes(_KEPT)
        skipping = False
        held = 0
        error: Exception | None = None
        parts = iter(self.parts)
        while True:
            try:
                part = next(parts, b"")
            except Exception as raised:
                error, part = raised, b""
            if not part:
                break
            if skipping:
                end = part.find(b"\n")
                if end < 0:
                    continue
                part, skipping = part[end + 1 :], False
            self._held.append(part)
            held += len(part)
            if held <= self.size:
                continue
            # Mostly a record begins in this part: then what came before it is not copied once more to look for one.
            cut = self._last_record(part)
            if not cut:
                part = b"".join(self._held)
                self._held = [part]
                cut = self._last_record(part) or part.rfind(b"\n") + 1
            rest = part[cut:]
            block = b"".join((*self._held[:-1], memoryview(part)[:cut])) if cut else b""
            if skipping := len(rest) > LONGEST_LINE and b"\n" not in rest:
                self.too_long += 1
                rest = b""
            self._held, held = [rest] if rest else [], len(rest)
            if block:
                yield self._block(block, False)
            self.lines += skipping
        yield self._block(b"".join(self._held), True)
        self._held = []
        if error is not None:
            raise error

    def _block(self, data: bytes, is_last: bool) -> Block:
        block = Block(data, self.lines + 1, is_last)
        self.lines += _lines_of(data)
        return block

    def _last_record(self, data: bytes) -> int:
        """Where the last record begins; 0 where it is not found, or is the first one."""
        cut = data.rfind(b"\n") + 1
        for _ in range(_RECORD_START_WITHIN):
            if cut == 0:
                break
            start = data.rfind(b"\n", 0, cut - 1) + 1
            if self.starts_record(data[start : cut - 1]):
                return start
            cut = start
        return 0


def _lines_of(data: bytes) -> int:
    """How many lines these are, the last with or without its end. Reading them finds their ends three times as fast as
    counting the ends does."""
    lines, count = io.BytesIO(data), 0
    while some := lines.readlines(_COUNTED):
        count += len(some)
    return count
