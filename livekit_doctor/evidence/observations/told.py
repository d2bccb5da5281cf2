"""What LiveKit told somebody else than this tool, and a person passed on; and what CreateSIPParticipant answered."""

import re
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Literal

from livekit_doctor.evidence.observations.read import Observed
from livekit_doctor.evidence.observations.rooms import Dispatch, Participant, Room, Track

WEBHOOKS = frozenset(
    {
        *("room_started", "room_finished", "track_published", "track_unpublished"),
        *("participant_joined", "participant_left", "participant_connection_aborted"),
        *("agent_job_pending", "agent_job_started", "agent_job_ended"),
    }
)
"""The events of LiveKit's webhooks that say something of a call."""
NOT_OF_CALLS = ("egress_", "ingress_")
"""Those that say nothing of a call's steps, and are known all the same."""


def is_webhook(event: str) -> bool:
    return event in WEBHOOKS or event.startswith(NOT_OF_CALLS)


@lru_cache(maxsize=1024)  # of states, which are few
def webhook_named(state: str) -> str:
    """The event that a log row's state names, as handlers write it: livekit_participant_left, ParticipantLeft. Empty
    for none."""
    words = re.sub(r"(?<=[a-z])(?=[A-Z])|[\W_]+", "_", state.strip()[:100]).strip("_").lower()
    event = re.sub(r"^(?:(?:live_?kit|lk|webhook|event)_)+", "", words)
    return event if is_webhook(event) else ""


OWN_CANCEL = "the side that called gave up with a CANCEL"
"""Of a call that nobody answered, which is no refusal of the far end's: 487 is the answer to the CANCEL."""

ANSWERED_ELSEWHERE = "another branch of the call was answered"
"""Why a CANCEL was sent to a branch of a call that a PBX let ring in several places (RFC 3326: cause=200)."""

NOBODY_ANSWERED = "CallStatus=no-answer"
"""Twilio's word for a call that rang until its time was over."""


class SipCallResult(Observed, frozen=True):
    """What CreateSIPParticipant answered: the end of an attempt to dial, or that the phone was answered.

    A refusal by the carrier and one by the server itself may have the same HTTP status; only the
    carrier's has `sip_status_code` (design fact 21).
    """

    room: str = ""
    """Empty where it is not known: then it is about the call that is asked for."""
    identity: str = ""
    trunk_id: str = ""
    number: str = ""
    wait_until_answered: bool = True
    ringing_timeout: float | None = None
    """Seconds; None where it is not known."""
    took: float = 0.0
    """Seconds from the request to its answer, which was at `read.now`."""
    status: int = 0
    """HTTP status: 200 is success. 0 where only the error's text is known."""
    twirp_code: str = ""
    message: str = ""
    """The server's own words, secrets removed."""
    sip_status_code: int | None = None
    sip_status: str = ""
    participant_id: str = ""
    sip_call_id: str = ""
    quoted: bool = False
    """Somebody's sentence quotes it: it may be another call's."""
    earlier: bool = False
    """Another attempt went well after it, as what tells of it says."""
    dialled_again: bool = False
    """The phone was dialled again after it, as what tells of it says, and not what became of that."""

    @property
    def started_at(self) -> datetime:
        """When the request was sent, on the clock of `read.now`."""
        return self.read.now - self.lasted

    @property
    def lasted(self) -> timedelta:
        """How long it took; none where a file says what no request takes: less than nothing, a day, no number."""
        return timedelta(seconds=self.took if 0 <= self.took <= 86_400 else 0)


class Sighting(Observed, frozen=True):
    """What somebody saw of a room: a webhook of LiveKit, or an answer of its API at another time than now.

    It proves what it shows. What it does not show was missing at that moment at most, where `lists` says
    that all of the room's agent dispatches or participants are in it; how old anything was then, and what
    came after, is not known. Where it `lists` the server's rooms, nothing says that this one is the call's.
    """

    room: str = ""
    """Empty where it is not known: then it is about the call that is asked for."""
    room_sid: str = ""
    at: datetime | None = None
    """When it was so, on LiveKit's clock; None where that is not known."""
    event: str = ""
    """The webhook's, such as participant_joined; empty for an answer of the API."""
    lists: Literal["", "rooms", "dispatches", "participants"] = ""
    shows_jobs: bool = True
    """Whether the jobs of its dispatches would be shown: lk's table has none."""
    shows_deployments: bool = False
    """Whether the deployment would be shown that a dispatch is for: older releases of lk, SDKs and servers know of
    none."""
    info: Room | None = None
    participants: tuple[Participant, ...] = ()
    dispatches: tuple[Dispatch, ...] = ()
    track: Track | None = None
    """The track that the event is about; the participant that publishes it is the only one."""
    left_because: str = ""
    """The disconnect reason of the participant that left, such as USER_REJECTED."""
    room_ended_because: str = ""
    """Why the room ended, such as ROOM_END_IDLE_TIMEOUT."""

    @property
    def has_phone(self) -> bool:
        return any(participant.kind == "SIP" for participant in self.participants)

    @property
    def told_by(self) -> str:
        return f"webhook {self.event}" if self.event else "what was pasted"


class ApiRefusal(Observed, frozen=True):
    """An error that LiveKit's API answered to somebody else, other than one about a SIP call."""

    at: datetime | None = None
    method: str = ""
    """Such as CreateDispatch; empty where it is not known."""
    status: int = 0
    """HTTP status, 0 where it is not known."""
    twirp_code: str = ""
    message: str = ""
    """The server's own words, secrets removed."""
    quoted: bool = False
    """Somebody's sentence quotes it: it may be another call's."""


class MeantRoom(Observed, frozen=True):
    """Of the rooms that a text is about the one that a sentence in it names: the call that is asked about was there."""

    room: str


class NamedServer(Observed, frozen=True):
    """The address of the LiveKit that a program of the team's calls, by a line of its own."""

    url: str


class DeployedAgent(Observed, frozen=True):
    """An agent that LiveKit Cloud hosts, and the name under which it is dispatched. Whether a worker of it runs is not
    known from that."""

    id: str
    agent_name: str
