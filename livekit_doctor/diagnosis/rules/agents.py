"""entrypoint_called, agent_connected, agent_audio: is the agent there, and heard? LKD406, 407, 408, 416."""

from datetime import datetime, timedelta

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.ages import had_no_time_to_talk, overdue, waited
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because as by_line
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import (
    finding,
    listed_dispatches,
    logged_row,
    no_agent,
    nobody_ever_joined,
    phones_in,
    present,
    seen_in_room,
    was_never_here,
)
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.times import MEDIA_TAKES, PHONE_ALONE, SECOND_LOOK
from livekit_doctor.diagnosis.transfers import may_leave
from livekit_doctor.evidence.observations import LogLine, Participant, ParticipantList
from livekit_doctor.flow import Confidence, Step


def job_without_agent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD406, broad: a worker took the job, a phone waits in the room, and no agent is there.

    The phone must be waiting in two looks, since after a healthy call the job record stays as it
    is when the agent has left (fact 11); and alone, since anybody else may have taken over, or be
    the agent with a user's token (fact 19). Or else nobody ever came into the room.
    """
    absent = absence(call)
    if not _job_has_no_agent(call, proofs) or absent is None:
        return None
    job = call.jobs[-1]
    because = [
        Because(
            source="ListDispatch",
            at=job.started_at,
            text=f"job {job.id} {job.status}, worker {job.worker_id}" + (f", error: {job.error}" if job.error else ""),
        ),
        *absent,
    ]
    candidates = list(catalogue.get("LKD406").candidates)
    step = Step.AGENT_CONNECTED if Step.ENTRYPOINT_CALLED in proofs else Step.ENTRYPOINT_CALLED
    if step is Step.AGENT_CONNECTED:
        candidates = [code for code in candidates if code != "LKD417"]
        ran = proofs[Step.ENTRYPOINT_CALLED][0]
        because.append(Because(source=ran.source, at=ran.at, text=f"{ran.text}: the entrypoint ran"))
    return finding(call, "LKD406", step, Confidence.LIKELY, because, candidates)


def absence(call: Call) -> list[Because] | None:
    """How the looks into the room show that the agent has not come, and has not been there and left."""
    if call.others_present:
        return None
    if call.phone_present:
        return [no_agent(call)] if call.watched(_looks_without_late_agent(call)) >= SECOND_LOOK else None
    if not nobody_ever_joined(call):
        return None
    text = "the room stays open though empty, so that nobody has ever joined it"
    return [no_agent(call), Because(source="ListRooms", at=call.livekit_now, text=text)]


def agent_media_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD416: the agent has joined and its media never connects: it stays JOINED past its allowance.

    Its SDK gives up after 15 s and joins again, under the same identity and with another time of joining;
    and the server, for which the agent has left by then, ends the job 15 s later (livekit-agents 1.8.9).
    """
    if not call.api_covers or call.agents_seen or Step.AGENT_CONNECTED in proofs or not agent_is_late(call, proofs):
        return None
    if call.joining_agents:
        agent = call.joining_agents[-1]
        began = first_joined(call, agent)
        since = f" {(call.livekit_now - began).total_seconds():.0f} s after it joined" if began else ""
        text = f"agent {agent.identity} is {agent.state}, not ACTIVE{since}"
        return finding(call, "LKD416", Step.AGENT_CONNECTED, Confidence.PROVEN, [seen_in_room(call, text)], [])
    if not call.joining_seen or not _job_has_no_agent(call, proofs) or not call.phone_present:
        return None
    if call.watched(_looks_without_late_agent(call)) < SECOND_LOOK:
        return None  # it may be about to join again
    agent = call.joining_seen[-1]
    began, last = first_joined(call, agent), _last_joining(call, agent)
    if began is None or last - began < MEDIA_TAKES:
        return None
    text = f"agent {agent.identity} was {agent.state} from {began:%H:%M:%S} to {last:%H:%M:%S} and never ACTIVE"
    return finding(
        call, "LKD416", Step.AGENT_CONNECTED, Confidence.LIKELY, [seen_in_room(call, text), no_agent(call)], ["LKD405"]
    )


def first_joined(call: Call, agent: Participant) -> datetime | None:
    """When an agent joined under this identity for the first time, as far as any look has shown."""
    tries = [p.joined_at for p in call.joining_seen if p.identity == agent.identity and p.joined_at is not None]
    return min(tries, default=agent.joined_at)


def _last_joining(call: Call, agent: Participant) -> datetime:
    """The last look that showed it, which was without media."""
    return max(
        listing.read.now
        for listing in call.participant_lists
        if any(p.sid == agent.sid and p.state == agent.state for p in listing.participants)
    )


