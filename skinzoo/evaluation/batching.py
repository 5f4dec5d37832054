"""How many pictures a model sees at once: as many as fit into memory, and fewer if they do not."""

from __future__ import annotations

import warnings
from collections.abc import Callable
from typing import Literal, TypeVar

import numpy as np
import torch
from torch import Tensor

from skinzoo.callers import callers_level
from skinzoo.errors import ConfigError, OutOfMemoryError
from skinzoo.evaluation.engines import MIN_PICTURES, Forward
from skinzoo.evaluation.memory import free_bytes, is_out_of_memory, picture_bytes
from skinzoo.models import SkinModel
from skinzoo.types import ModelOutput

BatchSize = int | Literal["auto"]
T = TypeVar("T")
FEW = 4
"""Pictures at a time where there are so few that measuring takes longer than it saves."""
UNMEASURED = 32
"""Pictures at a time where memory cannot be measured."""
MOST = {"cpu": 32, "cuda": 256}
"""Pictures at a time at most. On a CPU, 64 gain nothing over 32."""
_SHARE = 0.5


class SmallerBatchWarning(UserWarning):
    """Memory was too small for a batch; it was worked through in pieces."""


def check_batch_size(batch_size: object) -> None:
    """Make sure that it is a positive whole number or `"auto"`.

    Raises:
        ConfigError: It is not.
    """
    whole = isinstance(batch_size, int | np.integer) and not isinstance(batch_size, bool)
    if not (whole and batch_size >= 1) and not (isinstance(batch_size, str) and batch_size == "auto"):  # type: ignore[operator]
        raise ConfigError(f"batch_size must be a positive whole number or 'auto', got {batch_size!r}.")


def fitting_batch_size(
    model: SkinModel, batch_size: BatchSize, num_pictures: int | None = None, forward: Forward | None = None
) -> int:
    """A batch size as a number.

    `"auto"` is the largest power of two of pictures that take at most half of the memory that is free, by what one
    picture was measured to take (see `picture_bytes`): at most 32 on the CPU and 256 on a CUDA device, and 32 where
    that cannot be measured. Fewer than 16 pictures are taken four at a time, without measuring.

    Args:
        model: Any model of the zoo, where it is to be run.
        batch_size: `"auto"`, or a number, which is given back.
        num_pictures: How many there are; None for many.
        forward: What will be called in place of the model, as `forward_of` makes it.

    Raises:
        ConfigError: It is neither.
    """
    check_batch_size(batch_size)
    if batch_size != "auto":
        return int(batch_size)
    if num_pictures is not None and num_pictures < MIN_PICTURES:
        return FEW
    copied = forward if isinstance(forward, SkinModel) and forward is not model else None
    try:
        each = picture_bytes(model if copied is None else copied, private=copied is not None)
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return 1
    free = free_bytes(model.device)
    if each is None or free is None:
        return UNMEASURED
    fitting = max(1, min(MOST[model.device.type], int(_SHARE * free) // max(each, 1)))
    return 1 << (fitting.bit_length() - 1)


class Pieces:
    """Does a work on several pictures in pieces that fit into memory, and remembers what fitted.

    Args:
        most: Pictures in a piece to begin with; None for all.
    """

    def __init__(self, most: int | None = None) -> None:
        self._most = most
        self._warned = False

    def run(self, work: Callable[[slice], T], count: int, where: torch.device) -> list[T]:
        """The results of the pieces, in order.

        When memory is full, the piece is halved and the work goes on from there. There is one warning, however often
        that happens.

        Args:
            work: Takes the positions of the pictures of a piece. What it did is thrown away when memory is full.
            count: Number of pictures.
            where: The device whose memory it takes.

        Raises:
            OutOfMemoryError: There is too little memory for a single picture.
        """
        results: list[T] = []
        start = too_many = 0
        while start < count or not results:
            size = min(count - start, count if self._most is None else self._most)
            try:
                results.append(work(slice(start, start + size)))
                start += size
                continue
            except Exception as error:
                if not is_out_of_memory(error):
                    raise
                if size <= 1:
                    raise OutOfMemoryError(
                        f"{where} has too little memory for a single picture: end what else takes memory there, use "
                        "another device, a smaller model or a smaller image_size."
                    ) from error
            # outside of the handler, as the exception keeps what the failed pass had made
            too_many, self._most = too_many or size, size // 2
            if where.type == "cuda":
                torch.cuda.empty_cache()
        if too_many and not self._warned:
            self._warned = True
            warnings.warn(
                f"{where} has too little memory for {too_many} pictures at once; going on with {self._most} at a time. "
                f"The answers are the same within rounding. Give batch_size={self._most} to begin with that.",
                SmallerBatchWarning,
                stacklevel=callers_level(),
            )
        return results


def sparing(forward: Forward) -> Forward:
    """The same function, which works through a batch in pieces when memory is too small for it.

    A batch that fits is passed on as it is. The halves of one that does not are passed on one after another, and their
    answers joined; later batches are cut to what fitted from the start. See `Pieces`.

    Args:
        forward: Takes tensors whose first dimension is the picture, as a model does.

    Raises:
        OutOfMemoryError: When called: there is too little memory for a single picture.
    """
    pieces = Pieces()

    def in_pieces(*inputs: Tensor) -> ModelOutput:
        images = inputs[0]
        outputs = pieces.run(lambda part: forward(*(t[part] for t in inputs)), len(images), images.device)
        return outputs[0] if len(outputs) == 1 else _joined(outputs)

    return in_pieces


def _joined(outputs: list[ModelOutput]) -> ModelOutput:
    def join(parts: list[Tensor | None]) -> Tensor | None:
        given = [part for part in parts if part is not None]
        return torch.cat(given) if given else None

    return ModelOutput(join([o.logits for o in outputs]), join([o.mask_logits for o in outputs]))
