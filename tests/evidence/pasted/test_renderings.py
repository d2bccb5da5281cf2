"""One log, as mail programs, hosts, shells and people write it: the same lines are read, with the same fields."""

import html
import json
import quopri
import textwrap
from collections.abc import Callable
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.values import json_in
from tests.diagnosis.factories import codes
from tests.evidence.pasted.samples import lines, pasted, reading, recognised, webhooks

SERVER = lines("livekit-server.jsonl", '"room"')[:30]
"""In two of them livekit-server 1.13.5 wrote what is no JSON."""
CONSOLE = lines("livekit-server.log", '"room"')[:30]
WORKER = lines("worker.jsonl", '"room')[:30]
SIP = [
    line
    for name in ("healthy-with-noise", "deleted")
    for line in Path(__file__)
    .parents[2]
    .joinpath("recordings", "server-1.13.11", name, "sip.log")
    .read_text()
    .splitlines()
    if '"room": ' in line
]


def by_mail(line: str, width: int = 72, *, hyphens: bool = False) -> str:
    """What is longer is broken at blanks, where there are any; tabs are one."""
    parts = textwrap.wrap(line.replace("\t", " "), width, break_long_words=False, break_on_hyphens=hyphens)
    return "\n".join(f"> {part}" for part in parts)


def as_logfmt(line: str) -> str:
    def written(value: Any) -> str:
        text = value if isinstance(value, str) else json.dumps(value)
        return json.dumps(text) if set(text) & set(' ="') else text

    return " ".join(f"{key}={written(value)}" for key, value in json.loads(line).items())


RENDERINGS: dict[str, Callable[[list[str]], str]] = {
    "mail": lambda log: "\n".join(map(by_mail, log)),
    "mail, at hyphens": lambda log: "\n".join(by_mail(line, 76, hyphens=True) for line in log),
    "mail's source": lambda log: quopri.encodestring("\n".join(log).encode()).decode(),
    "terminal": lambda log: "\n".join(line[at : at + 120] for line in log for at in range(0, len(line), 120)),
    "string of JSON": lambda log: json.dumps("\n".join(log)),
    "inside of a string": lambda log: json.dumps("\n".join(log))[1:-1],
    "fluent bit": lambda log: "\n".join(
        json.dumps({"date": 1_795_879_711.5, "stream": "stderr", "log": line}) for line in log
    ),
    "chat": lambda log: "\n".join(f"[10:32] {line}" for line in log),
    "HTML": lambda log: "<br>\n".join(html.escape(line) for line in log),
    "HTML, divisions": lambda log: "\n".join(f"<div>{html.escape(line)}</div>" for line in log),
    "quotes": lambda log: "\n".join(f'"{line}"' for line in log),
    "brackets": lambda log: "\n".join(f"({line})" for line in log),
    "list": lambda log: ",\n".join(log),
    "dots": lambda log: "\n".join(f"{line}..." for line in log),
    "grep": lambda log: "\n".join(f"server.log:{number}:{line}" for number, line in enumerate(log, 1)),
}


MAILS = {"mail", "mail, at hyphens"}


def is_json(line: str) -> bool:
    return json_in(line) is not None


def read(text: str) -> list[tuple[str, object, str, dict[str, str]]]:
    found = (item for item in reading(text).observations if isinstance(item, LogLine))
    return sorted(((one.log, one.at, one.message, dict(one.fields)) for one in found), key=str)


@pytest.mark.parametrize("rendering", [name for name in RENDERINGS if name not in MAILS])
@pytest.mark.parametrize("log", [SERVER, CONSOLE, WORKER, SIP], ids=["server", "console", "worker", "sip"])
def test_the_same_is_read(log: list[str], rendering: str) -> None:
    plain = read("\n".join(log))
    assert len(plain) > 10
    assert read(RENDERINGS[rendering](log)) == plain


@pytest.mark.parametrize("rendering", sorted(MAILS))
@pytest.mark.parametrize("log", [list(filter(is_json, SERVER)), WORKER], ids=["server", "worker"])
def test_the_same_is_read_in_a_mail(log: list[str], rendering: str) -> None:
    """Of what is JSON it is known where it ends."""
    plain = read("\n".join(log))
    assert len(plain) > 10
    assert read(RENDERINGS[rendering](log)) == plain


def test_fields_as_logfmt_has_them() -> None:
    """The objects among them are strings there."""
    log = list(filter(is_json, SERVER))
    plain = read("\n".join(log))
    assert [one[3] for one in read("\n".join(map(as_logfmt, log)))] == [one[3] for one in plain]


