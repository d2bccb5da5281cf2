"""The classification as one SQL statement: the rows of a call become one row of times, that row becomes a verdict, and
the verdicts are counted. No window function, no ordered aggregate, so that a distributed engine runs it shard by shard.

It is what `diagnose` says of a call of which nothing but its rows is known, as far as that can be said of times alone:
the difference is counted by tests/triage/test_against_trace.py. Times are whole microseconds since 1970.
"""

from collections.abc import Iterable, Iterator, Sequence

import sqlglot
from msgspec import Struct
from sqlglot import exp

from livekit_doctor.diagnosis.carrier import Kind
from livekit_doctor.diagnosis.rules.rows import BEFORE_THE_ANSWER
from livekit_doctor.triage.dialects import WRITTEN_IN, Dialect
from livekit_doctor.triage.mapping import ENDED_BADLY, FAILED, PHONE_FAILED, TALKED, Mapping, number_of
from livekit_doctor.triage.plan import SECOND, WORDS, Plan, pattern_of

STEPS = range(1, 13)
NEVER = "CAST(9000000000000000000 AS BIGINT)"
ZERO = "CAST(0 AS BIGINT)"

GAPS = {"join": (3, 6), "ring": (9, 10), "answer": (10, 11)}
"""The times that are measured, each from a step to a step."""
EDGES = (0.2, 0.3, 0.4, 0.5, 0.6, 0.8, 1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10, 13, 16, 20, 25, 30, 40, 60, 90, 180)
"""Seconds. A time is counted below each: such counts add up over any groups, and are the same in every engine."""

REASONS = (
    "",
    "a state says that it failed",
    "a component logs nothing that is a step",
    "it ended before its agent's time was up",
    "it was answered and lasted, and the agent logs nothing",
    "it was dispatched again after an agent had come",
    "its last row is from the future",
    "no row of it is a step",
    "neither agent nor phone is known to have come",
)
"""Why a call is `unknown`, by the number that the statement gives."""

STATUS = (
    "(?i)(?:sip[_ -]?(?:status[_ -]?code|status|code|response[_ -]?code)|sip call failed)"
    "[^0-9a-z{}]{0,6}([3-6][0-9][0-9])(?:[^0-9]|$)"
)
LONGEST = 65_536
"""Characters of a row's metadata in which an answer is looked for."""
_QUOTED = '(?i)"(?:last_?)?(?:err|error|exception|exc|cause|failure)"[ ]*:[ ]*"[^"]*(?:%s)'


class Columns(Struct, frozen=True):
    """Where the rows are; names as they are in the engine."""

    table: tuple[str, ...]
    call_id: str
    at: str
    state: str
    source: str | None
    metadata: str | None


class Window(Struct, frozen=True):
    """Which calls are looked at, by their first row: from `since` to `until`, and from `before` to `since`, to be
    compared with. `now` is the clock of the log. Microseconds since 1970."""

    before: int
    since: int
    until: int
    now: int
    bucket: int = 3600 * SECOND

    @property
    def first(self) -> int:
        """Rows from here on are read, so that a long call that began earlier is no new one."""
        return self.before - MARGIN

    @property
    def last(self) -> int:
        """Rows up to here are read, so that a call that began at the end is not cut off."""
        return self.until + MARGIN


MARGIN = 3600 * SECOND


class Key(Struct, frozen=True):
    """What calls are grouped by: the component that opened the call, a column, or a path into the metadata's JSON."""

    name: str
    column: str | None = None
    path: tuple[str, ...] = ()


