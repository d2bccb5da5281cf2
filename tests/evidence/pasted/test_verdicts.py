"""What a pasted text alone leads to: the step, the code, and no more confidence than such evidence allows."""

import json
import random
from collections.abc import Callable
from typing import Any

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.flow import Status, Step, Verdict
from livekit_doctor.settings import Agent, Settings
from tests.diagnosis.factories import found
from tests.each import each
from tests.evidence.pasted.errors import in_traceback, raised, raised_by_dialling
from tests.evidence.pasted.samples import (
    after_chat_time,
    as_html,
    bulleted,
    in_chat,
    in_ticket,
    lines,
    lk,
    pasted,
    quoted,
    recognised,
    record,
    smart,
    webhooks,
    without_tabs,
    wrapped,
)

JOB, ENTRYPOINT, RINGING = Step.JOB_ASSIGNED.value, Step.ENTRYPOINT_CALLED.value, Step.SIP_RINGING.value

NO_WORKER = "\n".join(lines("livekit-server.jsonl", "not dispatching", '"Front desk 7"'))
NO_WORKER_TEXT = "\n".join(lines("livekit-server.log", "not dispatching", '"Front desk 7"'))
RAISES = "\n".join(lines("worker.jsonl", "job_request_fnc failed"))
RAISES_TEXT = record("worker.log", "job_request_fnc failed", 6)
CRASH = "\n".join(
    lines("worker.jsonl", "entrypoint-crashes", "received job request") + lines("worker.jsonl", "exit code 3")
)
RAISED = "\n".join(lines("worker.jsonl", "unhandled exception"))
RAISED_TEXT = record("worker.log", "unhandled exception", 12)

NOISES: tuple[Callable[[str], str], ...] = (str, quoted, in_chat, in_ticket, as_html, bulleted, after_chat_time)


@each("noise", NOISES)
@each(
    "text, step, code, confidence",
    [
        (NO_WORKER, JOB, "LKD101", "possible"),
        (NO_WORKER_TEXT, JOB, "LKD101", "possible"),
        (RAISES, JOB, "LKD404", "likely"),
        (CRASH, ENTRYPOINT, "LKD405", "possible"),
        (RAISED, ENTRYPOINT, "LKD405", "possible"),
    ],
)
def test_log_lines_in_the_noise_of_chats_and_tickets(
    text: str, step: str, code: str, confidence: str, noise: Callable[[str], str]
) -> None:
    assert found(pasted(noise(text))) == [(step, code, confidence)]


@pytest.mark.parametrize("noise", [str, quoted, in_chat, in_ticket, as_html])
@pytest.mark.parametrize(("text", "step", "code"), [(RAISES_TEXT, JOB, "LKD404"), (RAISED_TEXT, ENTRYPOINT, "LKD405")])
def test_a_traceback_in_the_noise(text: str, step: str, code: str, noise: Callable[[str], str]) -> None:
    diagnosis = pasted(noise(text))
    assert [(item.step, item.code) for item in diagnosis.broken] == [(step, code)]
    shown = " ".join(because.text for because in diagnosis.broken[0].because)
    assert "agent.py" in shown, "the team's own frame"
    assert "site-packages" not in shown


@pytest.mark.parametrize("anchors", ["^^^^^^^", "~~~~~~~^^^^^", "~~~~~~~~~~~~~^^^~~~~"])
def test_a_traceback_with_anchors(anchors: str) -> None:
    """Python 3.11 and newer mark the place under a line; ~~~ alone would be a fence."""
    frame = '  File "/app/agent.py", line 8, in load\n    return json.loads(text)["customer"]'
    assert "RuntimeError" in RAISED_TEXT
    before, after = RAISED_TEXT.rsplit("RuntimeError", 1)
    diagnosis = pasted(f"{before}{frame}\n           {anchors}\nRuntimeError{after}")
    assert [item.code for item in diagnosis.broken] == ["LKD405"]
    shown = diagnosis.broken[0].because[-1].text
    assert "in load" in shown
    assert shown.strip().splitlines()[-1].startswith("RuntimeError")


@pytest.mark.parametrize("spoil", [smart, without_tabs, wrapped, lambda text: text[:-60]])
@pytest.mark.parametrize("text", [NO_WORKER, NO_WORKER_TEXT])
def test_lines_that_were_spoilt_on_the_way(text: str, spoil: Callable[[str], str]) -> None:
    diagnosis = pasted(quoted(spoil(text)))
    assert found(diagnosis) == [(JOB, "LKD101", "possible")]
    assert diagnosis.broken[0].values["agent_name"] == "Front desk 7"


def test_a_name_that_is_almost_the_workers() -> None:
    registered = "\n".join(lines("worker.jsonl", "registered worker"))
    assert found(pasted(in_chat(f"{registered}\n{NO_WORKER}"))) == [(JOB, "LKD102", "likely")]


