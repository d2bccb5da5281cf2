"""Whatever the bytes of a log are, reading it ends, and says what it found."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from hypothesis import example, given, settings
from hypothesis import strategies as st

from livekit_doctor.evidence.logs import LogSource, Needles, read
from livekit_doctor.evidence.observations import LogFile, Reading
from tests.evidence.logs.support import FORMATS, NOW, Ids

CALL = Ids(99)
LINES = tuple(line("received job request", **CALL.fields) for line in FORMATS.values())
PIECES = st.sampled_from(
    [
        *LINES,
        *(line[: len(line) // 2] for line in LINES),
        CALL.room,
        CALL.job_id,
        "registered worker",
        "Traceback (most recent call last):",
        '  File "/app/agent.py", line 1, in f',
        "2026-11-23T21:25:22.005Z stdout P ",
        "2026-11-23T21:25:22.005Z stdout F ",
        "agent-1  | ",
        "[21:25:22.005] INFO (1): received",
        '    error: {\n      "stack":\n          Error: x\n    }',
        '{"log":"',
        '{"textPayload":"{}","timestamp":"9999-99-99"}',
        '{"jsonPayload":{"jsonPayload":{"message":1}}}',
        '{"level":1e999,"time":-1e300,"msg":[]}',
        '{"ts":"NaN","msg":"x"}',
        "\x1b[0",
        "\n",
        "\r\n",
        "\0",
        " ",
        "\t",
        "{",
        "}",
        '"',
    ]
)
TEXTS = st.lists(PIECES | st.text(max_size=5)).map(lambda pieces: "".join(pieces).encode("utf-8", "replace"))


@settings(deadline=None)
@given(st.binary() | TEXTS, st.sampled_from(["worker", "server", "sip"]))
@example(b"\x1f\x8b\x08" + bytes(20), "worker")
@example(b"\xff\xfe\x00", "worker")
@example(b"[" * 100_000 + CALL.room.encode(), "server")
@example(b'{"a":' * 50_000 + CALL.room.encode(), "server")
def test_any_bytes(data: bytes, log: str) -> None:
    with TemporaryDirectory() as folder:
        path = Path(folder) / "some.log"
        path.write_bytes(data)
        reading = read([LogSource(log, str(path))], Needles(rooms=(CALL.room,), ids=(CALL.job_id,)), NOW)  # type: ignore[arg-type]
    (file,) = (item for item in reading.observations if isinstance(item, LogFile))
    assert file.lines >= 0
    assert msgspec.json.decode(msgspec.json.encode(reading), type=Reading) == reading
