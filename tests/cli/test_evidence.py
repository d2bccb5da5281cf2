"""`trace --evidence`, as a process: no network, no configuration, no credentials."""

import gzip
import json
from pathlib import Path

import pytest

from tests.cli.command_line import run
from tests.evidence.pasted.errors import in_traceback, raised_by_dialling
from tests.evidence.pasted.samples import in_chat, lines, lk, quoted, record, webhooks

NO_WORKER = in_chat("\n".join(lines("livekit-server.log", "not dispatching", '"Front desk 7"')))
PASTES = {
    "no worker": (NO_WORKER, 1, "LKD101 no-worker-registered   possible"),
    "request_fnc raised": (
        quoted(record("worker.log", "job_request_fnc failed", 6)),
        1,
        "LKD404 job-declined   likely",
    ),
    "carrier 403": (in_traceback(raised_by_dialling("rejected-403-wait")), 1, "LKD204 sip-call-rejected   likely"),
    # No webhook tells whether the phone was answered.
    "healthy": ("\n".join(webhooks("healthy")), 3, "recognised: 10 webhooks; not recognised: 0 lines"),
    "noise": (
        "lunch?\nyes, at 12",
        3,
        "nothing in standard input is recognised as anything of LiveKit's (2 lines read)",
    ),
    "empty": (" \n", 3, "standard input is empty"),
}


@pytest.mark.parametrize("name", PASTES)
def test_from_standard_input(name: str, tmp_path: Path) -> None:
    text, status, shown = PASTES[name]
    ran = run("trace", "--evidence", "-", cwd=tmp_path, stdin=text)
    assert ran.status == status, ran.stderr
    assert shown in ran.stdout + ran.stderr
    assert "Traceback" not in ran.stderr


def test_as_json(tmp_path: Path) -> None:
    (tmp_path / "ticket.txt").write_text(NO_WORKER)
    ran = run("trace", "--evidence", "ticket.txt", "--format", "json", cwd=tmp_path)
    (coverage,) = [entry for entry in ran.json["coverage"] if entry["source"] == "evidence ticket.txt"]
    assert coverage["recognised"] == {"livekit-server log line": 1}
    assert coverage["not_recognised"] > 0
    assert ran.json["broken"][0]["code"] == "LKD101"
    assert (ran.status, ran.json["exit_status"]) == (1, 1)
    ran = run("trace", "--evidence", "-", "--format", "json", cwd=tmp_path, stdin="lunch?")
    assert (ran.status, ran.json["verdict"], ran.json["error"]["code"]) == (3, "unknown", "LKD601")


def test_ids_in_what_is_not_recognised_are_named(tmp_path: Path) -> None:
    text = "Our agent CA_7rKmXw3PzTqL never published TR_AMz8vQk3HtPwLd, with SIP_TRUNK_OUTBOUND set."
    ran = run("trace", "--evidence", "-", cwd=tmp_path, stdin=text)
    assert ran.status == 3
    assert "ids of LiveKit's: CA_7rKmXw3PzTqL, TR_AMz8vQk3HtPwLd\n" in ran.stderr + ran.stdout
    assert "grep CA_7rKmXw3PzTqL FILE" in ran.stderr + ran.stdout
    ran = run("trace", "--evidence", "-", cwd=tmp_path, stdin="lunch?")
    assert "ids of" not in ran.stderr + ran.stdout


def test_several_files_make_one_call(tmp_path: Path) -> None:
    room = "request-raises"
    (tmp_path / "server.txt").write_text("\n".join(lines("livekit-server.jsonl", room, "failed to assign")))
    with gzip.open(tmp_path / "worker.txt.gz", "wt") as file:
        file.write("\n".join(lines("worker.jsonl", room) + lines("worker.jsonl", "job_request_fnc failed")))
    ran = run("trace", "--evidence", "server.txt", "--evidence", "worker.txt.gz", cwd=tmp_path)
    assert "LKD404 job-declined   likely" in ran.stdout


