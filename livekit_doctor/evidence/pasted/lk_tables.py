"""The tables that `lk` prints (2.18.2): `dispatch list` and `room participants list` have no --json.

A table shows less than an answer of the API: of a dispatch not its jobs, of a participant not its kind. What is not
shown is not known.
"""

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import takewhile

from msgspec import Struct

from livekit_doctor import lazy_re
from livekit_doctor.evidence.observations import Dispatch, Observation, Participant, Sighting, Track
from livekit_doctor.evidence.pasted.deployed_agents import AGENT, deployed, named
from livekit_doctor.evidence.pasted.interface import Context, Found
from livekit_doctor.evidence.pasted.lk_output import DISPATCH, INBOUND, OUTBOUND, PARTICIPANT, ROOM, RULE, read_answer
from livekit_doctor.evidence.records.excerpt import Excerpt
from livekit_doctor.redact import redact_json, redact_text

_BORDER = lazy_re.compile(r"[\s┌┬┐├┼┤└┴┘─+=|│-]+$")
_EDGE = lazy_re.compile(r"\s*[│|]")
_PARTICIPANT = lazy_re.compile(
    r"(?P<identity>\S.*?) \((?P<state>JOINING|JOINED|ACTIVE|DISCONNECTED)\)\s+tracks: (?P<tracks>\d{1,3})\s*$"
)
_LIST_OF = r" list (?:--room )?[\"']?(?P<room>[^\s\"']+)"
_OF_ROOM = lazy_re.compile(rf"\blk (?:room )?participants{_LIST_OF}")
_DISPATCHES_OF = lazy_re.compile(rf"\blk (?:agent )?dispatch{_LIST_OF}")
_GIVEN = {"AGENT": lazy_re.compile(r"agent-AJ_"), "SIP": lazy_re.compile(r"sip_\+?[\d*]+$")}
"""The identities that livekit-agents and livekit-sip give where nobody else does."""
_AROUND = lazy_re.compile(
    r"\s*Using (?:project|agent|deployment|url|default project) \[[^\]]+\]"
    r"|[^\n]{0,80}?[$#%>❯➜»)] *lk (?:agent|dispatch|room|sip|project|cloud)\b"
    r"|\s*lk (?:agent|dispatch|room|sip) [a-z]+\b"
)
"""The commands themselves, and what lk says before it answers."""
_PREFIX = lazy_re.compile(r"_?<(?:caller|callee|random)>.*$")

Row = Mapping[str, str]


class _Table(Struct):
    names: set[str]
    first: int
    last: int
    rows: Sequence[Row]


