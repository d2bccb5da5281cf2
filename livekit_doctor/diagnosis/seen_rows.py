"""One attempt of one call, as the log rows show it."""

from bisect import bisect_left, bisect_right
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import cached_property

from msgspec import Struct

from livekit_doctor.diagnosis.correlation import OPENING, RoomRef, Subject, steps_of
from livekit_doctor.diagnosis.row_answers import (
    Unknown,
    ended_badly,
    gone_in,
    is_of_user,
    lasted_in,
    met_machine,
    tells_of_call,
    tells_result,
    unknown_in,
)
from livekit_doctor.diagnosis.setup import Setup
from livekit_doctor.diagnosis.states import (
    Who,
    receives_webhooks,
    says_failed,
    says_phone_failed,
    says_something_was_said,
    says_talked,
    says_what_failed,
    who_left,
)
from livekit_doctor.diagnosis.times import MOMENT, PLACING, ZONES_APART
from livekit_doctor.evidence.observations import LogRow, Sighting
from livekit_doctor.evidence.observations.told import webhook_named
from livekit_doctor.flow import LEGS, Leg, Step
from livekit_doctor.settings import Settings

_OWN_STEPS = (Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED, Step.AGENT_AUDIO)
"""What an agent logs of itself."""


_MADE = (Step.SIP_PARTICIPANT_CREATED, Step.SIP_RINGING, Step.SIP_ANSWERED)
"""What is logged of a phone that was made. That it is dialled may be said before that is asked for."""


_BEFORE_THE_ANSWER = tuple(step for step in Step if step not in (Step.SIP_ANSWERED, Step.AGENT_AUDIO, Step.CALL_ENDED))


