"""The audit of the real collections: what it must find by itself, checked by file names."""

import warnings
from collections import Counter, defaultdict

import pytest

from skinzoo.datasets import IntegrityWarning, load_dataset
from skinzoo.datasets.auditing import audit
from skinzoo.datasets.auditing.near import MIN_SIMILARITY

pytestmark = pytest.mark.real_data


@pytest.fixture(scope="module")
def ham(real_ham10000):
    return load_dataset("ham10000", real_ham10000, check="none", masks=False)


@pytest.fixture(scope="module")
def nine(real_isic9):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", IntegrityWarning)
        return load_dataset("folder", real_isic9, check="none", conflicts="keep", duplicates="keep")


@pytest.fixture(scope="module")
def patterns(tmp_path_factory):
    return tmp_path_factory.mktemp("patterns")


@pytest.fixture(scope="module")
def both(ham, nine, patterns):
    return audit(ham10000=ham, isic9=nine, cache=patterns, progress=False)


def test_overlap_is_that_of_the_file_names(both, real_ham10000, real_isic9):
    theirs = {p.stem for p in real_ham10000.glob("HAM10000_images_part_*/*.jpg")}
    mine = [p.stem.removesuffix("(1)") for p in real_isic9.rglob("*.jpg")]
    shared = [stem for stem in mine if stem in theirs]
    assert (len(mine), len(shared), len(set(shared))) == (2_359, 1_316, 1_257)
    assert {(o.dataset, o.other): o.pictures for o in both.overlaps} == {
        ("isic9", "ham10000"): 1_316,
        ("ham10000", "isic9"): 1_259,  # two more by a file under two ids, and by a picture taken twice
    }
    assert both.verdict == "leaks"


def test_every_copy_is_recognised_by_its_look_and_by_nothing_else_than_its_look(both):
    """Each pair under one id is above the threshold, and no pair of two lesions is, but one that is real."""
    across = both.of("id", across=True)
    assert len(across) == 1_257
    assert min(m.similarity for m in across) > MIN_SIMILARITY + 0.1
    near = {frozenset(e.id.partition("#")[0] for e in m.entries) for m in both.of("near")}
    assert near == {
        frozenset(("ISIC_0030074", "ISIC_0025226")),  # HAM10000: one photograph as two lesions
        frozenset(("ISIC_0000520", "ISIC_0010302")),
        frozenset(("ISIC_0000521", "ISIC_0010990")),
        frozenset(("ISIC_0000399", "ISIC_0001124")),
    }


def test_nine_classes_alone(nine, patterns):
    result = audit(nine, cache=patterns, progress=False)
    assert result.verdict == "look at it"
    names = Counter(p.rpartition("/")[2].replace("(1)", "") for p in nine.records.images.tolist())
    assert len(result.of("id")) == sum(n > 1 for n in names.values()) == 157
    labels = Counter(tuple(sorted({e.label for e in m.entries})) for m in result.of("label"))
    assert labels == {("MEL", "SEK"): 78, ("AK", "NV"): 77}
    assert len(result.of("near")) == 8  # three copies, and five lesions photographed twice; looked at one by one


def test_official_parts_of_the_nine_classes_leak(nine):
    part = nine.records.metadata["official_split"]
    result = audit(train=nine.subset(part == "train"), test=nine.subset(part == "test"), near=False)
    by_part = defaultdict(set)
    for image in nine.records.images.tolist():
        by_part[image.split("/")[0]].add(image.rpartition("/")[2].replace("(1)", ""))
    assert result.exposures[0].count == len(by_part["Train"] & by_part["Test"])
    assert result.verdict == "leaks"


def test_identical_files_under_several_ids(both):
    assert {frozenset(e.id for e in m.entries) for m in both.of("bytes")} == {
        frozenset(("ISIC_0024366", "ISIC_0029861")),
        frozenset(("ISIC_0024777", "ISIC_0029938")),
        frozenset(("ISIC_0000279", "ISIC_0000280")),
        frozenset(("ISIC_0000477", "ISIC_0000512")),
    }


def test_a_split_by_lesion_shares_only_that_one_picture(ham, patterns):
    train, val, test = ham.split((0.7, 0.15, 0.15), seed=42)
    result = audit(train=train, val=val, test=test, cache=patterns, progress=False)
    assert result.of("id") == result.of("group") == []
    assert {e.id for m in result.leaks for e in m.entries} <= {"ISIC_0030074", "ISIC_0025226"}
