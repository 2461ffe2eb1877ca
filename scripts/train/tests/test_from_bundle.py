"""A run that begins on a bundle has the weights that the bundle was published from."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from export.errors import ExportError
from train import from_bundle, publish, state, tokenizer
from train.generator import SketchGenerator, StreetGenerator

from .small import SMALL, randomise

# Three levels, as what ships has: the exporter wants more of a latent's side than the one of two levels would leave.
EMOJI = replace(SMALL, unet_channels=[16, 32, 32], spread=8)
SIZES = {"emoji-sketch": EMOJI, "day-night": replace(EMOJI, outside=False, spread=0)}
FACTS = {"step": 12, "samples": 96, "seconds": 5400.0, "phases": [{"device": "cuda"}]}


def published(name: str, folder: Path) -> tuple[SketchGenerator | StreetGenerator, Path]:
    """A generator of which no weight is zero, and its bundle."""
    torch.manual_seed(7)
    generator = publish.GENERATORS[name]
    model, copy = generator(SIZES[name]), generator(SIZES[name])
    randomise(model)
    with torch.no_grad():
        for key, parameter in model.named_parameters():
            if key.endswith("decoder.conv_out.weight"):
                parameter.mul_(0.3)
            # As it is trained: a posterior that is all but a point, so that the noise is not seen.
            elif key.endswith("encoder.conv_out.weight") and name == "day-night":
                parameter[SMALL.latent_channels :] = 0
            elif key.endswith("encoder.conv_out.bias") and name == "day-night":
                parameter[SMALL.latent_channels :] = -14
    copy.load_state_dict(model.state_dict())
    words = tokenizer.build(tokenizer.corpus(["duck", "house"], ["bird"]), SMALL.vocabulary)
    tokenizer.save(words, folder / "tokenizer", SMALL.tokens)
    bundle = folder / "models" / name
    publish.WRITERS[name](copy, folder / "tokenizer", publish.origin_of(FACTS), folder, bundle)
    return model, bundle


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(from_bundle, "SIZES", SIZES)
    for module in (from_bundle, state):
        monkeypatch.setattr(module, "RUNS", tmp_path / "runs")


@pytest.mark.parametrize("name", list(SIZES))
def test_weights_come_back(tmp_path: Path, name: str) -> None:
    model, bundle = published(name, tmp_path)
    from_bundle.begin_run(name, bundle, "again")
    saved = state.load("again")
    assert saved is not None
    assert {key: saved["facts"][key] for key in ("step", "samples", "seconds")} == {"step": 12, "samples": 96, "seconds": 5400}
    assert publish.origin_of(saved["facts"]) == publish.origin_of(FACTS)
    for part in ("model", "average"):
        other = publish.GENERATORS[name](SIZES[name])
        other.load_state_dict(saved[part])
        for (key, parameter), found in zip(model.named_parameters(), other.parameters(), strict=True):
            # Only what is made of these two is kept of them: the first convolution's sum over three equal channels, and
            # the timestep's one vector.
            if "time_embedding" in key or (key.endswith("encoder.conv_in.weight") and name == "emoji-sketch"):
                continue
            assert torch.allclose(parameter, found, rtol=1e-3, atol=1e-6), key
        with torch.no_grad():
            assert torch.allclose(model.unet.embed_timestep(), other.unet.embed_timestep(), rtol=1e-3, atol=1e-6)
    with pytest.raises(ExportError, match="there is a run again already"):
        from_bundle.begin_run(name, bundle, "again")


def test_a_bundle_that_does_not_serve_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ExportError, match="is no bundle"):
        from_bundle.begin_run("emoji-sketch", tmp_path, "new")
    _, bundle = published("emoji-sketch", tmp_path)
    monkeypatch.setitem(SIZES, "emoji-sketch", replace(EMOJI, unet_channels=[16, 48, 32]))
    with pytest.raises(ExportError, match="another shape"):
        from_bundle.begin_run("emoji-sketch", bundle, "new")
    manifest = json.loads((bundle / "manifest.json").read_text())
    (bundle / "manifest.json").write_text(json.dumps({**manifest, "origin": "somewhere"}))
    with pytest.raises(ExportError, match="none of scripts/train"):
        from_bundle.begin_run("emoji-sketch", bundle, "new")
    assert not (tmp_path / "runs").exists()
