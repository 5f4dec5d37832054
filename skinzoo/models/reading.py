"""Loading a saved model: everything is checked before anybody sees it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from skinzoo.errors import UnsafeWeightsError, WeightsError, WeightsMismatchError
from skinzoo.hub.digests import FileDigest
from skinzoo.models.base import SkinModel, check_size
from skinzoo.models.blank import Blank
from skinzoo.models.class_rows import ClassRows, last_layer, match_rows
from skinzoo.models.saved_config import WEIGHTS_NAME, SavedConfig, read_config, read_record
from skinzoo.models.strict import differences
from skinzoo.models.weight_file import WeightFile, open_weights
from skinzoo.taxonomy import LabelSpace

_PICKLES = ("pytorch_model.bin", "model.pt", "model.pth", "model.ckpt")
_TIMES, _SPARE = 4, 16_000_000
"""What may be made for each stored number, and beside that: parts that are cut off again, relative positions."""

Build = Callable[..., SkinModel]


@dataclass(frozen=True)
class Source:
    """A saved model that is to be loaded, or a weights file alone.

    Attributes:
        weights: The safetensors file.
        config: Of the saved model; None for a file alone.
        verified: True if the weights were compared with the configuration a moment ago.
        name: For messages.
    """

    weights: Path
    config: SavedConfig | None = None
    verified: bool = False
    name: str = ""

    @property
    def folder(self) -> Path:
        """Where it is."""
        return self.weights.parent

    @property
    def expected(self) -> FileDigest | None:
        """What the file must be; None if that is known already, or unknown."""
        return None if self.config is None or self.verified else self.config.files[WEIGHTS_NAME]

    def label_space(self) -> LabelSpace | None:
        """The classes that the weights were trained for; None if nothing is said of them."""
        if self.config is not None:
            return self.config.label_space
        with open_weights(self.weights) as file:
            return LabelSpace.from_names(file.classes) if file.classes else None


def find_source(path: str | os.PathLike[str], *, verified: bool = False, name: str = "") -> Source:
    """A folder written by `save_pretrained`, or a safetensors file; the configuration is read and checked.

    Args:
        path: The folder or the file.
        verified: True if the weights were compared with the configuration a moment ago.
        name: For messages; the path if empty.

    Raises:
        WeightsError: The configuration is absent or cannot be used.
        UnsafeWeightsError: The folder has a pickle instead of safetensors.
    """
    path = Path(path)
    if path.is_file():
        return Source(path, name=name or str(path))
    config = read_config(path)
    weights = path / WEIGHTS_NAME
    if not weights.is_file() and (pickles := [n for n in _PICKLES if (path / n).is_file()]):
        raise UnsafeWeightsError(
            f"{path} holds {pickles[0]}, a pickle, which is never loaded; expected {WEIGHTS_NAME}."
        )
    return Source(weights, config, verified, name or str(path))


def load_pretrained(
    directory: str | os.PathLike[str],
    build: Build,
    *,
    label_space: LabelSpace | None = None,
    seed: int | None = None,
) -> SkinModel:
    """Load a model written by `save_pretrained`, in evaluation mode.

    Args:
        directory: The folder.
        build: Builds a registered architecture from checked values.
        label_space: Other classes than the saved ones: the last layer keeps the rows of classes of the same name, the
            others are new, and a warning says which. None for the saved ones.
        seed: Makes the new rows reproducible.

    Raises:
        WeightsError: The folder, its configuration or its weights are absent, damaged or of another version.
        ChecksumError: A file is not the one that was saved.
        UnsafeWeightsError: The folder holds a pickle instead of safetensors.
        WeightsMismatchError: The weights do not fit the configuration.
    """
    return load_source(find_source(directory), build, label_space=label_space, seed=seed)


def load_source(
    source: Source, build: Build, *, label_space: LabelSpace | None = None, seed: int | None = None
) -> SkinModel:
    """`load_pretrained` for a folder that has been looked at already.

    Args:
        source: From `find_source`.
        build: As for `load_pretrained`.
        label_space: As for `load_pretrained`.
        seed: As for `load_pretrained`.

    Raises:
        WeightsError: It is a weights file alone, or as `load_pretrained` does.
    """
    config = source.config
    if config is None:
        raise WeightsError(f"{source.weights} is a weights file alone: name its architecture, and give weights=....")

    def from_config() -> SkinModel:
        try:
            model = build(
                config.architecture,
                label_space=label_space or config.label_space,
                input_spec=config.input_spec,
                options=dict(config.options),
                start_weights=False,
            )
        except WeightsError:
            raise
        except Exception as error:  # the values come from a file, and timm raises whatever comes
            raise WeightsError(f"{config.path} cannot be used: {str(error)[:400]}") from error
        if model.task != config.task:
            raise WeightsError(f"{config.path} cannot be used: it says {config.task}, the model is for {model.task}.")
        return model

    return load_weights(source, from_config, rebuild_head=label_space is not None, seed=seed)


def load_weights(
    source: Source, build: Callable[[], SkinModel], *, rebuild_head: bool = False, seed: int | None = None
) -> SkinModel:
    """Build a model and give it the weights of a file or folder, and what was fitted to them.

    Args:
        source: From `find_source`.
        build: Builds the model; it is called without random weights.
        rebuild_head: True to take weights of other classes, see `load_pretrained`.
        seed: Makes new rows of the last layer reproducible.

    Raises:
        WeightsError: As `load_pretrained` does.
        WeightsMismatchError: The weights are of another architecture, or for other classes.
    """
    config = source.config
    record = None if config is None else read_record(config)
    with open_weights(source.weights) as file:
        with Blank(limit=_TIMES * file.numbers + _SPARE):
            model = build()
        names = _names_in(file, model)
        rows = _compare_classes(source, file, model, names, rebuild_head=rebuild_head)
        targets = {names[name]: tensor for name, tensor in model.state_dict().items()}
        stored = {} if rows is None else _room_for_rows(targets, rows, names)
        if found := differences(targets | stored, file.tensors):
            if source.expected is not None:
                file.check(source.expected)  # damage would explain it better
            raise WeightsMismatchError(
                f"{source.weights} does not fit the model: {found}. Is it of another architecture?"
            )
        file.read_into(targets | stored, source.expected)
    if rows is not None:
        rows.fill(model, {kind: stored[names[f"{rows.layer}.{kind}"]] for kind in _layer_parts(rows, names)}, seed)
    model.training_record = record
    dropped = _take_over(model, config, same_classes=rows is None)
    check_size(model.eval())
    if rows is not None:
        rows.warn(source.name or str(source.weights), dropped)
    return model


def _names_in(file: WeightFile, model: SkinModel) -> dict[str, str]:
    """The file's name of each of the model's tensors: ours, or those of the library that the network comes from."""
    own = list(model.state_dict())
    theirs = None if set(own) == set(file.tensors) else model.plain_names()
    if theirs is not None and _found(theirs.values(), file) > _found(own, file):
        return dict(theirs)
    return {name: name for name in own}


def _found(names: Iterable[str], file: WeightFile) -> int:
    return sum(name in file.tensors for name in names)


def _compare_classes(
    source: Source, file: WeightFile, model: SkinModel, names: Mapping[str, str], *, rebuild_head: bool
) -> ClassRows | None:
    """What is to be done about other classes, by name and in order; None if they are the same."""
    ours, theirs, config = list(model.label_space or ()), file.classes, source.config
    if config is not None and theirs not in (None, saved := list(config.label_space or ())):
        raise WeightsMismatchError(
            f"{source.weights} was trained for {_said(theirs)}, and its configuration says {_said(saved)}; restore the "
            "configuration that it was saved with."
        )
    if theirs is None and (entry := file.tensors.get(names.get(f"{last_layer(model)}.weight", ""))) and entry.shape:
        if entry.shape[0] == len(ours):
            return None
        said, count = f"{entry.shape[0]} classes without names", entry.shape[0]
    elif theirs is None or theirs == ours:
        return None
    else:
        said, count = _said(theirs), len(theirs)
    if not rebuild_head:
        raise WeightsMismatchError(
            f"{source.weights} was trained for {said}, the model has {_said(ours)}; the same names in the same order "
            "are needed. Pass label_space=... with those of the weights, or rebuild_head=True to keep the rows of "
            "classes of the same name and begin the others anew."
        )
    return match_rows(model, theirs, count)


def _said(classes: Sequence[str] | None) -> str:
    names = list(classes or ())
    return f"the {len(names)} classes {names!r:.400}"


def _layer_parts(rows: ClassRows, names: Mapping[str, str]) -> list[str]:
    return [kind for kind in ("weight", "bias") if f"{rows.layer}.{kind}" in names]


def _room_for_rows(targets: Mapping[str, Tensor], rows: ClassRows, names: Mapping[str, str]) -> dict[str, Tensor]:
    """Tensors for the last layer as it is in the file, by the names there."""
    found = [names[f"{rows.layer}.{kind}"] for kind in _layer_parts(rows, names)]
    return {name: torch.empty(rows.theirs, *targets[name].shape[1:]) for name in found}


def _take_over(model: SkinModel, config: SavedConfig | None, *, same_classes: bool) -> list[str]:
    """What was fitted after training, which holds for the same classes only; returns what was dropped."""
    if config is None:
        return []
    if same_classes:
        model.calibration, model.operating_points = config.calibration, config.operating_points
        return []
    fitted = {"the calibration": config.calibration, "the operating points": config.operating_points}
    return [name for name, value in fitted.items() if value is not None]
