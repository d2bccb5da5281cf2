"""Every call that the lab has kept, diagnosed again without a server."""

import gzip
from pathlib import Path

from livekit_doctor.cli.bundled import report_of
from livekit_doctor.render.json import trace as trace_json
from tests.bundles.keeping import FOLDER, LARGEST, Expected, kept
from tests.bundles.matrix import render
from tests.each import each

KEPT = kept()


@each("name", KEPT)
def test_leads_to_what_it_led_to_in_the_lab(name: str) -> None:
    file, expected = KEPT[name]
    assert Expected.of(trace_json.render(report_of(str(file), show_numbers=False))) == expected


@each("name", KEPT)
def test_is_fit_to_be_kept(name: str) -> None:
    """Small, and nothing in it of the machine that it was made on."""
    file, _ = KEPT[name]
    assert file.stat().st_size <= LARGEST
    text = gzip.decompress(file.read_bytes()).decode()
    for path in ("/home/", "/tmp/", "/root/", "/work/"):
        assert path not in text


def test_each_has_its_expectation() -> None:
    files = {file.name for file in FOLDER.glob("*.json*")}
    assert files == {name + end for name in KEPT for end in (".json.gz", ".expected.json")}
    assert {name[:10] for name in KEPT} >= {f"incident-{number}" for number in "1234"}


def test_the_documented_matrix_is_that_of_the_kept_bundles() -> None:
    page = Path(__file__).parents[2] / "docs" / "matrix.md"
    assert page.read_text() == render(), "python -m tests.bundles.matrix > docs/matrix.md"
