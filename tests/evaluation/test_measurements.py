"""Measures of shapes whose measures are known."""

import math

import numpy as np
import pytest

from skinzoo.errors import ConfigError
from skinzoo.evaluation.measurements import COLOURS, measure_lesion

Y, X = np.mgrid[:200, :240] + 0.5


def ellipse(a, b, angle=0.0):
    x, y = X - 120, Y - 100
    u, v = x * math.cos(angle) + y * math.sin(angle), -x * math.sin(angle) + y * math.cos(angle)
    return (u / a) ** 2 + (v / b) ** 2 <= 1


@pytest.mark.parametrize(("a", "b", "angle"), [(50, 50, 0), (80, 40, 0), (80, 40, 0.6), (30, 20, 1.2)])
def test_ellipses(a, b, angle):
    m = measure_lesion(ellipse(a, b, angle))
    assert m.area == pytest.approx(math.pi * a * b, rel=0.01)
    assert m.area_share == m.area / (200 * 240)
    assert m.diameter == pytest.approx(2 * a, abs=1.5)
    assert m.asymmetry < 0.03
    h = ((a - b) / (a + b)) ** 2  # Ramanujan's approximation of the perimeter
    perimeter = math.pi * (a + b) * (1 + 3 * h / (10 + math.sqrt(4 - 3 * h)))
    assert m.border_irregularity == pytest.approx(1 - 4 * math.pi * math.pi * a * b / perimeter**2, abs=0.05)
    assert m.solidity > 0.96  # the corners of pixels stick out
    assert not m.touches_edge


def test_a_half_disc_is_symmetrical_about_one_axis_only():
    half = ellipse(60, 60) & (Y > 100)
    assert measure_lesion(half).asymmetry > 0.05
    corner = ellipse(60, 60) & ~((Y > 100) & (X > 120))
    assert measure_lesion(corner).asymmetry > 0.04


def test_a_star_has_an_irregular_border():
    angle = np.arctan2(Y - 100, X - 120)
    star = np.hypot(X - 120, Y - 100) <= 60 * (1 + 0.35 * np.sin(9 * angle))
    m = measure_lesion(star)
    assert m.border_irregularity > 0.4
    assert m.solidity < 0.8


def test_a_rectangle_by_hand():
    mask = np.zeros((50, 60), int)
    mask[10:20, 5:35] = 1
    m = measure_lesion(mask)
    assert (m.area, m.solidity, m.asymmetry) == (300, 1.0, 0.0)
    assert m.diameter == pytest.approx(math.hypot(30, 10))


def test_at_the_edge():
    mask = np.zeros((20, 20), bool)
    mask[0, 5] = True
    m = measure_lesion(mask)
    assert m.touches_edge
    assert (m.area, m.diameter) == (1, pytest.approx(math.sqrt(2)))
    assert "cut off" in str(m)
    assert measure_lesion(np.ones((4, 5))).touches_edge


def test_colours_are_counted():
    image = np.full((200, 240, 3), 230, np.uint8)
    mask = ellipse(80, 60)
    names = ["black", "dark brown", "blue-grey"]
    for k, name in enumerate(names):
        image[mask & (40 + 53 * k <= X)] = COLOURS[name]
    assert sorted(measure_lesion(mask, image).colours) == sorted(names)
    image[mask] = COLOURS["red"]
    image[95:99, 100:110] = COLOURS["black"]  # too few pixels
    assert measure_lesion(mask, image).colours == ("red",)


def test_an_empty_mask_has_no_measures():
    m = measure_lesion(np.zeros((8, 8)))
    assert m.area == 0
    assert all(math.isnan(v) for v in (m.diameter, m.asymmetry, m.border_irregularity, m.solidity))
    assert str(m) == "no lesion outlined"
    assert m.to_dict()["colours"] == []


def test_bad_input():
    for mask in (np.zeros((2, 3, 4)), np.full((3, 3), 0.4), np.zeros((0, 3)), "text"):
        with pytest.raises(ConfigError, match="mask"):
            measure_lesion(mask)
    with pytest.raises(ConfigError, match="uint8 RGB"):
        measure_lesion(np.ones((3, 3)), np.zeros((3, 4, 3), np.uint8))
