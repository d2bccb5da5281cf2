"""What a log row tells of the answer to the attempt to dial: the SIP status that is its own.

A row's metadata may speak of many statuses: those of a transfer, of what is dialled again, of attempts that
came before. Its own stands at the top, in an error, or in an object that only wraps these; anywhere else too where
the row's state says by itself that the phone's leg failed.
"""

import json
import re
from collections.abc import Iterator
from datetime import timedelta
from functools import lru_cache
from typing import Any

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.diagnosis.dial_errors import OF_SIP_ALONE
from livekit_doctor.diagnosis.known_good import (
    errors_of,
    is_bad_flag,
    is_ordinary_end,
    is_trouble,
    unknown_of_end,
    unknown_of_row,
)
from livekit_doctor.diagnosis.states import (
    DISCONNECT_REASONS,
    LOST,
    Who,
    is_of_other_phone,
    may_say_dialled_again,
    plain_words,
    says_failed,
    says_machine,
    says_phone_failed,
    who_left,
)
from livekit_doctor.evidence.observations import LogRow
from livekit_doctor.flow import LEGS, Leg, Step

_SAYS_NOTHING = frozenset({Step.CALL_REQUESTED, Step.ROOM_CREATED, Step.SIP_DIALING, *LEGS[Leg.AGENT]})
"""The steps that a row reports before any answer, or of the other leg: what it tells of an answer is about an
earlier attempt, or the configuration."""

_ERRORS = frozenset({"error", "err", "lasterror", "exception", "exc", "cause", "failure"})
_MESSAGES = frozenset({"message", "msg", "errormessage", "errormsg", "errordetail", "errordetails"})
_WRAPPERS = _ERRORS | {
    *("sip", "carrier", "livekit", "twirp", "response", "result", "body", "payload", "data", "context"),
    *("meta", "metadata", "detail", "details"),
}
_WRAPS = lazy_re.compile(r"(?:error|response|result|details?)s?$")
_STATUS = frozenset({"sipstatuscode", "sipstatus", "sipcode", "sipresponsecode"})
_ANY_STATUS = frozenset({"code", "status", "statuscode", "responsecode", "errorcode"})
_DEEPEST = 6

_ELSEWHERE = lazy_re.compile(
    r"transfer|\brefer\b|forward|redial|retr(?:y|ies)|attempts|previous|fall_?back|failover|polic(?:y|ies)"
    r"|primary|prior|earlier|(?:^|_)first",
    re.IGNORECASE,
)
"""Names of what is about another attempt than the row's own."""
_ELSEWHERE_IN_TEXT = lazy_re.compile(
    r"transfer(?![-_ ]?(?:number|enabled|phone)\b)|\brefer\b|attempts|_(?:if|on|policy)\b", re.IGNORECASE
)
"""A number to transfer to is one more thing that a call has."""

_STATUS_IN_TEXT = lazy_re.compile(
    r"\b(?:sip status(?: code)?:?|SIP call failed:) ([1-6][0-9]{2})\b"
    r"|\bSIP(?:/2\.0)? ([1-6][0-9]{2})(?= (?-i:[A-Z])|[\s.,;)]*$)"
    r"|sip_?status_?code[^\w\[\]{}]{1,6}([1-6][0-9]{2})\b",
    re.IGNORECASE,
)
_MAY_BE_STATUS = lazy_re.compile(r"(?<![0-9])[3-6][0-9]{2}(?![0-9])|\\u|[:\[,\s][0-9.]+[eE]")
"""Without any of this a text has no final status in it, in JSON neither."""
_OF_ERROR = lazy_re.compile(r"fail|error|invite|reject|refus", re.IGNORECASE)
_OF_REQUEST = lazy_re.compile(r"twirp|INVITE failed|SIP call failed", re.IGNORECASE)
_SEVERAL = lazy_re.compile(
    r'"[a-z_]*(?:(?:attempts?|tries)(?:_?count|_?made)?"\s*:\s*"?(?:[2-9]|[1-9]\d)\b|retries"\s*:\s*"?[1-9])',
    re.IGNORECASE,
)


class Refusal(Struct, frozen=True):
    """A final SIP status, 300 to 699. `sure` where the row says by its state, or by an error, that the phone's
    leg failed with it; else it may be about anything. `named` where the state says so of this leg and of nothing
    else. `by_dialler` is whether the component that logged it may have dialled. `soon`: it can only be the answer
    to the call's phone if it was logged soon after that was dialled, since other things fail, and end, later on.
    `of_several`: the row counts several attempts, or tells of one that succeeded: it may be that of one before."""

    status: int
    sure: bool
    named: bool
    by_dialler: bool
    soon: bool
    of_several: bool = False
    of_request: bool = False
    """It is what CreateSIPParticipant itself answered, and no status that was seen of a phone."""


