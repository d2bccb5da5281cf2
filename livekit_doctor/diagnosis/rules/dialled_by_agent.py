"""Agents that dial the phone themselves: what their entrypoint raises may be the answer to that."""

import re

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import tracebacks
from livekit_doctor.diagnosis.said import Said


def raised_by_refusal(call: Call) -> bool:
    """Whether what the entrypoint raised is the answer to its own attempt to dial."""
    raised = tracebacks(call.component_logs.said(Said.RAISED))
    return any(_is_refusal(call, text) for text in raised)


def _is_refusal(call: Call, text: str) -> bool:
    """Whether a traceback is that of an attempt to dial, and ends with an answer that the call had. Any method of
    the API raises the same exceptions: it must be seen that this one dialled, or that it may be where the agent
    dials."""
    dials = _DIALLING.search(text) or (call.settings.flow.placed_by == "agent" and not _OTHER_METHOD.search(text))
    if not _API_ERROR.search(text) or not dials or _TRANSFERRING.search(text):
        return False
    shown = {int(status) for status in _SIP_STATUS.findall(text)}
    failures = [answer for answer in call.answers if answer.is_failure]
    return any(not shown or answer.sip_status is None or answer.sip_status in shown for answer in failures)


_API_ERROR = lazy_re.compile(r"^\S*\b(?:SipCallError|TwirpError|ServerError)\b", re.MULTILINE)
"""The exceptions of livekit-api and the Node SDK, at the end of a traceback."""

_DIALLING = lazy_re.compile(r"create_?sip_?participant|\bSipCallError\b|SIP call failed|sip status", re.IGNORECASE)
_OTHER_METHOD = lazy_re.compile(
    r"egress|ingress|dispatch|room_service|connector|(?:create|list|delete|update)_(?:room|participant)", re.IGNORECASE
)
_TRANSFERRING = lazy_re.compile(r"transfer_?sip_?participant|SIP transfer failed", re.IGNORECASE)
_SIP_STATUS = lazy_re.compile(r"(?:sip status:?|SIP call failed:|sip_status_code\W{1,6}) ?(\d{3})\b", re.IGNORECASE)
