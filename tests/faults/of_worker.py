"""Faults of a worker's own HTTP endpoint. None of them is a fault of a call."""

import json
from typing import Any

from tests.faults.declared import IMPATIENT, Fault
from tests.faults.proxy import Http, Rule, Wire

_PAGE = {"Content-Type": "text/html"}
_JSON = {"Content-Type": "application/json"}
_SILENT = (f"no answer within {IMPATIENT:g} s",)
_OTHER = ("something else answers there",)
_NO_JSON = ("/worker is not a LiveKit worker's JSON",)


def _unread(name: str, rule: Rule | None, *says: str, **further: Any) -> Fault:
    return Fault(name=name, place="worker", rule=rule, code="LKD106", says=says, **further)


def _harmless(name: str, rule: Rule | None, **further: Any) -> Fault:
    return Fault(name=name, place="worker", rule=rule, **further)


def _at(url: str) -> dict[str, Any]:
    return {"settings": {"worker": {"url": url}}}


_BODIES = {
    "a page": (_PAGE, b"<!doctype html><title>Welcome</title>"),
    "bad JSON": (_JSON, b'{"agent_name": '),
    "another service's JSON": (_JSON, b'{"status": "up"}'),
    "a list": (_JSON, b"[]"),
    "wrong types": (_JSON, json.dumps({"agent_name": {}, "worker_type": 7}).encode()),
    "nothing": (_JSON, b""),
    "a deep JSON": (_JSON, b"[" * 60_000),
    "text that is not UTF-8": (_JSON, b'{"agent_name": "\xff"}'),
}

FAULTS: tuple[Fault, ...] = (
    _unread("connect refused", Wire(listens=False), "connection refused", selected=True),
    _unread("reset at connect", Wire(then="reset"), "closed before any answer"),
    _unread("closed at connect", Wire(then="close"), "closed before any answer"),
    _unread("reset after the request", Wire(hears=10, then="reset"), "closed before any answer"),
    _unread("black hole", Wire(then="hold"), *_SILENT, timeout=IMPATIENT, selected=True),
    _unread("silence after the request", Wire(hears=10, then="hold"), *_SILENT, timeout=IMPATIENT),
    _unread("half a header", Http(cut=20), "broke in the middle of an answer, in its headers"),
    _unread("half a body", Http(where="/worker", cut_body=10), "broke in the middle of an answer, after 10 bytes"),
    _unread("half a body, reset", Http(where="/worker", cut_body=10, end="reset"), "broke in the middle of an answer"),
    _unread("half a body, silence", Http(where="/worker", cut_body=10, end="hold"), *_SILENT, timeout=IMPATIENT),
    _unread("too late an answer", Http(pause=4), *_SILENT, timeout=IMPATIENT),
    _unread("too slow a body", Http(pace=0.3), *_SILENT, timeout=IMPATIENT),
    _unread("an endless body", Http(where="/worker", status=200, headers=_JSON, endless=True), *_NO_JSON),
    _unread("Redis answers", Wire(hears=4, says=b"-ERR unknown command\r\n", then="close"), "does not speak HTTP"),
    _unread("SSH answers", Wire(hears=4, says=b"SSH-2.0-OpenSSH_9.6\r\n", then="close"), "does not speak HTTP"),
    _unread("TLS to a plain port", Wire(), "TLS", **_at("https://127.0.0.1:{port}")),
    _unread("plain text to a TLS port", Wire(tls="good"), "or TLS only"),
    _unread("host name that does not resolve", None, "does not resolve", **_at("http://no-such-host.invalid:8081")),
    _unread("address without a route", None, "there is no route", **_at("http://[100::1]:8081")),
    _unread(
        "redirect",
        Http(status=302, headers={"Location": "https://elsewhere.example.com/x?token=abc"}),
        "which leads to https://elsewhere.example.com/x:",
        selected=True,
    ),
    _unread("a login", Http(status=401, headers={"WWW-Authenticate": "Basic"}), "asks for a login"),
    *(
        _unread(f"HTTP {status}", Http(status=status, body=b"so it is"), *_OTHER, f"HTTP {status}")
        for status in (400, 404, 405, 429, 500, 502, 503, 504)
    ),
    *(
        _unread(f"{name} with status 200", Http(where="/worker", status=200, headers=headers, body=body), *_NO_JSON)
        for name, (headers, body) in _BODIES.items()
    ),
    _harmless("a late answer", Http(pause=0.2)),
    _harmless("a slow body", Http(pace=0.002)),
    _harmless("a password in the URL", None, **_at("http://staff:canary-secret@127.0.0.1:{port}"), selected=True),
)
