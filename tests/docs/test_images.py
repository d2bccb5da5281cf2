"""The pictures of README.md and docs/: they are there, show the tool as it is, and name no place but the lab."""

import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator
from pathlib import Path

import pytest
from rich.text import Text

from livekit_doctor import catalogue
from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.flow import SPEC
from livekit_doctor.render.commands import LK
from tests.cli.command_line import run_in_terminal
from tests.lab.screenshots import BUNDLE, COLUMNS, CUT, IMAGES

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]
PICTURES = sorted(IMAGES.iterdir())
DRAWINGS = [path for path in PICTURES if path.suffix == ".svg"]
PHOTOGRAPHS = [path for path in PICTURES if path.suffix == ".png"]
AGAIN = "take the pictures anew: python -m tests.lab.screenshots"

SVG = "{http://www.w3.org/2000/svg}"
TAGS = {"svg", "title", "desc", "style", "defs", "clipPath", "rect", "circle", "g", "text"}
HARMLESS_CHUNKS = {b"IHDR", b"sRGB", b"pHYs", b"IDAT", b"IEND"}


def named(path: Path) -> str:
    return path.name


def images_of(page: Path) -> Iterator[tuple[str, str | None]]:
    """Path and alternative text of each image; a <source> has none of its own."""
    text = page.read_text(encoding="utf-8")
    for alt, path in re.findall(r"!\[([^\]]*)\]\(([^)#]+)(?:#[^)]*)?\)", text):
        yield path, alt
    for tag in re.findall(r"<(?:img|source)\b[^>]*>", text):
        values = dict(re.findall(r'([a-z]+)="([^"]*)"', tag))
        yield values.get("src") or values["srcset"], values.get("alt", "") if "src" in values else None


def output_of(drawing: Path) -> list[str]:
    """The lines that it says it shows, for those who can't see it."""
    return (ET.parse(drawing).getroot().findtext(f"{SVG}desc") or "").splitlines()


# As files


def test_pages_and_pictures_name_each_other() -> None:
    shown = {(page.parent / path).resolve() for page in PAGES for path, _ in images_of(page)}
    assert shown == set(PICTURES)


@pytest.mark.parametrize("page", [page for page in PAGES if [*images_of(page)]], ids=named)
def test_each_image_is_told_in_words_too(page: Path) -> None:
    assert [path for path, alt in images_of(page) if alt is not None and len(alt) < 25] == []


@pytest.mark.parametrize("photograph", PHOTOGRAPHS, ids=named)
def test_a_photograph_is_small_and_has_pixels_alone(photograph: Path) -> None:
    content = photograph.read_bytes()
    assert len(content) < 250_000
    at, chunks = 8, set()
    while at < len(content):
        length = int.from_bytes(content[at : at + 4], "big")
        chunks.add(content[at + 4 : at + 8])
        at += length + 12
    assert chunks <= HARMLESS_CHUNKS


@pytest.mark.parametrize("drawing", DRAWINGS, ids=named)
def test_a_drawing_runs_nothing_and_loads_nothing(drawing: Path) -> None:
    for element in ET.parse(drawing).iter():
        assert element.tag.removeprefix(SVG) in TAGS
        for name, value in element.attrib.items():
            assert not re.search(r"href|^on", name)
            assert not re.sub(r"url\(#[\w-]+\)", "", value).count("url(")
    style = ET.parse(drawing).getroot().findtext(f"{SVG}style") or ""
    assert not re.search(r"url|@|//", style)


@pytest.mark.parametrize("drawing", DRAWINGS, ids=named)
def test_a_drawing_names_no_place_but_the_lab(drawing: Path) -> None:
    text = "\n".join(output_of(drawing)).replace(LK, "")
    assert set(re.findall(r"\w+://([^\s:/]+)", text)) <= {"127.0.0.1"}
    paths = re.findall(r"(?<![\w.:/])/[\w./-]*", re.sub(r"\w+://\S+", "", text))
    assert set(paths) <= {"/metrics", "/healthz", "/livez"}


# What they show


@pytest.mark.parametrize("drawing", DRAWINGS, ids=named)
def test_a_drawing_shows_what_it_says_and_no_two_texts_in_one_place(drawing: Path) -> None:
    rows: dict[float, str] = {}
    for text in ET.parse(drawing).iter(f"{SVG}text"):
        written, row = (text.text or "").replace("\xa0", " "), float(text.attrib["y"])
        width = float(text.attrib["textLength"]) / len(written)
        if not written.strip():  # Rich draws the ends of lines, too
            continue
        column = round(float(text.attrib["x"]) / width)
        before = rows.get(row, "")
        assert column >= len(before)
        rows[row] = before.ljust(column) + written
    drawn = [rows[row].rstrip() for row in sorted(rows)]
    assert drawn == [line.rstrip() for line in output_of(drawing) if line.strip()]
    assert max(map(len, drawn)) <= COLUMNS


@pytest.mark.parametrize("drawing", DRAWINGS, ids=named)
def test_codes_and_steps_are_those_of_the_tool(drawing: Path) -> None:
    text = "\n".join(output_of(drawing))
    assert text.startswith("$ livekit-doctor ")
    for code, name, title in re.findall(r"(LKD\d+) ([a-z-]+) {3}\w+\n +(.+)", text):
        assert (catalogue.get(code).name, catalogue.get(code).title) == (name, title)
    assert set(re.findall(r"LKD\d+", text)) <= set(catalogue.codes())
    assert set(re.findall(r"Broke at: (.+?) {3}", text)) <= {spec.title for spec in SPEC.values()}


@pytest.mark.parametrize("name", ["check.svg", "watch.svg"])
def test_a_table_has_every_check(name: str) -> None:
    rows = re.findall(
        r"^ *(?:ok|XX|!!|--|EE)  ([a-z_]+\.[a-z_]+) ++(?!LKD\d+ [a-z])", "\n".join(output_of(IMAGES / name)), re.M
    )
    assert tuple(rows) == CHECK_IDS, AGAIN


def test_the_trace_is_what_the_tool_prints_now(tmp_path: Path) -> None:
    """By the bundle of the very call. Numbers count not: the two looks at it were some seconds apart."""
    _, *lines, cut = output_of(IMAGES / "trace.svg")
    assert cut.startswith(CUT)
    status, seen = run_in_terminal("trace", "--bundle", str(BUNDLE), cwd=tmp_path, env={"COLUMNS": str(COLUMNS)})
    assert status == 1
    assert apart_from_numbers("\n".join(lines)) in apart_from_numbers(Text.from_ansi(seen).plain), AGAIN


def apart_from_numbers(text: str) -> str:
    return " ".join(re.sub(r"\b\d+(?:\.\d+)?\b", "0", text).split())
