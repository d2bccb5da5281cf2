"""What `init` found, for a person: a line a source, and of several candidates which was taken and why."""

from rich.console import Console

from livekit_doctor.init.proposal import Answers, Proposal, reasons
from livekit_doctor.init.texts import counted, quoted, some
from livekit_doctor.redact import redact_text
from livekit_doctor.render.page import MARKS, Page

_WIDTH = 18


def render(proposal: Proposal, answers: Answers, console: Console, *, asked: bool) -> None:
    """Prints it. Phone numbers are only counted. `asked`: a person chose, and knows why."""
    page = Page(console)
    _found(page, "LiveKit", f"{redact_text(proposal.url)}, {counted(len(proposal.live), 'live room')}")
    name = answers.agent
    if name is None:
        _missing(page, "agent", "no name found; set agent.name in the file")
    else:
        seen = next((agent for agent in proposal.agents if agent.name == name), None)
        given = proposal.given_agent[1] if proposal.given_agent else ""
        where = "; ".join(filter(None, (given, seen.where if seen else ""))) or "typed"
        _found(page, "agent", f"{quoted(name) if name else 'without a name'}  ({where})")
    _sip(page, proposal, answers)
    _logs(page, proposal, answers)
    for problem in proposal.problems:
        _line(page, "warned", "not read", problem)
    for reason in () if asked else reasons(proposal, answers):
        _line(page, "warned", "of several", reason)


def _sip(page: Page, proposal: Proposal, answers: Answers) -> None:
    sip = proposal.sip
    if answers.trunks:
        numbers = len({number for trunk in answers.trunks for number in trunk.numbers})
        trunks = some(trunk.id for trunk in answers.trunks)
        _found(page, "outbound trunks", f"{trunks}  ({counted(numbers, 'caller number')})")
    else:
        _missing(page, "outbound trunks", "none listed")
    if sip.inbound or sip.rules:
        rules = counted(len(sip.rules), "SIP dispatch rule")
        _found(page, "inbound", f"{counted(len(sip.inbound), 'inbound trunk')}, {rules}")


def _logs(page: Page, proposal: Proposal, answers: Answers) -> None:
    table = answers.table
    if not proposal.database_from:
        _missing(page, "call logs", "no database is configured; put CALL_LOGS_DATABASE_URL into .env to have them read")
    elif proposal.no_tables:
        _line(page, "warned", "call logs", proposal.no_tables)
    elif table is None:
        _missing(page, "call logs", "no table that looks like a log of calls' states")
    else:
        _line(page, "warned" if table.problem else "ok", "call logs", f"{table.name}  ({table.summary})")


def _found(page: Page, label: str, text: str) -> None:
    _line(page, "ok", label, text)


def _missing(page: Page, label: str, text: str) -> None:
    _line(page, "unknown", label, text)


def _line(page: Page, status: str, label: str, text: str) -> None:
    mark, style = MARKS[status]
    page.hanging([(f"  {mark}  ", style), f"{label:<{_WIDTH}}"], text)
