"""Where pixels come from: what a source of pictures has to offer, and what it may offer besides."""

from __future__ import annotations

from typing import Protocol, runtime_checkable

from skinzoo.datasets.records import ByteArray


class Source(Protocol):
    """Where pixels come from: files, a generator, a cache."""

    def read(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """The picture (uint8, H x W x 3, RGB) and its mask (uint8 0/1, H x W, same size), None without one.

        Args:
            image: What the picture is read by, as in `Records.images`.
            mask: The same for its mask; empty for none.
            id: The row's id, for messages.
        """
        ...


@runtime_checkable
class ReducingSource(Source, Protocol):
    """A source that saves time where a smaller picture will do."""

    def read_reduced(
        self, image: str, mask: str, id: str, least: tuple[int, int]
    ) -> tuple[ByteArray, ByteArray | None]:
        """What `read` gives, at 1/1, 1/2, 1/4 or 1/8 of the size.

        Args:
            image: As for `Source.read`, as are `mask` and `id`.
            mask: What the mask is read by.
            id: The row's id.
            least: Height and width that the picture must not fall below.
        """
        ...


@runtime_checkable
class ViewingSource(Source, Protocol):
    """A source whose pictures lie in memory as they are."""

    def view(self, image: str, mask: str, id: str) -> tuple[ByteArray, ByteArray | None]:
        """What `read` gives, read-only and without a copy; arguments as for `Source.read`."""
        ...
