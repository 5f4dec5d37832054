"""Splits: properties on random collections (hypothesis), the class balance of HAM10000's shape, and every refusal."""

import hashlib
import os
import subprocess
import sys

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo.datasets import LeakageWarning
from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.splits import check_disjoint, split_indices
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX

FRACTIONS = (0.7, 0.15, 0.15)

# images per lesion and lesions per class of the complete HAM10000 (Tschandl et al. 2018)
LESIONS = {"MEL": 614, "NV": 5403, "BCC": 327, "AKIEC": 228, "BKL": 727, "DF": 73, "VASC": 98}
IMAGES = {"MEL": 1113, "NV": 6705, "BCC": 514, "AKIEC": 327, "BKL": 1099, "DF": 115, "VASC": 142}


def ham_shaped():
    rng = np.random.default_rng(0)
    labels, groups = [], []
    for code in ISIC2018:
        owner = np.concatenate([np.arange(LESIONS[code]), rng.integers(0, LESIONS[code], IMAGES[code] - LESIONS[code])])
        groups += [f"{code}{g}" for g in owner]
        labels += [ISIC2018.index(code)] * len(owner)
    return [f"I{i:05d}" for i in range(len(labels))], np.array(labels), groups


@st.composite
def collections(draw):
    n = draw(st.integers(1, 120))
    seed = draw(st.integers(0, 10_000))
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, draw(st.integers(1, n)), n).astype(str)
    labels = rng.integers(-1, draw(st.integers(1, 5)), n)
    fractions = draw(st.sampled_from([(0.5, 0.5), FRACTIONS, (0.9, 0.05, 0.05), (0.25,) * 4]))
    return [f"id{i}" for i in range(n)], np.where(labels < 0, IGNORE_INDEX, labels), groups, fractions, seed


@settings(max_examples=100, deadline=None)
@given(collections())
def test_every_row_once_and_no_group_torn_and_row_order_irrelevant(case):
    ids, labels, groups, fractions, seed = case
    units = len(set(groups))
    if units < len(fractions):
        with pytest.raises(SplitError, match=rf"^{units} groups cannot make {len(fractions)} parts") as caught:
            split_indices(ids, labels, groups, fractions, seed=seed, allow_missing_classes=True)
        assert caught.value.code == "SPLIT_GROUPS"
        return
    parts = split_indices(ids, labels, groups, fractions, seed=seed, allow_missing_classes=True)
    assert len(parts) == len(fractions)
    assert all(map(len, parts))
    assert all(rows.dtype == np.int64 for rows in parts)
    assert sorted(np.concatenate(parts).tolist()) == list(range(len(ids)))
    owners = [set(groups[rows]) for rows in parts]
    assert sum(map(len, owners)) == len(set(groups))
    shuffle = np.random.default_rng(seed + 1).permutation(len(ids))
    again = split_indices(
        np.array(ids)[shuffle], labels[shuffle], groups[shuffle], fractions, seed=seed, allow_missing_classes=True
    )
    for rows, other in zip(parts, again, strict=True):
        assert {ids[i] for i in rows} == {ids[shuffle[i]] for i in other}


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(3, 12), min_size=1, max_size=5), st.integers(0, 1000))
def test_every_class_with_enough_groups_stands_in_every_part(groups_per_class, seed):
    rng = np.random.default_rng(seed)
    labels, groups = [], []
    for label, n in enumerate(groups_per_class):
        for g in range(n):
            size = int(rng.integers(1, 5))
            labels += [label] * size
            groups += [f"{label}-{g}"] * size
    labels = np.array(labels)
    for rows in split_indices([f"i{k}" for k in range(len(labels))], labels, groups, FRACTIONS, seed=seed):
        assert set(labels[rows]) == set(range(len(groups_per_class)))


@settings(max_examples=50, deadline=None)
@given(st.lists(st.integers(5, 40), min_size=1, max_size=4), st.integers(2, 5), st.integers(0, 1000))
def test_equal_parts_differ_by_at_most_one_group_in_each_class(groups_per_class, k, seed):
    rng = np.random.default_rng(seed)
    labels, groups, largest = [], [], []
    for label, n in enumerate(groups_per_class):
        sizes = rng.integers(1, 6, n)
        groups += [f"{label}-{g}" for g, size in enumerate(sizes) for _ in range(size)]
        labels += [label] * int(sizes.sum())
        largest.append(sizes.max())
    ids = [f"i{i}" for i in range(len(labels))]
    parts = split_indices(ids, labels, groups, (1 / k,) * k, seed=seed, even=True)
    counts = np.array([np.bincount(np.array(labels)[rows], minlength=len(largest)) for rows in parts])
    assert (np.ptp(counts, axis=0) <= largest).all()
    singles = split_indices(ids, labels, ids, (1 / k,) * k, seed=seed, even=True)
    assert np.ptp([len(rows) for rows in singles]) <= 1, "leftovers of the classes do not all come into one part"


