"""The audit of small collections in which everything that stands twice was put there on purpose."""

import io
import json
import math
from dataclasses import replace
from html.parser import HTMLParser

import numpy as np
import pytest
from PIL import Image

import skinzoo
from skinzoo.datasets import MemmapSource, load_dataset
from skinzoo.datasets.auditing import audit
from skinzoo.datasets.auditing.page import MAX_MATCHES
from skinzoo.errors import ConfigError, LeakageError
from skinzoo.taxonomy import ISIC9, ISIC2018

MEL, NV, BCC = 0, 1, 2


@pytest.fixture(autouse=True)
def _own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("SKINZOO_CACHE", str(tmp_path / "cache"))


def ids(matches):
    return [[e.id for e in m.entries] for m in matches]


def squashed(image):
    buffer = io.BytesIO()
    image.resize((90, 90)).save(buffer, "JPEG", quality=60)
    return Image.open(buffer)


def found(result):
    return {kind: n for kind, n in result.counts().items() if n}


def test_it_is_skinzoo_audit():
    assert skinzoo.audit is audit


def test_different_pictures_are_clean(collection):
    result = audit(a=collection("a", {"x": 0, "y": 1}), b=collection("b", {"p": 2, "q": 3}))
    assert result.verdict == "clean"
    assert "No undeclared copy and no contradiction among 4 images" in result.sentence
    assert found(result) == {}
    assert result.raise_for_leaks() is result
    assert str(result).startswith("Audit of a (2 images) and b (2 images): CLEAN")


def test_a_squashed_copy_under_another_id_leaks(collection, picture):
    a = collection("a", {"x": 0, "y": 1})
    b = collection("b", {"p": squashed(picture(1)), "q": 3})
    result = audit(a, b)
    assert result.verdict == "leaks"
    assert ids(result.of("near", across=True)) == [["y", "p"]]
    assert result.of("near")[0].similarity > 0.8
    assert [str(o) for o in result.overlaps] == [
        "1 of 2 images of a show a picture of b",
        "1 of 2 images of b show a picture of a",
    ]
    assert audit(a, b, near=False).verdict == "clean"
    assert "not looked for" in audit(a, b, near=False).sentence
    with pytest.raises(LeakageError, match="near-identical pictures 1; such as a: y = b: p") as caught:
        result.raise_for_leaks()
    assert caught.value.code == "LEAK_DUPLICATE"


def test_a_flipped_copy_is_told_so(collection, picture):
    data = collection("a", {"x": 0, "y": picture(0).transpose(Image.Transpose.FLIP_LEFT_RIGHT)})
    (match,) = audit(data).of("near")
    assert match.turned


def test_identical_files_are_found_by_their_bytes(collection, picture):
    buffer = io.BytesIO()
    picture(0).save(buffer, "JPEG")
    padded = collection("a", {"x": buffer.getvalue(), "y": buffer.getvalue(), "z": bytes(len(buffer.getvalue()))})
    result = audit(padded, near=False)
    assert ids(result.of("bytes")) == [["x", "y"]]
    assert result.verdict == "look at it"


def test_ids_mean_the_same_within_a_namespace_only(collection):
    a = collection("a", {"1": 0, "2_downsampled": 1}, namespace="n")
    b = collection("b", {"1": 2, "2": 3}, namespace="n")
    c = collection("c", {"1": 4, "2": 5}, namespace="other")
    assert ids(audit(a, b).of("id")) == [["1", "1"], ["2_downsampled", "2"]]
    assert audit(a, c).verdict == "clean"
    assert any("2 ids stand for pictures that look different" in note for note in audit(a, b).notes)


def test_an_archive_id_means_the_same_everywhere_and_a_numbered_name_does_not(collection):
    a = collection("a", {"ISIC_0000001_downsampled": 0, "mole (1)": 1, "mole (2)": 2}, namespace="isic")
    b = collection("b", {"ISIC_0000001(1)": 3, "mole (1)": 4, "mole (2)": 5})
    assert ids(audit(a, b).of("id", across=True)) == [["ISIC_0000001_downsampled", "ISIC_0000001(1)"]]
    assert ids(audit(b).of("id")) == []


def test_lesions_are_compared_within_one_collection(collection):
    data = collection("a", {"x": 0, "y": 1, "z": 2}, groups=["L1", "L1", ""], group="lesion")
    result = audit(one=data.subset([0, 2]), two=data.subset([1]))
    assert ids(result.of("group")) == [["x", "y"]]
    assert "1 lesion on several sides" in result.sentence
    assert found(audit(data)) == {}
    other = collection("b", {"x2": 3}, groups=["L1"], group="lesion")
    assert audit(data, other).verdict == "clean"


