"""A stream in blocks of whole records, so that each can be searched as one string."""

from collections.abc import Callable, Iterable, Iterator

from msgspec import Struct, field

BLOCK = 4 << 20
"""Bytes that are searched at once."""
LONGEST_LINE = 1 << 20
"""Bytes; a longer line is skipped, and counted."""

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
            if held < self.size:
                continue
            data = b"".join(self._held)
            cut = self._cut(data)
            rest = data[cut:]
            if len(rest) > LONGEST_LINE and b"\n" not in rest:
                self.too_long += 1
                skipping, rest = True, b""
                data = data[:cut]
                self._held, held = [], 0
                if cut:
                    yield self._block(data, False)
                self.lines += 1
                continue
            self._held, held = [rest], len(rest)
            if cut:
                yield self._block(data[:cut], False)
        yield self._block(b"".join(self._held), True)
        self._held = []
        if error is not None:
            raise error

    def _block(self, data: bytes, is_last: bool) -> Block:
        block = Block(data, self.lines + 1, is_last)
        self.lines += data.count(b"\n") + (not data.endswith(b"\n") and bool(data))
        return block

    def _cut(self, data: bytes) -> int:
        """Where the last record begins, or at least the last line that is not whole."""
        end = data.rfind(b"\n") + 1
        cut = end
        for _ in range(_RECORD_START_WITHIN):
            if cut == 0:
                break
            start = data.rfind(b"\n", 0, cut - 1) + 1
            if self.starts_record(data[start : cut - 1]):
                return start or end
            cut = start
        return end
