"""Which agent names are in use, likeliest first, and what shows it."""

from msgspec import structs

from livekit_doctor.init.agents import agents_in_use
from tests.init.world import agent, dispatches, evidence, inside, phone, row, rules


def test_an_agent_with_an_outbound_call_goes_first() -> None:
    found = agents_in_use(
        evidence(
            inside("a", agent("Inbound")),
            inside("b", agent("Inbound"), phone(ruleID="SDR_1")),
            inside("c", agent("Outbound"), phone(trunkID="ST_1")),
            rules(SDR_1="Inbound"),
        )
    )
    assert [one.name for one in found] == ["Outbound", "Inbound"]
    assert all(one.proven for one in found)
    assert found[0].where == 'it is in live room "c"'


def test_a_name_that_nobody_answered_to_goes_last_and_is_not_proven() -> None:
    found = agents_in_use(evidence(dispatches("a", "Mistyped", job=False), rules(SDR_1="Named", SDR_2="")))
    assert [(one.name, one.proven) for one in found] == [("Named", False), ("Mistyped", False)]
    assert "no job seen" in found[1].where


def test_a_job_proves_a_worker_also_one_without_a_name() -> None:
    found = agents_in_use(evidence(dispatches("a", "", job=True), dispatches("b", "Gone", job=True)))
    assert {one.name: one.proven for one in found} == {"": True, "Gone": True}


def test_the_automatic_dispatch_alone_and_scratch_rooms_name_nobody() -> None:
    scratch = "livekit-doctor-1"
    found = agents_in_use(
        evidence(
            dispatches("a", "", job=False), dispatches(scratch, "canary", job=True), inside(scratch, agent("canary"))
        )
    )
    assert found == ()


def test_a_name_that_the_file_can_not_say_is_no_candidate() -> None:
    assert agents_in_use(evidence(inside("a", agent("${HOME}")), inside("b", agent("bell\x07")))) == ()


def test_a_name_in_the_metadata_of_rows_goes_last() -> None:
    texts = ('{"agent_name": "Old"}', '{"agentName": "Old"}', '{"agent": "agent-AJ_1"}', "no json")
    rows = [structs.replace(row("c", "dispatch_created"), metadata=text) for text in texts]
    found = agents_in_use(evidence(dispatches("a", "Sent", job=False)), rows)
    assert [(one.name, one.proven) for one in found] == [("Sent", False), ("Old", False)]
    assert found[1].where == "the metadata of 2 rows"
