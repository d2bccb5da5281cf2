"""The verdict where nothing is broken. Healthy is a hypothesis like others, and must be shown."""

from collections.abc import Iterator

from livekit_doctor.diagnosis.against import Against
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.lasting import agent_is_shown_to_the_end
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.result import StepResult
from livekit_doctor.diagnosis.together import dispatched_after_it_came, were_together
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import Component
from livekit_doctor.flow import Status, Step, Verdict


def verdict_of(
    call: Call, proofs: Proofs, steps: tuple[StepResult, ...], undecided: bool, against: tuple[Against, ...]
) -> Verdict:
    status = {result.step: result.status for result in steps}
    if Status.PENDING in status.values():
        return Verdict.IN_PROGRESS
    both_ends = Step.SIP_ANSWERED if Step.AGENT_CONNECTED in call.settings.flow.not_used else Step.AGENT_CONNECTED
    if status[both_ends] is not Status.OK or _phone_is_missing(call, status) or undecided:
        return Verdict.UNKNOWN
    if any(one.sure for one in against) or _refused_before(call, status) or (call.room_live and not call.api_read):
        return Verdict.UNKNOWN
    if call.only_excerpts and status[Step.SIP_PARTICIPANT_CREATED] is not Status.OK:
        # Nobody says that the rest went well: the other leg may just not have been pasted.
        return Verdict.UNKNOWN
    shown = not against and were_together(call, proofs) and not dispatched_after_it_came(call, proofs)
    return Verdict.HEALTHY if shown else Verdict.NO_FAULT_SEEN


def _phone_is_missing(call: Call, status: dict[Step, Status]) -> bool:
    """The room is open without a phone that was ever seen to answer, or a phone was seen and is gone
    before that. It was refused (and gone within 0.4 s, design fact 22), hung up or was never dialled: an
    agent that waits alone is no healthy call.
    """
    looked = call.api_covers or bool(call.phones_seen)
    return looked and not call.phone_present and status[Step.SIP_ANSWERED] is Status.UNKNOWN


def _refused_before(call: Call, status: dict[Step, Status]) -> bool:
    """An attempt to dial failed, or may have, which was not the last one, and nobody says that the phone was
    answered."""
    failed = any(answer.is_failure and not answer.earlier for answer in call.answers[-1:])
    return (failed or bool(call.logged_doubts)) and not call.inbound and status[Step.SIP_ANSWERED] is not Status.OK


def would_show(call: Call, steps: tuple[StepResult, ...]) -> Iterator[str]:
    """What would show that a call in which no fault was seen was well."""
    status = {result.step: result.status for result in steps}
    if status[Step.SIP_ANSWERED] is not Status.OK and not call.inbound:
        if not _was_read(call, sources.SIP_LOG):
            whole = _all_of(call, "sip")
            yield f"whether the phone was answered: {whole}livekit-sip's log of the call, with --sip-log FILE"
        yield "what CreateSIPParticipant answers, with wait_until_answered=True, logged as a row with its SIP status"
    elif not _was_read(call, sources.SERVER_LOG):
        whole = _all_of(call, "server")
        yield f"who was in the room, and until when: {whole}livekit-server's log of the call, with --server-log FILE"
    if call.rows and Step.AGENT_AUDIO not in call.logged:
        yield "a row agent_audio, when the agent begins to speak: with sip_answered and call_ended it tells of calls"
    elif Step.CALL_ENDED in call.logged and not agent_is_shown_to_the_end(call):
        yield "a row call_ended by the agent itself, or one each time that it speaks: another's tells nothing of it"
    if call.room_live is not True:
        yield "watch the next call from its start: livekit-doctor trace CALL_ID --wait 60"


def _all_of(call: Call, log: Component) -> str:
    """Of a log of which lines were pasted, the whole is asked for, and not those lines again."""
    pasted = any(line.read.excerpt for line in call.component_logs.own_by_log[log])
    return "all, and not lines alone, of " if pasted else ""


def _was_read(call: Call, source: str) -> bool:
    return any(entry.status in ("read", "empty") for entry in call.setup.coverage(source))
