"""checks.yaml, the environment and the command line as typed settings (design section 6).

Of two places that set a key the first of these wins: the command line, the environment, `.env`,
the file, the default. DATABASE_URL alone ranks below the file: it is often another
application's database.
"""

import os
from collections.abc import Callable, Collection, Mapping
from pathlib import Path
from types import MappingProxyType

from msgspec import Struct, structs

from livekit_doctor.config import document, environment, forms, whole
from livekit_doctor.config.document import Entry, Kind
from livekit_doctor.config.environment import Environment
from livekit_doctor.config.issues import Issue, raise_for
from livekit_doctor.config.reader import Reader, key_path
from livekit_doctor.errors import ConfigError
from livekit_doctor.input_file import open_input, read_all
from livekit_doctor.settings import Settings

__all__ = ["CONFIG_VARIABLE", "FILE_NAME", "VARIABLES", "ConfigError", "Loaded", "load"]

FILE_NAME = "checks.yaml"
CONFIG_VARIABLE = "LIVEKIT_DOCTOR_CONFIG"
COMMAND_LINE = "command line"

VARIABLES: Mapping[str, str] = {
    "LIVEKIT_URL": "livekit.url",
    "LIVEKIT_API_KEY": "livekit.api_key",
    "LIVEKIT_API_SECRET": "livekit.api_secret",
    "LIVEKIT_AGENT_NAME": "agent.name",
    "CALL_LOGS_DATABASE_URL": "call_logs.dsn",
}
"""The environment variables that are read, and the keys that they set."""

FALLBACKS: Mapping[str, str] = {"DATABASE_URL": "call_logs.dsn"}
"""Variables that count only where nothing else sets the key, and only for a Postgres address."""


class Loaded(Struct, frozen=True):
    """The settings, the file that was read, and where each value comes from.

    `origins` maps a dotted key to "command line", a variable such as "LIVEKIT_URL", ".env" or
    "checks.yaml:12"; a key that is not in it has its default.
    """

    settings: Settings
    path: Path | None
    origins: Mapping[str, str]
    sources: tuple[str, ...]

    def describe(self) -> str:
        """One line: the sources of the configuration, without any value."""
        if self.path is None:
            return "configuration: " + "; ".join((f"no {FILE_NAME} found, defaults", *self.sources))
        return "configuration: " + ", ".join(self.sources)


def load(
    path: Path | None = None,
    overrides: Mapping[str, object] = MappingProxyType({}),
    environ: Mapping[str, str] | None = None,
    cwd: Path | None = None,
    check_ids: Callable[[], Collection[str]] | None = None,
    given_in: str = COMMAND_LINE,
    unwritten: bool = False,
) -> Loaded:
    """The effective configuration.

    `path` is the file named by --config; without one, `$LIVEKIT_DOCTOR_CONFIG` of the real
    environment, then checks.yaml in `cwd` and upwards. `overrides` are the options of the command
    line by dotted key; None means not given; messages say that they were `given_in`. With `check_ids`,
    which is asked only where there is something under `checks`, other ids there are refused.
    `unwritten` is for a `path` that is yet to be written: as if nothing stood in that file.

    Raises ConfigError with every mistake of the file and the other sources.
    """
    process = os.environ if environ is None else environ
    try:
        folder = Path(os.path.abspath(cwd or Path.cwd()))
    except FileNotFoundError:
        raise ConfigError("the current folder no longer exists", "change to another folder") from None
    file = _find(path, process, folder)
    env = environment.read(process, folder, file.parent if file else None)

    issues: list[Issue] = []
    origins: dict[str, str] = {}
    plain = Reader(issues, origins, check_ids=check_ids)
    settings = plain.settings(_fallbacks(env), Settings())
    file = None if unwritten else file
    if file is not None:
        name = _display(file, folder)
        entry, found = document.parse(_read(file, name), name)
        issues.extend(found)
        settings = Reader(issues, origins, env, check_ids).settings(entry, settings)
        settings = _from_folder(settings, origins, file.parent, name)
    settings = plain.settings(_variables(env, VARIABLES), settings)
    settings = plain.settings(_overrides(overrides, given_in), settings)
    raise_for(issues)

    settings = whole.with_cloud_defaults(settings, origins)
    raise_for(whole.contradictions(settings, origins))
    return Loaded(settings, file, MappingProxyType(origins), _sources(file, folder, env, origins, given_in))


