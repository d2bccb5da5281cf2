"""Faults of LiveKit's API and of what stands in front of it."""

import json
import ssl
from typing import Any

from tests.faults.declared import IMPATIENT, Fault
from tests.faults.proxy import Http, Rule, Wire

HTML = b"<!doctype html><html><head><title>Intranet</title></head><body>Welcome</body></html>"
_PROTOBUF = {"Content-Type": "application/protobuf"}
_JSON = {"Content-Type": "application/json"}
_PAGE = {"Content-Type": "text/html"}
_SILENT = "no answer within"
_CLOSED = "the connection was closed before any answer"
_CUT = "the connection broke in the middle of an answer"
_RUNS_BEHIND = "see whether livekit-server runs behind"
_FIREWALL = "Timeout: open the way"


def _twirp(code: str, message: str) -> bytes:
    return json.dumps({"code": code, "msg": message}).encode()


def _unread(name: str, rule: Rule | None, *says: str, code: str = "LKD003", **further: Any) -> Fault:
    return Fault(name=name, rule=rule, code=code, says=says, **further)


def _no_connection() -> tuple[Fault, ...]:
    return (
        _unread("connect refused", Wire(listens=False), "connection refused", fix="start the server", selected=True),
        _unread("reset at connect", Wire(then="reset"), _CLOSED, fix=_RUNS_BEHIND, selected=True),
        _unread("closed at connect", Wire(then="close"), _CLOSED, fix=_RUNS_BEHIND),
        _unread("reset after the request", Wire(hears=20, then="reset"), _CLOSED, fix=_RUNS_BEHIND),
        _unread("closed after the request", Wire(hears=20, then="close"), _CLOSED, fix=_RUNS_BEHIND),
        _unread("black hole", Wire(then="hold"), _SILENT, fix=_FIREWALL, timeout=IMPATIENT, selected=True),
        _unread("silence after the request", Wire(hears=20, then="hold"), _SILENT, fix=_FIREWALL, timeout=IMPATIENT),
        _unread(
            "host name that does not resolve",
            None,
            "does not resolve (DNS)",
            env={"LIVEKIT_URL": "wss://no-such-host.invalid"},
            fix="DNS: correct the host",
        ),
        _unread(
            "address without a route",
            None,
            "there is no route from this machine",
            env={"LIVEKIT_URL": "ws://[100::1]:7880"},
            fix="No route: connect this machine",
        ),
        _unread(
            "URL with a path that is not there",
            None,
            "HTTP 404",
            "not in LiveKit's protocol",
            env={"LIVEKIT_URL": "ws://127.0.0.1:{port}/livekit"},
            fix="Another protocol",
        ),
        _unread(
            "first connection reset, the next are well",
            Wire(then="reset", times=1),
            _CLOSED,
            fix=_RUNS_BEHIND,
            commands=("rooms",),
        ),
    )


def _other_protocols() -> tuple[Fault, ...]:
    spoken = {
        "Redis": b"-ERR unknown command\r\n",
        "SSH": b"SSH-2.0-OpenSSH_9.6\r\n",
        "SMTP": b"220 mail.example.com ESMTP\r\n",
        "MySQL": b"J\0\0\0\n8.0.36\0",
        "HTTP/2": b"\0\0\x12\4\0\0\0\0\0",
        "random bytes": bytes(range(200, 256)) * 3,
    }
    answers = tuple(
        _unread(
            f"{name} answers",
            Wire(hears=4, says=said, then="close"),
            "does not speak HTTP",
            fix="Another protocol",
            selected=name == "Redis",
        )
        for name, said in spoken.items()
    )
    return (
        *answers,
        _unread(
            "TLS alert in plain text",
            Wire(hears=4, says=b"\x15\x03\x01\0\x02\x02\x46", then="close"),
            "does not speak HTTP",
            fix="Another protocol",
        ),
    )


