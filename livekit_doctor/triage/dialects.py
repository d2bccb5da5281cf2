"""How each SQL dialect writes what SQLGlot does not translate: a time as a number, a match, a path into JSON.

The statement is written once, in DuckDB's SQL, with functions named X_... in the places of these.
"""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from functools import cache, partial

import sqlglot
from msgspec import Struct
from sqlglot import exp

from livekit_doctor.triage.terms import DIGITS

WRITTEN_IN = "duckdb"
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

Arguments = Sequence[exp.Expression]
Write = Callable[[Arguments], exp.Expression]


class Dialect(Struct, frozen=True):
    """`name` is SQLGlot's. `time` is the type of a moment, for a literal in UTC with or without its `zone`.

    `filters`: an aggregate takes FILTER, and is faster with it than with CASE. `fenced`: subqueries are pulled up, so
    that what they name is computed again in each place, unless OFFSET 0 keeps them apart, or an outer join does. (A
    plain 0 would first have to be cast, which keeps Postgres from giving the subquery to a parallel worker.)
    `collation` makes text sort by its code points. `verified`: the statement is run by it in the tests.
    """

    name: str
    functions: Mapping[str, Write]
    time: str = "TIMESTAMP"
    zone: str = ""
    filters: bool = False
    fenced: bool = False
    collation: str = ""
    verified: bool = False

    def moment(self, microseconds: int) -> exp.Expression:
        """A literal of this moment."""
        text = f"{EPOCH + timedelta(microseconds=microseconds):%Y-%m-%d %H:%M:%S.%f}{self.zone}"
        if self.name == "clickhouse":
            return call("toDateTime64", exp.Literal.string(text), _number(6), exp.Literal.string("UTC"))
        return exp.cast(exp.Literal.string(text), self.time, dialect=self.name)

    def written(self, canonical: exp.Expression) -> str:
        """The statement in this dialect. The tree is changed."""
        found = canonical.transform(self._replaced, copy=False)
        for cte in found.find_all(exp.CTE) if self.fenced else ():
            if cte.alias in FENCED and isinstance(cte.this, exp.Select):
                cte.set("this", cte.this.offset(_big(exp.Literal.string("0")), copy=False))
        return found.sql(dialect=self.name, pretty=True)

    def _replaced(self, node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Anonymous) and (write := self.functions.get(str(node.this).upper())):
            return write([argument.transform(self._replaced, copy=False) for argument in node.expressions])
        return node


FENCED = ("opened", "attempts", "cut", "steps", "reached", "verdicts", "broken", "judged", "classified")
"""The subqueries whose values are named more than once."""


def call(name: str, *arguments: exp.Expression) -> exp.Expression:
    return exp.Anonymous(this=name, expressions=list(arguments))


def _number(value: int) -> exp.Expression:
    return exp.Literal.number(value)


def _big(value: exp.Expression) -> exp.Expression:
    return exp.cast(value, "BIGINT")


def _text(arguments: Arguments) -> exp.Expression:
    return exp.cast(arguments[0], "TEXT")


def _template(text: str, dialect: str) -> Write:
    """A function in a dialect's own words, with $1, $2 for what it is given."""

    def write(arguments: Arguments) -> exp.Expression:
        parsed = _parsed(text, dialect).copy()

        def filled(node: exp.Expression) -> exp.Expression:
            if isinstance(node, exp.Column) and node.name.startswith("arg_"):
                return arguments[int(node.name[4:])]
            return node

        return parsed.transform(filled, copy=False)

    return write


@cache
def _parsed(text: str, dialect: str) -> exp.Expression:
    found = sqlglot.parse_one(text, dialect=dialect)
    assert isinstance(found, exp.Expression)
    return found


def _functions(dialect: str, **texts: str) -> Mapping[str, Write]:
    return {"X_TEXT": _text, **{f"X_{name.upper()}": _template(text, dialect) for name, text in texts.items()}}


def _path(arguments: Arguments) -> list[str]:
    return [key.name for key in arguments[1:]]


def _json_path(arguments: Arguments, function: str) -> exp.Expression:
    """Keys as $."a"."b", quoted, so that no character in them is read as a step of the path."""
    path = "$" + "".join('."' + key.replace("\\", "\\\\").replace('"', '\\"') + '"' for key in _path(arguments))
    return call(function, arguments[0], exp.Literal.string(path))


def _postgres_us(arguments: Arguments) -> exp.Expression:
    # As a double it is exact to a microsecond, and many times faster than EXTRACT, which is numeric.
    return _big(exp.Mul(this=call("DATE_PART", exp.Literal.string("epoch"), arguments[0]), expression=_number(10**6)))


def _postgres_status(arguments: Arguments) -> exp.Expression:
    # To look for a group takes four times as long: so the digits are taken out of what matches.
    whole = exp.Literal.string(arguments[1].name.replace(f"({DIGITS})", DIGITS))
    found = call("SUBSTRING", arguments[0], whole)
    return _big(call("SUBSTRING", found, exp.Literal.string("[0-9]+")))


def _spark_path(arguments: Arguments) -> str:
    """Keys as $['a']['b'], in which neither of two characters can be; such a key is in no row."""
    return "$" + "".join(f"['{key}']" if not set(key) & {"'", "?"} else "['']" for key in _path(arguments))


