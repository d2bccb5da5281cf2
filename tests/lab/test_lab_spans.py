"""The spans of a real worker, exported to files by the SDK, are read as its log."""

from contextlib import closing
from pathlib import Path

import pytest

from tests.lab.doctor import Doctor
from tests.lab.edge import Edge
from tests.lab.modes import CONSOLE, OTLP, SPANS_VARIABLE, Mode, WorkerSettings, job_metadata
from tests.lab.servers import LiveKitServer
from tests.lab.support import until
from tests.lab.worker import Worker

AGENT = "Spans Agent"
ROOMS = {Mode.HEALTHY: "spans-healthy", Mode.ENTRYPOINT_RAISES: "spans-raises"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory, lab_folder: Path, livekit: LiveKitServer) -> Path:
    """The files of a worker that had two jobs."""
    folder = tmp_path_factory.mktemp("spans")
    worker = Worker(lab_folder, livekit, WorkerSettings(AGENT))
    with closing(Edge(livekit)) as edge:
        try:
            worker.start({SPANS_VARIABLE: str(folder)}).wait_until_registered()
            for mode, room in ROOMS.items():
                edge.create_dispatch(room, AGENT, metadata=job_metadata(f"call-{mode}", mode))
            edge.wait_for_agent(ROOMS[Mode.HEALTHY], audio=True)
            edge.delete_everything()
            console = folder / CONSOLE
            until(
                lambda: console.exists() and console.read_text().count('"job_entrypoint"') == len(ROOMS),
                what="the spans of both jobs",
            )
        finally:
            worker.stop()
    return folder


@pytest.mark.parametrize("file", [OTLP, CONSOLE])
def test_spans_tell_the_dispatchs_timeline(folder: Path, file: str, tmp_path: Path) -> None:
    doctor = Doctor(tmp_path, None)
    healthy = doctor.run("trace", "--room", ROOMS[Mode.HEALTHY], "--worker-log", str(folder / file), "--format", "json")
    steps = {step["step"]: step["status"] for step in healthy.json["steps"]}
    assert {steps[step] for step in ("agent_dispatched", "job_assigned", "entrypoint_called")} == {"ok"}
    assert steps["agent_connected"] == "ok"
    events = [entry["event"] for entry in healthy.json["timeline"]]
    assert events.index("received job request") < events.index("entrypoint started")
    raises = doctor.run(
        "trace", "--room", ROOMS[Mode.ENTRYPOINT_RAISES], "--worker-log", str(folder / file), "--format", "json"
    )
    assert [item["code"] for item in raises.json["broken"]] == ["LKD405"]
