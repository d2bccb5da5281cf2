"""What a call's own facts say against its having been well, whoever says it: its agent's process broke down, somebody's
connection was lost, LiveKit says that the dial failed which a row says was answered, a row says in its own words that
it failed. Wherever health is concluded, this list is asked.

What surely came before the end of the call says that the call failed. What by two clocks may have come after it, or may
mean something else, says only that health is not shown.
"""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta
from itertools import islice

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.call import Call
from livekit_doctor.diagnosis.component_logs import because, tracebacks
from livekit_doctor.diagnosis.dial_errors import Kind
from livekit_doctor.diagnosis.findings import Because, logged
from livekit_doctor.diagnosis.lasting import Dated, came_too_late, hung_up, left
from livekit_doctor.diagnosis.proofs import Clock, Proofs, waited_for_answer
from livekit_doctor.diagnosis.row_answers import asks_what_it_meant
from livekit_doctor.diagnosis.said import LEFT_ROOM, Said, meaning
from livekit_doctor.diagnosis.seen import ANSWERED
from livekit_doctor.diagnosis.states import LOST, Who
from livekit_doctor.diagnosis.stays import BY_ITSELF, SIP_LOG, WEBHOOKS, names_of
from livekit_doctor.diagnosis.times import AT_ONCE, LEFT_ALONE, LOSS_SHOWS_WITHIN, MOMENT, ROOM_CLOSES_AFTER
from livekit_doctor.diagnosis.transfers import may_leave, transferred
from livekit_doctor.diagnosis.waits import ended_without_answer, of_a_later_dial, of_another_agent, of_waits
from livekit_doctor.evidence.job_ids import job_of, job_of_identity
from livekit_doctor.evidence.observations import Component, LogLine
from livekit_doctor.evidence.records.tracebacks import raised as what_was_raised
from livekit_doctor.flow import Step


class Against(Struct, frozen=True):
    """`sure`: it says that the call failed. `asks` is what would settle whether it did."""

    because: Because
    asks: str
    sure: bool


def _either(because: Because, but: str, *, sure: bool) -> Against:
    """A fact, and the one that it contradicts."""
    at = f" at {because.at:%H:%M:%S}" if because.at else ""
    return Against(because, f"which is right: {because.source}{at}: {because.text}; but {but}", sure)


def told_against(call: Call, proofs: Proofs) -> tuple[Against, ...]:
    of_agent = (*_of_the_agents_process(call), *_of_its_speech(call), *_of_its_session(call), *_of_its_track(call))
    of_phone = (*_of_the_answer(call, proofs), *_of_the_cancel(call), *_of_later_dials(call))
    ends = (*_of_lost_connections(call), *_of_cut_off(call), *_of_no_end(call))
    of_lack = (*of_waits(call, proofs), *of_a_later_dial(call), *of_another_agent(call))
    waits = (Against(told, asks, sure=False) for told, asks in of_lack)
    return (*_of_rows(call), *of_phone, *of_agent, *ends, *waits)


def _of_cut_off(call: Call) -> Iterator[Against]:
    """What livekit-sip says of a call that it ended by an error of its own, as where it is shut down in a deploy
    (its source, pkg/stats/termination.go: an ordinary end is a success)."""
    for line in call.component_logs.said(Said.SIP_OVER):
        if line.fields.get("result") == "server_error":
            asks = f"why livekit-sip ended the call at {line.at:%H:%M:%S}: its own log, and when it was deployed"
            yield Against(because(line), asks if line.at else asks.split(" at ")[0], sure=False)
    if told := _replaced_in_the_room(call):
        when = f" at {told.at:%H:%M:%S}" if told.at else ""
        asks = f"who joined the room under the phone's identity{when}, which put it out: see in the log of what dials"
        yield Against(told, f"{asks} whether it dialled twice, as for a job that was run twice", sure=False)


