"""The text of checks.yaml: it loads, whatever was found, and says what was found."""

import re
from pathlib import Path

from hypothesis import HealthCheck, given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from livekit_doctor.checks import CHECK_IDS
from livekit_doctor.config import document, load
from livekit_doctor.config.reader import paths
from livekit_doctor.evidence.observations import InboundTrunk, InboundTrunkList, OutboundTrunk, OutboundTrunkList
from livekit_doctor.init.draft import render
from livekit_doctor.init.keys import EXPLAINED
from livekit_doctor.init.proposal import Answers, Proposal, best
from livekit_doctor.init.tables import likely_tables
from livekit_doctor.settings import Settings
from tests.config.test_example import EXAMPLE
from tests.init.world import (
    NOW,
    READ,
    URL,
    agent,
    dispatches,
    inside,
    logged,
    phone,
    proposal,
    rooms,
    row,
    rules,
    table,
)
from tests.thorough import examples

NAME = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
ENVIRON = {"CALL_LOGS_DATABASE_URL": "postgresql://me@db/calls"}
ANY_STATE = st.one_of(NAME, st.sampled_from(["roomCreated", "room_created", "call_answered_by_human", "agent_joined"]))


def trunks(*found: tuple[str, tuple[str, ...]]) -> OutboundTrunkList:
    return OutboundTrunkList(read=READ, trunks=tuple(OutboundTrunk(id=key, numbers=numbers) for key, numbers in found))


def loaded(text: str, folder: Path) -> Settings:
    (folder / "checks.yaml").write_text(text, encoding="utf-8")
    return load(environ=ENVIRON, cwd=folder, check_ids=lambda: CHECK_IDS).settings


def in_use(text: str) -> str:
    """The text with what is off in use: `#key:` and the lines indented below."""
    return re.sub(r"^( *)#(?=\S|  )", r"\1", text, flags=re.MULTILINE)


def written(found: Proposal, folder: Path, answers: Answers | None = None) -> tuple[str, Settings]:
    text = render(found, answers or best(found), NOW)
    return text, loaded(text, folder)


@given(
    names=st.lists(NAME, min_size=1, max_size=3),
    rule_agents=st.lists(NAME, max_size=3),
    numbers=st.lists(NAME, max_size=3),
    states=st.lists(ANY_STATE, max_size=8),
    columns=st.lists(NAME.filter(bool), min_size=4, max_size=4, unique=True),
    metadata=st.dictionaries(NAME, NAME, max_size=3),
    guesses=st.booleans(),
)
@hypothesis_settings(
    suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=examples(60, thorough=150)
)
def test_whatever_was_found_is_a_file_that_loads_also_with_all_that_is_off_in_use(
    tmp_path: Path,
    names: list[str],
    rule_agents: list[str],
    numbers: list[str],
    states: list[str],
    columns: list[str],
    metadata: dict[str, str],
    guesses: bool,
) -> None:
    rows = [row(f"call-{at}", state, source="agent", metadata=metadata) for at in range(3) for state in states]
    own = table("call log", **dict.fromkeys(columns, "text"))
    roles = dict(zip(("call_id", "at", "source", "state"), columns, strict=True))
    usable = all(likely_tables([table(name, call_id="text", state="text", at="date")]) for name in columns)
    found = proposal(
        rooms(*names),
        *(inside(f"r{at}", agent(name), phone(trunkID="ST_1")) for at, name in enumerate(names)),
        *(dispatches(f"r{at}", name, job=bool(at % 2)) for at, name in enumerate(rule_agents)),
        rules(**{f"SDR_{at}": name for at, name in enumerate(rule_agents)}),
        trunks(("ST_1", tuple(numbers)), ("ST_2", ())),
        InboundTrunkList(read=READ, trunks=(InboundTrunk(id="ST_3", name=names[0]),)),
        tables=(logged(rows, own, **roles, metadata="m"),) if usable else (logged(rows),),
    )
    answers = best(found)
    chosen = Answers(answers.agent, answers.table, answers.trunks, guesses)
    text, settings = written(found, tmp_path, chosen)
    assert settings.agent.name == chosen.agent
    assert settings.livekit.url == URL
    if usable:
        assert settings.call_logs.columns.call_id == roles["call_id"]
    document.parse(in_use(text).encode(), "checks.yaml")
    loaded(in_use(text), tmp_path)


def test_nothing_found_is_a_file_that_loads(tmp_path: Path) -> None:
    text, settings = written(proposal(), tmp_path)
    assert settings.agent.name is None
    assert "#name: My Agent" in text
    assert loaded(in_use(text), tmp_path).agent.name == "My Agent"


