"""Takes secrets, and what could steer a terminal, out of text before it is kept or printed.

Phone numbers are not its business.
"""

import json
import re
from collections.abc import Mapping

REMOVED = "***"

_SECRET_NAME = (
    r"pass_?(?:word|wd|phrase)|pwd|secret|token|authorization|api[_.-]?key"
    r"|private[_.-]?key|access[_.-]?key|credential|cookie"
)
_SECRET_KEY = re.compile(_SECRET_NAME, re.IGNORECASE)
_COUNT = re.compile(r"-?\d+(?:\.\d+)?")

# Every pattern here takes time linear in the text: runs are entered at their start only, or bounded.
_DOTTED = re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]*+){2,}")
_URL_PASSWORD = re.compile(r"([a-z][a-z0-9+.-]{0,40}://[^\s:/?#@\"'<>]{0,200}:)[^\s\"'<>]{0,500}@", re.IGNORECASE)
_BEARER = re.compile(r"\b(Bearer\s+)(?!tokens?\b|auth)[^\s,;\"'<>{}\\]+", re.IGNORECASE)
_NAMED = re.compile(
    rf"((?:{_SECRET_NAME})[\w.-]{{0,40}}\\*[\"']?\s{{0,3}}[:=]\s{{0,3}}(?:(?:Bearer|Basic|Token)\s+)?)"
    r"(\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z)|\\+\"[^\"\\]*|[^\s,;&\"'<>{}\[\]\\]+)",
    re.IGNORECASE | re.DOTALL,
)


def redact_text(text: str) -> str:
    """`text` without JWTs, bearer tokens, passwords in URLs, and what follows names such as
    `password=` or `"api_key":`. Keeps JSON valid, and says nothing new when applied twice."""
    text = _DOTTED.sub(_without_jwt, text)
    text = _URL_PASSWORD.sub(rf"\g<1>{REMOVED}@", text)
    text = _BEARER.sub(rf"\g<1>{REMOVED}", text)
    return _NAMED.sub(_named, text)


def redact_json(text: str) -> str:
    """`text`, being JSON, without the values of secret keys and without secrets inside strings.

    JSON inside a JSON string is gone through as well. Text that is not JSON goes through
    `redact_text`.
    """
    try:
        redacted = json.dumps(_redacted(json.loads(text)), ensure_ascii=False)
    except (ValueError, RecursionError):
        return redact_text(text)
    return redacted.encode(errors="replace").decode()


def redact_attributes(attributes: Mapping[str, str]) -> dict[str, str]:
    """Attributes without the values of secret keys and without secrets inside the others."""
    return {key: REMOVED if is_secret(key, value) else _redacted_text(value) for key, value in attributes.items()}


def redact_values(value: object) -> object:
    """A JSON value without the values of secret keys, its strings without what `redact_text` takes out.

    Strings that are JSON are not written anew, so what has been through `redact_json` stays as it is.
    """
    if isinstance(value, dict):
        return {key: REMOVED if is_secret(key, item) else redact_values(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [redact_values(item) for item in value]
    return redact_text(value) if isinstance(value, str) else value


def printable(text: str) -> str:
    """The text on one line, without characters that could steer a terminal."""
    return "".join(char if char.isprintable() else " " for char in text)


def _without_jwt(match: re.Match[str]) -> str:
    """A JWT is three base64url parts of which the first begins with `{"`, in base64 `eyJ`."""
    start = match.group().find("eyJ")
    if start < 0 or match.group().count(".", start) < 2:
        return match.group()
    return match.group()[:start] + REMOVED


def _named(match: re.Match[str]) -> str:
    name, value = match.groups()
    if "token" in name.lower() and _COUNT.fullmatch(value):
        return match.group()
    opening = re.match(r"\\*[\"']?", value)
    quote = opening.group() if opening else ""
    closing = quote if quote in ("'", '"') else ""
    return f"{name}{quote}{REMOVED}{closing}"


def _redacted(value: object) -> object:
    if isinstance(value, dict):
        return {redact_text(key): REMOVED if is_secret(key, item) else _redacted(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_redacted(item) for item in value]
    return _redacted_text(value) if isinstance(value, str) else value


def _redacted_text(text: str) -> str:
    return redact_json(text) if text.lstrip()[:1] in ("{", "[") else redact_text(text)


def is_secret(key: str, value: object) -> bool:
    """Whether the value under this key is secret; `max_tokens: 100` and `has_token: true` are not."""
    found = _SECRET_KEY.search(key)
    if not found or value is None or isinstance(value, bool) or value == "":
        return False
    return not (found.group().lower() == "token" and isinstance(value, int | float))
