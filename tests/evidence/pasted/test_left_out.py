"""What is no part of the story is said to be so: lines without a date, and lines of other calls."""

import json

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.render.console import trace as trace_console
from livekit_doctor.render.html import render as html_of
from livekit_doctor.render.json import trace as trace_json
from livekit_doctor.render.markdown import render as markdown_of
from tests.evidence.pasted.samples import pasted
from tests.render.reports import printed, terminal, trace_report

UNDATED = """
    20:49:12 INFO  room created  name=wellness-7c1e sid=RM_kP9xVt4LmRcz
    20:49:13 INFO  CreateSIPParticipant returned  room=wellness-7c1e sip_call_id=SCL_tR5mZd8XvKwq
    20:49:12 INFO  agent dispatch created  id=AD_fW2nYq7HsGbj room=wellness-7c1e agent=wellness-bot
2026-11-23 09:14:08,020 - INFO livekit.agents - registered worker {"agent_name": "wellness-bot"}
2026-11-24 09:14:08,020 - INFO livekit.agents - registered worker {"agent_name": "wellness-bot"}
"""


def shown(diagnosis: Diagnosis) -> str:
    console = terminal(200)
    trace_console.render(trace_report(diagnosis), console)
    return printed(console)


def test_lines_with_a_time_of_day_only() -> None:
    diagnosis = pasted(UNDATED)
    assert [entry.time_of_day for entry in diagnosis.undated] == ["20:49:12", "20:49:12", "20:49:13"]
    text = shown(diagnosis)
    assert "Without a date" in text
    assert text.index("2026-11-23") < text.index("2026-11-24"), "each day of the timeline has its date"
    report = trace_report(diagnosis)
    assert len(trace_json.render(report)["undated"]) == 3
    for page in (markdown_of(report), html_of(report)):
        assert "CreateSIPParticipant returned" in page.replace("\\", "")
    assert pasted("20:49:12 INFO created room RM_kP9xVt4LmRcz").undated, "also where nothing has a date"


def test_lines_of_other_calls_are_counted() -> None:
    lines = [
        json.dumps({"message": "received job request", "level": "INFO", "name": "livekit.agents", "room": room})
        for room in ("call-1", "call-2", "call-2", "call-3")
    ]
    diagnosis = pasted("\n".join(dict.fromkeys(lines)), subject=Subject(room="call-1"))
    assert diagnosis.coverage[0].set_aside == 2
    assert "of other calls, and left out: 2" in shown(diagnosis)
    assert pasted(lines[0]).coverage[0].set_aside == 0


def test_lines_that_are_dated_by_livekits_clock_are_the_calls_own() -> None:
    """The server's line of the assignment tells by how much the worker's clock is off."""
    job = {"job_id": "AJ_Gy7bNmWd5qRz", "room": "call-1", "agent_name": "front-desk"}
    asked = {"message": "received job request", "level": "INFO", "name": "livekit.agents", **job}
    asked["timestamp"] = "2026-11-27T14:02:10.214456+00:00"
    fields = {"jobID": job["job_id"], "agentName": "front-desk", "room": "call-1", "workerID": "AW_jC3nVqTz6kHs"}
    for seconds in ("10", "14"):
        server = f"2026-11-27T14:02:{seconds}.221Z\tINFO\tlivekit\ta.go:1\tassigned job to worker\t{json.dumps(fields)}"
        assert pasted(f"{json.dumps(asked)}\n{server}").coverage[0].set_aside == 0
