"""What an answer is that does not come from LiveKit itself: a redirect, a login page, a proxy's error, another service.

livekit-server says no in JSON with a `code` (Twirp), or with a 401 in plain text. Anything else was said by something
in front of it, or it is not there at all; its words are quoted, since they often name the program.
"""

from urllib.parse import urljoin, urlsplit, urlunsplit

from livekit_doctor.evidence.http_client import Answer
from livekit_doctor.redact import redact_text

_SHOWN = 60
"""Characters that are quoted of a body."""
_LONGEST_WAIT = 86_400.0


def retry_after(answer: Answer) -> float | None:
    """The seconds after which the answer asks to be asked again; None where it does not, or gives a date."""
    text = answer.headers.get("retry-after", "").strip()
    return min(float(text), _LONGEST_WAIT) if text.isdecimal() else None


def waiting(answer: Answer) -> str:
    """The end of a sentence: when to ask again, where the answer says so."""
    seconds = retry_after(answer)
    return "" if seconds is None else f"; it asks to wait {seconds:g} s (Retry-After)"


def asks_for_login(answer: Answer) -> bool:
    """Whether something in front of LiveKit wants a login of its own: livekit-server never names a scheme for one."""
    return answer.status in (401, 403, 407) and bool(
        {"www-authenticate", "proxy-authenticate"} & answer.headers.keys() or is_page(answer)
    )


def is_page(answer: Answer) -> bool:
    return "text/html" in answer.headers.get("content-type", "") or answer.body.lstrip()[:1] == b"<"


def foreign(asked: str, answer: Answer) -> tuple[str, str, dict[str, str]]:
    """The kind, what is wrong, and values for the fix. `asked` is the HTTP URL of the request."""
    status = answer.status
    if 300 <= status < 400 and (target := redirect_target(asked, answer)):
        return _redirect(asked, target)
    if asks_for_login(answer):
        scheme = answer.headers.get("www-authenticate") or answer.headers.get("proxy-authenticate") or ""
        named = f" ({redact_text(scheme)[:_SHOWN]})" if scheme else ""
        return "login", f"something in front of LiveKit asks for a login of its own{named}{quoted(answer)}", {}
    if status >= 500:
        why = "not in LiveKit's words: the proxy or load balancer in front gets no answer from livekit-server"
        return "gateway", f"{why}{waiting(answer)}{quoted(answer)}", {}
    why = "not in LiveKit's protocol: this is not a LiveKit server's URL (or something in front of it answers)"
    return "protocol", f"{why}{quoted(answer)}", {}


def quoted(answer: Answer) -> str:
    """The end of a sentence: how the body begins."""
    text = " ".join(redact_text(answer.body.decode(errors="replace")).split())
    return f"; its answer begins {text[:_SHOWN]!r}" if text else ""


def redirect_target(asked: str, answer: Answer) -> str:
    """Where the answer sends its reader, without what may be a secret; empty where that is no URL."""
    if not 300 <= answer.status < 400 or not (named := answer.headers.get("location", "").strip()):
        return ""
    try:
        parts = urlsplit(urljoin(asked, named))
        host = parts.hostname or ""
        port = f":{parts.port}" if parts.port else ""
    except ValueError:
        return ""
    if parts.scheme not in ("http", "https") or not host:
        return ""
    return redact_text(
        urlunsplit((parts.scheme, f"[{host}]{port}" if ":" in host else f"{host}{port}", parts.path, "", ""))
    )


def _redirect(asked: str, target: str) -> tuple[str, str, dict[str, str]]:
    """To the same path it is another address of the API; to any other it is a page, mostly a login's."""
    path = urlsplit(asked).path
    base = target.rstrip("/").removesuffix(path) if path.strip("/") else target.rstrip("/")
    if target.rstrip("/") == asked.rstrip("/"):
        return "protocol", f"which leads to itself ({target}): this is not a LiveKit server's URL", {}
    if path.strip("/") and base == target.rstrip("/"):
        return "login", f"which leads away from LiveKit's API, to {target}: a login or another page", {}
    other = urlsplit(base)
    scheme = {"http": "ws", "https": "wss"}[other.scheme]
    return "redirect", f"which leads to {target}", {"other_url": urlunsplit(other._replace(scheme=scheme)).rstrip("/")}
