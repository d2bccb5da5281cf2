"""What is worth knowing about a call and is not where it broke."""

from collections.abc import Iterator
from datetime import timedelta

from livekit_doctor.diagnosis.ages import age, waited
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.duplicates import duplicates
from livekit_doctor.diagnosis.names import written_alike
from livekit_doctor.diagnosis.proofs import Proof, Proofs
from livekit_doctor.diagnosis.result import StepResult, WarningResult
from livekit_doctor.diagnosis.rules import rows
from livekit_doctor.diagnosis.rules.stray_workers import stray_worker, unknown_worker
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import agent_name_of
from livekit_doctor.diagnosis.states import needs_no_step, step_of_state
from livekit_doctor.diagnosis.times import ROW_WRITTEN_AFTER, SAID_TO_BE_SLOW
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import LeftBehind, LogTable, RecentCalls
from livekit_doctor.evidence.observations.told import NOT_OF_CALLS, webhook_named
from livekit_doctor.flow import SPEC, Status, Step, implied_by


def warnings(call: Call, proofs: Proofs, steps: tuple[StepResult, ...]) -> tuple[WarningResult, ...]:
    found = [
        *_unread(call),
        *_not_found(call),
        *_contradictions(call, proofs),
        *_agents(call),
        *_workers_of_other_names(call, proofs, steps),
        *_slow(call, proofs, steps),
        *_not_yet_connected(call, proofs, steps),
        *_rows(call),
        *_no_row_of_agent(call, proofs),
        *_clocks(call),
        *_left_behind(call),
        *_worker_logs(call, steps),
    ]
    return tuple(dict.fromkeys(found))


def _unread(call: Call) -> Iterator[WarningResult]:
    """What could not be read is said, and never turned into a diagnosis."""
    for entry in call.setup.evidence.coverage:
        if entry.status == "unread" and entry.problem is not None:
            yield WarningResult(code=entry.problem.code, message=entry.problem.message)


def _not_found(call: Call) -> Iterator[WarningResult]:
    """LKD601: no row of this id and no room that belongs to it."""
    call_id = call.subject.call_id or call.subject.livekit_id
    if call.rows or call.room_info is not None or call_id is None:
        return
    table = call.setup.latest(LogTable)
    is_read = all(entry.status != "unread" for entry in call.setup.coverage(sources.CALL_LOGS))
    looked = [f"in {table.name}"] if table and is_read else []
    if any(entry.status in ("read", "empty") for entry in call.setup.coverage(sources.LIVEKIT_API)):
        looked.append(f"in the live rooms of {call.settings.livekit.url}")
    if not looked:
        return
    nearest = call.setup.latest(RecentCalls)
    similar = ", ".join(recent.call_id for recent in nearest.calls[:3]) if nearest else ""
    hint = f"; nearest ids: {similar}" if similar else ""
    yield WarningResult(code="LKD601", message=f"call {call_id} is not known {' nor '.join(looked)}{hint}")


def _contradictions(call: Call, proofs: Proofs) -> Iterator[WarningResult]:
    """A row says one thing, the room another: both are shown."""
    if not call.api_covers:
        return
    row = call.logged.get(Step.AGENT_DISPATCHED)
    if row is not None and not call.dispatches and call.agent_name != "":
        yield WarningResult(
            code="LKD413",
            message=f"contradiction: {row.source or 'a component'} logged {row.state}, and the room has no such "
            "dispatch",
        )
    logged = call.logged.keys() & {Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED}
    names = " / ".join(call.settings.call_logs.missed)
    since = age(call, proofs, Step.AGENT_CONNECTED)
    if call.agents and call.rows and names and not logged and since is not None and since > ROW_WRITTEN_AFTER:
        yield WarningResult(
            code="LKD602",
            message=f"contradiction: the agent is in the room, and {names} was not logged: the agent does not "
            "write to this log, or under another call id",
        )


def _agents(call: Call) -> Iterator[WarningResult]:
    """LKD410: two agents of one name talk over each other. And an agent of an unexpected name."""
    names = [name for agent in call.agents if (name := agent_name_of(agent)) is not None]
    for message in duplicates(call):
        yield WarningResult(code="LKD410", message=message)
    for dispatch in call.dispatches:
        how = written_alike(dispatch.agent_name, call.agent_name or dispatch.agent_name)
        if how and not call.agents_seen:
            yield WarningResult(
                code="LKD102",
                message=f'the dispatch is for "{dispatch.agent_name}", {call.agent_name_from} says '
                f'"{call.agent_name}": they differ in {how}',
            )
    expected = {call.agent_name, *call.settings.agent.others}
    if call.agent_name is not None:
        for name in sorted(set(names) - expected):
            yield WarningResult(
                code="LKD102",
                message=f'the agent in the room is "{name}", {call.agent_name_from} says "{call.agent_name}"',
            )


def _workers_of_other_names(call: Call, proofs: Proofs, steps: tuple[StepResult, ...]) -> Iterator[WarningResult]:
    """LKD102, where what was read would not show what became of the dispatch."""
    dispatched = Step.AGENT_DISPATCHED in proofs and Step.JOB_ASSIGNED not in proofs
    if not dispatched or call.dispatches or any(one.status is Status.BROKEN for one in steps):
        return
    for _, text in call.nearly_named:
        yield WarningResult(code="LKD102", message=text)


