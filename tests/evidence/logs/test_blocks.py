"""However a log comes in parts, its blocks are the log: whole records, each line with its number."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.evidence.logs.blocks import Blocks
from livekit_doctor.evidence.logs.source import BLOCK, LogSource, Stream
from tests.evidence.logs.support import DATA

LINES = st.lists(st.sampled_from([b"{record\n", b" goes on\n", b"\n", b"{a longer record\r\n"]), max_size=40)


@given(LINES, st.sampled_from([b"", b"{cut", b" cut"]), st.integers(1, 60), st.integers(1, 60))
def test_blocks_are_the_log(lines: list[bytes], end: bytes, part: int, size: int) -> None:
    log = b"".join(lines) + end
    blocks = Blocks((log[at : at + part] for at in range(0, len(log), part)), lambda line: line.startswith(b"{"), size)
    found = list(blocks)
    assert b"".join(block.data for block in found) == log
    assert blocks.lines == len(log.splitlines(keepends=True))
    assert [block.is_last for block in found] == [False] * (len(found) - 1) + [True]
    read = b""
    for block in found:
        assert block.number == read.count(b"\n") + 1
        read += block.data
    for before, block in pairwise(found):
        # A record is cut only where nothing but it was held.
        assert block.data[:1] in (b"{", b"") or b"\n{" not in before.data


def test_a_log_is_read_in_parts_of_a_block() -> None:
    stream = Stream(LogSource("worker", str(DATA / "node-1.9.0-dev.log")))
    assert all(len(part) <= BLOCK for part in stream.parts())
    stream.close()
