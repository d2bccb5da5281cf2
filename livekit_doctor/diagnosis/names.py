"""Near misses of names: what LiveKit takes for two names and a person reads as one.

LiveKit compares agent names exactly (design fact 8), and ids too.
"""

import json
import re
import unicodedata
from collections.abc import Iterable
from difflib import SequenceMatcher
from itertools import combinations

from livekit_doctor import lazy_re

_LOOK_ALIKES = str.maketrans(
    "0I1|"
    "АВЕЅІЈКМНОРСТУХԚԜӀҮ" "аеѕіјорсухһԁԛԝӏүкѵ"  # Cyrillic
    "ΑΒΕΖΗΙΚΜΝΟΡΤΥΧ" "αινορυκ"  # Greek
    "օսոհց"  # Armenian
    "ɡɑıɩǀ"
    "‐‒–—―−‘’ʼ′`“”″",
    "Olll"
    "ABESlJKMHOPCTYXQWlY" "aesijopcyxhdqwlykv"
    "ABEZHlKMNOPTYX" "aivopuk"
    "ounhg"
    "gaiil"
    "------'''''\"\"\"",
)  # fmt: skip
"""Characters that most fonts draw alike, each with the one that it is taken for."""

_SPACES = "a space"
_CASE = "upper and lower case"
_LOOKS = "a look-alike character"
_KINDS = (_SPACES, _CASE, _LOOKS)


_REQUESTED = lazy_re.compile(r'"agentName": ?"((?:[^"\\]|\\.)+)"')


def requested_agents(request: str) -> list[str]:
    """The agent names in a request to LiveKit's API, as livekit-server logs it: JSON, which may be cut or made up."""
    return [_unescaped(name) for name in _REQUESTED.findall(request)]


_DELETED = lazy_re.compile(r'"dispatchI[dD]": ?"([^"]+)"')


def deleted_dispatch(request: str) -> str:
    """The id of the dispatch in a request to delete one; empty where it has none."""
    found = _DELETED.search(request)
    return found[1] if found else ""


def _unescaped(name: str) -> str:
    try:
        return str(json.loads(f'"{name}"'))
    except ValueError:
        return name


def written_alike(a: str, b: str) -> str | None:
    """How two different names that a person takes for the same differ: in spaces, in upper and
    lower case, in look-alike characters. None for equal names, and for names that read apart.

    The words complete "b differs from a in ...".
    """
    if a == b:
        return None
    for count in range(1, len(_KINDS) + 1):
        for kinds in combinations(_KINDS, count):
            if _folded(a, kinds) == _folded(b, kinds):
                return " and ".join(_words(kind, a, b, kinds) for kind in kinds)
    return None


def near_miss(a: str, b: str) -> str | None:
    """What differs between a name and one that is probably meant for it, else None.

    Beyond `written_alike` that is another separator, or one or two wrong letters inside of a long
    word (SPELLING). Names that differ in digits, in a short or a whole word, or in how a word begins
    or ends (agent-1 and agent-2, agent-us and agent-uk, agent and agent-b, Hanna and Anna) are as
    probably two names, and no near miss.
    """
    alike = written_alike(a, b)
    if a == b or alike:
        return alike
    words_a, words_b = (re.findall(r"[^\W_]+", _folded(name, (_SPACES, _CASE))) for name in (a, b))
    if not words_a or not words_b:
        return None
    if "".join(words_a) == "".join(words_b):
        return "the characters between the words"
    if len(words_a) == len(words_b) and all(map(_same_word, words_a, words_b)):
        return f"{SPELLING} ({_edits(' '.join(words_a), ' '.join(words_b))})"
    return None


SPELLING = "spelling"

_STAMP = lazy_re.compile(r"(?<!\d)1\d{9}(?:\d{3})?(?!\d)")
"""A Unix time, in seconds or milliseconds."""


def near_room(a: str, b: str) -> str | None:
    """What differs between the name of a room and one that is probably meant for it, else None: beyond `near_miss`
    that is the moment of its making, which was taken twice, behind an id. Without an id it may be another call's."""
    (first, rest), (second, other) = ((_STAMP.findall(name), _STAMP.sub("", name)) for name in (a, b))
    if a == b or rest != other or not (len(first) == len(second) == 1 and re.search(r"\d", rest)):
        return near_miss(a, b)
    apart = abs(int(first[0]) - int(second[0])) / 10 ** (len(first[0]) - 10)
    return f"its time stamp, by {apart:g} s" if apart <= _STAMPED_WITHIN else None


_STAMPED_WITHIN = 10
"""Seconds between the two: what is further apart is as probably another call. Our own margin."""


