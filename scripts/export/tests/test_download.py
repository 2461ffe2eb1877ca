"""Downloads resume, are checked, and say what went wrong; against a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from pathlib import Path

import pytest

from export.download import download
from export.errors import ExportError

from .file_server import FileServer


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer()
    yield served
    served.close()


CONTENT = bytes(range(256)) * 20_000


def quiet(_: str) -> None:
    pass


def test_a_file_arrives_whole_and_its_hash_is_told(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.pkl"] = CONTENT
    digest = download(f"{server.url}/a.pkl", tmp_path / "sub" / "a.pkl", None, quiet)
    assert digest == hashlib.sha256(CONTENT).hexdigest()
    assert [path.name for path in (tmp_path / "sub").iterdir()] == ["a.pkl"]


def test_a_cut_connection_goes_on_where_it_stopped(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.pkl"] = CONTENT
    server.cuts, server.cut_after = 2, 2_000_000
    download(f"{server.url}/a.pkl", tmp_path / "a.pkl", hashlib.sha256(CONTENT).hexdigest(), quiet, pause_s=0)
    assert (tmp_path / "a.pkl").read_bytes() == CONTENT
    assert server.ranges[0] is None and all(wanted != "bytes=0-" for wanted in server.ranges[1:])
    assert len(server.ranges) == 3


def test_the_next_run_goes_on_too(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.pkl"] = CONTENT
    server.cuts, server.cut_after = 5, 100_000
    with pytest.raises(ExportError, match="run again to go on"):
        download(f"{server.url}/a.pkl", tmp_path / "a.pkl", None, quiet, pause_s=0)
    assert not (tmp_path / "a.pkl").exists()
    have = (tmp_path / "a.pkl.part").stat().st_size
    assert have > 0
    download(f"{server.url}/a.pkl", tmp_path / "a.pkl", hashlib.sha256(CONTENT).hexdigest(), quiet)
    assert server.ranges[-1] == f"bytes={have}-"


def test_a_file_that_changed_meanwhile_starts_over(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.pkl"] = CONTENT
    server.cuts, server.cut_after = 5, 100_000
    with pytest.raises(ExportError):
        download(f"{server.url}/a.pkl", tmp_path / "a.pkl", None, quiet, pause_s=0)
    server.files["/a.pkl"] = CONTENT[::-1]
    download(f"{server.url}/a.pkl", tmp_path / "a.pkl", None, quiet)
    assert (tmp_path / "a.pkl").read_bytes() == CONTENT[::-1]


def test_a_wrong_hash_is_refused_and_nothing_is_left(server: FileServer, tmp_path: Path) -> None:
    server.files["/a.pkl"] = CONTENT
    with pytest.raises(ExportError, match="is expected"):
        download(f"{server.url}/a.pkl", tmp_path / "a.pkl", "0" * 64, quiet)
    assert list(tmp_path.iterdir()) == []


def test_a_file_that_is_there_is_checked_and_not_fetched(server: FileServer, tmp_path: Path) -> None:
    (tmp_path / "a.pkl").write_bytes(CONTENT)
    download(f"{server.url}/a.pkl", tmp_path / "a.pkl", hashlib.sha256(CONTENT).hexdigest(), quiet)
    assert server.ranges == []
    with pytest.raises(ExportError, match="is expected"):
        download(f"{server.url}/a.pkl", tmp_path / "a.pkl", "0" * 64, quiet)


def test_a_full_disk_is_said_and_what_arrived_is_kept(server: FileServer, tmp_path: Path, full_disk) -> None:
    server.files["/a.pkl"] = CONTENT
    with pytest.raises(ExportError, match="no room on the disk"), full_disk():
        download(f"{server.url}/a.pkl", tmp_path / "a.pkl", None, quiet, pause_s=0)
    assert not (tmp_path / "a.pkl").exists()
    assert (tmp_path / "a.pkl.part").stat().st_size > 0
    download(f"{server.url}/a.pkl", tmp_path / "a.pkl", hashlib.sha256(CONTENT).hexdigest(), quiet)
    assert server.ranges[-1] is not None


def test_a_missing_file_and_no_server_are_said_plainly(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="404"):
        download(f"{server.url}/none.pkl", tmp_path / "a.pkl", None, quiet)
    with pytest.raises(ExportError, match="could not be downloaded"):
        download("http://127.0.0.1:9/none.pkl", tmp_path / "a.pkl", None, quiet, pause_s=0)
