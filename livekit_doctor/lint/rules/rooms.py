"""Rooms, dispatches and phones of one flow: LKD412, LKD410 and LKD409."""

from collections.abc import Iterator
from itertools import product

from livekit_doctor.flow import Confidence
from livekit_doctor.lint.facts import AgentDispatch, Flow, RoomCreation, SipParticipant
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged, exclusive
from livekit_doctor.lint.values import compared


def agents_ignored_room_existed(judged: Judged) -> Iterator[Located]:
    """LKD412: CreateSIPParticipant, which makes the room, then CreateRoom with `agents` for it (design fact 6)."""
    for flow in judged.facts.flows:
        for number, room in enumerate(flow.events):
            if not isinstance(room, RoomCreation) or not room.agents:
                continue
            before = flow.events[:number]
            rooms = [one for one in before if isinstance(one, RoomCreation) and compared(one.room, room.room) == "same"]
            phone = next((one for one in before if isinstance(one, SipParticipant) and _together(one, room)), None)
            if phone is None or any(not exclusive(one.arms, room.arms) for one in rooms):
                continue
            if any(isinstance(one, AgentDispatch) and _together(room, one) for one in flow.events):
                continue  # a dispatch into the same room gets the agent there after all
            sure = compared(phone.room, room.room) == "same"
            yield located(
                "LKD412",
                Confidence.LIKELY if sure else Confidence.POSSIBLE,
                room.place,
                f"creates the room with agents after {phone.shown} has made it: they are ignored",
                (phone.place, "dials first, which makes the room"),
                agent_name=next((agent.text for agent in room.agents if agent.text), ""),
            )


def duplicate_agents(judged: Judged) -> Iterator[Located]:
    """LKD410: the same agent by `agents` of the room and by CreateDispatch, on one way of the code."""
    for flow in judged.facts.flows:
        rooms = [one for one in flow.events if isinstance(one, RoomCreation) and one.agents]
        dispatches = [one for one in flow.events if isinstance(one, AgentDispatch)]
        for room, dispatch in product(rooms, dispatches):
            if not _together(room, dispatch) or _phone_first(flow, room):
                continue
            names = [compared(agent, dispatch.agent) for agent in room.agents or ()]
            if "same" not in names and "unknown" not in names:
                continue
            sure = "same" in names and compared(room.room, dispatch.room) == "same"
            yield located(
                "LKD410",
                Confidence.LIKELY if sure else Confidence.POSSIBLE,
                dispatch.place,
                f"dispatches {_quoted(dispatch)} into a room that was created with it: two agents talk over each other",
                (room.place, "names the agent when the room is created"),
            )


def dispatched_to_other_room(judged: Judged) -> Iterator[Located]:
    """LKD409: the agent goes into a room, the phone into one of another name.

    Only where every dispatch of the flow is certainly into another room than the phone's.
    """
    for flow in judged.facts.flows:
        for phone in (one for one in flow.events if isinstance(one, SipParticipant)):
            placed = [
                one
                for one in flow.events
                if isinstance(one, AgentDispatch) or (isinstance(one, RoomCreation) and one.agents)
            ]
            together = [one for one in placed if not exclusive(one.arms, phone.arms)]
            if not together or any(compared(one.room, phone.room) != "different" for one in together):
                continue
            dispatch = together[-1]
            yield located(
                "LKD409",
                Confidence.LIKELY,
                dispatch.place,
                f"the agent goes into {dispatch.room.shown}, the phone into {phone.room.shown}",
                (phone.place, f"dials into {phone.room.shown}"),
                agent_name=(dispatch.agent.text or "") if isinstance(dispatch, AgentDispatch) else "",
            )


def _together(one: SipParticipant | RoomCreation, other: RoomCreation | AgentDispatch) -> bool:
    return not exclusive(one.arms, other.arms) and compared(one.room, other.room) != "different"


def _phone_first(flow: Flow, room: RoomCreation) -> bool:
    """`agents` that are ignored make no second one."""
    before = flow.events[: flow.events.index(room)]
    return any(isinstance(one, SipParticipant) and _together(one, room) for one in before)


def _quoted(dispatch: AgentDispatch) -> str:
    return f'"{dispatch.agent.text}"' if dispatch.agent.text is not None else "the agent"
