"""The agent's leg: the smallest evidence that fires each rule, and the nearest that must not."""

import pytest

from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.result import Diagnosis
from livekit_doctor.evidence.observations import LogRow, Participant, Reading, SipDispatchRule
from livekit_doctor.flow import Confidence, Status, Step, Verdict
from livekit_doctor.settings import Agent, Allowance, Allowances, Flow, Settings
from tests.diagnosis.factories import (
    AGENT,
    CALL,
    ROOM,
    SETTINGS,
    agent,
    at,
    audio,
    automatic,
    because,
    broken,
    canary,
    closed,
    codes,
    declined_job,
    diagnose,
    dispatch,
    dispatches,
    endpoint,
    evidence,
    found,
    human,
    job,
    judge,
    look,
    participants,
    phone,
    rooms,
    row,
    rules,
    status,
    the_room,
    warned,
)

NAMELESS = Settings()
UNNAMED = Settings(agent=Agent(name=""))
PUBLISHER = Settings(agent=Agent(name=AGENT, job_type="publisher"))
PLACED = row(0.5, "sip_participant_created")


# LKD401


def test_not_dispatched_is_proven_where_the_placer_has_logged() -> None:
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED)
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "proven")]
    assert diagnosis.broken[0].candidates == ()
    assert "automatic" in because(diagnosis, "LKD401")


def test_not_dispatched_is_pending_within_its_allowance() -> None:
    diagnosis = judge(15, look(15, automatic(), phone()), PLACED)
    assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert status(diagnosis, Step.AGENT_DISPATCHED) is Status.PENDING


def test_not_dispatched_is_only_possible_without_rows_and_takes_two_looks() -> None:
    first = look(20, automatic(), phone())
    glance = judge(20, first)
    assert glance.verdict is Verdict.UNKNOWN
    assert glance.look_again == 3
    assert not codes(judge(22.9, first, look(22.9, automatic(), phone())))
    diagnosis = judge(23, first, look(23, automatic(), phone()))
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "possible")]
    assert {"LKD409", "LKD412", "LKD413"} <= set(diagnosis.broken[0].candidates)
    assert diagnosis.look_again is None


@pytest.mark.parametrize("state", ["dialing", "ringing"])
def test_the_placer_may_wait_for_the_answer_before_it_dispatches(state: str) -> None:
    waiting = [look(t, automatic(), phone(state)) for t in range(20, 34)]
    for rows in (
        [],
        [row(0.1, "call_requested"), row(0.2, "room_created")],
        [row(0.3, "dialing")],
        [row(0.3, "calls")],
    ):
        diagnosis = judge(33, *waiting, *rows)
        assert diagnosis.verdict is Verdict.IN_PROGRESS, found(diagnosis)
        assert status(diagnosis, Step.AGENT_DISPATCHED) is Status.PENDING


def test_a_webhook_that_logs_the_phone_does_not_say_that_the_placer_is_past_it() -> None:
    rows = [row(-1, "call_requested"), row(0.6, "sip_participant_created", "webhook")]
    assert not codes(judge(20, look(20, automatic(), phone("ringing")), *rows))
    assert not codes(judge(20, look(20, automatic(), phone()), *rows))
    assert codes(judge(20, look(20, automatic(), phone()), rows[0], PLACED)) == ["LKD401"]


def test_while_the_phone_rings_the_dispatch_may_wait_for_its_answer() -> None:
    """The placer, or a webhook of it, may dispatch once the phone is answered."""
    requested = row(-1, "call_requested")
    assert judge(30, look(30, automatic(), phone("ringing")), requested, PLACED).verdict is Verdict.IN_PROGRESS
    claimed = row(0.6, "agent_dispatched")
    assert codes(judge(30, look(30, automatic(), phone("ringing")), requested, claimed)) == ["LKD401"]


def test_an_agent_whose_dispatch_was_deleted() -> None:
    there = look(20, dispatch(0, job()), phone(), agent(1, audio()))
    gone = [look(t, automatic(), phone()) for t in (24, 34)]
    diagnosis = judge(34, there, *gone)
    assert found(diagnosis) == [("agent_connected", "LKD407", "likely")]
    assert "LKD413" in diagnosis.broken[0].candidates


def test_between_the_answer_and_the_dispatch_nothing_is_missing() -> None:
    """wait_until_answered has just returned: the row is there, the dispatch comes in a moment."""
    answered = row(39.5, "sip_participant_created")
    ringing = [look(t, automatic(), phone("ringing")) for t in range(20, 40)]
    now = look(40, automatic(), phone())
    assert judge(40, now, answered).verdict is not Verdict.BROKEN
    assert judge(40, *ringing, now).verdict is not Verdict.BROKEN
    assert judge(40, *ringing, now, answered).verdict is not Verdict.BROKEN
    assert codes(judge(48, *ringing, look(48, automatic(), phone()), answered)) == ["LKD401"]


