"""The measures themselves, on pictures whose answer is known."""

import cv2
import numpy as np

from train import metrics


def scene():
    sketch = np.zeros((128, 128), bool)
    ink = np.zeros((128, 128), np.uint8)
    cv2.circle(ink, (64, 64), 40, 255, 3)
    sketch[ink > 0] = True
    mask = np.zeros((128, 128), np.uint8)
    cv2.circle(mask, (64, 64), 40, 1, -1)
    picture = np.full((128, 128, 3), 255, np.uint8)
    picture[mask > 0] = (220, 40, 40)
    picture[sketch] = 30
    return sketch, mask > 0, picture


def test_drawn_lines_are_covered_and_a_blank_page_covers_none():
    sketch, _, picture = scene()
    assert metrics.stroke_coverage(sketch, picture) > 0.99
    assert metrics.stroke_coverage(sketch, np.full_like(picture, 255)) == 0


def test_colour_inside_does_not_leak_and_a_shifted_one_does():
    sketch, mask, picture = scene()
    assert metrics.leak(picture, mask, sketch) == 0
    assert metrics.leak(np.roll(picture, 20, 1), mask, sketch) > 0.1


def test_red_is_red_and_not_blue():
    sketch, mask, picture = scene()
    assert metrics.obeys(picture, mask & ~sketch, "red")
    assert not metrics.obeys(picture, mask & ~sketch, "blue")
    assert not metrics.obeys(np.full_like(picture, 128), mask & ~sketch, "red")


def test_perceptual_distance_orders_what_people_order():
    _sketch, mask, picture = scene()
    blurred = cv2.GaussianBlur(picture, (0, 0), 2)
    filled = metrics.constant_filling(mask, picture[mask].mean(0), None)
    assert metrics.perceptual(picture, picture) < 1e-6
    assert metrics.perceptual(picture, blurred) < metrics.perceptual(picture, filled)


def test_styles_with_different_statistics_are_told_apart():
    rng = np.random.default_rng(0)
    features = np.concatenate([rng.normal(centre, 0.3, (10, 4)) for centre in (0, 2, 4)])
    labels = np.repeat(["a", "b", "c"], 10)
    assert (metrics.classify(features[::2], labels[::2], features[1::2]) == labels[1::2]).all()


def test_a_part_in_another_colour_is_even_and_one_in_two_colours_is_not():
    sketch, mask, picture = scene()
    shapes = mask.astype(np.uint8) * 3
    other, torn = picture.copy(), picture.copy()
    other[mask & ~sketch] = (40, 80, 220)
    torn[mask & ~sketch & (np.arange(128) < 64)] = (40, 80, 220)
    assert metrics.unevenness(other, picture, shapes, sketch) < 1e-3
    assert metrics.unevenness(torn, picture, shapes, sketch) > 20
    shapes[:, :64] *= 2
    assert metrics.unevenness(torn, picture, shapes, sketch) < 1e-3


def test_points_of_light_are_counted_and_clouds_are_none() -> None:
    sky = np.full((128, 128, 3), 60, np.uint8)
    for x, y in ((20, 20), (60, 90), (100, 30)):
        cv2.circle(sky, (x, y), 1, (230, 230, 220), -1)
    cv2.rectangle(sky, (80, 80), (110, 100), (240, 240, 240), -1)
    area = np.ones((128, 128), bool)
    assert metrics.points_of_light(sky, area) == 3
    area[:64] = False
    assert metrics.points_of_light(sky, area) == 1
