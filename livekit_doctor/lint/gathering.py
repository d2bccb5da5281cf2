"""All the facts of a project: each file read, each function walked."""

import os
import re
from collections.abc import Iterable, Iterator

from livekit_doctor import lazy_re
from livekit_doctor.lint import sip_files
from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.blocking import BlockingReader
from livekit_doctor.lint.bodies import Body, bodies_of
from livekit_doctor.lint.deployment import DeploymentReader
from livekit_doctor.lint.facts import (
    Facts,
    Flow,
    Mention,
    Worker,
)
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.imports import PYTHON, SCRIPTS
from livekit_doctor.lint.project import Project
from livekit_doctor.lint.recognising import WORKERS, Recogniser
from livekit_doctor.lint.scopes import Bound, Scope
from livekit_doctor.lint.walking import Interest, Walker
from livekit_doctor.lint.workers import WorkerReader

_DISPATCHES = lazy_re.compile(r"dispatch|agentName|agent_name|agents", re.IGNORECASE)


def gather(project: Project, table: str) -> Facts:
    """`table` is the name of the call state logs."""
    follower = Follower(project)
    recogniser = Recogniser(follower, table)
    modules = [(scope, bodies_of(scope, follower)) for scope in _modules(project, follower)]
    bodies = [body for _, some in modules for body in some]
    walker = Walker(follower, recogniser, Interest(bodies, follower, recogniser))
    flows = tuple(_flows(walker, modules))
    blocks = BlockingReader(follower)
    readers = [WorkerReader(follower, blocks, scope).read(some) for scope, some in modules]
    workers = [worker for reader in readers for worker in reader.workers]
    deployment = DeploymentReader({os.path.basename(worker.place.path) for worker in workers}, project.texts)
    for path, text in project.deployment.items():
        deployment.read(path, text)
    return Facts(
        workers=tuple(workers),
        flows=flows,
        mentions=tuple(_mentions(bodies, project, follower, recogniser)),
        swapped=tuple(recogniser.swapped.values()),
        prewarms=tuple(dict.fromkeys(one for reader in readers for one in reader.prewarms)),
        handlers=tuple(dict.fromkeys(one for reader in readers for one in reader.handlers)),
        blocking=tuple(dict.fromkeys(one for reader in readers for one in reader.blocking)),
        starts=tuple(deployment.starts),
        no_grace=deployment.no_grace,
        environment=tuple(deployment.environment),
        unfollowed=tuple(walker.unfollowed.values()),
        unread=tuple(one.path for one in project.skipped if one.path.endswith((*PYTHON, *SCRIPTS))),
        named_in=tuple(_named_in(project, workers)),
    )


def _modules(project: Project, follower: Follower) -> Iterator[Scope]:
    """Of the files whose text speaks of LiveKit or the log, and of those that import them."""
    for source in (*project.speaking(), *project.importing()):
        scope = follower.module(source.path)
        if scope is not None:
            yield scope


def _flows(walker: Walker, modules: list[tuple[Scope, tuple[Body, ...]]]) -> Iterator[Flow]:
    """Of each module, and of each function that is in no caller's flow."""
    found: list[tuple[int, Flow | None]] = []
    for scope, bodies in modules:
        found.append((0, walker.flow_of_module(scope)))
        for body in bodies:
            if body.function is not None:
                found.append((id(body.function), walker.flow(body.function, body.defined, body.owner)))
    for id_, flow in found:
        if flow is not None and flow.events and id_ not in walker.inlined:
            yield flow


def _mentions(bodies: list[Body], project: Project, follower: Follower, recogniser: Recogniser) -> Iterator[Mention]:
    own = set(_options(bodies, follower))
    for body in bodies:
        for expression in (*body.calls, *body.objects):
            if id(expression) not in own:
                yield from recogniser.mentions(expression, body.scope)
    for path, text in project.texts.items():
        yield from sip_files.mentions(path, text)


def _options(bodies: Iterable[Body], follower: Follower) -> Iterator[int]:
    """The options of workers, which name them, and are no mention of a name."""
    for body in bodies:
        for call in body.calls:
            if s.name_of(call.function) in WORKERS:
                given = (*call.arguments, *(value for key, value in call.named if not key))
                yield from (id(follower.resolve(Bound(one, body.scope)).expression) for one in given)


def _named_in(project: Project, workers: list[Worker]) -> Iterator[tuple[str, str]]:
    names = {worker.agent_name.text for worker in workers if worker.agent_name is not None}
    for name in sorted(filter(None, names)):
        for path, text in project.texts.items():
            if name in text and _DISPATCHES.search(text):
                yield name, path
