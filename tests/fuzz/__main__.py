"""Coverage-guided fuzzing with Atheris: `make fuzz`, or `python -m tests.fuzz TARGET SECONDS` for one target.

What fails is written to tests/fuzz/findings/TARGET, and is a test from then on (test_fuzz.py). What is learnt is kept
in .cache/fuzz, so that the next run goes on from there.
"""

import subprocess
import sys
from pathlib import Path

SLOWEST = 25
"""Seconds that one input may take, on a busy machine."""
LARGEST = 1 << 16
"""Bytes of an input."""


def fuzz(target: str, seconds: int) -> None:
    import atheris

    with atheris.instrument_imports(include=["livekit_doctor"]):
        from tests.fuzz import targets
    targets.ONE_FORMAT = True
    corpus = Path(".cache/fuzz") / target
    corpus.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(targets.seeds(target)):
        (corpus / f"seed-{number}").write_bytes(seed[:LARGEST])
    (targets.FINDINGS / target).mkdir(parents=True, exist_ok=True)
    options = {
        "max_total_time": seconds,
        "timeout": SLOWEST,
        "rss_limit_mb": 2000,
        "max_len": LARGEST,
        "len_control": 0,
        "artifact_prefix": f"{targets.FINDINGS / target}/",
        "print_final_stats": 1,
        "verbosity": 1,
    }
    atheris.Setup(
        [sys.argv[0], str(corpus), *(f"-{key}={value}" for key, value in options.items())], targets.TARGETS[target]
    )
    atheris.Fuzz()


def main(arguments: list[str]) -> int:
    """All targets one after the other, each for so many seconds, in a process each: a finding ends its own."""
    if len(arguments) == 2:
        fuzz(arguments[0], int(arguments[1]))
        return 0
    from tests.fuzz.targets import TARGETS

    seconds = arguments[0] if arguments else "60"
    found = [one for one in TARGETS if subprocess.run([sys.executable, "-m", "tests.fuzz", one, seconds]).returncode]
    print(f"fuzzed {len(TARGETS)} targets, {seconds} s each; found something in: {', '.join(found) or 'none'}")
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
