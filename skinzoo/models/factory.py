"""From a name to a model."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import torch

from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.hub.options import HubOptions
from skinzoo.hub.records import find_record
from skinzoo.models.base import SkinModel, check_size
from skinzoo.models.catalogue import LOCAL_PREFIX, MAX_CLASSES
from skinzoo.models.published import find_saved, find_weights
from skinzoo.models.reading import Source, load_source, load_weights
from skinzoo.models.request import BuildRequest
from skinzoo.models.zoo import resolve_entry
from skinzoo.registry import check_options
from skinzoo.taxonomy import ISIC2018, LABEL_SPACES, LabelSpace
from skinzoo.types import InputSpec, Task

_GENERAL = ("num_classes", "label_space", "image_size", "input_spec", "seed")


def create_model(
    name: str,
    *,
    num_classes: int | None = None,
    label_space: LabelSpace | str | Sequence[str] | None = None,
    weights: str | os.PathLike[str] | None = None,
    image_size: int | tuple[int, int] | None = None,
    input_spec: InputSpec | None = None,
    seed: int | None = None,
    rebuild_head: bool = False,
    hub: HubOptions | None = None,
    **options: Any,
) -> SkinModel:
    """Build a model by name, or load a trained one.

    Trained weights are named in five ways, as `name` for the model as it was saved, or as `weights` for another one of
    fitting shape: `<architecture>.<tag>` for weights that skinzoo knows (see `skinzoo.list_weights`; as `weights` the
    tag alone will do, and `"bundled"` is in the package and needs no network), `hf-hub:owner/repository` for any
    repository that `push_to_hub` made, with `@<commit>` for one state of it, and `local-dir:<folder>` for a folder
    written by `save_pretrained`. `weights` may also be the path of such a folder or of a safetensors file; a tag
    counts before a path. Everything is verified before the model is returned: digests, names and shapes of all
    tensors, and the names and the order of the classes.

    Args:
        name: A name from `list_models`; `<timm name>_scratch`, `_head`, `_finetuned` or `_metadata`; `unet_<timm name>`
            or `multitask_<timm name>`; or the name of trained weights.
        num_classes: Number of classes, when they need no names. Default: the classes of `weights`, else the seven of
            ISIC 2018.
        label_space: A `LabelSpace`, the name of a known one (`"isic2018"`, `"isic9"`, `"binary"`), or class names.
        weights: Trained weights of this architecture. Nothing else is then downloaded. Their options, input
            specification, calibration and thresholds are taken over.
        image_size: Pixels, one number or (height, width). Default: that of `weights`, else the architecture's own.
        input_spec: Overrides everything about the input.
        seed: Makes random weights reproducible without touching the global random state.
        rebuild_head: True to take weights that were trained for other classes: in the last layer, the rows of classes
            of the same name are kept and the others begin anew; a warning lists them. Calibration and thresholds are
            dropped then.
        hub: Which Hub is asked and how; None for what the environment says.
        **options: The architecture's own options, such as `head="mlp"`, `dropout=0.5`, `backbone_weights=None`; see
            `model_info(name).options`.

    Raises:
        UnknownNameError: No such model, weights or label space; the message lists close matches.
        ConfigError: An option that the model does not take, or a value out of range.
        OfflineError: Weights are needed that are not on this machine and could not be downloaded.
        ChecksumError: A file is not the one that was saved or published.
        WeightsMismatchError: The weights are of another architecture, or for other classes.
        WeightsError: The weights cannot be used for another reason, such as a damaged configuration.

    Examples:
        >>> model = create_model("resnet18_scratch", num_classes=7, seed=0)
        >>> model(torch.zeros(1, 3, 64, 64)).logits.shape
        torch.Size([1, 7])
        >>> model = create_model("hf-hub:lab/skin-resnet18@7fd1a60b01f91b314f59955a4e4d4e80d8edf11d")
        >>> model = create_model("resnet18_finetuned", weights="runs/best", label_space="isic9", rebuild_head=True)
    """
    if not isinstance(name, str):
        raise ConfigError(f"a model is asked for by its name, got {name!r}; see list_models().")
    if hub is not None and not isinstance(hub, HubOptions):
        raise ConfigError(f"hub must be a HubOptions, got {hub!r:.80}.")
    if (source := _saved(name, hub)) is not None:
        given: dict[str, Any] = {"weights": weights, "image_size": image_size, "input_spec": input_spec, **options}
        classes = {"num_classes": num_classes, "label_space": label_space}
        return _load(source, classes, given, rebuild_head=rebuild_head, seed=seed)
    if image_size is not None and input_spec is not None:
        raise ConfigError("give image_size or input_spec, not both; an InputSpec has its own size.")
    architecture, entry = resolve_entry(name)
    task = entry.task
    if weights is None:
        return build(
            name,
            label_space=_label_space(name, task, num_classes, label_space),
            image_size=_size(image_size),
            input_spec=input_spec,
            seed=seed,
            options=options,
        )
    if task is None:
        raise ConfigError(f"{name} gets its weights with its members; load a saved one by {LOCAL_PREFIX}<folder>.")
    source = find_weights(architecture, weights, hub)
    if image_size is None and input_spec is None and source.config is not None:
        input_spec = source.config.input_spec
    if source.config is not None:
        options = {k: v for k, v in source.config.options.items() if k in entry.options} | options
    if task.has_labels and num_classes is None and label_space is None:
        label_space = source.label_space()
    space = _label_space(name, task, num_classes, label_space)

    def without_weights() -> SkinModel:
        size, spec = _size(image_size), input_spec
        return build(name, label_space=space, image_size=size, input_spec=spec, options=options, start_weights=False)

    return load_weights(source, without_weights, rebuild_head=rebuild_head, seed=None if seed is None else _seed(seed))


def _saved(name: str, hub: HubOptions | None) -> Source | None:
    """The trained model that a name stands for; None for an architecture's name."""
    if (source := find_saved(name, hub)) is not None:
        return source
    architecture, dot, tag = name.partition(".")
    if dot:
        try:
            resolve_entry(name)  # timm has tags too
        except UnknownNameError:
            find_record(resolve_entry(architecture)[0], tag)  # says which tags there are
    return None


def _load(
    source: Source, classes: Mapping[str, Any], given: Mapping[str, Any], *, rebuild_head: bool, seed: int | None
) -> SkinModel:
    """The model as it was saved, but for its classes if that is what was asked for."""
    wanted = {k: v for k, v in classes.items() if v is not None}
    if clash := [*([] if rebuild_head else wanted), *(k for k, v in given.items() if v is not None)]:
        hint = " For other classes, give rebuild_head=True as well." if wanted and not rebuild_head else ""
        raise ConfigError(f"a saved model brings its own configuration: drop {', '.join(clash)}.{hint}")
    config = source.config
    space = None if not wanted or config is None else _label_space(config.architecture, config.task, **classes)
    return load_source(source, build, label_space=space, seed=None if seed is None else _seed(seed))


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
    """Build an architecture from checked values, in evaluation mode.

    Args:
        name: Registered name, or a timm network's with a beginning or an ending.
        label_space: Classes; None for a segmenter, and for a model that takes those of its members.
        image_size: Height and width in pixels; None for the architecture's own.
        input_spec: Overrides everything about the input.
        seed: Makes random weights reproducible without touching the global random state.
        options: The architecture's own.
        start_weights: False if trained weights follow, so that none need be downloaded or tried.

    Raises:
        UnknownNameError: No such model.
        ConfigError: An option that the model does not take, or a value out of range.
        OfflineError: Start weights are needed that could not be downloaded.
    """
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
    if start_weights:
        check_size(model)
    return model


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