@pytest.mark.parametrize(
    ("recording", "code", "confidence", "sip_status"),
    [
        ("rejected-403-wait", "LKD204", "likely", "403"),
        ("rejected-486-wait", "LKD204", "likely", "486"),
        ("rejected-404-wait", "LKD204", "likely", "404"),
        ("ringing-unanswered-wait", "LKD205", "possible", ""),
        ("no-response-wait", "LKD205", "possible", ""),
        ("unknown-trunk", "LKD201", "likely", ""),
    ],
)
def test_errors_of_livekit_api_for_python(recording: str, code: str, confidence: str, sip_status: str) -> None:
    error = raised_by_dialling(recording)
    named = f"Error creating SIP participant: {super(type(error), error).__str__()}"
    for text in (in_traceback(error), f"dialling failed: {error}\n(in create_sip_participant)", in_chat(named)):
        diagnosis = pasted(text)
        assert [(item.code, item.confidence.value) for item in diagnosis.broken] == [(code, confidence)], text
        assert diagnosis.broken[0].values.get("sip_status", "") == sip_status


def test_a_carriers_403_as_twirp_body_and_from_go_and_node() -> None:
    body = {
        "code": "permission_denied",
        "msg": "twirp error unknown: unexpected status from INVITE response: sip status: 403: Forbidden",
        "meta": {"sip_status_code": "403", "sip_status": "Forbidden"},
    }
    go = f"2026/11/23 10:41:00 dial failed: twirp error permission_denied: {body['msg']}"
    node = """\
Forbidden: twirp error unknown: unexpected status from INVITE response: sip status: 403: Forbidden
    at TwirpRpc.request (file:///app/node_modules/livekit-server-sdk/dist/TwirpRPC.js:60:13)
    at async SipClient.createSipParticipant (file:///app/dial.js:12:3) {
  status: 403,
  code: 'permission_denied',
  metadata: { sip_status: 'Forbidden', sip_status_code: '403' }
}"""
    node_sip = "SipCallError: SIP call failed: 403 Forbidden (permission_denied)\n    at Function.fromServerError"
    http = f"HTTP/1.1 403 Forbidden\nContent-Type: application/json\n\n{json.dumps(body)}"
    for text in (json.dumps(body), json.dumps(body, indent=2), go, node, node_sip, http):
        assert found(pasted(quoted(text))) == [(RINGING, "LKD204", "likely")], text
        assert sum(recognised(text).values()) - recognised(text)["lines"] == 1, "once, whatever forms it has"


def test_an_entrypoint_that_raises_the_carriers_refusal() -> None:
    """The agent dialled itself, and did not catch what came: its end is a consequence."""
    asked = lines("worker.jsonl", "entrypoint-raises", "received job request")[0]
    line = json.loads(lines("worker.jsonl", "unhandled exception")[0])
    line["exc_info"] = in_traceback(raised_by_dialling("rejected-486-wait"))
    line["message"] = "unhandled exception while running the job task"
    diagnosis = pasted(in_chat(f"{asked}\n{json.dumps(line)}"))
    assert found(diagnosis) == [(RINGING, "LKD204", "likely")]
    assert diagnosis.broken[0].consequences == ("LKD405",)
    line["exc_info"] = line["exc_info"].replace("livekit.api.twirp_client.SipCallError", "KeyError")
    assert pasted(f"{asked}\n{json.dumps(line)}").broken[0].code == "LKD405"


def test_the_apis_own_401() -> None:
    error = raised(401, "invalid token: APIsample, error: go-jose/go-jose: error in cryptographic primitive")
    place = "File app.py, in place\n    await lk.room.create_room(request)\n"
    assert found(pasted(place + str(error))) == [("room_created", "LKD004", "likely")]
    assert found(pasted(str(error))) == [("room_created", "LKD004", "likely")]
    words = 'curl: HTTP/1.1 401 Unauthorized\ninvalid API key: APIxyz\n"/twirp/livekit.RoomService/CreateRoom"'
    assert found(pasted(words)) == [("room_created", "LKD004", "likely")]


def test_403_and_429_without_a_sip_status_are_livekits_own() -> None:
    denied = "createSipParticipant: TwirpError(code=permission_denied, message=permissions denied, status=403)"
    assert [item.code for item in pasted(denied).broken] == ["LKD004"]
    limited = "CreateDispatch failed: twirp error resource_exhausted: too many requests"
    assert found(pasted(limited)) == [("agent_dispatched", "LKD006", "likely")]


def test_no_response_from_servers_may_be_a_closed_room() -> None:
    """ListDispatch of a room that is gone says so as well (design fact 17)."""
    text = "TwirpError(code=unavailable, message=no response from servers, status=503)"
    assert pasted(text).verdict is Verdict.UNKNOWN
    assert pasted(f"in list_dispatch\n{text}").verdict is Verdict.UNKNOWN
    assert [item.code for item in pasted(f"await lk.sip.create_sip_participant(request)\n{text}").broken] == ["LKD203"]


def test_webhooks_of_a_healthy_call() -> None:
    bodies = webhooks("healthy")
    for text in ("\n".join(bodies), quoted("\n".join(bodies)), f"[{','.join(bodies)}]", as_html("\n".join(bodies))):
        diagnosis = pasted(text)
        assert diagnosis.verdict is Verdict.NO_FAULT_SEEN
        assert diagnosis.room
        assert diagnosis.room.name == json.loads(bodies[0])["room"]["name"]
        status = {result.step: result.status for result in diagnosis.steps}
        shown = (Step.ROOM_CREATED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO, Step.SIP_PARTICIPANT_CREATED)
        assert [status[step] for step in shown] == [Status.OK] * 4
        assert Step.SIP_ANSWERED in diagnosis.not_covered


