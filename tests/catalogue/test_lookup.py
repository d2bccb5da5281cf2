"""What a word means that somebody wants explained: a code, a name, a SIP status."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import UnknownTopicError, look_up
from livekit_doctor.catalogue.sip_statuses import registered, sip_status
from tests.each import each


@each("code", catalogue.codes())
def test_each_code_by_code_number_and_name(code: str) -> None:
    entry = catalogue.get(code)
    for text in (
        code,
        f" {code.lower()} ",
        f"Lkd-{code[3:]}",
        f"lkd {code[3:]}",
        code[3:],
        entry.name,
        entry.name.upper().replace("-", "_"),
    ):
        assert look_up(text).page is entry


@each("status", registered())
def test_each_sip_status_by_number_and_name(status: int) -> None:
    for text in (f"sip-{status}", f"SIP {status}", f"sip{status}", f"SIP/2.0 {status}", f"sip status: {status}"):
        assert look_up(text).page == sip_status(status)
    names = [sip_status(code).name for code in registered()]
    if names.count(sip_status(status).name) == 1:
        assert look_up(sip_status(status).name.lower()).page == sip_status(status)


@pytest.mark.parametrize(("text", "also"), [("401", 401), ("404", 404), ("603", 603), ("411", None), ("701", None)])
def test_a_bare_number_is_the_code_and_names_the_status(text: str, also: int | None) -> None:
    topic = look_up(text)
    assert topic.page is catalogue.get(f"LKD{text}")
    assert (topic.also.code if topic.also else None) == also


@pytest.mark.parametrize("text", ["LKD404", "job-declined", "sip-404", "486"])
def test_what_can_only_be_one_thing_names_no_other(text: str) -> None:
    assert look_up(text).also is None


def test_a_bare_number_that_is_no_code_is_the_status() -> None:
    assert look_up("486").page == sip_status(486)


def test_a_status_that_is_not_registered_is_explained_only_where_it_is_said_to_be_one() -> None:
    assert look_up("sip-499").page == sip_status(499)
    with pytest.raises(UnknownTopicError) as error:
        look_up("418")
    assert [word for word, _ in error.value.nearest] == ["LKD417", "LKD416", "sip-418"]


@pytest.mark.parametrize(
    ("text", "nearest"),
    [
        ("agent-not-dispatchd", "LKD401"),
        ("LKD4011", "LKD401"),
        ("prewarm", "LKD701"),
        ("busy hear", "sip-486"),
        ("sip-200", "sip-300"),
        ("LKD4O1", "LKD401"),
        ("lkd 4oI", "LKD401"),
        ("4l1", "LKD411"),
        ("699", "sip-699"),
    ],
)
def test_the_nearest_is_offered_and_can_be_asked_for(text: str, nearest: str) -> None:
    with pytest.raises(UnknownTopicError) as error:
        look_up(text)
    words = [word for word, _ in error.value.nearest]
    assert words[0] == nearest or text in ("LKD4011", "busy hear", "prewarm")
    assert nearest in words
    assert all(look_up(word) for word in words)


@given(st.text())
def test_any_text_is_a_page_or_an_error_that_says_what_was_asked(text: str) -> None:
    try:
        said = look_up(text).page.name
    except UnknownTopicError as error:
        said = error.message
    assert said
    assert len(said) < len(text) * 12 + 120