def test_several_calls_are_asked_about(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text("\n".join(lines("livekit-server.jsonl")))
    ran = run("trace", "--evidence", "all.txt", cwd=tmp_path)
    rooms = [room["name"] for room in lk("rooms")["rooms"]]
    assert ran.status == 2
    assert f"about {len(rooms)} rooms" in ran.stderr
    assert all(room in ran.stderr for room in rooms)
    (example,) = [line.split("fix: ")[1] for line in ran.stderr.splitlines() if "fix:" in line]
    arguments = example.split("   ")[0].replace("FILE", "all.txt").split()[1:]
    assert run(*arguments, cwd=tmp_path).status in (0, 1, 3), "what the error says to type works"


def test_a_call_id_chooses_its_room(tmp_path: Path) -> None:
    (tmp_path / "all.txt").write_text(
        "\n".join(json.dumps(lk(name)) for name in ("dispatch-nobody", "dispatch-healthy"))
    )
    ran = run("trace", "call-77", "--evidence", "all.txt", "--format", "json", cwd=tmp_path)
    assert ran.json["room"] == lk("dispatch-healthy")["agentDispatches"][0]["room"]
    assert run("trace", "AD_nothing0", "--evidence", "all.txt", cwd=tmp_path).status == 2


@pytest.mark.parametrize(("named", "status", "room"), [("outbound-2", 1, "outbound-2"), ("", 2, None)])
def test_the_rows_of_a_call_id_choose_its_room(named: str, status: int, room: str | None, tmp_path: Path) -> None:
    """Where they name none, the rooms of the text are asked about."""
    opened = (json.dumps({"msg": "room closed", "ts": 1795960850.1, "room": f"outbound-{n}"}) for n in (1, 2))
    (tmp_path / "all.txt").write_text("\n".join(opened))
    row = {"call_id": "77001", "created_at": "2026-11-29T14:00:00Z", "source": "edge", "state": "call_requested"}
    (tmp_path / "rows.jsonl").write_text(json.dumps(row | {"metadata": {"room": named} if named else {}}))
    asked = ("77001", "--evidence", "all.txt", "--call-logs", "rows.jsonl")
    ran = run("trace", *asked, "--format", "json", cwd=tmp_path)
    assert (ran.status, ran.json.get("room")) == (status, room)
    assert ("about 2 rooms" in ran.stderr + ran.stdout) is (status == 2)


def test_what_is_too_much_or_not_there(tmp_path: Path) -> None:
    with (tmp_path / "big.txt").open("wb") as file:
        file.truncate(100 << 20)
    ran = run("trace", "--evidence", "big.txt", cwd=tmp_path)
    assert ran.status == 2
    assert "more than 10 MB" in ran.stderr
    assert "--worker-log" in ran.stderr
    ran = run("trace", "--evidence", "missing.txt", cwd=tmp_path)
    assert ran.status == 2
    assert "there is no file missing.txt" in ran.stderr
    (tmp_path / "broken.gz").write_bytes(gzip.compress(b"text" * 1000)[:40])
    assert run("trace", "--evidence", "broken.gz", cwd=tmp_path).status == 2
    twice = run("trace", "--evidence", "-", "--worker-log", "-", cwd=tmp_path)
    assert "standard input can be read once" in twice.stderr


def test_numbers_are_masked_and_nothing_steers_the_terminal(tmp_path: Path) -> None:
    body = json.loads(webhooks("participant_left", "callee")[0])
    body["participant"] |= {"identity": "sip_+15555550123\x1b[31m", "disconnectReason": "USER_REJECTED"}
    body["participant"]["attributes"] |= {"sip.callStatus": "dialing", "sip.phoneNumber": "+15555550123"}
    ran = run("trace", "--evidence", "-", cwd=tmp_path, stdin=json.dumps(body))
    assert "LKD204" in ran.stdout
    assert "5555550123" not in ran.stdout
    assert "\x1b" not in ran.stdout
    shown = run("trace", "--evidence", "-", "--show-numbers", cwd=tmp_path, stdin=json.dumps(body))
    assert "+15555550123" in shown.stdout


def test_a_bundle_of_it_says_the_same(tmp_path: Path) -> None:
    text, status, shown = PASTES["no worker"]
    run("trace", "--evidence", "-", "--save", "call.json", cwd=tmp_path, stdin=text)
    ran = run("trace", "--bundle", "call.json", cwd=tmp_path)
    assert (ran.status, shown in ran.stdout) == (status, True)


def test_half_a_configuration_is_no_hindrance(tmp_path: Path) -> None:
    text, status, shown = PASTES["no worker"]
    env = {"LIVEKIT_URL": "wss://calls.example.com"}
    ran = run("trace", "--evidence", "-", cwd=tmp_path, stdin=text, env=env)
    assert (ran.status, shown in ran.stdout) == (status, True), ran.stderr


def test_rows_of_another_call_are_not_the_ones_that_was_asked_for(tmp_path: Path) -> None:
    """By its id, the beginning of it, or its room it is meant; a digit that was mistyped would blame another call's
    phone."""
    row = (
        '{{"call_id": "call-77", "created_at": "2026-01-06T10:00:0{n}Z", "source": "edge", "state": "{state}", {more}}}'
    )
    more = '"metadata": {"room": "outbound-77", "sip_status_code": 603}'
    states = ("room_created", "sip_participant_created", "sip_failed")
    text = "\n".join(row.format(n=n, state=state, more=more) for n, state in enumerate(states))
    ran = run("trace", "call-78", "--evidence", "-", cwd=tmp_path, stdin=text)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr == (
        'LKD001 the rows in the pasted text are of "call-77", and none is of "call-78"\n'
        "  fix: livekit-doctor trace call-77 --evidence FILE\n"
    )
    for meant in ("call-77", "call-7", "outbound-77"):
        assert "LKD204" in run("trace", meant, "--evidence", "-", cwd=tmp_path, stdin=text).stdout


@pytest.mark.parametrize(("arguments", "name"), [(("",), "CALL_ID"), (("--room", " "), "--room")])
def test_a_variable_of_the_shell_that_is_not_set(arguments: tuple[str, ...], name: str, tmp_path: Path) -> None:
    ran = run("trace", *arguments, cwd=tmp_path)
    assert (ran.status, ran.stdout) == (2, "")
    assert ran.stderr.startswith(f"LKD001 {name} is empty")
