"""What the rules of the agent's leg share: looks at the room, and their evidence in words."""

from datetime import datetime, timedelta
from itertools import pairwise

from livekit_doctor.diagnosis.call import BY_NAME, Call
from livekit_doctor.diagnosis.findings import Because, Finding, RuledOut, logged
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import NOBODY_TALKED
from livekit_doctor.evidence.job_ids import is_of_room_job
from livekit_doctor.evidence.observations import Participant, ParticipantList
from livekit_doctor.flow import LEGS, Confidence, Leg, Step


def nobody_ever_joined(call: Call) -> bool:
    """A room closes when its departure timeout has passed since the last participant left
    (fact 18): one that was empty for longer, and is open, never had one."""
    if call.room_info is None or call.room_info.departure_timeout <= 0 or call.phones_seen:
        return False
    looks = call.participant_lists
    times = [listing.read.at for listing in looks]
    without_gaps = all(later - earlier <= NOBODY_TALKED for earlier, later in pairwise(times))
    beyond = timedelta(seconds=call.room_info.departure_timeout + 2)
    return without_gaps and not any(p.participants for p in looks) and call.watched(looks) > beyond


def phones_in(listing: ParticipantList | None) -> list[Participant]:
    return [p for p in listing.participants if p.kind == "SIP"] if listing else []


def present(call: Call) -> tuple[Participant, ...]:
    return call.participant_list.participants if call.participant_list else ()


def listed_dispatches(call: Call, text: str) -> Because:
    read = call.dispatch_list.read if call.dispatch_list else None
    return Because(source="ListDispatch", at=read.now if read else None, text=text)


def seen_in_room(call: Call, text: str) -> Because:
    read = call.participant_list.read if call.participant_list else None
    return Because(source="ListParticipants", at=read.now if read else None, text=text)


def dispatches_listed(call: Call) -> Because:
    if not call.listed:
        return listed_dispatches(call, "no dispatch in the room")
    if len(call.listed) == len(call.automatic):
        return listed_dispatches(call, "one dispatch, the automatic one (no agent name)")
    names = ", ".join(f'"{d.agent_name}"' for d in call.listed)
    return listed_dispatches(call, f"the room's dispatches are for {names}")


def no_agent(call: Call) -> Because:
    who = ", ".join(f"{p.identity} ({p.kind})" for p in present(call)) or "nobody"
    return seen_in_room(call, f"no agent in the room; there: {who}")


def logged_row(call: Call, step: Step, meaning: str) -> Because:
    row = call.logged.get(step)
    if row is None:
        return Because(source="call_state_logs", text=meaning)
    return logged(row, f": {meaning}")


def finding(
    call: Call,
    code: str,
    step: Step,
    confidence: Confidence,
    because: list[Because],
    candidates: list[str],
    ruled_out: list[RuledOut] | None = None,
    **values: str | None,
) -> Finding:
    return Finding(
        code=code,
        step=step,
        confidence=confidence,
        because=tuple(because),
        candidates=tuple(candidates),
        ruled_out=tuple(ruled_out or ()),
        values={key: value for key, value in values.items() if value},
    )


def was_dispatched(call: Call, proofs: Proofs) -> bool:
    """Whether anything but a log row says that the agent was dispatched into this room."""
    return _seen_here(call, proofs, Step.AGENT_DISPATCHED)


def was_never_here(call: Call, proofs: Proofs) -> bool:
    """Whether nothing but rows that name no room tells of the agent: it may be in another room than this one, which was
    looked into."""
    rows = call.rows_of(*LEGS[Leg.AGENT])
    return call.api_covers and not any(row.room for row in rows) and not _seen_here(call, proofs, *LEGS[Leg.AGENT])


def _seen_here(call: Call, proofs: Proofs, *steps: Step) -> bool:
    rows = {row.read.source for row in call.rows}
    told = (proof for step in steps for proof in proofs.get(step, ()))
    return any(proof.source not in rows and not proof.implied for proof in told)


def job_was_lost(call: Call, before: datetime | None = None) -> bool:
    """The agent was dispatched into the room, and its job came to nothing: what was done later, or happened
    to the room, is a consequence."""
    logs = call.component_logs
    of_room = logs.said(Said.NO_WORKER, Said.DECLINED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.ASKED, Said.ASSIGNED)
    name = call.wanted_agent
    lost = [line for line in of_room if name and line.fields.get("agent_name") == name and is_of_room_job(line)]
    lost += call.lines_by_name(*BY_NAME)
    return any(before is None or (line.at is not None and line.at < before) for line in lost)
