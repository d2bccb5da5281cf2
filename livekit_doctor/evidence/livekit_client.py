"""One request to the LiveKit server API, with what livekit-api does not hand out.

livekit-api drops the text of a 401 and the `Date` header, signs tokens for 6 h and replays
POSTs to other regions (design facts 26 and 27); and to import it takes four times as long as this
tool's own work. This client keeps the first two, signs for minutes with the least grant, and never
replays anything but a list for which it was told to come back (Retry-After). Messages are livekit-protocol's.
"""

import asyncio
import datetime as dt
import email.utils
import hmac
import json
import time
from base64 import urlsafe_b64encode
from typing import TYPE_CHECKING, Generic, Self, TypeVar
from urllib.parse import urlsplit, urlunsplit

from google.protobuf.message import DecodeError, Message
from msgspec import Struct

from livekit_doctor.evidence.connection_errors import unreachable
from livekit_doctor.evidence.foreign_answers import asks_for_login, foreign, is_page, retry_after, waiting
from livekit_doctor.evidence.http_client import Answer, HttpClient
from livekit_doctor.evidence.observations import Problem, Read
from livekit_doctor.evidence.reading import utc_now
from livekit_doctor.known_secrets import shown_url
from livekit_doctor.redact import redact_text
from livekit_doctor.settings import LiveKit

if TYPE_CHECKING:
    from collections.abc import Mapping

M = TypeVar("M", bound=Message)

TOKEN_TTL = 120
"""Seconds."""
LATEST = dt.datetime(2200, 1, 1, tzinfo=dt.UTC)
"""Later times are of another unit, or garbage; near the year 10000 no age could be reckoned from them."""
LIMIT = 64 << 20
"""Bytes that are read of an answer: of ten thousand rooms, each with the most metadata that is usual."""
NO_SIP = ("redis required", "no response from servers")


class ApiError(Exception):
    """A request that was refused or never answered, as a Problem for coverage.

    `answer` is what the server said, None where it said nothing.
    """

    def __init__(self, method: str, problem: Problem, answer: "Refusal | None" = None) -> None:
        super().__init__(f"{method}: {problem.message}")
        self.method = method
        self.problem = problem
        self.answer = answer

    @property
    def status(self) -> int:
        """HTTP status, 0 where there was no answer."""
        return self.answer.status if self.answer else 0

    @property
    def twirp_code(self) -> str:
        """The server's own error code, empty where there was no such answer."""
        return self.answer.twirp_code if self.answer else ""


class Refusal(Struct, frozen=True):
    """An error answer, secrets removed. `meta` are Twirp's, all text."""

    status: int
    twirp_code: str
    message: str
    meta: "Mapping[str, str]"
    read: Read


class Reply(Struct, Generic[M], frozen=True):
    message: M
    read: Read


def http_url(url: str) -> str:
    """The http(s) form of a ws(s) URL, without a trailing slash."""
    return _of_scheme(url, {"ws": "http", "wss": "https"})


def websocket_url(url: str) -> str:
    """The ws(s) form of an http(s) URL, without a trailing slash."""
    return _of_scheme(url, {"http": "ws", "https": "wss"})


def _of_scheme(url: str, schemes: "Mapping[str, str]") -> str:
    parts = urlsplit(url)
    scheme = schemes.get(parts.scheme, parts.scheme)
    return urlunsplit((scheme, parts.netloc, parts.path, "", "")).rstrip("/")


