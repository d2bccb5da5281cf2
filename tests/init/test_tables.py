"""Which tables look like the log, and which column is which."""

import pytest

from livekit_doctor.evidence.call_logs.search import SeenTable
from livekit_doctor.init.logs import mapped_states
from livekit_doctor.init.tables import clear_choice, likely_tables
from livekit_doctor.settings import Columns
from tests.init.world import CALL_STATE_LOGS, logged, row, table

CALLS = table("calls", call_id="uuid!", status="text", created_at="timestamptz", metadata="jsonb")


def test_the_usual_table() -> None:
    (found,) = likely_tables([CALL_STATE_LOGS, CALLS])
    assert found.name == "public.call_state_logs"
    assert found.columns == Columns()


def test_names_of_ones_own() -> None:
    own = table(
        "CallEvents", "telemetry", seq="int8!", CallRef="uuid", happened="timestamp", Emitter="varchar", event="enum"
    )
    (found,) = likely_tables([own])
    assert found.columns == Columns(
        call_id="CallRef", at="happened", source="Emitter", state="event", metadata=None, room=None
    )


def test_a_column_of_rooms_and_further_columns_of_a_kind() -> None:
    own = table(
        "call_log",
        call_id="text",
        created_at="timestamptz",
        updated_at="timestamptz",
        status="text",
        room_name="text",
        payload="jsonb",
        extra="jsonb",
    )
    (found,) = likely_tables([own])
    assert found.columns.room == "room_name"
    assert found.columns.metadata == "payload"
    assert found.also["at"] == ("updated_at",)
    assert found.also["metadata"] == ("extra",)


@pytest.mark.parametrize(
    "other",
    [
        CALLS,
        table("sessions", "auth", session_id="uuid", status="text", created_at="timestamptz"),
        table("call_recordings", call_id="text", url="text", created_at="timestamptz"),
        table("call_state_logs", call_id="text", state="text"),
        table("orders", session_id="text", status="text", created_at="timestamptz"),
        table("call_state_logs", "${a}", call_id="text", state="text", created_at="timestamptz"),
    ],
    ids=lambda other: f"{other.plain_name} {len(other.columns)}",
)
def test_what_is_no_log(other: SeenTable) -> None:
    assert likely_tables([other]) == ()


def test_the_likelier_table_goes_first() -> None:
    audit = table("session_events", conversation_id="text", event="text", created_at="timestamptz")
    found = likely_tables([audit, CALL_STATE_LOGS])
    assert [one.table.name for one in found] == ["call_state_logs", "session_events"]


def test_states_of_calls_settle_it_and_leave_out_the_others() -> None:
    by_name, by_rows = logged([row("1", "sent"), row("2", "read")]), logged([row("1", "room_created")])
    assert list(clear_choice((by_name, by_rows), mapped_states)) == [by_rows]
    assert list(clear_choice((by_name, by_name), mapped_states)) == [by_name, by_name]