def refusal_in(row: LogRow, step: Step | None, *, by_dialler: bool = True) -> Refusal | None:
    """The refusal that the row tells of; `step` is the one that its state stands for. None also where it has
    several statuses: which was the call's it does not say. What one logs that does not dial (`by_dialler`) may be
    about a phone that it wanted to add, unless its state says otherwise."""
    if step in _SAYS_NOTHING or not _MAY_BE_STATUS.search(row.metadata):
        return None
    if step is None and is_of_other_phone(row.state):
        return None
    named = step in (None, Step.CALL_ENDED) and says_phone_failed(row.state)
    found = list(_Walk(anywhere=named).text(row.metadata, in_error=False, depth=0))
    statuses = {status for status, _ in found}
    if len(statuses) != 1 or not 300 <= (status := statuses.pop()) <= 699:
        return None
    other_failed = says_failed(row.state) and not named
    failed = other_failed or any(in_error for _, in_error in found)
    ended, by_dialler = step is Step.CALL_ENDED, by_dialler or step is not None
    return Refusal(
        status,
        sure=(named or ended or (by_dialler and failed)) and not (ended and _ended_well(row)),
        named=named,
        by_dialler=by_dialler,
        soon=not named and (step is not None or other_failed),
        of_several=step in LEGS[Leg.PHONE] or _SEVERAL.search(row.metadata) is not None,
        of_request=_OF_REQUEST.search(row.metadata) is not None,
    )


def error_in(row: LogRow) -> str:
    """The words of the error at the top of a row's metadata; empty where it has none."""
    value = _parsed(row.metadata)
    if not isinstance(value, dict):
        return ""
    named = (item for key, item in value.items() if re.sub(r"[\W_]", "", key).lower() in _ERRORS)
    return next((item for item in named if isinstance(item, str)), "")


def words_of_failure(row: LogRow) -> str:
    """The same of a row that says by its state that something failed: then also what it gives as its message, or inside
    of its error."""
    if words := error_in(row):
        return words
    top = _top(row.metadata)
    inside = [item for key, item in top.items() if key in _ERRORS and isinstance(item, dict)]
    said = (item for each in (top, *map(_folded, inside)) for key, item in each.items() if key in _MESSAGES)
    return next((item for item in said if isinstance(item, str)), "")


def shown_error(row: LogRow) -> str:
    """The row's own error for people, in one line: what it says at the top of its metadata, or right inside of what is
    only around it."""
    top = _top(row.metadata)
    found = next((item for key, item in top.items() if key in _ERRORS and isinstance(item, str | dict) and item), "")
    if isinstance(found, dict):
        found = ": ".join(str(item) for item in found.values() if isinstance(item, str | int) and item != "")
    line = " ".join(found.split())
    return line if len(line) <= _ERROR_SHOWN else f"{line[:_ERROR_SHOWN]}..."


_ERROR_SHOWN = 160  # characters


def asks_what_it_meant(row: LogRow) -> str:
    """What would settle what a row says of which nobody knows what it means."""
    error = shown_error(row)
    known = f" ({error}): " if error else ": its metadata, or "
    return f"what {row.source or 'a component'} meant by {row.state}{known}its own log of that time"


def results_in(metadata: str) -> list[object]:
    """What the metadata of a row gives at its top as the result, or the reason."""
    return [item for key, item in _top(metadata).items() if key in _OUTCOMES or _REASONS.search(key)]


def ended_badly(row: LogRow) -> bool:
    """Whether the metadata of an end says at its top that it was a failure: an error, a bad status or reason."""
    top, told = _top(row.metadata), results_in(row.metadata)
    failed = any(str(top.get(key)).lower() in ("false", "0", "no") for key in _SUCCESS) or bool(
        isinstance(top.get("errors"), list) and top["errors"]
    )
    return failed or not is_ordinary_end(error_in(row)) or any(map(_says_badly, told))


class Unknown(Struct, frozen=True):
    """What a row says of the call that is not known to be good. `failure`: by an error, or a flag of trouble, and not
    only by a word that nobody knows."""

    words: str
    failure: bool


@lru_cache(maxsize=1024)
def unknown_in(state: str, metadata: str, *, ended: bool) -> Unknown | None:
    """Of a row of the end (`ended`), or one of no step; None where all that it says is known to be good."""
    top = _top(metadata)
    told = [*(unknown_of_end(top) if ended else unknown_of_row(state, top))]
    flags = _flags(_parsed(metadata)) if ended else ()
    failed = [*errors_of(state, top, ended=ended)]
    failed += [f"{name} {str(value).lower()}" for name, value in flags if is_bad_flag(name, value)]
    failure = bool(failed) or any(map(is_trouble, told))
    return Unknown(", ".join((*failed, *told)), failure) if failed or told else None


