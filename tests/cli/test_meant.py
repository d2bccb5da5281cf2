"""`trace` of a room's name and of the beginning of a call's id, in an export."""

import json
from pathlib import Path

from tests.cli.command_line import run

ROWS = [
    ("call-0042-aaaa", "room_created", {"room": "outbound-7"}),
    ("call-0042-aaaa", "dispatch_created", {}),
    ("call-0043-bbbb", "room_created", {"room": "outbound-8"}),
    ("call-0043-cccc", "room_created", {"room": "outbound-9"}),
    ("77001", "room_created", {}),
]


def traced(folder: Path, *asked: str) -> tuple[int, str, str]:
    lines = [
        json.dumps(
            {
                "call_id": call_id,
                "created_at": f"2026-01-06T05:11:{10 + number}Z",
                "source": "edge",
                "state": state,
                "metadata": metadata,
            }
        )
        for number, (call_id, state, metadata) in enumerate(ROWS)
    ]
    (folder / "rows.jsonl").write_text("\n".join(lines))
    ran = run("trace", *asked, "--call-logs", "rows.jsonl", "--format", "json", cwd=folder)
    document = json.loads(ran.stdout)
    return ran.status, document.get("call_id") or "", ran.stderr + json.dumps(document)


def test_a_rooms_name_leads_to_all_rows_of_its_call(tmp_path: Path) -> None:
    status, call, said = traced(tmp_path, "outbound-7")
    assert (status in (1, 3), call) == (True, "call-0042-aaaa")
    assert "dispatch_created" in said, "a row that does not name the room is of the call all the same"


def test_a_beginning_that_one_id_has_runs(tmp_path: Path) -> None:
    assert traced(tmp_path, "call-0042")[1] == "call-0042-aaaa"


def test_a_beginning_that_several_ids_have_lists_them(tmp_path: Path) -> None:
    status, _, said = traced(tmp_path, "call-0043")
    assert status == 2
    assert "the ids of 2 calls begin with call-0043: call-0043-cccc, call-0043-bbbb" in said
    assert "livekit-doctor trace call-0043-cccc" in said


def test_what_may_be_another_call_is_not_taken_for_one(tmp_path: Path) -> None:
    """A number may be a whole id that is gone; three characters may be anything."""
    for asked in ("7700", "cal", "0042"):
        status, _, said = traced(tmp_path, asked)
        assert status == 3, asked
        assert "begin with" not in said, asked


def test_what_is_to_be_typed_next_has_the_file_without_which_it_would_find_nothing(tmp_path: Path) -> None:
    _, _, said = traced(tmp_path, "call-0042-aaax")
    command = json.loads(said[said.index("{") :])["next"]["command"]
    assert command == "livekit-doctor trace call-0042-aaaa --call-logs rows.jsonl"
    assert run(*command.split()[1:], cwd=tmp_path).status in (1, 3)
