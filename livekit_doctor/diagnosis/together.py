"""Whether a call is shown to have been well: agent and phone were together, for longer than a moment, the agent was
heard, and both stayed until the call was over, or are there now. What no source could have shown is not well."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.lasting import (
    Dated,
    both,
    came_too_late,
    exits,
    hung_up,
    left,
    stayed_to_the_end,
    was_heard,
)
from livekit_doctor.diagnosis.proofs import Clock, Proofs
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.states import Who
from livekit_doctor.diagnosis.times import LEFT_ALONE, MOMENT, ROOM_CLOSES_AFTER
from livekit_doctor.diagnosis.transfers import transferred
from livekit_doctor.evidence.observations import ParticipantList
from livekit_doctor.flow import Step


def were_together(call: Call, proofs: Proofs) -> bool:
    """Both are in the last look; or they were in one, or both had come before the first of them was gone, as far as
    clocks can tell, and stayed to the end.

    What looks into the room have seen, no other source outdoes."""
    if _was_left_alone(call) or _was_not_heard(call, proofs) or _was_deleted_before(call) or call.dials.broke_off:
        return False
    if came_too_late(call):  # the last agent had nobody to talk to, whoever was there before it
        return False
    looks = [listing for listing in call.participant_lists if listing.participants]
    if not looks:
        lasted = was_heard(call, proofs) and stayed_to_the_end(call, proofs)
        return lasted and _came_before_the_end(call, proofs)
    current = call.room_live and call.participants_are_of_the_last_look
    if current and looks[-1] is call.participant_list and _both_in(call, proofs, looks[-1]):
        return True
    if _is_handed_on(call):
        return any(_both_in(call, proofs, listing) for listing in looks)
    answered = [listing for listing in looks if _answered_in(call, listing)]
    met = any(_both_in(call, proofs, look) for look in answered[-1:])
    return met and was_heard(call, proofs) and stayed_to_the_end(call, proofs)


def _is_handed_on(call: Call) -> bool:
    """To somebody who joined after the phone of the call, which is the first that was answered."""
    last = call.phones_seen[-1] if call.phones_seen else None
    if call.served_by_other or (last and call.phone is not last and call.has_answered(last)):
        return True
    return transferred(call, None, call.phone.identity if call.phone else "")


def _came_before_the_end(call: Call, proofs: Proofs) -> bool:
    came = [when for step in both(call) if (when := _came(call, proofs, step))]
    ends = list(_ends(call))
    if len(came) < len(both(call)) or not ends:
        return False
    came += [(row.at, row.source) for row in call.rows_of(Step.AGENT_CONNECTED)[-1:]]  # of several jobs the last one's
    ends += [*exits(call), *hung_up(call)]
    spoke = call.logged.get(Step.AGENT_AUDIO)
    if spoke and not {Step.AGENT_AUDIO, Step.AGENT_CONNECTED} & {*call.settings.flow.not_used}:
        came.append((spoke.at, spoke.source))
    return all(_is_after(call, end, start) for end in ends for start in came)


def _both_in(call: Call, proofs: Proofs, listing: ParticipantList) -> bool:
    """An agent without audio in it, of whom no other source says that it was heard, was silent; and so was one whose
    audio no look has shown but muted, whoever heard the track come."""
    agents = call.agents_in(listing)
    muted = not call.heard and any(track.kind == "audio" for agent in agents for track in agent.tracks)
    heard = (Step.AGENT_AUDIO in proofs and not muted) or Step.AGENT_AUDIO in call.settings.flow.not_used
    agent = Step.AGENT_CONNECTED in call.settings.flow.not_used or (bool(agents) and heard)
    return agent and _answered_in(call, listing) and not _dispatched_after(call, listing.read.now, call.tolerance)


def dispatched_after_it_came(call: Call, proofs: Proofs) -> bool:
    """The agent came, and was dispatched again after that: the agent of that dispatch, which decides, was not seen."""
    came = max((proof.at for proof in proofs.get(Step.AGENT_CONNECTED, ()) if proof.at), default=None)
    # Of several dispatches the agent may be the first one's, unless it is seen to have come after the last.
    several = bool(call.outdated) or len(call.dispatches_ever) > 1
    return came is not None and _dispatched_after(call, came, MOMENT if several else call.tolerance)


def _dispatched_after(call: Call, at: datetime, margin: timedelta) -> bool:
    row = call.logged.get(Step.AGENT_DISPATCHED)
    made = (call.dispatched_at, row.at if row else None)
    return any(when is not None and when - at > margin for when in made)


def _answered_in(call: Call, listing: ParticipantList) -> bool:
    """Whether a phone that was answered is in the room; whoever is, where none is dialled."""
    phones = [p for p in listing.participants if p.kind == "SIP"]
    there = any(call.inbound or p.attributes.get("sip.callStatus") in ANSWERED for p in phones)
    return there or Step.SIP_ANSWERED in call.settings.flow.not_used


def _came(call: Call, proofs: Proofs, step: Step) -> Dated | None:
    """The first moment at which it is known to have happened; by LiveKit's clock, where any source has that. By when it
    had happened counts where nothing says when it did."""
    dated = [(proof.at, proof.clock) for proof in proofs.get(step, ()) if proof.at is not None]
    dated = dated or [(proof.by, proof.clock) for proof in proofs.get(step, ()) if proof.by is not None]
    if not dated:
        return None
    own = [each for each in dated if each[1] is Clock.LIVEKIT] or dated
    at, clock = min(own)
    row = call.logged.get(step)
    return at, row.source if row is not None and clock is Clock.CALL_LOGS else clock.value


def _was_left_alone(call: Call) -> bool:
    """The call outlived the last agent by any sources, by longer than a callee takes to hang up at once: it may be
    that nobody had said goodbye (LKD407 wants more than that)."""
    if _left_by_rows(call):
        return True
    logs = call.component_logs
    if logs.said(Said.TRANSFERRED):
        return False
    gone = [at for at, _ in (*left(call, "AGENT"), *exits(call))]
    phones = [at for at, _ in (*left(call, "SIP"), *hung_up(call))]
    ended = call.logged.get(Step.CALL_ENDED)
    # What logs the call's end may log it when the room closes, which it does some time after the last one left.
    over = [ended.at - ROOM_CLOSES_AFTER - call.tolerance] if ended else []
    return bool(gone) and max([*phones, *over], default=max(gone)) > max(gone) + LEFT_ALONE


def _left_by_rows(call: Call) -> bool:
    """A row says that the agent left, and another, surely later, that the call ended."""
    ended, left = call.logged.get(Step.CALL_ENDED), call.left_by_rows(Who.AGENT)
    return bool(left) and ended is not None and ended.at - left[-1].at > call.tolerance


def _was_not_heard(call: Call, proofs: Proofs) -> bool:
    """livekit-sip's log has the answer, and not that the phone was given anybody's audio (it says so from 1.11.0 on,
    where the log has more than warnings), whatever the agent published; or it published nothing."""
    logs = call.component_logs
    answered = logs.said(Said.SIP_ESTABLISHED)
    whole = logs.has("sip") and bool(answered) and bool(logs.said(Said.SIP_OVER))
    silent = (whole and not logs.said(Said.SIP_HEARD)) or _published_nothing(call, proofs)
    return silent and Step.AGENT_AUDIO not in call.settings.flow.not_used


def _published_nothing(call: Call, proofs: Proofs) -> bool:
    """The server's log has the agent come and the tracks of others, and none of the agent's."""
    logs = call.component_logs
    tracks = logs.said(Said.TRACK_PUBLISHED)
    came, published = logs.of_agent(Said.PARTICIPANT_ACTIVE), logs.of_agent(Said.TRACK_PUBLISHED)
    return bool(came) and bool(tracks) and not published and Step.AGENT_AUDIO not in proofs


def _was_deleted_before(call: Call) -> bool:
    """The agent's dispatch was deleted before its job was over: the server removes the agent then (fact 32)."""
    logs = call.component_logs
    if _is_deleted_in_mid_call(call):
        return True
    deleted = [line.at for line in logs.said(Said.DISPATCH_DELETED) if line.at and line.fields.get("status") == "200"]
    ended = [line.at for line in logs.said(Said.JOB_ENDED) if line.at]
    ended += [at for at, _ in left(call, "AGENT")]
    return bool(deleted) and (not ended or deleted[-1] < max(ended))


