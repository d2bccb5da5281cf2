"""Bundles as files: whole or not at all, and never over another."""

import gzip
import os
from pathlib import Path

import pytest

from livekit_doctor.bundle import files
from livekit_doctor.bundle.codec import BundleRefused, encode
from livekit_doctor.bundle.files import Target, read
from livekit_doctor.errors import UserError
from tests.bundle.test_codec import again, bundle

MADE = again(bundle())


def save(name: object, *, force: bool = False) -> int:
    with Target(str(name), force=force) as target:
        return target.save(MADE)


@pytest.mark.parametrize("name", ["call.json", "call", "call.json.gz"])
def test_saved_and_read(tmp_path: Path, name: str) -> None:
    file = tmp_path / name
    assert save(file) == file.stat().st_size
    assert read(str(file)) == MADE
    assert file.read_bytes().startswith(b"\x1f\x8b" if name.endswith("gz") else b"{")
    assert os.listdir(tmp_path) == [name]


def test_compressed_under_any_name(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_bytes(gzip.compress(encode(MADE)))
    assert read(str(tmp_path / "x.json")) == MADE


def test_never_over_another_file_unless_told(tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    file.write_text("precious")
    with pytest.raises(UserError, match=r"exists already"):
        save(file)
    assert file.read_text() == "precious"
    save(file, force=True)
    assert read(str(file)) == MADE


def test_not_over_a_file_that_came_meanwhile(tmp_path: Path) -> None:
    file = tmp_path / "call.json"
    with Target(str(file)) as target:
        file.write_text("precious")
        with pytest.raises(UserError, match=r"exists already"):
            target.save(MADE)
    assert file.read_text() == "precious"
    assert os.listdir(tmp_path) == ["call.json"]


def test_a_link_stays_a_link(tmp_path: Path) -> None:
    real, link = tmp_path / "real.json", tmp_path / "link.json"
    real.write_text("")
    link.symlink_to(real)
    save(link, force=True)
    assert link.is_symlink()
    assert read(str(real)) == MADE


@pytest.mark.parametrize("force", [False, True])
def test_refused_before_anything_is_done(tmp_path: Path, force: bool) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    for name, words in {
        "no/call.json": "there is no folder",
        "folder": "a folder",
        "pipe": "not a file that could be replaced" if force else "exists already",
        "x" * 300: "cannot be written: File name too long",
    }.items():
        with pytest.raises(UserError) as refused, Target(str(tmp_path / name), force=force):
            pytest.fail("entered")
        assert words in refused.value.message
        assert "\n" not in refused.value.message
        assert (refused.value.code, refused.value.exit_status) == ("LKD001", 2)
        assert refused.value.fix
    for name in ("", "-"):
        with pytest.raises(UserError, match=r"needs the name of a file"), Target(name, force=force):
            pytest.fail("entered")
    assert sorted(os.listdir(tmp_path)) == ["folder", "pipe"]


def test_no_permission(tmp_path: Path) -> None:
    """/proc takes no files, not even from root."""
    with pytest.raises(UserError, match=r"cannot be written"), Target("/proc/call.json"):
        pytest.fail("entered")


def test_nothing_half_done(tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt), Target(str(tmp_path / "call.json")):
        raise KeyboardInterrupt
    assert os.listdir(tmp_path) == []


def test_files_that_are_no_bundles(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    packed = gzip.compress(encode(MADE))
    (tmp_path / "half.gz").write_bytes(packed[:-20])
    (tmp_path / "damaged.gz").write_bytes(packed[:40] + b"\0" * 40 + packed[80:])
    (tmp_path / "large").write_bytes(b" " * 5000)
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(b" " * 5000))
    monkeypatch.setattr(files, "LARGEST", 4000)
    for name, words in {
        "missing.json": "no such file",
        ".": "a folder",
        "half.gz": "damaged, or it is truncated",
        "damaged.gz": "damaged",
        "large": "larger than",
        "bomb.gz": "larger than",
        "nul\0": "cannot be read",
    }.items():
        with pytest.raises(BundleRefused) as refused:
            read(str(tmp_path / name))
        assert words in refused.value.message
        assert "\n" not in refused.value.message
