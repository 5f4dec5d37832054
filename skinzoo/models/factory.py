"""From a name to a model."""

from __future__ import annotations

import os
from collections.abc import Sequence
from fnmatch import fnmatchcase
from numbers import Integral
from pathlib import Path
from typing import Any

import timm
import torch

from skinzoo.errors import ConfigError
from skinzoo.models import ensemble, metadata_classifier, simple_cnn, unet  # noqa: F401 - they register their models
from skinzoo.models.base import SkinModel
from skinzoo.models.catalogue import LOCAL_PREFIX, MODELS, BuildRequest, ModelEntry
from skinzoo.models.classifier import FORMS, resolve_entry
from skinzoo.models.pretrained import load_pretrained, load_weights, trained_input_spec
from skinzoo.registry import check_options
from skinzoo.taxonomy import ISIC2018, LABEL_SPACES, LabelSpace
from skinzoo.types import InputSpec, Task

MAX_CLASSES = 10_000
SMALL = 96
_FACETS = ("family", "strategy")
_GENERAL = ("num_classes", "label_space", "image_size", "input_spec", "seed")


def list_models(pattern: str | None = None, *, task: Task | str | None = None, **facets: str) -> list[str]:
    """Names that `create_model` takes.

    Args:
        pattern: Shell-style, such as `"resnet*"`. With a pattern, every timm backbone is searched too, as
            `<timm name>_scratch`, `_head`, `_finetuned` and `_metadata`; without one, only the zoo's own names are
            listed.
        task: Only models of this task.
        **facets: Further restrictions: `family="unet"`, `strategy="head"`.
    """
    check_options(facets, _FACETS, of="list_models")
    wanted = Task(task) if task is not None else None
    names = MODELS.names(pattern or "*", task=wanted, **facets)
    if pattern is None or wanted not in (None, Task.CLASSIFICATION) or set(facets) - {"strategy"}:
        return names
    forms = [form for form in FORMS if facets.get("strategy", form) == form]
    others = (f"{backbone}_{form}" for backbone in timm.list_models() for form in forms)
    return names + [name for name in others if name not in MODELS and fnmatchcase(name, pattern)]


def model_info(name: str) -> ModelEntry:
    """What is known about a model without building it: task, summary, options.

    Raises:
        UnknownNameError: No such model; the message lists close matches.
    """
    return resolve_entry(name)[1]


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    label_space: LabelSpace | str | Sequence[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    input_spec: InputSpec | None = None,
    seed: int | None = None,
    **options: Any,
) -> SkinModel:
    """Build a model by name, or load a saved one.

    Args:
        name: A name from `list_models`; `<timm name>_scratch`, `_head`, `_finetuned` or `_metadata`; or
            `local-dir:<folder>` for a model written by `save_pretrained`.
        num_classes: Number of classes, when they need no names. Default: the seven of ISIC 2018.
        label_space: A `LabelSpace`, the name of a known one (`"isic2018"`, `"isic9"`, `"binary"`), or class names.
        weights: A folder written by `save_pretrained`, or a safetensors file, with trained weights of this
            architecture. Nothing else is then downloaded. A folder's input specification is taken over.
        image_size: Pixels, one number or (height, width). Default: the architecture's own.
        input_spec: Overrides everything about the input.
        seed: Makes random weights reproducible without touching the global random state.
        **options: The architecture's own options, such as `head="mlp"`, `dropout=0.5`, `backbone_weights=None`; see
            `model_info(name).options`.

    Raises:
        UnknownNameError: No such model or label space; the message lists close matches.
        ConfigError: An option that the model does not take, or a value out of range.
        OfflineError: ImageNet weights were asked for and could not be downloaded.
        WeightsError: `weights` or the folder cannot be used.

    Examples:
        >>> model = create_model("resnet18_scratch", num_classes=7, seed=0)
        >>> model(torch.zeros(1, 3, 64, 64)).logits.shape
        torch.Size([1, 7])
    """
    if not isinstance(name, str):
        raise ConfigError(f"a model is asked for by its name, got {name!r}; see list_models().")
    if name.startswith(LOCAL_PREFIX):
        given: dict[str, Any] = {"num_classes": num_classes, "label_space": label_space, "weights": weights}
        given |= {"image_size": image_size, "input_spec": input_spec, **options}
        if clash := [k for k, v in given.items() if v is not None]:
            raise ConfigError(f"a saved model brings its own configuration: drop {', '.join(clash)}.")
        return load_pretrained(name.removeprefix(LOCAL_PREFIX), build)
    if name.startswith("hf-hub:"):
        raise ConfigError("models cannot be loaded from the Hub yet; download the folder and use local-dir:<folder>.")
    if image_size is not None and input_spec is not None:
        raise ConfigError("give image_size or input_spec, not both; an InputSpec has its own size.")
    task = resolve_entry(name)[1].task
    if weights is not None and task is None:
        raise ConfigError(f"{name} gets its weights with its members; load a saved one by {LOCAL_PREFIX}<folder>.")
    if weights is not None and image_size is None and input_spec is None:
        input_spec = trained_input_spec(Path(weights))
    model = build(
        name,
        label_space=_label_space(name, task, num_classes, label_space),
        image_size=_size(image_size),
        input_spec=input_spec,
        seed=seed,
        options=options,
        start_weights=weights is None,
    )
    if weights is not None:
        load_weights(model, Path(weights))
    return model


