"""Spark, started or reached: a Java process of our own as the driver, or a server of Spark Connect.

The Java process is started here and not by PySpark, which could neither be interrupted while it starts nor be kept from
writing on the terminal. It ends with this block, and by itself where this process is killed: its standard input ends.
"""

import asyncio
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, suppress
from pathlib import Path
from typing import Any

from livekit_doctor import lazy_re
from livekit_doctor.errors import UserError
from livekit_doctor.evidence.call_logs.problems import LogsUnreadable
from livekit_doctor.known_secrets import know

STARTS = 120.0
"""Seconds that Spark may take to start."""
ANSWERS = 10.0
"""Seconds that a cluster may take to answer."""
SPEAKS = 45.0
"""Seconds in which Spark Connect must be what answers; what starts on demand takes some of them."""
ENDS = 5.0
_LOCAL = lazy_re.compile(r"local(\[[^\]]*\])?")
_REMOTE = lazy_re.compile(r"(?P<kind>spark|sc)://(?P<places>[^/;]+)(?P<options>/;.*|/)?")
FORMS = "local[*], spark://HOST:7077 or sc://HOST:15002"
INSTALL = "pip install 'livekit-doctor[spark]'"
INSTALL_JAVA = "install Java 17 or later: apt-get install default-jre-headless (JAVA_HOME, where it is not in PATH)"
_UNUSED = ("pandas", "pyarrow", "numpy")
"""What PySpark imports where it is there, for nothing that is needed here: 80 MB, and a second."""


def require_known(url: str) -> None:
    """Raises UserError where it is no address of Spark. A token in it is a secret from now on."""
    found = _REMOTE.fullmatch(url)
    if found is None and not _LOCAL.fullmatch(url):
        raise UserError("LKD001", f"--engine {url}: no address of Spark", f"--engine {FORMS}")
    for option in (found["options"] or "").split(";") if found else ():
        if option.startswith("token="):
            know(option.removeprefix("token="))


def is_local(url: str) -> bool:
    return _LOCAL.fullmatch(url) is not None


def is_connect(url: str) -> bool:
    return url.startswith("sc://")


def shown(url: str) -> str:
    """Without what follows the place."""
    found = _REMOTE.fullmatch(url)
    return f"{found['kind']}://{found['places']}" if found else url


@asynccontextmanager
async def started(url: str, memory: str | None) -> AsyncIterator[Any]:
    """A session of Spark. Raises UserError for what is not installed, LogsUnreadable where it does not answer."""
    try:
        import pyspark  # noqa: F401
    except ImportError:
        raise UserError("LKD001", "triage by Spark needs PySpark, which is not installed", INSTALL) from None
    _silence()
    if not is_local(url):
        await _require_listening(url)
    opened = _connected(url) if is_connect(url) else _driven(url, memory)
    async with opened as session:
        for name, value in _SETTINGS.items():
            await asyncio.to_thread(session.conf.set, name, value)
        yield session


def _silence() -> None:
    """PySpark prints each error as JSON, with the values of rows, and what talks to Java prints where that has ended;
    what is wrong is said here, in one line."""
    import logging

    from pyspark.logger import PySparkLogger

    logging.getLogger().addHandler(logging.NullHandler())
    for name in ("SQLQueryContextLogger", "DataFrameQueryContextLogger"):
        PySparkLogger.getLogger(name).disabled = True


_SETTINGS = {
    "spark.sql.session.timeZone": "UTC",
    # What is no time is an error, and not nothing.
    "spark.sql.ansi.enabled": "true",
    # A line of a CSV with too few values is found whichever of them are asked for.
    "spark.sql.csv.parser.columnPruning.enabled": "false",
    # Java does not compile a method of more bytes, and Spark would write one for all stages of the classification.
    "spark.sql.codegen.hugeMethodLimit": "8000",
}
"""Of the session alone."""


