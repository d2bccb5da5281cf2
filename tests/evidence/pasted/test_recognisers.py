"""Each kind of thing in the forms in which people have pasted it, and what is kept of it."""

import json

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.evidence.observations import (
    ApiRefusal,
    InboundTrunkList,
    LogLine,
    LogRow,
    OutboundTrunkList,
    Sighting,
    SipCallResult,
    SipDispatchRuleList,
)
from tests.evidence.pasted.samples import pasted, quoted, reading, recognised

PADDED = """\
```
2025-08-25T11:10:17.343Z        INFO    livekit.api     service/twirp.go:128    API SIP.CreateSIPParticipant    {"service": "SIP", "method": "CreateSIPParticipant", "room": "r-9", "participant": "1555
5550123", "trunkID": "ST_d9mzn2muMMsM", "callID": "SCL_6ZNUbZwGqpfK", "duration": "1.001100134s", "status": "503", "er
ror": "twirp error unknown: no response from servers", "code": "unavailable"}
2025-08-25T11:10:41.850Z        ERROR   livekit service/sip.go:596      cannot create sip participant   {"room": "r-9", "sipTrunk": "ST_d9mzn2muMMsM", "error": "no response from servers"}
github.com/livekit/livekit-server/pkg/service.(*SIPService).CreateSIPParticipant
        /home/runner/go/pkg/mod/github.com/livekit/livekit-server@v1.9.0/pkg/service/sip.go:596
```"""  # noqa: E501


def test_console_lines_without_tabs_wrapped_and_with_a_stack() -> None:
    lines = [item for item in reading(PADDED).observations if isinstance(item, LogLine)]
    assert [line.message for line in lines] == ["API SIP.CreateSIPParticipant", "cannot create sip participant"]
    assert {line.fields["room"] for line in lines} == {"r-9"}
    assert recognised(PADDED)["lines"] == 0
    assert [item.code for item in pasted(PADDED).broken] == ["LKD203"]
    error = PADDED[PADDED.index("2025-08-25T11:10:41") :]
    assert [item.code for item in pasted(error).broken] == ["LKD203"], "that the request was answered is left out"


@pytest.mark.parametrize(
    ("text", "code", "message", "sip_status"),
    [
        (
            "Error creating SIP participant: TwirpError(code=invalid_argument, message=twirp error unknown: "
            "INVITE failed: sip status: 400 (BAD_REQUEST), status=400, "
            "metadata={'sip_status': 'SIP_STATUS_BAD_REQUEST', 'sip_status_code': '400'})",
            "invalid_argument",
            "sip status: 400",
            400,
        ),
        (
            "livekit.api.twirp_client.TwirpError: ('not_found', 'requested sip trunk does not exist')",
            "not_found",
            "requested sip trunk does not exist",
            None,
        ),
        (
            '{"code": "internal", "msg": "sip status: 500 (INTERNAL_SERVER_ERROR)", "status": 500, '
            '"metadata": {"sip_status": "SIP_STATUS_INTERNAL_SERVER_ERROR", "sip_status_code": "500"}}',
            "internal",
            "sip status: 500",
            500,
        ),
        (
            "$ lk sip participant create --wait\n"
            "twirp error canceled: twirp error unknown: transaction failed to complete (0 intermediate responses)",
            "canceled",
            "transaction failed to complete",
            None,
        ),
        (
            '2026-04-22T10:00:00.000Z\tWARN\tsip\tsip/outbound.go:9\tcall failed\t{"callID": "SCL_abcdef123456", '
            '"error": "INVITE failed: sip status: 486: Busy here"}',
            "",
            "sip status: 486",
            None,
        ),
    ],
)
def test_errors_of_sip_calls(text: str, code: str, message: str, sip_status: int | None) -> None:
    (found,) = [item for item in reading(quoted(text)).observations if isinstance(item, SipCallResult)]
    assert (found.twirp_code, found.sip_status_code) == (code, sip_status)
    assert message in found.message


