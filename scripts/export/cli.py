"""The `export` command: a checkpoint and a base in, a bundle out."""

from __future__ import annotations

import argparse
import os
import re
import signal
import sys
import tempfile
import threading
from collections.abc import Callable
from pathlib import Path

from .base import open_base
from .bundle import Order, write_bundle
from .checkpoint import Checkpoint, PairedCheckpoint, read_checkpoint
from .description import Description, Direction
from .errors import ExportError
from .files import folder_aside
from .summary import print_summary
from .target import Target

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
    source.add_argument("--kind", choices=("sketch", "edge", "cyclegan"), default="sketch", help="which kind --random-init makes")
    source.add_argument("--keep", type=Path, metavar="DIR", help="where --random-init leaves base and checkpoint")
    source.add_argument("--seed", type=int, default=1, help="of --random-init")
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
    words.add_argument("--default-gamma", type=float, default=0.4, help="stochastic models: sketch guidance by default")
    words.add_argument("--template", help="prompt template with {prompt}")
    words.add_argument("--example", help="a prompt that shows the model well")
    words.add_argument("--direction-id", action="append", default=[], metavar="ID", help="a direction's name, in order")
    words.add_argument("--prompt", action="append", default=[], help="a direction's fixed prompt, in order (CycleGAN-Turbo)")
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


def run_command(name: str, action: Callable[[], None]) -> int:
    """Does a command's work; 0 when it is done, 1 with a sentence on standard error when it cannot be."""
    # A polite kill unwinds like an error, so that nothing half-written is left.
    if threading.current_thread() is threading.main_thread():
        signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        action()
    except (ExportError, OSError) as error:
        print(f"{name}: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"{name}: interrupted", file=sys.stderr)
        return 130
    return 0


def run(options: argparse.Namespace, scratch: Path) -> None:
    """Does what the options say. `scratch` takes what --random-init makes, where nobody keeps it."""
    if options.random_init:
        if options.checkpoint or options.base:
            raise ExportError("--random-init makes the base and the checkpoint; leave out --checkpoint and --base")
        _make_random(options, from_here(options.keep) if options.keep else scratch)
    if not options.checkpoint or not options.base:
        raise ExportError("--checkpoint and --base are needed (or --random-init)")
    checkpoint = read_checkpoint(from_here(options.checkpoint))
    local = from_here(Path(options.base))
    base = open_base(str(local) if local.is_dir() else options.base, options.base_name)
    out = from_here(options.out)
    order = Order(
        checkpoint=checkpoint,
        base=base,
        out=out,
        layout=options.layout,
        target=Target(options.target, options.precision),
        description=describe(options, checkpoint, out.name),
        replace=options.force,
    )
    print_summary(write_bundle(order, log), order)


def describe(options: argparse.Namespace, checkpoint: Checkpoint, name: str) -> Description:
    """The manifest's words from the options and from what the checkpoint is."""
    identifier = options.id or re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")
    paired = isinstance(checkpoint, PairedCheckpoint)
    conditioning = options.conditioning or ("sketch" if checkpoint.stochastic else "image")
    if not paired and conditioning != "image":
        raise ExportError("a CycleGAN-Turbo model is given pictures: --conditioning image")
    licence = {"weights": options.weights_licence}
    if options.data_licence:
        licence["data"] = options.data_licence
    description = Description(
        id=identifier,
        title=options.title or _title(identifier),
        description=options.description,
        family="pix2pix-turbo" if paired else "cyclegan-turbo",
        conditioning=conditioning,
        directions=_paired_directions(options, conditioning) if paired else _unpaired_directions(options),
        stochastic=checkpoint.stochastic,
        native=_size(options.size or "512x512"),
        licence=licence,
        origin=options.origin or options.checkpoint.name,
        default_gamma=options.default_gamma,
        template=options.template,
        example=options.example,
        max_side=options.max_side,
    )
    description.check()
    return description


def _paired_directions(options: argparse.Namespace, conditioning: str) -> list[Direction]:
    if options.direction:
        raise ExportError("--direction is for CycleGAN-Turbo checkpoints; this one is pix2pix-Turbo")
    if options.prompt:
        raise ExportError("--prompt fixes the prompt of a CycleGAN-Turbo direction; this checkpoint is pix2pix-Turbo")
    identifier = options.direction_id[0] if options.direction_id else f"{conditioning}_to_image"
    return [Direction(identifier, _title(identifier))]


def _unpaired_directions(options: argparse.Namespace) -> list[Direction]:
    if options.direction is None:
        raise ExportError("this is a CycleGAN-Turbo checkpoint: say --direction a2b, b2a or both")
    halves = ("a2b", "b2a") if options.direction == "both" else (options.direction,)
    if len(options.prompt) != len(halves):
        raise ExportError(f"each direction needs its --prompt: {len(halves)} wanted, {len(options.prompt)} given")
    identifiers = options.direction_id or ["a_to_b" if half == "a2b" else "b_to_a" for half in halves]
    if len(identifiers) != len(halves):
        raise ExportError(f"{len(halves)} directions, but {len(identifiers)} times --direction-id")
    return [
        Direction(identifier, _title(identifier), half, prompt)
        for identifier, half, prompt in zip(identifiers, halves, options.prompt, strict=True)
    ]


def _make_random(options: argparse.Namespace, folder: Path) -> None:
    from safetensors import SafetensorError

    from .random_init import ARCHITECTURES, write_base, write_checkpoint

    size = options.random_init
    base, checkpoint = folder / f"{size}-random", folder / f"{size}-{options.kind}.pkl"
    try:
        log(f"random weights: base {base}")
        with folder_aside(base, replace=True) as aside:
            write_base(aside, ARCHITECTURES[size], options.seed)
        log(f"random weights: checkpoint {checkpoint}")
        write_checkpoint(checkpoint, base, ARCHITECTURES[size], options.kind, options.seed + 1)
    except (RuntimeError, SafetensorError) as error:
        # What torch and safetensors make of a full disk.
        checkpoint.unlink(missing_ok=True)
        raise ExportError(f"random weights could not be written to {folder}: {error}") from error
    options.base, options.checkpoint = str(base), checkpoint
    native = ARCHITECTURES[size].native
    options.size = options.size or f"{native}x{native}"
    options.origin = options.origin or f"random weights (--random-init {size})"
    options.conditioning = options.conditioning or {"edge": "edge", "sketch": "sketch"}.get(options.kind)
    if options.kind == "cyclegan":
        options.direction = options.direction or "both"
        wanted = 2 if options.direction == "both" else 1
        options.prompt = options.prompt or ["driving in the night", "driving in the day"][:wanted]


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise ExportError(f"--size {text} is not of the form 512x512")
    return int(match[1]), int(match[2])


def _title(identifier: str) -> str:
    words = re.sub(r"[_-]+", " ", identifier).strip()
    return words[:1].upper() + words[1:]


def from_here(path: Path) -> Path:
    """A path as the user means it: npm and scripts/python.mjs change the folder before Python starts."""
    path = path.expanduser()
    return path if path.is_absolute() else Path(os.environ.get("IMG2IMG_CWD", ".")) / path


def log(line: str) -> None:
    """Progress goes to standard error, the summary to standard output."""
    print(line, file=sys.stderr, flush=True)
