"""All engines and the plain reference are given the same logs and settings, and must say the same of every call."""

import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from livekit_doctor.settings import Settings
from livekit_doctor.triage.dialects import POSTGRES
from livekit_doctor.triage.statement import Statement
from livekit_doctor.triage.terms import Key, Window
from tests.lab.servers import Database
from tests.thorough import examples
from tests.triage.chaos import rows_of, settings_of, window_of
from tests.triage.engines import Asked, of_clickhouse, of_duckdb, of_postgres, of_spark, write_parquet
from tests.triage.reference import Row, classify

Case = tuple[Settings, Window, list[Row]]
SEEDS = st.integers(0, 2**32)
CALLS = 60
ON_ONE_WORKER = pytest.mark.xdist_group("triage_engines")
"""Spark and ClickHouse take long to start."""


def few(count: int, thorough: int) -> settings:
    return settings(
        max_examples=examples(count, thorough=thorough),
        suppress_health_check=[HealthCheck.function_scoped_fixture],
    )


def case(seed: int, calls: int = CALLS) -> Case:
    draw = random.Random(seed)
    configured, window = settings_of(draw), window_of(draw)
    return configured, window, rows_of(draw, calls, window)


def agrees(engine: Asked, made: Case) -> None:
    configured, window, rows = made
    expected = classify(rows, configured, window)
    told = engine.judged(configured, window)
    assert told.keys() == expected.keys()
    different = [(told[name], expected[name]) for name in expected if told[name] != expected[name]]
    assert not different, f"{len(different)} of {len(expected)}: {different[:2]}"


@few(5, 200)
@given(seed=SEEDS)
def test_duckdb(seed: int, parquet: Path) -> None:
    made = case(seed)
    write_parquet(made[2], parquet)
    agrees(of_duckdb(parquet), made)


@few(3, 40)
@given(seed=SEEDS)
def test_postgres(seed: int, database: Database) -> None:
    made = case(seed)
    agrees(of_postgres(database, made[2]), made)


@ON_ONE_WORKER
@pytest.mark.servers
@few(2, 40)
@given(seed=SEEDS)
def test_clickhouse(seed: int, parquet: Path, clickhouse: Any) -> None:
    made = case(seed)
    write_parquet(made[2], parquet)
    agrees(of_clickhouse(clickhouse, parquet), made)


@ON_ONE_WORKER
@pytest.mark.servers
@few(1, 10)
@given(seed=SEEDS)
def test_spark(seed: int, parquet: Path, spark: Any) -> None:
    made = case(seed, 150)
    write_parquet(made[2], parquet)
    agrees(of_spark(spark, parquet), made)


def test_what_is_compared_has_every_verdict() -> None:
    """The tests above would pass where nothing ever breaks."""
    seen: Counter[str] = Counter()
    for seed in range(12):
        configured, window, rows = case(seed)
        for judged in classify(rows, configured, window).values():
            seen[judged.verdict] += 1
            seen[f"why {judged.why}"] += 1
            seen[f"status {judged.status}"] += 1
    assert {"broken", "healthy", "no_fault_seen", "in_progress", "unknown"} <= seen.keys()
    assert {f"why {n}" for n in (1, 2, 3, 7, 8)} <= seen.keys()
    assert {"status 486", "status 603", "status 1", "status 3", "status 5"} <= seen.keys()


@pytest.mark.parametrize("kind", ["timestamp", "timestamptz"])
@pytest.mark.parametrize("zone", ["America/New_York", "Asia/Kathmandu"])
def test_a_column_without_a_zone_is_utc_wherever_the_session_is(kind: str, zone: str, database: Database) -> None:
    made = case(5)
    dialect = replace(POSTGRES, time="TIMESTAMP", zone="") if kind == "timestamp" else POSTGRES
    agrees(of_postgres(database, made[2], dialect, created_at=kind), made)


@pytest.mark.parametrize("shards", [2, 3])
def test_postgres_says_the_same_of_calls_that_are_classified_in_parts_side_by_side(
    shards: int, database: Database
) -> None:
    configured, window, rows = case(11, 120)
    engine = of_postgres(database, rows)
    whole = engine.statement(configured, window, Key("source", "source"))
    parts = replace(whole, shards=shards)

    def told(statement: Statement) -> list[list[list[str]]]:
        found = [engine.ask(text) for text in (statement.groups(), statement.by_key(hours=True, limit=10_000))]
        return [sorted([str(value) for value in row.values()] for row in each) for each in found]

    assert told(parts) == told(whole)
    # So few rows are not worth it: no other way of several processes is left, and these cost nothing.
    free = {"parallel_setup_cost": "0", "parallel_tuple_cost": "0", "min_parallel_table_scan_size": "1TB"}
    for name, value in {**free, "enable_sort": "off"}.items():
        engine.ask(f"SELECT set_config('{name}', '{value}', false)")
    plan = "\n".join(str(row["QUERY PLAN"]) for row in engine.ask(f"EXPLAIN {parts.groups()}"))
    assert "Parallel Append" in plan


@ON_ONE_WORKER
@pytest.mark.servers
def test_groups_and_values_add_up_to_the_calls_in_each_engine(
    parquet: Path, database: Database, clickhouse: Any
) -> None:
    configured, window, rows = case(11, 120)
    write_parquet(rows, parquet)
    told = []
    for engine in (
        of_duckdb(parquet),
        of_postgres(database, rows, metadata="text"),
        of_clickhouse(clickhouse, parquet),
    ):
        groups = engine.ask(engine.statement(configured, window).groups())
        source = engine.statement(configured, window, Key("source", "source"))
        values = engine.ask(source.by_key(hours=True, limit=10_000))
        assert sum(int(row["calls"]) for row in groups if int(row["win"])) == len(classify(rows, configured, window))
        told.append(
            (
                sorted(tuple(str(value) for value in row.values()) for row in groups),
                sorted(tuple("" if value is None else str(value) for value in row.values()) for row in values),
            )
        )
    assert all(each == told[0] for each in told)
