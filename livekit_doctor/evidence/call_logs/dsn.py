"""The database's address as people have it: for libpq, and for messages without its password."""

import os
import re
from urllib.parse import unquote

from msgspec import Struct
from psycopg import ProgrammingError
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import Conninfo

from livekit_doctor import lazy_re
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable

_URL = lazy_re.compile(r"postgres(?:ql)?(?:\+\w+)?://", re.IGNORECASE)
_EXPECTED = "expected postgresql://USER@HOST:PORT/DATABASE"
_RESERVED = "write @ / ? # % and spaces of the password percent-encoded, such as %40 for @"


class Dsn(Struct, frozen=True):
    """`conninfo` has the password; nothing else here has."""

    conninfo: str
    host: str
    port: str
    database: str
    user: str
    passwords: tuple[str, ...]
    """What must never be printed."""

    def __repr__(self) -> str:
        return f"Dsn({self.where})"

    @property
    def where(self) -> str:
        return f"{self.host}:{self.port}" if self.host and not self.host.startswith("/") else (self.host or "?")

    def without_password(self, text: str) -> str:
        for password in self.passwords:
            text = text.replace(password, "***")
        return text


def parse_dsn(text: str) -> Dsn:
    """Raises LogsUnreadable, never quoting the text: it may be the password that breaks it.

    A driver's name after a plus sign and parameters for other clients (Prisma's pgbouncer=true)
    are left out: both are usual in the addresses that hosts and frameworks give.
    """
    text = text.strip()
    if match := _URL.match(text):
        text = _for_libpq(text[match.end() :])
    elif "://" in text:
        raise LogsUnreadable("dsn", f"the database URL is not one of Postgres; {_EXPECTED}")
    try:
        given = {key: str(value) for key, value in conninfo_to_dict(text).items() if value is not None}
        conninfo = make_conninfo("", **given)
    except (ProgrammingError, UnicodeError):
        raise _not_understood() from None
    # A URL whose host was forgotten has the password in the place of the port.
    if not all(port.isdecimal() and len(port) <= 5 for port in filter(None, given.get("port", "").split(","))):
        raise _not_understood()
    password = given.get("password", "")
    user = given.get("user") or os.environ.get("PGUSER") or os.environ.get("USER", "")
    return Dsn(
        conninfo=conninfo,
        host=given.get("host") or given.get("hostaddr") or os.environ.get("PGHOST", "localhost"),
        port=given.get("port") or os.environ.get("PGPORT", "5432"),
        database=given.get("dbname") or os.environ.get("PGDATABASE") or user,
        user=user,
        passwords=tuple(part for part in {password, unquote(password)} if len(part) > 2),
    )


def _not_understood() -> LogsUnreadable:
    return LogsUnreadable("dsn", f"the database URL can't be understood; {_EXPECTED}, and {_RESERVED}")


def _for_libpq(rest: str) -> str:
    """What follows postgresql://, checked and without what libpq does not know."""
    address, _, query = rest.partition("?")
    login, at, _ = rest.rpartition("@")
    if at and re.search(r"[@/?#\s]", login):
        raise LogsUnreadable("dsn", f"the database URL is ambiguous: {_RESERVED}")
    known = {option.keyword.decode() for option in Conninfo.get_defaults()} | {"ssl"}
    kept = [option for option in query.split("&") if option.partition("=")[0] in known]
    return f"postgresql://{address}" + (f"?{'&'.join(kept)}" if kept else "")
