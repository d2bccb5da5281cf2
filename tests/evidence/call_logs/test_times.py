import itertools
from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from livekit_doctor.evidence.call_logs.times import parse_time

PATIENT = settings(deadline=None)

WHOLE = datetime(2025, 10, 28, 17, 26, 33, tzinfo=UTC)
PARTS = WHOLE.replace(microsecond=120_000)

SPELLINGS = {
    "2025-10-28T17:26:33Z": WHOLE,
    "2025-10-28t17:26:33z": WHOLE,
    "2025-10-28T17:26:33.12Z": PARTS,
    "2025-10-28T17:26:33.120000Z": PARTS,
    "2025-10-28T17:26:33.120000123Z": PARTS,
    "2025-10-28T17:26:33,12Z": PARTS,
    "2025-10-28 17:26:33+00": WHOLE,
    "2025-10-28 17:26:33.12+00": PARTS,
    "2025-10-28 17:26:33 +0000": WHOLE,
    "2025-10-28 17:26:33 UTC": WHOLE,
    "2025-10-28 17:26:33": WHOLE,
    "  2025-10-28T17:26:33  ": WHOLE,
    "2025-10-28 17:26": WHOLE.replace(second=0),
    "2025/10/28 17:26:33": WHOLE,
    "2025-10-28": WHOLE.replace(hour=0, minute=0, second=0),
    "20251028": WHOLE.replace(hour=0, minute=0, second=0),
    "20251028T172633Z": WHOLE,
    "2025-10-28 22:56:33+05:30": WHOLE,
    "2025-10-28 13:26:33-04": WHOLE,
    "Tue, 28 Oct 2025 17:26:33 GMT": WHOLE,
    "Tue, 28 Oct 2025 13:26:33 -0400": WHOLE,
    "1761672393": WHOLE,
    "1761672393.12": PARTS,
    "1761672393120": PARTS,
    "1761672393120000": PARTS,
    "1761672393120000000": PARTS,
    "1.76167239312e9": PARTS,
}


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_spellings(spelling: str) -> None:
    moment = parse_time(spelling)
    assert moment is not None
    assert abs(moment - SPELLINGS[spelling]) < timedelta(microseconds=300)
    assert moment.tzinfo is UTC


def test_numbers() -> None:
    assert parse_time(1761672393) == WHOLE
    assert parse_time(1761672393000) == WHOLE
    assert parse_time(1761672393.0) == WHOLE


NO_TIMES: tuple[list[object], ...] = (
    ["", " ", "yesterday", "17:26:33", "0", "42", "-1", "infinity", "NaN", "1e400", "2025-13-01", "2025-10-28T25:00"],
    ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "4" * 40, "x" * 10_000],
    [None, True, 0, 42, -5, float("inf"), float("nan"), 10**400, [], {}],
)


@pytest.mark.parametrize("value", list(itertools.chain(*NO_TIMES)))
def test_what_is_no_time(value: object) -> None:
    assert parse_time(value) is None


@PATIENT
@given(
    st.datetimes(datetime(2000, 1, 2), datetime(2099, 12, 30)),
    st.integers(-14 * 4, 14 * 4).map(lambda quarters: timezone(timedelta(minutes=15 * quarters))),
    st.sampled_from([" ", "T"]),
)
def test_any_time_comes_back(moment: datetime, zone: timezone, separator: str) -> None:
    moment = moment.replace(tzinfo=zone)
    assert parse_time(moment.isoformat(separator)) == moment


@PATIENT
@given(st.text() | st.integers() | st.floats())
def test_anything_is_a_time_in_utc_or_none(value: object) -> None:
    moment = parse_time(value)
    assert moment is None or moment.utcoffset() == timedelta()
