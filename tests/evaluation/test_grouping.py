"""The expected groups are written down by hand; the columns are those of the collections' adapters."""

import math

import numpy as np
import pytest

from skinzoo.datasets.catalogue import DATASETS
from skinzoo.errors import ConfigError
from skinzoo.evaluation.subgroups.grouping import ATTRIBUTES, find_groupings

NAN = math.nan


def texts(*values):
    return np.array(values, dtype=object)


def one(name, column, **options):
    (grouping,) = find_groupings({name: column}, [name], len(column), **options)[0]
    return grouping


def named(grouping):
    return [grouping.labels[k] if k >= 0 else None for k in grouping.member]


@pytest.mark.parametrize("name", ["age", "age_approx", "age_approximate", " Age "])
def test_ages_fall_into_bands(name):
    column = np.array([0, 29.9, 30, 49.5, 50, 69, 70, 120, NAN])
    expected = ["<30", "<30", "30-49", "30-49", "50-69", "50-69", ">=70", ">=70", None]
    assert named(one(name, column)) == expected
    as_text = texts("0", "29.9", 30, 49.5, "50", "69 ", "70", 120.0, None)
    assert named(one(name, as_text)) == expected


def test_only_bands_with_images_are_groups():
    grouping = one("age", np.array([80, 35, 85.0]))
    assert grouping.labels == ("30-49", ">=70")
    assert grouping.member.tolist() == [1, 0, 1]


def test_impossible_ages_are_not_known_and_said_so():
    grouping = one("age", np.array([45, 850, -1, NAN]))
    assert named(grouping) == ["30-49", None, None, None]
    assert grouping.note == "2 ages that are not in 0..120 count as not known"


def test_ages_that_are_bands_already_stay():
    grouping = one("age", texts("young", "old", "old"))
    assert (grouping.attribute, grouping.labels) == ("age", ("old", "young"))


def test_words_are_compared_without_case_and_blanks_and_ordered_by_number():
    grouping = one("sex", texts("male", "Female", "female ", "FEMALE", None, "", "unknown", "N/A", NAN))
    assert grouping.labels == ("Female", "male")
    assert grouping.member.tolist() == [1, 0, 0, 0, -1, -1, -1, -1, -1]


def test_numbers_and_answers():
    assert one("fitspatrick", np.array([3, 1, NAN, 2, 2.0])).labels == ("1", "2", "3")
    assert one("smoke", texts(True, False, None, False)).labels == ("no", "yes")
    assert one("smoke", np.array([True, False])).labels == ("no", "yes")
    assert one("size", texts(2, "2", 2.0, 10)).labels == ("2", "10")
    assert one("score", np.array([10, 9, 0.5])).labels == ("0.5", "9", "10")


def test_pairs_of_skin_types_are_named():
    grouping = one("skin_tone", texts("56", "12", "34", "12"))
    assert named(grouping) == ["V-VI", "I-II", "III-IV", "I-II"]
    assert one("skin_tone", np.array([1, 2, 6])).labels == ("1", "2", "6")


def test_known_columns_are_found_in_order():
    n = 4
    metadata = {
        "dataset": texts(*"aabb"),
        "sex": texts("f", "m", None, None),
        "hair": np.arange(n),
        "localization": texts(*"wxyz"),
        "age": np.array([NAN] * n),
        "lesion": texts(*"abcd"),
    }
    found, skipped = find_groupings(metadata, None, n)
    assert [(g.column, g.attribute) for g in found] == [
        ("sex", "sex"),
        ("localization", "anatomical site"),
        ("dataset", "source"),
    ]
    assert skipped == {"age": "metadata column 'age' has no value at all; leave it out."}
    assert find_groupings({}, None, 3) == ([], {})


def test_a_column_of_many_values_is_left_out_or_refused():
    metadata = {"site": texts(*(f"place {i}" for i in range(21)))}
    found, skipped = find_groupings(metadata, None, 21)
    assert not found
    assert "'site' has 21 different values, more than 20" in skipped["site"]
    with pytest.raises(ConfigError, match=r"21 different values.*join rare values"):
        find_groupings(metadata, ["site"], 21)
    with pytest.raises(ConfigError, match="cut it into bands"):
        find_groupings({"diameter": np.arange(21.0)}, ["diameter"], 21)
    assert len(one("site", metadata["site"][:20]).labels) == 20


def test_bad_requests():
    metadata = {"sex": texts("f", "m")}
    with pytest.raises(ConfigError, match="columns='sex' is one text"):
        find_groupings(metadata, "sex", 2)
    with pytest.raises(ConfigError, match="no metadata column 'sexx'; did you mean 'sex'"):
        find_groupings(metadata, ["sexx"], 2)
    with pytest.raises(ConfigError, match=r"'sex' has the shape \(2,\) for 3 images"):
        find_groupings(metadata, None, 3)
    with pytest.raises(ConfigError, match="columns by name; got list"):
        find_groupings([1, 2], None, 2)
    with pytest.raises(ConfigError, match="no value at all"):
        find_groupings({"sex": texts(None, "unknown")}, ["sex"], 2)
    assert [g.column for g in find_groupings(metadata, ["sex", "sex"], 2)[0]] == ["sex"]


def test_every_collection_with_such_facts_is_understood():
    known = {column for columns in ATTRIBUTES.values() for column in columns}
    expected = {
        "bcn20000": {"age_approx", "sex", "anatom_site_general"},
        "ddi": {"skin_tone"},
        "derm7pt": {"sex", "location"},
        "fitzpatrick17k": {"fitzpatrick_scale", "source"},
        "ham10000": {"age", "sex", "localization", "dataset", "dx_type"},
        "isic2017_task3": {"age_approximate", "sex"},
        "isic2019": {"age_approx", "sex", "anatom_site_general"},
        "isic2020": {"age_approx", "sex", "anatom_site_general_challenge"},
        "milk10k": {"age_approx", "sex", "site", "skin_tone_class"},
        "pad_ufes_20": {"age", "gender", "region", "fitspatrick"},
        "synthetic": {"skin_tone"},
    }
    for name, columns in expected.items():
        assert columns <= known & set(DATASETS[name].info.metadata), name
