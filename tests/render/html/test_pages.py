"""Every report as a page in a browser: what it says, in both themes, for everybody, on any screen and on paper."""

from pathlib import Path
from typing import Any

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Page, expect

from livekit_doctor import catalogue
from livekit_doctor.catalogue.lookup import look_up
from livekit_doctor.cli.bundled import report_of
from livekit_doctor.redact import printable
from livekit_doctor.render import html
from livekit_doctor.render.formats import Format
from livekit_doctor.render.report import ExplainReport, Report, TraceReport
from tests.each import each
from tests.render.every_report import HOSTILE, every_report, hostile_reports
from tests.render.html.opened import NARROW, WIDE, Opener
from tests.render.reports import CALLEE, trace_report, unknown

pytestmark = pytest.mark.xdist_group("browser")

FORM: Format = html.render
BUNDLES = Path(__file__).parents[2] / "bundles"
INCIDENTS = (
    "incident-1-live",
    "incident-3-live",
    "incident-4-live",
    "entrypoint_raises-logs",
    "no_worker_and_no_response-logs",
    "inbound_rule_without_agent-api",
    "dialing_then_gone-api",
)
"""Kept from real runs: both legs, an inbound call, a traceback, nothing decided, all well."""


def bundled(name: str) -> TraceReport:
    return report_of(str(BUNDLES / f"{name}.json.gz"), show_numbers=False)


REPORTS: dict[str, Report] = {
    **every_report(),
    **{name: bundled(name) for name in INCIDENTS},
    **{f"hostile {name}": report for name, report in hostile_reports().items()},
}


CONTRAST = "color-contrast"

NEW_LOOKS = """(known) => {
    const seen = new Set(known), chains = new Map();
    const chain = (one) => {
        if (!one) return "";
        if (!chains.has(one)) {
            const style = getComputedStyle(one);
            const drawn = [style.color, style.backgroundColor, style.backgroundImage, style.opacity, style.filter,
                style.mixBlendMode, style.textShadow, style.visibility, style.position];
            chains.set(one, chain(one.parentElement) + " > " + drawn.join(" "));
        }
        return chains.get(one);
    };
    window.looks = [];
    return [...document.body.querySelectorAll("*")].flatMap((one) => {
        if (![...one.childNodes].some((child) => child.nodeType === Node.TEXT_NODE && child.data.trim())) return [];
        const style = getComputedStyle(one);
        const look = [one.localName, style.fontSize, style.fontWeight, chain(one)].join(" ");
        if (seen.has(look)) return [];
        seen.add(look);
        window.looks.push(one);
        return [look];
    });
}"""
"""The looks of texts that are not known yet: all that decides whether a text stands out, of it and of what it is in."""


def violations(page: Page, within: str = "document", **options: Any) -> list[tuple[str, Any]]:
    """What axe finds, by all of its rules unless they are named."""
    if page.evaluate("typeof axe === 'undefined'"):  # half a megabyte, once a document
        page.evaluate(Axe().axe_script)
    run = f"""(options) => axe.run({within}, options).then((found) =>
        found.violations.map((one) => [one.id, one.nodes.map((node) => node.html.slice(0, 200))]))"""
    found = page.evaluate(run, {"resultTypes": ["violations"], **options})
    return [(rule, nodes) for rule, nodes in found]


def bad_contrasts(page: Page, known: set[str]) -> list[tuple[str, Any]]:
    """What axe says of the texts whose look is not known yet. It takes longer for them than for all of its other rules
    together, and on each page nearly all texts look as on the pages before."""
    if not (new := page.evaluate(NEW_LOOKS, list(known))):
        return []
    known.update(new)
    return violations(page, "{include: window.looks}", runOnly=[CONTRAST])


def unfolded(page: Page) -> None:
    page.evaluate("for (const one of document.querySelectorAll('details')) one.open = true")


@pytest.fixture
def page(opened: Opener) -> Page:
    """One page for a whole list."""
    return opened("")


@pytest.fixture
def known() -> set[str]:
    """The looks of texts that were found good, for a whole list."""
    return set()


