"""One log, as mail programs, hosts, shells and people write it: the same lines are read, with the same fields."""

import html
import json
import quopri
import textwrap
from collections.abc import Callable
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
