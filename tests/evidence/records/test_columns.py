"""CSV exports of log hosts: the columns are the record's fields, whatever the host calls them and puts between them."""

import csv
import io
import json
from collections.abc import Callable
from datetime import datetime
from itertools import permutations
from pathlib import Path

import pytest

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.evidence.records.columns import in_json
from tests.diagnosis.factories import found
from tests.each import each
from tests.evidence.pasted.samples import NOW, as_html, in_ticket, pasted, quoted, reading, smart
from tests.evidence.records.test_corpus import indented

JOB, ROOM = "AJ_ZtH7kLm4RvXc", "out-lead-88213"
TRACEBACK = (
    'Traceback (most recent call last):\n  File "/app/agent.py", line 41, in entrypoint\nKeyError: "phone, or so"'
)
FACTS = [
    ("2026-11-24T15:06:55.611Z", "info", "starting worker", "", "", ""),
    ("2026-11-24T15:07:06.527Z", "info", "received job request", JOB, ROOM, ""),
    ("2026-11-24T15:07:16.071Z", "warn", "supervised process run failed", "", "", "runner initialization timed out"),
    ("2026-11-24T15:07:26.094Z", "error", "error in entry function", JOB, "", "no, it's broken"),
]
TIME, LEVEL, MESSAGE, AJ, RM, ERROR = range(6)

KIBANA = {
    "2026-11-24T15:06:55.611Z": "Nov 24, 2026 @ 15:06:55.611",
    "2026-11-24T15:07:06.527Z": "Nov 24, 2026 @ 15:07:06.527",
    "2026-11-24T15:07:16.071Z": "Nov 24, 2026 @ 15:07:16.071",
    "2026-11-24T15:07:26.094Z": "Nov 24, 2026 @ 15:07:26.094",
}
AZURE = {iso: f"11/24/2026, 3:{iso[14:23]} PM" for iso in KIBANA}
EPOCH = {iso: str(int(datetime.fromisoformat(iso).timestamp() * 1000)) for iso in KIBANA}

HOSTS: dict[str, tuple[list[tuple[str, object]], str, dict[str, str]]] = {
    "Datadog": (
        [
            *(("Date", TIME), ("Host", "i-07"), ("Service", "agent"), ("Status", LEVEL), ("@jobId", AJ)),
            *(("@room", RM), ("@err.message", ERROR), ("Message", MESSAGE)),
        ],
        ",",
        {},
    ),
    "New Relic": (
        [("timestamp", TIME), ("message", MESSAGE), ("level", LEVEL), ("jobId", AJ), ("roomName", RM), ("err", ERROR)],
        ",",
        EPOCH,
    ),
    "Kibana": (
        [
            *(("@timestamp", TIME), ("log.level", LEVEL), ("fields.job_id", AJ), ("fields.room", RM)),
            *(("error.message", ERROR), ("message", MESSAGE), ("kubernetes.pod.name", "agent-7d9")),
        ],
        ",",
        KIBANA,
    ),
    "Azure": (
        [
            *(("TimeGenerated [UTC]", TIME), ("Level", LEVEL), ("Log_s", MESSAGE), ("job_id_s", AJ), ("room_s", RM)),
            ("error_s", ERROR),
        ],
        ";",
        AZURE,
    ),
    "Google": (
        [
            *(("insertId", "x1"), ("jsonPayload.message", MESSAGE), ("jsonPayload.job_id", AJ)),
            *(("jsonPayload.room", RM), ("jsonPayload.error", ERROR), ("severity", LEVEL), ("timestamp", TIME)),
        ],
        ",",
        {},
    ),
    "Better Stack": (
        [("dt", TIME), ("level", LEVEL), ("message", MESSAGE), ("job_id", AJ), ("room", RM), ("error", ERROR)],
        "\t",
        {},
    ),
}


def export(host: str, *, newest_first: bool = True) -> str:
    columns, delimiter, times = HOSTS[host]
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter)
    writer.writerow([name for name, _ in columns])
    for fact in reversed(FACTS) if newest_first else FACTS:
        values = (times.get(fact[TIME], fact[TIME]), *fact[1:])
        writer.writerow([values[of] if isinstance(of, int) else of for _, of in columns])
    return out.getvalue()


def said(lines: list[LogLine]) -> list[tuple[object, ...]]:
    names = ("job_id", "room", "error")
    return sorted(
        (line.log, line.at.isoformat() if line.at else "", line.level, line.message, *map(line.fields.get, names))
        for line in lines
        if line.fields.get("error") != ""
    )


