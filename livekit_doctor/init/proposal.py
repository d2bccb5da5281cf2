"""What was discovered as candidates for checks.yaml, and the answers that choose between them. Pure."""

from collections.abc import Iterator

from msgspec import Struct

from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.evidence.observations import OutboundTrunk, ParticipantList, RoomList, WorkerEndpoint, is_scratch
from livekit_doctor.flow import Step
from livekit_doctor.init import logs, rooms
from livekit_doctor.init.agents import AgentSeen, agents_in_use
from livekit_doctor.init.discover import Discovered
from livekit_doctor.init.sip import SipSeen, sip_objects
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.init.texts import counted, some


class Proposal(Struct, frozen=True):
    """The candidates, likeliest first. `given_agent` is the name that the command line or the
    environment says, with where it says so."""

    url: str
    url_from: str
    database_from: str
    given_agent: tuple[str, str] | None
    agents: tuple[AgentSeen, ...]
    endpoints: tuple[WorkerEndpoint, ...]
    tables: tuple[TableSeen, ...]
    sip: SipSeen
    live: tuple[str, ...]
    calls: tuple[str, ...]
    """Live rooms with an outbound call's phone in them."""
    problems: tuple[str, ...]
    no_tables: str = ""
    """Why the database could not be searched; empty where it was, or none is configured."""


class Answers(Struct, frozen=True):
    """Which candidates are taken. `agent` None: not known; `table` None: no call logs;
    `trunks`: the ids that must exist; `guesses`: whether guessed steps of states are taken."""

    agent: str | None
    table: TableSeen | None
    trunks: tuple[OutboundTrunk, ...]
    guesses: bool = False


class LogFacts(Struct, frozen=True):
    """What the rows of the chosen table say."""

    states: tuple[logs.State, ...]
    always: logs.AlwaysLogged
    placed_by: tuple[str, str] | None
    room: logs.RoomInRows | None
    template: rooms.Naming | None
    pattern: rooms.Naming | None


def propose(found: Discovered, *, url_from: str, database_from: str, agent_from: str) -> Proposal:
    """The candidates of what was discovered; `..._from` say where settings come from."""
    settings = found.setup.settings
    listing = found.setup.latest(RoomList)
    live = tuple(room.name for room in listing.rooms if not is_scratch(room.name)) if listing else ()
    given = settings.agent.name
    return Proposal(
        url=settings.livekit.url or "",
        url_from=url_from,
        database_from=database_from if settings.call_logs.dsn else "",
        given_agent=None if given is None else (given, agent_from),
        agents=agents_in_use(found.setup, found.tables[0].rows if found.tables else ()),
        endpoints=tuple(found.setup.all(WorkerEndpoint)),
        tables=found.tables,
        sip=sip_objects(found.setup, found.tables),
        live=live,
        calls=tuple(
            listing.room
            for listing in found.setup.all(ParticipantList)
            if any(one.kind == "SIP" and not one.attributes.get("sip.ruleID") for one in listing.participants)
        ),
        problems=found.problems,
        no_tables=found.no_tables,
    )


def best(proposal: Proposal) -> Answers:
    """The likeliest candidate of each; no guess is taken."""
    if proposal.given_agent:
        agent: str | None = proposal.given_agent[0]
    else:
        agent = proposal.agents[0].name if proposal.agents else None
    table = proposal.tables[0] if proposal.tables else None
    return Answers(agent, table, proposal.sip.used)


def reasons(proposal: Proposal, answers: Answers) -> Iterator[str]:
    """Of what there were several: which was taken, and why that one."""
    if not proposal.given_agent and len(proposal.agents) > 1:
        taken = next((agent for agent in proposal.agents if agent.name == answers.agent), None)
        if taken:
            others = "; ".join(f"{agent.label}: {agent.where}" for agent in proposal.agents if agent is not taken)
            yield f"agent.name is {taken.label} ({taken.where}), and not {others}"
    if len(proposal.tables) > 1 and answers.table:
        others = some(table.name for table in proposal.tables if table is not answers.table)
        yield f"call_logs is {answers.table.name} ({why_table(proposal, answers.table)}), and not {others}"
    if len(proposal.sip.outbound) > 1:
        uses = dict(proposal.sip.uses)
        if len(answers.trunks) == len(proposal.sip.outbound):
            yield f"all {len(answers.trunks)} outbound trunks, since nothing tells which one the calls use"
        elif answers.trunks:
            how = ", ".join(f"{trunk.id} ({uses.get(trunk.id, 'chosen')})" for trunk in answers.trunks)
            others = some(trunk.id for trunk in proposal.sip.outbound if trunk not in answers.trunks)
            yield f"outbound trunk {how}, and not {others}"


def why_table(proposal: Proposal, table: TableSeen) -> str:
    """Why this table is taken for the log of the calls' states."""
    mapped = logs.mapped_states(table)
    if mapped:
        return f"{counted(mapped, 'state')} of a call in it"
    return "the only table like it" if len(proposal.tables) == 1 else "its columns are likest"


def other_agents(proposal: Proposal, name: str | None) -> tuple[tuple[AgentSeen, str], ...]:
    """The other agents, each with what is wrong with its name if that looks like a misspelling."""
    return tuple(
        (agent, near_miss(name, agent.name) or "" if name else "")
        for agent in proposal.agents
        if agent.name and agent.name != name
    )


def steps_of(facts: "tuple[logs.State, ...]", *, guesses: bool) -> dict[str, Step]:
    """The step of each state that is known, and, if wanted, of those that are guessed."""
    steps = {state.name: state.step or (state.guess if guesses else None) for state in facts}
    return {name: step for name, step in steps.items() if step}


def log_facts(proposal: Proposal, answers: Answers) -> LogFacts | None:
    """What the rows of the chosen table say, None without one."""
    table = answers.table
    if table is None:
        return None
    states = logs.states_in_use(table.rows)
    steps = steps_of(states, guesses=answers.guesses)
    place = logs.room_in_rows(table, proposal.live)
    named = tuple(logs.rooms_of_rows(table, place)) or tuple(rooms.rooms_with_id(table.rows, proposal.live))
    called = (*proposal.calls, *(room for _, room in named if not room.startswith("RM_")))
    return LogFacts(
        states=states,
        always=logs.always_logged(table.rows, steps),
        placed_by=logs.who_dials(table.rows, steps),
        room=place,
        template=rooms.template_of(named),
        pattern=rooms.pattern_of(called, proposal.live),
    )


def questions_about_states(table: TableSeen | None) -> tuple[logs.State, ...]:
    """The states whose step is only a guess."""
    states = logs.states_in_use(table.rows) if table else ()
    return tuple(state for state in states if state.guess)
