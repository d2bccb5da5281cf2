"""A healthy call is never called broken, at any moment of its life.

Calls of every style live in one server at the same time. The command line looks at each again and
again, and in every way whenever something has happened: by the API alone, with the log rows, by the
call id, and by the rows alone. Before the room is there, while the agent is dispatched and the phone
is dialed, while they talk, through hang-up, the lingering room and its closing. Once with the server's
list of agent names cached, once without.
"""

import asyncio
import secrets
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import dataclass, field
from itertools import cycle, islice
from pathlib import Path
from statistics import median
from typing import Any

import pytest
from livekit import api

from tests.lab import twirp
from tests.lab.doctor import Doctor, Ran
from tests.lab.edge import Edge, log_row
from tests.lab.modes import JobKind, Mode, WorkerSettings, job_metadata
from tests.lab.names import Names
from tests.lab.phone import Call, Phone
from tests.lab.servers import Database, LiveKitServer, Postgres, registered_version
from tests.lab.support import PATIENCE
from tests.lab.together import every, random_names
from tests.lab.tokens import access_token
from tests.lab.worker import Worker

pytestmark = pytest.mark.xdist_group("lab_many_calls")  # with test_lab_faults: either fills a small machine

ACTIVE = api.ParticipantInfo.State.ACTIVE
STATUS = {"healthy": 0, "in_progress": 0, "no_fault_seen": 3, "unknown": 3}
WITHOUT_ROWS = {"CALL_LOGS_DATABASE_URL": ""}
WITHOUT_LIVEKIT = {"LIVEKIT_URL": "", "LIVEKIT_API_KEY": "", "LIVEKIT_API_SECRET": ""}

TALKED = 21.0
"""Seconds of a call after the agent has joined and the phone has answered: longer than the
allowance of anything that is counted from there."""

LOOKS = 3
"""How many looks are made at a time."""

GLANCE = 4.0
"""Seconds from one look to the next while nothing happens."""

AT_ONCE = 2.0
"""Seconds from the answer to a dispatch that waits for nothing else: two looks are 3 s apart."""

ON_TIME = 14.0
"""Seconds from the dispatch, or what else starts the job, to the agent: what takes longer is no
healthy call, and is placed again."""

LOST = 40.0
"""Seconds after which an agent does not come any more."""

RUNG = 30.0
"""Seconds after which a phone that is dialed rings at the latest."""

TOGETHER = 2.5
"""Seconds between the agent and the phone, where the agent is the first to leave."""

LISTED = 4.0
"""Seconds after which a job is listed at the latest where the agent names are cached, and at the
earliest where they are not (design fact 10: 0.3 and over 5)."""


class Late(Exception):
    """This machine was too busy for a healthy call."""


@dataclass(frozen=True)
class Style:
    """A way to place calls: what the team does, what the tool may read, and its checks.yaml."""

    live: Callable[["Life"], None]
    looks: tuple[str, ...] = ("api", "rows", "by_call_id", "database")
    settings: Mapping[str, Any] = field(default_factory=dict)
    job_kind: JobKind = JobKind.ROOM


@dataclass(frozen=True)
class Look:
    """One run of the command line, and the moments between which it was made."""

    kind: str
    begun: float
    ended: float
    ran: Ran

    @property
    def verdict(self) -> str:
        return str(self.ran.json["verdict"])


class Crew:
    """A worker, whose calls are placed one after the other: an agent whose process has to wait for
    the start of others is late."""

    def __init__(self, worker: Worker) -> None:
        self.worker, self.turn = worker, threading.Lock()


@dataclass(frozen=True)
class Stage:
    """What all the calls share."""

    server: LiveKitServer
    edge: Edge
    database: Database
    cached: bool
    looking: ThreadPoolExecutor
    """Looks under way at a time; who has waited longest is next."""


