"""Files that are no source that can be read: each is said and passed over, and nothing is run."""

import os
from pathlib import Path
from textwrap import dedent

import pytest

from livekit_doctor.errors import UserError
from livekit_doctor.operations.lint import lint
from livekit_doctor.settings import Settings
from tests.lint.projects import AGENT, CALLER


def test_what_can_not_be_read_is_said_and_passed_over(tmp_path: Path) -> None:
    (tmp_path / "agent.py").write_text(dedent(AGENT))
    (tmp_path / "call.ts").write_text(dedent(CALLER))
    (tmp_path / "broken.py").write_text("from livekit import api\ndef (:\n")
    (tmp_path / "broken.ts").write_text("import {} from 'livekit-server-sdk';\nconst = ;\n")
    (tmp_path / "huge.py").write_text("# livekit.agents\n" + "x = 1\n" * 1_800_000)
    (tmp_path / "bytes.py").write_bytes(b"# livekit.agents \xff\xfe\n")
    (tmp_path / "unknown.py").write_bytes(b"# coding: no-such-code\n# livekit.agents\n")
    (tmp_path / "min.js").write_text('var a="livekit-server-sdk";' + "a();" * 5000)
    (tmp_path / "deep.py").write_text("# livekit.agents\nx = " + "(" * 400 + ")" * 400)
    os.symlink(tmp_path, tmp_path / "loop")
    os.symlink(tmp_path / "nowhere.py", tmp_path / "gone.py")
    linted = lint([tmp_path], Settings())
    skipped = {Path(one.path).name: one.why for one in linted.skipped}
    assert set(skipped) == {"broken.py", "broken.ts", "huge.py", "bytes.py", "unknown.py", "min.js", "deep.py"}
    assert skipped["broken.py"].startswith("line 2 is no Python")
    assert skipped["broken.ts"] == "line 2 is no TypeScript"
    assert "MB" in skipped["huge.py"]
    assert "minified" in skipped["min.js"]
    assert linted.explained


def test_other_encodings_that_say_so_are_read(tmp_path: Path) -> None:
    text = dedent(AGENT).replace("Be kind.", "Sei freundlich, bitte schön.")
    (tmp_path / "agent.py").write_bytes(f"# -*- coding: latin-1 -*-\n{text}".encode("latin-1"))
    (tmp_path / "call.ts").write_text(dedent(CALLER), encoding="utf-16")
    linted = lint([tmp_path], Settings())
    assert (linted.parsed, linted.skipped) == (2, ())


def test_nothing_is_run_or_imported(tmp_path: Path) -> None:
    mark = tmp_path / "ran"
    (tmp_path / "agent.py").write_text(f"from livekit import api\nopen({str(mark)!r}, 'w')\n")
    lint([tmp_path], Settings())
    assert not mark.exists()


def test_a_path_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no such file or folder"):
        lint([tmp_path / "nowhere"], Settings())


def test_functions_that_call_each_other_many_times_take_no_time(tmp_path: Path) -> None:
    """12 to the power of 6 ways lead to the sleep, and the chain of 40 members is of calls of the project."""
    layers = [
        f"def f{layer}_{number}(x):\n" + "".join(f"    f{layer + 1}_{one}(x)\n" for one in range(12))
        for layer in range(6)
        for number in range(12)
    ]
    leaves = [f"def f6_{number}(x):\n    time.sleep(x)\n" for number in range(12)]
    chain = [f"class C{number}:\n    def m(self):\n        return C{number + 1}()\n" for number in range(40)]
    entry = "async def entrypoint(ctx):\n    f0_0(1)\n    await ctx.connect()\n"
    dial = f"    await lk.sip.create_sip_participant(api.CreateSIPParticipantRequest(room_name=C0(){'.m().a' * 40}))\n"
    run = "cli.run_app(WorkerOptions(entrypoint_fnc=entrypoint))\n"
    head = "import time\nfrom livekit import api\nfrom livekit.agents import WorkerOptions, cli\n"
    text = head + "".join([*layers, *leaves, *chain, entry, "async def call(lk):\n", dial, run])
    (tmp_path / "agent.py").write_text(text)
    linted = lint([tmp_path], Settings())
    assert {one.finding.code for one in linted.findings} == {"LKD702"}
    assert len(linted.findings) == 12
