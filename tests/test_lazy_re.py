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


def test_each_of_the_package_can_be_compiled() -> None:
    """In a process of its own, in which they are compiled where they stand."""
    program = (
        "import pkgutil, re, importlib, livekit_doctor\n"
        "from livekit_doctor import lazy_re\n"
        "compiled = []\n"
        "lazy_re.compile = lambda *how: compiled.append(re.compile(*how)) or compiled[-1]\n"
        "for module in pkgutil.walk_packages(livekit_doctor.__path__, 'livekit_doctor.'):\n"
        "    if not module.name.endswith('__main__'): importlib.import_module(module.name)\n"
        "print(len(compiled))"
    )
    ran = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert ran.returncode == 0, ran.stderr
    assert int(ran.stdout) > 300