class Life:
    """One call from before its room to after it, and what was seen of it."""

    def __init__(self, stage: Stage, crew: Crew, style: Style, names: Names, doctor: Doctor) -> None:
        self.stage, self.edge, self.crew, self.style, self.doctor = stage, stage.edge, crew, style, doctor
        self.room, self.call_id, self.number = names.room(), names.call_id(), names.number()
        self.looks: list[Look] = []
        self.moments: dict[str, float] = {}
        self._happened, self._over = threading.Event(), threading.Event()
        self._things = ExitStack()
        doctor.configure({"agent": {"name": crew.worker.agent_name}, **style.settings})

    def live(self) -> None:
        """The whole of it. Raises Late."""
        watcher = threading.Thread(target=self._watch, daemon=True)
        watcher.start()
        try:
            with self._things:
                self.style.live(self)
                every(1, lambda: not self.edge.rooms(self.room), f"{self.room} to close")
            self.mark("closed")
        finally:
            self._over.set()
            self._happened.set()
            watcher.join(PATIENCE)
        for kind in self.style.looks:
            self.look(kind)

    def mark(self, moment: str) -> None:
        self.moments[moment] = time.monotonic()
        self._happened.set()

    # What the team does

    def take_turn(self) -> None:
        """To be taken shortly before the agent is dispatched; `joined` passes it on."""
        self.turn = self._things.enter_context(ExitStack())
        self.turn.enter_context(self.crew.turn)

    def pause(self, seconds: float) -> None:
        self._over.wait(seconds)

    def log(self, *states: str) -> None:
        for state in states:
            log_row(self.stage.database, self.call_id, state)

    def open_room(self, *agents: api.RoomAgentDispatch) -> None:
        if agents:
            self._before_dispatch()
        self.edge.create_room(self.room, agents)
        self.mark("opened")
        if agents:
            self._after_dispatch()

    def ask(self, mode: Mode | None = None, seconds: float = 0) -> api.RoomAgentDispatch:
        metadata = job_metadata(self.call_id, mode, seconds)
        return api.RoomAgentDispatch(agent_name=self.crew.worker.agent_name, metadata=metadata)

    def dispatch(self, mode: Mode | None = None, seconds: float = 0) -> None:
        self._before_dispatch()
        asked = self.ask(mode, seconds)
        self.edge.create_dispatch(self.room, asked.agent_name, metadata=asked.metadata)
        self._after_dispatch()

    def dispatch_when_answered(self, phone: Phone, after: float = 0) -> None:
        answered = time.monotonic()
        phone.answer()
        self.pause(after)
        self.dispatch()
        if self.moments["dispatched"] - answered > AT_ONCE:
            raise Late("the agent was dispatched long after the answer")

    def _before_dispatch(self) -> None:
        if not self.stage.cached:  # a worker that registers makes the server forget its list of agent names
            asyncio.run(registered_version(self.stage.server))

    def _after_dispatch(self) -> None:
        self.mark("dispatched")
        threading.Thread(target=self._wait_for_job, daemon=True).start()

    def _wait_for_job(self) -> None:
        with suppress(AssertionError):  # the job was lost: `joined` says so
            every(0.2, lambda: self.edge.jobs(self.room), "the job to be listed")
            self.mark("listed")

    def dial(self, status: Any = "dialing", **options: Any) -> Phone:
        options.setdefault("call", Call(number=self.number))
        self.mark("dialed")
        phone = self._things.enter_context(Phone(self.stage.server, self.room, status=status, **options))
        self.moments.setdefault("opened", time.monotonic())
        return phone

    def joined(self) -> None:
        """Waits for the agent."""
        try:
            every(0.2, lambda: (one := self.edge.agent(self.room)) and one.state == ACTIVE, "the agent", LOST)
        except AssertionError as error:
            raise Late(str(error)) from error  # a worker that is asked too late is never asked again (fact 11)
        self.mark("joined")
        started = max(self.moments[one] for one in ("dispatched", "triggered") if one in self.moments)
        self.turn.close()
        if self.moments["joined"] - started > ON_TIME:
            raise Late(f"the agent came after {self.moments['joined'] - started:.0f} s")
        threading.Thread(target=self.look, args=("api",), kwargs={"at_once": True}, daemon=True).start()

    def talk(self, phone: Phone) -> None:
        """The phone rings, is answered, and they talk."""
        phone.ring()
        if time.monotonic() - self.moments["dialed"] > RUNG:
            raise Late("the phone did not ring")
        self.mark("ringing")
        self.pause(2)
        phone.answer()
        self.hold()

    def hold(self) -> None:
        self.mark("talking")
        self.pause(TALKED)
        for kind in self.style.looks:
            self.look(kind, at_once=True)
        self.mark("ending")

    def remove_agent(self) -> None:
        """It is gone at once, as when it had left by itself."""
        joined = self.edge.agent(self.room)
        assert joined
        admin = access_token(self.stage.server, api.VideoGrants(room_admin=True, room=self.room))
        request = {"room": self.room, "identity": joined.identity}
        assert twirp.call(self.stage.server, "RoomService/RemoveParticipant", request, admin).status == 200

    def expect_left_together(self, phone: Phone) -> None:
        """A phone that the agent leaves alone for seconds is no healthy end."""
        left: dict[bool, float] = {}

        def both_left() -> bool:
            for entry in self.stage.server.logged("participant closing", room=self.room):
                left[entry["participant"] == phone.identity] = entry["ts"]
            return len(left) == 2

        every(0.2, both_left, "the agent and the phone to leave")
        if abs(left[True] - left[False]) > TOGETHER:
            raise Late(f"the phone left {left[True] - left[False]:.1f} s after the agent")

    # What the tool says

    def look(self, kind: str, *, at_once: bool = False) -> None:
        """Runs the tool, `at_once` or when it is this call's turn."""
        of_room = ("--room", self.room)
        arguments, env = {
            "api": (of_room, WITHOUT_ROWS),
            "rows": ((self.call_id, *of_room), {}),
            "by_call_id": ((self.call_id,), {}),
            "database": ((self.call_id,), WITHOUT_LIVEKIT),
        }[kind]

        def run() -> Look:
            begun = time.monotonic()
            ran = self.doctor.trace(*arguments, env=env)
            return Look(kind, begun, time.monotonic(), ran)

        self.looks.append(run() if at_once else self.stage.looking.submit(run).result())

    def _watch(self) -> None:
        """Every kind of look at once after whatever happens, and one after the other while nothing does."""
        kinds = cycle(self.style.looks)
        happened = True
        while not self._over.is_set():
            for kind in islice(kinds, len(self.style.looks) if happened else 1):
                self.look(kind)
            happened = self._happened.wait(GLANCE)
            self._happened.clear()

    def between(self, first: str, last: str, kind: str) -> list[Look]:
        """The looks made wholly between two moments."""
        begin, end = self.moments[first], self.moments[last]
        return [look for look in self.looks if look.kind == kind and begin < look.begun and look.ended < end]

    def told(self, look: Look) -> str:
        """When a look was made, and what it said."""
        times = ", ".join(f"{name} {at - look.begun:+.1f} s" for name, at in self.moments.items())
        return f"look {look.kind} of {look.ended - look.begun:.1f} s; {times}\n{look.ran.stdout}"


