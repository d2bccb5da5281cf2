"""Words of triage that several formats print."""

import shlex
from collections.abc import Iterator, Sequence
from datetime import datetime, timedelta

from livekit_doctor import catalogue
from livekit_doctor.catalogue.sip_statuses import sip_status
from livekit_doctor.flow import SPEC, Verdict
from livekit_doctor.render.words import percent
from livekit_doctor.triage.result import By, Criterion, Group, Rise, Traced, Triage, Value

TITLES = {
    Verdict.HEALTHY: "healthy",
    Verdict.NO_FAULT_SEEN: "no fault seen",
    Verdict.IN_PROGRESS: "in progress",
    Verdict.UNKNOWN: "unknown",
}
REMARKS = {
    Verdict.NO_FAULT_SEEN: "the agent joined and nothing broke; that both were heard and stayed, rows don't show",
    Verdict.IN_PROGRESS: "the agent may still come",
    Verdict.HEALTHY: "agent joined, phone answered, both before the end",
}

_BARS = "▁▂▃▄▅▆▇█"


def title_of(group: Group) -> str:
    """What became of these calls, in a few words."""
    if group.code is None:
        return TITLES.get(group.verdict, group.verdict.value)
    if group.sip_status is not None:
        return f"{group.code} SIP {group.sip_status} {sip_status(group.sip_status).name}"
    return f"{group.code} {catalogue.get(group.code).name}"


def explained(group: Group) -> str:
    """What the title does not say."""
    if group.sip_status is not None:
        return ""
    if group.code and group.step:
        return f"at {SPEC[group.step].title}"
    if group.reasons:
        return ", ".join(f"{reason} {calls:,}" for reason, calls in group.reasons)
    return REMARKS.get(group.verdict, "")


def share(calls: int, of: int) -> str:
    """Such as 3.2 %."""
    return f"{calls / of * 100:.1f} %" if of else "-"


def change_of(group: Group, triage: Triage) -> str:
    """Against the window before, by share: such as +47 %."""
    if not triage.before or not triage.calls_before or not triage.calls:
        return ""
    if not group.before:
        return "new" if group.calls else ""
    ratio = group.calls / triage.calls / (group.before / triage.calls_before) - 1
    return f"{ratio * 100:+.0f} %"


def bars(hits: Sequence[int], of: Sequence[int]) -> str:
    """A character a part of the window: the share of its calls, against the largest; a point where there were none."""
    shares = [hit / all_ if all_ else None for hit, all_ in zip(hits, of, strict=True)]
    most = max((each for each in shares if each is not None), default=0.0)
    return "".join("·" if each is None else _BARS[round(each / most * 7)] if most else _BARS[0] for each in shares)


def when(at: datetime, triage: Triage) -> str:
    """The time of day; with the day where the window has more than one."""
    one_day = triage.until - triage.since <= timedelta(days=1)
    return f"{at:%H:%M}" if one_day and at.date() == triage.until.date() else f"{at:%m-%d %H:%M}"


def span(group: Group, triage: Triage) -> str:
    if group.first_at is None or group.last_at is None:
        return ""
    return f"{when(group.first_at, triage)} - {when(group.last_at, triage)}"


def rose(group: Group, triage: Triage) -> str:
    """Since when it is more; empty where it rose at no one moment."""
    if not group.rose:
        return ""
    before, since = (f"{each * 100:.1f} %" for each in (group.rose.share_before, group.rose.share_since))
    return f"since {moment_of(group.rose, triage)} {since} of the calls, {before} before that"


def moment_of(rise: Rise, triage: Triage) -> str:
    """About when, and between what where the counts leave more than that open."""
    about = f"about {when(rise.at, triage)}"
    if rise.earliest == rise.latest:
        return about
    return f"{about} (between {when(rise.earliest, triage)} and {when(rise.latest, triage)})"


def begun(triage: Triage) -> Iterator[str]:
    """What rose at one moment, a line a moment: what rose at some time of a range may have risen with another."""
    moments: list[tuple[Rise, list[str]]] = []
    risen = [(group.rose, title_of(group)) for group in triage.broken if group.rose and group.calls]
    for rise, title in sorted(risen, key=lambda one: one[0].latest - one[0].earliest):
        shared = (titles for known, titles in moments if rise.earliest <= known.at <= rise.latest)
        titles = next(shared, None)
        if titles is None:
            moments.append((rise, titles := []))
        titles.append(title)
    for rise, titles in sorted(moments, key=lambda one: one[0].at):
        yield f"Began at {moment_of(rise, triage)}: {', '.join(titles)}"


