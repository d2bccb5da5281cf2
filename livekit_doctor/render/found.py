"""What `init` found, in words: a line a source. Phone numbers are only counted."""

from collections.abc import Iterator

from livekit_doctor.init.proposal import Answers, Proposal
from livekit_doctor.init.texts import counted, quoted, some
from livekit_doctor.redact import redact_text
from livekit_doctor.render.report import Found


def found(proposal: Proposal, answers: Answers) -> Iterator[Found]:
    """In the order in which it stands in the file."""
    yield Found("LiveKit", "ok", f"{redact_text(proposal.url)}, {counted(len(proposal.live), 'live room')}")
    yield from _agent(proposal, answers)
    yield from _sip(proposal, answers)
    yield _logs(proposal, answers)
    yield from (Found("not read", "warned", problem) for problem in proposal.problems)


def _agent(proposal: Proposal, answers: Answers) -> Iterator[Found]:
    name = answers.agent
    if name is None:
        yield Found("agent", "unknown", "no name found; set agent.name in the file")
        return
    seen = next((agent for agent in proposal.agents if agent.name == name), None)
    given = proposal.given_agent[1] if proposal.given_agent else ""
    where = "; ".join(filter(None, (given, seen.where if seen else ""))) or "typed"
    yield Found("agent", "ok", f"{quoted(name) if name else 'without a name'}  ({where})")
    if seen is None and proposal.agents:
        others = some(f"{agent.label} ({agent.where})" for agent in proposal.agents)
        yield Found("agent", "warned", f"nothing that was found has this name; seen: {others}")


def _sip(proposal: Proposal, answers: Answers) -> Iterator[Found]:
    sip = proposal.sip
    if answers.trunks:
        numbers = len({number for trunk in answers.trunks for number in trunk.numbers})
        trunks = some(trunk.id for trunk in answers.trunks)
        yield Found("outbound trunks", "ok", f"{trunks}  ({counted(numbers, 'caller number')})")
    else:
        yield Found("outbound trunks", "unknown", "none listed")
    if sip.inbound or sip.rules:
        rules = counted(len(sip.rules), "SIP dispatch rule")
        yield Found("inbound", "ok", f"{counted(len(sip.inbound), 'inbound trunk')}, {rules}")


def _logs(proposal: Proposal, answers: Answers) -> Found:
    table, label = answers.table, "call logs"
    if not proposal.database_from:
        text = "no database is configured; put CALL_LOGS_DATABASE_URL into .env to have them read"
        return Found(label, "unknown", text)
    if proposal.no_tables:
        return Found(label, "warned", proposal.no_tables)
    if table is None:
        return Found(label, "unknown", "no table that looks like a log of calls' states")
    return Found(label, "warned" if table.problem else "ok", f"{table.name}  ({table.summary})")
