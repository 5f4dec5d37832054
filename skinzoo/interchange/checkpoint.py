"""Old checkpoints become models of the zoo."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from torch import Tensor

from skinzoo.errors import ConfigError, WeightsError, WeightsMismatchError
from skinzoo.files import sha256_of
from skinzoo.interchange.entries import find_state_dicts
from skinzoo.interchange.fitting import Fit, converted, fit, layers, not_finite
from skinzoo.interchange.recognising import looks_like
from skinzoo.interchange.unpickling import read_checkpoint
from skinzoo.models import SkinModel, create_model, model_info
from skinzoo.taxonomy import LabelSpace
from skinzoo.tensors import load_tensors


@dataclass(frozen=True)
class Conversion:
    """A checkpoint that became a model.

    Attributes:
        model: In evaluation mode, float32, on the CPU.
        source: The file.
        sha256: Of the file.
        key: Where in the file the weights stood; empty if it held them alone.
        renamed: The model's name of each tensor, by the file's, where they differ.
        ignored: The file's tensors that were left out.
    """

    model: SkinModel
    source: Path
    sha256: str
    key: str
    renamed: Mapping[str, str] = field(repr=False)
    ignored: tuple[str, ...] = ()

    @property
    def facts(self) -> dict[str, Any]:
        """For `model.save_pretrained(folder, **conversion.facts)`: where the weights come from."""
        return {"converted_from": {"file": self.source.name, "sha256": self.sha256, "key": self.key}}

    def __str__(self) -> str:
        total, where = len(self.model.state_dict()), f" ({self.key})" if self.key else ""
        out = f", {len(self.ignored)} left out" if self.ignored else ""
        return (
            f"{self.source.name}{where} -> {self.model.config.architecture}: {total} tensors, "
            f"{len(self.renamed)} renamed{out}"
        )


def convert_checkpoint(
    path: str | os.PathLike[str],
    *,
    architecture: str,
    label_space: LabelSpace | str | Sequence[str] | None = None,
    num_classes: int | None = None,
    trusted: bool = False,
    key: str | None = None,
    ignore: Iterable[str] = (),
    **options: Any,
) -> Conversion:
    """Make a model of the zoo from weights that were saved elsewhere, such as a `.pth` file of an older project.

    Reads state dicts of torchvision's and timm's networks, of segmentation_models_pytorch's U-Net, and of models that
    wrap them (DataParallel, Lightning, `torch.compile`, an own class around a backbone), under whatever name a script
    gave them in its dictionary. Every tensor must find its place and every place its tensor; half and double precision
    become float32. What the old project did to a picture before the network saw it stands in no file: say it with
    `input_spec`, and compare a few answers with the old ones.

    Args:
        path: A `.safetensors` file, or a file of `torch.save`: `.pth`, `.pt`, `.bin`, `.ckpt`.
        architecture: A name for `create_model`, such as `"resnet50_scratch"`.
        label_space: The classes in the order of training, which stands in no file: a `LabelSpace`, the name of a known
            one, or class names. torchvision's `ImageFolder` sorts folder names, capitals first.
        num_classes: Their number, if they are to have no names.
        trusted: True to vouch for a file that is not safetensors. It is read with `weights_only=True`, never otherwise.
        key: Where in the file the weights stand, such as `"state_dict_ema"`, or how their names begin; needed if
            several fit.
        ignore: Shell-style patterns of the file's names to leave out, such as `"criterion.*"`.
        **options: Passed on to `create_model`: `head="mlp"`, `input_spec=...`, `image_size=...`.

    Returns:
        The model, and what was renamed; save it with `conversion.model.save_pretrained(folder, **conversion.facts)`.

    Raises:
        ConfigError: No classes were given, or an option makes no sense.
        UnknownNameError: No such architecture or label space.
        UnsafeWeightsError: The file may hold a pickle and `trusted` is not True, or it holds more than tensors.
        WeightsError: The file is absent, damaged, holds no weights, or several that fit, or values that are not finite.
        WeightsMismatchError: The weights are of another architecture or of another number of classes; the message says
            what did not fit, and what the file looks like.

    Examples:
        >>> done = convert_checkpoint("best_model.pth", architecture="resnet18_scratch", label_space="isic2018",
        ...                           trusted=True)
        >>> done.model.save_pretrained("models/old")
    """
    source = Path(path)
    _check_classes(architecture, label_space, num_classes)
    if source.suffix.lower() == ".safetensors":
        content: object = load_tensors(source)
    else:
        content = read_checkpoint(source, trusted=trusted)
    candidates = find_state_dicts(content, key=key)
    if "backbone_weights" in model_info(architecture).options:
        options = {"backbone_weights": None, **options}
    model = create_model(architecture, label_space=label_space, num_classes=num_classes, **options)
    patterns = (ignore,) if isinstance(ignore, str) else tuple(ignore)
    fits = {place: fit(model, tensors, ignore=patterns) for place, tensors in candidates.items()}
    place = _choice(model, source, candidates, fits)
    tensors = converted(model, candidates[place], fits[place])
    if bad := not_finite(tensors):
        raise WeightsError(f"{source} holds NaN or infinite values in {bad[0]!r}; these weights cannot be used.")
    model.load_state_dict(tensors)
    renamed = {theirs: ours for ours, theirs in fits[place].names.items() if ours != theirs}
    return Conversion(model, source, sha256_of(source), place, renamed, fits[place].ignored)


def _check_classes(architecture: str, label_space: object, num_classes: object) -> None:
    task = model_info(architecture).task
    if task is None:
        raise ConfigError(f"{architecture} is made of models; convert its members one by one and build it of them.")
    if task.has_labels and label_space is None and num_classes is None:
        raise ConfigError(
            "which output is which class stands in no file: pass label_space=[...] with the classes in the order that "
            "the old project trained with (or num_classes=... for classes without names)."
        )


def _choice(
    model: SkinModel, source: Path, candidates: Mapping[str, Mapping[str, Tensor]], fits: Mapping[str, Fit]
) -> str:
    whole = [place for place, found in fits.items() if found.complete]
    if len(whole) == 1:
        return whole[0]
    if whole:
        raise WeightsError(
            f"{source} holds several sets of weights that fit: {', '.join(map(repr, whole))}; choose one with "
            f"key={whole[0]!r}."
        )
    place = max(fits, key=lambda p: len(fits[p].names))
    found = fits[place]
    if found.prefixes:
        starts = ", ".join(repr(prefix.rstrip(".")) for prefix in found.prefixes)
        raise WeightsError(
            f"{source} holds the network several times, under names that begin with {starts}; choose one with key=..., "
            "or leave the other out with ignore=..."
        )
    raise WeightsMismatchError(_mismatch(model, source, place, candidates[place], found))


def _mismatch(model: SkinModel, source: Path, place: str, tensors: Mapping[str, Tensor], found: Fit) -> str:
    own = model.state_dict()
    listed = {
        "absent from the file": found.missing,
        "unknown to the model": found.left,
        "of another shape": tuple(
            f"{n} (file {tuple(tensors[found.names[n]].shape)}, model {tuple(own[n].shape)})" for n in found.shapes
        ),
    }
    what = "; ".join(f"{len(v)} {k}: {', '.join(v[:5])}" for k, v in listed.items() if v)
    where = f"{source} ({place})" if place else str(source)
    advice = _other_classes(model, tensors, found) or looks_like(tensors)
    extra = "" if found.missing or found.shapes else " What is not part of the network is left out with ignore=[...]."
    return f"{where} does not fit {model.config.architecture}: {what}. {advice}{extra}".rstrip()


def _other_classes(model: SkinModel, tensors: Mapping[str, Tensor], found: Fit) -> str:
    """Whether only the last layer differs, and only in its number of classes."""
    ours = layers(model)[-1:] if model.label_space else []
    if found.shapes or not ours or len(found.missing) > 2 or not all(n.startswith("head.") for n in found.missing):
        return ""
    flat = [(name, tuple(tensors[name].shape)) for name in found.left if tensors[name].ndim == 2]
    if len(flat) == 1 and flat[0][1][1] == ours[0].in_features and flat[0][1][0] != ours[0].out_features:
        classes = len(model.label_space or ())
        return f"The file's last layer ({flat[0][0]}) has {flat[0][1][0]} classes, label_space has {classes}."
    return ""
