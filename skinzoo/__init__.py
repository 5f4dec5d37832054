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
    "skinzoo.evaluation": (
        "Comparison",
        "CrossReport",
        "Prediction",
        "Ranking",
        "Report",
        "Resampling",
        "RobustnessReport",
        "calibrate",
        "choose_operating_points",
        "compare",
        "evaluate",
        "evaluate_across",
        "evaluate_robustness",
        "load_report",
        "predict",
        "predict_all",
        "predict_table",
        "rank_unlabelled",
    ),
    "skinzoo.explain": (
        "Explanation",
        "explain_all",
        "faithfulness",
        "grad_cam",
        "integrated_gradients",
        "saliency",
        "sanity_check",
    ),
    "skinzoo.hub": ("HubOptions", "WeightsRecord", "list_weights", "weights_info"),
    "skinzoo.interchange": ("convert_checkpoint", "export_onnx", "export_program"),
    "skinzoo.losses": ("class_weights", "create_loss", "default_loss", "list_losses"),
    "skinzoo.models": ("MetadataEncoder", "SkinModel", "create_model", "list_models", "model_info", "with_tta"),
    "skinzoo.publishing": ("ModelCard", "Published", "card_template", "push_to_hub"),
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
    "skinzoo.transforms": ("Transform", "corrupt", "create_augmentation", "list_augmentations", "list_corruptions"),
    "skinzoo.types": ("Batch", "InputSpec", "ModelOutput", "Sample", "Task"),
}
_PACKAGES = (
    *("datasets", "errors", "evaluation", "explain", "hub", "interchange", "losses", "metrics", "models", "plotting"),
    *("publishing", "taxonomy", "training", "transforms", "types"),
)
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "Batch",
    "Comparison",
    "CrossReport",
    "CrossValidation",
    "Explanation",
    "History",
    "HubOptions",
    "InputSpec",
    "LabelSpace",
    "MetadataEncoder",
    "ModelCard",
    "ModelOutput",
    "Prediction",
    "Published",
    "Ranking",
    "Recipe",
    "Report",
    "Resampling",
    "RobustnessReport",
    "Sample",
    "Schedule",
    "SkinDataset",
    "SkinModel",
    "SkinzooError",
    "Task",
    "TrainConfig",
    "Trainer",
    "Transform",
    "WeightsRecord",
    "__version__",
    "align",
    "audit",
    "calibrate",
    "card_template",
    "choose_operating_points",
    "class_weights",
    "compare",
    "concat",
    "convert_checkpoint",
    "corrupt",
    "create_augmentation",
    "create_loss",
    "create_model",
    "cross_validate",
    "dataset_info",
    "default_loss",
    "evaluate",
    "evaluate_across",
    "evaluate_robustness",
    "explain_all",
    "export_onnx",
    "export_program",
    "faithfulness",
    "get_recipe",
    "grad_cam",
    "integrated_gradients",
    "leakage_meter",
    "list_augmentations",
    "list_corruptions",
    "list_datasets",
    "list_losses",
    "list_models",
    "list_recipes",
    "list_weights",
    "load_dataset",
    "load_report",
    "load_split",
    "make_loader",
    "model_info",
    "predict",
    "predict_all",
    "predict_table",
    "push_to_hub",
    "rank_unlabelled",
    "saliency",
    "sanity_check",
    "save_split",
    "scan",
    "seed_everything",
    "weights_info",
    "with_tta",
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
    from skinzoo.evaluation import (
        Comparison,
        CrossReport,
        Prediction,
        Ranking,
        Report,
        Resampling,
        RobustnessReport,
        calibrate,
        choose_operating_points,
        compare,
        evaluate,
        evaluate_across,
        evaluate_robustness,
        load_report,
        predict,
        predict_all,
        predict_table,
        rank_unlabelled,
    )
    from skinzoo.explain import (
        Explanation,
        explain_all,
        faithfulness,
        grad_cam,
        integrated_gradients,
        saliency,
        sanity_check,
    )
    from skinzoo.hub import HubOptions, WeightsRecord, list_weights, weights_info
    from skinzoo.interchange import convert_checkpoint, export_onnx, export_program
    from skinzoo.losses import class_weights, create_loss, default_loss, list_losses
    from skinzoo.models import MetadataEncoder, SkinModel, create_model, list_models, model_info, with_tta
    from skinzoo.publishing import ModelCard, Published, card_template, push_to_hub
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
    from skinzoo.transforms import Transform, corrupt, create_augmentation, list_augmentations, list_corruptions
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
