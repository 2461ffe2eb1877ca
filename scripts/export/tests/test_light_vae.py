"""A base with a lighter VAE goes the same way, in the layout and kind that hand most from graph to graph."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from torch import nn

from export.assemble import assemble_paired
from export.base import open_base
from export.checkpoint import read_checkpoint
from export.cli import main
from export.errors import ExportError
from export.model.light_vae import FOLD, SPREAD_STEPS, LightAutoencoderKL, flood, paper_cells, save_light_vae, spread
from export.model.operators import PlainOperators
from export.model.vae import add_skip_convs
from export.verify import closeness

from .conftest import Bundle


@torch.no_grad()
def make(base: Path, checkpoint: Path, folder: Path, outside: bool, spread: int = 0) -> tuple[Path, Path]:
    """The tiny base and stochastic checkpoint, their VAE replaced by a LightAutoencoderKL of the shipped models' depths."""
    torch.manual_seed(7)
    vae = LightAutoencoderKL([8, 8, 16, 16], [0, 0, 1, 1], [1, 1, 1, 1], latent_channels=4, outside=outside, spread=spread)
    for parameter in vae.parameters():
        # Nothing is left at zero, where a mistake would not show.
        parameter.normal_(std=0.1 if parameter.dim() == 1 else 1.2 * parameter[0].numel() ** -0.5)
    shutil.copytree(base, folder / "light")
    shutil.rmtree(folder / "light" / "vae")
    save_light_vae(vae, folder / "light" / "vae")
    conv = vae.decoder.conv_in
    content = torch.load(checkpoint, weights_only=True)
    content["vae_lora_target_modules"] = ["decoder.conv_in"]
    content["state_dict_vae"] = {
        "decoder.conv_in.lora_A.vae_skip.weight": torch.randn(4, *conv.weight.shape[1:]) * 0.1,
        "decoder.conv_in.lora_B.vae_skip.weight": torch.randn(conv.out_channels, 4, 1, 1) * 0.1,
    } | {
        f"decoder.skip_conv_{index}.weight": nn.init.normal_(torch.empty(stage, tap, 1, 1), std=tap**-0.5)
        for index, (tap, stage) in enumerate(vae.skip_channels, start=1)
    }
    torch.save(content, folder / "light.pkl")
    return folder / "light", folder / "light.pkl"


@pytest.mark.parametrize(("outside", "spread"), [(False, 0), (True, 0), (True, 3)])
def test_a_staged_stochastic_bundle_is_the_model(
    base: Path, checkpoints: dict[str, Path], feeds, tmp_path: Path, outside: bool, spread: int
) -> None:
    light, checkpoint = make(base, checkpoints["sketch"], tmp_path, outside, spread)
    out = tmp_path / "models" / "light"
    assert main(["--checkpoint", str(checkpoint), "--base", str(light), "--out", str(out), "--layout", "staged"]) == 0
    bundle = Bundle(out)
    assert bundle.manifest["latent"] == {"channels": 4, "downscale": 16}
    assert json.loads((light / "vae" / "config.json").read_text())["_class_name"] == "LightAutoencoderKL"

    # Four samples with gammas 0, 0.3, 0.7, 1, at a size that was not traced; a latent is a sixteenth here.
    sample = feeds(272, 208)
    sample["noise"] = torch.randn(4, 4, 17, 13, generator=torch.Generator().manual_seed(8))
    assembly = assemble_paired(read_checkpoint(checkpoint), open_base(str(light)), PlainOperators(), "binary")
    with torch.no_grad():
        wanted = assembly.fused(sample["image"], sample["text_embedding"], sample["noise"], sample["gamma"])
    result = closeness(bundle.run(sample), wanted.numpy())
    assert result.psnr >= 50 and result.within_one >= 0.999, result
    assert wanted.float().std() > 20


def test_a_flood_stops_at_lines_and_closes_small_gaps() -> None:
    ink = torch.zeros(1, 1, 96, 96)
    ink[..., 20:76, 20:24] = ink[..., 20:76, 72:76] = ink[..., 20:24, 20:76] = 1
    # A box without a bottom is open …
    assert flood(ink, 8, 12)[0, 0, 5, 5] == 1
    # … one whose bottom has a gap of 5 pixels is closed on cells of 8, and open on cells of 4.
    ink[..., 72:76, 20:44] = ink[..., 72:76, 49:76] = 1
    assert flood(ink, 8, 12)[0, 0, 5, 5] == 0
    assert flood(ink[..., 2:, 2:], 2, 96)[0, 0, 20, 20] == 1
    outside = flood(ink, 8, 12)[0, 0]
    assert outside[0].all() and outside[:, 0].all() and outside[11, 5] == 1 and outside[2, 5] == 0


