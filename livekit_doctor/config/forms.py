"""What a text must look like, for the keys where any text is not good enough.

A form returns what is wrong and what to write, or None. The forms of secrets and of addresses
that may hold one never repeat the text.
"""

import re
from collections.abc import Callable, Mapping
from urllib.parse import urlsplit

from livekit_doctor import lazy_re
from livekit_doctor.config.environment import literal_part
from livekit_doctor.config.issues import expected, shown

Form = Callable[[str], str | None]

_PLACEHOLDER = lazy_re.compile(r"\{([A-Za-z_][A-Za-z0-9_]*)\}")
_PROBE_PLACEHOLDERS = ("call_id", "room")


def _trimmed(text: str) -> str | None:
    if text != text.strip():
        return "has white space around it; remove it"
    return None


def _url(text: str, schemes: tuple[str, ...], example: str, *, login: bool = False) -> str | None:
    said = f"expected a URL such as {example}"
    if re.search(r"[\s\x00-\x1f]", text):
        return f"has white space in it; {said}"
    if "://" not in text:
        if not re.fullmatch(r"[A-Za-z0-9.-]{1,253}(:\d{1,5})?/?", text):
            return f"not a URL; {said}"
        local = text.startswith(("localhost", "127.", "10.", "192.168."))
        scheme = schemes[0] if local else example.partition(":")[0]
        return f"{shown(text)} has no scheme; write {scheme}://{text}"
    try:
        parts = urlsplit(text)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return f"not a valid URL; {said}"
    if not login and (parts.username is not None or parts.password is not None):
        return f"has a user or password in it, which is not used; {said}"
    if parts.scheme not in schemes:
        return f"has the scheme {shown(parts.scheme)}, not one of {', '.join(schemes)}; {said}"
    if not host:
        return f"has no host; {said}"
    return None


def livekit_url(text: str) -> str | None:
    return _url(text, ("ws", "wss", "http", "https"), "wss://my-project.livekit.cloud")


def worker_url(text: str) -> str | None:
    """A login in it is for a proxy in front of the worker."""
    return _url(text, ("http", "https"), "http://10.0.0.7:8081", login=True)


def dsn(text: str) -> str | None:
    scheme, separator, _ = text.partition("://")
    said = "expected postgresql://user@host:5432/database"
    if separator and scheme.startswith(("postgresql+", "postgres+")):
        return f"{shown(scheme + '://')} is SQLAlchemy's; write postgresql:// and the same rest"
    if separator and scheme not in ("postgres", "postgresql"):
        return f"not a Postgres address; {said}"
    if not separator and not re.match(r"\s*\w+\s*=", text):
        return f"not a Postgres address; {said}"
    return _trimmed(text)


def name_template(text: str) -> str | None:
    said = "expected text with placeholders such as call-{call_id}"
    names = _PLACEHOLDER.findall(text)
    if set(_PLACEHOLDER.sub("", text)) & set("{}"):
        return f"a brace that is not part of a placeholder; {said}"
    if not names:
        return f"has no placeholder, so it names one room only; {said}"
    for name in names:
        if name != "call_id" and re.sub(r"[^a-z]", "", name.lower()) == "callid":
            return f"unknown placeholder {{{name}}}; did you mean {{call_id}}?"
    return None


def probe_metadata(text: str) -> str | None:
    """The metadata is often JSON, so a brace that encloses no word is text."""
    for name in _PLACEHOLDER.findall(text):
        if name not in _PROBE_PLACEHOLDERS:
            return f"unknown placeholder {{{name}}}; {expected(name, _PROBE_PLACEHOLDERS)}"
    return None


FORMS: Mapping[str, Form] = {
    "livekit.url": livekit_url,
    "livekit.api_key": _trimmed,
    "livekit.api_secret": _trimmed,
    "workers[].url": worker_url,
    "call_logs.dsn": dsn,
    "rooms.name_template": name_template,
    "probe.metadata": probe_metadata,
}
"""By dotted key, with [] for any item of a list."""

_PASSWORD = lazy_re.compile(r"://[^@]*:[^@]+@|(^|[\s?&])(ssl)?password\s*=\s*[^\s&]", re.IGNORECASE)


def _literal_key(text: str) -> str | None:
    if not text or re.fullmatch(r"\$\{\w+\}", text):
        return None
    return "*** is a secret in the file; secrets come from the environment only"


def _literal_password(text: str) -> str | None:
    if _PASSWORD.search(literal_part(text)):
        return "a password in the file; secrets come from the environment only"
    return None


SECRETS: Mapping[str, tuple[Form, str]] = {
    "livekit.api_key": (_literal_key, "LIVEKIT_API_KEY"),
    "livekit.api_secret": (_literal_key, "LIVEKIT_API_SECRET"),
    "call_logs.dsn": (_literal_password, "CALL_LOGS_DATABASE_URL"),
}
"""Keys whose text is never printed, what the file may not say literally, and the variable to use."""
