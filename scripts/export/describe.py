"""From the export command's options to what the bundle says of itself."""

from __future__ import annotations

import argparse
import re

from .description import Conditioning, Description, Direction, identifier_of
from .errors import ExportError


def describe(options: argparse.Namespace, name: str, paired: bool, stochastic: bool) -> Description:
    """The manifest's words, of the options and of what the model is: pix2pix-Turbo where `paired`, else CycleGAN-Turbo.

    Raises ExportError for options that this model cannot have, or that would change nothing.
    """
    identifier = options.id or identifier_of(name)
    conditioning = options.conditioning or ("sketch" if stochastic else "image")
    if not paired and conditioning != "image":
        raise ExportError("a CycleGAN-Turbo model is given pictures: --conditioning image")
    _refuse_idle(options, paired, stochastic, conditioning)
    licence = {"weights": options.weights_licence}
    if options.data_licence:
        licence["data"] = options.data_licence
    defaults = ("default_gamma", "low_threshold", "high_threshold")
    description = Description(
        id=identifier,
        title=options.title or _title(identifier),
        description=options.description,
        family="pix2pix-turbo" if paired else "cyclegan-turbo",
        conditioning=conditioning,
        directions=_paired_directions(options, conditioning) if paired else _unpaired_directions(options),
        stochastic=stochastic,
        native=_size(options.size or "512x512"),
        licence=licence,
        origin=options.origin or options.checkpoint.name,
        template=options.template,
        example=options.example,
        max_side=options.max_side,
        **{key: value for key in defaults if (value := getattr(options, key)) is not None},
    )
    description.check()
    return description


def _refuse_idle(options: argparse.Namespace, paired: bool, stochastic: bool, conditioning: Conditioning) -> None:
    fixed = "the prompt of a CycleGAN-Turbo direction is fixed by --prompt"
    deterministic = "this model is deterministic and has no gamma"
    no_edges = "thresholds are for --conditioning edge"
    for option, used, reason in (
        ("template", paired, fixed),
        ("example", paired, fixed),
        ("default_gamma", stochastic, deterministic),
        ("low_threshold", conditioning == "edge", no_edges),
        ("high_threshold", conditioning == "edge", no_edges),
    ):
        if getattr(options, option) is not None and not used:
            raise ExportError(f"--{option.replace('_', '-')} would change nothing: {reason}")


def _paired_directions(options: argparse.Namespace, conditioning: Conditioning) -> list[Direction]:
    if options.direction:
        raise ExportError("--direction is for CycleGAN-Turbo checkpoints; this one is pix2pix-Turbo")
    if options.prompt:
        raise ExportError("--prompt fixes the prompt of a CycleGAN-Turbo direction; this checkpoint is pix2pix-Turbo")
    if len(options.direction_id) > 1:
        raise ExportError("a pix2pix-Turbo model has one direction, and --direction-id is given more than once")
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


def _size(text: str) -> tuple[int, int]:
    match = re.fullmatch(r"(\d+)x(\d+)", text)
    if match is None:
        raise ExportError(f"--size {text} is not of the form 512x512")
    return int(match[1]), int(match[2])


def _title(identifier: str) -> str:
    words = re.sub(r"[_-]+", " ", identifier).strip()
    return words[:1].upper() + words[1:]
