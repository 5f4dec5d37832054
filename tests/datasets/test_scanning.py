"""Scanning: what it finds, what it remembers, and what becomes of it when something goes wrong on the way."""

import _thread
import hashlib
import json
import os
import signal
import subprocess
import sys
import warnings
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

import skinzoo
from skinzoo.datasets import (
    FileSource,
    Records,
    SkinDataset,
    dataset_info,
    facts_of,
    load_dataset,
    looking,
    scan,
    scancache,
    survey,
)
from skinzoo.datasets.looking import Facts, dhash_of
from skinzoo.datasets.scancache import ScanCache
from skinzoo.datasets.sniff import Header
from skinzoo.errors import ConfigError, DataError, ImageDecodeError, IntegrityError, MaskError
from skinzoo.taxonomy import ISIC2018


@pytest.fixture
def tree(tmp_path, write_image, write_mask):
    """Twelve good pictures with masks, as a dataset."""
    root = tmp_path / "data"
    for k in range(12):
        write_image(root / f"i{k}.jpg", seed=k)
        write_mask(root / f"m{k}.png", 48, 64)
    return dataset(root, 12)


def dataset(root, n, **options):
    records = Records.build(
        [f"x{k}" for k in range(n)],
        labels=[k % 7 for k in range(n)],
        images=[f"i{k}.jpg" for k in range(n)],
        masks=[f"m{k}.png" for k in range(n)],
    )
    return SkinDataset(dataset_info("ham10000"), records, ISIC2018, FileSource(root, **options))


@pytest.fixture
def decoded(monkeypatch):
    """Names of the files that are decoded, as it happens."""
    names, decode = [], looking.decode_facts

    def counting(data, name, **options):
        names.append(Path(name).name)
        return decode(data, name, **options)

    monkeypatch.setattr(looking, "decode_facts", counting)
    return names


def lines(folder):
    (path,) = folder.glob("*.jsonl")
    return path, path.read_bytes().splitlines()


def test_everything_that_is_wrong_is_found_and_the_dataset_stays_as_it_is(tree, write_image, write_mask, tmp_path):
    root = tmp_path / "data"
    (root / "i1.jpg").write_bytes((root / "i1.jpg").read_bytes()[:-60])
    (root / "i2.jpg").unlink()
    (root / "i3.jpg").write_bytes((root / "i4.jpg").read_bytes())  # under labels 3 and 4
    (root / "i7.jpg").write_bytes((root / "i0.jpg").read_bytes())  # both 0
    Image.fromarray(np.full((48, 64), 200, np.uint8)).save(root / "m5.png")
    write_mask(root / "m6.png", 64, 48)
    Image.new("L", (64, 48)).save(root / "m8.png")
    report = scan(tree)
    assert {(f.code, f.row, f.path, f.action) for f in report.findings if f.code != "MASK_RESIZED"} == {
        ("IMG_TRUNCATED", 1, "i1.jpg", "quarantined"),
        ("FILE_MISSING", 2, "i2.jpg", "quarantined"),
        ("DUP_CONFLICT", 3, "i3.jpg", "kept"),
        ("DUP_CONFLICT", 4, "i4.jpg", "kept"),
        ("IDENTICAL_BYTES", 0, "i0.jpg", "kept"),
        ("IDENTICAL_BYTES", 7, "i7.jpg", "kept"),
        ("MASK_VALUES", 5, "m5.png", "kept"),
        ("MASK_SIZE", 6, "m6.png", "kept"),
        ("MASK_EMPTY", 8, "m8.png", "kept"),
    }
    assert (report.num_rows, report.num_ok, len(tree)) == (12, 10, 12)
    for finding in report.findings:
        if finding.path and finding.code not in ("FILE_MISSING", "MASK_RESIZED"):
            assert finding.sha256 == hashlib.sha256((root / finding.path).read_bytes()).hexdigest()
    with pytest.raises(IntegrityError, match="IMG_TRUNCATED"):
        scan(tree, strict=True)


def test_nothing_wrong_gives_an_empty_report_whatever_the_threads(tree, capfd):
    reports = [skinzoo.scan(tree, workers=w, cache=False) for w in (1, 3)]
    assert reports[0].findings == reports[1].findings
    assert reports[0].counts() == {"MASK_RESIZED": 12}
    assert capfd.readouterr() == ("", "")  # no bar where there is no terminal


