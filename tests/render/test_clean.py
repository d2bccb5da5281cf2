"""Reports of `clean`: what became of the scratch rooms, in each format."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from livekit_doctor.evidence.scratch_rooms import FoundRoom
from livekit_doctor.render.formats import FormatName, load
from livekit_doctor.render.report import CleanReport

AT = datetime(2031, 2, 3, 4, 5, 6, tzinfo=UTC)
SERVER = "wss://lk.example.com"
OLD = FoundRoom("livekit-doctor-0123456789ab", "removed", AT - timedelta(minutes=5), 1)
STUBBORN = FoundRoom(
    "livekit-doctor-ba9876543210",
    "not_removed",
    AT - timedelta(minutes=3),
    0,
    "DeleteRoom was not answered within 3.0 s; type: livekit-doctor clean livekit-doctor-ba9876543210",
)
IN_USE = FoundRoom("livekit-doctor-000000000001", "in_use", AT - timedelta(seconds=4))


def report(*rooms: FoundRoom, dry_run: bool = False) -> CleanReport:
    return CleanReport(rooms, dry_run, SERVER, AT)


REPORTS: dict[str, Callable[[], CleanReport]] = {
    "nothing": report,
    "removed": lambda: report(OLD, IN_USE),
    "not removed": lambda: report(OLD, STUBBORN, FoundRoom("livekit-doctor-ffffffffffff", "gone")),
    "dry run": lambda: report(FoundRoom(OLD.room, "found", OLD.created_at, 1), dry_run=True),
}


def test_console() -> None:
    form = load(FormatName.CONSOLE)
    assert form(report()) == f"{SERVER}\n\nok: no scratch room is left over\n"
    told = form(REPORTS["not removed"]())
    assert f"ok  {OLD.room}  removed, 300 s old, 1 inside\n" in told
    assert f"XX  {STUBBORN.room}  not removed, 180 s old: DeleteRoom was not answered" in told
    assert told.endswith("not ok: scratch rooms: 1 removed, 1 not removed, 1 not there\n")
    assert "without --dry-run, removes them" in form(REPORTS["dry run"]())


def test_exit_statuses() -> None:
    statuses = {name: make().exit_status for name, make in REPORTS.items()}
    assert statuses == {"nothing": 0, "removed": 0, "not removed": 1, "dry run": 1}


def test_prometheus_counts_rooms_and_names_none() -> None:
    text = load(FormatName.PROMETHEUS)(REPORTS["not removed"]())
    assert 'livekit_doctor_scratch_rooms{outcome="removed"} 1.0' in text
    assert 'livekit_doctor_left_behind{command="clean"} 1.0' in text
    assert "livekit-doctor-" not in text
