"""What a state says by its name alone, where no step stands for it: teams name theirs as they like."""

import re

_OTHER_PHONE = re.compile(r"transfer|(?:^|_)refer(?:$|_)|forward|hand_?(?:over|off)")

_TRANSFERRED = re.compile(
    r"(?<!not_)(?<!never_)(?<!be_)(?<!no_)transferred(?:$|_)"
    r"|(?:transfer|(?:^|_)refer|hand_?over|hand_?off)_(?:complete|completed|succeeded|success|successful|done|accepted)$"
    r"|(?<!not_)(?<!never_)(?<!be_)handed_(?:over|off)(?:$|_)"
)

_PART = r"call|sip|phone|dial|agent|dispatch|room|outbound"

_NOT = r"(?<!no_)(?<!not_)(?<!non_)(?<!without_)"

_FAILED = re.compile(
    # What has happened: wherever the word stands.
    rf"(?:^|(?:{_PART}).*){_NOT}(?<![a-z])(?:failed(?!_over)|errored|rejected|declined|crashed)(?![a-z])"
    # A noun ends the state; in its middle it may name a handler or a setting.
    rf"|(?:^|(?:{_PART}).*){_NOT}(?:fail(?:ed|ure|ing|s)?|errors?|reject(?:ed|ion|s)?|declined?|busy|timed?_?out|crash(?:ed)?)$"
    r"|not?_?answer(?:ed)?$|^unreachable$"
)


def says_failed(state: str) -> bool:
    """Whether it says in plain words that a step of the call failed: call_failed, sip_error, no_answer."""
    return _FAILED.search(_plain(state)) is not None and not is_of_other_phone(state)


def says_transferred(state: str) -> bool:
    """Whether it says that the phone was handed to somebody else: transfer_completed, call_transferred."""
    return _TRANSFERRED.search(_plain(state)) is not None


def is_of_other_phone(state: str) -> bool:
    """Whether it is about a further phone, that of a transfer, whatever became of it."""
    return _OTHER_PHONE.search(_plain(state)) is not None


def _plain(state: str) -> str:
    """In lower case, its words apart with one underscore, without the number at its end. A name is not longer than
    this."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", state.strip()[:200]).strip("_").lower()
    return re.sub(r"_?\d+$", "", words)
