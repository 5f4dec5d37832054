"""skinzoo: models, collections, training, evaluation and explanation for skin-lesion images.

Importing it is cheap: everything heavy is loaded on first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

__version__ = "0.1.0"

_HOME = {
    "skinzoo.datasets": (
        "SkinDataset",
        "concat",
        "dataset_info",
        "leakage_meter",
        "list_datasets",
        "load_dataset",
        "load_split",
        "make_loader",
        "save_split",
        "scan",
    ),
    "skinzoo.datasets.auditing": ("audit",),
    "skinzoo.errors": ("SkinzooError",),
    "skinzoo.evaluation": ("Prediction", "Ranking", "Report", "evaluate", "predict", "rank_unlabelled"),
    "skinzoo.explain": ("Explanation", "grad_cam", "saliency"),
    "skinzoo.losses": ("class_weights", "create_loss", "default_loss", "list_losses"),
    "skinzoo.models": ("MetadataEncoder", "SkinModel", "create_model", "list_models", "model_info"),
    "skinzoo.taxonomy": ("LabelSpace", "align"),
    "skinzoo.training": (
        "CrossValidation",
        "History",
        "Recipe",
        "Schedule",
        "TrainConfig",
        "Trainer",
        "cross_validate",
        "get_recipe",
        "list_recipes",
        "seed_everything",
    ),
    "skinzoo.transforms": ("Transform", "create_augmentation", "list_augmentations"),
    "skinzoo.types": ("Batch", "InputSpec", "ModelOutput", "Sample", "Task"),
}
_PACKAGES = (
    *("datasets", "errors", "evaluation", "explain", "losses", "metrics", "models", "plotting", "taxonomy", "training"),
    *("transforms", "types"),
)
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Batch",
    "CrossValidation",
    "Explanation",
    "History",
    "InputSpec",
    "LabelSpace",
    "MetadataEncoder",
    "ModelOutput",
    "Prediction",
    "Ranking",
    "Recipe",
    "Report",
    "Sample",
    "Schedule",
    "SkinDataset",
    "SkinModel",
    "SkinzooError",
    "Task",
    "TrainConfig",
    "Trainer",
    "Transform",
    "__version__",
    "align",
    "audit",
    "class_weights",
    "concat",
    "create_augmentation",
    "create_loss",
    "create_model",
    "cross_validate",
    "dataset_info",
    "default_loss",
    "evaluate",
    "get_recipe",
    "grad_cam",
    "leakage_meter",
    "list_augmentations",
    "list_datasets",
    "list_losses",
    "list_models",
    "list_recipes",
    "load_dataset",
    "load_split",
    "make_loader",
    "model_info",
    "predict",
    "rank_unlabelled",
    "saliency",
    "save_split",
    "scan",
    "seed_everything",
]

if TYPE_CHECKING:
    from skinzoo.datasets import (
        SkinDataset,
        concat,
        dataset_info,
        leakage_meter,
        list_datasets,
        load_dataset,
        load_split,
        make_loader,
        save_split,
        scan,
    )
    from skinzoo.datasets.auditing import audit
    from skinzoo.errors import SkinzooError
    from skinzoo.evaluation import Prediction, Ranking, Report, evaluate, predict, rank_unlabelled
    from skinzoo.explain import Explanation, grad_cam, saliency
    from skinzoo.losses import class_weights, create_loss, default_loss, list_losses
    from skinzoo.models import MetadataEncoder, SkinModel, create_model, list_models, model_info
    from skinzoo.taxonomy import LabelSpace, align
    from skinzoo.training import (
        CrossValidation,
        History,
        Recipe,
        Schedule,
        TrainConfig,
        Trainer,
        cross_validate,
        get_recipe,
        list_recipes,
        seed_everything,
    )
    from skinzoo.transforms import Transform, create_augmentation, list_augmentations
    from skinzoo.types import Batch, InputSpec, ModelOutput, Sample, Task


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives, on first use (PEP 562)."""
    if name in _PACKAGES:
        return import_module(f"skinzoo.{name}")
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'skinzoo' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
