"""Audio that lab participants publish."""

import asyncio

from livekit import rtc

SAMPLE_RATE = 48_000


async def publish_silence(room: rtc.Room, *, track_name: str, muted: bool = False) -> rtc.LocalTrackPublication:
    """Publishes a microphone track until the room is left."""
    source = rtc.AudioSource(SAMPLE_RATE, num_channels=1)
    track = rtc.LocalAudioTrack.create_audio_track(track_name, source)
    options = rtc.TrackPublishOptions(source=rtc.TrackSource.SOURCE_MICROPHONE)
    sending = asyncio.create_task(_send(source))
    room.on("disconnected", lambda *_: sending.cancel())
    publication = await room.local_participant.publish_track(track, options)
    if muted:
        track.mute()
    return publication


async def _send(source: rtc.AudioSource) -> None:
    """Sends silence: the server lists a track only once media arrives."""
    frame = rtc.AudioFrame.create(SAMPLE_RATE, 1, SAMPLE_RATE // 10)
    while True:
        await source.capture_frame(frame)
