"""The classification in SQL: the rows of a call become one row of times, that row becomes a verdict, and these are
counted. No window function, no ordered aggregate, so that a distributed engine runs it shard by shard.

It is what `diagnose` says of a call's rows alone, as far as times tell. Times are whole microseconds since 1970. What
is written :so is filled in by `statement`, and so are names that begin with col_; functions X_... are by `dialects`.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby

from msgspec import Struct

from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.rules.rows import BEFORE_THE_ANSWER
from livekit_doctor.flow import Step
from livekit_doctor.triage.answers import NULL, TIMES_OF_PHONES, answer, last_word, literal, loose_answer, places
from livekit_doctor.triage.dialects import Dialect
from livekit_doctor.triage.mapping import (
    AGENT_LEFT,
    BUSY,
    ENDED_BADLY,
    FAILED,
    LEFT,
    LOOSELY_FAILED,
    NOT_PICKED_UP,
    OTHER,
    PHONE_FAILED,
    PHONE_LEFT,
    TALKED,
    TROUBLE,
    Mapping,
    number_of,
)
from livekit_doctor.triage.plan import UNANSWERED, Plan
from livekit_doctor.triage.terms import GAPS, NEVER, ORDER, STEPS, ZERO, Columns, Key

Codes = frozenset[int]

OPENINGS: Codes = frozenset({1, 2})
ENDED: Codes = frozenset({12, ENDED_BADLY})
MAPPED: Codes = frozenset({*STEPS, ENDED_BADLY})
FAILURES: Codes = frozenset({FAILED, PHONE_FAILED, LOOSELY_FAILED, NOT_PICKED_UP, BUSY, ENDED_BADLY})
ANSWERS: Codes = frozenset({ENDED_BADLY, PHONE_FAILED, NOT_PICKED_UP, BUSY})
REFUSALS: Codes = frozenset({PHONE_FAILED, LOOSELY_FAILED, NOT_PICKED_UP, BUSY})
SPOKE: Codes = frozenset({number_of(Step.AGENT_AUDIO)})
WENT_ON: Codes = frozenset({*STEPS, TALKED}) - ENDED


def _codes_of(step: int) -> Codes:
    return ENDED if step == 12 else frozenset({step})


class Parts(Struct, frozen=True, kw_only=True):
    """What the text depends on, but for values."""

    columns: Columns
    mapping: Mapping
    plan: Plan
    dialect: Dialect
    key: Key | None = None


STATE = "COALESCE(X_TEXT(l.col_state), '')"


def source_of(columns: Columns) -> str:
    return "COALESCE(X_TEXT(l.col_source), '')" if columns.source else "''"


def entries(parts: Parts) -> str:
    """What the pairs say. Where aggregates take FILTER, with the truth of each condition that they have, which is told
    once a pair, in place of once a row and aggregate."""
    rows = [(e.state, e.source or "", e.code, e.bit, e.opening, e.component) for e in parts.mapping.entries]
    values = ", ".join(
        f"({literal(state)}, {literal(source)}, {code}, CAST({bit} AS BIGINT), {opening}, {component})"
        for state, source, code, bit, opening, component in rows or [("", "", 0, 0, 0, 0)]
    )
    codes = parts.mapping.codes
    flags = "".join(f", COALESCE({_among(each, codes)}, FALSE) AS {_flag(each)}" for each in conditions_of(parts))
    return f"entries AS (SELECT *{flags} FROM (VALUES {values}) AS v(state, source, code, bit, opening, component))"


def conditions_of(parts: Parts) -> Sequence[Codes]:
    """Of which codes a row may have to be, for an aggregate to take it."""
    if not parts.dialect.filters:
        return ()
    codes = parts.mapping.codes
    found = [frozenset({code}) for code in codes if code != OTHER]
    found += [each & codes for each in (ENDED, FAILURES, ANSWERS, REFUSALS, OPENINGS, MAPPED)]
    return sorted(dict.fromkeys(each for each in found if each), key=sorted)


def _among(wanted: Codes, there: Codes) -> str:
    """That a row has one of these codes, of those that there are: by ranges, which take a fifth of the time of a list.
    Between two that are wanted may be any that no row has."""
    runs = [list(run) for is_wanted, run in groupby(sorted(there), wanted.__contains__) if is_wanted]
    ranges = [f"code BETWEEN {run[0]} AND {run[-1]}" if len(run) > 1 else f"code = {run[0]}" for run in runs]
    return ranges[0] if len(ranges) == 1 else f"({' OR '.join(ranges)})"


def _flag(codes: Codes) -> str:
    return f"is_{'_'.join(map(str, sorted(codes)))}"


def logs(parts: Parts, shard: str) -> str:
    """The rows, each with what it says; nothing, or 0, where no entry is of it. An answer is a SIP status, or the
    number of what LiveKit says in words. `shard` says which rows are meant."""
    columns, mapping = parts.columns, parts.mapping
    empty = any(not entry.state for entry in mapping.entries)
    joined = f"{STATE if empty else 'X_TEXT(l.col_state)'} = e.state"
    if not mapping.by_state and not mapping.each_state_of_one:
        joined += f" AND {source_of(columns)} = e.source"
    # Of an outer join, so that it is computed once a row, and not again in each aggregate that names it.
    once = " LEFT JOIN LATERAL (SELECT X_US(l.col_at) AS us) AS t ON TRUE" if parts.dialect.fenced else ""
    flags = "".join(f", e.{_flag(codes)}" for codes in conditions_of(parts))
    bit = "e.bit" if not mapping.by_state else f"COALESCE(e.bit, CAST({1 << 60} AS BIGINT))"
    return (
        f"logs AS (SELECT l.col_call_id AS call_id, {'t.us' if once else 'l.col_at'} AS happened, e.code, {bit} AS bit,"
        f" e.opening, e.component{flags}, {answer(columns, mapping.codes)} AS answer{_dim(parts)}"
        f" FROM the_table AS l{once} LEFT JOIN entries AS e ON {joined}"
        f" WHERE l.col_at >= :from_moment AND l.col_at < :until_moment AND NOT l.col_call_id IS NULL{shard})"
    )


def _dim(parts: Parts) -> str:
    key = parts.key
    if key is None:
        return ""
    if key.path:
        path = ", ".join(literal(name) for name in key.path)
        return f", X_PATH(l.{'col_key' if key.column else 'col_metadata'}, {path}) AS dim"
    return ", X_TEXT(l.col_key) AS dim"


def calls(parts: Parts) -> str:
    """One row a call: of each step the first and the last time, and what else decides."""
    codes, mapping, dialect = parts.mapping.codes, parts.mapping, parts.dialect

    def when(wanted: Codes) -> str:
        return _flag(wanted & codes) if dialect.filters else _among(wanted, codes)

    def pick(function: str, value: str, condition: str) -> str:
        if dialect.filters:
            return f"{function}({value}) FILTER (WHERE {condition})"
        return f"{function}(CASE WHEN {condition} THEN {value} END)"

    def us(value: str) -> str:
        return value if dialect.fenced else f"X_US({value})"

    def time(function: str, wanted: Codes, name: str) -> str:
        return f"{us(pick(function, 'happened', when(wanted))) if wanted & codes else NULL} AS {name}"

    def of_agent(*, ended: bool) -> str:
        """The last row of the one component that logs that the agent was called or connected: of those that say that
        the call ended, or of all others."""
        agent = mapping.agent
        its = frozenset(entry.code for entry in mapping.entries if entry.component == agent)
        if agent is None or (ended and not its & ENDED):
            return NULL
        condition = f"component = {agent}"
        if its & ENDED:
            is_end = when(ENDED) if ended else f"NOT COALESCE({when(ENDED)}, FALSE)"
            condition += f" AND {is_end}"
        return us(pick("MAX", "happened", condition))

    def last_answer(said_by: Codes, name: str) -> str:
        """The last one, with its time. The rows are searched for one only here, and each only once."""
        value = f"{us('happened')} * 1000 + answer"
        return f"{pick('MAX', value, when(said_by)) if said_by & codes else NULL} AS {name}"

    def made() -> Iterator[str]:
        yield "call_id"
        yield f"{us('MIN(happened)')} AS first_at"
        yield f"{us('MAX(happened)')} AS last_at"
        yield "COUNT(*) AS n"
        for step in STEPS:
            yield time("MIN", _codes_of(step), f"f{step}")
            yield time("MAX", _codes_of(step), f"l{step}")
        for number in range(1, mapping.openings + 1):
            if mapping.opening_of(number) is None:
                yield f"{us(pick('MIN', 'happened', f'opening = {number}'))} AS fo{number}"
                yield f"{us(pick('MAX', 'happened', f'opening = {number}'))} AS lo{number}"
        other = f"NOT {when(OPENINGS)} IS TRUE" if dialect.filters else "COALESCE(code, 0) < 1 OR code > 2"
        yield f"{us(pick('MIN', 'happened', other) if OPENINGS & codes else 'MIN(happened)')} AS moved_at"
        bits = mapping.has_bits or mapping.by_state
        known = pick("BIT_OR", "bit", when(MAPPED)) if MAPPED & codes else ZERO
        yield f"COALESCE({known}, {ZERO}) AS known" if bits else f"{ZERO} AS known"
        yield f"COALESCE(BIT_OR(bit), {ZERO}) AS seen" if bits else f"{ZERO} AS seen"
        yield time("MAX", frozenset({TALKED}), "talked_at")
        yield time("MAX", FAILURES, "failed_at")
        yield time("MIN", REFUSALS, "refused_first")
        yield time("MAX", frozenset({AGENT_LEFT}), "left_at")
        yield time("MAX", frozenset({PHONE_LEFT}), "gone_at")
        yield time("MIN", frozenset({LEFT}), "f20")
        yield time("MAX", frozenset({LEFT}), "l20")
        yield time("MIN", frozenset({TROUBLE}), "f21")
        yield time("MAX", frozenset({TROUBLE}), "l21")
        yield f"{of_agent(ended=False)} AS own_at"
        yield f"{of_agent(ended=True)} AS own_end_at"
        yield last_answer(ANSWERS, "named_answer")
        yield last_answer(frozenset({12}), "end_answer")
        yield last_answer(frozenset({LOOSELY_FAILED}), "loose_answer")
        for wanted in (*map(_codes_of, (6, 7, 9, 11, 12)), frozenset({PHONE_LEFT})):
            step, alone = min(wanted), mapping.component_of(*wanted)
            for function, name in (("MIN", f"c{step}"), ("MAX", f"d{step}")):
                told = pick(function, "component", when(wanted)) if wanted & codes else "0"
                yield f"{told if alone is None else alone} AS {name}"
        if parts.key is not None:
            yield _dim_of_call(parts.key, parts.columns, pick)

    return f"calls AS (SELECT {', '.join(made())} FROM logs GROUP BY call_id)"


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
    # Not one that was delivered again while the phone was on the line, and of which nothing but the end came.
    quiet = f"{_last_of(*_lasts(range(3, 12)))} < {{0}} AND COALESCE(f12 >= {{0}}, TRUE)"
    repeated = f"COALESCE(f11 < {{0}} AND {quiet}, FALSE)"
    again = f"CASE WHEN {{0}} > {{1}} AND moved_at < {{0}} AND NOT {repeated} THEN {{0}} END"
    pairs = [again.format(last, first) for first, last in names]
    after = [f"CASE WHEN l{step} > f12 + :tolerance THEN l{step} END" for step in (3, 8)]
    began = ", ".join(f"COALESCE({each}, {NEVER})" for each in (*pairs, *after))
    return (
        f"opened AS (SELECT *, LEAST({began}) AS again_at FROM calls WHERE first_at >= :before AND first_at < :until)"
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
    came = f"COALESCE({' OR '.join(f'u{step} < cut_at' for step in (5, 6, 7))}, FALSE)"
    # Opened again after it was answered, and no more: a queue may have delivered that twice.
    came += f" OR COALESCE(f11 < open_at AND {_last_of(*_lasts(range(3, 13)))} < open_at, FALSE) AND failed_at IS NULL"
    phones = ", ".join(TIMES_OF_PHONES)
    return (
        f"steps AS (SELECT call_id{dim}, first_at, last_at, n, open_at, again_at, {', '.join(made)},"
        f" {came} AS came_before, left_at, cut_at <> open_at AS twice, known, seen, talked_at, failed_at, named_answer,"
        f" end_answer, loose_answer, {phones}, {_last_of(*_lasts((8, 9, 10, 11)))} AS phone_last,"
        f" COALESCE({_last_of(*_lasts((8, 9, 10)))} - l11 > :tolerance, FALSE) AS redialled, gone_at,"
        f" {_first_since(20, 'f20', 'open_at')} AS f20, l20, {_first_since(21, 'f21', 'open_at')} AS f21, l21,"
        f" {_last_of('own_at', 'talked_at', *_lasts(sorted(WENT_ON - {TALKED})))} AS went_on_at,"
        f" {_last_of('own_at', 'own_end_at', *_lasts(SPOKE))} AS shown_at, refused_first,"
        " l5, c6, d6, c7, d7, c9, d9, c11, d11, c12, d12, c18, d18 FROM cut)"
    )


def _lasts(steps: Iterable[int]) -> Iterator[str]:
    return (f"l{step}" for step in steps)


def _last_of(*times: str) -> str:
    """The last of several times; 0 where there is none of them."""
    return f"GREATEST({', '.join(f'COALESCE({time}, {ZERO})' for time in times)})"


def _reached(plan: Plan, dim: str) -> str:
    """How far each leg has come, and what else speaks for or against a break."""
    early = {number_of(step) for step in BEFORE_THE_ANSWER}
    further = " OR ".join(f"NOT t{step} IS NULL" for step in STEPS if step not in early)
    logged = " OR ".join(f"NOT t{step} IS NULL" for step in STEPS)
    named = last_word("named_answer")
    ended = f"CASE WHEN COALESCE(talked_at, {ZERO}) < open_at THEN {last_word('end_answer')} ELSE {ZERO} END"
    skewed = " OR ".join(f"t{b} < t{a} - :tolerance" for a, b in ORDER)
    lasted = "FALSE"
    if plan.talks is not None:
        lasted = "COALESCE(t12 - t11 >= :talks AND t6 IS NULL AND COALESCE(failed_at < open_at, TRUE), FALSE)"
    return (
        f"reached AS (SELECT call_id{dim}, first_at, last_at, n, {', '.join(f't{step}' for step in STEPS)},"
        " COALESCE(t3 - t6 > CASE WHEN twice THEN :moment ELSE :tolerance END, FALSE) AS again,"
        " redialled, CASE WHEN gone_at >= open_at THEN gone_at END AS gone_at,"
        f" came_before, c6, d6, c7, d7, c11, d11, c12, d12, c18, d18, ({logged}) AS logged, known = seen AS heard,"
        " CASE WHEN again_at < " + NEVER + " THEN 1 ELSE 0 END AS retried,"
        f" CASE WHEN {skewed} THEN 1 ELSE 0 END AS skewed,"
        f" last_at >= :now - CASE WHEN {further} THEN :patience ELSE :patience_ringing END AS fresh,"
        " last_at > :now + :tolerance AS future,"
        " COALESCE(t12 - COALESCE(t3, open_at) <= :patience, FALSE) AS too_soon,"
        f" {lasted} AS lasted, COALESCE(failed_at >= open_at, FALSE) AS failed,"
        " COALESCE(t12 - shown_at <= :closes, FALSE) AND NOT COALESCE(l5 - t6 > :tolerance, FALSE) AS stayed,"
        " COALESCE(talked_at >= GREATEST(open_at, COALESCE(t3, open_at) - :tolerance), FALSE) AS talked,"
        " COALESCE(left_at >= open_at AND t12 - left_at > :tolerance, FALSE)"
        " OR COALESCE(t11 - t9 BETWEEN 0 AND :at_once - 1 AND t10 IS NULL AND talked_at IS NULL"
        " AND c9 > 0 AND c9 = d9 AND c11 = d11 AND c9 = c11, FALSE)"
        f" OR {_left_before('f20')} OR {_left_before('l20')} OR {_in_trouble('f21')} OR {_in_trouble('l21')} AS alone,"
        f" CASE WHEN t11 IS NULL THEN GREATEST({named}, {ended}, {loose_answer()}) % 1000 ELSE {ZERO} END AS status"
        " FROM steps)"
    )


def _left_before(at: str) -> str:
    """Whether somebody of whom no row says who it is left long before the end, or not surely after the agent came,
    and nobody talked after that."""
    talked = f"COALESCE(talked_at - {at} > :tolerance, FALSE)"
    before = f"(t12 - {at} > :closes OR COALESCE({at} - t6 <= :tolerance, FALSE))"
    return f"COALESCE({at} >= open_at AND COALESCE({at} > t11, TRUE) AND {before} AND NOT {talked}, FALSE)"


def _in_trouble(at: str) -> str:
    """Whether a row says that the call was in trouble, before its end, and none after it shows that it went on."""
    told = f"COALESCE({at} >= open_at AND t12 - {at} > :moment, FALSE)"
    return f"{told} AND NOT COALESCE(went_on_at - {at} > :moment, FALSE)"


_OF_REQUEST = frozenset({Kind.TRUNK_MISSING, Kind.NO_SIP, Kind.QUOTA, Kind.CREDENTIALS})
"""Answers to CreateSIPParticipant itself."""
_OF_CALL = frozenset({Kind.AUTH_FAILED, Kind.MEDIA_FAILED})
"""Answers to a call that was placed."""


def _verdicts(plan: Plan) -> str:
    way = (
        "CASE WHEN NOT t7 IS NULL THEN 6 WHEN NOT t6 IS NULL THEN 5 WHEN NOT t5 IS NULL THEN 4"
        " WHEN NOT t4 IS NULL THEN 3 WHEN NOT t3 IS NULL THEN 2 WHEN NOT t2 IS NULL OR NOT t8 IS NULL"
        " OR NOT t9 IS NULL OR NOT t10 IS NULL OR NOT t11 IS NULL OR status >= 300"
        f" OR status IN ({places(_OF_CALL)}) THEN 1 ELSE 0 END"
    )
    phone = (
        "CASE WHEN NOT t11 IS NULL THEN 4 WHEN NOT t10 IS NULL THEN 3 WHEN NOT t9 IS NULL THEN 2"
        " WHEN NOT t8 IS NULL THEN 1 ELSE 0 END"
    )
    step = (
        f"CASE WHEN status = 0 THEN 0 WHEN status IN ({places(_OF_REQUEST)}) THEN 8"
        f" WHEN status IN ({places({Kind.TRUNK_UNUSABLE})}) THEN 9"
        f" WHEN status IN ({places({Kind.MEDIA_FAILED})}, {UNANSWERED}) THEN 11"
        " WHEN NOT t10 IS NULL THEN 11 ELSE 10 END"
    )
    return f"verdicts AS (SELECT *, {way} AS way, {phone} AS phone_way, {step} AS refused_at FROM reached)"


def _broken(plan: Plan) -> str:
    """At which step each leg broke; 0 where it did not."""
    breaks = " ".join(f"WHEN way = {way} THEN {step}" for way, step in enumerate(plan.breaks) if step)
    agent = (
        "CASE WHEN logged AND heard AND NOT fresh AND NOT too_soon AND NOT lasted AND NOT came_before AND NOT talked"
        f" THEN CASE {breaks} ELSE 0 END ELSE 0 END"
    )
    moved = " ".join(f"WHEN refused_at = {step} THEN {used}" for step, used in plan.used_steps.items() if step != used)
    phone = f"CASE {moved} ELSE refused_at END" if moved else "refused_at"
    return f"broken AS (SELECT *, {agent if breaks else '0'} AS agent_step, {phone} AS phone_step FROM verdicts)"


def _judged(plan: Plan) -> str:
    pending = ", ".join(str(way) for way, waits in enumerate(plan.pending) if waits and way < 5)
    awaited = f"fresh AND NOT future AND t12 IS NULL AND way IN ({pending or '-1'})"
    arrived = "way >= 5" if 6 not in plan.not_used else "NOT t11 IS NULL" if 11 not in plan.not_used else "FALSE"
    steps = (*plan.ends, 7) if plan.ends and plan.is_heard else plan.ends
    together = " AND ".join(_well_before_the_end(step) for step in steps) or "FALSE"
    heard = " AND NOT t7 IS NULL" if plan.is_heard else ""
    stayed = " AND stayed" if len(plan.ends) == 2 else ""
    verdict = (
        f"CASE WHEN agent_step > 0 OR phone_step > 0 THEN 'broken' WHEN {awaited} THEN 'in_progress'"
        f" WHEN NOT ({arrived}) OR failed THEN 'unknown' WHEN {together} AND NOT (again OR alone OR redialled)"
        f"{heard}{stayed} THEN 'healthy' ELSE 'no_fault_seen' END"
    )
    return f"judged AS (SELECT *, {verdict} AS verdict FROM broken)"


def _explained() -> str:
    """Why a call is unknown, and how long its steps took."""
    why = (
        "CASE WHEN verdict <> 'unknown' THEN 0 WHEN failed THEN 1 WHEN NOT logged THEN 7 WHEN future THEN 6"
        " WHEN NOT heard THEN 2 WHEN too_soon THEN 3 WHEN lasted OR talked THEN 4 WHEN came_before THEN 5 ELSE 8 END"
    )
    gaps = ", ".join(f"t{end} - t{start} AS {name}_took" for name, (start, end) in GAPS.items())
    return f"classified AS (SELECT *, {why} AS why, {gaps} FROM judged)"


def _well_before_the_end(step: int) -> str:
    """Whether it came before the end, and before a row says that the phone was gone, by more than a moment, and by two
    components' clocks beyond the tolerance."""

    def before(end: str, number: int) -> str:
        own, other = (f"c{step}", f"d{step}"), (f"c{number}", f"d{number}")
        one = f"{own[0]} > 0 AND {own[0]} = {own[1]} AND {other[0]} = {other[1]} AND {own[0]} = {other[0]}"
        return f"{end} - t{step} > CASE WHEN {one} THEN :moment ELSE :tolerance END"

    gone = f"(gone_at IS NULL OR COALESCE({before('gone_at', 18)}, FALSE))"
    return f"COALESCE({before('t12', 12)}, FALSE) AND {gone}"
