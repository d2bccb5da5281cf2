"""HTTP/1.1 over real sockets: what a server, a TLS peer and a proxy can do, each told apart."""

import asyncio
import ssl
import subprocess
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from livekit.api import TokenVerifier

from livekit_doctor.evidence import http_client
from livekit_doctor.evidence.connection_errors import unreachable
from livekit_doctor.evidence.http_client import Answer, HttpClient, proxy_of
from livekit_doctor.evidence.livekit_client import LiveKitClient
from livekit_doctor.settings import LiveKit
from tests.each import each
from tests.lab.support import BackgroundLoop, free_port

Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"


@pytest.fixture(autouse=True)
def no_proxy_of_the_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("http_proxy", "https_proxy", "all_proxy", "no_proxy"):
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.upper(), raising=False)


@contextmanager
def server(talk: Talk, secure: ssl.SSLContext | None = None) -> Iterator[int]:
    """Its port. Each connection is given to `talk`, and closed after it."""

    async def met(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await talk(reader, writer)
        except (OSError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    loop = BackgroundLoop()
    listening = loop.run(asyncio.start_server(met, "127.0.0.1", 0, ssl=secure))

    async def closed() -> None:
        listening.close()

    try:
        yield listening.sockets[0].getsockname()[1]
    finally:
        loop.run(closed())
        loop.close()


def saying(*answers: bytes) -> Talk:
    """These, one to each request of a connection."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        for answer in answers:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()

    return talk


def get(url: str, times: int = 1, *, limit: int = 1000, within: float = 5.0) -> Answer:
    async def asked() -> Answer:
        async with HttpClient() as http:
            for _ in range(times):
                answer = await http.request("GET", url, limit=limit, within=within)
            return answer

    return asyncio.run(asked())


def why(url: str, shown: str | None = None) -> tuple[str, str]:
    """The kind of a failure, and what is said of it."""
    with pytest.raises((OSError, ValueError)) as raised:
        get(url, within=2.0)
    values = unreachable(shown or url, raised.value, 2.0).values
    return values["kind"], values["detail"]


# What is answered


def test_headers_are_found_by_their_names_in_lower_case() -> None:
    with server(saying(b"HTTP/1.1 204 No Content\r\nDate: today\r\nX-Odd: \xe4\r\n\r\n")) as port:
        answer = get(f"http://127.0.0.1:{port}/")
    assert (answer.status, answer.body) == (204, b"")
    assert (answer.headers["date"], answer.headers["x-odd"]) == ("today", "\xe4")


@pytest.mark.parametrize(
    "framing",
    ["Content-Length: 5\r\n\r\n12345", "Transfer-Encoding: chunked\r\n\r\n5\r\n12345\r\n0\r\n\r\n", "\r\n12345"],
)
@pytest.mark.parametrize(("limit", "body"), [(5, b"12345"), (3, b"1234"), (0, b"1")])
def test_a_body_is_read_to_one_byte_more_than_the_limit(framing: str, limit: int, body: bytes) -> None:
    with server(saying(f"HTTP/1.1 200 OK\r\n{framing}".encode())) as port:
        assert get(f"http://127.0.0.1:{port}/", limit=limit).body == body


def test_an_error_has_a_limit_of_its_own() -> None:
    length = http_client.LIMIT_OF_ERROR * 2
    with server(saying(b"HTTP/1.1 500 Oh\r\nContent-Length: %d\r\n\r\n" % length + bytes(length))) as port:
        answer = get(f"http://127.0.0.1:{port}/", limit=10 * length)
    assert (answer.status, len(answer.body)) == (500, http_client.LIMIT_OF_ERROR + 1)


def test_answers_that_are_read_at_the_same_time_share_a_limit() -> None:
    """Of ten without end, no more is kept than of one."""
    size = 1 << 20

    async def asked(url: str) -> list[http_client.Answer]:
        async with HttpClient(most=3 * size) as http:
            return await asyncio.gather(*(http.request("GET", url, limit=size, within=20.0) for _ in range(10)))

    with server(saying(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(2 * size))) as port:
        answers = asyncio.run(asked(f"http://127.0.0.1:{port}/"))
    assert [(answer.is_dropped, answer.body) for answer in answers] == [(True, b"")] * 10
    with server(saying(b"HTTP/1.1 200 OK\r\n\r\n" + bytes(size // 4))) as port:
        answers = asyncio.run(asked(f"http://127.0.0.1:{port}/"))
    assert {answer.is_dropped for answer in answers} == {False}


def test_a_continue_is_not_the_answer() -> None:
    with server(saying(b"HTTP/1.1 100 Continue\r\n\r\n" + OK)) as port:
        assert get(f"http://127.0.0.1:{port}/").body == b"ok"


def test_a_path_with_odd_characters_is_quoted() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        line = await reader.readline()
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(line) + line)
        await writer.drain()

    with server(talk) as port:
        assert get(f"http://127.0.0.1:{port}/a b/%20ü?x=1 2").body == b"GET /a%20b/%20%C3%BC?x=1%202 HTTP/1.1\r\n"


# Connections


def test_a_connection_is_used_again() -> None:
    met = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        await saying(OK, OK, OK)(reader, writer)

    with server(talk) as port:
        get(f"http://127.0.0.1:{port}/", 3)
    assert len(met) == 1


@pytest.mark.parametrize("answer", [OK.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n"), OK])
def test_one_that_the_server_has_closed_is_not(answer: bytes) -> None:
    async def asked(url: str) -> list[Answer]:
        async with HttpClient() as http:
            first = await http.request("GET", url, limit=9, within=5)
            for connections in http._idle.values():
                await connections[0].reader.read()
            return [first, await http.request("GET", url, limit=9, within=5)]

    with server(saying(answer)) as port:
        assert [answer.body for answer in asyncio.run(asked(f"http://127.0.0.1:{port}/"))] == [b"ok", b"ok"]


def test_one_that_has_been_idle_for_long_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_client, "IDLE", 0.0)
    met = []

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        met.append(writer)
        await saying(OK, OK)(reader, writer)

    with server(talk) as port:
        get(f"http://127.0.0.1:{port}/", 2)
    assert len(met) == 2


def test_nothing_is_sent_twice() -> None:
    """Also where the server closes a connection after it has read the request: it may have done it."""
    seen = []

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        seen.append(await reader.readuntil(b"\r\n\r\n"))

    with server(talk) as port:
        kind, said = why(f"http://127.0.0.1:{port}/")
    assert (kind, len(seen)) == ("closed", 1)
    assert "the connection was closed before any answer" in said


# What goes wrong


def test_refused() -> None:
    port = free_port()
    refused = ("refused", "connection refused: nothing listens on that port")
    assert why(f"http://127.0.0.1:{port}/") == refused
    assert why(f"http://localhost:{port}/") == refused, "two addresses, two refusals"


def test_no_such_host() -> None:
    kind, said = why("http://no-such-host.invalid/")
    assert (kind, said) == ("dns", "the host name no-such-host.invalid does not resolve (DNS)")


@pytest.mark.parametrize(
    "url", ["ftp://x/", "http://", "http://x:0/", "http://x:99999/", f"http://{'ü' * 70}/", "nothing"]
)
def test_no_url(url: str) -> None:
    with pytest.raises((OSError, ValueError)) as raised:
        get(url)
    assert unreachable(url, raised.value, 2.0).values["kind"] == "url"


@pytest.mark.parametrize(
    "answer",
    [
        b"-ERR unknown command\r\n",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"HTTP/1.1 200\x00\r\n\r\n",
        b"\x15\x03\x01\x00\x02\x02F",
    ],
)
def test_not_http(answer: bytes) -> None:
    with server(saying(answer)) as port:
        kind, said = why(f"http://127.0.0.1:{port}/")
    assert kind == "protocol", said


def test_headers_without_end() -> None:
    with server(saying(b"HTTP/1.1 200 OK\r\nX: " + b"x" * 2 * http_client.HEADERS)) as port:
        assert why(f"http://127.0.0.1:{port}/")[0] == "protocol"


@each(
    "begun, where",
    [
        (b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123", "after 3 bytes of 9"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n9\r\n123", "after 3 bytes"),
        (b"HTTP/1.1 200 OK\r\nContent-Len", "in its headers"),
        (b"HTT", "in its headers"),
    ],
)
def test_an_answer_that_breaks_off(begun: bytes, where: str) -> None:
    """It is HTTP: nothing is said of another protocol, nor of a firewall."""
    with server(saying(begun)) as port:
        kind, said = why(f"http://127.0.0.1:{port}/")
    assert (kind, said) == ("cut_off", f"the connection broke in the middle of an answer, {where}")


@pytest.mark.parametrize("begun", [b"", b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n123"])
def test_no_end_of_an_answer(begun: bytes) -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(begun)
        await writer.drain()
        await reader.read()

    with server(talk) as port, pytest.raises(TimeoutError) as raised:
        get(f"http://127.0.0.1:{port}/", within=0.2)
    assert unreachable("ws://x", raised.value, 0.2).values["detail"] == "no answer within 0.2 s"


# TLS


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Of localhost, signed by itself, with its key."""
    file = tmp_path_factory.mktemp("tls") / "both.pem"
    key = file.with_name("key.pem")
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost", "-keyout", str(key), "-out", str(file)]
    subprocess.run(command, check=True, capture_output=True)
    file.write_text(file.read_text() + key.read_text())
    return file


@pytest.fixture
def tls(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


@pytest.fixture
def trusted(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """As a user does it whose issuer is private."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    http_client.ssl_context.cache_clear()
    yield
    http_client.ssl_context.cache_clear()


def test_tls(tls: ssl.SSLContext, trusted: None) -> None:
    with server(saying(OK, OK), tls) as port:
        assert get(f"https://localhost:{port}/", 2).body == b"ok"


def test_a_certificate_that_nobody_vouches_for(tls: ssl.SSLContext) -> None:
    with server(saying(OK), tls) as port:
        kind, said = why(f"https://localhost:{port}/")
    assert (kind, said) == (
        "certificate_issuer",
        f"the TLS certificate of localhost:{port} is not trusted here: it is self-signed (self-signed certificate)",
    )


def test_a_certificate_of_another_host(tls: ssl.SSLContext, trusted: None) -> None:
    with server(saying(OK), tls) as port:
        kind, said = why(f"https://127.0.0.1:{port}/")
    assert kind == "certificate_host"
    assert "IP address mismatch, certificate is not valid for '127.0.0.1'" in said


def test_tls_to_a_port_without() -> None:
    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read(1)
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()

    with server(talk) as port:
        kind, said = why(f"https://localhost:{port}/")
    assert kind == "tls"
    assert said.endswith(f"the URL is ws://localhost:{port}")


def test_tls_of_a_version_that_is_refused(tls: ssl.SSLContext, trusted: None) -> None:
    http_client.ssl_context().minimum_version = ssl.TLSVersion.TLSv1_3
    tls.maximum_version = ssl.TLSVersion.TLSv1_2
    with server(saying(OK), tls) as port:
        kind, said = why(f"https://localhost:{port}/")
    assert kind == "tls_failed"
    assert said.startswith("TLS failed: ")


def test_no_tls_to_a_port_with(tls: ssl.SSLContext) -> None:
    with server(saying(OK), tls) as port:
        kind, said = why(f"http://localhost:{port}/")
    assert kind == "closed"
    assert "or TLS only" in said


# Proxies


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    """No host is this machine, so that a proxy is asked for it."""
    monkeypatch.setattr(http_client, "_is_loopback", lambda _: False)


@contextmanager
def proxy(requests: list[str], answer: bytes = b"HTTP/1.1 200 Connected\r\n\r\n") -> Iterator[int]:
    """A forwarding proxy. `requests` has what it was asked."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = (await reader.readuntil(b"\r\n\r\n")).decode()
        requests.append(head)
        method, target, _ = head.split(" ", 2)
        if method != "CONNECT":
            writer.write(OK)
            await writer.drain()
            return
        writer.write(answer)
        await writer.drain()
        there, back = await asyncio.open_connection("127.0.0.1", int(target.rpartition(":")[2]))
        await asyncio.gather(_pipe(reader, back), _pipe(there, writer))

    with server(talk) as port:
        yield port


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    while data := await reader.read(1 << 16):
        writer.write(data)
        await writer.drain()
    writer.close()


def test_http_through_a_proxy(monkeypatch: pytest.MonkeyPatch, elsewhere: None) -> None:
    requests: list[str] = []
    with proxy(requests) as port:
        monkeypatch.setenv("HTTP_PROXY", f"http://me:p%40ss@127.0.0.1:{port}")
        assert get("http://livekit.test:7880/twirp").body == b"ok"
    (head,) = requests
    assert head.startswith("GET http://livekit.test:7880/twirp HTTP/1.1\r\n")
    assert "Proxy-Authorization: Basic bWU6cEBzcw==" in head


def test_https_through_a_proxy(
    monkeypatch: pytest.MonkeyPatch, elsewhere: None, tls: ssl.SSLContext, trusted: None
) -> None:
    requests: list[str] = []
    with proxy(requests) as port, server(saying(OK, OK), tls) as target:
        monkeypatch.setenv("https_proxy", f"127.0.0.1:{port}")
        assert get(f"https://localhost:{target}/", 2).body == b"ok"
    (head,) = requests
    assert head.startswith(f"CONNECT localhost:{target} HTTP/1.1\r\n")


def test_a_proxy_that_refuses(monkeypatch: pytest.MonkeyPatch, elsewhere: None) -> None:
    with proxy([], b"HTTP/1.1 407 Proxy Authentication Required\r\n\r\n") as port:
        monkeypatch.setenv("HTTPS_PROXY", f"http://me:secret@127.0.0.1:{port}")
        kind, said = why("https://livekit.test/")
    assert kind == "proxy"
    assert (
        said
        == f"the proxy http://127.0.0.1:{port} (from the environment) answered HTTP 407 Proxy Authentication Required"
    )


def test_a_proxy_that_is_not_there(monkeypatch: pytest.MonkeyPatch, elsewhere: None) -> None:
    port = free_port()
    monkeypatch.setenv("HTTPS_PROXY", f"http://127.0.0.1:{port}")
    kind, said = why("https://livekit.test/")
    assert kind == "proxy"
    assert f"http://127.0.0.1:{port} (from the environment) can't be reached" in said


def test_a_proxy_that_is_none(monkeypatch: pytest.MonkeyPatch, elsewhere: None) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "socks5://me:secret@127.0.0.1:1080")
    kind, said = why("https://livekit.test/")
    assert kind == "proxy"
    assert "socks5://127.0.0.1:1080" in said
    assert "secret" not in said


def test_which_hosts_a_proxy_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTPS_PROXY", "http://proxy.test:3128")
    monkeypatch.setenv("NO_PROXY", "livekit.internal,.example.com")
    asked = {
        host: proxy_of("https", host) is not None
        for host in ("x.livekit.cloud", "livekit.internal", "lk.example.com", "localhost", "127.0.0.1", "::1")
    }
    assert asked == dict.fromkeys(asked, False) | {"x.livekit.cloud": True}
    assert proxy_of("http", "x.livekit.cloud") is None


# Tokens


def test_a_token_is_what_livekit_reads() -> None:
    client = LiveKitClient(LiveKit(url="ws://x", api_key="key", api_secret="s" * 32))
    claims = TokenVerifier("key", "s" * 32).verify(client.token(room_admin=True, room="r ü", sip_call=True))
    assert claims.video is not None
    assert (claims.video.room_admin, claims.video.room, claims.video.can_publish) == (True, "r ü", False)
    assert (claims.video.room_list, claims.video.can_subscribe) == (None, False)
    assert claims.sip is not None
    assert (claims.sip.call, claims.sip.admin) == (True, False)
