"""room_presence: is every live call as it should be? Judged by the rules of `trace`."""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.room_presence import broken_rooms, judged_rooms
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.flow import Verdict
from livekit_doctor.words import counted


def _seen(setup: Setup) -> str:
    verdicts = [diagnosis.verdict for diagnosis in judged_rooms(setup)]
    if not verdicts:
        return f'no live room matches "{setup.settings.rooms.pattern}"'
    counts = [
        f"{verdicts.count(verdict)} {verdict.value.replace('_', ' ')}" for verdict in Verdict if verdict in verdicts
    ]
    return f"{counted(len(verdicts), 'live room')}: {', '.join(counts)}"


CHECKS = (
    Check(
        id="room_presence.live",
        title="participants in live rooms",
        needs=(Need.INSIDE_ROOMS,),
        uses=(Need.SIP,),
        after=("connection.reachable",),
        rules=(broken_rooms,),
        passed=_seen,
        strict=True,
    ),
)