class Statement(Struct, frozen=True):
    """All that the text depends on."""

    columns: Columns
    window: Window
    mapping: Mapping
    plan: Plan
    dialect: Dialect
    key: Key | None = None

    def groups(self) -> str:
        """The window's calls, counted by verdict, place of the break and time of day: some thousand rows at the most."""
        return self._written(f"{self._classified()} {_groups(self)}")

    def by_key(self, *, hours: bool, limit: int) -> str:
        """Those of the window itself by the value of `key`, the most frequent first."""
        hour = "first_at - first_at % :bucket" if hours else ZERO
        tail = (
            f"SELECT dim, verdict, agent_step, status, phone_step, why, {hour} AS hour, COUNT(*) AS calls,"
            " MIN(first_at) AS first_seen, MAX(first_at) AS last_seen FROM classified"
            f" WHERE first_at >= :since GROUP BY 1, 2, 3, 4, 5, 6, 7 ORDER BY 8 DESC LIMIT {int(limit)}"
        )
        return self._written(f"{self._classified()} {tail}")

    def per_call(self) -> str:
        """A row a call."""
        names = "first_at, last_at, n, verdict, agent_step, phone_step, status, way, phone_way, why, retried, skewed"
        tail = f"SELECT X_TEXT(call_id) AS call_id, {names} FROM classified WHERE first_at >= :since"
        return self._written(f"{self._classified()} {tail}")

    def _classified(self) -> str:
        return f"WITH {_entries(self.mapping)}, {_logs(self)}, {_calls(self)}, {', '.join(_stages(self))}"

    def _written(self, text: str) -> str:
        window, plan = self.window, self.plan
        values = {
            **{name: exp.Literal.number(getattr(window, name)) for name in ("before", "since", "until", "now", "bucket")},
            "from_moment": self.dialect.moment(window.first),
            "until_moment": self.dialect.moment(window.last),
            **{name: exp.Literal.number(getattr(plan, name)) for name in ("tolerance", "patience", "patience_ringing")},
            "talks": exp.Literal.number(plan.talks or 0),
            "moment": exp.Literal.number(plan.moment),
        }
        return self.dialect.written(_filled(text, values, self.columns, self.key))


def pairs_query(columns: Columns, window: Window | None, dialect: Dialect, limit: int) -> str:
    """The states and components of the window, or of all rows, how often, and from when to when."""
    source = _source(columns)
    text = (
        f"SELECT COALESCE(X_TEXT(l.col_state), '') AS state, {source} AS source, COUNT(*) AS rows_of,"
        " X_US(MIN(l.col_at)) AS first_at, X_US(MAX(l.col_at)) AS last_at FROM the_table AS l"
        f"{' WHERE l.col_at >= :from_moment AND l.col_at < :until_moment' if window else ''}"
        f" GROUP BY 1, 2 ORDER BY 3 DESC LIMIT {int(limit)}"
    )
    values = {}
    if window:
        values = {"from_moment": dialect.moment(window.first), "until_moment": dialect.moment(window.last)}
    return dialect.written(_filled(text, values, columns, None))


def rows_query(columns: Columns, window: Window, dialect: Dialect, call_id: str, limit: int) -> str:
    """The rows of one call, the newest first."""
    source = _source(columns)
    metadata = f"LEFT(X_TEXT(l.col_metadata), {LONGEST})" if columns.metadata else "''"
    text = (
        f"SELECT X_US(l.col_at) AS at, {source} AS source, COALESCE(X_TEXT(l.col_state), '') AS state,"
        f" {metadata} AS metadata FROM the_table AS l WHERE X_TEXT(l.col_call_id) = :call_id"
        f" AND l.col_at >= :from_moment AND l.col_at < :until_moment ORDER BY 1 DESC LIMIT {int(limit)}"
    )
    values = {"from_moment": dialect.moment(window.first), "until_moment": dialect.moment(window.last)}
    return dialect.written(_filled(text, {**values, "call_id": exp.Literal.string(call_id)}, columns, None))


def _source(columns: Columns) -> str:
    return "COALESCE(X_TEXT(l.col_source), '')" if columns.source else "''"


def _filled(
    text: str, values: dict[str, exp.Expression], columns: Columns, key: Key | None
) -> exp.Expression:
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

    return sqlglot.parse_one(text, dialect=WRITTEN_IN).transform(fill)


def _table(names: tuple[str, ...], alias: str) -> exp.Expression:
    parts = [exp.to_identifier(name, quoted=True) for name in reversed(names)]
    keys = ("this", "db", "catalog")
    found = exp.Table(**dict(zip(keys, parts, strict=False)))
    return exp.alias_(found, alias, table=True)


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect=WRITTEN_IN)


def _entries(mapping: Mapping) -> str:
    rows = [(e.state, e.source or "", e.code, e.bit, e.opening, e.component) for e in mapping.entries]
    values = ", ".join(
        f"({_literal(state)}, {_literal(source)}, {code}, CAST({bit} AS BIGINT), {opening}, {component})"
        for state, source, code, bit, opening, component in rows or [("", "", 0, 0, 0, 0)]
    )
    return f"entries AS (SELECT * FROM (VALUES {values}) AS v(state, source, code, bit, opening, component))"