def _tls() -> tuple[Fault, ...]:
    trusting: dict[str, Any] = {"scheme": "wss", "env": {"SSL_CERT_FILE": "{trusted}"}}
    return (
        Fault(name="TLS, all well", rule=Wire(tls="good"), **trusting),
        _unread("TLS to a plain port", Wire(), "does not speak TLS", scheme="wss", fix="ws:// for this one"),
        _unread("plain text to a TLS port", Wire(tls="good"), _CLOSED, fix="for TLS only"),
        _unread(
            "certificate expired", Wire(tls="expired"), "it has expired", fix="renew it", selected=True, **trusting
        ),
        _unread(
            "certificate of another host",
            Wire(tls="other host"),
            "it is for another address",
            fix="the host name that the certificate is for",
            **trusting,
        ),
        _unread(
            "certificate of an unknown issuer",
            Wire(tls="self-signed"),
            "it is self-signed",
            fix="SSL_CERT_FILE",
            **trusting,
        ),
        _unread(
            "TLS too old", Wire(tls="good", newest_tls=ssl.TLSVersion.TLSv1_1), "TLS failed", fix="TLS 1.2", **trusting
        ),
        _unread(
            "closed in the TLS handshake",
            Wire(hears=5, then="close"),
            "closed the connection in the handshake",
            scheme="wss",
            fix="TLS failed",
        ),
        _unread(
            "reset in the TLS handshake",
            Wire(hears=5, then="reset"),
            "closed the connection in the handshake",
            scheme="wss",
            fix="TLS failed",
        ),
        _unread(
            "silence in the TLS handshake",
            Wire(hears=5, then="hold"),
            _SILENT,
            scheme="wss",
            fix=_FIREWALL,
            timeout=IMPATIENT,
        ),
    )


def _redirects() -> tuple[Fault, ...]:
    other = "https://livekit.example.com"

    def to(status: int, where: str) -> Http:
        return Http(status=status, headers={"Location": where})

    return (
        *(
            _unread(
                f"redirect {status} to another host",
                to(status, f"{other}/twirp/livekit.RoomService/ListRooms"),
                "which leads to https://livekit.example.com/twirp",
                fix="LIVEKIT_URL=wss://livekit.example.com",
                selected=status == 301,
                commands=("check", "trace", "watch", "rooms"),
            )
            for status in (301, 302, 307, 308)
        ),
        _unread(
            "redirect to a login page",
            to(302, "/login?next=/secret-token"),
            "/login: a login or another page",
            fix="A login in front",
        ),
        _unread("redirect to itself", to(301, ""), "not in LiveKit's protocol", fix="Another protocol"),
        _unread(
            "redirect to what is no address",
            to(302, "javascript:alert(1)"),
            "not in LiveKit's protocol",
            fix="Another protocol",
        ),
    )


