"""Whatever is in the file, the environment and the options: settings, or a ConfigError."""

from pathlib import Path
from typing import Any

import msgspec
import yaml
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from livekit_doctor.config import Loaded, load
from livekit_doctor.config.reader import paths
from livekit_doctor.errors import ConfigError
from livekit_doctor.flow import Step
from livekit_doctor.settings import Settings
from tests.thorough import examples


def outcome(**arguments: Any) -> Loaded | ConfigError:
    try:
        return load(**arguments)
    except ConfigError as error:
        return error


WORDS = st.sampled_from(
    [
        *sorted({part.strip("[]") for path in paths() for part in path.split(".")}),
        *(str(step) for step in Step),
        *("off", "yes", "007", "5", "-1", "~", "*", "&a", "*a", "<<", "${A}", "${A:-b}", "${", "{call_id}"),
        *("!x", "|", ">", "---", "wss://a.livekit.cloud", "\t", "\x00", "\ud7ff", "x-a", "worker.canary", "'"),
    ]
)
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.dates() | st.text() | st.binary() | WORDS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(WORDS | st.text(), inner, max_size=5),
    max_leaves=30,
)
SECTIONS = st.dictionaries(
    st.sampled_from(Settings.__struct_fields__), st.dictionaries(WORDS, VALUES, max_size=4) | VALUES
)
FRAGMENTS = st.lists(
    WORDS | st.sampled_from([": ", "\n", "\n  ", "- ", "[", "]", "{", "}", ", ", "#", '"', "\\"]), max_size=40
)
ANY_FILE = st.one_of(
    st.binary(max_size=200),
    st.text(max_size=200).map(lambda text: text.encode("utf-8", "surrogatepass")),
    FRAGMENTS.map(lambda parts: "".join(parts).encode("utf-8", "surrogatepass")),
    SECTIONS.map(lambda value: yaml.safe_dump(value).encode("utf-8", "surrogatepass")),
)


@settings(
    max_examples=examples(60, thorough=150), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(data=b"agent: &x {name: *x}")
@example(data=b"<<: *x")
@example(data=b"%YAML 1.1\n---\n!!set {a, b}")
@example(data=b"flow: {states: !!omap [a: b]}")
@example(data=b"livekit: {timeout: !!float x, url: !!null x, api_key: !!binary x}")
@example(data=b"checks: {=: off}")
@given(data=ANY_FILE)
def test_any_file_loads_or_is_refused_with_a_place(tmp_path: Path, data: bytes) -> None:
    (tmp_path / "checks.yaml").write_bytes(data)
    loaded = outcome(environ={}, cwd=tmp_path)
    if isinstance(loaded, ConfigError):
        assert all(line.startswith("checks.yaml") for line in loaded.message.splitlines()[:20])
        assert loaded.message.encode()
        assert loaded.fix
    else:
        again = msgspec.convert(msgspec.to_builtins(loaded.settings), Settings)
        assert again == loaded.settings, "what was read is valid by the types of the settings"
        assert all(where.startswith("checks.yaml:") for where in loaded.origins.values())


@settings(
    max_examples=examples(40, thorough=100), deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@example(variables={}, overrides={"": [], "checks.": {}, "livekit": 1, "livekit.url": ""})
@given(
    variables=st.dictionaries(
        st.sampled_from(["LIVEKIT_URL", "LIVEKIT_API_KEY", "LIVEKIT_AGENT_NAME", "DATABASE_URL"]), st.text()
    ),
    overrides=st.dictionaries(st.sampled_from([*paths(), "checks.worker.canary", "a.b.", ""]), VALUES, max_size=4),
)
def test_so_does_any_environment_and_any_command_line(
    tmp_path: Path, variables: dict[str, str], overrides: dict[str, object]
) -> None:
    loaded = outcome(overrides=overrides, environ=variables, cwd=tmp_path)
    if isinstance(loaded, ConfigError):
        assert loaded.message.encode()
    else:
        assert msgspec.convert(msgspec.to_builtins(loaded.settings), Settings) == loaded.settings
