"""Rows that show one picture: which label is right, which copy stays, which groups become one."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skinzoo.datasets import CheckOptions, IntegrityWarning, Records, load_dataset
from skinzoo.datasets.conflicts import decide
from skinzoo.datasets.duplicates import settle_duplicates
from skinzoo.datasets.screening import screen
from skinzoo.errors import IntegrityError

CLASSES = ("MEL", "NV", "SEK", "AK")
MEL, NV, SEK, AK = range(4)


@pytest.mark.parametrize(
    ("labels", "outranks", "right", "reason"),
    [
        ([MEL, SEK], [(MEL, SEK)], MEL, "by the rule that it outranks SEK"),
        ([SEK, SEK, MEL], [(MEL, SEK)], MEL, "by the rule"),
        ([SEK, MEL], [(SEK, MEL), (AK, NV)], SEK, "by the rule"),
        ([MEL, NV, SEK], [(MEL, NV), (MEL, SEK)], MEL, "outranks NV and SEK"),
        ([MEL, NV, SEK], [(MEL, NV), (NV, SEK)], MEL, "by the rule"),
        ([MEL, NV, NV], [], NV, "2 of 3 copies say so"),
        ([MEL, NV, NV, SEK, SEK], [(NV, SEK)], NV, "2 of 3 copies say so"),
        ([MEL, NV], [], None, "neither a rule nor a majority"),
        ([MEL, NV, NV, SEK], [], None, "neither"),
        ([MEL, NV, SEK], [(NV, SEK)], None, "neither"),
        ([MEL, NV], [(MEL, NV), (NV, MEL)], None, "neither"),
    ],
)
def test_a_rule_decides_before_a_majority_and_a_tie_does_not(labels, outranks, right, reason):
    verdict = decide(labels, outranks, CLASSES)
    assert verdict.label == right
    assert reason in verdict.reason


@given(st.lists(st.integers(0, 3), min_size=2, max_size=9).filter(lambda x: len(set(x)) > 1))
def test_without_rules_only_more_than_half_is_a_majority(labels):
    most = [k for k in set(labels) if sum(x == k for x in labels) > len(labels) / 2]
    assert decide(labels, (), CLASSES).label == (most[0] if most else None)


def rows(ids, labels, groups=None):
    return Records.build(ids, labels=labels, groups=groups, images=[f"{k}.png" for k in range(len(ids))])


def settle(records, same=(), **options):
    options = {"duplicates": "drop", "conflicts": "resolve", **options}
    return settle_duplicates(records, same, CLASSES, rows=np.arange(len(records)) + 100, **options)


def test_resolved_copies_become_one_and_the_wrong_ones_say_why():
    settled = settle(rows(["a", "a", "b", "a"], [SEK, MEL, NV, MEL]), outranks=[(MEL, SEK)])
    assert settled.keep.tolist() == [False, True, True, False]
    assert settled.records.labels.tolist() == [MEL, NV]
    found = [(f.code, f.row, f.action) for f in settled.findings]
    assert found == [("DUP_CONFLICT", 100, "quarantined"), ("DUP_ID", 103, "quarantined")]
    assert "a stands under MEL and SEK: 0.png, 1.png, 3.png; MEL is right by the rule" in settled.findings[0].message


def test_resolving_leaves_one_picture_under_two_ids_its_right_label():
    settled = settle(rows(["a", "b"], [SEK, MEL], ["g1", "g2"]), [[0, 1]], outranks=[(MEL, SEK)])
    assert settled.records.ids.tolist() == ["b"]
    assert [f.code for f in settled.findings] == ["DUP_CONFLICT"]


def test_a_row_without_a_label_contradicts_nobody():
    settled = settle(rows(["a", "a", "a"], [-100, MEL, NV]), outranks=[(MEL, NV)])
    assert settled.keep.tolist() == [False, True, False]
    assert sorted(f.code for f in settled.findings) == ["DUP_CONFLICT", "DUP_ID"]
    settled = settle(rows(["a", "a", "a"], [-100, MEL, NV]))
    assert settled.keep.tolist() == [False] * 3


def test_where_nothing_decides_resolve_is_drop_and_says_so():
    records = rows(["a", "a", "b"], [MEL, NV, NV])
    resolved, dropped = settle(records), settle(records, conflicts="drop")
    assert resolved.keep.tolist() == dropped.keep.tolist() == [False, False, True]
    assert all("neither a rule nor a majority" in f.message for f in resolved.findings)


def test_copies_that_do_not_stay_still_join_the_groups_of_others():
    """a of g1 is also in g2: were both not one group, a split could separate a from another picture of its lesion."""
    settled = settle(rows(["a", "a", "b", "c"], [MEL, MEL, MEL, MEL], ["g1", "g2", "g2", "g3"]))
    assert settled.records.ids.tolist() == ["a", "b", "c"]
    assert settled.records.groups.tolist() == ["g1", "g1", "g3"]


@pytest.mark.parametrize("check", ["quick", "full", "none"])
def test_two_files_of_one_folder_under_one_id(tmp_path, write_image, check):
    """Copies are dropped as usual; different pictures are refused, unless one of them is no picture."""
    folder = tmp_path / "nevus"
    write_image(tmp_path / "mole" / "b.png", seed=9)
    write_image(folder / "ISIC_0000001.jpg")
    (folder / "ISIC_0000001.JPG").write_bytes((folder / "ISIC_0000001.jpg").read_bytes())
    with pytest.warns(IntegrityWarning, match="DUP_ID 1"):
        assert len(load_dataset("folder", tmp_path, check=check)) == 2
    write_image(folder / "ISIC_0000001.JPG", seed=1)
    with pytest.raises(IntegrityError, match=r"ID_AMBIGUOUS: .*ISIC_0000001\.JPG and .* differ") as caught:
        load_dataset("folder", tmp_path, check=check)
    assert caught.value.code == "ID_AMBIGUOUS"
    if check != "none":
        (folder / "ISIC_0000001.JPG").write_bytes(b"<html>")
        with pytest.warns(IntegrityWarning, match="IMG_NOT_IMAGE 1"):
            assert len(load_dataset("folder", tmp_path, check=check)) == 2


def test_resolving_through_screen_with_files(tmp_path, write_image):
    for name, seed in {"a": 0, "b": 0, "c": 0, "d": 1, "e": 1, "f": 2}.items():
        write_image(tmp_path / f"{name}.png", seed=seed)
    records = Records.build(list("abcdef"), labels=[NV, NV, MEL, SEK, AK, NV], images=[f"{n}.png" for n in "abcdef"])
    options = CheckOptions(conflicts="resolve")
    usable, findings = screen(tmp_path, records, options, class_names=CLASSES, outranks=[(AK, SEK)])
    assert usable.ids.tolist() == ["a", "b", "e", "f"]
    assert Counter(f.code for f in findings) == {"DUP_CONFLICT": 2, "IDENTICAL_BYTES": 2}


@pytest.mark.real_data
def test_the_contradictions_of_the_nine_classes_are_resolved_by_rule(real_isic9):
    with pytest.warns(IntegrityWarning, match="2202 of 2359 rows are usable"):
        data = load_dataset("isic9", real_isic9, conflicts="resolve")
    wrong = data.integrity.of("DUP_CONFLICT")
    assert len(data) == 2_047 + 155
    assert len(wrong) == 155
    assert Counter(f.path.split("/")[1] for f in wrong) == {"nevus": 77, "seborrheic keratosis": 78}
    with pytest.warns(IntegrityWarning, match="2047 of 2359"):
        assert len(load_dataset("folder", real_isic9, conflicts="resolve")) == 2_047