def test_half_of_the_webhooks_is_no_verdict() -> None:
    """That the phone, or the agent, is not in the text says nothing."""
    agent = [body for body in webhooks("healthy") if "callee" not in body]
    phone = [body for body in webhooks("healthy") if "agent-AJ" not in body]
    for bodies in (agent, phone, agent[:1], agent[-1:]):
        assert pasted("\n".join(bodies)).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    ("reason", "status", "code", "confidence"),
    [
        ("USER_UNAVAILABLE", "ringing", "LKD206", "likely"),
        ("USER_UNAVAILABLE", "dialing", "LKD206", "possible"),
        ("USER_REJECTED", "dialing", "LKD204", "likely"),
        ("SIP_TRUNK_FAILURE", "dialing", "LKD204", "possible"),
        ("CLIENT_INITIATED", "dialing", "", ""),
    ],
)
def test_why_the_phone_left(reason: str, status: str, code: str, confidence: str) -> None:
    body = json.loads(webhooks("participant_left", "callee")[0])
    body["participant"]["disconnectReason"] = reason
    body["participant"]["attributes"]["sip.callStatus"] = status
    diagnosis = pasted(json.dumps(body))
    assert [(item.code, item.confidence.value) for item in diagnosis.broken] == ([(code, confidence)] if code else [])
    assert ("callee left", reason) in [(entry.event, entry.detail) for entry in diagnosis.timeline]


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("dispatch-nobody", (JOB, "LKD402", "possible")),
        ("dispatch-request-raises", (JOB, "LKD402", "possible")),
        ("dispatch-request-rejects", (JOB, "LKD404", "likely")),
        ("dispatch-healthy", None),
        ("dispatch-entrypoint-crashes", None),
        ("participants-healthy", None),
        ("rooms", None),
    ],
)
def test_what_lk_prints(answer: str, expected: tuple[str, str, str] | None) -> None:
    text = in_chat(f"$ lk {answer.replace('-', ' ')} --json\n{json.dumps(lk(answer), indent=2)}")
    subject = Subject(room=lk("dispatch-healthy")["agentDispatches"][0]["room"]) if answer == "rooms" else None
    assert found(pasted(text, subject=subject)) == ([expected] if expected else [])


def test_snake_case_and_only_the_automatic_dispatch() -> None:
    (automatic, _) = lk("dispatch-nobody")["agentDispatches"]
    answer = {"agent_dispatches": [{**automatic, "state": {"created_at": automatic["state"]["createdAt"]}}]}
    assert found(pasted(json.dumps(answer))) == [("agent_dispatched", "LKD401", "possible")]
    unnamed = Settings(agent=Agent(name=""))
    assert pasted(json.dumps(answer), settings=unnamed).verdict is Verdict.UNKNOWN


ROWS = """\
 id | call_id | created_at                    | source        | state                   | metadata
----+---------+-------------------------------+---------------+-------------------------+---------------
  1 | c-77    | 2026-11-23 21:53:21.601+00    | edge_function | call_requested          | {"room": "r-9"}
  2 | c-77    | 2026-11-23 21:53:21.700+00    | edge_function | room_created            |
  3 | c-77    | 2026-11-23 21:53:22.700+00    | edge_function | sip_participant_created |
(3 rows)"""


def test_rows_prove_what_is_in_them_and_nothing_else() -> None:
    as_csv = "\n".join(
        ",".join(cell.strip() for cell in line.split("|")).replace('{"room": "r-9"}', '"{""room"": ""r-9""}"')
        for line in ROWS.splitlines()
        if "---" not in line and "(" not in line
    )
    as_jsonl = (
        '{"call_id": "c-77", "created_at": "2026-11-23T21:53:21Z", "source": "e", "state": "sip_participant_created"}'
    )
    for text, count in ((ROWS, 3), (quoted(as_csv), 3), (in_chat(as_jsonl), 1)):
        diagnosis = pasted(text)
        assert recognised(text)["call_state_logs row"] == count
        assert diagnosis.verdict is Verdict.UNKNOWN, "an agent that is not in the rows may have been left out"
        status = {result.step: result.status for result in diagnosis.steps}
        assert status[Step.SIP_PARTICIPANT_CREATED] is Status.OK
        assert diagnosis.call_id == "c-77"


def test_nothing_is_concluded_from_a_gap() -> None:
    """A room that was opened and closed, and no dispatch or participant in between."""
    opened = '{"level":"info","ts":1795470801.5,"logger":"livekit","msg":"selected node for room","room":"r-9"}'
    closed = '{"level":"info","ts":1795470861.9,"logger":"livekit.room","msg":"room closed","room":"r-9"}'
    settings = Settings(agent=Agent(name="Front Desk 7"))
    assert pasted(opened, closed, settings=settings).broken == ()


