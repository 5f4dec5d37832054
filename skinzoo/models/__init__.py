"""The models: a contract, heads, one file a family, and the factory that builds them by name."""

from skinzoo.models.base import CamTarget, ModelConfig, SkinModel, evaluation_mode, require_finite
from skinzoo.models.calibration import Calibration, OperatingPoints
from skinzoo.models.ensemble import Ensemble
from skinzoo.models.factory import create_model, list_models, model_info
from skinzoo.models.metadata import MetadataEncoder
from skinzoo.models.provenance import TrainingRecord
from skinzoo.models.tta import TTAModel, with_tta

__all__ = [
    "Calibration",
    "CamTarget",
    "Ensemble",
    "MetadataEncoder",
    "ModelConfig",
    "OperatingPoints",
    "SkinModel",
    "TTAModel",
    "TrainingRecord",
    "create_model",
    "evaluation_mode",
    "list_models",
    "model_info",
    "require_finite",
    "with_tta",
]
