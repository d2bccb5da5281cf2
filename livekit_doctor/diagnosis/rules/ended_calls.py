"""What the logs say of a call in which agent and phone had both come: who was silent, was taken out, or was cut off.
LKD210, 408, 413.

All that is concluded here from what is missing needs the log of the room's node to reach to the end.
"""

from datetime import datetime, timedelta

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.proofs import Proofs, first_by_livekit
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import MOMENT, PHONE_ALONE, SILENT_FOR
from livekit_doctor.diagnosis.transfers import transferred
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step


def media_timed_out(call: Call, proofs: Proofs) -> Finding | None:
    """LKD210: livekit-sip ended a call that had been answered, since no sound came from the far end."""
    logs = call.component_logs
    established, ended = logs.said(Said.SIP_ESTABLISHED), logs.said(Said.SIP_MEDIA_TIMEOUT)
    started = logs.said(Said.SIP_CREATING)
    if call.inbound or not established or not ended or (started and started[-1].number > ended[-1].number):
        return None
    shown = [because(established[-1]), because(ended[-1])]
    values = {"number": ended[-1].fields.get("to_user"), "trunk_id": ended[-1].fields.get("sip_trunk")}
    return finding(call, "LKD210", Step.SIP_ANSWERED, Confidence.PROVEN, shown, [], [], **values)


def agent_silent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: the server's log has the track of the phone, and none of an agent that was there for long with it.

    Not where anybody else published: an avatar speaks for its agent, and a human may have taken over.
    """
    logs = call.component_logs
    active, left = logs.said(Said.PARTICIPANT_ACTIVE), logs.said(Said.PARTICIPANT_LEFT)
    joined, gone = ([line for line in lines if logs.is_agent(line)] for lines in (active, left))
    if call.api_covers or Step.AGENT_AUDIO in proofs or not joined or Step.AGENT_AUDIO in call.settings.flow.not_used:
        return None
    phones = [line for line in left if line.fields.get("kind") == "SIP"]
    tracks = logs.said(Said.TRACK_PUBLISHED)
    spoke = {line.fields.get("participant", "") for line in tracks if line.fields.get("kind", "audio") == "audio"}
    who = {line.fields.get("participant", "") for line in phones}
    since = _answered_at(call, proofs)
    if len(phones) != 1 or not spoke or not spoke <= who or since is None or joined[-1].at is None:
        return None
    end = min((line.at for line in (*gone, *phones) if line.at is not None), default=None)
    began = max(since, joined[-1].at)
    if end is None or end - began < SILENT_FOR or not (logs.covers_room(joined[-1].at) and logs.covers_room(end)):
        return None
    text = f"no track of the agent is in the log until {end:%H:%M:%S}, and that of the phone is"
    shown = [because(joined[-1], "the agent was there"), Because(source="server log", at=end, text=text)]
    return finding(call, "LKD408", Step.AGENT_AUDIO, Confidence.LIKELY, shown, list(catalogue.get("LKD408").candidates))


def _answered_at(call: Call, proofs: Proofs) -> datetime | None:
    """By LiveKit's clock, or at the latest by a row's."""
    told = (proof.at for proof in proofs.get(Step.SIP_ANSWERED, ()) if proof.at)
    return first_by_livekit(proofs, Step.SIP_ANSWERED) or max(told, default=None)


def agent_removed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD413: the dispatch was deleted, and the server took its agent out while the phone was on the line. Soon before
    the end it may be how the team ends a call."""
    logs = call.component_logs
    gone = [line for line in logs.said(Said.PARTICIPANT_LEFT) if logs.is_agent(line) and _is_removed(line)]
    phones = [line for line in logs.said(Said.PARTICIPANT_LEFT) if line.fields.get("kind") == "SIP"]
    deleted = [line for line in logs.said(Said.DISPATCH_DELETED) if line.fields.get("status", "200") == "200"]
    if not gone or not phones or not deleted or call.agents or Step.SIP_ANSWERED not in proofs:
        return None
    when, left = gone[-1].at, phones[-1].at
    if when is None or left is None or left - when <= MOMENT or not _is_before(deleted[-1], when):
        return None
    if transferred(call, when, phones[-1].fields.get("participant", "")) or _another_came(call, gone[-1]):
        return None
    shown = [
        because(deleted[-1], "the agent's dispatch was deleted"),
        because(gone[-1], "the server removed the agent"),
        because(phones[-1], f"the phone stayed for {(left - when).total_seconds():.0f} s more"),
    ]
    sure = Confidence.LIKELY if left - when > PHONE_ALONE else Confidence.POSSIBLE
    return finding(call, "LKD413", Step.AGENT_CONNECTED, sure, shown, ["LKD407"])


def _is_removed(line: LogLine) -> bool:
    return line.fields.get("reason") == "SERVICE_REQUEST_REMOVE_PARTICIPANT"


def _is_before(line: LogLine, when: datetime) -> bool:
    return line.at is not None and timedelta() <= when - line.at <= PHONE_ALONE


def _another_came(call: Call, gone: LogLine) -> bool:
    """Whether anybody joined after it, or was there beside it and the phone: an agent that stayed, too."""
    logs = call.component_logs
    others = [
        line for line in logs.said(Said.PARTICIPANT_ACTIVE) if not logs.is_agent(line) and not logs.is_phone(line)
    ]
    later = (line for line in logs.said(Said.PARTICIPANT_ACTIVE) if line.at and gone.at and line.at > gone.at)
    left = {line.fields.get("participant"): line.at for line in logs.said(Said.PARTICIPANT_LEFT)}
    agents = {line.fields.get("participant") for line in logs.said(Said.PARTICIPANT_ACTIVE) if logs.is_agent(line)}
    stayed = (left.get(agent) for agent in agents - {gone.fields.get("participant")})
    return bool(others) or any(later) or any(at is None or (gone.at and at > gone.at) for at in stayed)


RULES = (media_timed_out, agent_silent, agent_removed)
