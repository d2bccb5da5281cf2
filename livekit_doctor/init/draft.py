"""The text of checks.yaml: each value with what it is for above it, and where it was found behind it."""

from datetime import datetime

from livekit_doctor.evidence.observations import OutboundTrunk, SipDispatchRule
from livekit_doctor.init.keys import EXPLAINED
from livekit_doctor.init.proposal import Answers, LogFacts, Proposal, log_facts, other_agents, why_table
from livekit_doctor.init.sheet import Sheet
from livekit_doctor.init.tables import TableSeen
from livekit_doctor.init.texts import can_be_written, counted, quoted, some

PINNED = 12
"""Of more objects of a kind none is named: a file would be stale as soon as it is written."""
_STATES_SHOWN = 40


def render(proposal: Proposal, answers: Answers, now: datetime) -> str:
    """The whole file. It holds no secret: those come from the environment."""
    sheet = Sheet()
    sheet.remark(f"Written by livekit-doctor init, {now:%Y-%m-%d %H:%M} UTC, from what it found.")
    sheet.remark("")
    sheet.remark(
        "The comment behind a value, or below it, says where it was found. Lines such as #name: are not in use: "
        "remove the # and fill them in. What is not here has its default."
    )
    sheet.remark("")
    sheet.remark(
        "Secrets come from the environment or .env only: LIVEKIT_API_KEY, LIVEKIT_API_SECRET and "
        "CALL_LOGS_DATABASE_URL. LIVEKIT_URL and LIVEKIT_AGENT_NAME there go before this file."
    )
    facts = log_facts(proposal, answers)
    _livekit(sheet, proposal)
    _agent(sheet, proposal, answers)
    _workers(sheet, proposal)
    _flow(sheet, facts, answers)
    _call_logs(sheet, proposal, answers.table, facts)
    _rooms(sheet, proposal, facts)
    _sip(sheet, proposal, answers)
    return sheet.text


def _livekit(sheet: Sheet, proposal: Proposal) -> None:
    _section(sheet, "livekit")
    _explain(sheet, "livekit.url")
    if can_be_written(proposal.url) and not set("?#") & set(proposal.url):
        sheet.put("url", proposal.url, 1, proposal.url_from)
    else:
        sheet.put_variable("url", "LIVEKIT_URL", 1)


def _agent(sheet: Sheet, proposal: Proposal, answers: Answers) -> None:
    _section(sheet, "agent")
    _explain(sheet, "agent.name")
    name = answers.agent
    seen = next((agent for agent in proposal.agents if agent.name == name), None)
    if name is not None and not can_be_written(name):
        sheet.remark("The name can't be written here. Set LIVEKIT_AGENT_NAME in the environment or in .env.", 1)
    elif name is not None:
        given = proposal.given_agent[1] if proposal.given_agent else ""
        where = "; ".join(filter(None, (given, seen.where if seen else ""))) or "typed when this file was written"
        sheet.put("name", name, 1, where)
    else:
        sheet.put("name", "My Agent", 1, "no live room, SIP dispatch rule, local worker or row names one", off=1)
    others = other_agents(proposal, name)
    for agent, wrong in others:
        if wrong:
            sheet.remark(f"Seen as well: {agent.label}, which differs from it in {wrong} ({agent.where}).", 1)
    further = [agent for agent, wrong in others if not wrong]
    if further:
        _explain(sheet, "agent.others")
    proven = [agent for agent in further if agent.proven]
    if proven:
        sheet.open("others", 1)
        for agent in proven:
            sheet.put_item(agent.name, 2, agent.where)
        for agent in further:
            if not agent.proven:
                sheet.put_item(agent.name, 2, f"{agent.where}; no worker was seen under it", off=2)
    elif further:
        sheet.open("others", 1, off=1)
        for agent in further:
            sheet.put_item(agent.name, 2, f"{agent.where}; no worker was seen under it", off=1)


def _workers(sheet: Sheet, proposal: Proposal) -> None:
    if not proposal.endpoints:
        return
    sheet.gap()
    sheet.remark(f"{EXPLAINED['workers']}.")
    sheet.remark("Not in use: on another machine, such as the one of your pipeline, localhost is another host.")
    sheet.open("workers", off=0)
    for endpoint in proposal.endpoints:
        where = f"answers here, as {quoted(endpoint.agent_name or '')}"
        sheet.put("url", endpoint.url, 1, where, off=0, item=True)


