"""Rows that the code writes into the call state logs: by Supabase's clients, by SQL, over PostgREST."""

import re

from livekit_doctor.lint import syntax as s
from livekit_doctor.lint.facts import LogRow, Place
from livekit_doctor.lint.following import Follower
from livekit_doctor.lint.scopes import Bound, Scope
from livekit_doctor.lint.values import UNKNOWN, Value

STATE = "state"
_WRITES = ("insert", "upsert")
_NESTED = ("metadata", "payload", "details", "data", "context", "extra")


class RowReader:
    """`table` is the log's table."""

    def __init__(self, follower: Follower, table: str, state: str = STATE) -> None:
        self._follower, self._table, self._state = follower, table, state
        self._sql = re.compile(
            rf'insert\s+into\s+(?:"?\w+"?\s*\.\s*)?"?{re.escape(table)}"?\s*\(([^)]*)\)\s*values\s*\((.*)',
            re.IGNORECASE | re.DOTALL,
        )

    def row(self, call: s.Call, scope: Scope, place: Place) -> LogRow | None:
        """The row that a call writes, None where it writes none."""
        function = call.function
        if isinstance(function, s.Member) and function.name in _WRITES and self._is_table(function.of, scope):
            return self._of_object(Bound(call.arguments[0], scope), place) if call.arguments else None
        for argument in call.arguments[:2]:
            row = self._of_statement(argument, call, scope, place)
            if row is not None:
                return row
        return self._of_request(call, scope, place)

    def _is_table(self, of: s.Expression, scope: Scope) -> bool:
        """`supabase.from("call_state_logs")`, `db.table(...)`."""
        expression, there = self._follower.resolve(Bound(of, scope))
        if not isinstance(expression, s.Call) or not expression.arguments:
            return False
        if s.name_of(expression.function) not in ("from", "from_", "table", "into"):
            return False
        return self._follower.text(Bound(expression.arguments[0], there)).text in (
            self._table,
            f"public.{self._table}",
        )

    def _of_object(self, bound: Bound, place: Place) -> LogRow:
        expression, scope = self._follower.resolve(bound)
        if isinstance(expression, s.Items) and len(expression.items) == 1:
            expression, scope = self._follower.resolve(Bound(expression.items[0], scope))
        row = Bound(expression, scope)
        state, _ = self._follower.field(row, self._state)
        return LogRow(
            place=self._written(state, place),
            shown="insert",
            state=self._follower.text(state) if state else UNKNOWN,
            keys=self._keys(row),
        )

    def _written(self, state: Bound | None, place: Place) -> Place:
        """Where the state is written, such as in the call of a helper; a constant of a module is not a place that
        writes a row."""
        if state is None:
            return place
        expression, scope = self._follower.resolve(state)
        if not isinstance(expression, s.Const) or scope.parent is None:
            return place
        return Place(scope.module.path, expression.line, expression.column)

    def _keys(self, bound: Bound, depth: int = 0) -> tuple[str, ...] | None:
        """Columns, and keys of the objects in them; None where not all can be told."""
        expression, scope = self._follower.resolve(bound)
        if isinstance(expression, s.Call) and s.dotted(expression.function) in ("JSON.stringify", "json.dumps", "Json"):
            return self._keys(Bound(expression.arguments[0], scope), depth) if expression.arguments else None
        if not isinstance(expression, s.Fields) or not expression.complete:
            return None
        keys: list[str] = []
        for key, value in expression.items:
            keys.append(key)
            inner, there = self._follower.resolve(Bound(value, scope))
            if key in _NESTED:
                further = self._keys(Bound(inner, there), depth + 1) if depth < 3 else None
                if further is None and not (isinstance(inner, s.Const) and inner.value is None):
                    return None
                keys += further or ()
        return tuple(keys)

    def _of_statement(self, argument: s.Expression, call: s.Call, scope: Scope, place: Place) -> LogRow | None:
        """`insert into call_state_logs (...) values (...)`, with $1, %s or ? for what follows, or with the values in
        it."""
        expression, there = self._follower.resolve(Bound(argument, scope))
        if (
            isinstance(expression, s.Call)
            and s.name_of(expression.function) in ("text", "SQL")
            and expression.arguments
        ):
            expression, there = self._follower.resolve(Bound(expression.arguments[0], there))
        if not isinstance(expression, s.Template | s.Const):
            return None
        if isinstance(expression, s.Const) and not isinstance(expression.value, str):
            return None
        inserted: list[Value] = []
        text = self._statement(expression, there, inserted)
        found = self._sql.search(text)
        if found is None:
            return None
        columns = [one.strip().strip('"').lower() for one in found[1].split(",")]
        values = _values(found[2])
        state = UNKNOWN
        if self._state in columns and columns.index(self._state) < len(values):
            state = self._value(values, columns.index(self._state), inserted, call, argument, scope)
        known = None if set(columns) & set(_NESTED) else tuple(columns)
        return LogRow(place=place, shown=s.dotted(call.function) or "insert", state=state, keys=known)

    def _statement(self, expression: s.Expression, scope: Scope, inserted: list[Value]) -> str:
        parts = expression.parts if isinstance(expression, s.Template) else (expression,)
        text = ""
        for part in parts:
            value = self._follower.text(Bound(part, scope))
            if (isinstance(part, s.Const | s.Template) and value.text is not None) or value.text == self._table:
                text += value.text
            else:
                text += f"\0{len(inserted)}\0"
                inserted.append(value)
        return text

    def _value(
        self, values: list[str], index: int, inserted: list[Value], call: s.Call, argument: s.Expression, scope: Scope
    ) -> Value:
        told = values[index]
        quoted = re.fullmatch(r"'((?:[^']|'')*)'(?:::\w+)?", told)
        if quoted:
            return Value((quoted[1].replace("''", "'"),))
        number = re.fullmatch(r"'?\0(\d+)\0'?(?:::\w+)?", told)
        if number:
            return inserted[int(number[1])]
        if told.startswith(":") and not told.startswith("::"):
            return self._named(told.strip(":").partition("::")[0], call, argument, scope)
        given = list(call.arguments[call.arguments.index(argument) + 1 :])
        if len(given) == 1:
            listed, there = self._follower.resolve(Bound(given[0], scope))
            if isinstance(listed, s.Items):
                given, scope = list(listed.items), there
        position = re.match(r"\$(\d+)", told)
        if position:
            at = int(position[1]) - 1
        elif told.startswith(("%s", "?")):
            at = sum(one.startswith(("%s", "?")) for one in values[:index])
        else:
            return UNKNOWN
        return self._follower.text(Bound(given[at], scope)) if at < len(given) else UNKNOWN

    def _named(self, name: str, call: s.Call, argument: s.Expression, scope: Scope) -> Value:
        for given in call.arguments[call.arguments.index(argument) + 1 :]:
            found, _ = self._follower.field(Bound(given, scope), name)
            if found is not None:
                return self._follower.text(found)
        return UNKNOWN

    def _of_request(self, call: s.Call, scope: Scope, place: Place) -> LogRow | None:
        """POST to PostgREST: /rest/v1/call_state_logs."""
        for argument in call.arguments[:1]:
            if not isinstance(argument, s.Template):
                continue
            if not self._follower.text(Bound(argument, scope)).shown.endswith(f"/rest/v1/{self._table}"):
                continue
            for given in (*call.arguments[1:], *(value for key, value in call.named if key == "json")):
                sent = self._sent(Bound(given, scope))
                if sent is not None:
                    return self._of_object(sent, place)
        return None

    def _sent(self, bound: Bound) -> Bound | None:
        expression, scope = self._follower.resolve(bound)
        if not isinstance(expression, s.Fields):
            return None
        body = dict(expression.items).get("body")
        if body is None:
            return Bound(expression, scope) if self._state in dict(expression.items) else None
        inner, there = self._follower.resolve(Bound(body, scope))
        if isinstance(inner, s.Call) and s.dotted(inner.function) == "JSON.stringify" and inner.arguments:
            return Bound(inner.arguments[0], there)
        return None


def _values(text: str) -> list[str]:
    """The values of a statement, one each, as far as its closing bracket."""
    values, depth, current, quoted = [], 0, "", False
    for char in text:
        if char == "'":
            quoted = not quoted
        if not quoted and char in ",)" and depth == 0:
            values.append(current.strip())
            current = ""
            if char == ")":
                break
            continue
        if not quoted:
            depth += {"(": 1, ")": -1}.get(char, 0)
        current += char
    else:
        values.append(current.strip())
    return values