def _of_no_end(call: Call) -> Iterator[Against]:
    """A phone of whose leaving the log that has its coming says nothing, and goes on long after the end that a row
    tells of: what writes it may have died with the call."""
    ended = call.logged.get(Step.CALL_ENDED)
    until = ended.at + ROOM_CLOSES_AFTER + call.tolerance if ended else None
    for stay in call.dials.stays[-1:] if all(stay.left is None for stay in call.dials.stays) else ():
        log: Component = "sip" if stay.by == SIP_LOG else "server"
        if until and stay.by != WEBHOOKS and call.component_logs.covers(log, until):
            text = f"it has the phone, and nothing of its leaving until {until:%H:%M:%S}"
            asks = f"what became of the phone after {stay.came:%H:%M:%S}: the {stay.by} goes on, and has no end of it"
            yield Against(Because(source=stay.by, at=stay.came, text=text), asks, sure=False)


REPLACED = "DUPLICATE_IDENTITY"
"""Why somebody left whose identity another one joined under, by the server's word."""


def _replaced_in_the_room(call: Call) -> Because | None:
    """That the phone had to leave for another of its identity, of which no source tells more."""
    logs, gone = call.component_logs, _last_gone(call, "SIP")
    for line in logs.said(Said.SIP_ESTABLISHED, Said.SIP_OVER)[-1:]:
        if line.fields.get("reason") == "duplicate-identity":
            return because(line)
    if gone is None or gone[1] != REPLACED:
        return None
    came = [line.at for line in logs.of_phone(Said.PARTICIPANT_ACTIVE) if line.at]
    came += [item.at for item in call.sightings if item.at and item.event == "participant_joined" and item.has_phone]
    return None if any(at > gone[0] for at in came) else gone[2]


def _of_rows(call: Call) -> Iterator[Against]:
    failures = set(map(id, call.logged_failures))
    for row in call.logged_failures:
        yield Against(logged(row), asks_what_it_meant(row), sure=True)
    for row, unknown in call.not_known_good:
        if id(row) not in failures and (unknown.failure or not _together_since(call, row.at)):
            asks = f"what {row.source or 'a component'} meant by {unknown.words}, which is not known to be good: its"
            asks += (
                " metadata, or its own log of that time; or livekit-server's log, which has who stayed until the end"
            )
            yield Against(logged(row), asks, sure=False)
    if call.dialled_again and Step.SIP_ANSWERED in call.logged:
        again = logged(call.dialled_again, ", after the last row of an answer")
        yield _either(again, "no row says that this one was answered", sure=False)


def _together_since(call: Call, at: datetime) -> bool:
    """Whether LiveKit shows agent and phone in the room after this moment, or that both stayed until one of them ended
    the call: then a word that nobody knows is no doubt."""
    agent, phone = (max((moment for moment, _ in left(call, kind)), default=None) for kind in ("AGENT", "SIP"))
    if agent and phone and phone - agent <= LEFT_ALONE:
        return True
    there = (look.participants for look in call.participant_lists if look.read.now > at)
    return any({"AGENT", "SIP"} <= {one.kind for one in participants} for participants in there)


def _of_the_answer(call: Call, proofs: Proofs) -> Iterator[Against]:
    """Where nothing but a row tells of the answer, and it was logged as soon as the phone was dialled, or as
    CreateSIPParticipant had returned, which had not waited for one (fact 20)."""
    row, told = call.logged.get(Step.SIP_ANSWERED), proofs.get(Step.SIP_ANSWERED, ())
    if row is None or any(proof.clock is not Clock.CALL_LOGS for proof in told):
        return
    dialled = call.logged.get(Step.SIP_DIALING)
    if dialled and dialled.source == row.source and not (Step.SIP_RINGING in call.logged or call.talked):
        soon = (row.at - dialled.at).total_seconds()
        if 0 <= soon < AT_ONCE.total_seconds():
            yield _either(logged(row), f"the phone was dialled {soon:.1f} s before", sure=False)
    if dial := ended_without_answer(call):
        yield _either(logged(row), f"livekit-sip's log has the whole dial {dial}, and no answer of it", sure=False)
    for line in call.component_logs.said(Said.SIP_ACCEPTED):
        if line.at and line.zoned and not waited_for_answer(line) and abs(row.at - line.at) <= MOMENT:
            yield _either(
                logged(row), "CreateSIPParticipant had returned just then, and does not wait for that", sure=False
            )


