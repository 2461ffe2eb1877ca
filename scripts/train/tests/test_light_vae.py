"""The light VAE and the generators around it: shapes, skips, gamma, and the way to disk and back."""

import numpy as np
import torch

from export.model.light_vae import LightAutoencoderKL, load_light_vae, save_light_vae
from export.model.vae import SkipVae, add_skip_convs
from train import tokenizer
from train.generator import STREET_SIZES, SketchGenerator, StreetGenerator

from .small import SMALL, randomise


def small_vae() -> LightAutoencoderKL:
    vae = LightAutoencoderKL([8, 8, 16, 16], [0, 0, 1, 1], [1, 1, 1, 1])
    add_skip_convs(vae)
    return vae.eval()


def test_it_is_a_vae_with_four_skips():
    vae = small_vae()
    assert isinstance(vae, SkipVae)
    mean, log_variance, taps = vae.encode_with_taps(torch.rand(2, 3, 64, 96))
    assert mean.shape == log_variance.shape == (2, 8, 4, 6)
    assert [tuple(tap.shape[1:]) for tap in taps] == [(8, 32, 48), (8, 16, 24), (16, 8, 12), (16, 4, 6)]
    assert vae.decode_with_skips(mean, taps, None).shape == (2, 3, 64, 96)


def test_gamma_scales_the_skips_of_each_sample():
    vae = small_vae()
    for conv in (vae.decoder.skip_conv_1, vae.decoder.skip_conv_4):
        torch.nn.init.normal_(conv.weight)
    mean, _, taps = vae.encode_with_taps(torch.rand(1, 3, 32, 32).expand(2, -1, -1, -1))
    both = vae.decode_with_skips(mean, taps, torch.tensor([1.0, 0.0]))
    off = vae.decode_with_skips(mean, [tap * 0 for tap in taps], None)
    assert torch.allclose(both[0], vae.decode_with_skips(mean, taps, None)[0], atol=1e-5)
    assert torch.allclose(both[1], off[1], atol=1e-5)


def test_saved_weights_come_back_without_the_skips(tmp_path):
    vae = small_vae()
    save_light_vae(vae, tmp_path)
    loaded = load_light_vae(tmp_path)
    assert not any("skip" in key for key in loaded.state_dict())
    x = torch.rand(1, 3, 32, 32)
    assert torch.equal(loaded.encode_with_taps(x)[0], vae.encode_with_taps(x)[0])


def test_a_sketch_generator_takes_guidance_per_sample():
    model = SketchGenerator(SMALL).eval()
    randomise(model)
    sketch, ids = torch.rand(1, 3, 64, 64).round().expand(2, -1, -1, -1), torch.zeros(2, 8, dtype=torch.long)
    noise = torch.randn(1, 8, 4, 4).expand(2, -1, -1, -1)
    both = model(sketch, ids, noise, torch.tensor([1.0, 0.3]))
    assert both.shape == (2, 3, 64, 64)
    for index, gamma in enumerate((1.0, 0.3)):
        alone = model(sketch[:1], ids[:1], noise[:1], torch.tensor([gamma]))
        assert torch.allclose(both[index], alone[0], atol=1e-4)
    assert (both[0] - both[1]).abs().mean() > 0.01


def test_a_street_generator_starts_without_visible_posterior_noise():
    model = StreetGenerator(STREET_SIZES).eval()
    _, log_variance, _ = model.vae.encode_with_taps(torch.rand(1, 3, 64, 64))
    assert float(log_variance.max()) < -13


def test_the_tokenizer_takes_any_text():
    words = tokenizer.build(tokenizer.corpus(["duck", "house"], ["bird"]), 700)
    ids = tokenizer.encode(words, ["a red duck", "Öl 小鸟 \u0000 xyzzy", "", "duck " * 50], 12)
    assert ids.shape == (4, 12) and ids.dtype == np.int64
    assert ids[2].tolist() == [1, 2] + [0] * 10
    assert ids[3, -1] == 2  # cut, and still ended
