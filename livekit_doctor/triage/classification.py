"""The classification in SQL: the rows of a call become one row of times, that row becomes a verdict, and the verdicts
are counted. No window function, no ordered aggregate, so that a distributed engine runs it shard by shard.

It is what `diagnose` says of a call of which nothing but its rows is known, as far as that can be said of times alone:
the difference is counted by tests/triage/test_against_trace.py. Times are whole microseconds since 1970. What is
written :so is filled in by `statement`, and so are the names that begin with col_; functions named X_... are written by
`dialects`.
"""

from collections.abc import Callable, Iterator

from msgspec import Struct
from sqlglot import exp

from livekit_doctor.diagnosis.carrier import Kind
from livekit_doctor.diagnosis.rules.rows import BEFORE_THE_ANSWER
from livekit_doctor.triage.dialects import WRITTEN_IN, Dialect
from livekit_doctor.triage.mapping import ENDED_BADLY, FAILED, PHONE_FAILED, TALKED, Mapping, number_of
from livekit_doctor.triage.plan import SECOND, WORDS, Plan, pattern_of
from livekit_doctor.triage.terms import EDGES, GAPS, LONGEST, NEVER, QUOTED, STATUS, STEPS, ZERO, Columns, Key


class Parts(Struct, frozen=True, kw_only=True):
    """What the text depends on, but for values."""

    columns: Columns
    mapping: Mapping
    plan: Plan
    dialect: Dialect
    key: Key | None = None


def source_of(columns: Columns) -> str:
    return "COALESCE(X_TEXT(l.col_source), '')" if columns.source else "''"


def _literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect=WRITTEN_IN)


def entries(mapping: Mapping) -> str:
    rows = [(e.state, e.source or "", e.code, e.bit, e.opening, e.component) for e in mapping.entries]
    values = ", ".join(
        f"({_literal(state)}, {_literal(source)}, {code}, CAST({bit} AS BIGINT), {opening}, {component})"
        for state, source, code, bit, opening, component in rows or [("", "", 0, 0, 0, 0)]
    )
    return f"entries AS (SELECT * FROM (VALUES {values}) AS v(state, source, code, bit, opening, component))"


def logs(parts: Parts) -> str:
    """The rows, each with what it says. An answer is a SIP status, or the number of what LiveKit says in words."""
    columns, mapping = parts.columns, parts.mapping
    joined = "COALESCE(X_TEXT(l.col_state), '') = e.state"
    if not mapping.by_state:
        joined += f" AND {source_of(columns)} = e.source"
    unknown = f"COALESCE(e.bit, {ZERO})" if not mapping.by_state else f"COALESCE(e.bit, CAST({1 << 60} AS BIGINT))"
    return (
        "logs AS (SELECT l.col_call_id AS call_id, l.col_at AS happened, COALESCE(e.code, 0) AS code,"
        f" {unknown} AS bit, COALESCE(e.opening, 0) AS opening, COALESCE(e.component, 0) AS component,"
        f" {_answer(columns)} AS answer"
        f"{_dim(parts)} FROM the_table AS l LEFT JOIN entries AS e ON {joined}"
        " WHERE l.col_at >= :from_moment AND l.col_at < :until_moment AND NOT l.col_call_id IS NULL)"
    )


def _answer(columns: Columns) -> str:
    if columns.metadata is None:
        return ZERO
    text = f"LEFT(X_TEXT(l.col_metadata), {LONGEST})"
    status = f"X_STATUS({text}, {_literal(STATUS)})"
    ordered = (*WORDS[:4], Kind.TIMED_OUT, *WORDS[4:])  # as `kind_of` looks for them
    words = " ".join(
        f"WHEN X_MATCHES({text}, {_literal(QUOTED % pattern_of(kind))}) THEN {_place(kind)}" for kind in ordered
    )
    return (
        f"CASE WHEN e.code IN (12, {ENDED_BADLY}) THEN {status}"
        f" WHEN e.code = {PHONE_FAILED} THEN COALESCE({status}, CASE {words} END) END"
    )


def _place(kind: Kind) -> int:
    return WORDS.index(kind) + 1 if kind in WORDS else 0


def _dim(parts: Parts) -> str:
    key = parts.key
    if key is None:
        return ""
    if key.path:
        path = ", ".join(_literal(name) for name in key.path)
        return f", X_PATH(l.{'col_key' if key.column else 'col_metadata'}, {path}) AS dim"
    return ", X_TEXT(l.col_key) AS dim"


def calls(parts: Parts) -> str:
    """One row a call: of each step the first and the last time, and what else decides."""
    codes, mapping, dialect = parts.mapping.codes, parts.mapping, parts.dialect

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
            if mapping.opening_of(number) is None:
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
        yield (
            f"{pick('MAX', refused, named)} AS named_answer"
            if {ENDED_BADLY, PHONE_FAILED} & codes
            else (f"{_NULL} AS named_answer")
        )
        yield (
            f"{pick('MAX', refused, 'code = 12 AND answer > 0')} AS end_answer"
            if 12 in codes
            else (f"{_NULL} AS end_answer")
        )
        for step in (6, 11, 12):
            own = (12, ENDED_BADLY) if step == 12 else (step,)
            alone = mapping.component_of(*own)
            when = f"code BETWEEN 12 AND {ENDED_BADLY}" if step == 12 else f"code = {step}"
            yield f"{pick('MIN', 'component', when) if alone is None else alone} AS c{step}"
            yield f"{pick('MAX', 'component', when) if alone is None else alone} AS d{step}"
        if parts.key is not None:
            yield _dim_of_call(parts.key, parts.columns, pick)

    return f"calls AS (SELECT {', '.join(made())} FROM logs GROUP BY call_id)"


