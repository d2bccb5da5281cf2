"""Faults of LiveKit's API and of what stands in front of it."""

import json
import ssl

from tests.faults.declared import IMPATIENT, Fault
from tests.faults.proxy import Http, Wire

HTML = b"<!doctype html><html><head><title>Intranet</title></head><body>Welcome</body></html>"
_PROTOBUF = {"Content-Type": "application/protobuf"}
_JSON = {"Content-Type": "application/json"}
_PAGE = {"Content-Type": "text/html"}
_SILENT = ("no answer within",)
_CLOSED = ("the connection was closed before any answer",)
_CUT = ("the connection broke in the middle of an answer",)
_RUNS_BEHIND = "see whether livekit-server runs behind"
_FIREWALL = "Timeout: open the way"


def _twirp(code: str, message: str) -> bytes:
    return json.dumps({"code": code, "msg": message}).encode()


def _no_connection() -> tuple[Fault, ...]:
    return (
        Fault(
            name="connect refused",
            rule=Wire(listens=False),
            code="LKD003",
            says=("connection refused",),
            fix="start the server",
            selected=True,
        ),
        Fault(
            name="reset at connect",
            rule=Wire(then="reset"),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
            selected=True,
        ),
        Fault(name="closed at connect", rule=Wire(then="close"), code="LKD003", says=_CLOSED, fix=_RUNS_BEHIND),
        Fault(
            name="reset after the request",
            rule=Wire(hears=20, then="reset"),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
        ),
        Fault(
            name="closed after the request",
            rule=Wire(hears=20, then="close"),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
        ),
        Fault(
            name="black hole",
            rule=Wire(then="hold"),
            code="LKD003",
            says=_SILENT,
            fix=_FIREWALL,
            timeout=IMPATIENT,
            selected=True,
        ),
        Fault(
            name="silence after the request",
            rule=Wire(hears=20, then="hold"),
            code="LKD003",
            says=_SILENT,
            fix=_FIREWALL,
            timeout=IMPATIENT,
        ),
        Fault(
            name="host name that does not resolve",
            env={"LIVEKIT_URL": "wss://no-such-host.invalid"},
            code="LKD003",
            says=("does not resolve (DNS)",),
            fix="DNS: correct the host",
        ),
        Fault(
            name="address without a route",
            env={"LIVEKIT_URL": "ws://[100::1]:7880"},
            code="LKD003",
            says=("there is no route from this machine",),
            fix="No route: connect this machine",
        ),
        Fault(
            name="URL with a path that is not there",
            env={"LIVEKIT_URL": "ws://127.0.0.1:{port}/livekit"},
            code="LKD003",
            says=("HTTP 404", "not in LiveKit's protocol"),
            fix="Another protocol",
        ),
        Fault(
            name="first connection reset, the next are well",
            rule=Wire(then="reset", times=1),
            code="LKD003",
            says=_CLOSED,
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
        "random bytes": bytes(range(200, 256)) * 3,
    }
    answers = tuple(
        Fault(
            name=f"{name} answers",
            rule=Wire(hears=4, says=said, then="close"),
            code="LKD003",
            says=("does not speak HTTP",),
            fix="Another protocol",
            selected=name == "Redis",
        )
        for name, said in spoken.items()
    )
    return (
        *answers,
        Fault(
            name="TLS alert in plain text",
            rule=Wire(hears=4, says=b"\x15\x03\x01\0\x02\x02\x46", then="close"),
            code="LKD003",
            says=("does not speak HTTP",),
            fix="Another protocol",
        ),
        Fault(
            name="HTTP/2 answers",
            rule=Wire(hears=4, says=b"\0\0\x12\4\0\0\0\0\0", then="close"),
            code="LKD003",
            says=("does not speak HTTP",),
            fix="Another protocol",
        ),
    )


def _tls() -> tuple[Fault, ...]:
    trust = {"SSL_CERT_FILE": "{trusted}"}
    return (
        Fault(name="TLS, all well", rule=Wire(tls="good"), scheme="wss", env=trust),
        Fault(
            name="TLS to a plain port",
            rule=Wire(),
            scheme="wss",
            code="LKD003",
            says=("does not speak TLS",),
            fix="ws:// for this one",
        ),
        Fault(name="plain text to a TLS port", rule=Wire(tls="good"), code="LKD003", says=_CLOSED, fix="for TLS only"),
        Fault(
            name="certificate expired",
            rule=Wire(tls="expired"),
            scheme="wss",
            env=trust,
            code="LKD003",
            says=("it has expired",),
            fix="renew it",
            selected=True,
        ),
        Fault(
            name="certificate of another host",
            rule=Wire(tls="other host"),
            scheme="wss",
            env=trust,
            code="LKD003",
            says=("it is for another address",),
            fix="the host name that the certificate is for",
        ),
        Fault(
            name="certificate of an unknown issuer",
            rule=Wire(tls="self-signed"),
            scheme="wss",
            env=trust,
            code="LKD003",
            says=("it is self-signed",),
            fix="SSL_CERT_FILE",
        ),
        Fault(
            name="TLS too old",
            rule=Wire(tls="good", newest_tls=ssl.TLSVersion.TLSv1_1),
            scheme="wss",
            env=trust,
            code="LKD003",
            says=("TLS failed",),
            fix="TLS 1.2",
        ),
        Fault(
            name="closed in the TLS handshake",
            rule=Wire(hears=5, then="close"),
            scheme="wss",
            code="LKD003",
            says=("closed the connection in the handshake",),
            fix="TLS failed",
        ),
        Fault(
            name="reset in the TLS handshake",
            rule=Wire(hears=5, then="reset"),
            scheme="wss",
            code="LKD003",
            says=("closed the connection in the handshake",),
            fix="TLS failed",
        ),
        Fault(
            name="silence in the TLS handshake",
            rule=Wire(hears=5, then="hold"),
            scheme="wss",
            code="LKD003",
            says=_SILENT,
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
            Fault(
                name=f"redirect {status} to another host",
                rule=to(status, f"{other}/twirp/livekit.RoomService/ListRooms"),
                code="LKD003",
                says=("which leads to https://livekit.example.com/twirp",),
                fix="LIVEKIT_URL=wss://livekit.example.com",
                selected=status == 301,
                commands=("check", "trace", "watch", "rooms"),
            )
            for status in (301, 302, 307, 308)
        ),
        Fault(
            name="redirect to a login page",
            rule=to(302, "/login?next=/secret-token"),
            code="LKD003",
            says=("/login: a login or another page",),
            fix="A login in front",
        ),
        Fault(
            name="redirect to itself",
            rule=to(301, ""),
            code="LKD003",
            says=("not in LiveKit's protocol",),
            fix="Another protocol",
        ),
        Fault(
            name="redirect to what is no address",
            rule=to(302, "javascript:alert(1)"),
            code="LKD003",
            says=("not in LiveKit's protocol",),
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
            Fault(
                name=f"HTTP {status} with a page",
                rule=Http(status=status, headers=_PAGE, body=HTML),
                code="LKD003",
                says=(f"HTTP {status}", said[kind]),
                fix=fixes[kind],
            )
            for status, kind in foreign.items()
        ),
        *(
            Fault(
                name=f"HTTP {status} of a proxy",
                rule=Http(status=status, headers=_PAGE, body=b"<h1>Bad Gateway</h1>"),
                code="LKD003",
                says=(f"HTTP {status}", "gets no answer from livekit-server"),
                fix="The server behind a proxy",
                selected=status == 502,
            )
            for status in (500, 501, 502, 503, 504, 520, 522, 599)
        ),
        Fault(
            name="HTTP 502 without a body",
            rule=Http(status=502),
            code="LKD003",
            says=("HTTP 502", "gets no answer"),
            fix="The server behind a proxy",
        ),
        Fault(
            name="HTTP 401 of a proxy's login",
            rule=Http(status=401, headers={"WWW-Authenticate": 'Basic realm="staff"'}),
            code="LKD003",
            says=('Basic realm="staff"',),
            fix="A login in front",
            selected=True,
        ),
        Fault(
            name="HTTP 407",
            rule=Http(status=407, headers={"Proxy-Authenticate": "Basic"}),
            code="LKD003",
            says=("asks for a login",),
            fix="A login in front",
        ),
        *(
            Fault(
                name=f"LiveKit's own {status} {code}",
                rule=Http(status=status, headers=_JSON, body=_twirp(code, "so it is")),
                code="LKD003",
                says=(f"HTTP {status}", f"{code}, so it is"),
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
        Fault(
            name="LiveKit's own 401",
            rule=Http(status=401, headers={"Content-Type": "text/plain"}, body=b"invalid API key: x"),
            code="LKD004",
            usage=True,
            says=("invalid API key",),
            fix="Unknown key",
        ),
        Fault(
            name="LiveKit's own 403",
            rule=Http(status=403, headers=_JSON, body=_twirp("permission_denied", "no grant")),
            code="LKD004",
            usage=True,
            says=("no grant",),
        ),
        Fault(
            name="HTTP 429",
            rule=Http(status=429, headers=_JSON, body=_twirp("resource_exhausted", "over the quota")),
            code="LKD006",
            says=("over the quota",),
            fix="Raise the limit",
        ),
        Fault(
            name="HTTP 429 of a proxy, Retry-After 600",
            rule=Http(status=429, headers={**_PAGE, "Retry-After": "600"}, body=HTML),
            code="LKD006",
            says=("it asks to wait 600 s",),
            fix="Raise the limit",
        ),
        Fault(
            name="HTTP 503, Retry-After 600",
            rule=Http(status=503, headers={"Retry-After": "600"}),
            code="LKD003",
            says=("it asks to wait 600 s",),
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
        Fault(
            name=name,
            rule=Http(status=200, headers=headers, body=body),
            code="LKD003",
            says=() if "Twirp" in name else protocol,
            fix="" if "Twirp" in name else fix,
        )
        for name, (headers, body) in bodies.items()
    )
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\nContent-Type: application/protobuf\r\n\r\nff\r\nabc"
    return (
        *wrong,
        Fault(name="half a header", rule=Http(cut=30), code="LKD003", says=(*_CUT, "in its headers"), fix="Broke off"),
        Fault(
            name="half a body, closed",
            rule=Http(cut_body=3),
            code="LKD003",
            says=_CUT,
            fix="Broke off",
            commands=("trace", "rooms"),
            selected=True,
        ),
        Fault(
            name="half a body, reset",
            rule=Http(cut_body=3, end="reset"),
            code="LKD003",
            says=_CUT,
            fix="Broke off",
            commands=("trace", "rooms"),
        ),
        Fault(
            name="half a body, silence",
            rule=Http(cut_body=3, end="hold"),
            code="LKD003",
            says=_SILENT,
            timeout=IMPATIENT,
            commands=("trace", "rooms"),
        ),
        Fault(name="half a chunk", rule=Http(raw=chunked), code="LKD003", says=_CUT, fix="Broke off"),
        Fault(
            name="no end of the headers",
            rule=Http(raw=b"HTTP/1.1 200 OK\r\n" + b"X-Odd: odd\r\n" * 20_000),
            code="LKD003",
            says=("does not speak HTTP",),
        ),
        Fault(
            name="an endless body",
            rule=Http(status=200, headers=_PROTOBUF, endless=True),
            code="LKD003",
            says=("more than",),
            fix="Another protocol",
            commands=("rooms", "trace"),
        ),
        Fault(
            name="an endless error",
            rule=Http(status=500, endless=True),
            code="LKD003",
            says=("HTTP 500",),
            fix="The server behind a proxy",
        ),
        Fault(name="a slow body", rule=Http(where="/ListRooms", pace=0.001)),
        Fault(
            name="too slow a body", rule=Http(pace=0.5), code="LKD003", says=_SILENT, fix=_FIREWALL, timeout=IMPATIENT
        ),
        Fault(name="a late answer", rule=Http(pause=0.3)),
        Fault(
            name="too late an answer", rule=Http(pause=8), code="LKD003", says=_SILENT, fix=_FIREWALL, timeout=IMPATIENT
        ),
        Fault(
            name="answers lost, requests done",
            rule=Http(passes_on=True, raw=b""),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
        ),
    )


def _clocks() -> tuple[Fault, ...]:
    return (
        Fault(
            name="clock 15 min ahead",
            skew=900,
            code="LKD005",
            says=("ahead of the server's",),
            fix="set-ntp true",
            commands=("check", "trace", "rooms", "watch"),
        ),
        Fault(
            name="clock 15 min behind",
            skew=-900,
            code="LKD005",
            says=("behind the server's",),
            fix="set-ntp true",
            commands=("check", "trace", "rooms", "watch"),
        ),
        Fault(name="no Date header", rule=Http(headers={"Date": ""}), commands=("check", "trace", "rooms")),
        Fault(
            name="a Date of the year 9999",
            rule=Http(headers={"Date": "Fri, 31 Dec 9999 23:59:59 GMT"}),
            commands=("check", "trace", "rooms"),
        ),
        Fault(
            name="wrong key",
            env={"LIVEKIT_API_KEY": "APIunknown0123"},
            code="LKD004",
            usage=True,
            says=("invalid API key",),
            fix="Unknown key",
        ),
        Fault(
            name="wrong secret",
            env={"LIVEKIT_API_SECRET": "a-secret-that-is-not-the-key's"},
            code="LKD004",
            usage=True,
            says=("signature is invalid",),
            fix="Wrong secret",
        ),
    )


def _of_one_method() -> tuple[Fault, ...]:
    """Faults of what creates something: the connection is well, and nothing may be left behind."""
    making = ("check", "watch", "probe", "check --probe", "test-call")
    with_worker = ("check", "watch", "probe", "check --probe")

    def lost(where: str) -> Http:
        return Http(where=where, passes_on=True, raw=b"", times=1)

    broken = Http(where="/CreateRoom", status=503, headers=_JSON, body=_twirp("unavailable", "so it is"))
    status = {"check": 1, "watch": 1, "probe": 3, "check --probe": 1, "test-call": 3}
    return (
        Fault(
            name="CreateRoom's answer lost",
            rule=lost("/CreateRoom"),
            code="LKD003",
            says=_CLOSED,
            commands=making,
            status=status,
            selected=True,
        ),
        Fault(
            name="CreateRoom refused", rule=broken, code="LKD003", says=("unavailable",), commands=making, status=status
        ),
        Fault(
            name="CreateRoom never answered",
            rule=Http(where="/CreateRoom", passes_on=True, pause=60),
            code="LKD003",
            says=_SILENT,
            timeout=IMPATIENT,
            commands=making,
            status=status,
        ),
        Fault(
            name="CreateDispatch's answer lost",
            rule=lost("/CreateDispatch"),
            code="LKD003",
            says=_CLOSED,
            commands=("check", "watch", "check --probe"),
            status=status,
        ),
        Fault(name="DeleteRoom's answer lost once", rule=lost("/DeleteRoom"), commands=making),
        Fault(
            name="DeleteRoom refused once",
            rule=Http(where="/DeleteRoom", status=503, headers=_JSON, body=_twirp("unavailable", "x"), times=1),
            commands=making,
        ),
        Fault(
            name="WebSocket refused by a proxy",
            rule=Http(where="/agent", status=400),
            code="LKD003",
            says=("instead of a WebSocket",),
            fix="WebSocket: let the proxy",
            commands=with_worker,
            status=status,
        ),
        Fault(
            name="WebSocket closed",
            rule=Http(where="/agent", raw=b""),
            code="LKD003",
            says=("does not pass on WebSockets",),
            fix="WebSocket: let the proxy",
            commands=with_worker,
            status=status,
        ),
        Fault(
            name="WebSocket redirected",
            rule=Http(where="/agent", status=302, headers={"Location": "/login"}),
            code="LKD003",
            says=("which leads to", "/login"),
            commands=with_worker,
            status=status,
        ),
        Fault(
            name="ListParticipants fails",
            rule=Http(where="/ListParticipants", status=502),
            code="LKD003",
            says=("HTTP 502",),
            commands=("trace", "rooms", "test-call"),
            rings=True,
        ),
        Fault(
            name="ListDispatch fails",
            rule=Http(where="/ListDispatch", status=502),
            code="LKD003",
            says=("HTTP 502",),
            commands=("trace", "test-call"),
            rings=True,
        ),
    )


def _of_a_dial() -> tuple[Fault, ...]:
    """The room is there, and its agent; whether the phone rings is not always known."""
    where, calling = "/CreateSIPParticipant", ("test-call",)
    return (
        Fault(
            name="CreateSIPParticipant's answer lost",
            rule=Http(where=where, passes_on=True, raw=b""),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
            status={"test-call": 0},  # the room tells that both legs are well
            commands=calling,
            rings=True,
            selected=True,
        ),
        Fault(
            name="closed as soon as CreateSIPParticipant was sent",
            rule=Http(where=where, passes_on=True, at_once=True, raw=b""),
            code="LKD003",
            says=_CLOSED,
            fix=_RUNS_BEHIND,
            status={"test-call": 0},
            commands=calling,
            rings=True,
        ),
        Fault(
            name="CreateSIPParticipant never answered",
            rule=Http(where=where, passes_on=True, pause=60),
            code="LKD003",
            says=("no answer within 12 s",),  # of ringing, and of an answer
            status={"test-call": 0},
            commands=calling,
            rings=True,
        ),
        Fault(
            name="CreateSIPParticipant refused by a proxy",
            rule=Http(where=where, status=502, headers=_PAGE, body=HTML),
            code="LKD003",
            says=("HTTP 502",),
            fix="The server behind a proxy",
            commands=calling,
        ),
        Fault(
            name="CreateSIPParticipant answered with a page",
            rule=Http(where=where, status=200, headers=_PAGE, body=HTML),
            code="LKD003",
            says=("not in LiveKit's protocol",),
            fix="Another protocol",
            commands=calling,
        ),
        Fault(
            name="half of CreateSIPParticipant's answer",
            rule=Http(where=where, passes_on=True, cut_body=3),
            code="LKD003",
            says=_CUT,
            fix="Broke off",
            status={"test-call": 0},
            commands=calling,
            rings=True,
        ),
        Fault(
            name="CreateSIPParticipant's grant refused",
            rule=Http(where=where, status=403, headers=_JSON, body=_twirp("permission_denied", "no grant")),
            code="LKD004",
            usage=True,
            says=("no grant",),
            commands=calling,
        ),
        Fault(
            name="RemoveParticipant fails, no answer to the dial",
            rule=Http(where="Participant", passes_on=True, status=502, pause=4, headers=_PAGE, body=HTML),
            code="LKD003",
            says=("HTTP 502",),
            commands=calling,
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