# The styles


def dispatch_first(life: Life) -> None:
    life.take_turn()
    life.log("call_requested")
    life.open_room()
    life.log("room_created")
    life.pause(2)
    life.dispatch()
    life.log("agent_dispatched")
    phone = life.dial()
    life.log("sip_participant_created")
    life.joined()
    life.talk(phone)
    phone.hang_up()


def phone_first(life: Life) -> None:
    life.take_turn()
    phone = life.dial()
    life.log("sip_participant_created")
    life.pause(3)
    life.dispatch()
    life.log("agent_dispatched")
    life.joined()
    life.talk(phone)
    phone.leave()


def agents_at_creation(life: Life) -> None:
    """No row ever says that the agent was dispatched. At the end the room is deleted."""
    life.take_turn()
    life.log("call_requested")
    life.open_room(life.ask())
    life.log("room_created")
    phone = life.dial()
    life.log("sip_participant_created")
    life.joined()
    life.talk(phone)
    life.edge.delete_room(life.room)


def slow_agent(life: Life) -> None:
    """It joins 12 s after its dispatch. The team says when the phone answers, and when all is over."""
    life.take_turn()
    life.log("call_requested")
    life.open_room()
    life.log("room_created")
    life.dispatch(Mode.SLOW_JOIN, 11)
    life.log("agent_dispatched")
    phone = life.dial()
    life.log("sip_participant_created")
    phone.ring()
    life.joined()
    phone.answer()
    life.log("sip_answered")
    life.hold()
    life.log("call_ended")
    phone.hang_up()


def publisher_agent(life: Life) -> None:
    """Its job begins when the phone publishes."""
    life.take_turn()
    life.open_room()
    life.dispatch()
    life.log("room_created", "agent_dispatched")
    life.pause(2)
    life.mark("triggered")
    phone = life.dial()
    life.log("sip_participant_created")
    life.joined()
    life.talk(phone)
    phone.leave()


