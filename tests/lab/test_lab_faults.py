"""Each fault of an outbound call, on real components, with what a trace must say of it: by the API
alone, with the components' logs, with the log rows, and once the room is closed from the rows, also
without LiveKit, and from the components' logs alone.

All calls live in one server at the same time, as they would; each is traced by the command line.
"""

import os
import secrets
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor, wait
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from livekit import api

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE
from livekit_doctor.flow import Confidence
from tests.bundles.keeping import is_keeping, keep
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.modes import JobKind, Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.phone import Call, Phone
from tests.lab.servers import Database, LiveKitServer, Postgres
from tests.lab.support import free_port, until
from tests.lab.together import Running, every, random_names
from tests.lab.worker import Worker

pytestmark = pytest.mark.xdist_group("lab_many_calls")


class Fault:
    """One fault, and what each look at the call must say.

    `truth` is what it really is: wherever a look says that the call is broken, that is the code, or
    one of its candidates. A look's answer is a verdict, or the breaks in order, each as step, code and
    the least confidence. What the logs say while the room is open and after it is `logged`, where it is the same.
    """

    def __init__(self, name: str, truth: str, **looks: str) -> None:
        self.name, self.truth, self.looks = name, set(truth.split()), looks
        if "logged" in looks:
            looks["logs"] = looks["after"] = looks.pop("logged")
        if "closed" in looks:
            looks["database"] = looks["closed"]


