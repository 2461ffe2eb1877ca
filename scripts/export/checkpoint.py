"""Reads a checkpoint that img2img-turbo's training scripts wrote, and says which model it is.

Both formats are pickled dicts (see the reference's `save_model`). They are read with `weights_only`, so nothing in
the file can run code.
"""

from __future__ import annotations

import pickle
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

import torch
from torch import Tensor

from .errors import ExportError
from .model.lora import LoraDelta

Half = Literal["a2b", "b2a"]

#: PEFT's default, which the reference leaves in place everywhere but in CycleGAN-Turbo's UNet: scale is 8 / rank.
PEFT_DEFAULT_ALPHA = 8

_PAIRED_KEYS = (
    "unet_lora_target_modules",
    "vae_lora_target_modules",
    "rank_unet",
    "rank_vae",
    "state_dict_unet",
    "state_dict_vae",
)
_UNPAIRED_KEYS = (
    "rank_unet",
    "rank_vae",
    "l_target_modules_encoder",
    "l_target_modules_decoder",
    "l_modules_others",
    "vae_lora_target_modules",
    "sd_encoder",
    "sd_decoder",
    "sd_other",
    "sd_vae_enc",
    "sd_vae_dec",
)
#: Target list and state dict of each UNet adapter of a CycleGAN-Turbo checkpoint.
_UNPAIRED_ADAPTERS = (
    ("l_target_modules_encoder", "sd_encoder"),
    ("l_target_modules_decoder", "sd_decoder"),
    ("l_modules_others", "sd_other"),
)
_HALF_PREFIX: dict[Half, str] = {"a2b": "vae.", "b2a": "vae_b2a."}


@dataclass(frozen=True)
class NetworkWeights:
    """What a checkpoint brings to one network of the base."""

    #: Deltas by module name; a CycleGAN-Turbo UNet has one dict per adapter.
    adapters: list[dict[str, LoraDelta]]
    #: Whole tensors by the base's own key (`conv_in.weight`, `decoder.skip_conv_1.weight`, …).
    tensors: dict[str, Tensor]
    #: The LoRA target lists, one per adapter, to check that no module was left without its tensors.
    targets: list[list[str]]


@dataclass(frozen=True)
class PairedCheckpoint:
    """pix2pix-Turbo. `twin` is (pretrained, current) weights of `conv_in` where the model is stochastic."""

    path: Path
    unet: NetworkWeights
    vae: NetworkWeights
    twin: tuple[dict[str, Tensor], dict[str, Tensor]] | None

    @property
    def stochastic(self) -> bool:
        return self.twin is not None


@dataclass(frozen=True)
class UnpairedCheckpoint:
    """CycleGAN-Turbo: one UNet for both directions, a VAE for each."""

    path: Path
    unet: NetworkWeights
    vaes: dict[Half, NetworkWeights]

    @property
    def stochastic(self) -> bool:
        return False


Checkpoint = PairedCheckpoint | UnpairedCheckpoint


def read_checkpoint(path: Path) -> Checkpoint:
    """Reads and takes apart a checkpoint file.

    Raises ExportError for a file that is missing, is no checkpoint, is of neither family, lacks tensors, or has some that are
    not finite.
    """
    content = _read_pickle(path)
    if "state_dict_unet" in content or "state_dict_vae" in content:
        _require_keys(path, "pix2pix-Turbo", content, _PAIRED_KEYS)
        return _paired(path, content)
    if "sd_vae_enc" in content or "sd_vae_dec" in content or "sd_encoder" in content:
        _require_keys(path, "CycleGAN-Turbo", content, _UNPAIRED_KEYS)
        return _unpaired(path, content)
    keys = ", ".join(sorted(map(str, content))[:8]) or "nothing"
    raise ExportError(f"{path} is a pickled dict, but of neither family of img2img-turbo; it holds {keys}")


def _read_pickle(path: Path) -> Mapping[str, object]:
    if not path.is_file():
        raise ExportError(f"there is no checkpoint {path}")
    try:
        content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        first = str(error).strip().splitlines()[0] if str(error).strip() else "it cannot be unpickled"
        raise ExportError(f"{path} is no checkpoint that can be loaded without running code from it: {first}") from error
    except (OSError, EOFError, RuntimeError, ValueError, KeyError, zipfile.BadZipFile) as error:
        raise ExportError(f"{path} is no PyTorch checkpoint, or it is damaged: {error}") from error
    if not isinstance(content, Mapping):
        raise ExportError(f"{path} holds a {type(content).__name__}; a checkpoint of img2img-turbo is a dict")
    return content


def _require_keys(path: Path, family: str, content: Mapping[str, object], keys: tuple[str, ...]) -> None:
    missing = [key for key in keys if key not in content]
    if missing:
        raise ExportError(f"{path} looks like a {family} checkpoint, but it has no {', '.join(missing)}")
    for key in keys:
        value = content[key]
        if key.startswith("rank"):
            fits = isinstance(value, int) and value > 0
        elif key.startswith(("sd_", "state_dict")):
            fits = isinstance(value, Mapping) and all(isinstance(item, Tensor) for item in value.values())
        else:
            fits = isinstance(value, list | tuple | set) and all(isinstance(item, str) for item in value)
        if not fits:
            raise ExportError(f"{path}: {key} is not what a {family} checkpoint has there ({type(value).__name__})")


