"""What psycopg raises, as one clear line. Its own text may hold the password, so it is searched
and never shown as it is."""

import re

import psycopg

from livekit_doctor.evidence.call_logs.dsn import Dsn
from livekit_doctor.evidence.call_logs.problems import Kind, LogsUnreadable
from livekit_doctor.evidence.call_logs.rows import shortened

# Of a refused connection libpq tells no SQLSTATE, only text.
_REFUSED: tuple[tuple[Kind, str, str], ...] = (
    (
        "auth",
        r"Tenant or user not found",
        'the pooler at {where} does not know the user "{user}"; '
        "copy user, host and port from the project's connection settings (Supabase: postgres.PROJECT)",
    ),
    (
        "auth",
        r"password authentication failed|SCRAM|SASL authentication failed",
        'the password of role "{user}" is rejected at {where}; correct CALL_LOGS_DATABASE_URL',
    ),
    (
        "auth",
        r"no password supplied|empty password",
        'role "{user}" needs a password at {where}, and none is given; add it to CALL_LOGS_DATABASE_URL',
    ),
    (
        "auth",
        r"no pg_hba.conf entry",
        'the server at {where} lets role "{user}" not into database "{database}" from this machine; '
        "add ?sslmode=require to the URL, or allow this address in pg_hba.conf",
    ),
    (
        "no_database",
        r'database "[^\n]*" does not exist',
        'database "{database}" does not exist at {where}; correct the name at the end of '
        "CALL_LOGS_DATABASE_URL (psql -l lists them)",
    ),
    (
        "auth",
        r'role "[^\n]*" (?:does not exist|is not permitted to log in)|authentication failed',
        'role "{user}" can\'t log in at {where}; correct the user in CALL_LOGS_DATABASE_URL',
    ),
    (
        "no_permission",
        r"permission denied for database",
        'role "{user}" may not connect to database "{database}" at {where}; as its owner: '
        'GRANT CONNECT ON DATABASE "{database}" TO "{user}";',
    ),
    (
        "unreachable",
        r"too many (?:clients|connections)|remaining connection slots|max clients reached",
        "the server at {where} has no free connection; use its pooler's address, or try again",
    ),
    (
        "unreachable",
        r"does not support SSL|SSL|certificate",
        "no TLS connection with {where} ({said}); correct sslmode in CALL_LOGS_DATABASE_URL",
    ),
    (
        "unreachable",
        r"failed to resolve host|could not translate host name|Name or service not known",
        'the host name "{host}" can\'t be resolved; correct the host in CALL_LOGS_DATABASE_URL',
    ),
    (
        "unreachable",
        r"Connection refused|No such file or directory",
        "nothing listens at {where}; start Postgres, or correct host and port in CALL_LOGS_DATABASE_URL",
    ),
    (
        "unreachable",
        r"Network is unreachable|No route to host",
        "there is no route to {where}; an address that is IPv6 only (Supabase's direct one) needs the "
        "pooler's address instead",
    ),
    (
        "unreachable",
        r"Connection reset|server closed the connection|Broken pipe|connection abort",
        "{where} closed the connection before the login was done ({said}): the server or its pooler is down or "
        "restarting, or the port is another service's; try again, or correct host and port in CALL_LOGS_DATABASE_URL",
    ),
    (
        "unreachable",
        r"expected authentication request|invalid response|lost synchronization|unexpected message",
        "what answers at {where} is not Postgres ({said}); correct host and port in CALL_LOGS_DATABASE_URL",
    ),
    (
        "unreachable",
        r"starting up|shutting down|recovery",
        "the server at {where} is starting or stopping; try again",
    ),
)


def refused(error: Exception, dsn: Dsn, timeout: float) -> LogsUnreadable:
    """Why a connection was not made."""
    text = dsn.without_password(str(error))
    if isinstance(error, TimeoutError) or "timeout expired" in text:
        return LogsUnreadable(
            "timeout",
            f"no answer from {dsn.where} within {timeout:g} s; correct host and port in "
            "CALL_LOGS_DATABASE_URL, or raise call_logs.timeout",
            **_values(dsn),
        )
    said = shortened(_said(text), 200)
    for kind, pattern, message in _REFUSED:
        if re.search(pattern, text, re.IGNORECASE):
            filled = message.format(said=said, where=dsn.where, **_values(dsn))
            return LogsUnreadable(kind, filled, **_values(dsn))
    return LogsUnreadable("unreachable", f"no connection with {dsn.where}: {said}", **_values(dsn))


def failed(error: Exception, dsn: Dsn, timeout: float, place: str) -> LogsUnreadable:
    """Why a query failed. `place` is the table's name as it is written in SQL."""
    values = _values(dsn)
    state = getattr(error, "sqlstate", None) or ""
    said = shortened(_said(dsn.without_password(_primary(error))), 200)
    if state == "57014" and "user request" in said:
        message = f"reading {place} was ended by an administrator, or by what watches long queries: {said}; try again"
        return LogsUnreadable("other", message, **values)
    if isinstance(error, TimeoutError) or state in ("57014", "55P03"):
        return LogsUnreadable(
            "timeout",
            f"reading {place} took longer than {timeout:g} s; it may lack an index on the call id or be "
            "locked; raise call_logs.timeout, or see SELECT * FROM pg_stat_activity;",
            **values,
        )
    if state == "42501":
        return LogsUnreadable("no_permission", f'role "{dsn.user}" may not read {place}: {said}', **values)
    if state == "42P01":
        return LogsUnreadable("no_table", f"{place} can't be read: {said}", **values)
    if state.startswith(("08", "57P")) or (not state and isinstance(error, psycopg.OperationalError)):
        return LogsUnreadable("unreachable", f"the connection with {dsn.where} broke: {said}", **values)
    return LogsUnreadable("other", f"{place} can't be read: {said}", **values)


def _primary(error: Exception) -> str:
    diagnosis: psycopg.errors.Diagnostic | None = getattr(error, "diag", None)
    return (diagnosis.message_primary if diagnosis else None) or str(error)


def _said(text: str) -> str:
    """The server's own words of a message, without its preamble."""
    line = text.strip().partition("\n")[0]
    return re.sub(r"^connection (?:failed|is bad): |connection to server .*? failed: |FATAL:\s*", "", line)


def _values(dsn: Dsn) -> dict[str, str]:
    return {"host": dsn.host, "port": dsn.port, "database": dsn.database, "user": dsn.user, "role": dsn.user}