def _flow(sheet: Sheet, facts: LogFacts | None, answers: Answers) -> None:
    _section(sheet, "flow")
    _explain(sheet, "flow.placed_by")
    if facts and facts.placed_by:
        sheet.put("placed_by", facts.placed_by[0], 1, facts.placed_by[1])
        if facts.placed_by[0] == "agent":
            sheet.remark("To test the agent, say under probe.metadata what it shall not dial: see the example file.", 1)
    else:
        sheet.put("placed_by", "edge_function", 1, "the default: nothing tells who dials", off=1)
    if facts:
        _states(sheet, facts, guesses=answers.guesses)


def _states(sheet: Sheet, facts: LogFacts, *, guesses: bool) -> None:
    known = [state for state in facts.states if state.step]
    guessed = [state for state in facts.states if state.guess]
    unmapped = [state for state in facts.states if not state.step and not state.guess]
    if not facts.states:
        return
    _explain(sheet, "flow.states")
    if known:
        names = some((f"{state.name} ({state.step})" for state in known), most=_STATES_SHOWN)
        sheet.remark(f"Known without an entry, and in use: {names}.", 1)
    if guessed:
        sheet.open("states", 1, off=None if guesses else 1)
    for state in guessed:
        why = "confirmed" if guesses else "a guess by its name"
        sheet.put(state.name, state.guess, 2, f"{why}; in {counted(state.rows, 'row')}", off=None if guesses else 1)
    if unmapped:
        sheet.remark("In use, and no step that is known; in a timeline they are shown as unmapped:", 1)
        for state in unmapped[:_STATES_SHOWN]:
            sheet.remark(f"{quoted(state.name)}, in {counted(state.rows, 'row')}", 1)
        if len(unmapped) > _STATES_SHOWN:
            sheet.remark(f"and {len(unmapped) - _STATES_SHOWN} more", 1)


def _call_logs(sheet: Sheet, proposal: Proposal, table: TableSeen | None, facts: LogFacts | None) -> None:
    _section(sheet, "call_logs")
    _explain(sheet, "call_logs.dsn")
    if proposal.database_from:
        sheet.put_variable("dsn", "CALL_LOGS_DATABASE_URL", 1, f"asked with {proposal.database_from}")
    else:
        sheet.put_variable("dsn", "CALL_LOGS_DATABASE_URL", 1, "not set; without it the log rows are not read")
    if table is None or facts is None:
        if proposal.no_tables:
            sheet.remark(f"The database could not be searched: {proposal.no_tables}", 1)
        elif proposal.database_from:
            sheet.remark("No table was found that looks like a log of calls' states.", 1)
        _explain(sheet, "call_logs.schema")
        sheet.put("schema", "public", 1, off=1)
        sheet.put("table", "call_state_logs", 1, off=1)
        return
    _explain(sheet, "call_logs.schema")
    sheet.put("schema", table.table.schema, 1, f"found in the database; {table.summary}")
    sheet.put("table", table.table.name, 1, why_table(proposal, table))
    others = [other.name for other in proposal.tables if other.name != table.name]
    if others:
        sheet.remark(f"Seen as well: {some(map(quoted, others), most=5)}.", 1)
    _columns(sheet, table, facts)
    _explain(sheet, "call_logs.always_logged")
    sheet.put("always_logged", facts.always.states, 1, facts.always.why, off=None if facts.always.known else 1)


def _columns(sheet: Sheet, table: TableSeen, facts: LogFacts) -> None:
    _explain(sheet, "call_logs.columns")
    sheet.open("columns", 1)
    types = {column.name: column.type for column in table.table.columns}
    columns = table.columns
    for role in ("call_id", "at", "source", "state", "metadata"):
        name: str | None = getattr(columns, role)
        if name is None:
            sheet.put(role, None, 2, "no column looks like it")
            continue
        also = table.also.get(role, ())
        more = f"; also there: {some(map(quoted, also))}" if also else ""
        sheet.put(role, name, 2, f"a column of type {types.get(name, '?')}{more}")
    _explain(sheet, "call_logs.columns.room", 2)
    if facts.room:
        sheet.put("room", facts.room.path, 2, f"in {facts.room.rows} of {counted(facts.room.of, 'row')}")
    else:
        sheet.put("room", "metadata.room", 2, "no row read names a room", off=2)


