"""Two agents of one name in one room, by lines of their jobs and by what lk prints: LKD410."""

import json

import pytest

from tests.diagnosis.factories import warned
from tests.evidence.pasted.samples import pasted

OF_WORKER = {"room": "call-17", "agent_name": "survey"}


def asked(job: str, dispatch: str, at: str = "16:00:05.061", **more: str) -> str:
    fields = json.dumps({"job_id": f"AJ_{job}", "dispatch_id": f"AD_{dispatch}", **OF_WORKER, **more})
    return f"{at} INFO livekit.agents received job request {fields}"


def raised(job: str, at: str) -> str:
    fields = json.dumps({"job_id": f"AJ_{job}"})
    return f"{at} ERROR livekit.agents unhandled exception while running the job task {fields}"


ONE, OTHER = asked("oneoneoneone", "oneoneoneone"), asked("otherotherot", "otherotherot", "16:00:05.701")
LATER = asked("otherotherot", "otherotherot", "16:00:07.701")


@pytest.mark.parametrize(
    ("texts", "twice"),
    [
        ((ONE, OTHER), True),
        ((f"2026-11-26 {ONE}", f"2026-11-26 {OTHER}"), True),
        ((ONE, LATER), False),  # dispatched again, since no agent had come
        ((ONE, raised("oneoneoneone", "16:00:05.500"), OTHER), False),
        ((ONE, OTHER, raised("otherotherot", "16:00:06.701")), False),  # it found that the first one was there
        ((ONE, OTHER, raised("otherotherot", "16:00:29.701")), True),
        ((ONE, asked("otherotherot", "oneoneoneone")), False),  # one dispatch's job, tried again
        ((ONE, asked("otherotherot", "otherotherot", agent_name="notes")), False),
        ((ONE, ONE), False),
    ],
)
def test_two_jobs_by_the_workers_lines(texts: tuple[str, ...], twice: bool) -> None:
    assert ("LKD410" in warned(pasted("\n".join(texts)))) is twice


def server(at: str, message: str, **fields: object) -> str:
    own = {"room": "call-17", "roomID": "RM_aaaaaaaaaaaa", **fields}
    return f"2026-11-26T16:00:{at}Z\tINFO\tlivekit\tservice/x.go:1\t{message}\t{json.dumps(own)}"


def came(job: str, at: str) -> str:
    return server(at, "participant active", participant=f"agent-AJ_{job}")


def assigned(job: str, at: str, name: str = "survey") -> str:
    return server(at, "assigned job to worker", jobID=f"AJ_{job}", agentName=name, jobType="JT_ROOM", workerID="AW_1")


def dispatched(at: str, name: str = "survey") -> str:
    request = {"agentName": name, "room": "call-17"}
    return server(at, "API AgentDispatchService.CreateDispatch", request=request, status="200", method="CreateDispatch")


CAME = came("oneoneoneone", "05.911"), came("otherotherot", "06.602")
ASSIGNED = assigned("oneoneoneone", "05.081"), assigned("otherotherot", "05.721")
GONE = server("06.100", "participant closing", participant="agent-AJ_oneoneoneone", kind="AGENT")


@pytest.mark.parametrize(
    ("texts", "twice"),
    [
        ((*ASSIGNED, *CAME), True),
        ((*ASSIGNED, *CAME, GONE), False),
        ((*ASSIGNED, CAME[0]), False),
        ((ASSIGNED[0], assigned("otherotherot", "05.721", "notes"), *CAME), False),
        ((dispatched("05.000"), dispatched("05.600"), *CAME), True),
        ((dispatched("05.000"), dispatched("05.600", "notes"), *CAME), False),
        ((dispatched("05.000"), *CAME), False),
    ],
)
def test_two_agents_by_the_servers_lines(texts: tuple[str, ...], twice: bool) -> None:
    assert ("LKD410" in warned(pasted("\n".join(texts)))) is twice


def listed(*started: float, names: tuple[str, str] = ("survey", "survey"), **state: str) -> str:
    jobs = [
        {
            "status": "JS_RUNNING",
            "started_at": str(int(at * 1e9)),
            "participant_identity": f"agent-AJ_{number}",
            **state,
        }
        for number, at in enumerate(started)
    ]
    dispatches = [
        {"id": f"AD_{number:012}", "agent_name": names[number], "room": "call-17", "state": {"jobs": [job]}}
        for number, job in enumerate({"id": f"AJ_{number:012}", "state": state} for number, state in enumerate(jobs))
    ]
    return json.dumps({"agent_dispatches": dispatches})


LK = """\
$ lk dispatch list call-17
┌─────────────────┬─────────┬───────────┬──────────┐
│ DispatchID      │ Room    │ AgentName │ Metadata │
├─────────────────┼─────────┼───────────┼──────────┤
│ AD_u2KxQvTz7LnW │ call-17 │ survey    │          │
│ AD_f9WzTkXp2QrN │ call-17 │ survey    │          │
└─────────────────┴─────────┴───────────┴──────────┘
$ lk room participants list call-17
agent-AJ_h8TzWqXk4VpR (ACTIVE)\t tracks: 1
agent-AJ_c3RqXzLw6KvT (ACTIVE)\t tracks: 1
sip_1 (ACTIVE)\t tracks: 1
"""


@pytest.mark.parametrize(
    ("text", "twice"),
    [
        (listed(1795708805.1, 1795708805.9), True),
        (listed(1795708805.1, 1795708807.9), False),
        (listed(1795708805.1, 1795708805.9, names=("survey", "notes")), False),
        (LK, True),
        (LK.replace("c3RqXzLw6KvT (ACTIVE)", "c3RqXzLw6KvT (JOINING)"), False),
        (LK.replace("survey ", "notes  ", 1), False),
        (LK.replace("agent-AJ_c3RqXzLw6KvT", "notes"), False),
        ("\n".join(line for line in LK.splitlines() if "AD_f9" not in line), False),
    ],
)
def test_two_agents_by_what_the_api_answered(text: str, twice: bool) -> None:
    assert ("LKD410" in warned(pasted(text))) is twice
