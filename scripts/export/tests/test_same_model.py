"""An exported bundle gives the pictures that the model gives in PyTorch with its adapters unmerged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from export.verify import closeness

from .conftest import Bundle
from .reference import Reference

BOTH = ("--direction", "both", "--prompt", "driving in the night", "--prompt", "driving in the day")
#: family and direction: (checkpoint, arguments, number of the direction in the bundle, half of the checkpoint)
MODELS = {
    "sketch": ("sketch", (), 0, None),
    "edge": ("edge", (), 0, None),
    "cyclegan a2b": ("cyclegan", BOTH, 0, "a2b"),
    "cyclegan b2a": ("cyclegan", BOTH, 1, "b2a"),
}
SIZES = [(512, 512), (264, 200)]

Feeds = dict[str, torch.Tensor]


def expected(reference: Reference, feeds: Feeds) -> np.ndarray:
    """The reference's pictures, one sample at a time."""
    count = feeds["image"].shape[0]
    pictures = [
        reference.translate(
            feeds["image"][i : i + 1], feeds["text_embedding"][i : i + 1], feeds["noise"][i : i + 1], float(feeds["gamma"][i])
        )
        for i in range(count)
    ]
    return torch.cat(pictures).numpy()


def pick(feeds: Feeds, *samples: int) -> Feeds:
    return {name: value[list(samples)] for name, value in feeds.items()}


@pytest.fixture(scope="module")
def references(base: Path, checkpoints: dict[str, Path]) -> Callable[[str], Reference]:
    made: dict[str, Reference] = {}

    def reference(model: str) -> Reference:
        kind, _, _, half = MODELS[model]
        if model not in made:
            made[model] = Reference(base, checkpoints[kind], half, binarise=kind == "sketch")
        return made[model]

    return reference


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("model", MODELS)
def test_fp32_is_the_reference(model: str, size: tuple[int, int], export, feeds, references) -> None:
    kind, arguments, direction, _ = MODELS[model]
    # Guidances between the ends, where every part of a stochastic model matters.
    sample = pick(feeds(*size), 1) if size == (512, 512) else feeds(*size)
    result = closeness(export(kind, *arguments).run(sample, direction), expected(references(model), sample))
    assert result.psnr >= 50 and result.within_one >= 0.999, result


@pytest.mark.parametrize("model", ["sketch", "edge"])
def test_fp16_is_near_the_reference(model: str, export, feeds, references) -> None:
    kind, arguments, direction, _ = MODELS[model]
    bundle: Bundle = export(kind, *arguments, "--precision", "fp16")
    sample = pick(feeds(264, 200), 1, 2)
    result = closeness(bundle.run(sample, direction), expected(references(model), sample))
    assert result.psnr >= 40, result


def test_fp16_weights_take_half_the_room(export) -> None:
    def size(bundle: Bundle) -> int:
        return bundle.manifest["directions"][0]["graphs"]["translator"]["bytes"]

    assert size(export("edge", "--precision", "fp16")) < 0.75 * size(export("edge"))


@pytest.mark.parametrize("model", ["sketch", "cyclegan b2a"])
def test_staged_is_fused(model: str, export, feeds) -> None:
    kind, arguments, direction, half = MODELS[model]
    if half is not None:
        arguments = ("--direction", half, "--prompt", "driving")
    staged: Bundle = export(kind, *arguments, "--layout", "staged")
    sample = feeds(264, 200)
    fused = export(kind, *MODELS[model][1]).run(sample, direction)
    result = closeness(staged.run(sample), fused)
    # The same weights and operators; only ONNX Runtime's fusions may differ across the borders of the graphs.
    assert result.psnr >= 60 and result.within_one == 1.0, result


@pytest.mark.parametrize("kind", ["sketch", "edge"])
def test_a_sample_does_not_depend_on_its_batch(kind: str, export, feeds) -> None:
    """Gammas 0, 0.3, 0.7 and 1, four seeds and four prompts in one batch: to the byte what four single runs give."""
    bundle: Bundle = export(kind)
    sample = feeds(136, 120)
    together = bundle.run(sample)
    for index in range(4):
        assert np.array_equal(bundle.run(pick(sample, index))[0], together[index])


def test_gamma_moves_a_stochastic_model_and_its_ends_differ(export, feeds) -> None:
    sample = pick(feeds(136, 120), 0, 0)
    sample["gamma"] = torch.tensor([0.0, 1.0])
    first, second = export("sketch").run(sample)
    assert closeness(first, second).psnr < 30
