"""Training: configuration, the Trainer, callbacks, schedules, recipes."""

from skinzoo.training.callbacks import BestWeights, Callback, EarlyStopping
from skinzoo.training.config import TrainConfig
from skinzoo.training.history import History
from skinzoo.training.recipes import Recipe, get_recipe, list_recipes
from skinzoo.training.schedules import Schedule
from skinzoo.training.seeding import counted_seed, seed_everything
from skinzoo.training.trainer import Trainer

__all__ = [
    "BestWeights",
    "Callback",
    "EarlyStopping",
    "History",
    "Recipe",
    "Schedule",
    "TrainConfig",
    "Trainer",
    "counted_seed",
    "get_recipe",
    "list_recipes",
    "seed_everything",
]