def _job_has_no_agent(call: Call, proofs: Proofs) -> bool:
    """A job's allowance is over, and no agent was ever seen."""
    if not call.api_covers or not call.jobs or call.agents_seen or Step.AGENT_CONNECTED in proofs:
        return False
    if any(p.kind == "AGENT" for p in present(call)):
        return False
    if Step.CALL_ENDED in call.logged or len(phones_in(call.participant_list)) > 1:
        return False
    return agent_is_late(call, proofs)


def agent_is_late(call: Call, proofs: Proofs) -> bool:
    """The agent's allowance is over, counted from when a worker took the last job, or its agent joined
    without media: a job may come long after its dispatch, when the phone joins, or in place of one that failed."""
    started = [job.started_at for job in call.jobs if job.started_at is not None]
    started += [joined for agent in call.joining_agents if (joined := first_joined(call, agent)) is not None]
    allowance = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    young = bool(started) and call.livekit_now - max(started) <= allowance
    # Of a further job of the dispatch, which a list has some seconds later (fact 10), a row may tell.
    called = call.rows_of(Step.ENTRYPOINT_CALLED)
    young = young or (bool(called) and call.rows_now - called[-1].at <= allowance)
    return not young and overdue(call, proofs, Step.AGENT_CONNECTED)


def agent_left(call: Call, proofs: Proofs) -> Finding | None:
    """LKD407: the agent was in the room and is not any more, while the phone is on the line.

    Not where somebody else was there too since then: then the call was handed over; nor where the phone was
    transferred.
    """
    if not call.api_covers or call.agents or not call.phone_present:
        return None
    looks = _looks_without_agent(call)
    if Step.CALL_ENDED in call.logged or any(map(_may_be_handed_over, looks)) or _another_may_come(call):
        return None
    if _had_no_more_to_do(call):
        return None
    if _still_to_wait(call, proofs) > timedelta():
        return None
    left = _left(call)
    seen_at = [listing.read.now for listing in call.participant_lists if call.agents_in(listing)]
    if seen_at:
        text = f"agent {call.agents_seen[-1].identity} was there until {seen_at[-1]:%H:%M:%S}"
        because, confidence = [seen_in_room(call, text)], Confidence.PROVEN
    elif left:
        because, confidence = [by_line(left[-1], "the agent was there, and left")], Confidence.PROVEN
    elif Step.AGENT_CONNECTED in call.logged:
        because = [logged_row(call, Step.AGENT_CONNECTED, "the agent had joined")]
        confidence = Confidence.LIKELY
    else:
        return None
    because.append(no_agent(call))
    candidates = [] if confidence is Confidence.PROVEN else ["LKD406"]
    if call.dispatch_list is not None and call.agent_name and not call.dispatches:
        elsewhere = was_never_here(call, proofs)
        because.append(listed_dispatches(call, "its dispatch is gone: DeleteDispatch ends the job, too"))
        candidates += ["LKD413", *(["LKD409"] if elsewhere else [])]
        confidence = Confidence.POSSIBLE if elsewhere else Confidence.LIKELY
    return finding(call, "LKD407", Step.AGENT_CONNECTED, confidence, because, candidates)


def _still_to_wait(call: Call, proofs: Proofs) -> timedelta:
    """Until a phone has been without its agent for long enough: in two looks, and, where the agent may have said
    goodbye, as by the logs for as long as a callee takes to hang up."""
    looks = _looks_after_connected(call)
    seen = [look.read.now for look in call.participant_lists if call.agents_in(look)]
    second = SECOND_LOOK - call.watched(looks)
    if call.phone_status not in ANSWERED or (seen and had_no_time_to_talk(proofs, seen[-1])):
        return second
    gone = [line.at for line in _left(call)[-1:] if line.at and not (seen and line.at < seen[-1])]
    gone += [look.read.now for look in looks[:1]]
    return max(second, PHONE_ALONE - (call.livekit_now - min(gone, default=call.livekit_now)))


def wants_second_look_for_agent(call: Call, proofs: Proofs) -> timedelta | None:
    """After how long another look may tell whether an agent that is not there left, where nothing else keeps that from
    being concluded."""
    if not call.api_covers or call.agents or not call.phone_present or Step.CALL_ENDED in call.logged:
        return None
    if any(map(_may_be_handed_over, _looks_without_agent(call))) or _another_may_come(call):
        return None
    if _had_no_more_to_do(call):
        return None
    if _job_has_no_agent(call, proofs):
        left = SECOND_LOOK - call.watched(_looks_without_late_agent(call))
    elif Step.AGENT_CONNECTED in proofs:
        left = _still_to_wait(call, proofs)
    else:
        return None
    return left if left > timedelta() else None


def _had_no_more_to_do(call: Call) -> bool:
    """Whether the agent had handed the phone over, or was about to, by the first look without it."""
    looks = _looks_without_agent(call)
    seen = bool(call.agents_seen) and bool(looks)
    return call.phone is not None and may_leave(call, looks[0].read.now if seen else None, call.phone.identity)


