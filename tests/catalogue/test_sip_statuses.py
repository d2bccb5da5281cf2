"""The SIP statuses against the registry, and their words as fixes."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor import catalogue
from livekit_doctor.catalogue.sip_statuses import registered, sip_status
from tests.each import each

# IANA, "Session Initiation Protocol (SIP) Parameters", registry "Response Codes"
# (iana.org/assignments/sip-parameters), 3xx to 6xx.
IANA = (
    *(300, 301, 302, 305, 380),
    *(400, 401, 402, 403, 404, 405, 406, 407, 408, 410, 412, 413, 414, 415, 416, 417, 420, 421, 422, 423, 424, 425),
    *(428, 429, 430, 433, 436, 437, 438, 439, 440, 469, 470, 480, 481, 482, 483, 484, 485, 486, 487, 488, 489, 491),
    *(493, 494, 500, 501, 502, 503, 504, 505, 513, 555, 580, 600, 603, 604, 606, 607, 608),
)
PLURAL = (403, 404, 480, 486, 487, 488, 503, 603)
PLACEHOLDER = re.compile(r"\{\{(\w+)\}\}")


def test_the_registry_is_complete() -> None:
    assert registered() == IANA


@each("code", IANA)
def test_each_status_has_meanings_and_fixes(code: int) -> None:
    status = sip_status(code)
    assert status.code == code
    assert status.registered
    assert status.name[0].isupper()
    assert 400 <= status.http <= 429
    assert status.meanings
    assert len({meaning.means for meaning in status.meanings}) == len(status.meanings)
    for meaning in status.meanings:
        assert meaning.means[0].islower() or meaning.means.startswith("LiveKit")
        assert not meaning.means.endswith(".")
        assert meaning.fix.say[0].isupper()
        assert set(PLACEHOLDER.findall(meaning.fix.say + (meaning.fix.code or ""))) <= {"trunk_id", "number"}


def test_a_status_with_several_meanings_has_several() -> None:
    assert [code for code in PLURAL if len(sip_status(code).meanings) < 2] == []


@given(code=st.integers(300, 699))
def test_a_status_that_is_not_registered_is_answered_by_its_class(code: int) -> None:
    status = sip_status(code)
    assert status.code == code
    assert status.registered is (code in IANA)
    assert status.meanings


@pytest.mark.parametrize("code", [0, 100, 180, 200, 299, 700, -486])
def test_no_refusal(code: int) -> None:
    with pytest.raises(ValueError, match="no final SIP status"):
        sip_status(code)


@each("code", IANA)
def test_its_fix_takes_the_place_of_the_pages(code: int) -> None:
    values = {"sip_status": str(code), "trunk_id": "ST_x", "number": "+15555550123"}
    text = catalogue.render_fix(catalogue.get("LKD204"), values)
    assert "{{" not in text
    assert "<trunk-id>" not in text
    for meaning in sip_status(code).meanings:
        assert len(sip_status(code).meanings) == 1 or meaning.means in text
    assert "486, 600, 603" not in text, "the page speaks of all statuses at once"


@pytest.mark.parametrize("text", ["", "200", "abc", "999"])
def test_without_a_status_the_page_speaks(text: str) -> None:
    assert "486, 600, 603" in catalogue.render_fix(catalogue.get("LKD204"), {"sip_status": text})
