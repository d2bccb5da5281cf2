"""Faults of the database with the call state logs, and of what stands in front of it."""

from typing import Any

from tests.faults.declared import IMPATIENT, Fault
from tests.faults.proxy import Pooler, Rule, Wire, postgres_error

_SLOW_VIEW = (
    "alter table call_state_logs rename to kept",
    "create view call_state_logs as select * from kept where pg_sleep(4) is not null",
    "grant select on call_state_logs to {role}",
)
_RAISING_VIEW = (
    "alter table call_state_logs rename to kept",
    "create function fails() returns boolean language plpgsql as"
    " $$ begin raise exception 'could not extend file: no space left' using errcode = '53100'; end $$",
    "create view call_state_logs as select * from kept where fails()",
    "grant select on call_state_logs to {role}",
)


def _unread(name: str, rule: Rule | None, *says: str, **further: Any) -> Fault:
    return Fault(name=name, place="postgres", rule=rule, code="LKD602", says=says, **further)


def _harmless(name: str, rule: Rule | None = None, **further: Any) -> Fault:
    return Fault(name=name, place="postgres", rule=rule, **further)


def _says(state: str, message: str) -> Wire:
    return Wire(hears=8, says=postgres_error(state, message), then="close")


_READING = ("check", "trace", "watch", "recent", "triage")
"""The commands that read the table; `init` looks at what tables there are."""
_BROKE = ("closed the connection",)