def _of_the_cancel(call: Call) -> Iterator[Against]:
    """Where our own side gave the call up, who did is no fact of the phone's."""
    for answer in call.answers[-1:]:
        if answer.kind is Kind.GIVEN_UP and not answer.earlier:
            asks = f"who gave the call up {answer.took:.1f} s after it was dialled: what your own program logged then, "
            asks += "or a ringing_timeout as short as that"
            yield Against(answer.because, asks=asks, sure=True)


def _of_later_dials(call: Call) -> Iterator[Against]:
    """A phone that was dialled beside the one that answered, and is not answered for longer than that may take: which
    of them is the callee's nothing in the room says."""
    joined = call.phone.joined_at if call.phone and call.room_live else None
    for phone in call.participant_list.participants if call.participant_list and joined else ():
        waits_for = _WAITS_FOR.get(phone.attributes.get("sip.callStatus", "")) if phone.kind == "SIP" else None
        allowance = call.allowance(waits_for) if waits_for else None
        if allowance is None or phone.joined_at is None or joined is None or phone.joined_at <= joined:
            continue
        since = (call.livekit_now - phone.joined_at).total_seconds()
        if since > allowance.broken_after:
            status = phone.attributes["sip.callStatus"]
            text = f"SIP participant {phone.identity}, dialled after it, is at {status} after {since:.0f} s"
            asks = f"whose phone {phone.identity} is: the callee's, or one that was called beside it"
            yield Against(Because(source="ListParticipants", at=call.livekit_now, text=text), asks, sure=False)


_WAITS_FOR = {"dialing": Step.SIP_RINGING, "ringing": Step.SIP_ANSWERED}
"""The step that a phone with this sip.callStatus has not reached."""


# The agent's process


def broke_down(call: Call) -> tuple[LogLine, ...]:
    """The lines that say that the agent's process, job or session ended by a failure; by which clock, `clock_of` says.
    Not those of agents that came when the phone had left, or after it was handed to somebody else."""
    logs, phone = call.component_logs, _phone(call)
    late = set(map(job_of_identity, came_too_late(call))) - {""}
    lines = logs.said(Said.RAISED, Said.UNRESPONSIVE, Said.EXITED, Said.SESSION_BROKE, Said.PROCESS_EXITS)
    broke = [line for line in lines if _is_failure(line)] + [*failed_by_server(call)]
    return tuple(line for line in broke if job_of(line) not in late and not transferred(call, line.at, phone))


def _phone(call: Call) -> str:
    """The identity of the last phone that left, else of the one that was seen."""
    phones = call.component_logs.of_phone(Said.PARTICIPANT_LEFT)
    return phones[-1].fields.get("participant", "") if phones else call.phone.identity if call.phone else ""


def _is_failure(line: LogLine) -> bool:
    """Not of a process that ends in order, for whichever reason but this."""
    return not line.message.lower().startswith(("process exiting", "job exiting")) or line.fields.get("reason") == (
        "job crashed"
    )


def failed_by_server(call: Call) -> tuple[LogLine, ...]:
    """The server's lines that the job failed: not since the agent left, which it says after every call (fact 12)."""
    return tuple(
        line
        for line in call.component_logs.said(Said.JOB_ENDED)
        if line.fields.get("status") == "JS_FAILED" and LEFT_ROOM not in line.fields.get("error", "")
    )


def clock_of(line: LogLine) -> str:
    return Clock.WORKER.value if line.log == "worker" else Clock.LIVEKIT.value


def phone_ends(call: Call) -> Iterator[Dated]:
    """Until when the phone is known to have been on the line, by any source. What logs the call's end may log it when
    the room closes, which it does some time after the last one left."""
    yield from left(call, "SIP")
    yield from hung_up(call)
    for look in call.participant_lists:
        if any(p.kind == "SIP" and p.attributes.get("sip.callStatus") in ANSWERED for p in look.participants):
            yield look.read.now, Clock.LIVEKIT.value
    ended = call.logged.get(Step.CALL_ENDED)
    if ended is not None and Step.SIP_ANSWERED in call.logged:
        yield ended.at - ROOM_CLOSES_AFTER, ended.source


def outlived(call: Call, line: LogLine) -> Dated | None:
    """When the phone was surely still there after this line, if it was."""
    if line.at is None or not line.zoned or lived_on(call, line.at) or _stayed_in_the_room(call, line):
        return None
    at, own = _agent_left(call, line) or (line.at, clock_of(line))
    later = [end for end in phone_ends(call) if end[0] - at > _margin(call, own, end[1])]
    return max(later, default=None)


