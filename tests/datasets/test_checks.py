"""Opening a folder in which everything is wrong: exactly the expected findings, and every row accounted for."""

import io
import os
import re
import struct
import tempfile
import unicodedata
import warnings
import zlib
from collections import Counter
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from skinzoo.datasets import load_dataset
from skinzoo.datasets.base import Records
from skinzoo.datasets.checks import CheckOptions
from skinzoo.datasets.decode import read_image
from skinzoo.datasets.filesource import FileSource, check_relative
from skinzoo.datasets.integrity import CODES, IntegrityWarning
from skinzoo.datasets.screening import screen
from skinzoo.errors import ConfigError, DataError, ImageDecodeError, IntegrityError, MaskError


def png_bomb():
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    ihdr = chunk(b"IHDR", struct.pack(">IIBBBBB", 30_000, 30_000, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + ihdr + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def noise(seed, mode="RGB"):
    rng = np.random.default_rng(seed)
    return Image.fromarray(rng.integers(0, 256, (40, 48, 3), dtype=np.uint8)).convert(mode)


def jpeg(seed):
    buffer = io.BytesIO()
    noise(seed).save(buffer, "JPEG")
    return buffer.getvalue()


@pytest.fixture
def torture(tmp_path):
    """One file per row of the catalogue, plus three good ones; returns the root and the expected codes."""
    a, b = tmp_path / "root" / "melanoma", tmp_path / "root" / "nevus"
    a.mkdir(parents=True)
    b.mkdir()
    for k in range(3):
        noise(k).save(a / f"good{k}.jpg")
    (a / "half.jpg").write_bytes(jpeg(10)[: len(jpeg(10)) // 2])
    (a / "last60.jpg").write_bytes(jpeg(11)[:-60])
    (a / "last2.jpg").write_bytes(jpeg(12)[:-2])
    (a / "empty.jpg").touch()
    (a / "page.jpg").write_bytes(b"<html>403 Forbidden</html>")
    (a / "pointer.jpg").write_bytes(b"version https://git-lfs.github.com/spec/v1\n")
    noise(13, "CMYK").save(a / "cmyk.jpg")
    Image.fromarray(np.arange(40 * 48, dtype=np.uint16).reshape(40, 48)).save(a / "deep.png")
    rgba = noise(14, "RGBA")
    rgba.putalpha(128)
    rgba.save(a / "alpha.png")
    noise(15, "L").save(a / "grey.JPG")
    noise(16).quantize(8).save(a / "palette.png")
    exif = Image.Exif()
    exif[0x0112] = 6
    noise(17).save(a / "turned.Jpeg", exif=exif)
    noise(18).save(a / "animated.gif", save_all=True, append_images=[noise(19)])
    noise(20).save(a / "moving.png", save_all=True, append_images=[noise(21)])
    noise(22).save(a / "pages.tif", save_all=True, append_images=[noise(23)])
    (a / "bomb.png").write_bytes(png_bomb())
    noise(24).save(a / "really_png.jpg", format="PNG")
    noise(25).resize((8, 8)).save(a / "tiny.png")
    Image.new("RGB", (48, 40), (120, 60, 50)).save(a / "flat.png")
    noise(26).save(a / "ISIC_0000001.jpg")
    noise(26).save(a / "ISIC_0000001(1).jpg")
    noise(27).save(a / "ISIC_0000002.jpg")
    noise(27).save(b / "ISIC_0000002.jpg")
    noise(28).save(a / "twin_a.jpg")
    noise(28).save(a / "twin_b.jpg")
    noise(29).save(b / "fine.bmp")
    noise(30).save(b / "fine.webp.png")
    (b / "notes.docx").write_bytes(b"PK")
    (b / ".DS_Store").write_bytes(b"x")
    expected = {
        "IMG_TRUNCATED": 3,
        "IMG_EMPTY": 1,
        "IMG_NOT_IMAGE": 1,
        "LFS_POINTER": 1,
        "IMG_CMYK": 1,
        "IMG_BITDEPTH": 1,
        "IMG_ALPHA": 1,
        "IMG_GRAY": 1,
        "IMG_PALETTE": 1,
        "IMG_ORIENTATION": 1,
        "IMG_MULTIFRAME": 3,
        "IMG_TOO_LARGE": 1,
        "IMG_FORMAT_MISMATCH": 1,
        "IMG_DEGENERATE": 1,
        "DUP_ID": 1,
        "DUP_CONFLICT": 2,
        "IDENTICAL_BYTES": 2,
        "EXTRA_FILE": 1,
    }
    return tmp_path / "root", expected


@pytest.mark.parametrize("check", ["quick", "full"])
def test_torture_folder_gives_exactly_the_expected_findings(torture, check):
    root, expected = torture
    with pytest.warns(IntegrityWarning) as caught:
        data = load_dataset("folder", root, check=check)
    assert len(caught) == 1
    report = data.integrity
    expected = Counter(expected) + Counter({"IMG_DEGENERATE": int(check == "full")})  # one colour shows when decoded
    assert report.counts() == dict(expected)
    files = [p for p in root.rglob("*") if p.is_file() and p.name not in ("notes.docx", ".DS_Store")]
    assert report.num_rows == len(files)
    assert report.num_rows == report.num_ok + report.num_quarantined
    assert len(data) == report.num_ok
    quarantined = {f.path for f in report.findings if f.action == "quarantined"}
    assert quarantined | set(data.records.images.tolist()) == {p.relative_to(root).as_posix() for p in files}
    assert not quarantined & set(data.records.images.tolist())
    for sample in data:
        assert sample.image.dtype == np.uint8
        assert sample.image.shape[2] == 3


def test_strict_refuses_the_torture_folder(torture):
    with pytest.raises(IntegrityError, match="IMG_TRUNCATED"):
        load_dataset("folder", torture[0], strict=True)


def test_check_none_looks_at_no_content(torture):
    with pytest.warns(IntegrityWarning):
        data = load_dataset("folder", torture[0], check="none")
    assert set(data.integrity.counts()) == {"DUP_ID", "DUP_CONFLICT", "EXTRA_FILE"}
    with pytest.raises(ImageDecodeError, match=r"^empty: .*empty\.jpg: zero bytes") as caught:
        data[data.records.ids.tolist().index("empty")]
    assert caught.value.code == "IMG_EMPTY"


@pytest.mark.parametrize(
    "bad",
    [
        {"check": "fast"},
        {"duplicates": "merge"},
        {"conflicts": "vote"},
        {"workers": 0},
        {"workers": True},
        {"cache": 3},
        {"scale16": 1},
        {"mask_threshold": 0},
        {"mask_threshold": 256},
        {"mask_threshold": True},
    ],
)
def test_unknown_options(bad):
    with pytest.raises(ConfigError, match=r"is unknown; use|give"):
        CheckOptions(**bad)


def masked(root, write_image, masks):
    ids = list(masks)
    for k, name in enumerate(ids):
        write_image(root / f"{name}.jpg", seed=k)
    return Records.build(ids, images=[f"{i}.jpg" for i in ids], masks=[masks[i] for i in ids])


@pytest.mark.parametrize("check", ["quick", "full"])
def test_bad_masks_cost_the_mask_and_not_the_picture(tmp_path, write_image, write_mask, check):
    write_mask(tmp_path / "same.png")
    write_mask(tmp_path / "large.png", 72, 96)
    write_mask(tmp_path / "turned.png", 32, 24)
    (tmp_path / "half.png").write_bytes((tmp_path / "same.png").read_bytes()[:60])
    Image.fromarray(np.tile(np.arange(32, dtype=np.uint8) * 8, (24, 1))).save(tmp_path / "grey.jpg")
    noise(1, "P").resize((32, 24)).save(tmp_path / "colours.png")
    names = ["same.png", "large.png", "turned.png", "half.png", "grey.jpg", "colours.png", "gone.png", ""]
    records = masked(tmp_path, write_image, {f"i{k}": name for k, name in enumerate(names)})
    usable, findings = screen(tmp_path, records, CheckOptions(check), class_names=(), expect_masks=True)
    assert Counter(f.code for f in findings) == {
        "MASK_RESIZED": 1,
        "MASK_SIZE": 1,
        "MASK_UNREADABLE": 1,
        "MASK_VALUES": 2,
        "FILE_MISSING": 1,
        "MASK_MISSING": 1,
    }
    assert len(usable) == len(records)
    assert usable.masks.tolist() == ["same.png", "large.png", *[""] * 6]
    assert "transposed?" in next(f.message for f in findings if f.code == "MASK_SIZE")
    assert all(f.action != "quarantined" for f in findings)


def test_mask_is_resized_by_nearest_neighbour(tmp_path, write_image, write_mask):
    write_image(tmp_path / "a.jpg")
    write_mask(tmp_path / "m.png", 72, 96)
    image, mask = FileSource(tmp_path).read("a.jpg", "m.png", "a")
    large = np.asarray(Image.open(tmp_path / "m.png"))
    assert image.shape == (24, 32, 3)
    assert np.array_equal(mask, large[1::3, 1::3] // 255)  # the middle one of three pixels


@pytest.mark.parametrize("orientation", [1, 6, 8])
@pytest.mark.parametrize("drawn_on", ["displayed", "stored"])
def test_mask_follows_the_picture_upright(tmp_path, orientation, drawn_on):
    stored = np.zeros((24, 32, 3), np.uint8)
    stored[3:9, 4:20] = 255
    exif = Image.Exif()
    exif[0x0112] = orientation
    Image.fromarray(stored).save(tmp_path / "a.png", exif=exif)
    shown = FileSource(tmp_path).read("a.png", "", "a")[0]
    Image.fromarray((stored if drawn_on == "stored" else shown)[..., 0]).save(tmp_path / "m.png")
    image, mask = FileSource(tmp_path).read("a.png", "m.png", "a")
    assert image.shape[:2] == ((24, 32) if orientation == 1 else (32, 24))
    assert np.array_equal(mask, image[..., 0] // 255)


def test_reading_tries_twice_and_then_names_id_and_path(tmp_path, write_image, monkeypatch):
    write_image(tmp_path / "a.png")
    source, calls = FileSource(tmp_path), []

    def flaky(path, **options):
        calls.append(path)
        if len(calls) == 1:
            raise ImageDecodeError("stale handle", "FILE_UNREADABLE")
        return read_image(path, **options)

    monkeypatch.setattr("skinzoo.datasets.filesource.read_image", flaky)
    assert source.read("a.png", "", "id7")[0].shape == (24, 32, 3)
    assert len(calls) == 2
    monkeypatch.undo()
    with pytest.raises(ImageDecodeError, match=r"^id7: .*gone\.png: the file does not exist") as caught:
        source.read("gone.png", "", "id7")
    assert caught.value.code == "FILE_MISSING"
    (tmp_path / "m.png").write_bytes(b"no mask")
    with pytest.raises(MaskError, match=r"^id7: .*m\.png: not an image") as caught:
        source.read("a.png", "m.png", "id7")
    assert caught.value.code == "MASK_UNREADABLE"


def test_errors_when_reading_say_how_to_get_rid_of_them(tmp_path, write_image, write_mask):
    """A mask of 0 and 254 passes the quick look; what reading it then says must work."""
    for k in range(2):
        write_image(tmp_path / "images" / f"ISIC_{k:07d}.jpg", seed=k)
        write_mask(tmp_path / "masks" / f"ISIC_{k:07d}_segmentation.png")
    path = tmp_path / "masks" / "ISIC_0000001_segmentation.png"
    Image.fromarray(np.asarray(Image.open(path)) // 255 * 254).save(path)
    rows = "ISIC_0000000,1,0,0,0,0,0,0\nISIC_0000001,0,1,0,0,0,0,0\n"
    (tmp_path / "GroundTruth.csv").write_text("image,MEL,NV,BCC,AKIEC,BKL,DF,VASC\n" + rows)
    data = load_dataset("archive", tmp_path)
    with pytest.raises(MaskError, match=r"read_mask\(path, threshold=128\) .*\. Open .* with check='full' to set"):
        data[1]
    with pytest.warns(IntegrityWarning, match="MASK_VALUES 1"):
        data = load_dataset("archive", tmp_path, check="full")
    assert [sample.mask is None for sample in data] == [False, True]
    write_image(tmp_path / "wide.png", height=12, width=90)
    with pytest.raises(MaskError, match="check='full'"):
        FileSource(tmp_path).read("wide.png", "masks/ISIC_0000000_segmentation.png", "x")


def test_hints_name_no_option_that_nobody_takes():
    """Options in hints are those of adapters, or stand in the call that takes them."""
    adapters = {"masks", *(f.name for f in fields(CheckOptions))}
    for code, (_, hint) in CODES.items():
        free = re.sub(r"read_(image|mask)\([^)]*\)", "", hint)
        assert set(re.findall(r"(\w+)=", free)) <= adapters, code
        assert "max_pixels" not in free, code


@pytest.mark.parametrize("damage", ["half", "zeros"])
@pytest.mark.parametrize("mode", ["RGB", "L"])
def test_grey_left_by_missing_jpeg_data_is_found_by_the_full_check(tmp_path, damage, mode):
    (tmp_path / "nevus").mkdir()
    for k in range(2):  # smooth, as pictures of skin are
        noise(k, mode).resize((6, 5)).resize((200, 160)).save(tmp_path / "nevus" / f"{k}.jpg")
    bad = tmp_path / "nevus" / "1.jpg"
    data = bad.read_bytes()
    half = len(data) // 2
    bad.write_bytes(data[:half] + (b"" if damage == "half" else bytes(half)) + b"\xff\xd9")
    assert len(load_quietly(tmp_path, "quick")) == 2
    found = load_quietly(tmp_path, "full")
    assert [f.path for f in found.integrity.of("IMG_TRUNCATED")] == ["nevus/1.jpg"]
    assert "of 160 rows are the even grey" in found.integrity.of("IMG_TRUNCATED")[0].message
    assert len(found) == 1


def load_quietly(root, check):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrityWarning)
        return load_dataset("folder", root, check=check)


@pytest.mark.parametrize("value", [0, 125, 131, 255])
def test_even_borders_of_real_pictures_are_not_taken_for_damage(tmp_path, value):
    """Black vignettes, white letterboxes, and greys that are not libjpeg's; a grey bar in a PNG is somebody's own."""
    (tmp_path / "nevus").mkdir()
    picture = np.asarray(noise(1).resize((64, 96))).copy()
    picture[48:] = value
    Image.fromarray(picture).save(tmp_path / "nevus" / "a.jpg", quality=95)
    picture[48:] = 128
    Image.fromarray(picture).save(tmp_path / "nevus" / "b.png")
    Image.fromarray(np.roll(picture, 40, axis=0)).save(tmp_path / "nevus" / "c.jpg", quality=95, subsampling=0)
    assert load_dataset("folder", tmp_path, check="full", strict=True).integrity.findings == ()


@pytest.mark.parametrize(
    "path", ["/etc/passwd", "../a.jpg", "a/../../b", "C:/x.jpg", "//host/x", "a\\b", "a\0b", "~/x"]
)
def test_paths_may_not_leave_the_root(tmp_path, path):
    with pytest.raises(DataError, match="below the collection's folder"):
        FileSource(tmp_path).read(path, "", "x")


def test_plain_paths_pass():
    assert check_relative("a b/..c/ISIC_1.jpg") == "a b/..c/ISIC_1.jpg"


def test_symbolic_links_out_of_the_root_are_never_opened(tmp_path, write_image):
    outside = write_image(tmp_path / "secret.jpg")
    write_image(tmp_path / "root" / "nevus" / "a.jpg", seed=1)
    write_image(tmp_path / "root" / "melanoma" / "b.jpg", seed=2)
    (tmp_path / "root" / "nevus" / "link.jpg").symlink_to(outside)
    (tmp_path / "root" / "nevus" / "alias.jpg").symlink_to(tmp_path / "root" / "melanoma" / "b.jpg")
    with pytest.warns(IntegrityWarning, match="PATH_ESCAPE 1"):
        data = load_dataset("folder", tmp_path / "root", conflicts="keep")
    assert data.integrity.of("PATH_ESCAPE")[0].path == "nevus/link.jpg"
    assert "nevus/alias.jpg" in data.records.images


@pytest.mark.parametrize("check", ["quick", "full", "none"])
def test_loops_dangling_links_and_pipes_are_findings(tmp_path, write_image, check):
    """A pipe that were opened would block for ever."""
    folder = tmp_path / "nevus"
    write_image(folder / "good.jpg")
    write_image(tmp_path / "mole" / "ISIC_0000001.jpg", seed=1)
    (folder / "loop.jpg").symlink_to(folder / "loop.jpg")
    (folder / "here").symlink_to("here")
    (folder / "gone.jpg").symlink_to(folder / "nothing.jpg")
    (folder / "gone(1).jpg").symlink_to(folder / "nothing.jpg")
    os.mkfifo(folder / "pipe.jpg")
    os.mkfifo(folder / "ISIC_0000001.jpg")
    (folder / "alias.jpg").symlink_to(folder / "pipe.jpg")
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.warns(IntegrityWarning, match=r"2 of 8 rows are usable \(EXTRA_FILE 1, FILE_MISSING 3"):
        data = load_dataset("folder", tmp_path, check=check, duplicates="keep", conflicts="keep")
    codes = {f.path.removeprefix("nevus/"): f.code for f in data.integrity.errors}
    assert codes == {
        "loop.jpg": "PATH_LOOP",
        **dict.fromkeys(["gone.jpg", "gone(1).jpg", "circle"], "FILE_MISSING"),
        **dict.fromkeys(["pipe.jpg", "alias.jpg", "ISIC_0000001.jpg"], "NOT_REGULAR"),
    }
    assert sorted(data.records.images.tolist()) == ["mole/ISIC_0000001.jpg", "nevus/good.jpg"]


def test_ham10000_with_links_to_nothing(fake_ham10000):
    root = fake_ham10000()
    first, second = root / "HAM10000_images_part_1", root / "HAM10000_images_part_2"
    (first / "ISIC_0024306.jpg").unlink()
    (first / "ISIC_0024306.jpg").symlink_to("nothing")
    (first / "ISIC_0024307.jpg").symlink_to("ISIC_0024307.jpg")  # the real one is in the second folder
    mask = root / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0024308_segmentation.png"
    mask.unlink()
    os.mkfifo(mask)
    assert (second / "ISIC_0024307.jpg").is_file()
    with pytest.warns(IntegrityWarning, match=r"27 of 28 rows are usable \(FILE_MISSING 1, MASK_MISSING 1\)"):
        data = load_dataset("ham10000", root)
    assert data.integrity.of("FILE_MISSING")[0].message == "a symbolic link to a file that is not there"


def test_pipes_are_never_read(tmp_path, write_image):
    write_image(tmp_path / "a.png")
    os.mkfifo(tmp_path / "pipe.png")
    for image, mask in (("pipe.png", ""), ("a.png", "pipe.png")):
        with pytest.raises(ImageDecodeError, match="not a file but a folder, a pipe") as caught:
            FileSource(tmp_path).read(image, mask, "x")
        assert caught.value.code == "NOT_REGULAR"
    records = Records.build(["x"], images=["pipe.png"])
    _, findings = screen(tmp_path, records, CheckOptions(), class_names=())
    assert [f.code for f in findings] == ["NOT_REGULAR"]


def test_duplicates_kept_on_request_have_unique_ids_and_one_group(torture):
    with pytest.warns(IntegrityWarning):
        data = load_dataset("folder", torture[0], duplicates="keep", conflicts="keep")
    ids, groups = (
        data.records.ids.tolist(),
        dict(zip(data.records.ids.tolist(), data.records.groups.tolist(), strict=True)),
    )
    assert len(set(ids)) == len(ids)
    assert {"ISIC_0000001", "ISIC_0000001#2", "ISIC_0000002", "ISIC_0000002#2"} <= set(ids)
    assert groups["ISIC_0000001"] == groups["ISIC_0000001#2"]
    assert groups["ISIC_0000002"] == groups["ISIC_0000002#2"]
    assert groups["twin_a"] == groups["twin_b"]
    assert groups["good0"] != groups["good1"]
    assert {f.action for f in data.integrity.of("DUP_CONFLICT")} == {"kept"}


def test_identical_bytes_merge_whole_lesions_and_conflicts_name_the_classes(tmp_path, write_image):
    for k, name in enumerate("abcdef"):
        write_image(tmp_path / f"{name}.png", seed=0 if name in "ad" else 1 if name in "ef" else k + 5)
    records = Records.build(
        list("abcdef"),
        labels=[0, 0, 1, 0, 0, 1],
        groups=["g1", "g1", "g3", "g2", "g4", "g5"],
        images=[f"{n}.png" for n in "abcdef"],
    )
    usable, findings = screen(tmp_path, records, CheckOptions(), class_names=("MEL", "NV"))
    assert dict(zip(usable.ids.tolist(), usable.groups.tolist(), strict=True)) == {
        "a": "g1",
        "b": "g1",
        "c": "g3",
        "d": "g1",
    }
    assert Counter((f.code, f.action) for f in findings) == {
        ("IDENTICAL_BYTES", "kept"): 2,
        ("DUP_CONFLICT", "quarantined"): 2,
    }
    assert "e = f stands under MEL and NV: e.png, f.png" in [f.message for f in findings]


def test_nothing_wrong_is_silent(tmp_path, write_image):
    for k in range(4):
        write_image(tmp_path / "ab"[k % 2] / f"{k}.jpg", seed=k)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        data = load_dataset("folder", tmp_path, check="full", strict=True)
    assert data.integrity.findings == ()


CONTENTS = {
    "a": jpeg(0),
    "b": jpeg(1),
    "cut": jpeg(2)[:-30],
    "half": jpeg(3)[: len(jpeg(3)) // 2],
    "page": b"<html>",
    "none": b"",
    "pointer": b"version https://git-lfs.github.com/spec/v1",
    "link": None,
    "loop": None,
}
FILES = st.dictionaries(
    st.tuples(st.sampled_from(["melanoma", "nevus"]), st.sampled_from(["ISIC_1", "ISIC_1(1)", "x", "y", "z"])),
    st.sampled_from(sorted(CONTENTS)),
    min_size=1,
)
OPTIONS = st.fixed_dictionaries(
    {
        "check": st.sampled_from(["quick", "full", "none"]),
        "duplicates": st.sampled_from(["drop", "keep"]),
        "conflicts": st.sampled_from(["drop", "keep", "resolve"]),
    }
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(FILES, OPTIONS)
def test_every_row_is_used_or_has_one_reason_not_to_be(files, options):
    with tempfile.TemporaryDirectory() as folder:
        for (title, name), content in files.items():
            path = Path(folder, title, f"{name}.jpg")
            path.parent.mkdir(exist_ok=True)
            if CONTENTS[content] is None:
                path.symlink_to(path if content == "loop" else "nothing")
            else:
                path.write_bytes(CONTENTS[content])
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", IntegrityWarning)
            data = load_dataset("folder", folder, cache=False, **options)
        report = data.integrity
        gone = [f.row for f in report.findings if f.action == "quarantined"]
        paths = sorted(f"{title}/{name}.jpg" for title, name in files)
        assert report.num_rows == len(files) == report.num_ok + report.num_quarantined
        assert len(data) == report.num_ok
        assert len(set(gone)) == len(gone)
        assert set(gone) <= set(range(len(files)))
        where = {f.path for f in report.findings if f.action == "quarantined"}
        assert sorted([*data.records.images.tolist(), *where]) == paths
        assert len(set(data.records.ids.tolist())) == len(data)
        if options["check"] != "none":
            for sample in data:
                assert sample.image.shape == (40, 48, 3)


def table_of(root, *ids):
    rows = "".join(f"HAM_{k},{name},mel\n" for k, name in enumerate(ids))
    (root / "HAM10000_metadata.csv").write_text(f"lesion_id,image_id,dx\n{rows}", "utf-8")


def test_findings_name_the_row_of_the_table(fake_ham10000):
    root = fake_ham10000()
    images = sorted(root.glob("*/*.jpg"))
    images[0].unlink()
    images[1].write_bytes(b"")
    lines = (root / "HAM10000_metadata.csv").read_text().splitlines()
    lines[6] = lines[6].replace(",bcc,", ",,").replace(",bkl,", ",,").replace(",df,", ",,")
    (root / "HAM10000_metadata.csv").write_text("\n".join(lines))
    with pytest.warns(IntegrityWarning):
        data = load_dataset("ham10000", root)
    for finding in data.integrity.findings:
        if finding.code in ("FILE_MISSING", "IMG_EMPTY", "LABEL_NONE"):
            assert lines[1 + finding.row].split(",")[1] == finding.id
    assert {"FILE_MISSING", "IMG_EMPTY"} <= set(data.integrity.counts())
    assert all(f.row is None for f in data.integrity.of("MASK_RESIZED"))


@pytest.mark.parametrize("form", ["NFC", "NFD"])
def test_names_match_whatever_their_unicode_form(tmp_path, write_image, form):
    other = {"NFC": "NFD", "NFD": "NFC"}[form]
    name = "naevus é ü"
    write_image(tmp_path / "images" / f"{unicodedata.normalize(form, name)}.jpg")
    write_image(tmp_path / "images" / "plain.jpg", seed=1)
    table_of(tmp_path, unicodedata.normalize(form, name), "plain")
    assert load_dataset("ham10000", tmp_path, strict=True).integrity.findings == ()
    table_of(tmp_path, unicodedata.normalize(other, name), "plain")
    with pytest.warns(IntegrityWarning, match="NAME_NORMALISED 1"):
        data = load_dataset("ham10000", tmp_path)
    assert [(f.code, f.row) for f in data.integrity.findings] == [("NAME_NORMALISED", 0)]
    assert len(data) == 2


@pytest.mark.parametrize("name", ["x" * 251, "two words", "\u202egnp", "🩺", "a\tb", "=1+1", "\udcff"])
def test_odd_names_are_opened_and_reported(tmp_path, write_image, name):
    try:
        write_image(tmp_path / "nevus" / f"{name}.jpg")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    write_image(tmp_path / "mole" / "b.jpg", seed=1)
    data = load_dataset("folder", tmp_path, check="full", strict=True)
    assert sorted(data.records.ids.tolist()) == sorted(["b", name])
    (tmp_path / "nevus" / f"{name}.jpg").write_bytes(b"")
    with pytest.warns(IntegrityWarning, match="IMG_EMPTY 1"):
        data = load_dataset("folder", tmp_path)
    data.integrity.save(tmp_path / "r.csv")
    data.integrity.save(tmp_path / "r.json")


def test_two_masks_of_one_picture_are_refused_and_copies_are_not(fake_ham10000, write_mask):
    root = fake_ham10000()
    folder = root / "HAM10000_segmentations_lesion_tschandl"
    mask = folder / "ISIC_0024306_segmentation.png"
    (folder / "ISIC_0024306.png").write_bytes(mask.read_bytes())
    assert load_dataset("ham10000", root).has_masks
    write_mask(folder / "ISIC_0024306.png", 24, 32)
    with pytest.raises(
        IntegrityError, match=r"MASK_AMBIGUOUS: .*ISIC_0024306\.png and .*_segmentation\.png diff"
    ) as caught:
        load_dataset("ham10000", root)
    assert caught.value.code == "MASK_AMBIGUOUS"
    assert len(load_dataset("ham10000", root, masks=False)) == 28


def test_a_missing_file_hints_at_the_nearest_name(tmp_path, write_image):
    for k, name in enumerate(["ISIC_0000001", "isic_0000002", "ISIC_000003", "holiday"]):
        write_image(tmp_path / "images" / f"{name}.jpg", seed=k)
    table_of(tmp_path, "ISIC_0000001", "ISIC_0000002", "ISIC_0000003", "../../ISIC_0000004", "/etc/passwd")
    with pytest.warns(IntegrityWarning, match="EXTRA_FILE 3, FILE_MISSING 4"):
        data = load_dataset("ham10000", tmp_path)
    messages = {f.id: f.message.partition("; ")[2] for f in data.integrity.of("FILE_MISSING")}
    assert messages["ISIC_0000002"] == "'isic_0000002' is there and differs by case only"
    assert messages["ISIC_0000003"] == "'ISIC_000003' is there: the same one?"
    assert messages["/etc/passwd"] == ""


def test_damage_inside_a_mask_is_found_by_the_quick_check(fake_ham10000):
    root = fake_ham10000()
    path = root / "HAM10000_segmentations_lesion_tschandl" / "ISIC_0024306_segmentation.png"
    good = path.read_bytes()
    for at in range(60, len(good) - 20, 17):
        path.write_bytes(good[:at] + bytes([good[at] ^ 255]) + good[at + 1 :])
        with pytest.warns(IntegrityWarning, match="MASK_UNREADABLE 1"):
            data = load_dataset("ham10000", root)
        assert [s.mask is None for s in data] == [True] + [False] * 27
