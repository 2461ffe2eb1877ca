"""The small VAE of the shipped bundles: the taps and skips of AutoencoderKL in blocks that a CPU runs in time.

Where it differs from AutoencoderKL, and why: no norms (their passes over memory cost as much as the convolutions at
full resolution), leaky ReLU after every convolution instead of SiLU before it (ONNX Runtime fuses it and the residual
sum into the convolution), 1×1 convolutions before nearest upsampling instead of 3×3 ones after it, and no layer at all
at full resolution: 2×2 pixels are folded into channels before the first convolution and unfolded after the last.

For line drawings it can be told what is outside (`outside`): whether paper lies inside an outline is decided by lines far
away, which convolutions that a laptop can afford do not see. A flood from the border does. And it can be told what a line
divides (`spread`): averages that go far and stop at lines draw an area's colours together, whatever its neighbour's are.
"""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

CLASS_NAME = "LightAutoencoderKL"
SLOPE = 0.1
FOLD = 2
# The stage at H/4, and how far a flood goes: from one side of a 512×512 picture to the other.
OUTSIDE_STAGE = 1
FLOOD_STEPS = 64
# Pixels of a flood's cells at 512×512; a model that is taught on smaller pictures has smaller ones meanwhile.
CELL = 8
# The stage at H/4 too. Averages over 3×3 cells, so many of 4, then 8, then 16 pixels: at 512×512 they reach some 100 pixels.
SPREAD_STAGE = 1
SPREAD_CELL = FOLD * 2**SPREAD_STAGE
SPREAD_STEPS = (6, 10, 40)


def _activate(x: Tensor) -> Tensor:
    return F.leaky_relu(x, SLOPE)


class LightBlock(nn.Module):
    """Two 3×3 convolutions around a residual sum: [B,C,H,W] → [B,C,H,W]. Starts as the identity (up to the activation)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(channels, channels, 3, padding=1)
        self.conv2 = nn.Conv2d(channels, channels, 3, padding=1)
        nn.init.zeros_(self.conv2.weight)
        nn.init.zeros_(self.conv2.bias)

    def forward(self, x: Tensor) -> Tensor:
        return _activate(x + self.conv2(_activate(self.conv1(x))))


def paper_cells(ink: Tensor, cell: int) -> Tensor:
    """1 where a cell of `cell` pixels has no ink, 0 elsewhere: [B,1,H,W] in {0,1} → [B,1,H/cell,W/cell], `cell` at least 2.

    Cells overlap by a pixel, or what goes from cell to cell would slip through where a thin line crosses a corner of four.
    """
    return 1 - F.max_pool2d(ink, cell + 1, stride=cell, padding=1)


def flood(ink: Tensor, cell: int, steps: int) -> Tensor:
    """Where paper is reached from the border without crossing a line: 1 there, 0 elsewhere.

    `ink` [B,1,H,W] in {0,1} → [B,1,H/cell,W/cell], `cell` at least 2. A cell with any ink in it is a wall, so that gaps
    narrower than a cell are closed. The flood goes one cell a step, diagonally too.
    """
    free = paper_cells(ink, cell)
    reached = F.pad(torch.zeros_like(free[..., 1:-1, 1:-1]), (1, 1, 1, 1), value=1.0) * free
    for _ in range(steps):
        reached = F.max_pool2d(reached, 3, stride=1, padding=1) * free
    return reached


def spread(x: Tensor, paper: Tensor, steps: tuple[int, ...]) -> Tensor:
    """Averages `x` [B,C,h,w] with its neighbours again and again, within lines: what a line encloses becomes alike.

    `paper` [B,1,h,w] is 0 where a line runs, and so is the result. `steps` are the averagings on these cells, then on cells
    twice as wide, and so on; those are done first, and a wide cell counts only where no line touches it. Sides must be
    divisible by 2 ** (len(steps) - 1).
    """
    count, *wider = steps
    if wider:
        wide = 1 - F.max_pool2d(1 - paper, 2)
        far = spread(F.avg_pool2d(x, 2), wide, tuple(wider))
        wide, far = (F.interpolate(each, scale_factor=2.0, mode="nearest") for each in (wide, far))
        x = x * (1 - wide) + far
    # The mean over neighbours that are paper, as a plain mean times a factor that never changes.
    factor = paper / F.avg_pool2d(paper, 3, stride=1, padding=1).clamp(min=0.1)
    x = x * paper
    for _ in range(count):
        x = F.avg_pool2d(x, 3, stride=1, padding=1) * factor
    return x


def _resample(x: Tensor, cell: int, stride: int) -> Tensor:
    """A map of one value for `cell` pixels → one for `stride` pixels."""
    if cell > stride:
        return F.interpolate(x, scale_factor=float(cell // stride), mode="nearest")
    return x if cell == stride else F.avg_pool2d(x, stride // cell)


def _blocks(channels: int, count: int) -> nn.Sequential:
    return nn.Sequential(*(LightBlock(channels) for _ in range(count)))


class LightEncoder(nn.Module):
    """Picture → twice the latent's channels (mean and log-variance), and the taps before each stage."""

    def __init__(self, channels: list[int], depth: list[int], latent_channels: int, outside: bool) -> None:
        super().__init__()
        self.conv_in = nn.Conv2d(3 * FOLD * FOLD, channels[0], 3, padding=1)
        self.stages = nn.ModuleList(_blocks(c, d) for c, d in zip(channels, depth, strict=True))
        self.down = nn.ModuleList(nn.Conv2d(a, b, 3, stride=2, padding=1) for a, b in itertools.pairwise(channels))
        self.conv_out = nn.Conv2d(channels[-1], 2 * latent_channels, 3, padding=1)
        # Into the tap at H/4, for the decoder's sake, and into the last stage, for the UNet's. They start at zero.
        self.outside_convs = nn.ModuleList()
        for stage in (OUTSIDE_STAGE, len(channels) - 1) if outside else ():
            conv = nn.Conv2d(2, channels[stage], 3, padding=1, bias=False)
            self.outside_convs.append(conv)
            nn.init.zeros_(conv.weight)


