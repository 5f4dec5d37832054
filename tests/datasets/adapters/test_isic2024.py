"""ISIC 2024 on fabricated copies of Kaggle's tree, with and without HDF5, and of the challenge site's."""

import sys

import h5py
import numpy as np
import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.adapters import isic2024
from skinzoo.datasets.hdf5 import HDF5Source
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import (
    ConfigError,
    DatasetNotFoundError,
    IntegrityError,
    LabelError,
    MissingDependencyError,
    TableError,
)

IDS = [f"ISIC_{15670 + k:07d}" for k in range(6)]
HEADER = (
    "isic_id,target,patient_id,age_approx,sex,anatom_site_general,clin_size_long_diam_mm,image_type,tbp_tile_type,"
    "tbp_lv_A,tbp_lv_location_simple,attribution,copyright_license,lesion_id,iddx_full,tbp_lv_dnn_lesion_confidence"
)
LABELS = [0, 0, 0, 0, 0, 1]


def metadata(header=HEADER, drop=(), **changes):
    """A table of six rows; `changes` are cells of the first row."""
    rows = []
    for k, name in enumerate(IDS):
        row = {
            "isic_id": name,
            "target": LABELS[k],
            "patient_id": f"IP_{k // 2:07d}",
            "age_approx": "" if k == 1 else 55.0,
            "sex": "" if k == 1 else "male",
            "anatom_site_general": "head/neck",
            "clin_size_long_diam_mm": 3.04 + k,
            "image_type": "TBP tile: close-up",
            "tbp_tile_type": "3D: white",
            "tbp_lv_A": 20.244422,
            "tbp_lv_location_simple": "Head & Neck",
            "attribution": '"Hospital Clínic, Barcelona"',
            "copyright_license": "CC-BY",
            "lesion_id": "IL_6727506" if LABELS[k] else "",
            "iddx_full": "Malignant::Melanoma" if LABELS[k] else "Benign",
            "tbp_lv_dnn_lesion_confidence": 97.5,
        }
        rows.append(row | (changes if k == 0 else {}))
    columns = [c for c in header.split(",") if c not in drop]
    return "\n".join([",".join(columns), *(",".join(str(row[c]) for c in columns) for row in rows)]) + "\n"


@pytest.fixture
def kaggle(tmp_path, write_image):
    """`kaggle(ids, table=..., hdf5=True, part="train")` writes pictures and a table and returns the root."""

    def write(ids=IDS, *, table=None, hdf5=True, part="train"):
        (tmp_path / f"{part}-metadata.csv").write_text(metadata() if table is None else table)
        paths = [
            write_image(tmp_path / ("spare" if hdf5 else f"{part}-image/image") / f"{name}.jpg", seed=int(name[5:]))
            for name in ids
        ]
        if hdf5:
            with h5py.File(tmp_path / f"{part}-image.hdf5", "w") as file:
                for path in paths:
                    file.create_dataset(path.stem, data=np.void(path.read_bytes()))
        return tmp_path

    return write


@pytest.mark.parametrize("hdf5", [True, False])
@pytest.mark.parametrize("check", ["none", "quick", "full"])
def test_kaggles_forms_are_one_dataset(kaggle, hdf5, check):
    data = load_dataset("isic2024", kaggle(hdf5=hdf5), check=check, cache=False, strict=True)
    assert isinstance(data.source, HDF5Source) is hdf5
    assert data.records.ids.tolist() == IDS
    assert data.records.labels.tolist() == LABELS
    assert data.class_counts() == {"benign": 5, "malignant": 1}
    assert data.records.groups.tolist() == [f"IP_{k // 2:07d}" for k in range(6)]
    assert data.integrity.findings == ()
    assert data[0].metadata == {
        "age_approx": 55.0,
        "sex": "male",
        "anatom_site_general": "head/neck",
        "clin_size_long_diam_mm": 3.04,
        "tbp_tile_type": "3D: white",
        "tbp_lv_location_simple": "Head & Neck",
    }
    assert (data[1].metadata["age_approx"], data[1].metadata["sex"]) == (None, None)
    assert data[3].image.shape == (24, 32, 3)
    train, test = data.split((0.5, 0.5), allow_missing_classes=True)
    assert not set(train.records.groups) & set(test.records.groups)


