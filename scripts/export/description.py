"""What a bundle says of itself: everything in the manifest that the weights do not tell."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from .checkpoint import Half
from .errors import ExportError
from .target import Target

if TYPE_CHECKING:
    from .bundle import Sizes

Conditioning = Literal["sketch", "edge", "image"]


def identifier_of(name: str) -> str:
    """A folder's name as a bundle's id."""
    return re.sub(r"[^a-z0-9_-]+", "-", name.lower()).strip("-_")


@dataclass(frozen=True)
class Direction:
    """One direction's name, and, for CycleGAN-Turbo, its half of the checkpoint and its prompt."""

    id: str
    title: str
    half: Half | None = None
    prompt: str | None = None

    def entry(self, graphs: dict[str, object]) -> dict[str, object]:
        """The manifest's entry."""
        entry: dict[str, object] = {"id": self.id, "title": self.title}
        if self.prompt is not None:
            entry["prompt"] = self.prompt
        return {**entry, "graphs": graphs}


@dataclass(frozen=True)
class Description:
    """A bundle's words and defaults."""

    id: str
    title: str
    family: Literal["pix2pix-turbo", "cyclegan-turbo"]
    conditioning: Conditioning
    directions: list[Direction]
    stochastic: bool
    native: tuple[int, int]
    licence: dict[str, str]
    origin: str
    description: str = ""
    default_gamma: float = 0.4
    template: str | None = None
    example: str | None = None
    low_threshold: int = 100
    high_threshold: int = 200
    max_side: int = 2048

    def check(self) -> None:
        """Raises ExportError for words and numbers that the server's schema of a manifest refuses."""
        for what, name in (("the id", self.id), *(("the direction id", direction.id) for direction in self.directions)):
            if re.fullmatch(r"[a-z0-9][a-z0-9_-]*", name) is None:
                raise ExportError(f'{what} {name!r} is not made of lower-case letters, digits, "_" and "-"')
        names = [direction.id for direction in self.directions]
        if len(set(names)) < len(names):
            raise ExportError(f"two directions cannot have one id: {', '.join(names)}")
        if not 0 <= self.default_gamma <= 1:
            raise ExportError(f"the default gamma {self.default_gamma} does not lie between 0 and 1")
        if not 0 <= self.low_threshold <= self.high_threshold <= 1000:
            raise ExportError(
                f"the thresholds {self.low_threshold} and {self.high_threshold} do not go up, or do not lie between 0 and 1000"
            )
        if self.template is not None and "{prompt}" not in self.template:
            raise ExportError(f"the template {self.template!r} has no {{prompt}} in it")
        if not self.title or any(not direction.title for direction in self.directions):
            raise ExportError("a title is empty")
        # What holds for every VAE with four taps; which one it is is not known yet.
        self.check_size(8, 64)

    def check_size(self, multiple_of: int, min_side: int) -> None:
        """Raises ExportError for a size that a model with these limits cannot have."""
        width, height = self.native
        if width % multiple_of or height % multiple_of or min(self.native) < min_side:
            raise ExportError(
                f"the size {width}x{height} is none of this model's: its sides are multiples of {multiple_of} from {min_side} on"
            )
        if self.max_side < max(self.native):
            raise ExportError(f"the longest side allowed, {self.max_side}, is shorter than the size {width}x{height}")

    def manifest(
        self,
        layout: str,
        target: Target,
        directions: list[dict[str, object]],
        shared: dict[str, object],
        sizes: Sizes,
    ) -> dict[str, object]:
        """The whole manifest, schema 1."""
        manifest: dict[str, object] = {
            "schema": 1,
            "id": self.id,
            "title": self.title,
            "description": self.description,
            "family": self.family,
            "conditioning": self._conditioning(),
            "prompt": self._prompt(),
            "stochastic": self.stochastic,
        }
        if self.stochastic:
            manifest["default_gamma"] = self.default_gamma
        return {
            **manifest,
            "size": {
                "native": list(self.native),
                "dynamic": True,
                "multiple_of": sizes.downscale,
                "min": sizes.min_side,
                "max": self.max_side,
            },
            "precision": target.precision,
            "target": target.provider,
            "layout": layout,
            "directions": directions,
            **shared,
            "latent": {"channels": sizes.latent_channels, "downscale": sizes.downscale},
            "preferred_batch_sizes": [1, 2, 4, 8],
            "licence": self.licence,
            "origin": self.origin,
        }

    def _conditioning(self) -> dict[str, object]:
        signed = self.family == "cyclegan-turbo"
        entry: dict[str, object] = {"kind": self.conditioning, "range": [-1, 1] if signed else [0, 1]}
        if self.conditioning == "edge":
            entry |= {"low_threshold": self.low_threshold, "high_threshold": self.high_threshold}
        return entry

    def _prompt(self) -> dict[str, object]:
        if self.family == "cyclegan-turbo":
            return {"policy": "fixed"}
        prompt: dict[str, object] = {"policy": "free"}
        if self.template is not None:
            prompt["template"] = self.template
        if self.example is not None:
            prompt["example"] = self.example
        return prompt
