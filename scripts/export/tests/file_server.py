"""A real HTTP server on this machine for what `pull` downloads: files with Range and ETag, and a small model hub."""

from __future__ import annotations

import hashlib
import json
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

_COMMIT = "0" * 39 + "1"


class FileServer:
    """Serves `files` by path. `cut_after` bytes into an answer it hangs up, as often as `cuts` says."""

    def __init__(self) -> None:
        self.files: dict[str, bytes] = {}
        self.json: dict[str, object] = {}
        self.cut_after = 0
        self.cuts = 0
        self.ranges: list[str | None] = []
        self.paths: list[str] = []
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                outer.answer(self, body=True)

            def do_HEAD(self) -> None:
                outer.answer(self, body=False)

            def log_message(self, *_: object) -> None:
                pass

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}"
        threading.Thread(target=self.http.serve_forever, daemon=True).start()

    def close(self) -> None:
        self.http.shutdown()
        self.http.server_close()

    def add_hub_model(self, identifier: str, folder: Path) -> None:
        """Serves a folder as a model repository, in the paths that huggingface_hub asks for."""
        names = sorted(path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
        facts = {"id": identifier, "sha": _COMMIT, "siblings": [{"rfilename": name} for name in names]}
        for revision in ("main", _COMMIT):
            self.json[f"/api/models/{identifier}/revision/{revision}"] = facts
            self.json[f"/api/models/{identifier}/tree/{revision}"] = [
                {"type": "file", "path": name, "size": (folder / name).stat().st_size, "oid": _COMMIT} for name in names
            ]
            for name in names:
                self.files[f"/{identifier}/resolve/{revision}/{name}"] = (folder / name).read_bytes()

    def answer(self, request: BaseHTTPRequestHandler, body: bool) -> None:
        path = request.path.split("?")[0]
        self.paths.append(path)
        self.ranges.append(request.headers.get("Range"))
        content = json.dumps(self.json[path]).encode() if path in self.json else self.files.get(path)
        if content is None:
            request.send_error(404)
            return
        tag = f'"{hashlib.md5(content).hexdigest()}"'
        wanted, start = request.headers.get("Range"), 0
        if wanted and request.headers.get("If-Range", tag) == tag:
            start = int(wanted.removeprefix("bytes=").split("-")[0])
        request.send_response(206 if start else 200)
        request.send_header("ETag", tag)
        request.send_header("X-Repo-Commit", _COMMIT)
        request.send_header("Content-Type", "application/json" if path in self.json else "application/octet-stream")
        request.send_header("Content-Length", str(len(content) - start))
        request.end_headers()
        if not body:
            return
        rest = content[start:]
        if self.cuts:
            self.cuts -= 1
            request.wfile.write(rest[: self.cut_after])
            request.wfile.flush()
            request.connection.shutdown(2)
            return
        request.wfile.write(rest)
