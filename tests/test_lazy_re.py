"""Regular expressions that are compiled when they are first used."""

import re
import subprocess
import sys

import pytest

from livekit_doctor import lazy_re


def test_it_is_what_re_makes_of_it() -> None:
    lazy, real = lazy_re.compile(r"(?P<word>B)(c)?", re.IGNORECASE), re.compile(r"(?P<word>B)(c)?", re.IGNORECASE)
    assert lazy.sub("-", "abcb") == real.sub("-", "abcb") == "a--"
    assert (lazy.flags, lazy.groups, lazy.pattern) == (real.flags, real.groups, real.pattern)
    assert lazy_re.compile(rb"\d").findall(b"a1b2") == [b"1", b"2"]
    with pytest.raises(AttributeError):
        lazy.nothing  # type: ignore[attr-defined]  # noqa: B018


def test_a_wrong_one_says_so_when_it_is_used() -> None:
    with pytest.raises(re.error, match="unterminated"):
        lazy_re.compile("(").search("")


IMPORTED = """
import importlib, pkgutil, re, sys
import livekit_doctor
from livekit_doctor import lazy_re
{prepared}
for module in pkgutil.walk_packages(livekit_doctor.__path__, "livekit_doctor."):
    if not module.name.endswith("__main__"):
        importlib.import_module(module.name)
print(*found, sep="\\n")
"""


def imported(prepared: str) -> list[str]:
    """What is `found` in a process that imports each module of the package."""
    program = IMPORTED.format(prepared=prepared)
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    return ran.stdout.split("\n")[:-1]


def test_each_of_the_package_can_be_compiled() -> None:
    prepared = "found, lazy_re.compile = [], lambda *how: found.append(re.compile(*how).groups) or re.compile(*how)"
    assert len(imported(prepared)) > 300


def test_no_module_of_the_package_compiles_one_when_it_is_imported() -> None:
    """At its top stands lazy_re.compile: see how long `trace` takes to start."""
    prepared = (
        "found, compiled = [], re.compile\n"
        "def compile(*how):\n"
        "    if (name := sys._getframe(1).f_globals['__name__']).startswith('livekit_doctor.'): found.append(name)\n"
        "    return compiled(*how)\n"
        "re.compile = compile"
    )
    assert {*imported(prepared)} <= {"", "livekit_doctor.lazy_re"}
