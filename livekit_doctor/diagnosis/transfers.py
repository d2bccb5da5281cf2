"""Whether the phone was transferred: then its agent has nothing more to do in the room, and leaves.

A transfer by SIP REFER (TransferSIPParticipant) shows in the logs of livekit-server and livekit-sip; the
participant stays in the room until the carrier, or livekit-sip, has hung up. What a team calls a transfer in its
log rows may be any kind; it says as well that the agent was done. So does a message that was left in a mailbox, and a
transfer that was begun: the agent may leave while its target rings.
"""

from datetime import datetime

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.states import (
    says_done,
    says_failed,
    says_not_transferred,
    says_talked,
    says_transferred,
)
from livekit_doctor.diagnosis.times import TRANSFER_TAKES
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import Step


def transferred(call: Call, left_at: datetime | None, identity: str) -> bool:
    """Whether the phone of this identity had been transferred when the agent left, or was just then; at any time
    where `left_at` is None. `left_at` is on LiveKit's clock."""
    latest = None if left_at is None else left_at + TRANSFER_TAKES
    lines = call.component_logs.said(Said.TRANSFERRED)
    by_line = [line.at for line in lines if line.fields.get("participant", identity) == identity]
    by_row = [row.at - call.tolerance for row in call.rows if says_transferred(row.state)]
    return any(at is None or latest is None or at <= latest for at in (*by_line, *by_row))


def may_leave(call: Call, left_at: datetime | None, identity: str) -> bool:
    """Whether the agent had nothing more to do with the phone: it was transferred, or the agent said soon before it
    left that it hands the phone over, and no later row that this came to nothing."""
    told = [row for row in _rows_before(call, left_at) if says_done(row.state) or says_not_transferred(row.state)]
    return transferred(call, left_at, identity) or (bool(told) and says_done(told[-1].state))


def may_have_been_done(call: Call, left_at: datetime) -> bool:
    """Whether the last that rows tell before the agent left is in words whose meaning nobody knows: that it bridged the
    phone to a representative, or dropped a message into a mailbox. A row of a failure or of talk is none of these."""
    steps = call.step_of_state
    told = (row for row in _rows_before(call, left_at) if steps[row.state] is not Step.CALL_ENDED)
    last = max(told, key=lambda row: row.at, default=None)
    return last is not None and not (steps[last.state] or says_failed(last.state) or says_talked(last.state))


def _rows_before(call: Call, left_at: datetime | None) -> list[LogRow]:
    """The rows of soon before the agent left, oldest first; all of them where `left_at` is None."""
    latest = TRANSFER_TAKES + call.tolerance
    return [row for row in call.rows if left_at is None or -call.tolerance <= left_at - row.at <= latest]
