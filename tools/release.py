"""What a release is made of, in dist/: the wheel, built twice and the same, its SBOM, its licences, what is known of
weaknesses of its dependencies. `make release`.

It fails where two builds differ, or where a licence is not one that was agreed to. What the audit could not ask it
says.
"""

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from importlib import metadata
from pathlib import Path

ROOT = Path(__file__).parents[1]
LOCK = ROOT / "requirements" / "runtime.lock"
DIST = ROOT / "dist"

_SPOKEN = {
    # What packages write in place of an SPDX expression.
    "Apache 2.0": "Apache-2.0",
    "3-Clause BSD License": "BSD-3-Clause",
    "BSD License": "BSD-3-Clause",
    "ISC License": "ISC",
    "MIT License": "MIT",
}
AGREED = {"Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "ISC", "LGPL-3.0-only", "MIT", "PSF-2.0"}
"""Licences under which a dependency may be, by SPDX. LGPL is psycopg's: it is imported, and not changed."""


def packages() -> list[str]:
    """All that is installed with the wheel, by the lock file."""
    return re.findall(r"^([A-Za-z0-9._-]+)==", LOCK.read_text(), re.MULTILINE)


def licence_of(package: str) -> str:
    """Its licence by SPDX, as far as the package says it. Raises metadata.PackageNotFoundError."""
    about = metadata.metadata(package)
    classifiers = [text.rpartition(" :: ")[2] for text in about.get_all("Classifier") or () if "License ::" in text]
    said = about.get("License-Expression") or about.get("License") or next(iter(classifiers), "")
    return _SPOKEN.get(said.strip(), said.strip())


def refused(licence: str) -> bool:
    """Whether a part of the expression is none of the licences that were agreed to."""
    return not set(re.split(r" (?:AND|OR) ", licence.strip("()"))) <= AGREED


def wheel(source: Path, folder: Path, moment: str = "") -> Path:
    """Builds it from these sources; `moment` is SOURCE_DATE_EPOCH."""
    folder.mkdir(parents=True, exist_ok=True)
    environment = {**os.environ, **({"SOURCE_DATE_EPOCH": moment} if moment else {})}
    command = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(folder)]
    subprocess.run(command, cwd=source, env=environment, check=True, capture_output=True)
    (built,) = folder.glob("*.whl")
    return built


def digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _copied(folder: Path) -> Path:
    """What git has, and nothing else that lies about."""
    folder.mkdir()
    archive = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, check=True, capture_output=True).stdout
    subprocess.run(["tar", "-x", "-C", str(folder)], input=archive, check=True)
    return folder


def _sbom(built: Path, folder: Path) -> None:
    """Of the wheel as it is installed, by what is in the environment, with licences and hashes of the lock file."""
    environment = folder / "installed"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(environment)], check=True)
    python = environment / "bin" / "python"
    install = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        str(python),
        "install",
        "--quiet",
        "--disable-pip-version-check",
    ]
    subprocess.run([*install, "--require-hashes", "-r", str(LOCK)], check=True)
    subprocess.run([*install, "--no-deps", str(built)], check=True)
    file = DIST / f"{built.stem}.cdx.json"
    command = [sys.executable, "-m", "cyclonedx_py", "environment", "--pyproject", str(ROOT / "pyproject.toml")]
    options = ["--spec-version", "1.6", "--output-reproducible", "--validate", "--output-file", str(file)]
    subprocess.run([*command, *options, str(python)], check=True)
    print(f"{digest(file)}  {file.name}")


def _audited() -> None:
    """Known weaknesses of what is locked, by PyPI's list, which needs the network. What it does not know it skips, and
    then says all the same that nothing was found."""
    command = [
        sys.executable,
        "-m",
        "pip_audit",
        "--require-hashes",
        "--disable-pip",
        "-r",
        str(LOCK),
        "--format",
        "json",
    ]
    ran = subprocess.run([*command, "--progress-spinner", "off"], capture_output=True, text=True)
    try:
        found = json.loads(ran.stdout)["dependencies"]
    except (ValueError, KeyError):
        print(f"pip-audit could not ask: {(ran.stderr.strip().splitlines() or ['?'])[-1][:200]}")
        return
    skipped = [item["name"] for item in found if "skip_reason" in item]
    weak = {item["name"]: [one["id"] for one in item["vulns"]] for item in found if item.get("vulns")}
    asked = f"{len(found) - len(skipped)} of {len(found)} packages looked up"
    print(f"pip-audit: {asked}, weaknesses of these: {weak or 'none'}")
    if weak:
        sys.exit(1)


def main() -> None:
    licences = {package: licence_of(package) for package in packages() if package not in _NOT_HERE}
    if wrong := {package: licence for package, licence in licences.items() if refused(licence)}:
        sys.exit(f"licences that were not agreed to: {wrong}")
    moment = subprocess.run(["git", "log", "-1", "--format=%ct"], cwd=ROOT, check=True, capture_output=True, text=True)
    shutil.rmtree(DIST, ignore_errors=True)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        built = [
            wheel(_copied(folder / part), folder / f"{part}-dist", moment.stdout.strip()) for part in ("one", "two")
        ]
        if len({digest(file) for file in built}) > 1:
            sys.exit("two builds of the wheel differ")
        DIST.mkdir()
        kept = Path(shutil.copy(built[0], DIST))
        print(f"{digest(kept)}  {kept.name}")
        _sbom(kept, folder)
    _audited()


_NOT_HERE = ("colorama", "tzdata") if sys.platform != "win32" else ()
"""Locked for another system."""

if __name__ == "__main__":
    main()
