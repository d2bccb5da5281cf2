"""What each key of checks.yaml that `init` writes is for: the words of the example at the top level."""

EXPLAINED = {
    "livekit.url": "ws, wss, http or https. LiveKit Cloud: wss://my-project.livekit.cloud",
    "agent.name": "The worker's agent_name, to the letter: a wrong case or a trailing space is another agent.",
    "agent.others": "Further agents of yours, so that a SIP dispatch rule for one of them is not taken for a mistake.",
    "workers": "HTTP endpoints of your workers, where this machine can reach them",
    "flow.placed_by": "Who dials the phone: edge_function, or agent where the agent dials after it has joined.",
    "flow.states": "Your own names in the state column, and the step that each reports.",
    "call_logs.dsn": "Postgres, read-only.",
    "call_logs.schema": "A table telephony.call_events is written as schema: telephony, table: call_events.",
    "call_logs.columns": "Your names of the columns. source, metadata and room may be null: there is no such column.",
    "call_logs.columns.room": "Where a row says its room: a column, or a path into a JSON column "
    "such as metadata.room.",
    "call_logs.always_logged": "States that every call writes if it gets that far. Only their absence "
    "counts as evidence.",
    "rooms.name_template": "How a call's room is named, where no row says it.",
    "rooms.pattern": "The live rooms that `check` judges: a shell-style pattern, in quotes.",
    "sip": "SIP objects that must exist.",
    "sip.outbound_trunks.numbers": "caller numbers that it must have, in quotes",
    "sip.dispatch_rules.agent": "the agent that it must carry",
}
