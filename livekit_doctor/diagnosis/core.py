"""The heart of `trace`: evidence in, diagnosis out. Pure: no I/O, no clock."""

from collections.abc import Iterable

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis import contradicted, correlation, excerpts, horizon, looking_back
from livekit_doctor.diagnosis.against import told_against
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.correlation import Subject
from livekit_doctor.diagnosis.earlier import earlier_attempts
from livekit_doctor.diagnosis.findings import Finding, RuledOut
from livekit_doctor.diagnosis.log_lines import coverage
from livekit_doctor.diagnosis.proofs import Proofs, prove
from livekit_doctor.diagnosis.result import AttemptResult, Broken, Diagnosis, RoomResult, StepResult
from livekit_doctor.diagnosis.rules import CALL_RULES, OF_LOOKS, agents, dialled_by_agent, rows
from livekit_doctor.diagnosis.settling import would_settle
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.steps import agent_awaited, look_again, states_of_steps
from livekit_doctor.diagnosis.timeline import timeline, undated
from livekit_doctor.diagnosis.values import values_of
from livekit_doctor.diagnosis.verdict import verdict_of
from livekit_doctor.diagnosis.warnings import warnings
from livekit_doctor.diagnosis.whose_rows import rows_of
from livekit_doctor.evidence.observations import Evidence, LogRow, RoomList
from livekit_doctor.flow import LEGS, NOTHING_BROKEN, SPEC, Confidence, Leg, Status, Step, Verdict, order, used_at
from livekit_doctor.settings import Settings


def diagnose(evidence: Evidence, settings: Settings, subject: Subject) -> Diagnosis:
    """Says where the call broke, or that it did not, or that the evidence does not tell.

    Several attempts under one call id are each diagnosed; the latest is the answer.
    """
    setup = Setup(evidence, settings)
    diagnoses = [_diagnose(call) for call in calls_of(setup, subject)]
    attempts = tuple(
        AttemptResult(
            number=number,
            room=diagnosis.room.name if diagnosis.room else None,
            started_at=diagnosis.timeline[0].at if diagnosis.timeline else None,
            verdict=diagnosis.verdict,
            code=diagnosis.broken[0].code if diagnosis.broken else None,
            step=diagnosis.broken[0].step if diagnosis.broken else None,
        )
        for number, diagnosis in enumerate(diagnoses, 1)
    )
    answer = diagnoses[-1]
    return replace(answer, attempts=attempts)


def calls_of(setup: Setup, subject: Subject) -> tuple[Call, ...]:
    """The attempts of the call, oldest first; one without rows where only LiveKit knows it."""
    live = {room.name for listing in setup.all(RoomList) for room in listing.rooms}
    rows = rows_of(subject, _unique_rows(setup), live)
    tolerance = setup.tolerance
    logged = correlation.attempts(rows, setup.settings.flow, tolerance) or ((),)
    calls = _calls(setup, subject, logged)
    if subject.call_id is None and calls[-1].is_before_room:
        # The room that was asked for has a call that has logged nothing yet.
        calls = _calls(setup, subject, (*logged, ()))
    return calls


def _calls(setup: Setup, subject: Subject, logged: tuple[tuple[LogRow, ...], ...]) -> tuple[Call, ...]:
    calls: list[Call] = []
    for number in reversed(range(len(logged))):
        attempt, before = logged[number], logged[number - 1] if number else ()
        latest = not calls
        # Only the latest attempt can be the room that is asked for, or found by the call id.
        asked = subject if latest else Subject(call_id=None)
        room = correlation.find_room(asked, attempt, setup.evidence, setup.settings)
        # What is seen in a room that a later attempt is in too is about the later one.
        shared = room is not None and any(later.room and later.room.name == room.name for later in calls)
        calls.append(Call(setup, subject, room, attempt, latest, looked_into=not shared, before=before))
    return tuple(reversed(calls))


