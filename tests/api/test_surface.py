"""What the package offers: by which names, how dear, typed how."""

import importlib
import inspect
import pkgutil
import shutil
import subprocess
import sys
import typing
import zipfile
from enum import Enum
from pathlib import Path

import pytest

import livekit_doctor
from livekit_doctor import api, settings
from livekit_doctor.evidence import observations

ROOT = Path(__file__).parents[2]
PUBLIC_MODULES = (settings, observations)
"""Modules that docs/api.md documents as a whole."""


def test_every_name_is_there_and_the_same_wherever_it_is_imported() -> None:
    offered = [name for name in livekit_doctor.__all__ if not name.startswith("__")]
    assert offered == api.__all__
    for name in offered:
        assert getattr(livekit_doctor, name) is getattr(api, name)
    assert set(livekit_doctor.__all__) <= set(dir(livekit_doctor))
    with pytest.raises(AttributeError, match="no attribute 'chekc'"):
        livekit_doctor.chekc  # noqa: B018


def test_no_submodule_has_a_public_name() -> None:
    """Importing it would put the module in the place of the function."""
    modules = {module.name for module in pkgutil.iter_modules(livekit_doctor.__path__)}
    assert not modules & set(livekit_doctor.__all__)
    importlib.import_module("livekit_doctor.operations.check")
    importlib.import_module("livekit_doctor.cli.app")
    assert inspect.iscoroutinefunction(livekit_doctor.check)
    assert inspect.iscoroutinefunction(livekit_doctor.trace)


@pytest.mark.parametrize("statement", ["import livekit_doctor", "from livekit_doctor import __version__"])
def test_importing_the_package_loads_nothing(statement: str) -> None:
    code = f"{statement}; import sys; print([name for name in sys.modules if name.startswith('livekit_doctor')])"
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ran.stdout.strip() == "['livekit_doctor']"


def test_nothing_private_is_in_a_signature() -> None:
    """Every type of the tool's own in a signature or field of the API has a public name, and so have theirs."""
    public = {getattr(livekit_doctor, name) for name in livekit_doctor.__all__}
    seen: set[object] = set()
    queue = list(public)
    while queue:
        thing = queue.pop()
        if thing in seen or not callable(thing):
            continue
        seen.add(thing)
        for found in _own_types(thing):
            assert found in public or _of_public_module(found), f"{thing!r} shows {found!r}"
            queue.append(found)
    assert {livekit_doctor.Step, observations.SipCallResult, settings.Allowance} <= seen


def _own_types(thing: object) -> set[type]:
    hints: list[object] = list(typing.get_type_hints(thing).values())
    if isinstance(thing, type) and not issubclass(thing, Enum | Exception):
        for name, member in inspect.getmembers(thing):
            function = member.fget if isinstance(member, property) else member
            if not name.startswith("_") and inspect.isfunction(function):
                hints.extend(typing.get_type_hints(function).values())
    return {found for hint in hints for found in _classes(hint)}


def _classes(hint: object) -> set[type]:
    if isinstance(hint, type) and hint.__module__.startswith("livekit_doctor"):
        return {hint}
    return {found for part in typing.get_args(hint) for found in _classes(part)}


def _of_public_module(found: type) -> bool:
    return any(getattr(module, found.__name__, None) is found for module in PUBLIC_MODULES) and found.__name__[0] != "_"


def test_everything_says_what_it_is_for() -> None:
    for name in livekit_doctor.__all__:
        thing = getattr(livekit_doctor, name)
        if inspect.isfunction(thing) or inspect.isclass(thing):
            assert inspect.getdoc(thing), name


def test_docs_name_all_of_it() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert [name for name in api.__all__ if f"`{name}" not in page] == []


def test_types_hold_outside(tmp_path: Path) -> None:
    """As a package of somebody else's: in another folder, without this project's configuration."""
    files = [ROOT / "tests" / "api" / "outside.py", ROOT / "examples" / "predeploy.py"]
    copies = [shutil.copy(file, tmp_path) for file in files]
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--config-file=", f"--cache-dir={tmp_path / 'cache'}", *copies],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr


def test_the_wheel_says_that_it_is_typed(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(tmp_path), str(ROOT)]
    subprocess.run(command, check=True, capture_output=True)
    (wheel,) = tmp_path.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    assert {"livekit_doctor/py.typed", "livekit_doctor/api.py", "livekit_doctor/cli/shells/fish"} <= set(names)
    assert not [name for name in names if name.startswith(("tests/", "examples/"))]
