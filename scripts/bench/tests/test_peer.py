"""The peer answers the same with kept embeddings as with encoded ones, and encodes only where it says so."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from bench.peer.model import PeerModel
from export.random_init import ARCHITECTURES, write_base, write_checkpoint


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> PeerModel:
    folder = tmp_path_factory.mktemp("peer")
    write_base(folder / "base", ARCHITECTURES["tiny"], seed=1)
    write_checkpoint(folder / "model.pkl", folder / "base", ARCHITECTURES["tiny"], "sketch", seed=2)
    return PeerModel(folder / "base", folder / "model.pkl", "sketch", "cpu", compiled=False)


def test_a_prompt_is_encoded_once_unless_each_picture_is_to_encode_it(model: PeerModel) -> None:
    calls: list[torch.Size] = []
    model.text_encoder.register_forward_hook(lambda _module, inputs, _output: calls.append(inputs[0].shape))
    pixels = np.zeros((64, 64, 3), np.uint8)
    pixels[20:24, 8:56] = 255

    def run(prompt: str, encode: bool) -> tuple[np.ndarray, int]:
        before = len(calls)
        return model.run(pixels, prompt, 7, 0.4, encode), len(calls) - before

    kept, first = run("a duck", False)
    again, second = run("a duck", False)
    encoded, third = run("a duck", True)
    other, fourth = run("a house", False)
    assert [first, second, third, fourth] == [1, 0, 1, 1]
    assert np.array_equal(kept, again) and np.array_equal(kept, encoded)
    assert not np.array_equal(kept, other)
