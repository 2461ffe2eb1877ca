"""What a run is published as is what was trained: the same pictures by way of a base and a checkpoint on disk."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.assemble import assemble_paired, assemble_unpaired
from export.base import load_text_encoder, open_base
from export.checkpoint import read_checkpoint
from export.model.operators import PlainOperators
from export.model.turbo import finish_image
from train import publish, tokenizer
from train.generator import SketchGenerator, StreetGenerator

from .small import SMALL, randomise


@pytest.fixture
def words(tmp_path: Path) -> Path:
    folder = tmp_path / "tokenizer"
    built = tokenizer.build(tokenizer.corpus(["duck", "house"], ["bird"]), SMALL.vocabulary)
    tokenizer.save(built, folder, SMALL.tokens)
    return folder


def read(tmp_path: Path, checkpoint: dict[str, object]):
    torch.save(checkpoint, tmp_path / "run.pkl")
    base = open_base(str(tmp_path / "base"), "small")
    return read_checkpoint(tmp_path / "run.pkl"), base, load_text_encoder(base, PlainOperators()).eval()


def levels_apart(one: torch.Tensor, other: torch.Tensor) -> int:
    # A picture of black and white only would hide a difference.
    assert ((one > 0) & (one < 255)).float().mean() > 0.3
    return int((one.int() - other.int()).abs().max())


@torch.no_grad()
def test_a_published_sketch_model_is_the_trained_one(tmp_path: Path, words: Path) -> None:
    torch.manual_seed(1)
    model = SketchGenerator(SMALL).eval()
    randomise(model)
    model.vae.decoder.conv_out.weight.mul_(0.3)
    image = (torch.rand(2, 64, 64, 1) > 0.8).to(torch.uint8).mul(255).expand(-1, -1, -1, 3)
    sketch = (image > 127).permute(0, 3, 1, 2).float()
    ids, noise = torch.randint(3, SMALL.vocabulary, (2, SMALL.tokens)), torch.randn(2, SMALL.latent_channels, 4, 4)
    gamma = torch.tensor([1.0, 0.4])
    trained = finish_image(model(sketch, ids, noise, gamma))

    saved = publish.sketch_checkpoint(model)
    publish.write_sketch_base(tmp_path / "base", model, words)
    checkpoint, base, text = read(tmp_path, saved)
    translator = assemble_paired(checkpoint, base, PlainOperators(), "binary").fused
    assert levels_apart(trained, translator(image, text(ids), noise, gamma)) <= 1


@torch.no_grad()
@pytest.mark.parametrize("half", ["a2b", "b2a"])
def test_a_published_street_model_is_the_trained_one(tmp_path: Path, words: Path, half: str) -> None:
    torch.manual_seed(2)
    model = StreetGenerator(replace(SMALL, outside=False, spread=0)).eval()
    randomise(model)
    for vae in (model.vae, model.vae_b2a):
        vae.decoder.conv_out.weight.mul_(0.3)
    image = torch.randint(0, 256, (2, 64, 64, 3), dtype=torch.uint8)
    ids = torch.randint(3, SMALL.vocabulary, (2, SMALL.tokens))
    trained = finish_image(model(image.permute(0, 3, 1, 2) / 127.5 - 1, ids, half))

    saved = publish.street_checkpoint(model)
    publish.write_base(tmp_path / "base", model.unet_holder, model.clip, model.vae, words)
    checkpoint, base, text = read(tmp_path, saved)
    translator = assemble_unpaired(checkpoint, base, PlainOperators(), half).fused
    no_noise = torch.zeros(2, SMALL.latent_channels, 4, 4)
    assert levels_apart(trained, translator(image, text(ids), no_noise)) <= 1
