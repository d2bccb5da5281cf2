"""What is said of each way in which a connection fails, and of each answer that is not LiveKit's, to the last word."""

import errno
import os
import socket
import ssl

import pytest

from livekit_doctor.evidence.connection_errors import cause, unreachable
from livekit_doctor.evidence.foreign_answers import (
    asks_for_login,
    foreign,
    quoted,
    redirect_target,
    retry_after,
    waiting,
)
from livekit_doctor.evidence.http_client import (
    Answer,
    ConnectError,
    CutOffError,
    NoAnswerError,
    NotHttpError,
    ProxyError,
)

WS, WSS = "ws://lk.example.com:7880", "wss://lk.example.com"


def said(error: BaseException, url: str = WS) -> tuple[str, str]:
    return cause(url, error, 2.5)


def connecting(error: BaseException) -> ConnectError:
    failed = ConnectError()
    failed.__cause__ = error
    return failed


def certificate(code: int, message: str = "as OpenSSL says it") -> ssl.SSLCertVerificationError:
    error = ssl.SSLCertVerificationError()
    error.verify_code, error.verify_message = code, message
    return error


@pytest.mark.parametrize(
    ("error", "kind", "words"),
    [
        (TimeoutError(), "timeout", "no answer within 2.5 s"),
        (connecting(TimeoutError()), "timeout", "no answer within 2.5 s"),
        (TimeoutError(errno.ETIMEDOUT, "x"), "timeout", "no answer: this machine's network gave up connecting"),
        (OSError("[Errno 110] x, [Errno 110] y"), "timeout", "no answer: this machine's network gave up connecting"),
        (ProxyError("the proxy's words"), "proxy", "the proxy's words"),
        (socket.gaierror(), "dns", "the host name lk.example.com does not resolve (DNS)"),
        (CutOffError("3 of 9 bytes"), "cut_off", "the connection broke in the middle of an answer, 3 of 9 bytes"),
        (NotHttpError("SSH-2.0"), "protocol", "what answers does not speak HTTP; SSH-2.0"),
        (ValueError("x"), "url", "this is not a URL of a server"),
        (
            ConnectionRefusedError(errno.ECONNREFUSED, "x"),
            "refused",
            "connection refused: nothing listens on that port",
        ),
        (OSError("a: [Errno 111] x, b: [Errno 113] y"), "refused", "connection refused: nothing listens on that port"),
        (OSError(errno.EHOSTUNREACH, "x"), "route", "there is no route from this machine to lk.example.com:7880"),
        (OSError(errno.EADDRNOTAVAIL, "x"), "route", "there is no route from this machine to lk.example.com:7880"),
        (OSError(errno.EACCES, "x"), "other", f"the connection failed: {os.strerror(errno.EACCES)}"),
        (OSError("some words"), "other", "the connection failed: some words"),
        (RuntimeError("some words"), "other", "some words"),
        (RuntimeError(), "other", "RuntimeError"),
    ],
    ids=lambda value: str(value) if isinstance(value, str) and " " not in value else "",
)
def test_a_connection_fails(error: BaseException, kind: str, words: str) -> None:
    assert said(error) == (kind, words)


@pytest.mark.parametrize("error", [NoAnswerError, ConnectionResetError, BrokenPipeError, ConnectionAbortedError])
def test_a_connection_is_closed(error: type[Exception]) -> None:
    in_handshake = ("tls_failed", "TLS failed: the server closed the connection in the handshake")
    assert said(connecting(error()), WSS) == in_handshake
    for one in (said(connecting(error()), WS), said(error(), WSS), said(error(), WS)):
        assert one[0] == "closed"
        assert one[1].startswith("the connection was closed before any answer: ")


@pytest.mark.parametrize(
    ("code", "kind", "why"),
    [
        (9, "certificate_time", "it is not valid yet (as OpenSSL says it)"),
        (10, "certificate_time", "it has expired (as OpenSSL says it)"),
        (18, "certificate_issuer", "it is self-signed (as OpenSSL says it)"),
        (19, "certificate_issuer", "a self-signed certificate is in its chain (as OpenSSL says it)"),
        (20, "certificate_issuer", "its issuer is not known here (as OpenSSL says it)"),
        (21, "certificate_issuer", "its issuer's certificate is missing from the chain (as OpenSSL says it)"),
        (62, "certificate_host", "it is for another host name (as OpenSSL says it)"),
        (64, "certificate_host", "it is for another address (as OpenSSL says it)"),
        (1, "certificate_issuer", "as OpenSSL says it"),
    ],
)
def test_a_certificate_is_not_trusted(code: int, kind: str, why: str) -> None:
    expected = (kind, f"the TLS certificate of lk.example.com is not trusted here: {why}")
    assert said(certificate(code), WSS) == said(connecting(certificate(code)), WSS) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number", ("tls", "ws://lk.example.com")),
        ("[SSL] record layer failure", ("tls", "ws://lk.example.com")),
        ("[SSL: X] a: no protocols", ("tls_failed", "TLS failed: no protocols")),
    ],
)
def test_tls_fails(text: str, expected: tuple[str, str]) -> None:
    kind, words = said(ssl.SSLError(1, text), WSS)
    assert (kind, words[-len(expected[1]) :]) == expected


