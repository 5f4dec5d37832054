"""Saving a model to a folder and loading it again; `writing`, `reading` and `saved_config` do it."""

from skinzoo.models.reading import load_pretrained
from skinzoo.models.saved_config import CONFIG_NAME, RECORD_NAME, WEIGHTS_NAME, is_ours, read_config
from skinzoo.models.writing import save_pretrained

__all__ = [
    "CONFIG_NAME",
    "RECORD_NAME",
    "WEIGHTS_NAME",
    "is_ours",
    "load_pretrained",
    "read_config",
    "save_pretrained",
]