NO_JOB = {
    "api": "job_assigned LKD402 likely",
    "rows": "job_assigned LKD402 likely",
    "closed": "job_assigned LKD402 possible",
}
NO_AGENT = {
    "api": "entrypoint_called LKD406 likely",
    "rows": "agent_connected LKD406 likely",
    "closed": "agent_connected LKD406 possible",
}
FAULTS = (
    Fault("no_worker", "LKD101", logs="job_assigned LKD402 likely", after="job_assigned LKD101 possible", **NO_JOB),
    Fault("dispatched_before_worker", "LKD109", logged="job_assigned LKD109 proven", **NO_JOB),
    Fault("at_capacity", "LKD103", logged="job_assigned LKD103 likely", **NO_JOB),
    # Proven, unless another call for the same agent is refused a moment later: by the name it may be this one, again.
    Fault("request_hangs", "LKD403", logged="job_assigned LKD403 likely", **NO_JOB),
    Fault("request_raises", "LKD404", logged="job_assigned LKD404 proven", **NO_JOB),
    Fault("request_rejects_no_terminate", "LKD404", logged="job_assigned LKD404 proven", **NO_JOB),
    Fault(
        "request_rejects",
        "LKD404",
        logs="job_assigned LKD404 proven",
        after="job_assigned LKD404 likely",
        api="job_assigned LKD404 proven",
        rows="job_assigned LKD404 proven",
        closed="job_assigned LKD402 possible",
    ),
    Fault(
        "near_miss_name",
        "LKD102",
        logged="job_assigned LKD102 proven",
        api="job_assigned LKD102 likely",
        rows="job_assigned LKD102 likely",
        closed="job_assigned LKD402 possible",
    ),
    Fault("worker_gone", "LKD101", logged="job_assigned LKD101 likely", **NO_JOB),
    Fault("name_with_a_space", "LKD102", logged="job_assigned LKD102 proven", api="job_assigned LKD102 likely"),
    Fault("look_alike_name", "LKD102", logged="job_assigned LKD102 proven", api="job_assigned LKD102 likely"),
    Fault("request_slow", "LKD403", logged="job_assigned LKD403 likely", **NO_JOB),
    Fault(
        "room_closed_by_its_empty_timeout",
        "LKD502",
        all="room_created LKD502 proven",
        after="room_created LKD502 proven",
    ),
    Fault(
        "worker_on_other_server",
        "LKD104",
        logs="job_assigned LKD104 proven",
        after="job_assigned LKD101 possible",  # nobody says which server the call was placed on
        **NO_JOB,
    ),
    Fault("worker_never_connected", "LKD105", logged="job_assigned LKD105 proven", **NO_JOB),
    Fault("worker_drains", "LKD108", logged="job_assigned LKD108 proven", **NO_JOB),
    Fault("other_deployment", "LKD110", logged="job_assigned LKD110 likely", **NO_JOB),
    Fault("other_job_type", "LKD110", logged="job_assigned LKD110 likely", **NO_JOB),
    Fault("worker_frozen", "LKD403", logged="job_assigned LKD403 likely", **NO_JOB),
    Fault(
        "stray_worker", "LKD111 LKD415", api="entrypoint_called LKD406 likely", logged="entrypoint_called LKD111 likely"
    ),
    Fault("entrypoint_raises", "LKD405", logged="entrypoint_called LKD405 proven", **NO_AGENT),
    Fault("entrypoint_crashes", "LKD405", logged="entrypoint_called LKD405 proven", **NO_AGENT),
    Fault("entrypoint_returns", "LKD405 LKD415", logged="agent_connected LKD415 proven", **NO_AGENT),
    Fault("never_connects", "LKD415", logged="agent_connected LKD415 proven", **NO_AGENT),
    Fault(
        "no_media",
        "LKD416",
        followed="agent_connected LKD416 likely",  # the SDK gives up after 15 s, as soon as its allowance is over
        api="entrypoint_called LKD406 likely",
        logs="agent_connected LKD416 proven",
        after="agent_connected LKD416 proven",
        rows="agent_connected LKD406 likely",
        closed="agent_connected LKD406 possible",
    ),
    Fault(
        "no_process",
        "LKD417",
        logged="entrypoint_called LKD417 proven",
        api="entrypoint_called LKD406 likely",
        rows="entrypoint_called LKD406 likely",
        closed="job_assigned LKD402 possible",
    ),
    Fault("room_never_created", "LKD501", all="room_created LKD501 likely", closed="room_created LKD501 possible"),
    Fault("blocks_loop", "LKD415", logs="agent_connected LKD415 proven", **NO_AGENT),
    Fault(
        "leaves_early",
        "LKD407",
        followed="agent_connected LKD407 proven",
        api="entrypoint_called LKD406 likely",
        logs="agent_connected LKD407 proven",
        rows="agent_connected LKD407 likely",
        closed="no_fault_seen",  # as far as the rows reach
    ),
    Fault(
        "leaves_at_the_answer",
        "LKD407",
        logs="agent_connected LKD407 proven",
        rows="agent_connected LKD407 likely",
        all="agent_connected LKD407 likely",
        after="agent_connected LKD407 possible",  # whether the phone was answered no log tells
        closed="no_fault_seen",
    ),
    Fault(
        "silent_beside_a_heard_phone",
        "LKD408",
        followed="agent_audio LKD408 proven",
        all="agent_audio LKD408 likely",
        after="no_fault_seen",  # nor does any tell it here
        closed="no_fault_seen",
    ),
    Fault(
        "silent",
        "LKD408",
        followed="agent_audio LKD408 proven",
        followed_late="agent_audio LKD408 proven",
        rows="agent_audio LKD408 proven",
        closed="no_fault_seen",
    ),
    Fault(
        "muted",
        "LKD408",
        followed="agent_audio LKD408 proven",
        rows="agent_audio LKD408 proven",
        closed="no_fault_seen",
    ),
    Fault(
        "no_dispatch",
        "LKD401",
        api="agent_dispatched LKD401 possible",
        logs="agent_dispatched LKD401 possible",
        rows="agent_dispatched LKD401 proven",
        closed="agent_dispatched LKD401 possible",
    ),
    Fault(
        "dispatched_to_similar_room",
        "LKD409",
        api="agent_dispatched LKD409 likely",
        logs="agent_dispatched LKD409 likely",
        after="agent_dispatched LKD409 likely",
        rows="agent_dispatched LKD409 likely",
        closed="no_fault_seen",  # the agent logs from that room, and the edge function does not say from which
    ),
    Fault(
        "dispatched_to_logged_room",
        "LKD409",
        api="agent_dispatched LKD401 possible",
        rows="agent_dispatched LKD409 proven",
        closed="no_fault_seen",
    ),
    Fault(
        "agents_ignored",
        "LKD412",
        api="agent_dispatched LKD401 possible",
        logs="agent_dispatched LKD412 proven",
        after="agent_dispatched LKD412 likely",
        rows="agent_dispatched LKD412 likely",
        closed="agent_dispatched LKD401 possible",
    ),
    Fault(
        "only_dispatch_deleted",
        "LKD413",
        api="agent_dispatched LKD413 possible",
        logs="agent_dispatched LKD413 proven",
        after="agent_dispatched LKD413 likely",
        rows="agent_dispatched LKD413 possible",
        closed="job_assigned LKD402 possible",
    ),
    Fault(
        "dispatch_deleted_near_the_end",
        "LKD413",
        all="agent_connected LKD413 likely",
        after="agent_connected LKD413 possible",
        closed="no_fault_seen",
    ),
    Fault(
        "logged_dispatch_deleted",
        "LKD413",
        api="agent_dispatched LKD401 possible",
        logs="agent_dispatched LKD413 proven",
        after="agent_dispatched LKD413 likely",
        rows="agent_dispatched LKD413 possible",
        closed="job_assigned LKD402 possible",
    ),
    Fault(
        "inbound_rule_without_agent",
        "LKD302",
        api="agent_dispatched LKD302 proven",
        rows="agent_dispatched LKD302 proven",
    ),
    Fault(
        "two_agents",
        "LKD410",
        api="healthy",
        logs="healthy",
        rows="healthy",
        closed="no_fault_seen",
        after="no_fault_seen",
    ),
    Fault(
        "dialing_for_ever",
        "LKD205",
        api="sip_ringing LKD205 likely",
        rows="sip_ringing LKD205 likely",
        closed="no_fault_seen",
    ),
    Fault(
        "dialing_then_gone",
        "LKD205",
        followed="sip_ringing LKD205 likely",
        api="unknown",
        rows="unknown",
        closed="no_fault_seen",
    ),
    Fault(
        "ringing_then_gone",
        "LKD206",
        followed="sip_answered LKD206 possible",
        api="unknown",
        rows="unknown",
        closed="no_fault_seen",
    ),
    Fault(
        "no_sip",
        "LKD203",
        api="sip_participant_created LKD203 proven",
        rows="sip_participant_created LKD203 proven",
        closed="no_fault_seen",
    ),
    Fault(
        "no_worker_and_no_response",
        "LKD101 LKD205",
        logs="job_assigned LKD402 likely + sip_ringing LKD205 likely",
        after="job_assigned LKD101 possible",
        api="job_assigned LKD402 likely + sip_ringing LKD205 likely",
        rows="job_assigned LKD402 likely + sip_ringing LKD205 likely",
        closed="job_assigned LKD402 possible",
    ),
)

