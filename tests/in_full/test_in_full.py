"""What is said of the chosen calls is what was said, to the last word: `python -m tests.in_full --write`.

Those of other tests are compared where these run: tests/in_full/comparing.py.
"""

import pytest

from tests.in_full import kept

OTHERS = sorted(name for name in kept.kept() if name.startswith(kept.OF_NO_TEST))
PARTS = 25


@pytest.mark.parametrize("part", range(PARTS))
def test_of_the_simulator_and_the_lab(part: int) -> None:
    assert [line for name in OTHERS[part::PARTS] for line in kept.differences(name, kept.anew(name))] == []


def test_every_other_is_of_a_test(request: pytest.FixtureRequest) -> None:
    """A test that was renamed or taken away leaves nothing behind."""
    root, sources = request.config.rootpath, dict[str, str]()
    for test in kept.of_tests():
        file, _, name = test.partition("::")
        source = sources.setdefault(file, (root / file).read_text())
        assert f"def {name.partition('[')[0]}(" in source, test