def test_a_job_error_inside_a_worker_line_is_both() -> None:
    text = (
        "2025-04-30 19:59:21,767 - ERROR outbound-caller - error creating SIP participant: twirp error unknown: object "
        'cannot be found, SIP status: None None {"pid": 90589, "job_id": "AJ_U65yEpH3VAjK"}'
    )
    kinds = {type(item) for item in reading(text).observations}
    assert kinds == {LogLine, SipCallResult}


def test_the_request_is_found_around_the_error() -> None:
    trace = 'File "app.py", line 9\n    await lk.agent_dispatch.create_dispatch(request)\n{}'
    (found,) = reading(
        trace.format("TwirpError(code=unavailable, message=no response from servers, status=503)")
    ).observations
    assert isinstance(found, ApiRefusal)
    assert (found.method, found.status, found.twirp_code) == ("CreateDispatch", 503, "unavailable")
    (found,) = reading("failed to start recording: TwirpError(code=unavailable, message=x, status=503)").observations
    assert isinstance(found, ApiRefusal)
    assert found.method == "StartRecording"
    body = '{"code":"unavailable","msg":"no response from servers"}'
    curl = f"POST /twirp/livekit.SIP/CreateSIPParticipant\nHTTP/2 503\n{body}"
    (found,) = reading(curl).observations
    assert isinstance(found, SipCallResult)
    assert found.status == 503


def test_sip_objects_of_lk() -> None:
    outbound = {"items": [{"sipTrunkId": "ST_1", "name": "carrier", "address": "sip.example.com", "authPassword": "p"}]}
    inbound = {"items": [{"sip_trunk_id": "ST_2", "numbers": ["+15555550199"], "allowed_addresses": ["10.0.0.0/8"]}]}
    rule = {"sipDispatchRuleId": "SDR_1", "rule": {"dispatchRuleIndividual": {"roomPrefix": "call-"}}}
    rules = {"items": [{**rule, "roomConfig": {"agents": [{"agentName": "Front Desk 7"}]}}]}
    text = "\n\n".join(json.dumps(item, indent=2) for item in (outbound, inbound, rules))
    found = {type(item): item for item in reading(quoted(text)).observations}
    assert set(found) == {OutboundTrunkList, InboundTrunkList, SipDispatchRuleList}
    assert found[SipDispatchRuleList].rules[0].agents == ("Front Desk 7",)  # type: ignore[union-attr]
    counts = recognised(text)
    assert [counts[kind] for kind in ("SIP outbound trunk", "SIP inbound trunk", "SIP dispatch rule")] == [1, 1, 1]


def test_psqls_expanded_display() -> None:
    text = """\
-[ RECORD 1 ]--------------------------
call_id    | c-77
created_at | 2026-11-23 21:53:21.601+00
source     | edge_function
state      | room_created
metadata   | {"room": "r-9"}
"""
    (row,) = reading(text).observations
    assert isinstance(row, LogRow)
    assert (row.call_id, row.state, row.room) == ("c-77", "room_created", "r-9")


@pytest.mark.parametrize("last", ["metadata", "state"])
def test_psqls_expanded_display_as_wide_as_its_widest_line(last: str) -> None:
    """Which no terminal cut."""
    widest = 'metadata   | {"room": "r-9", "participant": "agent-AJ_k3LwTq8XnZ5v"}'
    columns = [widest, "state      | room_created"]
    columns = columns if last == "state" else columns[::-1]
    row = ["call_id    | c-77", "created_at | 2026-11-23 21:53:21.601+00", *columns]
    text = "\n".join("\n".join((f"-[ RECORD {number} ]".ljust(len(widest), "-"), *row)) for number in (1, 2, 3))
    assert recognised(text) == {"call_state_logs row": 3, "lines": 0}
    assert {row.state for row in reading(text).observations if isinstance(row, LogRow)} == {"room_created"}


