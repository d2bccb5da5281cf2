"""Words for the same fact, by version, SDK and carrier, each with the smallest evidence and the nearest of none."""

import json

import pytest

from livekit_doctor.catalogue import get, render_fix
from livekit_doctor.diagnosis.result import Broken, Diagnosis
from livekit_doctor.flow import Status, Step
from tests.evidence.pasted.samples import pasted, recognised


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
    """Whether a later attempt succeeded, or a call was dispatched meanwhile, nobody knows."""
    assert [(item.code, item.confidence) for item in pasted(text).broken] == [("LKD105", "possible")]


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


TLS = "aiohttp.client_exceptions.ClientConnectorCertificateError: Cannot connect to host lk.example.com:443 ssl:True "
VERIFY = (
    TLS + "[SSLCertVerificationError: (1, '[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1)')]"
)


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        (VERIFY.format("self-signed certificate"), "The server's certificate, its issuer"),
        (VERIFY.format("unable to get local issuer certificate"), "The server's certificate, its issuer"),
        (VERIFY.format("certificate has expired"), "The server's certificate, its time"),
        (VERIFY.format("Hostname mismatch, certificate is not valid for 'x'."), "The server's certificate, its host"),
        (
            "aiohttp.client_exceptions.ClientConnectorSSLError: [SSL: WRONG_VERSION_NUMBER] wrong version",
            "TLS to a port",
        ),
        ("Error: self-signed certificate in certificate chain", "The server's certificate, its issuer"),
        ("Error [ERR_TLS_CERT_ALTNAME_INVALID]: Hostname/IP does not match", "The server's certificate, its host"),
        ("Error: write EPROTO 1:error:0A00010B:SSL routines::wrong version number", "TLS to a port"),
    ],
)
def test_a_worker_whose_tls_fails(why: str, fix: str) -> None:
    """Before its key was looked at; and no later attempt gets over it."""
    trace = f'Traceback (most recent call last):\n  File "/app/worker.py", line 7, in _connect\n{why}'
    of_node = pino("failed to connect to LiveKit server, retrying in 2 seconds", error=why)
    raised = worker_line("failed to connect to livekit, retrying in 2s") + "\n" + trace
    for text in (
        of_node if why.startswith("Error") else raised,
        worker_line(f"failed to connect to livekit, retrying in 2s: {why}"),
    ):
        item = found(pasted(text), "LKD105")
        assert item.confidence == "likely"
        assert "LKD004" not in item.candidates
        assert fix_of(item).startswith(fix)


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        (
            "ClientConnectorDNSError: Cannot connect to host lk.exmple.com:443 [Name or service not known]",
            "The host in",
        ),
        ("Error: getaddrinfo ENOTFOUND lk.exmple.com", "The host in the worker's LIVEKIT_URL"),
        (
            "ClientConnectorError: Cannot connect to host x:7880 [Connect call failed ('127.0.0.1', 7880)]",
            "Nothing listens",
        ),
        ("aiohttp.client_exceptions.WSServerHandshakeError: 502, message='Invalid response status'", "A proxy answers"),
        ("Error: Unexpected server response: 404", "What answers makes no WebSocket of it"),
        (
            "aiohttp.client_exceptions.ClientConnectorError: Cannot connect to host lk.example.com:443",
            "Read the worker's",
        ),
    ],
)
def test_a_network_is_no_key(why: str, fix: str) -> None:
    trace = f'Traceback (most recent call last):\n  File "/app/worker.py", line 7, in _connect\n{why}'
    item = found(pasted(worker_line("failed to connect to livekit, retrying in 2s") + "\n" + trace), "LKD105")
    assert item.confidence == "possible", "the next attempt may succeed"
    assert not any("does not take its key" in each.text for each in item.because)
    assert fix_of(item).startswith(fix)


def test_another_services_key() -> None:
    """A speech service refuses its key in the same words."""
    other = (
        worker_line("failed to recognize speech") + '\nTraceback (most recent call last):\n  File "/app/stt.py", line 3'
    )
    other += "\naiohttp.client_exceptions.WSServerHandshakeError: 401, message='x', url='wss://api.example.com/listen'"
    assert not pasted(other).broken
    lost = worker_line("worker connection closed unexpectedly")
    assert "LKD004" in found(pasted(f"{lost}\n{other}"), "LKD105").candidates, "as for any reason"
    assert not fix_of(found(pasted(f"{lost}\n{other}"), "LKD105")).startswith("The server answers 401")