def test_the_order_of_the_lines_makes_no_difference() -> None:
    room = "request-raises"
    text = lines("worker.jsonl", room) + lines("livekit-server.jsonl", room) + lines("worker.jsonl", "job_request_fnc")
    expected = found(pasted("\n".join(text)))
    assert expected == [(JOB, "LKD404", "likely")]
    for seed in range(10):
        random.Random(seed).shuffle(text)
        assert found(pasted("\n".join(text))) == expected


def test_the_call_that_is_asked_for() -> None:
    everything = "\n".join(lines("livekit-server.jsonl") + lines("worker.jsonl"))
    room = {item["name"].split("-", 1)[1][:-5]: item["name"] for item in lk("rooms")["rooms"]}

    def codes(name: str) -> list[str]:
        return [item.code for item in pasted(everything, subject=Subject(room=room[name])).broken]

    assert codes("nobody") == ["LKD102"]
    assert codes("request-raises") == ["LKD404"]
    assert codes("entrypoint-raises") == ["LKD405"]
    assert codes("entrypoint-crashes") == ["LKD405"]
    assert codes("healthy") == []
    job = next(json.loads(line)["jobID"] for line in lines("livekit-server.jsonl", "assigned", "entrypoint-crashes"))
    by_id = pasted(everything, subject=Subject(livekit_id=job))
    assert by_id.room
    assert by_id.room.name == room["entrypoint-crashes"]


@pytest.mark.parametrize(
    "code",
    [
        "await create_sip_participant(r)\n    raise TwirpError('not_found', 'requested sip trunk does not exist')",
        'lkapi.sip.create_sip_participant.side_effect = TwirpError("resource_exhausted", "quota")',
        'if "requested sip trunk does not exist" in str(error):\n    pass',
        'if (err.message.includes("requested sip trunk does not exist")) {',
        "assert str(error) == 'requested sip trunk does not exist'",
        "I think it was 486 Busy, or maybe 503. We use SIP status 403 for blocked ones.",
        "Fehler: Verbindung abgelehnt. SIP-Status: 486 Besetzt.",
    ],
)
def test_code_and_chatter_are_no_answer(code: str) -> None:
    assert pasted(code).verdict is Verdict.UNKNOWN


@pytest.mark.parametrize(
    "text",
    [
        "billing: twirp error permission_denied: user may not read invoice",
        '{"error": {"code": "unauthenticated", "message": "invalid session cookie"}}',
    ],
)
def test_another_service_may_have_refused(text: str) -> None:
    assert found(pasted(text)) == [("room_created", "LKD004", "possible")]


REFUSED = "SIP call failed: 486 Busy Here (resource_exhausted)"


@pytest.mark.parametrize(
    "text",
    [
        f"It never rang. Last week on another call they saw `{REFUSED}`, but that was a different customer.",
        f'support says "{REFUSED}" means that the line is busy',
        f"is this the same as {REFUSED}?",
        f"Last week another customer had this: {REFUSED}",
        f"Not this one, that was: {REFUSED}",
        f"We saw this, too, but are unsure which call it was:\n{REFUSED}",
        'On another call we once got {"code": "resource_exhausted", "msg": "x", "meta": {"sip_status_code": "486"}}',
    ],
)
def test_what_a_sentence_quotes_may_be_about_another_call(text: str) -> None:
    diagnosis = pasted(text)
    assert found(diagnosis) == [(RINGING, "LKD204", "possible")]
    assert "quoted in a sentence" in diagnosis.broken[0].because[1].text
    status = {result.step: result.status for result in diagnosis.steps}
    assert status[Step.SIP_DIALING] is Status.UNKNOWN, "nothing shows that this call was dialled"
    own = found(pasted(f"{text}\n2031-02-03 04:05:06 dial: SIP call failed: 403 Forbidden (permission_denied)"))
    assert own == [(RINGING, "LKD204", "likely")], "the call's own line counts, and nothing else"


@pytest.mark.parametrize(
    "text",
    [
        f"SipCallError: {REFUSED}",
        "dial failed: SIP call failed: 486 Busy Here",
        REFUSED[:20],
        f"2031-02-03 01:00:05 ERROR Could not place call {REFUSED}",
        f"Exception in create call handler {REFUSED}",
        f"error creating sip participant {REFUSED} for call abc in room",
        f"this is what the edge function returned: {REFUSED}",
        f"when we call anybody we get this:\n{REFUSED}",
    ],
)
def test_an_error_on_a_line_of_its_own(text: str) -> None:
    assert found(pasted(in_chat(text))) == [(RINGING, "LKD204", "likely")]


def test_a_quoted_refusal_of_the_api() -> None:
    error = "TwirpError(code=permission_denied, message=permissions denied, status=403)"
    assert found(pasted(f"create_dispatch: {error}"))[0][2] == "likely"
    assert found(pasted(f"does create_dispatch say {error} when the grant is missing?"))[0][2] == "possible"


def test_a_request_that_was_declined_in_another_call() -> None:
    """The line of what request_fnc raised names no room; the text has several."""
    every = "\n".join(lines("worker.jsonl"))
    for room in ("outbound-nobody-1cfc", "outbound-health"):
        assert pasted(every, subject=Subject(room=room)).verdict is Verdict.UNKNOWN
    assert pasted(every).verdict is Verdict.UNKNOWN


