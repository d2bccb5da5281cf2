"""What a team's own program means in its own words, wherever they stand: a log, a text that was pasted."""

import re

from livekit_doctor import lazy_re

_WENT_WELL = lazy_re.compile(
    r"\b(?:answered|picked up)\b|\bsip[ _-]?participant\b.{0,60}\bcreated\b|\bcreated\b.{0,20}\bsip[ _-]?participant\b"
    r"|\bcall_?status\W{1,5}active\b|\bcall (?:connected|established)\b"
    r"|\battempt\W{0,3}\d{1,2}\b.{0,30}\b(?:ok|succe\w+|connected|established)\b",
    re.IGNORECASE,
)
_OR_NOT = lazy_re.compile(
    r"\b(?:not?|never|nobody|fail\w*|error\w*|unable|could|can|should|if|when|until|before|wait\w*|false)\b|n't\b|\?",
    re.IGNORECASE,
)


def says_went_well(text: str) -> bool:
    """Whether a program says that somebody answered, or that the SIP participant was created."""
    return _WENT_WELL.search(text) is not None and _OR_NOT.search(text) is None