WANTED = [
    ("worker", f"{at[:-1]}000+00:00", level, message, *(text or None for text in (job, room, error)))
    for at, level, message, job, room, error in FACTS
]


@pytest.mark.parametrize("newest_first", [True, False])
@pytest.mark.parametrize("host", HOSTS)
def test_columns_are_fields(host: str, newest_first: bool) -> None:
    found = reading(export(host, newest_first=newest_first))
    assert said([item for item in found.observations if isinstance(item, LogLine)]) == WANTED
    assert found.coverage[0].not_recognised == 0, "the header neither"


@pytest.mark.parametrize("host", HOSTS)
def test_the_log_options_read_them_too(host: str, tmp_path: Path) -> None:
    path = tmp_path / "export.csv"
    path.write_text(export(host))
    found = read([LogSource("worker", str(path))], Needles(rooms=(ROOM,)), NOW)
    assert [wanted for wanted in WANTED if wanted[-2] or wanted[-3]] == [
        one for one in said([item for item in found.observations if isinstance(item, LogLine)]) if one[-2] or one[-3]
    ]
    assert found.coverage[0].not_recognised == 0


def test_what_is_said_around_an_export() -> None:
    text = f"Hi,\nthis is from Datadog, as you asked:\n{export('Datadog')}\nThe room, lead and agent, was fine.\n"
    found = reading(text)
    assert said([item for item in found.observations if isinstance(item, LogLine)]) == WANTED
    assert found.coverage[0].not_recognised == 3


def test_cells_of_several_lines_and_json_in_a_cell() -> None:
    out = io.StringIO()
    writer = csv.writer(out)
    writer.writerow(["@timestamp", "@message", "@logStream"])
    inner = {"message": "received job request", "level": "INFO", "name": "livekit.agents", "job_id": JOB, "room": ROOM}
    raised = f"2026-11-24 15:07:26,094 - ERROR livekit.agents - unhandled exception while running the job\n{TRACEBACK}"
    writer.writerow(["2026-11-24 15:07:26.094", raised, "agent/1"])
    writer.writerow(["2026-11-24 15:07:06.527", json.dumps(inner), "agent/1"])
    first, second = (item for item in reading(out.getvalue()).observations if isinstance(item, LogLine))
    assert (first.number, first.message, first.fields["room"]) == (6, "received job request", ROOM)
    assert (second.number, second.level) == (2, "error")
    assert "agent.py" in second.traceback
    assert 'KeyError: "phone, or so"' in second.traceback


@pytest.mark.parametrize("width", [60, 70])
@pytest.mark.parametrize("host", ["Datadog", "New Relic", "Azure"])
def test_rows_that_a_terminal_cut(host: str, width: int) -> None:
    header, *rows = export(host, newest_first=False).splitlines()
    cut = [row[start : start + width] for row in rows for start in range(0, len(row), width)]
    assert len(cut) > len(rows)
    found = reading("\n".join((header, *cut)))
    shown = said([item for item in found.observations if isinstance(item, LogLine)])
    assert [line[:4] for line in shown] == [line[:4] for line in WANTED]


@each("noise", [quoted, as_html, smart, indented, in_ticket], name=lambda noise: noise.__name__)
@each("host", HOSTS)
def test_what_stands_around_the_rows(host: str, noise: Callable[[str], str]) -> None:
    found = reading(noise(export(host).replace("\r\n", "\n")))
    assert said([item for item in found.observations if isinstance(item, LogLine)]) == WANTED


def test_a_message_with_the_delimiter_that_nobody_quoted() -> None:
    text = f"Timestamp,Level,Message,Room\n2026-11-24T15:07:06.527Z,INFO,received job request, resuming: no,{ROOM}\n"
    (line,) = (item for item in reading(text).observations if isinstance(item, LogLine))
    assert (line.message, line.fields["room"]) == ("received job request, resuming: no", ROOM)


def test_a_date_and_a_time() -> None:
    text = f"Date;Time;Service;Message;Room\n24.11.2026;15:07:06.527;agent;received job request;{ROOM}\n"
    (line,) = (item for item in reading(text).observations if isinstance(item, LogLine))
    assert line.at is not None
    assert line.at.isoformat() == "2026-11-24T15:07:06.527000+00:00"