def _clickhouse_path(arguments: Arguments) -> exp.Expression:
    return call("nullIf", call("JSONExtractString", arguments[0], *arguments[1:]), exp.Literal.string(""))


POSTGRES = Dialect(
    "postgres",
    {
        **_functions("postgres", matches="arg_0 ~ arg_1", hash="HASHTEXT(CAST(arg_0 AS TEXT))"),
        "X_STATUS": _postgres_status,
        "X_US": _postgres_us,
        "X_PATH": lambda given: call("jsonb_extract_path_text", *given),
    },
    time="TIMESTAMPTZ",
    zone="+00",
    filters=True,
    fenced=True,
    collation="C",
    verified=True,
)

DUCKDB = Dialect(
    "duckdb",
    {
        **_functions(
            "duckdb",
            us="EPOCH_US(arg_0)",
            status="TRY_CAST(REGEXP_EXTRACT(arg_0, arg_1, 1) AS BIGINT)",
            matches="REGEXP_MATCHES(arg_0, arg_1)",
        ),
        "X_PATH": partial(_json_path, function="JSON_EXTRACT_STRING"),
    },
    verified=True,
)

SPARK = Dialect(
    "spark",
    {
        **_functions("spark", us="UNIX_MICROS(arg_0)", matches="arg_0 RLIKE arg_1"),
        "X_STATUS": lambda given: _big(
            exp.Nullif(this=call("REGEXP_EXTRACT", given[0], given[1], _number(1)), expression=exp.Literal.string(""))
        ),
        "X_PATH": lambda given: call("GET_JSON_OBJECT", given[0], exp.Literal.string(_spark_path(given))),
    },
    verified=True,
)

CLICKHOUSE = Dialect(
    "clickhouse",
    {
        **_functions("clickhouse"),
        "X_US": lambda given: call("toUnixTimestamp64Micro", given[0]),
        "X_STATUS": lambda given: call("toInt64OrNull", call("extract", _or_empty(given[0]), given[1])),
        "X_MATCHES": lambda given: call("match", given[0], given[1]),
        "X_PATH": _clickhouse_path,
        "X_TEXT": lambda given: call("toString", given[0]),
    },
    verified=True,
)

BIGQUERY = Dialect(
    "bigquery",
    {
        **_functions("bigquery"),
        "X_US": lambda given: call("UNIX_MICROS", given[0]),
        "X_STATUS": lambda given: exp.cast(call("REGEXP_EXTRACT", given[0], given[1]), "BIGINT"),
        "X_MATCHES": lambda given: call("REGEXP_CONTAINS", given[0], given[1]),
        "X_PATH": partial(_json_path, function="JSON_VALUE"),
        "X_TEXT": lambda given: call("TO_JSON_STRING", given[0]),
    },
    zone="+00",
    time="TIMESTAMPTZ",
)

SNOWFLAKE = Dialect(
    "snowflake",
    {
        **_functions("snowflake"),
        "X_US": lambda given: call("DATE_PART", exp.Var(this="EPOCH_MICROSECOND"), given[0]),
        "X_STATUS": lambda given: call("TRY_TO_NUMBER", _snowflake_match("REGEXP_SUBSTR", given, "ie", 1)),
        "X_MATCHES": lambda given: exp.GT(
            this=_snowflake_match("REGEXP_INSTR", given, "i", None), expression=_number(0)
        ),
        "X_PATH": lambda given: exp.cast(call("GET_PATH", given[0], _dotted(given)), "TEXT"),
    },
    zone=" +00:00",
    time="TIMESTAMPTZ",
)

TRINO = Dialect(
    "trino",
    {
        **_functions("trino"),
        "X_US": lambda given: _big(exp.Mul(this=call("TO_UNIXTIME", given[0]), expression=_number(10**6))),
        "X_STATUS": lambda given: exp.TryCast(
            this=call("REGEXP_EXTRACT", given[0], given[1], _number(1)), to=exp.DataType.build("BIGINT"), safe=True
        ),
        "X_MATCHES": lambda given: call("REGEXP_LIKE", given[0], given[1]),
        "X_PATH": partial(_json_path, function="JSON_EXTRACT_SCALAR"),
    },
    zone=" UTC",
    time="TIMESTAMPTZ",
)


def _or_empty(text: exp.Expression) -> exp.Expression:
    return call("ifNull", text, exp.Literal.string(""))


def _snowflake_match(function: str, given: Arguments, flags: str, group: int | None) -> exp.Expression:
    """From the first character on, the first match; what it is of, by the number of its group."""
    where = [_number(1), _number(1), *([] if group else [_number(0)])]
    last = [_number(group)] if group else []
    return call(function, given[0], _without_flag(given[1]), *where, exp.Literal.string(flags), *last)


def _without_flag(pattern: exp.Expression) -> exp.Expression:
    return exp.Literal.string(pattern.name.removeprefix("(?i)"))


def _dotted(arguments: Arguments) -> exp.Expression:
    return exp.Literal.string(".".join('"' + key.replace('"', '""') + '"' for key in _path(arguments)))


DIALECTS: Mapping[str, Dialect] = {
    dialect.name: dialect for dialect in (POSTGRES, DUCKDB, SPARK, CLICKHOUSE, BIGQUERY, SNOWFLAKE, TRINO)
}