_NULL = "CAST(NULL AS BIGINT)"


def _dim_of_call(key: Key, columns: Columns, pick: Callable[[str, str, str], str]) -> str:
    """The value of a call: of `source` the component that opened it, else the one that any of its rows has."""
    if not key.path and key.column is not None and key.column == columns.source:
        return f"COALESCE({pick('MIN', 'dim', 'code BETWEEN 1 AND 2')}, MIN(dim)) AS dim"
    return "MAX(dim) AS dim"


def stages(parts: Parts) -> Iterator[str]:
    """From the times of a call to its verdict."""
    dim = ", dim" if parts.key is not None else ""
    yield _opened(parts.mapping)
    yield f"attempts AS (SELECT *, CASE WHEN again_at < {NEVER} THEN again_at ELSE first_at END AS open_at FROM opened)"
    yield _cut()
    yield _steps(dim)
    yield _reached(parts.plan, dim)
    yield _verdicts(parts.plan)
    yield _broken(parts.plan)
    yield _judged(parts.plan)
    yield _explained()


def _opened(mapping: Mapping) -> str:
    """When the latest attempt began: a component said again that it opens the call, or it was dispatched or dialled
    after it had ended."""
    numbers = range(1, mapping.openings + 1)
    names = [(f"f{step}", f"l{step}") if (step := mapping.opening_of(n)) else (f"fo{n}", f"lo{n}") for n in numbers]
    pairs = [f"CASE WHEN {last} > {first} AND moved_at < {last} THEN {last} END" for first, last in names]
    after = [f"CASE WHEN l{step} > f12 + :tolerance THEN l{step} END" for step in (3, 8)]
    again = ", ".join(f"COALESCE({each}, {NEVER})" for each in (*pairs, *after))
    return (
        f"opened AS (SELECT *, LEAST({again}) AS again_at FROM calls WHERE first_at >= :before AND first_at < :until)"
    )


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
        f"steps AS (SELECT call_id{dim}, first_at, last_at, n, open_at, again_at, {', '.join(made)},"
        f" {came} AS came_before, known, seen, talked_at, failed_at, named_answer, end_answer,"
        f" GREATEST({phone_last}) AS phone_last,"
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
        f"reached AS (SELECT call_id{dim}, first_at, last_at, n, {', '.join(f't{step}' for step in STEPS)},"
        f" came_before, c6, d6, c11, d11, c12, d12, ({logged}) AS logged, known = seen AS heard,"
        " CASE WHEN again_at < " + NEVER + " THEN 1 ELSE 0 END AS retried,"
        f" CASE WHEN {skewed} THEN 1 ELSE 0 END AS skewed,"
        f" last_at >= :now - CASE WHEN {further} THEN :patience ELSE :patience_ringing END AS fresh,"
        " last_at > :now + :tolerance AS future,"
        " COALESCE(t12 - COALESCE(t3, open_at) <= :patience, FALSE) AS too_soon,"
        f" {lasted} AS lasted, COALESCE(failed_at >= open_at, FALSE) AS failed,"
        f" CASE WHEN t11 IS NULL THEN GREATEST({named}, {ended}) % 1000 ELSE {ZERO} END AS status FROM steps)"
    )


_ORDER = (
    (1, 2),
    (2, 3),
    (3, 4),
    (4, 5),
    (5, 6),
    (6, 7),
    (2, 8),
    (8, 9),
    (9, 10),
    (10, 11),
    (2, 4),
    (3, 5),
    (3, 6),
    (8, 11),
)
"""Pairs of steps of which the first is implied by the second."""


def _last_word(name: str) -> str:
    """The answer of the attempt, with its time, where no row tells of the phone after it."""
    alone = f"(phone_last - :tolerance) * 1000 <= {name} - {name} % 1000"
    return f"CASE WHEN {name} >= open_at * 1000 AND {alone} THEN {name} ELSE {ZERO} END"


def _verdicts(plan: Plan) -> str:
    way = (
        "CASE WHEN NOT t7 IS NULL THEN 6 WHEN NOT t6 IS NULL THEN 5 WHEN NOT t5 IS NULL THEN 4"
        " WHEN NOT t4 IS NULL THEN 3 WHEN NOT t3 IS NULL THEN 2 WHEN NOT t2 IS NULL OR NOT t8 IS NULL"
        " OR NOT t9 IS NULL OR NOT t10 IS NULL OR NOT t11 IS NULL OR status >= 300 OR status IN (3, 4) THEN 1"
        " ELSE 0 END"
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


WIN = "CASE WHEN first_at >= :since THEN 1 ELSE 0 END"


def groups(parts: Parts) -> str:
    dialect = parts.dialect
    sample = "X_TEXT(call_id)" + (f' COLLATE "{dialect.collation}"' if dialect.collation else "")
    keys = (
        f"{WIN} AS win, verdict, agent_step, status, phone_step, way, phone_way,"
        " why, first_at - first_at % :bucket AS hour"
    )
    below = ", ".join(_below(dialect, name, start, end) for name, (start, end) in GAPS.items())
    return (
        f"SELECT {keys}, COUNT(*) AS calls, SUM(retried) AS retried, SUM(skewed) AS skewed,"
        f" MIN(first_at) AS first_seen, MAX(first_at) AS last_seen, MAX({sample}) AS sample, {below}"
        " FROM classified GROUP BY 1, 2, 3, 4, 5, 6, 7, 8, 9"
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
