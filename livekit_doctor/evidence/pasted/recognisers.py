"""The kinds of things that a text may show, each by the module that finds it."""

from livekit_doctor.evidence.pasted import (
    api_errors,
    carriers,
    deployed_agents,
    kubernetes,
    lk_output,
    lk_tables,
    log_lines,
    protobuf_text,
    rows,
    sip_trace,
    unreached,
    webhooks,
)
from livekit_doctor.evidence.pasted.interface import Recogniser

_OF_LIVEKIT: tuple[Recogniser, ...] = (
    webhooks.find,
    deployed_agents.find,
    protobuf_text.find,
    lk_output.find,
    lk_tables.find,
    rows.find,
    sip_trace.find,
)

RECOGNISERS: tuple[Recogniser, ...] = (
    *_OF_LIVEKIT,
    log_lines.find,
    api_errors.find,
    kubernetes.find,
    unreached.find,
    carriers.find,
)
"""In this order: what one has taken, the next ones look at only for what else is in it."""

BESIDE_LOG_LINES: tuple[Recogniser, ...] = (*_OF_LIVEKIT, api_errors.find, unreached.find, carriers.find)
"""What a line of a log may show beside being one."""
