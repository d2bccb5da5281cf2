"""Why a worker can't connect, by the words of its log: those of aiohttp and websockets, of Node's ws and TLS, of Go and
of Rust. The kinds are those by which the catalogue's fixes are chosen (LKD003, LKD105)."""

import re

from livekit_doctor import lazy_re

_ANSWERED = (
    r"(?:HandshakeError|InvalidStatus\w*|handshake status|unexpected server response"
    r"|rejected WebSocket connection: HTTP)"
)
"""How aiohttp, websockets and ws tell that a server answered, and no WebSocket came about."""

CREDENTIALS = "credentials"

LASTING = ("unset", "certificate_time", "certificate_host", "certificate_issuer", "tls", CREDENTIALS)
"""What no later attempt gets over."""

BEFORE_ANY_ANSWER = (
    "certificate_time",
    "certificate_host",
    "certificate_issuer",
    "tls",
    "tls_failed",
    "dns",
    "refused",
)
"""What keeps a program from its server, whatever it asks of it."""

_WORDS = (
    ("unset", r"\b(?:ws_url|url|api[_ ]?key|api[_ ]?secret) is required|MissingCredentialsError"),
    ("port", r"address already in use|EADDRINUSE"),
    (
        CREDENTIALS,
        rf"{_ANSWERED}\W{{0,3}}40[13]\b|\b40[13]\b[^\n]{{0,200}}/agent\b|/agent\b[^\n]{{0,200}}\b40[13]\b"
        r"|\b401\W{1,3}unauthori[sz]ed|invalid API key|invalid token|token signature is invalid|\bunauthenticated\b",
    ),
    (
        "certificate_time",
        r"certificate has expired|not yet valid|CERT_HAS_EXPIRED|CERT_NOT_YET_VALID"
        r"|peer certificate: (?:Expired|NotValidYet)",
    ),
    (
        "certificate_host",
        r"(?:host ?name|IP address) mismatch|certificate is not valid for|certificate is valid for|match certificate's"
        r"|ALTNAME_INVALID|NotValidForName",
    ),
    (
        "certificate_issuer",
        r"self[- _]signed|unable to (?:get (?:local )?issuer|verify the first) certificate|unknown authority"
        r"|UnknownIssuer|CERTIFICATE_VERIFY_FAILED|certificate verify failed|invalid peer certificate",
    ),
    ("tls", r"WRONG.VERSION.NUMBER|record layer failure|look like a TLS handshake|HTTP response to HTTPS client"),
    (
        "tls_failed",
        r"ConnectorSSLError|\bSSL\w{0,20}Error\b|\[SSL\b|handshake failure|\bEPROTO\b|\btlsv1\b|UNEXPECTED_EOF",
    ),
    (
        "dns",
        r"ENOTFOUND|EAI_AGAIN|getaddrinfo|gaierror|DNSError|name or service not known|nodename nor servname"
        r"|name resolution|no address associated|no such host",
    ),
    ("refused", r"ECONNREFUSED|connection refused|connect call failed|actively refused"),
    ("gateway", rf"{_ANSWERED}\W{{0,3}}50[0234]\b"),
    ("websocket", rf"{_ANSWERED}\W{{0,3}}(?:200|30[1278]|400|404|426)\b"),
    ("timeout", r"ETIMEDOUT|TimeoutError|timed out|no route to host|unreachable"),
)
_KINDS = tuple((kind, lazy_re.compile(rf"[^\n]*(?:{words})[^\n]*", re.IGNORECASE)) for kind, words in _WORDS)


def why(text: str) -> tuple[str, str] | None:
    """The kind of what a connection failed of, and the line that says so; None where no words are known."""
    for kind, words in _KINDS:
        if found := words.search(text):
            return kind, found[0].strip()
    return None
