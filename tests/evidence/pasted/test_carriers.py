"""What carriers say without LiveKit's words around it, each with the smallest evidence and the nearest of none."""

import json
from collections.abc import Callable

import pytest

from livekit_doctor.catalogue import get, render_fix
from livekit_doctor.diagnosis.result import Verdict
from livekit_doctor.flow import Status, Step
from tests.diagnosis.factories import status
from tests.each import each
from tests.evidence.pasted.console import inspect
from tests.evidence.pasted.samples import in_chat, pasted, quoted, recognised

INVITE = "INVITE sip:+15555550123@198.51.100.7 SIP/2.0"


def message(start: str, cseq: str, call: str = "a", **headers: str) -> str:
    """One SIP message, as a trace prints it."""
    more = [f"{name.replace('_', '-')}: {value}" for name, value in headers.items()]
    via = "Via: SIP/2.0/UDP 10.0.0.5:5060;branch=z9hG4bK1"
    return "\n".join((start, via, f"Call-ID: {call}", f"CSeq: {cseq}", *more)) + "\n\n"


def codes(text: str) -> list[tuple[str, str, str]]:
    return [(item.step, item.code, item.confidence) for item in pasted(text).broken]


REFUSED = [("sip_ringing", "LKD204", "likely")]
QUOTED = [("sip_ringing", "LKD204", "possible")]
TRYING, RINGING = message("SIP/2.0 100 Trying", "1 INVITE"), message("SIP/2.0 180 Ringing", "1 INVITE")
BUSY = message("SIP/2.0 486 Busy Here", "1 INVITE")
CHALLENGE = message("SIP/2.0 407 Proxy Authentication Required", "1 INVITE")
ASKED = message(INVITE, "1 INVITE")

DIAGRAM = """
  12:00:01.100000   │        INVITE (SDP)         │
        +0.040000   │ ──────────────────────────> │
  12:00:01.400000   │          486 Busy Here      │
        +0.010000   │ <────────────────────────── │
"""


TRACES = {
    "a line": "SIP/2.0 486 Busy Here",
    "a message": BUSY,
    "a dialog": ASKED + TRYING + BUSY,
    "in a mail": quoted(ASKED + BUSY),
    "in a chat": in_chat(BUSY.strip()),
    "tshark": "    1   0.0 10.0.0.5 → 198.51.100.7 SIP/SDP 1020 Request: INVITE sip:+15555550123@x | \n"
    "    6   0.8 198.51.100.7 → 10.0.0.5 SIP 520 Status: 486 Busy Here | ",
    "Wireshark": "| 6 | 0.8 | 198.51.100.7 | 10.0.0.5 | SIP | 520 | Status: 486 Busy Here (INVITE) \\| ",
    "Wireshark's export": '"12","0.1","10.0.0.5","198.51.100.7","SIP/SDP","1020","Request: INVITE sip:x@y | "\n'
    '"13","0.4","198.51.100.7","10.0.0.5","SIP","420","Status: 486 Busy Here | "',
    "a diagram": DIAGRAM,
    "arrows": "12:00:01.100  INVITE      →\n12:00:01.400  ←  486 Busy Here\n12:00:01.410  ACK  →",
    "ASCII arrows": "10.0.0.5:5060 -> 198.51.100.7:5060  INVITE\n198.51.100.7 -> 10.0.0.5 SIP/2.0 486 Busy Here",
}


@each("name, text", TRACES.items())
def test_a_final_answer_to_an_invite(name: str, text: str) -> None:
    """Whatever a trace looks like; a line that anybody may write says it, too."""
    assert codes(text) == REFUSED
    assert "SIP status 486 Busy Here" in pasted(text).broken[0].because[0].text


def test_that_it_rang_before() -> None:
    assert codes(ASKED + TRYING + RINGING + BUSY) == [("sip_answered", "LKD204", "likely")]
    assert codes(ASKED + TRYING + BUSY) == REFUSED


OK, AGAIN = message("SIP/2.0 200 OK", "2 INVITE"), message(INVITE, "2 INVITE")
NO_REFUSALS = {
    "a login that went well": ASKED + CHALLENGE + AGAIN + OK + message("SIP/2.0 481 Gone", "3 BYE"),
    "the same as a list": "1.1.1.1 -> 2.2.2.2 SIP/2.0 407 Proxy Authentication Required\n"
    "1.1.1.1 -> 2.2.2.2 SIP/2.0 100 Trying\n1.1.1.1 -> 2.2.2.2 SIP/2.0 200 OK",
    "a login that is under way": ASKED + CHALLENGE + AGAIN,
    "of a call that was answered": ASKED
    + message("SIP/2.0 200 OK", "1 INVITE")
    + AGAIN
    + message("SIP/2.0 488 Not Acceptable Here", "2 INVITE"),
    "to OPTIONS": message("SIP/2.0 404 Not Found", "9 OPTIONS"),
    "to REGISTER": message("REGISTER sip:198.51.100.7 SIP/2.0", "1 REGISTER")
    + message("SIP/2.0 403 Forbidden", "1 REGISTER"),
    "to a transfer": message("REFER sip:x@y SIP/2.0", "3 REFER") + message("SIP/2.0 603 Decline", "3 REFER"),
    "LiveKit's own": message("SIP/2.0 486 Busy Here", "1 INVITE", User_Agent="LiveKit"),
    "to a call to LiveKit": message("INVITE sip:+15555550100@acme.sip.livekit.cloud SIP/2.0", "1 INVITE") + BUSY,
}


