"""Bad inputs that are refused when a collection is opened: the exact error, its code, and what it says to do.

Numbers are rows of the catalogue of bad inputs.
"""

import os
import sys
import tarfile
import zipfile
from pathlib import Path

import pytest
from torture import CLASSES, outline, raster, saved

from skinzoo.archives import unpack
from skinzoo.datasets import load_dataset
from skinzoo.errors import ArchiveError, DataError, DatasetNotFoundError, IntegrityError, LabelError, TableError


def good_archive(root, ids=("a", "b", "c"), header=("image", *CLASSES)):
    """A small `archive` in which nothing is wrong."""
    lines = [",".join(header)]
    for k, name in enumerate(ids):
        for folder, content in (("images", saved(raster(k))), ("masks", outline())):
            path = root / folder / f"{name}{'.jpg' if folder == 'images' else '_segmentation.png'}"
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        lines.append(f"{name}," + ",".join("1" if c == k % 7 else "0" for c in range(7)))
    (root / "GroundTruth.csv").write_text("\n".join(lines) + "\n")
    return root / "GroundTruth.csv"


def edited(old, new, encoding="utf-8"):
    def edit(root):
        table = root / "GroundTruth.csv"
        text = table.read_text()
        assert old in text
        table.write_bytes(text.replace(old, new).encode(encoding))

    return edit


def emptied(root):
    for path in (root / "images").iterdir():
        path.unlink()
    (root / "images" / "other.jpg").write_bytes(saved(raster(0)))


def moved_down(root):
    (root / "archive").mkdir()
    for name in ("images", "masks", "GroundTruth.csv"):
        (root / name).rename(root / "archive" / name)