def test_a_phone_that_was_never_answered_leaves_a_room_without_dispatch() -> None:
    """The placer waited for an answer that never came: the break is the phone's."""
    ringing = [look(t, automatic(), phone("ringing")) for t in range(20, 31)]
    gone = [look(t, automatic()) for t in range(31, 40)]
    assert codes(judge(39, *ringing, *gone)) == ["LKD206"]
    assert codes(judge(39, *ringing, *gone, row(0.2, "room_created"), row(31, "dial_failed"))) == ["LKD206"]
    assert codes(judge(39, *ringing, *gone, PLACED)) == ["LKD401", "LKD206"]


def test_an_empty_room_without_rows_may_be_one_whose_phone_was_refused() -> None:
    looks = [look(t, automatic()) for t in range(16, 36)]
    assert not codes(judge(35, *looks))
    assert codes(judge(40, *looks, *(look(t, automatic()) for t in range(36, 41)))) == ["LKD401"], (
        "it is open beyond its departure timeout: nobody was ever there"
    )


def test_an_unnamed_worker_is_served_by_the_automatic_dispatch() -> None:
    assert judge(20, look(20, automatic(0, [job()]), agent(name=None), phone()), settings=UNNAMED).verdict is not (
        Verdict.BROKEN
    )
    assert "LKD401" not in codes(judge(20, look(20, automatic(), phone()), PLACED, settings=UNNAMED))


def test_without_the_agents_name_it_is_possible_at_most() -> None:
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, settings=NAMELESS)
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "possible")]
    assert "LKD402" in diagnosis.broken[0].candidates
    assert any("agent.name" in hint for hint in diagnosis.would_settle)


def test_without_the_agents_name_anybody_may_be_the_agent() -> None:
    looks = [look(t, automatic(), phone(), human(2, audio())) for t in (20, 24)]
    assert judge(24, *looks, settings=NAMELESS).verdict is Verdict.UNKNOWN


def test_without_the_agents_name_a_job_of_the_automatic_dispatch_shows_an_unnamed_worker() -> None:
    looks = [look(t, automatic(0, [job()]), phone()) for t in (20, 24)]
    assert codes(judge(24, *looks, PLACED, settings=NAMELESS)) == ["LKD406"]


def test_the_name_may_come_from_the_workers_endpoint() -> None:
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, endpoint(), settings=NAMELESS)
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "proven")]
    assert "http://10.0.0.7:8081" in "".join(item.source for item in diagnosis.broken[0].because)


def test_a_row_that_says_dispatched_lowers_it() -> None:
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, row(0.6, "agent_dispatched"))
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "possible")]
    assert "LKD413" in warned(diagnosis)


@pytest.mark.parametrize("known", [True, False])
def test_an_agent_that_is_or_was_there_was_dispatched_by_something(known: bool) -> None:
    looks = [look(10, automatic(), agent(name=AGENT if known else None)), look(20, automatic(), phone())]
    assert "LKD401" not in codes(judge(20, *looks, PLACED))
    assert "LKD401" not in codes(judge(20, look(20, automatic(), phone()), PLACED, row(2, "agent_connected", "agent")))


def test_it_says_why_inbound_calls_work() -> None:
    rule = SipDispatchRule(id="SDR_1", room="outbound-", agents=(AGENT,))
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, rules(16, rule))
    assert "inbound calls only" in because(diagnosis, "LKD401")
    other = judge(16, look(16, automatic(), phone()), PLACED, rules(16, SipDispatchRule(id="SDR_2", agents=("B",))))
    assert "SDR_2" not in because(other, "LKD401")


def test_what_is_missing_is_missing_as_of_the_look_into_the_room() -> None:
    """ListRooms answers, and what is inside could not be read again: nothing has aged."""
    early = look(2, automatic(), phone("dialing"))
    assert judge(60, early, rooms(60, the_room()), PLACED).verdict is not Verdict.BROKEN
    assert judge(60, early, rooms(60, the_room()), participants(60, phone()), PLACED).verdict is not Verdict.BROKEN
    assert judge(60, early, rooms(60, the_room()), dispatches(60, automatic()), PLACED).verdict is not Verdict.BROKEN


def test_without_list_dispatch_nothing_is_said_of_the_dispatch() -> None:
    diagnosis = judge(60, rooms(60, the_room()), participants(60, phone()), row(55, "room_created"))
    assert diagnosis.verdict is Verdict.IN_PROGRESS, "by its rows"
    assert judge(60, rooms(60, the_room()), participants(60, phone())).verdict is Verdict.UNKNOWN


# LKD409, LKD412, LKD413


OTHER = the_room("outbound-5b1f-1928", "RM_other", created=1)


def stray(name: str = OTHER.name, metadata: str = "", id: str = "AD_strayed12", when: float = 1) -> tuple[object, ...]:
    room = the_room(name, "RM_other", created=when)
    return (
        *look(16, automatic(), phone(), beside=[room]),
        *(participants(16, room=name, sid="RM_other"),),
        *(dispatches(16, dispatch(when, id=id, room=name, metadata=metadata), room=name, sid="RM_other"),),
    )


