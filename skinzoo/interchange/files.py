"""An exported file and the description beside it."""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from skinzoo.errors import ConfigError
from skinzoo.files import sha256_of, write_json


def target_of(path: str | os.PathLike[str], suffix: str) -> Path:
    """The path to write to.

    Raises:
        ConfigError: It has another suffix, or is a folder.
    """
    target = Path(path)
    if target.suffix.lower() != suffix:
        raise ConfigError(f"{target}: an exported file's name ends with {suffix}; give for example 'model{suffix}'.")
    if target.is_dir():
        raise ConfigError(f"{target} is a folder; give the name of a file.")
    return target


def description_path(path: Path) -> Path:
    """Where the description of an exported file stands: `model.onnx.json` beside `model.onnx`."""
    return path.with_name(f"{path.name}.json")


def write_description(
    path: Path, file: Path, description: Mapping[str, Any], *, differences: Mapping[str, float] | None
) -> str:
    """Write the description of `path`, whose content stands in `file`; returns the content's sha256.

    Args:
        path: The exported file's name to be.
        file: Where it stands now.
        description: As `describe_export` makes it.
        differences: From the model, by output; None if they were not measured.
    """
    digest = sha256_of(file)
    facts = {"name": path.name, "sha256": digest, "size": file.stat().st_size}
    write_json(description_path(path), {**description, "file": facts, "differences": differences})
    return digest


@dataclass(frozen=True)
class Parity:
    """How close an exported graph comes to its model.

    Attributes:
        differences: Largest absolute difference of each output; empty if it was not measured.
        tolerance: What was allowed.
    """

    differences: Mapping[str, float]
    tolerance: float

    @property
    def largest(self) -> float:
        """The largest of all; NaN if none was measured."""
        return max(self.differences.values(), default=float("nan"))

    def __str__(self) -> str:
        if not self.differences:
            return "not compared with the model"
        each = ", ".join(f"{name} {value:.1e}" for name, value in self.differences.items())
        return f"largest differences from the model: {each}"
