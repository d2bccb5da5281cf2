"""What the page of `init` says: the file, what was found for it, and the check's report."""

from collections.abc import Mapping
from typing import Any

from livekit_doctor.render.html import check_page
from livekit_doctor.render.html.parts import MARKS
from livekit_doctor.render.report import InitReport, NextStep

_WORDS: Mapping[str, str] = {"ok": "found", "unknown": "not found", "warned": "look at this"}


def of(report: InitReport) -> dict[str, Any]:
    """The page's content."""
    check = check_page.of(report.check) if report.check else None
    wrote = f"{report.file} is written"
    ended = f", check {check['kicker']}" if check else ""
    then = report.next or NextStep("livekit-doctor check")
    return {
        "title": f"{wrote}{ended} · livekit-doctor init",
        "tone": check["tone"] if check else MARKS["ok"],
        "kicker": f"check: {check['kicker']}" if check else "ok",
        "headline": wrote,
        "facts": (("server", report.server),),
        "found": tuple((item.label, MARKS[item.status], _WORDS[item.status], item.text) for item in report.found),
        "taken": report.taken,
        "check": check,
        "before": then.before[:1].upper() + then.before[1:],
        "command": then.command,
        "after": then.after,
    }
