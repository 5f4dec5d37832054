"""The master test of bad inputs: what is set aside or remarked on, all of it in one folder, and damage at random.

Numbers are rows of the catalogue of bad inputs; see `tests/helpers/torture.py` for the folder. What is refused is in
`test_torture_refused.py`, splits and files that change in `test_torture_later.py`.
"""

import ast
import csv
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from PIL import Image
from torture import crop, raster, saved, torture

import skinzoo
from skinzoo.datasets import load_dataset, make_loader, scan
from skinzoo.datasets.decode import read_image
from skinzoo.datasets.integrity import CODES, IntegrityWarning
from skinzoo.errors import ImageDecodeError, IntegrityError

HELPERS = Path(__file__).parents[1] / "helpers"
FOLDER_ROWS = {*range(24), *range(25, 29), 30, 32, 34, 36, 40}


@pytest.fixture
def tortured(tmp_path):
    return torture(tmp_path)


def found_in(report):
    """How often each code, action, and id or path is in a report."""
    found = Counter()
    for finding in report.findings:
        found[finding.code, finding.action, finding.id or finding.path] += finding.count
    return found


def open_with_one_warning(collection, root, **options):
    with pytest.warns(IntegrityWarning) as caught:
        data = load_dataset(collection, root, **options)
    assert len(caught) == 1
    return data


@pytest.mark.parametrize("check", ["quick", "full"])
@pytest.mark.parametrize("collection", ["archive", "ham10000"])
def test_exactly_what_is_wrong_is_found_and_every_row_is_accounted_for(tortured, collection, check):
    data = open_with_one_warning(collection, tortured.root, check=check)
    report, expected = data.integrity, tortured.expected(collection, check)
    assert found_in(report) == expected
    gone = Counter({i: n for (_, action, i), n in expected.items() if action == "quarantined"})
    assert report.num_rows == tortured.num_rows == report.num_ok + report.num_quarantined
    assert report.num_quarantined == gone.total()
    rows = Counter({case.id: len(case.labels) for case in tortured.cases})
    assert Counter(data.records.ids.tolist()) == rows - gone
    assert {case.row for case in tortured.cases} == FOLDER_ROWS


@pytest.mark.parametrize("collection", ["archive", "ham10000"])
def test_what_the_full_check_lets_through_is_read_without_error(tortured, collection):
    data = open_with_one_warning(collection, tortured.root, check="full")
    batches = list(make_loader(data, crop, batch_size=8, num_workers=2))
    assert [i for batch in batches for i in batch.ids] == data.records.ids.tolist()
    assert all(batch.images.isfinite().all() for batch in batches)
    masks = torch.cat([batch.masks for batch in batches])
    with_mask = ~masks.isnan().flatten(1).any(dim=1).numpy()
    assert np.array_equal(with_mask, data.records.masks != "")
    spoilt = {i for (code, _, i) in tortured.expected(collection) if CODES[code].severity == "error"}
    assert set(data.records.ids[~with_mask].tolist()) <= spoilt


def test_a_scan_finds_in_the_files_what_opening_does(tortured):
    data = open_with_one_warning("archive", tortured.root, check="none")
    before, files = data.integrity, scan(data)
    together = found_in(before) + found_in(files)
    twins = {("DUP_CONFLICT", "quarantined", f"odd_twin_{k}"): 1 for k in "ab"}  # a scan sets nothing aside
    judged = {("DUP_CONFLICT", "kept", f"odd_twin_{k}"): 1 for k in "ab"}
    assert together == tortured.expected("archive") - Counter(twins) + Counter(judged)
    assert files.num_rows == len(data) == files.num_ok + files.num_quarantined
    assert not any(f.code.startswith("IMG_") for f in before.findings)


@pytest.mark.parametrize("check", ["quick", "full"])
def test_strict_names_everything_that_is_unusable(tortured, check):
    codes = {code for code, *_ in tortured.expected("archive", check) if CODES[code].severity == "error"}
    with pytest.raises(IntegrityError, match="strict=True refuses this") as caught:
        load_dataset("archive", tortured.root, check=check, strict=True)
    assert len(codes) > 20
    for code in codes:
        assert f"\n{code} " in str(caught.value)
        assert CODES[code].hint in str(caught.value)