@each("name, text", NO_REFUSALS.items())
def test_an_answer_that_is_no_refusal_of_the_call(name: str, text: str) -> None:
    assert codes(text) == []
    assert recognised(text)["lines"] == 0


CANCEL = message("CANCEL sip:+15555550123@198.51.100.7 SIP/2.0", "1 CANCEL") + message("SIP/2.0 200 OK", "1 CANCEL")
ENDED = message("SIP/2.0 487 Request Terminated", "1 INVITE")
TIMED_OUT = "TwirpError(code=canceled, message=twirp error unknown: sip request timed out, status=408)\n"
DATED = "2026-02-12T10:01:29.066Z create_sip_participant failed: " + TIMED_OUT
NOBODY, SILENCE = [("sip_answered", "LKD206", "likely")], [("sip_ringing", "LKD205", "possible")]


@pytest.mark.parametrize("error", ["", TIMED_OUT, DATED])
def test_our_own_cancel(error: str) -> None:
    """What the CANCEL is answered with is no refusal; and it says again what CreateSIPParticipant's own error says."""
    text = ASKED + TRYING + RINGING + CANCEL + ENDED + "\n" + error
    assert codes(text) == NOBODY
    assert not any("earlier dial" in item.text for item in pasted(text).broken[0].because)
    assert error or "the side that called gave up" in str(pasted(text).broken[0].because)
    assert codes(text.replace(RINGING, "")) == SILENCE
    assert codes(ASKED + RINGING + ENDED)[0][1:] == ("LKD204", "possible"), "whose CANCEL it was, nobody sees"


def test_ringing_without_an_end() -> None:
    assert codes(ASKED + TRYING + RINGING + TIMED_OUT) == NOBODY
    assert codes(ASKED + TRYING + TIMED_OUT) == SILENCE
    assert codes(RINGING.replace("Via:", "User-Agent: LiveKit\nVia:") + TIMED_OUT) == SILENCE, "an inbound call's"
    assert codes(f"we never see SIP/2.0 180 Ringing from them\n{TIMED_OUT}") == SILENCE


def test_when_it_rang() -> None:
    above = "10:01:03.950000 198.51.100.7:5060 -> 10.0.0.5:5060\n"
    (zoned,) = pasted(f"2026/02/12 {above}{RINGING}").timeline
    assert (f"{zoned.at:%Y-%m-%d %H:%M:%S}", "no zone" in str(zoned.detail)) == ("2026-02-12 10:01:03", True)


WITH_LOGIN = message(INVITE, "2 INVITE", Proxy_Authorization='Digest username="acme", response="5e1d"')
CHALLENGED_AGAIN = CHALLENGE.replace("1 INVITE", "2 INVITE")
LOGINS = {
    "after credentials": ASKED + CHALLENGE + WITH_LOGIN + CHALLENGED_AGAIN,
    "the second of a list": "\n".join((INVITE, "SIP/2.0 407 Login", INVITE, "SIP/2.0 407 Login")),
    "the second with credentials alone": WITH_LOGIN + CHALLENGED_AGAIN,
    "answers alone": CHALLENGE + CHALLENGED_AGAIN,
}


@each("name, text", LOGINS.items())
def test_a_login_that_failed(name: str, text: str) -> None:
    assert codes(text) == [("sip_ringing", "LKD208", "likely")]


def test_the_usual_request_for_a_login() -> None:
    """Each login begins so: cut after it, a trace does not tell what came of it."""
    assert codes(ASKED + CHALLENGE) == codes(ASKED + CHALLENGE + message("ACK sip:x@y SIP/2.0", "1 ACK")) == []
    assert (
        codes(CHALLENGE)[0][1:] == codes("SIP/2.0 407 Proxy Authentication Required")[0][1:] == ("LKD208", "possible")
    )


SINCE = ("31.1", "31.2", "31.2", "31.3", "32.6", "38.9")


