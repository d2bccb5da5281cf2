"""Phones that were answered, and had left before the last one was dialled, which failed: what they were answered says
nothing of that one, which decides."""

from datetime import datetime

from livekit_doctor.diagnosis.own_lines import Index, Told, took
from livekit_doctor.diagnosis.said import Said
from livekit_doctor.evidence.observations import LogLine

_OF_PHONES = (
    *(Said.SIP_CREATING, Said.SIP_ESTABLISHED, Said.SIP_HEARD, Said.SIP_OVER, Said.SIP_FAILED, Said.SIP_REFUSED),
    *(Said.PARTICIPANT_ACTIVE, Said.PARTICIPANT_LEFT),
)


class Phones:
    """The dials of livekit-sip's log by their SIP call ids, and the last one; its request may have failed in the
    server, so that livekit-sip never heard of it. `_gone`: those that had left when it began, by the log that tells of
    it."""

    def __init__(self, own: Index) -> None:
        self._answers: dict[str, list[LogLine]] = {}
        self.last: LogLine | None = None
        self._gone: set[str] = set()
        self._over: dict[str, list[LogLine]] = {}
        self._failed: set[str] = set()
        self._identities: dict[str, str] = {}
        self._left: dict[str, datetime] = {}
        if own.say(Said.SIP_CREATING, Said.SIP_REFUSED):
            for told in own.that(*_OF_PHONES):
                self._read(told)

    def _read(self, told: Told) -> None:
        line = told.line
        dial, identity = line.fields.get("call_id", ""), line.fields.get("participant", "")
        match told.said:
            case Said.SIP_ESTABLISHED | Said.SIP_HEARD:
                self._answers.setdefault(dial, []).append(line)
            case Said.SIP_OVER:
                self._over.setdefault(dial, []).append(line)
            case Said.SIP_FAILED:
                self._failed.add(dial)
            case Said.SIP_CREATING if dial not in self._identities:
                self._identities[dial] = identity
                self.last, self._gone = line, set(self._over)
            case Said.SIP_REFUSED if not self._is_known(dial, identity) and line.at:
                began = line.at - took(line)
                left = {one for one, at in self._left.items() if at <= began}
                self.last, self._gone = line, {one for one, who in self._identities.items() if who in left}
                self._failed.add(dial)
            case Said.PARTICIPANT_ACTIVE:
                self._left.pop(identity, None)
            case Said.PARTICIPANT_LEFT if line.at:
                self._left[identity] = line.at

    def _is_known(self, dial: str, identity: str) -> bool:
        """Whether it is the request of a dial that livekit-sip tells of; without an id, of one not yet answered."""
        unanswered = {who for one, who in self._identities.items() if one not in self._answers}
        return dial in self._identities if dial else identity in unanswered

    @property
    def answered_before(self) -> tuple[LogLine, ...]:
        """livekit-sip's lines of those that were answered, and were gone. The room has an identity but once: who had
        that of the last one had to leave for it."""
        dial = self.last.fields.get("call_id", "") if self.last else ""
        if self.last is None or dial not in self._failed or dial in self._answers:
            return ()
        own = self.last.fields.get("participant", "")
        same = {one for one in self._over if own and one != dial and self._identities.get(one) == own}
        before = [one for one in self._answers if one in self._gone | same]
        return tuple(line for one in before for line in (*self._answers[one], *self._over.get(one, ())))
