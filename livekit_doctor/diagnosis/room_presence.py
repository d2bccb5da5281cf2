"""Every live room of a call, judged by the rules of a trace."""

from collections.abc import Iterator
from fnmatch import fnmatchcase

from livekit_doctor.diagnosis.core import diagnose
from livekit_doctor.diagnosis.correlation import Subject, live_rooms
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import ParticipantList, Room, is_scratch
from livekit_doctor.flow import SPEC


def matching_rooms(setup: Setup) -> tuple[Room, ...]:
    """The live rooms that the configured pattern names, scratch rooms left out; newest first."""
    return tuple(
        room
        for room in live_rooms(setup.evidence)
        if fnmatchcase(room.name, setup.settings.rooms.pattern) and not is_scratch(room.name)
    )


def judged_rooms(setup: Setup) -> tuple[Diagnosis, ...]:
    """The diagnosis of each matching room that was looked into."""
    looked_into = {listing.room_sid for listing in setup.all(ParticipantList)}
    return tuple(
        diagnose(setup.evidence, setup.settings, Subject(room=room.name))
        for room in matching_rooms(setup)
        if room.sid in looked_into
    )


def broken_rooms(setup: Setup) -> Iterator[Finding]:
    """The primary break of each room whose call is broken."""
    for diagnosis in judged_rooms(setup):
        if not diagnosis.broken or diagnosis.room is None:
            continue
        broken = diagnosis.broken[0]
        where = f"{diagnosis.room.name} broke at: {SPEC[broken.step].title}"
        because = (Because(source="room", text=where), *broken.because)
        yield Finding(
            code=broken.code,
            step=broken.step,
            confidence=broken.confidence,
            because=because,
            candidates=broken.candidates,
            values={"room": diagnosis.room.name, **broken.values},
            room=diagnosis.room.name,
        )
