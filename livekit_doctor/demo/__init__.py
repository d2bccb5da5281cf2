"""`livekit-doctor demo`: an embedded server that replays recorded answers, and the story told with it."""