LOOK_ALIKES = dict(zip("aeocpxyACEOPTXBHKM", "аеосрхуАСЕОРТХВНКМ", strict=True))

WARNED = {"two_agents": "LKD410"}
"""What must be among the warnings of a look while the room is open."""

ALLOWANCE = 15.0
"""Seconds that a dispatch, a job or an agent may take: no look is worth its time before."""

RINGING_ALLOWANCE = 38.0
"""The same for a phone to ring."""

KILLED_AFTER = 68.0
"""The same for livekit-agents to kill a process that does not respond: measured, 61 s."""

LOOKS_AT_ONCE = 5

LOOK_PATIENCE = 150.0
"""Seconds until a look must have found its answer."""

STATUS = {"broken": 1, "healthy": 0, "in_progress": 0, "no_fault_seen": 3, "unknown": 3}
LOOKS = [
    (fault, look)
    for look in ("followed", "followed_late", "api", "logs", "rows", "all", "closed", "database", "after")
    for fault in FAULTS
]


@dataclass(frozen=True)
class Stage:
    """A server, its edge function, and a worker that does what a job's metadata asks."""

    server: LiveKitServer
    edge: Edge
    agent: Worker
    other_server: LiveKitServer


@dataclass
class PlacedCall:
    """One call of a fault: what its edge function does, and what a trace says of it."""

    stage: Stage
    fault: Fault
    names: Names
    database: Database
    doctor: Doctor
    stack: ExitStack
    looking: ThreadPoolExecutor
    ran: dict[str, Running | Ran] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.room, self.call_id, self.agent_name = self.names.room(), self.names.call_id(), self.stage.agent.agent_name
        self.edge = self.stage.edge
        self.other_rooms: list[str] = []
        self.allowance = ALLOWANCE
        self.settled: Callable[[], bool] = lambda: True
        self.workers = [self.stage.agent]
        self.configure()

    # What places the call

    def configure(self, **settings: Any) -> None:
        self.doctor.configure({"agent": {"name": self.agent_name}, **settings})

    def without_worker(self) -> None:
        """The call asks for an agent that nobody runs."""
        self.agent_name = self.names.agent()
        self.configure()

    def log(self, *states: str, **metadata: Any) -> None:
        for state in states:
            log_row(self.database, self.call_id, state, metadata=metadata)

    def open_room(self, *agents: str, **options: Any) -> None:
        self.edge.create_room(self.room, [self.ask(name) for name in agents], **options)

    def ask(self, agent_name: str, mode: Mode | None = None, seconds: float = 0) -> api.RoomAgentDispatch:
        return api.RoomAgentDispatch(agent_name=agent_name, metadata=job_metadata(self.call_id, mode, seconds))

    def dispatch(
        self, mode: Mode | None = None, seconds: float = 0, *, agent_name: str = "", room: str = ""
    ) -> api.AgentDispatch:
        asked = self.ask(agent_name or self.agent_name, mode, seconds)
        return self.edge.create_dispatch(room or self.room, asked.agent_name, metadata=asked.metadata)

    def phone(self, status: Any = "active", **options: Any) -> Phone:
        options = {"audio": False} | options
        return self.stack.enter_context(Phone(self.stage.server, self.room, status=status, **options))

    def place(self, mode: Mode | None = None, seconds: float = 0, *, status: Any = "active", **room: Any) -> Phone:
        """Room, dispatch and phone, with their rows."""
        self.log("call_requested")
        self.open_room(**room)
        self.log("room_created")
        self.dispatch(mode, seconds)
        self.log("agent_dispatched")
        phone = self.phone(status)
        self.log("sip_participant_created")
        return phone

    # What traces it

    def follow(self, look: str = "followed") -> None:
        """Starts a trace with --wait, and returns once it has looked into the room."""
        before = self._times_looked_into()
        self.ran[look] = Running(self.look, look)
        every(0.3, lambda: self._times_looked_into() >= before + 2, f"--wait to look into {self.room} twice")

    def _times_looked_into(self) -> int:
        """Traces look at the dispatches too, which nothing else here does while they run."""
        lines = self.stage.server.log_lines()
        return sum("AgentDispatchService.ListDispatch" in line for line in lines if self.room in line)

    def look_while_open(self) -> None:
        """Each look again until the call is decided."""
        due = time.monotonic() + self.allowance
        every(1, lambda: time.monotonic() > due and self.settled(), "its allowance to pass, and what it waits for")
        for look in ("api", "logs", "rows"):
            if look in self.fault.looks:
                self.ran[look] = self.decided(look)
        for running in list(self.ran.values()):
            if isinstance(running, Running):
                running.result(LOOK_PATIENCE)

    def look_when_closed(self) -> None:
        self.stack.close()
        for room in (self.room, *self.other_rooms):
            if self.edge.rooms(room):
                self.edge.delete_room(room)
        for look in ("all", "closed", "database", "after"):
            if look in self.fault.looks:
                self.ran[look] = self.decided(look)

    def decided(self, look: str) -> Ran:
        def settled() -> Ran | None:
            ran = self.looking.submit(self.look, look).result()
            return ran if ran.json["verdict"] != "in_progress" else None

        return every(2, settled, f"the verdict of {self.fault.name}, {look}", LOOK_PATIENCE)

    def look(self, look: str) -> Ran:
        arguments, options = {
            "followed": (["--room", self.room, "--wait", "90"], API_ONLY),
            "followed_late": (["--room", self.room, "--wait", "90"], API_ONLY),
            "api": (["--room", self.room], API_ONLY),
            "logs": (["--room", self.room, *self.logs()], API_ONLY),
            "after": (["--room", self.room, *self.logs()], LOGS_ONLY),
            "rows": ([self.call_id, "--room", self.room], {}),
            "all": ([self.call_id, "--room", self.room, *self.logs()], {}),
            "closed": ([self.call_id], {}),
            "database": ([self.call_id], ROWS_ONLY),
        }[look]
        if is_keeping() and look in KEPT_LOOKS:
            return keep(self.doctor, f"{self.fault.name}-{look}", *arguments, **options)
        return self.doctor.trace(*arguments, **options)

    def logs(self) -> list[str]:
        """The logs that a team has at hand: its server's, and those of its workers."""
        given = ["--server-log", self._link("server.log", self.stage.server.log_path)]
        for number, worker in enumerate(self.workers, 1):
            given += ["--worker-log", self._link(f"worker-{number}.log", worker.log_path)]
        return given

    def _link(self, name: str, path: Path) -> str:
        """The log under a name that has nothing of this machine, as it goes into a bundle."""
        link = self.doctor.folder / name
        if not link.is_symlink():
            link.symlink_to(path)
        return name


