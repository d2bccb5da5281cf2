"""What each command does, one file a command: gather the evidence, diagnose it."""