@pytest.mark.parametrize("dated", [True, False])
def test_a_trace_with_the_newest_on_top(dated: bool) -> None:
    messages = [ASKED, CHALLENGE, WITH_LOGIN, *(one.replace("1 I", "2 I") for one in (TRYING, RINGING, BUSY))]
    if dated:
        arrow = "10.0.0.5:5060 -> 198.51.100.7:5060"
        messages = [f"2026/02/12 10:00:{at} {arrow}\n{one}" for at, one in zip(SINCE, messages, strict=True)]
    assert codes("".join(messages)) == codes("".join(reversed(messages))) == [("sip_answered", "LKD204", "likely")]


def test_calls_to_several_numbers() -> None:
    """Nobody knows which one is asked about."""
    other = message(INVITE.replace("0123", "0199"), "1 INVITE", "b") + message("SIP/2.0 404 Not Found", "1 INVITE", "b")
    assert codes(ASKED + BUSY + other) == QUOTED
    assert codes(ASKED + BUSY + message(INVITE, "1 INVITE", "b") + message("SIP/2.0 404 Not Found", "1 INVITE", "b"))


def test_the_carriers_reason() -> None:
    text = message("SIP/2.0 403 Forbidden", "1 INVITE", X_Twilio_Error="32201 source IP Address not in ACL")
    item = pasted(text).broken[0]
    assert "the carrier's access list" in str(item.because)
    assert "allow the public address" in render_fix(get("LKD204"), item.values)


BLOCKED = 'callStatus: "SCS_ERROR"\nerror: "carrier blocked call (twilio error 32203): sip status: 603: Decline"\n'
REFUSAL = (
    "TwirpError(code=permission_denied, message=twirp error unknown: INVITE failed: sip status: 603: Decline, "
    "status=403)\n  in create_sip_participant\n"
)


@pytest.mark.parametrize(
    "text", [BLOCKED, REFUSAL + BLOCKED, BLOCKED + REFUSAL, DATED.replace(TIMED_OUT, REFUSAL) + BLOCKED]
)
def test_the_carriers_own_words_beside_a_status(text: str) -> None:
    """They say more than the status, whichever of the places has them that tell of one refusal."""
    (item,) = pasted(text).broken
    assert "as likely fraud" in next(line.text for line in item.because if line.source == "SIP 603 Decline")
    (plain,) = pasted(text.replace("carrier blocked call (twilio error 32203): ", "")).broken
    assert "the callee declined" in next(line.text for line in plain.because if line.source == "SIP 603 Decline")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("Error - 32205\nSIP: Trunking: Geo Permission configuration is not permitting call", "this destination"),
        ('{"code": 21215, "message": "Account not authorized to call +15555550123."}', "this destination"),
        ("Warning 13224: Dial: Invalid phone number", "the number that was dialled"),
        ("32203 SIP: Call blocked by Twilio", "as likely fraud"),
        ("Twilio error 32001 SIP: Trunk CPS limit exceeded", "more calls per second"),
        ("Error 21219: 'To' phone number not verified", "verified numbers only"),
        ("Error 32204: SIP: Invalid caller ID", "the number that you call from"),
    ],
)
def test_codes_of_twilios_debugger(words: str, says: str) -> None:
    (item,) = pasted(words).broken
    assert (item.step, item.code, item.confidence) == REFUSED[0]
    assert says in str(item.because)
    assert len(render_fix(get("LKD204"), item.values).splitlines()) <= 2
    assert recognised(words)["lines"] == 0


@pytest.mark.parametrize(("words", "code"), [("32202 SIP: Bad user credentials", "LKD208"), ("32208", "LKD210")])
def test_codes_of_another_leg(words: str, code: str) -> None:
    assert codes(f"Twilio error {words}")[0][1:] == (code, "likely")


def test_numbers_that_are_no_code() -> None:
    texts = (
        "order 32205 shipped",
        "MCP error -32001: Request timed out",
        "https://www.twilio.com/docs/api/errors/32205",
        "Error 11200 HTTP retrieval failure",
        "call +132205123",
    )
    assert [text for text in texts if codes(text)] == []


BY_PROGRAMS = (
    '{"event_type":"call.hangup","payload":{"hangup_cause":"user_busy","sip_hangup_cause":"486"}}',
    "CallSid=CA0&CallStatus=busy&SipResponseCode=486",
    '{"status":"busy","sip_code":486}',
    "variable_sip_term_status: 486",
    '    -- Got SIP response 486 "Busy here" back from 198.51.100.7:5060',
    "create_sip_participant failed: SIP_STATUS_BUSY_HERE",
    "outbound call failed: SIP 486 Busy Here",
)


@each("text", BY_PROGRAMS)
def test_a_status_as_portals_and_webhooks_have_it(text: str) -> None:
    assert codes(text) == REFUSED


CALLBACK = "AccountSid=AC0&CallDuration=71&CallSid=CA0&CallStatus={0}"