@pytest.mark.parametrize("cell", [2, 4, 8, 16])
def test_a_flood_does_not_slip_through_thin_slanted_lines(cell: int) -> None:
    for shift in range(cell):
        picture = np.zeros((128, 128), np.uint8)
        cv2.circle(picture, (64 + shift, 62 - shift // 2), 44, 255)
        cv2.line(picture, (0, shift), (127 - shift, 127), 255)
        ink = torch.from_numpy(picture > 0)[None, None].float()
        reached = flood(ink, cell, 128 // cell)[0, 0]
        assert reached[52 // cell, 80 // cell] == 0
        assert reached[8 // cell, 120 // cell] == 1


def boxes() -> torch.Tensor:
    """Ink of two boxes side by side with a thin common wall: 16 to 160 and 160 to 304 across, 16 to 160 down."""
    ink = torch.zeros(1, 1, 176, 320)
    for left, right in ((16, 18), (160, 162), (302, 304)):
        ink[..., 16:160, left:right] = 1
    ink[..., 16:18, 16:304] = ink[..., 158:160, 16:304] = 1
    return ink


def test_what_is_spread_becomes_alike_within_lines_and_stays_there() -> None:
    paper = paper_cells(boxes(), 4)
    x = torch.zeros(1, 2, 44, 80)
    x[:, 0, 10:30, 8:12] = 1
    x[:, 1, 20:24, 50:70] = 1
    result = spread(x, paper, SPREAD_STEPS)[0]
    left, right = (slice(6, 38), slice(6, 38)), (slice(6, 38), slice(42, 74))
    for channel, own, other in ((0, left, right), (1, right, left)):
        inside = x[0, channel][own]
        assert inside.std() > 0.2 and result[channel][own].std() < 0.15 * inside.std()
        assert float(result[channel][own].mean()) == pytest.approx(float(inside.mean()), rel=0.3)
        assert result[channel][other].abs().max() == 0
        # Nor outside, nor on lines.
        assert result[channel, :4].abs().max() == 0 and result[channel][paper[0, 0] == 0].abs().max() == 0


def test_what_is_alike_stays_as_it_is_when_spread() -> None:
    paper = paper_cells(boxes(), 4)
    result = spread(torch.full((1, 1, 44, 80), 0.7), paper, SPREAD_STEPS)
    assert torch.allclose(result, 0.7 * paper, atol=1e-5)


def test_a_colour_in_a_box_does_not_change_the_box_beside_it() -> None:
    """Through the whole decoder: further than its convolutions see, only what is spread arrives, and not across a line."""
    torch.manual_seed(3)
    vae = LightAutoencoderKL([8, 8, 16, 16], [0, 0, 0, 0], [0, 0, 0, 0], latent_channels=4, outside=True, spread=4)
    nn.init.normal_(vae.decoder.spread_out.weight, std=0.3)
    add_skip_convs(vae)
    ink = boxes()
    with torch.no_grad():
        mean, _, taps = vae.encode_with_taps(ink.expand(-1, 3, -1, -1))
        changed = mean.clone()
        # The left box's middle; latent cells are 16 pixels.
        changed[..., 3:5, 3:5] += 3
        difference = (vae.decode_with_skips(changed, taps, None) - vae.decode_with_skips(mean, taps, None)).abs()[0].amax(0)
    assert difference[32:48, 120:140].min() > 1e-4
    assert difference[40:130, 180:290].max() < 1e-6


def test_there_is_no_spreading_without_lines() -> None:
    with pytest.raises(ValueError, match="outside"):
        LightAutoencoderKL([8, 8], [0, 0], [1, 1], spread=4)


@pytest.mark.parametrize("outside", [False, True])
def test_the_first_convolution_is_that_of_the_folded_picture(outside: bool) -> None:
    vae = LightAutoencoderKL([8, 8], [0, 0], [1, 1], outside=outside)
    # Where it takes drawings, channels are equal.
    x = torch.rand(1, 1, 32, 48).expand(-1, 3, -1, -1) if outside else torch.rand(1, 3, 32, 48)
    folded = vae.encoder.conv_in(nn.functional.pixel_unshuffle(x, FOLD))
    assert torch.allclose(vae._first(x), folded, atol=1e-5)


def test_a_vae_for_drawings_is_not_exported_for_photographs(base: Path, checkpoints: dict[str, Path], tmp_path: Path) -> None:
    light, checkpoint = make(base, checkpoints["sketch"], tmp_path, outside=True)
    with pytest.raises(ExportError, match="black-and-white drawings only"):
        assemble_paired(read_checkpoint(checkpoint), open_base(str(light)), PlainOperators(), "unit")
