"""What is told of work that is under way."""

from livekit_doctor.progress import Doing, Progress, beginnings


def test_what_is_done_now_takes_the_place_of_what_was() -> None:
    told: list[list[str]] = []
    progress = Progress(lambda under_way: told.append([doing.what for doing in under_way]))
    progress("reading")
    progress("judging")
    assert told == [["reading"], ["judging"]]


def test_what_is_done_beside_it_is_told_until_it_is_over() -> None:
    told: list[list[str]] = []
    progress = Progress(lambda under_way: told.append([doing.what for doing in under_way]))
    with progress.beside("rooms") as rooms, progress.beside("rows"):
        rooms("rooms again")
    assert told == [["rooms"], ["rooms", "rows"], ["rooms again", "rows"], ["rooms again"], []]


def test_it_is_over_when_it_fails() -> None:
    told: list[tuple[Doing, ...]] = []
    progress = Progress(told.append)
    try:
        with progress.beside("rooms"):
            raise RuntimeError
    except RuntimeError:
        pass
    assert told[-1] == ()


def test_the_same_goes_on_since_it_began() -> None:
    told: list[Doing] = []
    progress = Progress(lambda under_way: told.extend(under_way))
    progress("waiting", 5)
    progress("waiting", 4)
    first, second = told
    assert first.since == second.since
    assert first.until is not None
    assert second.until is not None
    assert second.until < first.until


def test_who_wants_no_moving_picture_is_told_each_thing_once() -> None:
    said: list[str] = []
    progress = Progress(beginnings(lambda doing: said.append(doing.what)))
    progress("reading", share=0.1)
    progress("reading", share=0.2)
    with progress.beside("rooms"):
        progress("judging")
    progress("judging")
    progress("reading")
    assert said == ["reading", "rooms", "judging", "reading"]
