"""The two sets of street scenes, small ones."""

import numpy as np
import pytest

from train import scenes
from train.data.street import PARTS, render_with_parts


@pytest.fixture
def night(monkeypatch: pytest.MonkeyPatch, tmp_path) -> scenes.Scenes:
    monkeypatch.setattr(scenes, "SCENES", 2)
    monkeypatch.setattr(scenes, "SIDE", 128)
    monkeypatch.setattr(scenes, "PREPARED", tmp_path)
    return scenes.Scenes("night")


@pytest.mark.parametrize("side", [128, 64])
def test_a_crop_is_what_lies_there_in_some_scene(night: scenes.Scenes, side: int) -> None:
    pictures, parts = night.take(np.random.default_rng(1), np.array([[0, 0], [16, 32], [32, 0]]), 32, side)
    assert pictures.shape == (3, 3, 32, 32) and parts.shape == (3, len(PARTS), 32, 32)
    assert (parts.sum(1) == 1).all()
    scale = 128 // side
    for number, (top, left) in enumerate([(0, 0), (16, 32), (32, 0)]):
        # Scenes 0 and 1 are the day's.
        candidates = [render_with_parts(2 + index, True, 128) for index in range(2)]
        found = []
        rows, columns = (slice(start * scale, (start + 32) * scale) for start in (top, left))
        for picture, shown in candidates:
            there = picture[rows, columns].reshape(32, scale, 32, scale, 3).mean((1, 3))
            same = np.abs((pictures[number].permute(1, 2, 0).numpy() + 1) * 127.5 - there).max() <= 1
            found.append(same and (parts[number].argmax(0).numpy() == shown[rows, columns][::scale, ::scale]).all())
        assert sum(found) == 1


def test_a_set_is_drawn_once(night: scenes.Scenes, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scenes, "render_with_parts", None)
    scenes.Scenes("night")
