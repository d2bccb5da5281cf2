"""livekit-doctor: finds the step at which an outbound LiveKit phone call breaks."""

__version__ = "0.1.0"
