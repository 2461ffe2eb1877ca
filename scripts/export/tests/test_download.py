"""Downloads resume, are checked, and say what went wrong; against a real HTTP server on this machine."""

from __future__ import annotations

import hashlib
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from export.download import download
from export.errors import ExportError


class FileServer:
    """Serves `files` with ETag and Range; `cut_after` bytes into an answer it hangs up, as often as `cuts` says."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.cut_after = 0
        self.cuts = 0
        self.ranges: list[str | None] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def answer(self, request: BaseHTTPRequestHandler) -> None:
        content = self.files.get(request.path)
        self.ranges.append(request.headers.get("Range"))
        if content is None:
            request.send_error(404)
            return
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        start = 0
        wanted = request.headers.get("Range")
        if wanted and request.headers.get("If-Range") == tag:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
        request.send_response(206 if start else 200)
        request.send_header("ETag", tag)
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        body = content[start:]
        if self.cuts:
            self.cuts -= 1
            request.wfile.write(body[: self.cut_after])
            request.wfile.flush()
            request.connection.shutdown(2)
            return
        request.wfile.write(body)


@pytest.fixture
def server() -> Iterator[FileServer]:
    served = FileServer()
    yield served
    served.http.shutdown()


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


def test_a_missing_file_and_no_server_are_said_plainly(server: FileServer, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match="404"):
        download(f"{server.url}/none.pkl", tmp_path / "a.pkl", None, quiet)
    with pytest.raises(ExportError, match="could not be downloaded"):
        download("http://127.0.0.1:9/none.pkl", tmp_path / "a.pkl", None, quiet, pause_s=0)
