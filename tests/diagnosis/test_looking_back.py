"""What looks showed while the phone was there stands when it is gone, or the room: as `trace --wait` sees it."""

from collections.abc import Iterable

import pytest

from livekit_doctor.evidence.observations import Dispatch, Observation, Participant
from livekit_doctor.flow import Verdict
from tests.diagnosis.factories import (
    agent,
    audio,
    automatic,
    closed,
    codes,
    dispatch,
    found,
    job,
    judge,
    look,
    phone,
    row,
)

SENT, ALONE = dispatch(0, job()), phone("active", 2)
TIMES = range(6, 55, 3)
Inside = tuple[Dispatch | Participant, ...]


def watched(inside: Iterable[Inside], *later: Observation) -> list[Observation]:
    """Looks every 3 s, and what came after the last."""
    return [item for seconds, each in zip(TIMES, inside, strict=False) for item in look(seconds, *each)] + [*later]


def always(*inside: Dispatch | Participant) -> list[Inside]:
    return [inside] * len(TIMES)


def there_until(seconds: float) -> list[Inside]:
    return [(SENT, ALONE, *((agent(1, audio()),) if at <= seconds else ())) for at in TIMES]


FAULTS = {
    "LKD407": there_until(30),
    "LKD408": always(SENT, ALONE, agent(1)),
    "LKD406": always(SENT, ALONE),
    "LKD416": always(SENT, ALONE, agent(1, state="JOINED")),
    "LKD401": always(automatic(), ALONE),
    "LKD402": always(dispatch(0), ALONE),
}
ENDS = {"the phone has hung up": look(57, SENT), "the room is closed": closed(57)}


@pytest.mark.parametrize("code", FAULTS)
def test_a_fault_that_was_seen_stands_when_the_room_is_closed(code: str) -> None:
    during = judge(54, *watched(FAULTS[code]))
    assert codes(during) == [code]
    rows = row(8, "sip_answered"), row(57, "call_ended")
    for said in ((), rows):
        assert codes(judge(57, *watched(FAULTS[code]), *closed(57), *said)) == [code]


@pytest.mark.parametrize("end", ENDS)
def test_an_agent_that_had_left_is_no_consequence_of_the_phones_end(end: str) -> None:
    waits = [tuple(phone("ringing", 2) if one is ALONE else one for one in each) for each in there_until(12)]
    assert codes(judge(54, *watched(waits))) == ["LKD407"]
    assert codes(judge(57, *watched(waits), *ENDS[end])) == ["LKD407", "LKD206"]


def test_what_no_look_can_have_shown() -> None:
    """The room was closed long after the last look; or an agent was dispatched once more."""
    assert "LKD407" not in codes(judge(90, *watched(there_until(30)), *closed(90)))
    again = look(57, SENT, dispatch(53, id="AD_again"))
    assert "LKD407" not in codes(judge(57, *watched(there_until(30)), *again))


def test_an_agent_that_left_with_the_phone() -> None:
    assert judge(57, *watched(there_until(54)), *closed(57)).verdict is not Verdict.BROKEN
    assert found(judge(57, *watched(there_until(51)), *closed(57))) == [], "the callee may be hanging up"