def _logs(statement: Statement) -> str:
    """The rows, each with what it says. An answer is a SIP status, or the number of what LiveKit says in words."""
    columns, mapping = statement.columns, statement.mapping
    joined = "COALESCE(X_TEXT(l.col_state), '') = e.state"
    if not mapping.by_state:
        joined += f" AND {_source(columns)} = e.source"
    unknown = f"COALESCE(e.bit, {ZERO})" if not mapping.by_state else f"COALESCE(e.bit, CAST({1 << 60} AS BIGINT))"
    return (
        f"logs AS (SELECT l.col_call_id AS call_id, l.col_at AS happened, COALESCE(e.code, 0) AS code, {unknown} AS bit,"
        f" COALESCE(e.opening, 0) AS opening, COALESCE(e.component, 0) AS component, {_answer(columns)} AS answer"
        f"{_dim(statement)} FROM the_table AS l LEFT JOIN entries AS e ON {joined}"
        " WHERE l.col_at >= :from_moment AND l.col_at < :until_moment AND NOT l.col_call_id IS NULL)"
    )


def _answer(columns: Columns) -> str:
    if columns.metadata is None:
        return ZERO
    text = f"LEFT(X_TEXT(l.col_metadata), {LONGEST})"
    status = f"X_STATUS({text}, {_literal(STATUS)})"
    ordered = (*WORDS[:4], Kind.TIMED_OUT, *WORDS[4:])  # as `kind_of` looks for them
    words = " ".join(
        f"WHEN X_MATCHES({text}, {_literal(_QUOTED % pattern_of(kind))}) THEN {_place(kind)}" for kind in ordered
    )
    return (
        f"CASE WHEN e.code IN (12, {ENDED_BADLY}) THEN {status}"
        f" WHEN e.code = {PHONE_FAILED} THEN COALESCE({status}, CASE {words} END) END"
    )


def _place(kind: Kind) -> int:
    return WORDS.index(kind) + 1 if kind in WORDS else 0


def _dim(statement: Statement) -> str:
    key = statement.key
    if key is None:
        return ""
    if key.path:
        path = ", ".join(_literal(name) for name in key.path)
        return f", X_PATH(l.{'col_key' if key.column else 'col_metadata'}, {path}) AS dim"
    return ", X_TEXT(l.col_key) AS dim"


def _calls(statement: Statement) -> str:
    """One row a call: of each step the first and the last time, and what else decides."""
    codes, mapping, dialect = statement.mapping.codes, statement.mapping, statement.dialect

    def pick(function: str, value: str, when: str) -> str:
        if dialect.filters:
            return f"{function}({value}) FILTER (WHERE {when})"
        return f"{function}(CASE WHEN {when} THEN {value} END)"

    def time(function: str, when: str, name: str) -> str:
        return f"X_US({pick(function, 'happened', when)}) AS {name}"

    def made() -> Iterator[str]:
        yield "call_id"
        yield "X_US(MIN(happened)) AS first_at"
        yield "X_US(MAX(happened)) AS last_at"
        yield "COUNT(*) AS n"
        for step in STEPS:
            found = step in codes or (step == 12 and ENDED_BADLY in codes)
            when = f"code = {step}" if step < 12 else f"code BETWEEN 12 AND {ENDED_BADLY}"
            yield time("MIN", when, f"f{step}") if found else f"{_NULL} AS f{step}"
            yield time("MAX", when, f"l{step}") if found else f"{_NULL} AS l{step}"
        for number in range(1, mapping.openings + 1):
            yield time("MIN", f"opening = {number}", f"fo{number}")
            yield time("MAX", f"opening = {number}", f"lo{number}")
        yield time("MIN", "code NOT IN (1, 2)", "moved_at")
        is_step = f"code BETWEEN 1 AND {ENDED_BADLY}"
        bits = mapping.has_bits or mapping.by_state
        yield f"COALESCE({pick('BIT_OR', 'bit', is_step)}, {ZERO}) AS known" if bits else f"{ZERO} AS known"
        yield "BIT_OR(bit) AS seen" if bits else f"{ZERO} AS seen"
        failures = {FAILED, PHONE_FAILED} & codes
        yield time("MAX", f"code = {TALKED}", "talked_at") if TALKED in codes else f"{_NULL} AS talked_at"
        yield time("MAX", f"code IN ({FAILED}, {PHONE_FAILED})", "failed_at") if failures else f"{_NULL} AS failed_at"
        refused = "X_US(happened) * 1000 + answer"
        named = f"code IN ({ENDED_BADLY}, {PHONE_FAILED}) AND answer > 0"
        yield f"{pick('MAX', refused, named)} AS named_answer" if {ENDED_BADLY, PHONE_FAILED} & codes else (
            f"{_NULL} AS named_answer"
        )
        yield f"{pick('MAX', refused, 'code = 12 AND answer > 0')} AS end_answer" if 12 in codes else (
            f"{_NULL} AS end_answer"
        )
        for step in (6, 11, 12):
            when = f"code = {step}" if step < 12 else f"code BETWEEN 12 AND {ENDED_BADLY}"
            yield f"{pick('MIN', 'component', when)} AS c{step}"
            yield f"{pick('MAX', 'component', when)} AS d{step}"
        if statement.key is not None:
            yield _dim_of_call(statement.key, statement.columns, pick)

    return f"calls AS (SELECT {', '.join(made())} FROM logs GROUP BY call_id)"