KEPT_LOOKS = ("followed", "api", "logs", "all", "database", "after")
"""What each scenario is kept of as a bundle, for the fast tests."""

API_ONLY: Any = {"env": {"CALL_LOGS_DATABASE_URL": ""}}
WITHOUT_LIVEKIT = {"LIVEKIT_URL": "", "LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}
ROWS_ONLY: Any = {"env": WITHOUT_LIVEKIT}
LOGS_ONLY: Any = {"env": WITHOUT_LIVEKIT | {"CALL_LOGS_DATABASE_URL": ""}}


# How each fault is made


def place(call: PlacedCall) -> None:
    """By the function of the fault's name, or by the mode of that name."""
    special = globals().get(f"place_{call.fault.name}")
    if special:
        special(call)
    else:
        call.place(Mode(call.fault.name))


def place_no_worker(call: PlacedCall) -> None:
    call.without_worker()
    call.place()


def place_dispatched_before_worker(call: PlacedCall) -> None:
    call.without_worker()
    call.place()
    not_dispatched = "not dispatching agent job since no worker is available"
    fields = {"room": call.room, "agentName": call.agent_name}
    every(1, lambda: call.stage.server.logged(not_dispatched, **fields), "the dispatch to be lost")
    start_worker(call, Mode.REQUEST_REJECTS)


def place_at_capacity(call: PlacedCall) -> None:
    call.without_worker()
    full = start_worker(call, Mode.AT_CAPACITY)
    full.wait_for_log("worker is at full capacity, marking as unavailable")
    call.place()


def start_worker(call: PlacedCall, mode: Mode, **settings: Any) -> Worker:
    """A worker of the call's own, the only one whose log the team then has."""
    worker = Worker(call.doctor.folder, call.stage.server, WorkerSettings(call.agent_name, mode, **settings))
    call.workers = [worker]
    return call.stack.enter_context(worker)


def place_worker_gone(call: PlacedCall) -> None:
    """It stopped a moment before the dispatch."""
    call.without_worker()
    start_worker(call, Mode.REQUEST_REJECTS).stop()
    deregistered = "last worker deregistered"
    every(0.3, lambda: call.stage.server.logged(deregistered, agentName=call.agent_name), "the worker to be gone")
    call.place()


def place_name_with_a_space(call: PlacedCall) -> None:
    call.agent_name = f"{call.agent_name} "
    call.place()


def place_look_alike_name(call: PlacedCall) -> None:
    """A Cyrillic letter for a Latin one, as a copied name may have."""
    letter = next(letter for letter in call.agent_name if letter in LOOK_ALIKES)
    call.agent_name = call.agent_name.replace(letter, LOOK_ALIKES[letter], 1)
    call.place()


def place_request_slow(call: PlacedCall) -> None:
    call.place(Mode.REQUEST_SLOW, 6)


def place_room_closed_by_its_empty_timeout(call: PlacedCall) -> None:
    """Nobody came: neither the agent nor the phone."""
    call.log("call_requested")
    call.open_room(empty_timeout=4)
    call.log("room_created", room_name=call.room)
    every(1, lambda: not call.edge.rooms(call.room), "the room to close")


def place_worker_on_other_server(call: PlacedCall) -> None:
    call.without_worker()
    worker = Worker(call.doctor.folder, call.stage.other_server, WorkerSettings(call.agent_name, Mode.REQUEST_REJECTS))
    call.workers = [call.stack.enter_context(worker)]
    call.place()


def place_worker_never_connected(call: PlacedCall) -> None:
    """Its endpoint answers all the same (design fact 14)."""
    call.without_worker()
    worker = Worker(call.doctor.folder, call.stage.server, WorkerSettings(call.agent_name, Mode.REQUEST_REJECTS))
    call.stack.callback(worker.stop)
    call.workers = [worker.start({"LIVEKIT_URL": f"ws://127.0.0.1:{free_port()}"})]
    worker.wait_for_log("failed to connect to livekit")
    call.configure(workers=[{"url": worker.http_url}])
    call.place()


def place_worker_drains(call: PlacedCall) -> None:
    """It finishes another call, and takes no new one."""
    call.without_worker()
    worker = start_worker(call, Mode.HEALTHY)
    call.other_rooms.append(call.names.room())
    call.dispatch(room=call.other_rooms[0])
    call.edge.wait_for_agent(call.other_rooms[0])
    os.kill(worker.pid, signal.SIGTERM)
    worker.wait_for_log("draining worker")
    call.place()


def place_other_deployment(call: PlacedCall) -> None:
    call.without_worker()
    start_worker(call, Mode.REQUEST_REJECTS, deployment="blue")
    call.place()


def place_other_job_type(call: PlacedCall) -> None:
    """The phone never publishes, so that the worker is never asked."""
    call.without_worker()
    start_worker(call, Mode.REQUEST_REJECTS, job_kind=JobKind.PUBLISHER)
    call.place()


def place_worker_frozen(call: PlacedCall) -> None:
    call.without_worker()
    start_worker(call, Mode.REQUEST_REJECTS).freeze()
    call.place()


def place_stray_worker(call: PlacedCall) -> None:
    """Somebody else's worker runs under the name, and the team's own is full at that moment."""
    call.without_worker()
    start_worker(call, Mode.NEVER_CONNECTS)
    busy = call.doctor.folder / "busy"
    busy.touch()
    own = start_worker(call, Mode.AT_CAPACITY, full_while=str(busy))
    own.wait_for_log("worker is at full capacity, marking as unavailable")
    call.configure(workers=[{"url": own.http_url}])
    call.place()
    assert call.edge.wait_for_job(call.room).state.worker_id != own.worker_id
    busy.unlink()
    own.wait_for_log("worker is below capacity, marking as available")


def place_no_media(call: PlacedCall) -> None:
    call.place(Mode.NO_MEDIA)
    call.edge.wait_for_agent(call.room)  # it is JOINED for 15 s
    call.follow()
    # A second try may be JOINING for the minute after which the server removes it.
    call.settled = lambda: not call.edge.agent(call.room)


def place_no_process(call: PlacedCall) -> None:
    call.without_worker()
    start_worker(call, Mode.NO_PROCESS)
    call.place()


def place_room_never_created(call: PlacedCall) -> None:
    """The edge function fails before its CreateRoom. It would not wait for an answer of the phone."""
    call.configure(flow={"allowances": {"sip_answered": {"slow_after": 1, "broken_after": 2}}})
    call.log("call_requested", room_name=call.room)


def place_blocks_loop(call: PlacedCall) -> None:
    call.allowance = KILLED_AFTER
    call.place(Mode.BLOCKS_LOOP)


def place_near_miss_name(call: PlacedCall) -> None:
    call.configure(workers=[{"url": call.stage.agent.http_url}])
    call.agent_name = call.agent_name.swapcase()
    call.place()


def place_leaves_early(call: PlacedCall) -> None:
    call.place(Mode.LEAVES_EARLY, 600, status="ringing")
    agent = call.edge.wait_for_agent(call.room)
    call.follow()
    call.edge.set_attributes(call.room, agent.identity, {"lab.leave": "now"})
    every(1, lambda: not call.edge.agent(call.room), "the agent to leave")


def place_leaves_at_the_answer(call: PlacedCall) -> None:
    """All is well until then, and the phone stays alone."""
    phone = call.place(Mode.LEAVES_EARLY, 600, status="ringing")
    agent = call.edge.wait_for_agent(call.room, audio=True)
    phone.answer()
    call.log("sip_answered")
    call.edge.set_attributes(call.room, agent.identity, {"lab.leave": "now"})
    every(1, lambda: not call.edge.agent(call.room), "the agent to leave")


def place_silent_beside_a_heard_phone(call: PlacedCall) -> None:
    call.log("call_requested")
    call.open_room()
    call.log("room_created")
    call.dispatch(Mode.SILENT)
    call.log("agent_dispatched")
    phone = call.phone("ringing", audio=True)
    call.log("sip_participant_created")
    call.edge.wait_for_agent(call.room)
    call.follow()
    phone.answer()
    call.log("sip_answered")
    every(1, lambda: call.edge.phone(call.room, audio=True), "the phone to be heard")


def place_silent(call: PlacedCall) -> None:
    phone = call.place(Mode(call.fault.name), status="ringing")
    call.edge.wait_for_agent(call.room)
    call.follow()
    phone.answer()
    call.log("sip_answered")
    if "followed_late" in call.fault.looks:
        call.follow("followed_late")


place_muted = place_silent


def place_no_dispatch(call: PlacedCall) -> None:
    call.open_room()
    call.log("room_created")
    call.phone()
    call.log("sip_participant_created")


def place_dispatched_to_similar_room(call: PlacedCall) -> None:
    place_no_dispatch(call)
    call.other_rooms.append(call.room.swapcase())
    call.dispatch(room=call.other_rooms[0])
    call.log("agent_dispatched")


def place_dispatched_to_logged_room(call: PlacedCall) -> None:
    place_no_dispatch(call)
    call.other_rooms.append(call.names.room())
    dispatch = call.dispatch(room=call.other_rooms[0])
    call.log("agent_dispatched", dispatch_id=dispatch.id)


def place_agents_ignored(call: PlacedCall) -> None:
    call.phone()
    call.log("sip_participant_created")
    time.sleep(2 * CREATED_AT_ONCE.total_seconds())  # else it could be the one that opened the room
    call.open_room(call.agent_name)
    call.log("room_created", agents=[call.agent_name])


def place_only_dispatch_deleted(call: PlacedCall) -> None:
    open_and_delete(call, lambda: call.open_room(call.agent_name))
    call.log("room_created", "agent_dispatched")
    call.phone()
    call.log("sip_participant_created")


def place_logged_dispatch_deleted(call: PlacedCall) -> None:
    def dispatch() -> None:
        call.open_room()
        call.dispatch()

    deleted = open_and_delete(call, dispatch)
    call.log("room_created")
    call.phone()
    call.log("sip_participant_created")
    call.log("agent_dispatched", dispatch_id=deleted.id)


def place_dispatch_deleted_near_the_end(call: PlacedCall) -> None:
    """In the middle of the talk: the server removes the agent, and the phone stays alone."""
    phone = call.place(status="ringing")
    call.edge.wait_for_agent(call.room, audio=True)
    phone.answer()
    call.log("sip_answered")
    (dispatch,) = [one for one in call.edge.dispatches(call.room) if one.agent_name]
    call.edge.delete_dispatch(dispatch)
    every(1, lambda: not call.edge.agent(call.room), "the agent to be removed")


def open_and_delete(call: PlacedCall, dispatched: Callable[[], object]) -> api.AgentDispatch:
    """The dispatch is deleted before the server says that it has no worker, 0 to 5 s later: that would break it."""
    for _ in range(20):
        call.without_worker()
        dispatched()
        dispatch = next(one for one in call.edge.dispatches(call.room) if one.agent_name == call.agent_name)
        call.edge.delete_dispatch(dispatch)
        if not call.stage.server.logged("not dispatching agent job since no worker is available", room=call.room):
            return dispatch
        call.edge.delete_room(call.room)
        call.room = call.names.room()
        time.sleep(0.5)
    raise AssertionError("the server always says at once that it has no worker")


def place_inbound_rule_without_agent(call: PlacedCall) -> None:
    trunk = call.edge.create_inbound_trunk(api.SIPInboundTrunkInfo(name="in", numbers=[call.names.number()]))
    individual = api.SIPDispatchRuleIndividual(room_prefix="call-")
    rule = call.edge.create_rule(
        api.SIPDispatchRuleInfo(
            trunk_ids=[trunk.sip_trunk_id], rule=api.SIPDispatchRule(dispatch_rule_individual=individual)
        )
    )
    call.phone("ringing", call=Call(rule_id=rule.sip_dispatch_rule_id))
    call.log("sip_participant_created")


def place_two_agents(call: PlacedCall) -> None:
    call.open_room(call.agent_name)
    call.dispatch()
    call.log("room_created", "agent_dispatched")
    call.phone()
    call.log("sip_participant_created")
    until(lambda: sum(bool(one.tracks) for one in call.edge.participants(call.room)) == 2, what="two agents")


def place_dialing_for_ever(call: PlacedCall) -> None:
    call.allowance = RINGING_ALLOWANCE
    call.place(status="dialing")
    call.edge.wait_for_agent(call.room)


def place_dialing_then_gone(call: PlacedCall) -> None:
    phone = call.place(status="dialing", departure_timeout=600)
    call.edge.wait_for_agent(call.room)
    call.follow()
    phone.leave()


def place_ringing_then_gone(call: PlacedCall) -> None:
    phone = call.place(status="dialing", departure_timeout=600)
    call.edge.wait_for_agent(call.room)
    phone.ring()
    call.follow()
    phone.leave()


def place_no_sip(call: PlacedCall) -> None:
    call.open_room()
    call.dispatch()
    call.log("room_created", "agent_dispatched")
    call.edge.wait_for_agent(call.room)


def place_no_worker_and_no_response(call: PlacedCall) -> None:
    call.allowance = RINGING_ALLOWANCE
    call.without_worker()
    call.place(status="dialing")


# All of them at once


@pytest.fixture(scope="module")
def stages(
    lab_folder: Path, livekit: LiveKitServer, livekit_without_redis: LiveKitServer, database: Database
) -> Iterator[dict[bool, Stage]]:
    """The lab's server, and one without SIP; by whether SIP is missing."""
    names = Names(secrets.token_hex(4))
    with ExitStack() as stack:
        stages = {}
        for server, other in ((livekit, livekit_without_redis), (livekit_without_redis, livekit)):
            settings = WorkerSettings(names.agent(), call_logs_dsn=database.dsn)
            agent = Worker(lab_folder, server, settings).start()
            stack.callback(agent.stop)
            stages[server is livekit_without_redis] = Stage(server, Edge(server), agent, other)
        for stage in stages.values():
            stage.agent.wait_until_registered()
        yield stages
        for stage in stages.values():
            stage.edge.delete_everything()
            stage.edge.close()


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    fresh = postgres.create_database()
    yield fresh
    fresh.drop()


@pytest.fixture(scope="module")
def calls(
    request: pytest.FixtureRequest,
    stages: dict[bool, Stage],
    database: Database,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[PlacedCall]]]:
    """The call of each fault that is tested, placed and traced, by the fault's name. All begin at once."""
    items = [item for item in request.session.items if isinstance(item, pytest.Function) and item.path == request.path]
    faults = {item.callspec.params["fault"] for item in items if hasattr(item, "callspec")} or {FAULTS[0]}
    names = random_names()
    placing = threading.Semaphore(4)
    folders = {fault.name: tmp_path_factory.mktemp(fault.name) for fault in faults}
    with ExitStack() as stack:
        looking, pool = (stack.enter_context(ThreadPoolExecutor(most)) for most in (LOOKS_AT_ONCE, len(faults)))

        def open_call(fault: Fault) -> PlacedCall:
            stage = stages[fault.name == "no_sip"]
            doctor = Doctor(folders[fault.name], stage.server, database)
            of_call = stack.enter_context(ExitStack())
            with placing:
                call = PlacedCall(stage, fault, names(fault.name), database, doctor, of_call, looking)
                place(call)
            call.look_while_open()
            return call

        def close_call(opened: Future[PlacedCall]) -> PlacedCall:
            call = opened.result()
            call.look_when_closed()
            return call

        opened = {fault.name: pool.submit(open_call, fault) for fault in FAULTS if fault in faults}
        wait(opened.values())  # while a room closes, nothing can be said of the dispatches in it
        yield {name: pool.submit(close_call, one) for name, one in opened.items()}


