"""Where an import leads: to which of the project's files.

Found by the files' paths alone. An import that is not relative may mean several files in a monorepo: then the one that
is nearest to the file that imports it, and none where two are as near.
"""

import os
import re
from collections.abc import Iterator, Mapping
from itertools import takewhile

from livekit_doctor import lazy_re

PYTHON = (".py",)
SCRIPTS = (".ts", ".tsx", ".mts", ".cts", ".js", ".jsx", ".mjs", ".cjs")
_ALIASES = ("@/", "~/", "src/", "$lib/", "#")
_IMPORTED = lazy_re.compile(
    rb"""(?:\bfrom|\bimport|\brequire\()\s*\(?\s*["']?([\w@~$#./-]+)(?:\s+import\s+(?:\(([\w\s,]+)|([\w ,]+)))?"""
)


def imported_in(data: bytes) -> Iterator[str]:
    """What a file imports, as it is written there; rather one too many."""
    for found in _IMPORTED.finditer(data):
        module = found[1].decode()
        yield module
        for name in re.findall(r"(\w+)(?:\s+as\s+\w+)?", (found[2] or found[3] or b"").decode()):
            yield f"{module}{name}" if module.endswith(".") else f"{module}.{name}"


def stem(path: str) -> str:
    """The name by which a file is imported: that of its folder for an index."""
    folder, name = os.path.split(os.path.splitext(path)[0])
    return os.path.basename(folder) if name in ("index", "__init__") else name


def upwards(folder: str) -> Iterator[str]:
    """A folder and each above it: to the root, or to the empty path where a relative one begins."""
    above = os.path.dirname(folder)
    yield folder
    while above != folder:
        yield above
        folder, above = above, os.path.dirname(above)


class Imports:
    """`files` are the paths of all source, `packages` the folders of the project's own packages for Node."""

    def __init__(self, files: Mapping[str, object], packages: Mapping[str, str]) -> None:
        self._files, self._packages = files, packages
        self._by_stem: dict[str, list[str]] = {}
        for path in files:
            self._by_stem.setdefault(stem(path), []).append(path)
        self._known: dict[tuple[str, str], str | None] = {}

    def of(self, path: str, name: str) -> str | None:
        """The file that `name` leads to in the file `path`, None where it is none of the project's."""
        key = (os.path.dirname(path), name + (".py" if path.endswith(PYTHON) else ""))
        if key not in self._known:
            self._known[key] = (self._python if path.endswith(PYTHON) else self._script)(key[0], name)
        return self._known[key]

    def _python(self, folder: str, name: str) -> str | None:
        parts = name.strip(".").split(".")
        if name.startswith("."):
            for _ in range(len(name) - len(name.lstrip(".")) - 1):
                folder = os.path.dirname(folder)
            return self._python_file(folder, parts)
        if parts[-1] not in self._by_stem:
            return None
        found = next(filter(None, (self._python_file(one, parts) for one in upwards(folder))), None)
        return found or self._nearest(folder, os.path.join(*parts), PYTHON)

    def _python_file(self, folder: str, parts: list[str]) -> str | None:
        base = os.path.normpath(os.path.join(folder, *parts))
        return next((path for path in (f"{base}.py", os.path.join(base, "__init__.py")) if path in self._files), None)

    def _script(self, folder: str, name: str) -> str | None:
        if name.startswith("."):
            return self._script_file(os.path.normpath(os.path.join(folder, name)))
        if name.startswith(_ALIASES):
            ending = re.sub(r"\.[mc]?[jt]s$", "", name.partition("/")[2] or name.lstrip("#"))
            return self._nearest(folder, ending, SCRIPTS)
        package = "/".join(name.split("/")[: 2 if name.startswith("@") else 1])
        if package not in self._packages:
            return None
        below = name[len(package) + 1 :]
        for base in (os.path.join("src", below), below):
            found = self._script_file(os.path.normpath(os.path.join(self._packages[package], base)))
            if found is not None:
                return found
        return None

    def _script_file(self, base: str) -> str | None:
        if base in self._files:
            return base
        bare = re.sub(r"\.[mc]?js$", "", base)
        of_base = (some + suffix for some in (bare, os.path.join(bare, "index")) for suffix in SCRIPTS)
        return next((path for path in of_base if path in self._files), None)

    def _nearest(self, folder: str, ending: str, suffixes: tuple[str, ...]) -> str | None:
        """The file whose path ends so, and has the most folders with the importing file in common."""
        near: list[tuple[int, str]] = []
        for path in self._by_stem.get(os.path.basename(ending), ()):
            bare = re.sub(r"/(?:index|__init__)$", "", os.path.splitext(path)[0])
            if path.endswith(suffixes) and (bare == ending or bare.endswith(f"/{ending}")):
                near.append((_shared(folder, path), path))
        most = max((count for count, _ in near), default=0)
        best = [path for count, path in near if count == most]
        return best[0] if len(best) == 1 else None


def _shared(one: str, other: str) -> int:
    """How many folders two paths have in common."""
    pairs = zip(one.split("/"), other.split("/"), strict=False)
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1], pairs))
