"""Turns a run's averaged weights into a bundle, by way of what any other model comes as: a base and a checkpoint.

npm run train:publish -- emoji-sketch
npm run train:publish -- day-night
"""

from __future__ import annotations

import argparse
import contextlib
import json
import re
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

import torch
from torch import Tensor, nn

from export.base import open_base
from export.bundle import Order, write_bundle
from export.checkpoint import read_checkpoint
from export.command import from_here, run_command
from export.description import Description, Direction
from export.errors import ExportError
from export.model.light_vae import LightAutoencoderKL, save_light_vae
from export.summary import print_summary
from export.target import Target

from . import state
from .generator import LORA_ALPHA, LORA_RANK, SCHEDULER, Sizes, SketchGenerator, StreetGenerator
from .paths import MODELS, RUNS

EMOJI_LICENCE = {
    "weights": "MIT",
    "data": "Fluent Emoji © Microsoft Corporation, MIT; Noto Emoji © Google LLC, Apache-2.0; names: emojilib, MIT",
}
STREET_LICENCE = {"weights": "MIT", "data": "MIT; street scenes drawn by scripts/train/data/street.py"}


def write_base(folder: Path, unet: nn.Module, text: nn.Module, vae: LightAutoencoderKL, tokenizer: Path) -> None:
    """A folder in diffusers' layout."""
    shutil.rmtree(folder, ignore_errors=True)
    unet.save_pretrained(folder / "unet")
    text.save_pretrained(folder / "text_encoder")
    save_light_vae(vae, folder / "vae")
    shutil.copytree(tokenizer, folder / "tokenizer")
    (folder / "scheduler").mkdir()
    (folder / "scheduler" / "scheduler_config.json").write_text(json.dumps(SCHEDULER, indent=2) + "\n")


def _lora(prefix: str, adapter: str, branch: nn.Module) -> dict[str, Tensor]:
    """A guided module's branch under PEFT's names; the branch's scale goes back out of `up`."""
    return {
        f"{prefix}.lora_A.{adapter}.weight": branch.down.weight.detach().clone(),
        f"{prefix}.lora_B.{adapter}.weight": (branch.up.weight / (LORA_ALPHA / LORA_RANK)).detach().clone(),
    }


def sketch_checkpoint(model: SketchGenerator) -> dict[str, object]:
    """A stochastic pix2pix-Turbo checkpoint's dict. Takes the guided modules' branches apart from their bases."""
    unet, vae = model.unet, model.vae
    twin = unet.conv_in
    state_unet = _lora("conv_out", "default", unet.conv_out)
    for name, conv in (("pretrained", twin.pretrained), ("curr", twin.current)):
        state_unet |= {f"conv_in.conv_in_{name}.{key}": value.clone() for key, value in conv.state_dict().items()}
    state_vae = _lora("decoder.conv_in", "vae_skip", vae.decoder.conv_in)
    state_vae |= {key: value.clone() for key, value in vae.state_dict().items() if "skip" in key}
    return {
        "unet_lora_target_modules": ["conv_out"],
        "vae_lora_target_modules": ["decoder.conv_in"],
        "rank_unet": LORA_RANK,
        "rank_vae": LORA_RANK,
        "state_dict_unet": state_unet,
        "state_dict_vae": state_vae,
    }


def write_sketch_base(folder: Path, model: SketchGenerator, tokenizer: Path) -> None:
    """The base that `sketch_checkpoint` goes with: what is under the branches. The model is of no use after it."""
    model.unet_holder.conv_out = model.unet.conv_out.base
    model.vae.decoder.conv_in = model.vae.decoder.conv_in.base
    write_base(folder, model.unet_holder, model.clip, model.vae, tokenizer)


def street_checkpoint(model: StreetGenerator) -> dict[str, object]:
    """A CycleGAN-Turbo checkpoint's dict. The UNet was trained whole and is the base's: its LoRA lists are empty."""
    vaes = {f"vae.{key}": value for key, value in model.vae.state_dict().items()}
    vaes |= {f"vae_b2a.{key}": value for key, value in model.vae_b2a.state_dict().items()}
    return {
        "l_target_modules_encoder": [],
        "l_target_modules_decoder": [],
        "l_modules_others": [],
        "rank_unet": LORA_RANK,
        "sd_encoder": {},
        "sd_decoder": {},
        "sd_other": {},
        "rank_vae": LORA_RANK,
        "vae_lora_target_modules": [],
        "sd_vae_enc": vaes,
        "sd_vae_dec": vaes,
    }


@contextlib.contextmanager
def _set_aside(folder: Path) -> Iterator[None]:
    """Moves an older text encoder out of the way, which would be taken for this run's; back where the export fails."""
    aside = folder.with_name(f".{folder.name}.old")
    if aside.exists() and not folder.exists():
        # What an earlier one left that was killed outright: the only copy.
        aside.rename(folder)
    shutil.rmtree(aside, ignore_errors=True)
    if folder.exists():
        folder.rename(aside)
    try:
        yield
    except BaseException:
        if aside.exists():
            shutil.rmtree(folder, ignore_errors=True)
            aside.rename(folder)
        raise
    shutil.rmtree(aside, ignore_errors=True)


