"""A test that goes through a list fails as a whole and says all that is wrong."""

from pathlib import Path

import pytest

from tests.each import each


def test_all_that_fail_are_named_with_their_reason() -> None:
    @each("number", [1, 2, 3, 4])
    def odd(number: int) -> None:
        if number == 4:
            raise ValueError("four")
        assert number % 2, f"{number} is even"

    with pytest.raises(pytest.fail.Exception, match=r"2 of 4 fail") as failed:
        odd()
    said = str(failed.value)
    assert "\n2: " in said
    assert "AssertionError: 2 is even" in said
    assert "\n4: " in said
    assert "ValueError: four" in said
    assert "\n3: " not in said
    assert Path(__file__).name in said


@each("left, right", [(1, 1), pytest.param(2, 2, id="two")])
def test_fixtures_are_given_and_several_values_too(left: int, right: int, tmp_path: Path) -> None:
    assert left == right
    assert tmp_path.is_dir()


def test_names_of_items() -> None:
    @each("text", [pytest.param("a", id="first"), "b"], name=str.upper)
    def none(text: str) -> None:
        pytest.fail(text)

    with pytest.raises(pytest.fail.Exception, match=r"(?s)\nfirst: .*\nB: "):
        none()


def test_two_lists_are_gone_through_together() -> None:
    seen = []

    @each("one", "ab")
    @each("two", "xy")
    def note(one: str, two: str) -> None:
        seen.append(one + two)

    note()
    assert seen == ["ax", "ay", "bx", "by"]


def test_an_empty_list_is_a_mistake() -> None:
    with pytest.raises(AssertionError, match="nothing to go through"):
        each("x", [])
