"""What the unpaired losses see."""

from __future__ import annotations

import torch

from train.data.street import PARTS
from train.street_losses import carried_over, cycle_loss, part_distance

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


def test_a_star_that_is_still_there_by_day_is_carried_over_and_another_is_not() -> None:
    before, parts = night([(20, 20)])
    day = torch.full((1, 3, SIDE, SIDE), 0.5)
    left, other = day.clone(), day.clone()
    left[..., 20:22, 20:22] = 1
    other[..., 44:46, 44:46] = 1
    assert carried_over(before, left, parts) > 0.05
    assert carried_over(before, other, parts) == carried_over(before, day, parts) == 0
