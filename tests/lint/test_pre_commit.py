"""The hook for pre-commit: run as pre-commit runs it, by its entry, in the folder of the repository."""

from pathlib import Path

HOOKS = Path(__file__).parents[2] / ".pre-commit-hooks.yaml"
