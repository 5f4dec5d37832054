"""PAD-UFES-20 on fabricated copies of its tree."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError, LabelError, TableError
from skinzoo.taxonomy import PAD_UFES_20

HEADER = (
    "patient_id,lesion_id,smoke,drink,background_father,background_mother,age,pesticide,gender,skin_cancer_history,"
    "cancer_history,has_piped_water,has_sewage_system,fitspatrick,region,diameter_1,diameter_2,diagnostic,itch,grew,"
    "hurt,changed,bleed,elevation,img_id,biopsed"
)
ROWS = """\
PAT_46,881,False,False,POMERANIA,POMERANIA,55,False,FEMALE,True,True,True,True,3.0,NECK,6.0,5.0,BCC,True,True,False,\
UNK,True,True,PAT_46_881_939.png,True
PAT_46,882,False,False,POMERANIA,POMERANIA,55,False,FEMALE,True,True,True,True,3.0,FACE,,,ACK,True,UNK,False,False,\
False,False,PAT_46_882_1.png,False
PAT_1516,1765,,,,,8,,,,,,,,ARM,,,NEV,False,False,False,False,False,False,PAT_1516_1765_530.png,False
"""
IDS = ("PAT_46_881_939", "PAT_46_882_1", "PAT_1516_1765_530")


@pytest.fixture
def tree(tmp_path, write_image):
    def make(*folders):
        (tmp_path / "metadata.csv").write_text(f"{HEADER}\n{ROWS}")
        for k, name in enumerate(IDS):
            write_image(tmp_path / folders[k % len(folders)] / f"{name}.png", seed=k)
        return tmp_path

    return make


@pytest.mark.parametrize(
    "folders",
    [
        ("images/imgs_part_1/imgs_part_1", "images/imgs_part_2/imgs_part_2", "images/imgs_part_3/imgs_part_3"),
        ("imgs_part_1", "imgs_part_3"),
        ("images",),
    ],
)
def test_layouts(tree, folders):
    data = load_dataset("pad_ufes_20", tree(*folders), strict=True)
    assert data.label_space is PAD_UFES_20
    assert data.records.ids.tolist() == list(IDS)
    assert data.table["label"].tolist() == ["BCC", "ACK", "NEV"]
    assert data.records.groups.tolist() == ["PAT_46", "PAT_46", "PAT_1516"]
    assert data.integrity.findings == ()


def test_metadata(tree):
    data = load_dataset("pad_ufes_20", tree("images"))
    info = dataset_info("pad_ufes_20")
    assert set(data.records.metadata) == set(info.metadata)
    assert "biopsed" not in info.inputs
    first, second, third = (sample.metadata for sample in data)
    assert (first["changed"], first["smoke"], first["biopsed"]) == (None, False, True)
    assert (first["age"], first["fitspatrick"], first["diameter_2"]) == (55.0, 3.0, 5.0)
    assert (second["grew"], second["diameter_1"], second["gender"]) == (None, None, "FEMALE")
    assert {third[k] for k in ("smoke", "gender", "background_father", "fitspatrick")} == {None}


def test_odd_cells_are_reported(tree):
    root = tree("images")
    path = root / "metadata.csv"
    path.write_text(
        path.read_text().replace(",3.0,NECK", ",7,NECK").replace("UNK,True,True,PAT", "maybe,True,True,PAT")
    )
    with pytest.warns(IntegrityWarning, match=r"3 of 3 rows are usable \(META_VALUE 2\)"):
        data = load_dataset("pad_ufes_20", root)
    assert {f.message for f in data.integrity.findings} == {
        "line 2: fitspatrick '7' is not in 1..6",
        "line 2: changed 'maybe' is neither True, False nor UNK",
    }


def test_what_is_absent_or_wrong(tree):
    root = tree("images")
    path = root / "metadata.csv"
    good = path.read_text()
    path.write_text(good.replace(",NEV,", ",BOD,"))
    with pytest.raises(LabelError, match="line 4: label 'BOD'"):
        load_dataset("pad_ufes_20", root)
    path.write_text(good.replace("img_id", "image"))
    with pytest.raises(TableError, match="wanted the columns patient_id, diagnostic, img_id"):
        load_dataset("pad_ufes_20", root)
    (root / "images").rename(root / "pictures")
    with pytest.raises(DatasetNotFoundError, match=r"(?s)no folder images/ or imgs_part_1/.*unpack the three"):
        load_dataset("pad_ufes_20", root)
    path.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"no metadata\.csv"):
        load_dataset("pad_ufes_20", root)