def test_near_identical_pictures_of_one_lesion_are_noted_only(collection, picture):
    data = collection("a", {"x": 0, "y": squashed(picture(0))}, groups=["L1", "L1"], group="lesion")
    result = audit(data)
    assert result.verdict == "clean"
    assert any("1 near-identical pairs are told" in note for note in result.notes)


def test_contradictory_labels_of_one_picture(collection, picture):
    data = collection(
        "a", {"x": 0, "x#2": 0, "y": 1, "z": squashed(picture(1)), "w": 2, "w#2": 2}, labels=[MEL, NV, MEL, BCC, NV, NV]
    )
    result = audit(data)
    assert ids(result.of("label")) == [["x", "x#2"], ["y", "z"]]
    assert ids(result.of("id")) == [["x", "x#2"], ["w", "w#2"]]
    assert "2 pictures under contradictory labels" in result.sentence


def test_labels_of_two_spaces_contradict_only_where_no_diagnosis_fits_both(collection, picture):
    a = collection("a", {"x": 0, "y": 1}, labels=[ISIC2018.index("BKL"), ISIC2018.index("BKL")])
    nine = [ISIC9.index("PBK"), ISIC9.index("MEL")]
    b = collection("b", {"p": squashed(picture(0)), "q": squashed(picture(1))}, labels=nine, space=ISIC9)
    result = audit(a, b)
    assert ids(result.of("label")) == [["y", "q"]]
    (shift,) = result.shifts
    assert math.isnan(shift.value)
    assert "isic2018 and isic9" in shift.reason


def test_exposure_of_the_other_parts_by_class(collection, picture):
    data = collection(
        "a",
        {"t1": 0, "t2": 1, "e1": squashed(picture(0)), "e2": 2, "e3": 3},
        labels=[MEL, NV, MEL, MEL, NV],
        groups=["", "L", "", "", "L"],
        group="lesion",
    )
    result = audit(train=data.subset([0, 1]), test=data.subset([2, 3, 4]))
    (exposure,) = result.exposures
    assert (exposure.train, exposure.test) == ("train", "test")
    assert dict(exposure.why) == {"e1": ("near duplicate",), "e3": ("same lesion",)}
    assert exposure.per_class["MEL"] == (1, 2)
    assert exposure.per_class["NV"] == (1, 1)
    assert result.sentence.startswith("2 of 3 images of test (66.7%) show a picture, lesion or patient of train")


def test_shift_of_classes_and_metadata(collection):
    rng = np.random.default_rng(0)
    ages = np.r_[rng.normal(40, 10, 60), rng.normal(60, 10, 60)]
    ages[0] = np.nan
    site = np.array(["back"] * 30 + [None] * 30 + ["back"] * 60, dtype=object)
    same = np.array(["m", "f"] * 60, dtype=object)
    data = collection(
        "a",
        {f"{k}": k for k in range(120)},
        labels=[NV] * 45 + [MEL] * 15 + [NV] * 15 + [MEL] * 45,
        metadata={"age": ages, "site": site, "sex": same, "name": np.arange(120).astype(str).astype(object)},
    )
    result = audit(train=data.subset(range(60)), test=data.subset(range(60, 120)), near=False)
    by = {s.column: s for s in result.shifts}
    assert by["class"].value == pytest.approx(0.5)
    assert by["site"].value == pytest.approx(0.5)
    a, b = ages[1:60], ages[60:]
    assert by["age"].value == pytest.approx((b.mean() - a.mean()) / np.sqrt((a.var(ddof=1) + b.var(ddof=1)) / 2))
    assert by["sex"].value == 0
    assert by["sex"].p > 0.5
    assert "120 different values" in by["name"].reason
    assert {c for c, s in by.items() if s.is_large} == {"class", "site", "age"}
    assert result.verdict == "look at it"


def test_chi_squared_tail_agrees_with_the_tables():
    """Percentage points of Abramowitz and Stegun, table 26.8."""
    from skinzoo.datasets.auditing.shifts import _chi2_tail

    for value, freedom, p in ((3.841, 1, 0.05), (5.991, 2, 0.05), (16.919, 9, 0.05), (27.877, 9, 0.001)):
        assert _chi2_tail(value, freedom) == pytest.approx(p, rel=0.15)


def test_a_broken_file_is_listed_and_the_rest_audited(collection, picture):
    data = collection("a", {"x": 0, "y": b"not a picture", "z": squashed(picture(0))})
    result = audit(data)
    assert list(result.unreadable) == [("a", "y")]
    assert "not an image" in result.unreadable["a", "y"]
    assert ids(result.of("near")) == [["x", "z"]]
    assert "1 unreadable picture" in result.sentence


def test_plain_pictures_are_not_compared_by_look(collection):
    grey = {f"{k}": Image.new("RGB", (64, 48), (k, k, k)) for k in (100, 120, 140)}
    result = audit(collection("a", grey))
    assert found(result) == {}
    assert any("3 pictures are too plain" in note for note in result.notes)


