"""What `trace` does without anything, where no call logs are configured: which rooms are live, and who is in them."""

from msgspec.structs import replace

from livekit_doctor.diagnosis.room_presence import matching_rooms
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.livekit_source import LiveKitSource
from livekit_doctor.evidence.observations import Evidence
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.progress import Progress
from livekit_doctor.settings import Settings


async def live_rooms(settings: Settings, most: int, progress: Progress) -> Setup:
    """All live rooms, and the participants of the newest, `most` at the most.

    `num_participants` of ListRooms would not do: it lags, and does not count agents (design fact 18).
    """
    async with LiveKitSource(settings.livekit) as client:
        progress("asking LiveKit which rooms are live")
        listing = await client.rooms()
        setup = Setup(Evidence(now=utc_now()).plus(listing), settings)
        if newest := matching_rooms(setup)[:most]:
            progress("asking LiveKit who is in them")
            inside = await client.participants(newest)
            setup = replace(setup, evidence=setup.evidence.plus(inside, now=utc_now()))
    return setup
