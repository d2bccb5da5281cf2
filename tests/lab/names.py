"""Random names, ids and numbers, so that nothing can be keyed to those of an example."""

from random import Random

_ADJECTIVES = ("Quiet", "amber", "NORTH", "brisk", "Lunar", "velvet", "Copper", "seventh")
_NOUNS = ("Concierge", "dispatcher", "Recall Line", "intake-bot", "SURVEYOR", "front_desk")


class Names:
    """A source of names; the same seed gives the same ones."""

    def __init__(self, seed: str) -> None:
        self._random = Random(seed)

    def agent(self) -> str:
        """With spaces and mixed case, as people write them."""
        words = [self._random.choice(_ADJECTIVES), self._random.choice(_NOUNS), self._token(4)]
        return " ".join(words)

    def room(self, prefix: str = "outbound") -> str:
        return f"{prefix}-{self._random.randrange(10**7, 10**8)}-{self._token(8)}"

    def call_id(self) -> str:
        return f"call-{self._token(12)}"

    def number(self) -> str:
        """A fictional phone number."""
        return f"+155555501{self._random.randrange(100):02}"

    def identity(self) -> str:
        return f"participant-{self._token(6)}"

    def _token(self, length: int) -> str:
        return "".join(self._random.choices("0123456789abcdef", k=length))
