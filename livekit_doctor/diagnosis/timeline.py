"""Everything that is known to have happened, in one order."""

from collections.abc import Iterable, Iterator
from datetime import datetime
from operator import attrgetter

from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import shown_fields
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.log_lines import lines_of, tells
from livekit_doctor.diagnosis.proofs import Clock, Proofs
from livekit_doctor.diagnosis.refused_requests import refused_logins
from livekit_doctor.diagnosis.result import Broken, TimelineEntry, UndatedEntry
from livekit_doctor.diagnosis.row_answers import shown_error
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.states import needs_no_step
from livekit_doctor.evidence.observations import ApiRefusal, LogLine
from livekit_doctor.evidence.records.tracebacks import raised
from livekit_doctor.flow import SPEC, Step


def timeline(call: Call, proofs: Proofs) -> tuple[TimelineEntry, ...]:
    """Log rows, what LiveKit dated, and lines of the components' logs, oldest first. Clocks may differ:
    each entry names its own."""
    lines = tuple(_log_lines(call, () if Step.JOB_ASSIGNED in proofs else refused_logins(call)))
    rows = tuple(_rows(call))
    entries = [
        *rows,
        *_dated(proofs),
        *_jobs(call),
        *_phone(call, (*lines, *rows)),
        *_came_and_left(call),
        *_told(call),
        *lines,
    ]
    return tuple(sorted(dict.fromkeys(entries), key=attrgetter("at")))


def _rows(call: Call) -> Iterator[TimelineEntry]:
    webhooks = {id(row) for row, _ in call.webhooks}
    for row in call.rows:
        known = call.step_of_state[row.state] or id(row) in webhooks or needs_no_step(row.state)
        yield TimelineEntry(
            at=row.at,
            source=row.source or row.read.source,
            event=row.state,
            detail=shown_error(row) or ("" if known else "no step is mapped to this state"),
            clock=Clock.CALL_LOGS,
        )


def _dated(proofs: Proofs) -> Iterator[TimelineEntry]:
    for step, found in proofs.items():
        for proof in found:
            if proof.at is not None and proof.clock is Clock.LIVEKIT and not proof.source.endswith(" log"):
                yield TimelineEntry(
                    at=proof.at,
                    source=proof.source,
                    event=SPEC[step].title,
                    detail=proof.text,
                    clock=Clock.LIVEKIT,
                )


def _jobs(call: Call) -> Iterator[TimelineEntry]:
    for job in call.jobs_ever:
        if job.ended_at is not None:
            detail = " ".join(filter(None, (job.id, job.status, job.reason, job.error)))
            yield TimelineEntry(
                at=job.ended_at, source="ListDispatch", event="job ended", detail=detail, clock=Clock.LIVEKIT
            )


def _phone(call: Call, logged: Iterable[TimelineEntry]) -> Iterator[TimelineEntry]:
    """What was seen of the phone, and what the carrier answered: not what a line of a log, or a row, says itself, which
    is of its time and source, or of its time and ends with the same words."""
    told: dict[datetime, list[TimelineEntry]] = {}
    for line in logged if call.answers else ():
        told.setdefault(line.at, []).append(line)
    for at, status in call.phone_states:
        yield TimelineEntry(
            at=at,
            source="ListParticipants",
            event=f"sip.callStatus {status}",
            detail="first seen",
            clock=Clock.LIVEKIT,
        )
    for answer in call.answers:
        if answer.kind not in _ENDED or answer.when is None:
            continue  # proves a step, or is a row, which is there already
        of_then = told.get(answer.when, ())
        words = answer.words.strip()
        if any(
            line.source == answer.because.source or (words and words in f"{line.event} {line.detail}")
            for line in of_then
        ):
            continue
        yield TimelineEntry(
            at=answer.when,
            source=answer.because.source,
            event=_ENDED[answer.kind],
            detail=answer.because.text,
            clock=Clock.LIVEKIT if answer.by_livekits_clock else answer.because.source,
        )


_ENDED = {
    Kind.REJECTED: "SIP call rejected",
    Kind.AUTH_FAILED: "SIP login failed",
    Kind.UNREACHABLE: "SIP address unreachable",
    Kind.MEDIA_FAILED: "SIP media failed",
    Kind.TIMED_OUT: "SIP call timed out",
    Kind.GIVEN_UP: "SIP call given up",
    Kind.TRUNK_MISSING: "SIP trunk missing",
    Kind.TRUNK_UNUSABLE: "SIP trunk unusable",
    Kind.NO_SIP: "no SIP service",
    Kind.QUOTA: "over LiveKit's quota",
    Kind.CREDENTIALS: "LiveKit credentials rejected",
    Kind.UNEXPLAINED: "SIP call failed",
}
"""How an attempt to dial ended, in the timeline."""