def _publish(work: Path, checkpoint: dict[str, object], description: Description, out: Path) -> None:
    """Exports the checkpoint and the base in `work`, where what people wrote about an earlier bundle is kept meanwhile."""
    torch.save(checkpoint, work / f"{description.id}.pkl")
    order = Order(
        checkpoint=read_checkpoint(work / f"{description.id}.pkl"),
        base=open_base(str(work / "base"), description.id),
        out=out,
        layout="fused",
        target=Target("cpu", "fp16"),
        description=description,
        replace=True,
    )
    # It outlives the bundle's weights; on disk, so that it outlives this command too.
    kept = work / "kept"
    shutil.rmtree(kept, ignore_errors=True)
    kept.mkdir()
    for file in out.glob("*"):
        if file.suffix in (".md", ".png", ".webp"):
            shutil.copy2(file, kept)
    with _set_aside(out.parent / "shared" / order.base.name):
        print_summary(write_bundle(order, lambda line: print(line, flush=True)), order)
    shutil.copytree(kept, out, dirs_exist_ok=True)


def origin_of(facts: dict[str, object]) -> str:
    """What a manifest says of a run."""
    hours = float(facts["seconds"]) / 3600
    on_gpu = facts.get("on_gpu") or any("cuda" in phase.get("device", "cpu") for phase in facts["phases"])
    where = "a GPU" if on_gpu else "a CPU"
    return f"trained from scratch by scripts/train: {facts['step']} steps, {facts['samples']} samples, {hours:.1f} h on {where}"


def facts_of(origin: str) -> dict[str, object]:
    """The facts that `origin_of` told: what a run begun on a bundle has behind it."""
    told = re.search(r"(\d+) steps, (\d+) samples, ([\d.]+) h on (.+)", origin)
    if told is None:
        raise ExportError(f"the bundle is none of scripts/train: it comes from {origin!r}")
    steps, samples, hours, where = told.groups()
    return {
        "step": int(steps),
        "samples": int(samples),
        "seconds": float(hours) * 3600,
        "on_gpu": "GPU" in where,
        "phases": [],
    }


def write_emoji(model: SketchGenerator, tokenizer: Path, origin: str, work: Path, out: Path) -> None:
    """The bundle of a generator, by way of `work`. The model is of no use after it."""
    checkpoint = sketch_checkpoint(model)
    write_sketch_base(work / "base", model, tokenizer)
    description = Description(
        id="emoji-sketch",
        title="Emoji sketch",
        description="Colours a line drawing in one step: small enough for a laptop's CPU, trained from scratch on emoji.",
        family="pix2pix-turbo",
        conditioning="sketch",
        directions=[Direction("sketch_to_image", "Sketch to image")],
        stochastic=True,
        native=(512, 512),
        licence=EMOJI_LICENCE,
        origin=origin,
        default_gamma=0.9,
        example="a duck",
        max_side=1024,
    )
    _publish(work, checkpoint, description, out)


def write_street(model: StreetGenerator, tokenizer: Path, origin: str, work: Path, out: Path) -> None:
    """The bundle of a generator, by way of `work`."""
    checkpoint = street_checkpoint(model)
    write_base(work / "base", model.unet_holder, model.clip, model.vae, tokenizer)
    description = Description(
        id="day-night",
        title="Day and night",
        description="Turns a drawn street from day to night and back: small enough for a laptop's CPU, trained unpaired.",
        family="cyclegan-turbo",
        conditioning="image",
        directions=[
            Direction("day_to_night", "Day to night", "a2b", "driving in the night"),
            Direction("night_to_day", "Night to day", "b2a", "driving in the day"),
        ],
        stochastic=False,
        native=(512, 512),
        licence=STREET_LICENCE,
        origin=origin,
        max_side=1024,
    )
    _publish(work, checkpoint, description, out)


GENERATORS = {"emoji-sketch": SketchGenerator, "day-night": StreetGenerator}
WRITERS = {"emoji-sketch": write_emoji, "day-night": write_street}


def publish(bundle: str, run: str, out: Path) -> None:
    """Writes a run's averaged weights as the bundle of that name."""
    saved = state.load(run)
    if saved is None:
        raise ExportError(f"there is no run {run}; train it first (npm run train:{bundle.removesuffix('-sketch')})")
    model = GENERATORS[bundle](Sizes(**saved["facts"]["sizes"]))
    model.load_state_dict(saved["average"])
    WRITERS[bundle](model, RUNS / run / "tokenizer", origin_of(saved["facts"]), RUNS / run, out)


def main() -> int:
    """Runs the command; 0 when the bundle was written, 1 with a sentence on standard error when not."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("bundle", choices=list(WRITERS))
    parser.add_argument("--run", help="the run it comes from, where that has another name")
    parser.add_argument("--out", type=Path, help="the bundle's folder; default: the shipped one's")
    options = parser.parse_args()
    out = from_here(options.out) if options.out else MODELS / options.bundle
    return run_command("train:publish", lambda: publish(options.bundle, options.run or options.bundle, out))


if __name__ == "__main__":
    sys.exit(main())
