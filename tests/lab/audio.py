"""Audio that lab participants publish."""

import asyncio

from livekit import rtc

SAMPLE_RATE = 48_000
FRAME = 0.02
"""Seconds of audio in a packet."""
SENT_FOR = 3
"""Seconds until it ends: the server lists a track only once media arrives, and goes on to when none does."""
PAUSE = 0.1
"""Seconds between packets: to list a track the server needs a few of them, and each costs an encoding."""


async def publish_silence(room: rtc.Room, *, track_name: str, muted: bool = False) -> rtc.LocalTrackPublication:
    """Publishes a microphone track until the room is left."""
    source = rtc.AudioSource(SAMPLE_RATE, num_channels=1, queue_size_ms=0)  # with a queue it would never be silent
    track = rtc.LocalAudioTrack.create_audio_track(track_name, source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    publication = await room.local_participant.publish_track(track, options)
    sending = asyncio.create_task(_send(source))
    room.on("disconnected", lambda *_: sending.cancel())
    if muted:
        track.mute()
    return publication


async def _send(source: rtc.AudioSource) -> None:
    """Sends silence, and then nothing: to encode it costs as much as speech."""
    frame = rtc.AudioFrame.create(SAMPLE_RATE, 1, int(SAMPLE_RATE * FRAME))
    for _ in range(int(SENT_FOR / PAUSE)):
        await source.capture_frame(frame)
        await asyncio.sleep(PAUSE)
