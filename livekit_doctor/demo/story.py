"""What the demo runs, what happened in each incident, and what each command must say."""

import re

from msgspec import Struct

from livekit_doctor import lazy_re

CALL_LOGS = "call_state_logs.jsonl"
"""The exported call state logs: the demo's log store."""

SHARED = ("--read-only", "--call-logs", CALL_LOGS)
_COLOURS = lazy_re.compile(r"\x1b\[[0-9;]*m")


class Part(Struct, frozen=True):
    """One command of the demo.

    `status` is its exit status, and `says` are words that stand in this order on one line of
    its output: where the call broke, with which code. `shown` is that for the summary.
    """

    heading: str
    told: tuple[str, ...]
    arguments: tuple[str, ...]
    status: int
    says: tuple[str, ...]
    shown: str

    @property
    def command(self) -> str:
        """The command without the options that all of them have."""
        return " ".join(self.arguments[: -len(SHARED)])

    def unexpected(self, status: int, output: str) -> str:
        """How the command did not end as recorded; empty if it did."""
        if status != self.status:
            return f"exit status {status}, not {self.status}"
        line = ".*".join(map(re.escape, self.says))
        if not re.search(line, _COLOURS.sub("", output)):
            return f"it does not say {' '.join(self.says)!r}"
        return ""


PARTS = (
    Part(
        "Before a deploy: would an outbound call work?",
        ("Five calls are on the line: three that broke, and two that work.",),
        ("check", *SHARED),
        1,
        ("room_presence.live", "LKD402", "likely"),
        "fails: three of five live calls have no agent",
    ),
    Part(
        "Incident 1: the agent was dispatched and did not come",
        (
            "The edge function created the room, dialled the phone and dispatched the agent; every API call succeeded.",
            "Concluded then: dispatch messages are not forwarded, the dashboard must be configured.",
        ),
        ("trace", "call-0001", *SHARED),
        1,
        ("Broke at: job assigned", "LKD402", "likely"),
        "broke at job_assigned: no worker took the job (LKD402)",
    ),
    Part(
        "Incident 2: the worker was there, and nothing asked it to come",
        (
            "The worker ran under its name, with a request_fnc that accepts everything; nothing dispatched it.",
            "Concluded then: agent dispatch rules are missing in the dashboard.",
        ),
        ("trace", "call-0002", *SHARED),
        1,
        ("Broke at: agent dispatched", "LKD401", "proven"),
        "broke at agent_dispatched: no dispatch for the agent (LKD401)",
    ),
    Part(
        "Incident 3: the prefix of the inbound rooms was meant to bring the agent",
        (
            "Inbound calls got the agent, so the edge function named its room with the same prefix, call-.",
            "Concluded then: there are hidden dispatch rules for inbound rooms.",
        ),
        ("trace", "call-0003", *SHARED),
        1,
        ("Broke at: agent dispatched", "LKD401", "proven"),
        "broke at agent_dispatched: the prefix has no effect on an outbound room (LKD401)",
    ),
    Part(
        "Incident 4: the inbound call that always worked",
        ("Its SIP dispatch rule carries the agent.",),
        ("trace", "call-0004", *SHARED),
        0,
        ("Healthy",),
        "healthy",
    ),
    Part(
        "An outbound call with the fix",
        ("The edge function dispatches the agent by its name, under which a worker is registered.",),
        ("trace", "call-0005", *SHARED),
        0,
        ("Healthy",),
        "healthy",
    ),
)