def _agent_left(call: Call, line: LogLine) -> Dated | None:
    """When the agent of a job that raised left of itself, which it does then, by the server's clock, which is the
    phone's as well."""
    logs, agent = call.component_logs, f"agent-{job_of(line)}"
    left = [one for one in logs.said(Said.PARTICIPANT_LEFT) if one.fields.get("participant") == agent and one.zoned]
    at = next((one.at for one in reversed(left) if one.fields.get("reason") == BY_ITSELF), None)
    return (at, Clock.LIVEKIT.value) if at and meaning(line) in (Said.RAISED, Said.PROCESS_EXITS) else None


def lived_on(call: Call, at: datetime) -> bool:
    """Whether somebody talked after this moment, or the agent logged anything but the call's end."""
    told = (call.agent_logged_last, call.talked_last)
    return any(when - at > call.tolerance for when in told if when)


def _stayed_in_the_room(call: Call, line: LogLine) -> bool:
    """Whether what died by this line had stayed in the room. One that raised may go on, and be silent."""
    return meaning(line) not in (Said.RAISED, Said.SESSION_BROKE) and left_in_order_after(call, line)


def left_in_order_after(call: Call, line: LogLine) -> bool:
    """Whether the server says that the agent left in order so long after this line that a process which had died by
    then would have been taken for lost."""
    gone, stays = call.component_logs.of_agent(Said.PARTICIPANT_LEFT), call.tolerance + LOSS_SHOWS_WITHIN
    in_order = [one.at for one in gone if one.at and one.fields.get("reason") in _IN_ORDER]
    return line.at is not None and any(at - line.at > stays for at in in_order)


_IN_ORDER = ("ROOM_CLOSED", "CLIENT_REQUEST_LEAVE", "SERVICE_REQUEST_REMOVE_PARTICIPANT", "SERVICE_REQUEST_DELETE_ROOM")
"""Why livekit-server lets somebody go who is there (ParticipantCloseReason)."""


def _of_the_agents_process(call: Call) -> Iterator[Against]:
    for line in broke_down(call):
        if later := outlived(call, line):
            yield _either(because(line), f"the phone was on the line until {later[0]:%H:%M:%S} at least", sure=True)
        elif not was_over_before(call, line):
            yield _either(because(line), "it may have been before the end of the call", sure=False)


def _of_its_speech(call: Call) -> Iterator[Against]:
    """Of several failures the first: whether the callee heard anything before it, or after, no line says. So of any
    error of livekit-agents or a plugin of its that nobody knows, unless the session went on."""
    own = call.component_logs.own_by_log["worker"]
    unknown = (line for line in own if line.level == "error" and _OF_AGENTS.match(line.logger) and not meaning(line))
    last = (line for line in unknown if line.at is None or not lived_on(call, line.at))
    failed = (*call.component_logs.said(Said.SPEECH_FAILED, Said.TASK_FAILED), *last)
    for line in islice((line for line in failed if line.at and not was_over_before(call, line)), 1):
        words = ", ".join((because(line).text, *map(what_was_raised, tracebacks([line]))))
        asks = f"whether the callee heard the agent: {line.log} log, {line.at:%H:%M:%S}: {words}"
        yield Against(because(line), asks, sure=False)


_OF_AGENTS = lazy_re.compile(r"livekit[._-](?:agents|plugins)")


def _of_its_session(call: Call) -> Iterator[Against]:
    """The agent's session closes with the participant that it listens to, the first that came unless set otherwise
    (livekit-agents, RoomIO), or by a failure: a phone that is still there has nobody to talk to from then on."""
    for line in call.component_logs.said(Said.SESSION_CLOSED, Said.SESSION_ENDED)[-1:]:
        if line.zoned:
            yield from _of_the_end_of_session(call, line.at, because(line), line.fields.get("participant", ""))
    for row in [row for row in call.left_by_rows(Who.SOMEBODY) if "session" in row.state.lower()][-1:]:
        yield from _of_the_end_of_session(call, row.at, logged(row), "")


