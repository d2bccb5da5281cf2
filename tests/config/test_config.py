"""checks.yaml, the environment and the command line: real files, and what a mistake is answered with."""

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from livekit_doctor.cli import options
from livekit_doctor.config import Loaded, load
from livekit_doctor.config.document import MOST_BYTES
from livekit_doctor.errors import ConfigError
from livekit_doctor.flow import Step
from livekit_doctor.settings import Allowances, ExpectedRule, OutboundTrunk, Settings, Worker

CHECK_IDS = ("configuration.file", "worker.endpoint", "worker.canary", "call_logs.states")


class Project:
    """A folder with a checks.yaml, loaded with an environment of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "checks.yaml"

    def load(
        self,
        text: str | bytes | None = None,
        environ: Mapping[str, str] | None = None,
        overrides: Mapping[str, object] | None = None,
        dotenv: str | None = None,
    ) -> Loaded:
        if text is not None:
            self.file.write_bytes(text if isinstance(text, bytes) else text.encode())
        if dotenv is not None:
            (self.folder / ".env").write_text(dotenv)
        return load(None, overrides or {}, environ or {}, self.folder, lambda: CHECK_IDS)

    def refused(self, text: str | bytes | None = None, **layers: Mapping[str, object]) -> ConfigError:
        with pytest.raises(ConfigError) as raised:
            self.load(text, **layers)  # type: ignore[arg-type]
        error = raised.value
        assert (error.code, error.exit_status) == ("LKD001", 2)
        assert error.fix
        assert str(error) == error.message
        return error


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


Message = Callable[[str], str]


@pytest.fixture
def message(project: Project) -> Message:
    """The message that refuses a file."""
    return lambda text: project.refused(text).message


# Where it is found


def test_without_a_file_everything_is_a_default(project: Project) -> None:
    loaded = project.load()
    assert loaded.settings == Settings()
    assert loaded.path is None
    assert loaded.origins == {}
    assert loaded.describe() == "configuration: no checks.yaml found, defaults"


@pytest.mark.parametrize("text", ["", "# only a comment\n", "---\n", "~\n", "\ufeff", "livekit:\nchecks:\n"])
def test_an_empty_file_is_the_defaults(project: Project, text: str) -> None:
    loaded = project.load(text)
    assert loaded.settings == Settings()
    assert loaded.path == project.file
    assert loaded.describe() == "configuration: ./checks.yaml"


def test_the_nearest_file_upwards_counts(project: Project) -> None:
    project.file.write_text("agent: {name: far}\n")
    inner = project.folder / "a" / "b"
    inner.mkdir(parents=True)
    loaded = load(environ={}, cwd=inner)
    assert loaded.settings.agent.name == "far"
    assert loaded.origins == {"agent.name": "../../checks.yaml:1"}
    assert loaded.describe() == "configuration: ../../checks.yaml"
    (inner.parent / "checks.yaml").write_text("agent: {name: near}\n")
    assert load(environ={}, cwd=inner).settings.agent.name == "near"


def test_the_command_line_names_the_file_before_the_environment(project: Project) -> None:
    project.file.write_text("agent: {name: found}\n")
    (project.folder / "one.yaml").write_text("agent: {name: one}\n")
    (project.folder / "two.yaml").write_text("agent: {name: two}\n")
    environ = {"LIVEKIT_DOCTOR_CONFIG": "one.yaml"}
    assert load(environ=environ, cwd=project.folder).settings.agent.name == "one"
    named = load(Path("two.yaml"), environ=environ, cwd=project.folder)
    assert named.settings.agent.name == "two"
    assert named.path == project.folder / "two.yaml"
    assert load(environ={"LIVEKIT_DOCTOR_CONFIG": ""}, cwd=project.folder).settings.agent.name == "found"


@pytest.mark.parametrize("by", ["command line", "environment"])
def test_a_named_file_that_does_not_exist_is_an_error(project: Project, by: str) -> None:
    project.file.write_text("")
    environ = {"LIVEKIT_DOCTOR_CONFIG": "deploy/other.yaml"} if by == "environment" else {}
    path = Path("deploy/other.yaml") if by == "command line" else None
    with pytest.raises(ConfigError, match=r"^deploy/other.yaml: no such file$") as raised:
        load(path, environ=environ, cwd=project.folder)
    assert "LIVEKIT_DOCTOR_CONFIG" in raised.value.fix


def test_a_folder_is_not_a_file(project: Project) -> None:
    project.file.mkdir()
    assert project.refused().message == "checks.yaml: a folder, not a file"


def test_an_unreadable_file_is_an_error(project: Project) -> None:
    project.file.symlink_to(project.file)  # what root cannot read either
    assert project.refused().message.startswith("checks.yaml: cannot be read: ")
    with pytest.raises(ConfigError, match="cannot be read"):
        load(Path("null\0byte.yaml"), environ={}, cwd=project.folder)


# Layers


def test_command_line_beats_environment_beats_dotenv_beats_file(project: Project) -> None:
    text = "livekit:\n  url: ws://file\n  timeout: 7\nagent:\n  name: file\n"
    origins = project.load(text).origins
    assert origins == {
        "livekit.url": "checks.yaml:2",
        "livekit.timeout": "checks.yaml:3",
        "agent.name": "checks.yaml:5",
    }

    loaded = project.load(dotenv="LIVEKIT_URL=ws://dotenv\nLIVEKIT_API_KEY=key\n")
    assert (loaded.settings.livekit.url, loaded.origins["livekit.url"]) == ("ws://dotenv", ".env")

    environ = {"LIVEKIT_URL": "ws://environment", "LIVEKIT_AGENT_NAME": "environment"}
    loaded = project.load(environ=environ)
    assert (loaded.settings.livekit.url, loaded.origins["livekit.url"]) == ("ws://environment", "LIVEKIT_URL")
    assert loaded.settings.livekit.api_key == "key"

    loaded = project.load(environ=environ, overrides={"livekit.url": "ws://option", "agent.name": None})
    assert loaded.settings.livekit.url == "ws://option"
    assert loaded.settings.agent.name == "environment"
    assert loaded.settings.livekit.timeout == 7
    assert loaded.origins == {
        "livekit.url": "command line",
        "livekit.timeout": "checks.yaml:3",
        "livekit.api_key": ".env",
        "agent.name": "LIVEKIT_AGENT_NAME",
    }
    assert loaded.describe() == (
        "configuration: ./checks.yaml, LIVEKIT_AGENT_NAME from the environment, "
        "LIVEKIT_API_KEY from .env, the command line"
    )


def test_every_variable_of_the_environment(project: Project) -> None:
    environ = {
        "LIVEKIT_URL": "wss://x.example",
        "LIVEKIT_API_KEY": "k",
        "LIVEKIT_API_SECRET": "s",
        "LIVEKIT_AGENT_NAME": "a",
        "CALL_LOGS_DATABASE_URL": "postgresql://u:p@h/db",
        "DATABASE_URL": "postgresql://other/db",
    }
    loaded = project.load(environ=environ)
    assert loaded.settings.livekit.url == "wss://x.example"
    assert (loaded.settings.livekit.api_key, loaded.settings.livekit.api_secret) == ("k", "s")
    assert loaded.settings.agent.name == "a"
    assert loaded.settings.call_logs.dsn == "postgresql://u:p@h/db"
    assert loaded.origins["call_logs.dsn"] == "CALL_LOGS_DATABASE_URL"
    assert loaded.describe() == (
        "configuration: no checks.yaml found, defaults; LIVEKIT_URL, LIVEKIT_API_KEY, "
        "LIVEKIT_API_SECRET, LIVEKIT_AGENT_NAME and CALL_LOGS_DATABASE_URL from the environment"
    )


def test_an_empty_variable_counts_as_not_set(project: Project) -> None:
    loaded = project.load(
        "agent: {name: from the file}\n",
        environ={"LIVEKIT_AGENT_NAME": "", "LIVEKIT_URL": ""},
        dotenv="LIVEKIT_URL=ws://dotenv\n",
    )
    assert loaded.settings.agent.name == "from the file"
    assert loaded.settings.livekit.url == "ws://dotenv"


def test_database_url_is_the_last_resort_and_only_for_postgres(project: Project) -> None:
    other = {"DATABASE_URL": "postgres://app/db"}
    assert project.load("", other).settings.call_logs.dsn == "postgres://app/db"
    assert project.load("", other).origins == {"call_logs.dsn": "DATABASE_URL"}
    mine = project.load("call_logs: {dsn: postgres://calls/db}\n", other)
    assert mine.settings.call_logs.dsn == "postgres://calls/db"
    assert mine.describe() == "configuration: ./checks.yaml"
    assert project.load("call_logs: {dsn: null}\n", other).settings.call_logs.dsn is None
    assert project.load("", {"DATABASE_URL": "mysql://app/db"}).settings.call_logs.dsn is None


def test_free_mappings_are_merged_by_key_and_lists_replaced(project: Project) -> None:
    loaded = project.load(
        "checks:\n  worker.canary: off\n  worker.endpoint: warning\nagent: {others: [a, b]}\n",
        overrides={
            "checks.worker.canary": "warning",
            "agent.others": ("c",),
            "workers": [Worker(url="http://w")],
        },
    )
    assert loaded.settings.checks == {"worker.canary": "warning", "worker.endpoint": "warning"}
    assert loaded.settings.agent.others == ("c",)
    assert loaded.settings.workers == (Worker(url="http://w"),)
    assert loaded.origins["checks.worker.canary"] == "command line"
    assert loaded.origins["checks.worker.endpoint"] == "checks.yaml:3"


def test_overrides_are_checked_like_a_file(project: Project) -> None:
    error = project.refused(
        overrides={
            "livekit.url": "htp://x",
            "livekit.timeout": "soon",
            "livekit.tmeout": 3,
            "checks.worker.canry": "off",
        }
    )
    assert error.message.splitlines() == [
        "command line: livekit.url: has the scheme `htp`, not one of ws, wss, http, https; "
        "expected a URL such as wss://my-project.livekit.cloud",
        "command line: livekit.timeout: `soon` is not a number of seconds such as 5 or 0.5",
        "command line: livekit.tmeout: unknown key; did you mean `timeout`?",
        "command line: checks.worker.canry: unknown check; did you mean `worker.canary`?",
    ]
    assert project.load(overrides={"livekit.timeout": "2.5"}).settings.livekit.timeout == 2.5


# .env


def test_dotenv_is_looked_for_up_to_the_folder_of_the_file(project: Project) -> None:
    inner = project.folder / "inner" / "most"
    inner.mkdir(parents=True)
    (project.folder / ".env").write_text("LIVEKIT_AGENT_NAME=outer\n")
    assert load(environ={}, cwd=inner).settings.agent.name is None
    project.file.write_text("")
    loaded = load(environ={}, cwd=inner)
    assert loaded.settings.agent.name == "outer"
    assert loaded.origins == {"agent.name": "../../.env"}
    (inner.parent / "checks.yaml").write_text("")
    assert load(environ={}, cwd=inner).settings.agent.name is None
    (inner / ".env").write_text("LIVEKIT_AGENT_NAME=inner\n")
    assert load(environ={}, cwd=inner).settings.agent.name == "inner"


def test_dotenv_fills_in_its_own_variables_from_the_given_environment(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOST_OF_CALLS", "not-asked")
    dotenv = "PW=p\nCALL_LOGS_DATABASE_URL=postgresql://u:${PW}@${HOST_OF_CALLS:-h}/db\n"
    assert project.load(dotenv=dotenv).settings.call_logs.dsn == "postgresql://u:p@h/db"
    loaded = project.load(environ={"HOST_OF_CALLS": "real"})
    assert loaded.settings.call_logs.dsn == "postgresql://u:p@real/db"


def test_dotenv_that_is_a_folder_is_none_and_one_that_is_not_text_an_error(project: Project) -> None:
    (project.folder / ".env").mkdir()
    assert project.load().settings == Settings()
    (project.folder / ".env").rmdir()
    (project.folder / ".env").write_bytes(b"A=\xff\n")
    assert project.refused().message == ".env: not UTF-8 text"


def test_the_real_environment_is_the_default(project: Project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LIVEKIT_AGENT_NAME", "real")
    monkeypatch.chdir(project.folder)
    assert load().settings.agent.name == "real"


# Variables in the file


def test_variables_are_filled_in(project: Project) -> None:
    loaded = project.load(
        """\
        livekit:
          url: wss://${PROJECT}.livekit.cloud
          api_key: ${MY_KEY}
          timeout: ${TIMEOUT:-7}
        agent:
          name: ${NAME:-the default}
          others: ["${PROJECT}-night"]
          job_type: ${TYPE}
        checks:
          worker.canary: ${CANARY:-off}
        """,
        environ={"PROJECT": "mine", "MY_KEY": "k", "TYPE": "publisher"},
        dotenv="NAME=of dotenv\n",
    )
    assert loaded.settings.livekit.url == "wss://mine.livekit.cloud"
    assert loaded.settings.livekit.api_key == "k"
    assert loaded.settings.livekit.timeout == 7
    assert loaded.settings.agent.name == "of dotenv"
    assert loaded.settings.agent.others == ("mine-night",)
    assert loaded.settings.agent.job_type == "publisher"
    assert loaded.settings.checks == {"worker.canary": "off"}
    assert loaded.origins["livekit.api_key"] == "checks.yaml:3"


def test_an_undefined_variable_is_an_error(project: Project) -> None:
    error = project.refused("agent:\n  name: ${NO_SUCH}\n")
    assert error.message == "checks.yaml:2: agent.name: the variable NO_SUCH is not set and has no default"
    assert error.fix == "set NO_SUCH, or write `${NO_SUCH:-default}`"


def test_except_in_the_url_and_the_dsn(project: Project) -> None:
    loaded = project.load("livekit: {url: '${NO_SUCH}'}\ncall_logs: {dsn: 'postgres://${NO_SUCH}/db'}\n")
    assert loaded.settings == Settings()
    assert loaded.origins == {}


@pytest.mark.parametrize("text", ["${", "${}", "${1A}", "${A", "${A-b}", "${A:-${B}}", "${A B}"])
def test_a_malformed_variable_is_an_error(project: Project, text: str) -> None:
    said = project.refused(f"agent:\n  name: '{text}'\n").message
    assert said == "checks.yaml:2: agent.name: a `${` that is neither `${VAR}` nor `${VAR:-default}`"


def test_what_a_variable_brings_is_checked(project: Project) -> None:
    said = project.refused("livekit: {url: '${U}'}\n", environ={"U": "x.example:7880"}).message
    assert said == "checks.yaml:1: livekit.url: `x.example:7880` has no scheme; write wss://x.example:7880"
    said = project.refused("agent: {name: '${U}'}\n", environ={"U": "a\x1bb"}).message
    assert said == "checks.yaml:1: agent.name: has a control character in it"


# Secrets


@pytest.mark.parametrize("key", ["api_key", "api_secret"])
@pytest.mark.parametrize("value", ["hunter2", "12345678", "${A}hunter2", "${A:-hunter2}"])
def test_a_literal_key_is_refused(project: Project, key: str, value: str) -> None:
    error = project.refused(f"livekit:\n  {key}: {value}\n", environ={"A": "a"})
    variable = f"LIVEKIT_{key.upper()}"
    assert error.message.startswith(f"checks.yaml:2: livekit.{key}: *** is a secret in the file")
    assert f"set {variable}" in error.message
    assert variable in error.fix
    assert "hunter2" not in error.message + error.fix
    assert "12345678" not in error.message + error.fix


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql://u:hunter2@h/db",
        "postgresql://u:hun/ter@hunter2@h/db",
        "postgresql://h/db?user=u&password=hunter2",
        "host=h password=hunter2",
        "host=h password = 'hunter2'",
        "${A:-postgresql://u:hunter2@h/db}",
        "postgresql://u:${A:-hunter2}@h/db",
        "mysql://u:hunter2@h/db",
    ],
)
def test_a_literal_password_is_refused_and_not_repeated(project: Project, dsn: str) -> None:
    error = project.refused(f'call_logs:\n  dsn: "{dsn}"\n', environ={"A": "postgresql://h/db"})
    assert error.message.startswith("checks.yaml:2: call_logs.dsn: a password in the file")
    assert "CALL_LOGS_DATABASE_URL" in error.fix
    assert "hunter2" not in error.message + error.fix


@pytest.mark.parametrize(
    ("dsn", "value"),
    [
        ("postgresql://doctor@h:5432/db", "postgresql://doctor@h:5432/db"),
        ("postgresql://u:${PW}@h/db", "postgresql://u:hunter2@h/db"),
        ("host=h password=${PW}", "host=h password=hunter2"),
        ("service=calls", "service=calls"),
        ("${URL}", "postgres://u:hunter2@h/db"),
    ],
)
def test_a_dsn_without_a_literal_password_is_fine(project: Project, dsn: str, value: str) -> None:
    environ = {"PW": "hunter2", "URL": "postgres://u:hunter2@h/db"}
    loaded = project.load(f'call_logs:\n  dsn: "{dsn}"\n', environ)
    assert loaded.settings.call_logs.dsn == value
    assert "hunter2" not in loaded.describe() + str(loaded.origins)


@pytest.mark.parametrize(
    ("variable", "value", "problem"),
    [
        ("LIVEKIT_API_SECRET", "hunter2\n", "livekit.api_secret: has white space around it"),
        ("LIVEKIT_API_KEY", " hunter2", "livekit.api_key: has white space around it"),
        ("LIVEKIT_URL", "wss://u:hunter2@h", "livekit.url: has a user or password in it"),
        ("LIVEKIT_URL", "u:hunter2@h", "livekit.url: not a URL; expected a URL such as wss://"),
        (
            "CALL_LOGS_DATABASE_URL",
            "postgresql+asyncpg://u:hunter2@h/db",
            "call_logs.dsn: `postgresql+asyncpg://` is SQLAlchemy's; write postgresql://",
        ),
        ("CALL_LOGS_DATABASE_URL", "hunter2", "call_logs.dsn: not a Postgres address; expected postgresql://"),
        ("CALL_LOGS_DATABASE_URL", "https://u:hunter2@h", "call_logs.dsn: not a Postgres address"),
    ],
)
def test_a_bad_secret_of_the_environment_is_not_repeated(
    project: Project, variable: str, value: str, problem: str
) -> None:
    error = project.refused(environ={variable: value})
    assert error.message.startswith(f"{variable}: {problem}")
    assert "hunter2" not in error.message + error.fix


def test_settings_print_without_their_secrets(project: Project) -> None:
    environ = {
        "LIVEKIT_API_KEY": "hunter1",
        "LIVEKIT_API_SECRET": "hunter2",
        "CALL_LOGS_DATABASE_URL": "postgresql://u:hunter3@h/db",
    }
    loaded = project.load(environ=environ)
    assert "hunter" not in repr(loaded)
    assert "hunter" not in str(loaded.settings.livekit.__rich_repr__())
    assert repr(Settings().livekit).startswith("LiveKit(url=None, api_key=None")


# Mistakes in the file


def test_all_mistakes_are_reported_in_one_go(project: Project) -> None:
    said = project.refused(
        """\
