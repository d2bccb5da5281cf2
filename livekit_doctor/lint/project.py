"""The files of a project: which are read, what of them, and where an import of one leads.

Bounded in time and memory: a file is read once, parsed only where its text speaks of LiveKit or of the log table, or
where another file imports it. What is passed over is told.
"""

import os
import re
from collections.abc import Iterable, Iterator
from functools import cached_property
from pathlib import Path

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.imports import PYTHON, SCRIPTS, Imports, imported_in, stem
from livekit_doctor.lint.reading import python, script
from livekit_doctor.lint.reading.python import Unreadable

LARGEST = 1024 * 1024
"""Bytes of a source file; larger ones are generated, or data."""
MOST_FILES = 20_000
LONGEST_LINE = 5_000
"""Characters; a script with a longer line is minified."""

DEPLOYMENT = (".yml", ".yaml", ".toml")
TEXTS = (".sh", ".bash", ".json", ".go", ".rb", ".java", ".kt", ".rs", ".php", ".cs", ".ex", ".exs", ".swift", ".dart",
         ".vue", ".svelte", ".http", ".tf", ".sql", ".ipynb")  # fmt: skip
"""Files in which a name may stand that is dispatched; they are not parsed, but searched for it."""

_PASSED_BY = frozenset(
    {"node_modules", "site-packages", "__pycache__", "venv", "env", "dist", "build", "target", "vendor", "coverage"}
    | {"bower_components", "out"}
)
_SPEAKS = lazy_re.compile(
    rb"livekit[./-]?(?:agents|api|server)|from livekit|import livekit|agent_?name|create_?room|defineagent"
)
_CALLS = (b"twirp", b"sip_participant", b"sipparticipant", b"rtc_session", b"create_dispatch", b"createdispatch",
          b"agent_dispatch", b"agentdispatch")  # fmt: skip
"""A page that shows a room in the browser speaks of LiveKit too, and of none of these; other makers have agents and
rooms."""
_TEST = lazy_re.compile(
    r"(^|/)(tests?|__tests__|spec|e2e|fixtures|mocks?|__mocks__)/"
    r"|(^|/)(test_[^/]*|conftest|[^/]*_test)\.py$"
    r"|\.(test|spec|stories)\.[a-z]+$"
    r"|\.d\.[mc]?ts$"
)


_PACKAGE = lazy_re.compile(r'"name"\s*:\s*"([^"]+)"')


class Skipped(Struct, frozen=True):
    """A file that was passed over, and why."""

    path: str
    why: str


class Source(Struct, eq=False, dict=True):
    """A file, and its tree once it is asked for. `data` is UTF-8, or what the file says of itself."""

    path: str
    data: bytes
    speaks: bool
    module: s.Module | None = None
    tried: bool = False

    @cached_property
    def text(self) -> str:
        """Raises UnicodeError, and LookupError where the file says an encoding that there is not."""
        return _decoded(self.data, self.path.endswith(PYTHON))