@pytest.mark.parametrize("name", ["ws_url", "api_key", "api_secret"])
def test_a_worker_that_does_not_start(name: str) -> None:
    raised = f"ValueError: {name} is required, or add LIVEKIT_X in your environment"
    trace = 'Traceback (most recent call last):\n  File "/lib/livekit/agents/worker.py", line 270, in __init__'
    assert fix_of(found(pasted(f"{trace}\n{raised}"), "LKD105")).startswith("The worker does not start without")
    assert not pasted(f'Traceback (most recent call last):\n  File "/app/x.py", line 2, in f\n{raised}').broken


def test_a_process_of_nodes_that_broke_down() -> None:
    """Its line names no job."""
    asked = {
        "level": 30,
        "time": 1767700000000,
        "jobId": "AJ_NZkzrmtKEmHG",
        "room": "call-17",
        "msg": "received job request",
    }
    died = pino(
        "job process exited unexpectedly; this likely means the error above caused a crash", err={"message": "x"}
    )
    item = found(pasted(f"{json.dumps(asked)}\n{died}"), "LKD405")
    assert (item.confidence, item.step) == ("possible", "entrypoint_called")
    assert not pasted(died).broken, "whose it was, nothing says"
    assert not pasted(f"{died}\n{json.dumps(asked)}").broken, "it was before this job"


@pytest.mark.parametrize(
    "late",
    [
        worker_line('job executor is unresponsive {"delay": 508, "job_id": "AJ_NZkzrmtKEmHG"}'),
        worker_line('process is unresponsive {"delay": 731, "job_id": "AJ_NZkzrmtKEmHG"}'),
        worker_line('job is unresponsive {"delay": 731, "job_id": "AJ_NZkzrmtKEmHG"}'),
        pino("job is unresponsive (731ms delay)", jobId="AJ_NZkzrmtKEmHG"),
    ],
)
def test_one_that_answers_late_is_no_break(late: str) -> None:
    """Under load each healthy call has such a line."""
    diagnosis = pasted(f"{ASKED}\n{late}")
    assert not diagnosis.broken
    status = {result.step: result.status for result in diagnosis.steps}
    assert status[Step.ENTRYPOINT_CALLED] is Status.UNKNOWN, "a warm process may be late, too"


@pytest.mark.parametrize(
    "killed",
    [
        worker_line('process is unresponsive, killing process {"job_id": "AJ_NZkzrmtKEmHG"}', "ERROR"),
        worker_line('job is unresponsive, killing job {"job_id": "AJ_NZkzrmtKEmHG"}', "ERROR"),
        pino("job is unresponsive", jobId="AJ_NZkzrmtKEmHG"),
    ],
)
def test_one_that_does_not_answer_is_killed(killed: str) -> None:
    assert found(pasted(f"{ASKED}\n{killed}"), "LKD415")


SLOW = worker_line('The room connection was not established within 10 seconds {"job_id": "AJ_NZkzrmtKEmHG"}')


def exiting(at: str, **fields: str) -> str:
    return worker_line(f"process exiting {json.dumps({'job_id': 'AJ_NZkzrmtKEmHG', **fields})}", "INFO", at)


@pytest.mark.parametrize(
    "after",
    [
        "",
        exiting("13:57:00,001", reason="room disconnected"),
        exiting("13:57:00,001", reason="session closed"),
        exiting("13:55:15,001"),
        worker_line("shutting down worker", "INFO", "13:55:15,001"),
    ],
)
def test_an_agent_that_is_said_to_be_slow(after: str) -> None:
    """It may have come after that, as slow agents of good calls do, as long as nothing ended it."""
    assert not pasted(f"{ASKED}\n{SLOW}\n{after}").broken


@pytest.mark.parametrize(
    "after", [exiting("13:57:00,001"), worker_line("shutting down worker", "INFO", "13:55:40,001")]
)
def test_an_agent_that_was_slow_until_its_job_was_ended(after: str) -> None:
    item = found(pasted(f"{ASKED}\n{SLOW}\n{after}"), "LKD415")
    assert (item.confidence, "LKD407" in item.candidates) == ("possible", True)