def test_dispatched_to_another_room_is_proven_by_the_logged_id() -> None:
    logged = row(1.1, "agent_dispatched", metadata='{"dispatch": "AD_strayed12"}')
    assert found(judge(16, *stray(), PLACED, logged)) == [("agent_dispatched", "LKD409", "proven")]  # type: ignore[arg-type]


def test_dispatched_to_another_room_is_likely_by_its_metadata_or_its_name() -> None:
    of_call = judge(16, *stray(metadata=f'{{"call_id": "{CALL}"}}'), PLACED)  # type: ignore[arg-type]
    assert found(of_call) == [("agent_dispatched", "LKD409", "likely")]
    alike = judge(16, *stray("Outbound-5b1f-1927"), PLACED)  # type: ignore[arg-type]
    assert found(alike) == [("agent_dispatched", "LKD409", "likely")]


def test_of_more_dispatches_than_are_in_other_rooms_one_may_have_been_in_this() -> None:
    """Nobody knows what became of it."""
    twice = [row(1.2, "agent_dispatched"), row(4, "agent_dispatched")]
    alike = stray("Outbound-5b1f-1927")
    assert found(judge(16, *alike, PLACED, *twice[:1])) == [("agent_dispatched", "LKD409", "likely")]  # type: ignore[arg-type]
    said = judge(16, *alike, PLACED, *twice)  # type: ignore[arg-type]
    assert found(said) == [("agent_dispatched", "LKD409", "possible")]
    assert "LKD402" in said.broken[0].candidates


def test_an_agent_that_logged_no_room_may_be_in_another() -> None:
    """Its rows have the call id, as its dispatch's metadata has, and say nothing of this room."""

    def told(by_agent: LogRow, first: tuple[object, ...]) -> Diagnosis:
        rows = [
            row(-1, "call_requested"),
            PLACED,
            row(1.1, "agent_dispatched"),
            by_agent,
            row(5, "sip_answered", "webhook"),
        ]
        read_first = evidence(16, *rows, *first)  # type: ignore[arg-type]
        later = [item for seconds in (20, 40) for item in look(seconds, automatic(), phone(), beside=[OTHER])]
        whole = read_first.plus(Reading(observations=tuple(later)), now=at(40))
        return diagnose(whole, SETTINGS, Subject(call_id=CALL, room=ROOM))

    here = look(16, automatic(), phone())
    alone = told(row(2, "agent_connected", "agent"), here)
    assert found(alone) == [("agent_connected", "LKD407", "possible")]
    assert {"LKD409", "LKD413"} <= set(alone.broken[0].candidates)
    named = row(2, "agent_connected", "agent", room=ROOM)
    assert found(told(named, here)) == [("agent_connected", "LKD407", "likely")]
    there = stray(metadata=f'{{"call_id": "{CALL}"}}')
    assert found(told(row(2, "agent_connected", "agent"), there)) == [("agent_dispatched", "LKD409", "likely")]


def test_a_dispatch_in_an_unlike_room_only_lowers_the_missing_one() -> None:
    """It may be the dispatch of another call that has just begun."""
    diagnosis = judge(16, *stray("undefined"), PLACED)  # type: ignore[arg-type]
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "possible")]


def test_another_calls_dispatch_is_not_taken_for_this_ones() -> None:
    assert found(judge(16, *stray("undefined", when=-600), PLACED))[0][2] == "proven"  # type: ignore[arg-type]
    busy = participants(16, phone(sid="PA_2"), room="undefined", sid="RM_other")
    assert found(judge(16, *stray("undefined"), busy, PLACED))[0][2] == "proven"  # type: ignore[arg-type]


def test_not_dispatched_is_only_possible_while_other_rooms_are_unsearched() -> None:
    diagnosis = judge(16, look(16, automatic(), phone(), beside=[OTHER]), PLACED)
    assert found(diagnosis) == [("agent_dispatched", "LKD401", "possible")]
    old = the_room("outbound-0", "RM_old", created=-500)
    assert found(judge(16, look(16, automatic(), phone(), beside=[old]), PLACED))[0][2] == "proven"


def test_agents_are_ignored_where_the_phone_had_made_the_room() -> None:
    created = row(0.9, "room_created", metadata=f'{{"agents": ["{AGENT}"]}}')
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, created)
    assert found(diagnosis) == [("agent_dispatched", "LKD412", "likely")]
    without = judge(16, look(16, automatic(), phone()), PLACED, row(0.9, "room_created"))
    assert found(without)[0][2] == "possible"
    assert {"LKD401", "LKD412"} <= {without.broken[0].code, *without.broken[0].candidates}


def test_agents_are_not_ignored_where_the_room_was_created_first() -> None:
    created = row(0.1, "room_created", metadata=f'{{"agents": ["{AGENT}"]}}')
    assert "LKD412" not in codes(judge(16, look(16, automatic(), phone()), PLACED, created))
    late = row(4.9, "room_created", "other", metadata='{"agents": []}')
    assert "LKD412" not in codes(judge(16, look(16, automatic(), phone()), PLACED, late)), "within the tolerance"
    assert "LKD412" in codes(judge(30, look(30, automatic(), phone()), PLACED, row(6, "room_created", metadata=AGENT)))


