"""How lesions of each class of ISIC 2018 are painted.

Each class is painted with features that dermatologists look for (Kittler et al., J Am Acad Dermatol 74:1093, 2016, list
them); the amounts are chosen by eye and stand for no population.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from skinzoo.datasets.adapters._canvas import BLOOD, KERATIN, MELANIN, Canvas, blurred, smoothstep
from skinzoo.drawing import FloatArray


def _melanoma(c: Canvas, rng: np.random.Generator) -> None:
    """Several colours, no axis of symmetry, irregular network and blotches, blue-white veil."""
    turn = rng.uniform(0, 2 * math.pi)
    tilt: FloatArray = c.x * np.float32(math.cos(turn)) + c.y * np.float32(math.sin(turn))
    amount = rng.uniform(0.6, 1.0)
    c.add(MELANIN, np.clip(amount + 0.30 * c.noise(0.5) + rng.uniform(0.3, 0.6) * tilt, 0.25, 2.0))
    c.add(MELANIN, 0.5 * c.network(0.3, 0.5) * smoothstep(c.noise(0.7), -0.3, 0.6))
    c.add(MELANIN, 0.9 * c.dots(int(rng.integers(6, 18)), (0.03, 0.09), within=(0.3, 1.0)))
    c.add(BLOOD, rng.uniform(0.2, 0.6) * smoothstep(c.noise(0.6) - tilt, 0.2, 1.2))
    place = c.noise(0.5) + np.float32(rng.uniform(0.4, 1.4)) * tilt
    veil = smoothstep(place, 0.3, 1.2) * smoothstep(c.rho, 0.95, 0.6)
    c.cover((0.46, 0.48, 0.58), np.float32(rng.uniform(0.3, 0.8)) * veil)


def _nevus(c: Canvas, rng: np.random.Generator) -> None:
    """One brown, darker in the middle, with a regular network or globules that fade towards the border."""
    amount = rng.uniform(0.35, 0.9)
    c.add(MELANIN, amount * (1.15 - rng.uniform(0.2, 0.7) * c.rho**2) + 0.06 * c.noise(0.4))
    c.add(BLOOD, rng.uniform(0.0, 0.3))
    if rng.random() < 0.7:
        c.add(MELANIN, rng.uniform(0.3, 0.6) * c.network(rng.uniform(0.2, 0.28), 0.15))
    else:
        c.add(MELANIN, 0.5 * c.dots(int(rng.integers(25, 50)), (0.03, 0.06), within=(0.2, 1.0)))


def _basal_cell_carcinoma(c: Canvas, rng: np.random.Generator) -> None:
    """Pink and translucent, with branching vessels and blue-grey ovoid nests."""
    c.add(BLOOD, rng.uniform(0.2, 0.45) + 0.08 * c.noise(0.4))
    c.add(MELANIN, rng.uniform(0.0, 0.2) * smoothstep(c.noise(0.5), 0, 1))
    c.cover((0.96, 0.84, 0.84), np.float32(rng.uniform(0.1, 0.4)) * smoothstep(c.noise(0.5), 0.3, 1.2))
    nests = c.dots(int(rng.integers(3, 9)), (0.09, 0.20), within=(0.1, 0.85))
    c.cover((0.38, 0.38, 0.48), np.float32(rng.uniform(0.65, 0.9)) * blurred(nests, 0.02))
    c.add(BLOOD, rng.uniform(1.0, 1.6) * c.vessels(int(rng.integers(3, 6))))


def _actinic_keratosis(c: Canvas, rng: np.random.Generator) -> None:
    """A red net around pale follicles ("strawberry") under white-yellow scale."""
    c.add(BLOOD, rng.uniform(0.3, 0.5) + rng.uniform(0.5, 0.8) * c.network(rng.uniform(0.36, 0.48), 0.3))
    c.add(MELANIN, rng.uniform(0.05, 0.3) * smoothstep(c.noise(0.4), -0.5, 1.0))
    scale = smoothstep(c.noise(0.3), rng.uniform(0.2, 0.7), 1.3)
    c.cover((0.93, 0.85, 0.70), np.float32(rng.uniform(0.6, 0.9)) * scale)


def _benign_keratosis(c: Canvas, rng: np.random.Generator) -> None:
    """Waxy yellow-brown and sharply cut off, with white milia-like cysts and dark comedo-like openings."""
    c.add(MELANIN, rng.uniform(0.15, 0.55) + 0.12 * c.noise(0.3))
    c.add(KERATIN, rng.uniform(0.6, 1.1) + 0.15 * c.noise(0.5))
    ridges = smoothstep(np.abs(c.noise(0.25)), 0.25, 0.0)
    c.add(MELANIN, rng.uniform(0.1, 0.5) * ridges)
    c.add(MELANIN, 1.3 * c.dots(int(rng.integers(4, 14)), (0.04, 0.10)))
    c.cover((0.95, 0.88, 0.74), np.float32(0.75) * c.dots(int(rng.integers(5, 16)), (0.03, 0.08)))


def _dermatofibroma(c: Canvas, rng: np.random.Generator) -> None:
    """A white, scar-like centre within a delicate network that fades into the skin."""
    c.add(MELANIN, rng.uniform(0.2, 0.45) + 0.05 * c.noise(0.4))
    c.add(BLOOD, rng.uniform(0.1, 0.35))
    c.add(MELANIN, rng.uniform(0.25, 0.5) * c.network(rng.uniform(0.18, 0.26), 0.2))
    reach = rng.uniform(0.45, 0.65)
    centre = smoothstep(c.rho + 0.08 * c.noise(0.3), reach + 0.12, reach - 0.2)
    c.cover((0.96, 0.89, 0.87), np.float32(rng.uniform(0.65, 0.95)) * centre)


def _vascular_lesion(c: Canvas, rng: np.random.Generator) -> None:
    """Red to purple lacunae, separated by paler septa."""
    c.add(BLOOD, rng.uniform(0.6, 1.0) + 0.1 * c.noise(0.4))
    purple = rng.uniform(0.0, 1.0)
    lacunae = blurred(c.dots(int(rng.integers(14, 30)), (0.12, 0.26), within=(0.0, 0.95)), 0.01)
    c.add(BLOOD, rng.uniform(0.6, 1.1) * lacunae)
    c.cover((0.30, 0.06, 0.22), np.float32(0.65 * purple) * lacunae * smoothstep(c.noise(0.4), -0.6, 0.8))
    c.cover((0.88, 0.55, 0.60), np.float32(rng.uniform(0.0, 0.35)) * smoothstep(lacunae, 0.3, 0.0))


class Style(NamedTuple):
    """How lesions of one class look.

    Attributes:
        paint: Paints the inside of the canvas.
        irregularity: Range of the border's relative amplitude.
        softness: Range of the width over which the lesion fades into the skin, in mean radii.
    """

    paint: Callable[[Canvas, np.random.Generator], None]
    irregularity: tuple[float, float]
    softness: tuple[float, float]


STYLES = {
    "MEL": Style(_melanoma, (0.20, 0.36), (0.04, 0.15)),
    "NV": Style(_nevus, (0.04, 0.14), (0.08, 0.22)),
    "BCC": Style(_basal_cell_carcinoma, (0.10, 0.22), (0.08, 0.20)),
    "AKIEC": Style(_actinic_keratosis, (0.12, 0.26), (0.08, 0.20)),
    "BKL": Style(_benign_keratosis, (0.10, 0.24), (0.01, 0.05)),
    "DF": Style(_dermatofibroma, (0.04, 0.14), (0.15, 0.25)),
    "VASC": Style(_vascular_lesion, (0.06, 0.16), (0.02, 0.08)),
}
"""How each class of `ISIC2018` is painted."""