REFUSED = {
    "4 pointer": (
        lambda root: (root / "GroundTruth.csv").write_text("version https://git-lfs.github.com/spec/v1\n"),
        *(TableError, "LFS_POINTER", "run `git lfs pull`"),
    ),
    "14 case of the ending": (
        lambda root: (root / "images" / "a.JPG").write_bytes(saved(raster(9))),
        *(IntegrityError, "ID_AMBIGUOUS", r"images/a\.JPG and images/a\.jpg differ but .* the id 'a'; remove one"),
    ),
    "20 two masks": (
        lambda root: (root / "masks" / "a.png").write_bytes(outline(top=1)),
        *(IntegrityError, "MASK_AMBIGUOUS", r"masks/a\.png and masks/a_segmentation\.png differ .*; remove one"),
    ),
    "23 all absent": (
        emptied,
        *(DatasetNotFoundError, "EMPTY_DATASET", r"none of the 3 images .* \(such as a, b, c\)(.*\n)+Looked in /"),
    ),
    "25 class": (
        lambda root: (root / "HAM10000_metadata.csv").write_text("lesion_id,image_id,dx\nL,a,melanoom\n"),
        *(LabelError, "LABEL_UNKNOWN", r"line 2: .*'melanoom'.*; did you mean 'MEL'\? Allowed in dx: MEL, NV, BCC"),
    ),
    "29 UTF-16": (
        edited("image", "image", "utf-16"),
        *(TableError, "ENCODING", "looks like UTF-16. Save it as UTF-8"),
    ),
    "29 Windows": (
        edited("a,", "ä,", "cp1252"),
        *(TableError, "ENCODING", "looks like Windows-1252 or Latin-1. Save it as UTF-8"),
    ),
    "30 delimiter": (
        edited(",", "|"),
        *(TableError, "CSV_DELIMITER", r"1 column, looks like '\|'\. Save the table with commas"),
    ),
    "31 trailing commas": (
        edited(",0\n", ",0,\n"),
        *(TableError, "CSV_SHAPE", "line 2: 9 cells under 8 columns; a delimiter at the end of the line"),
    ),
    "32 ragged": (
        edited("b,0,1,", "b,0,"),
        *(TableError, "CSV_SHAPE", "line 3: 7 cells under 8 columns; a stray or missing delimiter"),
    ),
    "32 header twice": (
        edited("BKL,DF", "BKL,BKL,DF"),
        *(TableError, "CSV_SHAPE", "column 'BKL' stands twice in the header; rename one"),
    ),
    "32 column missing": (
        edited("VASC", "VASCULAR"),
        *(TableError, "CSV_SHAPE", "wanted the columns image, MEL, .*, VASC; found image, MEL, .*, VASCULAR"),
    ),
    "37 no bytes": (
        lambda root: (root / "GroundTruth.csv").write_bytes(b""),
        *(TableError, "EMPTY_DATASET", "wanted a table; found nothing"),
    ),
    "37 header only": (
        lambda root: (root / "GroundTruth.csv").write_text("image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n"),
        *(TableError, "EMPTY_DATASET", "a header and no row"),
    ),
    "37 a level too high": (
        moved_down,
        *(DatasetNotFoundError, "EMPTY_DATASET", r"no GroundTruth(.*\n)+.*holds: archive/(.*\n)+Expected:\narchive/\n"),
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_what_cannot_be_opened_is_refused_with_code_and_advice(tmp_path, case):
    spoil, error, code, message = REFUSED[case]
    good_archive(tmp_path)
    assert len(load_dataset("archive", tmp_path)) == 3
    spoil(tmp_path)
    with pytest.raises(error, match=message) as caught:
        load_dataset("ham10000" if case == "25 class" else "archive", tmp_path)
    assert type(caught.value) is error
    assert caught.value.code == code


@pytest.mark.parametrize(
    "cell",
    ["../secret.jpg", "a/../../secret.jpg", "{outside}", "~/secret.jpg", "C:/secret.jpg", "//host/s.jpg", "a\\b.jpg"],
)
@pytest.mark.parametrize("column", ["image", "mask"])
def test_row_33_paths_that_leave_the_folder(tmp_path, cell, column, touched):
    """Refused before anything outside is as much as looked at."""
    outside, root = tmp_path / "secret.jpg", tmp_path / "root"
    root.mkdir()
    for path in (outside, root / "a.jpg"):
        path.write_bytes(saved(raster(1)))
    cell = cell.format(outside=outside)
    row = (cell, "") if column == "image" else ("a.jpg", cell)
    (root / "t.csv").write_text("image,mask\n" + "a.jpg,\n" + ",".join(row) + "\n")
    touched.clear()
    with pytest.raises(DataError, match=f"line 3, column {column}: .* paths may not leave it") as caught:
        load_dataset("table", root, file="t.csv", mask="mask")
    assert (type(caught.value), caught.value.code) == (DataError, "PATH_ESCAPE")
    assert str(root / "t.csv") in touched
    assert not [path for path in touched if "secret" in path or Path(path) in (tmp_path, root)]


_HEARD: list[list[str]] = []


def _listen(event, arguments):
    if _HEARD and event in ("open", "os.scandir", "os.listdir") and isinstance(arguments[0], str | os.PathLike):
        _HEARD[-1].append(os.fspath(arguments[0]))


@pytest.fixture
def touched():
    """Every path that is opened or listed during the test, by Python's own account."""
    if not getattr(sys, "_skinzoo_listens", False):
        sys.addaudithook(_listen)  # for good: a hook cannot be taken back
        sys._skinzoo_listens = True
    _HEARD.append([])
    yield _HEARD[-1]
    _HEARD.pop()


def packed(path, members):
    """A zip of (name, content, kind), kind being a Unix file type or 0."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content, kind in members:
            info = zipfile.ZipInfo(name)
            info.external_attr, info.compress_type = kind << 16, zipfile.ZIP_DEFLATED
            archive.writestr(info, content)


def encrypted(path):
    packed(path, [("images/a.jpg", b"x", 0)])
    data = bytearray(path.read_bytes())
    data[6] |= 1
    data[data.index(b"PK\x01\x02") + 8] |= 1
    path.write_bytes(data)


def linked(path):
    with tarfile.open(path, "w:gz") as archive:
        info = tarfile.TarInfo("images")
        info.type, info.linkname = tarfile.SYMTYPE, "/etc"
        archive.addfile(info)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda p: packed(p, [("good.jpg", b"1", 0), ("../evil.jpg", b"2", 0)]), "climbs out with '..'"),
        (lambda p: packed(p, [("good.jpg", b"1", 0), ("/evil.jpg", b"2", 0)]), "an absolute path"),
        (lambda p: packed(p, [("good.jpg", b"1", 0), ("images", b"/etc", 0o120777)]), "a symbolic link"),
        (lambda p: packed(p, [("good.jpg", b"1", 0), ("bomb", bytes(17 << 20), 0)]), "a bomb"),
        (linked, "a symbolic link to '/etc'"),
        (encrypted, "encrypted"),
    ],
    ids=["slip", "absolute", "link", "bomb", "tar link", "encrypted"],
)
def test_row_35_archives_that_are_not_safe(tmp_path, make, message):
    """Refused, and nothing of them is unpacked."""
    archive = tmp_path / "a.bin"
    make(archive)
    with pytest.raises(ArchiveError, match=f"{message}.* Nothing was unpacked. Do not unpack it by other") as caught:
        unpack(archive, tmp_path / "in" / "out")
    assert caught.value.code == "ARCHIVE_UNSAFE"
    assert list(tmp_path.rglob("*")) == [archive]
