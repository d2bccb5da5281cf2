"""Jobs beside another one of the call's, whose agent came first and stayed to the end: that they failed is not missed.

So a room that was dispatched into twice has two jobs, of which the second may raise by design, when it finds the first.
"""

from collections.abc import Iterator
from datetime import timedelta

from livekit_doctor.diagnosis.own_lines import Index, is_above
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import LEFT_ALONE
from livekit_doctor.evidence.observations import LogLine

_ENDS = {
    Said.RAISED,
    Said.EXITED,
    Said.UNRESPONSIVE,
    Said.RETURNED,
    Said.NO_PROCESS,
    Said.PROCESS_EXITS,
    Said.JOB_ENDED,
}


def beside_another(own: Index, tolerance: timedelta) -> dict[str, str]:
    """Each with the job whose agent stayed. `own` are the call's own lines, oldest first."""
    stayed, first, ended = dict(_stayed(own, tolerance)), dict[tuple[str, str], LogLine](), dict[str, LogLine]()
    for told in own.of_jobs if stayed else ():
        job = told.job or told.agents_job
        first.setdefault((told.line.file, job), told.line)
        if told.said in _ENDS:
            ended.setdefault(job, told.line)

    def is_beside(job: str, other: str) -> bool:
        """Whether the other's agent was dispatched before this one's, and was there when this one's job was over."""
        files = {file for file, one in first if one == job and (file, other) in first}
        before = any(is_above(first[file, other], first[file, job]) for file in files)
        over = ended.get(job) or next(line for (_, one), line in first.items() if one == job)
        end = stayed[other]
        return before and (end is None or _is_before(over, end, tolerance))

    jobs = {job for _, job in first} - stayed.keys()
    return {job: other for job in jobs for other in stayed if is_beside(job, other)}


def _stayed(own: Index, tolerance: timedelta) -> Iterator[tuple[str, LogLine | None]]:
    """The jobs whose agents were in the room until it was gone, or the phone was, and the line of their end: without
    the server's, that of their process."""
    there, phones = dict[str, LogLine | None](), list[LogLine]()
    for told in own.that(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT, Said.PROCESS_EXITS):
        said, line, job = told.said, told.line, told.agents_job
        if said is Said.PARTICIPANT_ACTIVE and job:
            there[job] = None
        elif said is Said.PARTICIPANT_LEFT and job in there:
            there[job] = line
        elif said is Said.PARTICIPANT_LEFT and line.fields.get("kind") == "SIP":
            phones.append(line)
        elif said is Said.PROCESS_EXITS and line.fields.get("reason") == "room disconnected":
            there.setdefault(told.job, line)
        elif said is Said.PROCESS_EXITS and told.job in there:
            there[told.job] = there[told.job] or line
    for job, end in there.items():
        margin = LEFT_ALONE if end is None or end.log == "server" else LEFT_ALONE + tolerance
        alone = (phone.at - end.at > margin for phone in phones if end and phone.at and end.at)
        if not any(alone):
            yield job, end


def _is_before(line: LogLine, other: LogLine, tolerance: timedelta) -> bool:
    if line.file == other.file:
        return is_above(line, other)
    return bool(line.at and other.at and line.zoned and other.zoned) and other.at - line.at > tolerance  # type: ignore[operator]
