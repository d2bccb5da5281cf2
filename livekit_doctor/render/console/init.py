"""What `init` found, for a person: a line a source, and of several candidates which was taken and why."""

from rich.console import Console

from livekit_doctor.init.proposal import Answers, Proposal, reasons
from livekit_doctor.init.texts import counted, quoted, some
from livekit_doctor.redact import redact_text
from livekit_doctor.render.console.page import MARKS, Detail, Page

_WIDTH = 18


class _Lines:
    """A line each, with its mark; what was found is left out with Detail.QUIET."""

    def __init__(self, console: Console, detail: Detail) -> None:
        self._page, self._detail = Page(console), detail

    def found(self, label: str, text: str) -> None:
        self.line("ok", label, text)

    def missing(self, label: str, text: str) -> None:
        self.line("unknown", label, text)

    def line(self, status: str, label: str, text: str) -> None:
        mark, style = MARKS[status]
        if status != "ok" or self._detail is not Detail.QUIET:
            self._page.hanging([(f"  {mark}  ", style), f"{label:<{_WIDTH}}"], text)


def render(proposal: Proposal, answers: Answers, console: Console, detail: Detail, *, asked: bool) -> None:
    """Prints it. Phone numbers are only counted. `asked`: a person chose, and knows why."""
    lines = _Lines(console, detail)
    lines.found("LiveKit", f"{redact_text(proposal.url)}, {counted(len(proposal.live), 'live room')}")
    name = answers.agent
    if name is None:
        lines.missing("agent", "no name found; set agent.name in the file")
    else:
        seen = next((agent for agent in proposal.agents if agent.name == name), None)
        given = proposal.given_agent[1] if proposal.given_agent else ""
        where = "; ".join(filter(None, (given, seen.where if seen else ""))) or "typed"
        lines.found("agent", f"{quoted(name) if name else 'without a name'}  ({where})")
        if seen is None and proposal.agents:
            others = some(f"{agent.label} ({agent.where})" for agent in proposal.agents)
            lines.line("warned", "agent", f"nothing that was found has this name; seen: {others}")
    _sip(lines, proposal, answers)
    _logs(lines, proposal, answers)
    for problem in proposal.problems:
        lines.line("warned", "not read", problem)
    for reason in () if asked else reasons(proposal, answers):
        lines.line("warned", "of several", reason)


def _sip(lines: _Lines, proposal: Proposal, answers: Answers) -> None:
    sip = proposal.sip
    if answers.trunks:
        numbers = len({number for trunk in answers.trunks for number in trunk.numbers})
        trunks = some(trunk.id for trunk in answers.trunks)
        lines.found("outbound trunks", f"{trunks}  ({counted(numbers, 'caller number')})")
    else:
        lines.missing("outbound trunks", "none listed")
    if sip.inbound or sip.rules:
        rules = counted(len(sip.rules), "SIP dispatch rule")
        lines.found("inbound", f"{counted(len(sip.inbound), 'inbound trunk')}, {rules}")


def _logs(lines: _Lines, proposal: Proposal, answers: Answers) -> None:
    table = answers.table
    if not proposal.database_from:
        lines.missing("call logs", "no database is configured; put CALL_LOGS_DATABASE_URL into .env to have them read")
    elif proposal.no_tables:
        lines.line("warned", "call logs", proposal.no_tables)
    elif table is None:
        lines.missing("call logs", "no table that looks like a log of calls' states")
    else:
        lines.line("warned" if table.problem else "ok", "call logs", f"{table.name}  ({table.summary})")
