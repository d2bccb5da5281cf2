"""connection: does LiveKit answer, with these credentials, at this time?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.connection import clock_skew, livekit_unreachable
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import RoomList
from livekit_doctor.words import counted


def _answers(setup: Setup) -> str:
    listing = setup.latest(RoomList)
    return f"{setup.settings.livekit.url} answers; {counted(len(listing.rooms) if listing else 0, 'live room')}"


def _skew(setup: Setup) -> str:
    listing = setup.latest(RoomList)
    if listing is None or listing.read.clock_at is None:
        return "the server sends no Date header, so its clock can't be compared"
    skew = abs((listing.read.at - listing.read.clock_at).total_seconds())
    return f"this machine and the server agree to {max(1, round(skew))} s"


CHECKS = (
    Check(
        id="connection.reachable",
        title="LiveKit API",
        needs=(Need.ROOMS,),
        after=("configuration.credentials",),
        rules=(livekit_unreachable,),
        passed=_answers,
        fatal=True,
    ),
    Check(
        id="connection.clock",
        title="clocks",
        needs=(Need.ROOMS,),
        after=("connection.reachable",),
        rules=(clock_skew,),
        passed=_skew,
    ),
)
