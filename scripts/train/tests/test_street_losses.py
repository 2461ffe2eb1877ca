"""What the unpaired losses see."""

from __future__ import annotations

import torch

from train.data.street import PARTS
from train.street_losses import cycle_loss, dot_distance, part_distance

SIDE = 64


def scene(sky: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """A picture that is all sky, and its parts."""
    parts = torch.zeros(1, len(PARTS), SIDE, SIDE)
    parts[:, PARTS.index("sky")] = 1
    return sky.expand(1, 3, SIDE, SIDE), parts


def night(places: list[tuple[int, int]]) -> tuple[torch.Tensor, torch.Tensor]:
    sky = torch.full((1, 1, SIDE, SIDE), -0.8)
    for row, column in places:
        sky[..., row : row + 2, column : column + 2] = 0.8
    return scene(sky)


def distance(fake: tuple[torch.Tensor, torch.Tensor], real: tuple[torch.Tensor, torch.Tensor]) -> float:
    slices = torch.Generator().manual_seed(1)
    return float(part_distance(fake[0], real[0], fake[1], real[1], SIDE, slices))


def test_a_night_without_stars_is_far_from_one_with_and_it_does_not_matter_where_they_are() -> None:
    real, real_parts = night([(8, 8), (30, 20), (50, 44), (12, 52)])
    elsewhere, parts = night([(20, 30), (44, 8), (8, 40), (52, 56)])
    assert dot_distance(elsewhere, real, parts, real_parts) < 0.01
    assert dot_distance(night([])[0], real, parts, real_parts) > 0.5
    # A cloud is no star.
    cloud = night([])[0].clone()
    cloud[..., 20:40, 20:50] = 0.9
    assert torch.equal(dot_distance(cloud, real, parts, real_parts), dot_distance(night([])[0], real, parts, real_parts))


def test_each_part_counts_as_much_as_another() -> None:
    """A few panes that stay dark weigh as much as a whole sky."""
    pictures = []
    for pane in (0.7, -0.9):
        picture, parts = night([])
        picture = picture.clone()
        parts[:, :, 40:50, 40:50] = 0
        parts[:, PARTS.index("pane"), 40:50, 40:50] = 1
        picture[..., 40:50, 40:50] = pane
        pictures.append((picture, parts))
    lit, dark = pictures
    assert distance(dark, lit) > 0.3 and distance(lit, lit) < 0.1


def test_a_moon_that_is_dark_on_the_other_side_is_another() -> None:
    rows, columns = torch.meshgrid(torch.arange(SIDE), torch.arange(SIDE), indexing="ij")
    # As large as a scene's of this side would be ten times over, so that it has pixels enough.
    disc = ((rows - 30) ** 2 + (columns - 30) ** 2 < 20**2)[None, None]
    moons = []
    for left in (True, False):
        picture = torch.full((1, 3, SIDE, SIDE), -0.8)
        parts = torch.zeros(1, len(PARTS), SIDE, SIDE)
        parts[:, PARTS.index("orb")] = disc[:, 0].float()
        picture[(disc & ((columns < 30) == left)).expand(1, 3, -1, -1)] = 0.9
        moons.append((picture, parts))
    assert distance(moons[0], moons[0]) < 0.3 * distance(moons[0], moons[1])


def test_no_way_back_is_asked_of_the_sky() -> None:
    picture, parts = night([(8, 8)])
    assert cycle_loss(night([])[0], picture, parts) == 0
    parts = parts.roll(PARTS.index("wall"), 1)
    assert cycle_loss(night([])[0], picture, parts) > 0
