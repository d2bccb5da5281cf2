"""configuration: is everything set that the other checks need?"""

from livekit_doctor.checks.check import Check, Need
from livekit_doctor.diagnosis.rules.connection import credentials_missing
from livekit_doctor.diagnosis.setup import Setup


def _what_is_set(setup: Setup) -> str:
    agent = setup.settings.agent.name
    named = "agent name unknown: set agent.name" if agent is None else f'agent "{agent}"' if agent else "unnamed agent"
    return f"{named}; {setup.settings.flow.placed_by.replace('_', ' ')} dials"


CHECKS = (
    Check(
        id="configuration.file",
        title="configuration",
        needs=(Need.CONFIGURATION,),
        rules=(),
        passed=_what_is_set,
    ),
    Check(
        id="configuration.credentials",
        title="LiveKit URL and credentials",
        needs=(Need.CONFIGURATION,),
        rules=(credentials_missing,),
        passed=lambda _: "URL, key and secret are set",
    ),
)
