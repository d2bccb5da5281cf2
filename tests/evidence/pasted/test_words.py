"""Words for the same fact, by version, SDK and carrier, each with the smallest evidence and the nearest of none."""

import json

import pytest

from livekit_doctor.catalogue import get, render_fix
from livekit_doctor.diagnosis.result import Broken, Diagnosis
from tests.evidence.pasted.samples import pasted


def found(diagnosis: Diagnosis, code: str) -> Broken:
    """What is said of this code, which is the first that is said."""
    assert [item.code for item in diagnosis.broken][:1] == [code]
    return diagnosis.broken[0]


def fix_of(item: Broken) -> str:
    return render_fix(get(item.code), item.values)


ASKED = (
    "2026-01-06 13:55:02,728 - INFO livekit.agents - received job request "
    '{"job_id": "AJ_NZkzrmtKEmHG", "room": "call-17", "agent_name": "caller"}'
)


def worker_line(message: str, level: str = "WARNING", at: str = "13:55:12,728") -> str:
    return f"2026-01-06 {at} - {level} livekit.agents - {message}"


def pino(message: str, **fields: object) -> str:
    return json.dumps({"level": 50, "time": 1767700000000, "pid": 1, **fields, "msg": message})


def sip_line(error: str) -> str:
    fields = {"callID": "SCL_aaaaaaaaaaaa", "room": "call-17", "error": error}
    return f"2026-02-12T10:01:02.003Z\tINFO\tsip\tsip/client.go:141\tSIP call failed\t{json.dumps(fields)}"


def refused(message: str, status: str = "") -> str:
    return f"TwirpError(code=failed_precondition, message={message}{status})\n  in create_sip_participant"


@pytest.mark.parametrize(
    "text",
    [
        pino("worker connection closed unexpectedly"),
        pino("failed to connect to LiveKit server (wss://lk.example.com), retrying in 2 seconds: (1/16)"),
        worker_line("worker connection closed unexpectedly"),
        worker_line("failed to connect to livekit, retrying in 2s"),
    ],
)
def test_a_worker_that_lost_its_connection(text: str) -> None:
    assert [(item.code, item.confidence) for item in pasted(text).broken] == [("LKD105", "likely")]


def test_a_worker_that_connected_again() -> None:
    again = {"level": 30, "time": 1767700001000, "pid": 1, "id": "AW_aaaaaaaaaaaa", "msg": "registered worker"}
    assert not pasted(pino("worker connection closed unexpectedly") + "\n" + json.dumps(again)).broken


@pytest.mark.parametrize(
    "why",
    [
        "aiohttp.client_exceptions.WSServerHandshakeError: 401, message='Invalid response status', "
        "url='wss://lk.example.com/agent'",
        "aiohttp.client_exceptions.WSServerHandshakeError: 403, message='Forbidden', url='wss://lk.example.com/agent'",
        "Error: Unexpected server response: 401",
        "websockets.exceptions.InvalidStatus: server rejected WebSocket connection: HTTP 401",
    ],
)
def test_a_worker_whose_key_is_refused(why: str) -> None:
    trace = f'Traceback (most recent call last):\n  File "/app/worker.py", line 7, in _connect\n{why}'
    item = found(pasted(worker_line("failed to connect to livekit, retrying in 2s") + "\n" + trace), "LKD105")
    assert "LKD004" in item.candidates
    assert why.split(",")[0] in str(item.because)
    assert fix_of(item).startswith("The server answers 401 or 403 at /agent")


@pytest.mark.parametrize(
    "why",
    [
        "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host lk.example.com:443",
        "aiohttp.client_exceptions.WSServerHandshakeError: 502, message='Invalid response status', "
        "url='wss://lk.example.com/agent'",
    ],
)
def test_a_network_is_no_key(why: str) -> None:
    trace = f'Traceback (most recent call last):\n  File "/app/worker.py", line 7, in _connect\n{why}'
    item = found(pasted(worker_line("failed to connect to livekit, retrying in 2s") + "\n" + trace), "LKD105")
    assert not any("does not take its key" in each.text for each in item.because)


@pytest.mark.parametrize(
    "text",
    [
        worker_line("initialization timed out, killing process", "ERROR"),
        worker_line("initialization timed out, killing job", "ERROR"),
        worker_line("error initializing process", "ERROR"),
    ],
)
def test_a_process_that_never_came_up(text: str) -> None:
    item = found(pasted(ASKED + "\n" + text), "LKD417")
    assert item.confidence == "possible"
    assert "LKD405" in item.candidates
    assert not pasted(text).broken, "for which job, nothing says"


def test_a_process_that_came_up() -> None:
    raised = worker_line("unhandled exception while running the job task", "ERROR")
    raised += ' {"job_id": "AJ_NZkzrmtKEmHG"}'
    late = worker_line("initialization timed out, killing process", "ERROR", "13:55:30,000")
    assert "LKD417" not in [item.code for item in pasted("\n".join((ASKED, raised, late))).broken]


@pytest.mark.parametrize(
    "text",
    [
        '2026-01-06 13:55:18,728 - ERROR livekit - failed to connect: Connection("wait_pc_connection timed out")',
        "2026-01-06 13:55:18,728 - WARN livekit - livekit::rtc_engine:446:livekit::rtc_engine - "
        'failed to connect: Connection("wait_pc_connection timed out"), retrying... (1/3)',
        '2026-01-06 13:55:18,728 - ERROR livekit.agents - unhandled exception while running the job task {"job_id": '
        '"AJ_NZkzrmtKEmHG"}\nTraceback (most recent call last):\n  File "/app/agent.py", line 9, in entrypoint\n'
        "    await ctx.connect()\nlivekit.rtc.room.ConnectError: engine: connection: wait_pc_connection timed out",
    ],
)
def test_media_that_never_connected(text: str) -> None:
    assert found(pasted(ASKED + "\n" + text), "LKD416").step == "agent_connected"