def test_pictures_are_the_same_in_both_forms(kaggle):
    root = kaggle(hdf5=True)
    (root / "spare").rename(root / "train-image")  # without the inner folder
    by_form = [load_dataset("isic2024", root, images=form) for form in ("hdf5", "folder", "auto")]
    assert [type(d.source).__name__ for d in by_form] == ["HDF5Source", "FileSource", "HDF5Source"]
    for a, b in zip(by_form[0], by_form[1], strict=True):
        assert np.array_equal(a.image, b.image)
        assert a.label == b.label


def test_metadata_is_chosen(kaggle):
    root = kaggle()
    everything = load_dataset("isic2024", root, metadata="all").records.metadata
    assert set(everything) == set(HEADER.split(",")) - {"isic_id", "target", "patient_id"}
    assert everything["attribution"][0] == "Hospital Clínic, Barcelona"
    assert everything["tbp_lv_A"].dtype == np.float64
    assert everything["iddx_full"].tolist() == ["Benign"] * 5 + ["Malignant::Melanoma"]
    assert set(load_dataset("isic2024", root, metadata=["tbp_lv_A"]).records.metadata) == {"tbp_lv_A"}
    assert load_dataset("isic2024", root, metadata=[]).records.metadata == {}


def test_facts():
    info = dataset_info("isic2024")
    assert len(info.metadata) == 52  # 55 columns but for isic_id, target and patient_id
    assert sum(info.class_counts.values()) == info.parts["train"]
    assert not set(isic2024.BASIC) & set(info.leaky)
    assert {"lesion_id", "iddx_full", "iddx_5", "mel_thick_mm", "tbp_lv_dnn_lesion_confidence"} <= set(info.leaky)
    assert info.modality == "tile"


@pytest.mark.parametrize("hdf5", [True, False])
def test_the_test_part_has_no_labels(kaggle, hdf5):
    table = metadata(drop=("target", "lesion_id", "iddx_full", "tbp_lv_dnn_lesion_confidence"))
    data = load_dataset("isic2024", kaggle(table=table, hdf5=hdf5, part="test"), part="test", metadata="all")
    assert not data.has_labels
    assert data.name == "isic2024[test]"
    assert "lesion_id" not in data.records.metadata
    assert len(data) == 6


def test_the_challenge_sites_tables_are_joined(tmp_path, write_image):
    folder = tmp_path / "ISIC_2024_Training_Input"
    for name in IDS:
        write_image(folder / f"{name}.jpg", seed=int(name[5:]))
    (folder / "metadata.csv").write_text(metadata(drop=("target", "lesion_id", "iddx_full")))
    truth = [f"{name},{label}.0" for name, label in zip(IDS, LABELS, strict=True)]
    (tmp_path / "ISIC_2024_Training_GroundTruth.csv").write_text("\n".join(["isic_id,malignant", *reversed(truth)]))
    supplement = [f"{name},Benign,IL_{k}" for k, name in enumerate(IDS[:5])]
    (tmp_path / "ISIC_2024_Training_Supplement.csv").write_text("\n".join(["isic_id,iddx_full,lesion_id", *supplement]))
    data = load_dataset("isic2024", tmp_path, metadata="all", strict=True)
    assert data.records.labels.tolist() == LABELS
    assert data.records.metadata["iddx_full"].tolist() == ["Benign"] * 5 + [None]
    assert data.records.metadata["age_approx"][0] == 55
    assert data.integrity.findings == ()
    (tmp_path / "ISIC_2024_Training_GroundTruth.csv").unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no ISIC_2024_Training_GroundTruth.csv"):
        load_dataset("isic2024", tmp_path)


def spoil(root):
    """Replace the pictures: three damaged ones, two alike, one missing, one without a row."""
    with h5py.File(root / "train-image.hdf5", "r+") as file:
        pictures = {name: file[name][()].tobytes() for name in IDS}
        for name in IDS:
            del file[name]
        for name, data in {
            IDS[0]: pictures[IDS[0]],
            IDS[1]: pictures[IDS[0]],
            IDS[2]: pictures[IDS[2]][:-30],
            IDS[3]: b"<html>",
            "ISIC_9999999": pictures[IDS[5]],
        }.items():
            file.create_dataset(name, data=np.void(data))
        file[IDS[4]] = h5py.ExternalLink("elsewhere.hdf5", "x")
    return root