async def _require_listening(url: str) -> None:
    """PySpark itself would try for minutes."""
    found = _REMOTE.fullmatch(url)
    assert found
    port = 15002 if found["kind"] == "sc" else 7077
    places = [_place(place, port) for place in found["places"].split(",")]
    for host, number in places:
        with suppress(OSError, TimeoutError):
            async with asyncio.timeout(ANSWERS):
                _, writer = await asyncio.open_connection(host, number)
            writer.close()
            return
    said = " or ".join(f"{host}:{number}" for host, number in places)
    raise LogsUnreadable("unreachable", f"no Spark answers at {said}", fix=f"start it there, or --engine {FORMS}")


def _place(text: str, port: int) -> tuple[str, int]:
    host, colon, number = text.rpartition(":")
    return (host.strip("[]"), int(number)) if colon and number.isdecimal() else (text.strip("[]"), port)


@asynccontextmanager
async def _connected(url: str) -> AsyncIterator[Any]:
    from pyspark.errors import PySparkException
    from pyspark.sql import SparkSession

    try:
        async with asyncio.timeout(SPEAKS):
            session = await asyncio.to_thread(lambda: SparkSession.builder.remote(url).create())
            await asyncio.to_thread(lambda: session.version)
    except ImportError as error:
        raise UserError("LKD001", f"Spark Connect: {_first_line(str(error))}", INSTALL) from None
    except (PySparkException, TimeoutError) as error:
        text = f"Spark Connect at {shown(url)} does not answer as one: {_first_line(str(error)) or 'no answer'}"
        raise LogsUnreadable(
            "unreachable", text, fix="--engine sc://HOST:15002, the address of a Spark Connect server"
        ) from None
    try:
        yield session
    finally:
        await _within(ENDS, asyncio.to_thread(session.stop))


@asynccontextmanager
async def _driven(url: str, memory: str | None) -> AsyncIterator[Any]:
    """The session of a Java process that is started for it."""
    _require_java()
    folder = Path(tempfile.mkdtemp(prefix="livekit-doctor-spark-"))
    process = None
    try:
        process = _launched(url, memory, folder)
        yield await _begun(process, folder)
    finally:
        # Where it is told to end, it ends its jobs, and says so to a cluster.
        await asyncio.shield(_end(process))
        shutil.rmtree(folder, ignore_errors=True)


def _require_java() -> None:
    home = os.environ.get("JAVA_HOME")
    program = str(Path(home, "bin", "java")) if home else "java"
    if shutil.which(program) is None:
        where = f"none at JAVA_HOME={home}" if home else "none in PATH"
        raise UserError("LKD001", f"Spark needs Java, and there is {where}", INSTALL_JAVA)


def _launched(url: str, memory: str | None, folder: Path) -> "subprocess.Popen[bytes]":
    from pyspark.find_spark_home import _find_spark_home

    java = f"-Djava.io.tmpdir={folder} -Dderby.system.home={folder} -XX:-UsePerfData -Xss8m"
    settings = {
        "spark.master": url,
        "spark.app.name": "livekit-doctor triage",
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "OFF",
        "spark.local.dir": str(folder),
        "spark.driver.defaultJavaOptions": java,
    }
    if is_local(url):
        settings |= {"spark.driver.bindAddress": "127.0.0.1", "spark.driver.host": "127.0.0.1"}
        settings["spark.sql.shuffle.partitions"] = str(2 * (os.cpu_count() or 2))
    if memory:
        settings["spark.driver.memory" if is_local(url) else "spark.executor.memory"] = _in_java_words(memory)
    command = [str(Path(_find_spark_home(), "bin", "spark-submit"))]
    command += [word for name, value in settings.items() for word in ("--conf", f"{name}={value}")]
    env = {
        **os.environ,
        "PYSPARK_PYTHON": sys.executable,
        "SPARK_CONNECT_MODE": "0",
        "_PYSPARK_DRIVER_CONN_INFO_PATH": str(folder / "gateway"),
    }
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(
            [*command, "pyspark-shell"],
            stdin=subprocess.PIPE, stdout=log, stderr=log, env=env, start_new_session=True,
        )  # fmt: skip


