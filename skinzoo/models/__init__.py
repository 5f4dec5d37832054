"""The models: a contract, heads, one file a family, and the factory that builds them by name."""

from skinzoo.models.base import CamTarget, ModelConfig, SkinModel, evaluation_mode
from skinzoo.models.calibration import Calibration, OperatingPoints
from skinzoo.models.factory import create_model, list_models, model_info
from skinzoo.models.metadata import MetadataEncoder
from skinzoo.models.provenance import TrainingRecord

__all__ = [
    "Calibration",
    "CamTarget",
    "MetadataEncoder",
    "ModelConfig",
    "OperatingPoints",
    "SkinModel",
    "TrainingRecord",
    "create_model",
    "evaluation_mode",
    "list_models",
    "model_info",
]
