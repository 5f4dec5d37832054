"""What a repository holds that is not skinzoo's, and how to load it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

_PICKLES = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib", ".h5", ".keras")
_SMP_KEYS = {"encoder_name", "encoder_depth", "encoder_weights"}


def describe_repository(repository: str, names: Sequence[str], config: Mapping[str, Any] | None = None) -> str:
    """What another library's repository is, and how to load it there, in a sentence or two.

    Args:
        repository: `owner/name`.
        names: Names of its files.
        config: Its parsed `config.json`, if it has one.
    """
    if config is not None and ("_skinzoo" in config or config.get("library") == "skinzoo"):
        return "skinzoo saved it, but not all of its files are there; its author can publish it again."
    known = _by_config(repository, config or {}) or _by_names(repository, {name.rpartition("/")[2] for name in names})
    if known is not None:
        library, call = known
        return f"It looks like a model of {library}, not one that skinzoo saved; load it with {call}.{_danger(names)}"
    if not [name for name in names if name not in ("README.md", ".gitattributes")]:
        return "The repository has no files yet."
    if _danger(names):
        pickles = ", ".join(map(_printable, _pickles(names)[:3]))
        return (
            f"It is not a model that skinzoo saved, and its weights ({pickles}) are in a format that can run code when "
            "it is opened; skinzoo does not open it. Its card says which library it is for; if you trust it, convert "
            "it on a machine that holds no data with skinzoo.interchange.convert_checkpoint."
        )
    return (
        f"It is not a model that skinzoo saved (it holds {', '.join(map(_printable, sorted(names)[:5]))}"
        f"{' ...' if len(names) > 5 else ''}); the card of {repository} says which library it is for."
    )


def _by_config(repository: str, config: Mapping[str, Any]) -> tuple[str, str] | None:
    if "architecture" in config and ("pretrained_cfg" in config or "num_features" in config):
        return "timm", f'timm.create_model("hf-hub:{repository}", pretrained=True)'
    if config.keys() & _SMP_KEYS:
        return "segmentation_models_pytorch", f'segmentation_models_pytorch.from_pretrained("{repository}")'
    if "model_type" in config or "transformers_version" in config:
        return "transformers", f'transformers.AutoModelForImageClassification.from_pretrained("{repository}")'
    return None


def _by_names(repository: str, names: set[str]) -> tuple[str, str] | None:
    if "preprocessor_config.json" in names:
        return "transformers", f'transformers.AutoModelForImageClassification.from_pretrained("{repository}")'
    if "model_index.json" in names:
        return "diffusers", f'diffusers.DiffusionPipeline.from_pretrained("{repository}")'
    if names & {"saved_model.pb", "keras_metadata.pb"} or any(name.endswith(".keras") for name in names):
        return "keras", f'keras.saving.load_model("hf://{repository}")'
    if "open_clip_config.json" in names:
        return "open_clip", f'open_clip.create_model_from_pretrained("hf-hub:{repository}")'
    if "export.pkl" in names or ("pyproject.toml" in names and "model.pkl" in names):
        return "fastai", f'huggingface_hub.from_pretrained_fastai("{repository}")'
    if names & {"best.pt", "last.pt"} or any(name.startswith("yolo") and name.endswith(".pt") for name in names):
        return "ultralytics", "ultralytics.YOLO(<the .pt file>)"
    if any(name.endswith(".onnx") for name in names) and not any(name.endswith(".safetensors") for name in names):
        return "ONNX Runtime", "onnxruntime.InferenceSession(<the .onnx file>)"
    return None


def _pickles(names: Sequence[str]) -> list[str]:
    return sorted(name for name in names if name.lower().endswith(_PICKLES))


def _danger(names: Sequence[str]) -> str:
    """A warning where all weights are in files that can run code; empty otherwise."""
    if not _pickles(names) or any(name.endswith((".safetensors", ".onnx")) for name in names):
        return ""
    return " Its weights are in a format that can run code when it is opened, so do that only if you trust its author."


def _printable(name: str) -> str:
    """A name that does nothing to the terminal."""
    return name if name.isprintable() else repr(name)