def test_no_part_is_empty_where_each_class_is_one_group():
    parts = split_indices(["a", "b", "c"], [0, 1, 2], ["a", "b", "c"], FRACTIONS, allow_missing_classes=True)
    assert [len(rows) for rows in parts] == [1, 1, 1]


def by_hash(groups, fractions, seed):
    """The documented rule, written a second time."""
    parts = []
    for group in groups:
        number = int.from_bytes(hashlib.sha256(f"{seed}/{group}".encode()).digest()[:8], "big") / 2**64
        parts.append(sum(number >= edge for edge in np.cumsum(fractions)[:-1]))
    return np.array(parts)


@settings(max_examples=30, deadline=None)
@given(collections())
def test_a_stable_split_follows_the_documented_rule(case):
    ids, labels, groups, fractions, seed = case
    expected = by_hash(groups, fractions, seed)
    options = {"seed": seed, "stable": True, "allow_missing_classes": True}
    if len(set(expected)) < len(fractions):
        with pytest.raises(SplitError) as caught:
            split_indices(ids, labels, groups, fractions, **options)
        assert caught.value.code == "SPLIT_GROUPS"
        return
    for k, rows in enumerate(split_indices(ids, labels, groups, fractions, **options)):
        assert rows.tolist() == np.flatnonzero(expected == k).tolist()


def test_a_stable_split_never_moves_a_lesion():
    lesions = ["HAM_0000118", "HAM_0000001", "HAM_0002730", "IP_7279968"]
    golden = split_indices(lesions, [0] * 4, lesions, FRACTIONS, seed=42, stable=True, allow_missing_classes=True)
    assert [rows.tolist() for rows in golden] == [[0, 1], [2], [3]]
    ids, labels, groups = ham_shaped()
    whole = SkinDataset(DatasetInfo("h", "h"), Records.build(ids, labels=labels, groups=groups), ISIC2018, source=None)
    parts = whole.split(stable=True)
    assert [len(p) / len(whole) for p in parts] == pytest.approx(FRACTIONS, abs=0.02)
    some = whole.subset(np.random.default_rng(1).random(len(whole)) < 0.5)
    for part, smaller in zip(parts, some.split(stable=True), strict=True):
        assert set(smaller.records.ids) == set(part.records.ids) & set(some.records.ids)
    lesions[3] = "HAM_0001466"
    with pytest.raises(SplitError, match=r"no image of class 0 came into part 1, by the hash") as caught:
        split_indices(lesions, [0, 0, 1, 1], lesions, (0.5, 0.5), stable=True)
    assert caught.value.code == "SPLIT_TOO_FEW"


@pytest.mark.parametrize("seed", [0, 1, 42])
def test_class_counts_of_ham10000_are_within_5_percent(seed):
    ids, labels, groups = ham_shaped()
    parts = split_indices(ids, labels, groups, FRACTIONS, seed=seed)
    total = np.bincount(labels)
    for rows, share in zip(parts, FRACTIONS, strict=True):
        assert np.abs(np.bincount(labels[rows]) / (share * total) - 1).max() <= 0.05


