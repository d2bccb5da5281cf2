"""The keys of what is printed as JSON."""

PROBE_KEYS = {
    "schema",
    "ok",
    "exit_status",
    "server",
    "at",
    "agent_name",
    "canary",
    "summary",
    "latency",
    "histogram",
    "criteria",
    "endings",
    "dispatches",
    "left_behind",
    "next",
}
