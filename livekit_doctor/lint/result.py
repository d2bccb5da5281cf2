"""What `lint` comes to."""

from msgspec import Struct

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.flow import Confidence
from livekit_doctor.lint.facts import Place, Unfollowed
from livekit_doctor.lint.project import Skipped


class Located(Struct, frozen=True):
    """A finding, and where in the source it is; `related` are further places that belong to it."""

    finding: Finding
    place: Place
    related: tuple[Place, ...] = ()


class Linted(Struct, frozen=True, kw_only=True):
    """`findings` are in the order of files and lines; `ignored` is how many a comment silenced.

    `explained` says of agents that the code dispatches that nothing here explains why one would be missing.
    """

    paths: tuple[str, ...]
    findings: tuple[Located, ...]
    files: int
    """Files that were read; `parsed` of them speak of LiveKit or are imported by such."""
    parsed: int
    ignored: int = 0
    tests: int = 0
    """Test files, which are not judged."""
    explained: tuple[str, ...] = ()
    unfollowed: tuple[Unfollowed, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    took: float = 0.0
    """Seconds."""


def located(
    code: str,
    confidence: Confidence,
    place: Place,
    text: str,
    *further: tuple[Place, str],
    candidates: tuple[str, ...] = (),
    **values: str,
) -> Located:
    """A finding at a place; `further` are other places, with what is to be seen there."""
    because = (
        Because(source=str(place), text=text),
        *(Because(source=str(where), text=told) for where, told in further),
    )
    finding = Finding(
        code=code,
        confidence=confidence,
        because=because,
        candidates=candidates,
        values={name: value for name, value in values.items() if value},
    )
    related = tuple(dict.fromkeys(where for where, _ in further if where != place))
    return Located(finding, place, related)


def is_fault(one: Located) -> bool:
    """Whether it breaks calls, and is more than possible."""
    is_error = catalogue.get(one.finding.code).severity == "error"
    return is_error and one.finding.confidence is not Confidence.POSSIBLE


def exit_status(linted: Linted, *, strict: bool) -> int:
    """As of `check`: 1 where something fails, 3 where nothing was read that could be judged."""
    if any(strict or is_fault(one) for one in linted.findings):
        return 1
    return 0 if linted.parsed or linted.findings else 3
