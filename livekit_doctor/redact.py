"""Takes secrets, and what could steer a terminal, out of text before it is kept or printed.

Phone numbers are not its business.
"""

import json
import re
from collections.abc import Callable, Collection, Iterator, Mapping

from livekit_doctor import lazy_re
from livekit_doctor.known_secrets import REMOVED, without

_SECRET_NAME = (
    r"pass_?(?:word|wd|phrase)|pwd|secret|token|authorization|api[_.-]?key"
    r"|private[_.-]?key|access[_.-]?key|credential|cookie"
)
_SECRET_KEY = lazy_re.compile(_SECRET_NAME, re.IGNORECASE)
_COUNT = lazy_re.compile(r"-?\d+(?:\.\d+)?")

# Every pattern here takes time linear in the text: runs are entered at their start only, or bounded. And each is tried
# only where one of its words stands, which is found some fifty times faster than the pattern would find it.
_DOTTED = lazy_re.compile(r"(?<![\w-])[\w-]++(?:\.[\w-]*+){2,}")
_URL_PASSWORD = lazy_re.compile(r"(?<=[a-z0-9+.-])(://[^\s:/?#@\"'<>]{0,200}:)[^\s\"'<>]{0,500}@", re.IGNORECASE)
_BEARER = lazy_re.compile(r"\b(Bearer\s+)(?!tokens?\b|auth)[^\s,;\"'<>{}\\]+", re.IGNORECASE)
_NAMED = lazy_re.compile(
    rf"((?:{_SECRET_NAME})[\w.-]{{0,40}}\\*[\"']?\s{{0,3}}[:=]\s{{0,3}}(?:(?:Bearer|Basic|Token)\s+)?)"
    r"(\"(?:[^\"\\]|\\.)*+(?:\"|\Z)|'(?:[^'\\]|\\.)*+(?:'|\Z)|\\+\"[^\"\\]*|[^\s,;&\"'<>{}\[\]\\]+)",
    re.IGNORECASE | re.DOTALL,
)
_NAMES_BEGIN = ("pass", "pwd", "secret", "token", "authorization", "api", "private", "access", "credential", "cookie")


def redact_text(text: str) -> str:
    """`text` without the secrets that are known, JWTs, bearer tokens, passwords in URLs, and what follows names such as
    `password=` or `"api_key":`. Keeps JSON valid, and says nothing new when applied twice."""
    text = without(text)
    if "eyJ" in text:
        text = _DOTTED.sub(_without_jwt, text)
    text = replaced(_URL_PASSWORD, ("://",), lambda found: f"{found[1]}{REMOVED}@", text)
    text = replaced(_BEARER, ("bearer",), lambda found: f"{found[1]}{REMOVED}", text)
    return replaced(_NAMED, _NAMES_BEGIN, _named, text)


def replaced(
    pattern: re.Pattern[str], begins: Collection[str], replace: Callable[[re.Match[str]], str], text: str
) -> str:
    """`pattern.sub(replace, text)`, where each match begins with one of these words, in lower case or not."""
    parts: list[str] = []
    end = 0
    for found in matches(pattern, begins, text):
        parts += (text[end : found.start()], replace(found))
        end = found.end()
    return "".join((*parts, text[end:])) if parts else text


def matches(pattern: re.Pattern[str], begins: Collection[str], text: str) -> Iterator[re.Match[str]]:
    """`pattern.finditer(text)`, where each match begins with one of these words, in lower case or not."""
    low = text.lower()
    if len(low) != len(text):  # a letter of which the small one is two
        yield from pattern.finditer(text)
        return
    end = 0
    for place in sorted(place for word in begins for place in _places(word, low)):
        if place >= end and (found := pattern.match(text, place)):
            end = found.end()
            yield found


def _places(word: str, text: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + 1)


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
    if text.isascii():
        return text.translate(_CONTROLS)
    return text if text.isprintable() else "".join(char if char.isprintable() else " " for char in text)


_CONTROLS = dict.fromkeys((*range(32), 127), " ")


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
