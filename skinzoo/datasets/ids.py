"""Ids of pictures as different distributions write them."""

from __future__ import annotations

import re
import unicodedata

_ENDINGS = re.compile(r"(?:_downsampled|#\d+| ?\(\d+\)| - copy|\.(?:jpe?g|png|bmp|tiff?|webp))$", re.IGNORECASE)


def canonical_id(id: str) -> str:
    """The id without what distributions hang on to it: `_downsampled`, `(1)`, ` - Copy`, `#2`, `.jpg`."""
    while (shorter := _ENDINGS.sub("", id)) not in (id, ""):
        id = shorter
    return id


def composed(name: str) -> str:
    """The name in Unicode's composed form (NFC): file systems differ in how they store accents."""
    return name if name.isascii() else unicodedata.normalize("NFC", name)
