"""Training: configuration, the Trainer, callbacks, loggers, schedules, recipes, cross-validation."""

from skinzoo.training.callbacks import BestWeights, Callback, EarlyStopping
from skinzoo.training.config import TrainConfig
from skinzoo.training.folds import CrossValidation, Fold, cross_validate
from skinzoo.training.history import History
from skinzoo.training.loggers import Logger, LogTo, TensorBoardLogger
from skinzoo.training.mixing import (
    MIXINGS,
    BatchMixing,
    CutMix,
    Mixup,
    MixupOrCutMix,
    create_mixing,
    list_mixings,
)
from skinzoo.training.own_recipes import OWN_RECIPES as OWN_RECIPES
from skinzoo.training.recipes import Recipe, get_recipe, list_recipes
from skinzoo.training.schedules import Schedule
from skinzoo.training.seeding import counted_seed, seed_everything
from skinzoo.training.trainer import Trainer
from skinzoo.training.unfreezing import GradualUnfreezing

__all__ = [
    "MIXINGS",
    "BatchMixing",
    "BestWeights",
    "Callback",
    "CrossValidation",
    "CutMix",
    "EarlyStopping",
    "Fold",
    "GradualUnfreezing",
    "History",
    "LogTo",
    "Logger",
    "Mixup",
    "MixupOrCutMix",
    "Recipe",
    "Schedule",
    "TensorBoardLogger",
    "TrainConfig",
    "Trainer",
    "counted_seed",
    "create_mixing",
    "cross_validate",
    "get_recipe",
    "list_mixings",
    "list_recipes",
    "seed_everything",
]
