"""What a conclusion is worth that the agent never came, where something tells that one did: a row that somebody on the
phone talked with it, or what nothing but an agent leaves, its own rows and its identity in the room.

The teams' own words say the first (user_speech, caller_said), and no step stands for them: a post-call transcript may
be of somebody who talked to nobody, so that it shows no agent, either. All of it is held against every conclusion,
whatever that was drawn from: one pod's log of several, one node's, a state that is not logged.
"""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Because, Finding, logged
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.rows import talked_for
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.states import is_agents, says_dispatched_again, says_missed
from livekit_doctor.diagnosis.times import FEW_WAIT
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.flow import Confidence, Step

_WITHOUT_AGENT = (Step.ROOM_CREATED, Step.AGENT_DISPATCHED, Step.JOB_ASSIGNED, Step.ENTRYPOINT_CALLED)
"""A break at one of these leaves the call without its agent, unless it is known to have come."""

_WITHOUT_JOB = (Step.ROOM_CREATED, Step.AGENT_DISPATCHED, Step.JOB_ASSIGNED)
"""A break at one of these leaves it without any process of an agent's."""

NEVER_CONNECTED = ("LKD406", "LKD415", "LKD416")
"""The codes that say that the agent never connected."""

_EXCLUDES = {
    "LKD402": (Said.ASKED, ("LKD101", "LKD102", "LKD104", "LKD105", "LKD107", "LKD109", "LKD110")),
    "LKD405": (Said.RAISED, ("LKD415",)),
    "LKD417": (Said.NO_PROCESS, ("LKD405", "LKD415")),
}
"""Codes that can't be in place of another one, where there is such a line: a worker that was asked for the job was
registered, under its name; what raised did not wait for its connection, and a job without a process had no
entrypoint."""


def excluded(call: Call, code: str) -> tuple[str, ...]:
    """The codes that are no candidates beside this one."""
    said, codes = _EXCLUDES.get(code, (None, ()))
    latest = call.component_logs.latest
    another = said is Said.ASKED and (latest.maybe_later or latest.maybe_beside)  # of which that may not hold
    return codes if said is not None and not another and call.component_logs.said(said) else ()


def weighed(call: Call, proofs: Proofs, findings: Iterable[Finding]) -> Iterator[Finding]:
    """What rows contradict is possible at most, and the rows are told beside it; not at all where it was no more."""
    if Step.AGENT_CONNECTED in proofs:
        yield from findings
        return
    talked = call.talked_since_dispatch
    talk, seen = _against(call), next(_in_the_room(call), None)
    agent = seen or next(_of_an_agent(call), None)
    for finding in findings:
        never_came = finding.step in _WITHOUT_AGENT or finding.code in NEVER_CONNECTED
        never_ran = finding.step in _WITHOUT_JOB or finding.code == "LKD417"
        against = talk or (agent if never_ran else None)
        if against is None or not never_came:
            yield finding
        elif finding.confidence is not Confidence.POSSIBLE:
            candidates = finding.candidates or catalogue.get(finding.code).candidates
            because = (*finding.because, against)
            yield replace(finding, confidence=Confidence.POSSIBLE, because=because, candidates=candidates)
        elif talked is None and not (seen and never_ran and not call.dispatches):
            yield finding


def _against(call: Call) -> Because | None:
    """The rows by which somebody talked with an agent: they say so, or few stay so long on a silent line, and no
    log of the room's node or look would show that its agent was not there."""
    if (talked := call.talked_since_dispatch) is not None:
        return Because(source="call_logs", at=talked, text="but a row tells that somebody on the phone talked")
    lasted, ended = talked_for(call, FEW_WAIT), call.logged.get(Step.CALL_ENDED)
    if lasted is None or ended is None or call.api_read or call.component_logs.covers_room(ended.at - lasted):
        return None
    text = f"but the phone stayed on the line for {lasted.total_seconds():.0f} s, by the rows"
    return Because(source="call_logs", at=ended.at, text=text)


def _of_an_agent(call: Call) -> Iterator[Because]:
    """Rows that an agent left, or a further dispatch, later than the last dispatch that is known may have failed; where
    no log of the room's node would show that there was none."""
    since, logs = _last_dispatch(call), call.component_logs
    for row in call.rows:
        own = "agent-AJ_" in row.metadata or is_agents(row.source)
        told = says_dispatched_again(row.state) or (own and not says_missed(row.state))
        if told and row.at - since > call.tolerance and not logs.covers_room(row.at):
            yield logged(row, ": by then another dispatch may have brought an agent")


def _in_the_room(call: Call) -> Iterator[Because]:
    """An agent that LiveKit shows in the room since then; not one that came before, and left after it."""
    since, logs = _last_dispatch(call), call.component_logs
    for item in call.sightings:
        if any(p.kind == "AGENT" and (at := p.joined_at or item.at) and at > since for p in item.participants):
            yield Because(source=item.told_by, at=item.at, text="but an agent was in the room")
    earlier = logs.other_jobs.union(told.job for told in logs.ever_told(Said.ASSIGNED))
    for line in logs.own_by_log["server"]:
        job = job_of_identity(line.fields.get("participant", ""))
        if job and job not in earlier and line.at and line.at > since:
            yield because(line, f"but the agent {line.fields['participant']} was in the room")


def _last_dispatch(call: Call) -> datetime:
    """Or else what is first known of the call."""
    return call.known_since or datetime.min.replace(tzinfo=UTC)
