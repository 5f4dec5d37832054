"""Alignment and concatenation of datasets; the oracle is a plain count over the rows that the test itself wrote."""

import pickle
from collections import defaultdict
from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skinzoo import concat, load_dataset
from skinzoo.datasets import DatasetInfo, IntegrityWarning, Records, SkinDataset, check_disjoint
from skinzoo.datasets.exposure import LeakageWarning
from skinzoo.datasets.filesource import FileSource
from skinzoo.datasets.integrity import Finding, IntegrityReport
from skinzoo.errors import ConfigError, UnknownNameError
from skinzoo.taxonomy import BINARY, ISIC9, ISIC2018, ISIC2019, LabelSpace
from skinzoo.types import IGNORE_INDEX


@dataclass(frozen=True)
class Numbers:
    """Pictures of one colour: the collection's number and the key's."""

    number: int

    def read(self, image, mask, id):
        picture = np.full((4, 5, 3), 10 * self.number + int(image), dtype=np.uint8)
        return picture, np.full((4, 5), int(mask), dtype=np.uint8) if mask else None


def collection(name, rows, *, space=ISIC2018, namespace="isic", number=0, group="lesion", **metadata):
    """A dataset of rows (id, code or None, group, mask key); row i is read by the key `i`."""
    ids, codes, groups, masks = zip(*rows, strict=True) if rows else ((), (), (), ())
    records = Records.build(
        ids,
        labels=[IGNORE_INDEX if c is None else space.classes.index(c) for c in codes],
        groups=groups,
        images=[str(i) for i in range(len(rows))],
        masks=masks,
        metadata={k: np.asarray(v) for k, v in metadata.items()},
    )
    info = DatasetInfo(
        name, name.upper(), namespace=namespace, group=group, licence=f"{name}'s", metadata=tuple(metadata)
    )
    return SkinDataset(info, records, space, Numbers(number))


def labels_of(data):
    codes = {IGNORE_INDEX: None, **dict(enumerate(data.label_space))}
    return {str(i): codes[k] for i, k in zip(data.records.ids, data.records.labels.tolist(), strict=True)}


def groups_of(data):
    return dict(zip(data.records.ids.tolist(), data.records.groups.tolist(), strict=True))


def accounted(data, *parts):
    """The report holds every row: those of the parts, and what had been set aside before."""
    before = sum(p.integrity.num_quarantined for p in parts)
    assert data.integrity.num_rows == sum(map(len, parts)) + before
    return data.integrity.num_ok == len(data)


HAM = [("ISIC_1", "MEL", "HAM_1", "1"), ("ISIC_2", "AKIEC", "HAM_2", "0"), ("ISIC_3", "NV", "HAM_3", "")]
NINE = [
    ("ISIC_2_downsampled", "SCC", "", ""),
    ("ISIC_4", "SCC", "", ""),
    ("ISIC_5", "PBK", "HAM_3", ""),
    ("ISIC_1", "MEL", "", ""),
]


@pytest.fixture
def ham():
    return collection("ham", HAM, age=np.array([5.0, np.nan, 70.0]), site=np.array(["a", None, "b"], dtype=object))


@pytest.fixture
def nine():
    return collection("nine", NINE, space=ISIC9, number=1, part=["train"] * 4, age=np.array([1, 2, 3, 4]))


def test_labels_become_those_of_the_target_and_what_it_lacks_is_reported(nine):
    with pytest.warns(IntegrityWarning, match=r"nine: 4 of 4 rows are usable \(LABEL_UNMATCHED 2\)"):
        data = nine.align("isic2018")
    assert data.label_space is ISIC2018
    assert labels_of(data) == {"ISIC_2_downsampled": None, "ISIC_4": None, "ISIC_5": "BKL", "ISIC_1": "MEL"}
    (finding,) = data.integrity.of("LABEL_UNMATCHED")
    assert (finding.count, finding.action) == (2, "kept")
    assert "2 of SCC are used without a label: covers intraepithelial" in finding.message
    assert labels_of(nine)["ISIC_4"] == "SCC"
    assert np.array_equal(data[1].image, nine[1].image)
    assert accounted(data, nine)