def _flags(value: object) -> Iterator[tuple[str, bool]]:
    for key, item in value.items() if isinstance(value, dict) else ():
        if isinstance(item, bool):
            yield plain_words(key), item
        elif key in _AROUND:
            yield from _flags(item)
        elif key in _OF_FLAGS and isinstance(item, list):
            yield from ((plain_words(name), True) for name in item if isinstance(name, str))


@lru_cache(maxsize=1024)
def tells_result(state: str) -> bool:
    """Whether a row of no step is there to say how the call went: disposition, call_result, wrap_up."""
    return _OF_A_RESULT.search(plain_words(state)) is not None


_OF_A_RESULT = lazy_re.compile(
    r"(?:^|_)(?:disposition|results?|outcome|wrap_?up|post_?call|(?:call|final)_(?:status|summary|analysis|report))(?:_|$)"
)


def met_machine(state: str, metadata: str) -> bool | None:
    """Whether a machine answered the phone, as a row says by its state or by what its metadata gives at its top as
    the result, or the reason; None where it says nothing of that."""
    told = [item for item in results_in(metadata) if isinstance(item, str)]
    if any(map(says_machine, (state, *told))):
        return True
    return False if re.search(r"(?:^|_)(?:human|person)(?:_|$)", plain_words(" ".join((state, *told)))) else None


def is_of_user(row: LogRow) -> bool:
    """Whether the metadata of a part of the conversation gives somebody on the phone as who said it."""
    top = _top(row.metadata)
    parts = (top, *(_folded(item) for item in top.values() if isinstance(item, dict)))
    return any(plain_words(str(part.get(key, ""))) in _USERS for part in parts for key in _SPEAKERS)


_SPEAKERS = ("role", "speaker", "sender", "from", "by", "who")
_USERS = ("user", "human", "caller", "callee", "customer", "contact", "lead", "client", "patient", "guest")


def _ended_well(row: LogRow) -> bool:
    """Whether the metadata of an end says at its top that it was none of a failure: an error is that of an attempt
    before."""
    top = _top(row.metadata)
    return any(str(item).lower() in _WELL for key, item in top.items() if key in _OUTCOMES)


_WELL = ("completed", "complete", "success", "successful", "succeeded", "answered", "ok")


def lasted_in(row: LogRow) -> timedelta | None:
    """How long the call was, as the metadata of its end says at its top."""
    found = next(
        ((match[1], item) for key, item in _top(row.metadata).items() if (match := _DURATION.match(key))), None
    )
    unit, value = found or ("", None)
    try:
        return timedelta(seconds=float(str(value)) / (1000 if unit else 1))
    except (ValueError, OverflowError):
        return None


_DURATION = lazy_re.compile(
    r"(?:(?:call|talk|answered|connected|conversation)?duration|talktime|billsec)(?:in)?"
    r"(?:(ms|msecs?|millis(?:econds)?)|s|secs?|seconds)?$"
)


def tells_of_call(row: LogRow) -> bool:
    """Whether a row may say by its state, or its metadata at its top, that the phone was dialled again or is on the
    line: trunk_failover, an answer's time, how long somebody talked, a carrier's in-progress."""
    top, told = _top(row.metadata), map(str, results_in(row.metadata))
    answered = any(_OF_TALK.match(key) and str(item).strip("0.") not in ("", "None") for key, item in top.items())
    return answered or any(map(may_say_dialled_again, (row.state, *told)))


_OF_TALK = lazy_re.compile(
    r"(?:answer(?:ed)?|connected|pickedup)(?:at|time)$|(?:talk|bill(?:able|ed)?)(?:time|sec|ms|dur)"
)


def gone_in(row: LogRow) -> Who | None:
    """Of whom the row says that they left: by its state, and by the identity in its metadata, where only that says it:
    an agent's has its job's id, and a phone's begins so by LiveKit's own examples and dispatch rules."""
    who = who_left(row.state)
    if who is not Who.SOMEBODY:
        return who
    named = [name for key, name in _top(row.metadata).items() if key in _IDENTITIES and isinstance(name, str)]
    return next((of for begin, of in _BEGINS.items() for name in named if name.startswith(begin)), who)


_IDENTITIES = ("identity", "participantidentity", "participant")
_BEGINS = {"agent-AJ_": Who.AGENT, "sip_": Who.PHONE}


