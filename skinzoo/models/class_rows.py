"""Weights of a model with other classes: which rows of its last layer can be kept."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from skinzoo.callers import callers_level
from skinzoo.errors import WeightsMismatchError
from skinzoo.models.base import SkinModel


@dataclass(frozen=True)
class ClassRows:
    """The last layer of a model and where its rows come from.

    Attributes:
        layer: Its name in the model.
        rows: For each class of the model the row in the file; None for a new one.
        kept: Names of the classes whose rows are kept.
        new: Names of the classes whose rows are new.
        left: Names of the file's classes that the model does not have.
        theirs: Number of the file's classes.
    """

    layer: str
    rows: tuple[int | None, ...]
    kept: tuple[str, ...]
    new: tuple[str, ...]
    left: tuple[str, ...]
    theirs: int

    def fill(self, model: SkinModel, stored: dict[str, Tensor], seed: int | None) -> None:
        """Give the last layer its rows: those of the file, and new ones drawn as a new layer's are.

        Args:
            model: Whose layer it is.
            stored: The file's `weight` and `bias` of the layer.
            seed: Makes the new rows reproducible without touching the global random state.
        """
        layer = model.get_submodule(self.layer)
        assert isinstance(layer, nn.Linear)
        with torch.random.fork_rng(devices=[], enabled=seed is not None):
            if seed is not None:
                torch.manual_seed(seed)
            new = nn.Linear(layer.in_features, layer.out_features, bias=layer.bias is not None)
        with torch.no_grad():
            for name, tensor in layer.named_parameters():
                tensor.copy_(new.get_parameter(name))
                for own, row in enumerate(self.rows):
                    if row is not None:
                        tensor[own] = stored[name][row].to(tensor)

    def warn(self, source: str, dropped: Sequence[str]) -> None:
        """Say once what was kept and what was not.

        Args:
            source: Where the weights come from.
            dropped: What else of the saved model does not hold for other classes.
        """
        parts = [f"new, random rows: {_listed(self.new)}", f"rows kept by name: {_listed(self.kept)}"]
        if self.left:
            parts.append(f"left out of the weights: {_listed(self.left)}")
        if dropped:
            parts.append(f"dropped, as it was fitted to the other classes: {' and '.join(dropped)}")
        warnings.warn(
            f"{self.layer}.weight and {self.layer}.bias were initialised again for the model's classes. "
            f"{'; '.join(parts)}. All other weights are those of {source}. Train it before use.",
            stacklevel=callers_level(),
        )


def match_rows(model: SkinModel, theirs: Sequence[str] | None, count: int) -> ClassRows:
    """Which row of a file belongs to which class of a model, by name.

    Args:
        model: With the classes that are wanted.
        theirs: The classes that the weights were trained for, in order; None where the file does not say.
        count: How many they are.

    Raises:
        WeightsMismatchError: The model has no last layer with a row for each class, as an ensemble has none.
    """
    layer = last_layer(model)
    if layer is None:
        raise WeightsMismatchError(
            f"{model.config.architecture} has no single layer with a row for each class, so rebuild_head=True is of no "
            "use; load it with its own classes."
        )
    ours, names = list(model.label_space or ()), list(theirs or ())
    rows = tuple(names.index(code) if code in names else None for code in ours)
    return ClassRows(
        layer,
        rows,
        tuple(code for code, row in zip(ours, rows, strict=True) if row is not None),
        tuple(code for code, row in zip(ours, rows, strict=True) if row is None),
        tuple(code for code in names if code not in ours),
        count,
    )


def last_layer(model: SkinModel) -> str | None:
    """Name of the layer with one row for each class; None if there is none."""
    head = getattr(model, "head", None)
    linear = [name for name, m in head.named_modules() if isinstance(m, nn.Linear)] if head is not None else []
    return f"head.{linear[-1]}" if linear and model.label_space is not None else None


def _listed(names: Sequence[str]) -> str:
    return (", ".join(names[:20]) + (f" and {len(names) - 20} more" if len(names) > 20 else "")) or "none"
