"""The text encoder and tokenizer of a base are used again only while they are what was written."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from export.base import Base, open_base
from export.errors import ExportError
from export.shared import ensure_shared
from export.target import Target

_TARGET = Target("cpu", "fp32")


@pytest.fixture(scope="module")
def made(base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The root of the shared parts of one base."""
    root = tmp_path_factory.mktemp("shared")
    ensure_shared(open_base(str(base)), root, _TARGET)
    return root


@pytest.fixture
def shared(made: Path, base: Path, tmp_path: Path) -> tuple[Base, Path, Callable[[], None]]:
    """A base, the folder of its parts, and an export's use of them."""
    shutil.copytree(base, tmp_path / "tiny")
    shutil.copytree(made, tmp_path / "shared")
    opened = open_base(str(tmp_path / "tiny"))
    folder = tmp_path / "shared" / "tiny" / _TARGET.label
    return opened, folder, lambda: ensure_shared(opened, tmp_path / "shared", _TARGET)


def contents(folder: Path) -> dict[str, bytes]:
    return {file.name: file.read_bytes() for file in folder.iterdir()}


def without_hashes(folder: Path) -> None:
    """Facts as they were written before they held hashes."""
    facts = json.loads((folder / "facts.json").read_text())
    del facts["sha256"]
    (folder / "facts.json").write_text(json.dumps(facts))


def test_whole_parts_are_used_as_they_are(shared) -> None:
    _, folder, use = shared
    before = contents(folder)
    use()
    assert contents(folder) == before


@pytest.mark.parametrize("name", ["text_encoder.onnx", "tokenizer.json"])
@pytest.mark.parametrize("hashes", [True, False])
def test_a_damaged_or_missing_file_is_refused(name: str, hashes: bool, shared) -> None:
    _, folder, use = shared
    if not hashes:
        without_hashes(folder)
    whole = (folder / name).read_bytes()
    (folder / name).write_bytes(whole[: len(whole) // 2])
    with pytest.raises(ExportError, match="damaged"):
        use()
    (folder / name).unlink()
    with pytest.raises(ExportError, match="damaged"):
        use()


def test_parts_that_were_changed_are_refused(shared) -> None:
    _, folder, use = shared
    tokenizer = folder / "tokenizer.json"
    tokenizer.write_text(tokenizer.read_text().replace('"cat</w>"', '"cot</w>"'))
    with pytest.raises(ExportError, match=r"damaged \(tokenizer.json has not the hash"):
        use()
    without_hashes(folder)
    with pytest.raises(ExportError, match="damaged"):
        use()


def test_parts_from_before_there_were_hashes_are_checked_and_kept(shared) -> None:
    _, folder, use = shared
    before = contents(folder)
    without_hashes(folder)
    use()
    assert contents(folder) == before


def test_files_that_nothing_reads_make_no_other_base(shared) -> None:
    opened, _, use = shared
    (opened.path / "text_encoder" / "model.fp16.safetensors").write_bytes(b"the same in half the room")
    (opened.path / "tokenizer" / "README.txt").write_text("a tokenizer")
    use()
    (opened.path / "tokenizer" / "merges.txt").write_text("#version: 0.2\n")
    with pytest.raises(ExportError, match="--base-name"):
        use()


def test_a_base_without_the_weights_that_are_read_is_refused(shared) -> None:
    opened, _, use = shared
    (opened.path / "text_encoder" / "model.safetensors").unlink()
    with pytest.raises(ExportError, match=r"model\.safetensors"):
        use()
