"""The graphs of a bundle: which module, which inputs and outputs, which axes are dynamic. The graph contract in code."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .assemble import Assembly
from .model.text import TextEncoder
from .to_onnx import GraphInput


@dataclass(frozen=True)
class GraphPlan:
    """A graph that is to be written: `module` called with `inputs` gives `outputs`."""

    module: nn.Module
    inputs: list[GraphInput]
    outputs: list[str]


@dataclass(frozen=True)
class Examples:
    """One batch of every input, of the smallest shape that leaves all axes dynamic for torch.export."""

    image: Tensor
    text_embedding: Tensor
    noise: Tensor
    gamma: Tensor

    @staticmethod
    def make(assembly: Assembly, embedding: tuple[int, int], latent: tuple[int, int], batch: int, seed: int) -> Examples:
        """Random inputs; `latent` is (h, w), `embedding` (L, D). The picture has smooth parts and hard edges."""
        generator = torch.Generator().manual_seed(seed)
        height, width = (side * assembly.downscale for side in latent)
        coarse = torch.rand(batch, 3, max(2, height // 16), max(2, width // 16), generator=generator)
        picture = nn.functional.interpolate(coarse, size=(height, width), mode="bilinear")
        strokes = torch.rand(batch, 1, height, width, generator=generator) < 0.06
        picture = torch.where(strokes, torch.ones(()), picture)
        return Examples(
            image=(picture * 255).round().to(torch.uint8).permute(0, 2, 3, 1).contiguous(),
            text_embedding=torch.randn(batch, *embedding, generator=generator),
            noise=torch.randn(batch, assembly.latent_channels, *latent, generator=generator),
            gamma=torch.linspace(0.25, 0.85, batch),
        )


def smallest_latent(assembly: Assembly) -> int:
    """The shortest latent side that no level of the UNet brings down to one pixel."""
    return 2 ** (len(assembly.unet.unet.down_blocks) - 1) + 1


def _dimensions(assembly: Assembly) -> tuple[object, object, object]:
    smallest = smallest_latent(assembly)
    return (
        torch.export.Dim("batch", min=1, max=1024),
        torch.export.Dim("latent_height", min=smallest, max=4096),
        torch.export.Dim("latent_width", min=smallest, max=4096),
    )


def translator_plans(assembly: Assembly, embedding: tuple[int, int], layout: str) -> dict[str, GraphPlan]:
    """The graphs of one direction by their name in the manifest."""
    smallest = smallest_latent(assembly)
    # torch.export tells two dimensions apart by their values, so height and width must differ.
    examples = Examples.make(assembly, embedding, (smallest + 1, smallest + 2), batch=2, seed=0)
    batch, height, width = _dimensions(assembly)
    scale = assembly.downscale
    latent_axes = {0: batch, 2: height, 3: width}
    image = GraphInput("image", examples.image, {0: batch, 1: scale * height, 2: scale * width})
    text = GraphInput("text_embedding", examples.text_embedding, {0: batch})
    noise = GraphInput("noise", examples.noise, latent_axes)
    gamma = [GraphInput("gamma", examples.gamma, {0: batch})] if assembly.stochastic else []
    if layout == "fused":
        return {"translator": GraphPlan(assembly.fused, [image, text, noise, *gamma], ["translated"])}
    latent = GraphInput("latent", examples.noise, latent_axes)
    denoised = GraphInput("denoised", examples.noise, latent_axes)
    with torch.no_grad():
        taps = assembly.encoder(examples.image, examples.gamma if gamma else examples.noise)[1:]
    skips = []
    for index, tap in enumerate(taps):
        # A tap is the picture's size over a whole number; torch.export wants that said as a multiple of the latent.
        step = tap.shape[2] // examples.noise.shape[2]
        axes = {0: batch, 2: step * height if step > 1 else height, 3: step * width if step > 1 else width}
        skips.append(GraphInput(f"skip_{index}", tap, axes))
    names = [item.name for item in skips]
    return {
        "vae_encoder": GraphPlan(assembly.encoder, [image, *(gamma or [noise])], ["latent", *names]),
        "unet": GraphPlan(assembly.unet, [latent, text, *([noise, *gamma] if gamma else [])], ["denoised"]),
        "vae_decoder": GraphPlan(assembly.decoder, [denoised, *skips, *gamma], ["translated"]),
    }


def text_plan(encoder: TextEncoder) -> GraphPlan:
    """The text encoder's graph."""
    ids = torch.zeros(2, encoder.max_length, dtype=torch.long)
    batch = torch.export.Dim("batch", min=1, max=1024)
    return GraphPlan(encoder, [GraphInput("input_ids", ids, {0: batch})], ["text_embedding"])
