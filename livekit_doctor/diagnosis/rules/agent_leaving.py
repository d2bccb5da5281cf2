"""agent_connected, by the logs: the agent had come, and left while the phone was on the line, of itself or since its
dispatch was deleted. LKD407, 413.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.against import REPLACED, broke_down, left_in_order_after, outlived
from livekit_doctor.diagnosis.ages import had_no_time_to_talk
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.deletions import Deletion, deletion_of_latest
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.known_good import is_ordinary_end
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.agent_logs import died_with_it
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import ROOM_GONE, Said, meaning
from livekit_doctor.diagnosis.stays import BY_ITSELF
from livekit_doctor.diagnosis.times import (
    JOB_ENDS_WITHIN,
    LEFT_ALONE,
    MOMENT,
    NOBODY_TALKED,
    PHONE_ALONE,
)
from livekit_doctor.diagnosis.transfers import may_have_been_done, may_leave
from livekit_doctor.evidence.job_ids import job_of, job_of_identity
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step

LIKELY, POSSIBLE = Confidence.LIKELY, Confidence.POSSIBLE


def _of_agent_and_phone(call: Call) -> tuple[tuple[LogLine, ...], tuple[LogLine, ...], tuple[LogLine, ...]]:
    """The server's lines of the agent's coming, each time, of its leaving, and of the phones' leaving."""
    logs = call.component_logs
    gone = logs.of_agent(Said.PARTICIPANT_LEFT)
    return logs.of_agent(Said.PARTICIPANT_ACTIVE), gone, logs.of_phone(Said.PARTICIPANT_LEFT)


