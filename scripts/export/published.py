"""The six published models: where their files are and what their bundles say of themselves."""

from __future__ import annotations

from dataclasses import dataclass

from .checkpoint import Half
from .description import Conditioning, Description, Direction

#: Where the reference's own loader downloads from.
CHECKPOINT_HOST = "https://www.cs.cmu.edu/~img2img-turbo/models"
BASE = "stabilityai/sd-turbo"
_LICENCE = {
    "weights": "MIT (img2img-turbo checkpoint) on Stability AI Community License (sd-turbo)",
}


@dataclass(frozen=True)
class Published:
    """One of the authors' checkpoints."""

    name: str
    file: str
    title: str
    conditioning: Conditioning
    half: Half | None = None
    prompt: str | None = None
    template: str | None = None
    example: str | None = None

    def description(self, identifier: str) -> Description:
        """What its bundle's manifest says."""
        unpaired = self.half is not None
        return Description(
            id=identifier,
            title=self.title,
            family="cyclegan-turbo" if unpaired else "pix2pix-turbo",
            conditioning=self.conditioning,
            directions=[Direction(_direction_id(self), self.title, self.half, self.prompt)],
            stochastic=self.name == "sketch_to_image_stochastic",
            native=(512, 512),
            licence=_LICENCE,
            origin=f"{CHECKPOINT_HOST}/{self.file} on {BASE}",
            template=self.template,
            example=self.example,
        )


def _direction_id(published: Published) -> str:
    return published.name.removesuffix("_stochastic")


PUBLISHED = {
    item.name: item
    for item in (
        Published("edge_to_image", "edge_to_image_loras.pkl", "Edges to image", "edge", example="a blue bird on a branch"),
        Published(
            "sketch_to_image_stochastic",
            "sketch_to_image_stochastic_lora.pkl",
            "Sketch to image",
            "sketch",
            example="an ethereal fantasy concept art of a castle, magnificent, celestial, painterly, epic",
        ),
        Published("day_to_night", "day2night.pkl", "Day to night", "image", "a2b", "driving in the night"),
        Published("night_to_day", "night2day.pkl", "Night to day", "image", "b2a", "driving in the day"),
        Published("clear_to_rainy", "clear2rainy.pkl", "Clear to rainy", "image", "a2b", "driving in heavy rain"),
        Published("rainy_to_clear", "rainy2clear.pkl", "Rainy to clear", "image", "b2a", "driving in the day"),
    )
}
