"""Derm7pt on fabricated copies of its tree: two views, names in another case, positional parts."""

import pytest

from skinzoo.datasets import check_disjoint, dataset_info, load_dataset
from skinzoo.datasets.adapters.derm7pt import DIAGNOSES
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import (
    ConfigError,
    DataError,
    DatasetNotFoundError,
    IntegrityError,
    LabelError,
    LeakageError,
    TableError,
)
from skinzoo.taxonomy import DERM7PT

HEADER = (
    "case_num,diagnosis,seven_point_score,pigment_network,streaks,pigmentation,regression_structures,"
    "dots_and_globules,blue_whitish_veil,vascular_structures,level_of_diagnostic_difficulty,elevation,location,sex,"
    "management,clinic,derm,case_id,notes"
)
ROWS = [
    "1,basal cell carcinoma,0,absent,absent,absent,absent,absent,absent,arborizing,medium,nodular,abdomen,female,"
    "excision,NEL/NEL025.jpg,NEL/Nel026.jpg,,",
    "2,clark nevus,1,typical,absent,absent,absent,irregular,absent,absent,low,flat,back,male,excision,NEL/NEL027.jpg,"
    "NEL/Nel028.jpg,A 1,",
    "4,melanoma (less than 0.76 mm),5,atypical,irregular,absent,blue areas,regular,present,absent,high,palpable,back,"
    "female,excision,FAL/Fal001.jpg,FAL/Fal002.jpg,,",
    "7,vascular lesion,,absent,absent,absent,absent,absent,absent,absent,low,flat,back,male,no further examination,"
    "FAL/Fal003.jpg,FAL/Fal004.jpg,,",
]
PARTS = {"train": [2, 0], "valid": [1], "test": [3]}
# the published table's 20 diagnoses with their number of cases
COUNTED = {
    "clark nevus": 399,
    "melanoma (less than 0.76 mm)": 102,
    "reed or spitz nevus": 79,
    "melanoma (in situ)": 64,
    "melanoma (0.76 to 1.5 mm)": 53,
    "seborrheic keratosis": 45,
    "basal cell carcinoma": 42,
    "dermal nevus": 33,
    "vascular lesion": 29,
    "blue nevus": 28,
    "melanoma (more than 1.5 mm)": 28,
    "lentigo": 24,
    "dermatofibroma": 20,
    "congenital nevus": 17,
    "melanosis": 16,
    "combined nevus": 13,
    "miscellaneous": 8,
    "recurrent nevus": 6,
    "melanoma metastasis": 4,
    "melanoma": 1,
}


@pytest.fixture
def tree(tmp_path, write_image):
    root = tmp_path / "release_v0"
    (root / "meta").mkdir(parents=True)
    (root / "meta" / "meta.csv").write_text("\n".join([HEADER, *ROWS]) + "\n")
    for name, rows in PARTS.items():
        (root / "meta" / f"{name}_indexes.csv").write_text("\n".join(["indexes", *map(str, rows)]) + "\n")
    for k, row in enumerate(ROWS):
        clinic, derm = row.split(",")[15:17]
        write_image(root / "images" / clinic, seed=2 * k, height=30)
        write_image(root / "images" / derm.replace("Nel", "nel").replace("FAL/", "Fal/"), seed=2 * k + 1)
    return root


@pytest.mark.parametrize("above", [False, True])
def test_dermoscopic_view(tree, above):
    data = load_dataset("derm7pt", tree.parent if above else tree, strict=True)
    assert data.label_space is DERM7PT
    assert data.info.modality == "dermoscopic"
    assert data.integrity.findings == ()
    assert data.records.ids.tolist() == data.records.groups.tolist() == ["1", "2", "4", "7"]
    assert data.table["label"].tolist() == ["BCC", "NEV", "MEL", "MISC"]
    assert data.table["official_split"].tolist() == ["train", "val", "train", "test"]
    assert data[0].image.shape == (24, 32, 3)
    assert data[2].metadata["diagnosis"] == "melanoma (less than 0.76 mm)"
    assert [s.metadata["seven_point_score"] for s in data] == [0, 1, 5, None]
    info = dataset_info("derm7pt")
    assert set(data.records.metadata) == set(info.metadata)
    assert {"diagnosis", "management"}.isdisjoint(info.inputs)


