"""What `predict` and the explanations accept: paths, folders, archives, arrays, Pillow images, samples.

An archive's pictures are read one after the other, without unpacking it.
"""

from __future__ import annotations

import os
from collections import Counter, deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from itertools import islice, repeat
from pathlib import Path
from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from skinzoo.archives import read_members
from skinzoo.datasets.decode import decode_image, read_image
from skinzoo.datasets.sniff import IMAGE_SUFFIXES
from skinzoo.errors import ConfigError, DatasetNotFoundError, ImageDecodeError, MaskError
from skinzoo.models import SkinModel
from skinzoo.types import Sample

PictureLike: TypeAlias = str | os.PathLike[str] | NDArray[Any] | Image.Image | Sample
"""A path, a uint8 RGB array (H, W, 3), a Pillow image, or a sample."""

ARCHIVE_SUFFIXES = frozenset({".zip", ".tar", ".gz", ".tgz", ".bz2", ".xz"})


class Unreadable(NamedTuple):
    """A picture that could not be read.

    Attributes:
        id: Its name.
        reason: Why.
    """

    id: str
    reason: str


class Encoded(NamedTuple):
    """The content of a picture's file.

    Attributes:
        name: Where it is from, for messages.
        data: Its bytes.
    """

    name: str
    data: bytes


@dataclass(frozen=True, eq=False)
class Picture:
    """A picture to be read.

    Attributes:
        id: Its name.
        source: Where its pixels are.
    """

    id: str
    source: PictureLike | Encoded

    def sample(self, metadata: Mapping[str, Any] | None = None) -> Sample:
        """Its pixels, with the given metadata, or else with that of the sample that it came as."""
        own = self.source.metadata if isinstance(self.source, Sample) else {}
        return Sample(self.id, self.read(), metadata=own if metadata is None else metadata)

    def read(self) -> NDArray[np.uint8]:
        """Its pixels, uint8 RGB (H, W, 3).

        Raises:
            ConfigError: It is no picture, or an array of another shape or type.
            ImageDecodeError: The file is not a usable image; the message names it.
        """
        source = self.source
        if isinstance(source, Sample):
            return _checked(np.asarray(source.image))
        if isinstance(source, np.ndarray):
            return _checked(source)
        if isinstance(source, Image.Image):
            return np.asarray(source.convert("RGB"))
        try:
            decoded = decode_image(source.data, source.name) if isinstance(source, Encoded) else read_image(source)
        except ImageDecodeError as error:
            name = source.name if isinstance(source, Encoded) else source
            raise ImageDecodeError(f"{name}: {error}", error.code) from error
        return decoded.array


def find_pictures(inputs: PictureLike | Iterable[PictureLike]) -> Iterator[Picture]:
    """Every picture of what was given; a picture of a folder or archive has its path in it as id.

    Raises:
        DatasetNotFoundError: No such path, or a folder or archive without images.
        ArchiveError: An archive that is damaged or not safe to read.
        ConfigError: Something that is no picture.
    """
    if isinstance(inputs, str | os.PathLike):
        yield from _files(inputs)
    elif isinstance(inputs, Sample):
        yield Picture(inputs.id, inputs)
    elif isinstance(inputs, Image.Image) or (isinstance(inputs, np.ndarray) and inputs.ndim != 4):
        yield Picture("array_0", inputs)
    elif isinstance(inputs, np.ndarray) or (isinstance(inputs, Iterable) and not hasattr(inputs, "dtype")):
        for number, item in enumerate(inputs):
            for picture in find_pictures(item):
                yield Picture(f"array_{number}", picture.source) if picture.id == "array_0" else picture
    else:
        raise ConfigError(f"a picture is a path, a uint8 RGB array, a Pillow image or a Sample; got {inputs!r}.")


def find_picture(picture: PictureLike) -> Picture:
    """The one picture that was given.

    Raises:
        ConfigError: Not exactly one picture.
        DatasetNotFoundError: No such file.
    """
    found = list(find_pictures(picture))
    if len(found) != 1:
        raise ConfigError(f"one picture is expected, got {len(found)}.")
    return found[0]