def _statuses() -> tuple[Fault, ...]:
    foreign = {
        400: "protocol",
        402: "protocol",
        403: "login",
        404: "protocol",
        405: "protocol",
        410: "protocol",
        413: "protocol",
        418: "protocol",
        451: "protocol",
    }
    fixes = {"protocol": "Another protocol", "login": "A login in front"}
    said = {"protocol": "not in LiveKit's protocol", "login": "asks for a login of its own"}
    return (
        *(
            _unread(
                f"HTTP {status} with a page",
                Http(status=status, headers=_PAGE, body=HTML),
                f"HTTP {status}",
                said[kind],
                fix=fixes[kind],
            )
            for status, kind in foreign.items()
        ),
        *(
            _unread(
                f"HTTP {status} of a proxy",
                Http(status=status, headers=_PAGE, body=b"<h1>Bad Gateway</h1>"),
                f"HTTP {status}",
                "gets no answer from livekit-server",
                fix="The server behind a proxy",
                selected=status == 502,
            )
            for status in (500, 501, 502, 503, 504, 520, 522, 599)
        ),
        _unread(
            "HTTP 502 without a body", Http(status=502), "HTTP 502", "gets no answer", fix="The server behind a proxy"
        ),
        _unread(
            "HTTP 401 of a proxy's login",
            Http(status=401, headers={"WWW-Authenticate": 'Basic realm="staff"'}),
            'Basic realm="staff"',
            fix="A login in front",
            selected=True,
        ),
        _unread(
            "HTTP 407",
            Http(status=407, headers={"Proxy-Authenticate": "Basic"}),
            "asks for a login",
            fix="A login in front",
        ),
        *(
            _unread(
                f"LiveKit's own {status} {code}",
                Http(status=status, headers=_JSON, body=_twirp(code, "so it is")),
                f"HTTP {status}",
                f"{code}, so it is",
                fix="The server's own error",
            )
            for status, code in (
                (400, "malformed"),
                (404, "not_found"),
                (408, "deadline_exceeded"),
                (412, "failed_precondition"),
                (500, "internal"),
                (501, "unimplemented"),
                (503, "unavailable"),
            )
        ),
        _unread(
            "LiveKit's own 401",
            Http(status=401, headers={"Content-Type": "text/plain"}, body=b"invalid API key: x"),
            "invalid API key",
            code="LKD004",
            usage=True,
            fix="Unknown key",
        ),
        _unread(
            "LiveKit's own 403",
            Http(status=403, headers=_JSON, body=_twirp("permission_denied", "no grant")),
            "no grant",
            code="LKD004",
            usage=True,
        ),
        _unread(
            "HTTP 429",
            Http(status=429, headers=_JSON, body=_twirp("resource_exhausted", "over the quota")),
            "over the quota",
            code="LKD006",
            fix="Raise the limit",
        ),
        _unread(
            "HTTP 429 of a proxy, Retry-After 600",
            Http(status=429, headers={**_PAGE, "Retry-After": "600"}, body=HTML),
            "it asks to wait 600 s",
            code="LKD006",
            fix="Raise the limit",
        ),
        _unread(
            "HTTP 503, Retry-After 600",
            Http(status=503, headers={"Retry-After": "600"}),
            "it asks to wait 600 s",
            fix="The server behind a proxy",
        ),
        Fault(
            name="HTTP 503 once, Retry-After 1",
            rule=Http(where="/List", status=503, headers={"Retry-After": "1"}, times=1),
            commands=("check", "trace", "watch", "rooms"),
            selected=True,
        ),
    )


