"""The timeline's filter, by keyboard, and with as many entries as a busy incident has."""

from datetime import timedelta

import pytest
from msgspec.structs import replace
from playwright.sync_api import Page, expect

from livekit_doctor.diagnosis.result import TimelineEntry
from livekit_doctor.render import html
from tests.render.html.opened import Opener
from tests.render.html.test_pages import bundled
from tests.render.reports import broken, trace_report

pytestmark = pytest.mark.xdist_group("browser")

MANY = 5_000


def shown(page: Page) -> int:
    return page.locator("#entries > li:not([hidden])").count()


def test_by_text_by_source_and_by_evidence(opened: Opener) -> None:
    page = opened(html.render(bundled("entrypoint_raises-logs")))
    expect(page.locator("#count")).to_have_text("16 entries")
    page.get_by_label("Text").focus()
    page.keyboard.type("JOB worker")
    expect(page.locator("#count")).to_have_text("7 of 16 entries")
    assert shown(page) == 7
    page.keyboard.press("Control+a")
    page.keyboard.press("Delete")
    expect(page.locator("#count")).to_have_text("16 entries")
    page.keyboard.press("Tab")
    page.keyboard.press("Space")
    expect(page.get_by_role("checkbox", name="server log")).not_to_be_checked()
    expect(page.locator("#count")).to_have_text("10 of 16 entries")
    expect(page.locator("#entries > li:not([hidden]) .source", has_text="server log")).to_have_count(0)
    only = page.get_by_role("checkbox", name="only evidence of the break")
    only.focus()
    page.keyboard.press("Space")
    expect(page.locator("#count")).to_have_text("1 of 16 entries")
    expect(page.locator("#entries > li:not([hidden])")).to_contain_text("unhandled exception")


def test_nothing_found_is_said(opened: Opener) -> None:
    page = opened(html.render(trace_report(broken())))
    page.get_by_label("Text").fill("no such thing")
    expect(page.locator("#count")).to_have_text("0 of 4 entries")


def test_five_thousand_entries_stay_usable(opened: Opener) -> None:
    """They scroll by themselves, by keyboard too, and a key typed into the filter is answered at once."""
    start = broken().timeline[0].at
    entries = tuple(
        TimelineEntry(
            at=start + timedelta(milliseconds=37 * number),
            source=f"source {number % 20}",
            event=f"event {number}",
            detail="participant callee, status 200 " * 3,
        )
        for number in range(MANY)
    )
    text = html.render(trace_report(replace(broken(), timeline=entries)))
    assert len(text) < 4_000_000
    page = opened(text)
    expect(page.locator("#count")).to_have_text("5,000 entries")
    assert page.locator("#filter [name=source]").count() == 12
    assert page.locator("#entries").evaluate("one => one.scrollHeight > 10 * one.clientHeight")
    assert page.evaluate("document.documentElement.scrollHeight") < 12_000
    took = page.evaluate(
        """() => new Promise((done) => { const find = document.getElementById("find"), began = performance.now();
        find.value = "event 4321"; find.dispatchEvent(new Event("input", { bubbles: true }));
        requestAnimationFrame(() => requestAnimationFrame(() => done(performance.now() - began))); })"""
    )
    assert took < 1_500, "milliseconds"
    expect(page.locator("#count")).to_have_text("1 of 5,000 entries")
    assert shown(page) == 1
    page.get_by_label("Text").fill("")
    expect(page.locator("#count")).to_have_text("5,000 entries")
    page.locator("#entries").focus()
    page.keyboard.press("End")
    expect(page.locator("#entries > li").last).to_be_in_viewport()
    page.get_by_role("checkbox", name="9 other sources").uncheck()
    expect(page.locator("#count")).to_have_text("2,750 of 5,000 entries")
