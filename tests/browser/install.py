"""The Chromium that pages are tested in: `python -m tests.browser.install` prints its path.

It is the system's own. A browser is never downloaded from elsewhere; on Debian, root gets it by apt-get: the one
without windows, which takes half the CPU of the one with them.
"""

import os
import shutil
import sys
from contextlib import suppress
from pathlib import Path

from tests import packages

NAMES = ("chromium-headless-shell", "chromium", "chromium-browser")
FONTS = "fonts-dejavu-core"
MISSING = (
    f"no Chromium to test pages in: as root, apt-get install {NAMES[0]} {FONTS}, "
    "or set LIVEKIT_DOCTOR_CHROMIUM to the path of one"
)


class BrowserError(Exception):
    """There is no browser. The message says what to install."""


def chromium() -> Path:
    """The browser's path. Raises BrowserError where there is none."""
    chosen = os.environ.get("LIVEKIT_DOCTOR_CHROMIUM")
    for name in (chosen,) if chosen else NAMES:
        if found := shutil.which(name):
            return Path(found)
    raise BrowserError(MISSING)


def install() -> Path:
    """The browser's path, once it is there: the first of NAMES that is there or can be had. Raises BrowserError."""
    if not os.environ.get("LIVEKIT_DOCTOR_CHROMIUM"):
        for name in NAMES:
            with suppress(SystemExit):
                packages.install({name: f"{name} {FONTS}"}, MISSING)
                break
    return chromium()


if __name__ == "__main__":
    try:
        print(install())
    except BrowserError as error:
        sys.exit(str(error))
