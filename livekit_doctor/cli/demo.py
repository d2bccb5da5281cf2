"""livekit-doctor demo."""

from livekit_doctor.cli import options


def demo(debug: options.DebugOption = False) -> int:
    """Shows the main job with nothing else there: recorded incidents, the real check and trace.

    Exit status: 0 where each command says what the recording must lead to, otherwise 1.
    """
    from livekit_doctor.demo import show

    return show.run()