def publisher_agent_long_before_the_phone(life: Life) -> None:
    """Dispatched longer ago than any allowance when the phone is dialed."""
    life.take_turn()
    life.open_room()
    life.dispatch()
    life.log("room_created", "agent_dispatched")
    life.pause(17)
    life.mark("triggered")
    phone = life.dial()
    life.log("sip_participant_created")
    life.joined()
    life.talk(phone)
    life.edge.delete_room(life.room)


def inbound(life: Life) -> None:
    """The SIP dispatch rule carries the agent; the phone rings until the agent is heard."""
    life.take_turn()
    life.open_room(life.ask())
    phone = life.dial("ringing", call=Call(number=life.number, rule_id=f"SDR_{secrets.token_hex(6)}"))
    life.joined()
    life.edge.wait_for_agent(life.room, audio=True)
    phone.answer()
    life.hold()
    phone.hang_up()


def wait_until_answered(life: Life) -> None:
    """CreateSIPParticipant(wait_until_answered=True) makes the room; the agent comes after it."""
    phone = life.dial()
    phone.ring()
    life.pause(20)
    life.take_turn()
    life.dispatch_when_answered(phone, after=0.5)
    life.joined()
    life.hold()
    phone.hang_up()


def wait_until_answered_with_rows(life: Life) -> None:
    life.log("call_requested")
    life.open_room()
    life.log("room_created")
    phone = life.dial()
    phone.ring()
    life.pause(20)
    life.take_turn()
    life.dispatch_when_answered(phone)  # at once, however long a row takes
    life.log("sip_participant_created")
    life.log("agent_dispatched")
    life.joined()
    life.hold()
    phone.hang_up()


def agent_dials(life: Life) -> None:
    """The agent dials once it is there, and is gone a moment before the phone is."""
    life.take_turn()
    life.log("call_requested")
    life.open_room()
    life.log("room_created")
    life.dispatch()
    life.log("agent_dispatched")
    life.joined()
    life.pause(4)
    phone = life.dial()
    life.log("sip_participant_created")
    life.talk(phone)
    life.remove_agent()
    phone.leave()
    life.expect_left_together(phone)


PUBLISHER: Mapping[str, Any] = {"job_kind": JobKind.PUBLISHER, "settings": {"agent": {"job_type": "publisher"}}}
STYLES = {
    "dispatch_first": Style(dispatch_first),
    "phone_first": Style(phone_first),
    "agents_at_creation": Style(agents_at_creation),
    "slow_agent": Style(slow_agent),
    "publisher_agent": Style(publisher_agent, **PUBLISHER),
    "publisher_agent_long_before_the_phone": Style(
        publisher_agent_long_before_the_phone, looks=("api", "rows"), **PUBLISHER
    ),
    "inbound": Style(inbound),
    "wait_until_answered": Style(wait_until_answered, looks=("api",)),
    "wait_until_answered_with_rows": Style(wait_until_answered_with_rows),
    "agent_dials": Style(agent_dials, settings={"flow": {"placed_by": "agent"}}),
}


# All of them at once


@pytest.fixture(scope="module")
def database(postgres: Postgres) -> Iterator[Database]:
    fresh = postgres.create_database()
    yield fresh
    fresh.drop()


@pytest.fixture(scope="module")
def crews(lab_folder: Path, livekit: LiveKitServer, database: Database) -> Iterator[list[Crew]]:
    """Two workers for most styles, and one that waits for a phone that publishes."""
    names = Names(secrets.token_hex(4))
    with ExitStack() as stack:
        workers = []
        for kind in (JobKind.ROOM, JobKind.ROOM, JobKind.PUBLISHER):
            settings = WorkerSettings(names.agent(), job_kind=kind, call_logs_dsn=database.dsn)
            worker = Worker(lab_folder, livekit, settings).start()
            stack.callback(worker.stop)
            workers.append(worker)
        yield [Crew(worker.wait_until_registered()) for worker in workers]