@pytest.mark.parametrize(
    ("state", "is_said"),
    [
        ("completed&SipResponseCode=200", []),
        ("completed&Direction=inbound&SipResponseCode=200", []),
        ("busy", REFUSED),
        ("busy&SipResponseCode=486", REFUSED),
        ("no-answer", NOBODY),
        ("canceled", SILENCE),
        ("failed", SILENCE),
        ("failed&SipResponseCode=404", REFUSED),
    ],
)
def test_how_a_call_ended_by_twilios_callback(state: str, is_said: list[tuple[str, str, str]]) -> None:
    text = CALLBACK.format(state)
    assert codes(text) == is_said
    assert recognised(text)["lines"] == 0
    answered = status(pasted(text), Step.SIP_ANSWERED) is Status.OK
    assert answered == (not is_said)


LAYOUTS: dict[str, Callable[[dict[str, str]], str]] = {
    "fields": lambda form: "\n".join(f"{key}: {value}" for key, value in form.items()),
    "in columns": lambda form: "\n".join(f"{key:<18}: {value}" for key, value in form.items()),
    "a form": lambda form: "\n".join(f"{key}={value}" for key, value in form.items()),
    "with tabs": lambda form: "\n".join(f"{key}\t{value}" for key, value in form.items()),
    "bullets": lambda form: "\n".join(f"- {key}: {value}" for key, value in form.items()),
    "JSON": lambda form: json.dumps(form, indent=2),
    "Node": lambda form: inspect(form).replace("{", "[Object: null prototype] {", 1),
    "Python": lambda form: "ImmutableMultiDict([" + ",\n".join(f"({item!r})" for item in form.items()) + "])",
    "PHP": lambda form: "Array\n(\n" + "\n".join(f"    [{key}] => {value}" for key, value in form.items()) + "\n)",
    "Ruby": lambda form: "{" + ",\n ".join(f'"{key}"=>"{value}"' for key, value in form.items()) + "}",
    "below a line of a log": lambda form: "\n".join(
        ("2026-11-23 21:08:51,595 INFO app - callback", *(f"    {key}: {value}" for key, value in form.items()))
    ),
}


@each("layout", LAYOUTS)
@each(
    "state",
    ["completed", "busy", "no-answer", "failed&SipResponseCode=404", "failed&SipResponseCode=503&ErrorCode=32009"],
)
def test_a_callback_whose_fields_have_a_line_each_is_one(layout: str, state: str) -> None:
    fields = f"From=+15555550100&To=+15555550123&{CALLBACK.format(state)}&Timestamp=Mon, 23 Nov 2026 21:08:51 +0000"
    form = dict(part.split("=", 1) for part in fields.split("&"))
    text = LAYOUTS[layout](form)
    assert codes(text) == codes(fields)
    assert recognised(text)["carrier's answer"] == 1
    assert status(pasted(text), Step.SIP_ANSWERED) is status(pasted(fields), Step.SIP_ANSWERED)


def test_callbacks_of_several_calls() -> None:
    """Nobody knows which of them is asked about."""
    text = "\n".join(map(CALLBACK.format, ("completed&SipResponseCode=200", "no-answer")))
    assert status(pasted(text), Step.SIP_ANSWERED) is Status.UNKNOWN
    assert codes(text) == []
    assert codes(f"{CALLBACK.format('no-answer')}\n{CALLBACK.format('no-answer')}") == NOBODY


@pytest.mark.parametrize(
    "text",
    [
        CALLBACK.format("completed&Direction=inbound"),
        CALLBACK.format("ringing"),
        "if CallStatus=busy then retry",
        'if params["CallStatus"] == "busy":',
    ],
)
def test_what_tells_of_no_end(text: str) -> None:
    assert pasted(text).verdict is Verdict.UNKNOWN
    assert status(pasted(text), Step.SIP_ANSWERED) is Status.UNKNOWN


ALONE = ("486 Busy Here", "Last SIP Response\t486 Busy Here", "SIP 486", "Status: 486 Busy Here")


@each("text", ALONE)
def test_a_status_alone(text: str) -> None:
    """It says neither whose it is nor who says so."""
    assert codes(text) == QUOTED


CHATTER = (
    "case 486: return 'Busy Here'",
    "STATUS = {486: 'Busy Here', 603: 'Decline'}",
    "if err.sip_status_code == 486:",
    "if (err.sipStatusCode === '486') retry()",
    "| 486 Busy Here | the callee is busy |",
    "does 486 Busy Here mean that the customer rejected it?",
    "We use SIP 403 for blocked ones.",
    "nginx: upstream 503 Service Unavailable",
    'GET /sip HTTP/1.1" 404 153',
    "GET https://api.example.com/sip 403 Forbidden",
)


@each("text", CHATTER)
def test_what_is_no_answer(text: str) -> None:
    assert pasted(text).verdict is Verdict.UNKNOWN