def test_a_dispatch_that_was_there_and_is_gone_was_deleted() -> None:
    before = look(3, automatic(), dispatch(), phone())
    gone = look(7, automatic(), phone()), look(16, automatic(), phone())
    assert found(judge(16, before, *gone, PLACED)) == [("agent_dispatched", "LKD413", "proven")]
    unseen = judge(16, before, gone[1], PLACED)
    assert found(unseen) == [("agent_dispatched", "LKD413", "possible")], "it may have had its time, without a job"
    assert "LKD402" in unseen.broken[0].candidates


def test_a_room_without_any_dispatch_had_one() -> None:
    """Where nobody saw when it went, it may have been deleted because no worker had taken its job."""
    diagnosis = judge(16, look(16, phone()), PLACED)
    assert found(diagnosis) == [("agent_dispatched", "LKD413", "possible")]
    assert found(judge(16, look(7, phone()), look(16, phone()), PLACED)) == [("agent_dispatched", "LKD413", "likely")]
    assert diagnosis.broken[0].candidates == ("LKD402",)
    assert not codes(judge(14, look(14, phone()), PLACED))


def test_another_agents_deleted_dispatch_is_not_this_ones() -> None:
    before = look(3, automatic(), dispatch(name="recorder"), phone())
    diagnosis = judge(16, before, look(16, automatic(), phone()), PLACED)
    assert "LKD413" not in codes(diagnosis)


def test_a_logged_dispatch_that_no_live_room_has_is_possibly_deleted() -> None:
    """It may have gone to another server, too, or to a room of another name that is closed by now."""
    logged = row(0.7, "agent_dispatched", metadata='{"id":"AD_goneaway12"}')
    diagnosis = judge(16, look(16, automatic(), phone()), PLACED, logged)
    assert found(diagnosis) == [("agent_dispatched", "LKD413", "possible")]
    assert "LKD409" in diagnosis.broken[0].candidates


def test_an_agent_that_deletes_its_dispatch_when_it_hands_over_is_healthy() -> None:
    looks = [look(5, automatic(), dispatch(), agent(), phone(), human()), look(20, automatic(), phone(), human())]
    assert judge(20, *looks).verdict is not Verdict.BROKEN
    assert judge(24, look(20, automatic(), phone(), human()), look(24, automatic(), phone(), human())).verdict is not (
        Verdict.BROKEN
    )


# LKD302, LKD303


def inbound(t: float, *inside: object, agents: tuple[str, ...] = (), preset: str = "") -> list[object]:
    rule = SipDispatchRule(id="SDR_in", agents=agents, room_preset=preset)
    return [look(t, phone("ringing", rule="SDR_in"), *inside), rules(t, rule)]  # type: ignore[arg-type]


def test_an_inbound_rule_without_the_agent() -> None:
    assert found(judge(16, *inbound(16, automatic()))) == [("agent_dispatched", "LKD302", "proven")]  # type: ignore[arg-type]
    other = judge(16, *inbound(16, dispatch(name="Other"), agents=("Other",)))  # type: ignore[arg-type]
    assert found(other) == [("agent_dispatched", "LKD303", "proven")]


def test_an_inbound_rule_that_may_bring_the_agent() -> None:
    assert not codes(judge(14, *inbound(14, automatic())))  # type: ignore[arg-type]
    assert "LKD302" not in codes(judge(16, *inbound(16, automatic(), preset="p1")))  # type: ignore[arg-type]
    assert not codes(judge(16, *inbound(16, dispatch(0, job()), agent())))  # type: ignore[arg-type]
    team = Settings(agent=Agent(name=AGENT, others=("Other",)))
    of_team = judge(16, *inbound(16, dispatch(name="Other"), agents=("Other",)), settings=team)  # type: ignore[arg-type]
    assert "LKD303" not in codes(of_team)


def test_an_inbound_room_without_dispatch_is_never_proven_to_lack_its_own() -> None:
    """The rule, once read, would be the cause: one proven code must not become another."""
    seen = look(16, automatic(), phone("ringing", rule="SDR_in"))
    assert found(judge(16, seen, PLACED)) == [("agent_dispatched", "LKD401", "possible")]
    assert {"LKD302", "LKD303"} <= set(judge(16, seen, PLACED).broken[0].candidates)


@pytest.mark.parametrize("after", [1, 30, 100])
def test_an_inbound_call_rings_until_the_agent_speaks(after: float) -> None:
    inside = [dispatch(0, job()), agent(after), phone("ringing", rule="SDR_in")]
    diagnosis = judge(after + 5, look(after + 5, *inside))
    assert diagnosis.inbound
    assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert not {"LKD205", "LKD206"} & set(codes(judge(400, look(400, *inside))))