def test_alignment_takes_overrides_and_leaves_unlabelled_rows_alone(nine):
    data = nine.align(ISIC2018, overrides={"SCC": "AKIEC"})
    assert labels_of(data)["ISIC_4"] == "AKIEC"
    none = collection("none", [("a", None, "", "")]).align(BINARY)
    assert labels_of(none) == {"a": None}
    assert not none.integrity.findings


@pytest.mark.parametrize(("target", "error"), [("isic2081", UnknownNameError), (7, ConfigError), (None, ConfigError)])
def test_a_target_that_is_no_label_space_is_refused(ham, target, error):
    with pytest.raises(error):
        ham.align(target)


def test_each_shared_picture_is_used_once_and_binds_its_group(ham, nine):
    with pytest.warns(IntegrityWarning, match=r"ham\+nine: 5 of 7 rows are usable \(LABEL_UNMATCHED 1\)"):
        data = concat(ham, nine)
    assert labels_of(data) == {"ISIC_1": "MEL", "ISIC_2": "AKIEC", "ISIC_3": "NV", "ISIC_4": None, "ISIC_5": "BKL"}
    assert groups_of(data) == {
        "ISIC_1": "HAM_1",
        "ISIC_2": "HAM_2",
        "ISIC_3": "HAM_3",
        "ISIC_4": "ISIC_4",
        "ISIC_5": "HAM_3",
    }
    dropped = {f.path: f.message for f in data.integrity.of("DUP_ID")}
    assert dropped == {"nine:0": "the same picture as ham:1", "nine:3": "the same picture as ham:0"}
    assert accounted(data, ham, nine)


@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
def test_pixels_come_from_the_right_collection_also_after_a_journey_to_a_worker(ham, nine):
    data = concat(ham, nine)
    source = pickle.loads(pickle.dumps(data.source))
    data = SkinDataset(data.info, data.records, data.label_space, source)
    seen = {s.id: (int(s.image[0, 0, 0]), s.mask is not None and int(s.mask[0, 0])) for s in data}
    assert seen == {
        "ISIC_1": (0, 1),
        "ISIC_2": (1, 0),
        "ISIC_3": (2, False),
        "ISIC_4": (11, False),
        "ISIC_5": (12, False),
    }
    assert len(pickle.dumps(source)) < 1000


@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
def test_metadata_is_that_of_all_and_says_where_a_row_comes_from(ham, nine):
    data = concat(ham, nine)
    columns = {name: [s.metadata[name] for s in data] for name in data.records.metadata}
    assert columns == {
        "age": [5.0, None, 70.0, 2.0, 3.0],
        "site": ["a", None, "b", None, None],
        "part": [None, None, None, "train", "train"],
        "collection": ["ham"] * 3 + ["nine"] * 2,
    }
    assert data.records.metadata["age"].dtype == np.float64
    info = data.info
    assert (info.name, info.title, info.namespace, info.group) == ("ham+nine", "HAM + NINE", "isic", "lesion")
    assert info.licence == "ham: ham's; nine: nine's"
    assert "collection" in info.metadata
    assert "collection" not in info.inputs


def test_a_column_of_numbers_here_and_texts_there_keeps_its_missing_values():
    a = collection("a", [("x", "MEL", "", ""), ("y", "MEL", "", "")], size=np.array([1.5, np.nan]))
    b = collection("b", [("z", "MEL", "", "")], size=np.array(["large"], dtype=object))
    assert concat(a, b).records.metadata["size"].tolist() == [1.5, None, "large"]


