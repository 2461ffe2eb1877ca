"""Begins a run on the weights of a bundle, where the run that it was published from is gone.

npm run train:from-bundle -- emoji-sketch

A bundle holds what was trained, but not as it was trained: the exporter folds, transposes and renames. So a generator of the
same shape whose weights are all different is published too; where each of its weights is found in its graphs is where the
bundle's own is taken from. They come back rounded to float16, and without the optimiser's moments.
"""

from __future__ import annotations

import argparse
import copy
import json
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import onnx
import torch
import torch.nn.functional as F
from onnx import numpy_helper
from tokenizers import Tokenizer
from torch import Tensor, nn

from export.command import from_here, run_command
from export.errors import ExportError
from export.model.light_vae import FOLD, LightAutoencoderKL
from export.model.turbo import finish_image

from . import state, tokenizer
from .bundle import Bundle, conditioning
from .generator import EMOJI_SIZES, STREET_SIZES, SketchGenerator, StreetGenerator
from .paths import MODELS, RUNS
from .publish import GENERATORS, WRITERS, facts_of
from .run import SEED

Generator = SketchGenerator | StreetGenerator
SIZES = {"emoji-sketch": EMOJI_SIZES, "day-night": STREET_SIZES}
# The graphs' own constants (shapes, epsilons) are shorter than any weight.
SHORTEST = 8
# float16 rounds to half a unit in the last place: 2^-11 of a value.
CLOSE = 1e-3
# How far the recovered run's pictures may lie from the bundle's, in grey levels: another order of sums, rounded;
# on random pixels, which are what day-night is tried on, rounded weights show more.
LEVELS = {"emoji-sketch": 1, "day-night": 4}


@dataclass(frozen=True)
class View:
    """A parameter that a graph shows in another form: how it looks there, and how it is set from that."""

    parameters: tuple[str, ...]
    see: Callable[[], Tensor]
    put: Callable[[Tensor], None]


def _first_convolution(name: str, vae: LightAutoencoderKL) -> View:
    """`LightAutoencoderKL._first`: pixels are folded by the weight itself, and a drawing's three equal channels are one."""
    conv, drawings = vae.encoder.conv_in, bool(vae.encoder.outside_convs)

    def see() -> Tensor:
        weight = F.pixel_shuffle(conv.weight, FOLD)
        return weight.sum(1, keepdim=True) if drawings else weight

    def put(seen: Tensor) -> None:
        weight = (seen / 3).expand(-1, 3, -1, -1) if drawings else seen
        conv.weight.copy_(F.pixel_unshuffle(weight, FOLD))

    return View((f"{name}.encoder.conv_in.weight",), see, put)


def _timestep(model: Generator) -> View:
    """`fold_timestep`: of the timestep's embedding one vector is left, which is all that is ever used of it."""
    layers = model.unet.time_embedding

    def put(seen: Tensor) -> None:
        layers.linear_2.weight.zero_()
        layers.linear_2.bias.copy_(seen.flatten())

    names = tuple(name for name, _ in model.named_parameters() if "time_embedding." in name)
    return View(names, model.unet.embed_timestep, put)


def _views(model: Generator) -> list[View]:
    vaes = [(name, vae) for name, vae in model.named_children() if isinstance(vae, LightAutoencoderKL)]
    return [*(_first_convolution(name, vae) for name, vae in vaes), _timestep(model)]


def _weights(graph: Path) -> dict[str, np.ndarray]:
    """A graph's floating initializers, in float32, by name."""
    weights = {}
    for item in onnx.load(str(graph)).graph.initializer:
        values = numpy_helper.to_array(item)
        if values.dtype in (np.float16, np.float32) and values.size >= SHORTEST:
            weights[item.name] = values.astype(np.float32)
    return weights


def _graphs(bundle: Path) -> Iterator[tuple[str, Path]]:
    """Every graph of a fused bundle by a name that two bundles of one shape have in common."""
    manifest = json.loads((bundle / "manifest.json").read_text())
    yield "text encoder", bundle / manifest["text_encoder"]["path"]
    for direction in manifest["directions"]:
        for name, graph in direction["graphs"].items():
            yield f"{direction['id']}.{name}", bundle / graph["path"]


@torch.no_grad()
def _mark(model: nn.Module) -> None:
    """Makes all weights different from each other, of a size that lets pictures through."""
    generator = torch.Generator().manual_seed(SEED)
    for name, parameter in model.named_parameters():
        noise = torch.randn(parameter.shape, generator=generator)
        if "norm" in name:
            parameter.add_(0.1 * noise)
        else:
            parameter.copy_(noise * (0.1 if parameter.dim() == 1 else parameter[0].numel() ** -0.5))
    for name, parameter in model.named_parameters():
        if name.endswith("decoder.conv_out.weight"):
            parameter.mul_(0.3)


def _alike(one: np.ndarray, other: np.ndarray) -> bool:
    return one.size == other.size and bool(np.allclose(one.ravel(), other.ravel(), rtol=CLOSE, atol=1e-6))