def test_clinical_view_shows_the_same_cases(tree):
    clinical = load_dataset("derm7pt", tree, view="clinical", strict=True)
    assert clinical.info.modality == "clinical"
    assert {s.image.shape for s in clinical} == {(30, 32, 3)}
    with pytest.raises(LeakageError, match="share 4 ids"):
        check_disjoint(load_dataset("derm7pt", tree), clinical)
    with pytest.raises(ConfigError, match="view='both'"):
        load_dataset("derm7pt", tree, view="both")


def test_parts_are_positions_in_the_table(tree):
    parts = {name: load_dataset("derm7pt", tree, part=name, strict=True) for name in ("train", "val", "test")}
    assert {name: part.records.ids.tolist() for name, part in parts.items()} == {
        "train": ["1", "4"],
        "val": ["2"],
        "test": ["7"],
    }
    assert parts["val"].name == "derm7pt[val]"
    with pytest.raises(ConfigError, match="part='valid'"):
        load_dataset("derm7pt", tree, part="valid")
    (tree / "meta" / "test_indexes.csv").unlink()
    assert load_dataset("derm7pt", tree)[3].metadata["official_split"] is None
    with pytest.raises(DatasetNotFoundError, match=r"part='test', but no meta/test_indexes.csv"):
        load_dataset("derm7pt", tree, part="test")


@pytest.mark.parametrize(
    ("position", "message"),
    [("4", "is no row of 0 to 3"), ("-1", "is no row"), ("1.0", "is no row"), ("2", "stands in train as well")],
)
def test_positions_that_do_not_fit(tree, position, message):
    (tree / "meta" / "valid_indexes.csv").write_text(f"indexes\n{position}\n")
    with pytest.raises(TableError, match=f"valid_indexes.csv, line 2: position '{position}' {message}"):
        load_dataset("derm7pt", tree)


def test_missing_additional_and_ambiguous_files(tree, write_image):
    (tree / "images" / "NEL" / "nel026.jpg").unlink()
    write_image(tree / "images" / "NEL" / "other.jpg", seed=99)
    with pytest.warns(IntegrityWarning, match=r"3 of 4 rows are usable \(EXTRA_FILE 1, FILE_MISSING 1\)"):
        load_dataset("derm7pt", tree)
    with pytest.warns(IntegrityWarning, match=r"1 of 1 rows are usable \(EXTRA_FILE 1\)"):
        load_dataset("derm7pt", tree, part="val")
    write_image(tree / "images" / "NEL" / "NEL028.jpg", seed=98)
    with pytest.raises(IntegrityError, match=r"ID_AMBIGUOUS: images/NEL/NEL028.jpg and images/NEL/nel028.jpg"):
        load_dataset("derm7pt", tree)


@pytest.mark.parametrize("path", ["../secret.jpg", "/etc/secret.jpg", "NEL\\\\Nel028.jpg", "C:/secret.jpg"])
def test_paths_out_of_the_folder_are_refused(tree, path):
    table = tree / "meta" / "meta.csv"
    table.write_text(table.read_text().replace("NEL/Nel028.jpg", path))
    with pytest.raises(DataError, match="paths may not leave it"):
        load_dataset("derm7pt", tree)


def test_all_published_diagnoses_are_merged_as_declared(tree):
    info = dataset_info("derm7pt")
    counts = dict.fromkeys(DERM7PT, 0)
    for diagnosis, n in COUNTED.items():
        counts[DERM7PT.classes[DIAGNOSES.index(diagnosis)]] += n
    assert counts == info.class_counts
    assert sum(counts.values()) == info.num_images == sum(info.parts.values()) == 1_011
    table = tree / "meta" / "meta.csv"
    table.write_text(table.read_text().replace("clark nevus", "clark naevus"))
    with pytest.raises(LabelError, match="line 3: label 'clark naevus'"):
        load_dataset("derm7pt", tree)


def test_what_is_absent(tree):
    (tree / "images").rename(tree / "pictures")
    with pytest.raises(DatasetNotFoundError, match="no folder images/"):
        load_dataset("derm7pt", tree)
    (tree / "meta" / "meta.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no meta/meta.csv"):
        load_dataset("derm7pt", tree)
