"""The models: a contract, heads, one file a family, and the factory that builds them by name.

What a model needs is imported when it is first used: the list of models needs no PyTorch, `simple_cnn` no timm.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

_HOME = {
    "skinzoo.models.base": ("CamTarget", "ModelConfig", "SkinModel", "evaluation_mode", "require_finite"),
    "skinzoo.models.calibration": ("Calibration", "OperatingPoints"),
    "skinzoo.models.catalogue": ("ModelEntry", "register_model"),
    "skinzoo.models.ensemble": ("Ensemble",),
    "skinzoo.models.factory": ("create_model",),
    "skinzoo.models.listing": ("list_models", "model_info"),
    "skinzoo.models.metadata": ("MetadataEncoder",),
    "skinzoo.models.provenance": ("TrainingRecord",),
    "skinzoo.models.request": ("BuildRequest",),
    "skinzoo.models.tta": ("TTAModel", "with_tta"),
    "skinzoo.models.weight_average": ("average_weights",),
}
_MODULE_OF = {name: module for module, names in _HOME.items() for name in names}

__all__ = [
    "BuildRequest",
    "Calibration",
    "CamTarget",
    "Ensemble",
    "MetadataEncoder",
    "ModelConfig",
    "ModelEntry",
    "OperatingPoints",
    "SkinModel",
    "TTAModel",
    "TrainingRecord",
    "average_weights",
    "create_model",
    "evaluation_mode",
    "list_models",
    "model_info",
    "register_model",
    "require_finite",
    "with_tta",
]

if TYPE_CHECKING:
    from skinzoo.models.base import CamTarget, ModelConfig, SkinModel, evaluation_mode, require_finite
    from skinzoo.models.calibration import Calibration, OperatingPoints
    from skinzoo.models.catalogue import ModelEntry, register_model
    from skinzoo.models.ensemble import Ensemble
    from skinzoo.models.factory import create_model
    from skinzoo.models.listing import list_models, model_info
    from skinzoo.models.metadata import MetadataEncoder
    from skinzoo.models.provenance import TrainingRecord
    from skinzoo.models.request import BuildRequest
    from skinzoo.models.tta import TTAModel, with_tta
    from skinzoo.models.weight_average import average_weights


def __getattr__(name: str) -> Any:
    """Load a public name from where it lives, on first use (PEP 562)."""
    module = _MODULE_OF.get(name)
    if module is None:
        raise AttributeError(f"module 'skinzoo.models' has no attribute {name!r}")
    value = getattr(import_module(module), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    """The public names."""
    return sorted(__all__)
