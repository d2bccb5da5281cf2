"""A bundle as JSON: redacted, with a digest over its content, an observation a line."""

import hashlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import zip_longest
from typing import Any

import msgspec

from livekit_doctor import __version__
from livekit_doctor.bundle import SCHEMA, Bundle
from livekit_doctor.decoding import convert
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.phone_numbers import Pseudonyms, known_numbers, numbers_in
from livekit_doctor.known_secrets import cleaned
from livekit_doctor.redact import redact_values

EARLIEST = datetime(1970, 1, 1, tzinfo=UTC)
LATEST = datetime(2200, 1, 1, tzinfo=UTC)
"""Beyond these a time is of another unit, or made up; near the first and the last that there are no age can be
reckoned."""
_FAMILY = SCHEMA.rpartition("/")[0]
_DIGEST = "digest"
_REDACTED = ("subject", "coverage", "observations")
"""What comes from outside. In the settings a name such as `token_issued` may be a state."""


class BundleRefused(UserError):
    """A bundle that can't be diagnosed: nothing of it is used."""

    def __init__(self, name: str, why: str, fix: str) -> None:
        super().__init__("LKD001", f"{name}: {why}", fix)


def encode(bundle: Bundle) -> bytes:
    """The bundle as text, without secrets and, unless its `numbers` are shown, without phone numbers.

    A diagnosis of what `decode` makes of it is that of the bundle, but for the numbers in it.
    """
    content: dict[str, Any] = {"schema": SCHEMA, **msgspec.to_builtins(bundle)}
    content |= {key: redact_values(content[key]) for key in _REDACTED}
    content = cleaned(content)
    if bundle.numbers == "masked":
        content = _replaced(content, Pseudonyms(_numbers(bundle, content)))
    return _text({**content, _DIGEST: _digest(content)})


def decode(data: bytes, name: str) -> Bundle:
    """The bundle of this text. `name` is what errors call it; raises BundleRefused."""
    content = _parsed(data, name)
    _require_schema(content, name)
    if content.pop(_DIGEST, None) != _digest(content):
        raise BundleRefused(name, "edited or damaged after it was saved (its digest does not match)", _AGAIN)
    del content["schema"]
    try:
        bundle = convert(content, Bundle)
    except msgspec.ValidationError as error:
        raise BundleRefused(name, f"{_made_by(content)} {error}", _UPDATE) from None
    for problem in _not_understood(content, msgspec.to_builtins(bundle, builtin_types=(datetime,)), "$"):
        raise BundleRefused(name, f"{_made_by(content)} {problem}", _UPDATE)
    return bundle


_AGAIN = "ask for the file as `livekit-doctor trace CALL_ID --save FILE` wrote it"
_UPDATE = "install the version of livekit-doctor that saved it, or a newer one"


def _parsed(data: bytes, name: str) -> dict[str, Any]:
    try:
        content = msgspec.json.decode(data)
    except msgspec.DecodeError as error:
        why = "it ends in the middle (truncated)" if "truncated" in str(error) else f"not a bundle: no JSON ({error})"
        raise BundleRefused(name, why if data.strip() else "it is empty", _AGAIN) from None
    except (UnicodeDecodeError, RecursionError):
        raise BundleRefused(name, "not a bundle: no JSON", _AGAIN) from None
    if not isinstance(content, dict):
        raise BundleRefused(name, "not a bundle: no JSON object", _AGAIN)
    return content


def _require_schema(content: dict[str, Any], name: str) -> None:
    schema = content.get("schema")
    if schema == SCHEMA:
        return
    if isinstance(schema, str) and schema.startswith(f"{_FAMILY}/"):
        why = f"{_made_by(content)} its format is {schema[:80]}, and this one reads {SCHEMA}"
        raise BundleRefused(name, why, _UPDATE)
    why = (
        f'not a bundle: its schema is "{schema[:80]}"' if isinstance(schema, str) else "not a bundle: it has no schema"
    )
    raise BundleRefused(name, f"{why} and not {SCHEMA}", _AGAIN)


def _made_by(content: dict[str, Any]) -> str:
    version = content.get("version")
    known = f"livekit-doctor {version[:40]}" if isinstance(version, str) else "an unknown version"
    return f"saved by {known}, and livekit-doctor {__version__} does not understand it:"


def _not_understood(raw: object, known: object, path: str) -> Iterator[str]:
    """What a newer version has said that this one would drop, and times that are not UTC or of no call."""
    if isinstance(raw, dict) and isinstance(known, dict):
        for key, value in raw.items():
            if key not in known and key != "type":
                yield f"unknown field `{key}` - at `{path}`"
            else:
                yield from _not_understood(value, known.get(key), f"{path}.{key}")
    elif isinstance(raw, list) and isinstance(known, list | tuple):
        for number, (one, other) in enumerate(zip_longest(raw, known)):
            yield from _not_understood(one, other, f"{path}[{number}]")
    elif isinstance(known, datetime):
        if known.utcoffset() != timedelta():
            yield f"a time that is not in UTC - at `{path}`"
        elif not EARLIEST <= known < LATEST:
            yield f"a time that no call has - at `{path}`"


def _numbers(bundle: Bundle, content: dict[str, Any]) -> Iterator[str]:
    """All that are numbers anywhere: one that has its + in a room's name is the same without it in a row."""
    yield from known_numbers(bundle.evidence)
    yield from (number for trunk in bundle.settings.sip.outbound_trunks for number in trunk.numbers)
    yield from numbers_in(msgspec.json.encode(content).decode())


def _digest(content: dict[str, Any]) -> str:
    """Over the values, so that another spacing or order of keys is no edit. It tells of accidents, and is no
    signature: who saved the bundle it does not prove."""
    return f"sha256:{hashlib.sha256(msgspec.json.encode(content, order='sorted')).hexdigest()}"


def _replaced(value: Any, replace: Pseudonyms) -> Any:
    match value:
        case str():
            return replace(value)
        case dict():
            return {key: _replaced(item, replace) for key, item in value.items()}
        case list() | tuple():
            return [_replaced(item, replace) for item in value]
        case _:
            return value


def _text(content: dict[str, Any]) -> bytes:
    head = {key: value for key, value in content.items() if key != "observations"}
    lines = [b'"%s": %s' % (key.encode(), msgspec.json.encode(value)) for key, value in head.items()]
    observations = b",\n".join(map(msgspec.json.encode, content["observations"]))
    return b"{\n%s,\n" % b",\n".join(lines) + b'"observations": [\n%s\n]}\n' % observations