def _in_java_words(memory: str) -> str:
    """512MB as 512m."""
    return re.sub(r" ?([kMGT])i?B", lambda found: found[1].lower(), memory)


async def _begun(process: "subprocess.Popen[bytes]", folder: Path) -> Any:
    """Its session. Raises LogsUnreadable where that does not come to be."""
    from py4j.protocol import Py4JError

    try:
        async with asyncio.timeout(STARTS):
            return await asyncio.to_thread(_session, await _gateway(process, folder))
    except TimeoutError:
        raise LogsUnreadable("timeout", f"Spark did not start within {STARTS:g} s", fix=INSTALL_JAVA) from None
    except Py4JError as error:
        said = re.sub(r"^[: ]*(?:[\w.]+Exception: )?(?:\[[\w.]+\] )?", "", _reason(str(error).splitlines()[1:]))
        fix = "--memory 2GB" if "memory" in said.lower() else f"--engine {FORMS}"
        raise LogsUnreadable("other", f"Spark did not start: {_first_line(said)}", fix=fix) from None


async def _gateway(process: "subprocess.Popen[bytes]", folder: Path) -> tuple[int, str]:
    """Where the Java process listens, and the secret for it. Raises LogsUnreadable where it has ended."""
    told = folder / "gateway"
    while not told.exists():
        if process.poll() is not None:
            said = (folder / "log").read_text(errors="replace").strip().splitlines()
            text = f"Spark did not start: {_first_line(_reason(said)) or 'its Java process ended'}"
            raise LogsUnreadable("other", text, fix=INSTALL_JAVA)
        await asyncio.sleep(0.05)
    content = told.read_bytes()
    length = int.from_bytes(content[4:8], "big")
    return int.from_bytes(content[:4], "big"), content[8 : 8 + length].decode()


def _reason(said: list[str]) -> str:
    """Of a Java process's last words, the line that names what is wrong."""
    named = [line for line in said if re.search(r"(Error|Exception)\b.*:|^Error", line)]
    return (named or said or [""])[0]


def _session(gateway: tuple[int, str]) -> Any:
    import pyspark
    from pyspark.sql import SparkSession

    # What an earlier one in this process has left.
    pyspark.SparkContext._gateway = pyspark.SparkContext._jvm = pyspark.SparkContext._active_spark_context = None
    SparkSession._instantiatedSession = None
    names = {"PYSPARK_GATEWAY_PORT": str(gateway[0]), "PYSPARK_GATEWAY_SECRET": gateway[1]}
    with _without(_UNUSED):
        os.environ.update(names)
        try:
            return SparkSession.builder.getOrCreate()
        finally:
            for name in names:
                os.environ.pop(name, None)


@contextmanager
def _without(modules: tuple[str, ...]) -> Iterator[None]:
    """As if these were not installed, for what imports them only where they are."""
    hidden = [name for name in modules if name not in sys.modules]
    sys.modules.update(dict.fromkeys(hidden))  # type: ignore[arg-type]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


async def _end(process: "subprocess.Popen[bytes] | None") -> None:
    """It, and what it has started."""
    if process is None:
        return
    assert process.stdin
    with suppress(OSError):
        process.stdin.close()
    for number in (signal.SIGTERM, signal.SIGKILL):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, number)
        for _ in range(int(ENDS / 0.05)):
            if process.poll() is not None:
                return
            await asyncio.sleep(0.05)


async def _within(seconds: float, work: Any) -> None:
    with suppress(Exception):
        async with asyncio.timeout(seconds):
            await work


def _first_line(text: str) -> str:
    return (text.strip().splitlines() or [""])[0][:300]
