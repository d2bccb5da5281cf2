"""`livekit-doctor watch` as a process that is asked over HTTP."""

import json
import re
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.error import HTTPError
from urllib.request import urlopen

from junitparser import JUnitXml
from prometheus_client.parser import text_string_to_metric_families

from tests.cli.command_line import CLEAN, COMPILES_NOTHING, PATIENCE
from tests.documents import validated

Answer = tuple[int, str, str]


class Watching:
    """A watch that runs: its own address, and its output in files."""

    def __init__(self, process: "subprocess.Popen[str]", folder: Path) -> None:
        self.process, self._folder = process, folder

    @property
    def stdout(self) -> str:
        return (self._folder / "stdout").read_text()

    @property
    def stderr(self) -> str:
        return (self._folder / "stderr").read_text()

    @property
    def base(self) -> str | None:
        """Where it listens; None as long as it has not said so."""
        found = re.search(r"^listening on (http://\S+) /metrics /healthz /livez$", self.stderr, re.MULTILINE)
        return found[1] if found else None

    def get(self, path: str) -> Answer:
        """Status, content type and body."""
        try:
            with urlopen(f"{self.base}{path}", timeout=PATIENCE) as answer:
                return answer.status, answer.headers["Content-Type"], answer.read().decode()
        except HTTPError as error:
            return error.code, error.headers["Content-Type"], error.read().decode()

    def health(self) -> tuple[int, Any]:
        status, _, body = self.get("/healthz")
        return status, json.loads(body)

    def metric(self, name: str, **labels: str) -> float | None:
        """The value of one series, read by the official parser."""
        return _sample(self.get("/metrics")[2], name, labels)

    def stop(self, number: signal.Signals = signal.SIGINT) -> int:
        """Its exit status."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE)


def _sample(exposition: str, name: str, labels: Mapping[str, str]) -> float | None:
    for family in text_string_to_metric_families(exposition):
        for sample in family.samples:
            if sample.name == f"livekit_doctor_{name}" and sample.labels == labels:
                return float(sample.value)
    return None


def metric_in(file: Path, name: str, **labels: str) -> float | None:
    """The value of one series in a file of metrics, read by the official parser."""
    return _sample(file.read_text(), name, labels)


def parsed(file: Path) -> Any:
    """What a file says, read by what reads such files; it fails for one that is not whole or not valid."""
    text = file.read_text()
    match file.suffix:
        case ".json":
            return validated(text)
        case ".xml":
            return JUnitXml.fromstring(text.encode())
        case ".prom":
            return list(text_string_to_metric_families(text))
    raise AssertionError(file)


def lines_of(stdout: str) -> list[Any]:
    """The documents of `--format json`, each on a whole line, and each of its schema."""
    assert stdout == "" or stdout.endswith("\n")
    documents = [validated(line) for line in stdout.splitlines()]
    assert {document["schema"] for document in documents} <= {"livekit-doctor/watch/v1"}
    return documents


@contextmanager
def watching(folder: Path, env: Mapping[str, str], *arguments: str, largest: int | None = None) -> Iterator[Watching]:
    """Starts a watch on a free port, and ends it. It can't write files of more than `largest` bytes."""

    def limit() -> None:
        if largest is not None:
            resource.setrlimit(resource.RLIMIT_FSIZE, (largest, largest))

    listen = () if "--listen" in arguments else ("--listen", "127.0.0.1:0")
    with (folder / "stdout").open("w") as stdout, (folder / "stderr").open("w") as stderr:
        process = subprocess.Popen(
            [sys.executable, "-m", "livekit_doctor", "watch", *listen, *arguments],
            cwd=folder,
            env={**CLEAN, **env, **(COMPILES_NOTHING if largest else {})},
            stdin=subprocess.DEVNULL,
            stdout=stdout,
            stderr=stderr,
            text=True,
            preexec_fn=limit,
        )
    try:
        yield Watching(process, folder)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait(PATIENCE)
