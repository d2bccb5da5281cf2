"""From the counts that the statement gives to what is said of them."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from functools import cache
from itertools import pairwise
from typing import Any

from msgspec import Struct

from livekit_doctor.diagnosis.result import Broken
from livekit_doctor.flow import LEGS, Leg, Step, Verdict
from livekit_doctor.settings import Settings
from livekit_doctor.triage.chance import FEWEST, STANDS_OUT, SURE, rise_in, z_of
from livekit_doctor.triage.dialects import EPOCH
from livekit_doctor.triage.engine import Result
from livekit_doctor.triage.mapping import step_of
from livekit_doctor.triage.plan import agent_break, phone_break
from livekit_doctor.triage.result import By, Group, Rise, Rung, Value
from livekit_doctor.triage.terms import EDGES, GAPS, REASONS, Window

SAMPLES = 3
NO_VALUE = ""

_TIMED = {Step.AGENT_CONNECTED: "join", Step.SIP_RINGING: "ring", Step.SIP_ANSWERED: "answer"}
_WAY = (Step.CALL_REQUESTED, Step.ROOM_CREATED, *LEGS[Leg.AGENT])


class Bucket(Struct, frozen=True):
    """A row of the result of `groups`."""

    win: int
    verdict: Verdict
    agent_step: int
    status: int
    phone_step: int
    way: int
    phone_way: int
    why: int
    hour: int
    calls: int
    retried: int
    skewed: int
    first_seen: int
    last_seen: int
    sample: str
    timed: Mapping[str, tuple[int, ...]]


def bucket_of(row: Result) -> Bucket:
    """Raises KeyError, TypeError or ValueError where it is none. Values may be text, as in a pasted result."""
    names = ("win", "agent_step", "status", "phone_step", "way", "phone_way", "why", "hour")
    numbers = {name: int(row[name]) for name in (*names, "calls", "retried", "skewed", "first_seen", "last_seen")}
    timed = {name: tuple(int(row[f"{name}_{place}"]) for place in (*range(len(EDGES)), "timed")) for name in GAPS}
    return Bucket(verdict=Verdict(row["verdict"]), sample=str(row["sample"]), timed=timed, **numbers)


class Outcomes:
    """The outcome of a call by the numbers that the statement gives, with the codes that `trace` gives it."""

    def __init__(self, settings: Settings) -> None:
        self._agent = cache(lambda way: agent_break(way, settings))
        self._phone = cache(lambda status, step: phone_break(status, step_of(step), settings))

    def id_of(self, row: Any) -> str:
        """What --where takes."""
        if row.verdict is not Verdict.BROKEN:
            return str(row.verdict.value)
        if row.agent_step:
            return self._code(row)
        return f"sip-{row.status}" if row.status >= 300 else self._code(row)

    def _code(self, row: Any) -> str:
        found = self.break_of(row)
        return found.code if found else "broken"

    def break_of(self, row: Any) -> Broken | None:
        """The agent's leg first, as in `trace`."""
        if row.agent_step:
            found: Broken | None = self._agent(row.way)
            return found
        return self._phone(row.status, row.phone_step) if row.phone_step else None


def moment(microseconds: int) -> datetime:
    return EPOCH + timedelta(microseconds=microseconds)


def parts_of(window: Window, *, both: bool = False) -> range:
    """The beginnings of the window's parts; of the window before as well, if `both`."""
    start = window.before if both else window.since
    return range(start - start % window.bucket, window.until, window.bucket)


def groups_of(buckets: Sequence[Bucket], window: Window, outcomes: Outcomes) -> tuple[Group, ...]:
    """What broke, most frequent first; then what is not known to be well, and what is."""
    named: dict[str, list[Bucket]] = defaultdict(list)
    for bucket in buckets:
        named[outcomes.id_of(bucket)].append(bucket)
    made = [_group(name, found, buckets, window, outcomes) for name, found in named.items()]
    order = [Verdict.BROKEN, Verdict.UNKNOWN, Verdict.NO_FAULT_SEEN, Verdict.IN_PROGRESS, Verdict.HEALTHY]
    return tuple(sorted(made, key=lambda group: (order.index(group.verdict), -group.calls, group.id)))