@lru_cache(maxsize=1024)
def _top(metadata: str) -> dict[str, object]:
    """What stands at the top of the metadata, or right inside of what is only around it, by its keys in small letters,
    and nothing else of them; the reason for which a participant left by its name."""
    top = _folded(_parsed(metadata))
    for inner in [top[key] for key in _AROUND if isinstance(top.get(key), dict)]:
        top = _folded(inner) | top
    of_participant = not top.keys().isdisjoint(_IDENTITIES)
    for key in ("disconnectreason", *(("reason",) if of_participant else ())):
        number = str(top.get(key, ""))
        if number.isdecimal() and len(number) < 3 and int(number) < len(DISCONNECT_REASONS):
            top[key] = DISCONNECT_REASONS[int(number)]
    return top


def _folded(value: object) -> dict[str, object]:
    return {re.sub(r"[\W_]", "", key).lower(): item for key, item in value.items()} if isinstance(value, dict) else {}


_AROUND = (
    *("details", "detail", "result", "data", "payload", "info", "meta", "metadata", "extra", "end", "disconnect"),
    *("session", "call", "event", "summary", "close", "hangup", "termination"),
    *("attributes", "sip", "stats"),
)
"""Keys under which a program puts all that it tells of an end."""
_OF_FLAGS = ("flags", "issues", "problems", "warnings")
"""Keys of lists of flags: each that is there is true."""

_OUTCOMES = frozenset({"state", "status", "outcome", "result", "callstatus", "disposition", "finalstatus"})
_REASONS = lazy_re.compile(r"(?:^|end(?:ed)?|clos(?:e|ed|ing)|disconnect|hangup|termination|call)reason$|^hangupcause$")
_SUCCESS = ("success", "successful", "callsuccessful", "callsuccess", "ok")

_BADLY = lazy_re.compile(
    r"(?=.*(?:agent|assistant|pipeline|llm|tts|stt|call|sip|media|trunk|worker|provider|job|room|livekit|normal))"
    r".*(?:error|fail(?:ed|ure)|crash(?:ed)?)|technical|recovery_on_timer_expire",
    re.IGNORECASE,
)
"""In the reason of an end: pipeline-error-openai-llm-failed. Not payment_failed, which is no fault of the call."""


def _says_badly(words: object) -> bool:
    """Not of an offer that was declined."""
    if not isinstance(words, str) or words.lower() in ("declined", "rejected"):
        return False
    words = re.sub(r"^[A-Za-z]+\.(?=[A-Z_]+$)", "", words)  # the name of an enum's member
    lost = plain_words(words).upper() in LOST or who_left(words) is Who.AGENT
    return lost or says_failed(words) or _BADLY.match(words[:200]) is not None


_Found = Iterator[tuple[int, bool]]


class _Walk(Struct, frozen=True):
    """The statuses in a value, and whether they are an error's. `anywhere`: not only in what wraps them."""

    anywhere: bool

    def text(self, text: str, *, in_error: bool, depth: int) -> _Found:
        """Those of a text, which may be JSON."""
        value = _parsed(text)
        if value is not None:
            yield from self.value(value, in_error=in_error, depth=depth)
            return
        elsewhere, of_error = _ELSEWHERE_IN_TEXT.search(text), in_error or _OF_ERROR.search(text) is not None
        for match in _STATUS_IN_TEXT.finditer(text, 0, elsewhere.start() if elsewhere else len(text)):
            yield int(match[1] or match[2] or match[3]), of_error

    def value(self, value: object, *, in_error: bool, depth: int) -> _Found:
        if depth > _DEEPEST:
            return
        if isinstance(value, dict):
            yield from self._object(value, in_error=in_error, depth=depth)
        elif isinstance(value, list):
            for item in value:
                yield from self.value(item, in_error=in_error, depth=depth + 1)
        elif isinstance(value, str):
            yield from self.text(value, in_error=in_error, depth=depth + 1)

    def _object(self, value: dict[str, Any], *, in_error: bool, depth: int) -> _Found:
        for key, item in value.items():
            name = re.sub(r"[\W_]", "", key).lower()
            if name in _STATUS and not isinstance(item, dict | list):
                if found := re.match(r"[1-6][0-9]{2}\b", str(item)):
                    yield int(found[0]), in_error
            elif self.anywhere and name in _ANY_STATUS and str(item) in OF_SIP_ALONE:
                yield int(str(item)), in_error
            elif _ELSEWHERE.search(key):
                continue
            elif isinstance(item, str) or self.anywhere or name in _WRAPPERS or _WRAPS.search(name):
                inside = in_error or name in _ERRORS or name.endswith(("error", "errors"))
                yield from self.value(item, in_error=inside, depth=depth + 1)


def _parsed(text: str) -> object:
    """The JSON that a text is; None where it is none."""
    if not text.lstrip().startswith(("{", "[", '"')):
        return None
    try:
        value: object = json.loads(text)
    except (ValueError, RecursionError):
        return None
    return value
