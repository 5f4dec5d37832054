"""From a name to a model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import timm
import torch

from skinzoo.errors import ConfigError
from skinzoo.models import simple_cnn, unet  # noqa: F401 - they register their models
from skinzoo.models.base import SkinModel
from skinzoo.models.catalogue import MODELS, BuildRequest, ModelEntry
from skinzoo.models.classifier import STRATEGIES, resolve_entry
from skinzoo.models.pretrained import load_pretrained, load_weights
from skinzoo.registry import check_options
from skinzoo.taxonomy import ISIC2018, LABEL_SPACES, LabelSpace
from skinzoo.types import InputSpec, Task

LOCAL_PREFIX = "local-dir:"
MAX_CLASSES = 10_000
_GENERAL = ("num_classes", "label_space", "image_size", "input_spec", "seed")


def list_models(pattern: str | None = None, *, task: Task | str | None = None, **facets: str) -> list[str]:
    """Names that `create_model` takes.

    Args:
        pattern: Shell-style, such as `"resnet*"`. With a pattern, every timm backbone is searched too, as
            `<timm name>_scratch`, `_head` and `_finetuned`; without one, only the zoo's own names are listed.
        task: Only models of this task.
        **facets: Further restrictions: `family="unet"`, `strategy="head"`.
    """
    wanted = Task(task) if task is not None else None
    names = MODELS.names(pattern or "*", task=wanted, **facets)
    if pattern is None or wanted not in (None, Task.CLASSIFICATION) or set(facets) - {"strategy"}:
        return names
    strategies = [s for s in STRATEGIES if facets.get("strategy", s) == s]
    others = (f"{backbone}_{strategy}" for backbone in timm.list_models() for strategy in strategies)
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
        name: A name from `list_models`; `<timm name>_scratch`, `_head` or `_finetuned`; or `local-dir:<folder>` for a
            model written by `save_pretrained`.
        num_classes: Number of classes, when they need no names. Default: the seven of ISIC 2018.
        label_space: A `LabelSpace`, the name of a known one (`"isic2018"`, `"isic9"`, `"binary"`), or class names.
        weights: A folder written by `save_pretrained`, or a safetensors file, with trained weights of this
            architecture. Nothing else is then downloaded.
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
    if name.startswith(LOCAL_PREFIX):
        given: dict[str, Any] = {"num_classes": num_classes, "label_space": label_space, "weights": weights}
        given |= {"image_size": image_size, "input_spec": input_spec, **options}
        if clash := [k for k, v in given.items() if v is not None]:
            raise ConfigError(f"a saved model brings its own configuration: drop {', '.join(clash)}.")
        return load_pretrained(name.removeprefix(LOCAL_PREFIX), build)
    if name.startswith("hf-hub:"):
        raise ConfigError("models cannot be loaded from the Hub yet; download the folder and use local-dir:<folder>.")
    model = build(
        name,
        label_space=_label_space(name, resolve_entry(name)[1].task, num_classes, label_space),
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
    if entry.task.has_labels != (label_space is not None):
        raise ConfigError(f"{architecture} {'needs' if entry.task.has_labels else 'takes no'} label space.")
    if label_space is not None and len(label_space) > MAX_CLASSES:
        raise ConfigError(f"{len(label_space)} classes are more than the {MAX_CLASSES} that a model may have.")
    kept = {k: v for k, v in options.items() if k != "backbone_weights"}  # of no use to whoever loads the model
    if not start_weights and "backbone_weights" in entry.options:
        options = kept | {"backbone_weights": None}
    request = BuildRequest(architecture, entry.task, label_space, image_size, input_spec, kept)
    with torch.random.fork_rng(devices=[], enabled=seed is not None):
        if seed is not None:
            torch.manual_seed(seed)
        return entry.build(request, **entry.fixed, **options).eval()


def _label_space(
    name: str, task: Task, num_classes: int | None, label_space: LabelSpace | str | Iterable[str] | None
) -> LabelSpace | None:
    if not task.has_labels:
        if num_classes is not None or label_space is not None:
            raise ConfigError(f"{name} only segments: it takes neither num_classes nor label_space.")
        return None
    if isinstance(label_space, str):
        label_space = LABEL_SPACES[label_space]
    elif label_space is not None and not isinstance(label_space, LabelSpace):
        label_space = LabelSpace.from_names(label_space)
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
    size = (value, value) if isinstance(value, int) else tuple(value)
    if len(size) != 2 or not all(isinstance(s, int) and s > 0 for s in size):
        raise ConfigError(f"image_size must be a positive number of pixels or (height, width), got {value!r}.")
    return size