def _is_deleted_in_mid_call(call: Call) -> bool:
    """A look shows the phone, and a dispatch gone from the list that had been in it, with the job of its agent."""
    ran = {one.id for one in call.dispatches_ever[-1:] if one.jobs}
    had, gone = False, set[datetime]()
    for listing in call.dispatch_lists if ran else ():
        there = ran <= {one.id for one in listing.dispatches}
        had = had or there
        if had and not there:
            gone.add(listing.read.now)
    looks = (look.participants for look in call.participant_lists if gone and look.read.now in gone)
    return any(p.kind == "SIP" for participants in looks for p in participants)


def _ends(call: Call) -> Iterator[Dated]:
    """When agent, phone or room was gone, as far as any source tells."""
    yield from left(call, "AGENT", "SIP")
    for line in call.component_logs.said(Said.ROOM_CLOSED, Said.ROOM_IDLE):
        if line.at and line.zoned:
            yield line.at, Clock.LIVEKIT.value
    for item in call.sightings:
        if item.event == "room_finished" and item.at is not None:
            yield item.at, Clock.LIVEKIT.value
    for row in (call.logged.get(Step.CALL_ENDED), call.phone_left):
        if row is not None:
            yield row.at, row.source


def _is_after(call: Call, end: Dated, start: Dated) -> bool:
    """By more than a moment, and by two clocks beyond the tolerance."""
    return end[0] - start[0] > (MOMENT if end[1] == start[1] else call.tolerance)
