"""What is known of a call that fixes and hints have a place for."""

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.settings import Settings


def values_of(call: Call, values: dict[str, str]) -> dict[str, str]:
    """The values for the placeholders of a fix: the finding's own, and the call's."""
    own = {
        "agent_name": call.agent_name if call.agent_name is not None else call.wanted_agent,
        "room": call.room.name if call.room else None,
        "call_id": call.subject.call_id,
        "moment": "over" if call.is_over else None,
        "trunk_id": call.trunk_id,
        "url": call.placed_on,
        **_values_of_settings(call.settings),
    }
    return {key: value for key, value in own.items() if value} | values


def _values_of_settings(settings: Settings) -> dict[str, str | None]:
    logs = settings.call_logs
    return {
        "schema": logs.schema,
        "table": logs.table,
        "column": logs.columns.call_id,
    }