def with_metadata(
    model: SkinModel, pictures: Iterable[Picture], metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
) -> Iterator[Sample]:
    """The samples of pictures, read one by one, with what is known about them.

    Args:
        model: What they are for.
        pictures: Where the pixels are.
        metadata: One mapping for all, or one a picture; None for what the samples bring along.

    Raises:
        ConfigError: The model takes no metadata, or no such column; or there are more or fewer rows than pictures.
        ImageDecodeError: A picture cannot be read.
    """
    return (picture.sample(row) for picture, row in _with_rows(model, pictures, metadata))


def readable(
    model: SkinModel,
    pictures: Iterable[Picture],
    failed: list[Unreadable],
    metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None = None,
    *,
    threads: int = 4,
) -> Iterator[Sample]:
    """As `with_metadata`, but some pictures ahead in threads, and without those that cannot be read.

    Args:
        model: What the samples are for.
        pictures: Where the pixels are.
        failed: Takes up the pictures that cannot be read.
        metadata: As for `with_metadata`.
        threads: How many read at a time; up to four pictures a thread are held.

    Raises:
        ConfigError: As `with_metadata`.
    """
    with ThreadPoolExecutor(threads) as pool:
        waiting: deque[tuple[str, Future[Sample]]] = deque()
        rows = _with_rows(model, pictures, metadata)
        try:
            while True:
                for picture, row in islice(rows, 4 * threads - len(waiting)):
                    waiting.append((picture.id, pool.submit(picture.sample, row)))
                if not waiting:
                    return
                name, reading = waiting.popleft()
                try:
                    sample = reading.result()
                except (ImageDecodeError, MaskError) as error:
                    failed.append(Unreadable(name, str(error)))
                else:
                    yield sample
        finally:
            for _, reading in waiting:
                reading.cancel()


def _with_rows(
    model: SkinModel, pictures: Iterable[Picture], metadata: Mapping[str, Any] | Sequence[Mapping[str, Any]] | None
) -> Iterator[tuple[Picture, Mapping[str, Any] | None]]:
    if metadata is None:
        yield from ((picture, None) for picture in pictures)
        return
    encoder = model.metadata_encoder
    if encoder is None:
        raise ConfigError(f"{model.config.architecture} sees pictures alone: it takes no metadata.")
    rows = repeat(metadata) if isinstance(metadata, Mapping) else iter(metadata)
    for number, picture in enumerate(pictures):
        row = next(rows, None)
        if row is None:
            raise ConfigError(f"metadata has {number} rows, and there are more pictures; give one a picture.")
        encoder.check(row)
        yield picture, row
    if not isinstance(metadata, Mapping) and next(rows, None) is not None:
        raise ConfigError(f"metadata has {len(metadata)} rows, and there are fewer pictures; give one a picture.")


def _files(location: str | os.PathLike[str]) -> Iterator[Picture]:
    path = Path(location)
    if not os.fspath(location) or not path.exists():
        raise DatasetNotFoundError(
            f"no file or folder at {os.fspath(location)!r}; give the path of a picture or a folder."
        )
    wanted = f"files ending in {', '.join(sorted(IMAGE_SUFFIXES))}"
    if path.is_dir():
        files = sorted(p for p in path.rglob("*") if p.suffix.lower() in IMAGE_SUFFIXES and p.is_file())
        if not files:
            raise DatasetNotFoundError(f"no image in {path}; expected {wanted}.")
        for name, file in zip(_names([file.relative_to(path) for file in files]), files, strict=True):
            yield Picture(name, file)
    elif path.suffix.lower() in ARCHIVE_SUFFIXES:
        empty = True
        for member, data in read_members(path, IMAGE_SUFFIXES):
            empty = False
            yield Picture(member, Encoded(f"{path}:{member}", data))
        if empty:
            raise DatasetNotFoundError(f"no image in {path}; expected {wanted}.")
    else:
        yield Picture(path.stem, path)


def _names(paths: Sequence[Path]) -> Iterator[str]:
    """Each path without its ending, where that is still unique."""
    stems = Counter(path.with_suffix("") for path in paths)
    for path in paths:
        yield (path.with_suffix("") if stems[path.with_suffix("")] == 1 else path).as_posix()


def _checked(array: NDArray[Any]) -> NDArray[np.uint8]:
    if array.ndim != 3 or array.shape[2] != 3 or array.dtype != np.uint8:
        raise ConfigError(
            f"a picture must be a uint8 RGB array of shape (H, W, 3), got {array.dtype} {array.shape}. Values in "
            "[0, 1] are not guessed at: multiply them by 255 and convert."
        )
    return array
