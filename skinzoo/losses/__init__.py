"""Losses: one idea per file, all of them usable with samples that lack a label or a mask."""

from skinzoo.losses.bce import MaskBCE
from skinzoo.losses.cross_entropy import CrossEntropy
from skinzoo.losses.dice import DiceBCE
from skinzoo.losses.distillation import DistillationLoss
from skinzoo.losses.factory import default_loss
from skinzoo.losses.focal import FocalLoss
from skinzoo.losses.multitask import MultiTaskLoss
from skinzoo.losses.ohem import HardExampleLoss
from skinzoo.losses.registry import LOSSES, create_loss, list_losses
from skinzoo.losses.tversky import TverskyBCE
from skinzoo.losses.uncertainty import UncertaintyLoss
from skinzoo.losses.weights import class_weights

__all__ = [
    "LOSSES",
    "CrossEntropy",
    "DiceBCE",
    "DistillationLoss",
    "FocalLoss",
    "HardExampleLoss",
    "MaskBCE",
    "MultiTaskLoss",
    "TverskyBCE",
    "UncertaintyLoss",
    "class_weights",
    "create_loss",
    "default_loss",
    "list_losses",
]
