"""Requests that livekit-server refused, and whose each was: the caller's, a worker's or a participant's.

The server's own log tells by the path of the request (livekit-server 1.13.5 and 1.13.11, pkg/service: `/agent` is where
workers register, `/rtc` and `/whip` where participants join, `/twirp/` the API); an error that the API answered, and
somebody pasted, or a row quotes, is the caller's.
"""

from collections.abc import Iterator
from enum import StrEnum, auto

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.dial_errors import is_of_sdk, refused_in
from livekit_doctor.diagnosis.row_answers import shown_error, words_of_failure
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.states import request_of, says_failed, says_phone_failed
from livekit_doctor.diagnosis.times import CONNECTION_TRIES
from livekit_doctor.evidence import sources
from livekit_doctor.evidence.observations import ApiRefusal, LogLine, LogRow


class Requester(StrEnum):
    CALLER = auto()
    """The program that places the calls."""
    WORKER = auto()
    PARTICIPANT = auto()
    """Whoever joins a room with a token: a browser, or an agent with a token of its own. What the server gives to a job
    and to livekit-sip, it signs itself."""


_PATHS = (("/agent", Requester.WORKER), ("/rtc", Requester.PARTICIPANT), ("/whip", Requester.PARTICIPANT))


def requester_of(line: LogLine) -> Requester:
    """Whose request it was that a line of the server's log is about, by its path."""
    path = line.fields.get("path", "")
    return next((who for beginning, who in _PATHS if f"{path}/".startswith(f"{beginning}/")), Requester.CALLER)


def refused_calls(call: Call) -> Iterator[ApiRefusal]:
    """The errors that the API answered to the program that places the calls, whoever tells of them."""
    return (item for item in _refusals(call) if _may_place(item))


def _may_place(item: ApiRefusal) -> bool:
    """Whether the request may be one that places the call, or looks at what that needs: not that of a recording, or of
    what is done to somebody who is there. In a worker's log, whose agent may ask for anything, it must be named."""
    in_worker = item.read.source.startswith(sources.WORKER_LOG)
    return item.method in _OF_PLACING if item.method else not in_worker


def _refusals(call: Call) -> Iterator[ApiRefusal]:
    yield from call.setup.all(ApiRefusal)
    failed = [row for row in call.rows_of_no_step(says_failed) if call.may_dial(row.source)]
    yield from filter(None, (_of_row(row, last=row is failed[-1]) for row in failed))
    for line in call.component_logs.requests:
        if _status(line) >= 400 and line.fields.get("service") != "SIP":
            yield _refusal(line, line.message.rpartition(".")[2])
    for line in call.component_logs.anywhere(Said.REQUEST_REFUSED):
        # Of a whole log nobody picked what is about the call: it may be anybody who looks.
        if requester_of(line) is Requester.CALLER and (line.read.excerpt or _method(line) in _PLACES):
            yield _refusal(line, _method(line))


def _of_row(row: LogRow, *, last: bool) -> ApiRefusal | None:
    """What LiveKit answered, by the error of a row whose state says that a request to place the call failed. Where it
    does not say which, the error has to be one that LiveKit's SDKs print. What is said of a dial, `answers` has, but
    that it did not get through, of the `last` failure."""
    method, text = request_of(row.state), shown_error(row) or words_of_failure(row)
    code, status = refused_in(row.metadata)
    of_dial = method == "CreateSIPParticipant"
    unreached = method and _UNREACHED.search(text) and (last or not of_dial)
    anything = says_phone_failed(row.state) and is_of_sdk(row.metadata) and (code or status)
    if (of_dial and not unreached) or not (method or anything):
        return None
    return ApiRefusal(read=row.read, at=row.at, method=method, status=status, twirp_code=code, message=text)


_UNREACHED = lazy_re.compile(
    r"ENOTFOUND|EAI_AGAIN|ECONNREFUSED|getaddrinfo|ClientConnector\w*Error|Connect call failed"
)
"""How Node and Python tell that they did not get through; livekit-sip, which is written in Go, has other words."""


def _refusal(line: LogLine, method: str) -> ApiRefusal:
    return ApiRefusal(
        read=line.read,
        at=line.at,
        method=method,
        status=_status(line),
        twirp_code=line.fields.get("code", ""),
        message=line.fields.get("error", ""),
    )


_PLACES = ("CreateRoom", "CreateDispatch", "CreateSIPParticipant")
_OF_PLACING = (*_PLACES, "ListRooms", "ListDispatch")


def _method(line: LogLine) -> str:
    return line.fields.get("path", "").rpartition("/")[2]


def refused_logins(call: Call) -> tuple[LogLine, ...]:
    """The registrations of workers that the server's log says it refused at about the time of the dispatch, oldest
    first. Which worker it was, it does not say: one that registered after that in the same log has got in."""
    logs = call.component_logs
    came = [line for line in logs.registrations(call.wanted_agent) if line.log == "server"]
    return tuple(
        line
        for line in logs.anywhere(Said.REQUEST_REFUSED)
        if requester_of(line) is Requester.WORKER and _status(line) == 401 and _may_be_of(call, line)
        if not any(one.file == line.file and one.order > line.order for one in came)
    )


def _may_be_of(call: Call, line: LogLine) -> bool:
    """Whether it was at about the time of the call, or somebody picked it for that."""
    began = call.known_since
    if began is None or line.at is None:
        return line.read.excerpt
    return abs(line.at - began) <= CONNECTION_TRIES


def _status(line: LogLine) -> int:
    status = line.fields.get("status", "")
    return int(status) if status.isdecimal() else 0


_KINDS = (
    ("time", ("expired", "not valid yet", "used before issued")),
    ("key", ("API key",)),
    ("secret", ("signature", "cryptographic primitive")),
    ("grant", ("permission", "grant")),
)
"""By the words of livekit-server, of go-jose and of golang-jwt."""


def kind_of_refusal(words: str) -> str:
    """What is wrong with the credentials: the key, its secret, a grant or the time; empty where the words do not
    say."""
    return next((kind for kind, texts in _KINDS if any(text in words for text in texts)), "")