@pytest.mark.parametrize(
    "prefix", ["app[812]: ", "Nov 28 10:00:02 host hooks[812]: ", "app-1  | ", "2026-11-28T10:00:02Z "]
)
def test_webhooks_behind_what_a_host_puts_before_each_line(prefix: str) -> None:
    """On one line each, and on several."""
    sent = webhooks()[:4]
    for indent in (None, 2):
        texts = (json.dumps(json.loads(body), indent=indent) for body in sent)
        assert recognised("\n".join(prefix + line for text in texts for line in text.splitlines())) == {
            "lines": 0,
            "webhook": 4,
        }


def test_an_error_that_a_mail_program_broke() -> None:
    error = "TwirpError(code=not_found, message=twirp error unknown: requested sip trunk does not exist, status=404)"
    assert codes(pasted(by_mail(f"dialling: {error}"))) == codes(pasted(error)) == ["LKD201"]


FIELDS = '{"job_id": "AJ_NZkzrmtKEmHG", "room": "call-17", "agent_name": "caller"}'
FORMATS = [
    "{time},{ms} {level} [livekit.agents] [worker.py:1439] [dd.service=agent dd.trace_id=0] - {message}",
    "{time},{ms} {level} [livekit.agents] [trace_id=0 resource.service.name=agent trace_sampled=False] - {message}",
    "{time},{ms} - livekit.agents - {level} - _answer_availability:1439 - {message}",
    "{time},{ms} 77 MainThread {level} livekit.agents {message}",
    "{time},{ms} {level} livekit.agents [req-123] {message}",
    "{time},{ms} {level} 77 livekit.agents {message}",
    "{time}.{ms} | {level}  | logging:callHandlers:1736 - {message}",
    "{level} {time},{ms} worker 77 140213 {message}",
    "{time}.{ms} {time},{ms} - {level} livekit.agents - {message}",
    "[{time}.{ms}Z] {time},{ms} - {level} livekit.agents - {message}",
    "Jan 06 13:55:02 {time},{ms} - {level} livekit.agents - {message}",
    "INFO: {time},{ms} - {level} livekit.agents - {message}",
    "    12\t{time},{ms} - {level} livekit.agents - {message}",
    "worker.log:12:{time},{ms} - {level} livekit.agents - {message}",
    '"{time},{ms} - {level} livekit.agents - {message}"',
]


@pytest.mark.parametrize("form", FORMATS)
def test_what_formatters_and_shells_put_before_a_message(form: str) -> None:
    told = {"time": "2026-01-06 13:55:02", "ms": "728"}
    asked = form.format(level="INFO", message=f"received job request {FIELDS}", **told)
    late = "assignment for job AJ_NZkzrmtKEmHG timed out"
    answered = form.format(level="WARNING", message=late, **told).replace("13:55:02", "13:55:10")
    text = "\n".join((asked, answered))
    if form.startswith('"'):
        text = "\n".join(f'"{line[1:-1].replace(chr(34), 2 * chr(34))}"' for line in text.splitlines())
    said = pasted(text)
    assert [(item.code, item.confidence.value) for item in said.broken] == [("LKD403", "likely")]
    assert recognised(text) == {"lines": 0, "worker log line": 2}


def test_words_of_people_before_a_workers_words_are_no_formatters() -> None:
    text = "2026-01-06 13:55:02 INFO app we saw that no agent received job request AJ_NZkzrmtKEmHG"
    assert "worker log line" not in recognised(text)


REFUSED = """\
2026-01-06 13:55:02,728 - WARNING livekit.agents - failed to connect to livekit, retrying in 2s
Traceback (most recent call last):
  File "/app/worker.py", line 7, in _connect
aiohttp.client_exceptions.WSServerHandshakeError: 401, message='Invalid response status', url='wss://lk.example.com/agent'
"""


@pytest.mark.parametrize(
    "prefix",
    ["2026-01-06T13:55:02.728123456Z ", "agent-5d7c9b6f4-x2k9p agent ", "{number}:", "a.log:{number}:", "{number}\t"],
)
def test_a_traceback_behind_what_stands_before_each_line(prefix: str) -> None:
    text = "\n".join(prefix.format(number=number) + line for number, line in enumerate(REFUSED.splitlines(), 7))
    for one in (REFUSED, text, REFUSED.replace("\n", "\n\n")):
        assert [(item.code, item.confidence.value) for item in pasted(one).broken] == [("LKD105", "likely")]
        assert recognised(one) == {"lines": 0, "worker log line": 1}