@pytest.mark.parametrize(
    "slow",
    [
        "room not connect after job_entry was called after 10 seconds, ",
        "room not connected after job_entry was called after 10 seconds, did you forget to call job_ctx.connect()?",
    ],
    ids=["Node's", "Python's, older"],
)
def test_an_agent_that_was_slow_until_the_worker_was_stopped(slow: str) -> None:
    said = (
        'received job request\n    jobId: "AJ_NZkzrmtKEmHG"\n    agentName: "caller"',
        slow,
        "shutting down worker",
    )
    lines = [f"[13:5{minute}:12.728] INFO (7): {message}" for minute, message in enumerate(said)]
    assert not pasted("\n".join(lines[:2])).broken
    assert found(pasted("\n".join(lines)), "LKD415").confidence == "possible"


def unsent(error: str, **fields: str) -> str:
    values = {"error": error, "jobType": "JT_ROOM", "agentName": "caller"} | fields
    head = "2026-01-06T13:55:02.728Z\tINFO\tlivekit\tagent/client.go:150"
    return f"{head}\tfailed to send job request\t{json.dumps(values)}"


@pytest.mark.parametrize(
    ("error", "code"),
    [
        ("no response from servers", "LKD402"),
        ("no servers available (received 1 responses)", "LKD103"),
        ("request timed out", "LKD403"),
    ],
)
def test_a_job_request_that_was_not_sent(error: str, code: str) -> None:
    """It names neither room nor job."""
    assert found(pasted(unsent(error)), code).confidence == "possible"
    for noise in (
        unsent(error, agentName=""),
        unsent(f"failed sending TerminateJob RPC: {error}", jobID="AJ_aaaaaaaaaaaa"),
    ):
        assert not pasted(noise).broken, noise
    if code != "LKD403":
        assert not pasted(unsent(error, jobType="JT_PARTICIPANT")).broken
        assert not pasted(f"{unsent(error)}\n{ASKED}").broken, "a worker was asked"


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


@pytest.mark.parametrize("words", ["failed to acquire process for job", "failed to launch job on process"])
@pytest.mark.parametrize("raised", [True, False])
def test_a_job_that_was_accepted_and_not_launched_was_not_declined(words: str, raised: bool) -> None:
    """livekit-agents raises it out of request_fnc, which had accepted."""
    lines = ["INFO:livekit.agents:received job request", f"ERROR:livekit.agents:{words} after 3 attempts"]
    diagnosis = pasted("\n".join([*lines, *["ERROR:livekit.agents:job_request_fnc failed"] * raised]))
    assert [item.code for item in diagnosis.broken] == ["LKD417"]


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


RTC = "livekit_ffi::server::room:301:livekit_ffi::server::room - error while connecting to a room: engine: "
NO_MEDIA = f"{RTC}connection error: wait_pc_connection timed out"
NESTED = {"message": NO_MEDIA, "service": "agent", "timestamp": "2026-11-28T09:07:54.009Z"}


@pytest.mark.parametrize(
    "text",
    [
        f"the worker on the new VM prints this for each call:\n{NO_MEDIA}",
        f"Date,Host,Service,Message\n2026-11-28T09:07:54.009Z,ip-10-0-4-8,voice-agent,{NO_MEDIA}",
        f'2026-11-28T09:07:54Z {{app="voice-agent", pod="a-1"}} {NO_MEDIA}',
        json.dumps([{"id": "AwA1", "attributes": {**NESTED, "attributes": {"name": "livekit"}}}]),
    ],
)
def test_what_the_rtc_library_says_without_a_head(text: str) -> None:
    diagnosis = pasted(text)
    assert found(diagnosis, "LKD416").step == "agent_connected"
    assert diagnosis.room is None, "room:301:livekit_ffi names none"
    assert not pasted(text.replace("wait_pc_connection timed out", "signal closed")).broken


@pytest.mark.parametrize("status", ["401", "403"])
def test_the_agents_joining_that_was_refused_by_the_workers_log(status: str) -> None:
    line = f"2026-11-28 09:07:54,009 - ERROR livekit - {RTC}signal failure: client error: {status} - invalid token"
    refused = found(pasted(f"{ASKED}\n{line}"), "LKD415")
    assert (str(refused.confidence), refused.values["kind"]) == ("possible", "refused")
    assert "LKD005" in refused.candidates
    assert not pasted(f"{ASKED}\n{line.replace(status, '503')}").broken


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