def test_kept_copies_stay_in_one_group(ham, nine):
    with pytest.warns(IntegrityWarning, match="LABEL_UNMATCHED 1"):
        data = concat(ham, nine, duplicates="keep")
    assert labels_of(data)["ISIC_2_downsampled"] == "AKIEC"  # SCC has no counterpart, but the other copy's label has
    assert labels_of(data)["nine/ISIC_1"] == "MEL"
    groups = groups_of(data)
    assert groups["nine/ISIC_1"] == groups["ISIC_1"]
    assert groups["ISIC_2_downsampled"] == groups["ISIC_2"]
    assert {f.action for f in data.integrity.of("DUP_ID")} == {"kept"}
    assert accounted(data, ham, nine)


def test_labels_that_contradict_each_other_are_withheld():
    a = collection("a", [("X", "AKIEC", "", ""), ("Y", "AKIEC", "", ""), ("Z", None, "", "")])
    b = collection("b", [("X", "NV", "", ""), ("Y", "AK", "", ""), ("Z", "MEL", "", "")], space=ISIC9)
    with pytest.warns(IntegrityWarning, match=r"3 of 6 rows are usable \(DUP_CONFLICT 1\)"):
        data = concat(a, b)
    assert labels_of(data) == {"X": None, "Y": "AKIEC", "Z": "MEL"}
    (finding,) = data.integrity.of("DUP_CONFLICT")
    assert finding.message == "one picture is called AKIEC (a:0) and NV (b:0); it is used without a label"
    with pytest.warns(IntegrityWarning, match="DUP_CONFLICT 2"):
        kept = concat(a, b, duplicates="keep")
    assert labels_of(kept)["X"] is labels_of(kept)["b/X"] is None


def test_a_contradiction_counts_even_where_the_target_does_not_know_one_of_the_labels():
    a = collection("a", [("X", "BKL", "", "")])
    b = collection("b", [("X", "SCC", "", "")], space=ISIC9)
    with pytest.warns(IntegrityWarning, match="DUP_CONFLICT 1"):
        assert labels_of(concat(a, b)) == {"X": None}
    with pytest.warns(IntegrityWarning, match=r"\(DUP_CONFLICT 1\)"):  # the one reason for the missing label
        concat(b, a, label_space=ISIC2018)


def test_collections_that_judge_actinic_keratosis_differently_contradict_each_other_as_benign_or_malignant():
    pad = LabelSpace("pad", ("ACK", "MEL"), covers={"ACK": {"actinic keratosis"}}, malignant=frozenset({"MEL"}))
    a = collection("a", [("X", "AK", "", ""), ("Y", "MEL", "", "")], space=ISIC2019)
    b = collection("b", [("X", "ACK", "", ""), ("Z", "ACK", "", "")], space=pad)
    assert labels_of(concat(a, b))["X"] == "AK"
    with pytest.warns(IntegrityWarning, match="DUP_CONFLICT 1"):
        data = concat(a, b, label_space="binary")
    assert labels_of(data) == {"X": None, "Y": "malignant", "Z": "benign"}


def test_the_copy_with_a_mask_is_used_and_takes_the_label_of_the_other():
    labelled = collection("labelled", [("X", "MEL", "L1", ""), ("Y", "NV", "L1", "")])
    masked = collection("masked", [("X", None, "", "1")], number=2)
    data = concat(labelled, masked)
    assert labels_of(data) == {"Y": "NV", "X": "MEL"}
    assert len(set(groups_of(data).values())) == 1
    assert data[1].mask is not None
    assert int(data[1].image[0, 0, 0]) == 20


def test_ids_and_groups_of_unrelated_collections_are_never_mixed_up():
    a = collection("a", [("1", "MEL", "17", ""), ("2", "NV", "17", "")], namespace="")
    b = collection("b", [("1", "NV", "17", ""), ("1 (2)", "MEL", "18", "")], namespace="", number=1, group="patient")
    data = concat(a, b)
    assert groups_of(data) == {"1": "17", "2": "17", "b/1": "b/17", "1 (2)": "18"}
    assert data.info.group == "patient"
    assert not data.integrity.findings