_NULL = "CAST(NULL AS BIGINT)"


def _dim_of_call(key: Key, columns: Columns, pick: "object") -> str:
    """The value of a call: of `source` the component that opened it, else the one that any of its rows has."""
    assert callable(pick)
    if not key.path and key.column is not None and key.column == columns.source:
        return f"COALESCE({pick('MIN', 'dim', 'code BETWEEN 1 AND 2')}, MIN(dim)) AS dim"
    return "MAX(dim) AS dim"


def _stages(statement: Statement) -> Iterator[str]:
    """From the times of a call to its verdict."""
    dim = ", dim" if statement.key is not None else ""
    yield _opened(statement.mapping)
    yield f"attempts AS (SELECT *, CASE WHEN again_at < {NEVER} THEN again_at ELSE first_at END AS open_at FROM opened)"
    yield _cut()
    yield _steps(dim)
    yield _reached(statement.plan, dim)
    yield _verdicts(statement.plan)
    yield _broken(statement.plan)
    yield _judged(statement.plan)
    yield _explained()


def _opened(mapping: Mapping) -> str:
    """When the latest attempt began: a component said again that it opens the call, or it was dispatched or dialled
    after it had ended."""
    pairs = [f"CASE WHEN lo{n} > fo{n} AND moved_at < lo{n} THEN lo{n} END" for n in range(1, mapping.openings + 1)]
    after = [f"CASE WHEN l{step} > f12 + :tolerance THEN l{step} END" for step in (3, 8)]
    again = ", ".join(f"COALESCE({each}, {NEVER})" for each in (*pairs, *after))
    return f"opened AS (SELECT *, LEAST({again}) AS again_at FROM calls WHERE first_at >= :before AND first_at < :until)"


def _cut() -> str:
    """The times within that attempt; and where the agent was dispatched several times in it, since the last of them."""
    inside = [_first_since(step, f"f{step}", "open_at") + f" AS u{step}" for step in STEPS]
    return (
        f"cut AS (SELECT *, {', '.join(inside)},"
        " CASE WHEN l3 > f3 AND f3 >= open_at THEN l3 - :tolerance ELSE open_at END AS cut_at FROM attempts)"
    )


def _first_since(step: int, first: str, since: str) -> str:
    return f"CASE WHEN {first} >= {since} THEN {first} WHEN l{step} >= {since} THEN l{step} END"


def _steps(dim: str) -> str:
    made = [f"u{step} AS t{step}" for step in (1, 2, 8, 9, 10, 11, 12)]
    made.append("CASE WHEN cut_at <> open_at THEN l3 ELSE u3 END AS t3")
    made += [_first_since(step, f"u{step}", "cut_at") + f" AS t{step}" for step in (4, 5, 6, 7)]
    came = " OR ".join(f"COALESCE(u{step} < cut_at, FALSE)" for step in (5, 6, 7))
    phone_last = ", ".join(f"COALESCE(l{step}, {ZERO})" for step in (8, 9, 10, 11))
    return (
        f"steps AS (SELECT call_id{dim}, first_at, last_at, n, open_at, again_at, {', '.join(made)}, {came} AS came_before,"
        f" known, seen, talked_at, failed_at, named_answer, end_answer, GREATEST({phone_last}) AS phone_last,"
        " c6, d6, c11, d11, c12, d12 FROM cut)"
    )


