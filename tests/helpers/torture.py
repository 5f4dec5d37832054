"""A folder in which everything is wrong that can be, and what is to be said about each of its files.

The folder is at once an `archive` (one-hot labels) and a `ham10000` (class names, ages, lesions): both have `images/`
and `masks/`. Each `Case` is one picture in it, with the row of the catalogue of bad inputs that it stands for.
"""

from __future__ import annotations

import io
import os
import struct
import unicodedata
import zlib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

import numpy as np
from PIL import Image

from skinzoo.types import Sample

HEIGHT, WIDTH = 40, 48
CLASSES = ("MEL", "NV", "BCC", "AKIEC", "BKL", "DF", "VASC")
ACTIONS = {"Q": "quarantined", "W": "kept", "C": "converted"}
PLAIN = "plain"
"""Stands for a good JPEG, another one for each id."""

Finding = tuple[str, str, str]
"""Code, action, and the id of the row or else the path of the file."""


def raster(seed: int, mode: str = "RGB", height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Noise; another picture for another seed."""
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (height, width, 3), dtype=np.uint8)).convert(mode)


def lesion(height: int = HEIGHT, width: int = WIDTH, *, top: int = 255) -> Image.Image:
    """A mask of two values: the upper left quarter is lesion."""
    mask = np.zeros((height, width), dtype=np.uint8)
    mask[: height // 2, : width // 2] = top
    return Image.fromarray(mask)


def saved(image: Image.Image, kind: str = "JPEG", **options: object) -> bytes:
    """The bytes of an image file."""
    buffer = io.BytesIO()
    image.save(buffer, kind, **options)
    return buffer.getvalue()


def outline(height: int = HEIGHT, width: int = WIDTH, *, top: int = 255) -> bytes:
    """The file of a mask as it should be."""
    return saved(lesion(height, width, top=top), "PNG")


def png(*extra: tuple[bytes, bytes], size: tuple[int, int] = (WIDTH, HEIGHT)) -> bytes:
    """A PNG without pixels, with further chunks in front of where they should be."""

    def chunk(name: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + name + body + struct.pack(">I", zlib.crc32(name + body))

    header = chunk(b"IHDR", struct.pack(">IIBBBBB", *size, 8, 2, 0, 0, 0))
    more = b"".join(chunk(*e) for e in extra)
    return b"\x89PNG\r\n\x1a\n" + header + more + chunk(b"IDAT", zlib.compress(b"")) + chunk(b"IEND", b"")


def crop(sample: Sample, *, epoch: int, index: int) -> Sample:
    """A transform: the corner that all pictures have, as tensors."""
    import torch

    mask = None if sample.mask is None else torch.from_numpy(sample.mask[None, :16, :16].astype(np.float32))
    image = torch.from_numpy(sample.image[:16, :16].transpose(2, 0, 1).astype(np.float32))
    return replace(sample, image=image, mask=mask)


def turned(orientation: int) -> Image.Exif:
    """EXIF with an orientation."""
    exif = Image.Exif()
    exif[0x0112] = orientation
    return exif


def inverted_palette() -> bytes:
    """A mask whose index 0 is white."""
    image = Image.new("P", (WIDTH, HEIGHT))
    image.putdata(np.where(np.asarray(lesion()) > 0, 0, 255).ravel().tolist())
    image.putpalette([v for i in range(256) for v in (255 - i,) * 3])
    return saved(image, "PNG")


def _ycck() -> bytes:
    """A CMYK JPEG with the Adobe mark of YCCK."""
    jpeg = saved(raster(7, "CMYK"))
    at = jpeg.index(b"Adobe") + 11
    assert jpeg[at] == 0
    return jpeg[:at] + b"\x02" + jpeg[at + 1 :]


def _grey_fill() -> bytes:
    """A JPEG whose data breaks off in the middle, with its end mark."""
    data = saved(raster(5).resize((6, 5)).resize((WIDTH * 4, HEIGHT * 4)))
    return data[: len(data) // 2] + b"\xff\xd9"


def _wrong_checksum() -> bytes:
    """A PNG in whose pixel data one bit is another."""
    data = saved(raster(4), "PNG")
    at = data.index(b"IDAT") + 40
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


@dataclass(frozen=True)
class Case:
    """One picture: its rows in both tables, its file and its mask.

    Attributes:
        row: Of the catalogue; 0 for good ones.
        id: As the tables write it.
        found: What every way of opening finds: action (Q, W, C) and code, separated by commas.
        image: The file's bytes, what makes it at a path, or None for no file.
        ending: Of the picture.
        mask: The mask's bytes; None for no file.
        mask_ending: Of the mask.
        name: The files' name without ending; the id if empty.
        labels: One class index for each row that the tables have of it.
        cells: The one-hot cells; those of the label if empty.
        one_hot: What only `archive` finds.
        ham: Cells of the `ham10000` table that are not plain.
        named: What only `ham10000` finds.
        full: Only decoding shows it.
    """

    row: int
    id: str
    found: str = ""
    image: bytes | str | Callable[[Path], object] | None = PLAIN
    ending: str = ".jpg"
    mask: bytes | None = outline()
    mask_ending: str = ".png"
    name: str = ""
    labels: tuple[int, ...] = (0,)
    cells: str = ""
    one_hot: str = ""
    ham: Mapping[str, str] = field(default_factory=dict)
    named: str = ""
    full: bool = False

    def findings(self, collection: str) -> Iterator[Finding]:
        """What opening the folder as that collection has to say about it."""
        more = self.one_hot if collection == "archive" else self.named
        for spec in filter(None, f"{self.found},{more}".split(",")):
            action, code = spec.split()
            yield code, ACTIONS[action], self.id


def cases() -> list[Case]:
    """Every row of the catalogue that costs a row or a mask or is worth a remark, and good ones."""
    jpeg, grey16 = saved(raster(1)), Image.fromarray(np.arange(HEIGHT * WIDTH, dtype=np.uint16).reshape(HEIGHT, WIDTH))
    frames = {"save_all": True, "append_images": [raster(2)]}
    bomb = zlib.compress(bytes(4 << 20), 9)
    upright, tall = outline(), outline(WIDTH, HEIGHT)
    composed, decomposed = (unicodedata.normalize(form, "naevus é") for form in ("NFC", "NFD"))
    return [
        *(Case(0, f"good{k}", labels=(k,)) for k in range(7)),
        Case(1, "half", "Q IMG_TRUNCATED", jpeg[: len(jpeg) // 2]),
        Case(1, "last60", "Q IMG_TRUNCATED", jpeg[:-60]),
        Case(1, "last2", "Q IMG_TRUNCATED", jpeg[:-2]),
        Case(1, "half_png", "Q IMG_TRUNCATED", saved(raster(3), "PNG")[:900], ".png"),
        Case(1, "checksum", "Q IMG_TRUNCATED", _wrong_checksum(), ".png", full=True),
        Case(1, "grey_fill", "Q IMG_TRUNCATED", _grey_fill(), mask=outline(HEIGHT * 4, WIDTH * 4), full=True),
        Case(2, "empty", "Q IMG_EMPTY", b""),
        Case(3, "page", "Q IMG_NOT_IMAGE", b"<!DOCTYPE html><title>403 Forbidden</title>"),
        Case(3, "json", "Q IMG_NOT_IMAGE", b'{"error": "link expired"}'),
        Case(4, "pointer", "Q LFS_POINTER", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        Case(5, "cmyk", "C IMG_CMYK", saved(raster(6, "CMYK"))),
        Case(5, "ycck", "C IMG_CMYK", _ycck()),
        Case(6, "deep_png", "Q IMG_BITDEPTH", saved(grey16, "PNG"), ".png"),
        Case(6, "deep_tiff", "Q IMG_BITDEPTH", saved(grey16, "TIFF"), ".tif"),
        Case(7, "rgba", "C IMG_ALPHA", saved(raster(8, "RGBA"), "PNG"), ".png"),
        Case(7, "la", "C IMG_ALPHA,C IMG_GRAY", saved(raster(9, "LA"), "PNG"), ".png"),
        Case(8, "grey", "C IMG_GRAY", saved(raster(10, "L"))),
        Case(9, "palette", "C IMG_PALETTE", saved(raster(11).quantize(8), "PNG"), ".png"),
        *(
            Case(10, f"turn{o}", "C IMG_ORIENTATION", saved(raster(100 + o), exif=turned(o)), mask=mask)
            for o, mask in zip(range(2, 9), [upright] * 3 + [tall] * 4, strict=True)
        ),
        Case(10, "turn_tiff", "C IMG_ORIENTATION", saved(raster(12), "TIFF", exif=turned(6)), ".tif", tall),
        Case(10, "turn_both", "C IMG_ORIENTATION", saved(raster(13), exif=turned(6)), mask=upright),
        Case(11, "gif", "Q IMG_MULTIFRAME", saved(raster(14), "GIF", **frames), ".gif"),
        Case(11, "webp", "Q IMG_MULTIFRAME", saved(raster(15), "WEBP", **frames), ".webp"),
        Case(11, "apng", "Q IMG_MULTIFRAME", saved(raster(16), "PNG", **frames), ".png"),
        Case(11, "pages", "Q IMG_MULTIFRAME", saved(raster(17), "TIFF", **frames), ".tiff"),
        Case(12, "bomb", "Q IMG_TOO_LARGE", png(size=(30_000, 30_000)), ".png"),
        Case(12, "text_bomb", "Q IMG_TOO_LARGE", png((b"zTXt", b"x\0\0" + bomb)), ".png"),
        Case(12, "profile_bomb", "Q IMG_TOO_LARGE", png((b"iCCP", b"x\0\0" + bomb)), ".png"),
        Case(13, "png_named_jpg", "W IMG_FORMAT_MISMATCH", saved(raster(18), "PNG")),
        Case(13, "single_gif", "Q IMG_NOT_IMAGE", saved(raster(19), "GIF"), ".gif"),
        Case(14, "upper", ending=".JPG"),
        Case(14, "mixed", ending=".JpEg"),
        Case(15, "dot", "Q IMG_DEGENERATE", saved(raster(22, height=1, width=1), "PNG"), ".png"),
        Case(15, "strip", "Q IMG_DEGENERATE", saved(raster(23, height=15, width=400), "PNG"), ".png"),
        Case(15, "flat", "Q IMG_DEGENERATE", saved(Image.new("RGB", (48, 40), "peru"), "PNG"), ".png", full=True),
        Case(16, "mask_x3", "C MASK_RESIZED", mask=outline(120, 144)),
        Case(16, "mask_square", "W MASK_SIZE", mask=outline(40, 40)),
        Case(16, "mask_swapped", "W MASK_SIZE", mask=tall),
        Case(17, "mask_empty", "W MASK_EMPTY", mask=outline(top=0), full=True),
        Case(17, "mask_full", "W MASK_FULL", mask=saved(Image.new("L", (48, 40), 255), "PNG"), full=True),
        Case(18, "mask_0_1", mask=outline(top=1)),
        Case(18, "mask_0_254", "W MASK_VALUES", mask=outline(top=254), full=True),
        Case(18, "mask_jpeg", "W MASK_VALUES", mask=saved(lesion(), quality=30), mask_ending=".jpg"),
        Case(18, "mask_half", "W MASK_UNREADABLE", mask=upright[:60]),
        Case(18, "mask_page", "W MASK_UNREADABLE", mask=b"<html>"),
        Case(19, "mask_inverted", "W MASK_PALETTE", mask=inverted_palette()),
        Case(19, "mask_colours", "W MASK_VALUES", mask=saved(raster(36).quantize(4), "PNG")),
        Case(20, "no_mask", "W MASK_MISSING", mask=None),
        Case(21, "twice", "Q DUP_ID", labels=(1, 1)),
        Case(21, "twice_otherwise", "Q DUP_CONFLICT,Q DUP_CONFLICT", labels=(1, 2)),
        Case(22, "twin_a", "W IDENTICAL_BYTES", saved(raster(40))),
        Case(22, "twin_b", "W IDENTICAL_BYTES", saved(raster(40))),
        Case(22, "odd_twin_a", "Q DUP_CONFLICT", saved(raster(41)), labels=(3,)),
        Case(22, "odd_twin_b", "Q DUP_CONFLICT", saved(raster(41)), labels=(4,)),
        Case(23, "gone", "Q FILE_MISSING", None),
        Case(23, "CASE", "Q FILE_MISSING", None),
        Case(23, "folder", "Q FILE_MISSING", Path.mkdir),
        Case(25, "blanks", ham={"dx": " mel "}, named="W LABEL_SPELLING"),
        Case(25, "no_class", ham={"dx": ""}, named="W LABEL_NONE"),
        Case(26, "sum_0", cells="0,0,0,0,0,0,0", one_hot="Q LABEL_NONE"),
        Case(26, "sum_2", cells="1,1,0,0,0,0,0", one_hot="Q LABEL_MULTI"),
        Case(26, "halves", cells="0.5,0.5,0,0,0,0,0", one_hot="Q LABEL_VALUE"),
        Case(26, "minus", cells="1,1,-1,0,0,0,0", one_hot="Q LABEL_VALUE"),
        Case(26, "nan", cells="1,NaN,0,0,0,0,0", one_hot="Q LABEL_VALUE"),
        Case(26, "blank", cells="1,,0,0,0,0,0", one_hot="Q LABEL_VALUE"),
        Case(27, "age_missing", ham={"age": "", "sex": "unknown"}),
        Case(27, "age_0", ham={"age": "0"}),
        Case(27, "age_150", ham={"age": "150"}, named="W META_VALUE"),
        Case(27, "age_text", ham={"age": "55+"}, named="W META_VALUE"),
        Case(28, "words", ham={"localization": "NA", "dx_type": "null"}),
        Case(30, "comma", ham={"age": "55,5"}, named="W META_VALUE"),
        Case(32, "0012"),
        Case(34, "outside", "Q PATH_ESCAPE", lambda p: p.symlink_to("../../outside.jpg")),
        Case(34, "loop", "Q PATH_LOOP", lambda p: p.symlink_to(p.name)),
        Case(34, "dangling", "Q FILE_MISSING", lambda p: p.symlink_to("nothing.jpg")),
        Case(34, "pipe", "Q NOT_REGULAR", os.mkfifo),
        Case(34, "inside", "", lambda p: p.symlink_to("../elsewhere.jpg")),
        Case(36, decomposed, "W NAME_NORMALISED,W NAME_NORMALISED", name=composed),  # the picture and the mask
        Case(36, "two words"),
        Case(36, "\u202egnp"),
        Case(36, "🩺"),
        Case(36, "a\tb\x07"),
        Case(36, "x" * 238),  # with the ending of the mask, 255
        Case(36, "=cmd|'calc'!A0", "Q IMG_EMPTY", b""),
        Case(36, "+1", "Q IMG_EMPTY", b""),
        Case(40, "no_lesion", "W GROUP_UNKNOWN", ham={"lesion_id": "nan"}),
    ]


EXTRA: tuple[Finding, ...] = (
    ("EXTRA_FILE", "kept", "images/case.jpg"),  # 23: another than CASE by case only
    ("EXTRA_FILE", "kept", "images/unnamed.jpg"),  # 24
    ("EXTRA_FILE", "kept", "masks/unnamed_too_segmentation.png"),  # 20: a mask without a picture
)


@dataclass(frozen=True)
class Torture:
    """The folder and its cases."""

    root: Path
    cases: list[Case]

    def expected(self, collection: str, check: str = "full") -> Counter[Finding]:
        """What opening it has to find: exactly this."""
        looked = [case for case in self.cases if check == "full" or not case.full]
        return Counter(EXTRA) + Counter(f for case in looked for f in case.findings(collection))

    @property
    def num_rows(self) -> int:
        """Rows of either table."""
        return sum(len(case.labels) for case in self.cases)


def torture(folder: Path) -> Torture:
    """Make the folder below `folder`, where something lies that no row may reach."""
    root, everything = folder / "root", cases()
    images, masks = root / "images", root / "masks"
    images.mkdir(parents=True)
    masks.mkdir()
    (folder / "outside.jpg").write_bytes(saved(raster(300)))
    (root / "elsewhere.jpg").write_bytes(saved(raster(301)))
    for name in ("case.jpg", "unnamed.jpg", "good0_superpixels.png", "._good0.jpg", "Thumbs.db", "README.txt"):
        (images / name).write_bytes(saved(raster(400 + len(name))))
    (masks / "unnamed_too_segmentation.png").write_bytes(outline())
    for case in everything:
        path = images / f"{case.name or case.id}{case.ending}"
        if callable(case.image):
            case.image(path)
        elif case.image is not None:
            content = saved(raster(zlib.crc32(case.id.encode()))) if case.image == PLAIN else case.image
            path.write_bytes(content)
        if case.mask is not None:
            (masks / f"{case.name or case.id}_segmentation{case.mask_ending}").write_bytes(case.mask)
    _write_tables(root, everything)
    return Torture(root, everything)


def _write_tables(root: Path, everything: list[Case]) -> None:
    """Row 29: a byte order mark and CRLF in one; row 30: semicolons in the other."""
    one_hot = [("image", *CLASSES)]
    ham = [("lesion_id", "image_id", "dx", "dx_type", "age", "sex", "localization")]
    for number, case in enumerate(everything):
        for label in case.labels:
            cells = case.cells.split(",") if case.cells else ["1.0" if k == label else "0.0" for k in range(7)]
            one_hot.append((case.id, *cells))
            plain = (f"L{number}", case.id, CLASSES[label].lower(), "histo", "45.0", "male", "back")
            ham.append(tuple(case.ham.get(column, cell) for column, cell in zip(ham[0], plain, strict=True)))
    lines = "\r\n".join(",".join(row) for row in one_hot)
    (root / "GroundTruth.csv").write_bytes(f"\ufeff{lines}\r\n".encode())
    (root / "HAM10000_metadata.csv").write_text("\n".join(";".join(row) for row in ham) + "\n", "utf-8")