def _group(name: str, every: list[Bucket], all_calls: Sequence[Bucket], window: Window, outcomes: Outcomes) -> Group:
    kind = _typical(every)
    found = outcomes.break_of(kind) if kind.verdict is Verdict.BROKEN else None
    own = [bucket for bucket in every if bucket.win]
    calls, before = _calls(own), _calls(bucket for bucket in every if not bucket.win)
    total, total_before = (_calls(b for b in all_calls if b.win is win) for win in (1, 0))
    bad = kind.verdict in (Verdict.BROKEN, Verdict.UNKNOWN)
    z = z_of(calls, total, before, total_before) if bad else 0.0
    reasons: Counter[str] = Counter()
    for bucket in own:
        if bucket.why:
            reasons[REASONS[bucket.why]] += bucket.calls
    return Group(
        id=name,
        verdict=kind.verdict,
        calls=calls,
        before=before,
        code=found.code if found else None,
        step=found.step if found else None,
        confidence=found.confidence if found else None,
        candidates=found.candidates if found else (),
        sip_status=kind.status if found and not kind.agent_step and kind.status >= 300 else None,
        reasons=tuple(sorted(reasons.items(), key=lambda found: (-found[1], found[0]))),
        hours=hours_of(own, window),
        first_at=min((moment(bucket.first_seen) for bucket in own), default=None),
        last_at=max((moment(bucket.last_seen) for bucket in own), default=None),
        call_ids=_samples(own),
        change=("worse" if z > 0 else "better") if abs(z) > SURE else "",
        rose=_rise(every, all_calls, window) if bad else None,
    )


def _rise(every: Iterable[Any], all_calls: Iterable[Any], window: Window) -> Rise | None:
    hits, of = hours_of(every, window, both=True), hours_of(all_calls, window, both=True)
    found = rise_in(hits, of)
    if found is None:
        return None
    parts = parts_of(window, both=True)
    at, earliest, latest = (moment(parts[place]) for place in found)
    before, since = (sum(hits[part]) / sum(of[part]) for part in (slice(found.place), slice(found.place, None)))
    return Rise(at, earliest, latest, before, since)


def _typical(every: Iterable[Bucket]) -> Bucket:
    """One of those that broke where most did: a phone that is refused may have rung before."""
    counts: Counter[int] = Counter()
    first: dict[int, Bucket] = {}
    for bucket in every:
        counts[bucket.phone_step] += bucket.calls
        known = first.setdefault(bucket.phone_step, bucket)
        first[bucket.phone_step] = min(known, bucket, key=lambda one: (one.agent_step, one.way))
    return first[max(counts, key=lambda step: (counts[step], -step))]


def _samples(own: Iterable[Bucket]) -> tuple[str, ...]:
    """Some call ids, of the newest parts of the window first."""
    newest = sorted(own, key=lambda bucket: (-bucket.last_seen, bucket.sample))
    return tuple(dict.fromkeys(bucket.sample for bucket in newest))


def _calls(buckets: Iterable[Bucket]) -> int:
    return sum(bucket.calls for bucket in buckets)


def hours_of(buckets: Iterable[Any], window: Window, *, both: bool = False) -> tuple[int, ...]:
    """How many calls began in each part of the window."""
    parts = parts_of(window, both=both)
    counts = [0] * len(parts)
    for bucket in buckets:
        place = (bucket.hour - parts.start) // window.bucket
        if 0 <= place < len(counts):
            counts[place] += bucket.calls
    return tuple(counts)


def ladder_of(buckets: Iterable[Bucket]) -> tuple[Rung, ...]:
    """How many calls came how far on each leg, by what their rows show or imply."""
    own = [bucket for bucket in buckets if bucket.win]
    timed = {name: _added(bucket.timed[name] for bucket in own) for name in GAPS}

    def rung(step: Step, leg: Leg, calls: int) -> Rung:
        counts = timed.get(_TIMED.get(step, ""), ())
        return Rung(step, leg, calls, quantile(counts, 0.5), quantile(counts, 0.95))

    agent = [rung(step, Leg.AGENT, sum(b.calls for b in own if b.way >= place)) for place, step in enumerate(_WAY)]
    phone = [
        rung(step, Leg.PHONE, sum(b.calls for b in own if b.phone_way >= place))
        for place, step in enumerate(LEGS[Leg.PHONE], 1)
    ]
    return (*agent, *phone)