def _reached(plan: Plan, dim: str) -> str:
    """How far each leg has come, and what else speaks for or against a break."""
    early = {number_of(step) for step in BEFORE_THE_ANSWER}
    further = " OR ".join(f"NOT t{step} IS NULL" for step in STEPS if step not in early)
    logged = " OR ".join(f"NOT t{step} IS NULL" for step in STEPS)
    named = _last_word("named_answer")
    ended = f"CASE WHEN COALESCE(talked_at, {ZERO}) < open_at THEN {_last_word('end_answer')} ELSE {ZERO} END"
    skewed = " OR ".join(f"COALESCE(t{b} < t{a} - :tolerance, FALSE)" for a, b in _ORDER)
    lasted = "FALSE"
    if plan.talks is not None:
        lasted = "COALESCE(t12 - t11 >= :talks AND t6 IS NULL AND COALESCE(failed_at < open_at, TRUE), FALSE)"
    return (
        f"reached AS (SELECT call_id{dim}, first_at, last_at, n, {', '.join(f't{step}' for step in STEPS)}, came_before,"
        f" c6, d6, c11, d11, c12, d12, ({logged}) AS logged, known = seen AS heard,"
        " CASE WHEN again_at < " + NEVER + " THEN 1 ELSE 0 END AS retried,"
        f" CASE WHEN {skewed} THEN 1 ELSE 0 END AS skewed,"
        f" last_at >= :now - CASE WHEN {further} THEN :patience ELSE :patience_ringing END AS fresh,"
        " last_at > :now + :tolerance AS future,"
        " COALESCE(t12 - COALESCE(t3, open_at) <= :patience, FALSE) AS too_soon,"
        f" {lasted} AS lasted, COALESCE(failed_at >= open_at, FALSE) AS failed,"
        f" CASE WHEN t11 IS NULL THEN GREATEST({named}, {ended}) % 1000 ELSE {ZERO} END AS status FROM steps)"
    )


_ORDER = ((1, 2), (2, 3), (3, 4), (4, 5), (5, 6), (6, 7), (2, 8), (8, 9), (9, 10), (10, 11), (2, 4), (3, 5), (3, 6), (8, 11))
"""Pairs of steps of which the first is implied by the second."""


def _last_word(name: str) -> str:
    """The answer of the attempt, with its time, where no row tells of the phone after it."""
    alone = f"(phone_last - :tolerance) * 1000 <= {name} - {name} % 1000"
    return f"CASE WHEN {name} >= open_at * 1000 AND {alone} THEN {name} ELSE {ZERO} END"


def _verdicts(plan: Plan) -> str:
    way = (
        "CASE WHEN NOT t7 IS NULL THEN 6 WHEN NOT t6 IS NULL THEN 5 WHEN NOT t5 IS NULL THEN 4 WHEN NOT t4 IS NULL THEN 3"
        " WHEN NOT t3 IS NULL THEN 2 WHEN NOT t2 IS NULL OR NOT t8 IS NULL OR NOT t9 IS NULL OR NOT t10 IS NULL"
        " OR NOT t11 IS NULL OR status >= 300 OR status IN (3, 4) THEN 1 ELSE 0 END"
    )
    phone = (
        "CASE WHEN NOT t11 IS NULL THEN 4 WHEN NOT t10 IS NULL THEN 3 WHEN NOT t9 IS NULL THEN 2"
        " WHEN NOT t8 IS NULL THEN 1 ELSE 0 END"
    )
    step = (
        "CASE WHEN status = 0 THEN 0 WHEN status IN (1, 2) THEN 8 WHEN status = 5 THEN 9 WHEN status = 4 THEN 11"
        " WHEN NOT t10 IS NULL THEN 11 ELSE 10 END"
    )
    return f"verdicts AS (SELECT *, {way} AS way, {phone} AS phone_way, {step} AS refused_at FROM reached)"