def test_parts_of_one_collection_are_one_collection_and_its_findings_count_once():
    whole = collection("own", [(f"i{k}", "MEL", "", "") for k in range(6)], namespace="")
    report = IntegrityReport(
        "own", 9, [Finding.of("IMG_EMPTY", f"bad{k}", f"bad{k}.jpg", "", "quarantined") for k in range(3)]
    )
    whole = SkinDataset(whole.info, whole.records, whole.label_space, whole.source, integrity=report)
    first, second = whole.subset(range(4), part="train"), whole.subset(range(2, 6), part="val")
    data = concat(first, second)
    assert data.records.ids.tolist() == [f"i{k}" for k in range(6)]
    assert (data.integrity.num_rows, data.integrity.num_ok) == (8 + 3, 6)
    assert data.integrity.of("IMG_EMPTY")[0].path == "own:bad0.jpg"
    assert (data.info.name, data.part) == ("own", "")
    assert concat(first, first.subset([0])).part == "train"


def test_two_folders_of_one_name_are_two_collections_and_the_same_folder_twice_is_one(tmp_path):
    rows = [("1", "MEL", "", "")]
    a, b, again = (collection("folder", rows, namespace="") for _ in range(3))
    a.source, b.source, again.source = (
        FileSource(tmp_path / "a"),
        FileSource(tmp_path / "b"),
        FileSource(tmp_path / "a"),
    )
    data = concat(a, b, again)
    assert data.records.ids.tolist() == ["1", "folder#2/1"]
    assert data.info.name == "folder+folder#2"
    assert data.source.path("1:x.jpg") == str(tmp_path / "b" / "x.jpg")


@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
def test_a_combined_dataset_is_taken_apart_when_it_is_combined_again(ham, nine):
    other = collection("other", [("1", "MEL", "HAM_3", ""), ("ISIC_1", "NV", "5", "")], namespace="", number=3)
    at_once, stepwise = concat(other, ham, nine), concat(concat(other, ham), nine)
    assert groups_of(stepwise) == groups_of(at_once) == groups_of(concat(at_once))
    assert groups_of(at_once)["ham/ISIC_1"] == "HAM_1"
    assert groups_of(at_once)["ISIC_5"] == groups_of(at_once)["ISIC_3"] == "ham/HAM_3"
    assert labels_of(stepwise) == labels_of(at_once)
    assert stepwise.info.name == "other+ham+nine"
    assert [int(s.image[0, 0, 0]) for s in stepwise] == [int(s.image[0, 0, 0]) for s in at_once]
    assert stepwise.table["collection"].tolist() == at_once.table["collection"].tolist()


def test_empty_parts_are_no_trouble(ham):
    data = concat(ham.subset([]), ham)
    assert len(data) == 3
    assert len(concat(ham.subset([]), collection("none", [], namespace=""))) == 0
    assert len(concat(data.subset([]), ham)) == 3


@pytest.mark.parametrize("bad", [(), ("ham10000",), ([],)])
def test_what_is_no_dataset_is_refused(bad):
    with pytest.raises(ConfigError, match="give one SkinDataset or more"):
        concat(*bad)


def test_unknown_values_and_a_column_of_that_name_are_refused(ham):
    with pytest.raises(ConfigError, match="'drop' or 'keep'"):
        concat(ham, duplicates="first")
    with pytest.raises(UnknownNameError):
        concat(ham, label_space="isic2081")
    with pytest.raises(ConfigError, match="column 'collection'"):
        concat(collection("own", [("a", "MEL", "", "")], collection=["x"]))


def test_what_a_part_exposes_is_still_known():
    whole = collection("own", [(f"i{k}", ("MEL", "NV")[k % 2], f"g{k // 2 % 4}", "") for k in range(40)])
    with pytest.warns(LeakageWarning):
        _, test = whole.split((0.5, 0.5), by="image", allow_leakage=True)
    assert test.exposure.count > 0
    for data in (test.align(BINARY), concat(test, collection("b", [("z", "MEL", "", "")]))):
        assert data.exposure.why == test.exposure.why
    assert set(test.align(BINARY).exposure.per_class) == set(BINARY)


