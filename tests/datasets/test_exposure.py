"""The leakage meter against counting by hand, what its figures mean in words, and how they follow a part around."""

import json

import numpy as np
import pytest

import skinzoo
from skinzoo.datasets import DatasetInfo, LeakageWarning, Records, SkinDataset, leakage_meter
from skinzoo.errors import ConfigError
from skinzoo.taxonomy import ISIC2018
from skinzoo.types import IGNORE_INDEX

HAM = DatasetInfo("ham", "ham", group="lesion", namespace="isic")
MEL, NV = ISIC2018.index("MEL"), ISIC2018.index("NV")


def part(info, ids, groups, labels=None, name=""):
    records = Records.build(ids, groups=groups, labels=[MEL] * len(ids) if labels is None else labels)
    return SkinDataset(info, records, ISIC2018, source=None, part=name)


def test_counts_lesions_of_each_class():
    train = part(HAM, ["a", "b", "c"], ["1", "2", "3"], name="train")
    test = part(HAM, list("vwxyz"), ["1", "9", "3", "3", ""], [MEL, MEL, NV, IGNORE_INDEX, NV], name="test")
    e = leakage_meter(train, test)
    assert e.ids == ("v", "x", "y")
    assert (e.count, e.num_images, e.share) == (3, 5, 0.6)
    assert e.per_class["MEL"] == (1, 2)
    assert e.per_class["NV"] == (1, 2)
    assert e.per_class["BCC"] == (0, 0)
    assert e.reasons == {"same lesion": 3}
    assert e.sentence() == "60.0 % of these images show a lesion of the training part"
    lines = str(e).splitlines()
    assert lines[0] == "ham[test]: 3 of 5 images (60.0%) are exposed to ham[train]"
    assert lines[2].split() == ["MEL", "1", "2", "50.0%"]
    assert lines[-1] == "same lesion: 3"
    assert not any(line.startswith("BCC") for line in lines)
    written = json.loads(json.dumps(e.to_dict()))
    assert written["per_class"]["MEL"] == [1, 2]
    assert (written["share"], written["count"], written["reasons"]) == (0.6, 3, {"same lesion": 3})


def test_pictures_are_recognised_between_collections():
    challenge = DatasetInfo("isic2019", "c", group="lesion", namespace="isic")
    train = part(challenge, ["ISIC_1_downsampled", "ISIC_2.jpg", "ISIC_3"], ["L1", "", "L3"])
    test = part(HAM, ["ISIC_1", "ISIC_2", "ISIC_4", "ISIC_5"], ["L9", "", "L3", "L5"])
    e = leakage_meter(train, test)
    assert e.why == {"ISIC_1": ("same picture",), "ISIC_2": ("same picture",), "ISIC_4": ("same lesion",)}
    assert e.groups_compared
    assert e.sentence() == "75.0 % of these images show a lesion or picture of the training part"


def test_groups_of_unrelated_collections_mean_nothing_to_one_another():
    elsewhere = part(DatasetInfo("clinic", "c", group="patient"), ["x", "y"], ["1", "2"])
    e = leakage_meter(elsewhere, part(HAM, ["a", "y"], ["1", "2"]))
    assert e.why == {"y": ("same picture",)}
    assert not e.groups_compared
    assert "name them independently" in str(e)


def test_numbered_copies_within_one_collection_are_two_pictures():
    own = DatasetInfo("folder", "f")
    assert leakage_meter(part(own, ["mole (1)"], [""]), part(own, ["mole (2)"], [""])).count == 0
    assert leakage_meter(part(own, ["a"], ["g"]), part(own, ["b"], ["g"])).reasons == {"same picture": 1}


def test_near_duplicates_are_added():
    train, test = part(HAM, ["a"], ["1"]), part(HAM, ["b", "c", "d"], ["1", "2", "3"], name="test")
    e = leakage_meter(train, test, also=(i for i in ("b", "c")))
    assert e.reasons == {"same lesion": 1, "near duplicate": 2}
    assert e.share == pytest.approx(2 / 3)
    with pytest.raises(ConfigError, match=r"1 of 2 ids are not in ham\[test\] \(such as 'a'\)"):
        leakage_meter(train, test, also=["a", "b"])
    with pytest.raises(ConfigError, match="is one text"):
        leakage_meter(train, test, also="b")


def test_nothing_and_nobody_exposed():
    e = leakage_meter(part(HAM, ["a"], ["1"]), part(HAM, ["b"], ["2"]))
    assert (e.share, e.reasons) == (0, {})
    assert e.sentence() == "none of these images shows a lesion or picture of the training part"
    assert leakage_meter(part(HAM, ["a"], ["1"]), part(HAM, [], [])).share == 0


def test_a_leaky_split_warns_and_its_exposure_follows_the_part():
    n = 300
    whole = part(HAM, [f"i{k}" for k in range(n)], [f"g{k // 2}" for k in range(n)], np.arange(n) // 2 % 2)
    with pytest.warns(LeakageWarning, match=r"exposed to ham\[train\]: .*print\(part\.exposure\)") as caught:
        train, val, test = whole.split(by="image", allow_leakage=True)
    assert caught[0].filename == __file__
    assert train.exposure is None
    for other in (val, test):
        expected = np.isin(other.records.groups, train.records.groups)
        assert other.exposure.ids == tuple(other.records.ids[expected])
        assert 0.5 < other.exposure.share < 0.9
    clean = test.subset(~np.isin(test.records.ids, test.exposure.ids), part="clean")
    assert (clean.exposure.share, clean.exposure.test, len(clean)) == (0, "ham[clean]", len(test) - test.exposure.count)
    some = test.select(test.exposure.ids[:3])
    assert (some.exposure.share, some.exposure.num_images) == (1, 3)
    assert sum(total for _, total in some.exposure.per_class.values()) == 3
    grouped = whole.split(allow_leakage=True)
    assert [p.exposure.count for p in grouped[1:]] == [0, 0]
    assert whole.split()[2].exposure is None


@pytest.mark.real_data
def test_a_random_split_of_ham10000_exposes_a_third(real_ham10000):
    ham = skinzoo.load_dataset("ham10000", real_ham10000, check="none")
    for seed in range(40, 45):
        with pytest.warns(LeakageWarning):
            _, _, test = ham.split(seed=seed, by="image", allow_leakage=True)
        assert 0.33 < test.exposure.share < 0.37
        exposed, total = test.exposure.per_class["MEL"]
        assert 0.55 < exposed / total < 0.66
        train, _, test = ham.split(seed=seed)
        assert skinzoo.leakage_meter(train, test).count == 0


def test_a_combined_set_is_compared_collection_by_collection(fake_ham10000, fake_isic9, tmp_path):
    """What is combined with something of another namespace is still known to be of its own."""
    lesions = fake_ham10000("ham")
    ham = skinzoo.load_dataset("ham10000", lesions, masks=False)
    other = skinzoo.load_dataset("synthetic", num_images=14, size=32)
    rows = np.arange(len(ham))
    torn = ham.records.groups
    train = skinzoo.concat(ham.subset(rows[:21]), other)
    test = ham.subset(rows[21:])
    expected = int(np.isin(torn[21:], torn[:21]).sum())
    assert expected == 7
    assert leakage_meter(train, test).count == expected
    assert leakage_meter(test, train).count == int(np.isin(torn[:21], torn[21:]).sum())
    assert leakage_meter(skinzoo.concat(other, ham.subset(rows[7:21])), test).count == 0
