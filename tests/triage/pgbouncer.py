"""PgBouncer, the pooler that most Postgres has in front of it, in transaction mode.

Where it is not installed, its Debian package is unpacked into the cache: installing it would start a service.
"""

import os
import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import Self

import psycopg

from tests.lab.install import cache_folder
from tests.lab.servers import Database, Server
from tests.lab.support import ChildProcess, file_lock

HOW_TO_GET = "PgBouncer is needed: apt-get install pgbouncer"
PACKAGES = ("pgbouncer", "libc-ares2", "libevent-2.1-7")


def unpacked() -> Path:
    """A folder with the program and its libraries. Raises AssertionError with what to install."""
    folder = cache_folder() / "pgbouncer"
    with file_lock(cache_folder() / "pgbouncer.lock"):
        if not (folder / "usr" / "sbin" / "pgbouncer").exists():
            with tempfile.TemporaryDirectory() as name:
                for package in PACKAGES:
                    ran = subprocess.run(["apt-get", "download", "--quiet=2", package], cwd=name, capture_output=True)
                    assert ran.returncode == 0, HOW_TO_GET
                for path in Path(name).glob("*.deb"):
                    subprocess.run(["dpkg", "--extract", str(path), str(folder)], check=True)
    return folder


class PgBouncer(Server):
    """In front of one database, which it reaches by a single connection, so that what one client leaves in it, the
    next one has."""

    name = "pgbouncer"

    def __init__(self, folder: Path, database: Database) -> None:
        super().__init__(folder)
        self._database = database

    def __enter__(self) -> Self:
        self._home = Path(tempfile.mkdtemp(prefix="livekit-doctor-pgbouncer-"))
        try:
            if shutil.which("pgbouncer") is None:
                shutil.copytree(unpacked(), self._home, dirs_exist_ok=True)
            self._home.chmod(0o755)
            return super().__enter__()
        except BaseException:
            shutil.rmtree(self._home)
            raise

    def __exit__(self, *_: object) -> None:
        super().__exit__()
        shutil.rmtree(self._home)

    @property
    def dsn(self) -> str:
        return f"postgresql://postgres@127.0.0.1:{self.port}/{self._database.name}?sslmode=disable"

    def _launch(self) -> ChildProcess:
        users = self._home / "users.txt"
        users.write_text('"postgres" ""\n')
        settings = self._home / "pgbouncer.ini"
        settings.write_text(
            f"[databases]\n* = host=127.0.0.1 port={self._database.server.port}\n[pgbouncer]\nlisten_addr = 127.0.0.1\n"
            f"listen_port = {self.port}\nunix_socket_dir =\nauth_type = trust\nauth_file = {users}\n"
            "pool_mode = transaction\ndefault_pool_size = 1\n"
        )
        program = shutil.which("pgbouncer") or self._home / "usr" / "sbin" / "pgbouncer"
        libraries = ":".join(sorted({str(path.parent) for path in self._home.rglob("*.so*")}))
        user = self._database.server.user if os.geteuid() == 0 else None
        return ChildProcess(
            [program, settings], self.log_path, env={"LD_LIBRARY_PATH": libraries}, user=user, cwd=self._home
        )

    def _answers(self) -> bool:
        try:
            with psycopg.connect(self.dsn, prepare_threshold=None) as connection:
                return connection.execute("SELECT 1").fetchone() == (1,)
        except psycopg.OperationalError:
            return False