def _added(rows: Iterable[tuple[int, ...]]) -> tuple[int, ...]:
    return tuple(map(sum, zip(*rows, strict=True)))


def quantile(counts: Sequence[int], share: float) -> float | None:
    """Where so large a share of the times is below, between two edges in proportion; `counts` are below each edge, and
    last of all. Times beyond the last edge are as long as that."""
    if not counts or not counts[-1]:
        return None
    wanted = share * counts[-1]
    edges = ((0.0, 0), *zip(EDGES, counts[:-1], strict=True))
    for (low, below_low), (high, below_high) in pairwise(edges):
        if below_high >= wanted:
            part = (wanted - below_low) / (below_high - below_low) if below_high > below_low else 0.0
            return round(low + max(0.0, part) * (high - low), 3)
    return float(EDGES[-1])


class _KeyRow(Struct, frozen=True):
    win: int
    dim: str
    verdict: Verdict
    agent_step: int
    status: int
    phone_step: int
    hour: int
    calls: int
    way: int


def by_of(
    key: str, rows: Iterable[Result], window: Window, outcomes: Outcomes, ways: Mapping[int, int], where: Sequence[str]
) -> By:
    """The values of a key, those first that stand out. `where`: only these outcomes count as broken."""
    read = [_key_row(row, ways) for row in rows]
    values: dict[str, list[_KeyRow]] = defaultdict(list)
    for row in read:
        values[row.dim].append(row)
    without = sum(row.calls for row in values.pop(NO_VALUE, []) if row.win)
    total = sum(row.calls for row in read if row.win) - without
    counted = {name: _counts((row for row in own if row.win), outcomes, where) for name, own in values.items()}
    all_counts: Counter[str] = Counter()
    for counts in counted.values():
        all_counts.update(counts)
    made = [
        _value(name, own, counted[name], (total, all_counts), window, outcomes)
        for name, own in values.items()
        if any(row.win for row in own)
    ]
    made.sort(key=lambda value: (not value.stands_out, -value.of_group, -value.broken, -value.calls, value.value))
    return By(key, tuple(made), without)


def _key_row(row: Result, ways: Mapping[int, int]) -> _KeyRow:
    numbers = {name: int(row[name]) for name in ("win", "agent_step", "status", "phone_step", "hour", "calls")}
    dim = "" if row["dim"] is None else str(row["dim"])
    return _KeyRow(dim=dim, verdict=Verdict(row["verdict"]), way=ways.get(numbers["agent_step"], 0), **numbers)


def _counts(own: Iterable[_KeyRow], outcomes: Outcomes, where: Sequence[str]) -> Counter[str]:
    counts: Counter[str] = Counter()
    for row in own:
        name = outcomes.id_of(row)
        if row.verdict is Verdict.BROKEN if not where else name in where:
            counts[name] += row.calls
    return counts


def _value(
    name: str,
    own: Sequence[_KeyRow],
    counts: Counter[str],
    whole: tuple[int, Counter[str]],
    window: Window,
    outcomes: Outcomes,
) -> Value:
    """The outcome that most sets this value apart from the others, where one does."""
    total, all_counts = whole
    calls = sum(row.calls for row in own if row.win)
    others = total - calls
    best, group, share = STANDS_OUT, "", 0.0
    for outcome, number in counts.items():
        other = all_counts[outcome] - number
        z = z_of(number, calls, other, others)
        apart = others and number / calls > 1.5 * other / others
        if z > best and apart and number >= FEWEST:
            best, group, share = z, outcome, other / others
    rose = _rise((row for row in own if outcomes.id_of(row) == group), own, window) if group else None
    broken = counts.total()
    return Value(name, calls, broken, bool(group), group, counts[group] if group else 0, share, rose)
