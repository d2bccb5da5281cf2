"""What the logs say of a call in which agent and phone had both come: who was silent, or was cut off. LKD210, 408.

All that is concluded here from what is missing needs the log of the room's node to reach to the end.
"""

from collections.abc import Sequence
from datetime import datetime

from livekit_doctor import catalogue
from livekit_doctor.diagnosis import sessions
from livekit_doctor.diagnosis.against import was_over_before
from livekit_doctor.diagnosis.ages import first_by_livekit
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.own_lines import is_above
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.states import says_machine
from livekit_doctor.diagnosis.stays import SIP_LOG
from livekit_doctor.diagnosis.times import FIRST_SOUND_WITHIN, SILENT_FOR
from livekit_doctor.diagnosis.waits import of_another_agent
from livekit_doctor.evidence.observations import LogLine
from livekit_doctor.flow import Confidence, Step


def media_timed_out(call: Call, proofs: Proofs) -> Finding | None:
    """LKD210: livekit-sip ended the call's dial that had been answered, since no sound had come from the far end.

    Proven where it says that it had waited for the first. Else likely after the time that it does so by default;
    sooner it only ends a call where it is configured to, and then some sound may have come."""
    logs = call.component_logs
    ended, started = logs.said(Said.SIP_MEDIA_TIMEOUT), logs.said(Said.SIP_CREATING)
    if call.inbound or not ended or (started and is_above(ended[-1], started[-1])):
        return None
    dial = ended[-1].fields.get("call_id", "")
    established = [line for line in logs.said(Said.SIP_ESTABLISHED) if line.fields.get("call_id", "") in ("", dial)]
    if not established or _had_sound(call, established[-1], ended[-1]):
        return None
    shown = [because(established[-1]), because(ended[-1])]
    values = {"number": ended[-1].fields.get("to_user"), "trunk_id": ended[-1].fields.get("sip_trunk")}
    return finding(
        call, "LKD210", Step.SIP_ANSWERED, _waited_for_the_first(established[-1], ended), shown, [], [], **values
    )


def _had_sound(call: Call, answered: LogLine, ended: LogLine) -> bool:
    """Or it was a further phone, whose end is not the call's."""
    dial, identity = ended.fields.get("call_id", ""), ended.fields.get("participant", "")
    if any(line.fields.get("call_id", "") in ("", dial) for line in call.component_logs.said(Said.SIP_SOUND_STOPPED)):
        return True
    if answered.at is None or ended.at is None:
        return False
    began = call.dials.began(dial)
    further = bool(identity) and call.dials.phone_stayed(ended.at, (dial, identity), SIP_LOG, began)
    return further or call.dials.sound_had_come(answered.at, ended.at)


def _waited_for_the_first(answered: LogLine, ended: Sequence[LogLine]) -> Confidence:
    """How sure it is, by a line of its own, or by the time since the answer."""
    if any(line.fields.get("is_initial") == "true" for line in ended):
        return Confidence.PROVEN
    took = ended[-1].at - answered.at if ended[-1].at and answered.at else None
    return Confidence.POSSIBLE if took and took < FIRST_SOUND_WITHIN else Confidence.LIKELY


def agent_silent(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: the server's log has the track of the phone, and none of an agent that was there for long with it.

    Not where anybody else published: an avatar speaks for its agent, and a human may have taken over. Nor where a
    machine answered, to which it had nothing to say.
    """
    logs = call.component_logs
    joined, gone = logs.of_agent(Said.PARTICIPANT_ACTIVE), logs.of_agent(Said.PARTICIPANT_LEFT)
    speaks = Step.AGENT_AUDIO not in (*proofs, *call.settings.flow.not_used)
    if call.api_covers or not joined or not speaks or _met_machine(call) or any(of_another_agent(call)):
        return None
    phones = [line for line in logs.said(Said.PARTICIPANT_LEFT) if line.fields.get("kind") == "SIP"]
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


def _met_machine(call: Call) -> bool:
    return call.met_machine or any(says_machine(line.message) for line in call.component_logs.own_by_log["worker"])


def _answered_at(call: Call, proofs: Proofs) -> datetime | None:
    """By LiveKit's clock, or at the latest by a row's."""
    told = (proof.at for proof in proofs.get(Step.SIP_ANSWERED, ()) if proof.at)
    return first_by_livekit(proofs, Step.SIP_ANSWERED) or max(told, default=None)


def speech_failed(call: Call, proofs: Proofs) -> Finding | None:
    """LKD408: what the agent was to say came to nothing, soon after the answer, or before it heard somebody. No more
    than possible: of what succeeds a worker's log need not have a line."""
    lines = sessions.never_spoke(call)
    if call.api_covers or Step.AGENT_AUDIO in {*proofs, *call.settings.flow.not_used}:
        return None
    if not lines or Step.AGENT_CONNECTED not in proofs or was_over_before(call, lines[0]):
        return None
    answered, failed = _answered_at(call, proofs), lines[0].at
    soon = answered is not None and failed is not None and failed - answered <= SILENT_FOR
    if not soon and not call.component_logs.said(Said.HEARD):
        return None
    shown = [because(line) for line in lines[:1] + lines[1:][-1:]]
    shown += [Because(source="worker log", at=failed, text=text) for text in list(tracebacks(lines))[-1:]]
    return finding(call, "LKD408", Step.AGENT_AUDIO, Confidence.POSSIBLE, shown, ["LKD407"])


RULES = (media_timed_out, agent_silent, speech_failed)