def goes_on(a: str, b: str) -> str | None:
    """What one of two names has behind the whole other one, as a word of its own (-prod, -v2), else None: it may be
    the same agent's, or another's."""
    shorter, longer = sorted((a, b), key=len)
    rest = longer[len(shorter) :]
    words = longer.casefold().startswith(shorter.casefold()) and re.fullmatch(r"[\W_]\w[\w-]*", rest)
    return rest if words and any(map(str.isalnum, shorter)) else None


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The one of `names` that was most probably meant, None where none is like it."""

    def likeness(other: str) -> float:
        ratio = SequenceMatcher(None, name.casefold(), other.casefold(), autojunk=False).ratio()
        return 1 + ratio if near_miss(name, other) else ratio

    best = max(names, key=likeness, default=None)
    return best if best is not None and likeness(best) >= 0.75 else None


def _folded(name: str, kinds: Iterable[str]) -> str:
    if _SPACES in kinds:
        name = " ".join("".join(char for char in name if not _invisible(char)).split())
    if _LOOKS in kinds:
        name = unicodedata.normalize("NFKC", name).translate(_LOOK_ALIKES)
    if _CASE in kinds:
        name = name.casefold()
    return name


def _invisible(char: str) -> bool:
    return unicodedata.category(char) == "Cf" or "\ufe00" <= char <= "\ufe0f" or char in "\u034f\u3164"


def _words(kind: str, a: str, b: str, kinds: Iterable[str]) -> str:
    others = tuple(other for other in kinds if other != kind)
    if kind == _SPACES:
        return _spaces_in_words(_folded(a, others), _folded(b, others))
    if kind == _LOOKS:
        return _looks_in_words(_folded(a, others), _folded(b, others))
    return kind


def _spaces_in_words(a: str, b: str) -> str:
    for char in sorted({*a} ^ {*b}):
        if _invisible(char) or (char.isspace() and char != " "):
            return f"an invisible character or unusual space ({_described(char)})"
    if a.rstrip() == b.rstrip():
        return "a trailing space"
    if a.lstrip() == b.lstrip():
        return "a leading space"
    if a.strip() == b.strip():
        return "spaces around it"
    return "the number of spaces"


def _looks_in_words(a: str, b: str) -> str:
    if len(a) != len(b):
        return "the way an accented or combined character is encoded"
    pairs = list(dict.fromkeys((x, y) for x, y in zip(a, b, strict=True) if x != y))
    listed = ", ".join(f"{_described(y)} in place of {_described(x)}" for x, y in pairs[:3])
    return f"{_LOOKS}: {listed}"


def _described(char: str) -> str:
    if char.isascii() and char.isprintable():
        return f'"{char}"'
    return f"U+{ord(char):04X} {unicodedata.name(char, '')}".rstrip()


def _same_word(a: str, b: str) -> bool:
    if a == b:
        return True
    shorter = min(len(a), len(b))
    ends_alike = a[-1:] == b[-1:] or _is_cut(*sorted((a, b), key=len))
    if shorter < 5 or a[0] != b[0] or not ends_alike or re.sub(r"\d", "", a) == re.sub(r"\d", "", b):
        return False
    return _distance(a, b) <= (2 if shorter >= 8 else 1)


def _is_cut(a: str, b: str) -> bool:
    """Whether `a` is `b` without its last letter, and no plural or name of its own by that (Michael, Michaela)."""
    return len(a) >= 6 and a == b[:-1] and b[-1] not in "aeiouyhs"


def _distance(a: str, b: str) -> int:
    """Letters to insert, remove, replace or swap with the next one."""
    before: list[int] = []
    row = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        earlier, before, row = before, row, [i]
        for j, y in enumerate(b, 1):
            cost = min(before[j] + 1, row[j - 1] + 1, before[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, earlier[j - 2] + 1)
            row.append(cost)
    return row[-1]


def _edits(a: str, b: str) -> str:
    parts = []
    for tag, a1, a2, b1, b2 in SequenceMatcher(None, a, b, autojunk=False).get_opcodes():
        if tag == "replace":
            parts.append(f'"{b[b1:b2]}" in place of "{a[a1:a2]}"')
        elif tag == "insert":
            parts.append(f'an extra "{b[b1:b2]}"')
        elif tag == "delete":
            parts.append(f'a missing "{a[a1:a2]}"')
    return ", ".join(parts)


def few(names: Iterable[str]) -> str:
    """Names in one line, those beyond the first five as a count."""
    listed = list(names)
    more = f" and {len(listed) - 5} more" if len(listed) > 5 else ""
    return ", ".join(listed[:5]) + more if listed else "none"