@pytest.fixture
def ran(request: pytest.FixtureRequest, calls: dict[str, Future[PlacedCall]]) -> Ran:
    fault, look = request.param
    ran = calls[fault.name].result().ran[look]
    return ran.result() if isinstance(ran, Running) else ran


@pytest.mark.parametrize(
    ("fault", "look", "ran"),
    [pytest.param(f, look, (f, look), id=f"{f.name}-{look}") for f, look in LOOKS if look in f.looks],
    indirect=["ran"],
)
def test_fault(fault: Fault, look: str, ran: Ran) -> None:
    expected, said = fault.looks[look], ran.json
    verdict = expected if expected in STATUS else "broken"
    assert (said["verdict"], ran.status) == (verdict, STATUS[verdict]), ran.stdout
    if verdict == "broken":
        breaks = [one.split() for one in expected.split(" + ")]
        assert [[one["step"], one["code"]] for one in said["broken"]] == [one[:2] for one in breaks], ran.stdout
        for broken, (_, _, least) in zip(said["broken"], breaks, strict=True):
            assert Confidence(broken["confidence"]).rank <= Confidence(least).rank, ran.stdout
            assert broken["because"]
            assert broken["fix"]
    if look in ("api", "rows") and fault.name in WARNED:
        assert WARNED[fault.name] in {warning["code"] for warning in said["warnings"]}, ran.stdout
    assert_no_other_fault(fault, ran)