def _unique_rows(setup: Setup) -> tuple[LogRow, ...]:
    """Each row once, as it was first read. Its place among the others may change from one reading
    to the next, when a component with a slow clock has logged meanwhile."""
    rows: dict[tuple[object, ...], LogRow] = {}
    for row in setup.all(LogRow):
        rows.setdefault((row.call_id, row.at, row.source, row.state, row.room, row.metadata), row)
    return tuple(rows.values())


def _diagnose(call: Call) -> Diagnosis:
    proofs = prove(call)
    found = [finding for rule in CALL_RULES if (finding := rule(call, proofs))]
    found += () if any(map(_is_on_the_way_to_the_agent, found)) else _seen_before(call)
    findings = list(horizon.weighed(call, excerpts.weighed(call, found)))
    on_the_way = any(_is_on_the_way_to_the_agent(finding) for finding in findings)
    if not on_the_way and not call.served_by_other and not agent_awaited(call, proofs):
        findings.extend(filter(None, [rows.never_logged(call, proofs)]))
    stand = contradicted.weighed(call, proofs, findings)
    findings = horizon.consequences_left_out(filter(None, (_at_a_used_step(call, finding) for finding in stand)))
    broken = _with_consequences(call, proofs, _primary_first(_break_of_each_leg(call, proofs, findings)))
    steps = states_of_steps(call, proofs, broken)
    again = look_again(call, proofs)
    against = told_against(call, proofs)
    verdict = Verdict.BROKEN if broken else verdict_of(call, proofs, steps, again is not None, against)
    return Diagnosis(
        call_id=call.subject.call_id or (call.rows[0].call_id if call.rows else "") or None,
        room=_room(call),
        verdict=verdict,
        broken=broken,
        steps=steps,
        ruled_out=_ruled_out(findings, broken),
        would_settle=would_settle(call, broken, verdict, steps, against),
        timeline=timeline(call, proofs),
        undated=undated(call, broken),
        warnings=warnings(call, proofs, steps),
        attempts=(),
        coverage=coverage(call),
        inbound=call.inbound,
        not_covered=_not_covered(call, steps) if verdict in NOTHING_BROKEN else (),
        look_again=again.total_seconds() if again else None,
    )


def _seen_before(call: Call) -> list[Finding]:
    """What the last look at the phone showed, which is gone now."""
    then = looking_back.when_last_seen(call)
    proofs = prove(then) if then else {}
    return [finding for rule in OF_LOOKS if then and (finding := rule(then, proofs))]


# What broke


def _at_a_used_step(call: Call, finding: Finding) -> Finding | None:
    """What broke at a step that the team does not use broke the next one of its leg that it does."""
    used = finding.step and used_at(finding.step, call.settings.flow.not_used)
    if used is finding.step:
        return finding
    return replace(finding, step=used) if used else None


def _is_on_the_way_to_the_agent(finding: Finding) -> bool:
    return finding.step in LEGS[Leg.AGENT] or finding.step in LEGS[Leg.CALL]


_UNREACHED = {
    "LKD417": Step.ENTRYPOINT_CALLED,
    **dict.fromkeys(contradicted.NEVER_CONNECTED, Step.AGENT_CONNECTED),
    **dict.fromkeys(("LKD205", "LKD209"), Step.SIP_RINGING),
    "LKD206": Step.SIP_ANSWERED,
}
"""The codes that say that a step was not reached."""


