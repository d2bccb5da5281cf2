"""A bounded run of what `make fuzz` does for minutes: what has once failed, what it begins with, and some of it cut and
mixed by chance."""

from random import Random

import pytest

from tests.each import each
from tests.fuzz.targets import FINDINGS, TARGETS, seeds
from tests.thorough import examples


@each("target", TARGETS)
def test_what_has_once_failed(target: str) -> None:
    for path in sorted((FINDINGS / target).glob("*")):
        TARGETS[target](path.read_bytes())


@pytest.mark.parametrize("target", TARGETS)
def test_some_of_what_there_could_be(target: str) -> None:
    chance = Random()
    known = [seed[:4096] for seed in seeds(target)]
    for _ in range(examples(20, thorough=2000)):
        data = _mixed(chance, chance.choice(known), chance.choice(known))
        try:
            TARGETS[target](data)
        except Exception as error:
            pytest.fail(f"write this to {FINDINGS / target}: {data!r}\n{type(error).__name__}: {error}")


def _mixed(chance: Random, one: bytes, other: bytes) -> bytes:
    data = bytearray(one)
    for _ in range(chance.randint(1, 6)):
        place = chance.randint(0, len(data))
        match chance.randrange(4):
            case 0:
                data[place : place + chance.randint(0, 40)] = b""
            case 1:
                data[place:place] = chance.choice(_PIECES) * chance.choice((1, 1, 1, 200))
            case 2:
                start = chance.randint(0, len(other))
                data[place:place] = other[start : start + chance.randint(0, 200)]
            case 3 if data:
                data[place % len(data)] = chance.randrange(256)
    return bytes(data)


_PIECES = (
    *(
        b"\x1b[31m",
        "\u202e".encode(),
        b"\0",
        b"\xff",
        b"</script>",
        b"]]>",
        b"=cmd()",
        b"::error ::x",
        b"\n",
        b"'",
        b'"',
    ),
    *(b"{", b"[", b"&a [*a,*a]", b"*a", b"0001-01-01T00:00:00Z", b"9999-12-31T23:59:59Z", b"1e999", b"-1", b"\x7f"),
)
