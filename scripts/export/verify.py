"""Compares an exported bundle, run by ONNX Runtime on the CPU, with the same weights run by PyTorch.

The contrib operators of a cuda graph, which no CPU has, are replaced by what their documentation says they compute
(`contrib_reference.py`): so it is told whether the graph is the model, not whether CUDA's kernels keep their word.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from .assemble import Assembly
from .contrib_reference import reference_graph
from .errors import ExportError
from .graphs import Examples, smallest_latent
from .model.text import TextEncoder
from .model.turbo import finish_image
from .target import Target
from .unclamped import UNCLAMPED, telling_unclamped

#: The bars of the issue: fp32 pictures within 50 dB of the reference, fp16 within 40 dB.
LEAST_PSNR = {"fp32": 50.0, "fp16": 40.0}
#: The graphs of a layout as they run.
_ORDER = {"fused": ("translator",), "staged": ("vae_encoder", "unet", "vae_decoder")}


@dataclass(frozen=True)
class Closeness:
    """How far two uint8 pictures are apart."""

    #: Peak signal to noise ratio in dB; infinite where they are equal.
    psnr: float
    #: Share of values at most one level off.
    within_one: float

    def __str__(self) -> str:
        psnr = "equal" if math.isinf(self.psnr) else f"PSNR {self.psnr:.1f} dB"
        return f"{psnr}, {100 * self.within_one:.3f} % of the values within 1/255"


def closeness(left: np.ndarray, right: np.ndarray) -> Closeness:
    """Compares uint8 pictures of equal shape."""
    difference = left.astype(np.int16) - right.astype(np.int16)
    error = float(np.mean(difference.astype(np.float64) ** 2))
    psnr = math.inf if error == 0 else 10 * math.log10(255**2 / error)
    return Closeness(psnr, float(np.mean(np.abs(difference) <= 1)))


def open_session(path: Path) -> object:
    """An ONNX Runtime session on the CPU."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])


def run_graphs(graphs: dict[str, Path], layout: str, feeds: dict[str, np.ndarray]) -> np.ndarray:
    """Runs a direction's graphs one after another → image uint8 [B,H,W,3]."""
    return _run_all(graphs, layout, feeds)["translated"]


def _run_all(graphs: dict[str, Path], layout: str, feeds: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """All inputs and outputs of a direction's graphs by name.

    A tensor keeps its name from graph to graph, so every graph is fed what its inputs name. One session is open at a time.
    """
    known = dict(feeds)
    for name in _ORDER[layout]:
        session = open_session(graphs[name])
        wanted = {item.name: known[item.name] for item in session.get_inputs()}
        names = [item.name for item in session.get_outputs()]
        known |= dict(zip(names, session.run(names, wanted), strict=True))
        del session
    return known


@contextlib.contextmanager
def _runnable(graphs: dict[str, Path], target: Target) -> Iterator[dict[str, Path]]:
    """The graphs, or copies of them, as the CPU can run them."""
    with contextlib.ExitStack() as copies:
        yield {name: copies.enter_context(reference_graph(path)) if target.fuse else path for name, path in graphs.items()}


@torch.inference_mode()
def verify_text(encoder: TextEncoder, graph: Path, target: Target) -> float:
    """How far the embedding stands out of its error, in dB. Raises ExportError below the bar of the precision.

    `encoder` is made for `target.reference`.
    """
    vocabulary = encoder.token_embedding.num_embeddings
    ids = torch.randint(0, vocabulary, (2, encoder.max_length), generator=torch.Generator().manual_seed(1))
    expected = encoder(ids)
    with _runnable({"text_encoder": graph}, target) as graphs:
        (got,) = open_session(graphs["text_encoder"]).run(None, {"input_ids": ids.numpy()})
    error = float((torch.from_numpy(got) - expected).pow(2).mean())
    decibels = math.inf if error == 0 else 10 * math.log10(float(expected.pow(2).mean()) / error)
    if not decibels >= LEAST_PSNR[target.precision]:
        raise ExportError(
            f"the exported text encoder is not the model's: {decibels:.1f} dB; the bar is {LEAST_PSNR[target.precision]}"
        )
    return decibels


def verify_direction(
    assembly: Assembly, graphs: dict[str, Path], layout: str, embedding: tuple[int, int], target: Target
) -> Closeness:
    """Raises ExportError where the graphs and PyTorch disagree beyond the bar of the precision.

    Also where bytes would be equal and prove nothing: NaN becomes 0 on both sides, and so does all that is too dark.
    `assembly` is made for `target.reference`.
    """
    least = smallest_latent(assembly)
    examples = Examples.make(assembly, embedding, (least + 3, least + 2), batch=2, seed=1)
    arguments = [examples.image, examples.text_embedding, examples.noise]
    feeds = {
        "image": examples.image.numpy(),
        "text_embedding": examples.text_embedding.numpy(),
        "noise": examples.noise.numpy(),
    }
    if assembly.stochastic:
        arguments.append(examples.gamma)
        feeds["gamma"] = examples.gamma.numpy()
    with torch.inference_mode():
        levels = assembly.fused.unclamped(*arguments)
    _check_finite("the model's picture in PyTorch", levels.numpy())
    expected = finish_image(levels).numpy()
    if (np.ptp(expected, axis=(1, 2)) == 0).all():
        raise ExportError("the model's pictures are of one flat colour, so that comparing the graphs with them proves nothing")
    last = _ORDER[layout][-1]
    with _runnable(graphs, target) as runnable, telling_unclamped(runnable[last]) as telling:
        got = _run_all({**runnable, last: telling}, layout, feeds)
    _check_finite("the graphs' picture in ONNX Runtime", got[UNCLAMPED])
    result = closeness(got["translated"], expected)
    if not result.psnr >= LEAST_PSNR[target.precision]:
        raise ExportError(f"the exported graphs are not the model: {result}; the bar is {LEAST_PSNR[target.precision]} dB")
    return result


def _check_finite(what: str, levels: np.ndarray) -> None:
    if not np.isfinite(levels).all():
        raise ExportError(f"{what} is not finite everywhere: are the weights of base and checkpoint whole?")