@pytest.mark.parametrize(
    "entry",
    [
        lambda line: {"id": "AQ", "attributes": {"timestamp": "2026-01-06T13:55:02.728Z", "message": line}},
        lambda line: {"preview": False, "result": {"_raw": line, "_time": "2026-01-06T13:55:02.728Z"}},
        lambda line: {"@timestamp": "2026-01-06T13:55:02.728Z", "message": line},
    ],
)
def test_a_traceback_of_which_a_host_made_entries(entry: Callable[[str], dict[str, Any]]) -> None:
    text = "\n".join(json.dumps(entry(line)) for line in REFUSED.splitlines())
    rows = "\n".join(
        ["Date,Service,Message", *(f"2026-01-06T13:55:02Z,a,{json.dumps(x)}" for x in REFUSED.splitlines())]
    )
    for one in (text, rows.replace('\\"', '""')):
        assert [(item.code, item.confidence.value) for item in pasted(one).broken] == [("LKD105", "likely")]
        assert recognised(one) == {"lines": 0, "worker log line": 1}


ASKED = {"job_id": "AJ_NZkzrmtKEmHG", "room": "call-17", "agent_name": "caller"}
SHAPES: list[Callable[[str, str, str, dict[str, str]], dict[str, Any]]] = [
    lambda at, level, message, fields: {"time": at, "stream": "x", "log": base(at, level, message, fields)},
    lambda at, level, message, fields: {"log": "", "stream": "x", "log_processed": base(at, level, message, fields)},
    lambda at, level, message, fields: {
        "version": "1.1",
        "short_message": message,
        "timestamp": datetime.fromisoformat(at).timestamp(),
        "level": 6 if level == "INFO" else 4,
        **{f"_{key}": value for key, value in fields.items()},
    },
    lambda at, level, message, fields: {
        "timeUnixNano": str(int(datetime.fromisoformat(at).timestamp()) * 10**9),
        "severityText": level,
        "body": {"stringValue": message},
        "attributes": [{"key": key, "value": {"stringValue": value}} for key, value in fields.items()],
    },
    lambda at, level, message, fields: {"Timestamp": at, "Level": level, "Message": message, **fields},
    lambda at, level, message, fields: {"@t": at, "@l": level, "@m": message, **fields},
    lambda at, level, message, fields: {**base(at, level, message, {}), "data": fields},
    lambda at, level, message, fields: {**base(at, level, message, {}), "metadata": fields},
]


def base(at: str, level: str, message: str, fields: dict[str, str]) -> dict[str, Any]:
    return {"message": message, "level": level, "name": "livekit.agents", "timestamp": at, **fields}


@pytest.mark.parametrize("shape", SHAPES)
def test_how_hosts_write_a_record(shape: Callable[[str, str, str, dict[str, str]], dict[str, Any]]) -> None:
    late = "assignment for job AJ_NZkzrmtKEmHG timed out"
    asked = shape("2026-01-06T13:55:02Z", "INFO", "received job request", ASKED)
    answered = shape("2026-01-06T13:55:10Z", "WARNING", late, {})
    text = "\n".join(map(json.dumps, (asked, answered)))
    assert [(item.code, item.confidence.value) for item in pasted(text).broken] == [("LKD403", "likely")]


def test_a_log_in_one_string_of_an_object() -> None:
    log = f"2026-01-06 13:55:02,728 - INFO livekit.agents - received job request {FIELDS}\\n".replace('"', '\\"')
    late = "2026-01-06 13:55:10,728 - WARNING livekit.agents - assignment for job AJ_NZkzrmtKEmHG timed out"
    for text in (f'{{"ticket": 17, "body": "{log}{late}"}}', f'"{log}{late}"', f"'{log}{late}'".replace('\\"', '"')):
        assert codes(pasted(text)) == ["LKD403"]


def test_numbers_of_lines_before_two_kinds_of_logs() -> None:
    """What stands in a line of JSON is not of the line of text before it."""
    other = FIELDS.replace("AJ_NZkzrmtKEmHG", "AJ_otherJobJob1").replace("call-17", "call-170")
    text = (
        f"     9\t2026-01-06 13:55:03,028 - INFO livekit.agents - received job request {other}\n"
        f"    10\t{SERVER[0]}\n"
        "    11\t2026-01-06 13:55:04,500 - ERROR livekit.agents - process exited with non-zero exit code 1 "
        '{"pid": 77, "job_id": "AJ_otherJobJob1"}\n'
    )
    assert recognised(text) == {"lines": 0, "worker log line": 2, "livekit-server log line": 1}


def test_a_record_with_a_time_and_a_level_before_it() -> None:
    record = json.dumps(base("2026-01-06T13:55:02.728Z", "INFO", "received job request", ASKED))
    for prefix in ("[2026-01-06T13:55:02.728Z] [info] ", "[2026-01-06T13:55:02.728Z] "):
        (line,) = (one for one in reading(prefix + record).observations if isinstance(one, LogLine))
        assert (line.log, line.message) == ("worker", "received job request")