class LightDecoder(nn.Module):
    """Latent → picture, with one stage per tap; `skip_conv_1…4` are put in from outside."""

    def __init__(self, channels: list[int], depth: list[int], latent_channels: int, spread_channels: int) -> None:
        super().__init__()
        wide = list(reversed(channels))
        self.conv_in = nn.Conv2d(latent_channels, wide[0], 3, padding=1)
        self.stages = nn.ModuleList(_blocks(c, d) for c, d in zip(wide, reversed(depth), strict=True))
        self.up = nn.ModuleList(nn.Conv2d(a, b, 1) for a, b in itertools.pairwise(wide))
        self.conv_out = nn.Conv2d(wide[-1], 3 * FOLD * FOLD, 3, padding=1)
        if spread_channels:
            self.spread_in = nn.Conv2d(channels[SPREAD_STAGE], spread_channels, 1)
            # Also told where lines are, since what is spread is zero there. Starts at zero.
            self.spread_out = nn.Conv2d(spread_channels + 1, channels[SPREAD_STAGE], 1)
            nn.init.zeros_(self.spread_out.weight)
            nn.init.zeros_(self.spread_out.bias)


class LightAutoencoderKL(nn.Module):
    """A `SkipVae` (see `vae.py`). `channels` are the widths at H/2, H/4, H/8, H/16; `depth` the blocks a stage has there.

    With `outside`, the encoder takes black-and-white drawings (strokes 1 on 0) and sees two floods from the border, on cells
    of `cell` and of twice as many pixels. Trained on smaller pictures than it is used at, `cell` is smaller in proportion.
    With `spread`, so many channels of its decoder are averaged within lines; where lines are is the last channel of the tap
    at H/4, besides those that its skip convolution sees.
    """

    def __init__(
        self,
        channels: list[int],
        encoder_depth: list[int],
        decoder_depth: list[int],
        latent_channels: int = 8,
        scaling_factor: float = 1.0,
        outside: bool = False,
        spread: int = 0,
    ) -> None:
        super().__init__()
        if spread and not outside:
            raise ValueError("spread needs lines: outside must be true")
        if spread and len(channels) < len(SPREAD_STEPS) + 1:
            raise ValueError(f"spread needs sides that can be halved {len(SPREAD_STEPS) + 1} times: four channels or more")
        self.config = {
            "_class_name": CLASS_NAME,
            "channels": channels,
            "encoder_depth": encoder_depth,
            "decoder_depth": decoder_depth,
            "latent_channels": latent_channels,
            "scaling_factor": scaling_factor,
            "outside": outside,
            "spread": spread,
        }
        self.cell = CELL
        self.encoder = LightEncoder(channels, encoder_depth, latent_channels, outside)
        self.decoder = LightDecoder(channels, decoder_depth, latent_channels, spread)
        self.latent_channels = latent_channels
        self.downscale = FOLD * 2 ** (len(channels) - 1)
        self.scaling_factor = scaling_factor
        self.skip_channels = [(c, c) for c in reversed(channels)]

    def encode_with_taps(self, x: Tensor) -> tuple[Tensor, Tensor, list[Tensor]]:
        encoder = self.encoder
        outside = self._outside(x) if encoder.outside_convs else []
        paper = paper_cells(x[:, :1], SPREAD_CELL) if self.config["spread"] else None
        x = _activate(self._first(x))
        taps = [x]
        for index, stage in enumerate(encoder.stages):
            x = stage(x)
            if index < len(encoder.down):
                x = encoder.down[index](x)
                if outside and index + 1 == OUTSIDE_STAGE:
                    x = x + outside[0]
                elif outside and index + 1 == len(encoder.down):
                    x = x + outside[1]
                x = _activate(x)
                taps.append(x)
        if paper is not None:
            taps[SPREAD_STAGE] = torch.cat([taps[SPREAD_STAGE], paper], 1)
        mean, log_variance = encoder.conv_out(x).chunk(2, dim=1)
        return mean, log_variance, taps

    def _first(self, x: Tensor) -> Tensor:
        """`conv_in` of the folded picture, as one convolution with stride 2: on a CPU the folding took as long again.

        Where the pictures are drawings, whose channels are equal, it needs one of them.
        """
        conv = self.encoder.conv_in
        weight = F.pixel_shuffle(conv.weight, FOLD)
        if self.encoder.outside_convs:
            x, weight = x[:, :1], weight.sum(1, keepdim=True)
        return F.conv2d(x, weight, conv.bias, stride=FOLD, padding=FOLD)

    def _outside(self, x: Tensor) -> list[Tensor]:
        """What the floods add before the activations of two stages."""
        with torch.no_grad():
            floods = [(flood(x[:, :1], self.cell * k, FLOOD_STEPS // k), self.cell * k) for k in (1, 2)]
        added = []
        for conv, stage in zip(self.encoder.outside_convs, (OUTSIDE_STAGE, len(self.encoder.down)), strict=True):
            stride = FOLD * 2**stage
            added.append(conv(torch.cat([_resample(reached, cell, stride) for reached, cell in floods], 1)))
        return added

    @property
    def _spread_steps(self) -> tuple[int, ...]:
        """A drawing half as large takes a quarter of the averagings to become as much alike."""
        return tuple(max(1, round(count * (self.cell / CELL) ** 2)) for count in SPREAD_STEPS)

    def decode_with_skips(self, z: Tensor, taps: list[Tensor], gamma: Tensor | None) -> Tensor:
        decoder = self.decoder
        x = decoder.conv_in(z)
        strength = None if gamma is None else gamma.to(z.dtype).reshape(-1, 1, 1, 1)
        for index, (stage, tap) in enumerate(zip(decoder.stages, reversed(taps), strict=True)):
            paper = None
            if self.config["spread"] and len(taps) - 1 - index == SPREAD_STAGE:
                tap, paper = tap[:, :-1], tap[:, -1:]
            if strength is not None:
                tap = tap * strength
            x = _activate(x + getattr(decoder, f"skip_conv_{index + 1}")(tap))
            if paper is not None:
                alike = decoder.spread_out(torch.cat([spread(decoder.spread_in(x), paper, self._spread_steps), paper], 1))
                x = x + (alike if strength is None else alike * strength)
            x = stage(x)
            if index < len(decoder.up):
                x = F.interpolate(decoder.up[index](x), scale_factor=2.0, mode="nearest")
        return F.pixel_shuffle(decoder.conv_out(x), FOLD)


def save_light_vae(vae: LightAutoencoderKL, folder: Path) -> None:
    """Writes config.json and weights. Skip convolutions and LoRA are a checkpoint's, not the base's: they stay out."""
    from safetensors.torch import save_file

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(vae.config, indent=2) + "\n")
    weights = {k: v.contiguous() for k, v in vae.state_dict().items() if "skip" not in k and "lora" not in k}
    save_file(weights, str(folder / "diffusion_pytorch_model.safetensors"))


def load_light_vae(folder: Path) -> LightAutoencoderKL:
    """Reads what `save_light_vae` wrote, in fp32 and ready for inference. Raises ExportError where it does not hold."""
    from safetensors.torch import load_file

    from ..errors import ExportError

    try:
        config = json.loads((folder / "config.json").read_text())
        vae = LightAutoencoderKL(**{k: v for k, v in config.items() if not k.startswith("_")})
        vae.load_state_dict(load_file(str(folder / "diffusion_pytorch_model.safetensors")))
    except (OSError, ValueError, TypeError, RuntimeError) as error:
        raise ExportError(f"{folder} could not be loaded as {CLASS_NAME}: {error}") from error
    return vae.eval().to(torch.float32).requires_grad_(False)