def test_an_inbound_agent_that_never_speaks_is_silent() -> None:
    inside = [dispatch(0, job()), agent(1), phone("ringing", rule="SDR_in")]
    assert found(judge(22, look(22, *inside))) == [("agent_audio", "LKD408", "proven")]
    assert not codes(judge(21, look(21, *inside)))


# LKD402, LKD101, LKD102, LKD107, LKD404


def test_no_job_after_the_allowance() -> None:
    diagnosis = judge(16, look(16, automatic(), dispatch(), phone("ringing")))
    assert found(diagnosis) == [("job_assigned", "LKD402", "likely")]
    assert {"LKD101", "LKD103", "LKD403", "LKD404"} <= set(diagnosis.broken[0].candidates)
    assert [item.code for item in diagnosis.ruled_out] == ["LKD401"]


@pytest.mark.parametrize("age", [7, 12, 15])
def test_no_job_yet(age: float) -> None:
    diagnosis = judge(age, look(age, automatic(), dispatch(), phone("ringing")))
    assert diagnosis.verdict is Verdict.IN_PROGRESS
    assert status(diagnosis, Step.JOB_ASSIGNED) is Status.PENDING


def test_a_short_allowance_never_goes_below_what_listing_takes() -> None:
    """Design fact 10: ListDispatch may take over 5 s to show a job."""
    short = Allowance(after=(Step.AGENT_DISPATCHED,), slow_after=1, broken_after=2)
    settings = Settings(
        agent=Agent(name=AGENT), flow=Flow(allowances=Allowances(job_assigned=short, agent_connected=short))
    )
    assert not codes(judge(7, look(7, dispatch(), phone()), settings=settings))
    assert codes(judge(9, look(9, dispatch(), phone()), settings=settings)) == ["LKD402"]


def test_an_agent_in_the_room_has_its_job_listed_or_not() -> None:
    assert not codes(judge(16, look(16, dispatch(), agent(), phone("ringing"))))
    assert not codes(judge(16, look(16, dispatch(), agent(name=None), phone("ringing")))), "an older server"


def test_another_agent_beside_this_ones_dispatch_is_not_this_one() -> None:
    diagnosis = judge(16, look(16, dispatch(), agent(name="recorder"), phone()))
    assert codes(diagnosis) == ["LKD402"]


def test_an_agent_that_takes_12_seconds() -> None:
    for t in range(1, 15):
        there = [agent(12)] if t >= 12 else []
        assert judge(t, look(t, dispatch(0, job(11)), phone("ringing"), *there)).verdict is not Verdict.BROKEN


def test_a_second_dispatch_has_its_own_allowance() -> None:
    first = dispatch(0, id="AD_first000001")
    assert not codes(judge(62, look(62, first, dispatch(60), phone())))
    assert not codes(judge(62, look(62, dispatch(60), first, phone())))
    assert codes(judge(76, look(76, dispatch(60), first, phone()))) == ["LKD402"]


def test_a_publishers_worker_gets_its_job_when_the_phone_publishes() -> None:
    assert not codes(judge(60, look(60, dispatch()), settings=PUBLISHER))
    assert not codes(judge(60, look(60, dispatch(), phone("dialing", joined=46)), settings=PUBLISHER))
    assert codes(judge(60, look(60, dispatch(), phone("dialing", joined=44)), settings=PUBLISHER)) == ["LKD402"]
    by_endpoint = [look(60, dispatch(), phone("dialing", joined=50)), endpoint(worker_type="JT_PUBLISHER")]
    assert not codes(judge(60, *by_endpoint))


def test_a_publishers_agent_has_its_allowance_from_its_job_on() -> None:
    looks = [look(t, dispatch(0, job(40)), phone("ringing", joined=39)) for t in (50, 54)]
    assert not codes(judge(54, *looks, settings=PUBLISHER))
    late = [look(t, dispatch(0, job(40)), phone("ringing", joined=39)) for t in (57, 61)]
    assert codes(judge(61, *late, settings=PUBLISHER)) == ["LKD406"]


def test_a_canary_rules_the_pipeline_out_or_in() -> None:
    inside = look(16, dispatch(), phone())
    works = judge(16, inside, canary(16))
    assert "LKD107" not in broken(works, "LKD402").candidates
    assert {"LKD107", "LKD401"} == {item.code for item in works.ruled_out}
    down = judge(16, inside, canary(16, job_after=None))
    assert found(down) == [("job_assigned", "LKD107", "likely")]
    assert codes(judge(16, inside, canary(16, job_after=None, worker_id=""))) == ["LKD402"]


@pytest.mark.parametrize("other", [AGENT.upper(), AGENT + " ", AGENT.replace("e", "е")])
def test_a_name_that_reads_the_same_is_a_mismatch(other: str) -> None:
    diagnosis = judge(16, look(16, automatic(), dispatch(name=other), phone()))
    assert found(diagnosis) == [("job_assigned", "LKD102", "likely")]
    assert "LKD402" in diagnosis.broken[0].candidates
    assert not codes(judge(14, look(14, automatic(), dispatch(name=other), phone())))


