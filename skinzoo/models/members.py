"""The members of an ensemble: models, names, folders; and their description in a saved configuration."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from skinzoo.errors import ConfigError
from skinzoo.files import plain
from skinzoo.models.base import SkinModel
from skinzoo.models.calibration import Calibration
from skinzoo.models.catalogue import ENSEMBLE
from skinzoo.models.published import find_saved
from skinzoo.models.reading import load_source
from skinzoo.models.request import BuildRequest
from skinzoo.models.zoo import resolve_entry
from skinzoo.taxonomy import ISIC2018, LabelSpace
from skinzoo.types import InputSpec

MAX_MEMBERS = 32
MAX_DEPTH = 2
_KEYS = {"architecture", "options", "input_spec", "label_space", "calibration"}


def describe(model: SkinModel) -> dict[str, Any]:
    """Everything needed to build a model again, except its weights, in JSON's own types."""
    config, space, calibration = model.config, model.label_space, model.calibration
    values: dict[str, Any] = plain(
        {
            "architecture": config.architecture,
            "options": dict(config.options),
            "input_spec": config.input_spec.to_dict(),
            "label_space": None if space is None else space.to_dict(),
            "calibration": None if calibration is None else calibration.to_dict(),
        }
    )
    return values


def check_described(members: Sequence[object], depth: int = 1) -> int:
    """Make sure, before anything is built, that descriptions are no more and no deeper than they may be.

    Args:
        members: Read from a configuration.
        depth: Of the ensemble that they belong to.

    Returns:
        Number of models.

    Raises:
        ConfigError: They are not, or one is no description, such as a name or a folder.
    """
    if depth > MAX_DEPTH:
        raise ConfigError(f"ensembles of ensembles may be {MAX_DEPTH} deep; the saved one is deeper.")
    count = 0
    for member in members:
        if not isinstance(member, Mapping) or set(member) != _KEYS or not isinstance(member["options"], Mapping):
            raise ConfigError(f"a saved ensemble's member must have {', '.join(sorted(_KEYS))}; got {member!r:.200}.")
        inner = member["options"].get("members") if member["architecture"] == ENSEMBLE else None
        count += check_described(inner, depth + 1) if isinstance(inner, list) else 1
        if count > MAX_MEMBERS:
            raise ConfigError(f"an ensemble may have {MAX_MEMBERS} models in all; the saved one has more.")
    return count


def restore(description: Mapping[str, Any], request: BuildRequest) -> SkinModel:
    """Build a member from its description, without weights.

    Raises:
        UnknownNameError: Its architecture is not registered.
        ConfigError: A value makes no sense.
    """
    space, calibration = description["label_space"], description["calibration"]
    assert request.build is not None
    model = request.build(
        str(description["architecture"]),
        label_space=None if space is None else LabelSpace.from_dict(space),
        input_spec=InputSpec.from_dict(description["input_spec"]),
        options=dict(description["options"]),
        start_weights=False,
    )
    model.calibration = None if calibration is None else Calibration.from_dict(calibration)
    biases, classes = len(model.calibration.bias) if model.calibration else 0, len(model.label_space or ())
    if biases not in (0, classes):
        raise ConfigError(f"a member has a calibration of {biases} classes and a label space of {classes}.")
    return model


def given_members(given: Sequence[object], request: BuildRequest) -> list[SkinModel]:
    """The models that a caller means: built ones first, so that named ones get their classes.

    Raises:
        ConfigError: Something is no model.
        UnknownNameError: No model of that name.
    """
    if len(given) > MAX_MEMBERS:
        raise ConfigError(f"an ensemble may have {MAX_MEMBERS} models in all, this one has {len(given)}.")
    found = [_built(member, request) for member in given]
    theirs = next((m.label_space for m in found if m is not None and m.label_space is not None), None)
    space = request.label_space or theirs or ISIC2018
    return [
        _new(str(name), space, request) if model is None else model for model, name in zip(found, given, strict=True)
    ]


def _built(member: object, request: BuildRequest) -> SkinModel | None:
    """A model that exists already; None for a name."""
    if isinstance(member, SkinModel):
        return member
    if not isinstance(member, str):
        raise ConfigError(f"a member is a model, a name or local-dir:<folder>, got {member!r:.200}.")
    if (source := find_saved(member)) is None:
        return None
    assert request.build is not None
    return load_source(source, request.build)


def _new(name: str, space: LabelSpace, request: BuildRequest) -> SkinModel:
    task = resolve_entry(name)[1].task
    assert request.build is not None
    return request.build(
        name,
        label_space=space if task is not None and task.has_labels else None,
        image_size=request.image_size,
        input_spec=request.input_spec,
        options={},
    )