def find(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """The tables of which the columns are known, and lists of participants."""
    for table in _tables(excerpt):
        for kind, columns, read in _TABLES:
            if columns <= table.names:
                whole = [row for row in table.rows if columns <= set(row)]  # a row that is cut off does not tell
                if whole:
                    yield Found(kind, table.first, table.last, tuple(read(whole, context)), len(whole))
                elif not table.rows:
                    empty = _empty(excerpt, table.first, context) if kind == DISPATCH else ()
                    yield Found("empty list", table.first, table.last, empty)
                break
    yield from _participants(excerpt, context)
    for number, line in enumerate(excerpt.lines if excerpt.taken else ()):
        if _AROUND.match(line[:200]):
            excerpt.take(number, number)


def _empty(excerpt: Excerpt, table: int, context: Context) -> tuple[Observation, ...]:
    """That a room has no dispatch, not even the automatic one: the command above the table names the room."""
    for line in excerpt.lines[max(0, table - 3) : table]:
        if command := _DISPATCHES_OF.search(line):
            return (Sighting(read=context.read, room=command["room"], lists="dispatches", shows_jobs=False),)
    return ()


def _tables(excerpt: Excerpt) -> Iterator[_Table]:
    number = 0
    while number < len(excerpt.lines):
        header = [_COLUMNS.get(name, name) for name in _cells(excerpt.lines[number])]
        if len(header) < 3 or not any(columns <= set(header) for _, columns, _ in _TABLES):
            number += 1
            continue
        first = number - (number > 0 and _BORDER.match(excerpt.lines[number - 1]) is not None)
        after = range(number + 1, len(excerpt.lines))
        lines = [excerpt.lines[place] for place in takewhile(lambda place: _is_of_table(excerpt, place), after)]
        yield _Table(set(header), first, number + len(lines), _rows(header, lines))
        number += len(lines) + 1


def _is_of_table(excerpt: Excerpt, number: int) -> bool:
    line = excerpt.lines[number]
    return number in excerpt.gone or bool(_BORDER.match(line) or _EDGE.search(line))


def _rows(header: list[str], lines: list[str]) -> Sequence[Row]:
    """The rows, a cell that goes over several lines in one."""
    rows: list[dict[str, str]] = []
    for line in lines:
        if not line or _BORDER.match(line):
            continue
        cells = _cells(line)
        if len(cells) > len(header):
            cells = [*cells[: len(header) - 1], "|".join(cells[len(header) - 1 :])]
        values = dict(zip(header, cells, strict=False))
        if not cells:
            continue
        if not cells[0] and rows:
            for name, value in values.items():
                before = rows[-1].get(name, "")
                rows[-1][name] = f"{before}{'' if before.endswith('-') else ' '}{value}".strip()
        else:
            rows.append(values)
    return rows


def _cells(line: str) -> list[str]:
    if not _EDGE.search(line):
        return []
    cells = [cell.strip() for cell in re.split("[│|]", line)]
    cells = cells[1:] if not cells[0] else cells
    return cells[:-1] if cells and not cells[-1] and line.rstrip()[-1:] in "│|" else cells


def _dispatches(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    found = [
        Dispatch(
            id=row["DispatchID"],
            agent_name=redact_text(row["AgentName"]),
            room=row["Room"],
            metadata=redact_json(row.get("Metadata", "")),
            deployment=row.get("Deployment", ""),
        )
        for row in rows
    ]
    for room in dict.fromkeys(dispatch.room for dispatch in found):
        of_room = tuple(dispatch for dispatch in found if dispatch.room == room)
        yield Sighting(
            read=context.read,
            room=room,
            lists="dispatches",
            shows_jobs=False,
            shows_deployments="Deployment" in rows[0],
            dispatches=of_room,
        )


def _rooms(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    return (Sighting(read=context.read, room=row["Name"], room_sid=row["RoomID"], lists="rooms") for row in rows)


def _outbound(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    items: list[dict[str, object]] = [
        {
            "sipTrunkId": row["SipTrunkID"],
            "name": row.get("Name", ""),
            "address": row["Address"],
            "transport": f"SIP_TRANSPORT_{row['Transport']}",
            "numbers": _listed(row.get("Numbers", "")),
            "authUsername": row.get("Authentication", ""),
        }
        for row in rows
    ]
    yield from read_answer(OUTBOUND, items, context)


def _inbound(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    items: list[dict[str, object]] = [
        {
            "sipTrunkId": row["SipTrunkID"],
            "name": row.get("Name", ""),
            "numbers": _listed(row.get("Numbers", "")),
            "allowedAddresses": _listed(row["AllowedAddresses"]),
            "allowedNumbers": _listed(row.get("AllowedNumbers", "")),
            "authUsername": row.get("Authentication", ""),
            "authPassword": row.get("Authentication", ""),
        }
        for row in rows
    ]
    yield from read_answer(INBOUND, items, context)


def _rules(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    items: list[dict[str, object]] = [
        {
            "sipDispatchRuleId": row["SipDispatchRuleID"],
            "name": row.get("Name", ""),
            "trunkIds": [name for name in _listed(row["SipTrunks"]) if name.startswith("ST_")],
            "rule": _rule(row),
            "roomConfig": {"agents": [{"agentName": name} for name in _listed(row.get("Agents", ""))]},
        }
        for row in rows
    ]
    yield from read_answer(RULE, items, context)


def _rule(row: Row) -> dict[str, object]:
    kind, room, pin = row["Type"], row.get("RoomName", ""), row.get("Pin", "")
    if kind.startswith("Direct"):
        return {"dispatchRuleDirect": {"roomName": room, "pin": pin}}
    name = "dispatchRuleCallee" if kind.startswith("Callee") else "dispatchRuleIndividual"
    return {name: {"roomPrefix": _PREFIX.sub("", room), "pin": pin}}


def _agents(rows: Sequence[Row], context: Context) -> Iterator[Observation]:
    for row in rows:
        if "Status" in row:
            region = row.get("Region", row.get("Regions", ""))
            yield deployed(context, row["ID"], region, row["Status"], row.get("Replicas", ""))
        name = row.get("Dispatch Name", row.get("Name", "") if "Last Observed" in row else "")
        yield from named(context, row["ID"], name)


def _listed(cell: str) -> list[str]:
    return [part.strip() for part in re.split(r"[,\n]", cell.strip("[]")) if part.strip()]


Reader = Callable[[Sequence[Row], Context], Iterator[Observation]]

_TABLES: tuple[tuple[str, frozenset[str], Reader], ...] = (
    (DISPATCH, frozenset({"DispatchID", "Room", "AgentName"}), _dispatches),
    (ROOM, frozenset({"RoomID", "Name", "Participants"}), _rooms),
    (OUTBOUND, frozenset({"SipTrunkID", "Address", "Transport"}), _outbound),
    (INBOUND, frozenset({"SipTrunkID", "AllowedAddresses"}), _inbound),
    (RULE, frozenset({"SipDispatchRuleID", "SipTrunks", "Type"}), _rules),
    (AGENT, frozenset({"ID", "Status", "Replicas"}), _agents),
    (AGENT, frozenset({"ID", "Regions", "Version"}), _agents),
    (AGENT, frozenset({"ID", "Dispatch Name"}), _agents),
)
"""What each table has, by columns that no other has."""

_NAMES = (
    *("DispatchID", "Room", "AgentName", "Metadata", "RoomID", "Name", "Participants", "Publishers", "SipTrunkID"),
    *("Address", "Transport", "Numbers", "Authentication", "AllowedAddresses", "AllowedNumbers"),
    *("SipDispatchRuleID", "SipTrunks", "Type", "RoomName", "Pin", "Agents"),
)
_COLUMNS = {name.upper(): name for name in _NAMES}
"""As older releases of lk write them, which draw their tables with + and |."""


def _participants(excerpt: Excerpt, context: Context) -> Iterator[Found]:
    """A line each: `agent-AJ_85yaLuh6tzHG (ACTIVE)	 tracks: 1`, below the command that names the room."""
    room = ""
    for number, line in enumerate(excerpt.lines):
        if command := _OF_ROOM.search(line):
            room = command["room"]
        elif found := _PARTICIPANT.match(line.strip()):
            identity = redact_text(found["identity"])
            kind = next((kind for kind, given in _GIVEN.items() if given.match(identity)), "")
            # Of what kind they are it does not say: a phone has no other than its voice.
            tracks = (Track(sid="", kind="audio" if kind == "SIP" else "data"),) * int(found["tracks"])
            participant = Participant(sid="", identity=identity, kind=kind, state=found["state"], tracks=tracks)
            sighting = Sighting(read=context.read, room=room, participants=(participant,))
            yield Found(PARTICIPANT, number, number, (sighting,))
