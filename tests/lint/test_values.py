"""Values that are compared without running the code: what is said of them holds whatever running it gives."""

from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.lint.values import Hole, Value, compared

HOLES = [Hole(key, key) for key in "xy"]
FRESH = [Hole(key, key, fresh=True) for key in "fg"]
PARTS = st.one_of(st.sampled_from(["a", "ab", "b", "-"]), st.sampled_from(HOLES), st.sampled_from(FRESH))
VALUES = st.lists(PARTS, min_size=1, max_size=4).map(lambda parts: Value(tuple(parts)))


@given(VALUES, VALUES, st.lists(st.text("ab-", max_size=3), min_size=2, max_size=2))
def test_what_is_said_of_two_values_holds_for_whatever_they_become(one: Value, other: Value, given: list[str]) -> None:
    became = dict(zip("xy", given, strict=True)) | {"f": "1", "g": "2"}
    texts = ["".join(got if isinstance(got, str) else became[got.key] for got in each.parts) for each in (one, other)]
    said = compared(one, other)
    assert said == compared(other, one)
    assert said == "unknown" or (said == "same") == (texts[0] == texts[1]), (one.shown, other.shown, texts)


def test_a_further_part_makes_another_value() -> None:
    call, made = Value(("call-", HOLES[0])), Value(("call-", HOLES[0], "-", FRESH[0]))
    assert compared(call, made) == "different"
    assert compared(Value((*call.parts, HOLES[1])), call) == "unknown", "it may be empty"
    assert compared(Value(("call-", FRESH[0])), Value(("call-", FRESH[1]))) == "different"