def _another_may_come(call: Call) -> bool:
    """Somebody, of whichever name, was dispatched so lately that they may still join."""
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    times = [dispatch.created_at for dispatch in call.listed if dispatch.agent_name]
    times += [job.started_at for dispatch in call.listed for job in dispatch.jobs]
    return any(when is not None and call.livekit_now - when <= allowed for when in times)


def agent_silent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: the agent is connected, the phone answered, and there is no unmuted audio track."""
    if not call.api_covers or not call.agents or Step.AGENT_AUDIO in proofs:
        return None
    if Step.AGENT_AUDIO in call.settings.flow.not_used or not overdue(call, proofs, Step.AGENT_AUDIO):
        return None
    if call.served_by_other or len(phones_in(call.participant_list)) > 1:
        return None
    agent = call.agents[0]
    muted = [track for track in agent.tracks if track.kind == "audio"]
    what = f"audio track {muted[0].sid} is muted" if muted else "publishes no audio track"
    since = waited(call, proofs, Step.AGENT_AUDIO)
    text = f"agent {agent.identity} is ACTIVE and {what}" + (f" after {since.total_seconds():.0f} s" if since else "")
    return finding(call, "LKD408", Step.AGENT_AUDIO, Confidence.PROVEN, [seen_in_room(call, text)], [])


def agent_shown_without_track(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: answers of the API that were pasted, of whatever age, have the phone's track and none of the agent's."""
    if call.api_covers or Step.AGENT_AUDIO in proofs or Step.AGENT_AUDIO in call.settings.flow.not_used:
        return None
    seen = [(item, p) for item in call.sightings if not (item.event or item.left_because) for p in item.participants]
    agents = [(item, p) for item, p in seen if p.kind == "AGENT" and p.state == "ACTIVE"]
    phones = [p for _, p in seen if p.kind == "SIP" and p.tracks]
    if not agents or not phones or any(p.tracks for _, p in agents):
        return None
    item, agent = agents[-1]
    text = f"agent {agent.identity} is ACTIVE and has no track, {phones[-1].identity} has one, at some moment"
    because = Because(source=item.told_by, at=item.at, text=text)
    return finding(call, "LKD408", Step.AGENT_AUDIO, Confidence.POSSIBLE, [because], [])


def _looks_without_agent(call: Call) -> list[ParticipantList]:
    """The looks since the agent was last seen."""
    looks: list[ParticipantList] = []
    for listing in call.participant_lists:
        if call.agents_in(listing):
            looks.clear()
        else:
            looks.append(listing)
    return looks


def phone_was_alone(call: Call) -> bool:
    """Whether a look since the agent was last seen shows a phone."""
    return any(map(phones_in, _looks_without_agent(call)))


def _looks_after_connected(call: Call) -> list[ParticipantList]:
    """The looks without an agent after it was seen, after the row was read that says it connected, or
    after the server logged that it left."""
    looks = _looks_without_agent(call)
    row = call.logged.get(Step.AGENT_CONNECTED)
    if call.agents_seen:
        return looks
    left = [line.at for line in _left(call) if line.at is not None]
    return [
        listing
        for listing in looks
        if (row is not None and listing.read.at >= row.read.at) or (left and listing.read.now >= left[-1])
    ]


def _left(call: Call) -> list[LogLine]:
    """The server's lines of the agent's leaving, after it had been connected."""
    logs = call.component_logs
    unconnected = {line.fields.get("participant_id") for line in logs.said(Said.NEVER_HAD_MEDIA)}
    return [
        line
        for line in logs.of_agent(Said.PARTICIPANT_LEFT)
        if line.fields.get("participant_id", "") not in unconnected
    ]


def _looks_without_late_agent(call: Call) -> list[ParticipantList]:
    """The looks at which the agent had had its allowance, since one was last seen to join."""
    started = [job.started_at for job in call.jobs if job.started_at is not None]
    dispatched = [dispatch.created_at for dispatch in call.dispatches if dispatch.created_at is not None]
    allowed = timedelta(seconds=call.settings.flow.allowances.agent_connected.broken_after)
    due = max((*started, *dispatched), default=call.livekit_now) + allowed
    looks: list[ParticipantList] = []
    for listing in call.participant_lists:
        if any(p.kind == "AGENT" for p in listing.participants):
            looks.clear()
        elif listing.read.now > due:
            looks.append(listing)
    return looks


def _may_be_handed_over(listing: ParticipantList) -> bool:
    """There is somebody besides one phone: a human, a second phone, or an agent that is not ACTIVE."""
    others = [p for p in listing.participants if p.kind not in ("SIP", "EGRESS", "INGRESS")]
    return bool(others) or len(phones_in(listing)) > 1
