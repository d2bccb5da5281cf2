"""Which checks are run: those that are named by category or id."""

from collections.abc import Iterable

from livekit_doctor.checks import CATEGORIES, CHECK_IDS, CHECKS
from livekit_doctor.checks.check import Check
from livekit_doctor.config.issues import nearest
from livekit_doctor.errors import UserError


def select(only: Iterable[str] = (), skip: Iterable[str] = ()) -> tuple[Check, ...]:
    """All checks, or those of `only`, without those of `skip`; in their order.

    Raises UserError for a name that is neither a category nor an id, and where none is left.
    """
    only, skip = tuple(only), tuple(skip)
    known = (*CATEGORIES, *CHECK_IDS)
    for name in (*only, *skip):
        if name not in known:
            meant = nearest(name, known)
            hint = f'; did you mean "{meant}"?' if meant else ""
            fix = (
                f"one of the categories {', '.join(CATEGORIES)},\nor one of the checks that livekit-doctor check lists"
            )
            raise UserError("LKD001", f'no check or category "{name}"{hint}', fix)

    def named(item: Check, names: tuple[str, ...]) -> bool:
        return item.id in names or item.category in names

    chosen = tuple(item for item in CHECKS if (not only or named(item, only)) and not named(item, skip))
    if not chosen:
        raise UserError("LKD001", "--only and --skip leave no check to run", "livekit-doctor check --help")
    return chosen
