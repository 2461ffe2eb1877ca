"""Data making, on drawings small enough to write by hand; nothing here needs the cache."""

import numpy as np
import pytest

from train.data import colour, icons, outline, raster, styles
from train.data.prompts import compose, templates
from train.data.sample import noise_field, tint
from train.data.sketch import Warp, draw, random_warp
from train.data.street import PARTS, render, render_with_parts

# A red square body with a small black eye and a translucent highlight.
SVG = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32"><g fill="none">'
    '<path fill="#e03030" d="M4 4h24v24H4z"/><path fill="#111" d="M10 10h4v4h-4z"/>'
    '<path fill="#fff" opacity=".3" d="M4 4h24v6H4z"/></g></svg>'
)


@pytest.fixture(scope="module")
def drawing():
    return raster.picture(SVG, 512), raster.shape_map(SVG, 512)


def still(side: int) -> Warp:
    return Warp(np.array([[1.0, 0, 0], [0, 1, 0]]), np.zeros((6, 6, 2), np.float32), side)


def test_the_shape_map_counts_opaque_shapes_only(drawing):
    _, shapes = drawing
    assert sorted(np.unique(shapes)) == [0, 1, 2]
    assert shapes[192, 192] == 2 and shapes[400, 400] == 1 and shapes[10, 10] == 0


def test_a_border_between_two_shapes_is_drawn_once(drawing):
    picture, shapes = drawing
    strokes = outline.trace(shapes, picture)
    around_eye = [s for s in strokes if np.all((s.points > 150) & (s.points < 235))]
    assert len(around_eye) == 1
    assert any(s.silhouette and s.closed for s in strokes)


def test_an_exact_hand_draws_on_the_outline_and_nowhere_else(drawing):
    picture, shapes = drawing
    ink = draw(np.random.default_rng(0), outline.trace(shapes, picture), still(512), roughness=0.0) > 127
    assert ink[64, 256] and ink[256, 64] and not ink[300, 300] and not ink[20, 20]


def test_a_line_that_borders_on_paper_for_a_third_of_its_length_is_drawn_however_faint_the_rest():
    tongue = SVG.replace("</g>", '<path fill="#e03434" d="M18 12h12v8h-12z"/></g>')
    shapes = raster.shape_map(tongue, 512)
    strokes = outline.trace(shapes, raster.picture(tongue, 512))
    ink = draw(np.random.default_rng(0), strokes, still(512), roughness=0.0) > 127
    assert ink[256, 470:490].any()


def test_the_same_seed_draws_the_same_lines(drawing):
    picture, shapes = drawing
    strokes = outline.trace(shapes, picture)
    first, second = (draw(np.random.default_rng(7), strokes, still(128)) for _ in range(2))
    other = draw(np.random.default_rng(8), strokes, still(128))
    assert np.array_equal(first, second) and not np.array_equal(first, other)


def test_picture_and_points_go_through_the_same_warp():
    warp = random_warp(np.random.default_rng(3), 256)
    maps = warp.maps(512)
    source = np.array([[200.0, 300.0], [320.0, 150.0]], np.float32)
    for (x, y), origin in zip(warp.points(source), source, strict=True):
        back = maps[round(y), round(x)]
        assert np.abs(back - origin).max() < 6


def test_a_drawing_may_be_small_and_anywhere_and_lies_on_the_paper():
    corners = np.array([[60.0, 60.0], [452.0, 60.0], [452.0, 452.0], [60.0, 452.0]], np.float32)
    centres, sizes = [], []
    for seed in range(200):
        placed = random_warp(np.random.default_rng(seed), 512, anywhere=True).points(corners)
        assert placed.min() > -20 and placed.max() < 532
        centres.append(placed.mean(0))
        sizes.append(np.ptp(placed[:, 0]))
    # In every quarter of the paper, and from a third of the usual size to all of it.
    quarters = {(x > 256, y > 256) for x, y in centres if max(abs(x - 256), abs(y - 256)) > 60}
    assert len(quarters) == 4
    assert min(sizes) < 160 and max(sizes) > 320


