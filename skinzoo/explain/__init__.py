"""Explanations: Grad-CAM and saliency for every model of the zoo."""

from skinzoo.explain.activation import activation_map, class_score, input_gradient, lesion_score
from skinzoo.explain.explanation import Explanation, grad_cam, saliency

__all__ = [
    "Explanation",
    "activation_map",
    "class_score",
    "grad_cam",
    "input_gradient",
    "lesion_score",
    "saliency",
]