TABLE = """
    $ lk dispatch list survey-0417
    ┌─────────────────┬─────────────┬──────────────┬────────────┬──────────┐
    │ DispatchID      │ Room        │ AgentName    │ Deployment │ Metadata │
    ├─────────────────┼─────────────┼──────────────┼────────────┼──────────┤
    │ AD_kW5tGz9XmRbe │ survey-0417 │ Survey Agent │            │          │
    └─────────────────┴─────────────┴──────────────┴────────────┴──────────┘
"""
REGISTERED = (
    '2026-11-27T06:00:13.220146Z [info     ] registered worker [livekit.agents] agent_name="{}" id=AW_xM6pQd3VtKzn'
)


DEPLOYED = """
    $ lk agent list
    ┌─────────────────┬───────────────┬─────────┬─────────────┬────────────────┬──────────────────────┐
    │ ID              │ Dispatch Name │ Regions │ Deployments │ Version        │ Deployed At          │
    ├─────────────────┼───────────────┼─────────┼─────────────┼────────────────┼──────────────────────┤
    │ CA_yR89qxXd3KKX │ survey-agent  │ us-east │ production  │ 20261031225740 │ 2026-10-31T22:58:02Z │
    └─────────────────┴───────────────┴─────────┴─────────────┴────────────────┴──────────────────────┘
"""


@pytest.mark.parametrize("known", [REGISTERED.format("survey-agent"), DEPLOYED])
@pytest.mark.parametrize("name", [None, "survey-agent"])
def test_a_dispatch_and_a_worker_of_almost_one_name(name: str | None, known: str) -> None:
    """Others, one of the dispatched name among them, were perhaps not picked."""
    diagnosis = pasted(TABLE + known, settings=Settings(agent=Agent(name=name)))
    assert found(diagnosis) == [(JOB, "LKD102", "possible")]
    assert {"Survey Agent", "survey-agent"} <= set(diagnosis.broken[0].because[0].text.split('"'))
    assert diagnosis.warnings == ()


@pytest.mark.parametrize("worker", ["Survey Agent", "bookkeeping"])
def test_a_dispatch_and_a_worker_of_its_name_or_of_another(worker: str) -> None:
    assert found(pasted(TABLE + REGISTERED.format(worker))) == []
    assert found(pasted(TABLE + DEPLOYED + REGISTERED.format("Survey Agent"))) == [], "there is one of its name"


STATUS = """
➜  voice-agent git:(main) lk agent status
Using project [acme-voice]
Using agent [CA_yR89qxXd3KKX]
┌─────────────────┬──────────────┬────────────────┬─────────┬────────────┬─────────┬─────────────┬───────────┬───────────┬──────────────────────┬──────────────────────┐
│ ID              │ Name         │ Version        │ Region  │ Deployment │ Status  │ CPU         │ Mem       │ Replicas  │ Deployed At          │ Last Observed        │
├─────────────────┼──────────────┼────────────────┼─────────┼────────────┼─────────┼─────────────┼───────────┼───────────┼──────────────────────┼──────────────────────┤
│ CA_yR89qxXd3KKX │ survey-agent │ v20261031-2257 │ us-east │ production │ Running │ 12m / 2000m │ 0.6 / 4GB │ 1 / 1 / 4 │ 2026-10-31T22:58:02Z │ 2026-11-27T15:31:20Z │
└─────────────────┴──────────────┴────────────────┴─────────┴────────────┴─────────┴─────────────┴───────────┴───────────┴──────────────────────┴──────────────────────┘
"""  # noqa: E501
AS_JSON = json.dumps(
    {
        "agents": [
            {
                "agentId": "CA_yR89qxXd3KKX",
                "agentName": "survey-agent",
                "agentDeployments": [{"region": "us-east", "status": "Running", "replicas": 1}],
                "deployedAt": "2026-10-31T22:58:02Z",
            }
        ]
    },
    indent=2,
)
OBSERVED = json.dumps({"agent_id": "CA_x", "agent_deployments": [{"region": "us-east", "agent_name": "survey-agent"}]})


@pytest.mark.parametrize("shown", [STATUS, AS_JSON, OBSERVED, DEPLOYED])
def test_every_form_in_which_lk_shows_the_agents_names_them(shown: str) -> None:
    diagnosis = pasted(f"{shown}\n{TABLE}")
    assert found(diagnosis) == [(JOB, "LKD102", "possible")]
    assert {"Survey Agent", "survey-agent"} <= set(diagnosis.broken[0].because[0].text.split('"'))
    other = pasted(f"{shown}\n{TABLE}".replace("survey-agent", "bookkeeping"))
    assert found(other) == [(JOB, "LKD102", "possible")], "status shows one of several"
    assert {"Survey Agent", "bookkeeping"} <= set(other.broken[0].because[0].text.split('"'))
    assert found(pasted(f"{shown}\n{TABLE}".replace("survey-agent", "Survey Agent"))) == []


