"""livekit-doctor demo."""

from livekit_doctor.cli import options


def demo(debug: options.DebugOption = False) -> int:
    """Shows the main job without anything else: recorded incidents on loopback, the real commands."""
    from livekit_doctor.demo import show

    return show.run()