def crashed_in_the_room(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: the agent was connected, and its process raised or died while the phone was still there."""
    connected = [
        proof for proof in proofs.get(Step.AGENT_CONNECTED, ()) if not proof.implied and (proof.at or proof.by)
    ]
    joined, _, phones = _of_agent_and_phone(call)
    came = joined[-1].at if joined else next((proof.at or proof.by for proof in connected), None)
    own = _jobs_of_those_there(call, joined)
    broke = [line for line in broke_down(call) if "" in own or job_of(line) in {"", *own}]
    failed = [line for line in broke if came and line.at and line.at >= came and not _began_after(call, line, came)]
    if not failed or came is None:
        return None
    later, at_once = outlived(call, failed[0]), _broke_at_once(call, failed[0])
    if not (later or call.phone_present or at_once) or _is_heard_instead(call, failed[0]):
        return None
    there = because(joined[-1]) if joined else Because(source=connected[0].source, at=came, text=connected[0].text)
    shown = [replace(there, text=f"the agent was there: {there.text}"), *(because(line) for line in failed[:2])]
    shown += [Because(source="worker log", at=failed[0].at, text=text) for text in list(tracebacks(failed))[-1:]]
    if later and not phones:
        shown.append(Because(source=later[1], at=later[0], text="the phone was still on the line then"))
    candidates = list(catalogue.get("LKD407").candidates)
    may_stay = all(meaning(line) is Said.SESSION_BROKE for line in failed) or left_in_order_after(call, failed[0])
    if not later and not call.phone_present:
        return finding(call, "LKD407", Step.AGENT_CONNECTED, POSSIBLE, shown, candidates)
    if may_stay:  # it may be in the room still, and be silent
        return finding(call, "LKD407", Step.AGENT_CONNECTED, POSSIBLE, shown, [*candidates, "LKD408"])
    return finding(call, "LKD407", Step.AGENT_CONNECTED, LIKELY, shown, candidates)


def _broke_at_once(call: Call, line: LogLine) -> bool:
    """Whether this line of a job's came so soon after its request, by the same log, that nobody can have talked with
    its agent: whether there was a phone or not."""
    asked = [
        one.at for one in call.component_logs.said(Said.ASKED) if one.file == line.file and job_of(one) == job_of(line)
    ]
    return any(at and line.at and line.at - at <= NOBODY_TALKED for at in asked)


def _jobs_of_those_there(call: Call, joined: Sequence[LogLine]) -> set[str]:
    """The job of the agent that came last, by the server's log (`joined`), or as looks and webhooks show. Empty text
    where an identity, or nothing at all, does not tell which."""
    if joined:
        return {job_of_identity(joined[-1].fields.get("participant", ""))}
    told = (p for item in call.sightings for p in item.participants if p.kind == "AGENT")
    agents = [*call.agents_seen, *told]
    last = max((agent.joined_at for agent in agents if agent.joined_at), default=None)
    return {job_of_identity(agent.identity) for agent in agents if agent.joined_at in (None, last)} or {""}


def _began_after(call: Call, line: LogLine, came: datetime) -> bool:
    """Whether the job that failed was asked for, by the log that says so, when the agent had surely come, so that this
    was another's."""
    asked = [one for one in call.component_logs.said(Said.ASKED, Said.ASSIGNED) if job_of(one) == job_of(line) != ""]
    return any(one.at and one.zoned and one.at - came > call.tolerance for one in asked)


def left_the_phone_alone(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: by the server's log the agent left, and the phone stayed in the room, with nobody else: until the server
    says that it left, or livekit-sip that it hung up.

    Likely where the phone is known to have answered: an agent may as well leave a phone that only rings. Where the
    lines begin after it came, its media may never have been there.
    """
    logs = call.component_logs
    (joined, gone, left), every = _of_agent_and_phone(call), logs.said(Said.PARTICIPANT_LEFT)
    phones = left or _hung_up(call) or [one for one in every if not logs.is_agent(one) and logs.may_be_phone(one)]
    # In lines that a person picked, which have nobody come, and nobody take the agent's place.
    begins_later = all(map(logs.is_picked, every)) and not logs.said(Said.PARTICIPANT_ACTIVE, Said.SESSION_STARTED)
    if call.agents or call.inbound or not gone or not (joined or begins_later) or len(phones) != 1:
        return None
    agent, phone, when = gone[-1], phones[0], gone[-1].at
    ended = call.logged.get(Step.CALL_ENDED)
    alone = LEFT_ALONE if when and had_no_time_to_talk(proofs, when) else PHONE_ALONE
    alone += timedelta() if left else call.tolerance  # livekit-sip may run on another host
    if when is None or phone.at is None or phone.at - when <= alone or (ended and ended.at <= phone.at - alone):
        return None
    if _another_came(call, agent, phone.fields.get("participant", "")) or agent.fields.get("reason") == REPLACED:
        return None
    if may_leave(call, when, phone.fields.get("participant", "")) or _deletion_before(call, agent):
        return None
    seconds = (phone.at - when).total_seconds()
    shown = [
        *(because(line, "the agent was there") for line in joined[-1:]),
        because(agent, "it left"),
        because(phone, f"the phone stayed for {seconds:.0f} s more"),
        *(because(line) for line in died_with_it(call, agent)),
    ]
    if Step.SIP_ANSWERED in proofs and joined:
        sure = POSSIBLE if may_have_been_done(call, when) or _was_done(call, agent) else LIKELY
        return finding(call, "LKD407", Step.AGENT_CONNECTED, sure, shown, [])
    never_there = [] if joined or Step.AGENT_CONNECTED in proofs else ["LKD405", "LKD416"]
    return finding(call, "LKD407", Step.AGENT_CONNECTED, POSSIBLE, shown, [*never_there, "LKD206"])


def _was_done(call: Call, gone: LogLine) -> bool:
    """Whether its process ended for a reason of the agent's own (JobContext.shutdown), and an ordinary one."""
    job = job_of_identity(gone.fields.get("participant", ""))
    reasons = {
        line.fields.get("reason", "") for line in call.component_logs.said(Said.PROCESS_EXITS) if job_of(line) == job
    }
    return any(reason and reason != ROOM_GONE and is_ordinary_end(reason) for reason in reasons)


def _hung_up(call: Call) -> list[LogLine]:
    """The first line of livekit-sip's of each answered call's end."""
    over = {line.fields.get("call_id"): line for line in reversed(call.component_logs.said(Said.SIP_OVER))}
    answered = {line.fields.get("call_id") for line in call.component_logs.said(Said.SIP_ESTABLISHED)}
    return [line for call_id, line in over.items() if call_id and call_id in answered]


def left_and_nobody_followed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407, or 413: by the server's log the agent left, and for long after neither the other participant did,
    nor was the room closed. No more than possible: who stayed may be no phone."""
    logs, (joined, gone, _) = call.component_logs, _of_agent_and_phone(call)
    left = logs.said(Said.PARTICIPANT_LEFT)
    closed = logs.said(Said.ROOM_CLOSED, Said.ROOM_DELETED, Said.ROOM_IDLE) or call.logged.get(Step.CALL_ENDED)
    over = closed or _hung_up(call)
    if call.agents or call.inbound or over or len(left) > len(gone) or not joined or not gone:
        return None
    came = [line for line in logs.said(Said.PARTICIPANT_ACTIVE) if not logs.is_agent(line)]
    others = {line.fields.get("participant", "") for line in came}
    if len(others) != 1:
        return None
    when = gone[-1].at
    if when is None or any(line.at and line.at > when for line in came) or not logs.covers_room(when + PHONE_ALONE):
        return None
    other = others.pop()
    if may_leave(call, when, other) or _another_came(call, gone[-1], other):
        return None
    stayed = f'neither has "{other}" left, nor was the room closed, in the {PHONE_ALONE.total_seconds():.0f} s after it'
    deleted = _deletion_before(call, gone[-1])
    shown = [because(deleted.line, "the agent's dispatch was deleted")] if deleted else []
    shown += [
        because(joined[-1], "the agent was there"),
        because(gone[-1], "it left"),
        Because(source="server log", text=stayed),
    ]
    code, also = ("LKD413", ["LKD407"]) if deleted else ("LKD407", [])
    return finding(call, code, Step.AGENT_CONNECTED, POSSIBLE, shown, [*also, "LKD206"])


def agent_removed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD413: the dispatch was deleted, which ended its agent's job while the phone was on the line. Soon before the
    end it may be how the team ends a call."""
    _, gone, phones = _of_agent_and_phone(call)
    deleted = _deletion_before(call, gone[-1]) if gone else None
    if deleted is None or not phones or call.agents:
        return None
    when, left, answered = gone[-1].at, phones[-1].at, Step.SIP_ANSWERED in proofs
    if when is None or left is None or left - when <= (MOMENT if answered and deleted.sure else PHONE_ALONE):
        return None
    phone = phones[-1].fields.get("participant", "")
    if may_leave(call, when, phone) or _another_came(call, gone[-1], phone):
        return None
    how = "the server removed the agent" if _is_removed(gone[-1]) else "its job was ended, and it left"
    shown = [
        because(deleted.line, "the agent's dispatch was deleted"),
        because(gone[-1], how),
        because(phones[-1], f"the phone stayed for {(left - when).total_seconds():.0f} s more"),
    ]
    sure = LIKELY if answered and deleted.sure and left - when > PHONE_ALONE else POSSIBLE
    return finding(call, "LKD413", Step.AGENT_CONNECTED, sure, shown, ["LKD407"] if answered else ["LKD407", "LKD206"])


def _is_removed(line: LogLine) -> bool:
    return line.fields.get("reason") == _REMOVED


_REMOVED = "SERVICE_REQUEST_REMOVE_PARTICIPANT"


def _deletion_before(call: Call, gone: LogLine) -> Deletion | None:
    """The DeleteDispatch after which the agent went. The server ends the job, upon which the agent leaves of itself
    (measured: 3.7 s later, by its own word CLIENT_REQUEST_LEAVE), or takes the agent out."""
    if gone.fields.get("reason", BY_ITSELF) not in (BY_ITSELF, _REMOVED):
        return None  # its connection was lost, or had never been there
    identity, deleted = gone.fields.get("participant"), deletion_of_latest(call.component_logs)
    active = call.component_logs.said(Said.PARTICIPANT_ACTIVE)
    came = max((line.at for line in active if line.fields.get("participant") == identity and line.at), default=None)
    at = deleted.line.at if deleted else None
    if at is None or gone.at is None or (came is not None and at < came):
        return None
    return deleted if timedelta() <= gone.at - at <= JOB_ENDS_WITHIN else None


def _another_came(call: Call, gone: LogLine, phone: str) -> bool:
    """Whether anybody but the phone joined after it, or was there beside it and stayed: an agent, too."""
    logs = call.component_logs
    came = [line for line in logs.said(Said.PARTICIPANT_ACTIVE) if line.fields.get("participant") != phone]
    later = any(line.at and gone.at and line.at > gone.at for line in came)
    others = any(not logs.is_agent(line) for line in came)
    left = {line.fields.get("participant"): line.at for line in logs.ever_said(Said.PARTICIPANT_LEFT)}
    agents = {line.fields.get("participant") for line in came if logs.is_agent(line)}
    stayed = (left.get(agent) for agent in agents - {gone.fields.get("participant")})
    return others or later or any(at is None or (gone.at and at > gone.at) for at in stayed)


def _is_heard_instead(call: Call, failed: LogLine) -> bool:
    """Whether the phone was last given the sound of somebody else than the agent of the job that failed: another agent,
    or a human, to whom it may have been handed over."""
    logs = call.component_logs
    heard = [line.fields.get("participant", "") for line in logs.said(Said.SIP_HEARD) if not logs.is_phone(line)]
    return len({*heard}) > 1 and job_of_identity(heard[-1]) != job_of(failed)


RULES = (crashed_in_the_room, left_the_phone_alone, left_and_nobody_followed, agent_removed)