@pytest.mark.parametrize("above", ["GET https://crm.example/leads/77 http status: 404", "error: http status: 404"])
@pytest.mark.parametrize("head", ["2025-07-18 19:24:18,415 - ERROR acme - ", "Traceback (most recent call last):\n"])
def test_the_http_status_of_something_else_above(above: str, head: str) -> None:
    error = "create_sip_participant failed: twirp error unknown: no response from servers"
    item = found(pasted(f"{above}\n{head}{error}"), "LKD203")
    assert item.because[0].text == "no SIP status: no response from servers"


@pytest.mark.parametrize("above", ["HTTP/1.1 503 Service Unavailable\nContent-Type: application/json\n", "status: 503"])
def test_the_http_status_above_an_answer_is_its_own(above: str) -> None:
    body = '{"code":"unavailable","msg":"no response from servers"}'
    item = found(pasted(f"POST /twirp/livekit.SIP/CreateSIPParticipant\n{above}\n{body}"), "LKD203")
    assert "HTTP 503" in item.because[0].text


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
    assert "LKD209" not in item.candidates


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


CLIENT = 'File "/lib/livekit/api/twirp_client.py", line 110, in request'


@pytest.mark.parametrize(
    ("why", "fix"),
    [
        ("aiohttp.client_exceptions.ClientConnectorError: [Connect call failed ('127.0.0.1', 7880)]", "Refused"),
        ("Error: getaddrinfo ENOTFOUND acme.livekit.clod", "DNS"),
        (
            "aiohttp.client_exceptions.ClientConnectorCertificateError: [certificate has expired]",
            "Certificate, its time",
        ),
    ],
)
def test_a_program_that_does_not_reach_livekit(why: str, fix: str) -> None:
    trace = 'Traceback (most recent call last):\n  File "/app/dial.py", line 3, in place\n    create_dispatch(req)'
    item = found(pasted(f"{trace}\n  {CLIENT}\n{why}"), "LKD003")
    assert (item.step, item.confidence) == ("agent_dispatched", "likely")
    assert fix_of(item).startswith(fix)
    assert not pasted(f"{trace}\n{why}").broken, "a database's, maybe"
    assert not pasted(f"  {CLIENT}\n{why}").broken, "of which request, nothing says"


@pytest.mark.parametrize(
    "text",
    [
        "transfer failed: TwirpError(code=internal, message=twirp error unknown: sip status 491: 491, status=500)",
        "SIP transfer failed: 603 Decline (failed_precondition)",
        "TwirpError(code=permission_denied, message=sip status: 403: Forbidden)\n  in transfer_sip_participant",
    ],
)
def test_a_transfer_that_was_refused(text: str) -> None:
    assert not pasted(text).broken
    assert recognised(text)["lines"] <= text.count("\n")


_DIALLED = (
    'Traceback (most recent call last):\n  File "/app/agent.py", line 9, in dial\n    await create_sip_participant(r)\n'
    "livekit.api.twirp_client.TwirpError: TwirpError(code=resource_exhausted, "
    "message=INVITE failed: sip status: 486: Busy here, status=429)"
)


@pytest.mark.parametrize("log", ["exception occurred while executing tool", "could not dial human agent"])
def test_what_a_tool_of_the_model_dialled(log: str) -> None:
    """It runs while somebody talks: it is a further phone's. What is logged above it is not of it."""
    assert not pasted(f"ERROR livekit.agents {log}\n{_DIALLED}").broken
    assert found(pasted(f"ERROR livekit.agents {log}\nERROR acme the dial failed\n{_DIALLED}"), "LKD204")


def test_a_trunk_that_livekit_cloud_does_not_find() -> None:
    assert found(pasted("create_sip_participant failed: object cannot be found"), "LKD201")
    assert not pasted("delete_room failed: object cannot be found").broken


@pytest.mark.parametrize("words", ["object cannot be found", "requested sip trunk does not exist"])
@pytest.mark.parametrize(
    "behind", ["", ", SIP status: None None", ', SIP status: None None {"pid": 90589}', ' {"pid": 90589}']
)
def test_what_stands_behind_the_words_of_an_unknown_trunk_is_not_its_own(words: str, behind: str) -> None:
    diagnosis = pasted(
        f"2026-09-14 16:01:21,767 - ERROR acme - error creating SIP participant: twirp error unknown: {words}{behind}"
    )
    assert found(diagnosis, "LKD201")
    assert diagnosis.broken[0].because[0].text == f"no SIP status: {words}"


