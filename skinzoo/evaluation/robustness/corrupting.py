"""A collection as it would look if its pictures were worse."""

from __future__ import annotations

import hashlib
from typing import Any

import numpy as np

from skinzoo.datasets import SkinDataset
from skinzoo.datasets.base import ByteArray, Source
from skinzoo.errors import ConfigError
from skinzoo.transforms.corruptions import CORRUPTIONS, check_strength, corrupt


def corrupted(dataset: SkinDataset, name: str, strength: int, *, seed: int = 0) -> SkinDataset:
    """The same samples, each corrupted when it is read; the mask moves with the picture.

    What happens to a picture depends on the seed and its id alone: it is the same in any part of the collection, in any
    order and in any process.

    Args:
        dataset: Any collection or part of one.
        name: One of `skinzoo.transforms.list_corruptions()`.
        strength: 1 (mild) to 5 (severe).
        seed: Not negative; another seed, other random choices.

    Returns:
        A dataset whose part is called after the corruption, such as `test, hair 3`.

    Raises:
        UnknownNameError: No such corruption; the message lists close matches.
        ConfigError: No such strength, or a seed that is no whole number of at least 0.
    """
    full_name = CORRUPTIONS.resolve(name).name
    check_strength(strength)
    if not isinstance(seed, int | np.integer) or isinstance(seed, bool) or seed < 0:
        raise ConfigError(f"seed must be a whole number of at least 0, got {seed!r}.")
    part = f"{full_name} {strength}"
    made = dataset.subset(np.arange(len(dataset)), part=f"{dataset.part}, {part}" if dataset.part else part)
    made.source = CorruptedSource(dataset.source, full_name, int(strength), int(seed))
    return made


class CorruptedSource:
    """Corrupts what another source reads; it can be sent to worker processes if the other one can.

    Args:
        source: Where the pictures come from.
        name: Of the corruption.
        strength: 1 to 5.
        seed: Not negative.
    """

    def __init__(self, source: Source, name: str, strength: int, seed: int = 0) -> None:
        self.source = source
        self.name = name
        self.strength = strength
        self.seed = seed

    @property
    def path(self) -> Any:
        """What the other source calls its files, for `SkinDataset.cache`; None if it has none."""
        return getattr(self.source, "path", None)

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The corrupted picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W), None without one."""
        picture, truth = self.source.read(image, mask, id)
        found = corrupt(picture, self.name, self.strength, seed=self.seed, index=_number(id), mask=truth)
        return found.image, found.mask

    def __repr__(self) -> str:
        return f"CorruptedSource({self.source!r}, {self.name!r}, {self.strength}, {self.seed})"


def _number(id: str) -> int:
    """A number of 64 bits that stands for a picture, the same in any process."""
    return int.from_bytes(hashlib.blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