def _break_of_each_leg(call: Call, proofs: Proofs, findings: Iterable[Finding]) -> tuple[Broken, ...]:
    """The first broken step of each leg; of several findings there, the surest and narrowest.

    The codes that stand beside it become its candidates, unless it is proven; but none of a step that was reached.
    """
    breaks = []
    for leg in Leg:
        of_leg = [finding for finding in findings if finding.step and SPEC[finding.step].leg is leg]
        if not of_leg:
            continue
        first = min((finding.step for finding in of_leg if finding.step), key=order)
        here = sorted((f for f in of_leg if f.step is first), key=_surest_and_narrowest)
        best, others = here[0], here[1:]
        confidence = _unless_contradicted(best, others)
        candidates: list[str] = []
        if confidence is not Confidence.PROVEN:
            never = contradicted.excluded(call, best.code)
            candidates = [*(c for c in best.candidates if c not in never), *(other.code for other in others)]
        breaks.append(
            Broken(
                step=first,
                leg=leg,
                code=best.code,
                confidence=confidence,
                candidates=tuple(
                    dict.fromkeys(c for c in candidates if c != best.code and _UNREACHED.get(c) not in proofs)
                ),
                because=(*best.because, *earlier_attempts(call, leg)),
                values=values_of(call, _of_a_call(best)),
            )
        )
    return tuple(breaks)


def _of_a_call(finding: Finding) -> dict[str, str]:
    """Its values; of a code that a probe may give, too, that this is no probe."""
    probes = any("probe" in fix.when for fix in catalogue.get(finding.code).fix)
    return {"kind": "call", **finding.values} if probes else finding.values


def _unless_contradicted(best: Finding, others: Iterable[Finding]) -> Confidence:
    """The confidence of a finding: of two codes that are as sure as each other one is wrong, and nothing
    says which."""
    rivals = [other for other in others if other.code != best.code and not catalogue.get(other.code).broad]
    rivalled = any(other.confidence is best.confidence for other in rivals)
    return Confidence.POSSIBLE if rivalled and not catalogue.get(best.code).broad else best.confidence


def _surest_and_narrowest(finding: Finding) -> tuple[int, bool]:
    return finding.confidence.rank, catalogue.get(finding.code).broad


def _primary_first(breaks: tuple[Broken, ...]) -> tuple[Broken, ...]:
    """The earlier cause first: a room that is not there breaks both legs, and independent
    breaks are told agent leg first."""
    of_call = [item for item in breaks if item.leg is Leg.CALL]
    if of_call:
        return tuple(of_call)
    return tuple(sorted(breaks, key=lambda item: item.leg is Leg.PHONE))


def _with_consequences(call: Call, proofs: Proofs, breaks: tuple[Broken, ...]) -> tuple[Broken, ...]:
    """What followed from a break is listed under it: an agent that had joined left with the room,
    which closed because the phone was gone (design fact 18), and an entrypoint that dials itself raised what
    CreateSIPParticipant answered."""
    if dialled_by_agent.raised_by_refusal(call) and any(item.leg is Leg.PHONE for item in breaks):
        breaks = tuple(
            replace(item, consequences=("LKD405",)) if item.leg is Leg.PHONE else item
            for item in breaks
            if item.code != "LKD405"
        )
    if call.room_live is not False or Step.AGENT_CONNECTED not in proofs:
        return breaks
    return tuple(
        replace(item, consequences=("LKD414",)) if item.leg is Leg.PHONE else item
        for item in breaks
        if agents.phone_was_alone(call) or not (item.code == "LKD407" and len(breaks) > 1)
    )


def _not_covered(call: Call, steps: tuple[StepResult, ...]) -> tuple[Step, ...]:
    return tuple(
        result.step
        for result in steps
        if result.status is Status.UNKNOWN and not (result.step is Step.CALL_ENDED and call.room_live)
    )


# What goes with it


def _room(call: Call) -> RoomResult | None:
    if call.room is None:
        return None
    info = call.room_info
    return RoomResult(
        name=call.room.name,
        sid=info.sid if info else call.room.sid,
        how=call.room.how,
        open=call.room_live,
        created_at=info.created_at if info else None,
        age=(call.room_now - info.created_at).total_seconds() if info and call.room_live else None,
    )


def _ruled_out(findings: Iterable[Finding], broken: tuple[Broken, ...]) -> tuple[RuledOut, ...]:
    codes = {item.code for item in broken}
    chosen = [finding for finding in findings if finding.code in codes]
    return tuple(dict.fromkeys(item for finding in chosen for item in finding.ruled_out))
