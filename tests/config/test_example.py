"""The shipped checks.yaml documents every key, and works anywhere."""

import re
from collections.abc import Iterator
from pathlib import Path

import msgspec

from livekit_doctor.config import document, load
from livekit_doctor.config.reader import paths
from livekit_doctor.settings import CLOUD_BROKEN_AFTER, Settings
from tests.each import each

EXAMPLE = Path(__file__).parents[2] / "checks.yaml"


def uncommented() -> str:
    """The example with the keys that it shows as comments: `#key:`, and the lines indented below."""
    return re.sub(r"^( *)#(?=\S|  )", r"\1", EXAMPLE.read_text(), flags=re.MULTILINE)


def keys(entry: document.Entry, above: str = "") -> Iterator[str]:
    for name, member in entry.members.items():
        yield from keys(member, f"{above}.{name}" if above else name)
    for item in entry.items:
        yield from keys(item, above + "[]")
    if not entry.members:
        yield above


def test_it_loads_anywhere_and_states_the_defaults() -> None:
    loaded = load(EXAMPLE, environ={}, cwd=Path("/"))
    assert msgspec.structs.replace(loaded.settings, checks={}) == Settings()
    assert set(loaded.settings.checks.values()) == {"error"}


def test_copied_for_a_cloud_project_it_keeps_the_longer_defaults() -> None:
    loaded = load(EXAMPLE, environ={"LIVEKIT_URL": "wss://mine.livekit.cloud"}, cwd=Path("/"))
    assert loaded.settings.flow.allowances.job_assigned.broken_after == CLOUD_BROKEN_AFTER
    assert loaded.settings.flow.allowances.agent_connected.broken_after == CLOUD_BROKEN_AFTER


@each("path", paths())
def test_it_documents_every_key(path: str) -> None:
    entry, issues = document.parse(uncommented().encode(), "checks.yaml")
    assert not issues
    documented = set(keys(entry))
    assert any(key == path or key.startswith((path + ".", path + "[]")) for key in documented)


def test_its_commented_examples_work(tmp_path: Path) -> None:
    (tmp_path / "checks.yaml").write_text(uncommented())
    environ = {
        "LIVEKIT_URL": "wss://mine.livekit.cloud",
        "LIVEKIT_API_KEY": "key",
        "LIVEKIT_API_SECRET": "secret",
        "CALL_LOGS_DATABASE_URL": "postgresql://u:p@h/db",
    }
    settings = load(environ=environ, cwd=tmp_path).settings
    assert settings.agent.name == "SW Telephony Agent"
    assert settings.workers[0].timeout == 3
    assert settings.flow.states
    assert settings.sip.outbound_trunks[0].numbers == ("+15550100",)
    assert settings.probe.metadata is not None
    assert msgspec.json.decode(settings.probe.metadata)
    assert settings.call_logs.file == str(tmp_path / "exports/call_state_logs.csv")