@pytest.fixture(
    scope="module",
    params=[pytest.param(True, id="cached"), pytest.param(False, id="not_cached")],
)
def lives(
    request: pytest.FixtureRequest,
    livekit: LiveKitServer,
    database: Database,
    crews: list[Crew],
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[dict[str, Future[Life]]]:
    """A life of each style, by its name. All begin at once."""
    names = random_names()
    edge = Edge(livekit)
    of_kind = {kind: cycle([one for one in crews if one.worker.settings.job_kind is kind]) for kind in JobKind}
    places = {name: (next(of_kind[style.job_kind]), tmp_path_factory.mktemp(name)) for name, style in STYLES.items()}
    with ThreadPoolExecutor(LOOKS) as looking, ThreadPoolExecutor(len(STYLES)) as pool:
        stage = Stage(livekit, edge, database, request.param, looking)
        if stage.cached:
            fill_cache(stage, crews)

        def run(name: str, times: int = 3) -> Life:
            crew, folder = places[name]
            doctor = Doctor(folder, livekit, database)
            life = Life(stage, crew, STYLES[name], names(f"{name} {times}"), doctor)
            try:
                life.live()
            except Late as late:
                print(f"{name}: {late}")
                if times == 1:
                    raise
                return run(name, times - 1)
            return life

        yield {name: pool.submit(run, name) for name in STYLES}
    edge.delete_everything()
    edge.close()


def fill_cache(stage: Stage, crews: list[Crew]) -> None:
    """The list that the server makes for a dispatch holds for a minute, if nobody registers."""
    room = f"filling-{secrets.token_hex(4)}"
    metadata = job_metadata("", Mode.REQUEST_REJECTS)
    stage.edge.create_dispatch(room, crews[0].worker.agent_name, metadata=metadata)
    stage.edge.wait_for_job(room)
    stage.edge.delete_room(room)


@pytest.fixture
def life(request: pytest.FixtureRequest, lives: dict[str, Future[Life]]) -> Life:
    name: str = request.param
    return lives[name].result()


each = pytest.mark.parametrize("life", STYLES, indirect=True)


@each
def test_never_called_broken(life: Life) -> None:
    for look in life.looks:
        assert look.verdict in STATUS, life.told(look)
        assert look.ran.status == STATUS[look.verdict], life.told(look)
    counts = {kind: len([look for look in life.looks if look.kind == kind]) for kind in life.style.looks}
    print(counts, {name: round(at - life.moments["opened"], 1) for name, at in life.moments.items()})


@each
def test_known_while_it_lives(life: Life) -> None:
    for kind in {"api", "rows"} & {*life.style.looks}:
        for look in life.between("opened", "ending", kind):
            assert look.verdict != "unknown", life.told(look)


@each
def test_healthy_in_the_end(life: Life) -> None:
    """While they talk, and once the room is closed, as far as there are rows: these alone show no two together."""
    for kind in life.style.looks:
        talking = life.between("talking", "ending", kind)
        assert talking, f"no look {kind} while they talked"
        expected = ("healthy", "no_fault_seen") if kind == "database" else ("healthy",)
        assert talking[-1].verdict in expected, life.told(talking[-1])
        closed = [look for look in life.looks if look.kind == kind and look.begun > life.moments["closed"]]
        assert closed[-1].verdict in (("unknown",) if kind == "api" else ("healthy", "no_fault_seen")), life.told(
            closed[-1]
        )


def test_the_list_of_agent_names_was_as_meant(lives: dict[str, Future[Life]]) -> None:
    """Design fact 10."""
    all_lives = [future.result() for future in lives.values()]
    moments = {life.style.live.__name__: life.moments for life in all_lives if life.style.job_kind is JobKind.ROOM}
    listed_after = {name: round(times["listed"] - times["dispatched"], 1) for name, times in moments.items()}
    print(listed_after)
    if all_lives[0].stage.cached:  # for most: it holds for a minute
        assert median(listed_after.values()) < LISTED
    else:
        assert min(listed_after.values()) > LISTED


def test_agent_before_its_job_is_listed(lives: dict[str, Future[Life]]) -> None:
    """The agent in the room proves the job that ListDispatch does not show yet."""
    seen = 0
    for life in (future.result() for future in lives.values()):
        for look in life.between("joined", "listed", "api"):
            steps = {step["step"]: step for step in look.ran.json["steps"]}
            assert (steps["agent_connected"]["status"], steps["job_assigned"]["status"]) == ("ok", "ok"), life.told(
                look
            )
            seen += any("implied" in item["text"] for item in steps["job_assigned"]["evidence"])
    assert seen or next(iter(lives.values())).result().stage.cached
