"""agent_connected, by the server's log or the worker's: the agent's own request to join was refused. LKD415."""

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because
from livekit_doctor.diagnosis.findings import Finding
from livekit_doctor.diagnosis.proofs import Proofs
from livekit_doctor.diagnosis.refused_requests import Requester, requester_of
from livekit_doctor.diagnosis.rules.looks import finding
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.flow import Confidence, Step


def agent_refused(call: Call, proofs: Proofs) -> Finding | None:
    """The token of a job is the server's own: a refused one is the team's, or is for another room."""
    logs = call.component_logs
    joins = [line for line in logs.said(Said.REQUEST_REFUSED) if requester_of(line) is Requester.PARTICIPANT]
    own = [line for line in joins if logs.is_agent(line)]
    if Step.AGENT_CONNECTED in proofs or call.agents_seen:
        return None
    told = logs.said(Said.JOIN_REFUSED)
    if told and not own and not logs.said(Said.RAISED):  # what the entrypoint raised of it is its own failure
        others = ["LKD004", "LKD005", "LKD405"]
        return finding(
            call, "LKD415", Step.AGENT_CONNECTED, Confidence.POSSIBLE, [because(told[-1])], others, kind="refused"
        )
    if not own:
        return None
    shown = [because(line, "the server refused the agent's request to join") for line in own[-2:]]
    return finding(call, "LKD415", Step.AGENT_CONNECTED, Confidence.LIKELY, shown, ["LKD004"], kind="refused")


RULES = (agent_refused,)