def _slow(call: Call, proofs: Proofs, steps: tuple[StepResult, ...]) -> Iterator[WarningResult]:
    """LKD604: a step took, or has so far taken, longer than its `slow_after`. Steps that are broken,
    or were never reached, are not slow."""
    for result in steps:
        step = result.step
        allowance = call.allowance(step)
        if allowance is None or result.status not in (Status.OK, Status.PENDING) or call.inbound:
            continue
        so_far = waited(call, proofs, step)
        if so_far is None:
            continue
        limit = timedelta(seconds=allowance.slow_after)
        happened = age(call, proofs, step)
        by_one_clock = len({dated.clock for base in (step, *allowance.after) if (dated := _dated(proofs, base))}) == 1
        if happened is not None and by_one_clock and so_far - happened > limit:
            took = (so_far - happened).total_seconds()
            yield WarningResult(
                code="LKD604",
                message=f"{SPEC[step].title} took {took:.1f} s (slow after {allowance.slow_after:g} s)",
            )
        elif step not in proofs and call.api_covers and so_far > limit:
            yield WarningResult(
                code="LKD604",
                message=f"{SPEC[step].title}: not there after {so_far.total_seconds():.0f} s "
                f"(slow after {allowance.slow_after:g} s)",
            )


def _not_yet_connected(call: Call, proofs: Proofs, steps: tuple[StepResult, ...]) -> Iterator[WarningResult]:
    """LKD415, where nothing shows whether the agent came after its worker had warned: a slow one that does is warned
    of in the same words."""
    if Step.AGENT_CONNECTED in proofs or any(one.status is Status.BROKEN for one in steps):
        return
    if call.component_logs.said(Said.SLOW_TO_CONNECT):
        yield WarningResult(
            code="LKD415",
            message=f"the agent was not connected {SAID_TO_BE_SLOW.total_seconds():.0f} s after its entrypoint had "
            "begun, its worker warned; whether it came later, nothing that was read shows",
        )


def _dated(proofs: Proofs, step: Step) -> Proof | None:
    return next((proof for proof in proofs.get(step, ()) if proof.at is not None), None)


def _rows(call: Call) -> Iterator[WarningResult]:
    read = {row.state for row, _ in call.webhooks}
    asked = (state for state in call.unmapped if state not in read and not needs_no_step(state))
    unmapped = [state for state in asked if not webhook_named(state).startswith(NOT_OF_CALLS)]
    if unmapped:
        named = ", ".join(f'"{state}"' for state in unmapped)
        text = f"state {named} is not mapped to a step; map it under flow.states if it is one"
        if len(unmapped) > 1:
            text = f"states {named} are not mapped to a step; map under flow.states those that are steps"
        yield WarningResult(code="LKD603", message=text)
    table = call.setup.latest(LogTable)
    if table is None:
        return
    if table.skipped_lines:
        first = "; ".join(table.skipped_lines[:3])
        more = f" and {len(table.skipped_lines) - 3} more" if len(table.skipped_lines) > 3 else ""
        yield WarningResult(code="LKD602", message=f"{table.name}: {first}{more}")
    if table.row_security and all(entry.status != "unread" for entry in call.setup.coverage(sources.CALL_LOGS)):
        yield WarningResult(
            code="LKD602",
            message=f"row-level security applies to {table.name} for this role: rows may be hidden",
        )
    if table.indexed is False:
        yield WarningResult(
            code="LKD605", message=f"{table.name} has no index on the call id: every trace reads it all"
        )


def _no_row_of_agent(call: Call, proofs: Proofs) -> Iterator[WarningResult]:
    """LKD602: the call went well by its rows, and none of them is the agent's."""
    lasted = rows.talked_for(call)
    if lasted is None or rows.first_absent(call, proofs) is None:
        return
    absent = (name for name in call.settings.call_logs.missed if step_of_state(name, call.settings.flow) not in proofs)
    message = (
        f"the call was answered for {lasted.total_seconds():.0f} s, and {' / '.join(absent)} was not logged: the agent "
        "may not write it to this log"
    )
    yield WarningResult(code="LKD602", message=message)


def _clocks(call: Call) -> Iterator[WarningResult]:
    """LKD005: rows of two components contradict the flow's order by more than the tolerance, or a log's clock is off
    by more."""
    for (_, file), by in sorted(call.component_logs.clocks_ahead.items()):
        if abs(by) > call.tolerance:
            where = "ahead of" if by.total_seconds() > 0 else "behind"
            message = f"the clock of {file} is {abs(by.total_seconds()):.0f} s {where} LiveKit's: that was taken off"
            yield WarningResult(code="LKD005", message=message)
    for later, row in call.logged.items():
        for earlier in implied_by(later):
            before = call.logged.get(earlier)
            if before is not None and before.source != row.source and before.at - row.at > call.tolerance:
                gap = (before.at - row.at).total_seconds()
                yield WarningResult(
                    code="LKD005",
                    message=f"{row.source} logged {row.state} {gap:.0f} s before {before.source} logged "
                    f"{before.state}: their clocks differ",
                )


def _worker_logs(call: Call, steps: tuple[StepResult, ...]) -> Iterator[WarningResult]:
    """LKD701: prewarm never ran. LKD111: the job of a healthy call, or of one of which too little was pasted to tell,
    is with a worker that is not the team's."""
    for line in call.component_logs.anywhere(Said.ASYNC_PREWARM):
        yield WarningResult(code="LKD701", message=f"{line.message.splitlines()[0]} (not why an agent does not join)")
    worker_id = stray_worker(call) if call.agents_seen else None
    if call.only_excerpts and not any(step.status is Status.BROKEN for step in steps):
        worker_id = unknown_worker(call)
    if worker_id is not None:
        message = f"the job is with worker {worker_id}, which is in none of the worker logs that were given"
        yield WarningResult(code="LKD111", message=message)


def _left_behind(call: Call) -> Iterator[WarningResult]:
    for item in call.setup.all(LeftBehind):
        yield WarningResult(code="LKD003", message=f"left behind: {item.what}: {item.error}")