def test_another_name_altogether_stays_a_possibility() -> None:
    diagnosis = judge(16, look(16, dispatch(name="Reminder"), phone()))
    assert found(diagnosis) == [("job_assigned", "LKD402", "likely")]
    assert "LKD102" in diagnosis.broken[0].candidates
    assert "LKD102" not in codes(judge(16, look(16, dispatch(), phone()), endpoint()))


def test_a_declined_job() -> None:
    diagnosis = judge(3, look(3, dispatch(0, declined_job()), phone("dialing")))
    assert found(diagnosis) == [("job_assigned", "LKD404", "proven")]


def test_a_job_that_failed_was_not_declined() -> None:
    failed = declined_job(status="JS_FAILED", error="agent worker left")
    assert "LKD404" not in codes(judge(3, look(3, dispatch(0, failed), phone("dialing"))))


def test_a_declined_job_before_one_that_was_taken() -> None:
    taken = dispatch(0, declined_job(), job(1, id="AJ_second"))
    assert judge(5, look(5, taken, agent(2), phone("ringing"))).verdict is Verdict.IN_PROGRESS
    assert not codes(judge(5, look(5, dispatch(0, declined_job()), agent(2), phone("ringing"))))


# LKD406


def test_a_job_without_its_agent() -> None:
    looks = [look(t, dispatch(0, job()), phone()) for t in (17, 20)]
    diagnosis = judge(20, *looks)
    assert found(diagnosis) == [("entrypoint_called", "LKD406", "likely")]
    assert {"LKD405", "LKD407", "LKD415"} <= set(diagnosis.broken[0].candidates)
    ran = judge(20, *looks, row(1, "agent_entrypoint_called", "agent"))
    assert found(ran) == [("agent_connected", "LKD406", "likely")]
    assert "LKD417" not in ran.broken[0].candidates


def test_one_glimpse_of_a_job_without_its_agent_may_be_the_end_of_a_call() -> None:
    glance = judge(60, look(60, dispatch(0, job()), phone()))
    assert glance.verdict is Verdict.UNKNOWN
    assert glance.look_again == 3


def test_looks_before_the_agent_was_due_do_not_count() -> None:
    """Before it joined, and just after it left: never while it was there."""
    looks = [look(5, dispatch(0, job(4)), phone("ringing")), look(40, dispatch(0, job(4)), phone())]
    assert judge(40, *looks).verdict is not Verdict.BROKEN


def test_a_healthy_call_that_has_ended_leaves_its_job_in_a_lingering_room() -> None:
    looks = [look(t, dispatch(0, job())) for t in range(60, 80)]
    assert judge(79, *looks).verdict is not Verdict.BROKEN


def test_looks_far_apart_at_an_empty_room_are_no_proof_that_nobody_came() -> None:
    looks = [look(1, dispatch(0, job())), look(25, dispatch(0, job()))]
    assert judge(25, *looks).verdict is not Verdict.BROKEN
    watched = [look(t, dispatch(0, job())) for t in range(1, 26)]
    assert found(judge(25, *watched)) == [("entrypoint_called", "LKD406", "likely")]


def test_an_agent_with_a_users_token_is_nobodys_fault() -> None:
    """Kind STANDARD (fact 19): by the job's identity it is the agent, by another it may be."""
    own = human(1, audio(), identity="agent-AJ_1")
    looks = [look(t, dispatch(0, job(identity="agent-AJ_1")), phone(), own) for t in (17, 21)]
    assert judge(21, *looks).verdict is Verdict.HEALTHY
    other = [look(t, dispatch(0, job()), phone(), human(1, audio(), identity="bot")) for t in (17, 21)]
    assert judge(21, *other).verdict is Verdict.UNKNOWN


def test_an_agent_that_never_gets_active_has_not_connected() -> None:
    looks = [look(t, dispatch(0, job()), phone(), agent(1, state="JOINED")) for t in (17, 21)]
    assert found(judge(21, *looks)) == [("agent_connected", "LKD416", "proven")]
    young = look(16, dispatch(0, job()), phone(), agent(1, state="JOINED"))
    assert judge(16, young).verdict is Verdict.IN_PROGRESS
    there = look(24, dispatch(0, job()), phone(), agent(1, audio()))
    assert judge(24, *looks, there).verdict is Verdict.HEALTHY


def test_an_agent_that_tries_again_to_get_its_media() -> None:
    """livekit's SDKs give up after 15 s, and join again under the same identity (measured)."""
    tries = [agent(1, state="JOINED", sid="PA_try1"), agent(16, state="JOINED", sid="PA_try2")]
    looks = [look(t, dispatch(0, job()), phone(), tries[t > 16]) for t in (3, 16, 17)]
    assert found(judge(17, *looks)) == [("agent_connected", "LKD416", "proven")]
    assert judge(17, looks[-1]).verdict is Verdict.IN_PROGRESS  # it may have joined for the first time
    other = agent(16, state="JOINED", sid="PA_other", identity="agent-AJ_other")
    assert judge(17, looks[0], look(17, dispatch(0, job()), phone(), other)).verdict is Verdict.IN_PROGRESS


