"""Losses: one idea per file, all of them usable with samples that lack a label or a mask."""

from skinzoo.losses.bce import MaskBCE
from skinzoo.losses.cross_entropy import CrossEntropy
from skinzoo.losses.dice import DiceBCE
from skinzoo.losses.factory import default_loss
from skinzoo.losses.focal import FocalLoss
from skinzoo.losses.multitask import MultiTaskLoss
from skinzoo.losses.registry import LOSSES, create_loss, list_losses
from skinzoo.losses.weights import class_weights

__all__ = [
    "LOSSES",
    "CrossEntropy",
    "DiceBCE",
    "FocalLoss",
    "MaskBCE",
    "MultiTaskLoss",
    "class_weights",
    "create_loss",
    "default_loss",
    "list_losses",
]