def test_a_quote_that_is_never_closed_takes_nothing_else() -> None:
    lines = export("Better Stack", newest_first=False).replace("starting worker", 'starting worker "x')
    assert len([item for item in reading(lines).observations if isinstance(item, LogLine)]) == len(FACTS)


@pytest.mark.parametrize("host", ["Datadog", "Better Stack"])
def test_rows_without_their_header(host: str) -> None:
    """The cells tell what they are: a time, a level, an id, a message."""
    rows = export(host).split("\n", 1)[1]
    lines = [item for item in reading(rows).observations if isinstance(item, LogLine)]
    assert [(line.log, line.level, line.fields.get("job_id", "")) for line in lines] == [
        ("worker", level, job) for _, level, _, job, _, _ in FACTS
    ]
    assert [{line.message, line.fields.get("error", "")} for line in lines] == [
        {message, error} for _, _, message, _, _, error in FACTS
    ], "of two that LiveKit says either may be the error"


def test_an_archive_of_papertrail() -> None:
    said = {"message": "received job request", "level": "INFO", "name": "livekit.agents", "job_id": JOB, "room": ROOM}
    head = "50342052\t2026-11-24T15:07:06Z\t2026-11-24T15:07:06Z\t42424\tagent-1\t10.0.0.2\tUser\tInfo\tworker"
    for message in (json.dumps(said), f"received job request {json.dumps({'job_id': JOB, 'room': ROOM})}"):
        (line,) = (item for item in reading(f"{head}\t{message}\n").observations if isinstance(item, LogLine))
        assert (line.message, line.fields["job_id"]) == ("received job request", JOB)
        assert line.at is not None


def test_a_row_whose_message_is_in_another_column() -> None:
    text = (
        "jsonPayload.message,severity,textPayload,timestamp\n"
        f",ERROR,assignment for job {JOB} timed out,2026-11-24T15:07:08Z\n"
    )
    (line,) = (item for item in reading(text).observations if isinstance(item, LogLine))
    assert (line.log, line.message, line.fields["job_id"]) == ("worker", f"assignment for job {JOB} timed out", JOB)


def test_no_line_is_lost_or_doubled() -> None:
    """Whatever the rows are: each line of the text stays in its place."""
    rows = [
        '2026-11-24T15:07:06Z,a,"b',
        'c",d',
        "e",
        "2026-11-24T15:07:06Z,short",
        'x,"',
        "",
        "2026-11-24T15:07:06Z,1,2,3,4,5",
    ]
    for count in range(len(rows) + 1):
        for order in permutations(rows, count) if count < 5 else [rows]:
            lines = ["Timestamp,Level,Message,Room", *order]
            assert len(list(in_json(lines))) == len(lines), lines


def test_a_markdown_table() -> None:
    row = f"| 2026-11-24 15:07:06.527 | info | received job request | {ROOM} |"
    text = f"| @timestamp | level | @message | room |\n|---|---|---|---|\n{row}\n"
    (line,) = (item for item in reading(text).observations if isinstance(item, LogLine))
    assert (line.log, line.message, line.fields["room"]) == ("worker", "received job request", ROOM)


def test_the_same_facts_mean_the_same() -> None:
    """As in the raw lines of livekit-agents for Node."""
    raw = "\n".join(
        json.dumps({"level": 30, "time": int(EPOCH[at]), "pid": 1, "msg": message}
                   | ({"jobId": job} if job else {}) | ({"err": {"type": "Error", "message": error}} if error else {}))
        for at, _, message, job, _, error in FACTS[:3]
    )  # fmt: skip
    columns = "\n".join(export("Datadog", newest_first=False).splitlines()[:4])
    assert [each[:2] for each in found(pasted(columns))] == [each[:2] for each in found(pasted(raw))] != []


def test_an_export_without_a_column_for_the_error() -> None:
    text = "\n".join(
        ["Date,Service,Message", *(f"{at},agent,{message}" for at, _, message, *_ in FACTS[:3])],
    )
    assert found(pasted(text)) == [("entrypoint_called", "LKD417", "possible")]


@pytest.mark.parametrize(
    "text",
    [
        "date, message\nwe sent the message, text and log on the date, 12:30\n",
        "call_id,created_at,state,message\nc1,2026-11-24T15:07:06Z,room_created,ok\n",
        "Name,Line,Body\na,b,c\n",
    ],
)
def test_what_is_no_export(text: str) -> None:
    assert not [item for item in reading(text).observations if isinstance(item, LogLine)]
