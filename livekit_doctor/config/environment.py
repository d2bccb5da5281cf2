"""The environment, with a `.env` file below it, and `${VAR}` in text."""

import re
from collections.abc import Mapping
from pathlib import Path

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.errors import ConfigError
from livekit_doctor.known_secrets import know, know_dsn, know_url
from livekit_doctor.redact import is_secret

_VARIABLE = lazy_re.compile(r"\$\{([A-Za-z_][A-Za-z0-9_]*)(?::-([^{}]*))?\}")


_SECRETS = ("LIVEKIT_API_SECRET", "PGPASSWORD")
_ADDRESSES = ("CALL_LOGS_DATABASE_URL", "DATABASE_URL")
_PROXY = lazy_re.compile(r"_proxy$", re.IGNORECASE)


class Malformed(Exception):
    """A `${` that is neither `${VAR}` nor `${VAR:-default}`."""


class Undefined(Exception):
    """A variable without a value and without a default. The message is its name."""


class Environment(Struct, frozen=True):
    """Variables by rank: the process's own, then those of `.env`. An empty one counts as not set."""

    process: Mapping[str, str]
    dotenv: Mapping[str, str]
    dotenv_name: str = ".env"

    def __post_init__(self) -> None:
        """What is secret in it is known from here on, whether a setting comes of it or a mistake."""
        for name in _SECRETS:
            know(self.get(name))
        for name in _ADDRESSES:
            know_dsn(self.get(name))
        for name in (name for name in {*self.process, *self.dotenv} if name == "LIVEKIT_URL" or _PROXY.search(name)):
            know_url(self.get(name))

    def __repr__(self) -> str:
        return f"Environment({len(self.process)} variables, {self.dotenv_name})"

    def get(self, name: str) -> str | None:
        return self.process.get(name) or self.dotenv.get(name) or None

    def origin(self, name: str) -> str:
        """Where a variable that is set comes from: its own name, or the `.env` file."""
        return name if self.process.get(name) else self.dotenv_name

    def expand(self, text: str) -> str:
        """`text` with its variables filled in. Raises Malformed and Undefined."""
        if "${" in _VARIABLE.sub("", text):
            raise Malformed

        def fill(found: re.Match[str]) -> str:
            value = self.get(found[1]) or found[2]
            if value is None:
                raise Undefined(found[1])
            if is_secret(found[1], value):
                know(value)
            return value

        return _VARIABLE.sub(fill, text)


def has_variable(text: str) -> bool:
    return "${" in text


def literal_part(text: str) -> str:
    """What a text with variables says by itself: the variables as their defaults, or nothing."""
    return _VARIABLE.sub(lambda found: found[2] or "", text)


def read(process: Mapping[str, str], cwd: Path, top: Path | None) -> Environment:
    """The environment with the nearest `.env` of `cwd` and its parents up to `top`.

    Without a `top` among the parents, only `cwd` itself is looked at.
    """
    folders = [cwd, *cwd.parents]
    folders = folders[: folders.index(top) + 1] if top in folders else [cwd]
    for depth, folder in enumerate(folders):
        path = folder / ".env"
        if path.is_file():
            name = "../" * depth + ".env"
            return Environment(process, _read_dotenv(path, name, process), name)
    return Environment(process, {})


def _read_dotenv(path: Path, name: str, process: Mapping[str, str]) -> Mapping[str, str]:
    """The variables of a `.env`. Their `${VAR}` are filled in here, not by dotenv, which asks os.environ."""
    from io import StringIO

    from dotenv import dotenv_values

    try:
        text = path.read_text("utf-8-sig")
    except UnicodeDecodeError:
        raise ConfigError(f"{name}: not UTF-8 text", f"save {name} as UTF-8") from None
    except OSError as error:
        raise ConfigError(f"{name}: cannot be read: {error.strerror}", f"make {name} readable, or remove it") from None
    values: dict[str, str] = {}
    for key, value in dotenv_values(stream=StringIO(text), interpolate=False).items():
        if value is not None:
            values[key] = _VARIABLE.sub(
                lambda found: process.get(found[1]) or values.get(found[1]) or found[2] or "", value
            )
    return values