def test_a_second_scan_decodes_nothing_and_finds_the_same(tree, decoded, tmp_path):
    root, cache = tmp_path / "data", tmp_path / "cache"
    (root / "i1.jpg").write_bytes(b"<html>")
    Image.new("RGB", (32, 24)).save(root / "i2.jpg")
    Image.fromarray(np.full((48, 64), 200, np.uint8)).save(root / "m5.png")
    first = scan(tree, cache=cache)
    assert len(decoded) == 12 + 10  # masks of usable pictures only
    decoded.clear()
    again = scan(tree, cache=cache)
    assert decoded == []
    assert again.findings == first.findings
    assert {"IMG_NOT_IMAGE", "IMG_DEGENERATE", "MASK_VALUES"} <= set(first.counts())


def test_opening_with_the_full_check_and_facts_of_use_the_same_memory(fake_ham10000, decoded, tmp_path):
    root = fake_ham10000()
    data = load_dataset("ham10000", root, check="full", cache=tmp_path / "cache")
    assert len(decoded) == 2 * 28
    decoded.clear()
    again = load_dataset("ham10000", root, check="full", cache=tmp_path / "cache", strict=True)
    scan(data, cache=tmp_path / "cache")
    facts_of(again, cache=tmp_path / "cache")
    assert decoded == []
    assert again.integrity.findings == data.integrity.findings


def test_only_other_content_is_decoded_again(tree, decoded, tmp_path, write_image):
    root, cache = tmp_path / "data", tmp_path / "cache"
    scan(tree, cache=cache)
    decoded.clear()
    os.utime(root / "i0.jpg", ns=(1, 1))
    write_image(root / "i1.jpg", seed=100)
    kept = (root / "i2.jpg").stat()
    flat = bytearray((root / "i2.jpg").read_bytes())
    flat[300] ^= 255
    (root / "i2.jpg").write_bytes(flat)
    os.utime(root / "i2.jpg", ns=(kept.st_atime_ns, kept.st_mtime_ns))  # same size, same time: as archives do
    scan(tree, cache=cache)
    assert sorted(decoded) == ["i1.jpg", "i2.jpg"]
    decoded.clear()
    scan(tree, cache=cache)
    assert decoded == []


def test_facts_hold_for_one_way_of_reading_only(tree, tmp_path):
    root, cache = tmp_path / "data", tmp_path / "cache"
    Image.fromarray(np.where(np.arange(64) < 30, 40, 200).astype(np.uint8)[None].repeat(48, 0)).save(root / "m5.png")
    assert scan(tree, cache=cache).counts() == {"MASK_RESIZED": 11, "MASK_VALUES": 1}
    soft = dataset(root, 12, threshold=128)
    for _ in range(2):
        assert scan(soft, cache=cache).counts() == {"MASK_RESIZED": 12, "MASK_THRESHOLD": 1}
    small = dataset(root, 12, max_pixels=100)
    assert scan(small, cache=cache).counts() == {"IMG_TOO_LARGE": 12}


@pytest.mark.parametrize(("cut", "lost"), [(1, 0), (40, 1), (10_000, 24)])
def test_a_torn_last_line_is_passed_over_and_spoils_no_other(tree, decoded, tmp_path, cut, lost):
    cache = tmp_path / "cache"
    scan(tree, cache=cache, workers=1)
    path, before = lines(cache)
    size = path.stat().st_size
    os.truncate(path, max(0, size - cut))
    decoded.clear()
    scan(tree, cache=cache, workers=1)
    assert len(decoded) == lost
    decoded.clear()
    scan(tree, cache=cache)
    assert decoded == []
    good = [line for line in path.read_bytes().splitlines() if scancache._from_line(line)]
    assert len(good) == len(before)


def test_a_scan_that_is_killed_goes_on_where_it_ended(tree, decoded, tmp_path):
    child = """
import os, sys
from skinzoo.datasets import looking
sys.path.insert(0, sys.argv[3])
from test_scanning import dataset
from skinzoo.datasets import scan
decode, left = looking.decode_facts, [20]
def dying(*given, **options):
    left[0] -= 1
    if left[0] < 0:
        os._exit(137)
    return decode(*given, **options)
looking.decode_facts = dying
scan(dataset(sys.argv[1], 12), cache=sys.argv[2], workers=1)
"""
    given = [tree.source.root, str(tmp_path / "cache"), str(Path(__file__).parent)]
    assert subprocess.run([sys.executable, "-c", child, *given], check=False).returncode == 137
    _, kept = lines(tmp_path / "cache")
    assert 12 <= len(kept) < 24
    report = scan(tree, cache=tmp_path / "cache")
    assert len(decoded) == 24 - len(kept)
    assert report.counts() == {"MASK_RESIZED": 12}


