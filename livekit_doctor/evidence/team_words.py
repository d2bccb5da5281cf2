"""What a team's own program means in its own words, wherever they stand: a log, a text that was pasted."""

import re

from livekit_doctor import lazy_re

_WENT_WELL = lazy_re.compile(
    r"\b(?:answered|picked up)\b|\bsip[ _-]?participant\b.{0,60}\b(?:created|connected|joined|active)\b"
    r"|\bcreated\b.{0,20}\bsip[ _-]?participant\b|\bcall in progress\b|\bconversation (?:has )?started\b"
    r"|\b(?:caller|callee|customer|user) (?:said|speaks|is speaking)\b|\bdial(?:l?ing|l?ed)? (?:ok|succeeded)\b"
    r"|\bcall_?status\W{1,5}active\b|\bcall (?:connected|established)\b"
    r"|\battempt\W{0,3}\d{1,2}\b.{0,30}\b(?:ok|succe\w+|connected|established)\b",
    re.IGNORECASE,
)
_OR_NOT = lazy_re.compile(
    r"\b(?:not?|never|nobody|fail\w*|error\w*|unable|could|can|should|if|when|until|before|wait\w*|false)\b|n't\b|\?",
    re.IGNORECASE,
)


_TRIES_AGAIN = lazy_re.compile(
    r"\bre-?(?:try|trying|tried|dial\w*)\b|\bfall(?:s|ing)?[ -]?back\b|\btrying (?:the )?(?:next|another)\b"
    r"|\bfail(?:s|ing)?[ -]over\b",
    re.IGNORECASE,
)
_LATER = lazy_re.compile(
    r"\b(?:no|not|never|max\w*|exhausted|exceeded|giv\w+ up|after|out of|without|will|schedul\w*|in \d+)\b",
    re.IGNORECASE,
)
_FURTHER_PHONE = lazy_re.compile(
    r"SIP transfer|transfer(?:ring)?[ _]?(?:failed|error|sip|call|participant|to\b)|\bWarmTransfer"
    r"|\bconsult(?:ation)?[ _-]call|\bescalat(?:e|ed|ing|ion)\b"
    r"|\bhand[ _-]?(?:over|off)\b|\bforwarding (?:the )?(?:call )?to\b|\bconference leg\b"
    r"|\b(?:reach|add|dial|call|invit)\w*\W{1,3}(?:the |an? )?(?:supervisor|human agent|specialist|on-call)\b",
    re.IGNORECASE,
)


def says_tries_again(text: str) -> bool:
    """Whether a program says that it dials once more now."""
    return _TRIES_AGAIN.search(text) is not None and _LATER.search(text) is None


def says_further_phone(text: str) -> bool:
    """Whether a program says that it dials somebody besides the callee: a transfer, a supervisor."""
    return _FURTHER_PHONE.search(text) is not None


def says_went_well(text: str) -> bool:
    """Whether a program says that somebody answered, or that the SIP participant was created."""
    return _WENT_WELL.search(text) is not None and _OR_NOT.search(text) is None