def _bodies() -> tuple[Fault, ...]:
    protocol, fix = ("not in LiveKit's protocol",), "Another protocol"
    bodies: dict[str, tuple[dict[str, str], bytes]] = {
        "HTML with status 200": (_PAGE, HTML),
        "bad JSON": (_JSON, b'{"rooms": ['),
        "JSON in place of protobuf": (_JSON, b'{"rooms": []}'),
        "an empty body of no type": ({"Content-Type": "text/plain"}, b""),
        "protobuf of wrong types": (_PROTOBUF, b"\x0a\x05\xff\xff\xff\xff\xff"),
        "protobuf cut in a message": (_PROTOBUF, b"\x0a\x7f\x0a\x04RM_x"),
        "a Twirp error of wrong types": (_JSON, b'{"code": {"a": []}, "msg": [], "meta": 7}'),
        "a deep JSON": (_JSON, b"[" * 60_000),
    }
    wrong = tuple(
        _unread(
            name,
            Http(status=200, headers=headers, body=body),
            *(() if "Twirp" in name else protocol),
            fix="" if "Twirp" in name else fix,
        )
        for name, (headers, body) in bodies.items()
    )
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/protobuf\r\n\r\nff\r\nabc"
    return (
        *wrong,
        _unread("half a header", Http(cut=30), _CUT, "in its headers", fix="Broke off"),
        _unread(
            "half a body, closed", Http(cut_body=3), _CUT, fix="Broke off", commands=("trace", "rooms"), selected=True
        ),
        _unread(
            "half a body, reset", Http(cut_body=3, end="reset"), _CUT, fix="Broke off", commands=("trace", "rooms")
        ),
        _unread(
            "half a body, silence",
            Http(cut_body=3, end="hold"),
            _SILENT,
            timeout=IMPATIENT,
            commands=("trace", "rooms"),
        ),
        _unread("half a chunk", Http(raw=chunked), _CUT, fix="Broke off"),
        _unread(
            "no end of the headers",
            Http(raw=b"HTTP/1.1 200 OK\r\n" + b"X-Odd: odd\r\n" * 20_000),
            "does not speak HTTP",
        ),
        _unread(
            "an endless body",
            Http(status=200, headers=_PROTOBUF, endless=True),
            "more than",
            fix="Another protocol",
            commands=("rooms", "trace"),
        ),
        _unread("an endless error", Http(status=500, endless=True), "HTTP 500", fix="The server behind a proxy"),
        Fault(name="a slow body", rule=Http(where="/ListRooms", pace=0.001)),
        _unread("too slow a body", Http(pace=0.5), _SILENT, fix=_FIREWALL, timeout=IMPATIENT),
        Fault(name="a late answer", rule=Http(pause=0.3)),
        _unread("too late an answer", Http(pause=8), _SILENT, fix=_FIREWALL, timeout=IMPATIENT),
        _unread("answers lost, requests done", Http(passes_on=True, raw=b""), _CLOSED, fix=_RUNS_BEHIND),
    )


def _clocks() -> tuple[Fault, ...]:
    return (
        _unread(
            "clock 15 min ahead",
            None,
            "ahead of the server's",
            skew=900,
            code="LKD005",
            fix="set-ntp true",
            commands=("check", "trace", "rooms", "watch"),
        ),
        _unread(
            "clock 15 min behind",
            None,
            "behind the server's",
            skew=-900,
            code="LKD005",
            fix="set-ntp true",
            commands=("check", "trace", "rooms", "watch"),
        ),
        Fault(name="no Date header", rule=Http(headers={"Date": ""}), commands=("check", "trace", "rooms")),
        Fault(
            name="a Date of the year 9999",
            rule=Http(headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}),
            commands=("check", "trace", "rooms"),
        ),
        _unread(
            "wrong key",
            None,
            "invalid API key",
            env={"LIVEKIT_API_KEY": "APIunknown0123"},
            code="LKD004",
            usage=True,
            fix="Unknown key",
        ),
        _unread(
            "wrong secret",
            None,
            "signature is invalid",
            env={"LIVEKIT_API_SECRET": "a-secret-that-is-not-the-key's"},
            code="LKD004",
            usage=True,
            fix="Wrong secret",
        ),
    )


