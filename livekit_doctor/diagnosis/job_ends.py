"""How a job, or the dispatch that it is of, ended, by the line that says it."""

from livekit_doctor.diagnosis.said import Said

DONE = (Said.JOB_ENDED, Said.NO_CAPACITY, Said.TIMED_OUT, Said.DECLINED)
"""What the server says of a job as the last thing: what comes after that is about another one, if it names one."""

ENDS: dict[Said, str] = {
    Said.NO_WORKER: "the server knew no worker",
    Said.DECLINED: "a worker was asked, and declined",
    Said.NO_CAPACITY: "no worker had room for its job",
    Said.TIMED_OUT: "a worker was asked, and its answer came too late",
    Said.ASSIGNMENT_LATE: "a worker was asked, and its answer came too late",
    Said.RAISED: "its entrypoint raised",
    Said.UNRESPONSIVE: "its process blocked, and was killed",
    Said.EXITED: "its process died",
    Said.RETURNED: "its entrypoint returned without connecting",
    Said.NO_PROCESS: "no process came up for its job",
    Said.NEVER_HAD_MEDIA: "its agent's media never connected",
    Said.MEDIA_TIMED_OUT: "its agent's media never connected",
    Said.PARTICIPANT_LEFT: "its agent left",
}
"""What became of a dispatch, in the words of the line that says it."""

OVER = frozenset({*ENDS, Said.JOB_ENDED, Said.PROCESS_EXITS})
"""What is said of a job when it is over, in order or not."""
