"""The smallest source that raises each code of the code's own, and the nearest that must not."""

from pathlib import Path
from textwrap import dedent

import pytest

from livekit_doctor.operations.lint import lint
from livekit_doctor.settings import Rooms, Settings
from tests.lint.projects import AGENT, caller

SERVED = AGENT.replace(', agent_name="sales"', "")
ROWS = """
    import {{ createClient }} from "supabase";
    await db.from("call_state_logs").insert({{ call_id: id, source: "api", state: "call_requested"{more} }});
"""
MANIFEST = """
services:
  agent:
    command: python agent.py start
{more}
"""
SWAPPED = caller(("createSipParticipant(trunk, phone, room,", "createSipParticipant(phone, trunk, room,"))
UNAWAITED = caller(("      await agents.createDispatch", "      agents.createDispatch"))
ANSWERED = """
    import { SipClient } from "livekit-server-sdk";
    await sip.createSipParticipant(trunk, phone, room%s);
    await db.from("call_state_logs").insert({ room, state: "call_answered" });
"""
MARKED, PLAIN = caller((", phone, room", ', "555-555-0123", room')), caller((", phone, room", ', "+15555550123", room'))

Files = dict[str, str]


def codes(files: Files, folder: Path, settings: Settings | None = None) -> set[str]:
    for name, text in files.items():
        (folder / name).write_text(text if name.endswith(("yaml", "file")) else dedent(text))
    return {one.finding.code for one in lint([folder], settings or Settings()).findings}


CASES = {
    "LKD606": ({"a.ts": ROWS.format(more="")}, {"a.ts": ROWS.format(more=", metadata: { room }")}),
    "LKD702": (
        {"agent.py": SERVED.replace("await ctx.connect()", "time.sleep(3)")},
        {"agent.py": SERVED.replace("await ctx.connect()", "await asyncio.sleep(3)")},
    ),
    "LKD703": (
        {"agent.py": SERVED, "Dockerfile": "FROM x\nCMD python agent.py dev\n"},
        {"agent.py": SERVED, "Dockerfile": "FROM x\nCMD python agent.py start\n"},
    ),
    "LKD704": (
        {"agent.py": SERVED, "compose.yaml": MANIFEST.format(more="")},
        {"agent.py": SERVED, "compose.yaml": MANIFEST.format(more="    stop_grace_period: 1h")},
    ),
    "LKD705": ({"agent.py": AGENT, "call.ts": SWAPPED}, {"agent.py": AGENT, "call.ts": caller()}),
    "LKD706": ({"agent.py": AGENT, "call.ts": UNAWAITED}, {"agent.py": AGENT, "call.ts": caller()}),
    "LKD707": ({"a.ts": ANSWERED % ""}, {"a.ts": ANSWERED % ", { waitUntilAnswered: true }"}),
    "LKD708": ({"agent.py": AGENT, "call.ts": MARKED}, {"agent.py": AGENT, "call.ts": PLAIN}),
}


@pytest.mark.parametrize("code", ["LKD606", "LKD702", "LKD703", "LKD704", "LKD705", "LKD706", "LKD707", "LKD708"])
def test_smallest_and_nearest(code: str, tmp_path: Path) -> None:
    for name, files, expected in zip(("broken", "sound"), CASES[code], (True, False), strict=True):
        folder = tmp_path / name
        folder.mkdir()
        assert (code in codes(files, folder)) is expected


def test_a_template_of_the_rooms_name_needs_no_room_in_the_rows(tmp_path: Path) -> None:
    settings = Settings(rooms=Rooms(name_template="call-{call_id}"))
    assert "LKD606" not in codes({"a.ts": ROWS.format(more="")}, tmp_path, settings)