agent:
  name: 007
  naem: x
call_logs:
  tabel: x
  columns:
    stat: x
  timeout: -1
flow:
  allowances:
    job_assignd: {}
    agent_audio:
      broken: 3
sip:
  dispatch_rules:
    - id: SDR_x
      agnet: x
livkit: {}
""",
        environ={"LIVEKIT_URL": "x"},
    ).message.splitlines()
    assert said == [
        'checks.yaml:2: agent.name: `007` is a number in YAML, expected text; quote it: "007"',
        "checks.yaml:3: agent.naem: unknown key; did you mean `name`?",
        "checks.yaml:5: call_logs.tabel: unknown key; did you mean `table`?",
        "checks.yaml:7: call_logs.columns.stat: unknown key; did you mean `state`?",
        "checks.yaml:8: call_logs.timeout: `-1`: expected more than 0 seconds",
        "checks.yaml:11: flow.allowances.job_assignd: unknown key; did you mean `job_assigned`?",
        "checks.yaml:13: flow.allowances.agent_audio.broken: unknown key; did you mean `broken_after`?",
        "checks.yaml:17: sip.dispatch_rules[0].agnet: unknown key; did you mean `agent`?",
        "checks.yaml:18: livkit: unknown key; did you mean `livekit`?",
        "LIVEKIT_URL: livekit.url: `x` has no scheme; write wss://x",
    ]


def test_a_great_many_mistakes_are_cut_short(message: Message) -> None:
    lines = message("".join(f"k{number}: 1\n" for number in range(100))).splitlines()
    assert len(lines) == 21
    assert lines[-1] == "and 80 more"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("agent_name: x", "agent_name: unknown key; did you mean `agent.name`?"),
        ("dsn: x", "dsn: unknown key; did you mean `call_logs.dsn`?"),
        ("zzz: x", "zzz: unknown key; expected one of livekit, agent, workers, flow,"),
        ('"a\\eb": x', "a key must be plain text"),
        ("? [a]\n: b", "a key must be plain text"),
        ("agent: x", "agent: expected a mapping of keys to values, got text `x`"),
        ("agent: {others: x}", "agent.others: expected a list, got text `x`; write `[x]`"),
        ("agent: {others: [a, 1]}", 'agent.others[1]: `1` is a number in YAML, expected text; quote it: "1"'),
        ("agent: {name: !x y}", "agent.name: expected text, got a value with a YAML tag `y`"),
        ("probe: {metadata: {a: 1}}", "probe.metadata: expected text, got a mapping; write `'{...}'`"),
        ("call_logs: {table: }", "call_logs.table: expected text, got no value"),
        ("call_logs: {table: ''}", "call_logs.table: is empty"),
        ("agent: {job_type: rooms}", "agent.job_type: unknown value `rooms`; did you mean `room`?"),
        ("flow: {placed_by: [agent]}", "flow.placed_by: expected one of agent, edge_function, got a list"),
        ("flow: {not_used: [agent_adio]}", "flow.not_used[0]: unknown step `agent_adio`; did you mean `agent_a"),
        ("flow: {states: {up: xyz}}", "flow.states.up: unknown step `xyz`; expected one of call_requested, ro"),
        (
            "flow: {states: {sip_participant_failed: sip_participant_created}}",
            "flow.states.sip_participant_failed: `sip_participant_failed` says that something failed, and sip_partici",
        ),
        ("flow: {states: [up]}", "flow.states: expected a mapping of keys to values, got a list"),
        ("checks: {worker.canry: off}", "checks.worker.canry: unknown check; did you mean `worker.canary`?"),
        ("checks: {worker.canary: false}", "checks.worker.canary: unknown value `false`; expected one of error"),
        ("livekit: {timeout: 0}", "livekit.timeout: `0`: expected more than 0 seconds"),
        ("livekit: {timeout: 1000000}", "livekit.timeout: `1000000`: expected at most 86400 seconds"),
        ("livekit: {timeout: .inf}", "livekit.timeout: `.inf` is not a number of seconds"),
        ("livekit: {timeout: 1:30}", "livekit.timeout: `1:30` is not a number of seconds"),
        ("livekit: {timeout: 5s}", "livekit.timeout: expected a number of seconds such as 5, without quotes"),
        ("workers: [http://a]", "workers[0]: expected a mapping of keys to values, got text `http://a`; write `url"),
        ("workers: [{timeout: 1}]", "workers[0]: `url` is missing"),
        ("workers: [{url: 'a:8081'}]", "workers[0].url: `a:8081` has no scheme; write http://a:8081"),
        ("workers: [{url: 'ws://a'}]", "workers[0].url: has the scheme `ws`, not one of http, https"),
        ("call_logs: {always_logged: [agent_conected]}", "`agent_conected` maps to no step; did you mean `agent_c"),
        ("flow: {allowances: {agent_audio: {after: []}}}", "agent_audio.after: expected a list that is not empty"),
    ],
)
def test_a_mistake_says_where_and_what_to_write(message: Message, text: str, said: str) -> None:
    answer = message(f"# a comment\n{text}\n")
    assert answer.startswith("checks.yaml:2: ")
    assert said in answer
    assert "\n" not in answer


@pytest.mark.parametrize(
    ("url", "said"),
    [
        ("my-project.livekit.cloud", "write wss://my-project.livekit.cloud"),
        ("localhost:7880", "write ws://localhost:7880"),
        ("", "not a URL; expected a URL such as wss://my-project.livekit.cloud"),
        ("wss://", "has no host; expected a URL such as wss://my-project.livekit.cloud"),
        ("wss://a:port", "not a valid URL"),
        ("wss://a b", "has white space in it"),
        ("ftp://a", "has the scheme `ftp`, not one of ws, wss, http, https"),
    ],
)
def test_what_is_no_livekit_url(message: Message, url: str, said: str) -> None:
    answer = message(f"livekit:\n  url: '{url}'\n")
    assert answer.startswith("checks.yaml:2: livekit.url: ")
    assert said in answer


@pytest.mark.parametrize("url", ["ws://127.0.0.1:7880", "wss://a.livekit.cloud", "http://[::1]:7880", "https://a/b"])
def test_what_is_one(project: Project, url: str) -> None:
    assert project.load(f"livekit:\n  url: '{url}'\n").settings.livekit.url == url


@pytest.mark.parametrize(
    ("key", "text", "said"),
    [
        ("rooms.name_template", "call-{callid}", "unknown placeholder {callid}; did you mean {call_id}?"),
        ("rooms.name_template", "call", "has no placeholder"),
        ("rooms.name_template", "call-{call id}", "a brace that is not part of a placeholder"),
        ("probe.metadata", '{"id": "{callid}"}', "unknown placeholder {callid}; did you mean `call_id`?"),
        ("probe.metadata", "{agent}", "unknown placeholder {agent}; expected one of call_id, room"),
    ],
)
def test_placeholders(message: Message, key: str, text: str, said: str) -> None:
    section, name = key.split(".")
    answer = message(f"{section}:\n  {name}: '{text}'\n")
    assert answer.startswith(f"checks.yaml:2: {key}: {said}")


def test_placeholders_that_are_right(project: Project) -> None:
    text = 'rooms: {name_template: \'call-{user_id}-{call_id}\'}\nprobe: {metadata: \'{"a": {"b": "{room}"}}\'}\n'
    loaded = project.load(text)
    assert loaded.settings.rooms.name_template == "call-{user_id}-{call_id}"
    assert loaded.settings.probe.metadata == '{"a": {"b": "{room}"}}'


@pytest.mark.parametrize(
    ("text", "said", "fix"),
    [
        ("a:\n\tb: 1\n", "checks.yaml:2: not valid YAML: while scanning", "indent line 2 with spaces"),
        ("a: b: c\n", "checks.yaml:1: not valid YAML: mapping values are not allowed", "contains `: `"),
        ("a:\n  b: [1\n", "checks.yaml:3: not valid YAML: while parsing a flow sequence (line 2)", "bracket"),
        ("a: 'x\n", "not valid YAML: while scanning a quoted scalar (line 1)", "missing quote"),
        ("a:\n  b: *\n", "checks.yaml:2: not valid YAML: while scanning an alias", 'pattern: "*"'),
        ("a: *x\n", "checks.yaml:1: not valid YAML: found undefined alias 'x'", "quote a value"),
        ("a: {b: ${C:-d}}\n", "checks.yaml:1: not valid YAML: while parsing a flow mapping", "quote the `${VAR}`"),
        ("---\na: 1\n---\nb: 1\n", "checks.yaml:3: not valid YAML: expected a single document", "`---`"),
        ("a: 1\nb: \x01\n", "checks.yaml:2: not valid YAML: a control character, U+0001", "from line 2"),
        ("[" * 5000, "checks.yaml: not valid YAML: nested too deeply", ""),
        ("- " * 130_000, "checks.yaml: not valid YAML: nested too deeply", ""),
        ('a: "\\UFFFFFFFF"\n', "checks.yaml: not valid YAML: a number out of range", "%YAML"),
        ("- a\n- b\n", "checks.yaml:1: expected a mapping of sections such as `livekit:`, got a list", "livekit:"),
        ("\nhello\n", "checks.yaml:2: expected a mapping of sections such as `livekit:`, got text", "livekit:"),
        ("rooms:\n  pattern: a\n  pattern: b\n", "checks.yaml:3: rooms.pattern: duplicate key, first on line 2", ""),
        ("agent: {}\nrooms: {}\nagent: {}\n", "checks.yaml:3: agent: duplicate key, first on line 1", ""),
        ("agent: &a\n  name: *a\n", "checks.yaml:2: agent.name: an alias to something that contains it", ""),
        ("agent:\n  <<: [x]\n", "checks.yaml:2: agent: `<<` can merge only a mapping, got text", ""),
        (b"agent:\n  name: caf\xe9\n", "checks.yaml:2: not UTF-8 text", "UTF-8"),
        (b"#" * (MOST_BYTES + 1), "checks.yaml: larger than 256 KiB", "right file"),
    ],
)
def test_what_is_no_yaml(project: Project, text: str | bytes, said: str, fix: str) -> None:
    error = project.refused(text)
    assert said in error.message
    assert fix in error.fix


@pytest.mark.parametrize("link", ["[{}]", "{{<<: [{}]}}"])
def test_an_alias_bomb_is_refused(project: Project, link: str) -> None:
    bomb = "x-0: &a0 {a: b}\n"
    for level in range(1, 30):
        aliases = ", ".join([f"*a{level - 1}"] * 9)
        bomb += f"x-{level}: &a{level} {link.format(aliases)}\n"
    assert "more than 10000 values once its aliases are followed" in project.refused(bomb).message


def test_a_message_cannot_carry_escape_sequences(message: Message) -> None:
    answer = message('flow: {placed_by: "\\e[31m' + "x" * 500 + '"}\n')
    assert "\x1b" not in answer
    assert "`\\x1b[31mxxx" in answer
    assert len(answer) < 200


# What a file can say


def test_off_needs_no_quotes(project: Project) -> None:
    loaded = project.load("checks:\n  worker.canary: off\n  worker.endpoint: 'off'\n")
    assert loaded.settings.checks == {"worker.canary": "off", "worker.endpoint": "off"}


def test_check_ids_are_checked_only_where_given(project: Project) -> None:
    project.file.write_text("checks: {of.a.later.version: off}\n")
    assert load(environ={}, cwd=project.folder).settings.checks == {"of.a.later.version": "off"}


def test_a_command_reads_its_file_once() -> None:
    """Of a pipe there is no second time."""
    ours, theirs = os.pipe()
    os.write(theirs, b"checks: {worker.canry: off}")
    os.close(theirs)
    with os.fdopen(ours), pytest.raises(ConfigError, match="unknown check"):
        options.load(Path(f"/dev/fd/{ours}"), url=None, agent_name=None)


def test_a_part_of_an_allowance_keeps_the_rest(project: Project) -> None:
    loaded = project.load("flow: {allowances: {job_assigned: {broken_after: 40}}}\n")
    job = loaded.settings.flow.allowances.job_assigned
    assert (job.after, job.slow_after, job.broken_after) == ((Step.AGENT_DISPATCHED,), 3, 40)
    assert loaded.settings.flow.allowances.agent_connected == Allowances().agent_connected


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (
            "slow_after: 20",
            "checks.yaml:4: flow.allowances.job_assigned: slow_after 20 is over broken_after 15 "
            "(the default of broken_after)",
        ),
        (
            "broken_after: 2",
            "checks.yaml:4: flow.allowances.job_assigned: slow_after 3 is over broken_after 2 "
            "(the default of slow_after)",
        ),
        (
            "broken_after: 2\n      slow_after: 4",
            "checks.yaml:5: flow.allowances.job_assigned: slow_after 4 is over broken_after 2",
        ),
        (
            "after: [job_assigned]",
            "checks.yaml:4: flow.allowances.job_assigned.after: job_assigned does not come before "
            "job_assigned, so it cannot be counted from it",
        ),
        (
            "after: [agent_connected]",
            "checks.yaml:4: flow.allowances.job_assigned.after: agent_connected does not come before "
            "job_assigned, so it cannot be counted from it",
        ),
    ],
)
def test_an_allowance_that_cannot_be(message: Message, text: str, said: str) -> None:
    assert message(f"flow:\n  allowances:\n    job_assigned:\n      {text}\n") == said


@pytest.mark.parametrize("source", ["file", "environment", "command line"])
def test_livekit_cloud_has_longer_defaults(project: Project, source: str) -> None:
    url = "wss://mine.livekit.cloud"
    text = "flow: {allowances: {agent_connected: {broken_after: 12}, job_assigned: {slow_after: 20}}}\n"
    loaded = project.load(
        text + (f"livekit: {{url: '{url}'}}\n" if source == "file" else ""),
        environ={"LIVEKIT_URL": url} if source == "environment" else {},
        overrides={"livekit.url": url} if source == "command line" else {},
    )
    allowances = loaded.settings.flow.allowances
    assert (allowances.job_assigned.slow_after, allowances.job_assigned.broken_after) == (20, 30)
    assert allowances.agent_connected.broken_after == 12
    assert allowances.agent_audio == Allowances().agent_audio


@pytest.mark.parametrize("url", ["wss://livekit.cloud.example", "ws://127.0.0.1:7880"])
def test_other_servers_do_not(project: Project, url: str) -> None:
    allowances = project.load(environ={"LIVEKIT_URL": url}).settings.flow.allowances
    assert allowances == Allowances()


def test_anchors_and_merge_keys_work(project: Project) -> None:
    loaded = project.load(
        """\
