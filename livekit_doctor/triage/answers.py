"""What the rows say of the answer to the attempt to dial, in SQL: a SIP status, or the number of what LiveKit says in
words. Whose fact that is, `diagnose` asks in the same way."""

from collections.abc import Set

from sqlglot import exp

from livekit_doctor.diagnosis.dial_errors import OF_A_PHONE, TEXTS, Kind
from livekit_doctor.triage.dialects import WRITTEN_IN
from livekit_doctor.triage.mapping import BUSY, ENDED_BADLY, LOOSELY_FAILED, NOT_PICKED_UP, PHONE_FAILED
from livekit_doctor.triage.plan import UNANSWERED, WAS_BUSY, WORDS, pattern_of
from livekit_doctor.triage.terms import LONGEST, QUOTED, STATUS, ZERO, Columns

NULL = "CAST(NULL AS BIGINT)"

TIMES_OF_PHONES = tuple(f"{end}{step}" for step in (8, 10, 11) for end in "fl")
"""When rows first and last told of a phone that was made. That it is dialled may be said before that is asked for."""


def places(kinds: Set[Kind]) -> str:
    """The numbers of what LiveKit says in these words, to stand in a list."""
    return ", ".join(str(place) for place, kind in enumerate(_KINDS, 1) if kind in kinds)


_KINDS = (*WORDS, *2 * (Kind.NOT_PICKED_UP,))
_OF_A_PHONE = places(OF_A_PHONE)


def answer(columns: Columns, codes: Set[int]) -> str:
    """What the row `l` says that is of the entry `e`; of the codes that entries have."""
    by_state = {NOT_PICKED_UP: UNANSWERED, BUSY: WAS_BUSY}
    told = " ".join(f"WHEN e.code = {code} THEN {number}" for code, number in by_state.items() if code in codes)
    unanswered = f"CASE {told} END" if told else NULL
    if columns.metadata is None:
        return unanswered
    text = f"LEFT(X_TEXT(l.col_metadata), {LONGEST})"
    status = f"X_STATUS({text}, {literal(STATUS)})"
    ordered = [kind for kind, _ in TEXTS if kind in (*WORDS, Kind.TIMED_OUT)]  # as `kind_of` looks for them
    words = " ".join(
        f"WHEN X_MATCHES({text}, {literal(QUOTED % pattern_of(kind))}) THEN {_place(kind)}" for kind in ordered
    )
    return (
        f"CASE WHEN e.code IN (12, {ENDED_BADLY}) THEN {status}"
        f" WHEN e.code IN ({PHONE_FAILED}, {LOOSELY_FAILED}, {NOT_PICKED_UP}, {BUSY})"
        f" THEN COALESCE({status}, CASE {words} END, {unanswered}) END"
    )


def _place(kind: Kind) -> str:
    return str(WORDS.index(kind) + 1) if kind in WORDS else "NULL"


def last_word(name: str) -> str:
    """The answer of the attempt, with its time, where no row tells of the phone after it and the call did not go on."""
    at = f"({name} - {name} % 1000)"
    alone = f"(phone_last - :tolerance) * 1000 <= {at} AND NOT ({_went_on(name, at)})"
    return f"CASE WHEN {name} >= open_at * 1000 AND {alone} THEN {name} ELSE {ZERO} END"


def _went_on(name: str, at: str) -> str:
    """Whether somebody talked after it; or, where a phone was made, the agent was there for longer than its room would
    have been open, or another phone had been made before, and had not failed; or, where none was made, one had been
    before it."""
    closed = f"{at} + CAST(:closes AS BIGINT) * 1000"
    further = f"COALESCE(t8 < l8 - :tolerance AND l8 * 1000 <= {at} AND refused_first >= l8, FALSE)"
    stayed = f"COALESCE(shown_at * 1000 > {closed}, FALSE) OR {further}"
    before = f"COALESCE(l8 >= open_at AND (l8 + :tolerance) * 1000 < {at} AND refused_first >= l8, FALSE)"
    made = f"{name} % 1000 >= 300 OR {name} % 1000 IN ({_OF_A_PHONE})"
    talked = f"COALESCE((talked_at - :tolerance) * 1000 > {at}, FALSE)"
    return f"{talked} OR CASE WHEN {made} THEN {stayed} ELSE {before} END"


def loose_answer() -> str:
    """The answer in a row whose state does not say what failed. LiveKit's words are of the dial where no phone was made
    before it, and the call had not ended; or soon after one was made, if they can be of one."""
    value, at = last_word("loose_answer"), "(loose_answer - loose_answer % 1000)"
    before = (
        f"CASE WHEN {one} >= open_at AND {one} * 1000 <= {at} THEN {one} * 1000 ELSE {ZERO} END"
        for one in TIMES_OF_PHONES
    )
    made = f"GREATEST({', '.join(before)})"
    ended, late = f"{at} - t12 * 1000 > CAST(:moment AS BIGINT) * 1000", "CAST(:answered_within AS BIGINT) * 1000"
    return (
        f"CASE WHEN loose_answer % 1000 >= 300 THEN {value} WHEN {ended} THEN {ZERO}"
        f" WHEN {made} = 0 OR (loose_answer % 1000 IN ({_OF_A_PHONE}) AND {at} - {made} <= {late})"
        f" THEN {value} ELSE {ZERO} END"
    )


def literal(text: str) -> str:
    return exp.Literal.string(text).sql(dialect=WRITTEN_IN)
