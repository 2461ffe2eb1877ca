"""An exported bundle gives the pictures that the model gives in PyTorch with its adapters unmerged."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx_ir
import pytest
import torch

from export.verify import closeness, run_graphs
from export.weights import store_half

from .conftest import Bundle
from .reference import Reference

#: model: (checkpoint, arguments of the export command, half of the checkpoint)
MODELS = {
    "sketch": ("sketch", (), None),
    "edge": ("edge", ("--conditioning", "edge"), None),
    "cyclegan a2b": ("cyclegan", ("--direction", "a2b", "--prompt", "driving in the night"), "a2b"),
    # The other layout, so that both families are proved in both.
    "cyclegan b2a": ("cyclegan", ("--direction", "b2a", "--prompt", "driving in the day", "--layout", "staged"), "b2a"),
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
        kind, _, half = MODELS[model]
        if model not in made:
            made[model] = Reference(base, checkpoints[kind], half, binarise=kind == "sketch")
        return made[model]

    return reference


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("model", MODELS)
def test_fp32_is_the_reference(model: str, size: tuple[int, int], export, feeds, references) -> None:
    kind, arguments, _ = MODELS[model]
    # At full size one sample is enough; the other size takes all four gammas.
    sample = pick(feeds(*size), 1) if size == (512, 512) else feeds(*size)
    result = closeness(export(kind, *arguments).run(sample), expected(references(model), sample))
    assert result.psnr >= 50 and result.within_one >= 0.999, result


@pytest.mark.parametrize("model", MODELS)
def test_fp16_weights_are_near_the_reference_and_take_half_the_room(
    model: str, export, feeds, references, tmp_path: Path
) -> None:
    """What `--precision fp16` does on the CPU: the same graph, its weights stored in half precision."""
    kind, arguments, _ = MODELS[model]
    bundle: Bundle = export(kind, *arguments)
    graphs = bundle.graphs()
    halved = {name: tmp_path / path.name for name, path in graphs.items()}
    for name, path in graphs.items():
        stored = onnx_ir.load(path)
        store_half(stored)
        onnx_ir.save(stored, halved[name])
        assert halved[name].stat().st_size < 0.8 * path.stat().st_size
    sample = pick(feeds(264, 200), 1, 2)
    wanted = {name: value.numpy() for name, value in sample.items() if name != "gamma" or kind == "sketch"}
    picture = run_graphs(halved, bundle.manifest["layout"], wanted)
    result = closeness(picture, expected(references(model), sample))
    assert result.psnr >= 40, result


def test_staged_is_fused(export, feeds) -> None:
    sample = feeds(264, 200)
    result = closeness(export("sketch", "--layout", "staged").run(sample), export("sketch").run(sample))
    # The same weights and operators; only ONNX Runtime's fusions may differ across the borders of the graphs.
    assert result.psnr >= 60 and result.within_one == 1.0, result


@pytest.mark.parametrize("model", ["sketch", "edge"])
def test_a_sample_does_not_depend_on_its_batch(model: str, export, feeds) -> None:
    """Gammas 0, 0.3, 0.7 and 1, four seeds and four prompts in one batch: to the byte what four single runs give."""
    kind, arguments, _ = MODELS[model]
    bundle: Bundle = export(kind, *arguments)
    sample = feeds(136, 120)
    together = bundle.run(sample)
    for index in range(4):
        assert np.array_equal(bundle.run(pick(sample, index))[0], together[index])


def test_gamma_moves_a_stochastic_model_and_its_ends_differ(export, feeds) -> None:
    sample = pick(feeds(136, 120), 0, 0)
    sample["gamma"] = torch.tensor([0.0, 1.0])
    first, second = export("sketch").run(sample)
    assert closeness(first, second).psnr < 30