@each("name", REPORTS)
def test_everybody_can_read_it(name: str, page: Page, opened: Opener, known: set[str]) -> None:
    """No finding of axe in either theme with everything unfolded, and no scrolling sideways.

    What depends on the theme are contrasts alone.
    """
    page.set_viewport_size({"width": WIDE[0], "height": WIDE[1]})
    page.emulate_media(color_scheme="light")
    opened.show(page, FORM(REPORTS[name]))
    expect(page.locator("h1")).to_have_count(1)
    assert page.locator("main").count() == page.locator("header").count() == page.locator("footer").count() == 1
    unfolded(page)
    assert violations(page, rules={CONTRAST: {"enabled": False}}) == []
    assert bad_contrasts(page, known) == []
    page.emulate_media(color_scheme="dark")
    assert bad_contrasts(page, known) == []
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    assert page.evaluate("document.documentElement.scrollWidth") == NARROW[0]
    assert opened.complaints == []


def test_a_text_that_does_not_stand_out_is_found(opened: Opener) -> None:
    """Also where its colour was seen before, on another background."""
    page, known = opened(FORM(REPORTS["check"])), set[str]()
    assert bad_contrasts(page, known) == []
    assert bad_contrasts(page, known) == []
    page.evaluate(
        "for (const one of document.querySelectorAll('.card')) one.style.background = getComputedStyle(one).color"
    )
    assert [rule for rule, _ in bad_contrasts(page, known)] == [CONTRAST]


@each("name", ["trace broken", "check", "init", "explain several", "entrypoint_raises-logs"])
def test_axe_has_nothing_to_say_on_a_phone(name: str, page: Page, opened: Opener, known: set[str]) -> None:
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    page.emulate_media(color_scheme="dark")
    opened.show(page, FORM(REPORTS[name]))
    unfolded(page)
    assert violations(page, rules={CONTRAST: {"enabled": False}}) == []
    assert bad_contrasts(page, known) == []


def test_themes_differ_and_follow_the_system_until_one_is_chosen(opened: Opener) -> None:
    page = opened(FORM(REPORTS["trace broken"]), theme="dark")
    background = "getComputedStyle(document.body).backgroundColor"
    toggle = page.locator("#theme")
    expect(toggle).to_have_text("Light theme")
    dark = page.evaluate(background)
    page.emulate_media(color_scheme="light")
    expect(toggle).to_have_text("Dark theme")
    light = page.evaluate(background)
    assert light != dark
    toggle.focus()
    page.keyboard.press("Space")
    expect(toggle).to_have_text("Light theme")
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.reload()
    expect(page.locator("body")).to_have_css("background-color", dark)
    page.keyboard.press("Tab")
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("body")).to_have_css("background-color", light)


def test_the_keyboard_reaches_all_in_order(opened: Opener) -> None:
    """Skip link first; each stop shows that it has the focus."""
    page = opened(FORM(bundled("incident-1-live")))
    stops: list[str] = []
    for _ in range(200):
        page.keyboard.press("Tab")
        stop = page.evaluate(
            """() => { const at = document.activeElement; if (at === document.body) return null;
            const box = at.getBoundingClientRect(), style = getComputedStyle(at);
            if (!(box.width > 2 && style.outlineStyle !== "none")) return "unseen: " + at.outerHTML.slice(0, 80);
            return at.tagName + ":" + (at.id || at.innerText || at.value || "").trim().slice(0, 40); }"""
        )
        if stop is None:
            break
        stops.append(stop)
    assert not [stop for stop in stops if stop.startswith("unseen")]
    assert stops[:4] == ["A:Skip to the report", "BUTTON:theme", "A:Fix", "A:What happened"]
    assert stops.index("INPUT:find") < stops.index("OL:entries")
    assert sum(stop.startswith("BUTTON:Copy") for stop in stops) == page.locator(".copy:visible").count() > 3
    assert stops[-1].startswith("SUMMARY:The whole result as JSON")


def test_the_skip_link_leads_to_the_report(opened: Opener) -> None:
    page = opened(FORM(REPORTS["check"]))
    page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"