def headline(triage: Triage) -> str:
    """The answer in one line."""
    if not triage.calls:
        return "no call began in this window"
    broken, known = triage.of(Verdict.BROKEN), triage.of(Verdict.UNKNOWN)
    kinds = sum(1 for group in triage.broken if group.calls)
    ways = f", in {kinds} way{'s' * (kinds != 1)}" if kinds else ""
    of = f"{broken:,} of {triage.calls:,} calls broke ({share(broken, triage.calls)}){ways}"
    return f"{of}; {known:,} unknown" if known else of


def window_of(triage: Triage) -> str:
    return f"{length(triage.until - triage.since)} to {triage.until:%Y-%m-%d %H:%M} UTC"


def length(time: timedelta) -> str:
    seconds = time.total_seconds()
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= 2 * size or (unit == "h" and seconds >= size):
            return f"{seconds / size:.3g} {unit}"
    return f"{seconds:.3g} s"


def value_sentence(by: By, value: Value, triage: Triage) -> str:
    """Why a value stands out."""
    own = f"{by.key} {value.value}: {share(value.of_group, value.calls)} of its {value.calls:,} calls {value.group}"
    since = f", since {moment_of(value.rose, triage)}" if value.rose else ""
    return f"{own}, {value.others * 100:.1f} % of the others{since}"


def traced_line(one: Traced) -> str:
    code = f"{one.code} at {SPEC[one.step].title}" if one.code and one.step else one.verdict.value.replace("_", " ")
    return f"{code}: {'; '.join(one.because)}" if one.because else code


def criterion_sentence(one: Criterion) -> str:
    if one.value is None:
        return f"of no call it is known; at most {percent(one.limit)} may break"
    told = (
        f"{share(round(one.value * 10_000), 10_000)} of the calls that are over broke; at most {percent(one.limit)} may"
    )
    return f"{told}, and with those of which nothing is known it may be more" if one.status == "undecided" else told


def told_once(triage: Triage) -> Iterator[str]:
    """What rows can't tell, and what else is to be known of the counts."""
    if triage.stopped_dialing or triage.stopped_ringing:
        yield (
            f"{triage.stopped_dialing:,} calls stop at dialing and {triage.stopped_ringing:,} at ringing: rows don't"
            " say why, and they are not counted as broken for it"
        )
    if any(group.confidence == "possible" for group in triage.broken):
        yield "possible: rows show where the agent's leg ended, not which of a code's causes it was"
    if triage.retried:
        yield f"{triage.retried:,} calls were tried again: the last attempt counts"
    if triage.skewed:
        yield f"{triage.skewed:,} calls have rows of clocks that differ (LKD005)"
    if triage.unmapped:
        shown = ", ".join(triage.unmapped[:8])
        shown += f" and {len(triage.unmapped) - 8} more" if len(triage.unmapped) > 8 else ""
        yield f"states that no step stands for: {shown} (LKD603; flow.states in checks.yaml)"
    yield from triage.notes


def next_commands(triage: Triage, again: str, files: str | None = "") -> Iterator[str]:
    """What to type next, the words before the command. `again` is the command with what it was given; `files` what
    `trace` must be given to read the same, None where it can't."""
    worst = next((group for group in triage.broken if group.calls), None)
    if worst is None:
        return
    if not triage.by and (keys := [key for key in triage.keys if key not in _NO_KEYS][:4]):
        yield f"which value stands out: {again} {' '.join(f'--by {shlex.quote(key)}' for key in keys)}"
    if not triage.traced and worst.call_ids:
        if "result" not in triage.source.partition(" ")[0]:
            yield f"the newest of them one by one: {again} --where {worst.id} --detail 3"
        if files is not None:
            yield f"one call in full: livekit-doctor trace {shlex.quote(worst.call_ids[0])}{files}"


_NO_KEYS = ("error", "err", "sip_status_code", "sip_status", "message", "reason", "ts", "timestamp", "duration")
"""Keys that are another for each call, or are the fault itself."""
