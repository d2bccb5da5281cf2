"""python -m livekit_doctor."""

from livekit_doctor.cli.main import main

main()