def test_saved_reports_list_each_finding(tortured, tmp_path):
    data = open_with_one_warning("ham10000", tortured.root, check="full")
    listed = json.loads(data.integrity.save(tmp_path / "report.json").read_text("utf-8"))
    with data.integrity.save(tmp_path / "report.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    expected = tortured.expected("ham10000")
    assert listed["num_rows"] == listed["num_ok"] + listed["num_quarantined"] == tortured.num_rows
    assert Counter((f["code"], f["action"], f["id"] or f["path"]) for f in listed["findings"]) == expected
    assert len(rows) == len(listed["findings"]) == expected.total()
    for row, finding in zip(rows, listed["findings"], strict=True):
        assert (row["code"], row["id"].removeprefix("'")) == (finding["code"], finding["id"].removeprefix("'"))
        assert not row["id"].startswith(("=", "+", "-", "@")), "a spreadsheet would compute it"
    assert {"'=cmd|'calc'!A0", "'+1"} <= {row["id"] for row in rows}
    digests = [f["sha256"] for f in listed["findings"] if f["code"] in ("IMG_TRUNCATED", "MASK_VALUES")]
    assert all(len(digest) == 64 for digest in digests)


def test_messages_say_what_to_do(tortured):
    report = open_with_one_warning("archive", tortured.root, check="full").integrity
    said = {f.id: f.message for f in report.findings}
    for name, words in {
        "page": "(expired link or 403?); it starts with b'<!DOCTYPE html>",
        "pointer": "run `git lfs pull`",
        "deep_png": "16 bit per channel; 8 are expected",
        "apng": "2 frames or pages in one PNG",
        "bomb": "30000 x 30000 pixels",
        "single_gif": "JPEG, PNG, TIFF, BMP and WebP are read",
        "mask_swapped": "EXIF/transposed?",
        "mask_0_254": "{0: 1440, 254: 480}",
        "twice_otherwise": "NV and BCC",
        "CASE": "'case' is there and differs by case only",
        "sum_2": "MEL 1, NV 1, BCC 0",
        "halves": "MEL 0.5",
        "outside": "a symbolic link out of the collection's folder",
    }.items():
        assert words in said[name], name


def test_values_that_are_kept_are_what_the_table_says(tortured):
    data = open_with_one_warning("ham10000", tortured.root, check="full")
    samples = {sample.id: sample for sample in data}
    ages = {name: samples[name].metadata["age"] for name in ("age_missing", "age_0", "age_150", "age_text", "comma")}
    assert ages == {"age_missing": None, "age_0": 0.0, "age_150": None, "age_text": None, "comma": None}
    assert samples["age_missing"].metadata["sex"] is None
    assert (samples["words"].metadata["localization"], samples["words"].metadata["dx_type"]) == ("NA", "null")
    assert samples["no_class"].label is None
    assert samples["blanks"].label == 0
    assert samples["no_lesion"].group == "no_lesion"
    assert samples["twin_a"].group == samples["twin_b"].group
    assert "0012" in samples
    assert {"cmyk", "ycck", "rgba", "grey", "palette"} <= set(samples)


def test_masks_lie_on_turned_pictures(tortured):
    """Masks drawn on the picture as a viewer shows it, and one that was drawn on the raster."""
    data = open_with_one_warning("archive", tortured.root, check="full")
    samples = {sample.id: sample for sample in data}
    for name in (*(f"turn{orientation}" for orientation in range(2, 9)), "turn_tiff"):
        image, mask = samples[name].image, samples[name].mask
        height, width = image.shape[:2]
        assert (height, width) == ((40, 48) if name in ("turn2", "turn3", "turn4") else (48, 40))
        assert mask[: height // 2, : width // 2].all(), name
        assert mask.sum() == height * width // 4
    both = samples["turn_both"]
    assert both.mask[:24, 20:].all(), "turned to the right, the upper left quarter becomes the upper right one"
    assert both.mask.sum() == 480


def test_16_bit_pictures_and_grey_masks_are_used_on_request(tortured):
    data = open_with_one_warning("archive", tortured.root, check="full", scale16=True, mask_threshold=128)
    deep, cut = ("deep_png", "deep_tiff"), ("mask_0_254", "mask_jpeg")
    expected = tortured.expected("archive")
    for name in deep:
        del expected["IMG_BITDEPTH", "quarantined", name]
        expected.update([("IMG_16BIT", "converted", name), ("IMG_GRAY", "converted", name)])
    for name in cut:
        del expected["MASK_VALUES", "kept", name]
        expected["MASK_THRESHOLD", "converted", name] = 1
    assert found_in(data.integrity) == expected
    samples = {sample.id: sample for sample in data}
    assert samples["deep_png"].image.max() == round(1919 / 257)
    for name in (*cut, "mask_0_1", "mask_inverted"):
        assert abs(int(samples[name].mask.sum()) - 480) <= 20, name
    assert Counter(f[0] for f in found_in(scan(data)))["MASK_THRESHOLD"] == 2
    assert "threshold=128, scale16=True" in repr(data.source)


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="what a process takes is only known on Linux")
@pytest.mark.parametrize("number", [100, pytest.param(500, marks=pytest.mark.slow)])
def test_random_damage_is_refused_or_read_and_does_nothing_else(tmp_path, number):
    """No other exception, no warning, 500 MB at most; and what the full check passes can be read."""
    done = subprocess.run(
        [sys.executable, HELPERS / "fuzzing.py", tmp_path, str(number)], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-2000:]
    result = json.loads(done.stdout)
    assert result["problems"] == []
    assert sorted(result["came"]) == ["BMP", "JPEG", "PNG", "TIFF", "WEBP"]
    for came in result["came"].values():
        assert sum(came.values()) == 8 * number
        assert min(came["ok"], came["IMG_TRUNCATED"], came["MASK_UNREADABLE"]) > 0


@pytest.mark.parametrize("compression", [None, "tiff_lzw", "jpeg"])
def test_odd_tags_neither_warn_nor_cost_a_picture(tmp_path, compression):
    """Whatever a process makes of Pillow's warnings: here, pytest makes errors of them."""
    options = {} if compression is None else {"compression": compression}
    data = bytearray(saved(raster(1), "TIFF", **options))
    start = int.from_bytes(data[4:8], "little")
    count = int.from_bytes(data[start : start + 2], "little")
    last = start + 2 + 12 * count
    broken = (0x9000).to_bytes(2, "little") + (7).to_bytes(2, "little") + (10**6).to_bytes(4, "little") + bytes(4)
    grown = data + (count + 1).to_bytes(2, "little") + data[start + 2 : last] + broken + bytes(4)
    grown[4:8] = len(data).to_bytes(4, "little")
    (tmp_path / "a.tif").write_bytes(grown)
    with pytest.warns(UserWarning, match="Tag data larger than file"), Image.open(tmp_path / "a.tif") as image:
        plain = np.asarray(image)
    assert np.array_equal(read_image(tmp_path / "a.tif").array, plain)


def test_not_enough_memory_is_no_fault_of_the_file(tmp_path, monkeypatch):
    """So it is said as what it is, and not remembered by the cache as damage."""
    (tmp_path / "a.jpg").write_bytes(saved(raster(1)))

    def fail(*_):
        raise MemoryError

    def no_room(*_):
        raise cv2.error("Insufficient memory")

    monkeypatch.setattr("PIL.JpegImagePlugin.JpegImageFile.load", fail)
    monkeypatch.setattr(cv2, "imdecode", no_room)
    with pytest.raises(ImageDecodeError, match="not enough memory") as caught:
        read_image(tmp_path / "a.jpg")
    assert caught.value.code == "FILE_UNREADABLE"


def test_the_package_never_tolerates_truncated_images():
    """`PIL.ImageFile.LOAD_TRUNCATED_IMAGES` is read in one place, to refuse it, and set in none."""
    reads = []
    for path in Path(skinzoo.__file__).parent.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.Attribute) and node.attr == "LOAD_TRUNCATED_IMAGES":
                assert isinstance(node.ctx, ast.Load), f"{path}:{node.lineno}"
                reads.append(path.name)
            assert not (isinstance(node, ast.Constant) and node.value == "LOAD_TRUNCATED_IMAGES"), path
            assert not (isinstance(node, ast.alias) and node.name == "LOAD_TRUNCATED_IMAGES"), path
    assert reads == ["decode.py"]