def test_a_table_of_an_older_lk() -> None:
    older = """
+-----------------+-------------+--------------+----------+
|   DISPATCHID    |    ROOM     |  AGENTNAME   | METADATA |
+-----------------+-------------+--------------+----------+
| AD_kW5tGz9XmRbe | survey-0417 | Survey Agent |          |
+-----------------+-------------+--------------+----------+
"""
    assert found(pasted(older + REGISTERED.format("survey-agent"))) == [(JOB, "LKD102", "possible")]
    assert found(pasted(older + REGISTERED.format("Survey Agent"))) == []


@pytest.mark.parametrize("width", [80, 100, 120, 150])
def test_tables_that_a_terminal_cut(width: int) -> None:
    cut = (line[start : start + width].rstrip() for line in STATUS.splitlines() for start in range(0, len(line), width))
    text = "\n".join(cut)
    assert found(pasted(f"{text}\n\n{TABLE}")) == [(JOB, "LKD102", "possible")]
    assert recognised(text)["lines"] == 0


def test_an_agent_whose_name_was_not_observed_is_nobodys() -> None:
    assert found(pasted(f"{STATUS}\n{TABLE}".replace("survey-agent", "--          "))) == []
    older = STATUS.replace("Last Observed", "Seen         ")
    assert found(pasted(f"{older}\n{TABLE}")) == [], "the deployment's own name"


def test_several_agents_of_other_names() -> None:
    row = next(line for line in DEPLOYED.splitlines() if "CA_" in line)
    both = DEPLOYED.replace(
        row, f"{row.replace('survey-agent', 'bookkeeping ')}\n{row.replace('survey-agent', 'reception   ')}"
    )
    diagnosis = pasted(TABLE + both)
    assert found(diagnosis) == [(JOB, "LKD101", "possible")]
    assert "LKD102" in diagnosis.broken[0].candidates


def test_an_address_that_is_not_found_was_tried_and_not_dialled() -> None:
    text = (
        'SIP call failed {"room": "outbound-5512", "error": "fail to resolve target for \\"x.example\\": no such host"}'
    )
    diagnosis = pasted(f"2026-11-27T08:14:02.731Z   INFO    sip     sip/outbound.go:431     {text}")
    dialing = next(result for result in diagnosis.steps if result.step is Step.SIP_DIALING)
    assert dialing.status is Status.OK
    assert "answer" not in dialing.evidence[0].text


NODE = """[2026-11-27 13:41:00.620 +0000] ERROR (63): error in entry function
    jobID: "AJ_Xk3nPw8QmZ2v"
    error: {
      "type": "TypeError",
      "message": "Cannot read properties of undefined (reading 'phone_number')",
      "stack":
          TypeError: Cannot read properties of undefined (reading 'phone_number')
              at Object.entry (file:///app/dist/agent.js:41:38)
              at file:///app/node_modules/@livekit/agents/dist/ipc/job_proc_lazy_main.js:118:20
    }"""


def test_what_node_raised_is_named_and_not_its_last_frame() -> None:
    diagnosis = pasted(NODE)
    assert found(diagnosis) == [(ENTRYPOINT, "LKD405", "possible")]
    assert diagnosis.broken[0].values["detail"].startswith("TypeError: Cannot read properties")
    assert "give all of the worker's log" in " ".join(diagnosis.would_settle), "its lines are there already"


def test_what_has_no_time_is_known_nevertheless() -> None:
    diagnosis = pasted(
        '08:55:40 INFO livekit.agents received job request {"job_id": "AJ_qL8zTb5RmGyf", "room": "pizza"}'
    )
    assert (diagnosis.verdict, diagnosis.timeline, diagnosis.evidence_found) == (Verdict.UNKNOWN, (), True)


CRASHED = """ERROR:livekit.agents:unhandled exception while running the job task
Traceback (most recent call last):
  File "/app/agent.py", line 41, in entrypoint
    phone = json.loads(ctx.job.metadata)["phone_number"]
KeyError: 'phone_number'
"""
ASKED = 'INFO:livekit.agents:received job request {"job_id": "AJ_qL8zTb5RmGyf", "room": "pizza"}\n'


def test_a_crash_whose_line_names_no_job() -> None:
    """Many formats leave the fields out. Where the text tells of one job at most, it is that one's."""
    for text in (CRASHED, ASKED + CRASHED):
        assert found(pasted(text)) == [(ENTRYPOINT, "LKD405", "possible")], text
    other = ASKED.replace("AJ_qL8zTb5RmGyf", "AJ_zzzzzzzzzzzz").replace("pizza", "pasta")
    assert found(pasted(ASKED + other + CRASHED, subject=Subject(room="pizza"))) == []
    unnamed = "2026-11-03 09:14:{},311 - INFO livekit.agents - received job request\n"
    assert found(pasted(unnamed.format("02") + unnamed.format("03") + CRASHED)) == []


@pytest.mark.parametrize("before", ["api-1  | ", "2|api      | ", "Nov 06 10:11:12 api-1 node[881]: "])
def test_an_error_of_several_lines_behind_what_a_container_puts_before_each(before: str) -> None:
    text = """dispatch failed Not Found: requested room does not exist
    at toTwirpError (file:///app/node_modules/livekit-server-sdk/dist/TwirpRPC.js:214:10)
    at async AgentDispatchClient.createDispatch (file:///app/node_modules/livekit-server-sdk/dist/x.js:52:18) {
  status: 404,
  code: 'not_found',
  metadata: undefined
}"""
    alone = found(pasted(text))
    assert alone == [("agent_dispatched", "LKD401", "likely")]
    assert found(pasted("\n".join(before + line for line in text.splitlines()))) == alone


