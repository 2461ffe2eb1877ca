"""The text encoder and tokenizer that all bundles on one base share, under `models/shared/<base>/`."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from .base import Base, load_text_encoder
from .errors import ExportError
from .files import folder_aside, sha256_of
from .graphs import text_plan
from .target import Target
from .to_onnx import check_graph, export_graph
from .tokenizer import TokenizerFacts, write_tokenizer_json
from .verify import verify_text


@dataclass(frozen=True)
class SharedParts:
    """What a bundle's manifest needs of them."""

    text_encoder: list[Path]
    tokenizer: Path
    facts: TokenizerFacts
    #: (L, D) of one prompt's embedding.
    embedding: tuple[int, int]


def ensure_shared(base: Base, shared_root: Path, target: Target) -> SharedParts:
    """Exports them, or takes what an earlier export on the same base has left.

    They lie in one folder per precision and target, since the graphs differ. Raises ExportError where the folder
    belongs to another base of the same name, and where the graph does not compute what PyTorch computes.
    """
    folder = shared_root / base.name / target.label
    facts_file = folder / "facts.json"
    source = _fingerprint(base)
    if not facts_file.is_file():
        with folder_aside(folder, replace=True) as aside:
            _write(base, aside, target, source)
    facts = json.loads(facts_file.read_text())
    if facts["source"] != source:
        raise ExportError(f"{folder} was made from another base named {base.name!r}; name this one with --base-name")
    return SharedParts(
        text_encoder=[folder / name for name in facts["text_encoder"]],
        tokenizer=folder / "tokenizer.json",
        facts=TokenizerFacts(facts["max_length"], facts["pad_id"]),
        embedding=(facts["max_length"], facts["width"]),
    )


def _write(base: Base, folder: Path, target: Target, source: str) -> None:
    tokenizer = write_tokenizer_json(base, folder / "tokenizer.json")
    encoder = load_text_encoder(base, target.operators()).to(target.dtype)
    if tokenizer.max_length != encoder.max_length:
        raise ExportError(f"the base's tokenizer makes {tokenizer.max_length} ids, its text encoder takes {encoder.max_length}")
    plan = text_plan(encoder)
    files = export_graph(
        plan.module, plan.inputs, plan.outputs, folder / "text_encoder.onnx", half_storage=target.half_storage, fuse=target.fuse
    )
    check_graph(files[0])
    if target.provider == "cpu":
        verify_text(encoder, files[0], target)
    facts = {
        "source": source,
        "text_encoder": [file.name for file in files],
        "max_length": tokenizer.max_length,
        "pad_id": tokenizer.pad_id,
        "width": encoder.width,
    }
    (folder / "facts.json").write_text(json.dumps(facts, indent=2) + "\n")


def _fingerprint(base: Base) -> str:
    """Tells two bases apart: the hash over the text encoder's and tokenizer's files."""
    files = sorted([*(base.path / "text_encoder").iterdir(), *(base.path / "tokenizer").iterdir()])
    wanted = [file for file in files if file.suffix in (".json", ".safetensors", ".txt")]
    import hashlib

    digest = hashlib.sha256()
    for file in wanted:
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