def _find(path: Path | None, process: Mapping[str, str], folder: Path) -> Path | None:
    """The file to read: a named one whether it exists or not, otherwise the nearest upwards."""
    named = path or (Path(process[CONFIG_VARIABLE]) if process.get(CONFIG_VARIABLE) else None)
    if named is not None:
        return Path(os.path.abspath(folder / os.path.expanduser(named)))
    for above in (folder, *folder.parents):
        if os.path.lexists(above / FILE_NAME):
            return above / FILE_NAME
    return None


def _read(file: Path, name: str) -> bytes:
    try:
        return read_all(open_input(file), document.MOST_BYTES)
    except FileNotFoundError:
        fix = f"correct --config or {CONFIG_VARIABLE}, or create the file"
        raise ConfigError(f"{name}: no such file", fix) from None
    except IsADirectoryError:
        fix = f"name the file, such as {os.path.join(name, FILE_NAME)}"
        raise ConfigError(f"{name}: a folder, not a file", fix) from None
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        fix = f"make {name} readable for this user"
        raise ConfigError(f"{name}: cannot be read: {reason}", fix) from None


def _display(file: Path, folder: Path) -> str:
    """The file's name as seen from the current folder, where that is short."""
    name = os.path.relpath(file, folder)
    return str(file) if name.startswith(os.path.join("..", "..", "..")) else name


def _fallbacks(env: Environment) -> Entry:
    usable = [name for name in FALLBACKS if forms.dsn(env.get(name) or "") is None]
    return _variables(env, {name: FALLBACKS[name] for name in usable})


def _variables(env: Environment, variables: Mapping[str, str]) -> Entry:
    found = [(name, key, env.get(name)) for name, key in variables.items()]
    entries = [(key_path(key), Entry(env.origin(name), Kind.TEXT, text)) for name, key, text in found if text]
    return document.nest(entries, "environment")


def _overrides(overrides: Mapping[str, object], given_in: str) -> Entry:
    given = [(key, value) for key, value in overrides.items() if value is not None]
    entries = [(key_path(key), document.from_value(value, given_in)) for key, value in given]
    return document.nest(entries, given_in)


def _from_folder(settings: Settings, origins: Mapping[str, str], folder: Path, name: str) -> Settings:
    """Relative names of log files that the file names are relative to the file's folder."""

    def there(log: str) -> str:
        return log if log == "-" else os.path.join(folder, os.path.expanduser(log))

    rows, logs = settings.call_logs, settings.logs
    if rows.file is not None and origins["call_logs.file"].startswith(f"{name}:"):
        settings = structs.replace(settings, call_logs=structs.replace(rows, file=there(rows.file)))
    files = {key: tuple(map(there, value)) for key, value in structs.asdict(logs).items()}
    return structs.replace(settings, logs=structs.replace(logs, **files))


def _sources(
    file: Path | None, folder: Path, env: Environment, origins: Mapping[str, str], given_in: str
) -> tuple[str, ...]:
    """The file, the variables that took effect and where they stand, the command line."""
    sources = []
    if file is not None:
        name = _display(file, folder)
        sources.append(name if os.sep in name else f".{os.sep}{name}")
    by_place: dict[str, dict[str, str]] = {"the environment": {}, env.dotenv_name: {}}
    for name, key in (*FALLBACKS.items(), *VARIABLES.items()):
        origin = env.origin(name)
        if env.get(name) and origins.get(key) == origin:
            by_place["the environment" if origin == name else origin][key] = name
    for place, names in by_place.items():
        if names:
            *others, last = names.values()
            listed = f"{', '.join(others)} and {last}" if others else last
            sources.append(f"{listed} from {place}")
    if given_in in origins.values():
        sources.append(f"the {given_in}" if given_in == COMMAND_LINE else given_in)
    return tuple(sources)