def test_rsyslogs_tabs() -> None:
    failed = 'INFO\tsip\tsip/x.go:1\tSIP call failed\t{"room": "a", "error": "sip status: 486: Busy Here"}'
    text = f"Jun 17 15:09:39 sip-1 livekit-sip[812]: 2024-06-17T15:09:39.933Z\t{failed}"
    assert found(pasted(text.replace("\t", "#011"))) == found(pasted(text)) != []


REQUESTED = "INFO:livekit.agents:received job request\n"
GAVE_UP = f"{REQUESTED}ERROR:livekit.agents:failed to launch job on process after 3 attempts\n"
RAISED_BY_IT = f"""{REQUESTED}ERROR:livekit.agents:unhandled exception while running the job task
Traceback (most recent call last):
  File "/app/agent.py", line 21, in entrypoint
    phone = meta["phone"]
KeyError: 'phone'
"""


@pytest.mark.parametrize(
    ("text", "code", "candidates"), [(GAVE_UP, "LKD417", ()), (RAISED_BY_IT, "LKD405", ("LKD407",))]
)
def test_no_candidate_is_what_the_line_itself_excludes(text: str, code: str, candidates: tuple[str, ...]) -> None:
    (broken,) = pasted(text).broken
    assert (broken.code, broken.candidates) == (code, candidates)


@pytest.mark.parametrize(
    ("people", "sure", "candidates"),
    [
        ([{"sid": "PA_abcdef123456", "identity": "phone", "kind": "SIP", "state": "ACTIVE"}], "likely", ()),
        ([], "possible", ("LKD101",)),
    ],
)
def test_almost_the_name_and_who_is_in_the_room(people: list[Any], sure: str, candidates: tuple[str, ...]) -> None:
    """A worker of the dispatched name would have brought the agent."""
    listed = json.dumps({"participants": people}) if people else ""
    (broken,) = pasted(TABLE + DEPLOYED + listed).broken
    assert (broken.code, str(broken.confidence), broken.candidates) == ("LKD102", sure, candidates)


OF_AGENTS = "file:///app/node_modules/@livekit/agents/dist/ipc/job_proc_lazy_main.js"
NODE_STACK = f"""TypeError: Cannot read properties of undefined (reading 'phone')
    at Object.entry (file:///app/dist/agent.js:38:31)
    at {OF_AGENTS}:97:14"""
AWAITED = f"""AxiosError: Request failed with status code 401
    at settle (file:///app/node_modules/axios/lib/core/settle.js:19:12)
    at async loadTenant (file:///app/dist/tenants.js:14:15)
    at async Object.entry (file:///app/dist/agent.js:41:20)
    at async {OF_AGENTS}:132:7"""
NOT_AWAITED = NODE_STACK.replace("    at O", "    at report (file:///app/dist/report.js:3:9)\n    at O", 1)
PYTHON_STACK = """Traceback (most recent call last):
  File "/app/.venv/lib/python3.11/site-packages/livekit/agents/ipc/job_proc_lazy_main.py", line 353, in {}
    await self._job_entrypoint_fnc(job_ctx)
  File "/app/agent.py", line 41, in entrypoint
    phone = json.loads(ctx.job.metadata)["phone"]
KeyError: 'phone'"""


def rejected(stack: str, message: str = "Unhandled promise rejection") -> str:
    error = {"type": "Error", "message": "no", "stack": stack}
    return json.dumps({"level": 20, "time": 1795797609997, "pid": 88, "error": error, "msg": message})


@pytest.mark.parametrize(
    "text", [NODE_STACK, AWAITED, rejected(NODE_STACK), rejected(AWAITED), PYTHON_STACK.format("_traceable_entrypoint")]
)
def test_what_ended_the_entrypoint_without_a_line_that_says_so(text: str) -> None:
    assert found(pasted(text)) == [(ENTRYPOINT, "LKD405", "possible")]


@pytest.mark.parametrize(
    "text",
    [
        NOT_AWAITED,
        rejected(NOT_AWAITED),
        rejected(AWAITED, "no CRM, going on without"),
        rejected(AWAITED.replace("Object.entry", "Object.prewarm")),
        PYTHON_STACK.format("_on_shutdown"),
    ],
)
def test_what_the_entrypoint_began_or_caught_did_not_end_it(text: str) -> None:
    assert found(pasted(text)) == []


DIALS = '2026-11-28 14:20:01,300 - ERROR dentist - dial failed: {} {{"pid": 36, "job_id": "AJ_kT4xWq9ZvNrc"}}'
IN_JSON = '{{"message": "dial failed: {}", "level": "ERROR", "name": "dentist", "job_id": "AJ_kT4xWq9ZvNrc"}}'
UNREACHED = "INVITE failed: dial tcp 203.0.113.80:5061: connect: connection refused"


