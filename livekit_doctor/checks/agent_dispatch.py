"""agent_dispatch: can dispatches be created, listed and deleted; and with --probe, does the agent come?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.workers import probe_without_agent, scratch_dispatch_incomplete
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.evidence.observations import ProbeResult


def _probe(setup: Setup) -> str:
    probe = setup.latest(ProbeResult)
    assert probe is not None
    assert probe.joined_after is not None
    name = f'"{probe.agent_name}"' if probe.agent_name else "the unnamed agent"
    return f"{name} joined {probe.joined_after:.1f} s after its dispatch"


CHECKS = (
    Check(
        id="agent_dispatch.scratch",
        title="agent dispatch: create, list, delete",
        needs=(Need.CANARY,),
        after=("connection.reachable",),
        rules=(scratch_dispatch_incomplete,),
        passed=lambda _: "created, listed, deleted in a scratch room",
    ),
    Check(
        id="agent_dispatch.probe",
        title="the agent joins a room",
        needs=(Need.PROBE,),
        after=("connection.reachable",),
        rules=(probe_without_agent,),
        passed=_probe,
    ),
)