def _broken(plan: Plan) -> str:
    """At which step each leg broke; 0 where it did not."""
    breaks = " ".join(f"WHEN way = {way} THEN {step}" for way, step in enumerate(plan.breaks) if step)
    agent = (
        "CASE WHEN logged AND heard AND NOT fresh AND NOT too_soon AND NOT lasted AND NOT came_before"
        f" THEN CASE {breaks} ELSE 0 END ELSE 0 END"
    )
    unused = ", ".join(str(step) for step in sorted(plan.not_used)) or "-1"
    phone = f"CASE WHEN refused_at IN ({unused}) THEN 0 ELSE refused_at END"
    return f"broken AS (SELECT *, {agent if breaks else '0'} AS agent_step, {phone} AS phone_step FROM verdicts)"


def _judged(plan: Plan) -> str:
    pending = ", ".join(str(way) for way, waits in enumerate(plan.pending) if waits and way < 5)
    awaited = f"fresh AND NOT future AND t12 IS NULL AND way IN ({pending or '-1'})"
    arrived = "way >= 5" if 6 not in plan.not_used else "NOT t11 IS NULL" if 11 not in plan.not_used else "FALSE"
    together = " AND ".join(_well_before_the_end(step) for step in plan.ends) or "FALSE"
    verdict = (
        f"CASE WHEN agent_step > 0 OR phone_step > 0 THEN 'broken' WHEN {awaited} THEN 'in_progress'"
        f" WHEN NOT ({arrived}) OR failed THEN 'unknown' WHEN {together} THEN 'healthy' ELSE 'no_fault_seen' END"
    )
    return f"judged AS (SELECT *, {verdict} AS verdict FROM broken)"


def _explained() -> str:
    """Why a call is unknown."""
    why = (
        "CASE WHEN verdict <> 'unknown' THEN 0 WHEN failed THEN 1 WHEN NOT logged THEN 7 WHEN future THEN 6"
        " WHEN NOT heard THEN 2 WHEN too_soon THEN 3 WHEN lasted THEN 4 WHEN came_before THEN 5 ELSE 8 END"
    )
    return f"classified AS (SELECT *, {why} AS why FROM judged)"


def _well_before_the_end(step: int) -> str:
    """Whether it came before the end by more than a moment, and by two components' clocks beyond the tolerance."""
    one = f"c{step} > 0 AND c{step} = d{step} AND c12 = d12 AND c{step} = c12"
    return f"COALESCE(t12 - t{step} > CASE WHEN {one} THEN :moment ELSE :tolerance END, FALSE)"


def _groups(statement: Statement) -> str:
    dialect = statement.dialect
    sample = "X_TEXT(call_id)" + (f' COLLATE "{dialect.collation}"' if dialect.collation else "")
    keys = (
        "CASE WHEN first_at >= :since THEN 1 ELSE 0 END AS win, verdict, agent_step, status, phone_step, way, phone_way,"
        " why, first_at - first_at % :bucket AS hour"
    )
    below = ", ".join(_below(dialect, name, start, end) for name, (start, end) in GAPS.items())
    return (
        f"SELECT {keys}, COUNT(*) AS calls, SUM(retried) AS retried, SUM(skewed) AS skewed, MIN(first_at) AS first_seen,"
        f" MAX(first_at) AS last_seen, MAX({sample}) AS sample, {below} FROM classified GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
    )


def _below(dialect: Dialect, name: str, start: int, end: int) -> str:
    """How many took less than each edge, and how many were timed."""

    def count(when: str, alias: str) -> str:
        if dialect.filters:
            return f"COUNT(*) FILTER (WHERE {when}) AS {alias}"
        return f"SUM(CASE WHEN {when} THEN 1 ELSE 0 END) AS {alias}"

    took = f"t{end} - t{start}"
    edges = (count(f"{took} < {round(edge * SECOND)}", f"{name}_{place}") for place, edge in enumerate(EDGES))
    return ", ".join((*edges, count(f"{took} >= 0", f"{name}_timed")))


def names_of_groups() -> Sequence[str]:
    """The columns of `groups`, in order."""
    gaps = [f"{name}_{place}" for name in GAPS for place in (*range(len(EDGES)), "timed")]
    keys = ("win", "verdict", "agent_step", "status", "phone_step", "way", "phone_way", "why", "hour")
    return (*keys, "calls", "retried", "skewed", "first_seen", "last_seen", "sample", *gaps)


def unmapped_names(mapping: Mapping) -> Iterable[str]:
    """The states that no step stands for, most frequent first."""
    return dict.fromkeys(pair.state for pair in mapping.unmapped)
