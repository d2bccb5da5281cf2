"""Near misses of names."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor.diagnosis import names
from livekit_doctor.diagnosis.names import few, near_miss, nearest, written_alike

SEEDS = range(20)


def agent_name(rng: random.Random) -> str:
    """Two words of letters that have a look-alike, such as "Sacop Xepca"."""
    return " ".join("".join(rng.choices("aceopx", k=6)).capitalize() for _ in range(2))


@pytest.mark.parametrize("seed", SEEDS)
def test_reads_alike_and_is_written_differently(seed: int) -> None:
    rng = random.Random(seed)
    name = agent_name(rng)
    place = rng.randrange(1, 6)
    cyrillic = dict(zip("aceopx", "асеорх", strict=True))[name[place]]
    for other, words in {
        name.upper(): "upper and lower case",
        name + " ": "a trailing space",
        " " + name: "a leading space",
        f" {name} ": "spaces around it",
        name.replace(" ", "  "): "the number of spaces",
        name.replace(" ", "\u00a0"): "an invisible character or unusual space (U+00A0 NO-BREAK SPACE)",
        name[:place] + "\u200b" + name[place:]: "an invisible character or unusual space (U+200B",
        name[:place] + cyrillic + name[place + 1 :]: f"a look-alike character: U+{ord(cyrillic):04X} CYRILLIC",
        name.lower() + " ": "a trailing space and upper and lower case",
    }.items():
        assert (written_alike(name, other) or "").startswith(words)
        assert near_miss(name, other) == written_alike(name, other)
        assert near_miss(other, name)


def test_look_alikes_within_ascii() -> None:
    assert written_alike("Agent O", "Agent 0") == 'a look-alike character: "0" in place of "O"'
    assert written_alike("Al desk", "AI desk") == 'a look-alike character: "I" in place of "l"'


def test_composed_and_decomposed_accents() -> None:
    assert written_alike("Zo\u00eb", "Zoe\u0308") == "the way an accented or combined character is encoded"


def test_each_look_alike_has_its_original() -> None:
    table = names._LOOK_ALIKES
    assert all(chr(original).isascii() for original in table.values())
    assert all(chr(original) in "\"'-" or chr(original).isalpha() for original in table.values())


@pytest.mark.parametrize(
    ("name", "other", "words"),
    [
        ("SW Telephony Agent", "SW Telefony Agent", 'spelling ("f" in place of "ph")'),
        ("intake-agent", "intake-agnet", "spelling ("),
        ("phone_is_ringing", "phone_is_ringin", "spelling ("),
        ("sw-telephony-agent", "SW Telephony_Agent", "the characters between the words"),
        ("frontdesk", "front-desk", "the characters between the words"),
    ],
)
def test_probably_meant(name: str, other: str, words: str) -> None:
    assert written_alike(name, other) is None
    assert (near_miss(name, other) or "").startswith(words)


@pytest.mark.parametrize(
    ("name", "other"),
    [
        ("agent-1", "agent-2"),
        ("agent", "agent2"),
        ("agent", "agent1"),
        ("agent10", "agent11"),
        ("call-1761756949631-0", "call-1761756949610-0"),
        ("agent-v1", "agent-v10"),
        ("agent-us", "agent-uk"),
        ("agent", "agent-b"),
        ("inbound agent", "outbound agent"),
        ("agent-dev", "agent"),
        ("Hanna", "Anna"),
        ("sales-maria", "sales-marie"),
        ("Michael", "Michaela"),
        ("Dana", "Diana"),
        ("Concierge", "Dispatcher"),
        ("", "agent"),
        ("same", "same"),
    ],
)
def test_two_names(name: str, other: str) -> None:
    assert near_miss(name, other) is None
    assert near_miss(other, name) is None


@given(st.text(), st.text())
def test_any_two_texts(a: str, b: str) -> None:
    assert near_miss(a, a) is None
    assert (near_miss(a, b) is None) == (near_miss(b, a) is None)
    assert nearest(a, [b]) in (None, b)


@pytest.mark.parametrize("seed", SEEDS)
def test_nearest_id(seed: int) -> None:
    rng = random.Random(seed)
    alphabet = "23456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"
    ids = ["ST_" + "".join(rng.choices(alphabet, k=12)) for _ in range(9)]
    meant = rng.choice(ids)
    place = rng.randrange(3, 15)
    mistyped = meant[:place] + rng.choice(alphabet) + meant[place + 1 :]
    assert nearest(mistyped, ids) == meant
    assert nearest("ST_" + "".join(rng.choices(alphabet, k=12)), ids) is None


def test_nearest_of_none() -> None:
    assert nearest("agent", []) is None


def test_few() -> None:
    assert few([]) == "none"
    assert few("ab") == "a, b"
    assert few("abcdefg") == "a, b, c, d, e and 2 more"