def test_seeds_differ_and_hash_randomisation_does_not_matter():
    code = (
        "from skinzoo.datasets.splits import split_indices as s;"
        "r = s([f'i{k}' for k in range(60)], [k % 3 for k in range(60)], [f'g{k % 20}' for k in range(60)],"
        " (0.5, 0.5), seed=3);"
        "print(r[0].tolist())"
    )
    outputs = {
        subprocess.run(
            [sys.executable, "-c", code],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(outputs) == 1
    ids, labels, groups = ham_shaped()
    assert not np.array_equal(*(split_indices(ids, labels, groups, (0.5, 0.5), seed=s)[0] for s in (1, 2)))


def test_empty_groups_stand_alone_and_unlabelled_rows_are_spread():
    ids = [f"i{k}" for k in range(100)]
    labels = np.array([0] * 50 + [IGNORE_INDEX] * 50)
    halves = split_indices(ids, labels, [""] * 100, (0.5, 0.5))
    assert [np.sum(labels[rows] == IGNORE_INDEX) for rows in halves] == [25, 25]


def test_class_with_too_few_groups_is_named_with_its_count_and_the_need():
    ids = [f"i{k}" for k in range(20)]
    labels = np.array([0] * 12 + [1] * 6 + [2] * 2)
    groups = [str(k) for k in range(12)] + ["a"] * 6 + ["b", "c"]
    message = r"at least 3 groups to stand in each of 3 parts: MEL has 1, NV has 2\."
    with pytest.raises(SplitError, match=message) as caught:
        split_indices(ids, labels, groups, FRACTIONS, class_names=("BCC", "MEL", "NV"))
    assert caught.value.code == "SPLIT_TOO_FEW"
    parts = split_indices(ids, labels, groups, FRACTIONS, allow_missing_classes=True)
    assert sum(map(len, parts)) == 20


@pytest.mark.parametrize("fractions", [(0.7, 0.2), (0.5, 0.6), (1.0,), (1.2, -0.2)])
def test_fractions_must_sum_to_one(fractions):
    with pytest.raises(SplitError, match="sum to"):
        split_indices(["a", "b"], [0, 0], ["a", "b"], fractions)


@pytest.mark.parametrize(
    "fractions", ["abc", 0.5, None, {0.5: 0.5}, ("a", "b"), (0.5, None), (0.5, float("nan")), (True, 0.0), (0.5, 0.5j)]
)
def test_fractions_of_a_wrong_type(fractions):
    whole = dataset("d", ["1", "2"], ["x", "y"])
    for split in (lambda f: split_indices(["a", "b"], [0, 0], ["a", "b"], f), whole.split):
        with pytest.raises(SplitError, match=r"give at least two positive numbers that sum to 1"):
            split(fractions)


@pytest.mark.parametrize("seed", [-1, 1.5, "1", None, True])
def test_seeds_of_a_wrong_kind(seed):
    with pytest.raises(ConfigError, match="the seed of a split must be a whole number of at least 0"):
        split_indices(["a", "b"], [0, 0], ["a", "b"], (0.5, 0.5), seed=seed)


def test_numpy_fractions_and_seeds():
    halves = split_indices(["a", "b"], [0, 0], ["a", "b"], np.array([0.5, 0.5]), seed=np.int64(3))
    assert [len(rows) for rows in halves] == [1, 1]


def test_bad_arguments():
    with pytest.raises(SplitError, match="'a' stands 2 times"):
        split_indices(["a", "a"], [0, 0], ["x", "y"], (0.5, 0.5))
    with pytest.raises(ConfigError, match="by='lesion'"):
        split_indices(["a", "b"], [0, 0], ["x", "y"], (0.5, 0.5), by="lesion")
    with pytest.raises(SplitError, match="2 ids, 1 labels"):
        split_indices(["a", "b"], [0], ["x", "y"], (0.5, 0.5))
    with pytest.raises(SplitError, match="no row"):
        split_indices([], [], [], (0.5, 0.5))


def test_split_by_image_tells_how_many_test_images_it_exposes():
    ids = [f"i{k}" for k in range(40)]
    groups = [f"g{k // 2}" for k in range(40)]
    with pytest.raises(LeakageError, match=r"by='image' separates .* of 20 groups: .*by='group'.*allow_leakage=True"):
        split_indices(ids, [0] * 40, groups, (0.5, 0.5), by="image")
    parts = split_indices(ids, [0] * 40, groups, (0.5, 0.5), by="image", allow_leakage=True)
    exposed = np.isin(np.array(groups)[parts[1]], np.array(groups)[parts[0]]).mean()
    with pytest.raises(LeakageError, match=f"{exposed:.1%} of the images of the last part"):
        split_indices(ids, [0] * 40, groups, (0.5, 0.5), by="image")
    assert len(split_indices(ids, [0] * 40, ids, (0.5, 0.5), by="image")) == 2  # nobody is torn


def dataset(name, ids, groups):
    return SkinDataset(DatasetInfo(name, name), Records.build(ids, groups=groups), ISIC2018, source=None)


def test_check_disjoint_compares_ids_of_two_collections_without_their_endings():
    challenge = dataset("isic2019", ["ISIC_0000001_downsampled"], ["x"])
    with pytest.raises(LeakageError, match=r"share 1 ids \(such as 'ISIC_0000001'\)"):
        check_disjoint(challenge, dataset("ham", ["ISIC_0000001"], ["y"]))
    check_disjoint(dataset("own", ["mole (1)"], ["x"]), dataset("own", ["mole (2)"], ["y"]))


def test_check_disjoint_finds_shared_ids_and_shared_groups():
    a, b, c = dataset("a", ["1", "2"], ["x", "y"]), dataset("b", ["3"], ["z"]), dataset("c", ["4"], ["y"])
    check_disjoint(a, b)
    with pytest.raises(LeakageError, match=r"a and c share 1 groups \(such as 'y'\)"):
        check_disjoint(a, b, c)
    with pytest.raises(LeakageError, match="share 1 ids"):
        check_disjoint(b, dataset("d", ["3"], ["q"]))


def test_dataset_split_names_its_parts_and_passes_options_on():
    ids, labels, groups = ham_shaped()
    records = Records.build(ids, labels=labels, groups=groups)
    whole = SkinDataset(DatasetInfo("h", "h"), records, ISIC2018, source=None)
    assert [p.name for p in whole.split()] == ["h[train]", "h[val]", "h[test]"]
    assert [p.name for p in whole.split((0.8, 0.2))] == ["h[train]", "h[test]"]
    few = whole.subset(np.flatnonzero(labels == 5)[:2])
    with pytest.raises(SplitError, match="DF has"):
        few.split()
    with pytest.raises(SplitError, match="2 groups cannot make 3 parts"):
        few.split(allow_missing_classes=True)
    assert [len(p) for p in few.split((0.5, 0.5))] == [1, 1]
    with pytest.warns(LeakageWarning, match=r"exposed to h\[train\]: .* % of h\[val\], .* % of h\[test\]"):
        torn = whole.split(by="image", allow_leakage=True)
    with pytest.raises(LeakageError):
        check_disjoint(*torn)
