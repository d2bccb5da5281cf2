"""A worker's own HTTP endpoint: its name, type, SDK version and load (design fact 14).

It answers while the worker is still failing to connect, so it never proves registration.
"""

import asyncio
import math
import ssl
from collections.abc import Iterable

import msgspec

from livekit_doctor.decoding import from_json
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.connection_errors import cause
from livekit_doctor.evidence.foreign_answers import asks_for_login, redirect_target
from livekit_doctor.evidence.http_client import Answer, HttpClient, checked
from livekit_doctor.evidence.observations import Coverage, Problem, Read, Reading, WorkerEndpoint
from livekit_doctor.evidence.reading import combine, utc_now
from livekit_doctor.known_secrets import shown_url
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import Worker

LIMIT = 64 * 1024
"""Bytes that are read of an answer."""
SHOWN = 200
"""Characters that are kept of a text."""


async def read_all(workers: Iterable[Worker]) -> Reading:
    """The endpoints, all at once. Never raises."""
    async with HttpClient() as http:
        return combine(await asyncio.gather(*(read(worker, http) for worker in workers)))


async def read(worker: Worker, http: HttpClient) -> Reading:
    """GET `/` and `/worker`, at once. Never raises; what is not a worker is unread, LKD106."""
    url = shown_url(worker.url.rstrip("/"))
    source = f"{sources.WORKER_ENDPOINT} {url}"
    try:
        observation = await _read(worker, url, http)
    except _NotRead as error:
        problem = Problem(code="LKD106", message=redact_text(f"worker {url}: {error}"), values={"worker_url": url})
        return Reading(coverage=(Coverage(source=source, status="unread", problem=problem),))
    return Reading(observations=(observation,), coverage=(Coverage(source=source, status="read"),))


class _NotRead(Exception):
    """Why, in one line."""


def _text(answer: Answer) -> str:
    return redact_text(" ".join(answer.body.decode(errors="replace").split()))[:SHOWN]


class _WorkerInfo(msgspec.Struct):
    """WorkerInfo of livekit-protocol as livekit-agents 1.8.9 sends it: zero values are left out.

    Older versions have no `protocol_version`, and no load.
    """

    worker_type: str = ""
    agent_name: str = ""
    sdk_version: str = ""
    active_jobs: float = 0.0
    worker_load: float | None = None
    protocol_version: int = 0

    @property
    def load(self) -> float | None:
        load = 0.0 if self.worker_load is None and self.protocol_version else self.worker_load
        return load if load is not None and math.isfinite(load) else None


async def _read(worker: Worker, url: str, http: HttpClient) -> WorkerEndpoint:
    base = worker.url.rstrip("/")
    try:
        checked(base)
    except ValueError:
        raise _NotRead("this is not an HTTP URL; a worker's endpoint is such as http://10.0.0.7:8081") from None
    asked = (http.request("GET", f"{base}{path}", limit=LIMIT, within=worker.timeout) for path in ("/", "/worker"))
    health, info = await asyncio.gather(*asked, return_exceptions=True)
    for answer in (health, info):
        if isinstance(answer, BaseException):
            raise _NotRead(_why(base, answer, worker.timeout)) from answer
    assert isinstance(health, Answer)
    assert isinstance(info, Answer)
    found = _worker_info(f"{base}/worker", info)
    return WorkerEndpoint(
        read=Read(source=f"{sources.WORKER_ENDPOINT} {url}", at=utc_now()),
        url=url,
        status=health.status,
        agent_name=found.agent_name,
        worker_type=found.worker_type[:SHOWN],
        sdk_version=found.sdk_version[:SHOWN],
        load=found.load,
        active_jobs=round(found.active_jobs) if math.isfinite(found.active_jobs) else None,
        message="" if health.status == 200 else _text(health),
    )


def _worker_info(asked: str, answer: Answer) -> _WorkerInfo:
    if target := redirect_target(asked, answer):
        raise _NotRead(
            f"it answers HTTP {answer.status}, which leads to {target}: give that address, if it is the worker's"
        )
    if asks_for_login(answer):
        raise _NotRead(
            f"it answers HTTP {answer.status}: something in front of the worker asks for a login; give it in the url, "
            "http://USER:${PASSWORD}@HOST:PORT"
        )
    if answer.status != 200:
        raise _NotRead(f"something else answers there: /worker gives HTTP {answer.status}, {_text(answer)[:60]!r}")
    try:
        found = from_json(answer.body, _WorkerInfo)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        found = _WorkerInfo()
    if not (found.worker_type or found.sdk_version):
        raise _NotRead(
            f"something else answers there: /worker is not a LiveKit worker's JSON, it begins {_text(answer)[:60]!r}"
        )
    return found


def _why(url: str, error: BaseException, timeout: float) -> str:
    if isinstance(error, TimeoutError):
        return f"no answer within {timeout:g} s: a firewall, or the worker is frozen"
    if isinstance(error.__cause__, ssl.SSLError):
        return f"TLS failed: {error}; a worker's own endpoint is plain http://"
    if isinstance(error, OSError | ValueError):
        return cause(url, error, timeout)[1]
    if isinstance(error, Exception):
        return f"{type(error).__name__}: {error}"
    raise error
