"""The `export` command: a checkpoint and a base in, a bundle out."""

from __future__ import annotations

import argparse
import tempfile
from pathlib import Path

from .checkpoint import PairedCheckpoint, read_checkpoint
from .command import export_bundle, from_here, log, run_command
from .describe import describe
from .description import Description
from .errors import ExportError
from .files import folder_aside, refuse_existing

_EPILOG = """examples:
  npm run export -- --checkpoint model_20001.pkl --base stabilityai/sd-turbo --out models/mine --conditioning edge
  npm run export -- --checkpoint horse2zebra.pkl --base ./sd-turbo --out models/zebra --direction both
      --direction-id horse_to_zebra --prompt "picture of a zebra" --direction-id zebra_to_horse --prompt "picture of a horse"
  npm run export -- --random-init tiny --kind sketch --out models/tiny
"""


def parser() -> argparse.ArgumentParser:
    """All options, with their help."""
    p = argparse.ArgumentParser(
        prog="npm run export --",
        description="Exports an img2img-turbo checkpoint of either training script to a bundle that the server loads.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    source = p.add_argument_group("what to export")
    source.add_argument("--checkpoint", type=Path, metavar="FILE.pkl", help="a checkpoint as the training scripts save it")
    source.add_argument("--base", metavar="DIR|HUB_ID", help="the base model: a diffusers folder, or a Hub id to download")
    source.add_argument("--base-name", metavar="NAME", help="what bundles on this base call it (default: its last word)")
    source.add_argument("--direction", choices=("a2b", "b2a", "both"), help="which half of a CycleGAN-Turbo checkpoint")
    source.add_argument("--random-init", choices=("tiny", "sd-turbo"), help="make base and checkpoint with random weights first")
    source.add_argument("--kind", choices=("sketch", "edge", "cyclegan"), help="which kind --random-init makes; default sketch")
    source.add_argument("--keep", type=Path, metavar="DIR", help="where --random-init leaves base and checkpoint")
    source.add_argument("--seed", type=int, help="of --random-init; default 1")
    result = p.add_argument_group("what comes out")
    result.add_argument("--out", type=Path, required=True, metavar="models/NAME", help="the bundle's folder")
    result.add_argument("--precision", choices=("fp32", "fp16"), default="fp32", help="of the stored weights")
    result.add_argument("--layout", choices=("fused", "staged"), default="fused", help="one graph, or three")
    result.add_argument("--target", choices=("cpu", "cuda"), default="cpu", help="whose operators the graphs are made of")
    result.add_argument("--force", action="store_true", help="replace a bundle that exists")
    words = p.add_argument_group("what the bundle says of itself")
    words.add_argument("--id", help="default: the folder's name")
    words.add_argument("--title", help="default: from the id")
    words.add_argument("--description", default="", help="a sentence for the models list")
    words.add_argument(
        "--conditioning",
        choices=("sketch", "edge", "image"),
        help="what the model is given; default: sketch where stochastic, else image",
    )
    words.add_argument("--size", default=None, metavar="WxH", help="the size it was trained at; default 512x512")
    words.add_argument("--max-side", type=int, default=2048, help="longest side a request may ask for")
    words.add_argument(
        "--default-gamma",
        type=float,
        help=f"stochastic models: sketch guidance where a request names none; default {Description.default_gamma}",
    )
    words.add_argument(
        "--low-threshold",
        type=int,
        help=f"edge models: Canny's lower threshold where a request names none; default {Description.low_threshold}",
    )
    words.add_argument("--high-threshold", type=int, help=f"edge models: the upper one; default {Description.high_threshold}")
    words.add_argument("--template", help="pix2pix-Turbo: prompt template with {prompt}")
    words.add_argument("--example", help="pix2pix-Turbo: a prompt that shows the model well")
    words.add_argument("--direction-id", action="append", default=[], metavar="ID", help="a direction's name, in order")
    words.add_argument("--prompt", action="append", default=[], help="CycleGAN-Turbo: a direction's fixed prompt, in order")
    words.add_argument("--weights-licence", default="not stated", help="licence of the weights")
    words.add_argument("--data-licence", help="licence of the data they were trained on")
    words.add_argument("--origin", help="where the weights come from; default: the checkpoint's file name")
    return p


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; 0 when a bundle was written, 1 with a sentence on standard error when not."""
    options = parser().parse_args(arguments)

    def export() -> None:
        with tempfile.TemporaryDirectory(prefix="img2img-export-") as scratch:
            run(options, Path(scratch))

    return run_command("export", export)


def run(options: argparse.Namespace, scratch: Path) -> None:
    """Does what the options say. `scratch` takes what --random-init makes, where nobody keeps it.

    Everything that can be refused is, before a base is downloaded or random weights are written.
    """
    out = from_here(options.out)
    refuse_existing(out, options.force)
    if options.random_init:
        if options.checkpoint or options.base:
            raise ExportError("--random-init makes the base and the checkpoint; leave out --checkpoint and --base")
        _choose_random(options)
        description = describe(options, out.name, paired=options.kind != "cyclegan", stochastic=options.kind == "sketch")
        _make_random(options, from_here(options.keep) if options.keep else scratch)
        checkpoint = read_checkpoint(options.checkpoint)
    else:
        for option in ("kind", "keep", "seed"):
            if getattr(options, option) is not None:
                raise ExportError(f"--{option} is for --random-init only")
        if not options.checkpoint or not options.base:
            raise ExportError("--checkpoint and --base are needed (or --random-init)")
        checkpoint = read_checkpoint(from_here(options.checkpoint))
        description = describe(options, out.name, isinstance(checkpoint, PairedCheckpoint), checkpoint.stochastic)
    export_bundle(options, checkpoint, description, out)


def _choose_random(options: argparse.Namespace) -> None:
    """Fills in what --random-init leaves open."""
    from .random_init import ARCHITECTURES

    options.kind = options.kind or "sketch"
    native = ARCHITECTURES[options.random_init].native
    options.size = options.size or f"{native}x{native}"
    options.origin = options.origin or f"random weights (--random-init {options.random_init})"
    options.conditioning = options.conditioning or {"edge": "edge", "sketch": "sketch"}.get(options.kind)
    if options.kind == "cyclegan":
        options.direction = options.direction or "both"
        wanted = 2 if options.direction == "both" else 1
        options.prompt = options.prompt or ["driving in the night", "driving in the day"][:wanted]


def _make_random(options: argparse.Namespace, folder: Path) -> None:
    from safetensors import SafetensorError

    from .random_init import ARCHITECTURES, write_base, write_checkpoint

    size, seed = options.random_init, 1 if options.seed is None else options.seed
    base, checkpoint = folder / f"{size}-random", folder / f"{size}-{options.kind}.pkl"
    try:
        log(f"random weights: base {base}")
        with folder_aside(base, replace=True) as aside:
            write_base(aside, ARCHITECTURES[size], seed)
        log(f"random weights: checkpoint {checkpoint}")
        write_checkpoint(checkpoint, base, ARCHITECTURES[size], options.kind, seed + 1)
    except (RuntimeError, SafetensorError) as error:
        # What torch and safetensors make of a full disk.
        checkpoint.unlink(missing_ok=True)
        raise ExportError(f"random weights could not be written to {folder}: {error}") from error
    options.base, options.checkpoint = str(base), checkpoint
