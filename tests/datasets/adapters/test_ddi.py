"""DDI on fabricated copies of its tree."""

import pytest

from skinzoo.datasets import dataset_info, load_dataset
from skinzoo.datasets.integrity import IntegrityWarning
from skinzoo.errors import DatasetNotFoundError, LabelError
from skinzoo.taxonomy import BINARY

TABLE = """\
,DDI_ID,DDI_file,skin_tone,malignant,disease
0,1,000001.png,56,True,melanoma-in-situ
1,2,000002.png,12,False,melanocytic-nevi
2,3,000003.png,34,False,acne-cystic
"""


@pytest.fixture(params=["", "images", "ddidiversedermatologyimages"])
def tree(request, tmp_path, write_image):
    folder = tmp_path / request.param
    for k in range(3):
        write_image(folder / f"{k + 1:06d}.png", seed=k)
    (folder / "ddi_metadata.csv" if request.param.startswith("ddi") else tmp_path / "ddi_metadata.csv").write_text(
        TABLE
    )
    return tmp_path


def test_ddi(tree):
    data = load_dataset("ddi", tree, strict=True)
    assert data.name == "ddi[test]"
    assert data.label_space is BINARY
    assert data.integrity.findings == ()
    assert data.records.ids.tolist() == ["000001", "000002", "000003"]
    assert data.table["label"].tolist() == ["malignant", "benign", "benign"]
    assert data[0].metadata == {"skin_tone": "56", "disease": "melanoma-in-situ"}
    info = dataset_info("ddi")
    assert info.inputs == ("skin_tone",)
    assert sum(info.class_counts.values()) == info.num_images == info.parts["test"]


def test_wrong_trees(tree):
    table = next(tree.rglob("ddi_metadata.csv"))
    table.write_text(TABLE.replace("False,acne", "perhaps,acne"))
    with pytest.raises(LabelError, match="line 4: label 'perhaps'"):
        load_dataset("ddi", tree)
    table.write_text(TABLE + "3,4,000004.png,12,1,x\n")
    with pytest.warns(IntegrityWarning, match=r"3 of 4 rows are usable \(FILE_MISSING 1\)"):
        load_dataset("ddi", tree)
    table.unlink()
    with pytest.raises(DatasetNotFoundError, match=r"(?s)no ddi_metadata.csv.*register with Stanford"):
        load_dataset("ddi", tree)