def test_what_it_is_a_problem_of() -> None:
    problem = unreachable(WS, TimeoutError(), 3)
    assert (problem.code, problem.message) == ("LKD003", f"cannot reach {WS}: no answer within 3 s")
    assert problem.values == {"kind": "timeout", "detail": "no answer within 3 s"}


ASKED = "https://lk.example.com/twirp/livekit.RoomService/ListRooms"


def answer(status: int, body: bytes = b"", **headers: str) -> Answer:
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return Answer(status=status, headers=named, body=body)


@pytest.mark.parametrize(
    ("text", "seconds", "words"),
    [
        ("7", 7.0, "; it asks to wait 7 s (Retry-After)"),
        ("86401", 86400.0, "; it asks to wait 86400 s (Retry-After)"),
        ("86399", 86399.0, "; it asks to wait 86399 s (Retry-After)"),
        ("Wed, 21 Oct 2026 07:28:00 GMT", None, ""),
        ("", None, ""),
    ],
)
def test_when_to_ask_again(text: str, seconds: float | None, words: str) -> None:
    assert (retry_after(answer(503, retry_after=text)), waiting(answer(503, retry_after=text))) == (seconds, words)


def test_the_beginning_of_a_body_is_quoted() -> None:
    assert quoted(answer(500)) == ""
    assert quoted(answer(500, b"a\n  b")) == "; its answer begins 'a b'"
    assert quoted(answer(500, b"x" * 61)) == f"; its answer begins {'x' * 60!r}"


@pytest.mark.parametrize("status", [401, 403, 407])
def test_something_in_front_asks_for_a_login(status: int) -> None:
    assert asks_for_login(answer(status, www_authenticate="Basic"))
    assert asks_for_login(answer(status, proxy_authenticate="Basic"))
    assert asks_for_login(answer(status, b"  <html>"))
    assert asks_for_login(answer(status, content_type="text/html; charset=utf-8"))
    assert not asks_for_login(answer(status, b"{}"))
    assert not asks_for_login(answer(status + 1, b"<html>"))


@pytest.mark.parametrize(
    ("location", "target"),
    [
        ("/login?next=secret#x", "https://lk.example.com/login"),
        ("https://user:word@other.example.com:8443/a", "https://other.example.com:8443/a"),
        ("http://[2001:db8::1]:80/a", "http://[2001:db8::1]:80/a"),
        ("ftp://other.example.com/a", ""),
        ("https:///a", "https://lk.example.com/a"),
        ("https://other.example.com:port/a", ""),
        ("  ", ""),
    ],
)
def test_where_it_redirects_to(location: str, target: str) -> None:
    assert redirect_target(ASKED, answer(302, location=location)) == target
    assert redirect_target(ASKED, answer(299, location=location)) == ""
    assert redirect_target(ASKED, answer(400, location=location)) == ""


PATH = ASKED.removeprefix("https://lk.example.com")


@pytest.mark.parametrize(
    ("asked", "to", "kind", "words", "other"),
    [
        (ASKED, ASKED + "/", "protocol", f"which leads to itself ({ASKED}/): this is not a LiveKit server's URL", None),
        (ASKED, "https://a.io/login", "login", "which leads away from LiveKit's API, to https://a.io/login", None),
        (ASKED, "https://z.io/login", "login", "which leads away from LiveKit's API, to https://z.io/login", None),
        (ASKED, f"https://a.io{PATH}", "redirect", f"which leads to https://a.io{PATH}", "wss://a.io"),
        (
            ASKED,
            f"http://z.io:7880/x{PATH}/",
            "redirect",
            f"which leads to http://z.io:7880/x{PATH}/",
            "ws://z.io:7880/x",
        ),
        ("https://lk.example.com/", "http://a.io/", "redirect", "which leads to http://a.io/", "ws://a.io"),
        ("https://lk.example.com/", "http://z.io/x/", "redirect", "which leads to http://z.io/x/", "ws://z.io/x"),
    ],
)
def test_a_redirect(asked: str, to: str, kind: str, words: str, other: str | None) -> None:
    found = foreign(asked, answer(307, location=to))
    assert (found[0], found[1][: len(words)], found[2].get("other_url")) == (kind, words, other)


@pytest.mark.parametrize(
    ("given", "kind", "words"),
    [
        (answer(302), "protocol", "not in LiveKit's protocol: "),
        (
            answer(401, b"no", www_authenticate="Basic realm=x"),
            "login",
            "something in front of LiveKit asks for a login ",
        ),
        (answer(500), "gateway", "not in LiveKit's words: the proxy or load balancer in front gets no answer from "),
        (answer(502, retry_after="9"), "gateway", "not in LiveKit's words: the proxy or load balancer in front gets "),
        (answer(499, b"x"), "protocol", "not in LiveKit's protocol: this is not a LiveKit server's URL "),
        (answer(200, b"x"), "protocol", "not in LiveKit's protocol: this is not a LiveKit server's URL "),
    ],
)
def test_an_answer_that_is_not_livekits(given: Answer, kind: str, words: str) -> None:
    found = foreign(ASKED, given)
    assert (found[0], found[1][: len(words)], found[2]) == (kind, words, {})
    assert found[1].endswith(waiting(given) + quoted(given))


def test_the_login_that_it_asks_for_is_named() -> None:
    for header in ("www_authenticate", "proxy_authenticate"):
        text = foreign(ASKED, answer(403, **{header: "Basic realm=x"}))[1]
        assert text == "something in front of LiveKit asks for a login of its own (Basic realm=x)"