def everything() -> Proposal:
    """A set-up where all is there once."""
    rows = [
        row(f"call-{at}00", state, source=source, metadata={"room": f"out-call-{at}00"})
        for at in range(3)
        for source, state in (
            ("edge", "room.created"),
            ("agent", "agent_started"),
            ("agent", "agentConnected"),
            ("edge", "sip_participant_created"),
            ("edge", "call_answered_by_human"),
            ("edge", "queued"),
        )
    ]
    return proposal(
        rooms("out-call-000"),
        inside("out-call-000", agent("Night: Agent"), phone(trunkID="ST_1")),
        inside("other", agent("Second")),
        trunks(("ST_1", ("+15555550100",)), ("ST_2", ("+15555550101",))),
        InboundTrunkList(read=READ, trunks=(InboundTrunk(id="ST_3"),)),
        rules(SDR_1="Night: Agent", SDR_2="Unknown", SDR_3=""),
        tables=(logged(rows),),
    )


def test_each_fact_is_in_the_settings(tmp_path: Path) -> None:
    _, found = written(everything(), tmp_path)
    assert found.agent.name == "Night: Agent"
    assert found.agent.others == ("Second",)
    assert found.flow.placed_by == "edge_function"
    assert not found.flow.states, "whatever their spelling, they are known"
    assert found.call_logs.columns.room == "metadata.room"
    assert found.call_logs.always_logged == ("agent_started", "agentConnected")
    assert found.rooms.pattern == "out-call-*"
    assert [(trunk.id, trunk.numbers) for trunk in found.sip.outbound_trunks] == [("ST_1", ("+15555550100",))]
    assert found.sip.inbound_trunks == ("ST_3",)
    assert [(rule.id, rule.agent) for rule in found.sip.dispatch_rules] == [
        ("SDR_1", "Night: Agent"),
        ("SDR_2", None),
        ("SDR_3", None),
    ]


def test_what_is_only_a_guess_is_off_until_it_is_confirmed(tmp_path: Path) -> None:
    found = everything()
    text, settings = written(found, tmp_path)
    assert "call_answered_by_human" not in settings.flow.states
    assert "  #states:\n  #  call_answered_by_human: sip_answered" in text
    assert '# "queued", in 3 rows' in text
    answers = best(found)
    _, settings = written(found, tmp_path, Answers(answers.agent, answers.table, answers.trunks, guesses=True))
    assert settings.flow.states["call_answered_by_human"] == "sip_answered"


def test_every_value_in_use_says_where_it_was_found() -> None:
    lines = render(everything(), best(everything()), NOW).splitlines()
    for at, line in enumerate(lines):
        value = re.match(r" *(- )?[\w.\"]+: (?!\$)\S|  +- (?!\w+:)", line)
        if value and not line.lstrip().startswith("#"):
            assert "  # " in line or "# found: " in lines[at + 1], line


def test_a_name_that_looks_like_a_misspelling_is_said_and_not_taken_for_another_agent(tmp_path: Path) -> None:
    found = proposal(inside("a", agent("Night Agent")), inside("b", agent("night agent")), rules(SDR_1="Night  Agent"))
    text, settings = written(found, tmp_path)
    assert settings.agent.others == ()
    assert settings.sip.dispatch_rules[0].agent is None
    assert text.count("Seen as well: ") == 2


def test_a_name_of_ones_own_that_the_file_can_not_say_is_left_to_the_environment(tmp_path: Path) -> None:
    text, settings = written(proposal(agent_name="${HOME}"), tmp_path)
    assert settings.agent.name is None
    assert "Set LIVEKIT_AGENT_NAME" in text


def test_of_too_many_objects_none_is_named(tmp_path: Path) -> None:
    many = {f"SDR_{at}": "" for at in range(30)}
    text, settings = written(proposal(trunks(*((f"ST_{at}", ()) for at in range(30))), rules(**many)), tmp_path)
    assert settings.sip.outbound_trunks == ()
    assert settings.sip.dispatch_rules == ()
    assert text.count("none is named") == 2


def test_the_words_and_the_keys_are_those_of_the_example() -> None:
    example = re.sub(r"\s*\n\s*#? *", " ", EXAMPLE.read_text())
    documented = paths()
    for key, words in EXPLAINED.items():
        assert words in example, key
        assert any(path.replace("[]", "").startswith(key) for path in documented), key
