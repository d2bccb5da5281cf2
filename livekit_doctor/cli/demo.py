"""livekit-doctor demo."""

from livekit_doctor.cli import options


def demo(debug: options.DebugOption = False) -> int:
    """Shows check and trace at work on recorded incidents. It needs no LiveKit, no database and no account.

    Exit status: 0 where each command says what the recording must lead to, otherwise 1.
    """
    from livekit_doctor.demo import show

    return show.run()
