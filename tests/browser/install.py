"""The Chromium that pages are tested in: `python -m tests.browser.install` prints its path.

It is the system's own. A browser is never downloaded from elsewhere; on Debian, root gets it by apt-get.
"""

import os
import shutil
import subprocess
import sys
from pathlib import Path

NAMES = ("chromium", "chromium-browser")
PACKAGES = ("chromium", "fonts-dejavu-core")
MISSING = (
    f"no Chromium to test pages in: as root, apt-get install {' '.join(PACKAGES)}, "
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
    """The browser's path, once it is there. Raises BrowserError where it can't be had."""
    try:
        return chromium()
    except BrowserError:
        if os.geteuid() != 0 or shutil.which("apt-get") is None:
            raise
    print(f"installing {' '.join(PACKAGES)}", file=sys.stderr)
    for arguments in (("update",), ("install", "--yes", "--no-install-recommends", *PACKAGES)):
        done = subprocess.run(
            ["apt-get", "--quiet", "--quiet", *arguments],
            env={**os.environ, "DEBIAN_FRONTEND": "noninteractive"},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        if done.returncode:
            last_line = (done.stdout.strip() or "no output").splitlines()[-1]
            raise BrowserError(f"apt-get {' '.join(arguments)} failed: {last_line}")
    return chromium()


if __name__ == "__main__":
    try:
        print(install())
    except BrowserError as error:
        sys.exit(str(error))