@torch.no_grad()
def _take(marked: Generator, model: Generator, seen: dict[str, np.ndarray], found: dict[str, np.ndarray]) -> set[str]:
    """Sets what a graph holds of `model`: `seen` is that graph of the generator `marked`, `found` the bundle's.

    Returns the names of the parameters that were set. Raises ExportError where the two graphs do not go together.
    """
    shapes = [{name: values.shape for name, values in graph.items()} for graph in (seen, found)]
    if differing := sorted(dict(shapes[0].items() ^ shapes[1].items())):
        raise ExportError(f"the bundle is of another shape, or of another exporter: {', '.join(differing[:3])} differ")
    marks = {name: parameter.numpy() for name, parameter in marked.named_parameters()}
    parameters = dict(model.named_parameters())
    views = [(of_mark.see().numpy(), of_model) for of_mark, of_model in zip(_views(marked), _views(model), strict=True)]
    taken: set[str] = set()
    for initializer, values in seen.items():
        new = torch.from_numpy(found[initializer])
        for name, mark in marks.items():
            parameter = parameters[name]
            if _alike(mark, values):
                parameter.copy_(new.reshape(parameter.shape))
                taken.add(name)
            elif mark.ndim == 2 and _alike(mark.T, values):
                parameter.copy_(new.reshape(parameter.shape[::-1]).T)
                taken.add(name)
        for mark, view in views:
            if _alike(mark, values):
                view.put(new.reshape(mark.shape))
                taken.update(view.parameters)
    return taken


def recover(name: str, bundle: Path) -> Generator:
    """The generator that a bundle of that name was published from, but for float16's rounding.

    Raises ExportError where the bundle is none of ours, or not of the sizes that are trained now.
    """
    sizes = SIZES[name]
    marked = GENERATORS[name](sizes).eval().requires_grad_(False)
    _mark(marked)
    words = _tokenizer_of(bundle)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        tokenizer.save(words, folder / "tokenizer", sizes.tokens)
        published = folder / "models" / name
        WRITERS[name](copy.deepcopy(marked), folder / "tokenizer", "a marked generator", folder, published)
        seen = {graph: _weights(path) for graph, path in _graphs(published)}
    found = {graph: _weights(path) for graph, path in _graphs(bundle)}
    if seen.keys() != found.keys():
        raise ExportError(f"{bundle} has the graphs {', '.join(found)}; a {name} has {', '.join(seen)}")
    model = copy.deepcopy(marked)
    missing = {parameter for parameter, _ in model.named_parameters()}
    for graph in seen:
        missing -= _take(marked, model, seen[graph], found[graph])
    if missing:
        raise ExportError(f"the bundle does not show {', '.join(sorted(missing)[:3])} ({len(missing)} parameters)")
    return model


def _tokenizer_of(bundle: Path) -> Tokenizer:
    manifest = json.loads((bundle / "manifest.json").read_text())
    return Tokenizer.from_file(str(bundle / manifest["tokenizer"]["path"]))


@torch.no_grad()
def check(model: Generator, bundle: Path, words: Tokenizer, most: int) -> int:
    """Draws the same with both and returns how far the pictures are apart, in grey levels. Raises ExportError above `most`."""
    graphs = Bundle(bundle)
    rng = np.random.default_rng(SEED)
    apart = 0
    for direction in graphs.manifest["directions"]:
        prompt = direction.get("prompt", "a red duck")
        ids = torch.from_numpy(tokenizer.encode(words, [prompt], model.sizes.tokens))
        noise = torch.from_numpy(graphs.noise(1, 512, 1))
        if isinstance(model, SketchGenerator):
            sketch = np.zeros((512, 512), bool)
            for _ in range(12):
                row, column = rng.integers(20, 400, 2)
                sketch[row : row + 90, column : column + 4] = sketch[row : row + 4, column : column + 90] = True
            images, gamma = conditioning(sketch)[None], 0.7
            drawing = torch.from_numpy(sketch)[None, None].float().expand(-1, 3, -1, -1)
            own = model(drawing, ids, noise, torch.tensor([gamma]))
        else:
            images, gamma = rng.integers(0, 256, (1, 512, 512, 3), np.uint8), 1.0
            half = "a2b" if direction is graphs.manifest["directions"][0] else "b2a"
            own = model(torch.from_numpy(images).permute(0, 3, 1, 2) / 127.5 - 1, ids, half, noise)
        theirs = graphs.translate(images, [prompt], gamma, 1, direction["id"])
        apart = max(apart, int(np.abs(finish_image(own).numpy().astype(int) - theirs).max()))
    if apart > most:
        raise ExportError(f"the recovered generator draws other pictures than {bundle}: {apart} grey levels apart")
    return apart


def begin_run(name: str, bundle: Path, run: str) -> None:
    """Saves what was recovered as a run's state. Raises ExportError where there is one, or the bundle does not serve."""
    folder = RUNS / run
    if (folder / "state.pt").exists():
        raise ExportError(f"there is a run {run} already ({folder}): go on with it, or name another with --run")
    if not (bundle / "manifest.json").is_file():
        raise ExportError(f"{bundle} is no bundle: it has no manifest.json")
    words, sizes = _tokenizer_of(bundle), SIZES[name]
    facts = facts_of(json.loads((bundle / "manifest.json").read_text()).get("origin", ""))
    model = recover(name, bundle)
    apart = check(model, bundle, words, LEVELS[name])
    tokenizer.save(words, folder / "tokenizer", sizes.tokens)
    state.save(run, {"model": model, "average": model}, {**facts, "sizes": sizes.as_dict()})
    print(f"{folder} goes on from {facts['samples']} samples; its pictures are {apart} grey levels from the bundle's at most")


def main() -> int:
    """Runs the command; 0 when the run stands, 1 with a sentence on standard error when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", choices=list(GENERATORS))
    parser.add_argument("--run", help="the run's name; default: the bundle's")
    parser.add_argument("--from", dest="folder", type=Path, help="the bundle's folder; default: the shipped one's")
    options = parser.parse_args()
    folder = from_here(options.folder) if options.folder else MODELS / options.bundle
    return run_command("train:from-bundle", lambda: begin_run(options.bundle, folder, options.run or options.bundle))


if __name__ == "__main__":
    sys.exit(main())
