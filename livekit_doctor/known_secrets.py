"""The secrets that this process has been told, so that no outlet prints one, wherever it comes from.

Settings tell theirs when they are made, so do the environment and the command line when they are read. What leaves the
process asks here: reports, bundles, standard output and error, errors, and `redact_text` with all that uses it.

A secret is left out in each form in which a text could hold it: percent-encoded, in base64 as in a login, and as JSON,
HTML and Python write it. One shorter than SHORTEST is left out by `redact` alone, by its name or its place: anywhere
else it could be any word.
"""

import html
import json
import re
from base64 import b64encode
from collections.abc import Iterator
from typing import Any, NamedTuple, TypeVar
from urllib.parse import quote, quote_plus, unquote

from livekit_doctor import lazy_re

REMOVED = "***"
SHORTEST = 6
"""Characters. A shorter one would be taken out of the middle of what is said."""
_LONG = 16
"""Characters from which a secret is left out of the middle of words as well."""
_MOST = 2000
"""Forms that are known at once: a program that changes its credentials for ever does not get slower for ever."""
_WORDS = frozenset(
    re.findall(
        r"\w+",
        "secret devkey postgres postgresql password livekit changeme default"
        " passed warned failed skipped errored healthy broken unknown pending in_progress no_fault_seen",
    )
)
"""Defaults that everybody knows, which protect nothing, and words of the reports themselves."""

T = TypeVar("T")


class _Known(NamedTuple):
    form: str
    shown: str
    pattern: re.Pattern[str] | None
    """Where it must stand alone."""

    @property
    def escaped(self) -> str:
        """As `re` reads what is to stand in the place of a match."""
        return self.shown.replace("\\", "\\\\")


_known: dict[str, _Known] = {}
"""By form, the longest first."""


def know(secret: str | None, shown: str = REMOVED) -> None:
    """From now on this text is left out; `shown` stands in its place."""
    if secret is None or len(secret) < SHORTEST or secret.lower() in _WORDS or not re.search(r"\w", secret):
        return
    for form in _forms(secret):
        if form not in _known:
            alone = None if len(form) >= _LONG else re.compile(rf"(?<![^\W_]){re.escape(form)}(?![^\W_])")
            _known[form] = _Known(form, shown, alone)
    newest = list(_known.values())[-_MOST:]
    _known.clear()
    _known.update((one.form, one) for one in sorted(newest, key=lambda one: -len(one.form)))


def know_url(url: str | None) -> None:
    """A URL's login, query, fragment, and what looks like a token in its path."""
    if not url or (shown := shown_url(url)) == url:
        return
    know(url, shown)
    know(url.rstrip("/"), shown.rstrip("/"))
    _, login, path, query, fragment = _parts(url)
    user, colon, password = login.partition(":")
    know(password if colon else user)
    if login:
        know(b64encode(unquote(login).encode(errors="replace")).decode())
    for segment in path.split("/"):
        if _is_token(segment):
            know(segment)
    for pair in (*query[1:].split("&"), *fragment[1:].split("&")):
        know(pair.rpartition("=")[2] or pair)


def know_dsn(dsn: str | None) -> None:
    """The passwords of a database's address, as a URL or as `key=value`."""
    if not dsn:
        return
    scheme, separator, rest = dsn.strip().partition("://")
    if separator:
        login, _, _ = rest.rpartition("@")
        know(login.partition(":")[2])
        know(_parts(dsn)[1].partition(":")[2])
        know(dsn.strip(), f"{scheme}://{REMOVED}")
    for found in _PASSWORD.finditer(dsn):
        know(found[2].replace("\\'", "'") if found[2] is not None else found[3])


_PASSWORD = lazy_re.compile(r"(?<!\w)(?:ssl)?pass(word|file)\s*=\s*(?:'((?:[^'\\]|\\.)*)'|([^\s&]+))", re.IGNORECASE)


def forget() -> None:
    """All of them, for tests: each run of the command is a process of its own."""
    _known.clear()


def without(text: str) -> str:
    """The text without any secret that is known."""
    for one in _known.values():
        if one.form in text:
            text = one.pattern.sub(one.escaped, text) if one.pattern else text.replace(one.form, one.shown)
    return text


def cleaned(value: T) -> T:
    """The same, each text in it without any secret that is known: of structs, tuples, lists and dicts with their
    keys. What has none stays the same object."""
    found: T = _cleaned(value) if _known else value
    return found


def _cleaned(value: Any) -> Any:
    from msgspec import Struct  # here, for `--help` needs none
    from msgspec.structs import replace

    if type(value) is str:
        return without(value)
    if isinstance(value, Struct):
        changed = {}
        for name in value.__struct_fields__:
            before = getattr(value, name)
            after = _cleaned(before)
            if after is not before and after != before:
                changed[name] = after
        return replace(value, **changed) if changed else value
    if type(value) in (tuple, list):
        items = [_cleaned(item) for item in value]
        return value if all(a is b for a, b in zip(items, value, strict=True)) else type(value)(items)
    if isinstance(value, dict):
        return {_cleaned(key): _cleaned(item) for key, item in value.items()}
    return value


def shown_url(url: str) -> str:
    """A URL as it may be printed: without a login's secret, without what is in its query and fragment, and without
    what looks like a token in its path."""
    scheme, login, path, query, fragment = _parts(url)
    host, slash, rest = path.partition("/")
    user, colon, _ = login.partition(":")
    who = (f"{user}:{REMOVED}@" if colon else f"{REMOVED}@") if login else ""
    segments = (REMOVED if _is_token(segment) else segment for segment in rest.split("/"))
    asked = "".join(f"{part[0]}{REMOVED}" if part[1:] else part for part in (query, fragment) if part)
    return f"{scheme}{who}{host}{slash}{'/'.join(segments)}{asked}"


def _parts(url: str) -> tuple[str, str, str, str, str]:
    """The scheme with its ://, the login, host and path, the query with its ?, the fragment with its #."""
    scheme, separator, rest = url.partition("://")
    if not separator:
        scheme, rest = "", url
    end = re.search(r"[/?#]", rest)
    login, at, after = rest[: end.start() if end else None].rpartition("@")
    if at:
        rest = after + rest[end.start() if end else len(rest) :]
    rest, hash_, fragment = rest.partition("#")
    path, mark, query = rest.partition("?")
    return scheme + separator, login, path, mark + query, hash_ + fragment


def _is_token(segment: str) -> bool:
    """Long, and no words: with a digit in it, or longer than a name is."""
    text = unquote(segment)
    return len(text) >= _LONG and (any(char.isdigit() for char in text) or len(text) >= 2 * _LONG)


def _forms(secret: str) -> Iterator[str]:
    plain = unquote(secret)
    for text in dict.fromkeys((secret, plain)):
        yield text
        yield quote(text, safe="", errors="replace")
        yield quote(text, errors="replace")
        yield quote_plus(text, errors="replace")
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield html.escape(text)
        yield repr(text)[1:-1]
