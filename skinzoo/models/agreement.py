"""What the members of an ensemble must have in common, and the ensemble's classes, task and weights."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

from skinzoo.errors import ConfigError
from skinzoo.models.averaging import sees_the_same
from skinzoo.models.base import SkinModel
from skinzoo.models.metadata import MetadataEncoder
from skinzoo.taxonomy import LabelSpace
from skinzoo.types import InputSpec, Task


def named(models: Sequence[SkinModel], number: int) -> str:
    """A member as messages name it."""
    return f"member {number} ({models[number].config.architecture})"


def checked_weights(given: object, models: Sequence[SkinModel]) -> list[float]:
    """The members' weights as given; 1 for each if none are.

    Raises:
        ConfigError: Not one number of at least 0 for each, or only 0 for all that predict classes, or masks.
    """
    if given is None:
        return [1.0] * len(models)
    expected = f"member_weights must be {len(models)} numbers of at least 0, one for each member"
    if isinstance(given, str) or not isinstance(given, Iterable):
        raise ConfigError(f"{expected}; got {given!r}.")
    weights = list(given)
    good = all(isinstance(w, int | float) and not isinstance(w, bool) and math.isfinite(w) and w >= 0 for w in weights)
    if len(weights) != len(models) or not good:
        raise ConfigError(f"{expected}; got {weights}.")
    for what in ("labels", "masks"):
        able = [w for w, m in zip(weights, models, strict=True) if getattr(m.task, f"has_{what}")]
        if able and not sum(able):
            raise ConfigError(f"{expected}, and not all 0 for the members that predict {what}; got {weights}.")
    return [float(w) for w in weights]


def shared_space(models: Sequence[SkinModel], given: LabelSpace | None) -> LabelSpace | None:
    """The classes of all members that have any, as a label space that the caller gave or else the first member's.

    Raises:
        ConfigError: Their codes differ in number, name or order; or, without a label space that says it, in which of
            them are malignant.
    """
    first = next((n for n, m in enumerate(models) if m.label_space is not None), None)
    if first is None:
        if given is not None:
            raise ConfigError("no member predicts a class: drop num_classes and label_space.")
        return None
    space, whose = models[first].label_space, named(models, first)
    if given is not None:
        space, whose = given, "the ensemble"
    assert space is not None
    for number, member in enumerate(models):
        theirs = member.label_space
        if theirs is not None and theirs.classes != space.classes:
            raise ConfigError(
                f"{named(models, number)} has the classes {', '.join(theirs)}; {whose} has {', '.join(space)}: "
                f"{_difference(theirs, space)}. The same codes in the same order are needed."
            )
        if theirs is not None and given is None and theirs.malignant != space.malignant:
            codes = ", ".join(sorted(theirs.malignant ^ space.malignant))
            raise ConfigError(
                f"{named(models, number)} and {whose} do not agree on whether {codes} is malignant; say it with "
                "label_space=..."
            )
    return space


def _difference(theirs: LabelSpace, ours: LabelSpace) -> str:
    absent, extra = [c for c in ours if c not in theirs.classes], [c for c in theirs if c not in ours.classes]
    if absent or extra:
        return "; ".join(f"{', '.join(c)} {what}" for c, what in ((absent, "missing"), (extra, "too many")) if c)
    place = next(k for k, (a, b) in enumerate(zip(theirs, ours, strict=True)) if a != b)
    return f"in another order, from place {place} on"


def shared_encoder(models: Sequence[SkinModel]) -> MetadataEncoder | None:
    """The encoder of all members that take metadata; None if none does.

    Raises:
        ConfigError: They encode it in different ways.
    """
    found = [(n, m.metadata_encoder) for n, m in enumerate(models) if m.metadata_encoder is not None]
    for number, encoder in found:
        if encoder != found[0][1]:
            raise ConfigError(
                f"{named(models, number)} encodes metadata otherwise than {named(models, found[0][0])}: "
                f"{encoder} instead of {found[0][1]}. Fit one MetadataEncoder and build all members with it."
            )
    return found[0][1] if found else None


def shared_task(models: Sequence[SkinModel]) -> Task:
    """What the members predict between them."""
    labels, masks = any(m.task.has_labels for m in models), any(m.task.has_masks for m in models)
    return Task.MULTITASK if labels and masks else Task.CLASSIFICATION if labels else Task.SEGMENTATION


def check_views(spec: InputSpec, models: Sequence[SkinModel]) -> None:
    """Make sure that what each member sees can be made from what the ensemble sees.

    Raises:
        ConfigError: A member sees another part of the picture.
    """
    for number, member in enumerate(models):
        if not sees_the_same(spec, member.input_spec):
            raise ConfigError(
                f"{named(models, number)} sees {_seen(member.input_spec)}, the ensemble {_seen(spec)}: one cannot be "
                "made from the other. Combine models that see the same part of a picture."
            )


def _seen(spec: InputSpec) -> str:
    if spec.crop == "none":
        return "the whole picture"
    return f"the centre ({spec.crop_fraction} of the sides) at {spec.size[0]} x {spec.size[1]} pixels"
