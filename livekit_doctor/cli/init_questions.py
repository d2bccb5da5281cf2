"""What `init` can't find out, and asks."""

import sys

import typer
from msgspec.structs import replace

from livekit_doctor.evidence.observations import OutboundTrunk
from livekit_doctor.init.proposal import Answers, Proposal, best, questions_about_states
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.redact import printable

WHERE_THE_NAME_IS = (
    'The agent_name is in the worker\'s log, in its line "registered worker", and in its code:',
    '  @server.rtc_session(agent_name="...") or WorkerOptions(agent_name="..."); or it is LIVEKIT_AGENT_NAME there.',
)
"""As livekit-agents 1.8.9 has it."""


def asked(proposal: Proposal) -> Answers:
    """The likeliest candidates, but for what a person was asked."""
    answers = best(proposal)
    if not proposal.given_agent:
        answers = replace(answers, agent=_ask_agent(proposal))
    if len(proposal.tables) > 1:
        answers = replace(answers, table=_ask_table(proposal.tables))
    if len(proposal.sip.outbound) > 1:
        answers = replace(answers, trunks=_ask_trunks(proposal))
    if guessed := questions_about_states(answers.table):
        _say("These states of the log have other names than the steps that they may stand for:")
        for state in guessed:
            _say(f"  {state.name}: {state.guess}")
        answers = replace(
            answers, guesses=typer.confirm("Is that what they mean? (no: they stay comments in the file)", err=True)
        )
    return answers


def _ask_agent(proposal: Proposal) -> str | None:
    agents = proposal.agents
    if len(agents) == 1 and agents[0].proven:
        return agents[0].name
    if agents:
        labels = [f"{agent.label}  ({agent.where})" for agent in agents]
        chosen = _choice("Which agent takes your outbound calls?", [*labels, "another one"])
        if chosen < len(agents):
            return agents[chosen].name
    for line in WHERE_THE_NAME_IS:
        _say(line)
    name: str = typer.prompt(
        "What is the agent_name of your worker? (empty: I don't know)", default="", show_default=False, err=True
    )
    return name or None


def _ask_table(tables: tuple[TableSeen, ...]) -> TableSeen | None:
    labels = [f"{table.name}  ({table.summary})" for table in tables]
    chosen = _choice("Which table is the log of your calls' states?", [*labels, "none of them"])
    return tables[chosen] if chosen < len(tables) else None


def _ask_trunks(proposal: Proposal) -> tuple[OutboundTrunk, ...]:
    trunks, used = proposal.sip.outbound, proposal.sip.used
    uses = dict(proposal.sip.uses)
    labels = [f"{trunk.id}  {trunk.name}" + (f"  ({uses[trunk.id]})" if trunk.id in uses else "") for trunk in trunks]
    likeliest = trunks.index(used[0]) if len(used) == 1 else len(trunks)
    chosen = _choice("Which outbound trunk do your calls use?", [*labels, "all of them"], likeliest)
    return (trunks[chosen],) if chosen < len(trunks) else trunks


def _choice(question: str, labels: list[str], likeliest: int = 0) -> int:
    """The place of what was chosen, from 0."""
    _say(question)
    for place, label in enumerate(labels, 1):
        _say(f"  {place}) {label}")
    while True:
        number: int = typer.prompt("Number", default=likeliest + 1, type=int, err=True)
        if 1 <= number <= len(labels):
            return number - 1
        _say(f"There is no {number} in the list.")


def _say(text: str) -> None:
    print(printable(text), file=sys.stderr)
