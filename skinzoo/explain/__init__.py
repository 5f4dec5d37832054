"""Explanations: heatmaps for every model of the zoo, and measures of whether they can be believed."""

from skinzoo.explain.activation import activation_map, input_gradient
from skinzoo.explain.baselines import baseline_images
from skinzoo.explain.explanation import Explanation
from skinzoo.explain.integrated import integrated_gradient_map
from skinzoo.explain.judging import Faithfulness, faithfulness
from skinzoo.explain.localisation import energy_inside, mask_share, pointing_game
from skinzoo.explain.methods import explain_batch
from skinzoo.explain.perturbation import Curve, Curves, perturbation_curves
from skinzoo.explain.pictures import Explanations, explain_all, grad_cam, integrated_gradients, saliency
from skinzoo.explain.randomisation import SanityCheck, sanity_check
from skinzoo.explain.similarity import histogram_intersection, spearman
from skinzoo.explain.targets import class_score, lesion_score

__all__ = [
    "Curve",
    "Curves",
    "Explanation",
    "Explanations",
    "Faithfulness",
    "SanityCheck",
    "activation_map",
    "baseline_images",
    "class_score",
    "energy_inside",
    "explain_all",
    "explain_batch",
    "faithfulness",
    "grad_cam",
    "histogram_intersection",
    "input_gradient",
    "integrated_gradient_map",
    "integrated_gradients",
    "lesion_score",
    "mask_share",
    "perturbation_curves",
    "pointing_game",
    "saliency",
    "sanity_check",
    "spearman",
]
