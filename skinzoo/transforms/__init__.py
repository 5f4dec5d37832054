"""From pictures to model input: the evaluation transform that an `InputSpec` asks for, and named augmentations."""

from skinzoo.transforms.geometry import resize_and_crop, restore
from skinzoo.transforms.pipeline import Transform, denormalise, eval_transform
from skinzoo.transforms.presets import AUGMENTATIONS, create_augmentation, list_augmentations

__all__ = [
    "AUGMENTATIONS",
    "Transform",
    "create_augmentation",
    "denormalise",
    "eval_transform",
    "list_augmentations",
    "resize_and_crop",
    "restore",
]
