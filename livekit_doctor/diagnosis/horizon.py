"""How far what was read reaches: whether it would show that the agent was dispatched again, or the phone dialled again.

The latest dispatch decides, and the latest dial. Where nothing that was read would show a later one, what is known of
the last that is shown is no proof of how the call ended: it is likely at most.
"""

from collections.abc import Iterable, Iterator
from functools import partial

from msgspec.structs import replace

from livekit_doctor import catalogue
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.episodes import OF_A_JOB
from livekit_doctor.diagnosis.findings import Because, Finding
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.times import CREATED_AT_ONCE, DATE_RESOLUTION, NOTHING_MISSED
from livekit_doctor.flow import SPEC, Confidence, Leg, Step, order

DISPATCHED_AGAIN = Because(
    source="not seen", text="whether the agent was dispatched again after it: nothing that was read would show that"
)


def weighed(call: Call, findings: Iterable[Finding]) -> Iterator[Finding]:
    """What is proven of the agent's leg is likely where a later dispatch would not have been seen."""
    latest = call.component_logs.latest
    another = latest.maybe_later or latest.maybe_beside
    open_end = bool(another) or not another_dispatch_would_show(call)
    again = Because(source="dispatched again", text=another) if another else DISPATCHED_AGAIN
    superseded = _listed_is_superseded(call)
    logged = latest.superseded
    for finding in map(partial(_of_another_agent, call), findings):
        of_agent = finding.step is not None and SPEC[finding.step].leg is Leg.AGENT
        if of_agent and superseded and any(item.source == "ListDispatch" for item in finding.because):
            continue
        if of_agent and logged and any(item.source.endswith(" log") for item in finding.because):
            continue
        if of_agent and another:
            because = (*finding.because, again)
            candidates = finding.candidates or catalogue.get(finding.code).candidates
            yield replace(finding, confidence=Confidence.POSSIBLE, because=because, candidates=candidates)
        elif of_agent and finding.confidence is Confidence.PROVEN and (open_end or _may_be_restarted(call, finding)):
            yield replace(
                finding,
                confidence=Confidence.LIKELY,
                because=(*finding.because, again),
                candidates=finding.candidates or catalogue.get(finding.code).candidates,
            )
        else:
            yield finding


def _of_another_agent(call: Call, finding: Finding) -> Finding:
    """What became of an agent of another name is possible of the call's own, whose name may be mistyped where it is
    configured: else that was never dispatched."""
    name = call.another_agent
    if not name or finding.code not in ("LKD407", "LKD408", "LKD416") or finding.confidence is Confidence.POSSIBLE:
        return finding
    text = f'the agent there is "{name}", and "{call.agent_name}" was not dispatched as far as looks show'
    because = (*finding.because, Because(source="another agent", text=text))
    candidates = (*(finding.candidates or catalogue.get(finding.code).candidates), "LKD401")
    return replace(finding, confidence=Confidence.POSSIBLE, because=because, candidates=candidates)


def _listed_is_superseded(call: Call) -> bool:
    """Whether the last dispatch that ListDispatch has is not the latest one, which is gone from the list."""
    began = call.component_logs.latest.began
    listed = call.dispatches[-1].created_at if call.dispatches else None
    return began is not None and listed is not None and began - listed > CREATED_AT_ONCE


def another_dispatch_would_show(call: Call) -> bool:
    """A look into the room while somebody is in it, since later one may be gone from the list; looks to its end; rows
    that tell of its dispatch, where they are whole; a log of the server that tells of dispatches into this room, to the
    room's closing."""
    there = call.participant_list.participants if call.participant_list else ()
    if call.api_covers and there and _is_whole(call):
        return True
    return _looked_to_the_end(call) or _rows_tell(call) or _server_log_tells(call)


def _may_be_restarted(call: Call, finding: Finding) -> bool:
    """Whether LiveKit Cloud may have made another job of the same dispatch (fact 33): where no worker takes that one,
    nothing tells of it."""
    of_job = finding.code == "LKD411" or (finding.step is not None and order(finding.step) > order(Step.JOB_ASSIGNED))
    return call.on_cloud and of_job


def _is_whole(call: Call) -> bool:
    """Whether the last look has the dispatches, too."""
    looks = call.dispatch_list, call.participant_list
    return all(looks) and looks[1].read.at - looks[0].read.at < DATE_RESOLUTION  # type: ignore[union-attr]


def _looked_to_the_end(call: Call) -> bool:
    if call.dispatch_list is None or call.room_live is not False:
        return False
    last, name = call.dispatch_list.read.at, call.room.name if call.room else ""
    without = (listing.read.at for listing in call.room_lists if all(room.name != name for room in listing.rooms))
    gone = min((at for at in without if at > last), default=None)
    return gone is not None and gone - last <= NOTHING_MISSED


def _rows_tell(call: Call) -> bool:
    return call.rows_are_whole and Step.AGENT_DISPATCHED in call.logged


def _server_log_tells(call: Call) -> bool:
    logs = call.component_logs
    of_jobs = (Said.DISPATCH_CREATED, Said.ROOM_ASKED_FOR, *OF_A_JOB)
    return logs.api_to_the_end and any(line.log == "server" for line in logs.ever_said(*of_jobs))


def consequences_left_out(findings: Iterable[Finding]) -> list[Finding]:
    """Without what another fault explains: a room into which nobody came is closed, whatever kept them away, and one
    that nobody could make was never there."""
    every = list(findings)
    others = [finding for finding in every if finding.code not in OF_AN_ABSENT_ROOM]
    return others or every


OF_AN_ABSENT_ROOM = ("LKD501", "LKD502")