def test_between_two_tries_it_is_not_gone() -> None:
    tries = [agent(8, state="JOINED", sid="PA_try1"), agent(24, state="JOINED", sid="PA_try2")]
    looks = [look(t, dispatch(0, job()), phone(), tries[0]) for t in (9, 13, 17, 22)]
    gap = look(23.5, dispatch(0, job()), phone())
    assert judge(23.5, *looks, gap).verdict is not Verdict.BROKEN
    again = look(24.5, dispatch(0, job()), phone(), tries[1])
    assert found(judge(24.5, *looks, gap, again)) == [("agent_connected", "LKD416", "proven")]


def test_an_agent_that_left_without_ever_having_media() -> None:
    joined = agent(1, state="JOINED")
    gone = [look(t, dispatch(0, job()), phone()) for t in (32, 36)]
    long = judge(36, *(look(t, dispatch(0, job()), phone(), joined) for t in (2, 14)), *gone)
    assert found(long) == [("agent_connected", "LKD416", "likely")]
    assert {"LKD405", "LKD406"} <= set(long.broken[0].candidates)
    glimpse = judge(36, look(2, dispatch(0, job()), phone(), joined), *gone)
    assert found(glimpse) == [("agent_connected", "LKD406", "likely")]  # its process may have died as it joined


@pytest.mark.parametrize("second", [human(30, audio()), phone("active", 30, sid="PA_2", identity="sip_2")])
def test_a_warm_transfer_is_no_break(second: Participant) -> None:
    before = look(20, dispatch(0, job()), agent(1, audio()), phone())
    handed = [look(t, dispatch(0, job()), phone(), second) for t in (40, 45, 50)]
    alone = look(51, dispatch(0, job()), phone())
    assert judge(50, *handed).verdict is not Verdict.BROKEN
    assert judge(50, before, *handed).verdict is Verdict.HEALTHY
    assert judge(51, before, *handed, alone).verdict is not Verdict.BROKEN
    assert judge(55, before, *handed, alone, look(55, dispatch(0, job()), phone())).verdict is not Verdict.BROKEN


def test_where_the_agent_dials_nobody_waits_for_it() -> None:
    settings = Settings(agent=Agent(name=AGENT), flow=Flow(placed_by="agent"))
    assert judge(20, look(20, dispatch(0, job())), settings=settings).verdict is not Verdict.BROKEN
    watched = [look(t, dispatch(0, job())) for t in range(1, 26)]
    diagnosis = judge(25, *watched, settings=settings)
    assert codes(diagnosis) == ["LKD406"]
    assert status(diagnosis, Step.SIP_PARTICIPANT_CREATED) is Status.SKIPPED


# LKD407


def test_an_agent_that_left() -> None:
    there = look(20, dispatch(0, job()), agent(1, audio()), phone())
    gone = [look(t, dispatch(0, job()), phone()) for t in (30, 34, 40)]
    first = judge(30, there, gone[0])
    assert first.verdict is Verdict.UNKNOWN, "never healthy, and not broken at a glance"
    assert first.look_again == 10
    second = judge(34, there, *gone[:2])
    assert (second.verdict, second.look_again) == (Verdict.UNKNOWN, 6), "by the logs, too, a callee has time to hang up"
    diagnosis = judge(40, there, *gone)
    assert found(diagnosis) == [("agent_connected", "LKD407", "proven")]
    assert status(diagnosis, Step.AGENT_AUDIO) is Status.OK


def test_an_agent_that_left_before_it_can_have_said_goodbye() -> None:
    """The phone rings, or has just been answered."""
    for states in (("ringing", "ringing", "ringing"), ("ringing", "active", "active")):
        first, *gone = (phone(state) for state in states)
        looks = [look(t, dispatch(0, job()), one) for t, one in zip((23, 26), gone, strict=True)]
        diagnosis = judge(26, look(20, dispatch(0, job()), agent(1, audio()), first), *looks)
        assert found(diagnosis) == [("agent_connected", "LKD407", "proven")], states


def test_an_agent_that_only_a_row_has_seen_left_likely() -> None:
    gone = [look(t, dispatch(0, job()), phone()) for t in (30, 33)]
    connected = row(2, "agent_connected", "agent")
    # The row was read with the last look; by then the agent had connected.
    assert not codes(judge(33, *gone, connected))
    read_first = judge(37, *gone, connected, *(look(t, dispatch(0, job()), phone()) for t in (37,)))
    assert read_first.verdict is not Verdict.HEALTHY


def test_an_agent_that_came_back_has_not_left() -> None:
    looks = [
        look(20, dispatch(0, job()), agent(1), phone()),
        look(30, dispatch(0, job()), phone()),
        look(33, dispatch(0, job()), agent(32, audio(), sid="PA_again"), phone()),
    ]
    assert judge(33, *looks).verdict is Verdict.HEALTHY