class Project:
    """All there is under some paths. `skipped` grows while files are parsed."""

    def __init__(self, paths: Iterable[Path], words: Iterable[str] = ()) -> None:
        """`words` are further texts that make a file worth parsing, such as the log table's name.

        Paths are shown as seen from the current folder.
        """
        self.skipped: list[Skipped] = []
        self.sources: dict[str, Source] = {}
        self.deployment: dict[str, str] = {}
        self.texts: dict[str, str] = {}
        self.tests = 0
        self._words = re.compile("|".join(map(re.escape, words)).encode() or rb"(?!)")
        self._packages: dict[str, str] = {}
        self.roots = [path.resolve() for path in paths]
        self._read_all()
        self.imports = Imports(self.sources, self._packages)

    def _read_all(self) -> None:
        number = 0
        here = os.getcwd()
        for root in self.roots:
            for file in _files(root):
                number += 1
                if number > MOST_FILES:
                    self.skipped.append(
                        Skipped(_shown(root, here), f"more than {MOST_FILES} files: the rest is not read")
                    )
                    return
                self._add(file, _shown(file, here), explicit=file == root)

    def _add(self, file: Path, path: str, *, explicit: bool) -> None:
        kind, suffix = file.name, file.suffix.lower()
        is_code = suffix in PYTHON or suffix in SCRIPTS
        is_deployment = (
            kind.startswith("Dockerfile") or kind.endswith(("Dockerfile", "Procfile")) or suffix in DEPLOYMENT
        )
        if not (is_code or is_deployment or suffix in TEXTS or kind in ("Makefile", "justfile")):
            return
        inside = next((str(file.relative_to(root)) for root in self.roots if file.is_relative_to(root)), path)
        if not explicit and _TEST.search(inside.replace(os.sep, "/")):
            self.tests += 1
            return
        data = self._data(file, path, is_code)
        if data is None:
            return
        if is_code:
            if data.startswith((b"\xff\xfe", b"\xfe\xff")):
                data = data.decode("utf-16", errors="replace").encode()
            self.sources[path] = Source(path, data, _speaks(data) or self._words.search(data) is not None)
            return
        text = data.decode("utf-8-sig", errors="replace")
        (self.deployment if is_deployment else self.texts)[path] = text
        if kind == "package.json" and (named := _PACKAGE.search(text)):
            self._packages.setdefault(named[1], os.path.dirname(path))

    def _data(self, file: Path, path: str, is_code: bool) -> bytes | None:
        try:
            if not file.is_file():
                return None
            size = file.stat().st_size
            if size <= LARGEST:
                return file.read_bytes()
        except OSError as error:
            self.skipped.append(Skipped(path, error.strerror or "cannot be read"))
            return None
        if is_code:
            self.skipped.append(Skipped(path, f"{size / 1024 / 1024:.1f} MB: too large for source"))
        return None

    def speaking(self) -> Iterator[Source]:
        """The files whose text speaks of LiveKit, or has one of the words."""
        return (source for source in self.sources.values() if source.speaks)

    def importing(self) -> Iterator[Source]:
        """The other files that import one of those."""
        stems = {stem(source.path) for source in self.speaking()}
        for source in self.sources.values():
            if not source.speaks and any(self._leads(source.path, name, stems) for name in imported_in(source.data)):
                yield source

    def _leads(self, path: str, name: str, stems: set[str]) -> bool:
        """Whether an import leads to a file that speaks."""
        bare = re.sub(r"\.[mc]?[jt]sx?$", "", name)
        if bare.rpartition("." if path.endswith(PYTHON) else "/")[2] not in stems:
            return False
        found = self.imports.of(path, name)
        return found is not None and self.sources[found].speaks

    def module(self, path: str) -> s.Module | None:
        """The tree of a file, None where it can't be parsed; which is told in `skipped`."""
        source = self.sources[path]
        if not source.tried:
            source.tried = True
            try:
                source.module = self._parsed(source)
            except Unreadable as error:
                self.skipped.append(Skipped(path, str(error)))
            except RecursionError:
                self.skipped.append(Skipped(path, "nested too deep"))
            except (UnicodeError, LookupError) as error:
                self.skipped.append(Skipped(path, f"its text can't be decoded ({type(error).__name__})"))
        return source.module

    def _parsed(self, source: Source) -> s.Module:
        if source.path.endswith(PYTHON):
            module = python.read(source.path, source.text)
        elif any(len(line) > LONGEST_LINE for line in source.text.splitlines()):
            raise Unreadable(f"minified: a line of more than {LONGEST_LINE} characters")
        else:
            module = script.read(source.path, source.text)
        module.talks_of_livekit = b"livekit" in source.data.lower()
        module.sends = any(word in source.data for word in (b"twirp", b"livekit.SIP"))
        module.sends |= bool(self._words.search(source.data))
        return module

    def imported(self, module: s.Module, name: str) -> str | None:
        """The file of this project that an import leads to, None where it is none."""
        return self.imports.of(module.path, name)


def _speaks(data: bytes) -> bool:
    """By a search of its bytes: most files of a project are never parsed."""
    lowered = data.lower()
    if b"livekit" in lowered and _SPEAKS.search(lowered):
        return True
    return any(word in lowered for word in _CALLS)


def _files(root: Path) -> Iterator[Path]:
    """In order of their names. Links to folders are not followed, so none leads in a circle."""
    if not root.is_dir():
        yield root
        return
    for folder, folders, names in os.walk(root):
        folders[:] = sorted(name for name in folders if name not in _PASSED_BY and not name.startswith("."))
        for name in sorted(names):
            yield Path(folder, name)


def _shown(file: Path, here: str) -> str:
    shown = os.path.relpath(file, here)
    return str(file) if shown.startswith(os.path.join("..", "..", "..")) else shown


def _decoded(data: bytes, is_python: bool) -> str:
    if is_python and not data.startswith(b"\xef\xbb\xbf"):
        head = b"\n".join(data.split(b"\n", 2)[:2])
        declared = re.search(rb"^[ \t\f]*#.*?coding[:=][ \t]*([-\w.]+)", head, re.MULTILINE)
        if declared:
            return data.decode(declared[1].decode("ascii"))
    return data.decode("utf-8-sig")