def _of_one_method() -> tuple[Fault, ...]:
    """Faults of what creates something: the connection is well, and nothing may be left behind."""

    def lost(where: str) -> Http:
        return Http(where=where, passes_on=True, raw=b"", times=1)

    broken = Http(where="/CreateRoom", status=503, headers=_JSON, body=_twirp("unavailable", "so it is"))
    status = {"check": 1, "watch": 1, "probe": 3, "check --probe": 1, "test-call": 3}
    making: dict[str, Any] = {"commands": tuple(status), "status": status}
    with_worker = making | {"commands": ("check", "watch", "probe", "check --probe")}
    return (
        _unread("CreateRoom's answer lost", lost("/CreateRoom"), _CLOSED, **making, selected=True),
        _unread("CreateRoom refused", broken, "unavailable", **making),
        _unread(
            "CreateRoom never answered",
            Http(where="/CreateRoom", passes_on=True, pause=60),
            _SILENT,
            timeout=IMPATIENT,
            **making,
        ),
        _unread(
            "CreateDispatch's answer lost",
            lost("/CreateDispatch"),
            _CLOSED,
            commands=("check", "watch", "check --probe"),
            status=status,
        ),
        Fault(name="DeleteRoom's answer lost once", rule=lost("/DeleteRoom"), commands=tuple(status)),
        Fault(
            name="DeleteRoom refused once",
            rule=Http(where="/DeleteRoom", status=503, headers=_JSON, body=_twirp("unavailable", "x"), times=1),
            commands=tuple(status),
        ),
        _unread(
            "WebSocket refused by a proxy",
            Http(where="/agent", status=400),
            "instead of a WebSocket",
            fix="WebSocket: let the proxy",
            **with_worker,
        ),
        _unread(
            "WebSocket closed",
            Http(where="/agent", raw=b""),
            "does not pass on WebSockets",
            fix="WebSocket: let the proxy",
            **with_worker,
        ),
        _unread(
            "WebSocket redirected",
            Http(where="/agent", status=302, headers={"Location": "/login"}),
            "which leads to",
            "/login",
            **with_worker,
        ),
        _unread(
            "ListParticipants fails",
            Http(where="/ListParticipants", status=502),
            "HTTP 502",
            commands=("trace", "rooms", "test-call"),
            rings=True,
        ),
        _unread(
            "ListDispatch fails",
            Http(where="/ListDispatch", status=502),
            "HTTP 502",
            commands=("trace", "test-call"),
            rings=True,
        ),
    )


def _of_a_dial() -> tuple[Fault, ...]:
    """The room is there, and its agent; whether the phone rings is not always known."""
    where = "/CreateSIPParticipant"

    def dialled(name: str, rule: Http, *says: str, **further: Any) -> Fault:
        return _unread(name, rule, *says, commands=("test-call",), **further)

    return (
        dialled(
            "CreateSIPParticipant's answer lost",
            Http(where=where, passes_on=True, raw=b""),
            _CLOSED,
            fix=_RUNS_BEHIND,
            status={"test-call": 0},  # the room tells that both legs are well
            rings=True,
            selected=True,
        ),
        dialled(
            "closed as soon as CreateSIPParticipant was sent",
            Http(where=where, passes_on=True, at_once=True, raw=b""),
            _CLOSED,
            fix=_RUNS_BEHIND,
            status={"test-call": 0},
            rings=True,
        ),
        dialled(
            "CreateSIPParticipant never answered",
            Http(where=where, passes_on=True, pause=60),
            "no answer within 12 s",  # of ringing, and of an answer
            status={"test-call": 0},
            rings=True,
        ),
        dialled(
            "CreateSIPParticipant refused by a proxy",
            Http(where=where, status=502, headers=_PAGE, body=HTML),
            "HTTP 502",
            fix="The server behind a proxy",
        ),
        dialled(
            "CreateSIPParticipant answered with a page",
            Http(where=where, status=200, headers=_PAGE, body=HTML),
            "not in LiveKit's protocol",
            fix="Another protocol",
        ),
        dialled(
            "half of CreateSIPParticipant's answer",
            Http(where=where, passes_on=True, cut_body=3),
            _CUT,
            fix="Broke off",
            status={"test-call": 0},
            rings=True,
        ),
        dialled(
            "CreateSIPParticipant's grant refused",
            Http(where=where, status=403, headers=_JSON, body=_twirp("permission_denied", "no grant")),
            "no grant",
            code="LKD004",
            usage=True,
        ),
        dialled(
            "RemoveParticipant fails, no answer to the dial",
            Http(where="Participant", passes_on=True, status=502, pause=4, headers=_PAGE, body=HTML),
            "HTTP 502",
            rings=True,
        ),
    )


FAULTS: tuple[Fault, ...] = (
    *_no_connection(),
    *_other_protocols(),
    *_tls(),
    *_redirects(),
    *_statuses(),
    *_bodies(),
    *_clocks(),
    *_of_one_method(),
    *_of_a_dial(),
)
