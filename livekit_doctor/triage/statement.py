"""The statements, each as one text in the dialect of its engine."""

import sqlglot
from sqlglot import exp

from livekit_doctor.triage import classification
from livekit_doctor.triage.classification import STATE, Parts, source_of
from livekit_doctor.triage.dialects import WRITTEN_IN, Dialect
from livekit_doctor.triage.plan import SECOND
from livekit_doctor.triage.terms import EDGES, GAPS, LONGEST, ZERO, Columns, Key, Window

WIN = "CASE WHEN first_at >= :since THEN 1 ELSE 0 END"


class Statement(Parts, frozen=True, kw_only=True):
    """`shards`: in how many parts the calls are classified, which Postgres then does side by side, each in one process
    from its rows to its verdicts. Of the other ways the times of all calls go through one process."""

    window: Window
    shards: int = 1

    def groups(self) -> str:
        """The window's calls by verdict, place of the break and time of day: some thousand rows at the most."""
        return self._written(f"{self._classified(self.shards)} {_groups(self)}")

    def by_key(self, *, hours: bool, limit: int) -> str:
        """They by the value of `key`, the most frequent first."""
        hour = "first_at - first_at % :bucket" if hours else ZERO
        tail = (
            f"SELECT {WIN} AS win, dim, verdict, agent_step, status, phone_step, {hour} AS hour, COUNT(*) AS calls"
            f" FROM classified GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 8 DESC, 1, 2, 3, 4, 5, 6, 7 LIMIT {int(limit)}"
        )
        return self._written(f"{self._classified(self.shards)} {tail}")

    def per_call(self) -> str:
        """A row a call."""
        names = "first_at, last_at, n, verdict, agent_step, phone_step, status, way, phone_way, why, retried, skewed"
        tail = f"SELECT X_TEXT(call_id) AS call_id, {names} FROM classified WHERE first_at >= :since"
        return self._written(f"{self._classified()} {tail}")

    def _classified(self, shards: int = 1) -> str:
        if shards > 1:
            every = (f"({self._classified_where(_shard(n, shards))} SELECT * FROM classified)" for n in range(shards))
            return f"WITH classified AS ({' UNION ALL '.join(every)})"
        return self._classified_where("")

    def _classified_where(self, shard: str) -> str:
        first = (classification.entries(self), classification.logs(self, shard), classification.calls(self))
        return f"WITH {', '.join((*first, *classification.stages(self)))}"

    def _written(self, text: str) -> str:
        window, plan = self.window, self.plan
        values = {
            **{name: exp.Literal.number(getattr(window, name)) for name in _OF_WINDOW},
            **{name: exp.Literal.number(getattr(plan, name)) for name in _OF_PLAN},
            "from_moment": self.dialect.moment(window.first),
            "until_moment": self.dialect.moment(window.last),
            "talks": exp.Literal.number(plan.talks or 0),
        }
        return self.dialect.written(_filled(text, values, self.columns, self.key))


_OF_WINDOW = ("before", "since", "until", "now", "bucket")
_OF_PLAN = ("tolerance", "patience", "patience_ringing", "answered_within", "at_once", "moment", "closes")


