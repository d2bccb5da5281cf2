"""How LiveKit's API is called: LKD705 to LKD708."""

import re
from collections.abc import Iterator

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.inbound import is_e164, normalised
from livekit_doctor.diagnosis.states import step_of_state
from livekit_doctor.flow import Confidence, Step
from livekit_doctor.lint.facts import AgentDispatch, LogRow, RoomCreation, SipParticipant, Speech, Wait
from livekit_doctor.lint.result import Located, located
from livekit_doctor.lint.rules.judged import Judged, exclusive
from livekit_doctor.settings import Flow

_PHONE = lazy_re.compile(r"\+?[\d\s().-]{7,}")


def arguments_swapped(judged: Judged) -> Iterator[Located]:
    """LKD705: an argument stands where another one belongs."""
    for one in judged.facts.swapped:
        text = f"{one.call} takes {one.expected}; here is {one.told}"
        yield located("LKD705", Confidence.LIKELY, one.place, text)


def call_not_awaited(judged: Judged) -> Iterator[Located]:
    """LKD706: the call's result is dropped before it is there. In Python the call is then not even made."""
    seen = set()
    for flow in judged.facts.flows:
        for event in flow.events:
            is_call = isinstance(event, AgentDispatch | RoomCreation | SipParticipant)
            if not is_call or event.awaited or event.place in seen:
                continue
            seen.add(event.place)
            python = event.place.path.endswith(".py")
            text = "a coroutine that nobody awaits: the call is never made" if python else (
                "nobody awaits it: its error is lost, and the function may end before it is done"
            )  # fmt: skip
            sure = Confidence.PROVEN if python else Confidence.LIKELY
            yield located("LKD706", sure, event.place, f"{event.shown}(...): {text}")


def return_taken_for_answer(judged: Judged) -> Iterator[Located]:
    """LKD707: CreateSIPParticipant does not wait for the answer (design fact 20), and what follows takes it for one:
    a row that says so, or the agent's first words."""
    for flow in judged.facts.flows:
        for number, phone in enumerate(flow.events):
            if not isinstance(phone, SipParticipant) or phone.waits is not False:
                continue
            for event in flow.events[number + 1 :]:
                if exclusive(event.arms, phone.arms):
                    continue
                if isinstance(event, Wait) or len(event.arms) > len(phone.arms) + 1:
                    break
                if isinstance(event, LogRow) and _says_answered(event, judged.settings.flow):
                    text = f'writes "{event.state.text}", though nobody has answered yet'
                    yield located("LKD707", Confidence.LIKELY, phone.place, _RETURNS, (event.place, text))
                    break
                if isinstance(event, Speech):
                    text = "speaks, though nobody may have answered yet"
                    yield located("LKD707", Confidence.POSSIBLE, phone.place, _RETURNS, (event.place, text))
                    break


def _says_answered(row: LogRow, flow: Flow) -> bool:
    return step_of_state(row.state.text or "", flow) is Step.SIP_ANSWERED


_RETURNS = "returns as soon as it dials: wait_until_answered is not set"


def number_not_e164(judged: Judged) -> Iterator[Located]:
    """LKD708: a number in the code that is not written as + and country code. Digits alone are right for some carriers
    (design fact 23)."""
    seen = set()
    for flow in judged.facts.flows:
        for event in flow.events:
            if not isinstance(event, SipParticipant):
                continue
            number, place = event.number.text, event.number_place or event.place
            if number is None or not _PHONE.fullmatch(number) or is_e164(number) or place in seen:
                continue
            seen.add(place)
            plain = re.fullmatch(r"\+?\d+", number) is not None
            better = normalised(number)
            yield located(
                "LKD708",
                Confidence.POSSIBLE if plain else Confidence.LIKELY,
                place,
                f'dials "{number}", which is not + and country code, without spaces or marks (E.164)',
                *(((event.place, "dials it"),) if place.line != event.place.line else ()),
                number=better if is_e164(better) else "",
            )
