"""The registry of a run's secrets: each form of each is left out, and nothing else."""

import asyncio
import html
import json
from base64 import b64encode
from pathlib import Path
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from livekit_doctor import check, known_secrets
from livekit_doctor.config.environment import Environment
from livekit_doctor.errors import UserError
from livekit_doctor.known_secrets import SHORTEST, cleaned, know, know_dsn, know_url, shown_url, without
from livekit_doctor.settings import CallLogs, LiveKit, Probe, Settings, Worker

SECRET = "s3cret&\"'<>/@ é\\"


@pytest.mark.parametrize(
    "write",
    [
        str,
        quote,
        lambda s: quote(s, safe=""),
        json.dumps,
        html.escape,
        repr,
        lambda s: json.dumps(s, ensure_ascii=False),
    ],
)
def test_each_form_in_which_a_text_could_hold_it(write) -> None:  # type: ignore[no-untyped-def]
    know(SECRET)
    assert "s3cret" not in without(f"before {write(SECRET)} after")


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("wss://h.livekit.cloud", "wss://h.livekit.cloud"),
        ("ws://127.0.0.1:7880/lk/livekit-production", "ws://127.0.0.1:7880/lk/livekit-production"),
        ("wss://h/p?token=abcdef&v=1#frag", "wss://h/p?***#***"),
        ("wss://h/sk_live_0123456789abcdef/x", "wss://h/***/x"),
        ("http://user:pass@h:8081", "http://user:***@h:8081"),
        ("http://0123tok@h", "http://***@h"),
        ("http://h/?", "http://h/?"),
        ("h?x=1", "h?***"),
        ("http://[::1/@x", "http://[::1/@x"),
    ],
)
def test_a_url_as_it_may_be_printed(url: str, shown: str) -> None:
    assert shown_url(url) == shown
    assert shown_url(shown) == shown


def test_what_is_secret_in_addresses() -> None:
    know_url("wss://h/p/sk_live_0123456789abcdef?token=tok%2Fen&v=1#fragment")
    know_url("http://doctor:pass%40word1@h")
    know_dsn("postgresql+asyncpg://u:p@ss/w1@h/db?sslpassword=sslpass1")
    know_dsn("host=h password='it\\'s mine' user=somebody")
    login = b64encode(b"doctor:pass@word1").decode()
    told = (
        f"sk_live_0123456789abcdef tok/en tok%2Fen fragment pass@word1 pass%40word1 {login} p@ss/w1 sslpass1 it's mine"
    )
    assert set(without(told).split()) == {"***"}
    assert without("doctor somebody h db v 1") == "doctor somebody h db v 1"


@pytest.mark.parametrize(
    "word", ["", "secret", "devkey", "postgres", "PASSWORD", "passed", "short", "***...***", "------"]
)
def test_what_is_no_secret_or_could_be_any_word(word: str) -> None:
    know(word)
    assert without(f"the {word} of") == f"the {word} of"


def test_a_short_one_is_no_part_of_a_word() -> None:
    know("hunter2")
    assert without("hunter2, x_hunter2; hunter22 ahunter2") == "***, x_***; hunter22 ahunter2"


@given(st.text(min_size=SHORTEST), st.text(), st.text())
def test_any_secret_stands_nowhere(secret: str, before: str, after: str) -> None:
    known_secrets.forget()
    know(secret)
    text = f"{before} {secret} {after}"
    known = bool(known_secrets._known)
    assert (secret not in without(text)) or not known or secret in f"{before} *** {after}"
    assert without(without(text)) == without(text)


def test_settings_are_safe_to_print_and_tell_what_they_have() -> None:
    settings = Settings(
        livekit=LiveKit(url="wss://h/?t=urltoken1", api_key="APIkey12345", api_secret="secret12345"),
        workers=(Worker(url="http://u:worker12345@h"),),
        call_logs=CallLogs(dsn="postgresql://u:dsn12345@h/d"),
        probe=Probe(metadata='{"token": "meta12345"}'),
    )
    canaries = ("urltoken1", "APIkey12345", "secret12345", "worker12345", "dsn12345")
    assert not [one for one in (*canaries, "meta12345") if one in repr(settings)]
    assert not [one for one in canaries if one in without(" ".join(canaries))]
    assert not [one for one in canaries if one in repr(cleaned([{one: (one,)} for one in canaries]))]
    assert without("APIkey12345") == "APIk…"


def test_so_is_the_environment() -> None:
    variables = {
        "LIVEKIT_API_SECRET": "secret12345",
        "HTTPS_PROXY": "http://u:proxy12345@h:1",
        "PGPASSWORD": "pg12345678",
        "AGENT_TOKEN": "agent12345",
        "PLAIN": "plain12345",
    }
    environment = Environment(variables, {})
    assert environment.expand("${AGENT_TOKEN} ${PLAIN}") == "agent12345 plain12345"
    assert not [one for one in variables.values() if one in repr(environment)]
    assert without("secret12345 proxy12345 pg12345678 agent12345 plain12345") == "*** *** *** *** plain12345"


def test_an_error_has_none() -> None:
    know("hunter2hunter2")
    error = UserError("LKD001", "it says hunter2hunter2", "type hunter2hunter2")
    assert (str(error), error.fix) == ("it says ***", "type ***")


def test_what_the_api_returns_has_none(tmp_path: Path) -> None:
    settings = Settings(
        livekit=LiveKit(url="ws://127.0.0.1:1/?t=urltoken1", api_key="APIkey12345", api_secret="x" * 20)
    )
    ran = asyncio.run(check(settings=settings, only="connection"))
    assert ran.exit_status == 1
    assert "urltoken1" not in json.dumps(ran.to_dict()) + repr(ran) + "".join(map(ran.fix, ran.results))
