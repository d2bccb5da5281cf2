"""The lines on standard error while a command works."""

import pytest

from livekit_doctor.cli.screen import lines
from livekit_doctor.progress import Doing

NOW = 1000.0


def plain(*under_way: Doing, width: int = 80) -> list[str]:
    return [line[2:] for line in lines(under_way, NOW, width).plain.splitlines()]


def test_what_takes_so_long_at_most_is_counted_down() -> None:
    assert plain(Doing("settling", NOW - 3, NOW + 4)) == ["settling  4 s left"]


def test_what_takes_longer_counts_upwards() -> None:
    assert plain(Doing("settling", NOW - 9, NOW - 1)) == ["settling  9 s"]
    assert plain(Doing("asking", NOW - 2)) == ["asking  2 s"]


def test_how_much_is_done() -> None:
    (half,) = plain(Doing("reading", NOW, share=0.5, amount="20 MB"))
    assert half == "reading  [############............]  50% of 20 MB  0 s"
    assert plain(Doing("reading", NOW, amount="20 MB")) == ["reading  20 MB  0 s"]


def test_a_line_for_each_thing() -> None:
    assert plain(Doing("rooms", NOW - 1), Doing("rows", NOW - 2)) == ["rooms  1 s", "rows  2 s"]


@pytest.mark.parametrize("width", [20, 40, 80])
def test_a_narrow_terminal_cuts_the_words_and_keeps_the_time(width: int) -> None:
    (line,) = lines((Doing("a canary worker " * 9, NOW, NOW + 4),), NOW, width).plain.splitlines()
    assert len(line) <= width
    assert line.endswith("…  4 s left")


def test_a_name_cannot_steer_the_terminal() -> None:
    assert "\x1b" not in lines((Doing("reading \x1b[2J.log", NOW),), NOW, 80).plain