def test_pictures_that_come_from_no_files(tmp_path):
    data = load_dataset("synthetic", num_images=14, size=32)
    assert audit(data).verdict == "clean"
    copied = data.cache(tmp_path / "maps", 32, progress=False)
    assert isinstance(copied.source, MemmapSource)
    copied.records = replace(
        copied.records, ids=np.array([f"other {k}" for k in range(14)]), groups=np.array([f"g{k}" for k in range(14)])
    )
    result = audit(data, copied)
    assert len(result.of("bytes", across=True)) == 14
    assert "compared by their ids only" in audit(copied, near=False).notes[0]


def test_the_cache_spares_decoding_until_a_file_changes(collection, picture, monkeypatch, tmp_path):
    from skinzoo.datasets.auditing import measuring

    data = collection("a", {"x": 0, "y": 1, "z": 2})
    looked = []
    real = measuring.pattern_of_file
    monkeypatch.setattr(measuring, "pattern_of_file", lambda path: looked.append(path.name) or real(path))
    audit(data)
    assert sorted(looked) == ["x.jpg", "y.jpg", "z.jpg"]
    looked.clear()
    picture(1).save(data.source.path("z.jpg"), quality=70)
    assert ids(audit(data).of("near")) == [["y", "z"]]
    assert looked == ["z.jpg"]
    (store,) = (tmp_path / "cache" / "patterns").iterdir()
    store.write_bytes(b"torn")
    looked.clear()
    assert ids(audit(data).of("near")) == [["y", "z"]]
    assert len(looked) == 3
    store.unlink()
    audit(data, cache=False)
    assert not store.exists()


def test_what_was_set_aside_before_is_noted(fake_isic9, write_image):
    write_image(fake_isic9 / "Train" / "nevus" / "ISIC_0000000.jpg", seed=0)
    with pytest.warns(skinzoo.datasets.IntegrityWarning):
        data = load_dataset("folder", fake_isic9)
    (note,) = (n for n in audit(data, near=False).notes if "set aside" in n)
    assert note.startswith("2 of 28 rows of folder were set aside when it was opened (DUP_CONFLICT 2)")
    assert "conflicts='keep'" in note
    with pytest.warns(skinzoo.datasets.IntegrityWarning):
        data = load_dataset("folder", fake_isic9, conflicts="keep", duplicates="keep")
    assert ids(audit(data, near=False).of("label")) == [["ISIC_0000000", "ISIC_0000000#2"]]


class Page(HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.sources, self.tags, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.sources += [value for name, value in attrs if name == "src"]

    def handle_data(self, data):
        self.text += data


def test_save_writes_all_matches_and_a_page_of_the_first(collection, tmp_path):
    pictures = {f"{k}": k for k in range(30)} | {f"{k}#2": k for k in range(30)}
    data = collection("a<b>", pictures, labels=[MEL] * 30 + [NV] * 30)
    result = audit(data, near=False)
    index = result.save(tmp_path / "out")
    stored = json.loads((tmp_path / "out" / "audit.json").read_text())
    assert len(stored["findings"]) == 60
    assert stored["counts"]["label_within"] == 30
    assert stored["findings"][0]["entries"][0] == {
        "dataset": "a<b>",
        "row": 0,
        "id": "0",
        "label": "MEL",
        "group": "0",
        "image": "0.jpg",
    }
    page = Page(index.read_text("utf-8"))
    assert len(page.sources) == 2 * 2 * MAX_MATCHES
    assert all(s.startswith("data:image/jpeg;base64,") for s in page.sources)
    assert not {"script", "b>"} & set(page.tags)
    assert "24 of 30 are shown" in page.text
    assert result.save(tmp_path / "only.json").name == "only.json"
    assert json.loads((tmp_path / "only.json").read_text()) == stored


def test_the_page_shows_where_a_picture_is_gone(collection, tmp_path):
    data = collection("a", {"x": 0, "x#2": 0})
    result = audit(data)
    data.source.path("x.jpg").unlink()
    assert "ImageDecodeError" in Page(result.save(tmp_path / "out").read_text("utf-8")).text


def test_two_datasets_of_one_name_get_two_names(collection):
    data = collection("a", {"x": 0, "y": 1})
    assert list(audit(data, data.subset([1]), near=False).datasets) == ["a", "a (2)"]


def test_what_is_no_dataset_is_refused(collection):
    data = collection("a", {"x": 0, "y": 1})
    with pytest.raises(ConfigError, match=r"audit\(\*parts\)"):
        audit((data, data))
    with pytest.raises(ConfigError, match="test is no SkinDataset"):
        audit(train=data, test="test")
    with pytest.raises(ConfigError, match="no picture to audit"):
        audit()
    with pytest.raises(ConfigError, match="workers"):
        audit(data, workers=0)