def test_what_broke_is_on_the_first_screen(opened: Opener) -> None:
    page = opened(FORM(bundled("incident-3-live")), size=WIDE)
    for text in ("Broke at: agent dispatched", "LKD401", "ListDispatch"):
        expect(page.locator(".verdict").get_by_text(text).first).to_be_in_viewport()
    broken = page.locator(".strip li.bad")
    expect(broken).to_be_in_viewport()
    expect(broken).to_have_text("broken: agent dispatched")


def test_the_diagram_says_in_words_what_it_shows(opened: Opener) -> None:
    page = opened(FORM(bundled("no_worker_and_no_response-logs")))
    diagram = page.locator("svg.ladder:visible")
    expect(diagram).to_have_count(1)
    for lane in ("edge function", "LiveKit", "worker", "SIP trunk", "phone"):
        expect(diagram.get_by_text(lane, exact=True)).to_be_visible()
    words = diagram.locator("desc").text_content()
    assert words
    assert "job assigned: broken, LKD402" in words
    assert "ringing: broken, LKD205" in words
    expect(diagram.get_by_text("LKD402: broke here")).to_be_visible()
    page.get_by_text("Each step with its evidence").press("Enter")
    table = page.get_by_role("table", name="The steps of the call")
    row = table.get_by_role("row").filter(has=page.get_by_role("rowheader", name="job assigned"))
    expect(row).to_contain_text("broken")
    expect(row).to_contain_text("has no job after")
    times = [text for text in diagram.locator(".time").all_text_contents() if text[:1].isdigit()]
    assert times
    for time in times:
        expect(table.get_by_text(time).first).to_be_visible()
    page.set_viewport_size({"width": NARROW[0], "height": NARROW[1]})
    expect(page.locator("svg.ladder.narrow")).to_be_visible()
    expect(page.locator("svg.ladder.wide")).to_be_hidden()


def test_labels_of_the_diagram_stay_in_it(opened: Opener) -> None:
    """Nothing is cut off, and a broken step's label is not under its code."""
    page = opened("")
    for name in INCIDENTS:
        opened.show(page, FORM(bundled(name)))
        for size in (WIDE, NARROW):
            page.set_viewport_size({"width": size[0], "height": size[1]})
            outside = page.evaluate(
                """() => { const svg = [...document.querySelectorAll("svg.ladder")].find((one) => one.clientWidth);
                const frame = svg.getBoundingClientRect();
                return [...svg.querySelectorAll("text")].filter((one) => { const box = one.getBoundingClientRect();
                return box.left < frame.left - 1 || box.right > frame.right + 1; }).map((one) => one.textContent); }"""
            )
            assert outside == [], name
            overlapping = page.evaluate(
                """() => { const svg = [...document.querySelectorAll("svg.ladder")].find((one) => one.clientWidth);
                return [...svg.querySelectorAll(".rung")].filter((rung) => {
                const boxes = [...rung.querySelectorAll("text")].filter((one) => one.textContent)
                  .map((one) => one.getBoundingClientRect());
                return boxes.some((a, i) => boxes.some((b, j) => i < j && a.left < b.right && b.left < a.right
                  && a.top < b.bottom - 2 && b.top < a.bottom - 2)); }).map((rung) => rung.textContent); }"""
            )
            assert overlapping == [], name


def test_copying_takes_the_fix_as_it_is(opened: Opener) -> None:
    page = opened(FORM(bundled("incident-1-live")), permissions=["clipboard-read", "clipboard-write"])
    button = page.locator("section", has=page.locator("#fix")).get_by_role("button", name="Copy fix 3")
    button.focus()
    page.keyboard.press("Enter")
    expect(page.locator("#announce")).to_have_text("Copied")
    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied.startswith("lk dispatch create --room outbound-")
    assert "\n" not in copied


def test_copying_works_where_the_clipboard_is_refused(opened: Opener) -> None:
    page = opened(FORM(REPORTS["trace broken"]))
    page.evaluate("() => { navigator.clipboard.writeText = () => Promise.reject(new Error('refused')); }")
    button = page.get_by_role("button", name="Copy").first
    button.click()
    expect(page.locator("#announce")).to_have_text("Copied")
    selected = page.evaluate("getSelection().toString()")
    assert selected.strip() == str(page.locator(".code code").first.text_content()).strip()