def _of_the_end_of_session(call: Call, at: datetime | None, told: Because, who: str) -> Iterator[Against]:
    """`who` had left, where that is known: then it is known that the phone that stayed is another."""
    if at is None or lived_on(call, at) or may_leave(call, at, ""):
        return
    margin = timedelta() if who else call.tolerance + LEFT_ALONE
    there = [stay for stay in call.dials.stays if stay.came < at and stay.left and stay.left - at > margin]
    others = {name for stay in there if who not in stay.names for name in stay.names if not name.startswith("SCL_")}
    if others:
        asks = f"who talked with {', '.join(sorted(others))} after {at:%H:%M:%S}, when the agent's session ended"
        asks += f" since {who} had left: which of them is the callee, and whom the session listens to" if who else ""
        yield Against(told, asks, sure=False)


def _of_its_track(call: Call) -> Iterator[Against]:
    line, over = _last_track(call), max(hung_up(call), default=None)
    if line and over and line.at and over[0] - line.at > LEFT_ALONE and not may_leave(call, line.at, _phone(call)):
        gone = because(line, "no track was left for the phone")
        yield _either(gone, f"the call went on until {over[0]:%H:%M:%S}", sure=False)


def _last_track(call: Call) -> LogLine | None:
    """livekit-sip's line after which it had no track of anybody's to take to the phone."""
    tracks, last = set[str](), None
    for line in call.component_logs.said(Said.SIP_HEARD, Said.SIP_UNHEARD):
        track = line.fields.get("track_id", line.fields.get("participant", ""))
        if meaning(line) is Said.SIP_HEARD:
            tracks.add(track)
        else:
            tracks.discard(track)
            last = line
    return None if tracks else last


def was_over_before(call: Call, line: LogLine) -> bool:
    """Whether the call was surely over when it broke down: an agent may not bear that its callee hangs up."""
    if line.at is None or not line.zoned:
        return False
    ended, own = call.logged.get(Step.CALL_ENDED), clock_of(line)
    ends = [*left(call, "SIP"), *hung_up(call), *([(ended.at, ended.source)] if ended else [])]
    return any(line.at - end[0] > _margin(call, own, end[1]) for end in ends)


def _margin(call: Call, one: str, other: str) -> timedelta:
    return LEFT_ALONE if one == other else call.tolerance


# Connections


def _of_lost_connections(call: Call) -> Iterator[Against]:
    """A phone whose call livekit-sip says it ended in order was not lost. An agent's process that died is taken for
    lost some time after it: the phone may have gone meanwhile."""
    lost_phone, lost_agent = _lost(call, "SIP"), _lost(call, "AGENT")
    if lost_phone and not any(hung_up(call)):
        yield _either(lost_phone, "nothing says that anybody hung up", sure=True)
    phones = [at for at, _ in left(call, "SIP")]
    if lost_agent and lost_agent.at and (not phones or lost_agent.at - max(phones) <= LOSS_SHOWS_WITHIN):
        yield _either(lost_agent, "it may have been lost before the phone left", sure=False)


def _lost(call: Call, kind: str) -> Because | None:
    """How the last participant of this kind left, where its connection was lost."""
    last = _last_gone(call, kind)
    return last[2] if last and last[1] in LOST else None


def _last_gone(call: Call, kind: str) -> tuple[datetime, str, Because] | None:
    """When and why the last participant of this kind left; not a further phone, beside one that stayed."""
    logs = call.component_logs
    told: list[tuple[datetime, str, Because]] = []

    def stayed(at: datetime, names: Iterable[str] = ()) -> bool:
        return kind == "SIP" and call.dials.phone_stayed(at, names, WEBHOOKS)

    for line in (logs.of_agent if kind == "AGENT" else logs.of_phone)(Said.PARTICIPANT_LEFT):
        if line.at and line.zoned and not stayed(line.at):
            told.append((line.at, line.fields.get("reason", ""), because(line)))
    for item in call.sightings:
        names = [name for p in item.participants if p.kind == kind for name in names_of(p)]
        if item.event == "participant_left" and item.at and names and not stayed(item.at, names):
            who = ", ".join(p.identity for p in item.participants)
            text = f"{who} left: {item.left_because}"
            told.append((item.at, item.left_because, Because(source=f"webhook {item.event}", at=item.at, text=text)))
    return max(told, key=lambda each: each[0], default=None)
