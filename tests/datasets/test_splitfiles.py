"""Split files: the way there and back, what other tools read, and every kind of damage."""

import hashlib

import numpy as np
import pandas as pd
import pytest

from skinzoo.datasets import (
    DatasetInfo,
    LeakageWarning,
    Records,
    SkinDataset,
    SplitWarning,
    load_split,
    save_split,
)
from skinzoo.errors import ConfigError, LeakageError, SplitError
from skinzoo.taxonomy import ISIC2018


def collection(ids, groups=None, name="ham"):
    records = Records.build(ids, labels=[k % 2 for k in range(len(ids))], groups=groups)
    return SkinDataset(DatasetInfo(name, name, group="lesion"), records, ISIC2018, source=None)


@pytest.fixture
def data():
    return collection([f"ISIC_{k:04d}" for k in range(80)], [f"L{k % 20}" for k in range(80)])


@pytest.fixture
def saved(data, tmp_path):
    train, val, test = data.split()
    return save_split(tmp_path / "new" / "split.csv", train=train, val=val, test=test)


def test_there_and_back(data, saved):
    loaded = load_split(saved, data)
    assert list(loaded) == ["train", "val", "test"]
    for part, same in zip(data.split(), loaded.values(), strict=True):
        assert same.records.ids.tolist() == part.records.ids.tolist()
        assert same.name == part.name
    shuffled = data.subset(np.random.default_rng(0).permutation(80))
    parts = dict(zip(("test", "val", "train"), reversed(shuffled.split()), strict=True))
    again = save_split(saved.with_name("again.csv"), **parts)
    assert again.read_bytes() == saved.read_bytes(), "the same split is the same file"


def test_what_stands_in_the_file(data, saved):
    first, body = saved.read_bytes().split(b"\n", 1)
    assert first == b"# skinzoo split of ham, sha256 " + hashlib.sha256(body).hexdigest().encode()
    table = pd.read_csv(saved, comment="#")
    assert list(table.columns) == ["id", "part"]
    assert table["id"].tolist() == data.records.ids.tolist()
    assert table["part"].value_counts().to_dict() == {p.part: len(p) for p in data.split()}


def test_ids_of_every_kind(tmp_path):
    ids = ["X#2", "X", "a,b", 'say "x"', " blank ", "=1+1", "-3", "Größe", "two\nlines", "it's"]
    data = collection(ids)
    halves = data.subset(range(5)), data.subset(range(5, 10))
    path = save_split(tmp_path / "s.csv", first=halves[0], second=halves[1])
    loaded = load_split(path, data)
    assert [p.records.ids.tolist() for p in loaded.values()] == [ids[:5], ids[5:]]
    assert sorted(pd.read_csv(path, comment="#")["id"]) == sorted(ids)


def test_line_ends_and_byte_order_mark_of_another_system(data, saved):
    saved.write_bytes(b"\xef\xbb\xbf" + saved.read_bytes().replace(b"\n", b"\r\n"))
    assert len(load_split(saved, data)["train"]) == len(data.split()[0])


@pytest.mark.parametrize(
    "damage",
    [
        lambda text: text[:-20],
        lambda text: text.replace(",test\n", ",train\n", 1),
        lambda text: text + "ISIC_9999,test\n",
        lambda text: text.replace("sha256 ", "sha256 " + "0" * 64 + " ", 1),
    ],
)
def test_a_changed_file_is_refused(data, saved, damage):
    saved.write_text(damage(saved.read_text()))
    with pytest.raises(SplitError, match="was changed or cut since it was written") as caught:
        load_split(saved, data)
    assert caught.value.code == "SPLIT_DAMAGED"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is no split"),
        ("id,part\n", "is no split"),
        ("image,part\nISIC_0001,train\n", "is no split"),
        ("id,part\nISIC_0001\n", "is no split"),
        ("id,part\nISIC_0001,\n", "is no split"),
        ("id,part\nISIC_0001,a\nISIC_0001,b\n", "'ISIC_0001' stands twice"),
        ('id,part\n"ISIC_0001,a\n', "no readable table"),
    ],
)
def test_what_is_no_split(data, tmp_path, text, message):
    path = tmp_path / "x.csv"
    path.write_text(text)
    with pytest.warns(SplitWarning, match="no checksum"), pytest.raises(SplitError, match=message) as caught:
        load_split(path, data)
    assert caught.value.code == "SPLIT_FILE"


def test_files_that_cannot_be_read(data, tmp_path):
    with pytest.raises(SplitError, match=r"none\.csv does not exist"):
        load_split(tmp_path / "none.csv", data)
    (tmp_path / "b.csv").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(SplitError, match="cannot be read as UTF-8"):
        load_split(tmp_path / "b.csv", data)
    with pytest.raises(SplitError, match="cannot be read"):
        load_split(tmp_path, data)


def test_a_file_without_a_checksum_is_used_with_a_warning(data, tmp_path):
    path = tmp_path / "plain.csv"
    path.write_text(
        "\n".join(["id,part", *(f"{i},{'b' if k % 20 < 3 else 'a'}" for k, i in enumerate(data.records.ids))])
    )
    with pytest.warns(SplitWarning, match="no checksum"):
        parts = load_split(path, data)
    assert {name: len(p) for name, p in parts.items()} == {"a": 68, "b": 12}


def test_ids_that_the_dataset_does_not_have(data, saved):
    fewer = data.subset(range(3, 80))
    with pytest.raises(SplitError, match=r"a split of ham, names 3 of 80 images that ham does not have") as caught:
        load_split(saved, fewer)
    assert caught.value.code == "SPLIT_ABSENT"
    with pytest.warns(SplitWarning, match="names 3 of 80 images"):
        parts = load_split(saved, fewer, allow_absent=True)
    assert sum(map(len, parts.values())) == 77
    only_test = load_split(saved, data)["test"]
    with (
        pytest.warns(SplitWarning),
        pytest.raises(SplitError, match=r"none of the images of train is in ham\[test\]"),
    ):
        load_split(saved, only_test, allow_absent=True)


def test_rows_in_no_part_are_counted(data, saved):
    train, _, test = data.split()
    save_split(saved, train=train, test=test)
    with pytest.warns(SplitWarning, match=rf"{80 - len(train) - len(test)} of 80 rows of ham are in no part"):
        assert list(load_split(saved, data)) == ["train", "test"]


def test_a_lesion_on_two_sides(data, tmp_path):
    with pytest.warns(LeakageWarning):
        train, test = data.split((0.5, 0.5), by="image", allow_leakage=True)
    path = save_split(tmp_path / "s.csv", train=train, test=test)
    with pytest.raises(LeakageError, match="groups"):
        load_split(path, data)
    with pytest.warns(LeakageWarning):
        assert load_split(path, data, allow_leakage=True)["test"].exposure.share == test.exposure.share


def test_parts_that_cannot_be_saved(data, tmp_path):
    train, _, test = data.split()
    with pytest.raises(LeakageError, match=rf"{len(test)} images stand in two parts"):
        save_split(tmp_path / "s.csv", train=train, val=test, test=test)
    with pytest.raises(SplitError, match="test is empty"):
        save_split(tmp_path / "s.csv", train=train, test=data.subset([]))
    with pytest.raises(ConfigError, match="needs the parts by name"):
        save_split(tmp_path / "s.csv")
    with pytest.raises(ConfigError, match="is no dataset"):
        save_split(tmp_path / "s.csv", train=["ISIC_0001"])
    with pytest.raises(ConfigError, match="no name for a part"):
        save_split(tmp_path / "s.csv", **{"a,b": train})
    assert not (tmp_path / "s.csv").exists()