x-patient: &patient
  slow_after: 10
  broken_after: 60
flow:
  allowances:
    job_assigned: *patient
    agent_connected:
      <<: *patient
      broken_after: 90
call_logs:
  always_logged: &states [agent_joined]
flow-free: &unused {}
""".replace("flow-free", "x-unused")
    )
    allowances = loaded.settings.flow.allowances
    assert (allowances.job_assigned.slow_after, allowances.job_assigned.broken_after) == (10, 60)
    assert (allowances.agent_connected.slow_after, allowances.agent_connected.broken_after) == (10, 90)
    assert allowances.agent_connected.after == (Step.AGENT_DISPATCHED,)
    assert loaded.origins["flow.allowances.agent_connected.broken_after"] == "checks.yaml:9"


def test_an_own_state_may_be_always_logged(project: Project) -> None:
    loaded = project.load("flow: {states: {up: agent_connected}}\ncall_logs: {always_logged: [up]}\n")
    assert loaded.settings.flow.states == {"up": Step.AGENT_CONNECTED}


def test_a_relative_log_file_is_relative_to_the_one_that_names_it(project: Project) -> None:
    project.file.write_text("call_logs: {file: exports/logs.csv}\n")
    inner = project.folder / "inner"
    inner.mkdir()
    loaded = load(environ={}, cwd=inner)
    assert loaded.settings.call_logs.file == str(project.folder / "exports" / "logs.csv")
    loaded = load(overrides={"call_logs.file": "mine.csv"}, environ={}, cwd=inner)
    assert loaded.settings.call_logs.file == "mine.csv"


def test_lists_of_objects(project: Project) -> None:
    loaded = project.load(
        """\
workers:
  - url: http://10.0.0.7:8081
sip:
  outbound_trunks:
    - {id: ST_a, numbers: ["+15550100"]}
  inbound_trunks: [ST_b]
  dispatch_rules:
    - id: SDR_c
      agent: ""
"""
    )
    assert loaded.settings.workers == (Worker(url="http://10.0.0.7:8081"),)
    assert loaded.settings.sip.outbound_trunks == (OutboundTrunk(id="ST_a", numbers=("+15550100",)),)
    assert loaded.settings.sip.dispatch_rules == (ExpectedRule(id="SDR_c", agent=""),)


def test_importing_it_stays_cheap() -> None:
    probe = (
        "import sys, livekit_doctor.config\n"
        "slow = {'yaml', 'dotenv', 'livekit', 'aiohttp', 'psycopg', 'rich', 'typer'}\n"
        "sys.exit(' '.join(slow & set(sys.modules)) or None)"
    )
    done = subprocess.run([sys.executable, "-c", probe], capture_output=True, text=True, cwd=os.getcwd())
    assert (done.returncode, done.stderr) == (0, "")