@pytest.mark.parametrize("left", [("hangup",), ()])
def test_an_agent_that_leaves_after_the_phone_is_a_normal_end(left: tuple[str, ...]) -> None:
    there = [look(t, dispatch(0, job()), agent(1, audio()), phone()) for t in (20, 60)]
    ending = [look(t, dispatch(0, job()), *(phone(state) for state in left)) for t in (63, 66, 69)]
    assert judge(69, *there, *ending).verdict is Verdict.HEALTHY
    assert judge(90, *there, *ending, *closed(90)).verdict is Verdict.HEALTHY
    assert judge(69, there[0], *ending).verdict is Verdict.NO_FAULT_SEEN, "until when it was there, nobody saw"


def test_an_agent_that_left_after_the_call_was_logged_as_ended() -> None:
    there = look(20, dispatch(0, job()), agent(1, audio()), phone())
    gone = [look(t, dispatch(0, job()), phone()) for t in (30, 33)]
    assert "LKD407" not in codes(judge(33, there, *gone, row(29, "call_ended", "agent")))


# LKD408


def test_a_silent_agent() -> None:
    looks = [look(t, dispatch(0, job()), agent(1), phone("ringing" if t < 10 else "active")) for t in range(5, 32)]
    diagnosis = judge(31, *looks)
    assert found(diagnosis) == [("agent_audio", "LKD408", "proven")]
    earlier = judge(30, *looks[:-1])
    assert earlier.verdict is Verdict.IN_PROGRESS
    muted = [look(t, dispatch(0, job()), agent(1, audio(muted=True)), phone()) for t in range(10, 32)]
    assert "is muted" in because(judge(31, *muted), "LKD408")


def test_a_silent_agent_of_a_call_that_was_answered_before_anybody_looked() -> None:
    looks = [look(t, dispatch(0, job()), agent(1), phone()) for t in range(60, 82)]
    assert codes(judge(81, *looks)) == ["LKD408"]
    assert not codes(judge(80, *looks[:-1]))


def test_an_agent_is_silent_until_the_phone_is_answered() -> None:
    looks = [look(t, dispatch(0, job()), agent(1), phone("ringing")) for t in range(5, 90)]
    assert judge(89, *looks).verdict is Verdict.IN_PROGRESS


def test_an_agent_that_has_spoken_is_not_silent() -> None:
    looks = [look(9, dispatch(0, job()), agent(1, audio()), phone())]
    looks += [look(t, dispatch(0, job()), agent(1, audio(muted=True)), phone()) for t in range(10, 60)]
    assert judge(59, *looks).verdict is Verdict.HEALTHY


def test_an_avatar_speaks_for_its_agent() -> None:
    avatar = Participant(
        sid="PA_avatar",
        identity="avatar",
        kind="AGENT",
        state="ACTIVE",
        joined_at=at(2),
        attributes={"lk.publish_on_behalf": "agent-AJ_1"},
        tracks=(audio(sid="TR_avatar"),),
    )
    looks = [look(t, dispatch(0, job()), agent(1), avatar, phone()) for t in range(5, 40)]
    assert judge(39, *looks).verdict is Verdict.HEALTHY


def test_an_agent_that_never_speaks_by_configuration() -> None:
    settings = Settings(agent=Agent(name=AGENT), flow=Flow(not_used=(Step.AGENT_AUDIO,)))
    looks = [look(t, dispatch(0, job()), agent(1), phone()) for t in range(5, 60)]
    diagnosis = judge(59, *looks, settings=settings)
    assert diagnosis.verdict is Verdict.HEALTHY
    assert status(diagnosis, Step.AGENT_AUDIO) is Status.SKIPPED


def test_two_agents_of_one_name() -> None:
    two = [agent(1, audio()), agent(2, audio(), identity="agent-AJ_2", sid="PA_agent2")]
    diagnosis = judge(30, look(30, dispatch(0, job()), *two, phone()))
    assert diagnosis.verdict is Verdict.HEALTHY
    assert "LKD410" in warned(diagnosis)


def test_ages_are_taken_against_livekits_clock() -> None:
    """Every test here has a local clock an hour ahead; this one says so."""
    looked = look(5, automatic(), dispatch(), phone("ringing"))
    assert looked[1].read.at - looked[1].read.now == at(3600) - at(0)
    assert judge(5, looked).verdict is Verdict.IN_PROGRESS


def test_a_call_is_found_by_any_id_of_its_room() -> None:
    inside = look(16, automatic(), dispatch(), phone())
    for id in (the_room().sid, "AD_t8Xk2mQ9pLwz", "PA_phone1", "SCL_9xKd3Fh6"):
        diagnosis = judge(16, inside, subject=Subject(livekit_id=id))
        assert codes(diagnosis) == ["LKD402"], id
    assert SETTINGS.agent.name == AGENT
    assert Confidence.PROVEN.rank < Confidence.LIKELY.rank