@st.composite
def several(draw):
    """Two or three collections whose ids and groups overlap at random."""
    parts = []
    for k in range(draw(st.integers(2, 3))):
        n = draw(st.integers(1, 25))
        rng = np.random.default_rng(draw(st.integers(0, 9999)))
        ids = rng.permutation(30)[:n]
        rows = [(f"I{i}", str(rng.choice(ISIC2018.classes)), str(rng.choice(["", "g1", "g2", "g3"])), "") for i in ids]
        parts.append(collection(f"c{k}", rows, namespace=draw(st.sampled_from(["", "x", "x"])), number=k))
    return parts


@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
@settings(max_examples=60, deadline=None)
@given(several(), st.sampled_from(["drop", "keep"]))
def test_no_split_separates_what_belongs_together(parts, duplicates):
    data = concat(*parts, duplicates=duplicates)
    assert accounted(data, *parts)
    assert len(set(data.records.ids.tolist())) == len(data)
    original = {f"{k}:{i}": p.records.ids[i] for k, p in enumerate(parts) for i in range(len(p))}
    assert set(data.records.images.tolist()) <= set(original)
    together = defaultdict(set)  # everything that names one picture or one lesion, with the group it got
    for image, group in zip(data.records.images.tolist(), data.records.groups.tolist(), strict=True):
        k = int(image[0])
        scope = parts[k].info.namespace or k
        row = parts[k].records.images.tolist().index(image[2:])
        together[scope, "picture", original[image]].add(group)
        together[scope, "group", parts[k].records.groups[row]].add(group)
    assert all(len(groups) == 1 for groups in together.values())
    scopes = defaultdict(set)
    for (scope, _, _), groups in together.items():
        scopes[next(iter(groups))].add(scope)
    assert all(len(s) == 1 for s in scopes.values())
    if duplicates == "drop":
        pictures = [key for key in together if key[1] == "picture"]
        assert len(pictures) == len(data)


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
def test_the_real_ham10000_and_nine_classes(real_ham10000, real_isic9):
    ham = load_dataset("ham10000", real_ham10000, check="none")
    nine = load_dataset("isic9", real_isic9)
    data = concat(ham, nine)
    shared = set(ham.records.ids.tolist()) & set(nine.records.ids.tolist())
    assert len(shared) == 1200
    assert len(data) == len(ham) + len(nine) - len(shared)
    assert accounted(data, ham, nine)
    # the one picture that lies in nevus only but is an actinic keratosis or Bowen's disease in HAM10000
    assert [f.id for f in data.integrity.of("DUP_CONFLICT") if f.action == "kept"] == ["ISIC_0028619"]
    parts = data.split(seed=1)
    check_disjoint(*parts)
    lesion = dict(zip(ham.records.ids.tolist(), ham.records.groups.tolist(), strict=True))
    sides = [{lesion[i] for i in p.records.ids.tolist() if i in lesion} for p in parts]
    assert sum(map(len, sides)) == len(set.union(*sides))


@pytest.mark.real_data
@pytest.mark.filterwarnings("ignore::skinzoo.datasets.IntegrityWarning")
def test_pbk_is_bkl_on_the_pictures_that_both_collections_have(real_ham10000, real_isic9):
    ham = labels_of(load_dataset("ham10000", real_ham10000, check="none"))
    nine = labels_of(load_dataset("isic9", real_isic9))
    pairs = [(code, ham[name]) for name, code in nine.items() if name in ham]
    assert {code: {b for a, b in pairs if a == code} for code, _ in pairs} == {
        "AK": {"AKIEC"},
        "SCC": {"AKIEC"},
        "BCC": {"BCC"},
        "DF": {"DF"},
        "VASC": {"VASC"},
        "PBK": {"BKL"},
        "NV": {"AKIEC"},
    }
    assert sum(a == "PBK" for a, _ in pairs) == 427
