"""Writing so that nothing half-done is ever seen: aside, then renamed; and what a manifest says of a file."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

from .errors import ExportError


def sha256_of(path: Path) -> str:
    """The file's SHA-256 in lower-case hexadecimal."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def file_entry(path: Path, relative_to: Path) -> dict[str, object]:
    """A manifest's entry of a file: path relative to the bundle's folder, hash, size."""
    return {
        "path": Path(os.path.relpath(path, relative_to)).as_posix(),
        "sha256": sha256_of(path),
        "bytes": path.stat().st_size,
    }


def refuse_existing(target: Path, replace: bool) -> None:
    """Raises ExportError where `target` exists and may not be replaced."""
    if target.exists() and not replace:
        raise ExportError(f"{target} exists already; --force replaces it")


@contextlib.contextmanager
def folder_aside(target: Path, replace: bool) -> Iterator[Path]:
    """A fresh folder beside `target` that takes its name when the block ends well, and vanishes when it does not.

    Raises ExportError where `target` exists and may not be replaced, and where the disk is full.
    """
    refuse_existing(target, replace)
    aside = target.parent / f".{target.name}.partial-{os.getpid()}"
    try:
        aside.mkdir(parents=True)
        yield aside
        if target.exists():
            retired = target.parent / f".{target.name}.retired-{os.getpid()}"
            target.rename(retired)
            try:
                aside.rename(target)
            except OSError:
                retired.rename(target)
                raise
            shutil.rmtree(retired, ignore_errors=True)
        else:
            aside.rename(target)
    except OSError as error:
        raise _explained(error, target) from error
    finally:
        shutil.rmtree(aside, ignore_errors=True)


def is_full_disk(error: OSError) -> bool:
    """Whether a write failed because there is no room: on the disk, in a quota, or under a limit on files."""
    return error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)


def _explained(error: OSError, target: Path) -> ExportError:
    if is_full_disk(error):
        return ExportError(f"there is no room on the disk: {target} was not written, nor any part of it ({error})")
    return ExportError(f"{target} could not be written: {error}")
