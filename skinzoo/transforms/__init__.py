"""From pictures to model input: the evaluation transform that an `InputSpec` asks for, augmentations, corruptions."""

from skinzoo.transforms.corruptions import CORRUPTIONS, Corrupted, corrupt, list_corruptions
from skinzoo.transforms.feeding import feed
from skinzoo.transforms.geometry import resize_and_crop, restore
from skinzoo.transforms.normalisation import denormalise, normalise_batch
from skinzoo.transforms.pipeline import Transform, eval_transform
from skinzoo.transforms.presets import AUGMENTATIONS, create_augmentation, list_augmentations

__all__ = [
    "AUGMENTATIONS",
    "CORRUPTIONS",
    "Corrupted",
    "Transform",
    "corrupt",
    "create_augmentation",
    "denormalise",
    "eval_transform",
    "feed",
    "list_augmentations",
    "list_corruptions",
    "normalise_batch",
    "resize_and_crop",
    "restore",
]
