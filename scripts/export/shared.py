"""The text encoder and tokenizer that all bundles on one base share, under `models/shared/<base>/`."""

from __future__ import annotations

import hashlib
import json
import tempfile
from dataclasses import dataclass
from pathlib import Path

from .base import Base, load_text_encoder, read_json
from .errors import ExportError
from .files import folder_aside, sha256_of
from .graphs import text_plan
from .target import Target
from .to_onnx import check_graph, export_graph
from .tokenizer import TokenizerFacts, write_tokenizer_json
from .verify import verify_text

#: What transformers reads of a base. Other files may lie beside them, such as the same weights in fp16.
_TEXT_ENCODER_FILES = ("config.json", "model.safetensors")
_TOKENIZER_FILES = (
    "added_tokens.json",
    "merges.txt",
    "special_tokens_map.json",
    "tokenizer.json",
    "tokenizer_config.json",
    "vocab.json",
)


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
    belongs to another base of the same name, where a file in it is damaged, and where the graph does not compute what
    PyTorch computes.
    """
    folder = shared_root / base.name / target.label
    facts_file = folder / "facts.json"
    source = _fingerprint(base)
    if not facts_file.is_file():
        with folder_aside(folder, replace=True) as aside:
            _write(base, aside, target, source)
        facts = read_json(facts_file)
    else:
        facts = read_json(facts_file)
        if facts.get("source") != source:
            raise ExportError(f"{folder} was made from another base named {base.name!r}; name this one with --base-name")
        if "sha256" in facts:
            _check_hashes(folder, facts["sha256"])
        else:
            facts = _adopt(base, folder, target, facts)
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
    width = encoder.width
    del encoder, plan
    _check_text_encoder(base, files[0], target)
    facts = {
        "source": source,
        "text_encoder": [file.name for file in files],
        "max_length": tokenizer.max_length,
        "pad_id": tokenizer.pad_id,
        "width": width,
        "sha256": _hashes(folder, [file.name for file in files]),
    }
    _write_facts(folder, facts)


def _adopt(base: Base, folder: Path, target: Target, facts: dict[str, object]) -> dict[str, object]:
    """Takes parts of the time before facts held hashes: checks them as new ones are, and writes the hashes down.

    They are not made anew, because another version of a library may give other bytes, and the server would refuse the
    bundles that name these.
    """
    with tempfile.TemporaryDirectory() as scratch:
        fresh = Path(scratch) / "tokenizer.json"
        write_tokenizer_json(base, fresh)
        expected = read_json(fresh)
    try:
        _check_text_encoder(base, folder / facts["text_encoder"][0], target)
        same = read_json(folder / "tokenizer.json") == expected
    except Exception as error:  # for a damaged file, onnx, protobuf and ONNX Runtime each raise their own kinds
        raise _damaged(folder, str(error)) from error
    if not same:
        raise _damaged(folder, "tokenizer.json is not the base's")
    facts = {**facts, "sha256": _hashes(folder, facts["text_encoder"])}
    _write_facts(folder, facts)
    return facts


def _check_text_encoder(base: Base, graph: Path, target: Target) -> None:
    check_graph(graph)
    verify_text(load_text_encoder(base, target.reference.operators()), graph, target)


def _hashes(folder: Path, text_encoder: list[str]) -> dict[str, str]:
    return {name: sha256_of(folder / name) for name in (*text_encoder, "tokenizer.json")}


def _check_hashes(folder: Path, hashes: dict[str, str]) -> None:
    for name, sha256 in hashes.items():
        if not (folder / name).is_file():
            raise _damaged(folder, f"{name} is missing")
        if sha256_of(folder / name) != sha256:
            raise _damaged(folder, f"{name} has not the hash it was written with")


def _damaged(folder: Path, reason: str) -> ExportError:
    return ExportError(f"{folder} is damaged ({reason}); delete it, and the export makes it anew")


def _write_facts(folder: Path, facts: dict[str, object]) -> None:
    """In one move, because their presence says that the folder is whole."""
    aside = folder / "facts.json.partial"
    aside.write_text(json.dumps(facts, indent=2) + "\n")
    aside.replace(folder / "facts.json")


def _fingerprint(base: Base) -> str:
    """Tells two bases apart: the hash over the files that its text encoder and tokenizer are read from."""
    encoder = [base.path / "text_encoder" / name for name in _TEXT_ENCODER_FILES]
    for file in encoder:
        if not file.is_file():
            raise ExportError(f"the base has no {file}")
    tokenizer = [base.path / "tokenizer" / name for name in _TOKENIZER_FILES]
    digest = hashlib.sha256()
    for file in (*encoder, *filter(Path.is_file, tokenizer)):
        digest.update(f"{file.name} {sha256_of(file)}\n".encode())
    return digest.hexdigest()
