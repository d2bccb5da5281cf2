"""Text comes back from YAML as it was, and a comment is never anything else."""

import re
from typing import Any

import pytest
import yaml
from hypothesis import example, given
from hypothesis import strategies as st

from livekit_doctor.init.sheet import WIDTH, Sheet, scalar

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
NASTY = (
    *("", " ", "a ", " a", "yes", "No", "on", "null", "~", "y", "007", "0x1f", "1e3", "1_000", "12:30:45", ".5"),
    *("2026-02-03", "a: b", "a #b", "#a", "- a", "[a]", "{a: b}", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a"),
    *("'a'", '"a"', "a\\b", "<<", "=", "---", "...", "? a", "a,b", "\u2028", "\x85", "\ufeffa", "\U0001f600", "Ä ö"),
    *(
        "agent",
        "SW Telephony Agent",
        "call-*",
        "+15555550100",
        "wss://h:7880",
        "http://h:",
        "a\tb",
        "a\nb",
        "\x7f",
        "é",
    ),
)


def many(test: Any) -> Any:
    for text in NASTY:
        test = example(text)(test)
    return test


@many
@given(TEXT)
def test_a_value_comes_back(text: str) -> None:
    assert yaml.safe_load(f"key: {scalar(text)}\n") == {"key": text}


@many
@given(TEXT)
def test_a_key_comes_back(text: str) -> None:
    assert yaml.safe_load(f"{scalar(text)}: value\n") == {text: "value"}


@many
@given(TEXT)
def test_an_item_of_a_list_in_brackets_comes_back(text: str) -> None:
    assert yaml.safe_load(f"key: [{scalar(text)}, end]\n") == {"key": [text, "end"]}


@given(TEXT, TEXT, st.integers(0, 3))
def test_comments_are_only_comments(value: str, found: str, depth: int) -> None:
    sheet = Sheet()
    sheet.remark(found, depth)
    sheet.put("key", value, 0, found)
    sheet.put("further", found, 0, value, off=0)
    sheet.remark(found)
    assert yaml.safe_load(sheet.text) == {"key": value}


@given(TEXT, TEXT)
def test_what_is_off_works_once_its_mark_is_removed(value: str, found: str) -> None:
    sheet = Sheet()
    sheet.put("key", value, 0, found)
    sheet.open("section", 0, off=0)
    sheet.put("inside", value, 1, found, off=0)
    sheet.open("list", 1, off=0)
    sheet.put_item(value, 2, found, off=0)
    in_use = re.sub(r"^( *)#(?=\S|  )", r"\1", sheet.text, flags=re.MULTILINE)
    assert yaml.safe_load(in_use) == {"key": value, "section": {"inside": value, "list": [value]}}


@pytest.mark.parametrize(("text", "written"), [("Night Agent", "Night Agent"), ("yes", '"yes"'), ("007", '"007"')])
def test_quotes_only_where_they_are_needed(text: str, written: str) -> None:
    assert scalar(text) == written


def test_where_a_value_was_found_stands_behind_it_or_below() -> None:
    sheet = Sheet()
    sheet.put("a", "b", 1, "short")
    sheet.put("a", "b", 1, "so long that it does not fit behind the value " * 3)
    lines = sheet.text.splitlines()
    assert lines[0] == "  a: b  # short"
    assert lines[1] == "  a: b"
    assert lines[2].startswith("  # found: so long")
    assert all(len(line) <= WIDTH for line in lines)


def test_a_secret_is_no_comment() -> None:
    sheet = Sheet()
    sheet.put("a", "b", 0, "read with postgresql://me:hunter2hunter2@db/calls")
    assert "hunter2" not in sheet.text
