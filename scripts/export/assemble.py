"""Puts a checkpoint's weights into a base: one `Assembly` per direction, ready to be exported."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from .base import Base, load_step, load_unet, load_vae
from .checkpoint import Half, NetworkWeights, PairedCheckpoint, UnpairedCheckpoint
from .errors import ExportError
from .model.light_vae import LightAutoencoderKL
from .model.lora import Guide, TwinConv, attach_guided, merge_deltas
from .model.operators import PlainOperators
from .model.turbo import Preparation, Translator, Unet, VaeDecoder, VaeEncoder
from .model.unet import TurboUnet, fold_timestep
from .model.vae import SkipVae


@dataclass(frozen=True)
class Assembly:
    """One direction's modules, in fp32. `fused` holds the same three parts, not copies."""

    encoder: VaeEncoder
    unet: Unet
    decoder: VaeDecoder

    @property
    def fused(self) -> Translator:
        return Translator(self.encoder, self.unet, self.decoder)

    @property
    def stochastic(self) -> bool:
        return self.encoder.guide is not None

    @property
    def latent_channels(self) -> int:
        return self.encoder.vae.latent_channels

    @property
    def downscale(self) -> int:
        return self.encoder.vae.downscale


def assemble_paired(checkpoint: PairedCheckpoint, base: Base, operators: PlainOperators, preparation: Preparation) -> Assembly:
    """pix2pix-Turbo: LoRA merged, or, where the checkpoint is stochastic, kept as branches scaled by gamma."""
    where = str(checkpoint.path)
    unet, vae = load_unet(base, operators), load_vae(base, operators)
    guide = Guide() if checkpoint.twin is not None else None
    if checkpoint.twin is not None and guide is not None:
        pretrained, current = checkpoint.twin
        unet.conv_in = TwinConv(
            _conv_with(where, unet.conv_in, "conv_in.conv_in_pretrained", pretrained),
            _conv_with(where, unet.conv_in, "conv_in.conv_in_curr", current),
            guide,
        )
    _apply(where, unet, checkpoint.unet, guide)
    _apply(where, vae, checkpoint.vae, guide)
    fold_timestep(unet)
    return _assembly(vae, unet, base, preparation, guide)


def assemble_unpaired(checkpoint: UnpairedCheckpoint, base: Base, operators: PlainOperators, half: Half) -> Assembly:
    """One direction of CycleGAN-Turbo: everything merged."""
    where = str(checkpoint.path)
    unet, vae = load_unet(base, operators), load_vae(base, operators)
    _apply(where, unet, checkpoint.unet, None)
    _apply(where, vae, checkpoint.vaes[half], None)
    missing = sorted(set(vae.state_dict()) - set(checkpoint.vaes[half].tensors))
    if missing:
        raise ExportError(f"{where}: the VAE of {half} is not whole; it lacks {', '.join(missing[:3])} ({len(missing)} tensors)")
    fold_timestep(unet)
    return _assembly(vae, unet, base, "signed", None)


def _assembly(vae: SkipVae, unet: TurboUnet, base: Base, preparation: Preparation, guide: Guide | None) -> Assembly:
    step = load_step(base)
    if isinstance(vae, LightAutoencoderKL):
        if vae.config["outside"] and preparation != "binary":
            raise ExportError("this base's VAE takes black-and-white drawings only: --conditioning sketch")
        if not isinstance(vae.encoder.conv_in, nn.Conv2d):
            raise ExportError("a LightAutoencoderKL takes no LoRA on encoder.conv_in: name decoder.conv_in as the target")
    for module in (vae, unet):
        module.eval().requires_grad_(False)
    return Assembly(VaeEncoder(vae, preparation, guide), Unet(unet, step, guide), VaeDecoder(vae, guide))


def _apply(where: str, network: nn.Module, weights: NetworkWeights, guide: Guide | None) -> None:
    """Whole tensors first, because deltas are added to what then stands there."""
    own = dict(network.state_dict())
    unknown = [key for key in weights.tensors if key not in own]
    if unknown:
        raise ExportError(f"{where} has tensors that the base does not know: {', '.join(unknown[:3])} ({len(unknown)} in all)")
    for key, tensor in weights.tensors.items():
        if own[key].shape != tensor.shape:
            raise ExportError(f"{where}: {key} is {tuple(tensor.shape)}, the base has {tuple(own[key].shape)}: wrong base?")
        own[key].copy_(tensor)
    put: Callable[[dict], None] = (
        (lambda deltas: merge_deltas(network, deltas))
        if guide is None
        else (lambda deltas: attach_guided(network, deltas, guide))
    )
    for deltas, targets in zip(weights.adapters, weights.targets, strict=True):
        _check_targets(where, network, set(deltas), targets)
        put(deltas)


def _check_targets(where: str, network: nn.Module, named: set[str], targets: list[str]) -> None:
    """The modules that PEFT would have given an adapter must be those that the checkpoint has tensors for."""
    # PEFT's rule for a list: a module's whole name, or the end of it after a dot. A guided module counts as its base.
    expected = {
        name
        for name, module in network.named_modules()
        if isinstance(module, nn.Conv2d | nn.Linear) and any(name == target or name.endswith(f".{target}") for target in targets)
    }
    absent = sorted(expected - named)
    if absent:
        raise ExportError(f"{where} has no LoRA tensors for {', '.join(absent[:3])} ({len(absent)} of {len(expected)} targets)")
    strange = sorted(named - expected)
    if strange:
        raise ExportError(f"{where} has LoRA tensors for {', '.join(strange[:3])}, which the base lacks or the target list omits")


def _conv_with(where: str, like: nn.Conv2d, name: str, tensors: dict[str, Tensor]) -> nn.Conv2d:
    conv = nn.Conv2d(like.in_channels, like.out_channels, like.kernel_size, like.stride, like.padding)
    for key, parameter in (("weight", conv.weight), ("bias", conv.bias)):
        if key not in tensors or tensors[key].shape != parameter.shape:
            raise ExportError(f"{where}: {name}.{key} is missing or does not fit the base's conv_in {tuple(parameter.shape)}")
        with torch.no_grad():
            parameter.copy_(tensors[key])
    return conv
