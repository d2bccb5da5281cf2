"""The heart of each command, one file a command: gather the evidence, diagnose it."""