def _shard(number: int, of: int) -> str:
    """The calls of one part, by the hash of their ids."""
    edges = [-(1 << 31) + (place << 32) // of for place in (number, number + 1)]
    since = f" AND X_HASH(l.col_call_id) >= {edges[0]}" if number else ""
    return since + (f" AND X_HASH(l.col_call_id) < {edges[1]}" if number + 1 < of else "")


def _groups(parts: Parts) -> str:
    dialect = parts.dialect
    sample = "X_TEXT(call_id)" + (f' COLLATE "{dialect.collation}"' if dialect.collation else "")
    keys = (
        f"{WIN} AS win, verdict, agent_step, status, phone_step, way, phone_way,"
        " why, first_at - first_at % :bucket AS hour"
    )
    below = ", ".join(_below(dialect, name) for name in GAPS)
    return (
        f"SELECT {keys}, COUNT(*) AS calls, SUM(retried) AS retried, SUM(skewed) AS skewed,"
        f" MIN(first_at) AS first_seen, MAX(first_at) AS last_seen, MAX({sample}) AS sample, {below}"
        " FROM classified GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
    )


def _below(dialect: Dialect, name: str) -> str:
    """How many took less than each edge, and how many were timed."""

    def count(when: str, alias: str) -> str:
        if dialect.filters:
            return f"COUNT(*) FILTER (WHERE {when}) AS {alias}"
        return f"SUM(CASE WHEN {when} THEN 1 ELSE 0 END) AS {alias}"

    edges = (count(f"{name}_took < {round(edge * SECOND)}", f"{name}_{place}") for place, edge in enumerate(EDGES))
    return ", ".join((*edges, count(f"{name}_took >= 0", f"{name}_timed")))


def pairs_query(columns: Columns, window: Window | None, dialect: Dialect, limit: int) -> str:
    """The states and components of the window, and how often; or those of all rows, and the time of the last one."""
    last = "" if window else ", X_US(MAX(l.col_at)) AS last_at"
    text = (
        f"SELECT {STATE} AS state, {source_of(columns)} AS source, COUNT(*) AS rows_of{last} FROM the_table AS l"
        f"{' WHERE l.col_at >= :from_moment AND l.col_at < :until_moment' if window else ''}"
        f" GROUP BY 1, 2 ORDER BY 3 DESC, 1, 2 LIMIT {int(limit)}"
    )
    values = {}
    if window:
        values = {"from_moment": dialect.moment(window.first), "until_moment": dialect.moment(window.last)}
    return dialect.written(_filled(text, values, columns, None))


def rows_query(columns: Columns, window: Window, dialect: Dialect, call_id: str, limit: int) -> str:
    """The rows of one call, the newest first."""
    source = source_of(columns)
    metadata = f"LEFT(X_TEXT(l.col_metadata), {LONGEST})" if columns.metadata else "''"
    text = (
        f"SELECT X_US(l.col_at) AS at, {source} AS source, COALESCE(X_TEXT(l.col_state), '') AS state,"
        f" {metadata} AS metadata FROM the_table AS l WHERE X_TEXT(l.col_call_id) = :call_id"
        f" AND l.col_at >= :from_moment AND l.col_at < :until_moment ORDER BY 1 DESC LIMIT {int(limit)}"
    )
    values = {"from_moment": dialect.moment(window.first), "until_moment": dialect.moment(window.last)}
    return dialect.written(_filled(text, {**values, "call_id": exp.Literal.string(call_id)}, columns, None))


def _filled(text: str, values: dict[str, exp.Expression], columns: Columns, key: Key | None) -> exp.Expression:
    """The text as a tree, with names and values in their places: as identifiers and literals, never as text."""
    names = {"col_call_id": columns.call_id, "col_at": columns.at, "col_state": columns.state}
    names |= {"col_source": columns.source or "", "col_metadata": columns.metadata or ""}
    names["col_key"] = (key.column if key else None) or ""

    def fill(node: exp.Expression) -> exp.Expression:
        if isinstance(node, exp.Placeholder):
            return values[str(node.this)].copy()
        if isinstance(node, exp.Identifier) and str(node.this) in names:
            return exp.to_identifier(names[str(node.this)], quoted=True)
        if isinstance(node, exp.Table) and node.name == "the_table":
            return _table(columns.table, node.alias)
        return node

    found = sqlglot.parse_one(text, dialect=WRITTEN_IN).transform(fill, copy=False)
    assert isinstance(found, exp.Expression)
    return found


def _table(names: tuple[str, ...], alias: str) -> exp.Expression:
    parts = [exp.to_identifier(name, quoted=True) for name in reversed(names)]
    keys = ("this", "db", "catalog")
    found = exp.Table(**dict(zip(keys, parts, strict=False)))
    found.set("alias", exp.TableAlias(this=exp.to_identifier(alias)))
    return found
