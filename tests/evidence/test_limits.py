"""Limits of what is read, at their edge: one below, at, and one above."""

import pytest

from tests.evidence.logs.support import python_json
from tests.evidence.pasted.samples import reading, recognised

SIP, CARRIER = "SIP message", "carrier's answer"
BUSY, CALLBACK = "SIP/2.0 486 Busy Here", "CallStatus=busy&CallSid=CA0123456789abcdef0123456789abcdef"


@pytest.mark.parametrize(
    ("line", "kind", "most"), [(BUSY, SIP, 400), (CALLBACK, CARRIER, 50)], ids=["SIP messages", "carriers' answers"]
)
def test_so_many_of_a_text_are_read(line: str, kind: str, most: int) -> None:
    for count in (most - 1, most, most + 1):
        assert recognised("\n".join([line] * count))[kind] == min(count, most)


def of_worker(message: str = "received job request", **fields: str) -> tuple[str, dict[str, str]]:
    """What is kept of a line: its message, and its fields."""
    (line,) = reading(python_json(message, job_id="AJ_NZAsRZNRaMZg", **fields)).observations
    return line.message, line.fields  # type: ignore[union-attr]


@pytest.mark.parametrize("length", [299, 300, 301])
def test_a_field_is_300_characters(length: int) -> None:
    text = "x" * length
    assert of_worker(text=text)[1]["text"] == (text if length <= 300 else "x" * 299 + "…")


@pytest.mark.parametrize("length", [599, 600, 601])
def test_a_message_is_600_characters(length: int) -> None:
    text = "received job request ".ljust(length, "x")
    assert of_worker(text)[0] == (text if length <= 600 else text[:599] + "…")


@pytest.mark.parametrize("count", [37, 38, 39])
def test_a_line_has_40_fields(count: int) -> None:
    """The job's id and the process among them."""
    assert len(of_worker(**{f"field{number}": "x" for number in range(count)})[1]) == min(count + 2, 40)