def test_a_colour_word_changes_the_body_and_keeps_the_eye(drawing):
    picture, shapes = drawing
    body, mean = colour.body_shapes(shapes, picture)
    assert body[1] and not body[2]
    rgb = picture.astype(np.float32) / 255
    blue = colour.recolour(rgb, body[shapes].astype(np.float32), mean, "blue")
    assert blue[400, 400, 2] > 2 * blue[400, 400, 0]
    assert np.allclose(blue[192, 192], rgb[192, 192])


def test_every_style_of_the_server_has_a_rendering_of_its_own(drawing):
    picture, shapes = drawing
    assert set(styles.RENDERINGS) == set(templates())
    rgb = picture[::2, ::2].astype(np.float32) / 255
    scene = styles.Scene(rgb, np.zeros(rgb.shape[:2], np.float32), (shapes[::2, ::2] > 0).astype(np.float32))
    pictures = [styles.plain(scene)] + [make(scene) for make in styles.RENDERINGS.values()]
    for index, made in enumerate(pictures):
        assert made.shape == rgb.shape and made.min() >= 0 and made.max() <= 1
        assert all(np.abs(made - other).mean() > 0.01 for other in pictures[:index])


def test_noise_tints_nothing_at_full_guidance():
    rgb = np.full((64, 64, 3), (0.8, 0.3, 0.2), np.float32)
    noise = np.random.default_rng(1).normal(size=(8, 4, 4)).astype(np.float32)
    assert noise_field(noise).shape == (4, 4, 2)
    assert np.array_equal(tint(rgb, noise, 0.0, 1.0), rgb)
    assert np.abs(tint(rgb, noise, 1.0, 1.0) - rgb).mean() > 0.01


def test_a_prompt_names_what_was_asked_for():
    rng = np.random.default_rng(2)
    prompts = [compose(rng, "duck", ("bird",), "red", "manga") for _ in range(40)]
    assert all("manga panel of" in prompt and "red" in prompt for prompt in prompts)
    assert sum("duck" in prompt for prompt in prompts) > 20


def test_held_out_names_stay_held_out():
    assert icons.is_held_out("swan") and icons.is_held_out("koala")
    assert not icons.is_held_out("duck")
    shares = np.mean([icons.is_held_out(f"name-{i}") for i in range(4000)])
    assert 0.04 < shares < 0.07


def test_skin_tones_and_clock_faces_are_left_out():
    assert not icons.wanted("thumbs-up-medium-dark", "People & Body")
    assert not icons.wanted("two-oclock", "Travel & Places")
    assert icons.wanted("duck", "Animals & Nature")


def test_a_street_is_the_same_street_by_night():
    day, night, other = render(5, False, 128), render(5, True, 128), render(6, True, 128)
    assert np.array_equal(day, render(5, False, 128))
    assert night.mean() < 0.5 * day.mean()
    assert night.max() > 200  # something is lit
    by_day, same, another = (structure(picture) for picture in (day, night, other))
    assert np.corrcoef(by_day, same)[0, 1] > 2 * abs(np.corrcoef(by_day, another)[0, 1])


def test_a_street_has_the_same_parts_by_night():
    (day, by_day), (night, by_night) = (render_with_parts(5, at_night, 128) for at_night in (False, True))
    # Where clouds are by day, stars are by night: both are the sky's.
    assert np.array_equal(by_day, by_night)
    assert {"sky", "orb", "road", "wall", "car"} <= {PARTS[index] for index in np.unique(by_day)}
    orb = by_day == PARTS.index("orb")
    assert day[orb].mean() > 180 and night[orb].max() > 200 > night[orb].mean()


def structure(picture: np.ndarray) -> np.ndarray:
    """How steep the light rises at each place, relative to the picture, whatever the light."""
    grey = np.log1p(picture.mean(2))
    return np.hypot(*np.gradient(grey)).ravel()