FAULTS: tuple[Fault, ...] = (
    _unread("connect refused", Wire(listens=False), "nothing listens at", fix="Start Postgres", selected=True),
    _unread("reset at connect", Wire(then="reset"), *_BROKE, fix="Start Postgres"),
    _unread("closed at connect", Wire(then="close"), *_BROKE, fix="Start Postgres"),
    _unread(
        "black hole",
        Wire(then="hold"),
        "no answer from",
        fix="CALL_LOGS_DATABASE_URL",
        timeout=IMPATIENT,
        selected=True,
    ),
    *(_unread(f"reset at byte {byte}", Wire(after=byte, then="reset"), *_BROKE) for byte in (1, 9, 40, 200, 450, 700)),
    *(
        _unread(f"closed at byte {byte}, half a message", Wire(after=byte, then="close"), *_BROKE)
        for byte in (5, 100, 460)
    ),
    *(
        _unread(
            f"silence after byte {byte}",
            Wire(after=byte, then="hold"),
            f"{IMPATIENT:g} s",
            timeout=IMPATIENT,
            commands=_READING,
        )
        for byte in (9, 100, 460)
    ),
    _unread(
        "a web server answers", Wire(hears=8, says=b"HTTP/1.1 400 Bad Request\r\n\r\n", then="close"), "is not Postgres"
    ),
    _unread(
        "MySQL answers", Wire(says=b"J\0\0\0\n8.0.36\0" + bytes(60), then="hold"), "is not Postgres", timeout=IMPATIENT
    ),
    _unread("wrong password", None, "the password of role", usage=True, dsn={"password": "canary-secret"}),
    _unread("unknown role", None, 'of role "nobody_here" is rejected', usage=True, dsn={"user": "nobody_here"}),
    _unread("no password", None, "needs a password", usage=True, dsn={"password": None}),
    _unread("missing database", None, '"nothing_here" does not exist', usage=True, dsn={"dbname": "nothing_here"}),
    _unread("may not connect", None, "GRANT CONNECT", sql=("revoke connect on database {database} from public",)),
    _unread(
        "too many connections", None, "no free connection", sql=("alter role {role} connection limit 0",), selected=True
    ),
    _unread("starting up", _says("57P03", "the database system is starting up"), "is starting or stopping"),
    _unread("shutting down", _says("57P03", "the database system is shutting down"), "is starting or stopping"),
    _unread("in recovery", _says("57P03", "the database system is in recovery mode"), "is starting or stopping"),
    _unread(
        "TLS required by the server",
        _says("28000", 'no pg_hba.conf entry for host "10.0.0.9", user "x", database "y", no encryption'),
        "sslmode=require",
        usage=True,
    ),
    _unread("TLS required here, refused there", None, "no TLS connection", dsn={"sslmode": "require"}),
    _unread(
        "the pooler does not know the user",
        _says("XX000", "Tenant or user not found"),
        "does not know the user",
        usage=True,
    ),
    _unread("the pooler has no server", _says("08P01", "query_wait_timeout"), "query_wait_timeout"),
    _unread("host name that does not resolve", None, "can't be resolved", dsn={"host": "no-such-host.invalid"}),
    _unread(
        "@ and / in the password",
        None,
        "percent-encoded",
        usage=True,
        dsn="postgresql://{role}:p@ss/word@127.0.0.1:{port}/{database}",
        selected=True,
    ),
    _unread(
        "# in the password",
        None,
        "percent-encoded",
        usage=True,
        dsn="postgresql://{role}:pa#ss@127.0.0.1:{port}/{database}",
    ),
    _unread("shutdown in a query", None, "broke", sql=_SLOW_VIEW, cancels="pg_terminate_backend", commands=_READING),
    _unread(
        "a query ended by an administrator",
        None,
        "ended by an administrator",
        sql=_SLOW_VIEW,
        cancels="pg_cancel_backend",
        commands=_READING,
    ),
    _unread(
        "ACCESS EXCLUSIVE lock",
        None,
        "took longer than",
        holds=("lock table call_state_logs in access exclusive mode",),
        timeout=IMPATIENT,
        selected=True,
        commands=_READING,
    ),
    _unread(
        "a view that sleeps",
        None,
        "took longer than",
        sql=_SLOW_VIEW,
        timeout=IMPATIENT,
        commands=_READING,
    ),
    _unread(
        "a view that fails, the disk is full",
        None,
        "no space left",
        sql=_RAISING_VIEW,
        commands=_READING,
    ),
    _unread("too slow an answer", Wire(latency=2), f"{IMPATIENT:g} s", timeout=IMPATIENT, commands=_READING),
    _unread(
        "wrong table",
        None,
        '"call_state_logs"?',
        usage=True,
        settings={"call_logs": {"table": "call_state_log"}},
        commands=_READING,
    ),
    _unread(
        "wrong schema",
        None,
        '"public"?',
        usage=True,
        settings={"call_logs": {"schema": "pubilc"}},
        commands=_READING,
    ),
    _unread(
        "wrong column",
        None,
        '"state"?',
        usage=True,
        settings={"call_logs": {"columns": {"state": "status"}}},
        commands=_READING,
    ),
    _unread(
        "may not read",
        None,
        "GRANT SELECT",
        fix="GRANT SELECT",
        sql=("revoke select on call_state_logs from {role}",),
        commands=_READING,
    ),
    _unread(
        "row-level security hides all rows",
        None,
        "row-level security applies",
        fix="CREATE POLICY",
        sql=("alter table call_state_logs enable row level security",),
        commands=("check", "trace", "watch", "recent"),
        selected=True,
    ),
    _harmless("a pooler without prepared statements and startup options", Pooler(), selected=True),
    _harmless("a slow answer", Wire(latency=0.1)),
    _harmless("a statement timeout of the role's own", sql=("alter role {role} set statement_timeout = 1",)),
    _harmless(
        "a big table without an index",
        sql=(
            "drop index call_state_logs_call_id_idx",
            "insert into call_state_logs (call_id, source, state) select 'other-' || n, 'edge', 'room_created'"
            " from generate_series(1, 300000) n",
        ),
        commands=("check", "trace", "recent"),
        timeout=60,
    ),
    _harmless(
        "a row of 100 MB",
        sql=(
            "update call_state_logs set metadata = to_jsonb(repeat('many words ', 9500000))"
            " where state = 'room_created'",
        ),
        commands=("trace",),
        timeout=60,
    ),
)
