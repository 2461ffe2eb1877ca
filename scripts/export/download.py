"""Downloads one file over HTTP with progress, resume and a hash check."""

from __future__ import annotations

import time
from collections.abc import Callable
from pathlib import Path

import requests

from .errors import ExportError
from .files import is_full_disk, sha256_of

Log = Callable[[str], None]

_ATTEMPTS = 5
# What is lost of a cut connection is at most one chunk.
_CHUNK = 1 << 16
_TIMEOUT = (15, 60)
_LOG_EVERY_S = 2.0


class _Interrupted(Exception):
    """The connection ended early; what arrived is kept and the rest can be asked for."""


def download(url: str, target: Path, sha256: str | None, log: Log, pause_s: float = 2.0) -> str:
    """Fetches `url` to `target` and returns its SHA-256. A file that is there already is checked, not fetched.

    An interrupted download goes on where it stopped, in this run or in the next, unless the file has changed on the
    server. Raises ExportError where the server refuses, the connection keeps failing, the disk is full, or the hash is not
    `sha256`.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.is_file():
        return _check(target, sha256, url)
    part = target.with_name(target.name + ".part")
    for attempt in range(1, _ATTEMPTS + 1):
        try:
            _fetch(url, part, log)
            break
        except (requests.RequestException, _Interrupted) as error:
            if attempt == _ATTEMPTS:
                raise ExportError(f"{url} could not be downloaded: {error}; run again to go on from there") from error
            log(f"connection lost ({error}); going on in {pause_s * attempt:.0f} s")
            time.sleep(pause_s * attempt)
        except OSError as error:
            if not is_full_disk(error):
                raise
            raise ExportError(f"there is no room on the disk for {part}; run again when there is, to go on from there") from error
    try:
        digest = _check(part, sha256, url)
    except ExportError:
        _discard(part)
        raise
    part.replace(target)
    _tag_file(part).unlink(missing_ok=True)
    return digest


def _check(path: Path, sha256: str | None, url: str) -> str:
    digest = sha256_of(path)
    if sha256 is not None and digest != sha256.lower():
        raise ExportError(f"{path} has the hash {digest}, but {sha256} is expected of {url}")
    return digest


def _fetch(url: str, part: Path, log: Log) -> None:
    have = part.stat().st_size if part.exists() else 0
    tag = _tag_file(part).read_text() if have and _tag_file(part).exists() else ""
    # Without a tag nothing would say that the rest belongs to the same file.
    headers = {"Range": f"bytes={have}-", "If-Range": tag} if have and tag else {}
    with requests.get(url, headers=headers, stream=True, timeout=_TIMEOUT) as response:
        if response.status_code == 416:
            _discard(part)
            raise _Interrupted("the part on disk does not fit the file")
        if response.status_code not in (200, 206):
            raise ExportError(f"{url} answers {response.status_code} {response.reason}")
        if response.status_code == 200:
            have = 0
        total = have + int(response.headers.get("Content-Length", 0))
        _tag_file(part).write_text(response.headers.get("ETag") or response.headers.get("Last-Modified") or "")
        _receive(response, part, have, total, log)
    if total > have and part.stat().st_size != total:
        raise _Interrupted(f"{part.stat().st_size} of {total} bytes arrived")


def _receive(response: requests.Response, part: Path, have: int, total: int, log: Log) -> None:
    done, told = have, time.monotonic()
    if have:
        log(f"{part.stem}: going on at {have / 1e6:.1f} MB")
    with part.open("ab" if have else "wb") as file:
        for chunk in response.iter_content(_CHUNK):
            file.write(chunk)
            done += len(chunk)
            if time.monotonic() - told >= _LOG_EVERY_S:
                told = time.monotonic()
                share = f" of {total / 1e6:.1f} MB, {100 * done / total:.0f} %" if total else ""
                log(f"{part.stem}: {done / 1e6:.1f}{share}")


def _tag_file(part: Path) -> Path:
    return part.with_name(part.name + ".tag")


def _discard(part: Path) -> None:
    part.unlink(missing_ok=True)
    _tag_file(part).unlink(missing_ok=True)


def remembered_hash(target: Path) -> str | None:
    """The hash of the first download of a file, for files whose publisher states none."""
    memory = _memory(target)
    return memory.read_text().strip() if memory.is_file() else None


def remember_hash(target: Path, digest: str) -> None:
    """Writes it down, so that a later download that differs is noticed."""
    _memory(target).write_text(digest + "\n")


def _memory(target: Path) -> Path:
    return target.with_name(target.name + ".sha256")