class RowsSeen(Struct, frozen=True, dict=True):
    setup: Setup
    subject: Subject
    room: RoomRef | None
    rows: tuple[LogRow, ...]
    latest: bool = True
    """Whether this is the last attempt under its call id."""
    looked_into: bool = True
    """Whether what was seen in the room is about this attempt."""
    before: tuple[LogRow, ...] = ()
    """The rows of the attempt before it, under its call id."""

    @property
    def settings(self) -> Settings:
        return self.setup.settings

    @property
    def tolerance(self) -> timedelta:
        return self.setup.tolerance

    # Log rows

    @property
    def attempt_before(self) -> datetime | None:
        """When the rows of the attempt before it ended."""
        return self.before[-1].at if self.before else None

    @cached_property
    def attempt_before_open(self) -> bool:
        """Whether that one had got as far as the agent or the phone, and no row says that it failed, or was over."""
        steps = {*steps_of(self.before, self.settings.flow).values()}
        got_on = bool(steps & {Step.AGENT_CONNECTED, *LEGS[Leg.PHONE]})
        return got_on and Step.CALL_ENDED not in steps and not self._failed_before

    @cached_property
    def dialled_before(self) -> bool:
        """Whether a row of that one tells of the phone, or of a failure of it."""
        steps = steps_of(self.before, self.settings.flow)
        return any(steps[row.state] in LEGS[Leg.PHONE] or says_phone_failed(row.state) for row in self.before)

    @cached_property
    def may_be_repeated(self) -> bool:
        """Whether these rows do no more than open the call again, whose attempt before was answered, and no row says
        that any failed: a queue may deliver twice, and who places calls sees that it did."""
        answered = Step.SIP_ANSWERED in steps_of(self.before, self.settings.flow).values()
        only_opened = {*self.step_of_state.values()} <= {None, *OPENING}
        return answered and only_opened and not (self._failed_before or self.logged_failures)

    @property
    def _failed_before(self) -> bool:
        return any(says_failed(row.state) for row in self.before)

    @cached_property
    def logged(self) -> dict[Step, LogRow]:
        """The first row of each step that the rows report; of the agent's, since it was last dispatched."""
        first: dict[Step, LogRow] = {}
        for row, step in self._mapped:
            if step not in first and row not in self.outdated:
                first[step] = row
        return first

    @cached_property
    def ended_last(self) -> datetime | None:
        """When the last row said that the call had ended."""
        return max((row.at for row in self.rows_of(Step.CALL_ENDED)), default=None)

    @property
    def over_since(self) -> datetime | None:
        """When that was by any clock: what begins after it in a room of the call's name is another call's. A name may
        be used again, one for each customer."""
        return self.ended_last + self.tolerance if self.ended_last else None

    def is_past(self, at: datetime | None) -> bool:
        """Whether this was when the call was over."""
        return at is not None and self.over_since is not None and at > self.over_since

    def is_of_a_later_call(self, at: datetime) -> bool:
        """Whether what a person pasted is dated so long after the end of the call that no mistaken zone explains it: by
        another zone's clock it would not be within the call, either."""
        if self.over_since is None or at - self.over_since <= PLACING:
            return False
        zones = -(-(at - self.over_since) // ZONES_APART)
        return at - zones * ZONES_APART < self.rows[0].at - self.tolerance

    @cached_property
    def not_before(self) -> datetime | None:
        """Before this nothing was of the call, where the rows have its beginning."""
        opened = self.rows and self.step_of_state[self.rows[0].state] in (Step.CALL_REQUESTED, Step.ROOM_CREATED)
        return self.rows[0].at - PLACING if opened else None

    @cached_property
    def outdated(self) -> tuple[LogRow, ...]:
        """The rows of the agent's leg that are about an earlier dispatch than the last one that a row tells of."""
        made = self.rows_of(Step.AGENT_DISPATCHED)
        if len(made) < 2:
            return ()
        last, of_agent = made[-1], self.rows_of(*LEGS[Leg.AGENT])
        return tuple(
            row for row in of_agent if (row in made and row is not last) or (last.at - row.at > self.tolerance)
        )

    @cached_property
    def step_of_state(self) -> dict[str, Step | None]:
        """The step of each state that the rows have."""
        return steps_of(self.rows, self.settings.flow)

    @cached_property
    def _mapped(self) -> tuple[tuple[LogRow, Step], ...]:
        """The rows that a step stands for, and that."""
        steps = self.step_of_state
        return tuple((row, step) for row in self.rows if (step := steps[row.state]) is not None)

    def rows_of(self, *steps: Step) -> list[LogRow]:
        """The rows of one of these steps."""
        return [row for row, step in self._mapped if step in steps]

    def rows_of_no_step(self, says: Callable[[str], object]) -> list[LogRow]:
        """The rows of no step whose states say this."""
        states = {*filter(says, self.unmapped)}
        return [row for row in self.rows if row.state in states] if states else []

    @cached_property
    def unmapped(self) -> tuple[str, ...]:
        """The states of this call that no step stands for."""
        return tuple(state for state, step in self.step_of_state.items() if step is None)

    def may_dial(self, source: str) -> bool:
        """Whether a component may be the one that dials: not what reports nothing but the agent's own steps."""
        return self.settings.flow.placed_by == "agent" or source not in self._only_agents

    @cached_property
    def _only_agents(self) -> frozenset[str]:
        """The components that log the agent's own steps, and none of placing the call."""
        placing = {row.source for row, step in self._mapped if step not in (Step.CALL_ENDED, *_OWN_STEPS)}
        return frozenset({row.source for row in self.rows_of(*_OWN_STEPS)} - placing)

    def is_of_dial(self, row: LogRow, *, made_phone: bool) -> bool:
        """Whether a row that says that something failed is about the dial of the call's phone. Where its state does not
        say what failed, it is if no phone was made before it, and the call had not ended; or soon after one was made,
        if it is a failure that comes of a phone (`made_phone`)."""
        if says_what_failed(row.state):
            return True
        ended = self._times_of(Step.CALL_ENDED)
        if ended and row.at - ended[0] > MOMENT:
            return False
        made = self._times_of(*_MADE)
        before = bisect_right(made, row.at)
        return not before or (made_phone and row.at - made[before - 1] <= self.answered_within)

    def _times_of(self, *steps: Step) -> list[datetime]:
        """When rows told of one of these steps, in order."""
        if (times := self._known_times.get(steps)) is None:
            times = sorted(row.at for row in self.rows_of(*steps))
            self._known_times[steps] = times
        return times

    @cached_property
    def _known_times(self) -> dict[tuple[Step, ...], list[datetime]]:
        """What `_times_of` has said: it is asked of each row."""
        return {}

    @property
    def answered_within(self) -> timedelta:
        """What takes longer from the dial to its answer is unusual."""
        return timedelta(seconds=self.settings.flow.allowances.sip_answered.slow_after)

    @cached_property
    def made_by_another(self) -> datetime | None:
        """When a component that logs none of the agent's own steps last logged that the phone was dialled."""
        agents = {row.source for row in self.rows_of(*_OWN_STEPS)}
        made = self.rows_of(Step.SIP_PARTICIPANT_CREATED)
        return max((row.at for row in made if row.source not in agents), default=None)

    @cached_property
    def agent_logged_last(self) -> datetime | None:
        """When the agent last logged anything but the end of the call."""
        own = (row for row in self.rows if row.source in self._only_agents)
        return max((row.at for row in own if self.step_of_state[row.state] is not Step.CALL_ENDED), default=None)

    @cached_property
    def agent_shown_until(self) -> datetime | None:
        """Until when rows show the agent: by any row of the one component that logged that it was called or connected,
        the end of the call included, or by one that it spoke."""
        only = self._agents_component
        own = [row for row in self.rows if row.source in only] if only else []
        return max((row.at for row in (*own, *self.rows_of(Step.AGENT_AUDIO))), default=None)

    @cached_property
    def _agents_component(self) -> frozenset[str]:
        """The one component that logged that the agent was called or connected; none where there are several."""
        came = {row.source for row in self.rows_of(Step.ENTRYPOINT_CALLED, Step.AGENT_CONNECTED)}
        agents = frozenset(source for source in came if not receives_webhooks(source))
        return agents if len(agents) == 1 else frozenset()

    @cached_property
    def met_machine(self) -> bool:
        """Whether the last row that tells of it says that a machine answered: an agent may hang up on that, silent."""
        steps = self.step_of_state
        told = (row for row in reversed(self.rows) if steps[row.state] in (None, Step.CALL_ENDED))
        return next((met for row in told if (met := met_machine(row.state, row.metadata)) is not None), False)

    @cached_property
    def not_known_good(self) -> tuple[tuple[LogRow, Unknown], ...]:
        """The rows that say of the call what is not known to be good, and that, after which none shows that it went on:
        by a further step, by somebody who talked, or by anything that the agent logged but the end. Of several that
        are of no step the first and the last count; what came when the call was over does not, but for a row of its
        result."""
        ended, steps = self.logged.get(Step.CALL_ENDED), self.step_of_state
        told = ((row, unknown_in(row.state, row.metadata, ended=False)) for row in self.rows if not steps[row.state])
        other = sorted(((row, words) for row, words in told if words), key=lambda each: each[0].at)
        own = self._agents_component
        not_ended = (row for row in self.rows if steps[row.state] is not Step.CALL_ENDED)
        last = max(
            (*(row.at for row in not_ended if steps[row.state] or row.source in own), *self.talked), default=None
        )
        until = ended.at - MOMENT if ended else None
        since = last - MOMENT if last else None
        left = (each for each in dict.fromkeys((*other[:1], *other[-1:])) if not (since and each[0].at < since))
        results = self.rows_of_no_step(tells_result)[-1:]
        last_words = [(row, unknown_in(row.state, row.metadata, ended=True)) for row in (*results, ended) if row]
        last_words += [(row, Unknown("its result", failure=True)) for row in results if ended_badly(row)]
        return (
            *(each for each in left if not (until and each[0].at >= until)),
            *{id(row): (row, words) for row, words in reversed(last_words) if words}.values(),
        )

    @cached_property
    def called_again(self) -> bool:
        """Whether the entrypoint of a further job was called when the agent had connected: what is logged of it from
        then on says nothing of the first one, which may have left by then."""
        connected, called = self.logged.get(Step.AGENT_CONNECTED), self._times_of(Step.ENTRYPOINT_CALLED)
        return connected is not None and bool(called) and called[-1] - connected.at > self.tolerance

    @cached_property
    def talked(self) -> tuple[datetime, ...]:
        """When rows told that somebody on the phone talked, oldest first."""
        told = {id(row): row.at for row in (*self.rows_of_no_step(says_talked), *filter(is_of_user, self._transcripts))}
        return tuple(sorted(told.values()))

    @property
    def _transcripts(self) -> list[LogRow]:
        return self.rows_of_no_step(says_something_was_said)

    @cached_property
    def went_on_last(self) -> LogRow | None:
        """The last row that may tell of a phone that was dialled again, or is on the line, and is no step of that."""
        steps = self.step_of_state
        told = (row for row in self.rows if steps[row.state] in (None, Step.CALL_ENDED) and tells_of_call(row))
        return max(told, key=lambda row: row.at, default=None)

    @property
    def talked_last(self) -> datetime | None:
        return self.talked[-1] if self.talked else None

    @cached_property
    def talked_since(self) -> datetime | None:
        """Since when somebody was on the line, by how long the row of the end says that this was. None where it counts
        from before a phone was made, or from another step that a row tells of, as the request."""
        ended, others = self.logged.get(Step.CALL_ENDED), self._times_of(*_BEFORE_THE_ANSWER)
        began = ended.at - lasted if ended and (lasted := lasted_in(ended)) else None
        first = next(iter(self._times_of(*_MADE)), self.rows[0].at) if began else None
        if began is None or first is None or began - first <= MOMENT:
            return None
        return None if any(abs(began - at) <= MOMENT for at in others) else began

    def last_told_of_phone(self, before: datetime, since: datetime) -> datetime | None:
        """When a row last told of the phone between these moments."""
        told = self._times_of(*LEGS[Leg.PHONE])
        last = bisect_left(told, before) - 1
        return told[last] if last >= 0 and told[last] > since else None

    def dial_succeeded(self, before: datetime) -> bool:
        """Whether a component that asks for it had logged before this moment that a request to dial had succeeded."""
        made = self.rows_of(Step.SIP_PARTICIPANT_CREATED)
        return any(row.at < before and not receives_webhooks(row.source) for row in made)

    @cached_property
    def last_of_phone(self) -> dict[str, datetime]:
        """When each component last logged a row that tells of the phone."""
        last: dict[str, datetime] = {}
        for row in self.rows_of(*LEGS[Leg.PHONE]):
            last[row.source] = max(row.at, last.get(row.source, row.at))
        return last

    def left_by_rows(self, who: Who) -> tuple[LogRow, ...]:
        """The rows of no step which say that one of these was not in the call any more, oldest first."""
        return tuple(row for row, gone in self._gone if gone is who)

    @cached_property
    def _gone(self) -> tuple[tuple[LogRow, Who], ...]:
        webhooks = {id(row) for row, _ in self.webhooks}
        told = [row for row in self.rows_of_no_step(who_left) if id(row) not in webhooks]
        return tuple((row, gone) for row in sorted(told, key=lambda row: row.at) if (gone := gone_in(row)))

    @property
    def phone_left(self) -> LogRow | None:
        """The last row that says that whoever was called was gone."""
        return next(reversed(self.left_by_rows(Who.PHONE)), None)

    @cached_property
    def dialled_again(self) -> LogRow | None:
        """The last row that tells of a phone which is dialled, or rings, after the last that tells of an answer."""
        answered = max((row.at for row in self.rows_of(Step.SIP_ANSWERED)), default=None)
        dialled = self.rows_of(*(step for step in LEGS[Leg.PHONE] if step is not Step.SIP_ANSWERED))
        last = max(dialled, key=lambda row: row.at, default=None)
        return last if last and answered and last.at - answered > self.tolerance else None

    @cached_property
    def webhooks(self) -> tuple[tuple[LogRow, Sighting], ...]:
        """The rows that are LiveKit's webhooks, written down by whoever receives them, and what they show."""
        told = [row for row in self.rows if webhook_named(row.state) or '"event"' in row.metadata]
        if not told:
            return ()
        from livekit_doctor.evidence.pasted import webhooks  # which most calls do not need, and LiveKit's protocol

        return tuple((row, seen) for row in told if row.metadata and (seen := webhooks.in_row(row)))

    @cached_property
    def logged_failures(self) -> tuple[LogRow, ...]:
        """The rows which say in plain words that the call failed: by a state that no step stands for, or with which
        the call ended, or by what the metadata says of an end, the call's or that of whoever left it."""
        ends = [self.logged.get(Step.CALL_ENDED), *(row for row, _ in self._gone)]
        badly = {id(row) for row in ends if row and ended_badly(row)}
        may_say = (state for state, step in self.step_of_state.items() if step in (None, Step.CALL_ENDED))
        failed = {*filter(says_failed, may_say)}
        return tuple(row for row in self.rows if row.state in failed or id(row) in badly) if failed or badly else ()
