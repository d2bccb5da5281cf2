"""What somebody means who asks for an explanation: a diagnosis code or a SIP status.

A bare number such as 404 can be either. Diagnosis codes come first, since they are what this tool
prints; the SIP status is named beside it, and `sip-404` asks for that alone.
"""

import re
from difflib import get_close_matches

from msgspec import Struct

from livekit_doctor import catalogue, lazy_re
from livekit_doctor.catalogue import Entry, UnknownCodeError
from livekit_doctor.catalogue.sip_statuses import SipStatus, registered, sip_status

_SIP = lazy_re.compile(r"sip(?:/2\.0)?[\s_-]*(?:status)?[\s:_-]*(\d{3})")


class Topic(Struct, frozen=True):
    """What is explained, and the SIP status that the same number stands for, if any."""

    page: Entry | SipStatus
    also: SipStatus | None = None


class UnknownTopicError(LookupError):
    """Nothing is called so. `nearest` are words to ask for instead, best first, with what they are."""

    def __init__(self, message: str, nearest: tuple[tuple[str, str], ...] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.nearest = nearest


def look_up(text: str) -> Topic:
    """The page for a code or name (LKD401, 401, agent-not-dispatched) or a SIP status (486, sip-486, Busy Here).

    Raises UnknownTopicError.
    """
    wanted = " ".join(text.split()).casefold()
    if explicit := _SIP.fullmatch(wanted):
        return Topic(_final(int(explicit[1])))
    # All of them are read for a number alone.
    status = int(wanted) if re.fullmatch(r"[3-6]\d\d", wanted) and int(wanted) in registered() else None
    try:
        return Topic(catalogue.find(text), also=sip_status(status) if status else None)
    except UnknownCodeError as error:
        named = {_dashed(sip_status(code).name): code for code in registered()}
        status = status or named.get(_dashed(wanted))
        if status is not None:
            return Topic(sip_status(status))
        raise _unknown(text, wanted, error.nearest, named) from None


def report_code(status: SipStatus) -> str:
    """The diagnosis code under which a call that was refused so is reported."""
    return "LKD208" if status.code in (401, 407) else "LKD204"


def _final(code: int) -> SipStatus:
    try:
        return sip_status(code)
    except ValueError:
        near = min(registered(), key=lambda known: abs(known - code))
        message = f"SIP {code} is no final answer that refuses a call; those are 300 to 699"
        raise UnknownTopicError(message, ((f"sip-{near}", sip_status(near).name),)) from None


def _unknown(text: str, wanted: str, codes: tuple[str, ...], named: dict[str, int]) -> UnknownTopicError:
    # A number that is no code's is like all of them, and like none.
    alike = () if _A_CODE.fullmatch(wanted) else codes
    nearest = [(code, catalogue.get(code).name) for code in (*_misread(wanted), *alike)]
    statuses = [named[name] for name in get_close_matches(_dashed(wanted), named, n=2, cutoff=0.7)]
    if re.fullmatch(r"\d{3}", wanted) and 300 <= int(wanted) <= 699:
        nearest = [(code, catalogue.get(code).name) for code in _near(int(wanted))]
        nearest.append((f"sip-{wanted}", sip_status(int(wanted)).name))
    nearest += [(f"sip-{code}", sip_status(code).name) for code in statuses]
    return UnknownTopicError(f"no diagnosis code, name or SIP status {text!r}", tuple(dict.fromkeys(nearest)))


def _near(number: int) -> list[str]:
    """The two codes whose numbers come nearest, where any comes near."""
    near = [code for code in catalogue.codes() if int(code[3:]) // 10 == number // 10]
    return sorted(near, key=lambda code: abs(int(code[3:]) - number))[:2]


def _misread(wanted: str) -> list[str]:
    """The code that somebody typed with letters for the digits that look like them."""
    found = re.fullmatch(r"(?:lkd[\s_-]*)?([0-9oil]{3})", wanted)
    code = f"LKD{found[1].translate(_DIGITS)}" if found else ""
    return [code] if code in catalogue.codes() else []


_DIGITS = str.maketrans("oil", "011")
_A_CODE = lazy_re.compile(r"lkd[\s_-]*\d{3}")


def _dashed(text: str) -> str:
    return re.sub(r"[^a-z0-9]+", "-", text.casefold()).strip("-")