def build(
    name: str,
    *,
    label_space: LabelSpace | None,
    image_size: tuple[int, int] | None = None,
    input_spec: InputSpec | None = None,
    seed: int | None = None,
    options: dict[str, Any],
    start_weights: bool = True,
) -> SkinModel:
    """Build an architecture from checked values; without `start_weights` if trained ones follow."""
    architecture, entry = resolve_entry(name)
    check_options(options, [*entry.options, *_GENERAL], of=architecture)
    if entry.task is not None and entry.task.has_labels != (label_space is not None):
        raise ConfigError(f"{architecture} {'needs' if entry.task.has_labels else 'takes no'} label space.")
    if label_space is not None and len(label_space) > MAX_CLASSES:
        raise ConfigError(f"{len(label_space)} classes are more than the {MAX_CLASSES} that a model may have.")
    kept = {k: v for k, v in options.items() if k != "backbone_weights"}  # of no use to whoever loads the model
    if not start_weights and "backbone_weights" in entry.options:
        options = kept | {"backbone_weights": None}
    task = entry.task or Task.MULTITASK  # a model made of models has its members' task
    request = BuildRequest(architecture, task, label_space, image_size, input_spec, kept, start_weights, build)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(_seed(seed))
        model = entry.build(request, **entry.fixed, **options).eval()
        _check_size(model)
    return model


def _check_size(model: SkinModel) -> None:
    """Try a very small picture once: some networks pool it away to nothing."""
    height, width = model.input_spec.size
    if min(height, width) < SMALL:
        try:
            with torch.no_grad():
                model(torch.zeros(1, 3, height, width, device=model.device))
        except RuntimeError as error:
            raise ConfigError(
                f"{model.config.architecture} cannot work at {height} x {width} pixels; use a larger image_size."
            ) from error


def _label_space(
    name: str, task: Task | None, num_classes: int | None, label_space: LabelSpace | str | Sequence[str] | None
) -> LabelSpace | None:
    if task is None and num_classes is None and label_space is None:
        return None
    if task is not None and not task.has_labels:
        if num_classes is not None or label_space is not None:
            raise ConfigError(f"{name} only segments: it takes neither num_classes nor label_space.")
        return None
    if isinstance(label_space, str):
        label_space = LABEL_SPACES[label_space]
    elif isinstance(label_space, list | tuple):
        label_space = LabelSpace.from_names(label_space)
    elif label_space is not None and not isinstance(label_space, LabelSpace):
        raise ConfigError(f"label_space must be a LabelSpace, a known name, or a list of names, got {label_space!r}.")
    if label_space is None and num_classes is not None:
        if isinstance(num_classes, bool) or not isinstance(num_classes, int) or not 0 < num_classes <= MAX_CLASSES:
            raise ConfigError(f"num_classes must be an integer from 1 to {MAX_CLASSES}, got {num_classes!r}.")
        return LabelSpace.numbered(num_classes)
    space = label_space or ISIC2018
    if num_classes is not None and num_classes != len(space):
        raise ConfigError(
            f"num_classes={num_classes}, but label space {space.name!r} has {len(space)} classes; give one."
        )
    return space


def _size(value: int | tuple[int, int] | None) -> tuple[int, int] | None:
    if value is None:
        return None
    sides = value if isinstance(value, list | tuple) else (value, value)
    if len(sides) != 2 or not all(isinstance(s, Integral) and s > 0 for s in sides):
        raise ConfigError(f"image_size must be a positive number of pixels or (height, width), got {value!r}.")
    return int(sides[0]), int(sides[1])


def _seed(value: int) -> int:
    if not isinstance(value, Integral) or value < 0:
        raise ConfigError(f"seed must be a whole number of at least 0, got {value!r}.")
    return int(value)
