"""The server for coding agents on a real livekit-server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.names import Names
from tests.lab.servers import Database, LiveKitServer
from tests.mcp.test_mcp import client, document_of, text_of

if TYPE_CHECKING:
    from mcp.types import CallToolResult


@pytest.fixture
def doctor(livekit: LiveKitServer, database: Database, tmp_path: Path) -> Doctor:
    return Doctor(tmp_path, livekit, database)


def test_it_reads_and_creates_nothing_unless_it_may(doctor: Doctor, livekit: LiveKitServer, names: Names) -> None:
    edge, room = Edge(livekit), names.room()
    edge.create_room(room)

    async def ask(*options: str, **given: object) -> list[CallToolResult]:
        async with client(doctor.folder, *options, env=doctor.env) as opened:
            checked = opened.call_tool("check", {"only": ["connection", "worker"], **given})
            traced = opened.call_tool("trace", {"call": room})
            return list(await asyncio.gather(checked, traced))

    checked, traced = asyncio.run(ask())
    statuses = {item["id"]: item["status"] for item in document_of(checked)["checks"]}
    assert (statuses["connection.reachable"], statuses["worker.canary"]) == ("passed", "skipped")
    document = document_of(traced)
    assert (document["room"], document["room_details"]["open"]) == (room, True)
    assert room in text_of(traced)
    assert doctor.env["LIVEKIT_API_SECRET"] not in text_of(checked) + text_of(traced)

    allowed, _ = asyncio.run(ask("--allow-experiments", read_only=False))
    statuses = {item["id"]: item["status"] for item in document_of(allowed)["checks"]}
    assert statuses["worker.canary"] == "passed"
    edge.delete_everything()
    edge.close()