def test_hostile_text_stays_text(opened: Opener) -> None:
    """No dialog, no script, no element, no link comes of it; invisible characters are gone."""
    for name, report in hostile_reports().items():
        page = opened(FORM(report))
        unfolded(page)
        assert page.locator("script").count() == 1
        assert page.locator("a[href^='javascript'], a[href^='http'], img, iframe").count() == 0
        text = page.evaluate("document.body.textContent")
        assert printable(HOSTILE.splitlines()[0]) in text, name
        assert not {char for char in text if char != "\n" and not char.isprintable()}


def test_without_a_script_all_can_be_read(opened: Opener) -> None:
    page = opened(FORM(bundled("incident-1-live")), java_script_enabled=False)
    expect(page.locator("#filter")).to_be_hidden()
    expect(page.locator(".copy").first).to_be_hidden()
    expect(page.get_by_role("button", name="Dark theme")).to_be_hidden()
    expect(page.locator("#entries li").first).to_be_visible()
    expect(page.locator("#count")).to_have_text("7 entries")


def test_paper_has_what_matters_unfolded(opened: Opener) -> None:
    page = opened(FORM(bundled("incident-1-live")), size=NARROW, theme="dark")
    page.emulate_media(media="print", color_scheme="dark")
    expect(page.get_by_role("table", name="The steps of the call")).to_be_visible()
    expect(page.locator("svg.ladder.wide")).to_be_visible()
    for unwanted in ("#theme", "#filter", ".copy >> nth=0", "nav", "#raw"):
        expect(page.locator(unwanted)).to_be_hidden()
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(255, 255, 255)"
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_manual_of_all_codes_leads_to_each_and_prints(opened: Opener) -> None:
    codes = catalogue.codes()
    page = opened(FORM(ExplainReport(tuple(map(look_up, codes)))))
    contents = page.get_by_role("navigation", name="Contents")
    expect(contents.get_by_role("link")).to_have_count(len(codes))
    expect(page.locator("article")).to_have_count(len(codes))
    contents.get_by_role("link", name="LKD402").click()
    entry = page.get_by_role("article", name="LKD402 no-worker-took-job")
    expect(entry.get_by_role("heading", name="LKD402 no-worker-took-job")).to_be_in_viewport()
    expect(entry.get_by_text("broken: job assigned")).to_be_visible()
    entry.get_by_role("link", name="LKD103").click()
    assert page.url.endswith("#LKD103")
    unfolded(page)
    assert violations(page, rules={CONTRAST: {"enabled": False}}) == []
    assert bad_contrasts(page, set()) == []
    page.emulate_media(media="print")
    expect(contents).to_be_visible()
    expect(page.locator(".up").first).to_be_hidden()
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_a_policy_lets_nothing_else_run(opened: Opener) -> None:
    """Were something to get through all the same, it would neither run nor speak to anybody."""
    page = opened(FORM(REPORTS["check"]))
    with page.expect_event("requestfailed") as failed:
        page.evaluate(
            """() => { const script = document.createElement("script"); script.textContent = "window.ran = true";
            document.body.append(script); const image = new Image(); image.src = "https://example.invalid/x.png";
            document.body.append(image); }"""
        )
    assert failed.value.failure == "csp", "refused by the page itself"
    assert page.evaluate("window.ran === undefined")
    told = [one for one in opened.complaints if not one.startswith("request: https://example.invalid/")]
    assert len(told) == 2
    assert all("Content Security Policy" in one for one in told)
    opened.complaints.clear()


def test_what_could_not_be_read_and_numbers_are_as_in_other_formats(opened: Opener) -> None:
    page = opened(FORM(trace_report(unknown())))
    expect(page.get_by_role("heading", name="What could not be read")).to_be_visible()
    expect(page.get_by_text('GRANT USAGE ON SCHEMA "calls" TO "doctor";')).to_be_visible()
    masked = FORM(REPORTS["trace broken"])
    assert CALLEE not in masked
    assert "+1********23" in masked