class LiveKitClient:
    """An async context manager. Methods raise ApiError and nothing else."""

    def __init__(self, settings: LiveKit) -> None:
        if not (settings.url and settings.api_key and settings.api_secret):
            raise ValueError("url, api_key and api_secret must be set")
        self.settings = settings
        self.url: str = shown_url(settings.url)
        """For what is said: there may be a token in the settings' own."""
        self._base = http_url(settings.url)
        self._key: str = settings.api_key
        self._secret: str = settings.api_secret
        self._http = HttpClient()
        self.slowest = 0.0
        """Seconds that an answer has taken at the most until now."""

    async def __aenter__(self) -> Self:
        await self._http.__aenter__()
        return self

    async def __aexit__(self, *error: object) -> None:
        await self._http.__aexit__(*error)

    def token(self, *, sip: bool = False, sip_call: bool = False, **grants: bool | str) -> str:
        """A token of minutes with these grants, such as room_list=True, and no right to publish or subscribe.
        `sip` lists SIP objects, `sip_call` dials."""
        video = {"canPublish": False, "canSubscribe": False, "canPublishData": False}
        claims: dict[str, object] = {"video": video | {_camel_case(name): grant for name, grant in grants.items()}}
        if sip or sip_call:
            claims["sip"] = {"admin": sip, "call": sip_call}
        now = int(time.time())
        return signed({"iss": self._key, "nbf": now, "exp": now + TOKEN_TTL, **claims}, self._secret)

    async def call(
        self, method: str, request: Message, reply: type[M], *, patience: float | None = None, **grants: bool | str
    ) -> Reply[M]:
        """POST one Twirp request. `method` is such as RoomService/ListRooms; `patience` (seconds) is
        for those that take longer than the settings allow; `grants` are those of `token`."""
        name = method.rpartition("/")[2]
        patience = patience or self.settings.timeout
        headers = {
            "Authorization": f"Bearer {self.token(**grants)}",  # type: ignore[arg-type]
            "Content-Type": "application/protobuf",
        }
        url = f"{self._base}/twirp/livekit.{method}"
        content = request.SerializeToString()
        began = time.monotonic()
        try:
            async with asyncio.timeout(patience):
                answer = await self._http.request(
                    "POST", url, headers=headers, body=content, limit=LIMIT, within=patience
                )
                if wait := _worth_waiting(name, answer, patience):
                    await asyncio.sleep(wait)
                    again = self._http.request("POST", url, headers=headers, body=content, limit=LIMIT, within=patience)
                    answer = await again
        except (OSError, ValueError) as error:
            raise ApiError(name, unreachable(self.url, error, patience)) from error
        self.slowest = max(self.slowest, time.monotonic() - began)
        body, read = answer.body, Read(source=name, at=utc_now(), clock_at=_date(answer.headers))
        if answer.is_dropped:
            problem = self._too_big(name)
            raise ApiError(name, problem, Refusal(answer.status, "", problem.message, {}, read))
        if answer.status == 200 and "protobuf" in answer.headers.get("content-type", ""):
            try:
                return Reply(reply.FromString(body), read)
            except DecodeError:
                pass
        raise self._refused(name, url, answer, read)

    def _too_big(self, name: str) -> Problem:
        message = f"{self.url} answered {name} with more than {LIMIT >> 20} MB, which is not what LiveKit says"
        return Problem(code="LKD003", message=message, values={"kind": "protocol"})

    def _refused(self, name: str, url: str, answer: Answer, read: Read) -> ApiError:
        text = redact_text(answer.body.decode(errors="replace")).strip()
        try:
            said = json.loads(text)
            twirp_code, message = str(said["code"]), str(said.get("msg", ""))
            meta = {str(key): str(value) for key, value in dict(said.get("meta") or {}).items()}
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
            twirp_code, message, meta = "", text, {}
        refusal = Refusal(answer.status, twirp_code, message, meta, read)
        where = f"{self.url} answered {name} with HTTP {answer.status}"
        problem = self._explain(name, where, refusal, answer)
        if problem is None:
            kind, why, values = foreign(url, answer)
            joint = " " if why.startswith("which") else (": " if kind == "login" else " and ")
            problem = Problem(code="LKD003", message=f"{where}{joint}{why}", values={"kind": kind, **values})
        return ApiError(name, problem, refusal)

    def _explain(self, name: str, where: str, said: Refusal, answer: Answer) -> Problem | None:
        """What LiveKit itself says with this answer; None where it says nothing."""
        message, read = said.message, said.read
        skew = (read.at - read.now).total_seconds()
        own_401 = said.status == 401 and not said.twirp_code and not asks_for_login(answer)
        if sip_status := said.meta.get("sip_status_code"):
            # The carrier's answer, not the server's: its HTTP status misleads (design fact 21).
            return Problem(code="LKD204", message=f"{where}: SIP status {sip_status} {said.meta.get('sip_status', '')}")
        if said.status == 401 and "token is" in message and abs(skew) > self.settings.clock_tolerance:
            ahead = "ahead of" if skew > 0 else "behind"
            return Problem(
                code="LKD005",
                message=f"this machine's clock is {abs(skew):.0f} s {ahead} the server's, so the server "
                f"refuses the token ({_last(message)}); the credentials may be right",
                values={"detail": f"{abs(skew):.0f} s {ahead} the server"},
            )
        if own_401 or said.twirp_code in ("unauthenticated", "permission_denied"):
            kind, why = _credentials(message, self._key)
            if kind != "grant":
                where = f"{self.url} answered HTTP {said.status}"  # each method would say the same
            return Problem(code="LKD004", message=f"{where}: {why}", values={"kind": kind, "detail": why})
        if said.status == 429 or said.twirp_code == "resource_exhausted":
            own = "" if is_page(answer) else message
            return Problem(code="LKD006", message=f"{where}: {own or 'too many requests'}{waiting(answer)}")
        if "SIP" in name and said.status >= 500 and any(text in message for text in NO_SIP):
            return Problem(code="LKD203", message=f"{where}: {message}")
        if said.twirp_code:
            words = f"{where}: {said.twirp_code}, {message}{waiting(answer)}"
            return Problem(code="LKD003", message=words, values={"kind": "server"})
        return None


def _worth_waiting(name: str, answer: Answer, patience: float) -> float | None:
    """The seconds that an answer asks to wait, where what was asked changes nothing and there is time to ask again."""
    wait = retry_after(answer) if name.startswith("List") and answer.status in (429, 503) else None
    return wait if wait is not None and wait < patience else None


def signed(claims: "Mapping[str, object]", secret: str) -> str:
    """A JSON Web Token by HMAC-SHA256, all that LiveKit asks for. (PyJWT takes 20 ms to import.)"""
    parts = ({"alg": "HS256", "typ": "JWT"}, claims)
    text = ".".join(_base64(json.dumps(part, separators=(",", ":")).encode()) for part in parts)
    return f"{text}.{_base64(hmac.digest(secret.encode(), text.encode(), 'sha256'))}"


def _base64(data: bytes) -> str:
    return urlsafe_b64encode(data).rstrip(b"=").decode()


def _camel_case(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(map(str.capitalize, others))


def _date(headers: "Mapping[str, str]") -> dt.datetime | None:
    try:
        clock = email.utils.parsedate_to_datetime(headers["date"]).astimezone(dt.UTC)
    except (KeyError, ValueError, TypeError, OverflowError):
        return None
    return clock if clock < LATEST else None


def _last(message: str) -> str:
    return message.rpartition(": ")[2]


def _credentials(message: str, key: str) -> tuple[str, str]:
    """The kind of a refusal, and what is wrong."""
    if "invalid API key" in message:
        return "key", f"invalid API key: this server does not know the key {key[:4]}…"
    if "signature is invalid" in message:
        return "secret", f"invalid token, signature is invalid: the secret does not belong to the key {key[:4]}…"
    if "token is expired" in message or "not valid yet" in message:
        return "time", f"{_last(message)}: the token's time is refused though both clocks agree"
    return "grant", message or "credentials rejected"