@pytest.mark.parametrize("check", ["quick", "full"])
def test_every_bad_picture_in_an_hdf5_file_is_reported(kaggle, check):
    with pytest.warns(IntegrityWarning):
        data = load_dataset("isic2024", spoil(kaggle()), check=check)
    found = [(f.code, f.id, f.row, f.action) for f in data.integrity.findings if f.code != "IDENTICAL_BYTES"]
    assert sorted(found) == [
        ("EXTRA_FILE", "", None, "kept"),
        ("FILE_MISSING", IDS[5], 5, "quarantined"),
        ("IMG_NOT_IMAGE", IDS[3], 3, "quarantined"),
        ("IMG_TRUNCATED", IDS[2], 2, "quarantined"),
        ("PATH_ESCAPE", IDS[4], 4, "quarantined"),
    ]
    assert [f.id for f in data.integrity.of("IDENTICAL_BYTES")] == IDS[:2]
    assert data.records.ids.tolist() == IDS[:2]
    assert data.integrity.num_ok == len(data) == 2
    assert len(set(data.records.groups)) == 1


def test_check_none_looks_at_names_only(kaggle):
    with pytest.warns(IntegrityWarning):
        data = load_dataset("isic2024", spoil(kaggle()), check="none")
    assert data.records.ids.tolist() == IDS[:4]
    assert data.integrity.num_ok == 4


def test_conflicts_and_duplicates_in_hdf5(kaggle):
    table = metadata() + metadata().splitlines()[1] + "\n" + metadata().splitlines()[2].replace(",0,", ",1,", 1) + "\n"
    with pytest.warns(IntegrityWarning):
        data = load_dataset("isic2024", kaggle(table=table), check="none")
    assert data.integrity.counts() == {"DUP_CONFLICT": 2, "DUP_ID": 1}
    assert data.records.ids.tolist() == [IDS[0], *IDS[2:]]
    with pytest.raises(IntegrityError, match="DUP_ID"):
        load_dataset("isic2024", kaggle(table=table), strict=True)


def test_what_is_missing_is_said(kaggle, tmp_path):
    with pytest.raises(DatasetNotFoundError, match=r"no train-image.hdf5 and no folder train-image"):
        load_dataset("isic2024", tmp_path)
    root = kaggle()
    with pytest.raises(DatasetNotFoundError, match=r"no test-image.hdf5"):
        load_dataset("isic2024", root, part="test", images="hdf5")
    (root / "train-metadata.csv").rename(root / "other.csv")
    with pytest.raises(DatasetNotFoundError, match=r"no train-metadata.csv"):
        load_dataset("isic2024", root)
    with h5py.File(kaggle() / "train-image.hdf5", "w"):
        pass
    with pytest.raises(DatasetNotFoundError, match=r"train-image.hdf5 has none of the 6 pictures .*ISIC_0015670"):
        load_dataset("isic2024", root)


def test_options_are_checked(kaggle):
    root = kaggle()
    for options, message in (
        ({"part": "val"}, "part='val'"),
        ({"images": "zip"}, "images='zip'"),
        ({"metadata": "some"}, "metadata='some'"),
        ({"metadata": ["age"]}, "no metadata column 'age'"),
    ):
        with pytest.raises(ConfigError, match=message):
            load_dataset("isic2024", root, **options)


def test_tables_that_are_not_the_collections(kaggle):
    with pytest.raises(LabelError, match="label '2'"):
        load_dataset("isic2024", kaggle(table=metadata(target="2")))
    with pytest.raises(TableError, match="no id of the ISIC archive"):
        load_dataset("isic2024", kaggle(table=metadata(isic_id="15670")))
    with pytest.raises(TableError, match="wanted the columns isic_id, patient_id, target"):
        load_dataset("isic2024", kaggle(table=metadata(drop=("target",))))


def test_values_out_of_range_are_missing(kaggle):
    with pytest.warns(IntegrityWarning, match="META_VALUE 1"):
        data = load_dataset("isic2024", kaggle(table=metadata(age_approx="200")))
    assert data[0].metadata["age_approx"] is None


def test_the_library_is_needed_for_hdf5_only(kaggle, monkeypatch):
    root = kaggle()
    monkeypatch.setitem(sys.modules, "h5py", None)
    with pytest.raises(MissingDependencyError):
        load_dataset("isic2024", root)
    (root / "spare").rename(root / "train-image")
    assert len(load_dataset("isic2024", root, images="folder")) == 6
