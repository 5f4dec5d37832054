"""The one place that imports albumentations, after a check that it is the one skinzoo was made for."""

from __future__ import annotations

import os
from importlib import metadata
from types import ModuleType

from skinzoo.errors import MissingDependencyError

_REQUIREMENT = "albumentations>=2.0.8,<2.1"


def load_albumentations() -> ModuleType:
    """Import albumentations 2.0, the last line under the MIT licence.

    Its successor `albumentationsx` (AGPL) installs a package of the same import name over it, and releases before
    2.0.8 and from 2.1 on take other arguments. On import albumentations asks the package index for a newer release;
    skinzoo sets `NO_ALBUMENTATIONS_UPDATE=1` first, unless the variable is already set.

    Raises:
        MissingDependencyError: It is absent, of another release, or overwritten by its successor.
    """
    try:
        metadata.version("albumentationsx")
    except metadata.PackageNotFoundError:
        pass
    else:
        raise MissingDependencyError(
            "albumentationsx is installed; it is AGPL-licensed and overwrites the files of albumentations. Run "
            f'`pip uninstall albumentationsx albumentations` and then `pip install "{_REQUIREMENT}"`.'
        )
    try:
        version = metadata.version("albumentations")
    except metadata.PackageNotFoundError as error:
        raise MissingDependencyError(
            f'augmentation needs albumentations, which is not installed; run `pip install "{_REQUIREMENT}"`.'
        ) from error
    if not _supported(version):
        raise MissingDependencyError(
            f'augmentation needs {_REQUIREMENT} but {version} is installed; run `pip install "{_REQUIREMENT}"`.'
        )
    os.environ.setdefault("NO_ALBUMENTATIONS_UPDATE", "1")
    import albumentations

    module: ModuleType = albumentations
    return module


def _supported(version: str) -> bool:
    parts = version.split(".")
    patch = "".join(c for c in parts[2] if c.isdigit()) if len(parts) > 2 else ""
    return parts[:2] == ["2", "0"] and patch != "" and int(patch) >= 8
