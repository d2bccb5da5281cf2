"""No module of the diagnosis needs, by any import, one that needs it."""

import ast
from collections.abc import Set
from graphlib import TopologicalSorter
from pathlib import Path

import livekit_doctor.diagnosis

_FOLDER = Path(livekit_doctor.diagnosis.__file__).parent
_PACKAGE = "livekit_doctor.diagnosis."


def test_no_import_circle() -> None:
    modules = {_name(file): file for file in _FOLDER.rglob("*.py")}
    needs = {name: _imports(file, modules.keys()) for name, file in modules.items()}
    assert needs[_PACKAGE + "call"]
    TopologicalSorter(needs).prepare()


def _name(file: Path) -> str:
    parts = file.relative_to(_FOLDER).with_suffix("").parts
    return _PACKAGE + ".".join(part for part in parts if part != "__init__")


def _imports(file: Path, modules: Set[str]) -> set[str]:
    """Those for type checkers only, too. A package from which a module is imported is not needed itself."""
    found = set[str]()
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.ImportFrom) and node.module:
            inside = {f"{node.module}.{alias.name}" for alias in node.names}
            found |= {one if one in modules else node.module for one in inside}
    return found & modules
