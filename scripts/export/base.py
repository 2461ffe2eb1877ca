"""Reads a base model: a directory in diffusers' layout, or the cached snapshot of a Hub id."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from torch import nn

from .errors import ExportError
from .model.operators import PlainOperators
from .model.scheduler import OneStep, one_step
from .model.text import TextEncoder
from .model.unet import TurboUnet
from .model.vae import KlSkipVae, SkipVae, add_skip_convs

_PARTS = ("scheduler", "text_encoder", "tokenizer", "unet", "vae")


@dataclass(frozen=True)
class Base:
    """Where a base lies and what its bundles call it."""

    path: Path
    #: The folder under `models/shared/` with this base's text encoder and tokenizer.
    name: str


def open_base(reference: str, name: str | None = None) -> Base:
    """A directory, or a Hub id such as `stabilityai/sd-turbo` that is downloaded (or found in the cache).

    Raises ExportError where it is neither or lacks a part.
    """
    path = Path(reference).expanduser()
    if not path.is_dir():
        path = _from_hub(reference)
    missing = [part for part in _PARTS if not (path / part).is_dir()]
    if missing:
        raise ExportError(f"{path} is no base in diffusers' layout: it has no folder {', '.join(missing)}")
    return Base(path, name or reference.rstrip("/").rsplit("/", 1)[-1].lower())


def _from_hub(reference: str) -> Path:
    if reference.count("/") != 1 or reference.startswith((".", "/", "~")):
        raise ExportError(f"{reference} is neither a directory nor a Hub id such as stabilityai/sd-turbo")
    from huggingface_hub import snapshot_download

    # Only what from_pretrained reads; the repository also holds single-file and fp16 copies.
    patterns = ["*/config.json", "*/diffusion_pytorch_model.safetensors", "text_encoder/model.safetensors"]
    patterns += ["tokenizer/*", "scheduler/*", "model_index.json"]
    try:
        return Path(snapshot_download(reference, allow_patterns=patterns))
    except Exception as error:  # huggingface_hub raises many kinds: network, missing repository, no permission
        raise ExportError(f"the base {reference} could not be fetched: {error}") from error


def load_unet(base: Base, operators: PlainOperators) -> TurboUnet:
    """The base's UNet in fp32, without any LoRA. The timestep is not folded yet."""
    from diffusers import UNet2DConditionModel

    unet = _from_pretrained(UNet2DConditionModel, base.path / "unet")
    return TurboUnet(unet, operators)


def load_vae(base: Base, operators: PlainOperators) -> SkipVae:
    """The base's VAE in fp32 with its four skip convolutions at their start value.

    `_class_name` in its config says which class: AutoencoderKL, or LightAutoencoderKL of this project.
    """
    folder = base.path / "vae"
    kind = read_json(folder / "config.json").get("_class_name")
    if kind == "AutoencoderKL":
        from diffusers import AutoencoderKL

        vae: SkipVae = KlSkipVae(_from_pretrained(AutoencoderKL, folder), operators)
    elif kind == "LightAutoencoderKL":
        from .model.light_vae import load_light_vae

        vae = load_light_vae(folder)
    else:
        raise ExportError(f"{folder}/config.json names the class {kind!r}; AutoencoderKL and LightAutoencoderKL are supported")
    if len(vae.skip_channels) != 4:
        raise ExportError(f"{folder}: the VAE has {len(vae.skip_channels)} taps; the skip connections need four")
    add_skip_convs(vae)
    return vae


def load_text_encoder(base: Base, operators: PlainOperators) -> TextEncoder:
    """The base's CLIP text encoder in fp32."""
    from transformers import CLIPTextModel

    return TextEncoder(_from_pretrained(CLIPTextModel, base.path / "text_encoder"), operators)


def load_step(base: Base) -> OneStep:
    """The denoising step of the base's scheduler."""
    return one_step(read_json(base.path / "scheduler" / "scheduler_config.json"))


def _from_pretrained(kind: type, folder: Path) -> nn.Module:
    import torch

    try:
        # Only safetensors: the other format is a pickle.
        model = kind.from_pretrained(str(folder), use_safetensors=True, local_files_only=True, torch_dtype=torch.float32)
    except (OSError, ValueError, KeyError, RuntimeError) as error:
        raise ExportError(f"{folder} could not be loaded as {kind.__name__}: {error}") from error
    return model.eval().requires_grad_(False)


def read_json(path: Path) -> dict[str, object]:
    """Raises ExportError for a file that is missing or no JSON."""
    try:
        return json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise ExportError(f"{path} could not be read: {error}") from error