def _rooms(sheet: Sheet, proposal: Proposal, facts: LogFacts | None) -> None:
    _section(sheet, "rooms")
    _explain(sheet, "rooms.name_template")
    template = facts.template if facts else None
    if template and facts:
        fits = f"fits {template.fits} of {counted(template.of, 'call')}"
        needed = not facts.room
        sheet.put(
            "name_template",
            template.text,
            1,
            fits if needed else f"{fits}; not needed: rows say the room",
            off=None if needed else 1,
        )
    else:
        sheet.put("name_template", "call-{call_id}", 1, "no room's name has a call id of the log in it", off=1)
    _explain(sheet, "rooms.pattern")
    pattern = facts.pattern if facts else None
    if pattern:
        sheet.put(
            "pattern",
            pattern.text,
            1,
            f"calls' rooms begin so; it fits {pattern.fits} of {counted(pattern.of, 'live room')}",
        )
    else:
        sheet.put("pattern", "*", 1, "the default, all rooms: too few rooms of calls seen to tell")


def _sip(sheet: Sheet, proposal: Proposal, answers: Answers) -> None:
    sip = proposal.sip
    _section(sheet, "sip")
    sheet.remark(f"{EXPLAINED['sip']} Where some of a kind are named, only they are judged.", 1)
    _outbound(sheet, proposal, answers)
    many = f"more than {PINNED}: none is named, all are judged"
    if sip.inbound and len(sip.inbound) <= PINNED:
        sheet.open("inbound_trunks", 1)
        for trunk in sip.inbound:
            sheet.put_item(trunk.id, 2, _listed("ListSIPInboundTrunk", trunk.name))
    else:
        sheet.put("inbound_trunks", ["ST_inbound"], 1, many if sip.inbound else "none listed", off=1)
    if sip.rules and len(sip.rules) <= PINNED:
        sheet.open("dispatch_rules", 1)
        for rule in sip.rules:
            _rule(sheet, proposal, answers, rule)
    else:
        sheet.open("dispatch_rules", 1, off=1)
        sheet.put("id", "SDR_inbound", 2, many if sip.rules else "none listed", off=1, item=True)


def _outbound(sheet: Sheet, proposal: Proposal, answers: Answers) -> None:
    trunks = answers.trunks
    if trunks and len(trunks) <= PINNED:
        sheet.remark(f"numbers: {EXPLAINED['sip.outbound_trunks.numbers']}; in the clear, to be compared.", 1)
        sheet.open("outbound_trunks", 1)
        for trunk in trunks:
            _trunk(sheet, trunk, dict(proposal.sip.uses).get(trunk.id, ""))
    else:
        sheet.open("outbound_trunks", 1, off=1)
        why = f"more than {PINNED}: none is named, all are judged" if trunks else "none listed"
        sheet.put("id", "ST_outbound", 2, why, off=1, item=True)
    rest = [trunk.id for trunk in proposal.sip.outbound if trunk not in trunks]
    if rest:
        sheet.remark(f"Seen as well: {some(rest, most=PINNED)}.", 1)


def _trunk(sheet: Sheet, trunk: OutboundTrunk, use: str) -> None:
    listed = _listed("ListSIPOutboundTrunk", trunk.name)
    sheet.put("id", trunk.id, 2, f"{listed}; {use}" if use else listed, item=True)
    numbers = [number for number in trunk.numbers if number and number != "*" and can_be_written(number)]
    if numbers and len(numbers) <= PINNED:
        sheet.put("numbers", numbers, 3, "the trunk's own")


def _rule(sheet: Sheet, proposal: Proposal, answers: Answers, rule: SipDispatchRule) -> None:
    """The rule's agent is expected of it only where it is the team's for certain: a mistake in the rule
    is not to become what is expected."""
    sheet.put("id", rule.id, 2, _listed("ListSIPDispatchRule", rule.name), item=True)
    proven = {agent.name for agent, wrong in other_agents(proposal, answers.agent) if agent.proven and not wrong}
    names = [name for name in rule.agents if name and can_be_written(name)]
    ours = next((name for name in names if name == answers.agent), next((n for n in names if n in proven), None))
    if ours:
        sheet.put("agent", ours, 3, f"{EXPLAINED['sip.dispatch_rules.agent']}, as it does now")
    elif names:
        sheet.put("agent", names[0], 3, "it carries this one; not expected of it, no worker was seen under it", off=3)
    else:
        sheet.remark("It carries no agent.", 3)


def _listed(method: str, name: str) -> str:
    return f"{method}: {quoted(name)}" if name else method


def _section(sheet: Sheet, key: str) -> None:
    sheet.gap()
    sheet.open(key)


def _explain(sheet: Sheet, key: str, depth: int = 1) -> None:
    """What a key is for, apart from where the value before it was found."""
    if not sheet.just_opened:
        sheet.gap()
    sheet.remark(EXPLAINED[key], depth)
