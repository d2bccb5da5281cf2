"""The table of `watch` in a real terminal: every change stays in the scrollback, and no part of an older table."""

import sys
from pathlib import Path

from livekit_doctor.checks import CHECK_IDS
from tests.lab.tmux import Pane

RUNS = 4
PROGRAM = f"""
import asyncio
from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.checks.check import CheckResult
from livekit_doctor.cli.watch_display import display
from livekit_doctor.operations.watch import Plan, Result, watch

WHY = "the SIP API can't be asked: cannot connect to 127.0.0.1:45123, which is what LIVEKIT_URL names, and so on"
runs = 0

async def once():
    global runs
    runs += 1
    await asyncio.sleep(0.3)
    bad = runs % 2 == 0
    def result(number, id):
        status = "passed" if not bad else "failed" if number < 6 else "skipped"
        code = "LKD003" if status == "failed" else None
        return CheckResult(id=id, category="x", title=id, status=status, message=WHY if bad else "well", code=code)
    results = tuple(result(number, id) for number, id in enumerate(CHECK_IDS))
    return Result(results, int(bad), "ws://x", (), "" if bad else "whether livekit-sip runs")

async def main():
    with display(asyncio.get_running_loop().time, "") as shown:
        await watch(once, Plan(1.0, 60, {RUNS}), shown.tell)

asyncio.run(main())
"""


def test_a_batch_of_changes_is_whole_and_the_table_is_there_once(tmp_path: Path) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    with Pane(tmp_path, columns=120, rows=50) as pane:
        pane.run(f"PYTHONPATH={Path.cwd()} {sys.executable} program.py")
        seen = pane.history()
    changes = [line for line in seen.splitlines() if " -> " in line]
    assert len(changes) == (RUNS - 1) * len(CHECK_IDS), seen
    assert sum(line.split()[:2] == ["check", "since"] for line in seen.splitlines()) == 1, seen
