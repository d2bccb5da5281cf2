"""What someone may have meant who typed a name that is not there."""

from collections.abc import Iterable
from difflib import get_close_matches
from pathlib import Path

from livekit_doctor.evidence.call_logs.problems import LogsUnreadable, did_you_mean
from livekit_doctor.words import folded

_SHORTEST_PART = 3
_MAX_LENGTH = 200


def nearest_names(wanted: str, names: Iterable[str], limit: int = 3) -> tuple[str, ...]:
    """The names that are likely to be meant, likeliest first.

    The same but for case and separators; then those that contain it or are contained in it;
    then similar ones.
    """
    by_fold: dict[str, list[str]] = {}
    for name in dict.fromkeys(names):
        by_fold.setdefault(folded(name)[:_MAX_LENGTH], []).append(name)
    target = folded(wanted)[:_MAX_LENGTH]
    similar = get_close_matches(target, by_fold, n=limit, cutoff=0.65) if target else []
    ranked = [fold for fold in by_fold if fold == target]
    ranked += sorted(
        (fold for fold in by_fold if _part_of(fold, target)), key=lambda fold: abs(len(fold) - len(target))
    )
    ranked += similar
    found = [name for fold in dict.fromkeys(ranked) for name in by_fold[fold] if name != wanted]
    return tuple(found[:limit])


def _part_of(one: str, other: str) -> bool:
    shorter, longer = sorted((one, other), key=len)
    return len(shorter) >= _SHORTEST_PART and shorter in longer


def missing(name: str) -> LogsUnreadable:
    """What is wrong with a name that no file has."""
    if Path(name).expanduser().is_dir():
        return LogsUnreadable("file_missing", f'{name} is a folder: give its files, such as "{name.rstrip("/")}/*.csv"')
    folder = Path(name).expanduser().parent
    try:
        near = nearest_names(Path(name).name, (entry.name for entry in folder.iterdir()))
    except (OSError, ValueError):
        near = ()
    where = f"there is no file {name}" if folder.is_dir() else f"there is no folder {folder}"
    meant = str(folder / near[0]) if near else ""
    return LogsUnreadable("file_missing", f"{where}{did_you_mean(near)}", nearest=", ".join(near), other_name=meant)
