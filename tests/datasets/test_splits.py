"""Splits: properties on random collections (hypothesis), the class balance of HAM10000's shape, and every refusal."""

import os
import subprocess
import sys

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo.datasets.base import DatasetInfo, Records, SkinDataset
from skinzoo.datasets.splits import check_disjoint, split_indices
from skinzoo.errors import ConfigError, DataError, LeakageError, SplitError
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
    parts = split_indices(ids, labels, groups, fractions, seed=seed, allow_missing_classes=True)
    assert len(parts) == len(fractions)
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
    with pytest.raises(SplitError, match=r"at least 3 groups to stand in each of 3 parts: MEL has 1, NV has 2\."):
        split_indices(ids, labels, groups, FRACTIONS, class_names=("BCC", "MEL", "NV"))
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
    assert sum(len(p) for p in few.split(allow_missing_classes=True)) == 2
    torn = whole.split(by="image", allow_leakage=True)
    with pytest.raises(LeakageError):
        check_disjoint(*torn)


def test_subset_by_position_and_by_mask():
    whole = dataset("d", list("abcd"), list("wxyz"))
    mask = [False, True, False, True]
    for rows in (mask, np.array(mask), [1, 3], (i for i in (1, 3)), np.array([1, 3], np.uint8), torch.tensor(mask)):
        assert whole.subset(rows).records.ids.tolist() == ["b", "d"]
    assert whole.subset([3, 1]).records.ids.tolist() == ["d", "b"]
    for nothing in ([], range(0), [False] * 4):
        assert len(whole.subset(nothing)) == 0


@pytest.mark.parametrize(
    ("rows", "message"),
    [
        ([True, False], r"a boolean mask of shape \(2,\) for 4 samples; its length must be 4"),
        ([0, 4], "position 4 is out of range for 4 samples"),
        ([-1], "position -1 is out of range"),
        ([0, 1, 1, 1], r"2 positions are repeated \(such as 1\)"),
        ([0.0, 1.0], "whole numbers; got float64"),
        (["a"], "whole numbers"),
        ([[0, 1]], r"of shape \(1, 2\)"),
    ],
)
def test_subset_refuses(rows, message):
    with pytest.raises(ConfigError, match=message):
        dataset("d", list("abcd"), list("wxyz")).subset(rows)


def test_select_finds_a_part_again_by_its_ids():
    whole = dataset("d", [f"i{k}" for k in range(40)], [f"g{k // 2}" for k in range(40)])
    test = whole.split((0.5, 0.5))[1]
    again = whole.select(test.records.ids[::-1], part="test")
    assert again.name == "d[test]"
    assert again.records.ids.tolist() == test.records.ids.tolist()[::-1]
    assert again.records.groups.tolist() == test.records.groups.tolist()[::-1]
    assert len(whole.select([])) == 0
    with pytest.raises(
        DataError, match=r"4 of 5 ids are not among the 40 of d \(such as 'w', 'x', 'y'\)\. Open the same"
    ):
        whole.select(["i1", "w", "x", "y", "z"])
    with pytest.raises(ConfigError, match="'i1' is asked for 2 times"):
        whole.select(["i1", "i2", "i1"])
    with pytest.raises(ConfigError, match="give a list of ids"):
        whole.select("i1")
