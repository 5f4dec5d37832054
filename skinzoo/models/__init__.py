"""The models: a contract, heads, one file a family, and the factory that builds them by name."""

from skinzoo.models.base import CamTarget, ModelConfig, SkinModel, evaluation_mode
from skinzoo.models.factory import create_model, list_models, model_info
from skinzoo.models.metadata import MetadataEncoder

__all__ = [
    "CamTarget",
    "MetadataEncoder",
    "ModelConfig",
    "SkinModel",
    "create_model",
    "evaluation_mode",
    "list_models",
    "model_info",
]
