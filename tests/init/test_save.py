"""A file is written as a whole or not at all."""

import os
import stat
from pathlib import Path

import pytest

from livekit_doctor.errors import UserError
from livekit_doctor.init.save import save


def put(path: Path, text: str = "new", *, replace: bool = False) -> None:
    save(text, path, path.name, replace=replace, accept=lambda _: None)


def test_a_new_file_has_the_usual_mode(tmp_path: Path) -> None:
    umask = os.umask(0o022)
    try:
        put(tmp_path / "checks.yaml")
    finally:
        os.umask(umask)
    assert (tmp_path / "checks.yaml").read_text() == "new"
    assert stat.S_IMODE((tmp_path / "checks.yaml").stat().st_mode) == 0o644
    assert os.listdir(tmp_path) == ["checks.yaml"]


def test_another_file_is_replaced_only_when_told_to(tmp_path: Path) -> None:
    path = tmp_path / "checks.yaml"
    path.write_text("old")
    path.chmod(0o600)
    with pytest.raises(UserError, match="exists already"):
        put(path)
    assert path.read_text() == "old"
    put(path, replace=True)
    assert path.read_text() == "new"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert os.listdir(tmp_path) == ["checks.yaml"]


def test_a_file_that_comes_up_meanwhile_is_not_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "checks.yaml"
    with pytest.raises(UserError, match="exists already"):
        save("new", path, "checks.yaml", replace=False, accept=lambda _: path.write_text("theirs") and None)
    assert path.read_text() == "theirs"
    assert os.listdir(tmp_path) == ["checks.yaml"]


def test_what_is_not_accepted_leaves_no_file(tmp_path: Path) -> None:
    def refuse(path: Path) -> None:
        raise RuntimeError(path.read_text())

    with pytest.raises(RuntimeError, match="new"):
        save("new", tmp_path / "checks.yaml", "checks.yaml", replace=False, accept=refuse)
    assert os.listdir(tmp_path) == []


def test_a_link_stays_one(tmp_path: Path) -> None:
    (tmp_path / "real.yaml").write_text("old")
    (tmp_path / "checks.yaml").symlink_to("real.yaml")
    put(tmp_path / "checks.yaml", replace=True)
    assert (tmp_path / "checks.yaml").is_symlink()
    assert (tmp_path / "real.yaml").read_text() == "new"


@pytest.mark.parametrize(("name", "message"), [("", "is a folder"), ("no/checks.yaml", "there is no folder")])
def test_places_where_no_file_can_be(tmp_path: Path, name: str, message: str) -> None:
    with pytest.raises(UserError, match=message):
        put(tmp_path / name)
