"""Jenkins' schema for JUnit XML, junit-10.xsd of its xunit plugin, out of pytest's source distribution.

No package installs it, so the distribution is fetched once, by pip, and its file is held against a hash.
"""

import hashlib
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

CACHE = Path.home() / ".cache" / "livekit-doctor"
VERSION = "9.1.0"
MEMBER = f"pytest-{VERSION}/testing/example_scripts/junit-10.xsd"
SHA256 = "a1a816f58d1bf95ebabf371994df0b9246dee66ea9572fbec4f9296f1b2c0ff6"


def path() -> Path:
    """The schema's file. Raises RuntimeError with what to do where it can't be had."""
    file = CACHE / "junit-10.xsd"
    if not file.exists():
        CACHE.mkdir(parents=True, exist_ok=True)
        data = _fetched()
        found = hashlib.sha256(data).hexdigest()
        if found != SHA256:
            raise RuntimeError(f"{MEMBER} has the hash {found}, and not {SHA256}")
        with tempfile.NamedTemporaryFile(dir=CACHE, delete=False) as unfinished:
            unfinished.write(data)
        Path(unfinished.name).replace(file)
    return file


def _fetched() -> bytes:
    with tempfile.TemporaryDirectory() as folder:
        pip = [sys.executable, "-m", "pip", "download", "--quiet", "--disable-pip-version-check", "--no-deps"]
        ran = subprocess.run(
            [*pip, "--no-binary", "pytest", "--dest", folder, f"pytest=={VERSION}"], capture_output=True, text=True
        )
        if ran.returncode:
            raise RuntimeError(f"pip can't download the source of pytest {VERSION}: {ran.stderr.strip()}")
        with tarfile.open(next(Path(folder).glob("*.tar.gz"))) as archive:
            member = archive.extractfile(MEMBER)
            assert member is not None
            return member.read()
