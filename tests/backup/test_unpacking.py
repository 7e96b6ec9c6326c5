"""Nothing of an archive lands outside its folder, with the filter of Python 3.11.4 and without."""

import io
import tarfile
from pathlib import Path

import pytest

from apps.backup.physical import extract


@pytest.fixture(params=["with the filter", "without, as in 3.11.2"])
def _filter(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    if "without" in request.param:
        monkeypatch.delattr(tarfile, "data_filter", raising=False)
    elif not hasattr(tarfile, "data_filter"):
        pytest.skip("This Python has no filter.")


def archive(*members: tuple[str, bytes, int]) -> tarfile.TarFile:
    """Of names, kinds and modes; every file holds three bytes."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as written:
        for name, kind, mode in members:
            member = tarfile.TarInfo(name)
            member.type, member.mode, member.linkname = kind, mode, "/etc/passwd"
            member.size = 3 if kind == tarfile.REGTYPE else 0
            written.addfile(member, io.BytesIO(b"abc"))
    buffer.seek(0)
    return tarfile.open(fileobj=buffer, mode="r|gz")


@pytest.mark.usefixtures("_filter")
def test_files_and_folders_arrive(tmp_path: Path) -> None:
    members = [("base", tarfile.DIRTYPE, 0o700), ("base/1", tarfile.REGTYPE, 0o600)]
    with archive(*members) as opened:
        extract(opened, tmp_path)
    assert (tmp_path / "base" / "1").read_bytes() == b"abc"
    assert (tmp_path / "base" / "1").stat().st_mode & 0o777 == 0o600


@pytest.mark.usefixtures("_filter")
@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("../out", tarfile.REGTYPE),
        ("base/../../out", tarfile.REGTYPE),
        ("link", tarfile.SYMTYPE),
        ("pipe", tarfile.FIFOTYPE),
    ],
)
def test_what_leads_out_of_the_folder_is_refused(tmp_path: Path, name: str, kind: bytes) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    with archive((name, kind, 0o600)) as opened, pytest.raises(tarfile.TarError):
        extract(opened, folder)
    assert not (tmp_path / "out").exists()
