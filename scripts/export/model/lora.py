"""LoRA tensors put to use: merged into the weights, or kept as branches that a gamma per sample scales."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from ..errors import ExportError


@dataclass(frozen=True)
class LoraDelta:
    """What one adapter adds to one module: `scale · up(down(x))`.

    `down` is [r,in] or [r,in,kH,kW], `up` is [out,r] or [out,r,1,1]; `scale` is lora_alpha / rank.
    """

    down: Tensor
    up: Tensor
    scale: float


class Guide:
    """Holds gamma [B] while a stochastic translator runs; the guided modules of one model share it.

    A plain object and not a module argument, because the branches sit deep inside networks that know nothing of gamma.
    """

    def __init__(self) -> None:
        # By number of dimensions: shaped once, not at each of some hundred branches.
        self._shaped: dict[int, Tensor] = {}

    def _set_gamma(self, gamma: Tensor) -> None:
        self._shaped = {3: gamma.reshape(-1, 1, 1), 4: gamma.reshape(-1, 1, 1, 1)}

    gamma = property(fset=_set_gamma, doc="What the branches use, [B]: set before every run, read by `per_sample`.")

    def per_sample(self, x: Tensor) -> Tensor:
        """Gamma shaped to multiply `x`, [B,N,C] or [B,C,H,W]."""
        if not self._shaped:
            raise RuntimeError("a guided module ran before its guide had a gamma")
        return self._shaped[x.dim()].to(x.dtype)


class GuidedConv2d(nn.Module):
    """`base(x) + gamma · scale · up(down(x))`, gamma per sample; the scale is folded into `up`."""

    def __init__(self, base: nn.Conv2d, delta: LoraDelta, guide: Guide) -> None:
        super().__init__()
        rank = delta.down.shape[0]
        self.base = base
        self.down = nn.Conv2d(base.in_channels, rank, base.kernel_size, base.stride, base.padding, base.dilation, bias=False)
        self.up = nn.Conv2d(rank, base.out_channels, 1, bias=False)
        self.down.weight.data = delta.down.clone()
        self.up.weight.data = delta.up * delta.scale
        self.guide = guide

    def forward(self, x: Tensor) -> Tensor:
        low = self.down(x)
        # The rank-r middle is the smallest tensor of the branch, so gamma costs least there.
        return self.base(x) + self.up(low * self.guide.per_sample(low))


class GuidedLinear(nn.Module):
    """The same for a linear layer over [B,…,in]."""

    def __init__(self, base: nn.Linear, delta: LoraDelta, guide: Guide) -> None:
        super().__init__()
        rank = delta.down.shape[0]
        self.base = base
        self.down = nn.Linear(base.in_features, rank, bias=False)
        self.up = nn.Linear(rank, base.out_features, bias=False)
        self.down.weight.data = delta.down.clone()
        self.up.weight.data = delta.up * delta.scale
        self.guide = guide

    def forward(self, x: Tensor) -> Tensor:
        low = self.down(x)
        return self.base(x) + self.up(low * self.guide.per_sample(low))


class TwinConv(nn.Module):
    """The UNet's `conv_in` of a stochastic model: (1 − gamma) · pretrained(x) + gamma · current(x).

    Both run, because samples of one batch differ in gamma.
    """

    def __init__(self, pretrained: nn.Conv2d, current: nn.Conv2d, guide: Guide) -> None:
        super().__init__()
        self.pretrained = pretrained
        self.current = current
        self.guide = guide

    def forward(self, x: Tensor) -> Tensor:
        first, second = self.pretrained(x), self.current(x)
        gamma = self.guide.per_sample(first)
        return first * (1 - gamma) + second * gamma


def _check_fit(name: str, module: nn.Module, delta: LoraDelta) -> None:
    weight = module.weight
    rank = delta.down.shape[0]
    fits = (
        tuple(delta.down.shape[1:]) == tuple(weight.shape[1:])
        and delta.up.shape[0] == weight.shape[0]
        and delta.up.shape[1] == rank
    )
    if not fits:
        raise ExportError(
            f"the LoRA tensors of {name} ({tuple(delta.down.shape)}, {tuple(delta.up.shape)}) "
            f"do not fit its weight {tuple(weight.shape)}: is this checkpoint for another base?"
        )


def merge_deltas(root: nn.Module, deltas: dict[str, LoraDelta]) -> None:
    """Adds each delta to the weight of the module it names. Several calls add up, as several adapters do."""
    for name, delta in deltas.items():
        module = root.get_submodule(name)
        _check_fit(name, module, delta)
        down, up = delta.down.float(), delta.up.float()
        # out×r times r×(in·kH·kW); an up convolution is 1×1, so flattening both is exact.
        product = (up.flatten(1) @ down.flatten(1)).reshape(module.weight.shape)
        with torch.no_grad():
            module.weight += (delta.scale * product).to(module.weight.dtype)


def attach_guided(root: nn.Module, deltas: dict[str, LoraDelta], guide: Guide) -> None:
    """Replaces each named module by one whose delta is scaled by the guide's gamma."""
    for name, delta in deltas.items():
        module = root.get_submodule(name)
        _check_fit(name, module, delta)
        if isinstance(module, nn.Conv2d):
            if module.groups != 1 or module.padding_mode != "zeros":
                raise ExportError(f"{name} is a grouped or specially padded convolution, which LoRA branches do not cover")
            guided: nn.Module = GuidedConv2d(module, delta, guide)
        elif isinstance(module, nn.Linear):
            guided = GuidedLinear(module, delta, guide)
        else:
            raise ExportError(f"{name} is a {type(module).__name__}; LoRA branches cover Conv2d and Linear")
        parent, _, leaf = name.rpartition(".")
        setattr(root.get_submodule(parent), leaf, guided)
