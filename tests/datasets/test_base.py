"""Records and the dataset over them: groups that are missing, parts by position and by id, memory of text columns."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch

from skinzoo.datasets import DatasetInfo, Records, SkinDataset
from skinzoo.errors import ConfigError, DataError
from skinzoo.taxonomy import ISIC2018


def dataset(name, ids, groups):
    return SkinDataset(DatasetInfo(name, name), Records.build(ids, groups=groups), ISIC2018, source=None)


@pytest.mark.parametrize(
    "groups",
    [
        ["a", "", "nan", "a", "unknown"],
        ["a", None, float("nan"), "a", "NaN"],
        np.array(["a", None, float("nan"), "a", ""], dtype=object),
        pd.Series(["a", None, float("nan"), "a", pd.NA], dtype=object),
        pd.Series(["a", None, None, "a", pd.NA], dtype="string"),
    ],
)
def test_a_row_without_a_group_is_its_own(groups):
    assert Records.build(list("vwxyz"), groups=groups).groups.tolist() == ["a", "w", "x", "a", "z"]


def test_groups_that_are_numbers():
    assert Records.build(["x", "y"], groups=np.array([7.0, np.nan])).groups.tolist() == ["7.0", "y"]
    assert Records.build(["x", "y"], groups=np.array([7, 0])).groups.tolist() == ["7", "0"]
    assert len(Records.build([], groups=[])) == 0


def test_equal_texts_of_a_column_are_one_object_and_values_stay_as_they_are():
    texts = [" ".join(["left", "arm"]) if i % 2 else None for i in range(6)]
    assert len({id(t) for t in texts if t}) == 3
    column = np.array([*texts, 1, True, 1.0], dtype=object)
    kept = Records.build([str(i) for i in range(9)], metadata={"site": column, "age": np.arange(9.0)}).metadata
    assert kept["site"].tolist() == column.tolist()
    assert [type(v) for v in kept["site"]] == [type(v) for v in column]
    assert len({id(v) for v in kept["site"] if v == "left arm"}) == 1
    assert kept["age"].dtype == np.float64


def test_a_dataset_survives_the_way_to_a_worker():
    whole = dataset("d", list("abcd"), list("wxyz"))
    again = pickle.loads(pickle.dumps(whole))
    assert again.records.ids.tolist() == list("abcd")
    assert again.exposure is None


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