def test_a_sip_status_behind_an_error_stays() -> None:
    text = "error creating SIP participant: twirp error unknown: INVITE failed: sip status: 486: Busy Here"
    line = f'2026-09-14 16:01:21,767 - ERROR acme - {text}, SIP status: 486 Busy Here {{"pid": 1}}'
    assert found(pasted(line), "LKD204")


def test_a_line_that_has_the_rooms_id_and_not_its_name() -> None:
    """Some releases of livekit-agents write job_id and room_id alone: they are the call's by either."""
    job = {"job_id": "AJ_aaaaaaaaaaaa", "name": "livekit.agents", "timestamp": "2026-01-06T13:55:02.728+00:00"}
    asked = {"message": "received job request", "level": "INFO", **job, "room": "call-17", "room_id": "RM_aaaaaaaaaaaa"}
    raised = {
        "message": "unhandled exception while running the job task",
        "level": "ERROR",
        **job,
        "room_id": "RM_aaaaaaaaaaaa",
        "exc_info": "Traceback (most recent call last):\n  File \"agent.py\", line 3, in f\nKeyError: 'number'",
    }

    def codes(*lines: dict[str, str]) -> list[str]:
        return [item.code for item in pasted("\n".join(map(json.dumps, lines))).broken]

    assert codes(asked, raised) == ["LKD405"]
    assert codes({**asked, "room_id": ""}, raised) == ["LKD405"]
    assert codes(asked, {**raised, "room_id": "RM_bbbbbbbbbbbb", "job_id": "AJ_bbbbbbbbbbbb"}) == []


def test_a_line_that_a_terminal_cut_at_a_blank() -> None:
    lines = (
        "[pod/livekit-sip-7c9-aaaaa/livekit-sip] 2026-11-21T18:02:12.007Z\tWARN\tsip\tsip/outbound.go:661\tUnexpected",
        ' StatusCode from INVITE response 603\t{"callID": "SCL_aaaaaaaaaaaa", "room": "call-17", "participant": "pho',
        'ne-88", "toUser": "+15555550177", "direction": "outbound"}',
    )
    assert [item.code for item in pasted("\n".join(lines)).broken] == ["LKD204"]


def test_pm2_puts_its_prefix_before_each_line_of_a_record() -> None:
    record = (
        "[14:22:07.040] INFO (2210): received job request",
        "    job: {",
        '      "id": "AJ_aaaaaaaaaaaa",',
        '      "room": {',
        '        "name": "call-17"',
        "      }",
        "    }",
        "Error: runner initialization timed out",
        "    at Timeout._onTimeout (file:///srv/node_modules/@livekit/agents/dist/ipc/supervised_proc.js:112:19)",
        "    at process.processTimers (node:internal/timers:523:7)",
    )
    plain, by_pm2 = "\n".join(record), "\n".join(f"0|caller-agent  | {line}" for line in record)
    codes = [item.code for item in pasted(plain).broken]
    assert codes
    assert [item.code for item in pasted(by_pm2).broken] == codes


@pytest.mark.parametrize(
    "above", ["error: failed to fetch server settings: http status: 404", "GET /leads/77 status: 404"]
)
def test_the_status_of_another_request_above_an_error_of_a_log(above: str) -> None:
    error = "error creating SIP participant: twirp error unknown: no response from servers, SIP status: None None"
    logged = f"{above}\n2025-07-18 19:24:18,415 - ERROR caller - {error}"
    for text, told in (logged, False), (f"HTTP/1.1 404 Not Found\n{error}", True):
        (broken,) = pasted(text).broken
        assert ("HTTP 404" in broken.because[0].text) is told


@pytest.mark.parametrize("room", ["", "   (room=out-17)"])
def test_words_that_all_methods_for_sip_answer_are_of_the_dial(room: str) -> None:
    assert found(pasted(f"twirp error internal: sip not connected (redis required){room}"), "LKD203")
    assert not pasted(f"twirp error unavailable: no response from servers{room}").broken