@pytest.mark.parametrize("line", [DIALS, IN_JSON])
@pytest.mark.parametrize(
    "words",
    [
        *("SIP 486 Busy Here", "SIP 486 Busy Here, shutting down", "SIP status 486", "sip_status_code=486, giving up"),
        *("got 486 Busy Here from carrier", "SIP response 486"),
    ],
)
def test_a_status_in_the_words_of_the_teams_program(words: str, line: str) -> None:
    diagnosis = pasted(line.format(words))
    assert found(diagnosis) == [(RINGING, "LKD204", "likely")]
    assert diagnosis.broken[0].values["sip_status"] == "486"


def test_an_invite_that_got_to_nobody_behind_the_teams_own_words() -> None:
    assert found(pasted(f"error from createSipParticipant: {UNREACHED}")) == [(RINGING, "LKD209", "likely")]
    assert found(pasted(f'if "{UNREACHED}" in str(e):')) == []


@pytest.mark.parametrize(
    "line",
    [
        "2026-11-28 14:20:01,300 - ERROR dentist - CRM lookup failed: 404 Not Found, giving up",
        "2026-11-28 14:20:01,300 - ERROR dentist - dial failed: HTTP status 486",
        '2026-11-28 14:20:01,300 - ERROR dentist - sync failed: 500 {"job_id": "AJ_kT4xWq9ZvNrc"}',
    ],
)
def test_a_number_that_is_no_sip_status(line: str) -> None:
    assert found(pasted(line)) == []


FROM_TO = "From: <sip:+15555550100@lk.example>;tag=SCL_n\nTo: <sip:+15555550134@c.example>\nCall-ID: 4c2b6a1e"


def trace(answer: str) -> str:
    """A login that the carrier asked for, and how it answered it."""
    sent = f"INVITE sip:+15555550134@c.example SIP/2.0\n{FROM_TO}\nCSeq: {{}} INVITE\nUser-Agent: LiveKit\n"
    asked = f"SIP/2.0 407 Proxy Authentication Required\n{FROM_TO}\nCSeq: 1 INVITE\n"
    return "\n".join((sent.format(1), asked, sent.format(2), f"SIP/2.0 {answer}\n{FROM_TO}\nCSeq: 2 INVITE\n"))


def test_the_trace_and_the_error_of_one_dial_whose_login_failed() -> None:
    error = "TwirpError(code=unknown, message=INVITE failed: {} for SIP invite, status=500)"
    failed, other = error.format("max auth retry attempts reached"), error.format("no such host")
    again = trace("407 Proxy Authentication Required")
    assert found(pasted(f"{again}\n{failed}")) == [(RINGING, "LKD208", "likely")]
    assert [sure for *_, sure in found(pasted(f"{again}\n{other}"))] == ["possible"], "that was another dial"


@pytest.mark.parametrize(
    ("answer", "others"), [("403 Authentication failure", ("LKD208",)), ("403 Forbidden", ()), ("486 Busy Here", ())]
)
def test_a_403_that_may_be_of_the_login(answer: str, others: tuple[str, ...]) -> None:
    (broken,) = pasted(trace(answer)).broken
    assert (broken.code, broken.candidates) == ("LKD204", others)


@pytest.mark.parametrize(
    ("message", "code"),
    [
        ("permissions denied", "LKD004"),
        ("no response from servers", "LKD203"),
        ("cpu exhausted", "LKD203"),
        ("requested sip trunk does not exist", "LKD201"),
        ("twirp error unknown: server required auth, but no username or password was provided", "LKD208"),
        ("twirp error unknown: no common audio codec found", "LKD210"),
        ("twirp error resource_exhausted: concurrent sip call limit exceeded", "LKD006"),
    ],
)
def test_what_the_example_of_an_agent_that_dials_logs(message: str, code: str) -> None:
    """In outbound-caller-python's own line, with the server's words in the middle of it, and no status."""
    error = f"error creating SIP participant: {message}, SIP status: None None"
    for text in (error, f'2026-01-06 13:55:12,728 - ERROR outbound-caller - {error} {{"room": "call-17"}}'):
        assert [item.code for item in pasted(text).broken] == [code]
    busy = "error creating SIP participant: twirp error unknown: INVITE failed, SIP status: 486 Busy Here"
    assert [item.code for item in pasted(busy).broken] == ["LKD204"]


def test_a_webhook_without_a_time_of_joining() -> None:
    """Who joined by it did so then: a phone that was dialled after another had left is the latest."""
    left = '{{"event": "participant_{event}", "id": "EV_{at}", "createdAt": "17951652{at}", "room": {{"name": "r-1"}}, '
    left += (
        '"participant": {{"sid": "PA_{sid}", "identity": "sip_1", "kind": "SIP", "attributes": {attributes}{why}}}}}'
    )
    phone = {"event": "joined", "sid": "first0000001", "attributes": '{"sip.callStatus": "ringing"}', "why": ""}
    gone = phone | {"event": "left", "why": ', "disconnectReason": "USER_UNAVAILABLE"'}
    again = phone | {"sid": "second000001"}
    lines = [left.format(at=10, **phone), left.format(at=40, **gone)]
    assert [item.code for item in pasted("\n".join(lines)).broken] == ["LKD206"]
    assert not pasted("\n".join([*lines, left.format(at=45, **again)])).broken
