"""Facts of a report that are compared or read again later, each written in one place."""

from __future__ import annotations

from skinzoo.models import SkinModel

NO_OVERLAP = "none by"
"""How the fact `overlap with training` begins where the model has seen none of the images."""


def input_fact(model: SkinModel) -> str:
    """What a report says of the model's input."""
    spec = model.input_spec
    return f"{spec.size[0]} x {spec.size[1]} pixels, {'squashed' if spec.crop == 'none' else 'centre crop'}"


def probabilities_fact(model: SkinModel) -> str:
    """What a report says of the probabilities of a model that predicts classes."""
    return "softmax, not calibrated" if model.calibration is None else str(model.calibration)
