"""Without a browser the tests of pages say what to install."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.browser.install import BrowserError, chromium

ROOT = Path(__file__).parents[2]


def test_the_browser_is_the_one_that_was_chosen(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_DOCTOR_CHROMIUM", sys.executable)
    assert chromium() == Path(sys.executable)


def test_where_there_is_none_the_message_says_what_to_type(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("LIVEKIT_DOCTOR_CHROMIUM", raising=False)
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(BrowserError, match="apt-get install chromium"):
        chromium()
    done = subprocess.run(
        [sys.executable, "-m", "tests.browser.install"],
        cwd=ROOT,
        env={"PATH": str(tmp_path)},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout) == (1, "")
    assert "apt-get install chromium" in done.stderr
    assert "Traceback" not in done.stderr