def _paired(path: Path, content: Mapping[str, object]) -> PairedCheckpoint:
    unet = _network(
        path,
        content["state_dict_unet"],
        "default",
        PEFT_DEFAULT_ALPHA,
        content["rank_unet"],
        content["unet_lora_target_modules"],
    )
    vae = _network(
        path,
        content["state_dict_vae"],
        "vae_skip",
        PEFT_DEFAULT_ALPHA,
        content["rank_vae"],
        content["vae_lora_target_modules"],
    )
    twin = None
    if any(key.startswith("conv_in.conv_in_") for key in unet.tensors):
        twin = (
            _take(unet.tensors, "conv_in.conv_in_pretrained."),
            _take(unet.tensors, "conv_in.conv_in_curr."),
        )
        if not all("weight" in half for half in twin):
            raise ExportError(f"{path} has only one of the twins conv_in_pretrained and conv_in_curr")
    for index in (1, 2, 3, 4):
        if f"decoder.skip_conv_{index}.weight" not in vae.tensors:
            raise ExportError(f"{path} has no weight of the skip connection decoder.skip_conv_{index}")
    return PairedCheckpoint(path, unet, vae, twin)


def _unpaired(path: Path, content: Mapping[str, object]) -> UnpairedCheckpoint:
    rank = content["rank_unet"]
    adapters, targets = [], []
    for target_key, state_key in _UNPAIRED_ADAPTERS:
        # The reference sets lora_alpha = rank for this family's UNet, so its scale is 1.
        part = _network(path, content[state_key], None, rank, rank, content[target_key])
        if part.tensors:
            raise ExportError(f"{path}: {state_key} holds tensors that are no LoRA: {', '.join(list(part.tensors)[:3])}")
        adapters += part.adapters
        targets += part.targets
    vaes: dict[Half, NetworkWeights] = {}
    for half, prefix in _HALF_PREFIX.items():
        # The reference loads the encoder's dict, then the decoder's, into the same two VAEs: the second one wins.
        merged: dict[str, Tensor] = {}
        for key in ("sd_vae_enc", "sd_vae_dec"):
            part = _strip(content[key], prefix)
            if not part:
                raise ExportError(
                    f"{path} is half of a CycleGAN-Turbo checkpoint: {key} has no tensors of {prefix[:-1]!r} ({half})"
                )
            merged |= part
        vaes[half] = _network(
            path, merged, "vae_skip", PEFT_DEFAULT_ALPHA, content["rank_vae"], content["vae_lora_target_modules"]
        )
    return UnpairedCheckpoint(path, NetworkWeights(adapters, {}, targets), vaes)


def _network(
    path: Path, state: Mapping[str, Tensor], adapter: str | None, alpha: int, rank: int, targets: object
) -> NetworkWeights:
    """Splits a state dict into LoRA deltas and whole tensors. `adapter` is the adapter's name in its keys, if it is."""
    middle = f".{adapter}" if adapter else ""
    downs: dict[str, Tensor] = {}
    ups: dict[str, Tensor] = {}
    tensors: dict[str, Tensor] = {}
    for key, tensor in state.items():
        if not tensor.isfinite().all():
            raise ExportError(f"{path}: {key} is not finite everywhere (it holds NaN or infinity)")
        if key.endswith(f".lora_A{middle}.weight"):
            downs[key.removesuffix(f".lora_A{middle}.weight")] = tensor
        elif key.endswith(f".lora_B{middle}.weight"):
            ups[key.removesuffix(f".lora_B{middle}.weight")] = tensor
        elif ".lora_" in key:
            raise ExportError(f"{path} has a LoRA tensor of an unknown adapter: {key}")
        else:
            # PEFT moves a target's own weight below `base_layer`.
            tensors[key.replace(".base_layer.", ".")] = tensor
    unpaired = sorted(downs.keys() ^ ups.keys())
    if unpaired:
        raise ExportError(f"{path} lacks lora_A or lora_B of {', '.join(unpaired[:3])}")
    deltas = {}
    for name, down in downs.items():
        if down.shape[0] != rank:
            raise ExportError(f"{path}: the LoRA of {name} has rank {down.shape[0]}, the checkpoint says {rank}")
        deltas[name] = LoraDelta(down, ups[name], alpha / rank)
    return NetworkWeights([deltas], tensors, [sorted(targets)])


def _strip(state: Mapping[str, Tensor], prefix: str) -> dict[str, Tensor]:
    return {key[len(prefix) :]: value for key, value in state.items() if key.startswith(prefix)}


def _take(tensors: dict[str, Tensor], prefix: str) -> dict[str, Tensor]:
    """Moves the tensors with a prefix out of the dict."""
    taken = _strip(tensors, prefix)
    for key in taken:
        del tensors[prefix + key]
    return taken
