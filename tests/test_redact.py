"""No secret, token or password ever."""

import json
import re
import secrets
import time
from urllib.parse import quote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from livekit import api

from livekit_doctor import redact
from livekit_doctor.redact import redact_json, redact_text, replaced

PATIENT = settings(deadline=None)

TEXTS = [
    "password={}",
    "PASSWORD = {}",
    "password='{} {}'",
    'user=x password="{}\\" {}" host=y',
    'password="{} cut off',
    "secret: {}",
    "LIVEKIT_API_SECRET={}",
    "api_key={}",
    "apiKey: {}",
    "X-Api-Key: {}",
    "access_token={}&x=1",
    "https://host/path?token={}&room=r",
    "Authorization: Bearer {}",
    "authorization: Basic {}",
    "got Bearer {} from",
    "postgres://user:{}@host:5432/db",
    "postgresql://user:{}/{}@host/db",
    "redis://:{}@host",
    "could not connect to wss://key:{}@x.livekit.cloud, giving up",
    '{{"password": "{}", "a": 1}}',
    '{{"nested": "{{\\"client_secret\\": \\"{}\\"}}"}}',
    "invalid token: eyJ{}.eyJ{}.{}, error: token signature is invalid",
    "line\\neyJ{}.{}.{}",
]


@pytest.mark.parametrize("text", TEXTS)
def test_secrets_in_text(text: str) -> None:
    secret = secrets.token_hex(12)
    redacted = redact_text(text.replace("{{", "{").replace("}}", "}").replace("{}", secret))
    assert secret not in redacted
    assert "***" in redacted
    assert redact_text(redacted) == redacted


KEPT = [
    "token is expired",
    "invalid API key: APIabc",
    "max_tokens: 100, tokens=5",
    "missing bearer token",
    "postgres://user@host:5432/db",
    "ws://127.0.0.1:7880/rtc and a@b.c",
    "host.example.com and eyJhbGciOiJ alone",
    "room call-outbound-1, participant sip_+15555550123",
    "the secret of success",
]


@pytest.mark.parametrize("text", KEPT)
def test_what_is_no_secret(text: str) -> None:
    assert redact_text(text) == text


def test_what_is_around_a_secret_stays() -> None:
    assert redact_text("password=x host=y") == "password=*** host=y"
    assert redact_text("postgres://u:p@ss@h:5432/db") == "postgres://u:***@h:5432/db"
    assert redact_text("invalid token: eyJa.eyJb.c, error: bad") == "invalid token: ***, error: bad"


def test_a_real_token() -> None:
    token = api.AccessToken("key", secrets.token_hex(32)).with_identity("x").to_jwt()
    for text in (token, f"x{token}", f'{{"a":"{token}"}}', f"wss://h/rtc?access_token={token}&v=1", quote(token)):
        assert token.split(".")[2] not in redact_text(text)
        assert token.split(".")[1] not in redact_text(text)
    assert json.loads(redact_text(json.dumps({"msg": f"invalid token: {token}"})))["msg"].startswith("invalid token")


def test_json() -> None:
    secret = secrets.token_hex(12)
    value = {
        "participantToken": secret,
        "api-key": [secret, {"a": secret}],
        "Authorization": f"Bearer {secret}",
        "pwd": 12345678,
        "max_tokens": 100,
        "token_count": 5,
        "has_password": True,
        "secret": None,
        "text": f"postgres://u:{secret}@h/d",
        "inner": json.dumps({"secret": secret, "kept": 1}),
        "list": [{"client_secret": secret, "room": "r"}],
    }
    text = redact_json(json.dumps(value))
    assert secret not in text
    found = json.loads(text)
    assert found["pwd"] == "***"
    assert (found["max_tokens"], found["token_count"], found["has_password"], found["secret"]) == (100, 5, True, None)
    assert json.loads(found["inner"]) == {"secret": "***", "kept": 1}
    assert found["list"] == [{"client_secret": "***", "room": "r"}]


def test_json_with_a_key_twice() -> None:
    assert "hunter2" not in redact_json('{"password": "hunter2", "password": null}')


@pytest.mark.parametrize("text", ["", "{", "not json, password=hunter2", "[" * 100_000, '"\\ud800"', "7" * 5000])
def test_json_that_is_none(text: str) -> None:
    redacted = redact_json(text)
    assert "hunter2" not in redacted
    redacted.encode()


ENDLESS = [
    "password",
    "a.",
    "a://",
    "eyJ",
    "eyJ.",
    'token:"',
    "token:\\",
    "bearer ",
    "token-",
    "a:",
    "://a:",
    "-",
    "\\",
]


@pytest.mark.parametrize("piece", ENDLESS)
def test_long_texts_take_no_longer_than_they_must(piece: str) -> None:
    """Eight times the text takes about eight times as long, not sixty-four times."""

    def seconds(length: int) -> float:
        text = piece * (length // len(piece))
        started = time.process_time()
        redact_text(text)
        return time.process_time() - started

    short = min(seconds(25_000) for _ in range(3))
    assert seconds(200_000) < 30 * short + 0.05


WORDS = st.sampled_from(
    ["pass", "word=", "Token", "api_key:", "BEARER ", "x://", "u:p", "@", '"', "İ", " ", "secret", "=", "y"]
)


@PATIENT
@given(st.lists(WORDS | st.text(max_size=3)).map("".join))
def test_a_pattern_is_tried_wherever_it_could_match(text: str) -> None:
    def replace(found: re.Match[str]) -> str:
        return f"<{found[0]}>"

    for pattern, begins in (
        (redact._NAMED, redact._NAMES_BEGIN),
        (redact._BEARER, ("bearer",)),
        (redact._URL_PASSWORD, ("://",)),
    ):
        assert replaced(pattern, begins, replace, text) == pattern.sub(replace, text)


@PATIENT
@given(st.text())
def test_any_text_twice(text: str) -> None:
    assert redact_text(redact_text(text)) == redact_text(text)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text() | st.sampled_from(["token", "a", "password"]), inner),
)


@PATIENT
@given(JSON)
def test_any_json_stays_json(value: object) -> None:
    redacted = redact_json(json.dumps(value))
    assert redact_json(redacted) == redacted
    assert type(json.loads(redacted)) is type(value)