def test_forked_runs_say_what_the_command_line_says(calls: dict[str, Future[PlacedCall]], tmp_path: Path) -> None:
    """The double against the real thing."""
    call = next(iter(calls.values())).result()
    doctor = Doctor(tmp_path, call.stage.server, call.database)
    doctor.configure({"agent": {"name": call.agent_name}})
    process = doctor.popen("trace", call.call_id, "--format", "json")
    stdout, stderr = process.communicate(timeout=180)
    real, forked = Ran(process.returncode, stdout, stderr), doctor.trace(call.call_id)
    assert (real.status, real.stderr, real.primary) == (forked.status, forked.stderr, forked.primary)
    assert real.json.keys() == forked.json.keys()
    assert real.json["timeline"] == forked.json["timeline"]


def assert_no_other_fault(fault: Fault, ran: Ran) -> None:
    """Above `possible` there is no exact code but the fault's own, and the truth is never excluded."""
    for broken in ran.json["broken"]:
        code = broken["code"]
        exact = not catalogue.get(code).broad and broken["confidence"] != Confidence.POSSIBLE
        assert code in fault.truth or not exact, ran.stdout
        assert fault.truth & {code, *broken["candidates"]}, f"{fault.truth} excluded: {ran.stdout}"
    assert not fault.truth & {item["code"] for item in ran.json["ruled_out"]}, ran.stdout
