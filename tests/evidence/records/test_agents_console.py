"""livekit-agents' own console, of its `dev` mode: columns, of which the time is blank where it did not change."""

import pytest

from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Step
from tests.diagnosis.factories import codes, status
from tests.evidence.pasted.samples import pasted, reading

FIELDS = '{"pid": 90589, "job_id": "AJ_p5TqWzXk3LfY"}'
REQUEST = "received job request"

CUT = """\
    16:00:25.123 INFO     livekit.agents     received job request
                                         {"job_id": "AJ_p5TqWzXk3LfY", "dispatch_id": "AD_Kc7vNrQe2HsB", "room":
"my-sip-room-118", "room_id": "RM_dG8mLxVw5TqJ", "agent_name": "outbound-caller", "resuming": false}
                 INFO     livekit.agents     initializing process {"pid": 69585}
                 DEBUG    asyncio            Using selector: EpollSelector
                                  {"pid": 69585, "job_id": "AJ_p5TqWzXk3LfY", "room_id": "RM_dG8mLxVw5TqJ"}
                 INFO     outbound-caller    connecting to room my-sip-room-118
                                          {"pid": 69585, "job_id": "AJ_p5TqWzXk3LfY", "room_id": "RM_dG8mLxVw5TqJ"}
"""
"""As livekit-agents 1.8.9 prints it, 120 characters wide."""


def told(text: str) -> list[tuple[str, str, str]]:
    lines = sorted((item for item in reading(text).observations if isinstance(item, LogLine)), key=lambda o: o.number)
    return [(line.logger, line.message, line.fields.get("job_id", "")) for line in lines]


@pytest.mark.parametrize(
    ("level", "name", "begins"),
    [
        ("DEBUG", "asyncio", True),
        ("INFO", "outbound-caller", True),
        ("WARNING", "livekit.agents", True),
        ("ERROR", "outbound-caller", True),
        ("in the log of", "outbound-caller", False),
        ("ERROR", "outbound-caller, as we say,", False),
    ],
)
@pytest.mark.parametrize(("time", "wide", "names"), [("11:42:31", 7, 17), ("11:42:31.123", 9, 19)])
def test_a_line_whose_time_is_blank_is_its_own(
    time: str, wide: int, names: int, level: str, name: str, begins: bool
) -> None:
    above = f"{time} {'INFO'.ljust(wide)}{'livekit.agents'.ljust(names)}{REQUEST}"
    line = f"{' ' * (len(time) + 1)}{level.ljust(wide - 1)} {name.ljust(names)}hello {FIELDS}"
    for margin in ("", "    "):
        found = told(f"{margin}{above}\n{margin}{line}")
        own = [("livekit.agents", REQUEST, ""), (name, "hello", "AJ_p5TqWzXk3LfY")]
        assert (found == own) is begins
        assert begins or len(found) == 1


def test_fields_that_are_cut_below_the_message() -> None:
    job = "AJ_p5TqWzXk3LfY"
    assert told(CUT) == [
        ("livekit.agents", REQUEST, job),
        ("livekit.agents", "initializing process", ""),
        ("asyncio", "Using selector: EpollSelector", job),
        ("outbound-caller", "connecting to room my-sip-room-118", job),
    ]
    diagnosis = pasted(CUT)
    assert diagnosis.room is not None
    assert diagnosis.room.name == "my-sip-room-118"
    (started,) = (item for item in diagnosis.steps if item.step is Step.ENTRYPOINT_CALLED)
    assert started.evidence[0].text == "connecting to room my-sip-room-118"
    assert status(diagnosis, Step.AGENT_CONNECTED).value == "unknown"
    assert codes(diagnosis) == []