def _came_and_left(call: Call) -> Iterator[TimelineEntry]:
    """Who joined, published and left, by pasted webhooks: what the steps that it proves have no time for, and where the
    story ends."""
    for item in call.sightings:
        if item.at is None or item.event not in _DONE:
            continue
        for participant in item.participants:
            if item.event == "participant_joined" and participant.joined_at is not None:
                continue
            detail = item.left_because or (f"{item.track.kind} track {item.track.sid}" if item.track else "")
            yield TimelineEntry(
                at=item.at,
                source=f"webhook {item.event}",
                event=f"{participant.identity} {_DONE[item.event]}",
                detail=detail,
                clock=Clock.LIVEKIT,
            )


_DONE = {"participant_joined": "joined", "track_published": "published", "participant_left": "left"}


def _told(call: Call) -> Iterator[TimelineEntry]:
    """What pasted webhooks tell of jobs, and events of a newer server, as they are: they may prove no step."""
    for item in call.sightings:
        if item.at is None or not item.event or item.event.startswith(_PROVING):
            continue
        jobs = [job for dispatch in item.dispatches for job in dispatch.jobs]
        told = [" ".join(filter(None, (job.id, job.status, job.reason, job.error))) for job in jobs]
        yield TimelineEntry(
            at=item.at,
            source=f"webhook {item.event}",
            event=item.event.replace("_", " "),
            detail=", ".join(told),
            clock=Clock.LIVEKIT,
        )


_PROVING = ("room_", "participant_", "track_")
"""The events that the steps which they prove, and who left, tell of."""


_DETAILS = ("agent_name", "job_id", "job_type", "worker_id", "participant", "path", "status", "reason", "error")
"""The fields of a log line that the timeline shows."""


def undated(call: Call, broken: tuple[Broken, ...]) -> tuple[UndatedEntry, ...]:
    """The lines of the call that have a time of day and no date, in the order of their times; before these the errors
    that have no time at all and are no evidence of what broke: nothing else would show that they were read."""
    used = {item.text for one in broken for item in one.because}
    lines = [line for line in lines_of(call) if line.at is None and "time_of_day" in line.fields and tells(line)]
    entries = [
        UndatedEntry(
            time_of_day=line.fields["time_of_day"],
            source=f"{line.log} log",
            event=line.message,
            detail=", ".join(_shown(line)),
        )
        for line in lines
    ]
    return tuple(sorted(dict.fromkeys([*_errors_without_time(call, used), *entries]), key=attrgetter("time_of_day")))


def _errors_without_time(call: Call, used: set[str]) -> Iterator[UndatedEntry]:
    for answer in call.answers:
        if answer.kind in _ENDED and answer.when is None and answer.because.text not in used:
            because, event = answer.because, _ENDED[answer.kind]
            yield UndatedEntry(time_of_day="", source=because.source, event=event, detail=because.text)
    for item in call.setup.all(ApiRefusal):
        if item.at is None and item.message and not any(item.message in text for text in used):
            event = f"{item.method} refused".strip()
            yield UndatedEntry(time_of_day="", source=item.read.source, event=event, detail=item.message)


def _shown(line: LogLine) -> list[str]:
    shown = shown_fields(line, _DETAILS)
    return [*shown, raised(line.traceback)] if line.traceback else shown


def _log_lines(call: Call, beside: tuple[LogLine, ...]) -> Iterator[TimelineEntry]:
    """Those that have a place in it; and, `beside` the call's own, what explains that its agent has none."""
    of_no_zone: set[str] = set()
    logged_in = _logins_taken(call)
    for line in lines_of(call):
        if line.at is not None and (tells(line) or line in beside):
            shown = _shown(line)
            if line in logged_in:
                shown.append("every call to this carrier begins so: it asks for the login, and took it")
            if not line.zoned and line.log not in of_no_zone:
                of_no_zone.add(line.log)
                shown.append("times of this log have no zone, and are taken as UTC")
            yield TimelineEntry(
                at=line.at,
                source=f"{line.log} log",
                event=line.message,
                detail=", ".join(shown),
                clock=f"{line.log}_log",
            )


def _logins_taken(call: Call) -> list[LogLine]:
    """livekit-sip's lines of a carrier's 401 or 407, of calls that rang or were answered after it."""
    went_on = call.component_logs.ever_said(Said.SIP_RANG, Said.SIP_ESTABLISHED)
    through = {line.fields.get("call_id") for line in went_on}
    own = call.component_logs.own_by_log["sip"]
    asked = (line for line in own if line.message.lower().startswith("auth requested"))
    return [line for line in asked if line.fields.get("call_id") in through]
