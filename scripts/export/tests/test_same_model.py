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
    # The other layout, so that both families are proved in both; and the second of two directions.
    "cyclegan b2a": ("cyclegan", ("--direction", "both", "--prompt", "night", "--prompt", "day", "--layout", "staged"), "b2a"),
}
#: What the export command calls the direction of a half.
DIRECTIONS = {None: None, "a2b": "a_to_b", "b2a": "b_to_a"}
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


@pytest.fixture(scope="module")
def pictures(feeds, references) -> Callable[[str, tuple[int, int]], tuple[Feeds, np.ndarray]]:
    """A model's inputs at a size and the reference's pictures of them. At 512×512 one sample, else all four gammas."""
    made: dict[tuple[str, tuple[int, int]], tuple[Feeds, np.ndarray]] = {}

    def pictures_once(model: str, size: tuple[int, int]) -> tuple[Feeds, np.ndarray]:
        if (model, size) not in made:
            sample = pick(feeds(*size), 1) if size == (512, 512) else feeds(*size)
            made[model, size] = sample, expected(references(model), sample)
        return made[model, size]

    return pictures_once


@pytest.mark.parametrize("size", SIZES, ids=lambda size: f"{size[0]}x{size[1]}")
@pytest.mark.parametrize("model", MODELS)
def test_fp32_is_the_reference(model: str, size: tuple[int, int], export, pictures) -> None:
    kind, arguments, half = MODELS[model]
    sample, wanted = pictures(model, size)
    result = closeness(export(kind, *arguments).run(sample, DIRECTIONS[half]), wanted)
    assert result.psnr >= 50 and result.within_one >= 0.999, result


@pytest.mark.parametrize("model", MODELS)
def test_fp16_weights_are_near_the_reference_and_take_half_the_room(model: str, export, pictures, tmp_path: Path) -> None:
    """What `--precision fp16` does on the CPU: the same graph, its weights stored in half precision."""
    kind, arguments, half = MODELS[model]
    bundle: Bundle = export(kind, *arguments)
    graphs = bundle.graphs(DIRECTIONS[half])
    halved = {name: tmp_path / path.name for name, path in graphs.items()}
    for name, path in graphs.items():
        stored = onnx_ir.load(path)
        store_half(stored)
        onnx_ir.save(stored, halved[name])
        assert halved[name].stat().st_size < 0.8 * path.stat().st_size
    for size in SIZES:
        sample, wanted = pictures(model, size)
        given = {name: value.numpy() for name, value in sample.items() if name != "gamma" or kind == "sketch"}
        result = closeness(run_graphs(halved, bundle.manifest["layout"], given), wanted)
        assert result.psnr >= 40, (size, result)


def test_both_directions_share_what_is_the_same_in_both(export) -> None:
    bundle: Bundle = export(*MODELS["cyclegan b2a"][:1], *MODELS["cyclegan b2a"][1])
    there, back = (entry["graphs"] for entry in bundle.manifest["directions"])
    assert there["unet"] == back["unet"] and there["unet"]["path"] == "unet.onnx"
    assert there["vae_encoder"]["sha256"] != back["vae_encoder"]["sha256"]
    assert len(list(bundle.path.glob("*.onnx"))) == 5


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
