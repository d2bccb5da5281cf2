"""Pages in a real browser, and what went wrong in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from playwright.sync_api import Browser, Page, sync_playwright

from tests.browser.install import chromium

ARGUMENTS = (
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-quic",
)
Theme = Literal["light", "dark"]
WIDE, NARROW = (1280, 900), (360, 740)


@contextmanager
def browser() -> Iterator[Browser]:
    """A browser. While it runs this thread has an event loop that runs: no other test may want one."""
    with sync_playwright() as playwright:
        started = playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        try:
            yield started
        finally:
            started.close()


@dataclass(slots=True)
class Opener:
    """Opens pages. `complaints` has what the console, the page's script and the network said."""

    browser: Browser
    folder: Path
    complaints: list[str] = field(default_factory=list)
    opened: list[Page] = field(default_factory=list)
    shown: set[str] = field(default_factory=set)

    def __call__(self, text: str, *, size: tuple[int, int] = WIDE, theme: Theme = "light", **options: Any) -> Page:
        context = self.browser.new_context(
            viewport={"width": size[0], "height": size[1]}, color_scheme=theme, reduced_motion="reduce", **options
        )
        page = context.new_page()
        self.opened.append(page)
        page.on("console", lambda message: self.complaints.append(f"console: {message.text}"))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.on("dialog", lambda dialog: (self.complaints.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        page.on("request", lambda request: self._requested(request))  # slots: no method of it can be marked
        self.show(page, text)
        return page

    def show(self, page: Page, text: str) -> None:
        """Another report in a page that is there, which costs half of a new one."""
        file = self.folder / f"report-{len(self.shown)}.html"
        file.write_text(text, encoding="utf-8")
        self.shown.add(file.as_uri())
        page.goto(file.as_uri())

    def _requested(self, request: Any) -> None:
        if request.url.partition("#")[0] not in self.shown and not request.url.startswith("data:"):
            self.complaints.append(f"request: {request.url}")

    def close(self) -> None:
        for page in self.opened:
            page.context.close()