@pytest.fixture
def _interruptible():
    """Ctrl-C raises, also where the tests run in the background and a shell has switched it off."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
def test_an_interrupt_leaves_what_was_found(tmp_path, write_image, monkeypatch):
    root = tmp_path / "data"
    for k in range(200):
        write_image(root / f"i{k}.jpg", seed=k)
    records = Records.build([f"x{k}" for k in range(200)], images=[f"i{k}.jpg" for k in range(200)])
    data = SkinDataset(dataset_info("ham10000"), records, ISIC2018, FileSource(root))
    look, seen = survey.look_closely, []

    def interrupting(path, **options):
        seen.append(path)
        if len(seen) == 60:
            _thread.interrupt_main()
        return look(path, **options)

    monkeypatch.setattr(survey, "look_closely", interrupting)
    with pytest.raises(KeyboardInterrupt):
        scan(data, cache=tmp_path / "cache", workers=2)
    assert len(seen) < 200
    _, kept = lines(tmp_path / "cache")
    assert 0 < len(kept) <= len(seen)
    assert all(map(scancache._from_line, kept))
    already = len(seen)
    assert scan(data, cache=tmp_path / "cache").findings == ()
    assert len(seen) - already == 200 - len(kept)


def test_where_nothing_can_be_remembered_it_warns_once_and_works(tree, tmp_path, monkeypatch):
    (tmp_path / "file").touch()
    with pytest.warns(UserWarning, match="cannot be remembered in") as caught:
        report = scan(tree, cache=tmp_path / "file" / "below")
    assert len(caught) == 1
    assert caught[0].filename == __file__
    assert report.counts() == {"MASK_RESIZED": 12}
    monkeypatch.setenv("SKINZOO_CACHE", str(tmp_path / "file"))
    with pytest.warns(UserWarning, match="set SKINZOO_CACHE"):
        facts_of(tree)


def test_a_full_disk_does_not_stop_a_scan(tree, tmp_path, monkeypatch):
    class Full:
        def __init__(self, file):
            self.file, self.left = file, 3

        def write(self, data):
            self.left -= 1
            return self.file.write(data) if self.left else 5

        def close(self):
            self.file.close()

    opened = ScanCache._open
    monkeypatch.setattr(ScanCache, "_open", lambda self: Full(opened(self)))
    with pytest.warns(UserWarning, match="the disk is full") as caught:
        assert scan(tree, cache=tmp_path / "cache", workers=1).counts() == {"MASK_RESIZED": 12}
    assert len(caught) == 1


def test_cache_false_writes_nothing_and_true_writes_where_it_is_told(tree, tmp_path, monkeypatch):
    monkeypatch.setenv("SKINZOO_CACHE", str(tmp_path / "place"))
    scan(tree, cache=False)
    assert not (tmp_path / "place").exists()
    (tmp_path / "alias").symlink_to(tree.source.root)
    scan(tree)
    scan(dataset(tmp_path / "alias", 12))  # the same folder
    _, found = lines(tmp_path / "place" / "scans")
    assert len(found) == 24
    assert json.loads(found[0])["path"] == "i0.jpg"


def test_several_writers_at_once(tmp_path):
    facts = Facts(Header("PNG", (24, 32), "L", 8, 1, ()), ("A",), None, 5, 6, 7, "ab" * 32, 2**64 - 1)
    caches = [ScanCache(tmp_path, tmp_path / "c") for _ in range(3)]
    for k in range(300):
        caches[k % 3].add([(("image", f"{k}"), facts)])
    for cache in caches:
        cache.close()
    fresh = ScanCache(tmp_path, tmp_path / "c")
    assert [fresh.find(("image", f"{k}")) for k in range(300)] == [facts] * 300
    fresh.close()


def test_lines_out_of_date_are_cleared_away(tmp_path, monkeypatch):
    monkeypatch.setattr(scancache, "_SPARE_LINES", 10)
    facts = Facts(Header("PNG", (24, 32), "L", 8, 1, ()), num_bytes=5, sha256="0" * 64)
    cache = ScanCache(tmp_path, tmp_path / "c")
    for k in range(40):
        cache.add([(("image", "a"), facts._replace(mtime_ns=k))])
    cache.close()
    ScanCache(tmp_path, tmp_path / "c").close()
    _, left = lines(tmp_path / "c")
    assert [json.loads(line)["mtime_ns"] for line in left] == [39]
    monkeypatch.setattr(scancache, "_VERSION", "another")
    cache = ScanCache(tmp_path, tmp_path / "c")
    assert cache.find(("image", "a")) is None
    cache.close()


_FACTS = Facts(
    Header("JPEG", (24, 32), "RGB", 8, 6, ("IMG_ORIENTATION",)), ("IMG_ORIENTATION",), None, 9, 8, 7, "cd" * 32, 77
)
_BAD = Facts(None, (), MaskError("why \udcff", "MASK_VALUES"), 9, 8, 7, "cd" * 32)


@given(st.data())
def test_no_damage_to_a_line_does_more_than_lose_it(data):
    line = bytearray(scancache._to_line(("image", "a/\udcff.jpg"), data.draw(st.sampled_from([_FACTS, _BAD]))))
    for _ in range(data.draw(st.integers(0, 3))):
        line[data.draw(st.integers(0, len(line) - 1))] = data.draw(st.integers(0, 255))
    entry = scancache._from_line(bytes(line))
    assert entry is None or (isinstance(entry[0][1], str) and isinstance(entry[1].num_bytes, int))


@pytest.mark.parametrize("line", [b"", b"[]", b"null", b'{"scan": 3}', b"[" * 100_000, b"\0" * 50, b'{"scan":'])
def test_foreign_lines_are_passed_over(line):
    assert scancache._from_line(line) is None


def test_lines_come_back_as_they_were():
    key, facts = scancache._from_line(scancache._to_line(("image", "a/\udcff.jpg"), _FACTS))
    assert (key, facts) == (("image", "a/\udcff.jpg"), _FACTS)
    error = scancache._from_line(scancache._to_line(("mask", "m"), _BAD))[1].error
    assert (type(error), str(error), error.code) == (MaskError, "why \udcff", "MASK_VALUES")


@pytest.mark.parametrize(("changes", "found"), [(1, []), (3, ["i3.jpg"])])
def test_a_file_that_changes_while_it_is_read(tree, tmp_path, monkeypatch, changes, found):
    """Once is tried again; what goes on is a finding, and is not remembered."""
    path, left, fstat = tmp_path / "data" / "i3.jpg", [changes], os.fstat

    def writing(handle):
        state = fstat(handle)
        if state.st_ino == path.stat().st_ino and left[0]:
            left[0] -= 1
            with path.open("ab") as file:
                file.write(b"\0")
        return state

    monkeypatch.setattr("os.fstat", writing)
    report = scan(tree, cache=tmp_path / "cache", workers=1)
    assert [f.path for f in report.of("FILE_CHANGED")] == found
    assert report.num_ok == 12 - len(found)
    assert not any(b"FILE_CHANGED" in line for line in lines(tmp_path / "cache")[1])
    assert scan(tree, cache=tmp_path / "cache").num_ok == 12


def test_a_file_that_vanishes_between_looking_and_hashing(tmp_path, write_image, monkeypatch):
    """The quick check hashes what may be a copy of another file."""
    for name in ("a/x", "a/y", "b/z"):
        write_image(tmp_path / f"{name}.jpg", seed=0)
    read = looking.read_content

    def vanishing(path):
        if path.endswith("y.jpg"):
            Path(path).unlink()
        return read(path)

    monkeypatch.setattr("skinzoo.datasets.screening.read_content", vanishing)
    with pytest.warns(skinzoo.datasets.IntegrityWarning, match="FILE_MISSING 1"):
        data = load_dataset("folder", tmp_path, conflicts="keep")
    assert data.records.ids.tolist() == ["x", "z"]


def test_dhash_is_that_of_block_means():
    rng = np.random.default_rng(0)
    grey = np.kron(rng.permutation(72).reshape(8, 9) * 3, np.ones((5, 7))).astype(np.uint8)
    expected = "".join(str(int(grey[5 * y, 7 * (x + 1)] > grey[5 * y, 7 * x])) for y in range(8) for x in range(8))
    assert dhash_of(Image.fromarray(grey)) == int(expected, 2)
    assert 20 < expected.count("1") < 44


def test_facts_of_every_picture(tmp_path, write_image):
    """Upright, whatever the file says; the same picture smaller and compressed has nearly the same hash."""
    smooth = Image.fromarray(np.random.default_rng(1).integers(0, 256, (9, 11, 3), dtype=np.uint8))
    smooth = smooth.resize((220, 180), Image.Resampling.BICUBIC)
    smooth.save(tmp_path / "i0.jpg", "PNG")
    smooth.resize((110, 90), Image.Resampling.BOX).save(tmp_path / "i1.jpg", quality=60)
    exif = Image.Exif()
    exif[0x0112] = 6
    smooth.transpose(Image.Transpose.ROTATE_90).save(tmp_path / "i2.jpg", "PNG", exif=exif)
    write_image(tmp_path / "i3.jpg")
    (tmp_path / "i4.jpg").touch()
    facts = facts_of(dataset(tmp_path, 5))
    assert len(facts) == 5
    assert facts.known.tolist() == [True] * 4 + [False]
    assert facts.size.tolist() == [[180, 220], [90, 110], [180, 220], [24, 32], [0, 0]]
    digests = [hashlib.sha256((tmp_path / f"i{k}.jpg").read_bytes()).hexdigest() for k in range(4)]
    assert facts.sha256.tolist() == [*digests, ""]
    assert facts.dhash.dtype == np.uint64
    distance = [(int(facts.dhash[0]) ^ other).bit_count() for other in facts.dhash.tolist()]
    assert distance[2] == 0
    assert distance[1] <= 4
    assert distance[3] > 10


class Odd:
    """A source in which everything is wrong."""

    def read(self, image, mask, id):
        good = np.random.default_rng(int(image) % 9).integers(0, 256, (20, 30, 3), dtype=np.uint8)
        lesion = np.zeros((20, 30), np.uint8)
        lesion[5:9] = 1
        if image == "1":
            raise ImageDecodeError("bad", "IMG_TRUNCATED")
        if image == "2":
            raise KeyError("no such thing")
        if image == "3" and mask:
            raise MaskError("grey", "MASK_VALUES")
        if image == "8":
            raise DataError("cannot", "SOMETHING")
        pictures = {"4": good * 0, "5": good[:8], "6": good.astype(float)}
        masks = {"10": None, "11": lesion[:5], "12": lesion * 255, "13": lesion * 0, "14": lesion * 0 + 1}
        return pictures.get(image, good), masks.get(image, lesion) if mask else None


def test_sources_that_are_no_files_are_read(tree):
    keys = [str(k) for k in range(16)]
    records = Records.build([f"x{k}" for k in keys], labels=[int(k) % 7 for k in keys], images=keys, masks=keys)
    data = SkinDataset(tree.info, records, ISIC2018, Odd())
    report = scan(data, workers=2)
    assert [(f.row, f.code) for f in report.findings if not f.code.startswith("DUP")] == [
        (1, "IMG_TRUNCATED"),
        (2, "FILE_UNREADABLE"),
        (3, "MASK_VALUES"),
        (4, "IMG_DEGENERATE"),
        (5, "IMG_DEGENERATE"),
        (6, "IMG_NOT_IMAGE"),
        (8, "FILE_UNREADABLE"),
        (10, "MASK_MISSING"),
        (11, "MASK_SIZE"),
        (12, "MASK_VALUES"),
        (13, "MASK_EMPTY"),
        (14, "MASK_FULL"),
    ]
    assert {f.row for f in report.of("DUP_CONFLICT")} == {0, 9, 3, 12}  # 7 and others stand alone
    assert (report.num_rows, report.num_ok) == (16, 10)
    assert facts_of(data).known.tolist() == [k not in (1, 2, 4, 5, 6, 8) for k in range(16)]


def test_synthetic_pictures():
    data = load_dataset("synthetic", num_images=9, size=48)
    assert scan(data).findings == ()
    facts = facts_of(data)
    assert len(set(facts.sha256.tolist())) == 9
    picture = data[0].image
    assert facts.sha256[0] == hashlib.sha256(b"48 48" + picture.tobytes()).hexdigest()
    assert facts.dhash[0] == dhash_of(Image.fromarray(picture))


def test_an_empty_part_and_what_is_no_dataset(tree):
    empty = tree.subset([])
    assert scan(empty).num_rows == 0
    assert facts_of(empty).size.shape == (0, 2)
    assert len(facts_of(replace_source(empty, Odd()))) == 0
    for wrong in ("data/HAM10000", tree.records):
        with pytest.raises(ConfigError, match="give what load_dataset returns"):
            scan(wrong)
    with pytest.raises(ConfigError, match="number of threads"):
        scan(tree, workers=0)


def replace_source(data, source):
    return SkinDataset(data.info, replace(data.records), data.label_space, source)


def test_paths_out_of_the_root_are_refused_before_anything_is_opened(tree, tmp_path):
    records = replace(tree.records, images=np.array(["../secret.jpg"] * 12))
    data = SkinDataset(tree.info, records, ISIC2018, tree.source)
    for work in (scan, facts_of):
        with pytest.raises(DataError, match="below the collection's folder") as caught:
            work(data)
        assert caught.value.code == "PATH_ESCAPE"


def test_the_whole_of_the_real_nine_classes(real_isic9, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        data = load_dataset("folder", real_isic9).subset(range(300))
    report = scan(data, cache=tmp_path)
    assert (report.num_ok, report.counts()) == (300, {})