def test_what_stands_below_psqls_expanded_display_is_not_its_own() -> None:
    row = "-[ RECORD 1 ]---\ncall_id    | c-77\ncreated_at | 2026-11-23 21:53:21.601+00\nstate      | room_created\n"
    line = '2026-11-23 21:53:22.000 | INFO | livekit.agents - received job request {"job_id": "AJ_u3XqTzWv8KpL"}'
    assert recognised(f"{row}\nand the worker:\n{line}") == {"call_state_logs row": 1, "worker log line": 1, "lines": 1}


NO_IDS = """\
          created_at           |    source     |    state     |              metadata
-------------------------------+---------------+--------------+------------------------------------
 2026-11-23 21:53:21.601+00    | edge_function | room_created | {"room": "r-9"}
 2026-11-23 21:53:22.601+00    | edge_function | sip_failed   | {"sip_status": 486}
(2 rows)
"""


@pytest.mark.parametrize("query", ["", "db=> select * from call_state_logs where call_id = 'c-77' order by 1;\n"])
def test_rows_of_one_call_whose_query_left_out_its_id(query: str) -> None:
    rows = [item for item in reading(query + NO_IDS).observations if isinstance(item, LogRow)]
    assert [(row.state, row.room) for row in rows] == [("room_created", "r-9"), ("sip_failed", "")]
    assert {row.call_id for row in rows} == {"c-77" if query else ""}
    diagnosis = pasted(query + NO_IDS)
    assert [item.code for item in diagnosis.broken] == ["LKD204"]
    assert diagnosis.call_id == ("c-77" if query else None)


@pytest.mark.parametrize(
    ("text", "query"),
    [
        (NO_IDS.replace('"sip_status": 486', '"room": "r-10"'), ""),  # of two rooms
        (NO_IDS.replace("room", "city"), ""),  # of none
        (NO_IDS.replace("room", "city"), "where call_id = 'c-77' or call_id = 'c-78'\n"),
        (NO_IDS.replace("metadata", "comments"), "where call_id = 'c-77'\n"),
    ],
)
def test_rows_of_which_nobody_knows_that_they_are_of_one_call(text: str, query: str) -> None:
    assert not [item for item in reading(query + text).observations if isinstance(item, LogRow)]


def test_webhooks_wrapped_by_a_proxy_and_sent_twice() -> None:
    body = {
        "event": "room_started",
        "room": {"sid": "RM_abcdef", "name": "r-9"},
        "id": "EV_1",
        "createdAt": "1795470801",
    }
    text = f"received webhook: {json.dumps({'headers': {'host': 'x'}, 'body': body})}\nreceived {json.dumps(body)}"
    (found,) = reading(text).observations
    assert isinstance(found, Sighting)
    assert (found.event, found.room) == ("room_started", "r-9")
    assert recognised(text)["webhook"] == 2


def test_a_room_of_that_name_but_another_sid_is_another_call() -> None:
    body = {
        "event": "participant_joined",
        "room": {"sid": "RM_other1", "name": "r-9"},
        "participant": {"sid": "PA_1", "identity": "agent-1", "kind": "AGENT", "state": "ACTIVE"},
    }
    diagnosis = pasted(json.dumps(body), subject=Subject(room="r-10"))
    assert not diagnosis.timeline


FAILED = {"callID": "SCL_p9LwV5xKr2Tz", "room": "q-118", "error": "INVITE failed: sip status: 404: Unallocated number"}
OF_SIP = f"2026-02-12T08:02:19.002Z\tINFO\tsip\tsip/outbound.go:233\tSIP call failed\t{json.dumps(FAILED)}"


@pytest.mark.parametrize("text", [OF_SIP, json.dumps([{"line": OF_SIP, "timestamp": "1770883339000000000"}])])
def test_an_error_in_a_line_of_livekit_sips_is_told_by_the_line(text: str) -> None:
    assert recognised(text) == {"livekit-sip log line": 1, "lines": 0}
    (item,) = pasted(text).broken
    assert item.code == "LKD204"


def test_an_error_in_a_string_of_json_ends_before_the_quotation_mark() -> None:
    text = json.dumps({"said": json.dumps({"error": FAILED["error"]})})
    (result,) = reading(text).observations
    assert isinstance(result, SipCallResult)
    assert result.message == FAILED["error"]