def test_another_timeout_is_not_the_medias() -> None:
    other = '2026-01-06 13:55:18,728 - ERROR livekit - failed to connect: Signal("signal connection timed out")'
    assert "LKD416" not in [item.code for item in pasted(ASKED + "\n" + other).broken]


@pytest.mark.parametrize(
    ("error", "status"),
    [
        ("Unexpected StatusCode from INVITE response 403", "403"),
        ("update SIP failed: Unexpected StatusCode from INVITE response 486", "486"),
        ("unexpected status from INVITE response: sip status: 404: Not Found", "404"),
        ("INVITE failed: sip status: 480 (TEMPORARILY_UNAVAILABLE)", "480"),
        ("INVITE blocked by carrier: carrier blocked call (twilio error 32203): sip status: 603: Decline", "603"),
    ],
)
def test_a_refusal_in_old_and_new_words(error: str, status: str) -> None:
    for text in (sip_line(error), refused(error), f"call failed: {error}"):
        item = found(pasted(text), "LKD204")
        assert f"SIP {status}" in str(item.because)
        assert "as HTTP" not in str(item.because), "the text has none"


def test_the_http_status_that_the_text_has() -> None:
    item = found(pasted(refused("INVITE failed: sip status: 486: Busy Here", ", status=429")), "LKD204")
    assert "SIP status 486 Busy Here (as HTTP 429 failed_precondition)" in str(item.because)


@pytest.mark.parametrize("error", ["Unexpected StatusCode from INVITE response 401", "INVITE failed: sip status: 407"])
def test_a_login_in_old_words(error: str) -> None:
    assert found(pasted(sip_line(error)), "LKD208")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("503: Trunk CPS limit exceeded", "more calls per second"),
        ("429: Too many requests", "more calls per second"),
        ("503: Concurrent Call Limit Exceeded", "as many concurrent calls"),
        ("403: User channel limit exceeded D1", "as many concurrent calls"),
        ("403: Call limit exceeded", "over the concurrent calls or the calls per second"),
        ("603: Call blocked as potential fraud", "as likely fraud"),
        ("403: Phone number is blacklisted", "as likely fraud"),
        ("403: No International Permission", "may not call this destination"),
        ("402: Payment Required", "no credit"),
        ("403: Insufficient balance", "no credit"),
        ("403: Caller ID is unauthorized", "the number that you call from"),
        ("403: Unverified origination number D51", "the number that you call from"),
        ("403: Caller Origination Number is Invalid D35", "the number that you call from"),
    ],
)
def test_what_carriers_say_in_words(words: str, says: str) -> None:
    item = found(pasted(refused(f"INVITE failed: sip status: {words}")), "LKD204")
    told = [each.text for each in item.because if each.source.startswith(("SIP ", "or"))]
    assert len(told) == 1
    assert says in told[0]
    assert len(fix_of(item).splitlines()) <= 2, "one fix, of these words"


@pytest.mark.parametrize("words", ["503: Service Unavailable", "403: Forbidden", "486: Busy Here", "603: Decline"])
def test_a_status_by_its_own_name_says_no_more(words: str) -> None:
    item = found(pasted(refused(f"INVITE failed: sip status: {words}")), "LKD204")
    assert fix_of(item) == render_fix(get("LKD204"), {"sip_status": words[:3]})


def test_482_is_a_merged_request_first() -> None:
    item = found(pasted(refused("INVITE failed: sip status: 482: Loop Detected")), "LKD204")
    assert "Merged Request" in item.because[1].text


def test_a_transaction_without_any_answer() -> None:
    item = found(pasted(sip_line("transaction failed to complete (0 intermediate responses)")), "LKD205")
    assert item.confidence == "likely"
    assert "LKD206" not in item.candidates
    assert "LKD209" in item.candidates


@pytest.mark.parametrize("count", [1, 3])
def test_a_transaction_with_answers_but_no_final_one(count: int) -> None:
    diagnosis = pasted(sip_line(f"transaction failed to complete ({count} intermediate responses)"))
    item = found(diagnosis, "LKD205")
    assert item.confidence == "possible"
    assert "LKD206" in item.candidates
    assert "LKD209" in [ruled.code for ruled in diagnosis.ruled_out]


@pytest.mark.parametrize(
    ("text", "confidence"),
    [
        (
            "TwirpError(code=not_found, message=requested room does not exist, status=404)\n  in create_dispatch",
            "likely",
        ),
        ("TwirpError(code=not_found, message=requested room does not exist, status=404)", "possible"),
        ("createDispatch failed: twirp error not_found: requested room does not exist", "likely"),
    ],
)
def test_a_dispatch_into_a_room_that_is_not_there(text: str, confidence: str) -> None:
    item = found(pasted(text), "LKD401")
    assert (item.step, item.confidence) == ("agent_dispatched", confidence)
    assert {"LKD501", "LKD502"} <= set(item.candidates)
    assert "CreateRoom comes first" in item.because[-1].text


@pytest.mark.parametrize("method", ["delete_room", "list_participants", "list_dispatch"])
def test_another_request_for_a_room_that_is_gone(method: str) -> None:
    text = f"TwirpError(code=not_found, message=requested room does not exist, status=404)\n  in {method}"
    assert not pasted(text).broken
