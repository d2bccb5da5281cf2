"""One attempt of one call, as the rules read it: what the API and the rows show, and what the components' logs say."""

from datetime import datetime
from functools import cached_property

from livekit_doctor.diagnosis import carrier
from livekit_doctor.diagnosis.answer_sources import NEVER_ANSWERED, Attempts, CarrierAnswer
from livekit_doctor.diagnosis.component_logs import ComponentLogs
from livekit_doctor.diagnosis.dials import Dials
from livekit_doctor.diagnosis.episodes import is_sought
from livekit_doctor.diagnosis.names import near_miss
from livekit_doctor.diagnosis.row_answers import Refusal, refusal_in
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.diagnosis.seen import Seen
from livekit_doctor.diagnosis.stays import SIP_LOG
from livekit_doctor.diagnosis.times import AROUND_DISPATCH, CREATED_AT_ONCE, DATE_RESOLUTION
from livekit_doctor.diagnosis.workers_over_time import Worker, workers_of
from livekit_doctor.evidence.job_ids import job_of_identity
from livekit_doctor.evidence.observations import DeployedAgent, Dispatch, LogLine, LogRow, NamedServer, Participant
from livekit_doctor.flow import Step
from livekit_doctor.settings import is_cloud


class Call(Seen, frozen=True, dict=True):
    @cached_property
    def answers(self) -> tuple[CarrierAnswer, ...]:
        """How the attempts to dial were answered, oldest first, as far as any source knows."""
        return carrier.answers(Attempts(self.dials, self.refusals))

    @cached_property
    def dials(self) -> Dials:
        return Dials(self, self.component_logs)

    @cached_property
    def refusals(self) -> tuple[tuple[LogRow, Refusal], ...]:
        """The rows that tell of a refusal by its SIP status; not those that the phone of the call outlived."""
        answered = Step.SIP_ANSWERED in self.logged or self.talked_last is not None
        told = (
            (row, refusal_in(row, self.step_of_state[row.state], by_dialler=self.may_dial(row.source)))
            for row in self.rows
        )
        return tuple(
            (row, refusal)
            for row, refusal in told
            if refusal is not None and (refusal.named or not answered) and not self.dials.phone_stayed(row.at)
        )

    @cached_property
    def denied(self) -> tuple[LogRow, CarrierAnswer] | None:
        """The row that says that the phone was answered, and LiveKit's own word that this dial failed. Some teams log
        the answer when CreateSIPParticipant has returned, which need not have waited for one (fact 20)."""
        row, answer = self.logged.get(Step.SIP_ANSWERED), self.answers[-1] if self.answers else None
        if row is None or answer is None or answer.kind not in NEVER_ANSWERED or answer.earlier:
            return None
        began = answer.started_at or self.dials.began(answer.dial)
        own = answer.component in (None, SIP_LOG) and not answer.quoted and answer.when is not None
        if self.inbound or not own or began is None or self.component_logs.said(Said.SIP_ESTABLISHED):
            return None
        within = began - self.tolerance <= row.at <= answer.at + self.tolerance
        return (row, answer) if within and not self.dials.several else None

    @cached_property
    def logged_doubts(self) -> tuple[LogRow, ...]:
        """The rows that have the status of a refusal, and do not say what was refused."""
        return tuple(row for row, refusal in self.refusals if not refusal.sure)

    @cached_property
    def trunk_id(self) -> str | None:
        """The SIP trunk that the phone was dialled through, as far as any source names it."""
        told = {line.fields.get("sip_trunk", "") for line in self.component_logs.own} - {""}
        named = [told.pop()] if len(told) == 1 else []
        named += [phone.attributes.get("sip.trunkID", "") for phone in self.phones_seen]
        named += [answer.trunk_id for answer in self.answers]
        lines = self.component_logs.ever_said(Said.SIP_CREATING, Said.SIP_ACCEPTED)
        named += [line.fields.get("sip_trunk") or line.fields.get("trunk_id", "") for line in lines]
        return next((trunk for trunk in reversed(named) if trunk), None)

    def is_of_earlier_dispatch(self, row: LogRow) -> bool:
        """Whether a row of the agent's is about a dispatch that is known to have ended before the latest was made."""
        began = self.component_logs.latest.began if self._has_earlier_jobs else None
        if (began and began - row.at > self.tolerance) or row.at < self._last_begun.get(row.source, row.at):
            return True
        of_agent = self.step_of_state[row.state] in (Step.AGENT_CONNECTED, Step.AGENT_AUDIO)
        return of_agent and self._earlier_agent_was_there(row.at)

    @cached_property
    def _has_earlier_jobs(self) -> bool:
        """Whether LiveKit or a log tells of a job before the latest, or of several agents."""
        latest = self.component_logs.latest
        agents = {p.identity for item in self.sightings for p in item.participants if p.kind == "AGENT"}
        return bool(latest.became or latest.earlier_jobs or len(agents) > 1)

    @cached_property
    def _last_begun(self) -> dict[str, datetime]:
        """When each component last logged that the entrypoint was called, by its own clock, of several jobs."""
        return {row.source: row.at for row in self.rows_of(Step.ENTRYPOINT_CALLED)} if self._has_earlier_jobs else {}

    def _earlier_agent_was_there(self, at: datetime) -> bool:
        """Whether the server's log has an agent of an earlier dispatch there at about that time, and nothing of one of
        the latest: what two sources tell of is one."""
        logs = self.component_logs
        of_agents = logs.ever_said(Said.PARTICIPANT_ACTIVE, Said.TRACK_PUBLISHED, Said.PARTICIPANT_LEFT)
        told = [line for line in of_agents if logs.is_agent(line) and line.at]
        if not told or any(id(line) not in logs.latest.earlier_lines for line in told):
            return False
        there = [line.at for line in told if line.at]
        return min(there) - self.tolerance <= at <= max(there) + self.tolerance

    @cached_property
    def placed_on(self) -> str | None:
        """The address of the LiveKit that the call is placed on: the one that was asked; what a person pasted may name
        another than is configured here."""
        named = {one.url for one in self.setup.all(NamedServer)}
        return named.pop() if len(named) == 1 and not self.api_read else self.settings.livekit.url

    @cached_property
    def on_cloud(self) -> bool:
        """Whether it is known to be placed on LiveKit Cloud, by its address or the one that a worker of the
        agent's registered with."""
        urls = [line.fields.get("url") for line in self.component_logs.registrations(self.wanted_agent)]
        return any(map(is_cloud, (self.placed_on, *urls)))

    def is_of_earlier_job(self, agent: Participant) -> bool:
        """Whether an agent is one of a job that is over, before the latest; of one whose identity does not name its
        job, that it had left when the latest dispatch was made."""
        latest = self.component_logs.latest
        if job := job_of_identity(agent.identity):
            return job in latest.earlier_jobs
        began = latest.began and latest.began - DATE_RESOLUTION  # webhooks have whole seconds
        left = (item for item in self.sightings if item.event == "participant_left" and item.at)
        gone = (item for item in left if began and item.at and item.at <= began)
        return any(one.sid == agent.sid for item in gone for one in item.participants)

    def _came_before_dispatch(self, agent: Participant) -> bool:
        return super()._came_before_dispatch(agent) or self.is_of_earlier_job(agent)

    # Logs of the components

    @cached_property
    def is_over(self) -> bool:
        """Whether the room is gone, or a row says that the call has ended: then nothing may still come."""
        if self.room_live:
            return False
        row = self.logged.get(Step.ROOM_CREATED)
        # One that was just written may be of a room that came after the look.
        was_there = self.room_info is not None or (row is not None and self.rows_now - row.at > self.tolerance)
        closed = self.component_logs.said(Said.ROOM_CLOSED) or any(i.event == "room_finished" for i in self.sightings)
        return Step.CALL_ENDED in self.logged or bool(closed) or (self.room_live is False and was_there)

    @cached_property
    def component_logs(self) -> ComponentLogs:
        return ComponentLogs(self)

    @cached_property
    def workers(self) -> tuple[Worker, ...]:
        """The workers that the components' logs know, under whichever name."""
        return workers_of(self.component_logs)

    @cached_property
    def wanted_agent(self) -> str | None:
        """The name under which the agent was dispatched, else the one that it should be dispatched under."""
        if self.dispatches:
            return self.dispatches[-1].agent_name
        logged = self.component_logs.dispatched_names
        if logged and self.agent_name not in logged:
            return logged[-1]
        if self.agent_name is not None:
            return self._mistyped_agent or self.agent_name
        return self._pasted_agent or self._asked_agent

    @cached_property
    def deployment(self) -> str | None:
        """The one that the agent was last dispatched to, empty for production's; None where nothing shows it."""
        shown = [one for item in self.sightings if item.shows_deployments for one in item.dispatches]
        told = [one.deployment for one in shown if one.agent_name == self.wanted_agent]
        if self.dispatches or told:
            return self.dispatches[-1].deployment if self.dispatches else told[-1]
        requests = [line.fields.get("request", "") for line in self.component_logs.said(Said.DISPATCH_CREATED)]
        return "" if any('"deployment"' not in text for text in requests) else None

    @cached_property
    def nearly_named(self) -> tuple[tuple[str, str], ...]:
        """The names of workers and deployed agents that are almost the dispatched one, where none has that, each with
        what it is and how they differ. Those whose name nobody knows may have it."""
        known = {worker.name: "a worker registered" for worker in self.workers if worker.name}
        known |= {one.agent_name: "an agent is deployed" for one in self.setup.all(DeployedAgent)}
        wanted = self.wanted_agent
        if not wanted or wanted in known:
            return ()
        return tuple(
            (name, f'the dispatch is for "{wanted}", {who} as "{name}": they differ in {how}')
            for name, who in sorted(known.items())
            if (how := near_miss(wanted, name))
        )

    @cached_property
    def _pasted_dispatches(self) -> tuple[Dispatch, ...]:
        """As often as they were seen, oldest sighting first."""
        return tuple(dispatch for item in self.sightings for dispatch in item.dispatches)

    @property
    def _mistyped_agent(self) -> str | None:
        """The name of a pasted dispatch that is almost the agent's, where none has that; or else the one that the
        server last sought."""
        seen = [dispatch.agent_name for dispatch in self._pasted_dispatches]
        if self.agent_name in seen:
            return None
        sought = [line for line in self.component_logs.said(Said.NO_WORKER) if is_sought(self, line)][-1:]
        seen = seen or [line.fields.get("agent_name", "") for line in sought]
        return next((name for name in reversed(seen) if name and self.is_for_agent(name)), None)

    @property
    def _asked_agent(self) -> str | None:
        """The one agent for which a worker was asked for a job in the call's room, or was sought."""
        lines = self.component_logs.said(Said.ASKED) or self.component_logs.said(Said.NO_WORKER)
        named = {line.fields.get("agent_name", "") for line in lines} - {""}
        return named.pop() if len(named) == 1 else None

    @property
    def _pasted_agent(self) -> str | None:
        """The one agent that pasted text names, its dispatches before its logs; nothing else says which one the call
        should get."""
        seen = {dispatch.agent_name for dispatch in self._pasted_dispatches}
        named = (seen - {""}) or (self.component_logs.agent_names - {""})
        return next(iter(named)) if len(named) == 1 else None

    @cached_property
    def _own_dispatches(self) -> tuple[Dispatch, ...]:
        """Those for the agent that is wanted: of the last look, or as they were pasted."""
        seen = (dispatch for dispatch in self._pasted_dispatches if dispatch.agent_name == self.wanted_agent)
        return self.dispatches or tuple(seen)

    @cached_property
    def dispatched_at(self) -> datetime | None:
        """When the agent was last dispatched: by the API, else by a component's log, else by a log row."""
        created = [dispatch.created_at for dispatch in self._own_dispatches if dispatch.created_at is not None]
        latest = self.component_logs.latest
        if created and (latest.began is None or latest.began - max(created) <= CREATED_AT_ONCE):
            return max(created)
        if created or latest.became:
            return latest.began
        lines = self.component_logs.said(Said.DISPATCH_CREATED) or self.component_logs.said(Said.ASKED)
        lines = lines or self.component_logs.opened_with_agents
        row = self.logged.get(Step.AGENT_DISPATCHED)
        last = lines[-1].at if lines else row.at if row else None
        return max(last, latest.began) if last and latest.began else last

    @cached_property
    def talked_since_dispatch(self) -> datetime | None:
        """When a row last told that somebody on the phone talked, where that may have been since the last dispatch."""
        at, began = self.talked_last, self.dispatched_at
        return at if at is not None and (began is None or at >= began - self.tolerance) else None

    @cached_property
    def known_since(self) -> datetime | None:
        """When the agent was dispatched, or else when the call is first heard of."""
        rows = [row.at for row in self.rows[:1]]
        rooms = [self.room_info.created_at] if self.room_info else []
        lines = [line.at for line in self.component_logs.own[:1] if line.at]  # oldest first
        return self.dispatched_at or min([*rows, *rooms, *lines], default=None)

    def lines_by_name(self, *what: Said) -> tuple[LogLine, ...]:
        """Lines without room and job that can be about this call's dispatch: the agent's name and the time
        are right. Another call of that time would leave the same."""
        name, began = self.wanted_agent, self.dispatched_at
        if not name:
            return ()
        if began is None:  # a person picked them for this call
            return tuple(
                line for line in self.component_logs.anywhere(*what) if line.read.excerpt and is_by_name(line, name)
            )
        first, last = (began + offset for offset in AROUND_DISPATCH)
        logs = self.component_logs
        if logs.latest.became or len(logs.said(Said.DISPATCH_CREATED, Said.ROOM_ASKED_FOR)) > 1:
            first = began - CREATED_AT_ONCE  # what came before may be about an earlier one
        # Its own line would be above the beginning of a log that begins long after the dispatch.
        late = {file.name for file in logs.given if file.first_at and file.first_at - began > self.tolerance}
        return tuple(
            line
            for line in logs.anywhere(*what)
            if is_by_name(line, name) and line.at is not None and first <= line.at <= last and line.file not in late
        )


BY_NAME = (Said.NO_ANSWER, Said.NOBODY_FREE, Said.TIMED_OUT)
"""What the server says of a job by its agent's name alone; of one that it asked a worker for it may name the room."""


def is_by_name(line: LogLine, agent_name: str) -> bool:
    """Whether a line names this agent, and neither a room nor a job: of others the name says nothing."""
    fields = line.fields
    return fields.get("agent_name") == agent_name and not (fields.get("room") or fields.get("job_id"))
