"""Folds, official parts, and parts by the values of a column: who stands where, and every refusal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo.datasets import DatasetInfo, LeakageWarning, Records, SkinDataset, check_disjoint
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX

INFO = DatasetInfo("d", "d", group="lesion")


def collection(labels, groups, info=INFO, **metadata):
    columns = {name: np.array(column, dtype=object) for name, column in metadata.items()}
    ids = [f"i{k:04d}" for k in range(len(labels))]
    return SkinDataset(info, Records.build(ids, labels=labels, groups=groups, metadata=columns), ISIC2018, source=None)


def ids(part):
    return set(part.records.ids.tolist())


@settings(max_examples=40, deadline=None)
@given(st.integers(2, 6), st.integers(0, 1000), st.booleans(), st.sampled_from([None, 0.25]))
def test_every_image_is_held_out_once_and_no_lesion_is_torn(k, seed, stable, val):
    rng = np.random.default_rng(seed)
    groups = rng.integers(0, 60, 150).astype(str)
    data = collection(np.where(rng.random(150) < 0.1, IGNORE_INDEX, rng.integers(0, 3, 150)), groups)
    folds = data.kfold(k, seed=seed, stable=stable, val=val, allow_missing_classes=True)
    assert len(folds) == k
    held_out = [i for fold in folds for i in fold[-1].records.ids.tolist()]
    assert sorted(held_out) == data.records.ids.tolist()
    for fold in folds:
        assert len(fold) == (2 if val is None else 3)
        check_disjoint(*fold)
        assert sum(map(len, fold)) == len(data)
    order = rng.permutation(150)
    again = data.subset(order).kfold(k, seed=seed, stable=stable, val=val, allow_missing_classes=True)
    assert [[ids(p) for p in fold] for fold in again] == [[ids(p) for p in fold] for fold in folds]


def test_folds_are_named_and_balanced():
    labels = np.repeat([0, 1, 2], [100, 20, 5])
    data = collection(labels, [f"g{k}" for k in range(125)])
    folds = data.kfold(5)
    assert [p.name for p in folds[1]] == ["d[fold 2 of 5, train]", "d[fold 2 of 5, val]"]
    assert [list(v.class_counts().values())[:3] for _, v in folds] == [[20, 4, 1]] * 5
    nested = data.subset(labels < 2).kfold(5, val=0.2)
    assert [p.name.split(", ")[1] for p in nested[0]] == ["train]", "val]", "test]"]
    assert [len(p) for p in nested[0]] == [77, 19, 24]


def test_folds_that_cannot_be_made():
    data = collection([0] * 6 + [1] * 3, list("abcdefggg"))
    with pytest.raises(SplitError, match=r"at least 2 groups .* NV has 1\.") as caught:
        data.kfold(2)
    assert caught.value.code == "SPLIT_TOO_FEW"
    with pytest.raises(SplitError, match="7 groups cannot make 8 parts") as caught:
        data.kfold(8, allow_missing_classes=True)
    assert caught.value.code == "SPLIT_GROUPS"
    for k in (1, 0, 2.0, True, "3", None):
        with pytest.raises(ConfigError, match="number of folds"):
            data.kfold(k)
    for val in (0, 1.0, "a", True):
        with pytest.raises(ConfigError, match="share of the training images"):
            data.kfold(2, val=val)
    with pytest.raises(LeakageError, match="by='image' separates 1 of 7 groups"):
        data.kfold(3, by="image", allow_missing_classes=True)
    with pytest.warns(LeakageWarning):
        folds = data.kfold(3, by="image", allow_leakage=True)
    assert sum(held.exposure.count for _, held in folds) == 3, "each picture of the torn lesion is held out once"


def test_by_is_what_the_groups_stand_for():
    data = collection([0] * 8, list("aabbccdd"))
    for part, same in zip(data.split((0.5, 0.5)), data.split((0.5, 0.5), by="lesion"), strict=True):
        assert ids(part) == ids(same)
    with pytest.raises(
        ConfigError, match=r"by='patient' is unknown: d knows lesions; use 'group' or 'lesion' or 'image'"
    ):
        data.split(by="patient")
    unknown = collection([0] * 8, list("aabbccdd"), DatasetInfo("u", "u"))
    with pytest.raises(ConfigError, match=r"by='lesion' is unknown: u knows no lesions or patients"):
        unknown.kfold(2, by="lesion")


def test_official_parts_come_in_their_order():
    data = collection([0] * 6, list("abcdef"), official_split=["test", "extra", "train", "val", "train", "test"])
    parts = data.official()
    assert list(parts) == ["train", "val", "test", "extra"]
    assert parts["train"].records.ids.tolist() == ["i0002", "i0004"]
    assert parts["test"].name == "d[test]"


def test_official_parts_that_share_a_lesion():
    data = collection([0, 0, 1, 1], list("aabc"), official_split=["train", "test", "test", "train"])
    with pytest.raises(LeakageError, match="share 1 groups"):
        data.official()
    with pytest.warns(LeakageWarning, match=r"50\.0 % of d\[test\]"):
        parts = data.official(allow_leakage=True)
    assert parts["test"].exposure.ids == ("i0001",)
    assert parts["train"].exposure is None


def test_no_official_parts():
    with pytest.raises(SplitError, match=r"d has no official parts here\. Use split or kfold") as caught:
        collection([0], ["a"]).official()
    assert caught.value.code == "SPLIT_OFFICIAL"
    parted = DatasetInfo("p", "p", parts={"train": 5, "test": 2})
    with pytest.raises(SplitError, match=r"part='train' or 'test'"):
        collection([0], ["a"], parted).official()
    with pytest.raises(SplitError, match="none of 2 rows belongs to an official part"):
        collection([0, 0], ["a", "b"], official_split=["", None]).official()
    some = collection([0] * 3, list("abc"), official_split=["train", None, "test"])
    with pytest.raises(SplitError, match=r"missing in 1 of 3 rows; say what to do: missing='drop'\.") as caught:
        some.official()
    assert caught.value.code == "SPLIT_MISSING"
    assert {name: len(p) for name, p in some.official(missing="drop").items()} == {"train": 1, "test": 1}
    with pytest.raises(ConfigError, match="missing='train' is unknown"):
        some.official(missing="train")


SITES = ["face", "back", "arm", "arm", "face", "back", "back", "arm"]
OWNERS = ["p", "p", "q", "r", "s", "t", "u", "v"]  # p has a face and a back


def test_split_by_a_column_moves_whole_lesions_to_the_test_side():
    data = collection([0] * 8, OWNERS, site=SITES)
    train, test = data.split_by("site", test="face")
    assert ids(test) == {"i0000", "i0001", "i0004"}, "the back of p comes along"
    assert ids(train) == {"i0002", "i0003", "i0005", "i0006", "i0007"}
    train, val, test = data.split_by("site", test=["face"], val=["back"])
    assert [p.part for p in (train, val, test)] == ["train", "val", "test"]
    assert ids(val) == {"i0005", "i0006"}
    check_disjoint(train, val, test)
    train, test = data.split_by("site", test={"face"}, torn="drop")
    assert ids(test) == {"i0000", "i0004"}
    assert "i0001" not in ids(train)
    with pytest.raises(LeakageError, match=r"1 lesions of d stand on both sides of site; torn='test' moves"):
        data.split_by("site", test="face", torn="refuse")
    assert len(data.split_by("site", test="arm", torn="refuse")[1]) == 3


def test_split_by_a_column_with_missing_values():
    for absent in (None, float("nan")):
        data = collection([0] * 8, list("abcdefga"), age=[10.0, absent, 50.0, 50.0, 10.0, absent, 50.0, absent])
        with pytest.raises(
            SplitError, match=r"age is missing in 3 of 8 rows; .*missing='drop' or missing='train'"
        ) as e:
            data.split_by("age", test=50)
        assert e.value.code == "SPLIT_MISSING"
        train, test = data.split_by("age", test=[50], missing="train")
        assert (len(train), len(test)) == (5, 3)
        train, test = data.split_by("age", test=10.0, missing="train")
        assert "i0007" in ids(test), "of the lesion of i0000"
        train, test = data.split_by("age", test=[50], missing="drop")
        assert (len(train), len(test)) == (2, 3)


@settings(max_examples=50, deadline=None)
@given(st.integers(0, 10_000), st.sampled_from(["test", "drop"]), st.sampled_from(["drop", "train"]))
def test_split_by_never_tears_a_group(seed, torn, missing):
    rng = np.random.default_rng(seed)
    site = rng.choice(np.array(["a", "b", "c", None], dtype=object), 60)
    groups = [*rng.integers(0, 30, 57).astype(str), "x", "y", "z"]
    data = collection([0] * 60, groups, site=[*site[:57], "a", "b", "c"])
    parts = data.split_by("site", test="a", val="b", torn=torn, missing=missing)
    assert all(map(len, parts))
    check_disjoint(*parts)
    assert len(set.union(*map(ids, parts))) == sum(map(len, parts))
    if torn == "test" and missing == "train":
        assert sum(map(len, parts)) == len(data)
    if torn == "drop":
        assert set(parts[2].records.metadata["site"]) == {"a"}


def test_split_by_refuses():
    data = collection([0] * 8, OWNERS, site=SITES)
    with pytest.raises(ConfigError, match="d has no column 'sight'; did you mean 'site'"):
        data.split_by("sight", test="face")
    with pytest.raises(SplitError, match="site is never 'fce'; did you mean 'face'") as caught:
        data.split_by("site", test=["fce"])
    assert caught.value.code == "SPLIT_VALUE"
    with pytest.raises(ConfigError, match="site 'arm' is asked for in test and in val"):
        data.split_by("site", test=["face", "arm"], val="arm")
    with pytest.raises(ConfigError, match="torn='move' is unknown"):
        data.split_by("site", test="face", torn="move")
    with pytest.raises(SplitError, match="d split by site leaves no image for train") as caught:
        data.split_by("site", test=["face", "arm", "back"])
    assert caught.value.code == "SPLIT_GROUPS"


def test_leaving_out_each_value_in_turn():
    data = collection([0] * 8, OWNERS, site=SITES)
    rounds = list(data.leave_one_out("site"))
    assert [value for value, _, _ in rounds] == ["arm", "back", "face"]
    assert [t.name for _, _, t in rounds] == ["d[site arm]", "d[site back]", "d[site face]"]
    for value, train, test in rounds:
        check_disjoint(train, test)
        assert len(train) + len(test) == 8
        assert value not in train.records.metadata["site"]
    with pytest.raises(SplitError, match="site has 1 values"):
        data.subset([0, 4]).leave_one_out("site")
    with pytest.raises(SplitError, match="missing in 1 of 3 rows"):  # at once, not at the first step
        collection([0] * 3, list("abc"), sex=["m", "f", None]).leave_one_out("sex")
