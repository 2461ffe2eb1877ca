"""The text encoder and the tokenizer that bundles share are the base's own."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx_ir
import pytest
import torch
from transformers import CLIPTokenizer, PreTrainedTokenizerFast

from export.base import load_text_encoder, open_base
from export.errors import ExportError
from export.model.operators import PlainOperators
from export.target import Target
from export.verify import open_session, verify_text
from export.weights import store_half

from .conftest import PROMPTS, Bundle
from .reference import text_embedding

_CASES = Path(__file__).parents[3] / "test" / "fixtures" / "tokenizer" / "cases.json"


def tokens(bundle: Bundle, prompts: list[str]) -> np.ndarray:
    """Ids int64 [B,L] by the bundle's own file and its manifest's numbers, as the server makes them."""
    facts = bundle.manifest["tokenizer"]
    tokenizer = PreTrainedTokenizerFast(tokenizer_file=str(bundle.path / facts["path"]))
    rows = tokenizer(prompts, truncation=True, max_length=facts["max_length"]).input_ids
    return np.array([row + [facts["pad_id"]] * (facts["max_length"] - len(row)) for row in rows])


def test_the_exported_tokenizer_gives_the_bases_ids(export, base: Path) -> None:
    prompts = [case["prompt"] for case in json.loads(_CASES.read_text())["cases"]]
    wanted = CLIPTokenizer.from_pretrained(base / "tokenizer")(
        prompts, max_length=77, padding="max_length", truncation=True, return_tensors="np"
    ).input_ids
    np.testing.assert_array_equal(tokens(export("edge", "--conditioning", "edge"), prompts), wanted)


@pytest.mark.parametrize("precision, tolerance", [("fp32", 1e-4), ("fp16", 1e-2)])
def test_prompts_are_embedded_as_transformers_does(precision: str, tolerance: float, export, base: Path, tmp_path: Path) -> None:
    bundle: Bundle = export("edge", "--conditioning", "edge")
    graph = bundle.path / bundle.manifest["text_encoder"]["path"]
    if precision == "fp16":
        stored = onnx_ir.load(graph)
        store_half(stored)
        graph = tmp_path / "half.onnx"
        onnx_ir.save(stored, graph)
    (got,) = open_session(graph).run(None, {"input_ids": tokens(bundle, PROMPTS)})
    wanted = text_embedding(base, PROMPTS).numpy()
    assert np.sqrt(np.mean((got - wanted) ** 2)) < tolerance * np.sqrt(np.mean(wanted**2))


def test_another_text_encoder_is_noticed(export, base: Path) -> None:
    bundle: Bundle = export("edge", "--conditioning", "edge")
    encoder = load_text_encoder(open_base(str(base)), PlainOperators())
    graph = bundle.path / bundle.manifest["text_encoder"]["path"]
    assert verify_text(encoder, graph, Target("cpu", "fp32")) > 80
    with torch.no_grad():
        encoder.layers[0].mlp.fc1.weight *= 1.1
    with pytest.raises(ExportError, match="text encoder is not the model"):
        verify_text(encoder, graph, Target("cpu", "fp32"))
