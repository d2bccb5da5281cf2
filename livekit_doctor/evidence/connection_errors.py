"""Why a connection failed or broke, in words, and of which kind: a catalogue's fixes are chosen by the kind.

The kinds follow what a person has to do, not what the system calls the error: a connection that a load balancer
closes, one that breaks in mid-answer and one that never comes about need three different things.
"""

import errno
import os
import socket
import ssl
from urllib.parse import urlsplit

from livekit_doctor.evidence.http_client import (
    ConnectError,
    CutOffError,
    NoAnswerError,
    NotHttpError,
    ProxyError,
)
from livekit_doctor.evidence.observations import Problem
from livekit_doctor.redact import redact_text

_NO_ROUTE = (errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN, errno.EADDRNOTAVAIL)

# OpenSSL's X509_V_ERR_ codes, by what has to be done.
_CERTIFICATES: dict[int, tuple[str, str]] = {
    9: ("certificate_time", "it is not valid yet"),
    10: ("certificate_time", "it has expired"),
    18: ("certificate_issuer", "it is self-signed"),
    19: ("certificate_issuer", "a self-signed certificate is in its chain"),
    20: ("certificate_issuer", "its issuer is not known here"),
    21: ("certificate_issuer", "its issuer's certificate is missing from the chain"),
    62: ("certificate_host", "it is for another host name"),
    64: ("certificate_host", "it is for another address"),
}
_CLOSED = (
    "the connection was closed before any answer: the server behind a proxy or load balancer is down or restarting, "
    "or the port speaks another protocol than HTTP, or TLS only"
)


def unreachable(url: str, error: BaseException, timeout: float) -> Problem:
    """Why a connection failed, each kind with its own words (design fact 26)."""
    kind, why = cause(url, error, timeout)
    return Problem(code="LKD003", message=f"cannot reach {url}: {why}", values={"kind": kind, "detail": why})


def cause(url: str, error: BaseException, timeout: float) -> tuple[str, str]:
    """The kind of a failure, and what is said of it. `timeout` in seconds."""
    connecting = isinstance(error, ConnectError)
    if connecting and error.__cause__ is not None:
        error = error.__cause__
    if isinstance(error, TimeoutError) and error.errno is None:
        return "timeout", f"no answer within {timeout:g} s"
    if isinstance(error, ProxyError):
        return "proxy", str(error)
    if isinstance(error, socket.gaierror):
        return "dns", f"the host name {urlsplit(url).hostname} does not resolve (DNS)"
    if isinstance(error, ssl.SSLError):
        return _tls(url, error)
    if isinstance(error, CutOffError):
        return "cut_off", f"the connection broke in the middle of an answer, {error}"
    if isinstance(error, NotHttpError):
        return "protocol", f"what answers does not speak HTTP; {redact_text(str(error))}"
    if isinstance(error, OSError):
        return _connection(url, error, connecting)
    if isinstance(error, ValueError):
        return "url", "this is not a URL of a server"
    return "other", redact_text(str(error)) or type(error).__name__


def _tls(url: str, error: ssl.SSLError) -> tuple[str, str]:
    host, text = urlsplit(url).netloc, str(error)
    if isinstance(error, ssl.SSLCertVerificationError):
        kind, why = _CERTIFICATES.get(error.verify_code, ("certificate_issuer", error.verify_message))
        said = "" if why == error.verify_message else f" ({error.verify_message})"
        return kind, f"the TLS certificate of {host} is not trusted here: {why}{said}"
    if "WRONG_VERSION_NUMBER" in text or "record layer failure" in text:
        return "tls", f"TLS to a port that does not speak TLS: for a server without TLS the URL is ws://{host}"
    return "tls_failed", f"TLS failed: {text.rpartition(': ')[2]}"


def _connection(url: str, error: OSError, connecting: bool) -> tuple[str, str]:
    """What the system says of a connection. Of several addresses asyncio gives one error, whose text has all."""
    text, secure = str(error), urlsplit(url).scheme in ("wss", "https")

    def is_one(*numbers: int) -> bool:
        return error.errno in numbers or any(f"[Errno {number}]" in text for number in numbers)

    if is_one(errno.ECONNREFUSED):
        return "refused", "connection refused: nothing listens on that port"
    if isinstance(error, NoAnswerError | ConnectionResetError | BrokenPipeError | ConnectionAbortedError):
        if connecting and secure:
            return "tls_failed", "TLS failed: the server closed the connection in the handshake"
        return "closed", _CLOSED
    if is_one(*_NO_ROUTE):
        return "route", f"there is no route from this machine to {urlsplit(url).netloc}"
    if is_one(errno.ETIMEDOUT):
        return "timeout", "no answer: this machine's network gave up connecting"
    why = os.strerror(error.errno) if error.errno else text
    return "other", f"the connection failed: {redact_text(why)}"
